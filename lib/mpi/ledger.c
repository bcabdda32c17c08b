/*
 * ledger.c - gives the positions of a job out in chunks, and takes back what is done.
 *
 * Positions that nobody has claimed lie in spans, in ascending order. At first there is one. A
 * checkpoint cuts holes into it, and what a lost rank held comes back as more spans. A chunk is cut
 * from the front of the first span, so positions are given out in ascending order.
 *
 * Invariant         Each position is in one free span, or in one hand, or done.
 * Rule              A chunk is a quarter of the rank's part of what is left, by its share of all
 *                   workers (guided self-scheduling: Polychronopoulos and Kuck, "Guided
 *                   self-scheduling", 1987). It is never less than one grain for each of the rank's
 *                   workers. It is also never less than the rank does in the time in which the root
 *                   serves each rank twice, so that at most half of the root's time goes into
 *                   serving. Chunks are whole numbers of grains, where the span has them.
 */
#include "mpi/ledger.h"

#include <stdlib.h>
#include <string.h>

#define GUIDED 4               /* a chunk is this part of the rank's part of what is left */
#define SERVICE 2              /* times that the root can serve all ranks while one runs a chunk */
#define SERVICE_MOST_NS 200000 /* what takes longer is a root that had no CPU */

/* What one rank has. An empty span: a hand that is free. */
struct holder {
	struct span hand[LEDGER_HANDS];
	unsigned workers;
	bool lost;
	uint64_t first_ns; /* when it claimed first; 0: never */
	uint64_t done;     /* positions */
	uint64_t last_ns;  /* when it was done with these */
	struct span *kept; /* what it has done, if that is lost with it: in ascending order */
	size_t count, room;
	bool forgotten; /* there was no memory for all of that */
};

struct ledger {
	uint64_t n, grain, most;
	uint64_t left, held, done;
	uint64_t workers; /* of the ranks that are not lost */
	unsigned ranks;
	bool kept, stopped;
	struct span *free; /* from @first on, @count of them */
	size_t first, count, room;
	struct holder *holders;
};

static bool is_empty(struct span span)
{
	return span.begin == span.end;
}

struct ledger *ledger_open(const struct ledger_plan *plan)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return NULL;
	/* So much room that what all ranks hold can come back without asking for memory. */
	ledger->room = (size_t)plan->ranks * LEDGER_HANDS + 1;
	ledger->free = calloc(ledger->room, sizeof(*ledger->free));
	ledger->holders = calloc(plan->ranks, sizeof(*ledger->holders));
	if (!ledger->free || !ledger->holders) {
		ledger_close(ledger);
		return NULL;
	}
	ledger->n = ledger->left = plan->n;
	ledger->grain = plan->grain ? plan->grain : 1;
	ledger->most = plan->most ? plan->most : UINT64_MAX;
	ledger->ranks = plan->ranks;
	ledger->kept = plan->kept;
	for (unsigned r = 0; r < plan->ranks; r++) {
		ledger->holders[r].workers = plan->workers[r];
		ledger->workers += plan->workers[r];
	}
	if (plan->n) {
		ledger->free[0] = (struct span){0, plan->n};
		ledger->count = 1;
	}
	return ledger;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	for (unsigned r = 0; ledger->holders && r < ledger->ranks; r++)
		free(ledger->holders[r].kept);
	free(ledger->free);
	free(ledger->holders);
	free(ledger);
}

/* Have room for more free spans, beside those that all ranks hold. */
static bool get_room(struct ledger *ledger, size_t more)
{
	size_t room = ledger->first + ledger->count + more + (size_t)ledger->ranks * LEDGER_HANDS;
	struct span *spans;

	if (room <= ledger->room)
		return true;
	room *= 2;
	if (!(spans = realloc(ledger->free, room * sizeof(*spans))))
		return false;
	ledger->free = spans;
	ledger->room = room;
	return true;
}

bool ledger_skip(struct ledger *ledger, struct span span)
{
	struct span *last, whole;

	if (is_empty(span))
		return true;
	if (!get_room(ledger, 1))
		return false;
	/* The last one: those before it are cut already. */
	last = &ledger->free[ledger->first + ledger->count - 1];
	whole = *last;
	ledger->count--;
	if (span.begin > whole.begin)
		ledger->free[ledger->first + ledger->count++] = (struct span){whole.begin, span.begin};
	if (whole.end > span.end)
		ledger->free[ledger->first + ledger->count++] = (struct span){span.end, whole.end};
	ledger->left -= span.end - span.begin;
	ledger->done += span.end - span.begin;
	return true;
}

/* Multiply and divide by numbers that may be large. Saturates. */
static uint64_t scale(uint64_t value, double factor)
{
	double scaled = (double)value * factor;

	return scaled < 1e18 ? (uint64_t)scaled : UINT64_C(1000000000000000000);
}

/* Choose the size of a rank's next chunk, by the rule above. */
static uint64_t choose_size(const struct ledger *ledger, const struct holder *holder, uint64_t service_ns)
{
	uint64_t size = scale(ledger->left, (double)holder->workers / ((double)ledger->workers * GUIDED));
	uint64_t least = (uint64_t)holder->workers * ledger->grain, most;

	if (holder->done && holder->last_ns > holder->first_ns) {
		double rate = (double)holder->done / (double)(holder->last_ns - holder->first_ns);
		uint64_t served = scale(service_ns, (double)ledger->ranks * SERVICE * rate);

		if (served > least)
			least = served;
	}
	if (size < least)
		size = least;
	most = ledger->most > holder->workers ? ledger->most : holder->workers;
	if (size > most)
		size = most;
	if (size > ledger->grain)
		size -= size % ledger->grain;
	return size ? size : 1;
}

uint64_t ledger_service(uint64_t service_ns, uint64_t took_ns, uint64_t served)
{
	uint64_t each = took_ns / served;

	if (each >= SERVICE_MOST_NS)
		return service_ns;
	return service_ns ? (7 * service_ns + each) / 8 : each;
}

bool ledger_claim(struct ledger *ledger, unsigned rank, uint64_t now_ns, uint64_t service_ns, struct span *chunk)
{
	struct holder *holder = &ledger->holders[rank];
	struct span *from;
	uint64_t size;
	unsigned hand = 0;

	while (hand < LEDGER_HANDS && !is_empty(holder->hand[hand]))
		hand++;
	if (hand == LEDGER_HANDS || !ledger->left || ledger->stopped || holder->lost)
		return false;
	size = choose_size(ledger, holder, service_ns);
	from = &ledger->free[ledger->first];
	if (size > from->end - from->begin)
		size = from->end - from->begin;
	holder->hand[hand] = *chunk = (struct span){from->begin, from->begin + size};
	from->begin += size;
	if (is_empty(*from)) {
		ledger->first++;
		ledger->count--;
	}
	if (!holder->first_ns)
		holder->first_ns = now_ns;
	ledger->left -= size;
	ledger->held += size;
	return true;
}

/* Find the hand of a chunk. LEDGER_HANDS: there is none. */
static unsigned find_hand(const struct holder *holder, struct span chunk)
{
	unsigned hand = 0;

	while (hand < LEDGER_HANDS &&
	       (is_empty(holder->hand[hand]) || holder->hand[hand].begin != chunk.begin || holder->hand[hand].end != chunk.end))
		hand++;
	return hand;
}

bool ledger_holds(const struct ledger *ledger, unsigned rank, struct span chunk)
{
	return find_hand(&ledger->holders[rank], chunk) < LEDGER_HANDS;
}

bool ledger_hand(const struct ledger *ledger, unsigned rank, unsigned hand, struct span *chunk)
{
	*chunk = ledger->holders[rank].hand[hand];
	return !is_empty(*chunk);
}

/* Remember what a rank has done: at the end of its last span, or as a new one. */
static void keep_done(struct holder *holder, struct span chunk)
{
	size_t at = holder->count;

	if (holder->count == holder->room) {
		size_t room = holder->room ? 2 * holder->room : 8;
		struct span *more = realloc(holder->kept, room * sizeof(*more));

		if (!more) {
			holder->forgotten = true;
			return;
		}
		holder->kept = more;
		holder->room = room;
	}
	while (at && holder->kept[at - 1].begin > chunk.begin)
		at--;
	if (at && holder->kept[at - 1].end == chunk.begin) {
		holder->kept[at - 1].end = chunk.end;
		return;
	}
	memmove(holder->kept + at + 1, holder->kept + at, (holder->count - at) * sizeof(*holder->kept));
	holder->kept[at] = chunk;
	holder->count++;
}

bool ledger_done(struct ledger *ledger, unsigned rank, struct span chunk, uint64_t now_ns)
{
	struct holder *holder = &ledger->holders[rank];
	unsigned hand = find_hand(holder, chunk);

	if (hand == LEDGER_HANDS)
		return false;
	holder->hand[hand] = (struct span){0, 0};
	ledger->held -= chunk.end - chunk.begin;
	ledger->done += chunk.end - chunk.begin;
	holder->done += chunk.end - chunk.begin;
	holder->last_ns = now_ns;
	if (ledger->kept)
		keep_done(holder, chunk);
	return true;
}

/* Put a span back where it belongs in the order. There is room: ledger_open(), get_room(). */
static void put_back(struct ledger *ledger, struct span span)
{
	size_t at;

	if (ledger->first) {
		memmove(ledger->free, ledger->free + ledger->first, ledger->count * sizeof(*ledger->free));
		ledger->first = 0;
	}
	for (at = ledger->count; at && ledger->free[at - 1].begin > span.begin; at--)
		ledger->free[at] = ledger->free[at - 1];
	ledger->free[at] = span;
	ledger->count++;
	ledger->left += span.end - span.begin;
}

bool ledger_lost(struct ledger *ledger, unsigned rank)
{
	struct holder *holder = &ledger->holders[rank];

	if (holder->lost)
		return true;
	holder->lost = true;
	ledger->workers -= holder->workers;
	for (unsigned hand = 0; hand < LEDGER_HANDS; hand++) {
		struct span *held = &holder->hand[hand];

		if (!is_empty(*held))
			put_back(ledger, *held);
		ledger->held -= held->end - held->begin;
		*held = (struct span){0, 0};
	}
	if (holder->forgotten || !get_room(ledger, holder->count))
		return false;
	for (size_t i = 0; i < holder->count; i++) {
		put_back(ledger, holder->kept[i]);
		ledger->done -= holder->kept[i].end - holder->kept[i].begin;
	}
	holder->count = 0;
	return true;
}

void ledger_stop(struct ledger *ledger)
{
	ledger->stopped = true;
}

uint64_t ledger_left(const struct ledger *ledger)
{
	return ledger->left;
}

uint64_t ledger_held(const struct ledger *ledger)
{
	return ledger->held;
}

uint64_t ledger_count(const struct ledger *ledger)
{
	return ledger->done;
}

bool ledger_is_over(const struct ledger *ledger)
{
	return !ledger->held && (!ledger->left || ledger->stopped || !ledger->workers);
}

uint64_t ledger_lowest(const struct ledger *ledger)
{
	uint64_t lowest = ledger->count ? ledger->free[ledger->first].begin : ledger->n;

	for (unsigned r = 0; r < ledger->ranks; r++)
		for (unsigned hand = 0; hand < LEDGER_HANDS; hand++) {
			struct span held = ledger->holders[r].hand[hand];

			if (!is_empty(held) && held.begin < lowest)
				lowest = held.begin;
		}
	return lowest;
}
