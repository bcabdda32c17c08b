/*
 * tasks.h - the functions of arrays that workers run: a list for each file. See base/own.h.
 */
#ifndef SHEAF_DATA_TASKS_H
#define SHEAF_DATA_TASKS_H

#include "base/own.h"

extern const struct own_function own_copy[], own_transposed[], own_map[];

#endif
