/*
 * tasks.h - the functions of maps and loops with a journal that workers run: a list for
 * each file. See base/own.h.
 */
#ifndef SHEAF_RESUME_TASKS_H
#define SHEAF_RESUME_TASKS_H

#include "base/own.h"

extern const struct own_function own_resume[];

#endif
