/*
 * report.h - the outcomes as a table for people, as Markdown and as JSON.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "rounds.h"

#include <stdio.h>

void report_heading(FILE *out, const struct bench_settings *settings);
void report_table(FILE *out, const struct bench_outcome *outcomes, size_t n);
void report_markdown(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n);
void report_json(FILE *out, const struct bench_outcome *outcomes, size_t n);

#endif
