/*
 * convert.c - turns items of one type into another, by way of the widest type of their kind: whole
 * numbers with a sign, without one, floats, and complex numbers. Blocks of some pairs of types take
 * a shorter way (direct.c).
 *
 * Items may lie anywhere, so each is copied out and in by memcpy(), which compilers make a load or
 * a store of.
 */
#include "data/convert.h"

#include "data/direct.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define HALF_MAX 65504.0

_Static_assert(DIRECT_BLOCK == CONVERT_BLOCK, "a whole block takes the shorter way");

enum kind { KIND_SIGNED, KIND_UNSIGNED, KIND_FLOAT, KIND_COMPLEX, KIND_OPAQUE };

/* A block in the widest type of its kind. */
union wide {
	int64_t i[CONVERT_BLOCK];
	uint64_t u[CONVERT_BLOCK];
	double f[CONVERT_BLOCK];
	double c[CONVERT_BLOCK][2];
};

static enum kind number_kind(enum sheaf_number type)
{
	switch (type) {
	case SHEAF_I8:
	case SHEAF_I16:
	case SHEAF_I32:
	case SHEAF_I64:
		return KIND_SIGNED;
	case SHEAF_BOOL:
	case SHEAF_U8:
	case SHEAF_U16:
	case SHEAF_U32:
	case SHEAF_U64:
		return KIND_UNSIGNED;
	case SHEAF_F16:
	case SHEAF_F32:
	case SHEAF_F64:
		return KIND_FLOAT;
	case SHEAF_C64:
	case SHEAF_C128:
		return KIND_COMPLEX;
	default:
		return KIND_OPAQUE;
	}
}

bool convert_possible(const sheaf_array *to, const sheaf_array *from)
{
	enum kind target = number_kind(to->type), source = number_kind(from->type);

	if (target == KIND_OPAQUE || source == KIND_OPAQUE)
		return to->type == from->type && (to->type == SHEAF_BYTES || to->item_size == from->item_size);
	return source != KIND_COMPLEX || target == KIND_COMPLEX;
}

/* ---- halves ---- */

double half_to_double(uint16_t half)
{
	unsigned exponent = half >> 10 & 31u, fraction = half & 1023u;
	double size = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
		      : exponent     ? ldexp((double)(fraction + 1024u), (int)exponent - 25)
				     : ldexp((double)fraction, -24);

	return half >> 15 ? -size : size;
}

uint16_t half_from_double(double value)
{
	uint16_t sign = signbit(value) ? 0x8000u : 0;
	double size = fabs(value), scaled;
	unsigned units;
	int exponent;

	if (isnan(value))
		return sign | 0x7e00u;
	/* Half a unit beyond the largest one, and what is larger. */
	if (size >= 65520.0)
		return sign | 0x7c00u;
	(void)frexp(size, &exponent);
	/* In units of the last place, of which the smallest is 2^-24, and ties to even. */
	exponent = exponent < -13 || size == 0 ? -13 : exponent;
	scaled = ldexp(size, 11 - exponent);
	units = (unsigned)scaled;
	scaled -= units;
	units += scaled > 0.5 || (scaled == 0.5 && units % 2);
	/* With its leading bit the fraction adds one to the exponent, and with a carry one more. */
	return sign | (uint16_t)((unsigned)(exponent + 13) * 1024u + units);
}

/* ---- to the widest type ---- */

#define LOAD(member, c_type)                                   \
	do {                                                   \
		for (size_t k = 0; k < n; k++, in += stride) { \
			c_type item;                           \
			memcpy(&item, in, sizeof(item));       \
			wide->member[k] = item;                \
		}                                              \
	} while (0)

static void load(union wide *wide, enum sheaf_number type, const unsigned char *in, ptrdiff_t stride, size_t n)
{
	float pair[2];
	uint16_t half;

	switch (type) {
	case SHEAF_I8:
		LOAD(i, int8_t);
		break;
	case SHEAF_I16:
		LOAD(i, int16_t);
		break;
	case SHEAF_I32:
		LOAD(i, int32_t);
		break;
	case SHEAF_I64:
		LOAD(i, int64_t);
		break;
	case SHEAF_BOOL:
	case SHEAF_U8:
		LOAD(u, uint8_t);
		break;
	case SHEAF_U16:
		LOAD(u, uint16_t);
		break;
	case SHEAF_U32:
		LOAD(u, uint32_t);
		break;
	case SHEAF_U64:
		LOAD(u, uint64_t);
		break;
	case SHEAF_F16:
		for (size_t k = 0; k < n; k++, in += stride) {
			memcpy(&half, in, sizeof(half));
			wide->f[k] = half_to_double(half);
		}
		break;
	case SHEAF_F32:
		LOAD(f, float);
		break;
	case SHEAF_C64:
		for (size_t k = 0; k < n; k++, in += stride) {
			memcpy(pair, in, sizeof(pair));
			wide->c[k][0] = (double)pair[0];
			wide->c[k][1] = (double)pair[1];
		}
		break;
	case SHEAF_C128:
		for (size_t k = 0; k < n; k++, in += stride)
			memcpy(wide->c[k], in, sizeof(wide->c[k]));
		break;
	default:
		LOAD(f, double);
		break;
	}
}

/* ---- from the widest type ---- */

/* Where items go. */
struct sink {
	unsigned char *out;
	ptrdiff_t stride;
	bool saturates;
};

/*
 * Whole numbers from @least to @most. @below and @above tell whether one of the source's kind is
 * smaller or larger; a NaN is both.
 */
#define STORE_WHOLE(member, c_type, least, most, below, above)                                                            \
	do {                                                                                                              \
		for (size_t k = 0; k < n; k++, out += sink->stride) {                                                     \
			bool low = below(wide->member[k]), high = above(wide->member[k]);                                 \
			c_type item;                                                                                      \
			if (!sink->saturates && (low || high))                                                            \
				return k;                                                                                 \
			item = low && high ? 0 : low ? (c_type)(least) : high ? (c_type)(most) : (c_type)wide->member[k]; \
			memcpy(out, &item, sizeof(item));                                                                 \
		}                                                                                                         \
	} while (0)

#define NEVER(x) ((void)(x), false)
#define SIGNED_BELOW_0(x) ((x) < 0)
#define FLOAT_BELOW_0(x) (!((x) > -1))

#define WHOLE_CASES(member, BELOW, ABOVE)                                                     \
	case SHEAF_I8:                                                                        \
		STORE_WHOLE(member, int8_t, INT8_MIN, INT8_MAX, BELOW##_I8, ABOVE##_I8);      \
		break;                                                                        \
	case SHEAF_I16:                                                                       \
		STORE_WHOLE(member, int16_t, INT16_MIN, INT16_MAX, BELOW##_I16, ABOVE##_I16); \
		break;                                                                        \
	case SHEAF_I32:                                                                       \
		STORE_WHOLE(member, int32_t, INT32_MIN, INT32_MAX, BELOW##_I32, ABOVE##_I32); \
		break;                                                                        \
	case SHEAF_I64:                                                                       \
		STORE_WHOLE(member, int64_t, INT64_MIN, INT64_MAX, BELOW##_I64, ABOVE##_I64); \
		break;                                                                        \
	case SHEAF_U8:                                                                        \
		STORE_WHOLE(member, uint8_t, 0, UINT8_MAX, BELOW##_U, ABOVE##_U8);            \
		break;                                                                        \
	case SHEAF_U16:                                                                       \
		STORE_WHOLE(member, uint16_t, 0, UINT16_MAX, BELOW##_U, ABOVE##_U16);         \
		break;                                                                        \
	case SHEAF_U32:                                                                       \
		STORE_WHOLE(member, uint32_t, 0, UINT32_MAX, BELOW##_U, ABOVE##_U32);         \
		break;                                                                        \
	case SHEAF_U64:                                                                       \
		STORE_WHOLE(member, uint64_t, 0, UINT64_MAX, BELOW##_U, ABOVE##_U64);         \
		break;

#define S_BELOW_I8(x) ((x) < INT8_MIN)
#define S_BELOW_I16(x) ((x) < INT16_MIN)
#define S_BELOW_I32(x) ((x) < INT32_MIN)
#define S_BELOW_I64 NEVER
#define S_BELOW_U SIGNED_BELOW_0
#define S_ABOVE_I8(x) ((x) > INT8_MAX)
#define S_ABOVE_I16(x) ((x) > INT16_MAX)
#define S_ABOVE_I32(x) ((x) > INT32_MAX)
#define S_ABOVE_I64 NEVER
#define S_ABOVE_U8(x) ((x) > UINT8_MAX)
#define S_ABOVE_U16(x) ((x) > UINT16_MAX)
#define S_ABOVE_U32(x) ((x) > UINT32_MAX)
#define S_ABOVE_U64 NEVER

#define U_BELOW_I8 NEVER
#define U_BELOW_I16 NEVER
#define U_BELOW_I32 NEVER
#define U_BELOW_I64 NEVER
#define U_BELOW_U NEVER
#define U_ABOVE_I8(x) ((x) > INT8_MAX)
#define U_ABOVE_I16(x) ((x) > INT16_MAX)
#define U_ABOVE_I32(x) ((x) > INT32_MAX)
#define U_ABOVE_I64(x) ((x) > INT64_MAX)
#define U_ABOVE_U8(x) ((x) > UINT8_MAX)
#define U_ABOVE_U16(x) ((x) > UINT16_MAX)
#define U_ABOVE_U32(x) ((x) > UINT32_MAX)
#define U_ABOVE_U64 NEVER

/* Towards 0, so what is less than one beyond is not beyond. False for a NaN, and then negated. */
#define F_BELOW_I8(x) (!((x) > INT8_MIN - 1.0))
#define F_BELOW_I16(x) (!((x) > INT16_MIN - 1.0))
#define F_BELOW_I32(x) (!((x) > INT32_MIN - 1.0))
#define F_BELOW_I64(x) (!((x) >= -0x1p63))
#define F_BELOW_U FLOAT_BELOW_0
#define F_ABOVE_I8(x) (!((x) < INT8_MAX + 1.0))
#define F_ABOVE_I16(x) (!((x) < INT16_MAX + 1.0))
#define F_ABOVE_I32(x) (!((x) < INT32_MAX + 1.0))
#define F_ABOVE_I64(x) (!((x) < 0x1p63))
#define F_ABOVE_U8(x) (!((x) < UINT8_MAX + 1.0))
#define F_ABOVE_U16(x) (!((x) < UINT16_MAX + 1.0))
#define F_ABOVE_U32(x) (!((x) < UINT32_MAX + 1.0))
#define F_ABOVE_U64(x) (!((x) < 0x1p64))

/* Any number as a float of fewer bits, and as a double. */
static bool store_float(enum sheaf_number type, double value, bool saturates, unsigned char *out)
{
	double most = type == SHEAF_F32 ? (double)FLT_MAX : HALF_MAX;
	float narrow;
	uint16_t half;

	if (type == SHEAF_F64) {
		memcpy(out, &value, sizeof(value));
		return true;
	}
	if (isfinite(value) && (type == SHEAF_F32 ? fabs(value) >= 0x1.ffffffp127 : fabs(value) >= 65520.0)) {
		if (!saturates)
			return false;
		value = copysign(most, value);
	}
	if (type == SHEAF_F32) {
		narrow = (float)value;
		memcpy(out, &narrow, sizeof(narrow));
	} else {
		half = half_from_double(value);
		memcpy(out, &half, sizeof(half));
	}
	return true;
}

/* Any number as a boolean, a float, or a complex number. @real, @imaginary: of item k. */
#define OTHER_CASES(member, real, imaginary)                                                                             \
	case SHEAF_BOOL:                                                                                                 \
		for (size_t k = 0; k < n; k++, out += sink->stride)                                                      \
			*out = (real) != 0 || (imaginary) != 0;                                                          \
		break;                                                                                                   \
	case SHEAF_C64:                                                                                                  \
	case SHEAF_C128:                                                                                                 \
		for (size_t k = 0; k < n; k++, out += sink->stride) {                                                    \
			enum sheaf_number part = type == SHEAF_C64 ? SHEAF_F32 : SHEAF_F64;                              \
			if (!store_float(part, (double)(real), sink->saturates, out) ||                                  \
			    !store_float(part, (double)(imaginary), sink->saturates, out + (type == SHEAF_C64 ? 4 : 8))) \
				return k;                                                                                \
		}                                                                                                        \
		break;                                                                                                   \
	default:                                                                                                         \
		for (size_t k = 0; k < n; k++, out += sink->stride)                                                      \
			if (!store_float(type, (double)(real), sink->saturates, out))                                    \
				return k;                                                                                \
		break;

/* Each returns how many items were stored before the first that cannot be. */
static size_t store_signed(const union wide *wide, enum sheaf_number type, const struct sink *sink, size_t n)
{
	unsigned char *out = sink->out;

	switch (type) {
		WHOLE_CASES(i, S_BELOW, S_ABOVE)
		OTHER_CASES(i, wide->i[k], 0)
	}
	return n;
}

static size_t store_unsigned(const union wide *wide, enum sheaf_number type, const struct sink *sink, size_t n)
{
	unsigned char *out = sink->out;

	switch (type) {
		WHOLE_CASES(u, U_BELOW, U_ABOVE)
		OTHER_CASES(u, wide->u[k], 0)
	}
	return n;
}

static size_t store_floats(const union wide *wide, enum sheaf_number type, const struct sink *sink, size_t n)
{
	unsigned char *out = sink->out;

	switch (type) {
		WHOLE_CASES(f, F_BELOW, F_ABOVE)
		OTHER_CASES(f, wide->f[k], 0)
	}
	return n;
}

static size_t store_complex(const union wide *wide, enum sheaf_number type, const struct sink *sink, size_t n)
{
	unsigned char *out = sink->out;

	switch (type) {
		OTHER_CASES(c, wide->c[k][0], wide->c[k][1])
	}
	return n;
}

/* Copy text into items of another size. */
static size_t convert_text(const sheaf_array *to, const struct sink *sink, const sheaf_array *from, const unsigned char *in,
			   ptrdiff_t in_stride, size_t n)
{
	size_t kept = to->item_size < from->item_size ? to->item_size : from->item_size;
	unsigned char *out = sink->out;

	for (size_t k = 0; k < n; k++, in += in_stride, out += sink->stride) {
		for (size_t b = kept; b < from->item_size && !sink->saturates; b++)
			if (in[b])
				return k;
		memcpy(out, in, kept);
		memset(out + kept, 0, to->item_size - kept);
	}
	return n;
}

size_t convert_block(const sheaf_array *to, unsigned char *out, ptrdiff_t out_stride, const sheaf_array *from,
		     const unsigned char *in, ptrdiff_t in_stride, size_t n, enum sheaf_range range)
{
	const struct sink sink = {.out = out, .stride = out_stride, .saturates = range == SHEAF_SATURATED};
	union wide wide;

	if (to->type == from->type && to->item_size == from->item_size) {
		for (size_t k = 0; k < n; k++, in += in_stride, out += out_stride)
			memcpy(out, in, to->item_size);
		return n;
	}
	if (to->type == SHEAF_BYTES)
		return convert_text(to, &sink, from, in, in_stride, n);
	if (n == DIRECT_BLOCK && in_stride == (ptrdiff_t)from->item_size && out_stride == (ptrdiff_t)to->item_size &&
	    direct_convert(to->type, out, from->type, in))
		return n;
	load(&wide, from->type, in, in_stride, n);
	switch (number_kind(from->type)) {
	case KIND_SIGNED:
		return store_signed(&wide, to->type, &sink, n);
	case KIND_UNSIGNED:
		return store_unsigned(&wide, to->type, &sink, n);
	case KIND_COMPLEX:
		return store_complex(&wide, to->type, &sink, n);
	default:
		return store_floats(&wide, to->type, &sink, n);
	}
}

void convert_show(const sheaf_array *array, const void *item, char *text, size_t size)
{
	union wide wide;

	if (array->type == SHEAF_BYTES || array->type == SHEAF_VOID) {
		snprintf(text, size, "\"%.*s\"", array->item_size < 40 ? (int)array->item_size : 40, (const char *)item);
		return;
	}
	wide.c[0][0] = wide.c[0][1] = 0;
	load(&wide, array->type, item, 0, 1);
	switch (number_kind(array->type)) {
	case KIND_SIGNED:
		snprintf(text, size, "%" PRId64, wide.i[0]);
		break;
	case KIND_UNSIGNED:
		snprintf(text, size, "%" PRIu64, wide.u[0]);
		break;
	case KIND_COMPLEX:
		snprintf(text, size, "%.17g%+.17gj", wide.c[0][0], wide.c[0][1]);
		break;
	default:
		snprintf(text, size, "%.17g", wide.f[0]);
		break;
	}
}
