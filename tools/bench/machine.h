/*
 * machine.h - where a run was made, so that its figures can be read.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stddef.h>

/** machine_name() - system, compiler and CPU. Return: @text. */
const char *machine_name(char *text, size_t size);

#endif
