/*
 * case_growth.c - growth: what an item of a loop costs, and what its batch takes of the segment, up
 * to 10^9 items.
 *
 * An item adds one number of a small table to a sum of its worker. That takes a nanosecond or two,
 * so what the loop itself costs shows.
 */
#include "measure.h"
#include "peers.h"

#include <string.h>

#define TABLE 512

struct part {
	_Alignas(128) double sum; /* of the table's numbers */
	uint64_t items;
	uint64_t positions; /* the sum of them */
};

struct loop {
	double table[TABLE];
	struct part parts[]; /* one per worker */
};

struct growth {
	sheaf_pool *pool;
	struct loop *loop;
};

/*
 * The numbers are small and whole, so the sums are exact in any order; but no compiler may shorten
 * the chain of additions.
 */
static int add(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct loop *loop = context;
	struct part *part = &loop->parts[sheaf_task_worker(task)];
	double sum = 0;

	for (size_t i = begin; i < end; i++)
		sum += loop->table[i % TABLE];
	part->sum += sum;
	part->items += end - begin;
	part->positions += (uint64_t)(end - begin) * (begin + end - 1) / 2;
	return 0;
}

static int check(const struct bench_job *job, const struct loop *loop)
{
	uint64_t n = job->n, items = 0, positions = 0;
	double sum = 0, expected = 0;

	for (size_t i = 0; i < TABLE; i++)
		expected += loop->table[i] * (double)(n / TABLE + (i < n % TABLE));
	for (unsigned i = 0; i < job->workers; i++) {
		sum += loop->parts[i].sum;
		items += loop->parts[i].items;
		positions += loop->parts[i].positions;
	}
	if (items != n || positions != n * (n - 1) / 2 || sum != expected)
		return bench_fail("wrong sums over %zu items: %.17g instead of %.17g", job->n, sum, expected);
	return 0;
}

static void forget(const struct bench_job *job, struct loop *loop)
{
	memset(loop->parts, 0, job->workers * sizeof(*loop->parts));
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct growth *growth = context;
	uint64_t start;
	int r;

	forget(job, growth->loop);
	start = sheaf_now_ns();
	r = sheaf_for(growth->pool, add, growth->loop, job->n, NULL);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_for", r) : check(job, growth->loop);
}

/* Answers with bytes: all that the heap holds while the loop runs, with the table and the sums. */
static int run_memory(const struct bench_job *job, void *context, uint64_t *bytes)
{
	struct growth *growth = context;
	sheaf_pool_info begun, done;
	sheaf_batch *batch = NULL;
	int r = sheaf_batch_create(&batch, growth->pool, NULL);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	forget(job, growth->loop);
	r = sheaf_submit_for(batch, add, growth->loop, job->n, NULL);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_submit_for", r);
		goto retire;
	}
	sheaf_pool_get_info(growth->pool, &begun);
	r = bench_await(batch);
	if (r != 0)
		goto retire;
	sheaf_pool_get_info(growth->pool, &done);
	*bytes = begun.heap_used > done.heap_used ? begun.heap_used : done.heap_used;
	r = check(job, growth->loop);
retire:
	sheaf_batch_retire(batch);
	return r;
}

/* ways */
enum { ALL_ITEMS, A_MILLION };

static int measure(const struct bench_job *job, bench_run_fn *run_it, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct growth growth = {0};
	struct bench_job sized = *job;
	void *memory = NULL;
	int r = sheaf_pool_create(&growth.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	if (job->way == A_MILLION) {
		sized.n = job->quick ? 10000 : 1000000;
		sized.repeats = job->quick ? 1 : 25;
	}
	r = bench_alloc(growth.pool, sizeof(struct loop) + job->workers * sizeof(struct part), &memory);
	if (r == 0) {
		growth.loop = memory;
		for (size_t i = 0; i < TABLE; i++)
			growth.loop->table[i] = 1 + (double)(i * 7 % 101);
		r = bench_repeat(&sized, run_it, &growth, ns);
	}
	sheaf_pool_destroy(growth.pool);
	/* bench_repeat() answers per item; the memory is that of all. */
	if (run_it == run_memory)
		*ns *= (double)sized.n;
	return r;
}

static int measure_time(const struct bench_job *job, double *ns)
{
	return measure(job, run, ns);
}

static int measure_memory(const struct bench_job *job, double *bytes)
{
	return measure(job, run_memory, bytes);
}

#define MILLION "Sheaf, 10^6 items"
#define GROWTH(variant, items, times, quick_items, text, figure, in, unit_in_ns, limit)                  \
	{                                                                                                \
		.name = "growth/" variant, .unit = (in), .unit_ns = (unit_in_ns), .what = (text),        \
		.full = {.n = (items), .repeats = (times)}, .quick = {.n = (quick_items), .repeats = 1}, \
		.contenders = {SHEAF(figure, ALL_ITEMS), VARIANT(MILLION, figure, A_MILLION)},           \
		.bounds = {{.most = (limit), .of = {MILLION}}},                                          \
	}
#define LOOP "an addition as an item of a loop of "

const struct bench_case cases_growth[] = {
	GROWTH("1e7", 10000000, 9, 100000, LOOP "10^7", measure_time, "ns/item", 1, 1.1),
	GROWTH("1e8", 100000000, 3, 200000, LOOP "10^8", measure_time, "ns/item", 1, 1.1),
	GROWTH("1e9", 1000000000, 1, 500000, LOOP "10^9", measure_time, "ns/item", 1, 1.1),
	GROWTH("memory", 1000000000, 1, 500000, "what the pool's heap holds while a loop of 10^9 runs", measure_memory, "KiB",
	       1024, 1),
	{0},
};
