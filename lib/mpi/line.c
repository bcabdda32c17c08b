/*
 * line.c - keeps the packed results of chunks in the order of their positions.
 *
 * A chunk enters with its first bytes, and has memory for all of them from then on. Chunks begin in
 * ascending order, so most are put at the end of the list.
 */
#include "mpi/line.h"

#include "mpi/pack.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
	struct waiting *next;
	struct span chunk;
	uint64_t size, have;
	unsigned char *bytes;
	bool whole;
};

struct line {
	struct waiting *first; /* the lowest chunk */
	uint64_t bytes;
	uint64_t used; /* positions */
	uint64_t taken_bytes, taken;
};

struct line *line_open(void)
{
	return calloc(1, sizeof(struct line));
}

/* Take out the chunk that @at leads to. */
static void forget_at(struct line *line, struct waiting **at)
{
	struct waiting *gone = *at;

	*at = gone->next;
	line->bytes -= gone->size;
	free(gone->bytes);
	free(gone);
}

void line_close(struct line *line)
{
	while (line && line->first)
		forget_at(line, &line->first);
	free(line);
}

void line_forget(struct line *line, uint64_t begin)
{
	struct waiting **at = &line->first;

	while (*at && (*at)->chunk.begin < begin)
		at = &(*at)->next;
	if (*at && (*at)->chunk.begin == begin && !(*at)->whole)
		forget_at(line, at);
}

/* Find the chunk, or enter it. NULL: no memory. */
static struct waiting *find_waiting(struct line *line, const struct packet *packet)
{
	struct waiting **at = &line->first, *waiting;

	while (*at && (*at)->chunk.begin < packet->begin)
		at = &(*at)->next;
	if (*at && (*at)->chunk.begin == packet->begin)
		return *at;
	waiting = calloc(1, sizeof(*waiting));
	if (!waiting || !(waiting->bytes = pack_memory(packet->total))) {
		free(waiting);
		return NULL;
	}
	waiting->chunk = (struct span){packet->begin, packet->end};
	waiting->size = packet->total;
	waiting->next = *at;
	*at = waiting;
	line->bytes += packet->total;
	line->taken_bytes += packet->total;
	line->taken += packet->end - packet->begin;
	return waiting;
}

int line_store(struct line *line, const struct packet *packet, const void *bytes)
{
	struct waiting *waiting = find_waiting(line, packet);

	if (!waiting)
		return sheaf_message_set(-ENOMEM, "collect: no memory for %llu bytes of results",
					 (unsigned long long)packet->total);
	if (waiting->whole || packet->offset != waiting->have || packet->bytes > waiting->size - waiting->have)
		return sheaf_message_set(-EBADMSG, "collect: bytes of results came that nobody has asked for");
	if (packet->bytes)
		memcpy(waiting->bytes + waiting->have, bytes, packet->bytes);
	waiting->have += packet->bytes;
	waiting->whole = packet->last;
	return 0;
}

int line_use(struct line *line, const struct job *job)
{
	while (line->first && line->first->whole && line->first->chunk.begin == line->used) {
		const struct waiting *first = line->first;
		uint64_t at = 0;
		sheaf_result result;

		for (uint64_t p = first->chunk.begin; p < first->chunk.end; p++) {
			int r;

			if (!pack_next(first->bytes, first->have, &at, &result) || result.position != p)
				return sheaf_message_set(-EBADMSG, "collect: the result of position %llu is damaged",
							 (unsigned long long)p);
			if ((r = job->each(job->each_context, &result)))
				return r;
		}
		line->used = first->chunk.end;
		forget_at(line, &line->first);
	}
	return 0;
}

uint64_t line_bytes(const struct line *line)
{
	return line->bytes;
}

uint64_t line_mean(const struct line *line)
{
	return line->taken ? line->taken_bytes / line->taken : 0;
}
