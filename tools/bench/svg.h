/*
 * svg.h - the outcomes as a drawing: for each case, how Sheaf's time compares with everybody else's.
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include "rounds.h"

#include <stdio.h>

void svg_write(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n);

#endif
