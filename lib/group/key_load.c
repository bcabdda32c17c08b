/*
 * key_load.c - reads items of columns as numbers that compare as the items do.
 *
 * Whole numbers with a sign get their sign bit turned. Of a float the sign bit is turned if it is
 * positive, and all bits if it is negative. -0.0 becomes 0.0 before. Text is read from its first
 * byte on as the most significant one.
 */
#include "group/key_load.h"

#include <string.h>

/* Where the items of one read are: every @stride bytes from @at on, or those of certain rows. */
struct items {
	const unsigned char *at;
	ptrdiff_t stride;
	const struct key_column *column;
	size_t left;
	const struct key_pair *rows; /* or NULL */
};

static const unsigned char *item_of_row(const struct items *items, size_t i)
{
	size_t row = items->rows[i].row;
	const sheaf_array *side = &items->column->sides[row >= items->left];

	return (const unsigned char *)side->data + (ptrdiff_t)(row >= items->left ? row - items->left : row) * side->strides[0];
}

static uint64_t number_f64(double x)
{
	double positive = x + 0.0; /* -0.0 + 0.0 is 0.0 */
	uint64_t bits;

	memcpy(&bits, &positive, sizeof(bits));
	bits ^= bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63;
	return x != x ? KEY_LOAD_NAN : bits;
}

static uint64_t number_f32(float x)
{
	float positive = x + 0.0f;
	uint32_t bits;

	memcpy(&bits, &positive, sizeof(bits));
	bits ^= bits >> 31 ? UINT32_MAX : UINT32_C(1) << 31;
	return x != x ? KEY_LOAD_NAN : bits;
}

static uint64_t number_f16(uint16_t bits)
{
	unsigned size = bits & 0x7fffu;

	if (size > 0x7c00u)
		return KEY_LOAD_NAN;
	return size && bits >> 15 ? 0x8000u - size : 0x8000u + size;
}

/* One loop for items that lie one behind the other, one for a stride, and one for rows. */
#define LOADER(NAME, TYPE, VALUE)                                                         \
	static void load_##NAME(const struct items *items, size_t n, uint64_t *values)    \
	{                                                                                 \
		const unsigned char *at = items->at;                                      \
		TYPE x;                                                                   \
                                                                                          \
		if (items->rows) {                                                        \
			for (size_t i = 0; i < n; i++) {                                  \
				memcpy(&x, item_of_row(items, i), sizeof(x));             \
				values[i] = (VALUE);                                      \
			}                                                                 \
		} else if (items->stride == sizeof(x)) {                                  \
			for (size_t i = 0; i < n; i++) {                                  \
				memcpy(&x, at + i * sizeof(x), sizeof(x));                \
				values[i] = (VALUE);                                      \
			}                                                                 \
		} else {                                                                  \
			for (size_t i = 0; i < n; i++) {                                  \
				memcpy(&x, at + (ptrdiff_t)i * items->stride, sizeof(x)); \
				values[i] = (VALUE);                                      \
			}                                                                 \
		}                                                                         \
	}

LOADER(f64, double, number_f64(x))
LOADER(f32, float, number_f32(x))
LOADER(f16, uint16_t, number_f16(x))
LOADER(i64, int64_t, (uint64_t)x ^ UINT64_C(1) << 63)
LOADER(i32, int32_t, (uint64_t)((int64_t)x + (INT64_C(1) << 31)))
LOADER(i16, int16_t, (uint64_t)((int64_t)x + (1 << 15)))
LOADER(i8, int8_t, (uint64_t)((int64_t)x + (1 << 7)))
LOADER(u64, uint64_t, x)
LOADER(u32, uint32_t, x)
LOADER(u16, uint16_t, x)
LOADER(u8, uint8_t, x)

static void load_text(const struct items *items, const struct key_field *field, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned char *at = items->rows ? item_of_row(items, i) : items->at + (ptrdiff_t)i * items->stride;
		uint64_t value = 0;

		for (unsigned b = 0; b < field->bytes; b++)
			value = value << 8 | at[field->first + b];
		values[i] = value;
	}
}

bool key_load_possible(enum sheaf_number type)
{
	return type != SHEAF_C64 && type != SHEAF_C128;
}

static void load_items(const struct items *items, const struct key_field *field, size_t n, uint64_t *values)
{
	static void (*const by_type[])(const struct items *, size_t, uint64_t *) = {
		[SHEAF_F64] = load_f64, [SHEAF_F32] = load_f32, [SHEAF_I64] = load_i64, [SHEAF_U64] = load_u64,
		[SHEAF_I32] = load_i32, [SHEAF_U32] = load_u32, [SHEAF_I16] = load_i16, [SHEAF_U16] = load_u16,
		[SHEAF_I8] = load_i8,   [SHEAF_U8] = load_u8,   [SHEAF_F16] = load_f16, [SHEAF_BOOL] = load_u8,
	};
	enum sheaf_number type = items->column->sides[0].type;

	if (type == SHEAF_BYTES || type == SHEAF_VOID)
		load_text(items, field, n, values);
	else
		by_type[type](items, n, values);
}

/* Is one of the keys NaN? */
static void load_any_nan(const struct key_plan *plan, struct items *items, size_t begin, size_t n, uint64_t *values)
{
	uint64_t others[KEY_BLOCK];

	memset(values, 0, n * sizeof(*values));
	for (unsigned f = 0; f < plan->fields; f++) {
		const struct key_field *field = &plan->field[f];

		if (field->column >= plan->dropping || !key_load_may_be_nan(plan->column[field->column].sides[0].type))
			continue;
		if (items->rows)
			key_load_rows(plan, field, items->rows, n, others);
		else
			key_load_range(plan, field, begin, n, others);
		for (size_t i = 0; i < n; i++)
			values[i] |= others[i] == KEY_LOAD_NAN;
	}
}

void key_load_range(const struct key_plan *plan, const struct key_field *field, size_t begin, size_t n, uint64_t *values)
{
	struct items items = {0};
	const sheaf_array *side;

	if (field->column == KEY_ANY_NAN) {
		load_any_nan(plan, &items, begin, n, values);
		return;
	}
	items.column = &plan->column[field->column];
	side = &items.column->sides[begin >= plan->left];
	items.stride = side->strides[0];
	items.at = (const unsigned char *)side->data +
		   (ptrdiff_t)(begin >= plan->left ? begin - plan->left : begin) * items.stride;
	load_items(&items, field, n, values);
}

void key_load_rows(const struct key_plan *plan, const struct key_field *field, const struct key_pair *rows, size_t n,
		   uint64_t *values)
{
	struct items items = {.rows = rows, .left = plan->left};

	if (field->column == KEY_ANY_NAN) {
		load_any_nan(plan, &items, 0, n, values);
		return;
	}
	items.column = &plan->column[field->column];
	load_items(&items, field, n, values);
}
