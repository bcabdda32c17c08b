/*
 * function.c - tables of functions, by which a function crosses from one program to another.
 *
 * The names in the segment are written once, by the creator, before anybody else knows of it. Each
 * process makes its table from them once: the owner before it forks its family, which inherits it,
 * and a program when it joins. Nothing is written to the segment here. The library's own functions
 * are in the table, too, and the header has a hash of their names.
 */
#include "work/function.h"

#include "base/error.h"
#include "base/printable.h"
#include "trace/trail.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A function's pointer, and which of the three it is. */
struct given {
	any_fn *fn;
	enum function_kind kind;
	unsigned count; /* of pointers that are given */
};

static struct given given_of(const sheaf_function *function)
{
	struct given given = {.count = !!function->task + !!function->range + !!function->other};

	if (function->task)
		given = (struct given){(any_fn *)function->task, FUNCTION_TASK, given.count};
	else if (function->range)
		given = (struct given){(any_fn *)function->range, FUNCTION_RANGE, given.count};
	else
		given = (struct given){function->other, FUNCTION_OTHER, given.count};
	return given;
}

static const char *kind_text(uint32_t kind)
{
	return kind == FUNCTION_TASK ? "task" : kind == FUNCTION_RANGE ? "range" : "function of another kind";
}

static int check_function(const char *what, const sheaf_function *function, size_t i)
{
	size_t length = function->name ? strlen(function->name) : 0;

	if (!length || length > SHEAF_FUNCTION_NAME || !printable_already(function->name))
		return sheaf_fail(-EINVAL, "%s: functions[%zu].name must have 1 to %u printable bytes, and has %zu", what, i,
				  SHEAF_FUNCTION_NAME, length);
	if (given_of(function).count != 1)
		return sheaf_fail(-EINVAL, "%s: function \"%s\" has %u pointers: give a task, or a range, or another one", what,
				  function->name, given_of(function).count);
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
	uint32_t number = number_of(segment, table->count - FUNCTIONS_FIRST, function->name), kind;
	struct given given = given_of(function);

	if (!number)
		return sheaf_fail(-ENOENT, "sheaf_pool_attach: the pool %s has no function \"%s\" in its options.sharing",
				  segment->name, function->name);
	kind = shared_names(segment)[number - FUNCTIONS_FIRST].kind;
	if (kind != given.kind)
		return sheaf_fail(-EINVAL, "sheaf_pool_attach: \"%s\" is a %s here, and in the pool %s it is a %s",
				  function->name, kind_text(given.kind), segment->name, kind_text(kind));
	table->at[number] = given.fn;
	return 0;
}

uint64_t functions_hash(own_lists *own)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *own; own++)
		for (const struct own_function *function = *own; function->name; function++)
			for (const char *c = function->name; c == function->name || c[-1]; c++)
				hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	return hash;
}

/* Number the library's own functions. */
static int take_own(struct functions *table, const struct segment *segment, own_lists *own)
{
	uint32_t number = FUNCTIONS_OWN;

	if (segment->header->function_count && segment->header->own_functions != functions_hash(own))
		return sheaf_fail(-EPROTO,
				  "sheaf_pool_attach: the pool %s was created by another build of the library, whose own "
				  "functions have other numbers",
				  segment->name);
	for (; *own; own++)
		for (const struct own_function *function = *own; function->name; function++) {
			assert(number < FUNCTIONS_FIRST);
			table->at[number++] = function->fn;
		}
	return 0;
}

int functions_make(struct segment *segment, const sheaf_function *functions, size_t count, own_lists *own)
{
	uint32_t all = FUNCTIONS_FIRST + segment->header->function_count;
	struct functions *table = calloc(1, sizeof(*table) + all * sizeof(any_fn *));
	int r;

	if (!table)
		return sheaf_fail(-ENOMEM, "no memory for a table of %u functions", (unsigned)all);
	table->count = all;
	r = take_own(table, segment, own);
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

/* Find the number of a function in the table. 0: it has none. */
static uint32_t find_number(const struct functions *table, any_fn *fn)
{
	for (uint32_t i = FUNCTIONS_FIRST; i < table->count; i++)
		if (table->at[i] == fn)
			return i;
	for (uint32_t i = FUNCTIONS_OWN; i < FUNCTIONS_FIRST; i++)
		if (table->at[i] == fn)
			return i;
	return 0;
}

int function_name(const struct segment *segment, const char *call, any_fn *fn, uint64_t *named)
{
	*named = (uint64_t)(uintptr_t)fn;
	return fn && segment->function_count ? function_number(segment, call, fn, FUNCTION_OTHER, named) : 0;
}

any_fn *function_named(const struct segment *segment, uint64_t named)
{
	const struct functions *table = segment->functions;

	if (named >= FUNCTIONS_END)
		return (any_fn *)(uintptr_t)named;
	return table && named < table->count ? table->at[named] : NULL;
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
	if ((number = find_number(segment->functions, fn))) {
		*stored = number;
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
