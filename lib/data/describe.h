/*
 * describe.h - says in messages what arrays are.
 */
#ifndef SHEAF_DATA_DESCRIBE_H
#define SHEAF_DATA_DESCRIBE_H

#include "sheaf_data.h"

#define DESCRIBE_TEXT 256 /* bytes of the longest one, with its end */

/* Return a type's name, such as "SHEAF_F64". */
const char *describe_type(enum sheaf_number type);

/* Write an array's type and its shape as in Python: "SHEAF_F64 (3, 4)". Returns @text. */
const char *describe_array(const sheaf_array *array, char text[DESCRIBE_TEXT]);

/* Fail for two arrays, of which the message says what they are, behind the reason. -EINVAL. */
int describe_fail(const char *call, const char *reason, const sheaf_array *first, const sheaf_array *second);

#endif
