/*
 * wire.h - what ranks send to each other: packets of a header and some bytes, by buffers that MPI
 * has allocated.
 *
 * Bytes of a pool's heap never go through MPI themselves. A network card may pin the pages that it
 * reads and writes, and such pages can be missing in a process that the owner forks later.
 */
#ifndef SHEAF_MPI_WIRE_H
#define SHEAF_MPI_WIRE_H

#include <mpi.h>

#include "sheaf.h"

#include "mpi/packet.h"

/* A packet that has come, and is whole. Valid until wire_release(). */
struct arrival {
	int from;
	const struct packet *packet;
	const unsigned char *bytes;
};

struct wire;

/* Duplicate @comm and get buffers. Collective. -ENOMEM; -EIO. */
int wire_open(struct wire **wire, MPI_Comm comm);

/* Collective. */
void wire_close(struct wire *wire);

/* Numbers do not change when a rank dies, and wire_ranks() counts those that have died, too. */
int wire_rank(const struct wire *wire);
int wire_ranks(const struct wire *wire);

/* Ranks that have died, as far as this one knows. */
int wire_deaths(const struct wire *wire);
bool wire_lives(const struct wire *wire, int rank);

/* Tell how many bytes a packet may have. */
size_t wire_piece(const struct wire *wire);

/*
 * Send a packet with copies of its bytes. 1: it is on its way, or its rank has died; 0: no buffer
 * is free, try again later; -EIO.
 */
int wire_send(struct wire *wire, int to, const struct packet *packet, const void *bytes);

/*
 * Look for a packet. Packets of a rank come in the order of their sending. 1; 0: there is none;
 * -EIO.
 */
int wire_look(struct wire *wire, struct arrival *arrival);
void wire_release(struct wire *wire);

/* Drop all packets that have come, as late claims of a job that was over. */
void wire_drop(struct wire *wire);

/* Is something on its way that needs further looks? */
bool wire_is_busy(const struct wire *wire);

/*
 * Collective, all: wait for all ranks that live, asleep. If one dies meanwhile, the others do it
 * again without it. -EIO.
 */
int wire_meet(struct wire *wire);
/* Of numbers below 2^63. */
int wire_lowest(struct wire *wire, const uint64_t *values, uint64_t *lowest, int count);
/* Zeros of a rank that has died. */
int wire_gather(struct wire *wire, const void *bytes, void *all, size_t size);
/* -EIO also: the rank that has the bytes has died, as wire_meets() says then. */
int wire_broadcast(struct wire *wire, void *bytes, size_t size, int from);

/* Do the others go on when a rank dies? How many ranks lived in the last of these calls? */
bool wire_is_tolerant(const struct wire *wire);
int wire_living(const struct wire *wire);

/* Did this rank live in the last of these calls? The same at all ranks. */
bool wire_meets(const struct wire *wire, int rank);

#endif
