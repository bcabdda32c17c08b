/*
 * dispatch.c - serves claims at the root.
 *
 * A rank that is to get a chunk is on the waiting list until there is one: not at the end of a job,
 * and not while the results of collect wait for lower positions.
 *
 * A chunk is noted in the journal, if there is one, when its last packet has come: packets of a
 * rank arrive in order, so its results are there.
 *
 * A rank whose pool ends says so. Then nothing more is given out, all ranks give up what has not
 * begun, and the job is over when each has reported what it held.
 *
 * A rank that dies, where the others survive that, has its chunks given out again, also those that
 * it had done if their results have died with it.
 */
#include "mpi/dispatch.h"

#include "mpi/checkpoint.h"
#include "mpi/grants.h"
#include "mpi/hand.h"
#include "mpi/line.h"
#include "mpi/place.h"
#include "mpi/warn.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)256 << 20)

/* What one rank has said, and was told. */
struct told {
	unsigned wants;       /* chunks that it waits for */
	bool stop, finish;    /* it was told */
	bool begun;           /* it lived when the job began */
	bool lost;            /* it has died */
	struct report report; /* of positions that it has done */
};

struct ending {
	int status; /* 0: it is not so */
	int rank;
	char text[WIRE_TEXT];
};

struct dispatch {
	const struct job *job;
	struct wire *wire;
	struct ledger *ledger;
	struct line *line;
	int ranks;
	struct told *told;
	struct grants *grants;
	int next;              /* the rank that is served first */
	uint64_t waiting;      /* claims that are not served yet */
	uint64_t failed;       /* positions */
	int deaths;            /* of ranks */
	struct ending stopped; /* a rank's pool has ended, or each() */
	struct ending out;     /* a rank takes no chunks */
	int used;              /* what each() has returned */
	uint64_t served, service_ns, progress_ns;
	char outcome[WIRE_TEXT]; /* the message, once it is known */
	int code;
	bool over;
	int unfinished; /* ranks that do not know it yet */
};

int dispatch_open(struct dispatch **opened, const struct job *job, struct wire *wire, const unsigned *workers)
{
	struct dispatch *d = calloc(1, sizeof(*d));
	struct ledger_plan plan = {
		.n = job->n,
		.workers = workers,
		.grain = job->options.grain,
		.most = job->most,
		.kept = job->kept && wire_is_tolerant(wire),
	};

	int r;

	if (!d)
		return sheaf_message_set(-ENOMEM, "%s: no memory for the ledger", job->call);
	plan.ranks = (unsigned)(d->ranks = wire_ranks(wire));
	d->job = job;
	d->wire = wire;
	d->unfinished = d->ranks - 1;
	d->ledger = ledger_open(&plan);
	d->line = job->kind == JOB_COLLECT ? line_open() : NULL;
	d->told = calloc((size_t)d->ranks, sizeof(*d->told));
	d->grants = grants_open(d->ranks);
	if (!d->ledger || !d->told || !d->grants || (job->kind == JOB_COLLECT && !d->line)) {
		dispatch_close(d);
		return sheaf_message_set(-ENOMEM, "%s: no memory for the ledger of %llu positions and %d ranks", job->call,
					 (unsigned long long)job->n, wire_ranks(wire));
	}
	for (int rank = 0; rank < d->ranks; rank++)
		d->told[rank].begun = wire_meets(wire, rank);
	if ((r = checkpoint_load(job, d->ledger))) {
		dispatch_close(d);
		return r;
	}
	*opened = d;
	return 0;
}

void dispatch_close(struct dispatch *d)
{
	if (!d)
		return;
	ledger_close(d->ledger);
	line_close(d->line);
	free(d->told);
	grants_close(d->grants);
	free(d);
}

/* ---- to give ---- */

/* Is there room for the results of another chunk? */
static bool has_window(const struct dispatch *d)
{
	uint64_t window = d->job->options.window ? d->job->options.window : WINDOW;

	return !d->line || !ledger_held(d->ledger) ||
	       line_bytes(d->line) + line_mean(d->line) * ledger_held(d->ledger) < window;
}

static bool give(struct dispatch *d, int rank, struct span *chunk)
{
	return !d->stopped.status && has_window(d) &&
	       ledger_claim(d->ledger, (unsigned)rank, sheaf_now_ns(), d->service_ns, chunk);
}

bool dispatch_claim(struct dispatch *d, struct span *chunk)
{
	return give(d, 0, chunk);
}

/* Give chunks to ranks that wait for one, in turns. */
static void serve_waiting(struct dispatch *d)
{
	for (int i = 0; i < d->ranks && d->waiting; i++) {
		int rank = (d->next + i) % d->ranks;

		while (d->told[rank].wants) {
			struct span chunk;

			if (!give(d, rank, &chunk)) {
				d->next = rank;
				return;
			}
			grants_add(d->grants, rank, chunk);
			d->told[rank].wants--;
			d->waiting--;
			d->served++;
		}
	}
}

/* ---- to take ---- */

static void note_ending(struct ending *ending, int rank, int status, const char *text)
{
	/* Of several, the first. */
	if (ending->status)
		return;
	ending->status = status;
	ending->rank = rank;
	snprintf(ending->text, sizeof(ending->text), "%s", text);
}

static void stop(struct dispatch *d, int rank, int status, const char *text)
{
	note_ending(&d->stopped, rank, status, text);
	ledger_stop(d->ledger);
}

/* Take a piece of a chunk's results. */
static int take_results_of(struct dispatch *d, const struct packet *packet, const void *bytes)
{
	const struct job *job = d->job;
	int r = 0;

	if (d->line && !d->stopped.status)
		r = line_store(d->line, packet, bytes);
	else if (packet->bytes && !d->line && !place_store(job, packet, bytes))
		r = sheaf_message_set(-EBADMSG, "%s: a rank has sent results that do not fit", job->call);
	if (r)
		stop(d, 0, r, sheaf_message());
	return 0;
}

/* Take the end of a chunk. @text: why its lowest position failed, if one did. */
static int take_end(struct dispatch *d, int from, const struct packet *packet, const char *text)
{
	struct span chunk = {packet->begin, packet->end};
	int r;

	add_failures(&d->told[from].report, packet->failed, packet->position, packet->status, packet->bytes ? text : "");
	d->failed += packet->failed;
	if (d->line) {
		struct packet end = *packet;

		end.bytes = 0;
		take_results_of(d, &end, NULL);
	}
	if (packet->last == LAST_CLAIMS) {
		d->told[from].wants++;
		d->waiting++;
	}
	ledger_done(d->ledger, (unsigned)from, chunk, sheaf_now_ns());
	if (packet->last != LAST_UNDONE && !packet->failed && (r = checkpoint_note(d->job, chunk)))
		stop(d, 0, r, sheaf_message());
	return 0;
}

/* Could a rank have sent this packet that keeps to the protocol? What follows relies on it. */
static bool is_sound(const struct dispatch *d, int from, const struct packet *packet, const void *bytes)
{
	struct span chunk = {packet->begin, packet->end};

	switch (packet->kind) {
	case PACKET_CLAIM:
		return !packet->bytes && d->told[from].wants < LEDGER_HANDS;
	case PACKET_DONE:
		if (!ledger_holds(d->ledger, (unsigned)from, chunk) || !grants_have_sent(d->grants, from, chunk.begin))
			return false;
		if (packet->last == LAST_NOT)
			return true;
		return packet->last <= LAST_UNDONE && (!packet->failed || packet->status) &&
		       (packet->last != LAST_CLAIMS || d->told[from].wants < LEDGER_HANDS) &&
		       (!packet->bytes || packet_has_text(packet, bytes));
	case PACKET_OUT:
	case PACKET_STOP:
		return packet->status < 0 && packet_has_text(packet, bytes);
	default:
		return false;
	}
}

int dispatch_take(struct dispatch *d, int from, const struct packet *packet, const void *bytes)
{
	const char *text = bytes;

	if (d->told[from].lost)
		return 0;
	/* A job may be over before a rank has asked for a chunk of it. */
	if (packet->job < d->job->number && packet->kind != PACKET_DONE)
		return 0;
	if (packet->job != d->job->number)
		return sheaf_message_set(-EIO, "%s: rank %d has sent a packet of another call", d->job->call, from);
	if (!is_sound(d, from, packet, bytes))
		return sheaf_message_set(-EIO, "%s: rank %d has sent a packet of kind %u that nobody has asked for",
					 d->job->call, from, packet->kind);
	switch (packet->kind) {
	case PACKET_CLAIM:
		d->told[from].wants++;
		d->waiting++;
		return 0;
	case PACKET_DONE:
		return packet->last ? take_end(d, from, packet, text) : take_results_of(d, packet, bytes);
	case PACKET_OUT:
		note_ending(&d->out, from, packet->status, text);
		ledger_lost(d->ledger, (unsigned)from);
		return 0;
	default:
		stop(d, from, packet->status, text);
		return 0;
	}
}

/* ---- deaths ---- */

/* Forget what is on its way to a rank, and from it. */
static void forget_packets(struct dispatch *d, int rank)
{
	struct span chunk;

	grants_forget(d->grants, rank);
	for (unsigned hand = 0; d->line && hand < LEDGER_HANDS; hand++)
		if (ledger_hand(d->ledger, (unsigned)rank, hand, &chunk))
			line_forget(d->line, chunk.begin);
	d->waiting -= d->told[rank].wants;
	d->told[rank].wants = 0;
}

/* A rank has died: others do what it had. */
static void lose_rank(struct dispatch *d, int rank)
{
	struct told *told = &d->told[rank];
	uint64_t done = ledger_count(d->ledger);
	char text[200];

	forget_packets(d, rank);
	if (!told->finish)
		d->unfinished--;
	told->lost = told->stop = told->finish = true;
	if (d->job->kept) {
		d->failed -= told->report.failed;
		told->report.failed = 0;
	}
	if (!ledger_lost(d->ledger, (unsigned)rank))
		stop(d, rank, -ENOMEM, "it has died, and there was no memory to know what it has done");
	/* Of one that has died in an earlier call, the host knows. */
	if (!told->begun)
		return;
	snprintf(text, sizeof(text), "rank %d has died: the others go on, and do again what it held%s", rank,
		 ledger_count(d->ledger) < done ? " and had done" : "");
	warn_host(d->job->host, text);
}

static void take_deaths(struct dispatch *d)
{
	d->deaths = wire_deaths(d->wire);
	for (int rank = 1; rank < d->ranks; rank++)
		if (!d->told[rank].lost && !wire_lives(d->wire, rank))
			lose_rank(d, rank);
}

bool dispatch_reopen(struct dispatch *d)
{
	take_deaths(d);
	if (d->stopped.status || ledger_is_over(d->ledger))
		return false;
	d->over = false;
	d->code = 0;
	d->outcome[0] = 0;
	d->waiting = 0;
	d->unfinished = 0;
	for (int rank = 1; rank < d->ranks; rank++) {
		struct told *told = &d->told[rank];

		told->wants = 0;
		told->finish = told->stop = told->lost;
		d->unfinished += !told->lost;
	}
	return true;
}

/* ---- to end ---- */

/* Put together how positions failed. */
static struct report sum_failures(const struct dispatch *d)
{
	struct report sum = {0};

	for (int rank = 0; rank < d->ranks; rank++) {
		const struct report *report = &d->told[rank].report;

		add_failures(&sum, report->failed, report->position, report->status, report->text);
	}
	return sum;
}

/* Put the outcome into words: of all ranks the same. */
static void decide(struct dispatch *d)
{
	const struct report sum = sum_failures(d), *report = &sum;
	unsigned long long others = report->failed - 1;
	const struct ending *ending = d->stopped.status ? &d->stopped : &d->out;

	d->over = true;
	d->code = d->used ? d->used : d->stopped.status ? d->stopped.status : report->failed ? report->status : d->out.status;
	if (d->used)
		snprintf(d->outcome, sizeof(d->outcome), "collect: stopped by the function that uses results");
	else if (!d->stopped.status && report->failed && !others)
		snprintf(d->outcome, sizeof(d->outcome), "position %llu: %.400s", (unsigned long long)report->position,
			 report->text);
	else if (!d->stopped.status && report->failed)
		snprintf(d->outcome, sizeof(d->outcome), "position %llu: %.400s (%llu other position%s failed, too)",
			 (unsigned long long)report->position, report->text, others, others == 1 ? "" : "s");
	else if (d->code)
		snprintf(d->outcome, sizeof(d->outcome), "rank %d: %.490s", ending->rank, ending->text);
}

/* Tell ranks to stop, or that the job is over. 1: one was told; 0; -EIO. */
static int tell_ranks(struct dispatch *d)
{
	int told = 0;

	for (int rank = 1; rank < d->ranks; rank++) {
		struct told *t = &d->told[rank];
		struct packet packet = {.job = d->job->number, .status = d->code};
		int r;

		if (d->over ? t->finish : t->stop || !d->stopped.status)
			continue;
		packet.kind = d->over ? PACKET_FINISH : PACKET_STOP;
		packet.bytes = d->over ? strlen(d->outcome) + 1 : 0;
		if ((r = wire_send(d->wire, rank, &packet, d->outcome)) < 0)
			return r;
		if (!r)
			break;
		told = 1;
		if (d->over) {
			t->finish = true;
			d->unfinished--;
		} else {
			t->stop = true;
		}
	}
	return told;
}

/* Call the host's function, some ten times a second and at the end. */
static void show_progress(struct dispatch *d, bool last)
{
	uint64_t now;

	if (!d->job->options.progress || (!last && (now = sheaf_now_ns()) - d->progress_ns < 100000000))
		return;
	if (!last)
		d->progress_ns = now;
	d->job->options.progress(d->job->options.progress_context,
				 &(sheaf_progress){.total = d->job->n, .done = ledger_count(d->ledger), .failed = d->failed});
}

int dispatch_step(struct dispatch *d)
{
	int r, moved;

	if (wire_deaths(d->wire) != d->deaths)
		take_deaths(d);
	if (d->line && !d->stopped.status && (r = line_use(d->line, d->job))) {
		if (r == -EBADMSG)
			stop(d, 0, r, sheaf_message());
		else
			stop(d, 0, d->used = r, "");
	}
	serve_waiting(d);
	if ((moved = grants_send(d->grants, d->job, d->wire)) < 0)
		return moved;
	show_progress(d, false);
	if (!d->over && grants_are_sent(d->grants) && ledger_is_over(d->ledger)) {
		show_progress(d, true);
		decide(d);
	}
	return (r = tell_ranks(d)) ? r : moved;
}

void dispatch_measure(struct dispatch *d, uint64_t took_ns, uint64_t served)
{
	d->service_ns = ledger_service(d->service_ns, took_ns, served);
}

uint64_t dispatch_served(const struct dispatch *d)
{
	return d->served;
}

bool dispatch_is_over(const struct dispatch *d)
{
	return d->over && !d->unfinished;
}

bool dispatch_stops(const struct dispatch *d)
{
	return d->stopped.status;
}

int dispatch_outcome(const struct dispatch *d)
{
	return d->code ? sheaf_message_set(d->code, "%s", d->outcome) : 0;
}
