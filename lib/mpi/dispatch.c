/*
 * dispatch.c - serves claims at the root.
 *
 * A rank that is to get a chunk is on the waiting list until there is one: not at the end of a job,
 * and not while the results of collect wait for lower positions. Input that travels goes out piece
 * by piece, as buffers become free. Its first piece is the grant.
 *
 * A chunk is noted in the journal, if there is one, when its last packet has come: packets of a
 * rank arrive in order, so its results are there.
 *
 * A rank whose pool ends says so. Then nothing more is given out, all ranks give up what has not
 * begun, and the job is over when each has reported what it held.
 */
#include "mpi/dispatch.h"

#include "mpi/checkpoint.h"
#include "mpi/hand.h"
#include "mpi/line.h"
#include "mpi/place.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)256 << 20)

/* A chunk that was given to a rank, of which no packet or not all input has left. */
struct outgoing {
	int to;
	struct span chunk;
	uint64_t offset;
};

/* What one rank has said, and was told. */
struct told {
	unsigned wants;    /* chunks that it waits for */
	bool stop, finish; /* it was told */
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
	struct outgoing *outgoing; /* LEDGER_HANDS for each rank at most */
	size_t going;
	int next;              /* the rank that is served first */
	uint64_t waiting;      /* claims that are not served yet */
	struct report report;  /* of positions */
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
	d->outgoing = calloc((size_t)d->ranks * LEDGER_HANDS, sizeof(*d->outgoing));
	if (!d->ledger || !d->told || !d->outgoing || (job->kind == JOB_COLLECT && !d->line)) {
		dispatch_close(d);
		return sheaf_message_set(-ENOMEM, "%s: no memory for the ledger of %llu positions and %d ranks", job->call,
					 (unsigned long long)job->n, wire_ranks(wire));
	}
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
	free(d->outgoing);
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

/* Send a piece of a chunk's input. 1: all has left; 0: not yet; -EIO. */
static int send_input(struct dispatch *d, struct outgoing *going)
{
	const struct job *job = d->job;
	bool travels = job->options.input == SHEAF_INPUT_AT_ROOT && job->in_size;
	uint64_t total = travels ? (going->chunk.end - going->chunk.begin) * job->in_size : 0;

	do {
		uint64_t left = total - going->offset;
		struct packet packet = {
			.kind = PACKET_GRANT,
			.job = job->number,
			.begin = going->chunk.begin,
			.end = going->chunk.end,
			.offset = going->offset,
			.bytes = left < WIRE_BYTES ? left : WIRE_BYTES,
			.total = total,
		};
		const unsigned char *from = travels ? job->in + going->chunk.begin * job->in_size + going->offset : NULL;
		int r = wire_send(d->wire, going->to, &packet, from);

		if (r <= 0)
			return r;
		going->offset += packet.bytes;
	} while (going->offset < total);
	return 1;
}

/* Send what was given out. */
static int send_outgoing(struct dispatch *d)
{
	int done = 0;

	for (size_t i = 0; i < d->going;) {
		int r = send_input(d, &d->outgoing[i]);

		if (r < 0)
			return r;
		if (!r) {
			i++;
			continue;
		}
		d->outgoing[i] = d->outgoing[--d->going];
		done = 1;
	}
	return done;
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
			d->outgoing[d->going++] = (struct outgoing){.to = rank, .chunk = chunk};
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

	add_failures(&d->report, packet->failed, packet->position, packet->status, packet->bytes ? text : "");
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

/* Has all of a chunk's input left? */
static bool input_has_left(const struct dispatch *d, int to, uint64_t begin)
{
	for (size_t i = 0; i < d->going; i++)
		if (d->outgoing[i].to == to && d->outgoing[i].chunk.begin == begin)
			return false;
	return true;
}

/* Could a rank have sent this packet that keeps to the protocol? What follows relies on it. */
static bool is_sound(const struct dispatch *d, int from, const struct packet *packet, const void *bytes)
{
	struct span chunk = {packet->begin, packet->end};

	switch (packet->kind) {
	case PACKET_CLAIM:
		return !packet->bytes && d->told[from].wants < LEDGER_HANDS;
	case PACKET_DONE:
		if (!ledger_holds(d->ledger, (unsigned)from, chunk) || !input_has_left(d, from, chunk.begin))
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

/* ---- to end ---- */

/* Put the outcome into words: of all ranks the same. */
static void decide(struct dispatch *d)
{
	const struct report *report = &d->report;
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
	d->job->options.progress(
		d->job->options.progress_context,
		&(sheaf_progress){.total = d->job->n, .done = ledger_count(d->ledger), .failed = d->report.failed});
}

int dispatch_step(struct dispatch *d)
{
	int r, moved;

	if (d->line && !d->stopped.status && (r = line_use(d->line, d->job))) {
		if (r == -EBADMSG)
			stop(d, 0, r, sheaf_message());
		else
			stop(d, 0, d->used = r, "");
	}
	serve_waiting(d);
	if ((moved = send_outgoing(d)) < 0)
		return moved;
	show_progress(d, false);
	if (!d->over && !d->going && ledger_is_over(d->ledger)) {
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
