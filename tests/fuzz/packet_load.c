/*
 * packet_load.c - stands in for wire.h, with packets that are made of an input.
 *
 * Each packet is in memory of its own size, so that a sanitizer sees what is read beyond it. The
 * arrays of the job have a border, which has to stay as it is.
 */
#include "packet_load.h"

#include "sheaf_adapter.h"

#include "mpi/dispatch.h"
#include "mpi/pack.h"
#include "mpi/patience.h"
#include "mpi/place.h"
#include "mpi/rank.h"
#include "support/check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RANKS 3
#define MOST 64     /* positions */
#define BORDER 4096 /* bytes around an array */
#define WORD 8

struct wire {
	const uint8_t *bytes;
	size_t left;
	const struct job *job;
	int rank;
	struct span held[RANKS]; /* of the root: what each rank was granted last */
	uint64_t next;           /* of a rank: what it is granted next */
	unsigned pauses, busy;   /* looks without a packet, and sends without a buffer */
	bool dead[RANKS];
	int deaths;
	unsigned char *memory;
};

static sheaf_pool *pool;
static unsigned char *arrays[2];

void packet_load_begin(void)
{
	void *memory;

	CHECK(!sheaf_pool_create(&pool, &(sheaf_pool_options){.backend = SHEAF_INLINE, .heap_size = (size_t)64 << 20}),
	      "no pool");
	for (unsigned i = 0; i < 2; i++) {
		CHECK(!sheaf_alloc(pool, MOST * WORD + 2 * BORDER, &memory), "no memory");
		arrays[i] = memory;
		memset(arrays[i], 0x5a, MOST * WORD + 2 * BORDER);
	}
}

void packet_load_end(void)
{
	sheaf_pool_destroy(pool);
}

/* ---- what an input says ---- */

static unsigned take_byte(struct wire *wire)
{
	if (!wire->left)
		return 0;
	wire->left--;
	return *wire->bytes++;
}

/* Mostly a small number, else one at an edge. */
static uint64_t take_number(struct wire *wire)
{
	static const uint64_t edges[] = {UINT64_MAX, UINT64_MAX - 1, INT64_MAX,      (uint64_t)INT64_MAX + 1,
					 UINT32_MAX, 1u << 20,       (1u << 20) + 1, 512,
					 513,        UINT64_MAX / 8, UINT64_MAX - 7, MOST,
					 MOST + 1,   1u << 31,       4096,           256};
	unsigned byte = take_byte(wire);

	return byte < 0xf0 ? byte : edges[byte - 0xf0];
}

/* Fill a chunk's results of collect, as a rank does. */
static size_t make_packed(struct span chunk, unsigned char **packed)
{
	sheaf_result results[MOST];
	uint64_t size = 0, n = chunk.end - chunk.begin;

	for (uint64_t i = 0; i < n && i < MOST; i++)
		results[i] = (sheaf_result){
			.position = chunk.begin + i, .data = arrays[0] + BORDER, .size = WORD, .message = ""};
	CHECK(n <= MOST && !pack_results(results, (size_t)n, packed, &size), "no memory");
	return (size_t)size;
}

/* Make the header's fields; some fit to what was granted. Return how many bytes are behind it. */
static uint64_t make_header(struct wire *wire, struct packet *packet, int from, bool fits)
{
	const struct job *job = wire->job;
	bool granted = packet->kind == PACKET_GRANT;

	packet->job = fits || take_byte(wire) ? job->number : (uint32_t)take_number(wire);
	if (!fits) {
		packet->begin = take_number(wire);
		packet->end = take_number(wire);
		packet->offset = take_number(wire);
		packet->total = take_number(wire);
	} else if (granted) {
		packet->begin = wire->next;
		packet->end = wire->next + 1 + take_byte(wire) % 4;
		wire->next = packet->end;
		packet->total = job->in_travels ? (packet->end - packet->begin) * job->in_size : 0;
	} else {
		packet->begin = wire->held[from].begin;
		packet->end = wire->held[from].end;
		packet->total = (packet->end - packet->begin) * job->out_size;
	}
	/* More than that only takes memory. */
	if (packet->total < UINT64_MAX / 16)
		packet->total &= 0xffff;
	packet->failed = fits ? 0 : take_number(wire);
	packet->position = take_number(wire);
	packet->status = -(int32_t)(take_number(wire) & 127);
	packet->last = fits ? take_byte(wire) % 4 : (uint32_t)take_number(wire);
	return fits && packet->kind != PACKET_DONE ? packet->total : fits && !packet->last ? packet->total : take_number(wire);
}

/* Make a packet of the next bytes. Return how many it has. */
static size_t make_packet(struct wire *wire, unsigned how, int from)
{
	struct packet packet = {.kind = how & 7};
	bool fits = how & 8, lies = (how & 0xc0) == 0xc0;
	uint64_t bytes = make_header(wire, &packet, from, fits);
	size_t behind = bytes < 8192 ? (size_t)bytes : take_byte(wire);
	unsigned char *packed = NULL;

	if (fits && packet.kind == PACKET_DONE && wire->job->kind == JOB_COLLECT) {
		behind = make_packed((struct span){packet.begin, packet.end}, &packed);
		packet.total = behind;
		if (packet.last) {
			packet.offset = behind;
			behind = 0;
		}
	}
	packet.bytes = lies ? bytes : behind;
	wire->memory = malloc(sizeof(packet) + behind);
	CHECK(wire->memory, "no memory");
	memcpy(wire->memory, &packet, sizeof(packet));
	for (size_t i = 0; i < behind; i++)
		wire->memory[sizeof(packet) + i] = (unsigned char)(packed ? packed[i] : take_byte(wire));
	/* Mostly a text. */
	if (behind && !packed && !(how & 0x40))
		wire->memory[sizeof(packet) + behind - 1] = 0;
	free(packed);
	return sizeof(packet) + behind;
}

/* ---- the wire ---- */

int wire_rank(const struct wire *wire)
{
	return wire->rank;
}

int wire_ranks(const struct wire *wire)
{
	(void)wire;
	return RANKS;
}

size_t wire_piece(const struct wire *wire)
{
	(void)wire;
	return WIRE_BYTES;
}

int wire_deaths(const struct wire *wire)
{
	return wire->deaths;
}

bool wire_lives(const struct wire *wire, int rank)
{
	return !wire->dead[rank];
}

bool wire_is_tolerant(const struct wire *wire)
{
	return wire != NULL;
}

bool wire_meets(const struct wire *wire, int rank)
{
	return !wire->dead[rank];
}

/* Let one of the others die. */
static void kill_rank(struct wire *wire, int rank)
{
	if (wire->rank || wire->dead[rank])
		return;
	wire->dead[rank] = true;
	wire->deaths++;
}

int wire_send(struct wire *wire, int to, const struct packet *packet, const void *bytes)
{
	CHECK(to >= 0 && to < RANKS && to != wire->rank, "a packet to rank %d", to);
	CHECK(!packet->bytes || bytes, "a packet without its bytes");
	if (wire->busy) {
		wire->busy--;
		return 0;
	}
	if (packet->kind == PACKET_GRANT)
		wire->held[to] = (struct span){packet->begin, packet->end};
	return 1;
}

int wire_look(struct wire *wire, struct arrival *arrival)
{
	unsigned how;
	size_t received;
	int from;

	if (wire->pauses) {
		wire->pauses--;
		return 0;
	}
	if (!wire->left)
		return sheaf_message_set(-EIO, "there are no more packets");
	how = take_byte(wire);
	if (!(how & 7)) {
		wire->pauses = how >> 5;
		wire->busy = how >> 3 & 3;
		if (wire->pauses == 7)
			kill_rank(wire, 1 + (int)(how >> 3 & 1));
		return 0;
	}
	from = (int)(how >> 4 & 3);
	from = from == 3 || from == wire->rank ? !wire->rank : from;
	received = make_packet(wire, how, from);
	/* As wire.c does. */
	if (!packet_is_whole(wire->memory, received)) {
		free(wire->memory);
		wire->memory = NULL;
		return sheaf_message_set(-EIO, "no packet");
	}
	*arrival = (struct arrival){from, (const void *)wire->memory, wire->memory + sizeof(struct packet)};
	return 1;
}

void wire_release(struct wire *wire)
{
	free(wire->memory);
	wire->memory = NULL;
}

bool wire_is_busy(const struct wire *wire)
{
	return wire->left;
}

/* ---- without naps ---- */

void patience_reset(struct patience *patience)
{
	(void)patience;
}

uint64_t patience_next(struct patience *patience, bool busy)
{
	(void)patience;
	return busy;
}

bool patience_in_pool(struct patience *patience)
{
	(void)patience;
	return true;
}

/* ---- the job ---- */

static int compute(sheaf_task *task, const void *arg, void *result)
{
	void *memory;

	(void)arg;
	if (result)
		memset(result, 1, WORD);
	else
		return sheaf_task_result(task, WORD, &memory);
	return 0;
}

static int walk(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task, (void)context;
	CHECK(begin < end && end <= MOST, "a range up to %zu", end);
	return 0;
}

/* Each position once, in order. */
static int take(void *context, const sheaf_result *result)
{
	size_t sum = 0;
	uint64_t *next = context;

	CHECK(result->position == *next, "position %llu", (unsigned long long)result->position);
	for (size_t i = 0; i < result->size; i++)
		sum += ((const unsigned char *)result->data)[i];
	CHECK(sum <= 255 * result->size, "a result that changes");
	(*next)++;
	return 0;
}

static void hear(void *context, const char *text)
{
	(void)context;
	CHECK(*text, "a warning without words");
}

/* The first bytes say which job it is. */
static struct job make_job(struct wire *wire, uint64_t *next)
{
	static const sheaf_cluster_options host = {.warn = hear};
	unsigned how = take_byte(wire), n = take_byte(wire);
	struct job job = {
		.kind = (enum job_kind)(JOB_MAP + how % 3),
		.number = 5,
		.call = "fuzz",
		.host = &host,
		.task = compute,
		.range = walk,
		.in = arrays[0] + BORDER,
		.out = arrays[1] + BORDER,
		.n = n % (MOST + 1),
		.each = take,
		.each_context = next,
		.file = -1,
	};

	wire->rank = how & 4 ? 0 : 1;
	job.in_size = how & 8 && job.kind != JOB_FOR ? WORD : 0;
	job.out_size = how & 16 && job.kind == JOB_MAP ? WORD : 0;
	job.options.input = how & 32 ? SHEAF_INPUT_AT_ROOT : SHEAF_INPUT_EVERYWHERE;
	job.options.results = job.kind != JOB_MAP ? SHEAF_RESULTS_AT_ROOT : (enum sheaf_cluster_results)(how / 64 % 3);
	if (job.options.results == SHEAF_RESULTS_AT_ROOT && wire->rank)
		job.out = NULL;
	place_survey(&job, wire->rank);
	return job;
}

static void check_borders(void)
{
	for (unsigned i = 0; i < 2; i++)
		for (size_t at = 0; at < BORDER; at++)
			CHECK(arrays[i][at] == 0x5a && arrays[i][BORDER + MOST * WORD + at] == 0x5a,
			      "bytes beyond an array were written");
}

int packet_load(const uint8_t *bytes, size_t size)
{
	static const unsigned workers[RANKS] = {1, 1, 2};
	struct wire wire = {.bytes = bytes, .left = size};
	uint64_t next = 0;
	struct job job = make_job(&wire, &next);
	struct dispatch *dispatch = NULL;
	int r;

	wire.job = &job;
	CHECK(wire.rank || !dispatch_open(&dispatch, &job, &wire, workers), "no dispatch");
	r = rank_run(&job, &wire, pool, workers[wire.rank], dispatch);
	CHECK(r || wire.rank || job.kind != JOB_COLLECT || next == job.n, "only %llu results", (unsigned long long)next);
	dispatch_close(dispatch);
	free(wire.memory);
	check_borders();
	return r;
}
