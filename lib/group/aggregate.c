/*
 * aggregate.c - cells: sums, means, extremes, variances, first and last values.
 *
 * Sums of doubles have a second double for what rounding loses: the algorithm Sum2 of Ogita, Rump
 * and Oishi, "Accurate sum and dot product", 2005. Variances follow Welford, "Note on a method for
 * calculating corrected sums of squares and products", 1962, and are joined by the formula of Chan,
 * Golub and LeVeque, 1979.
 */
#include "group/aggregate.h"

#include "data/dtype.h"

#include <math.h>
#include <string.h>

struct sum_cell {
	double sum, lost;
	uint64_t count; /* of values that are not NaN; only of a mean */
};

#define PLAIN_SUM 16 /* bytes of one without the count */

struct variance_cell {
	double mean, squares;
	uint64_t count;
};

struct seen_cell {
	union value value;
	uint64_t seen;
};

struct aggregate aggregate_of(const sheaf_aggregation *how, enum sheaf_number type)
{
	struct aggregate made = {.what = how->what, .type = type, .kind = values_kind(type), .ddof = how->ddof};

	made.result_size = dtype_size(aggregate_result(how->what, type));

	switch (how->what) {
	case SHEAF_COUNT:
		made.cell = made.kind == VALUE_REAL ? sizeof(uint64_t) : 0;
		break;
	case SHEAF_SUM:
		made.cell = made.kind == VALUE_REAL ? PLAIN_SUM : sizeof(uint64_t);
		break;
	case SHEAF_MEAN:
		made.cell = sizeof(struct sum_cell);
		break;
	case SHEAF_VARIANCE:
		made.cell = sizeof(struct variance_cell);
		break;
	case SHEAF_FIRST:
	case SHEAF_LAST:
		made.cell = sizeof(struct seen_cell);
		break;
	default:
		made.cell = sizeof(union value);
		break;
	}
	return made;
}

enum sheaf_number aggregate_result(enum sheaf_aggregate what, enum sheaf_number type)
{
	enum value_kind kind = values_possible(type) ? values_kind(type) : VALUE_REAL;

	switch (what) {
	case SHEAF_COUNT:
		return SHEAF_I64;
	case SHEAF_SUM:
		return kind == VALUE_REAL ? SHEAF_F64 : kind == VALUE_SIGNED ? SHEAF_I64 : SHEAF_U64;
	case SHEAF_MEAN:
	case SHEAF_VARIANCE:
	case SHEAF_QUANTILE:
		return SHEAF_F64;
	default:
		return type;
	}
}

static double as_double(enum value_kind kind, union value value)
{
	return kind == VALUE_REAL ? value.real : kind == VALUE_SIGNED ? (double)value.with_sign : (double)value.whole;
}

/* ---- neutral cells ---- */

/* What an extreme is if there is no value: of floats NaN, which any other value replaces. */
static union value no_extreme(const struct aggregate *aggregate)
{
	bool min = aggregate->what == SHEAF_MIN;

	switch (aggregate->kind) {
	case VALUE_REAL:
		return (union value){.real = NAN};
	case VALUE_SIGNED:
		return (union value){.with_sign = min ? INT64_MAX : INT64_MIN};
	default:
		return (union value){.whole = min ? UINT64_MAX : 0};
	}
}

void aggregate_clear(const struct aggregate *aggregate, void *cells, size_t n)
{
	union value *values = cells, none = no_extreme(aggregate);

	if (aggregate->what != SHEAF_MIN && aggregate->what != SHEAF_MAX)
		memset(cells, 0, n * aggregate->cell);
	else
		for (size_t i = 0; i < n; i++)
			values[i] = none;
}

/* ---- values ---- */

/*
 * Add to a sum, and note what the addition has lost: exactly, unless there is an infinity. Rows of
 * one group often follow each other, so a sum has to be in its cell before it is known what was
 * lost. Volatile keeps compilers from loading and storing both as one vector.
 */
static inline void add_exactly(volatile double *sum, volatile double *lost, double x)
{
	double old = *sum, all = old + x, part = all - old;

	*sum = all;
	*lost += (old - (all - part)) + (x - part);
}

static void add_sums(double (*cells)[2], const uint32_t *slots, const union value *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double x = values[i].real;

		add_exactly(&cells[slots[i]][0], &cells[slots[i]][1], x == x ? x : 0);
	}
}

/* The same, and count rows: where tables are large, both are in the cache at once. */
static void add_counted_sums(double (*cells)[2], uint32_t *rows, const uint32_t *slots, const union value *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t slot = slots[i];
		double x = values[i].real;

		rows[slot]++;
		add_exactly(&cells[slot][0], &cells[slot][1], x == x ? x : 0);
	}
}

static void add_means(struct sum_cell *cells, enum value_kind kind, const uint32_t *slots, const union value *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sum_cell *cell = &cells[slots[i]];
		double x = as_double(kind, values[i]);

		add_exactly(&cell->sum, &cell->lost, x == x ? x : 0);
		cell->count += x == x;
	}
}

static void add_variances(struct variance_cell *cells, enum value_kind kind, const uint32_t *slots, const union value *values,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct variance_cell *cell = &cells[slots[i]];
		double x = as_double(kind, values[i]), distance = x - cell->mean;

		if (x != x)
			continue;
		cell->mean += distance / (double)++cell->count;
		cell->squares += distance * (x - cell->mean);
	}
}

/* BETTER says whether x comes into the place of the extreme so far. */
#define EXTREME_LOOP(FIELD, TYPE, BETTER)                        \
	for (size_t i = 0; i < n; i++) {                         \
		TYPE x = values[i].FIELD;                        \
		TYPE *cell = &cells[slots ? slots[i] : i].FIELD; \
                                                                 \
		if (BETTER)                                      \
			*cell = x;                               \
	}

/* @slots: NULL: value i belongs to cell i. A comparison with NaN is false. */
static void add_extremes(const struct aggregate *aggregate, union value *cells, const uint32_t *slots,
			 const union value *values, size_t n)
{
	bool min = aggregate->what == SHEAF_MIN;

	if (aggregate->kind == VALUE_REAL && min) {
		EXTREME_LOOP(real, double, x < *cell || *cell != *cell)
	} else if (aggregate->kind == VALUE_REAL) {
		EXTREME_LOOP(real, double, x > *cell || *cell != *cell)
	} else if (aggregate->kind == VALUE_SIGNED && min) {
		EXTREME_LOOP(with_sign, int64_t, x < *cell)
	} else if (aggregate->kind == VALUE_SIGNED) {
		EXTREME_LOOP(with_sign, int64_t, x > *cell)
	} else if (min) {
		EXTREME_LOOP(whole, uint64_t, x < *cell)
	} else {
		EXTREME_LOOP(whole, uint64_t, x > *cell)
	}
}

static bool is_nan(enum value_kind kind, union value value)
{
	return kind == VALUE_REAL && value.real != value.real;
}

static void add_seen(const struct aggregate *aggregate, struct seen_cell *cells, const uint32_t *slots,
		     const union value *values, size_t n)
{
	bool first = aggregate->what == SHEAF_FIRST;

	for (size_t i = 0; i < n; i++) {
		struct seen_cell *cell = &cells[slots[i]];

		if (!is_nan(aggregate->kind, values[i]) && !(first && cell->seen))
			*cell = (struct seen_cell){values[i], 1};
	}
}

void aggregate_add(const struct aggregate *aggregate, void *cells, const uint32_t *slots, const union value *values, size_t n)
{
	uint64_t *whole = cells;

	switch (aggregate->what) {
	case SHEAF_COUNT:
		for (size_t i = 0; i < n; i++)
			whole[slots[i]] += values[i].real == values[i].real;
		break;
	case SHEAF_SUM:
		if (aggregate->kind == VALUE_REAL)
			add_sums(cells, slots, values, n);
		else
			for (size_t i = 0; i < n; i++)
				whole[slots[i]] += values[i].whole;
		break;
	case SHEAF_MEAN:
		add_means(cells, aggregate->kind, slots, values, n);
		break;
	case SHEAF_VARIANCE:
		add_variances(cells, aggregate->kind, slots, values, n);
		break;
	case SHEAF_FIRST:
	case SHEAF_LAST:
		add_seen(aggregate, cells, slots, values, n);
		break;
	default:
		add_extremes(aggregate, cells, slots, values, n);
		break;
	}
}

void aggregate_add_counted(const struct aggregate *aggregate, void *cells, uint32_t *rows, const uint32_t *slots,
			   const union value *values, size_t n)
{
	if (aggregate->what == SHEAF_SUM && aggregate->kind == VALUE_REAL) {
		add_counted_sums(cells, rows, slots, values, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		rows[slots[i]]++;
	if (aggregate->cell)
		aggregate_add(aggregate, cells, slots, values, n);
}

/* ---- joins ---- */

static void join_variances(struct variance_cell *cells, const struct variance_cell *next, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double count = (double)(cells[i].count + next[i].count), distance = next[i].mean - cells[i].mean;
		double share = (double)next[i].count / count;

		if (!next[i].count)
			continue;
		cells[i].squares += next[i].squares + distance * distance * share * (double)cells[i].count;
		cells[i].mean += distance * share;
		cells[i].count += next[i].count;
	}
}

static void join_seen(bool first, struct seen_cell *cells, const struct seen_cell *next, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (next[i].seen && !(first && cells[i].seen))
			cells[i] = next[i];
}

static void join_sums(const struct aggregate *aggregate, unsigned char *cells, const unsigned char *next, size_t n)
{
	bool counted = aggregate->what == SHEAF_MEAN;

	for (size_t i = 0; i < n; i++, cells += aggregate->cell, next += aggregate->cell) {
		struct sum_cell cell = {0}, other = {0};

		memcpy(&cell, cells, counted ? sizeof(cell) : PLAIN_SUM);
		memcpy(&other, next, counted ? sizeof(other) : PLAIN_SUM);
		add_exactly(&cell.sum, &cell.lost, other.sum);
		cell.lost += other.lost;
		cell.count += other.count;
		memcpy(cells, &cell, counted ? sizeof(cell) : PLAIN_SUM);
	}
}

void aggregate_join(const struct aggregate *aggregate, void *cells, const void *next, size_t n)
{
	uint64_t *whole = cells;
	const uint64_t *other = next;

	switch (aggregate->what) {
	case SHEAF_VARIANCE:
		join_variances(cells, next, n);
		break;
	case SHEAF_FIRST:
	case SHEAF_LAST:
		join_seen(aggregate->what == SHEAF_FIRST, cells, next, n);
		break;
	case SHEAF_MIN:
	case SHEAF_MAX:
		add_extremes(aggregate, cells, NULL, next, n);
		break;
	default:
		if (aggregate->cell != sizeof(uint64_t))
			join_sums(aggregate, cells, next, n);
		else
			for (size_t i = 0; i < n; i++)
				whole[i] += other[i];
		break;
	}
}

/* ---- results ---- */

/* What was lost is not a number where there was an infinity. */
static double whole_sum(const unsigned char *cell, uint64_t *count)
{
	struct sum_cell sum;

	memcpy(&sum, cell, count ? sizeof(sum) : PLAIN_SUM);
	if (count)
		*count = sum.count;
	return sum.sum - sum.sum == 0 ? sum.sum + sum.lost : sum.sum;
}

static double variance_of(const struct variance_cell *cell, size_t ddof)
{
	return cell->count > ddof ? cell->squares / (double)(cell->count - ddof) : NAN;
}

static union value result_of(const struct aggregate *aggregate, const unsigned char *cell)
{
	union value value;
	uint64_t count;

	memcpy(&value, cell, sizeof(value));
	switch (aggregate->what) {
	case SHEAF_SUM:
		if (aggregate->kind == VALUE_REAL)
			value.real = whole_sum(cell, NULL);
		break;
	case SHEAF_MEAN:
		value.real = whole_sum(cell, &count);
		value.real = count ? value.real / (double)count : NAN;
		break;
	case SHEAF_VARIANCE:
		value.real = variance_of((const void *)cell, aggregate->ddof);
		break;
	case SHEAF_FIRST:
	case SHEAF_LAST:
		if (!((const struct seen_cell *)(const void *)cell)->seen)
			value.real = NAN;
		break;
	default:
		break;
	}
	return value;
}

size_t aggregate_write(const struct aggregate *aggregate, const void *cells, const uint64_t *rows, size_t n, void *results)
{
	enum sheaf_number type = aggregate_result(aggregate->what, aggregate->type);
	const unsigned char *cell = cells;
	unsigned char *result = results;
	size_t written = 0;

	for (size_t i = 0; i < n; i++, cell += aggregate->cell)
		if (rows[i])
			values_store(type, aggregate->cell ? result_of(aggregate, cell) : (union value){.whole = rows[i]},
				     result + written++ * aggregate->result_size);
	return written;
}
