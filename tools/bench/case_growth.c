/*
 * case_growth.c - growth: what an item of a loop costs, and what its batch takes of the segment, from 10^3 to 10^9 items.
 *
 * An item adds one number of a small table to a sum of its worker. That takes a nanosecond or two, so what the loop itself costs shows.
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

/* The numbers are small and whole, so the sums are exact in any order; but no compiler may shorten the chain of additions. */
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

static int measure_with(const struct bench_job *job, bench_run_fn *run_it, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct growth growth = {0};
	void *memory = NULL;
	int r = sheaf_pool_create(&growth.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_alloc(growth.pool, sizeof(struct loop) + job->workers * sizeof(struct part), &memory);
	if (r == 0) {
		growth.loop = memory;
		for (size_t i = 0; i < TABLE; i++)
			growth.loop->table[i] = 1 + (double)(i * 7 % 101);
		r = bench_repeat(job, run_it, &growth, ns);
	}
	sheaf_pool_destroy(growth.pool);
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	return measure_with(job, run, ns);
}

static struct bench_job million(const struct bench_job *job)
{
	struct bench_job other = *job;

	other.n = job->quick ? 10000 : 1000000;
	other.repeats = job->quick ? 1 : 25;
	return other;
}

static int measure_million(const struct bench_job *job, double *ns)
{
	struct bench_job other = million(job);

	return measure(&other, ns);
}

/* bench_repeat() answers per item. */
static int measure_memory(const struct bench_job *job, double *bytes)
{
	int r = measure_with(job, run_memory, bytes);

	*bytes *= (double)job->n;
	return r;
}

static int measure_memory_million(const struct bench_job *job, double *bytes)
{
	struct bench_job other = million(job);

	return measure_memory(&other, bytes);
}

#define MILLION "Sheaf, 10^6 items"

const struct bench_case case_growth_1e3 = {
	.name = "growth/1e3",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "an addition as an item of a loop of 10^3",
	.full = {.n = 1000, .repeats = 101},
	.quick = {.n = 1000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
};

const struct bench_case case_growth_1e4 = {
	.name = "growth/1e4",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same of 10^4",
	.full = {.n = 10000, .repeats = 101},
	.quick = {.n = 10000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
};

const struct bench_case case_growth_1e5 = {
	.name = "growth/1e5",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same of 10^5",
	.full = {.n = 100000, .repeats = 101},
	.quick = {.n = 20000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
};

const struct bench_case case_growth_1e6 = {
	.name = "growth/1e6",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same of 10^6",
	.full = {.n = 1000000, .repeats = 25},
	.quick = {.n = 50000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
};

const struct bench_case case_growth_1e7 = {
	.name = "growth/1e7",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same of 10^7",
	.full = {.n = 10000000, .repeats = 9},
	.quick = {.n = 100000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {{.name = MILLION, .measure = measure_million, .is_sheaf = true}},
	.bounds = {{.most = 1.1, .of = {MILLION}}},
};

const struct bench_case case_growth_1e8 = {
	.name = "growth/1e8",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same of 10^8",
	.full = {.n = 100000000, .repeats = 3},
	.quick = {.n = 200000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {{.name = MILLION, .measure = measure_million, .is_sheaf = true}},
	.bounds = {{.most = 1.1, .of = {MILLION}}},
};

const struct bench_case case_growth_1e9 = {
	.name = "growth/1e9",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same of 10^9",
	.full = {.n = 1000000000, .repeats = 1},
	.quick = {.n = 500000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {{.name = MILLION, .measure = measure_million, .is_sheaf = true}},
	.bounds = {{.most = 1.1, .of = {MILLION}}},
};

const struct bench_case case_growth_memory = {
	.name = "growth/memory",
	.unit = "KiB",
	.unit_ns = 1024,
	.what = "what the pool's heap holds while a loop of 10^9 runs",
	.full = {.n = 1000000000, .repeats = 1},
	.quick = {.n = 500000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_memory},
	.peers = {{.name = MILLION, .measure = measure_memory_million, .is_sheaf = true}},
	.bounds = {{.most = 1, .of = {MILLION}}},
};
