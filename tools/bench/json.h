/*
 * json.h - the outcomes for programs.
 */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include "rounds.h"

#include <stdio.h>

void json_write(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n);

#endif
