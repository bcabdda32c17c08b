/*
 * options.h - what sheaf-bench is asked to do.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "rounds.h"

#define OPTIONS_MAX_CASES 96
#define OPTIONS_LONGEST_MARK 32

struct options {
	struct bench_settings settings;
	const char *json, *svg, *markdown, *cases; /* files to write; NULL: none */
	const char *mark;                          /* which table in the Markdown file; "": the one without a name */
	bool strict, list, help;
	bool chosen[OPTIONS_MAX_CASES];
};

/** options_read() - Return: 0; -EINVAL (said on stderr). @words ends with NULL. */
int options_read(struct options *options, char **words, const struct bench_case *const *cases, size_t n);

/** options_help() - the text of --help on stdout. */
void options_help(const struct bench_case *const *cases, size_t n);

#endif
