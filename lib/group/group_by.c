/*
 * group_by.c - sheaf_group_by(): chooses how groups are found, and has them computed.
 *
 * The choice depends on the numbers of rows and of the values that a key may have, so results do
 * not depend on who computes.
 */
#include "sheaf_group.h"

#include "base/error.h"
#include "group/group_scatter.h"
#include "group/group_sorted.h"
#include "group/group_table.h"
#include "group/group_write.h"
#include "group/key.h"
#include "group/key_store.h"
#include "group/tasks.h"

#include <errno.h>
#include <stdlib.h>

#define FEW_ROWS 65536u   /* for one table */
#define FEW_SLOTS 131072u /* for a table of all of them in each piece of the rows */
#define PIECES 64u        /* of the rows, at most */
#define LEAST_PIECE 8u    /* rows of a piece for each slot of its table */

/* What a call works on. */
struct grouping_call {
	struct passes passes;
	const sheaf_array *keys;
	unsigned key_count;
	const sheaf_aggregation *aggregations;
	unsigned count;
	const sheaf_group_options *options;
	bool by_first;
	struct key_plan *plan;
	sheaf_array *labels, *results; /* private; results has one more, for first rows */
	size_t groups;
};

/* ---- what is asked for ---- */

static int check_aggregation(const struct grouping_call *call, unsigned a)
{
	const sheaf_aggregation *how = &call->aggregations[a];
	const char *name = call->passes.call;
	int r;

	if ((unsigned)how->what > SHEAF_QUANTILE)
		return sheaf_fail(-EINVAL, "%s: aggregations[%u].what is %d, which is no aggregate", name, a, (int)how->what);
	if (!how->values && how->what != SHEAF_COUNT)
		return sheaf_fail(-EINVAL, "%s: aggregations[%u].values is NULL: only rows can be counted without", name, a);
	if (how->what == SHEAF_QUANTILE && !(how->quantile >= 0 && how->quantile <= 1))
		return sheaf_fail(-EINVAL, "%s: aggregations[%u].quantile is %g: from 0 to 1", name, a, how->quantile);
	if (how->values && (r = key_check_column(&call->passes, "aggregations.values", a, how->values, call->keys[0].shape[0])))
		return r;
	if (how->values && !values_possible(how->values->type) && how->what != SHEAF_COUNT && how->what != SHEAF_FIRST &&
	    how->what != SHEAF_LAST)
		return sheaf_fail(-EINVAL, "%s: aggregations[%u].values are no real numbers", name, a);
	return 0;
}

static bool needs_order(const sheaf_aggregation *how)
{
	return how->what == SHEAF_QUANTILE || (how->values && !values_possible(how->values->type) && how->what != SHEAF_COUNT);
}

/* ---- tables ---- */

/* Find the column of values, or add it. */
static unsigned column_of(struct group_tables *tables, const sheaf_array *values)
{
	sheaf_array wanted = values ? *values : (sheaf_array){.type = SHEAF_U64, .item_size = 8};

	for (unsigned k = 0; k < tables->columns; k++) {
		const sheaf_array *known = &tables->column[k].array;

		if (known->data == wanted.data && known->type == wanted.type && known->strides[0] == wanted.strides[0])
			return k;
	}
	tables->column[tables->columns] = (struct group_column){.array = wanted, .type = wanted.type};
	return tables->columns++;
}

static int describe_tables(struct grouping_call *call, struct group_tables *tables)
{
	static const sheaf_aggregation first_row = {.what = SHEAF_FIRST};
	size_t before = 0;
	int r;

	if ((r = passes_alloc(&call->passes, call->count + 1, sizeof(*tables->aggregate), &tables->aggregate)) ||
	    (r = passes_alloc(&call->passes, call->count + 1, sizeof(*tables->column), &tables->column)))
		return r;
	for (unsigned a = 0; a < call->count + call->by_first; a++) {
		const sheaf_aggregation *how = a < call->count ? &call->aggregations[a] : &first_row;
		bool typed = how->values && values_possible(how->values->type);
		struct aggregate *aggregate = &tables->aggregate[tables->aggregates++];

		*aggregate = aggregate_of(how, typed ? how->values->type : SHEAF_U64);
		if (aggregate->cell)
			aggregate->column = column_of(tables, how->values);
		aggregate->before = before;
		before += aggregate->cell;
	}
	return 0;
}

/* Put the groups into the order of their first rows, which are the last result. */
static int reorder(struct grouping_call *call)
{
	sheaf_array *first = &call->results[call->count], order = {0}, moved;
	unsigned arrays = call->key_count + call->count;
	int r = sheaf_argsort(&order, call->passes.pool, first, 1, &(sheaf_group_options){.run = &call->passes.options});

	for (unsigned i = 0; i < arrays && !r; i++) {
		sheaf_array *array = i < call->key_count ? &call->labels[i] : &call->results[i - call->key_count];

		if ((r = sheaf_array_create(&moved, call->passes.pool, array->type, array->item_size, 1, &call->groups)))
			break;
		if (!(r = sheaf_take(call->passes.pool, &moved, array, &order, NULL, &call->passes.options))) {
			sheaf_array old = *array;

			*array = moved;
			moved = old;
		}
		(void)sheaf_array_free(&moved, call->passes.pool);
	}
	(void)sheaf_array_free(&order, call->passes.pool);
	return r;
}

static int group_in_tables(struct grouping_call *call, struct group_tables *tables)
{
	size_t rows = call->plan->rows, pieces = rows / LEAST_PIECE / tables->slots;
	bool few = rows <= FEW_ROWS || (tables->slots <= FEW_SLOTS && pieces >= PIECES / 8);
	int r = describe_tables(call, tables);

	if (r)
		return r;
	pieces = rows <= FEW_ROWS || !pieces ? 1 : pieces < PIECES ? pieces : PIECES;
	if ((r = few ? group_cut(&call->passes, tables, pieces) : group_scatter(&call->passes, tables)) ||
	    (r = group_table_fill_all(&call->passes, tables)) ||
	    (r = group_write(&call->passes, tables, call->labels, call->results, &call->groups)))
		return r;
	return call->by_first ? reorder(call) : 0;
}

/* ---- the order ---- */

/* What the workers know that make zeros and NaNs of labels plain. */
struct plain_labels {
	enum sheaf_number type;
	size_t item_size;
	unsigned char *items;
};

static int make_plain(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct plain_labels *labels = context;

	(void)task;
	key_store_plainly(labels->type, labels->items + begin * labels->item_size, end - begin);
	return 0;
}

const struct own_function own_group_by[] = {
	OWN(make_plain),
	OWN_END,
};

static int group_in_order(struct grouping_call *call)
{
	struct passes *passes = &call->passes;
	sheaf_partition partition = {0};
	int r = sheaf_partition_by_key(&partition, passes->pool, call->keys, call->key_count, call->options);

	for (unsigned k = 0; k < call->key_count && !r; k++) {
		const sheaf_array *key = &call->keys[k];

		r = sheaf_partition_labels(&call->labels[k], passes->pool, &partition, key, &passes->options);
		if (!r && key->item_size && values_possible(key->type) && values_kind(key->type) == VALUE_REAL) {
			struct plain_labels job = {key->type, key->item_size, call->labels[k].data};

			r = passes_run(passes, make_plain, &job, sizeof(job), partition.groups, 0);
		}
	}
	for (unsigned a = 0; a < call->count && !r; a++)
		r = group_sorted(passes, &partition, &call->aggregations[a], call->keys[0].shape[0], &call->results[a]);
	(void)sheaf_partition_free(&partition, passes->pool);
	return r;
}

/* ---- the call ---- */

/* Find the values of sparse keys. tables->slots: out: 0: they are too many for tables. */
static int find_sparse(struct grouping_call *call, uint64_t last, struct group_tables *tables)
{
	struct dictionary *dictionary = &tables->dictionary;
	int r = call->plan->rows > FEW_ROWS ? dictionary_make(&call->passes, call->plan, dictionary) : 0;

	tables->slots = tables->kept = dictionary->count;
	while (tables->kept && dictionary->codes[tables->kept - 1] > last)
		tables->kept--;
	/* All rows are dropped. */
	if (!tables->kept)
		tables->slots = 0;
	return r;
}

static int group_rows_of(struct grouping_call *call)
{
	struct group_tables tables = {0};
	uint64_t slots, last;
	bool ordered = false;
	int r = key_make(&call->passes, call->keys, NULL, call->key_count, call->options,
			 call->options && call->options->keep_nan ? 0 : call->key_count, &call->plan);

	if (r)
		return r;
	for (unsigned a = 0; a < call->count; a++) {
		if ((r = check_aggregation(call, a)))
			return r;
		ordered |= needs_order(&call->aggregations[a]);
	}
	slots = key_values(call->plan, &last);
	tables.keys = call->plan;
	if (slots <= 2 * (uint64_t)call->plan->rows + 1) {
		tables.slots = slots;
		tables.kept = last + 1;
	}
	if (ordered || call->plan->words > 1)
		return group_in_order(call);
	if (!tables.slots && (r = find_sparse(call, last, &tables)))
		return r;
	return tables.slots ? group_in_tables(call, &tables) : group_in_order(call);
}

/* Hand out the arrays, or free them. */
static int hand_out_arrays(struct grouping_call *call, int code, sheaf_array *labels, sheaf_array *results)
{
	for (unsigned k = 0; k < call->key_count; k++)
		if (!code)
			labels[k] = call->labels[k];
		else
			(void)sheaf_array_free(&call->labels[k], call->passes.pool);
	for (unsigned a = 0; a <= call->count; a++)
		if (!code && a < call->count)
			results[a] = call->results[a];
		else
			(void)sheaf_array_free(&call->results[a], call->passes.pool);
	return code;
}

int sheaf_group_by(sheaf_array *labels, sheaf_array *results, sheaf_pool *pool, const sheaf_array *keys, unsigned key_count,
		   const sheaf_aggregation *aggregations, unsigned count, const sheaf_group_options *options)
{
	struct grouping_call call = {.keys = keys,
				     .key_count = key_count,
				     .aggregations = aggregations,
				     .count = count,
				     .options = options,
				     .by_first = options && options->order == SHEAF_BY_FIRST};
	int r = passes_begin(&call.passes, pool, "sheaf_group_by", options ? options->run : NULL);

	if (!r && (!labels || (count && (!results || !aggregations))))
		r = sheaf_fail(-EINVAL, "sheaf_group_by: %s is NULL",
			       !labels    ? "labels"
			       : !results ? "results"
					  : "aggregations");
	if (r)
		return r;
	call.labels = calloc((size_t)key_count + count + 1, sizeof(*call.labels));
	if (!call.labels)
		return sheaf_fail(-ENOMEM, "sheaf_group_by: no memory for %u arrays", key_count + count);
	call.results = call.labels + key_count;
	r = hand_out_arrays(&call, group_rows_of(&call), labels, results);
	free(call.labels);
	return passes_end(&call.passes, r);
}
