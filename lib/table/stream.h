/*
 * stream.h - loads a table from an input that is read once.
 */
#ifndef SHEAF_TABLE_STREAM_H
#define SHEAF_TABLE_STREAM_H

#include "table/loading.h"

/* Load from a pipe, or a file without a name. 0, or an error of sheaf_table_load(). */
int stream_load(struct loading *loading, struct input *input);

#endif
