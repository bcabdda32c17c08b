/*
 * ledger.c - every position of a job is given out and done exactly once, whatever the order of
 * claims, reports and losses, in random sequences.
 *
 * Usage: mpi_ledger [SEQUENCES]
 *
 * Of each position the test knows by itself who holds it. It compares the sums of the ledger with
 * its own after each step, and the size of each chunk with the rule.
 */
#include "mpi/ledger.h"

#include "support/check.h"
#include "support/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCES 100000
#define MOST_POSITIONS 64
#define MOST_RANKS 5
#define FREE 0
#define DONE 1 /* and not lost with any rank */
#define HELD(rank) (2 + (rank))
#define KEPT(rank) (HELD(MOST_RANKS) + (rank)) /* done by it, and lost with it */

static struct rng rng = {1};
static struct ledger *ledger;
static struct ledger_plan plan;
static unsigned workers[MOST_RANKS], all_workers;
static bool lost[MOST_RANKS];
static unsigned char state[MOST_POSITIONS];
static struct span hands[MOST_RANKS][LEDGER_HANDS];
static uint64_t now_ns, claims, losses;

static uint64_t count(unsigned char wanted)
{
	uint64_t found = 0;

	for (uint64_t p = 0; p < plan.n; p++) {
		unsigned char found_one = state[p] >= KEPT(0) ? DONE : state[p] >= HELD(0) ? HELD(0) : state[p];

		found += found_one == wanted;
	}
	return found;
}

static uint64_t lowest_undone(void)
{
	uint64_t p = 0;

	while (p < plan.n && (state[p] == DONE || state[p] >= KEPT(0)))
		p++;
	return p;
}

static void check_sums(void)
{
	CHECK(ledger_left(ledger) == count(FREE), "%llu left", (unsigned long long)ledger_left(ledger));
	CHECK(ledger_held(ledger) == count(HELD(0)), "%llu held", (unsigned long long)ledger_held(ledger));
	CHECK(ledger_count(ledger) == count(DONE), "%llu done", (unsigned long long)ledger_count(ledger));
	CHECK(ledger_lowest(ledger) == lowest_undone(), "lowest is %llu", (unsigned long long)ledger_lowest(ledger));
}

static struct span *free_hand(unsigned rank)
{
	for (unsigned hand = 0; hand < LEDGER_HANDS; hand++)
		if (hands[rank][hand].begin == hands[rank][hand].end)
			return &hands[rank][hand];
	return NULL;
}

/* How many positions lie free from the first free one on, in one piece. */
static uint64_t first_run(uint64_t *begin)
{
	uint64_t end;

	for (*begin = 0; *begin < plan.n && state[*begin] != FREE;)
		++*begin;
	for (end = *begin; end < plan.n && state[end] == FREE;)
		end++;
	return end - *begin;
}

/* A chunk of the rule's size, unless the span ends before: spans may touch, so both are right. */
static void check_size(unsigned rank, struct span chunk, uint64_t left)
{
	uint64_t size = chunk.end - chunk.begin, grain = plan.grain ? plan.grain : 1;
	uint64_t guided = left * workers[rank] / (all_workers * 4), least = workers[rank] * grain;
	uint64_t most = plan.most ? plan.most : UINT64_MAX, wanted = guided > least ? guided : least;

	most = most > workers[rank] ? most : workers[rank];
	wanted = wanted > most ? most : wanted;
	CHECK(size && size <= (wanted > 1 ? wanted : 1), "%llu positions, at most %llu", (unsigned long long)size,
	      (unsigned long long)wanted);
	if (wanted > grain)
		wanted -= wanted % grain;
	CHECK(size == wanted || chunk.end == plan.n || state[chunk.end] != FREE || losses, "%llu positions instead of %llu",
	      (unsigned long long)size, (unsigned long long)wanted);
}

static void try_claim(unsigned rank)
{
	struct span chunk, *hand = free_hand(rank);
	uint64_t begin, left = count(FREE), run = first_run(&begin);
	bool given = ledger_claim(ledger, rank, now_ns, 0, &chunk);

	CHECK(given == (hand && left && !lost[rank]), "rank %u was %sgiven a chunk", rank, given ? "" : "not ");
	if (!given)
		return;
	claims++;
	CHECK(chunk.begin == begin && chunk.end - chunk.begin <= run, "a chunk that is not free, or not the first");
	for (uint64_t p = chunk.begin; p < chunk.end; p++)
		state[p] = (unsigned char)HELD(rank);
	check_size(rank, chunk, left);
	*hand = chunk;
}

static void try_done(unsigned rank)
{
	struct span *hand = &hands[rank][rng_below(&rng, LEDGER_HANDS)], chunk = *hand;
	bool held = chunk.begin != chunk.end, other = held && !rng_below(&rng, 8);

	/* One that it does not hold, or not so. */
	if (other)
		chunk.end++;
	CHECK(ledger_done(ledger, rank, chunk, ++now_ns) == (held && !other), "a report was taken wrongly");
	if (!held || other)
		return;
	for (uint64_t p = chunk.begin; p < chunk.end; p++) {
		CHECK_AS(HARM_DUPLICATED, state[p] == HELD(rank), "position %llu is done twice", (unsigned long long)p);
		state[p] = plan.kept ? (unsigned char)KEPT(rank) : DONE;
	}
	*hand = (struct span){0, 0};
}

static void check_hands(unsigned rank)
{
	uint64_t here = 0, there = 0;
	struct span chunk;

	for (unsigned hand = 0; hand < LEDGER_HANDS; hand++) {
		here += hands[rank][hand].end - hands[rank][hand].begin;
		if (ledger_hand(ledger, rank, hand, &chunk))
			there += chunk.end - chunk.begin;
	}
	CHECK(here == there, "rank %u holds %llu positions instead of %llu", rank, (unsigned long long)there,
	      (unsigned long long)here);
}

static void lose(unsigned rank)
{
	check_hands(rank);
	CHECK(ledger_lost(ledger, rank), "no memory");
	all_workers -= lost[rank] ? 0 : workers[rank];
	lost[rank] = true;
	losses++;
	for (uint64_t p = 0; p < plan.n; p++)
		if (state[p] == HELD(rank) || state[p] == KEPT(rank))
			state[p] = FREE;
	memset(hands[rank], 0, sizeof(hands[rank]));
}

/* What an earlier run has done. */
static void skip_some(void)
{
	for (uint64_t p = 0, end; p < plan.n; p = end + 1) {
		p += rng_below(&rng, 16);
		end = p + rng_below(&rng, 8);
		if (p >= plan.n)
			break;
		end = end < plan.n ? end : plan.n;
		CHECK(ledger_skip(ledger, (struct span){p, end}), "no memory");
		memset(&state[p], DONE, end - p);
	}
}

static void begin_sequence(void)
{
	plan = (struct ledger_plan){
		.n = rng_below(&rng, MOST_POSITIONS + 1),
		.ranks = 1 + (unsigned)rng_below(&rng, MOST_RANKS),
		.workers = workers,
		.grain = rng_below(&rng, 4),
		.most = rng_below(&rng, 3) ? 0 : 1 + rng_below(&rng, 9),
		.kept = rng_below(&rng, 2),
	};
	all_workers = 0;
	losses = 0;
	for (unsigned r = 0; r < plan.ranks; r++)
		all_workers += workers[r] = 1 + (unsigned)rng_below(&rng, 4);
	memset(state, FREE, sizeof(state));
	memset(lost, 0, sizeof(lost));
	memset(hands, 0, sizeof(hands));
	ledger = ledger_open(&plan);
	CHECK(ledger, "no memory");
	if (!rng_below(&rng, 4))
		skip_some();
}

/* Those that are left do what is left. */
static void finish_sequence(void)
{
	for (unsigned step = 0; !ledger_is_over(ledger); step++) {
		unsigned rank = (unsigned)rng_below(&rng, plan.ranks);

		if (step % 2)
			try_claim(rank);
		else
			try_done(rank);
		CHECK_AS(HARM_HUNG, step < 100000, "the job does not end");
	}
}

static void run_sequence(void)
{
	unsigned alive = plan.ranks;

	begin_sequence();
	alive = plan.ranks;
	for (unsigned step = 0; !ledger_is_over(ledger); step++) {
		unsigned rank = (unsigned)rng_below(&rng, plan.ranks);
		uint64_t what = rng_below(&rng, 32);

		if (!what && alive > 1 && !lost[rank]) {
			lose(rank);
			alive--;
		} else if (what % 2) {
			try_claim(rank);
		} else {
			try_done(rank);
		}
		if (!rng_below(&rng, 4))
			check_sums();
		CHECK_AS(HARM_HUNG, step < 100000, "the job does not end");
	}
	/* Also when all seemed to be done. */
	for (unsigned rank = 0; plan.kept && rank < plan.ranks; rank++)
		if (alive > 1 && !lost[rank] && !rng_below(&rng, 2)) {
			lose(rank);
			alive--;
			check_sums();
		}
	finish_sequence();
	CHECK_AS(HARM_LOST, count(DONE) == plan.n, "%llu of %llu positions are done", (unsigned long long)count(DONE),
		 (unsigned long long)plan.n);
	check_sums();
	ledger_close(ledger);
}

/* No rank asks more often than the root can serve. */
static void check_served(void)
{
	unsigned two[] = {4, 4};
	struct span chunk = {0, 0};
	uint64_t now = 1, size = 0;

	plan = (struct ledger_plan){.n = 1000000, .ranks = 2, .workers = two};
	ledger = ledger_open(&plan);
	CHECK(ledger, "no memory");
	/* A position takes 1 us, and a claim 20 us: at least 20 * 2 * 2 positions. */
	while (ledger_left(ledger) > 100) {
		CHECK(ledger_claim(ledger, 0, now, 20000, &chunk), "nothing is left");
		size = chunk.end - chunk.begin;
		now += size * 1000;
		CHECK(ledger_holds(ledger, 0, chunk) && ledger_done(ledger, 0, chunk, now), "it was not held");
	}
	CHECK(size >= 79 && size <= 80, "the last chunk has %llu positions", (unsigned long long)size);
	ledger_stop(ledger);
	CHECK(ledger_is_over(ledger) && !ledger_claim(ledger, 1, now, 0, &chunk), "a stopped ledger gives more out");
	ledger_close(ledger);
}

int main(int argc, char **argv)
{
	unsigned long sequences = argc > 1 ? strtoul(argv[1], NULL, 10) : SEQUENCES;

	check_served();
	for (unsigned long s = 0; s < sequences; s++)
		run_sequence();
	printf("%lu sequences, %llu chunks\n", sequences, (unsigned long long)claims);
	return 0;
}
