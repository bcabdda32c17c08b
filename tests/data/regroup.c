/*
 * regroup.c - groups, sorts and joins the columns in a folder, for pandas_groups.py.
 *
 * Usage: regroup FOLDER KEYS [first] [nan] [join]
 * Reads key0.npy ... and value.npy, and right0.npy ... of another table. Writes label0.npy ..., one
 * file for each aggregate, order.npy, and inner_left.npy, inner_right.npy, left_left.npy,
 * left_right.npy. first: groups in the order of their first rows. nan: NaN is a key. join: the
 * tables are joined.
 */
#include "sheaf_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_KEYS 4

static const struct {
	const char *name;
	sheaf_aggregation how;
} aggregates[] = {
	{"size", {.what = SHEAF_COUNT}},
	{"count", {.what = SHEAF_COUNT}},
	{"sum", {.what = SHEAF_SUM}},
	{"mean", {.what = SHEAF_MEAN}},
	{"min", {.what = SHEAF_MIN}},
	{"max", {.what = SHEAF_MAX}},
	{"var", {.what = SHEAF_VARIANCE, .ddof = 1}},
	{"first", {.what = SHEAF_FIRST}},
	{"last", {.what = SHEAF_LAST}},
	{"median", {.what = SHEAF_QUANTILE, .quantile = 0.5}},
};
#define AGGREGATES (sizeof(aggregates) / sizeof(aggregates[0]))

static sheaf_pool *pool;
static const char *folder;

static void check(int code)
{
	if (code >= 0)
		return;
	fprintf(stderr, "regroup: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	exit(1);
}

static void load(sheaf_array *array, const char *name, int number)
{
	char path[1024];

	snprintf(path, sizeof(path), number < 0 ? "%s/%s.npy" : "%s/%s%d.npy", folder, name, number);
	check(sheaf_array_load(array, pool, path, NULL));
}

static void save(const sheaf_array *array, const char *name, int number)
{
	char path[1024];

	snprintf(path, sizeof(path), number < 0 ? "%s/%s.npy" : "%s/%s%d.npy", folder, name, number);
	check(sheaf_array_save(array, path));
}

static void group(const sheaf_array *keys, int key_count, const sheaf_array *value, const sheaf_group_options *options,
		  size_t first, size_t end)
{
	sheaf_aggregation asked[AGGREGATES];
	sheaf_array labels[MOST_KEYS], results[AGGREGATES];

	for (size_t a = first; a < end; a++) {
		asked[a - first] = aggregates[a].how;
		asked[a - first].values = a ? value : NULL;
	}
	check(sheaf_group_by(labels, results, pool, keys, (unsigned)key_count, asked, (unsigned)(end - first), options));
	for (int k = 0; k < key_count; k++)
		save(&labels[k], "label", k);
	for (size_t a = first; a < end; a++)
		save(&results[a - first], aggregates[a].name, -1);
}

static void join(const sheaf_array *keys, const sheaf_array *others, int key_count, const sheaf_group_options *options)
{
	sheaf_array left, right;

	check(sheaf_join(&left, &right, pool, keys, others, (unsigned)key_count, SHEAF_JOIN_INNER, options));
	save(&left, "inner_left", -1);
	save(&right, "inner_right", -1);
	check(sheaf_join(&left, &right, pool, keys, others, (unsigned)key_count, SHEAF_JOIN_LEFT, options));
	save(&left, "left_left", -1);
	save(&right, "left_right", -1);
}

int main(int argc, char **argv)
{
	sheaf_group_options options = {0};
	sheaf_array keys[MOST_KEYS], others[MOST_KEYS], value, order;
	int key_count = argc > 2 ? atoi(argv[2]) : 0;
	bool joins = false;

	if (key_count < 1 || key_count > MOST_KEYS) {
		fprintf(stderr, "usage: regroup FOLDER KEYS [first] [nan] [join]\n");
		return 2;
	}
	folder = argv[1];
	for (int i = 3; i < argc; i++) {
		options.order = !strcmp(argv[i], "first") ? SHEAF_BY_FIRST : options.order;
		options.keep_nan |= !strcmp(argv[i], "nan");
		joins |= !strcmp(argv[i], "join");
	}
	check(sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 256 << 20}));
	for (int k = 0; k < key_count; k++) {
		load(&keys[k], "key", k);
		load(&others[k], "right", k);
	}
	load(&value, "value", -1);
	/* The quantile takes the way by sorting, so all others are asked for without it, too. */
	group(keys, key_count, &value, &options, AGGREGATES - 1, AGGREGATES);
	group(keys, key_count, &value, &options, 0, AGGREGATES - 1);
	check(sheaf_argsort(&order, pool, keys, (unsigned)key_count, &options));
	save(&order, "order", -1);
	if (joins)
		join(keys, others, key_count, &options);
	sheaf_pool_destroy(pool);
	return 0;
}
