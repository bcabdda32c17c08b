/*
 * arrow.c - arrays of one dimension as columns of Arrow, and the other way round.
 *
 * A schema and an array are released apart from each other, so each has memory of its own.
 */
#include "sheaf_exchange.h"

#include "base/error.h"
#include "data/describe.h"
#include "data/dtype.h"
#include "data/shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = {
	[SHEAF_F64] = 'g', [SHEAF_F32] = 'f', [SHEAF_F16] = 'e', [SHEAF_I64] = 'l', [SHEAF_I32] = 'i', [SHEAF_I16] = 's',
	[SHEAF_I8] = 'c',  [SHEAF_U64] = 'L', [SHEAF_U32] = 'I', [SHEAF_U16] = 'S', [SHEAF_U8] = 'C',
};
#define LETTERS sizeof(letters)

struct owned_schema {
	char format[24];
	char name[];
};

static void release_schema(struct ArrowSchema *schema)
{
	free(schema->private_data);
	schema->release = NULL;
}

static void release_column(struct ArrowArray *column)
{
	free(column->private_data);
	column->release = NULL;
}

/* Write the format of a type. False: Arrow has no such items of whole bytes. */
static bool write_format(const sheaf_array *array, char *format, size_t size)
{
	if (array->type == SHEAF_BYTES || array->type == SHEAF_VOID) {
		snprintf(format, size, "w:%zu", array->item_size);
		return array->item_size > 0;
	}
	if ((size_t)array->type >= LETTERS || !letters[array->type])
		return false;
	format[0] = letters[array->type];
	format[1] = 0;
	return true;
}

int sheaf_array_to_arrow(const sheaf_array *array, const char *name, struct ArrowSchema *schema, struct ArrowArray *column)
{
	size_t length = name ? strlen(name) : 0;
	struct owned_schema *own;
	const void **buffers;
	int r = shape_check("sheaf_array_to_arrow", "array", array);

	if (r || !schema || !column)
		return r ? r : sheaf_fail(-EINVAL, "sheaf_array_to_arrow: %s is NULL", schema ? "column" : "schema");
	if (array->dimensions != 1 || !sheaf_array_is_contiguous(array))
		return sheaf_fail(-ENOTSUP,
				  "sheaf_array_to_arrow: a column has one dimension and lies in one piece: reshape or "
				  "copy the array first");
	own = malloc(sizeof(*own) + length + 1);
	buffers = calloc(2, sizeof(*buffers));
	if (!own || !buffers || !write_format(array, own->format, sizeof(own->format))) {
		r = !own || !buffers ? sheaf_fail(-ENOMEM, "sheaf_array_to_arrow: no memory for a column")
				     : sheaf_fail(-ENOTSUP, "sheaf_array_to_arrow: Arrow has no items of %s in whole bytes",
						  describe_type(array->type));
		free(own);
		free(buffers);
		return r;
	}
	memcpy(own->name, name ? name : "", length + 1);
	*schema = (struct ArrowSchema){
		.format = own->format, .name = own->name, .release = release_schema, .private_data = own};
	/* No bits of missing values; then the items. */
	buffers[1] = array->data;
	*column = (struct ArrowArray){.length = (int64_t)array->shape[0],
				      .n_buffers = 2,
				      .buffers = buffers,
				      .release = release_column,
				      .private_data = buffers};
	return 0;
}

/* Read a format. False: arrays have it not. */
static bool read_format(const char *format, sheaf_array *array)
{
	char *end;

	if (!strncmp(format, "w:", 2) && format[2] >= '1' && format[2] <= '9') {
		array->type = SHEAF_BYTES;
		array->item_size = strtoul(format + 2, &end, 10);
		return !*end && array->item_size < SIZE_MAX / 2;
	}
	for (size_t type = 0; type < LETTERS; type++)
		if (letters[type] && format[0] == letters[type] && !format[1]) {
			array->type = (enum sheaf_number)type;
			array->item_size = dtype_size(array->type);
			return true;
		}
	return false;
}

int sheaf_array_from_arrow(sheaf_array *view, const struct ArrowSchema *schema, const struct ArrowArray *column)
{
	sheaf_array made = {0};
	size_t bytes;

	if (!view || !schema || !column)
		return sheaf_fail(-EINVAL, "sheaf_array_from_arrow: %s is NULL", !view ? "view" : schema ? "column" : "schema");
	if (!schema->release || !column->release)
		return sheaf_fail(-EINVAL, "sheaf_array_from_arrow: the %s was released",
				  schema->release ? "column" : "schema");
	if (schema->dictionary || column->n_buffers != 2 || !read_format(schema->format, &made))
		return sheaf_fail(
			-ENOTSUP,
			"sheaf_array_from_arrow: a column of the format \"%.40s\"%s is no array of items of one width",
			schema->format, schema->dictionary ? " with a dictionary" : "");
	/* -1: nobody has counted. Without bits none is missing. */
	if (column->null_count > 0 || (column->null_count && column->buffers[0]))
		return sheaf_fail(-ENOTSUP,
				  "sheaf_array_from_arrow: the column has missing values (%lld), which arrays have not",
				  (long long)column->null_count);
	if (column->length < 0 || column->offset < 0 ||
	    !shape_make(&made, 1, (const size_t[]){(size_t)column->length}, false, &bytes))
		return sheaf_fail(-ENOTSUP,
				  "sheaf_array_from_arrow: a column of %lld items from %lld on does not fit in memory",
				  (long long)column->length, (long long)column->offset);
	if (column->buffers[1])
		/* Whether it may be written to, the caller knows. */
		made.data = (unsigned char *)(uintptr_t)column->buffers[1] + (size_t)column->offset * made.item_size;
	*view = made;
	return 0;
}
