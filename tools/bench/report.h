/*
 * report.h - the outcomes as tables: on a terminal and in Markdown.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "rounds.h"

#include <stdio.h>

void report_heading(FILE *out, const struct bench_settings *settings);
void report_table(FILE *out, const struct bench_outcome *outcome);

/** report_verdicts() - "N bounds met, M missed, K not judged", and no line end. */
void report_verdicts(FILE *out, const struct bench_outcome *outcomes, size_t n);

void report_markdown(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n);

/** report_cases() - a table in Markdown of what is measured and what has to be reached. */
void report_cases(FILE *out, const struct bench_case *const *cases, size_t n);

#endif
