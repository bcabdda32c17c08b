/*
 * key_direct.c - looks at whole numbers by loops that compilers turn into vector instructions: each
 * in the numbers' own type, without a branch, and of a constant length for a whole block.
 *
 * The number that compares as an item does (key_load.c) is the item and a constant, which turns the
 * sign. So a difference of two such numbers is that of their items.
 */
#include "group/key_direct.h"

#include <string.h>

/* The least and the largest item, in 64 bits. */
struct extremes {
	uint64_t min, max;
};

/* Items may lie anywhere. Compilers make a load of each memcpy(). */
#define LOOPS(NAME, TYPE)                                                                                                     \
	__attribute__((always_inline)) static inline struct extremes extremes_of_##NAME(const unsigned char *at, size_t n) {  \
		TYPE min, max, x;                                                                                             \
                                                                                                                              \
		memcpy(&x, at, sizeof(x));                                                                                    \
		min = max = x;                                                                                                \
		for (size_t i = 0; i < n; i++) {                                                                              \
			memcpy(&x, at + i * sizeof(x), sizeof(x));                                                            \
			min = x < min ? x : min;                                                                              \
			max = x > max ? x : max;                                                                              \
		}                                                                                                             \
		return (struct extremes){(uint64_t)min, (uint64_t)max};                                                       \
	} static struct extremes find_##NAME(const unsigned char *at, size_t n) {                                             \
		return n == KEY_BLOCK ? extremes_of_##NAME(at, KEY_BLOCK) : extremes_of_##NAME(at, n);                        \
	} __attribute__((always_inline)) static inline void slots_of_##NAME(const unsigned char *restrict at, uint32_t least, \
									    size_t n, uint32_t *restrict slots)               \
	{                                                                                                                     \
		for (size_t i = 0; i < n; i++) {                                                                              \
			TYPE x;                                                                                               \
                                                                                                                              \
			memcpy(&x, at + i * sizeof(x), sizeof(x));                                                            \
			slots[i] = (uint32_t)x - least;                                                                       \
		}                                                                                                             \
	}                                                                                                                     \
	static void put_##NAME(const unsigned char *restrict at, uint32_t least, size_t n, uint32_t *restrict slots)          \
	{                                                                                                                     \
		if (n == KEY_BLOCK)                                                                                           \
			slots_of_##NAME(at, least, KEY_BLOCK, slots);                                                         \
		else                                                                                                          \
			slots_of_##NAME(at, least, n, slots);                                                                 \
	}

LOOPS(i64, int64_t)
LOOPS(i32, int32_t)
LOOPS(i16, int16_t)
LOOPS(i8, int8_t)
LOOPS(u64, uint64_t)
LOOPS(u32, uint32_t)
LOOPS(u16, uint16_t)
LOOPS(u8, uint8_t)

static const struct direct_type {
	struct extremes (*find)(const unsigned char *at, size_t n);
	void (*put)(const unsigned char *restrict at, uint32_t least, size_t n, uint32_t *restrict slots);
	uint64_t turn; /* what is added to an item */
} types[] = {
	[SHEAF_I64] = {find_i64, put_i64, UINT64_C(1) << 63},
	[SHEAF_I32] = {find_i32, put_i32, UINT64_C(1) << 31},
	[SHEAF_I16] = {find_i16, put_i16, UINT64_C(1) << 15},
	[SHEAF_I8] = {find_i8, put_i8, UINT64_C(1) << 7},
	[SHEAF_U64] = {find_u64, put_u64, 0},
	[SHEAF_U32] = {find_u32, put_u32, 0},
	[SHEAF_U16] = {find_u16, put_u16, 0},
	[SHEAF_U8] = {find_u8, put_u8, 0},
	[SHEAF_BOOL] = {find_u8, put_u8, 0},
};

static const struct direct_type *direct_type_of(enum sheaf_number type)
{
	return (size_t)type < sizeof(types) / sizeof(types[0]) && types[type].find ? &types[type] : NULL;
}

bool key_direct_range(enum sheaf_number type, const void *at, size_t n, uint64_t *min, uint64_t *max)
{
	const struct direct_type *direct = direct_type_of(type);
	struct extremes found;

	if (!direct)
		return false;
	if (!n)
		return true;
	found = direct->find(at, n);
	found.min += direct->turn;
	found.max += direct->turn;
	*min = found.min < *min ? found.min : *min;
	*max = found.max > *max ? found.max : *max;
	return true;
}

bool key_direct_slots(enum sheaf_number type, const void *at, uint64_t min, size_t n, uint32_t *slots)
{
	const struct direct_type *direct = direct_type_of(type);

	if (direct)
		direct->put(at, (uint32_t)(min - direct->turn), n, slots);
	return direct != NULL;
}
