/*
 * example.h - what every example needs around its one idea: options, and one way to end.
 */
#ifndef SHEAF_EXAMPLE_H
#define SHEAF_EXAMPLE_H

#include <stdbool.h>
#include <sheaf.h>

/* An option of one example. It takes a number, or a text, or nothing: exactly one of the three pointers is set. */
struct example_option {
	const char *name; /* "--size"; NULL ends the list */
	const char *help;
	unsigned *number; /* out: from min to max */
	unsigned min, max;
	const char **text; /* out */
	bool *flag;        /* out: true if given */
};

/*
 * Reads the command line: --workers N, --help, and the example's own options (NULL: it has none).
 * Returns the number of workers, 0 if not given. Ends the program after --help (0) and after a bad option (1).
 */
unsigned example_options(int argc, char **argv, const struct example_option *options);

/* Says on stderr which of n results failed, and why. Returns how many did. */
int example_failures(const sheaf_result *results, size_t n);

/*
 * The exit code of main. r < 0: a function of Sheaf failed, its message is printed; r > 0: something failed and was reported
 * already; 0: all is well if stdout could be written.
 */
int example_end(int r);

#endif
