/*
 * case_stream.c - stream: one producer, one worker, and results that are taken in order while
 * others are still submitted.
 *
 * The producer fills the window, then takes what is there, at least one, and fills it again. So it
 * does with the queues in stream_queue.c. In stream/window the library bounds the window, and uses
 * its memory again. In stream/sizes each result has another size, and is written and read whole.
 */
#include "measure.h"
#include "peers.h"
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 4001u

enum { OPEN_END, WINDOWED, SIZES_OPEN_END, SIZES_WINDOWED };

struct stream {
	sheaf_pool *pool;
	uint64_t *results; /* in the order in which they came */
	int way;
};

/* The size of a result that begins with the number of its task. */
static size_t size_of(uint64_t number)
{
	return sizeof(number) + number * 2654435761u % (LARGEST - sizeof(number));
}

static int sized_task(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number;
	void *memory;
	int r;

	(void)result;
	memcpy(&number, arg, sizeof(number));
	if ((r = sheaf_task_result(task, size_of(number), &memory)))
		return r;
	memset(memory, (int)(number & 0xff), size_of(number));
	number = bench_expected(number);
	memcpy(memory, &number, sizeof(number));
	return 0;
}

/* Is the end of the result what its task wrote? All of it is read. */
static bool is_whole(const sheaf_result *result)
{
	const unsigned char *bytes = result->data;
	unsigned differ = 0;

	for (size_t i = sizeof(uint64_t); i < result->size; i++)
		differ |= bytes[i] ^ (unsigned)(result->position & 0xff);
	return result->size == size_of(result->position) && !differ;
}

/* Takes what is done, at least one. Return: their number, or as bench_fail(). */
static int take(sheaf_batch *batch, uint64_t *results, size_t taken, size_t sent, bool sized)
{
	uint64_t deadline_ns = SHEAF_FOREVER;
	size_t before = taken;

	while (taken < sent) {
		sheaf_result result;
		int r = sheaf_next(batch, &result, deadline_ns);

		if (r == -EAGAIN)
			break;
		if (r != 1)
			return r < 0 ? bench_sheaf_failed("sheaf_next", r) : bench_fail("sheaf_next: no more after %zu", taken);
		if (result.status || result.position != taken || (sized && !is_whole(&result)))
			return bench_fail("not the result of position %zu", taken);
		results[taken++] = *(const uint64_t *)result.data;
		deadline_ns = 0;
	}
	return (int)(taken - before);
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct stream *stream = context;
	bool sized = stream->way >= SIZES_OPEN_END;
	sheaf_task_fn *fn = sized ? sized_task : bench_task;
	sheaf_batch_options options = {.result_size = sized ? 0 : sizeof(uint64_t),
				       .window = stream->way == WINDOWED || stream->way == SIZES_WINDOWED ? STREAM_WINDOW : 0,
				       .flags = SHEAF_NO_TIMES};
	sheaf_batch *batch = NULL;
	uint64_t start = sheaf_now_ns();
	uint64_t sent = 0;
	size_t taken = 0;
	int r = sheaf_batch_create(&batch, stream->pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	while (taken < job->n) {
		for (; sent < job->n && sent - taken < STREAM_WINDOW; sent++) {
			r = sheaf_submit(batch, sent, fn, &sent, sizeof(sent));
			if (r < 0) {
				r = bench_sheaf_failed("sheaf_submit", r);
				goto retire;
			}
		}
		r = take(batch, stream->results, taken, sent, sized);
		if (r < 0)
			goto retire;
		taken += (size_t)r;
	}
	r = 0;
retire:
	sheaf_batch_retire(batch);
	*ns = sheaf_now_ns() - start;
	return r == 0 ? stream_check(stream->results, job->n) : r;
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = 1, .ring_size = STREAM_WINDOW};
	struct stream stream = {.results = calloc(job->n, sizeof(*stream.results)), .way = job->way};
	int r;

	if (!stream.results)
		return bench_fail("no memory for %zu results", job->n);
	r = sheaf_pool_create(&stream.pool, &options);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_pool_create", r);
	} else {
		r = bench_repeat(job, run, &stream, ns);
		sheaf_pool_destroy(stream.pool);
	}
	free(stream.results);
	return r;
}

#define MPMC "MPMC queue, two hops"
#define OPEN "without a window"

const struct bench_case cases_stream[] = {
	{
		.name = "stream",
		.unit = "ns/item",
		.unit_ns = 1,
		.what = "items of 8 bytes to one worker and back, taken in order while others are submitted",
		.full = {.n = 1000000, .repeats = 3},
		.quick = {.n = 10000, .repeats = 1},
		.contenders = {SHEAF(measure, 0), LIMIT(MPMC, stream_mpmc, 0)},
		.bounds = {{.most = 1, .of = {MPMC}}},
	},
	{
		.name = "stream/window",
		.unit = "ns/item",
		.unit_ns = 1,
		.what = "the same in a batch with a window, which uses its memory again",
		.full = {.n = 1000000, .repeats = 3},
		.quick = {.n = 10000, .repeats = 1},
		.contenders = {SHEAF(measure, WINDOWED), VARIANT(OPEN, measure, OPEN_END), LIMIT(MPMC, stream_mpmc, 0)},
		.bounds = {{.most = 2, .of = {MPMC}}},
	},
	{
		.name = "stream/sizes",
		.unit = "ns/item",
		.unit_ns = 1,
		.what = "results of 8 to 4,000 bytes, written and read, in a batch with a window",
		.full = {.n = 200000, .repeats = 3},
		.quick = {.n = 5000, .repeats = 1},
		.contenders = {SHEAF(measure, SIZES_WINDOWED), VARIANT(OPEN, measure, SIZES_OPEN_END)},
		.bounds = {{.most = 1.25, .of = {OPEN}}},
	},
	{0},
};
