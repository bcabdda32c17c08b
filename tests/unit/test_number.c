/*
 * test_number.c - arithmetic that says when it does not fit.
 */
#include <criterion/criterion.h>

#include "base/number.h"

#define HALF ((size_t)1 << 4 * sizeof(size_t)) /* its square is the least that does not fit */

Test(number, multiplies_what_fits)
{
	size_t result = 1;

	cr_assert(checked_multiply(0, SIZE_MAX, &result) && result == 0);
	cr_assert(checked_multiply(SIZE_MAX, 0, &result) && result == 0);
	cr_assert(checked_multiply(SIZE_MAX, 1, &result) && result == SIZE_MAX);
	cr_assert(checked_multiply(1, SIZE_MAX, &result) && result == SIZE_MAX);
	cr_assert(checked_multiply(SIZE_MAX / 3, 3, &result) && result == SIZE_MAX / 3 * 3);
	cr_assert(checked_multiply(HALF / 2, HALF, &result) && result == SIZE_MAX / 2 + 1);
}

Test(number, refuses_a_product_that_does_not_fit)
{
	size_t result = 7;

	cr_assert_not(checked_multiply(SIZE_MAX, 2, &result));
	cr_assert_not(checked_multiply(2, SIZE_MAX, &result));
	cr_assert_not(checked_multiply(SIZE_MAX / 2 + 1, 2, &result));
	cr_assert_not(checked_multiply(HALF, HALF, &result));
	cr_assert_eq(result, 7);
}

Test(number, rounds_up_to_a_multiple)
{
	size_t result;

	cr_assert(checked_round_up(0, 64, &result) && result == 0);
	cr_assert(checked_round_up(1, 64, &result) && result == 64);
	cr_assert(checked_round_up(64, 64, &result) && result == 64);
	cr_assert(checked_round_up(65, 64, &result) && result == 128);
	cr_assert(checked_round_up(SIZE_MAX - 63, 64, &result) && result == SIZE_MAX - 63);
	cr_assert_eq(round_up(0, 4096), 0);
	cr_assert_eq(round_up(4097, 4096), 8192);
	cr_assert_eq(round_up(UINT64_C(1) << 45, 4096), UINT64_C(1) << 45);
}

Test(number, refuses_a_multiple_that_does_not_fit)
{
	size_t result = 7;

	cr_assert_not(checked_round_up(SIZE_MAX - 62, 64, &result));
	cr_assert_not(checked_round_up(SIZE_MAX, 65536, &result));
	cr_assert_eq(result, 7);
}

Test(number, finds_the_lowest_bit)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		cr_assert_eq(lowest_bit(UINT64_C(1) << bit), bit);
		cr_assert_eq(lowest_bit(UINT64_MAX << bit), bit);
	}
}
