/*
 * bounds.h - whether a case reached what it has to reach.
 */
#ifndef BENCH_BOUNDS_H
#define BENCH_BOUNDS_H

#include "rounds.h"
#include "text.h"

#include <stdio.h>

/** bounds_number() - how many bounds @what has. */
size_t bounds_number(const struct bench_case *what);

/** bounds_are_sound() - every bound of @what names contenders that it has; else the wrong name is said on stderr. */
bool bounds_are_sound(const struct bench_case *what);

/** bounds_judge() - after all rounds: fill in @outcome->judged. */
void bounds_judge(struct bench_outcome *outcome);

/** bounds_verdict() - of the whole case: missed if one bound was missed, else met if one was met. */
enum bench_verdict bounds_verdict(const struct bench_outcome *outcome);

/** bounds_count() - how many bounds of all outcomes have that verdict. */
unsigned bounds_count(const struct bench_outcome *outcomes, size_t n, enum bench_verdict verdict);

/** bounds_is_about() - whether @bound compares with @contender and with nobody else. NULL: with nobody, or with more than one. */
bool bounds_is_about(const struct bench_bound *bound, const char *contender);

/** bounds_write() - as "<= 1.1 x libgomp", "<= 1/300 multiprocessing.Pool" or "<= 100 ns/task". */
void bounds_write(FILE *out, const struct bench_case *what, const struct bench_bound *bound);

/** bounds_write_all() - all of them, with "; " between them. */
void bounds_write_all(FILE *out, const struct bench_case *what);

/** bounds_write_most() - what the ratio may be at most, without the names: "1.1", "1/300". */
void bounds_write_most(FILE *out, const struct bench_bound *bound);

/** bounds_reached() - a ratio, or Sheaf's time in the unit of the case. Return: @text. */
const char *bounds_reached(char text[TEXT_SIZE], const struct bench_bound *bound, const struct bench_judged *judged);

/** bounds_name() - "ok", "MISSED" or "not judged". */
const char *bounds_name(enum bench_verdict verdict);

#endif
