/*
 * test_cut.c - how positions are cut into chunks, and chunks into the ranges of shares.
 */
#include <criterion/criterion.h>

#include "work/cut.h"

static void check_cut(uint64_t n, uint64_t grain, unsigned workers)
{
	struct cut cut = cut_choose(n, grain, workers, workers);

	cr_assert_geq(cut.chunk, 1);
	cr_assert_leq(cut.chunk, WORD_PAYLOAD_MAX);
	cr_assert_leq(cut.chunks, MAX_CHUNKS);
	cr_assert_eq(cut.chunks, n / cut.chunk + (n % cut.chunk != 0));
	cr_assert_leq(cut.shares, workers);
	cr_assert_leq(cut.shares, cut.chunks);
	cr_assert_eq(cut.shares, cut.chunks < workers ? cut.chunks : workers);
	cr_assert_geq(cut.bytes, cut.chunks * sizeof(uint64_t) + cut.shares * sizeof(struct shared_hint));
	cr_assert_eq(cut.bytes, cut_words(cut.chunks) + cut.shares * sizeof(struct shared_hint));
	cr_assert(cut_possible(n, cut.chunk, cut.chunks));
	if (grain && grain <= n && n / grain < MAX_CHUNKS && grain <= WORD_PAYLOAD_MAX)
		cr_assert_eq(cut.chunk, grain, "the caller's grain holds where it can");
}

Test(cut, cover_all_positions_in_few_enough_chunks)
{
	const uint64_t ns[] = {0,
			       1,
			       2,
			       63,
			       64,
			       65,
			       1000,
			       MAX_CHUNKS - 1,
			       MAX_CHUNKS,
			       MAX_CHUNKS + 1,
			       WORD_PAYLOAD_MAX,
			       WORD_PAYLOAD_MAX + 1,
			       (UINT64_C(1) << 32) + 7,
			       MAX_POSITIONS - 1,
			       MAX_POSITIONS};
	const uint64_t grains[] = {0,         1, 2, 7, 1000, MAX_CHUNKS, WORD_PAYLOAD_MAX, WORD_PAYLOAD_MAX + 1, MAX_POSITIONS,
				   UINT64_MAX};
	const unsigned workers[] = {1, 2, 3, 64, SHEAF_MAX_WORKERS};

	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++)
		for (size_t j = 0; j < sizeof(grains) / sizeof(grains[0]); j++)
			for (size_t k = 0; k < sizeof(workers) / sizeof(workers[0]); k++)
				check_cut(ns[i], grains[j], workers[k]);
}

Test(cut, of_nothing_are_none)
{
	for (uint64_t grain = 0; grain < 3; grain++) {
		struct cut cut = cut_choose(0, grain, 4, 4);

		cr_assert_eq(cut.chunks, 0);
		cr_assert_eq(cut.shares, 0);
		cr_assert_eq(cut.bytes, 0);
	}
}

Test(cut, are_enough_for_every_worker_unless_told)
{
	cr_assert_geq(cut_choose(1000000, 0, 2, 2).chunks, 100);
	cr_assert_eq(cut_choose(10, 0, 64, 64).chunks, 10);
	cr_assert_eq(cut_choose(10, 100, 64, 64).chunks, 1);
	cr_assert_eq(cut_choose(100, 40, 2, 2).chunks, 3);
	/* Chunks for those that are there, shares for those that may come. */
	cr_assert_eq(cut_choose(1000000, 0, 2, 16).chunks, cut_choose(1000000, 0, 2, 2).chunks);
	cr_assert_eq(cut_choose(1000000, 0, 2, 16).shares, 16);
}

Test(cut, chunks_follow_each_other_and_only_the_last_is_shorter)
{
	for (uint64_t n = 1; n < 50; n++)
		for (uint64_t chunk = 1; chunk <= n; chunk++) {
			uint64_t chunks = cut_chunks(n, chunk), end = 0;

			for (uint64_t c = 0; c < chunks; c++) {
				cr_assert_eq(cut_begin(chunk, c), end);
				end = cut_end(n, chunk, c);
				cr_assert_eq(end - cut_begin(chunk, c), c + 1 < chunks ? chunk : n - c * chunk);
				cr_assert_gt(end, cut_begin(chunk, c));
			}
			cr_assert_eq(end, n);
		}
}

Test(cut, ranges_follow_each_other_and_differ_by_one_chunk_at_most)
{
	for (uint64_t chunks = 1; chunks < 50; chunks++)
		for (uint32_t shares = 1; shares <= chunks; shares++) {
			cr_assert_eq(cut_range(chunks, shares, 0), 0);
			cr_assert_eq(cut_range(chunks, shares, shares), chunks);
			for (uint32_t s = 0; s < shares; s++) {
				uint64_t size = cut_range(chunks, shares, s + 1) - cut_range(chunks, shares, s);

				cr_assert(size == chunks / shares || size == chunks / shares + 1);
			}
		}
}

Test(cut, numbers_that_no_batch_has_are_told)
{
	cr_assert(cut_possible(0, 1, 0));
	cr_assert(cut_possible(10, 3, 4));
	cr_assert(cut_possible(MAX_POSITIONS, WORD_PAYLOAD_MAX, cut_chunks(MAX_POSITIONS, WORD_PAYLOAD_MAX)));
	cr_assert_not(cut_possible(10, 0, 4));
	cr_assert_not(cut_possible(10, 3, 3));
	cr_assert_not(cut_possible(10, 3, 5));
	cr_assert_not(cut_possible(MAX_POSITIONS + 1, WORD_PAYLOAD_MAX, cut_chunks(MAX_POSITIONS + 1, WORD_PAYLOAD_MAX)));
	cr_assert_not(cut_possible(WORD_PAYLOAD_MAX + 1, WORD_PAYLOAD_MAX + 1, 1));
	cr_assert_not(cut_possible(MAX_CHUNKS + 1, 1, MAX_CHUNKS + 1));
	cr_assert_not(cut_possible(UINT64_MAX, UINT64_MAX, UINT64_MAX));
}
