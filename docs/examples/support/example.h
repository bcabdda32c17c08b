/*
 * example.h - what every example needs around its one idea: options, and one way to end.
 */
#ifndef SHEAF_EXAMPLE_H
#define SHEAF_EXAMPLE_H

#include <stdbool.h>
#include <sheaf.h>

/*
 * An option of one example. It takes a number, or a text, or nothing: exactly one of the three
 * pointers is set.
 */
struct example_option {
	const char *name; /* "--size"; NULL ends the list */
	const char *help;
	unsigned *number; /* out: from min to max */
	unsigned min, max;
	const char **text; /* out */
	bool *flag;        /* out: true if given */
};

/*
 * Read the command line: --workers N, --help, and the example's own options (NULL: it has none).
 * Return the number of workers, 0 if not given. End the program after --help (exit code 0) and
 * after a bad option (1).
 */
unsigned example_options(int argc, char **argv, const struct example_option *options);

/* Say on stderr which of n results failed, and why. Return how many failed. */
int example_failures(const sheaf_result *results, size_t n);

/*
 * Return the exit code of main. r < 0: a function of Sheaf failed, and its message is printed. r >
 * 0: something failed, and was reported already. r = 0: success, if stdout could be written.
 */
int example_end(int r);

#endif
