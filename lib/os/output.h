/*
 * output.h - what stdio has taken from a process and not written. It is lost when the process is
 * killed, and written twice when a forked copy of the process flushes.
 *
 * A worker calls output_drop() once after the fork, then output_begin(). From then on, what is
 * pending was printed by tasks.
 */
#ifndef SHEAF_OS_OUTPUT_H
#define SHEAF_OS_OUTPUT_H

#include <stdbool.h>

/* Two pointers that differ while stdout holds something. Private, for output_pending(). */
extern __attribute__((visibility("hidden"))) const char *const *output_mark;

/*
 * Tell whether something may be pending that tasks have printed. Reads two words, for the hot path.
 * Never true before output_begin(). Streams that tasks open and leave open count from the next
 * output_look() on. Where libc does not tell, always true after output_begin().
 */
static inline bool output_pending(void)
{
	return output_mark[0] != output_mark[1];
}

/* Write out what is pending if tasks have left streams open. From now on these are watched, too. */
void output_look(void);

/*
 * Forget what the parent had printed and not written, in every stream. For a child with one thread.
 *
 * @files_closed: descriptors above 2 were closed, so that what cannot be forgotten cannot be
 * written, either. And stdin is at its end now, so what the parent had read ahead of it is
 * forgotten.
 */
void output_drop(bool files_closed);

/* Watch stdout, stderr, and all streams that are opened from now on. */
void output_begin(void);

/*
 * Write out what is pending in stdout, stderr and, where libc tells which streams there are, in all
 * others. Passes over a stream that another thread holds. @last: also the other streams where libc
 * does not tell.
 */
void output_flush(bool last);

/* Write out what is pending as it lies there, as well as the handler of a fault can. */
void output_rescue(void);

#endif
