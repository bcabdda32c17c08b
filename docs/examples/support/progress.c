/*
 * progress.c - see progress.h.
 */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "sheaf.h"

#define FIRST_NS 2000000000u
#define PERIOD_NS 200000000u

void progress_start(struct progress *progress)
{
	*progress = (struct progress){.wanted = isatty(STDERR_FILENO), .next_ns = sheaf_now_ns() + FIRST_NS};
}

void progress_show(struct progress *progress, const char *what, uint64_t done, uint64_t total)
{
	uint64_t now;

	if (!progress->wanted)
		return;
	now = sheaf_now_ns();
	if (now < progress->next_ns)
		return;
	progress->next_ns = now + PERIOD_NS;
	progress->visible = true;
	fprintf(stderr, "\r%s: %" PRIu64 " of %" PRIu64 "\033[K", what, done, total);
}

void progress_end(struct progress *progress)
{
	if (progress->visible)
		fputs("\r\033[K", stderr);
	progress->visible = false;
}
