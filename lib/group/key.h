/*
 * key.h - keys as numbers: each row gets one or several words of 64 bits, which compare as its keys
 * do.
 */
#ifndef SHEAF_GROUP_KEY_H
#define SHEAF_GROUP_KEY_H

#include "group/key_plan.h"
#include "group/passes.h"

/*
 * Check the columns of one table, or of two (second is NULL: one), and plan how their keys become
 * words. Rows with a NaN in one of the first @dropping keys come last, and are counted as dropped.
 * *@plan: out: until the passes end.
 */
int key_make(struct passes *passes, const sheaf_array *first, const sheaf_array *second, unsigned key_count,
	     const sheaf_group_options *options, unsigned dropping, struct key_plan **plan);

/* Compute a word of @n rows from @begin on, at most KEY_BLOCK. */
void key_codes(const struct key_plan *plan, unsigned word, size_t begin, size_t n, uint64_t *codes);

/*
 * Compute the only word of up to KEY_BLOCK rows, or 0 if there is none. key_values() must be less
 * than 2^32.
 */
void key_slots(const struct key_plan *plan, size_t begin, size_t n, uint32_t *slots);

/*
 * Tell how many values the only word may have; if they are 2^64, one less. If rows are dropped,
 * theirs are above *@last, which may be the largest number there is.
 */
uint64_t key_values(const struct key_plan *plan, uint64_t *last);

/* Compute a word of these rows: their codes. */
void key_recode(const struct key_plan *plan, unsigned word, struct key_pair *pairs, size_t n);

/* Check that arrays can be columns of @rows rows of a table. @name: with %zu for the index. */
int key_check_column(const struct passes *passes, const char *name, unsigned index, const sheaf_array *column, size_t rows);

#endif
