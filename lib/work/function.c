/*
 * function.c - tables of functions, by which a function crosses from one program to another.
 *
 * The names in the segment are written once, by the creator, before anybody else knows of it. Each
 * process makes its table from them once: the owner before it forks its family, which inherits it,
 * and a program when it joins. Nothing is written to the segment here.
 */
#include "work/function.h"

#include "base/error.h"
#include "base/printable.h"
#include "trace/trail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int check_function(const char *what, const sheaf_function *function, size_t i)
{
	size_t length = function->name ? strlen(function->name) : 0;

	if (!length || length > SHEAF_FUNCTION_NAME || !printable_already(function->name))
		return sheaf_fail(-EINVAL, "%s: functions[%zu].name must have 1 to %u printable bytes, and has %zu", what, i,
				  SHEAF_FUNCTION_NAME, length);
	if (!function->task == !function->range)
		return sheaf_fail(-EINVAL, "%s: function \"%s\" has %s: give either a task or a range", what, function->name,
				  function->task ? "both a task and a range" : "neither a task nor a range");
	return 0;
}

int functions_check(const char *what, const sheaf_function *functions, size_t count)
{
	int r;

	if (count > SHEAF_MAX_FUNCTIONS || (count && !functions))
		return sheaf_fail(-EINVAL, "%s: function_count is %zu, at most %u, and functions is %s", what, count,
				  SHEAF_MAX_FUNCTIONS, functions ? "given" : "NULL");
	for (size_t i = 0; i < count; i++) {
		if ((r = check_function(what, &functions[i], i)))
			return r;
		for (size_t j = 0; j < i; j++)
			if (!strcmp(functions[i].name, functions[j].name))
				return sheaf_fail(-EEXIST,
						  "%s: the name \"%s\" is given to functions[%zu] and to functions[%zu]", what,
						  functions[i].name, j, i);
	}
	return 0;
}

/* Return the names in the segment, of which there are as many as the table has for the user. */
static const struct shared_function *shared_names(const struct segment *segment)
{
	return segment_at(segment, segment->header->functions);
}

/* Find the number of a name. 0: the pool has none such. */
static uint32_t number_of(const struct segment *segment, uint32_t count, const char *name)
{
	const struct shared_function *names = shared_names(segment);

	for (uint32_t i = 0; i < count; i++)
		if (!strncmp(names[i].name, name, FUNCTION_NAME))
			return FUNCTIONS_FIRST + i;
	return 0;
}

static int take_function(struct functions *table, const struct segment *segment, const sheaf_function *function)
{
	uint32_t number = number_of(segment, table->count - FUNCTIONS_FIRST, function->name);

	if (!number)
		return sheaf_fail(-ENOENT, "sheaf_pool_attach: the pool %s has no function \"%s\" in its options.sharing",
				  segment->name, function->name);
	if (shared_names(segment)[number - FUNCTIONS_FIRST].kind != (function->task ? FUNCTION_TASK : FUNCTION_RANGE))
		return sheaf_fail(-EINVAL, "sheaf_pool_attach: \"%s\" is a %s here, and in the pool %s it is a %s",
				  function->name, function->task ? "task" : "range", segment->name,
				  function->task ? "range" : "task");
	table->at[number] = function->task ? (any_fn *)function->task : (any_fn *)function->range;
	return 0;
}

int functions_make(struct segment *segment, const sheaf_function *functions, size_t count)
{
	uint32_t all = FUNCTIONS_FIRST + segment->header->function_count;
	struct functions *table = calloc(1, sizeof(*table) + all * sizeof(any_fn *));
	int r = 0;

	if (!table)
		return sheaf_fail(-ENOMEM, "no memory for a table of %u functions", (unsigned)all);
	table->count = all;
	for (size_t i = 0; i < count && !r; i++)
		r = take_function(table, segment, &functions[i]);
	if (r)
		free(table);
	else
		segment->functions = table;
	return r;
}

void functions_free(struct segment *segment)
{
	free(segment->functions);
	segment->functions = NULL;
}

const char *functions_missing(const struct segment *segment)
{
	for (uint32_t i = FUNCTIONS_FIRST; i < segment->functions->count; i++)
		if (!segment->functions->at[i])
			return shared_names(segment)[i - FUNCTIONS_FIRST].name;
	return NULL;
}

int function_number(const struct segment *segment, const char *call, any_fn *fn, enum function_kind kind, uint64_t *stored)
{
	uint32_t number;

	if (segment->functions->count == FUNCTIONS_FIRST) {
		/* Of a pool that is traced. Without a number it is run, and leaves no trace. */
		if ((number = trail_number(segment, (uint64_t)(uintptr_t)fn, kind)))
			*stored = FUNCTIONS_FIRST + number - 1;
		return 0;
	}
	for (uint32_t i = FUNCTIONS_FIRST; i < segment->functions->count; i++)
		if (segment->functions->at[i] == fn) {
			*stored = i;
			return 0;
		}
	return sheaf_fail(-ENOENT,
			  "%s: the function at %p has no name in the table of this program, and others run tasks of this pool "
			  "by their names: add it to options.sharing of the owner, and to the table of each program",
			  call, (void *)(uintptr_t)fn);
}

any_fn *function_plain(const struct segment *segment, uint64_t stored, unsigned *kind)
{
	const struct functions *table = segment->functions;
	any_fn *found = NULL;
	uint64_t word;

	*kind = 0;
	if (stored >= FUNCTIONS_END) {
		found = (any_fn *)(uintptr_t)stored;
	} else if (table && stored < table->count) {
		found = table->at[stored];
		if (stored >= FUNCTIONS_FIRST)
			*kind = shared_names(segment)[stored - FUNCTIONS_FIRST].kind;
	} else if (table && segment->trace_records) {
		word = trail_function(segment, (uint32_t)(stored - FUNCTIONS_FIRST + 1));
		*kind = TRACED_KIND(word);
		found = (any_fn *)(uintptr_t)TRACED_ADDRESS(word);
	}
	return found;
}

__attribute__((noinline, cold)) any_fn *function_numbered(const struct segment *segment, uint64_t number)
{
	unsigned kind;
	any_fn *fn = function_plain(segment, number, &kind);

	/* A wild write may have changed the kind. */
	if (fn && segment->trace_records && kind && kind <= FUNCTION_RANGE)
		fn = segment->functions->traced[kind];
	return fn;
}
