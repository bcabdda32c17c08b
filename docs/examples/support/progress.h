/*
 * progress.h - one line on stderr that shows the progress of long work, only on a terminal and only
 * after two seconds.
 */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted; /* stderr is a terminal */
	bool visible;
	uint64_t next_ns; /* when the line may be written again */
};

void progress_start(struct progress *progress);

/* Write the line again, at most five times a second. */
void progress_show(struct progress *progress, const char *what, uint64_t done, uint64_t total);

/* Remove the line. */
void progress_end(struct progress *progress);

#endif
