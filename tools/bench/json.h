/*
 * json.h - what a case is and what was measured, as one line of JSON. The script report.py makes
 * everything else of it.
 */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include "rounds.h"

#include <stdio.h>

/*
 * * json_case() - write the line of @what. @series: one per contender; NULL: nothing was measured.
 */
void json_case(FILE *out, const struct bench_case *what, const struct bench_settings *settings,
	       const struct bench_series *series);

#endif
