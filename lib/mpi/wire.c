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
 */
#include "mpi/wire.h"

#include "mpi/patience.h"
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

struct buffer {
	unsigned char *memory; /* header, then bytes */
	MPI_Request request;   /* MPI_REQUEST_NULL: it is free, or complete */
	int from;
	size_t received;
};

struct wire {
	MPI_Comm comm;
	int rank, ranks;
	struct buffer sends[SENDS]; /* the small ones first */
	struct buffer receives[RECEIVES];
	unsigned first, arriving; /* of receives: a queue */
	unsigned leaving;         /* of sends */
	unsigned char *bounce;    /* of collective calls */
};

int wire_check(int error, const char *call)
{
	char text[MPI_MAX_ERROR_STRING];
	int size = 0;

	if (error == MPI_SUCCESS)
		return 0;
	if (MPI_Error_string(error, text, &size) != MPI_SUCCESS)
		size = 0;
	return sheaf_message_set(-EIO, "%s: MPI error %d: %.*s", call, error, size, text);
}

/* ---- buffers ---- */

static int get_buffer(struct buffer *buffer, size_t bytes)
{
	buffer->request = MPI_REQUEST_NULL;
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
	if (!r && MPI_Alloc_mem((MPI_Aint)WIRE_BYTES, MPI_INFO_NULL, &wire->bounce) != MPI_SUCCESS) {
		wire->bounce = NULL;
		r = sheaf_message_set(-ENOMEM, "cluster: MPI has no memory for a buffer of %zu bytes", WIRE_BYTES);
	}
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
	if (wire->bounce)
		MPI_Free_mem(wire->bounce);
}

int wire_open(struct wire **opened, MPI_Comm comm)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	MPI_Comm own;
	uint64_t mine, lowest;
	int r;

	/* Collective even without memory, or the other ranks would wait. */
	if ((r = wire_check(MPI_Comm_dup(comm, &own), "MPI_Comm_dup"))) {
		free(wire);
		return r;
	}
	MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN);
	r = wire ? 0 : sheaf_message_set(-ENOMEM, "cluster: no memory for its handle");
	if (!r) {
		wire->comm = own;
		MPI_Comm_rank(own, &wire->rank);
		MPI_Comm_size(own, &wire->ranks);
		r = get_buffers(wire);
	}
	/* The one blocking call: there is no buffer to wait with. */
	mine = r ? 0 : 1;
	lowest = mine;
	if (MPI_Allreduce(&mine, &lowest, 1, MPI_UINT64_T, MPI_MIN, own) != MPI_SUCCESS)
		lowest = 0;
	if (!lowest && !r)
		r = sheaf_message_set(-ENOMEM, "cluster: another rank has no memory for its buffers");
	if (r) {
		if (wire)
			free_buffers(wire);
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
		if (wire->sends[i].request != MPI_REQUEST_NULL)
			MPI_Wait(&wire->sends[i].request, MPI_STATUS_IGNORE);
	free_buffers(wire);
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

/* ---- packets ---- */

/* Find a buffer whose last packet has left. NULL: there is none; *r says whether MPI has failed. */
static struct buffer *find_buffer(struct wire *wire, bool large, int *r)
{
	unsigned from = large ? SMALL_SENDS : 0, to = large ? SENDS : SMALL_SENDS;
	int left;

	*r = 0;
	for (unsigned i = from; i < to; i++) {
		struct buffer *buffer = &wire->sends[i];

		if (buffer->request == MPI_REQUEST_NULL)
			return buffer;
		if ((*r = wire_check(MPI_Test(&buffer->request, &left, MPI_STATUS_IGNORE), "MPI_Test")))
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
	int r, size = (int)(sizeof(*packet) + packet->bytes);
	struct buffer *buffer = find_buffer(wire, packet->bytes > SMALL_BYTES, &r);

	if (!buffer)
		return r;
	memcpy(buffer->memory, packet, sizeof(*packet));
	if (packet->bytes)
		memcpy(buffer->memory + sizeof(*packet), bytes, packet->bytes);
	r = wire_check(MPI_Isend(buffer->memory, size, MPI_BYTE, to, TAG, wire->comm, &buffer->request), "MPI_Isend");
	if (r)
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
		int found, count, r;

		if ((r = wire_check(MPI_Improbe(MPI_ANY_SOURCE, TAG, wire->comm, &found, &message, &status), "MPI_Improbe")))
			return r;
		if (!found)
			return 0;
		/* Of one that is longer than the buffer, MPI takes the beginning, and says so. */
		if ((r = wire_check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count")))
			return r;
		buffer->received = count < 0 ? 0 : (size_t)count;
		r = wire_check(MPI_Imrecv(buffer->memory, (int)(sizeof(struct packet) + WIRE_BYTES), MPI_BYTE, &message,
					  &buffer->request),
			       "MPI_Imrecv");
		if (r)
			return r;
		buffer->from = status.MPI_SOURCE;
		wire->arriving++;
	}
	return 0;
}

/* Let what is on its way make progress, and see what has left. */
static int test_sends(struct wire *wire)
{
	int r = 0, left;

	for (unsigned i = 0; i < SENDS && wire->leaving && !r; i++) {
		if (wire->sends[i].request == MPI_REQUEST_NULL)
			continue;
		r = wire_check(MPI_Test(&wire->sends[i].request, &left, MPI_STATUS_IGNORE), "MPI_Test");
		if (!r && left)
			wire->leaving--;
	}
	return r;
}

int wire_look(struct wire *wire, struct arrival *arrival)
{
	struct buffer *buffer = &wire->receives[wire->first];
	int r, arrived = 1;

	if ((r = take_announced(wire)) || (r = test_sends(wire)))
		return r;
	if (!wire->arriving)
		return 0;
	if (buffer->request != MPI_REQUEST_NULL &&
	    (r = wire_check(MPI_Test(&buffer->request, &arrived, MPI_STATUS_IGNORE), "MPI_Test")))
		return r;
	if (!arrived)
		return 0;
	if (!packet_is_whole(buffer->memory, buffer->received))
		return sheaf_message_set(-EIO, "cluster: rank %d has sent %zu bytes that are no packet", buffer->from,
					 buffer->received);
	*arrival = (struct arrival){
		.from = buffer->from,
		.packet = (const void *)buffer->memory,
		.bytes = buffer->memory + sizeof(struct packet),
	};
	return 1;
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

/* ---- waiting ---- */

/* Wait until a collective call is over. */
static int sleep_through(MPI_Request *request, const char *call)
{
	struct patience patience = {0};
	int r, over = 0;

	for (;;) {
		uint64_t nap;

		if ((r = wire_check(MPI_Test(request, &over, MPI_STATUS_IGNORE), call)) || over)
			return r;
		if ((nap = patience_next(&patience, false)))
			nanosleep(&(struct timespec){.tv_nsec = (long)nap}, NULL);
	}
}

int wire_meet(struct wire *wire)
{
	MPI_Request request;
	int r = wire_check(MPI_Ibarrier(wire->comm, &request), "MPI_Ibarrier");

	return r ? r : sleep_through(&request, "MPI_Ibarrier");
}

int wire_lowest(struct wire *wire, const uint64_t *values, uint64_t *lowest, int count)
{
	MPI_Request request;
	int r = wire_check(MPI_Iallreduce(values, lowest, count, MPI_UINT64_T, MPI_MIN, wire->comm, &request),
			   "MPI_Iallreduce");

	return r ? r : sleep_through(&request, "MPI_Iallreduce");
}

int wire_gather(struct wire *wire, const void *bytes, void *all, size_t size)
{
	MPI_Request request;
	int r = wire_check(MPI_Iallgather(bytes, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, wire->comm, &request),
			   "MPI_Iallgather");

	return r ? r : sleep_through(&request, "MPI_Iallgather");
}

int wire_broadcast(struct wire *wire, void *bytes, size_t size, int from)
{
	unsigned char *at = bytes;
	int r = 0;

	while (size && !r) {
		size_t piece = size < WIRE_BYTES ? size : WIRE_BYTES;
		MPI_Request request;

		if (wire->rank == from)
			memcpy(wire->bounce, at, piece);
		r = wire_check(MPI_Ibcast(wire->bounce, (int)piece, MPI_BYTE, from, wire->comm, &request), "MPI_Ibcast");
		if (!r)
			r = sleep_through(&request, "MPI_Ibcast");
		if (!r && wire->rank != from)
			memcpy(at, wire->bounce, piece);
		at += piece;
		size -= piece;
	}
	return r;
}
