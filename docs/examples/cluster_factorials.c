/*
 * cluster_factorials.c - the factorials of 1 to 200 over the nodes of a cluster: results whose size
 * only the task knows, printed at the root in order.
 *
 * Run: mpirun --host a,b --map-by ppr:1:node --bind-to none build/docs/examples/cluster_factorials
 */
#include <errno.h>
#include <inttypes.h>
#include <sheaf_mpi.h>
#include <stdio.h>

#include "support/example.h"

enum {
	LAST = 200,
	BASE = 1000000000, /* a number is kept as limbs of nine decimal digits, the lowest first */
	DIGITS = 9,
	MAX_LIMBS = 42, /* 200! has 375 digits */
};

/* Multiply a number by a factor. Return how many limbs it has now. */
static size_t multiply(uint32_t *limbs, size_t used, uint64_t factor)
{
	uint64_t carry = 0;

	for (size_t i = 0; i < used; i++) {
		carry += limbs[i] * factor;
		limbs[i] = (uint32_t)(carry % BASE);
		carry /= BASE;
	}
	if (carry > 0)
		limbs[used++] = (uint32_t)carry;
	return used;
}

static int factorial(sheaf_task *task, const void *arg, void *result)
{
	uint64_t n = sheaf_task_position(task) + 1;
	uint32_t limbs[MAX_LIMBS + 1] = {1};
	size_t used = 1, size;
	void *memory;
	char *text;
	int r;

	(void)arg;
	(void)result;
	for (uint64_t factor = 2; factor <= n && used <= MAX_LIMBS; factor++)
		used = multiply(limbs, used, factor);
	if (used > MAX_LIMBS)
		return sheaf_task_fail(task, -EOVERFLOW, "%" PRIu64 "! has more than %d digits", n, MAX_LIMBS * DIGITS);

	/* The highest limb comes without leading zeros, the others with them. */
	size = (size_t)snprintf(NULL, 0, "%" PRIu32, limbs[used - 1]) + (used - 1) * DIGITS + 1;
	r = sheaf_task_result(task, size, &memory);
	if (r < 0)
		return r;
	text = memory;
	text += sprintf(text, "%" PRIu32, limbs[used - 1]);
	for (size_t i = used - 1; i-- > 0;)
		text += sprintf(text, "%09" PRIu32, limbs[i]);
	return 0;
}

/* At the root, in the order of positions. */
static int print(void *context, const sheaf_result *result)
{
	(void)context;
	if (result->status == 0)
		printf("%" PRIu64 "! = %s\n", result->position + 1, (const char *)result->data);
	return 0;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	sheaf_cluster *cluster = NULL;
	int r = sheaf_cluster_start(&cluster, &argc, &argv, &options);

	if (r == 0)
		r = sheaf_cluster_collect(cluster, factorial, NULL, 0, LAST, print, NULL, NULL);
	r = example_end(r);
	sheaf_cluster_destroy(cluster);
	return r;
}
