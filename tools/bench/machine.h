/*
 * machine.h - where and how a run was made, so that its figures can be read.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "rounds.h"

#include <stdio.h>

/** machine_write() - system, compiler, CPU. */
void machine_write(FILE *out);

/** machine_write_run() - version, workers, rounds. */
void machine_write_run(FILE *out, const struct bench_settings *settings);

#endif
