/*
 * sheaf_bar.h - how far a batch is, at what rate, and when it will be done: a line on the terminal,
 * and the estimates behind it.
 *
 * Contents
 *   Estimates   sheaf_pace_begin, _tell, _rate, _left
 *   The bar     sheaf_bar_start, _end
 *
 * Estimate  The rate is that of the last half of the time so far, or of the last 20 items if these
 *           took longer. What is left takes the number of items that are left, divided by the rate.
 *           So a change of the items' costs counts fully once it has lasted as long as all before
 *           it, and a few dear items do not count more than others.
 *
 * Callers   A bar belongs to the owner of the pool: each of its threads may start and end it, one
 *           at a time. The bar has a thread of its own, which blocks all signals. sheaf_pace is a
 *           structure of the caller, and needs no pool. No function here is for signal handlers.
 */
#ifndef SHEAF_BAR_H
#define SHEAF_BAR_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Estimates ---- */

/* To be passed to sheaf_pace_begin() first. May be copied. */
typedef struct sheaf_pace {
	uint64_t private_words[72];
} sheaf_pace;

/**
 * sheaf_pace_begin() - begin to estimate, at a time of sheaf_now_ns()
 * sheaf_pace_tell() - tell how many items are done so far; as often as the caller likes
 * sheaf_pace_rate() - items per second; 0: not known, as nothing is done
 * sheaf_pace_left() - seconds until @total items are done, from the last time told on; < 0: not
 *                     known
 *
 * Times and numbers that fall count as those before them.
 */
SHEAF_API void sheaf_pace_begin(sheaf_pace *pace, uint64_t now_ns);
SHEAF_API void sheaf_pace_tell(sheaf_pace *pace, uint64_t now_ns, uint64_t done);
SHEAF_API double sheaf_pace_rate(const sheaf_pace *pace);
SHEAF_API double sheaf_pace_left(const sheaf_pace *pace, uint64_t total);

/* ---- The bar ---- */

typedef struct sheaf_bar sheaf_bar;

typedef struct sheaf_bar_options {
	const char *label; /* what is done; copied; NULL: "tasks" */
	uint64_t total;    /* positions that there will be; 0: those that were submitted so far */
	int fd;            /* a descriptor that stays open, to write to; 0: stderr */
} sheaf_bar_options;

/**
 * sheaf_bar_start() - show how far a batch is until sheaf_bar_end(), while it is gathered
 * sheaf_bar_end() - end it, before the batch is retired; NULL is fine
 * @bar: out: NULL on failure, which nobody has to check: a missing bar does no harm
 *
 * Work of less than two seconds shows nothing. After that, on a terminal, one line shows tasks
 * done, rate, time left, and failures and deaths if there are any. It fits the terminal's width, is
 * drawn five times a second while the program is in the foreground, and is taken away in the end.
 * Elsewhere, and on a terminal with TERM=dumb, there is a plain line every ten seconds, and a last
 * one in the end if there was any. Asking how far a large batch is takes time: the bar asks seldom
 * enough to use at most a fiftieth of a CPU.
 *
 * Return: 0; -EINVAL, -EPERM; -ENOMEM; -EAGAIN (no thread can be had)
 */
SHEAF_API int sheaf_bar_start(sheaf_bar **bar, sheaf_pool *pool, sheaf_batch *batch, const sheaf_bar_options *options);
SHEAF_API void sheaf_bar_end(sheaf_bar *bar);

#ifdef __cplusplus
}
#endif

#endif
