/*
 * random.c - streams of random numbers that depend on a seed and a position alone.
 */
#include "sheaf_random.h"

#include "base/philox.h"
#include "work/task.h"

void sheaf_random_at(sheaf_random_stream *stream, uint64_t seed, uint64_t position)
{
	*stream = (sheaf_random_stream){.seed = seed, .position = position};
}

uint64_t sheaf_random_seed(const sheaf_task *task)
{
	return task->member->segment->seed;
}

void sheaf_random(const sheaf_task *task, sheaf_random_stream *stream)
{
	sheaf_random_at(stream, sheaf_random_seed(task), sheaf_task_position(task));
}

uint32_t sheaf_random_u32(sheaf_random_stream *stream)
{
	if (!stream->left) {
		const uint32_t counter[4] = {(uint32_t)stream->block, (uint32_t)(stream->block >> 32),
					     (uint32_t)stream->position, (uint32_t)(stream->position >> 32)};
		const uint32_t key[2] = {(uint32_t)stream->seed, (uint32_t)(stream->seed >> 32)};

		philox(counter, key, stream->words);
		stream->block++;
		stream->left = 4;
	}
	return stream->words[4 - stream->left--];
}

uint64_t sheaf_random_u64(sheaf_random_stream *stream)
{
	uint64_t low = sheaf_random_u32(stream);

	return low | (uint64_t)sheaf_random_u32(stream) << 32;
}

double sheaf_random_double(sheaf_random_stream *stream)
{
	return (double)(sheaf_random_u64(stream) >> 11) * 0x1p-53;
}

/* The upper 64 bits of a product, and its lower ones. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *low)
{
	uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
	uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (uint32_t)middle;

	*low = a * b;
	return a1 * b1 + (middle >> 32) + (other >> 32);
}

uint64_t sheaf_random_below(sheaf_random_stream *stream, uint64_t n)
{
	uint64_t low, high, few;

	if (!n)
		return sheaf_random_u64(stream);
	high = multiply(sheaf_random_u64(stream), n, &low);
	if (low >= n)
		return high;
	/* 2^64 modulo n products are too many. */
	for (few = -n % n; low < few;)
		high = multiply(sheaf_random_u64(stream), n, &low);
	return high;
}

/* ---- normal: Karney's algorithm N. The names H and B are his. ---- */

/* H: true with the probability exp(-1/2). */
static bool half_exponential(sheaf_random_stream *stream)
{
	double u = sheaf_random_double(stream), v;

	if (u >= 0.5)
		return true;
	for (;;) {
		v = sheaf_random_double(stream);
		if (v >= u)
			return false;
		u = sheaf_random_double(stream);
		if (u >= v)
			return true;
	}
}

static bool all_half_exponential(sheaf_random_stream *stream, unsigned n)
{
	while (n && half_exponential(stream))
		n--;
	return !n;
}

/* B: true with the probability exp(-x (2 k + x) / (2 k + 2)). */
static bool accepted(sheaf_random_stream *stream, unsigned k, double x)
{
	double y = x, part = (2 * k + x) / (2 * k + 2);
	bool even = true;

	for (;; even = !even) {
		double z = sheaf_random_double(stream);

		if (z >= y || sheaf_random_double(stream) >= part)
			return even;
		y = z;
	}
}

double sheaf_random_normal(sheaf_random_stream *stream)
{
	for (;;) {
		unsigned k = 0, times;
		double x;

		while (half_exponential(stream))
			k++;
		if (!all_half_exponential(stream, k * (k - 1)))
			continue;
		x = sheaf_random_double(stream);
		for (times = k + 1; times && accepted(stream, k, x); times--)
			;
		if (!times)
			return sheaf_random_u32(stream) & 1 ? k + x : -(k + x);
	}
}
