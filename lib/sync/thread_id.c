/*
 * thread_id.c - gives threads numbers. A forked child goes on with those of its parent, but has
 * another pid.
 */
#include "sync/thread_id.h"

#include <unistd.h>

uint64_t thread_id_token(void)
{
	static _Atomic uint32_t last;
	static _Thread_local uint32_t own;

	/* Relaxed: only that numbers differ counts. Zero is no number. */
	while (!own)
		own = fetch_add_relaxed(&last, 1) + 1;
	return (uint64_t)getpid() << 32 | own;
}
