/*
 * own.h - lists of the library's own functions that workers run, or that functions there call.
 *
 * In a pool that other programs may join, a function of the library crosses by its number: its
 * place in all lists, one after the other. Each file with such functions has a list of them, and
 * front/enter.c has the order of the lists. See docs/explanation/attach.md.
 */
#ifndef SHEAF_BASE_OWN_H
#define SHEAF_BASE_OWN_H

typedef void any_fn(void);

/* A list ends with OWN_END. */
struct own_function {
	const char *name;
	any_fn *fn;
};

#define OWN(NAME)                       \
	{                               \
#NAME, (any_fn *)(NAME) \
	}
#define OWN_END      \
	{            \
		0, 0 \
	}

/* All lists, in their order, behind the last one NULL. */
typedef const struct own_function *const own_lists;

#endif
