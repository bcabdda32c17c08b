/*
 * gate.c - sleeps at a word, and wakes whoever sleeps there.
 *
 * Writers           See gate.h.
 * Deaths            See gate.h.
 */
#include "sync/gate.h"

#include "os/futex.h"
#include "os/robust.h"
#include "sheaf.h"

#include <errno.h>

#define SLEEPS 1u

int gate_wait(struct gate *gate, uint32_t seen, uint64_t deadline_ns)
{
	uint64_t now;
	int r;

	if (!deadline_ns)
		return -EAGAIN;
	now = sheaf_now_ns();
	if (now >= deadline_ns)
		return -ETIMEDOUT;
	/* Relaxed: the caller looks again, by gate_look(), before it believes anything. */
	if (!(seen & SLEEPS) && !cas_relaxed(&gate->word, &seen, seen | SLEEPS))
		return 0;
	r = os_wait_word(&gate->word, seen | SLEEPS, deadline_ns - now < OS_LOOK_NS ? deadline_ns - now : OS_LOOK_NS);
	return r == -EINTR ? r : 0;
}

void gate_tell(struct gate *gate)
{
	uint32_t word = load_relaxed(&gate->word);

	/* Releases to gate_look(). The sum clears the bit and counts. */
	while (!cas_weak_release(&gate->word, &word, (word | SLEEPS) + 1))
		;
	if (word & SLEEPS)
		os_wake_word(&gate->word);
}
