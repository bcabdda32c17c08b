/*
 * describe.c - says in messages what arrays are.
 */
#include "data/describe.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"

static const char *const described[] = {
	[SHEAF_F64] = "SHEAF_F64",   [SHEAF_F32] = "SHEAF_F32", [SHEAF_I64] = "SHEAF_I64",     [SHEAF_U64] = "SHEAF_U64",
	[SHEAF_I32] = "SHEAF_I32",   [SHEAF_U32] = "SHEAF_U32", [SHEAF_EXACT] = "SHEAF_EXACT", [SHEAF_I16] = "SHEAF_I16",
	[SHEAF_U16] = "SHEAF_U16",   [SHEAF_I8] = "SHEAF_I8",   [SHEAF_U8] = "SHEAF_U8",       [SHEAF_F16] = "SHEAF_F16",
	[SHEAF_BOOL] = "SHEAF_BOOL", [SHEAF_C64] = "SHEAF_C64", [SHEAF_C128] = "SHEAF_C128",   [SHEAF_BYTES] = "SHEAF_BYTES",
	[SHEAF_VOID] = "SHEAF_VOID",
};

const char *describe_type(enum sheaf_number type)
{
	return (unsigned)type < sizeof(described) / sizeof(described[0]) ? described[type] : "no type";
}

const char *describe_array(const sheaf_array *array, char text[DESCRIBE_TEXT])
{
	int used = snprintf(text, DESCRIBE_TEXT, "%s", describe_type(array->type));

	if (array->type == SHEAF_BYTES || array->type == SHEAF_VOID)
		used += snprintf(text + used, (size_t)(DESCRIBE_TEXT - used), " of %zu bytes", array->item_size);
	used += snprintf(text + used, (size_t)(DESCRIBE_TEXT - used), " (");
	for (unsigned d = 0; d < array->dimensions && d < SHEAF_MAX_DIMENSIONS; d++)
		used += snprintf(text + used, (size_t)(DESCRIBE_TEXT - used), "%s%zu", d ? ", " : "", array->shape[d]);
	snprintf(text + used, (size_t)(DESCRIBE_TEXT - used), array->dimensions == 1 ? ",)" : ")");
	return text;
}

int describe_fail(const char *call, const char *reason, const sheaf_array *first, const sheaf_array *second)
{
	char texts[2][DESCRIBE_TEXT];

	return sheaf_fail(-EINVAL, "%s: %s: %s and %s", call, reason, describe_array(first, texts[0]),
			  describe_array(second, texts[1]));
}
