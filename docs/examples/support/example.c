/*
 * example.c - the options of all examples, by a table, and their common way to end.
 */
#include "example.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FAILURES = 10 }; /* named one by one */

static const char *program = "example";

static void print_option(const struct example_option *option)
{
	const char *value = option->number ? " N" : option->text ? " FILE" : "";

	printf("  %s%-*s  %s\n", option->name, (int)(16 - strlen(option->name)), value, option->help);
}

static void print_help(const struct example_option *workers, const struct example_option *options)
{
	printf("Usage: %s [OPTION...]\n", program);
	print_option(workers);
	for (; options && options->name; options++)
		print_option(options);
}

static void take_number(const struct example_option *option, const char *text)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	/* strtoul() accepts a sign and leading blanks, which are no part of a number here. */
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < option->min || value > option->max) {
		fprintf(stderr, "%s: %s %s: give a whole number from %u to %u\n", program, option->name, text, option->min,
			option->max);
		exit(EXIT_FAILURE);
	}
	*option->number = (unsigned)value;
}

static const struct example_option *find_option(const struct example_option *options, const char *name)
{
	for (; options && options->name; options++) {
		if (strcmp(options->name, name) == 0)
			return options;
	}
	return NULL;
}

unsigned example_options(int argc, char **argv, const struct example_option *options)
{
	unsigned workers = 0;
	const struct example_option common = {
		.name = "--workers",
		.help = "how many workers; without it, one per usable CPU",
		.number = &workers,
		.min = 1,
		.max = SHEAF_MAX_WORKERS,
	};
	const struct example_option *option;

	program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			print_help(&common, options);
			exit(example_end(0));
		}
		option = strcmp(argv[i], common.name) == 0 ? &common : find_option(options, argv[i]);
		if (!option) {
			fprintf(stderr, "%s: %s: no such option; --help lists them\n", program, argv[i]);
			exit(EXIT_FAILURE);
		}
		if (option->flag) {
			*option->flag = true;
			continue;
		}
		if (++i == argc) {
			fprintf(stderr, "%s: %s: its value is missing\n", program, option->name);
			exit(EXIT_FAILURE);
		}
		if (option->number)
			take_number(option, argv[i]);
		else
			*option->text = argv[i];
	}
	return workers;
}

int example_failures(const sheaf_result *results, size_t n)
{
	int failed = 0;

	for (size_t i = 0; i < n; i++) {
		if (results[i].status == 0)
			continue;
		if (failed++ < MAX_FAILURES)
			fprintf(stderr, "%s: position %" PRIu64 " failed: %s\n", program, results[i].position,
				results[i].message);
	}
	if (failed > MAX_FAILURES)
		fprintf(stderr, "%s: and %d more positions failed\n", program, failed - MAX_FAILURES);
	return failed;
}

int example_end(int r)
{
	if (r < 0)
		fprintf(stderr, "%s: %s\n", program, sheaf_message());
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "%s: standard output: %s; free some space or write elsewhere\n", program, strerror(errno));
		r = 1;
	}
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
