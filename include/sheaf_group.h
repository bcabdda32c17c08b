/*
 * sheaf_group.h - rows by key: partitions, groups, sorting, and joins of tables in shared memory.
 *
 * Contents
 *   Keys         sheaf_group_options
 *   Rows         sheaf_argsort, sheaf_sort, sheaf_take
 *   Partitions   sheaf_partition_by_key, _parts, _steps, _labels, _free
 *   Aggregates   sheaf_aggregation, sheaf_group_by
 *   Functions    sheaf_rows_add, sheaf_group_apply
 *   Joins        sheaf_join
 *
 * Model     A table is a set of *columns*: arrays of sheaf_data.h with one dimension and one
 *           length, in the pool's shared memory. Row i has item i of each. One or several columns
 *           are the *keys*. Rows with equal keys make a *group*. No call moves rows: calls return
 *           arrays of row numbers, and sheaf_take() gathers by them.
 *
 * Keys      Numbers but complex ones, booleans, text (SHEAF_BYTES) and records (SHEAF_VOID), which
 *           are compared byte by byte, as unsigned numbers. Of several columns the first counts
 *           most. -0.0 and 0.0 are one key. All NaNs are one key, which comes behind all others, in
 *           descending order, too. Columns need not be contiguous.
 *
 * Results   depend on the arguments alone: they have the same bytes for any number of workers, any
 *           schedule, any backend, and when workers die. (explanation/groups.md)
 *
 * Memory    Temporary memory is shared memory, and is free again when a call returns, also when it
 *           fails. If the caller is a task whose worker dies in the call, it stays until the pool
 *           ends, as all that tasks allocate.
 *
 * Callers   As sheaf_for(): the owner, its threads, tasks, and programs that joined. A function for
 *           groups needs a name then: see sheaf_attach.h.
 *
 * Returns   As in sheaf.h: >= 0 done, < 0 is -errno, and sheaf_message() says what went wrong. Each
 *           call that takes a pool returns, beside what it lists, -EINVAL (NULL, an array that is
 *           none, of more than one dimension or of another length, a type that cannot be a key),
 *           -EFAULT (an array, or a context that is not copied, that is not in shared memory),
 *           -ENOMEM, and what sheaf_for() and sheaf_alloc() return. Out-parameters are untouched
 *           then.
 */
#ifndef SHEAF_GROUP_H
#define SHEAF_GROUP_H

#include "sheaf_data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Keys ---- */

enum sheaf_group_order {
	SHEAF_BY_KEY = 0,   /* groups in ascending order of their keys */
	SHEAF_BY_FIRST = 1, /* groups in the order of their first rows */
};

/** sheaf_group_options - how rows are compared. A zeroed struct, or NULL, means the defaults. */
typedef struct sheaf_group_options {
	enum sheaf_group_order order; /* not of sorts and joins */
	/*
	 * A row with a NaN in one of its keys belongs to no group, unless this is set, as with
	 * pandas' groupby(dropna=True). In a join it has no partner, unless this is set; pandas
	 * joins NaN with NaN. Sorts keep all rows.
	 */
	bool keep_nan;
	/* as many as there are keys: true: by descending key. NULL: all ascending */
	const bool *descending;
	const sheaf_map_options *run; /* as of sheaf_for(), without a context; or NULL */
} sheaf_group_options;

/* ---- Rows ---- */

/**
 * sheaf_argsort() - tell in which order the rows are sorted; rows with equal keys stay in order
 * @order:     out: row numbers, SHEAF_I64; free with sheaf_array_free()
 * @keys:      @key_count columns, at least one
 *
 * As numpy.argsort(kind="stable") and lexsort(). A radix sort from the most significant digit
 * (McIlroy, Bostic and McIlroy, "Engineering radix sort", 1993): the first digits by all workers
 * together, and what is left of a bucket by one of them. It needs 16 bytes a row, and as much again
 * where a few buckets have most rows; and in each worker 32 bytes for each row of a bucket.
 */
SHEAF_API int sheaf_argsort(sheaf_array *order, sheaf_pool *pool, const sheaf_array *keys, unsigned key_count,
			    const sheaf_group_options *options);

/**
 * sheaf_sort() - make a sorted copy of a column
 * @sorted: out: an array of the same type; free with sheaf_array_free()
 */
SHEAF_API int sheaf_sort(sheaf_array *sorted, sheaf_pool *pool, const sheaf_array *column, const sheaf_group_options *options);

/**
 * sheaf_take() - gather rows: row i of @to becomes row rows[i] of @from, in parallel
 * @to, @from: of one type, with the same number of dimensions, at least 1, and the same lengths but
 *             for the first. Items of a row lie one behind the other. They do not overlap
 * @rows:      SHEAF_I64 with one dimension, as many as rows of @to. Any order, any number of times
 * @missing:   what rows of @to become where rows[i] is -1: item_size bytes, repeated; or NULL:
 *             a number of rows must be one of @from
 *
 * Return: also -ERANGE (there is no such row: the message names it).
 */
SHEAF_API int sheaf_take(sheaf_pool *pool, const sheaf_array *to, const sheaf_array *from, const sheaf_array *rows,
			 const void *missing, const sheaf_map_options *options);

/* ---- Partitions ---- */

/**
 * sheaf_partition - rows in groups
 *
 * Group g has the rows order[offsets[g]] to order[offsets[g + 1] - 1], in ascending order. If
 * order.data is NULL, the groups are ranges of rows: it has the rows offsets[g] to
 * offsets[g + 1] - 1. Rows that belong to no group are in none.
 */
typedef struct sheaf_partition {
	size_t groups;
	size_t rows;         /* of all groups */
	sheaf_array offsets; /* SHEAF_I64, groups + 1 */
	sheaf_array order;   /* SHEAF_I64, rows; data NULL: ranges */
} sheaf_partition;

/**
 * sheaf_partition_by_key() - put rows with equal keys into one group
 * sheaf_partition_parts() - cut @n rows into @parts ranges, of which the first n % parts have one
 *                           row more than the others: as numpy.array_split()
 * sheaf_partition_steps() - cut @n rows into ranges of @step rows, of which the last may be shorter
 * @partition: out: free with sheaf_partition_free()
 *
 * Any number of groups, from none to one for each row, and of any sizes. By key it needs what
 * sheaf_argsort() needs, and a byte a row.
 * Return: 0; parts, steps: only -EINVAL (also: no parts, a step of 0) and what sheaf_alloc()
 *         returns.
 */
SHEAF_API int sheaf_partition_by_key(sheaf_partition *partition, sheaf_pool *pool, const sheaf_array *keys, unsigned key_count,
				     const sheaf_group_options *options);
SHEAF_API int sheaf_partition_parts(sheaf_partition *partition, sheaf_pool *pool, size_t n, size_t parts);
SHEAF_API int sheaf_partition_steps(sheaf_partition *partition, sheaf_pool *pool, size_t n, size_t step);

/**
 * sheaf_partition_labels() - take each group's first item of a column: of a key, the group's key
 * @labels: out: an array of @column's type with one item for each group; free with
 *          sheaf_array_free()
 * @column: of the table that was partitioned
 *
 * Return: also -EINVAL (a group without rows), -ERANGE (the column is too short).
 */
SHEAF_API int sheaf_partition_labels(sheaf_array *labels, sheaf_pool *pool, const sheaf_partition *partition,
				     const sheaf_array *column, const sheaf_map_options *options);

/**
 * sheaf_partition_free() - give a partition's memory back, and zero it. An all-zero one is fine.
 * Return: as sheaf_free().
 */
SHEAF_API int sheaf_partition_free(sheaf_partition *partition, sheaf_pool *pool);

/* ---- Aggregates ---- */

/* Of the values of a group. NaN values are left out. */
enum sheaf_aggregate {
	SHEAF_COUNT = 0,    /* how many there are; without values: rows. SHEAF_I64 */
	SHEAF_SUM = 1,      /* SHEAF_F64; of whole numbers SHEAF_I64 or SHEAF_U64, modulo 2^64 */
	SHEAF_MEAN = 2,     /* SHEAF_F64; NaN if there are none */
	SHEAF_MIN = 3,      /* of the values' type; NaN if there are none */
	SHEAF_MAX = 4,      /* the same */
	SHEAF_VARIANCE = 5, /* SHEAF_F64; NaN if there are not more than ddof */
	SHEAF_FIRST = 6,    /* the first value, also of other types than numbers; NaN if none */
	SHEAF_LAST = 7,     /* the last one */
	SHEAF_QUANTILE = 8, /* SHEAF_F64; NaN if there are none */
};

/** sheaf_aggregation - one aggregate of one column */
typedef struct sheaf_aggregation {
	enum sheaf_aggregate what;
	const sheaf_array *values; /* a column; NULL: of a count of rows */
	/*
	 * Of a variance: the sum of squared distances is divided by the number of values less ddof:
	 * 0, as NumPy does, or 1, as pandas does.
	 */
	size_t ddof;
	/* Of a quantile: from 0 to 1; 0.5 is the median. Between two values as NumPy's "linear" */
	double quantile;
} sheaf_aggregation;

/**
 * sheaf_group_by() - compute aggregates of each group: one row for each group
 * @labels:       out: @key_count arrays, of the types of the keys: the keys of the groups. Zeros
 *                are 0.0, and a NaN is the quiet one without a sign
 * @results:      out: @count arrays. Free each array with sheaf_array_free()
 * @aggregations: @count of them; 0 gives the distinct keys
 *
 * Nothing is sorted where keys, less the least one, are small numbers: then each piece of the rows
 * has a table of all groups, and tables are joined in the order of the pieces. Larger ones, up to
 * twice as many as there are rows, are scattered first, by their first digits. All others, several
 * columns that do not fit into 64 bits, quantiles, and first or last values that are no numbers,
 * take what sheaf_partition_by_key() takes. A group with many rows is computed in parts in each
 * case.
 *
 * A sum of doubles has an error of at most 2^-53 of itself, and (n * 2^-53)^2 of the sum of |x|,
 * for n values, to first order. (explanation/groups.md)
 *
 * Return: also -EINVAL (no such aggregate, a quantile beyond 0 to 1, values that are no numbers).
 */
SHEAF_API int sheaf_group_by(sheaf_array *labels, sheaf_array *results, sheaf_pool *pool, const sheaf_array *keys,
			     unsigned key_count, const sheaf_aggregation *aggregations, unsigned count,
			     const sheaf_group_options *options);

/* ---- Functions of groups ---- */

/* What a function is called for. */
typedef struct sheaf_group {
	size_t number;        /* in the partition */
	size_t rows;          /* of the group, or of the part of it that the call is for */
	const int64_t *order; /* their numbers; NULL: they follow each other, from first on */
	size_t first;         /* the number of the first one */
	/* What the parts gave, in their order: for sheaf_group_work.join alone; else NULL and 0 */
	const void *parts;
	size_t part_rows;
} sheaf_group;

/* The rows that a function gives for its group. */
typedef struct sheaf_rows sheaf_rows;

/**
 * sheaf_rows_add() - take room for rows behind those that the call has added so far
 * @memory: out: @count zeroed rows, to be written to until the next call
 *
 * Return: 0; -EINVAL; -EOVERFLOW, -ENOMEM.
 */
SHEAF_API int sheaf_rows_add(sheaf_rows *rows, size_t count, void **memory);

/**
 * sheaf_group_fn - compute the rows of one group; run in a worker, once or more
 * @rows:    add any number of rows: also none
 * @context: what the caller gave
 *
 * What its worker has loaded once, in an init hook of sheaf_workers.h, it gets by
 * sheaf_task_state(task).
 * Return: 0, or a negative errno.
 */
typedef int sheaf_group_fn(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context);

/** sheaf_group_work - what is done with each group. All but fn may be zero. */
typedef struct sheaf_group_work {
	sheaf_group_fn *fn;
	enum sheaf_number type; /* of the items of a row */
	size_t item_size;       /* bytes; 0: the type's, but of SHEAF_BYTES and _VOID */
	size_t width;           /* items of a row; 0: one, and the array has one dimension */
	void *context;          /* in shared memory; or context_size bytes are copied */
	size_t context_size;
	/*
	 * A group of more rows is cut into parts of so many rows, and fn is called for each. 0:
	 * none is cut. What the parts give follows each other, unless there is a join: it is called
	 * for the whole group then, and gives its rows.
	 */
	size_t split;
	sheaf_group_fn *join;
} sheaf_group_work;

/**
 * sheaf_group_apply() - call a function for each group, and put all rows into one array
 * @rows:    out: the rows in the order of groups: of one dimension, or of two if width is not 0.
 *           Groups that gave none are left out. Free with sheaf_array_free()
 * @numbers: out: SHEAF_I64: of each row its group, by which sheaf_take() gathers labels; free with
 *           sheaf_array_free(); or NULL
 * @options: as of sheaf_for(), without a context; or NULL. grain: so many groups in a task at most.
 *           A time limit is for one group, and counts for all of a task together
 *
 * Some groups that follow each other make one task, so that there are some 1000 tasks, or more if
 * they are large. Rows are held twice while they are put together. A group whose function fails
 * makes the call fail: the message names the first such group, also if its worker died.
 * Return: 0; -EINVAL (also: a partition that is none; a join without a split); the status of that
 *         group; -ETIME (the deadline passed); -EOVERFLOW; those of sheaf_submit(), sheaf_gather()
 *         and sheaf_alloc().
 */
SHEAF_API int sheaf_group_apply(sheaf_array *rows, sheaf_array *numbers, sheaf_pool *pool, const sheaf_partition *partition,
				const sheaf_group_work *work, const sheaf_map_options *options);

/* ---- Joins ---- */

enum sheaf_join_kind {
	SHEAF_JOIN_INNER = 0, /* rows that have a partner in the other table */
	SHEAF_JOIN_LEFT = 1,  /* and left rows without one, once: their right row is -1 */
};

/**
 * sheaf_join() - find the pairs of rows of two tables that have the same keys
 * @left_rows, @right_rows: out: row numbers, SHEAF_I64: pair i is left_rows[i], right_rows[i]. In
 *              the order of left rows, and of right rows where one has several partners; free with
 *              sheaf_array_free(). sheaf_take() gathers both tables' columns by them
 * @left, @right: the keys: @key_count columns of each table, of the same types
 *
 * Options are keep_nan and run. It needs 25 to 41 bytes for each row of both tables, 24 for each
 * left one, and 16 for each pair.
 * Return: also -EOVERFLOW (too many pairs).
 */
SHEAF_API int sheaf_join(sheaf_array *left_rows, sheaf_array *right_rows, sheaf_pool *pool, const sheaf_array *left,
			 const sheaf_array *right, unsigned key_count, enum sheaf_join_kind kind,
			 const sheaf_group_options *options);

#ifdef __cplusplus
}
#endif

#endif
