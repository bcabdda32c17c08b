/*
 * sheaf_number.h - the types of items in arrays, as NumPy has them.
 */
#ifndef SHEAF_NUMBER_H
#define SHEAF_NUMBER_H

#ifdef __cplusplus
extern "C" {
#endif

/* Each with NumPy's dtype behind it. In memory items have the byte order of this machine. */
enum sheaf_number {
	SHEAF_F64 = 0,    /* f8: double */
	SHEAF_F32 = 1,    /* f4: float */
	SHEAF_I64 = 2,    /* i8 */
	SHEAF_U64 = 3,    /* u8 */
	SHEAF_I32 = 4,    /* i4 */
	SHEAF_U32 = 5,    /* u4 */
	SHEAF_EXACT = 6,  /* f8, whose sum is exactly rounded: for sheaf_sum() alone */
	SHEAF_I16 = 7,    /* i2 */
	SHEAF_U16 = 8,    /* u2 */
	SHEAF_I8 = 9,     /* i1 */
	SHEAF_U8 = 10,    /* u1 */
	SHEAF_F16 = 11,   /* f2: IEEE 754 binary16 */
	SHEAF_BOOL = 12,  /* b1: a byte, 0 or 1 */
	SHEAF_C64 = 13,   /* c8: two floats, the real part first */
	SHEAF_C128 = 14,  /* c16: two doubles */
	SHEAF_BYTES = 15, /* S: text of a fixed number of bytes, filled up with zeros */
	SHEAF_VOID = 16,  /* V: records, of a fixed number of bytes */
};

#ifdef __cplusplus
}
#endif

#endif
