/*
 * agree.c - one reduction tells all ranks whether all agree. Only if they do not, more is sent.
 *
 * The lowest of all hashes and the lowest of their complements, which stands for the highest, are
 * the same hash if all are. The hash is FNV-1a (Fowler, Noll, Vo). All numbers that are compared
 * have 63 bits, because MPICH 4.0.2 compares MPI_UINT64_T as if it had a sign.
 */
#include "mpi/agree.h"

#include "sheaf_adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

#define NO_RANK ((uint64_t)INT64_MAX)
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)

uint64_t agree_text(const char *text)
{
	return text ? hash_bytes(HASH_BASIS, text, strlen(text)) : 0;
}

/* All ranks have the values of all: find the lowest rank that differs, and where. */
static int tell_difference(const struct wire *wire, const char *call, const struct argument *arguments, const uint64_t *all)
{
	for (int rank = 1; rank < wire_ranks(wire); rank++) {
		const uint64_t *values = all + (size_t)rank * AGREE_MOST;

		if (!wire_meets(wire, rank))
			continue;

		/* The first says which call it is, and what the others mean. */
		for (unsigned i = 0; i < AGREE_MOST; i++)
			if (values[i] != all[i])
				return sheaf_message_set(-EINVAL,
							 "%s: rank %d has passed %llu for %s, and rank 0 %llu: all ranks "
							 "have to pass the same",
							 call, rank, (unsigned long long)values[i],
							 all[0] == values[0] && i ? arguments[i].name : "the kind of the call",
							 (unsigned long long)all[i]);
	}
	return sheaf_message_set(-EINVAL, "%s: ranks have passed different arguments", call);
}

static int find_difference(struct wire *wire, const char *call, const struct argument *arguments, unsigned count)
{
	uint64_t own[AGREE_MOST] = {0}, none = NO_RANK, *all;
	int r;

	for (unsigned i = 0; i < count; i++)
		own[i] = arguments[i].value;
	all = calloc((size_t)wire_ranks(wire), sizeof(own));
	/* Without memory here, no rank compares. */
	if ((r = wire_lowest(wire, &(uint64_t){all != NULL}, &none, 1)) || !none) {
		free(all);
		return r ? r : sheaf_message_set(-EINVAL, "%s: ranks have passed different arguments", call);
	}
	r = wire_gather(wire, own, all, sizeof(own));
	if (!r)
		r = tell_difference(wire, call, arguments, all);
	free(all);
	return r;
}

/* A rank has an error: all learn its code and message. 1: it has died meanwhile. */
static int share_error(struct wire *wire, int rank, int code)
{
	struct {
		int code;
		char text[WIRE_TEXT];
	} error = {.code = code};
	int r;

	if (rank == wire_rank(wire))
		snprintf(error.text, sizeof(error.text), "%s", sheaf_message());
	r = wire_broadcast(wire, &error, sizeof(error), rank);
	if (r && !wire_meets(wire, rank))
		return 1;
	return r ? r : sheaf_message_set(error.code, "rank %d: %.500s", rank, error.text);
}

/* Agree once. 1: a rank with an error has died meanwhile. */
static int agree_once(struct wire *wire, const char *call, const struct argument *arguments, unsigned count, int code)
{
	uint64_t values[3] = {HASH_BASIS, 0, code ? (uint64_t)wire_rank(wire) : NO_RANK}, lowest[3];
	int r;

	for (unsigned i = 0; i < count; i++)
		values[0] = hash_bytes(values[0], &arguments[i].value, sizeof(arguments[i].value));
	values[0] &= NO_RANK;
	values[1] = NO_RANK - values[0];
	if ((r = wire_lowest(wire, values, lowest, 3)))
		return r;
	if (lowest[0] != NO_RANK - lowest[1])
		return find_difference(wire, call, arguments, count);
	return lowest[2] == NO_RANK ? 0 : share_error(wire, (int)lowest[2], code);
}

int agree(struct wire *wire, const char *call, const struct argument *arguments, unsigned count, int code)
{
	int r;

	while ((r = agree_once(wire, call, arguments, count, code)) > 0)
		;
	return r;
}
