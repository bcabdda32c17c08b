/*
 * monte_carlo.c - the price of an option by simulation: the same digits for any number of workers,
 * and when workers die.
 *
 * A share of price 100 drifts by 5 % a year, with a volatility of 20 %. What is the right worth to
 * buy it in a year for 105? Each position simulates some paths, with the random numbers of its own
 * stream. So its sum is the same whichever worker computes it, and in whichever attempt. The sums
 * are added in the order of the positions. Black and Scholes (1973) have the exact price.
 *
 * Run: build/docs/examples/monte_carlo [--workers N] [--kills]
 */
#include "support/example.h"

#include <math.h>
#include <sheaf_random.h>
#include <signal.h>
#include <stdio.h>

enum { POSITIONS = 2000, PATHS = 1000 };

static const double price = 100, strike = 105, rate = 0.05, volatility = 0.2;

struct simulation {
	int kills; /* some workers kill themselves, each for one attempt of a position */
};

static int simulate(sheaf_task *task, const void *in, void *out)
{
	const struct simulation *simulation = sheaf_task_context(task);
	sheaf_random_stream random;
	double *sum = out;

	(void)in;
	sheaf_random(task, &random);
	*sum = 0;
	for (int path = 0; path < PATHS; path++) {
		double end = price * exp(rate - volatility * volatility / 2 + volatility * sheaf_random_normal(&random));

		*sum += end > strike ? end - strike : 0;
		if (simulation->kills && path == PATHS / 2 && sheaf_task_attempt(task) == 1 &&
		    sheaf_task_position(task) % 100 == 50)
			raise(SIGKILL);
	}
	return 0;
}

static double black_scholes(void)
{
	double d = (log(price / strike) + rate + volatility * volatility / 2) / volatility;

	return price * erfc(-d / sqrt(2)) / 2 - strike * exp(-rate) * erfc(-(d - volatility) / sqrt(2)) / 2;
}

static int run(sheaf_pool *pool, int kills)
{
	struct simulation simulation = {kills};
	sheaf_map_options options = {.context = &simulation, .context_size = sizeof(simulation)};
	double total = 0, *sums;
	void *memory;
	int r;

	if ((r = sheaf_alloc_array(pool, POSITIONS, sizeof(*sums), &memory)))
		return r;
	sums = memory;
	if ((r = sheaf_map(pool, simulate, NULL, 0, sums, sizeof(*sums), POSITIONS, &options)))
		return r;
	for (int i = 0; i < POSITIONS; i++)
		total += sums[i];
	printf("%d paths: %.15g\n", POSITIONS * PATHS, exp(-rate) * total / POSITIONS / PATHS);
	printf("exact: %.6f\n", black_scholes());
	return 0;
}

int main(int argc, char **argv)
{
	bool kills = false;
	const struct example_option options[] = {{.name = "--kills", .help = "some workers are killed", .flag = &kills}, {0}};
	sheaf_pool_options pool_options = {.workers = example_options(argc, argv, options), .seed = 1973};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &pool_options);

	if (!r) {
		r = run(pool, kills);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
