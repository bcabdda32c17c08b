/*
 * case_results.c - results-1M: the results of finished tasks, taken in order and read where they
 * lie.
 */
#include "measure.h"
#include "peers.h"

#include <string.h>

/* A result is some words and the first half of one more. */
#define WORDS (BENCH_RESULT_SIZE / sizeof(uint64_t))

static uint64_t word_of(uint64_t position, size_t k)
{
	return bench_expected(position * (WORDS + 1) + k);
}

static int write_result(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task), words[WORDS + 1];

	(void)arg;
	for (size_t k = 0; k <= WORDS; k++)
		words[k] = word_of(position, k);
	memcpy(result, words, BENCH_RESULT_SIZE);
	return 0;
}

/* Of the result's words. */
static uint64_t sum_of(const void *data)
{
	uint64_t sum = 0, word;

	for (size_t k = 0; k < WORDS; k++) {
		memcpy(&word, (const unsigned char *)data + k * sizeof(word), sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, (const unsigned char *)data + WORDS * sizeof(word), BENCH_RESULT_SIZE % sizeof(word));
	return sum + word;
}

/* A sum that two results cannot swap places in. */
static uint64_t weigh(size_t i, uint64_t sum)
{
	return (2 * i + 1) * sum;
}

static int check(const struct bench_job *job, const sheaf_result *results, uint64_t sum)
{
	for (size_t i = 0; i < job->n; i++) {
		uint64_t words[WORDS + 1];

		for (size_t k = 0; k <= WORDS; k++)
			words[k] = word_of(i, k);
		if (memcmp(results[i].data, words, BENCH_RESULT_SIZE) != 0)
			return bench_fail("wrong result at position %zu", i);
		sum -= weigh(i, sum_of(words));
	}
	return sum == 0 ? 0 : bench_fail("the sum over all results is wrong");
}

static int submit_all(const struct bench_job *job, sheaf_batch *batch)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < job->n; i++)
		r = sheaf_submit(batch, i, write_result, NULL, 0);
	return r < 0 ? bench_sheaf_failed("sheaf_submit", r) : bench_await(batch);
}

static int take_and_read(const struct bench_job *job, sheaf_batch *batch, uint64_t *ns)
{
	const sheaf_result *results = NULL;
	uint64_t sum = 0, start = sheaf_now_ns(), gathered;
	size_t n = 0;
	sheaf_result result;
	int r;

	while ((r = sheaf_next(batch, &result, SHEAF_FOREVER)) == 1) {
		if (result.position != n || result.size != BENCH_RESULT_SIZE)
			return bench_fail("result %zu has another position or size, or failed", n);
		sum += weigh(n++, sum_of(result.data));
	}
	*ns = sheaf_now_ns() - start;
	if (r < 0)
		return bench_sheaf_failed("sheaf_next", r);
	if (n != job->n)
		return bench_fail("%zu results instead of %zu", n, job->n);
	/* Not timed: all of them once more, to compare each byte. */
	r = bench_gather(job, batch, BENCH_RESULT_SIZE, &results, &gathered);
	return r ? r : check(job, results, sum);
}

static int gather_and_read(const struct bench_job *job, sheaf_batch *batch, uint64_t *ns)
{
	const sheaf_result *results = NULL;
	uint64_t sum = 0, start = sheaf_now_ns(), gathered;
	int r = bench_gather(job, batch, BENCH_RESULT_SIZE, &results, &gathered);

	if (r != 0)
		return r;
	*ns = gathered - start;
	start = sheaf_now_ns();
	for (size_t i = 0; i < job->n; i++)
		sum += weigh(i, sum_of(results[i].data));
	*ns += sheaf_now_ns() - start;
	return check(job, results, sum);
}

/* ways */
enum { NEXT, ALL_AT_ONCE };

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	sheaf_batch_options options = {.result_size = BENCH_RESULT_SIZE, .flags = SHEAF_NO_TIMES};
	sheaf_batch *batch = NULL;
	int r = sheaf_batch_create(&batch, context, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	r = submit_all(job, batch);
	if (r == 0)
		r = job->way == NEXT ? take_and_read(job, batch, ns) : gather_and_read(job, batch, ns);
	sheaf_batch_retire(batch);
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	return bench_repeat_in_pool(job, run, ns);
}

#define COPY "copy of the same bytes"

const struct bench_case cases_results[] = {
	{
		.name = "results-1M",
		.unit = "ns/result",
		.unit_ns = 1,
		.what = "a result of 100 bytes of a finished task, taken in order and read in place",
		.full = {.n = 1000000, .repeats = 3},
		.quick = {.n = 10000, .repeats = 1},
		/* The owner that gathers and reads is one process, and so is the limit. */
		.contenders = {SHEAF(measure, NEXT), VARIANT("Sheaf, all at once", measure, ALL_AT_ONCE),
			       LIMIT(COPY, limit_result, 0)},
		.bounds = {{.most = 3, .of = {COPY}}},
	},
	{0},
};
