/*
 * arguments.c - seed and amounts from the command line.
 */
#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sheaf.h"

static uint64_t parse(const char *text, const char *what)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || end == text || *end) {
		fprintf(stderr, "%s \"%s\": not a number\n", what, text);
		exit(2);
	}
	return number;
}

uint64_t seed_argument(int argc, char **argv)
{
	const char *text = argc > 1 ? argv[1] : getenv("SEED");
	uint64_t seed = text && *text ? parse(text, "seed") : sheaf_now_ns() ^ (uint64_t)getpid() << 32;

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

uint64_t amount_argument(int argc, char **argv, int index, uint64_t otherwise)
{
	return argc > index ? parse(argv[index], "amount") : otherwise;
}
