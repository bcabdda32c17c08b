/*
 * sales_by_shop.c - a table of sales, grouped by shop: sums, a median, joined names, and shares of
 * each shop's sum that a function computes group by group.
 *
 * The table is made of the position alone. What is printed is the same for any number of workers.
 *
 * Run: build/docs/examples/sales_by_shop [--workers N] [--sales N]
 */
#include "support/example.h"

#include <sheaf_group.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SHOPS = 7, NAMED = 5 };

/* Columns: one row for each sale. */
struct sales {
	sheaf_array shop, amount;
};

static int make_sale(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct sales *sales = context;

	(void)task;
	for (size_t i = begin; i < end; i++) {
		uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

		x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
		((int32_t *)sales->shop.data)[i] = (int32_t)(x >> 40) % SHOPS * 10;
		((double *)sales->amount.data)[i] = (double)(x >> 20 & 0xffff) / 100;
	}
	return 0;
}

static int make_sales(sheaf_pool *pool, size_t n, struct sales *sales)
{
	int r;

	if ((r = sheaf_array_create(&sales->shop, pool, SHEAF_I32, 0, 1, &n)) ||
	    (r = sheaf_array_create(&sales->amount, pool, SHEAF_F64, 0, 1, &n)))
		return r;
	return sheaf_for(pool, make_sale, sales, n, &(sheaf_map_options){.context_size = sizeof(*sales)});
}

/* ---- one row for each shop ---- */

/* A second table: shops and their names. Two shops have none. */
static int make_names(sheaf_pool *pool, sheaf_array *shop, sheaf_array *name)
{
	static const char texts[NAMED][8] = {"north", "east", "south", "west", "centre"};
	size_t n = NAMED;
	int r;

	if ((r = sheaf_array_create(shop, pool, SHEAF_I32, 0, 1, &n)) ||
	    (r = sheaf_array_create(name, pool, SHEAF_BYTES, 8, 1, &n)))
		return r;
	for (int i = 0; i < NAMED; i++)
		((int32_t *)shop->data)[i] = i * 10;
	memcpy(name->data, texts, sizeof(texts));
	return 0;
}

static int print_sums(sheaf_pool *pool, const struct sales *sales)
{
	sheaf_aggregation wanted[] = {
		{.what = SHEAF_COUNT},
		{.what = SHEAF_SUM, .values = &sales->amount},
		{.what = SHEAF_QUANTILE, .values = &sales->amount, .quantile = 0.5},
	};
	sheaf_array shop, of[3], named, name, left, right, names;
	size_t shops;
	int r;

	if ((r = sheaf_group_by(&shop, of, pool, &sales->shop, 1, wanted, 3, NULL)) || (r = make_names(pool, &named, &name)) ||
	    (r = sheaf_join(&left, &right, pool, &shop, &named, 1, SHEAF_JOIN_LEFT, NULL)))
		return r;
	/* One row for each shop: no shop has two names. */
	shops = left.shape[0];
	if ((r = sheaf_array_create(&names, pool, SHEAF_BYTES, 8, 1, &shops)) ||
	    (r = sheaf_take(pool, &names, &name, &right, "?\0\0\0\0\0\0", NULL)))
		return r;
	for (size_t i = 0; i < shops; i++)
		printf("shop %2d %-6.8s %6lld sales, sum %.2f, median %.3f\n", (int)((int32_t *)shop.data)[i],
		       (char *)names.data + 8 * i, (long long)((int64_t *)of[0].data)[i], ((double *)of[1].data)[i],
		       ((double *)of[2].data)[i]);
	return 0;
}

/* ---- any number of rows for each shop ---- */

/* The large sales of a shop, as shares of its sum: a row for each, or none. */
static int largest_shares(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const double *amount = context;
	double sum = 0, *share;
	int r = 0;

	(void)task;
	for (size_t i = 0; i < group->rows; i++)
		sum += amount[group->order[i]];
	for (size_t i = 0; i < group->rows && !r; i++)
		if (amount[group->order[i]] > 650 && !(r = sheaf_rows_add(rows, 1, (void **)&share)))
			*share = amount[group->order[i]] / sum;
	return r;
}

static int print_shares(sheaf_pool *pool, const struct sales *sales)
{
	sheaf_group_work work = {.fn = largest_shares, .type = SHEAF_F64, .context = sales->amount.data};
	sheaf_partition by_shop;
	sheaf_array shares, of, shop;
	double all = 0;
	int r;

	if ((r = sheaf_partition_by_key(&by_shop, pool, &sales->shop, 1, NULL)) ||
	    (r = sheaf_group_apply(&shares, &of, pool, &by_shop, &work, NULL)) ||
	    (r = sheaf_partition_labels(&shop, pool, &by_shop, &sales->shop, NULL)))
		return r;
	for (size_t i = 0; i < shares.shape[0]; i++)
		all += ((double *)shares.data)[i];
	printf("%zu large sales, %.6f of their shops' sums\n", shares.shape[0], all);
	if (shares.shape[0])
		printf("the first one is of shop %d\n", (int)((int32_t *)shop.data)[((int64_t *)of.data)[0]]);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = 200000;
	const struct example_option options[] = {
		{.name = "--sales", .help = "how many", .number = &n, .min = 1, .max = 100000000}, {0}};
	sheaf_pool_options pool_options = {.workers = example_options(argc, argv, options)};
	struct sales sales;
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &pool_options);

	if (!r) {
		if (!(r = make_sales(pool, n, &sales)) && !(r = print_sums(pool, &sales)))
			r = print_shares(pool, &sales);
		/* Its memory goes with the pool. */
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
