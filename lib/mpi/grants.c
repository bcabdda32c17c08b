/*
 * grants.c - sends chunks to the ranks that they were given to.
 *
 * Input that travels goes out piece by piece, as buffers become free. Its first piece is the grant.
 */
#include "mpi/grants.h"

#include <stdlib.h>

/* A chunk that was given to a rank, of which no packet or not all input has left. */
struct grant {
	int to;
	struct span chunk;
	uint64_t offset;
};

struct grants {
	size_t count;
	struct grant list[]; /* LEDGER_HANDS for each rank at most */
};

struct grants *grants_open(int ranks)
{
	return calloc(1, sizeof(struct grants) + (size_t)ranks * LEDGER_HANDS * sizeof(struct grant));
}

void grants_close(struct grants *grants)
{
	free(grants);
}

void grants_add(struct grants *grants, int to, struct span chunk)
{
	grants->list[grants->count++] = (struct grant){.to = to, .chunk = chunk};
}

/* Send a piece of a chunk's input. 1: all has left; 0: not yet; -EIO. */
static int send_input(struct grant *going, const struct job *job, struct wire *wire)
{
	bool travels = job->options.input == SHEAF_INPUT_AT_ROOT && job->in_size;
	uint64_t total = travels ? (going->chunk.end - going->chunk.begin) * job->in_size : 0;

	do {
		uint64_t left = total - going->offset, most = wire_piece(wire);
		struct packet packet = {
			.kind = PACKET_GRANT,
			.job = job->number,
			.begin = going->chunk.begin,
			.end = going->chunk.end,
			.offset = going->offset,
			.bytes = left < most ? left : most,
			.total = total,
		};
		const unsigned char *from = travels ? job->in + going->chunk.begin * job->in_size + going->offset : NULL;
		int r = wire_send(wire, going->to, &packet, from);

		if (r <= 0)
			return r;
		going->offset += packet.bytes;
	} while (going->offset < total);
	return 1;
}

int grants_send(struct grants *grants, const struct job *job, struct wire *wire)
{
	int done = 0;

	for (size_t i = 0; i < grants->count;) {
		int r = send_input(&grants->list[i], job, wire);

		if (r < 0)
			return r;
		if (!r) {
			i++;
			continue;
		}
		grants->list[i] = grants->list[--grants->count];
		done = 1;
	}
	return done;
}

bool grants_have_sent(const struct grants *grants, int to, uint64_t begin)
{
	for (size_t i = 0; i < grants->count; i++)
		if (grants->list[i].to == to && grants->list[i].chunk.begin == begin)
			return false;
	return true;
}

bool grants_are_sent(const struct grants *grants)
{
	return !grants->count;
}

void grants_forget(struct grants *grants, int rank)
{
	for (size_t i = 0; i < grants->count;)
		if (grants->list[i].to == rank)
			grants->list[i] = grants->list[--grants->count];
		else
			i++;
}
