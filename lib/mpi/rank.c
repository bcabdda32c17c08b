/*
 * rank.c - the loop of one rank: it looks, does what there is to do, and sleeps.
 *
 * A rank holds two chunks. While its workers run one, the next one comes or the results of the last
 * one leave, so that they never wait for the root. A chunk is held until its slowest item is done.
 * So if slow items keep both, and workers are idle, the rank asks for a third. The root's own rank
 * is served by calls, all others by packets.
 *
 * Steps             of a hand: FREE -> ASKED by a claim; -> FILLING or RUNNING by the grant; ->
 *                   RETURNING when the batch is done; -> FREE by the packet that says so.
 */
#include "mpi/rank.h"

#include "mpi/dispatch.h"
#include "mpi/hand.h"
#include "mpi/patience.h"
#include "mpi/place.h"
#include "mpi/stretch.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct run {
	const struct job *job;
	struct wire *wire;
	sheaf_pool *pool;
	unsigned workers;
	struct dispatch *dispatch; /* at the root */
	struct hand hands[LEDGER_HANDS];
	uint64_t room;  /* positions that a chunk of this rank may have */
	unsigned first; /* the hand that has begun to run first */
	int out;        /* why this rank takes no chunks; 0: it does */
	int ended;      /* why its pool is of no use any longer; 0: it is */
	bool told;      /* the root knows of these */
	bool stopping, finished;
	int code; /* as the root has said */
	char text[WIRE_TEXT];
	char outcome[WIRE_TEXT];
};

/* Send a packet to the root, which may be this rank. As wire_send(). */
static int send_to_root(struct run *run, struct packet *packet, const void *bytes)
{
	int r;

	packet->job = run->job->number;
	if (!run->dispatch)
		return wire_send(run->wire, 0, packet, bytes);
	return (r = dispatch_take(run->dispatch, 0, packet, bytes)) ? r : 1;
}

/* Remember why this rank can do nothing, to tell the root. */
static void note_reason(struct run *run, int *which, int code)
{
	*which = code;
	snprintf(run->text, sizeof(run->text), "%s", sheaf_message());
}

/* Tell the root, once. 1: it was told. */
static int tell_root(struct run *run)
{
	int r;

	if (run->told || !(run->ended || run->out))
		return 0;
	r = send_to_root(run,
			 &(struct packet){
				 .kind = run->ended ? PACKET_STOP : PACKET_OUT,
				 .status = run->ended ? run->ended : run->out,
				 .bytes = strlen(run->text) + 1,
			 },
			 run->text);
	run->told = r > 0;
	return r;
}

/* ---- hands ---- */

/* The pool has ended: what its hands hold is given up. */
static void give_up_chunks(struct run *run, int code)
{
	note_reason(run, &run->ended, code);
	run->told = false;
	run->stopping = true;
	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		struct hand *hand = &run->hands[h];

		if (hand->state != HAND_RUNNING)
			continue;
		hand_drop(hand);
		hand->cancelled = true;
		hand->state = HAND_RETURNING;
		hand->moved = 0;
	}
}

/*
 * May this rank ask for a chunk, besides what other hands than this one hold? With a checkpoint for
 * two alone, so that no more is redone after a kill.
 */
static bool may_ask(const struct run *run, const struct hand *own)
{
	unsigned held = 0, coming = 0;
	uint64_t left = 0;

	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		const struct hand *hand = &run->hands[h];

		if (hand == own || hand->state == HAND_FREE)
			continue;
		held++;
		coming += hand->state == HAND_ASKED || hand->state == HAND_FILLING;
	}
	if (held < LEDGER_USUAL || coming || run->job->options.checkpoint)
		return held < LEDGER_USUAL;
	for (unsigned h = 0; h < LEDGER_HANDS; h++)
		if (&run->hands[h] != own && run->hands[h].state == HAND_RUNNING)
			left += hand_left(&run->hands[h]);
	return left < run->workers;
}

/* Ask for a chunk. 1: something has happened; 0; an error of MPI. */
static int ask_for_chunk(struct run *run, struct hand *hand)
{
	int r;

	if (run->out || run->ended || run->stopping || !may_ask(run, hand))
		return 0;
	if (!run->dispatch) {
		if ((r = send_to_root(run, &(struct packet){.kind = PACKET_CLAIM}, NULL)) > 0)
			hand->state = HAND_ASKED;
		return r;
	}
	if (!dispatch_claim(run->dispatch, &hand->chunk))
		return 0;
	if ((r = hand_start(hand, run->job, run->pool)))
		give_up_chunks(run, r);
	return 1;
}

static int look_at_batch(struct run *run, struct hand *hand)
{
	int r = hand_look(hand, run->job);

	if (!r)
		return 0;
	if (r < 0)
		give_up_chunks(run, r);
	hand->state = HAND_RETURNING;
	hand->moved = 0;
	return 1;
}

/* What is not in the file yet fails, as it cannot be written. */
static void fail_rest(const struct job *job, struct hand *hand, int code)
{
	uint64_t first = hand->chunk.begin + hand->moved / job->out_size;

	sheaf_message_set(code, "cannot write to '%s': %s", job->options.path, strerror(-code));
	add_failures(&hand->report, hand->chunk.end - first, first, code, sheaf_message());
	hand->moved = hand->bytes;
}

/* Write a piece of a chunk's results to the file. The rest fails if that fails. */
static void write_piece(const struct job *job, struct hand *hand, uint64_t size)
{
	uint64_t at = job->file_begin + hand->chunk.begin * job->out_size + hand->moved;
	ssize_t written = pwrite(job->file, (unsigned char *)hand->out + hand->moved, (size_t)size, (off_t)at);

	if (written > 0) {
		hand->moved += (uint64_t)written;
		return;
	}
	if (written < 0 && errno == EINTR)
		return;
	if (!written)
		errno = ENOSPC;
	fail_rest(job, hand, -errno);
}

/* Send, or write, one piece of a hand's results. As wire_send(). */
static int move_results(struct run *run, struct hand *hand)
{
	const struct job *job = run->job;
	uint64_t left = hand->bytes - hand->moved, most = wire_piece(run->wire), size = left < most ? left : most;
	int r;

	if (job->options.results == SHEAF_RESULTS_IN_FILE && job->kind == JOB_MAP) {
		write_piece(job, hand, size);
		return 1;
	}
	r = send_to_root(run,
			 &(struct packet){
				 .kind = PACKET_DONE,
				 .begin = hand->chunk.begin,
				 .end = hand->chunk.end,
				 .offset = hand->moved,
				 .bytes = size,
				 .total = hand->bytes,
			 },
			 hand_bytes(hand, job) + hand->moved);
	if (r > 0)
		hand->moved += size;
	return r;
}

/* Return results, piece by piece, and then say that the chunk is done. */
static int return_results(struct run *run, struct hand *hand)
{
	const struct report *report = &hand->report;
	struct packet packet = {
		.kind = PACKET_DONE,
		.begin = hand->chunk.begin,
		.end = hand->chunk.end,
		.offset = hand->bytes,
		.bytes = report->failed ? strlen(report->text) + 1 : 0,
		.total = hand->bytes,
		.failed = report->failed,
		.position = report->position,
		.status = report->status,
		.last = LAST_IS,
	};
	/* The root's own rank claims by a call. */
	bool claims = !run->dispatch && !hand->cancelled && !run->out && !run->ended && !run->stopping && may_ask(run, hand);
	int r;

	if (hand->moved < hand->bytes)
		return move_results(run, hand);
	packet.last = hand->cancelled ? LAST_UNDONE : claims ? LAST_CLAIMS : LAST_IS;
	if ((r = send_to_root(run, &packet, report->text)) <= 0)
		return r;
	if (!hand->cancelled && run->job->made && !stretch_add(run->job->made, hand->chunk.begin, hand->chunk.end)) {
		sheaf_message_set(-ENOMEM, "%s: no memory for the list of ranges", run->job->call);
		give_up_chunks(run, -ENOMEM);
	}
	hand_drop(hand);
	hand->state = claims ? HAND_ASKED : HAND_FREE;
	return 1;
}

static int step_hand(struct run *run, struct hand *hand)
{
	switch (hand->state) {
	case HAND_FREE:
		return ask_for_chunk(run, hand);
	case HAND_RUNNING:
		return look_at_batch(run, hand);
	case HAND_RETURNING:
		return return_results(run, hand);
	default:
		return 0;
	}
}

/* ---- packets ---- */

/* Find the hand that a grant is for: it goes on with it, or begins it. NULL: there is none. */
static struct hand *find_asked(struct run *run, const struct packet *packet)
{
	for (unsigned h = 0; h < LEDGER_HANDS; h++)
		if (run->hands[h].state == HAND_FILLING && run->hands[h].chunk.begin == packet->begin)
			return run->hands[h].chunk.end == packet->end ? &run->hands[h] : NULL;
	for (unsigned h = 0; h < LEDGER_HANDS; h++)
		if (run->hands[h].state == HAND_ASKED) {
			run->hands[h].moved = 0;
			return &run->hands[h];
		}
	return NULL;
}

/* Is it a chunk of this job, for which there is room, and the next piece of its input? */
static bool fits(const struct run *run, const struct hand *hand, const struct packet *packet)
{
	const struct job *job = run->job;
	uint64_t count = packet->end - packet->begin;

	return packet->begin < packet->end && packet->end <= job->n && count <= run->room &&
	       packet->total == (job->in_travels ? count * job->in_size : 0) && packet->offset == hand->moved &&
	       packet->bytes <= packet->total - packet->offset;
}

/* Take a chunk, or more of its input. */
static int take_grant(struct run *run, const struct packet *packet, const unsigned char *bytes)
{
	struct hand *hand = find_asked(run, packet);
	int r;

	if (!hand || !fits(run, hand, packet))
		return sheaf_message_set(-EIO, "%s: the root has sent a chunk that was not asked for", run->job->call);
	hand->chunk = (struct span){packet->begin, packet->end};
	hand->state = HAND_FILLING;
	if (packet->bytes)
		memcpy((unsigned char *)hand->in + packet->offset, bytes, packet->bytes);
	hand->moved += packet->bytes;
	if (packet->offset + packet->bytes < packet->total)
		return 0;
	if (run->stopping) {
		hand->cancelled = true;
		hand->report.failed = 0;
		hand->bytes = hand->moved = 0;
		hand->state = HAND_RETURNING;
	} else if ((r = hand_start(hand, run->job, run->pool))) {
		give_up_chunks(run, r);
	}
	return 0;
}

static void stop_hands(struct run *run)
{
	run->stopping = true;
	for (unsigned h = 0; h < LEDGER_HANDS; h++)
		hand_cancel(&run->hands[h]);
}

static int take_packet(struct run *run, const struct arrival *arrival)
{
	const struct packet *packet = arrival->packet;

	if (run->dispatch)
		return dispatch_take(run->dispatch, arrival->from, packet, arrival->bytes);
	if (arrival->from || packet->job != run->job->number)
		return sheaf_message_set(-EIO, "%s: rank %d has sent a packet of another call", run->job->call, arrival->from);
	if (packet->kind == PACKET_GRANT)
		return take_grant(run, packet, arrival->bytes);
	if (packet->kind == PACKET_STOP) {
		stop_hands(run);
		return 0;
	}
	if (packet->kind != PACKET_FINISH || !packet_has_text(packet, arrival->bytes))
		return sheaf_message_set(-EIO, "%s: the root has sent a packet of kind %u that makes no sense", run->job->call,
					 packet->kind);
	run->finished = true;
	run->code = packet->status;
	memcpy(run->outcome, arrival->bytes, packet->bytes);
	return 0;
}

static int receive_packets(struct run *run)
{
	struct arrival arrival;
	int r, moved = 0;

	while (!run->finished && (r = wire_look(run->wire, &arrival)) > 0) {
		r = take_packet(run, &arrival);
		wire_release(run->wire);
		if (r)
			return r;
		moved = 1;
	}
	return run->finished || !r ? moved : r;
}

/* ---- the loop ---- */

/* At the root: serve the others, and measure what that takes. */
static int serve_others(struct run *run, uint64_t since_ns)
{
	uint64_t before = dispatch_served(run->dispatch), served;
	int r = dispatch_step(run->dispatch);

	if ((served = dispatch_served(run->dispatch) - before))
		dispatch_measure(run->dispatch, sheaf_now_ns() - since_ns, served);
	if (dispatch_stops(run->dispatch) && !run->stopping)
		stop_hands(run);
	run->finished = dispatch_is_over(run->dispatch);
	return r;
}

/* Look at everything once. 1: something has happened; 0; an error of MPI. */
static int look_once(struct run *run)
{
	uint64_t since_ns = run->dispatch ? sheaf_now_ns() : 0;
	int r, moved = receive_packets(run);

	if (moved < 0)
		return moved;
	if (run->dispatch) {
		if ((r = serve_others(run, since_ns)) < 0)
			return r;
		moved |= r;
	}
	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		if ((r = step_hand(run, &run->hands[h])) < 0)
			return r;
		moved |= r;
	}
	if ((r = tell_root(run)) < 0)
		return r;
	return moved | r;
}

/*
 * Sleep. After something has happened, no longer than until the batch that has begun first may be
 * done. In those naps that are taken in the pool, it looks after its supervisor, and notices that
 * it was interrupted.
 */
static void take_nap(struct run *run, uint64_t nap_ns, bool in_pool)
{
	struct hand *hand = NULL;

	for (unsigned h = 0; h < LEDGER_HANDS; h++)
		if (run->hands[h].state == HAND_RUNNING && run->hands[h].batch &&
		    (!hand || run->hands[h].chunk.begin < hand->chunk.begin))
			hand = &run->hands[h];
	if (hand && in_pool) {
		int r = hand_wait(hand, sheaf_now_ns() + nap_ns);

		if (r)
			give_up_chunks(run, r);
	} else {
		nanosleep(&(struct timespec){.tv_nsec = (long)nap_ns}, NULL);
	}
}

static int run_loop(struct run *run)
{
	struct patience patience = {0};

	while (!run->finished) {
		int r = look_once(run);
		uint64_t nap_ns;

		if (r < 0)
			return r;
		if (r)
			patience_reset(&patience);
		else if (!run->finished && (nap_ns = patience_next(&patience, wire_is_busy(run->wire))))
			take_nap(run, nap_ns, patience_in_pool(&patience));
	}
	return 0;
}

int rank_run(const struct job *job, struct wire *wire, sheaf_pool *pool, unsigned workers, struct dispatch *dispatch)
{
	struct run run = {.job = job, .wire = wire, .pool = pool, .workers = workers, .dispatch = dispatch};
	int r;

	run.room = place_room(job, workers);
	if ((r = place_open(job, pool, workers, run.hands)))
		note_reason(&run, &run.out, r);
	r = run_loop(&run);
	for (unsigned h = 0; h < LEDGER_HANDS; h++)
		hand_drop(&run.hands[h]);
	place_close(pool, run.hands);
	if (!r && run.dispatch)
		r = dispatch_outcome(run.dispatch);
	else if (!r && run.code)
		r = sheaf_message_set(run.code, "%s", run.outcome);
	return r;
}
