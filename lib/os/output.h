/*
 * output.h - what stdio has taken from a process and not written: lost when the process is killed, and written twice when a forked copy
 * of it flushes.
 *
 * For a worker: output_drop() once after the fork, then output_begin(); from then on what is pending was printed by tasks.
 */
#ifndef SHEAF_OS_OUTPUT_H
#define SHEAF_OS_OUTPUT_H

#include <stdbool.h>

/* Private, for output_pending(): two pointers that differ while stdout holds something. */
extern __attribute__((visibility("hidden"))) const char *const *output_mark;

/*
 * May something be pending that tasks have printed? A look at two words, for the hot path. Never before output_begin(). Streams of their
 * own that tasks leave open count from the next output_look() on. Where libc does not tell, always after output_begin().
 */
static inline bool output_pending(void)
{
	return output_mark[0] != output_mark[1];
}

/* Write out what is pending if tasks have left streams open, which are looked after from now on. */
void output_look(void);

/*
 * Forget what the parent had printed and not written, in every stream. For a child with one thread. @files_closed: descriptors above 2 were
 * closed, so that what cannot be forgotten cannot be written either, and stdin is at its end, so what was read ahead of it is forgotten.
 */
void output_drop(bool files_closed);

/* Watch stdout, stderr, and all streams that are opened from now on. */
void output_begin(void);

/*
 * Write out what is pending in stdout, stderr and, where libc tells which streams there are, all others. A stream that another thread holds
 * is passed over. @last: also the other streams where libc does not tell.
 */
void output_flush(bool last);

/* The same, as well as it can be done in the handler of a fault: what is pending is written as it lies there. */
void output_rescue(void);

#endif
