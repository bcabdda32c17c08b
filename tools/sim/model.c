/*
 * model.c - an event model of a cluster: the root, which serves one packet after the other, the
 * owners of the ranks, which look and sleep, their workers, and the network between.
 *
 * The ledger, with its rule for the size of chunks, and the patience of owners are the code of the
 * library itself. The rest follows data structures and loops of mpi/rank.c and mpi/dispatch.c.
 *
 * Looks        All that a rank does, it does when it looks. So the only events are looks: one of
 *              each rank is planned, for when it will see the first thing that waits for it.
 * Root         It takes all packets that are there, then gives chunks out, in turns. Each half of
 *              that takes half of the time for a service. Meanwhile others wait.
 * Network      Each packet takes the latency. What goes to the root takes turns on its link, as
 *              fast as that is. What the root sends is so small that it only takes the latency.
 * Start        All ranks agree before a job: a reduction over a tree, there and back.
 */
#include "model.h"

#include "crew.h"

#include "mpi/patience.h"

#include <errno.h>
#include <stdlib.h>

#define NEVER UINT64_MAX
#define HEADER 72                       /* bytes of a packet */
#define CHUNK_BYTES ((uint64_t)8 << 20) /* as mpi/place.c has it */

enum state { FREE, ASKED, FILLING, RUNNING };

struct chunk_in_hand {
	enum state state;
	struct span span;
	uint64_t at_ns; /* FILLING: it arrives; RUNNING: it is done */
};

struct rank {
	struct crew crew;
	struct chunk_in_hand hands[LEDGER_HANDS];
	uint64_t since_ns;  /* when it did something last */
	uint64_t look_ns;   /* when it will look */
	uint64_t finish_ns; /* when it is told that the job is over; NEVER: not yet */
	bool told;          /* it has seen that */
	unsigned wants;     /* claims that the root has not served */
};

struct letter {
	uint64_t at_ns;
	unsigned from;
	struct span done; /* empty: a claim alone */
	bool claims;
};

struct sim {
	const struct model *model;
	struct ledger *ledger;
	struct rank *ranks;
	unsigned *winners; /* a tree: [1] is the rank that looks first */
	unsigned leaves;
	struct letter *letters; /* to the root: a queue, in the order of their arrival */
	size_t first, count, room;
	uint64_t link_ns; /* when the link of the root is free */
	uint64_t service_ns;
	uint64_t end_ns, root_ns, chunks;
	unsigned next, waiting;
	bool over;
};

void model_defaults(struct model *model)
{
	*model = (struct model){
		.nodes = 1,
		.workers = 64,
		.items = {.seed = 1, .mean_ns = 10000000, .slow_times = 1},
		.service_ns = 15000,
		.latency_ns = 25000,
		.bandwidth = 1.25,
		.look_ns = 1000,
		.slack_ns = 60000,
		.wake_ns = 50000,
		.start_ns = 10000,
	};
}

/* ---- which rank looks next ---- */

static uint64_t look_of(const struct sim *sim, unsigned rank)
{
	return rank < sim->model->nodes ? sim->ranks[rank].look_ns : NEVER;
}

static void plan_look(struct sim *sim, unsigned rank, uint64_t look_ns)
{
	sim->ranks[rank].look_ns = look_ns;
	for (size_t at = (sim->leaves + rank) / 2; at; at /= 2) {
		unsigned left = sim->winners[2 * at], right = sim->winners[2 * at + 1];

		sim->winners[at] = look_of(sim, right) < look_of(sim, left) ? right : left;
	}
}

/* Find the hand whose batch has begun first: its end ends a nap in the pool. */
static const struct chunk_in_hand *first_running(const struct rank *rank)
{
	const struct chunk_in_hand *first = NULL;

	for (unsigned h = 0; h < LEDGER_HANDS; h++)
		if (rank->hands[h].state == RUNNING && (!first || rank->hands[h].span.begin < first->span.begin))
			first = &rank->hands[h];
	return first;
}

/* When will a rank see what happens at @at_ns? It has looked and slept since it did something. */
static uint64_t see(const struct sim *sim, const struct rank *rank, const struct chunk_in_hand *hand, uint64_t at_ns)
{
	const struct model *model = sim->model;
	const struct chunk_in_hand *first = first_running(rank);
	struct patience patience = {0};
	uint64_t now_ns = rank->since_ns, nap_ns;

	while (now_ns < at_ns) {
		bool in_pool;

		if (!(nap_ns = patience_next(&patience, false))) {
			now_ns += model->look_ns;
			continue;
		}
		in_pool = patience_in_pool(&patience) && first;
		if (in_pool && hand == first && at_ns < now_ns + nap_ns)
			return at_ns + model->wake_ns;
		now_ns += nap_ns + model->slack_ns;
	}
	return now_ns;
}

/* May a rank ask for a chunk? As mpi/rank.c has it: for one more if workers are idle. */
static bool may_ask(const struct rank *rank, uint64_t now_ns)
{
	unsigned running = 0, coming = 0;

	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		running += rank->hands[h].state == RUNNING;
		coming += rank->hands[h].state == ASKED || rank->hands[h].state == FILLING;
	}
	if (running + coming < LEDGER_USUAL)
		return true;
	return !coming && running < LEDGER_HANDS && rank->crew.free_ns[0] <= now_ns;
}

/* May it once its workers are idle? */
static bool may_ask_later(const struct rank *rank)
{
	return !rank->told && may_ask(rank, NEVER);
}

/* Plan the next look of a rank, by all that waits for it. */
static void plan(struct sim *sim, unsigned number)
{
	const struct rank *rank = &sim->ranks[number];
	uint64_t look_ns = NEVER, seen_ns;

	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		const struct chunk_in_hand *hand = &rank->hands[h];

		if (hand->state != FILLING && hand->state != RUNNING)
			continue;
		seen_ns = see(sim, rank, hand, hand->at_ns);
		look_ns = seen_ns < look_ns ? seen_ns : look_ns;
	}
	/* Workers become idle: it may ask for one more. */
	if (number ? may_ask_later(rank) : ledger_left(sim->ledger) && may_ask_later(rank)) {
		seen_ns = see(sim, rank, NULL, rank->crew.free_ns[0]);
		look_ns = seen_ns < look_ns ? seen_ns : look_ns;
	}
	if (rank->finish_ns != NEVER) {
		seen_ns = see(sim, rank, NULL, rank->finish_ns);
		look_ns = seen_ns < look_ns ? seen_ns : look_ns;
	}
	if (!number && sim->count) {
		seen_ns = see(sim, rank, NULL, sim->letters[sim->first].at_ns);
		look_ns = seen_ns < look_ns ? seen_ns : look_ns;
	}
	plan_look(sim, number, look_ns);
}

/* ---- what ranks do ---- */

static void run_chunk(struct sim *sim, struct rank *rank, struct chunk_in_hand *hand, uint64_t now_ns)
{
	const struct model *model = sim->model;

	if (model->seen)
		for (uint64_t p = hand->span.begin; p < hand->span.end; p++)
			model->seen[p]++;
	hand->state = RUNNING;
	hand->at_ns = crew_run(&rank->crew, &model->items, hand->span, now_ns);
}

/* Send to the root what is done, with the next claim. */
static void send_to_root(struct sim *sim, unsigned from, struct span done, bool claims, uint64_t now_ns)
{
	const struct model *model = sim->model;
	uint64_t bytes = HEADER + (done.end - done.begin) * model->result_bytes;
	uint64_t begin_ns = sim->link_ns > now_ns ? sim->link_ns : now_ns;

	sim->link_ns = begin_ns + (uint64_t)((double)bytes / model->bandwidth);
	sim->letters[(sim->first + sim->count++) % sim->room] = (struct letter){
		.at_ns = sim->link_ns + model->latency_ns,
		.from = from,
		.done = done,
		.claims = claims,
	};
	if (sim->count == 1)
		plan(sim, 0);
}

static void look_at_hands(struct sim *sim, unsigned number, uint64_t now_ns)
{
	struct rank *rank = &sim->ranks[number];

	rank->since_ns = now_ns;
	if (rank->finish_ns <= now_ns) {
		sim->end_ns = sim->end_ns > now_ns ? sim->end_ns : now_ns;
		rank->finish_ns = NEVER;
		rank->told = true;
	}
	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		struct chunk_in_hand *hand = &rank->hands[h];
		bool claims;

		if (hand->state == FILLING && hand->at_ns <= now_ns) {
			rank->since_ns += sim->model->start_ns;
			run_chunk(sim, rank, hand, rank->since_ns);
		} else if (hand->state == RUNNING && hand->at_ns <= now_ns) {
			hand->state = FREE;
			claims = may_ask(rank, now_ns);
			hand->state = claims ? ASKED : FREE;
			send_to_root(sim, number, hand->span, claims, rank->since_ns);
		} else if (hand->state == FREE && !rank->told && may_ask(rank, now_ns)) {
			hand->state = ASKED;
			send_to_root(sim, number, (struct span){0, 0}, true, rank->since_ns);
		}
	}
	plan(sim, number);
}

/* ---- what the root does ---- */

static uint64_t take_letters(struct sim *sim, uint64_t now_ns)
{
	const struct model *model = sim->model;

	while (sim->count && sim->letters[sim->first].at_ns <= now_ns) {
		struct letter letter = sim->letters[sim->first];

		sim->first = (sim->first + 1) % sim->room;
		sim->count--;
		now_ns += model->service_ns / 2;
		if (model->copy > 0)
			now_ns += (uint64_t)((double)((letter.done.end - letter.done.begin) * model->result_bytes) /
					     model->copy);
		if (letter.done.begin != letter.done.end)
			ledger_done(sim->ledger, letter.from, letter.done, now_ns);
		sim->ranks[letter.from].wants += letter.claims;
		sim->waiting += letter.claims;
	}
	return now_ns;
}

/* Give a rank that waits a chunk. False: there is none. */
static bool grant(struct sim *sim, unsigned number, uint64_t now_ns)
{
	const struct model *model = sim->model;
	struct rank *rank = &sim->ranks[number];
	struct span span;

	if (!ledger_claim(sim->ledger, number, now_ns, sim->service_ns, &span))
		return false;
	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		if (rank->hands[h].state != ASKED)
			continue;
		rank->hands[h] = (struct chunk_in_hand){FILLING, span, now_ns + model->service_ns / 2 + model->latency_ns};
		break;
	}
	rank->wants--;
	sim->waiting--;
	sim->chunks++;
	plan(sim, number);
	return true;
}

static uint64_t give_chunks(struct sim *sim, uint64_t now_ns, uint64_t *served)
{
	const struct model *model = sim->model;

	*served = 0;
	for (unsigned i = 0; i < model->nodes && sim->waiting; i++) {
		unsigned number = (sim->next + i) % model->nodes;

		while (sim->ranks[number].wants) {
			if (!grant(sim, number, now_ns)) {
				sim->next = number;
				return now_ns;
			}
			now_ns += model->service_ns / 2;
			++*served;
		}
	}
	return now_ns;
}

/* The root's own hands: it claims by a call. */
static uint64_t look_at_own(struct sim *sim, uint64_t now_ns)
{
	struct rank *rank = &sim->ranks[0];

	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		struct chunk_in_hand *hand = &rank->hands[h];

		if (hand->state == RUNNING && hand->at_ns <= now_ns) {
			ledger_done(sim->ledger, 0, hand->span, now_ns);
			hand->state = FREE;
		}
		if (hand->state == FREE && may_ask(rank, now_ns) &&
		    ledger_claim(sim->ledger, 0, now_ns, sim->service_ns, &hand->span)) {
			sim->chunks++;
			now_ns += sim->model->start_ns;
			run_chunk(sim, rank, hand, now_ns);
		}
	}
	return now_ns;
}

static uint64_t tell_end(struct sim *sim, uint64_t now_ns)
{
	sim->over = true;
	for (unsigned number = 1; number < sim->model->nodes; number++) {
		now_ns += sim->model->service_ns / 2;
		sim->ranks[number].finish_ns = now_ns + sim->model->latency_ns;
		plan(sim, number);
	}
	sim->end_ns = now_ns;
	return now_ns;
}

static void look_at_root(struct sim *sim, uint64_t begin_ns)
{
	uint64_t served, now_ns = give_chunks(sim, take_letters(sim, begin_ns), &served);

	if (served)
		sim->service_ns = ledger_service(sim->service_ns, now_ns - begin_ns, served);
	sim->root_ns += now_ns - begin_ns;
	now_ns = look_at_own(sim, now_ns);
	if (ledger_is_over(sim->ledger) && !sim->over)
		now_ns = tell_end(sim, now_ns);
	sim->ranks[0].since_ns = now_ns;
	plan(sim, 0);
}

/* ---- a job ---- */

static void close_sim(struct sim *sim)
{
	for (unsigned r = 0; sim->ranks && r < sim->model->nodes; r++)
		crew_close(&sim->ranks[r].crew);
	ledger_close(sim->ledger);
	free(sim->ranks);
	free(sim->winners);
	free(sim->letters);
}

static int open_sim(struct sim *sim, const struct model *model)
{
	unsigned *workers = calloc(model->nodes, sizeof(*workers));
	uint64_t most = model->result_bytes ? CHUNK_BYTES / model->result_bytes : 0;
	struct ledger_plan plan = {
		.n = model->n,
		.ranks = model->nodes,
		.workers = workers,
		.most = model->result_bytes > CHUNK_BYTES ? 1 : most,
	};

	*sim = (struct sim){.model = model, .leaves = 1, .room = (size_t)model->nodes * LEDGER_HANDS};
	while (sim->leaves < model->nodes)
		sim->leaves *= 2;
	sim->ranks = calloc(model->nodes, sizeof(*sim->ranks));
	sim->winners = calloc((size_t)2 * sim->leaves, sizeof(*sim->winners));
	sim->letters = calloc(sim->room, sizeof(*sim->letters));
	for (unsigned r = 0; workers && r < model->nodes; r++)
		workers[r] = model->workers;
	sim->ledger = workers ? ledger_open(&plan) : NULL;
	free(workers);
	if (!sim->ranks || !sim->winners || !sim->letters || !sim->ledger)
		return -ENOMEM;
	for (unsigned r = 0; r < model->nodes; r++)
		if (!crew_open(&sim->ranks[r].crew, model->workers))
			return -ENOMEM;
	return 0;
}

/* All ranks have agreed, and claim. */
static void begin_job(struct sim *sim)
{
	uint64_t now_ns = 0;

	for (unsigned ranks = 1; ranks < sim->model->nodes; ranks *= 2)
		now_ns += 2 * sim->model->latency_ns;
	for (unsigned leaf = 0; leaf < sim->leaves; leaf++)
		sim->winners[sim->leaves + leaf] = leaf;
	for (size_t at = sim->leaves - 1; at; at--)
		sim->winners[at] = sim->winners[2 * at];
	for (unsigned r = 0; r < sim->model->nodes; r++) {
		sim->ranks[r].since_ns = now_ns;
		sim->ranks[r].finish_ns = NEVER;
		plan_look(sim, r, NEVER);
	}
	for (unsigned r = 1; r < sim->model->nodes; r++)
		for (unsigned h = 0; h < LEDGER_USUAL; h++) {
			sim->ranks[r].hands[h].state = ASKED;
			send_to_root(sim, r, (struct span){0, 0}, true, now_ns);
		}
	plan_look(sim, 0, now_ns);
}

int model_run(const struct model *model, struct outcome *outcome)
{
	struct sim sim;
	int r;

	if (!model->nodes || !model->workers || model->bandwidth <= 0)
		return -EINVAL;
	if ((r = open_sim(&sim, model))) {
		close_sim(&sim);
		return r;
	}
	begin_job(&sim);
	for (unsigned rank; look_of(&sim, rank = sim.winners[1]) != NEVER;) {
		if (rank)
			look_at_hands(&sim, rank, look_of(&sim, rank));
		else
			look_at_root(&sim, look_of(&sim, 0));
	}
	*outcome = (struct outcome){
		.wall_ns = sim.end_ns,
		.chunks = sim.chunks,
		.root_ns = sim.root_ns,
		.done = ledger_count(sim.ledger),
	};
	for (unsigned rank = 0; rank < model->nodes; rank++)
		outcome->work_ns += sim.ranks[rank].crew.work_ns;
	outcome->efficiency = 1;
	if (outcome->work_ns)
		outcome->efficiency = (double)outcome->work_ns / ((double)sim.end_ns * model->nodes * model->workers);
	close_sim(&sim);
	return 0;
}
