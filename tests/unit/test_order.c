/*
 * test_order.c - positions of submitted tasks, against a model: a sorted array.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "batch/order.h"

static struct order order;

static void tear_down(void)
{
	order_free(&order);
	cr_assert_eq(order.count, 0);
}

TestSuite(order, .fini = tear_down);

static void add(uint64_t position)
{
	cr_assert_eq(order_reserve(&order, position), 0);
	order_add(&order, position);
}

/* Hand out the lowest, which must be this position. */
static void expect_next(uint64_t position)
{
	uint64_t index;

	cr_assert(order_lowest(&order, &index));
	cr_assert_eq(order.positions[index], position, "%llu", (unsigned long long)order.positions[index]);
	order_hand(&order, index);
}

static void expect_none(void)
{
	uint64_t index;

	cr_assert_not(order_lowest(&order, &index));
}

static uint64_t random_bits(void)
{
	static uint64_t bits = 2463534242;

	bits ^= bits << 13;
	bits ^= bits >> 7;
	bits ^= bits << 17;
	return bits;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

Test(order, of_nothing_has_no_lowest)
{
	uint64_t *sorted;

	expect_none();
	cr_assert_eq(order_sorted(&order, &sorted), 0);
	cr_assert_null(sorted);
}

Test(order, hands_out_rising_positions)
{
	for (uint64_t p = 0; p < 1000; p++)
		add(p * p);
	cr_assert_not(order.mixed);
	for (uint64_t p = 0; p < 1000; p++)
		expect_next(p * p);
	expect_none();
	add(UINT64_MAX);
	expect_next(UINT64_MAX);
	expect_none();
}

Test(order, hands_out_falling_positions_from_the_lowest_on)
{
	for (uint64_t p = 1000; p > 0; p--)
		add(p);
	for (uint64_t p = 1; p <= 1000; p++)
		expect_next(p);
	expect_none();
}

Test(order, refuses_duplicates_in_rising_positions)
{
	add(0);
	cr_assert_eq(order_reserve(&order, 0), -EEXIST);
	add(5);
	add(7);
	cr_assert_eq(order_reserve(&order, 7), -EEXIST);
	cr_assert_eq(order_reserve(&order, 5), -EEXIST);
	cr_assert_eq(order_reserve(&order, 0), -EEXIST);
	cr_assert_eq(order.count, 3);
}

Test(order, refuses_duplicates_in_mixed_positions)
{
	const uint64_t positions[] = {9, 3, UINT64_MAX, 0, 12, 4};

	for (size_t i = 0; i < 6; i++)
		add(positions[i]);
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(order_reserve(&order, positions[i]), -EEXIST);
}

Test(order, refuses_duplicates_of_what_was_handed_out)
{
	add(1);
	add(2);
	expect_next(1);
	expect_next(2);
	cr_assert_eq(order_reserve(&order, 1), -EEXIST);
	cr_assert_eq(order_reserve(&order, 2), -EEXIST);
}

Test(order, a_lower_position_that_comes_later_is_next)
{
	add(10);
	add(20);
	expect_next(10);
	add(15);
	add(5);
	expect_next(5);
	expect_next(15);
	expect_next(20);
	add(1);
	expect_next(1);
	expect_none();
}

Test(order, skips_what_was_handed_out_by_index)
{
	for (uint64_t p = 0; p < 6; p++)
		add(p);
	order_hand(&order, 0);
	order_hand(&order, 2);
	expect_next(1);
	expect_next(3);
	/* The first one out of order takes over what is left. */
	order_hand(&order, 5);
	add(2 + UINT64_C(1000000));
	add(100);
	expect_next(4);
	expect_next(100);
	expect_next(1000002);
	expect_none();
}

Test(order, takes_the_last_one_back)
{
	add(1);
	add(4);
	order_drop_last(&order);
	expect_next(1);
	expect_none();
	add(4);
	add(3);
	add(2);
	order_drop_last(&order);
	add(7);
	expect_next(3);
	expect_next(4);
	expect_next(7);
	expect_none();
	add(2);
	expect_next(2);
}

Test(order, equals_a_sorted_array_for_random_positions)
{
	enum { N = 5000 };
	static uint64_t model[N];
	uint64_t *sorted;
	size_t n = 0;

	while (n < N) {
		/* Few values at first, so that there are many duplicates. */
		uint64_t position = n < N / 2 ? random_bits() % 4000 : random_bits();
		bool known = false;

		for (size_t i = 0; i < n && !known; i++)
			known = model[i] == position;
		cr_assert_eq(order_reserve(&order, position), known ? -EEXIST : 0);
		if (known)
			continue;
		order_add(&order, position);
		model[n++] = position;
	}
	qsort(model, n, sizeof(model[0]), compare);
	cr_assert_eq(order_sorted(&order, &sorted), 0);
	cr_assert_not_null(sorted);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(order.positions[sorted[i]], model[i]);
	free(sorted);
	for (size_t i = 0; i < n; i++)
		expect_next(model[i]);
	expect_none();
}

Test(order, survives_adding_dropping_and_handing_in_turns)
{
	enum { N = 2000 };
	static uint64_t open[N];
	size_t count = 0;

	for (int step = 0; step < 20000 && order.count < N; step++) {
		uint64_t position = random_bits() % 100000, index;

		if (random_bits() % 3) {
			if (order_reserve(&order, position))
				continue;
			order_add(&order, position);
			if (random_bits() % 4 == 0)
				order_drop_last(&order);
			else
				open[count++] = position;
		} else {
			cr_assert_eq(order_lowest(&order, &index), count > 0);
			if (!count)
				continue;
			qsort(open, count, sizeof(open[0]), compare);
			cr_assert_eq(order.positions[index], open[0]);
			order_hand(&order, index);
			open[0] = open[--count];
		}
	}
}
