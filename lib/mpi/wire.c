/*
 * wire.c - sends and receives packets, and waits for all ranks.
 *
 * A small packet is a header with at most a text. It fits into what every MPI sends at once, so it
 * has a small buffer. A large one has up to 1 MiB. Of each kind there are a few buffers, and a
 * sender that finds none free tries again later.
 *
 * Receives are matched by a probe and completed by tests, so that no call waits for a rank that may
 * have died. They form a queue, and packets are handed out in its order: the packet that says that
 * a chunk is done never overtakes the bytes before it.
 *
 * A probe says nothing of ranks that have died, where others survive that. So MPI is asked for them
 * now and then. What a dead rank has sent is dropped, and what is sent to it counts as sent.
 */
#include "mpi/wire.h"

#include "mpi/failure.h"
#include "mpi/meet.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TAG 1
#define SMALL_BYTES WIRE_TEXT
#define SMALL_SENDS 64
#define LARGE_SENDS 4
#define SENDS (SMALL_SENDS + LARGE_SENDS)
#define RECEIVES 4
/* MPI is asked for deaths so often. The news may come so long after a connection has broken. */
#define DEATHS_NS 5000000
#define NEWS_NS UINT64_C(15000000000)

struct buffer {
	unsigned char *memory; /* header, then bytes */
	size_t room;           /* behind the header */
	MPI_Request request;   /* MPI_REQUEST_NULL: it is free, or complete */
	int other;             /* the rank that it goes to, or comes from */
	size_t received;
};

struct wire {
	MPI_Comm comm;
	int rank, ranks;
	struct buffer sends[SENDS]; /* the small ones first */
	struct buffer receives[RECEIVES];
	unsigned first, arriving; /* of receives: a queue */
	unsigned leaving;         /* of sends */
	struct meeting meeting;
	bool *dead;        /* of each rank, if others survive that */
	int deaths;        /* of these */
	uint64_t asked_ns; /* when MPI was asked for them */
};

/* ---- buffers ---- */

static int get_buffer(struct buffer *buffer, size_t bytes)
{
	buffer->request = MPI_REQUEST_NULL;
	buffer->room = bytes;
	if (MPI_Alloc_mem((MPI_Aint)(sizeof(struct packet) + bytes), MPI_INFO_NULL, &buffer->memory) == MPI_SUCCESS)
		return 0;
	buffer->memory = NULL;
	return sheaf_message_set(-ENOMEM, "cluster: MPI has no memory for a buffer of %zu bytes", bytes);
}

static int get_buffers(struct wire *wire)
{
	int r = 0;

	for (unsigned i = 0; i < SENDS && !r; i++)
		r = get_buffer(&wire->sends[i], i < SMALL_SENDS ? SMALL_BYTES : WIRE_BYTES);
	for (unsigned i = 0; i < RECEIVES && !r; i++)
		r = get_buffer(&wire->receives[i], WIRE_BYTES);
	wire->dead = calloc((size_t)wire->ranks, sizeof(*wire->dead));
	if (!r && !wire->dead)
		r = sheaf_message_set(-ENOMEM, "cluster: no memory for the state of %d ranks", wire->ranks);
	return r;
}

static void free_buffers(struct wire *wire)
{
	for (unsigned i = 0; i < SENDS; i++)
		if (wire->sends[i].memory)
			MPI_Free_mem(wire->sends[i].memory);
	for (unsigned i = 0; i < RECEIVES; i++)
		if (wire->receives[i].memory)
			MPI_Free_mem(wire->receives[i].memory);
	free(wire->dead);
}

/* Get all that @wire needs, with all ranks. */
static int open_wire(struct wire *wire, MPI_Comm own, int code)
{
	uint64_t mine, lowest = 0;
	int r = meeting_open(&wire->meeting, own), met;

	wire->comm = own;
	MPI_Comm_rank(own, &wire->rank);
	MPI_Comm_size(own, &wire->ranks);
	if (!r)
		r = code ? code : get_buffers(wire);
	if (wire->meeting.comm == MPI_COMM_NULL)
		return r;
	mine = r ? 0 : 1;
	met = meeting_lowest(&wire->meeting, &mine, &lowest, 1);
	if (!r && (r = met) == 0 && !lowest)
		r = sheaf_message_set(-ENOMEM, "cluster: another rank has no memory for its buffers");
	return r;
}

int wire_open(struct wire **opened, MPI_Comm comm)
{
	struct wire *wire = calloc(1, sizeof(*wire)), none = {0}, *here = wire ? wire : &none;
	MPI_Comm own;
	int r;

	/* Collective even without memory, or the other ranks would wait. */
	if ((r = failure_check(MPI_Comm_dup(comm, &own), "MPI_Comm_dup"))) {
		free(wire);
		return r;
	}
	MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN);
	r = open_wire(here, own, wire ? 0 : sheaf_message_set(-ENOMEM, "cluster: no memory for its handle"));
	if (r) {
		free_buffers(here);
		meeting_close(&here->meeting);
		free(wire);
		MPI_Comm_free(&own);
		return r;
	}
	*opened = wire;
	return 0;
}

void wire_close(struct wire *wire)
{
	/* What left has arrived: each job ends with a packet to each rank, which all wait for. */
	for (unsigned i = 0; i < SENDS; i++)
		if (wire->sends[i].request != MPI_REQUEST_NULL && !wire->dead[wire->sends[i].other])
			MPI_Wait(&wire->sends[i].request, MPI_STATUS_IGNORE);
	free_buffers(wire);
	meeting_close(&wire->meeting);
	MPI_Comm_free(&wire->comm);
	free(wire);
}

int wire_rank(const struct wire *wire)
{
	return wire->rank;
}

int wire_ranks(const struct wire *wire)
{
	return wire->ranks;
}

size_t wire_piece(const struct wire *wire)
{
	return meeting_piece(&wire->meeting);
}

/* ---- deaths ---- */

/* Learn which ranks have died. */
static void read_deaths(struct wire *wire)
{
	/* Those that no longer meet, too, of which MPI may not have told this rank. */
	for (int rank = 0, i = 0; rank < wire->ranks; rank++)
		if (i < wire->meeting.count && wire->meeting.members[i] == rank)
			i++;
		else
			wire->dead[rank] = true;
	wire->deaths = failure_read(wire->comm, wire->dead, wire->ranks);
	if (wire->dead[0])
		failure_end_job(wire->comm);
}

static void look_for_deaths(struct wire *wire)
{
	uint64_t now = wire->meeting.tolerant ? sheaf_now_ns() : 0;

	if (!wire->meeting.tolerant || now - wire->asked_ns < DEATHS_NS)
		return;
	wire->asked_ns = now;
	read_deaths(wire);
}

/* Has a rank died, as MPI has failed with it? A connection may break before the news comes. */
static bool has_died(struct wire *wire, int other, int error)
{
	uint64_t begin = sheaf_now_ns();

	if (error == MPI_SUCCESS || !wire->meeting.tolerant)
		return false;
	for (;;) {
		int found;

		read_deaths(wire);
		if (wire->dead[other] || sheaf_now_ns() - begin > NEWS_NS)
			return wire->dead[other];
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		/* So that MPI hears. */
		MPI_Iprobe(other, TAG, wire->comm, &found, MPI_STATUS_IGNORE);
	}
}

int wire_deaths(const struct wire *wire)
{
	return wire->deaths;
}

bool wire_lives(const struct wire *wire, int rank)
{
	return !wire->dead[rank];
}

/*
 * Look whether a buffer's request is complete. That of a rank that has died is: *died. MPI may
 * never complete it, and not stop to use its memory either, so both are left to it.
 */
static int test_buffer(struct wire *wire, struct buffer *buffer, int *complete, bool *died)
{
	int error = MPI_Test(&buffer->request, complete, MPI_STATUS_IGNORE);

	*died = has_died(wire, buffer->other, error) || (!*complete && wire->dead[buffer->other]);
	if (!*died)
		return failure_check(error, "MPI_Test");
	*complete = 1;
	return get_buffer(buffer, buffer->room) ? -EIO : 0;
}

/* ---- packets ---- */

/* Find a buffer whose last packet has left. NULL: there is none; *r says whether MPI has failed. */
static struct buffer *find_buffer(struct wire *wire, bool large, int *r)
{
	unsigned from = large ? SMALL_SENDS : 0, to = large ? SENDS : SMALL_SENDS;
	bool died;
	int left;

	*r = 0;
	for (unsigned i = from; i < to; i++) {
		struct buffer *buffer = &wire->sends[i];

		if (buffer->request == MPI_REQUEST_NULL)
			return buffer;
		if ((*r = test_buffer(wire, buffer, &left, &died)))
			return NULL;
		if (left) {
			wire->leaving--;
			return buffer;
		}
	}
	return NULL;
}

int wire_send(struct wire *wire, int to, const struct packet *packet, const void *bytes)
{
	int r, size = (int)(sizeof(*packet) + packet->bytes), error;
	struct buffer *buffer = find_buffer(wire, packet->bytes > SMALL_BYTES, &r);

	if (!buffer)
		return r;
	if (wire->dead[to])
		return 1;
	buffer->other = to;
	memcpy(buffer->memory, packet, sizeof(*packet));
	if (packet->bytes)
		memcpy(buffer->memory + sizeof(*packet), bytes, packet->bytes);
	error = MPI_Isend(buffer->memory, size, MPI_BYTE, to, TAG, wire->comm, &buffer->request);
	if (error != MPI_SUCCESS)
		buffer->request = MPI_REQUEST_NULL;
	if (has_died(wire, to, error))
		return 1;
	if ((r = failure_check(error, "MPI_Isend")))
		return r;
	wire->leaving++;
	return 1;
}

/* Begin to receive what has been announced, as long as buffers are free. */
static int take_announced(struct wire *wire)
{
	while (wire->arriving < RECEIVES) {
		struct buffer *buffer = &wire->receives[(wire->first + wire->arriving) % RECEIVES];
		MPI_Message message;
		MPI_Status status;
		int found, count, r, error;

		if ((r = failure_check(MPI_Improbe(MPI_ANY_SOURCE, TAG, wire->comm, &found, &message, &status), "MPI_Improbe")))
			return r;
		if (!found)
			return 0;
		/* Of one that is longer than the buffer, MPI takes the beginning, and says so. */
		if ((r = failure_check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count")))
			return r;
		buffer->received = count < 0 ? 0 : (size_t)count;
		buffer->other = status.MPI_SOURCE;
		error = MPI_Imrecv(buffer->memory, (int)(sizeof(struct packet) + WIRE_BYTES), MPI_BYTE, &message,
				   &buffer->request);
		if (has_died(wire, buffer->other, error)) {
			buffer->request = MPI_REQUEST_NULL;
			continue;
		}
		if ((r = failure_check(error, "MPI_Imrecv")))
			return r;
		wire->arriving++;
	}
	return 0;
}

/* Let what is on its way make progress, and see what has left. */
static int test_sends(struct wire *wire)
{
	int r = 0, left;
	bool died;

	for (unsigned i = 0; i < SENDS && wire->leaving && !r; i++) {
		if (wire->sends[i].request == MPI_REQUEST_NULL)
			continue;
		r = test_buffer(wire, &wire->sends[i], &left, &died);
		if (!r && left)
			wire->leaving--;
	}
	return r;
}

/* Look at the first packet that comes. As wire_look(), but 2: it is one of a rank that has died. */
static int look_at_first(struct wire *wire, struct arrival *arrival)
{
	struct buffer *buffer = &wire->receives[wire->first];
	int r, arrived = 1;
	bool died = false;

	if (buffer->request != MPI_REQUEST_NULL && (r = test_buffer(wire, buffer, &arrived, &died)))
		return r;
	if (!arrived)
		return 0;
	if (died || wire->dead[buffer->other])
		return 2;
	if (!packet_is_whole(buffer->memory, buffer->received))
		return sheaf_message_set(-EIO, "cluster: rank %d has sent %zu bytes that are no packet", buffer->other,
					 buffer->received);
	*arrival = (struct arrival){
		.from = buffer->other,
		.packet = (const void *)buffer->memory,
		.bytes = buffer->memory + sizeof(struct packet),
	};
	return 1;
}

int wire_look(struct wire *wire, struct arrival *arrival)
{
	int r;

	look_for_deaths(wire);
	do {
		if ((r = take_announced(wire)) || (r = test_sends(wire)))
			return r;
		if (!wire->arriving)
			return 0;
		if ((r = look_at_first(wire, arrival)) == 2)
			wire_release(wire);
	} while (r == 2);
	return r;
}

void wire_release(struct wire *wire)
{
	wire->first = (wire->first + 1) % RECEIVES;
	wire->arriving--;
}

void wire_drop(struct wire *wire)
{
	struct arrival arrival;

	while (wire_look(wire, &arrival) > 0)
		wire_release(wire);
}

bool wire_is_busy(const struct wire *wire)
{
	return wire->arriving || wire->leaving;
}

/* ---- all ranks ---- */

/* All have met: those that did not come have died. */
static int note_meeting(struct wire *wire, int r)
{
	if (!r && wire->meeting.tolerant)
		read_deaths(wire);
	return r;
}

int wire_meet(struct wire *wire)
{
	return note_meeting(wire, meeting_wait(&wire->meeting));
}

bool wire_meets(const struct wire *wire, int rank)
{
	return meeting_has(&wire->meeting, rank);
}

bool wire_is_tolerant(const struct wire *wire)
{
	return wire->meeting.tolerant;
}

int wire_living(const struct wire *wire)
{
	return wire->meeting.count;
}

int wire_lowest(struct wire *wire, const uint64_t *values, uint64_t *lowest, int count)
{
	return note_meeting(wire, meeting_lowest(&wire->meeting, values, lowest, count));
}

int wire_gather(struct wire *wire, const void *bytes, void *all, size_t size)
{
	return note_meeting(wire, meeting_gather(&wire->meeting, bytes, all, size));
}

int wire_broadcast(struct wire *wire, void *bytes, size_t size, int from)
{
	return note_meeting(wire, meeting_broadcast(&wire->meeting, bytes, size, from));
}
