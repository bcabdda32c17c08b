/*
 * meet.c - the collective calls, each repeated until all ranks that live have done it.
 *
 * If a rank dies, a collective call may fail at some ranks, succeed at others, and never end at the
 * rest. So a rank at which it has failed revokes the communicator, which ends the call at all. Then
 * all agree on whether it has succeeded everywhere. If not, they go on with a communicator of those
 * that live, and do the same again. That has its own communicator, because a packet that is on its
 * way on a revoked one is lost.
 *
 * Order             revoke < agree < shrink < the same call again.
 */
#include "mpi/meet.h"

#include "mpi/failure.h"
#include "mpi/packet.h"
#include "mpi/patience.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * A connection may break before the news of a death comes. So a call that has failed is done again
 * so often, each time so much later, while nobody is known to have died.
 */
#define AGAIN 300
#define AGAIN_NS 50000000

/*
 * What TCP sends at once in Open MPI, which is 64 KiB, has room for this and headers. Of more,
 * version 5.0.9 may try for ever to get the rest from a rank that has died.
 */
#define TOLERANT_BYTES ((size_t)32 << 10)

/* One call, as a rank takes part in it. */
struct part {
	const char *call;
	const void *give;
	void *take;
	size_t size;
	int from;
};

/* Wait until a call is over. Returns an error of MPI. */
static int sleep_through(MPI_Request *request)
{
	struct patience patience = {0};
	int error, over = 0;

	for (;;) {
		uint64_t nap;

		if ((error = MPI_Test(request, &over, MPI_STATUS_IGNORE)) != MPI_SUCCESS || over)
			return error;
		if ((nap = patience_next(&patience, false)))
			nanosleep(&(struct timespec){.tv_nsec = (long)nap}, NULL);
	}
}

/* ---- members ---- */

int meeting_open(struct meeting *meeting, MPI_Comm all)
{
	int r;

	*meeting = (struct meeting){.comm = MPI_COMM_NULL, .all = all, .tolerant = failure_is_survived()};
	MPI_Comm_size(all, &meeting->ranks);
	if ((r = failure_check(MPI_Comm_dup(all, &meeting->comm), "MPI_Comm_dup")))
		return r;
	MPI_Comm_set_errhandler(meeting->comm, MPI_ERRORS_RETURN);
	meeting->count = meeting->ranks;
	meeting->members = calloc((size_t)meeting->ranks, sizeof(*meeting->members));
	if (!meeting->members)
		return sheaf_message_set(-ENOMEM, "cluster: no memory for the numbers of %d ranks", meeting->ranks);
	for (int i = 0; i < meeting->ranks; i++)
		meeting->members[i] = i;
	if (MPI_Alloc_mem((MPI_Aint)WIRE_BYTES, MPI_INFO_NULL, &meeting->bounce) == MPI_SUCCESS)
		return 0;
	meeting->bounce = NULL;
	return sheaf_message_set(-ENOMEM, "cluster: MPI has no memory for a buffer of %zu bytes", WIRE_BYTES);
}

void meeting_close(struct meeting *meeting)
{
	if (meeting->bounce)
		MPI_Free_mem(meeting->bounce);
	if (meeting->comm != MPI_COMM_NULL)
		MPI_Comm_free(&meeting->comm);
	free(meeting->members);
}

size_t meeting_piece(const struct meeting *meeting)
{
	return meeting->tolerant ? TOLERANT_BYTES : WIRE_BYTES;
}

/* Find the number that a rank has among the members. -1: it is none. */
static int find_member(const struct meeting *meeting, int rank)
{
	for (int i = 0; i < meeting->count; i++)
		if (meeting->members[i] == rank)
			return i;
	return -1;
}

bool meeting_has(const struct meeting *meeting, int rank)
{
	return find_member(meeting, rank) >= 0;
}

/* Go on with those that live. */
static int drop_dead(struct meeting *meeting)
{
	MPI_Comm living;
	int r = failure_check(failure_shrink(meeting->comm, &living), "MPIX_Comm_shrink");

	if (r || !meeting->members)
		return -EIO;
	MPI_Comm_set_errhandler(living, MPI_ERRORS_RETURN);
	MPI_Comm_free(&meeting->comm);
	meeting->comm = living;
	MPI_Comm_size(living, &meeting->count);
	failure_translate(living, meeting->all, meeting->members);
	if (meeting->members[0])
		failure_end_job(living);
	return 0;
}

/*
 * Find out whether a call has succeeded at all members. @error: of this one. 1: it is to be done
 * again; 0: yes; -EIO.
 */
static int agree_on_success(struct meeting *meeting, int error)
{
	MPI_Request request;
	int fine = error == MPI_SUCCESS;

	if (!fine)
		failure_revoke(meeting->comm);
	error = failure_agree(meeting->comm, &fine, &request);
	if (error == MPI_SUCCESS)
		error = sleep_through(&request);
	if (error == MPI_SUCCESS && fine)
		return 0;
	if (error != MPI_SUCCESS && !failure_is(error))
		return failure_check(error, "MPIX_Comm_agree");
	return drop_dead(meeting) ? -EIO : 1;
}

/* Do one call, with all members. @step returns an error of MPI. */
static int do_together(struct meeting *meeting, int (*step)(struct meeting *, const struct part *), const struct part *part)
{
	int r, error = MPI_SUCCESS;

	for (int again = 0; again < AGAIN; again++) {
		int count = meeting->count;

		error = step(meeting, part);
		if (!meeting->tolerant || error == MPI_ERR_ROOT)
			return failure_check(error, part->call);
		if ((r = agree_on_success(meeting, error)) <= 0)
			return r;
		if (meeting->count < count)
			again = 0;
		else
			nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
	}
	return failure_check(error == MPI_SUCCESS ? MPI_ERR_OTHER : error, part->call);
}

/* ---- calls ---- */

static int barrier_all(struct meeting *meeting, const struct part *part)
{
	MPI_Request request;
	int error = MPI_Ibarrier(meeting->comm, &request);

	(void)part;
	return error == MPI_SUCCESS ? sleep_through(&request) : error;
}

int meeting_wait(struct meeting *meeting)
{
	return do_together(meeting, barrier_all, &(struct part){.call = "MPI_Ibarrier"});
}

static int reduce_all(struct meeting *meeting, const struct part *part)
{
	MPI_Request request;
	int error = MPI_Iallreduce(part->give, part->take, (int)part->size, MPI_UINT64_T, MPI_MIN, meeting->comm, &request);

	return error == MPI_SUCCESS ? sleep_through(&request) : error;
}

int meeting_lowest(struct meeting *meeting, const uint64_t *values, uint64_t *lowest, int count)
{
	return do_together(meeting, reduce_all,
			   &(struct part){.call = "MPI_Iallreduce", .give = values, .take = lowest, .size = (size_t)count});
}

static int gather_from_all(struct meeting *meeting, const struct part *part)
{
	MPI_Request request;
	int size = (int)part->size;
	int error = MPI_Iallgather(part->give, size, MPI_BYTE, part->take, size, MPI_BYTE, meeting->comm, &request);

	return error == MPI_SUCCESS ? sleep_through(&request) : error;
}

int meeting_gather(struct meeting *meeting, const void *bytes, void *all, size_t size)
{
	unsigned char *each = all;
	int r = do_together(meeting, gather_from_all,
			    &(struct part){.call = "MPI_Iallgather", .give = bytes, .take = all, .size = size});

	/* From the last one on, each to its rank's own place. */
	for (int rank = meeting->ranks - 1, i = meeting->count - 1; !r && rank >= 0; rank--) {
		if (i >= 0 && meeting->members[i] == rank)
			memmove(each + (size_t)rank * size, each + (size_t)i-- * size, size);
		else
			memset(each + (size_t)rank * size, 0, size);
	}
	return r;
}

static int broadcast_all(struct meeting *meeting, const struct part *part)
{
	int from = find_member(meeting, part->from), own = -1, error = MPI_SUCCESS;
	unsigned char *at = part->take;
	size_t left = part->size;

	if (from < 0)
		return MPI_ERR_ROOT;
	MPI_Comm_rank(meeting->comm, &own);
	while (left && error == MPI_SUCCESS) {
		size_t most = meeting_piece(meeting), piece = left < most ? left : most;
		MPI_Request request;

		if (own == from)
			memcpy(meeting->bounce, at, piece);
		error = MPI_Ibcast(meeting->bounce, (int)piece, MPI_BYTE, from, meeting->comm, &request);
		if (error == MPI_SUCCESS)
			error = sleep_through(&request);
		if (error == MPI_SUCCESS && own != from)
			memcpy(at, meeting->bounce, piece);
		at += piece;
		left -= piece;
	}
	return error;
}

int meeting_broadcast(struct meeting *meeting, void *bytes, size_t size, int from)
{
	return do_together(meeting, broadcast_all,
			   &(struct part){.call = "MPI_Ibcast", .take = bytes, .size = size, .from = from});
}
