/*
 * tasks.h - the functions of reductions that workers run: a list for each file. See base/own.h.
 */
#ifndef SHEAF_REDUCE_TASKS_H
#define SHEAF_REDUCE_TASKS_H

#include "base/own.h"

extern const struct own_function own_job[], own_reduce[], own_scan[], own_histogram[], own_numbers[];

#endif
