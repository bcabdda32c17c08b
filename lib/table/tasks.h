/*
 * tasks.h - the functions of tables, and of files by blocks that workers run: a list for
 * each file. See base/own.h.
 */
#ifndef SHEAF_TABLE_TASKS_H
#define SHEAF_TABLE_TASKS_H

#include "base/own.h"

extern const struct own_function own_ranges[], own_fill[], own_codes[], own_table_text[], own_file_block[], own_array_fill[];

#endif
