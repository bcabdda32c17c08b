/*
 * imbalance.c - the distributions of cost, each with a mean of 1, as functions of the item's place
 * in [0, 1) and of a random number in (0, 1).
 */
#include "imbalance.h"
#include "measure.h"

#include <math.h>
#include <string.h>

static double constant(double place, double random)
{
	(void)place;
	(void)random;
	return 1;
}

static double exponential(double place, double random)
{
	(void)place;
	return -log(random);
}

/* One in a hundred costs a hundred times as much. */
static double outliers(double place, double random)
{
	(void)place;
	return (random < 0.01 ? 100 : 1) / 1.99;
}

/* With the exponent 1.5: its variance is infinite. */
static double pareto(double place, double random)
{
	(void)place;
	return pow(random, -1 / 1.5) / 3;
}

static double rising(double place, double random)
{
	(void)random;
	return 2 * place;
}

static double falling(double place, double random)
{
	return rising(1 - place, random);
}

static const struct {
	const char *name;
	double (*cost)(double place, double random);
} variants[] = {
	{"constant", constant}, {"exponential", exponential}, {"outliers", outliers},
	{"pareto", pareto},     {"rising", rising},           {"falling", falling},
};

int imbalance_draw(const struct bench_job *job, struct busy_item *items)
{
	const char *slash = strchr(job->name, '/');
	uint64_t state = 1;

	for (size_t v = 0; slash && v < sizeof(variants) / sizeof(*variants); v++) {
		if (strcmp(variants[v].name, slash + 1) != 0)
			continue;
		for (size_t i = 0; i < job->n; i++) {
			double random, place = (double)i / (double)job->n;

			state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
			/* of its upper 53 bits; never 0 */
			random = ((double)(state >> 11) + 0.5) / 9007199254740992.0;

			items[i].seed = i;
			items[i].iterations = (uint64_t)(BUSY_10_US * variants[v].cost(place, random));
		}
		return 0;
	}
	return bench_fail("there is no distribution of the name %s", job->name);
}
