/*
 * trial.c - seed and random numbers of stress and crash programs.
 */
#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
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

uint64_t trial_seed(int argc, char **argv)
{
	const char *text = argc > 1 ? argv[1] : getenv("SEED");
	uint64_t seed = text && *text ? parse(text, "seed") : sheaf_now_ns() ^ (uint64_t)getpid() << 32;

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

uint64_t trial_amount(int argc, char **argv, int index, uint64_t otherwise)
{
	return argc > index ? parse(argv[index], "amount") : otherwise;
}

uint64_t trial_value(uint64_t number)
{
	uint64_t x = number + UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t chance_next(struct chance *chance)
{
	uint64_t value = trial_value(chance->state);

	chance->state += UINT64_C(0x9e3779b97f4a7c15);
	return value;
}

uint64_t chance_below(struct chance *chance, uint64_t limit)
{
	return chance_next(chance) % limit;
}

void trial_nap(uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	nanosleep(&time, NULL);
}
