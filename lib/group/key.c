/*
 * key.c - keys as numbers: which values each field has, which fields share a word, and words of
 * rows.
 *
 * Deaths            Of a worker: its chunks are looked at again.
 */
#include "group/key.h"

#include "base/error.h"
#include "base/number.h"
#include "group/key_direct.h"
#include "group/key_load.h"
#include "group/tasks.h"
#include "data/describe.h"
#include "data/reach.h"
#include "data/shape.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CHUNKS 512u
#define LEAST_CHUNK 16384u

/* Which values a field has in one chunk. */
struct values {
	uint64_t min, max, nans;
};

/* What the workers know that look for them. Of each chunk there is one more: of rows with a NaN. */
struct looking {
	const struct key_plan *plan;
	struct chunks chunks;
	struct values *found;
};

int key_check_column(const struct passes *passes, const char *name, unsigned index, const sheaf_array *column, size_t rows)
{
	char text[48];
	int r;

	snprintf(text, sizeof(text), "%s[%u]", name, index);
	if ((r = shape_check(passes->call, text, column)))
		return r;
	if (column->dimensions != 1)
		return sheaf_fail(-EINVAL, "%s: %s has %u dimensions: a column has 1", passes->call, text, column->dimensions);
	if (column->shape[0] != rows)
		return sheaf_fail(-EINVAL, "%s: %s has %zu rows, and the others have %zu", passes->call, text, column->shape[0],
				  rows);
	return reach_check(passes->pool, passes->call, text, column);
}

/* ---- the plan ---- */

static size_t text_fields(const sheaf_array *column)
{
	bool text = column->type == SHEAF_BYTES || column->type == SHEAF_VOID;

	return text ? column->item_size / 8 + (column->item_size % 8 != 0) : 1;
}

static int fail_type(const struct passes *passes, const char *name, unsigned k, const sheaf_array *key, const sheaf_array *like)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "%.20s[%u] has not the type of the other table's key: copy it into one", name, k);
	return describe_fail(passes->call, reason, key, like);
}

static int check_keys(const struct passes *passes, const char *name, const sheaf_array *keys, unsigned key_count,
		      const sheaf_array *like)
{
	int r;

	for (unsigned k = 0; k < key_count; k++) {
		if ((r = key_check_column(passes, name, k, &keys[k], keys[0].shape[0])))
			return r;
		if (!key_load_possible(keys[k].type))
			return sheaf_fail(-EINVAL, "%s: %s[%u] has complex numbers, which have no order: use their parts",
					  passes->call, name, k);
		if (keys[k].type != like[k].type || keys[k].item_size != like[k].item_size)
			return fail_type(passes, name, k, &keys[k], &like[k]);
	}
	return 0;
}

static void add_fields(struct key_plan *plan, const sheaf_array *first, const sheaf_array *second,
		       const sheaf_group_options *options, bool flag)
{
	if (flag)
		plan->field[plan->fields++] = (struct key_field){.column = KEY_ANY_NAN, .max = 1};
	for (unsigned k = 0; k < plan->columns; k++) {
		struct key_column *column = &plan->column[k];
		size_t parts = text_fields(&first[k]);

		column->sides[0] = first[k];
		if (second)
			column->sides[1] = second[k];
		column->descending = options && options->descending && options->descending[k];
		for (size_t part = 0; part < parts; part++) {
			size_t left = first[k].item_size - part * 8;

			plan->field[plan->fields++] = (struct key_field){
				.column = k, .first = part * 8, .bytes = left < 8 ? (unsigned)left : 8};
		}
	}
}

/* Allocate a plan of fields whose values are not known yet. */
static int make_plan(struct passes *passes, const sheaf_array *first, const sheaf_array *second, unsigned key_count,
		     const sheaf_group_options *options, unsigned dropping, struct key_plan **made)
{
	size_t fields = 1, floats = 0;
	struct key_plan *plan;
	int r;

	for (unsigned k = 0; k < key_count; k++) {
		fields += text_fields(&first[k]);
		floats += k < dropping && key_load_may_be_nan(first[k].type);
	}
	if (fields > UINT32_MAX / sizeof(*plan))
		return sheaf_fail(-EOVERFLOW, "%s: the keys of a row have more bytes than can be compared", passes->call);
	if ((r = passes_alloc(passes, 1,
			      sizeof(*plan) + key_count * sizeof(*plan->column) +
				      fields * (2 * sizeof(*plan->field) + sizeof(*plan->word)),
			      &plan)))
		return r;
	plan->column = (void *)(plan + 1);
	plan->field = (void *)(plan->column + key_count);
	plan->constant = plan->field + fields;
	plan->word = (void *)(plan->constant + fields);
	plan->columns = key_count;
	plan->dropping = dropping;
	plan->left = first->shape[0];
	plan->rows = plan->left + (second ? second->shape[0] : 0);
	/* With one field NaNs are the last ones by themselves. */
	add_fields(plan, first, second, options, floats && fields > 2);
	*made = plan;
	return 0;
}

/* ---- which values there are ---- */

static void note_values(struct values *found, const uint64_t *values, size_t n, bool nans, bool drops, uint64_t *any)
{
	uint64_t min = found->min, max = found->max;

	if (!nans) {
		for (size_t i = 0; i < n; i++) {
			min = values[i] < min ? values[i] : min;
			max = values[i] > max ? values[i] : max;
		}
	} else {
		for (size_t i = 0; i < n; i++) {
			bool nan = values[i] == KEY_LOAD_NAN;

			min = values[i] < min ? values[i] : min;
			max = !nan && values[i] > max ? values[i] : max;
			found->nans += nan;
			any[i] |= nan && drops;
		}
	}
	found->min = min;
	found->max = max;
}

/* The rows of one table that follow each other: at most a block. */
static size_t block_length(const struct key_plan *plan, size_t at, size_t end)
{
	size_t length = end - at < KEY_BLOCK ? end - at : KEY_BLOCK;

	return at < plan->left && plan->left - at < length ? plan->left - at : length;
}

/* Find where the items of a field lie one behind the other from a row on; or NULL. */
static const unsigned char *dense_items(const struct key_plan *plan, const struct key_field *field, size_t row)
{
	const sheaf_array *side;

	if (field->column == KEY_ANY_NAN)
		return NULL;
	side = &plan->column[field->column].sides[row >= plan->left];
	if (side->strides[0] != (ptrdiff_t)side->item_size)
		return NULL;
	return (const unsigned char *)side->data + (row >= plan->left ? row - plan->left : row) * side->item_size;
}

/* Note which values a field has in up to a block of rows. @any: which of them have a NaN. */
static void look_at_block(const struct key_plan *plan, const struct key_field *field, size_t begin, size_t n,
			  struct values *found, uint64_t *any)
{
	const unsigned char *items = dense_items(plan, field, begin);
	uint64_t values[KEY_BLOCK];
	enum sheaf_number type;

	if (field->column == KEY_ANY_NAN)
		return;
	type = plan->column[field->column].sides[0].type;
	if (items && key_direct_range(type, items, n, &found->min, &found->max))
		return;
	key_load_range(plan, field, begin, n, values);
	note_values(found, values, n, key_load_may_be_nan(type), field->column < plan->dropping, any);
}

static int look_at_chunks(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct looking *looking = context;
	const struct key_plan *plan = looking->plan;
	uint64_t any[KEY_BLOCK];

	(void)task;
	for (size_t c = begin; c < end; c++) {
		struct values *found = looking->found + c * (plan->fields + 1);
		size_t last = chunks_end(&looking->chunks, c), n;

		for (unsigned f = 0; f <= plan->fields; f++)
			found[f] = (struct values){.min = UINT64_MAX};
		for (size_t at = chunks_begin(&looking->chunks, c); at < last; at += n) {
			n = block_length(plan, at, last);
			memset(any, 0, n * sizeof(*any));
			for (unsigned f = 0; f < plan->fields; f++)
				look_at_block(plan, &plan->field[f], at, n, &found[f], any);
			for (size_t i = 0; i < n; i++)
				found[plan->fields].nans += any[i];
		}
	}
	return 0;
}

const struct own_function own_key[] = {
	OWN(look_at_chunks),
	OWN_END,
};

static int find_values(struct passes *passes, struct key_plan *plan)
{
	struct looking looking = {.plan = plan, .chunks = chunks_cut(plan->rows, LEAST_CHUNK, CHUNKS)};
	int r = passes_alloc(passes, looking.chunks.count * (plan->fields + 1), sizeof(*looking.found), &looking.found);

	if (r || (r = passes_run(passes, look_at_chunks, &looking, sizeof(looking), looking.chunks.count, 1)))
		return r;
	for (unsigned f = 0; f <= plan->fields; f++) {
		struct values all = {.min = UINT64_MAX};

		for (size_t c = 0; c < looking.chunks.count; c++) {
			const struct values *found = looking.found + c * (plan->fields + 1) + f;

			all.min = found->min < all.min ? found->min : all.min;
			all.max = found->max > all.max ? found->max : all.max;
			all.nans += found->nans;
		}
		if (f == plan->fields) {
			plan->dropped = all.nans;
		} else if (plan->field[f].column != KEY_ANY_NAN) {
			/* Nothing but NaN, or no rows: one value. */
			plan->field[f].min = all.min <= all.max ? all.min : 0;
			plan->field[f].max = all.min <= all.max ? all.max : 0;
			plan->field[f].nans = all.nans != 0;
		}
	}
	passes_drop(passes, looking.found);
	return 0;
}

/* ---- words ---- */

static unsigned field_bits(const struct key_plan *plan, const struct key_field *field)
{
	uint64_t largest = field->max - field->min + field->nans;

	if (field->column == KEY_ANY_NAN)
		largest = plan->dropped != 0;
	return largest ? 64 - (unsigned)__builtin_clzll(largest) : 0;
}

/* Put fields into words, as many as fit, and leave out those that are the same in all rows. */
static void pack_words(struct key_plan *plan)
{
	unsigned kept = 0;

	for (unsigned f = 0; f < plan->fields; f++) {
		struct key_field field = plan->field[f];
		unsigned bits = field_bits(plan, &field);
		struct key_word *word = &plan->word[plan->words];

		if (!bits) {
			plan->constant[plan->constants++] = field;
			continue;
		}
		if (!plan->words || word[-1].bits + bits > 64)
			plan->word[plan->words++] = (struct key_word){.first = kept};
		word = &plan->word[plan->words - 1];
		for (unsigned before = 0; before < word->count; before++)
			plan->field[word->first + before].shift += bits;
		word->count++;
		word->bits += bits;
		plan->field[kept++] = field;
	}
	plan->fields = kept;
}

int key_make(struct passes *passes, const sheaf_array *first, const sheaf_array *second, unsigned key_count,
	     const sheaf_group_options *options, unsigned dropping, struct key_plan **plan)
{
	struct key_plan *made = NULL;
	int r;

	if (!first || !key_count)
		return sheaf_fail(-EINVAL, "%s: %s", passes->call, first ? "there are no keys" : "keys is NULL");
	if (key_count > UINT16_MAX)
		return sheaf_fail(-EINVAL, "%s: %u keys, at most %u", passes->call, key_count, (unsigned)UINT16_MAX);
	if (options && (unsigned)options->order > SHEAF_BY_FIRST)
		return sheaf_fail(-EINVAL, "%s: options->order is %d, which is no order", passes->call, (int)options->order);
	if ((r = check_keys(passes, second ? "left" : "keys", first, key_count, first)) ||
	    (second && (r = check_keys(passes, "right", second, key_count, first))))
		return r;
	if ((r = make_plan(passes, first, second, key_count, options, dropping, &made)))
		return r;
	if ((r = find_values(passes, made)))
		return r;
	pack_words(made);
	*plan = made;
	return 0;
}

/* ---- words of rows ---- */

/* Turn a field's values, in place, into its part of a word. */
static void place_values(const struct key_plan *plan, const struct key_field *field, uint64_t *values, size_t n)
{
	bool descending = field->column != KEY_ANY_NAN && plan->column[field->column].descending;
	uint64_t min = field->min, max = field->max, nan = max - min + 1;
	unsigned shift = field->shift;

	if (field->nans)
		for (size_t i = 0; i < n; i++) {
			uint64_t value = descending ? max - values[i] : values[i] - min;

			values[i] = (values[i] == KEY_LOAD_NAN ? nan : value) << shift;
		}
	else if (descending)
		for (size_t i = 0; i < n; i++)
			values[i] = (max - values[i]) << shift;
	else
		for (size_t i = 0; i < n; i++)
			values[i] = (values[i] - min) << shift;
}

/* Compute a word of up to a block: of these rows, or of those from @begin on of one table. */
static void compute_word(const struct key_plan *plan, const struct key_word *word, size_t begin, const struct key_pair *rows,
			 size_t n, uint64_t *codes)
{
	uint64_t others[KEY_BLOCK];

	for (unsigned f = word->first; f < word->first + word->count; f++) {
		const struct key_field *field = &plan->field[f];
		uint64_t *values = f == word->first ? codes : others;

		if (rows)
			key_load_rows(plan, field, rows, n, values);
		else
			key_load_range(plan, field, begin, n, values);
		place_values(plan, field, values, n);
		for (size_t i = 0; i < n && values == others; i++)
			codes[i] += others[i];
	}
}

void key_codes(const struct key_plan *plan, unsigned word, size_t begin, size_t n, uint64_t *codes)
{
	for (size_t done = 0, length; done < n; done += length) {
		length = block_length(plan, begin + done, begin + n);
		compute_word(plan, &plan->word[word], begin + done, NULL, length, codes + done);
	}
}

void key_slots(const struct key_plan *plan, size_t begin, size_t n, uint32_t *slots)
{
	const struct key_field *field = plan->field;
	uint64_t codes[KEY_BLOCK];
	const unsigned char *items = NULL;

	if (plan->words && plan->fields == 1 && !field->nans && plan->rows == plan->left)
		items = dense_items(plan, field, begin);
	if (items && !plan->column[field->column].descending &&
	    key_direct_slots(plan->column[field->column].sides[0].type, items, field->min, n, slots))
		return;
	if (plan->words)
		key_codes(plan, 0, begin, n, codes);
	for (size_t i = 0; i < n; i++)
		slots[i] = plan->words ? (uint32_t)codes[i] : 0;
}

void key_recode(const struct key_plan *plan, unsigned word, struct key_pair *pairs, size_t n)
{
	uint64_t codes[KEY_BLOCK];

	for (size_t done = 0, length; done < n; done += length) {
		length = n - done < KEY_BLOCK ? n - done : KEY_BLOCK;
		compute_word(plan, &plan->word[word], 0, pairs + done, length, codes);
		for (size_t i = 0; i < length; i++)
			pairs[done + i].code = codes[i];
	}
}

uint64_t key_values(const struct key_plan *plan, uint64_t *last)
{
	const struct key_field *first = plan->field;
	uint64_t largest = 0;

	for (unsigned f = 0; f < plan->fields; f++)
		largest += (plan->field[f].column == KEY_ANY_NAN
				    ? 1
				    : plan->field[f].max - plan->field[f].min + plan->field[f].nans)
			   << plan->field[f].shift;
	*last = largest;
	if (plan->dropped && plan->fields)
		*last = first->column == KEY_ANY_NAN ? (UINT64_C(1) << first->shift) - 1 : first->max - first->min;
	return largest < UINT64_MAX ? largest + 1 : largest;
}
