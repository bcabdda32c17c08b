/*
 * samples.h - figures that must not grow while a test goes on: taken now and then, written to a
 * file for tests/plot.py, and compared in the end.
 */
#ifndef SHEAF_TESTS_SUPPORT_SAMPLES_H
#define SHEAF_TESTS_SUPPORT_SAMPLES_H

#include <stdio.h>
#include <sys/types.h>

#define MOST_FIGURES 12
#define MOST_SAMPLES 800

struct figure {
	const char *name, *unit;
	double slack; /* by so much it may grow, and by a quarter */
};

struct samples {
	const struct figure *figures;
	unsigned figure_count, count;
	double rows[MOST_SAMPLES][MOST_FIGURES];
	FILE *file;
};

/*
 * Begin. @x: what the samples are numbered by. @path: the file, or NULL. @figures must live until
 * the end.
 */
void samples_begin(struct samples *samples, const char *x, const struct figure *figures, unsigned count, const char *path);

/* Take one, unless there are MOST_SAMPLES. */
void samples_add(struct samples *samples, double x, const double *row);

/*
 * End, and check that no figure has grown. The first tenth of the samples is for warming up. What
 * nine of ten of the samples are below, of the second half, may not be much above that of the
 * first. Ends the program if it is (check.h).
 */
void samples_end(struct samples *samples);

/* What nine of ten samples of the figure are below. */
double samples_high(const struct samples *samples, unsigned figure);

/* A line of /proc/PID/status, in MiB. 0: the system does not tell, or there is no such process. */
double status_mib(pid_t pid, const char *line);

#endif
