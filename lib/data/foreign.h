/*
 * foreign.h - files that are no CSV, as their first bytes say.
 */
#ifndef SHEAF_DATA_FOREIGN_H
#define SHEAF_DATA_FOREIGN_H

#include "data/input.h"

/* Refuse a file that would be read as CSV. 0; -EBADMSG, with a message that says what it is. */
int foreign_refuse(const struct input *input);

#endif
