/*
 * packet.h - what a packet has: a header, and some bytes behind it.
 *
 * Each side checks what has come before it follows it. A rank of another version of this library,
 * or a fault of the network, ends the job with an error, and never writes or reads beyond anything.
 */
#ifndef SHEAF_MPI_PACKET_H
#define SHEAF_MPI_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_BYTES ((size_t)1 << 20) /* of a packet, behind its header */
#define WIRE_TEXT 512                /* of a message that travels */

enum packet_kind {
	PACKET_CLAIM = 1, /* to the root: give me a chunk */
	PACKET_GRANT,     /* to a rank: a chunk, with bytes of its input */
	PACKET_DONE,      /* to the root: bytes of a chunk's results; with `last` its end */
	PACKET_OUT,       /* to the root: I take no chunks, and why */
	PACKET_STOP,      /* to the root: my pool has ended, and how; to a rank: begin nothing */
	PACKET_FINISH,    /* to a rank: the job is over, and how it ended */
};

/* Of PACKET_DONE: is the chunk over? */
enum packet_last {
	LAST_NOT = 0,
	LAST_IS,     /* yes */
	LAST_CLAIMS, /* yes, and the packet claims the next one */
	LAST_UNDONE, /* it was given up */
};

struct packet {
	uint32_t kind; /* enum packet_kind */
	uint32_t job;  /* number of the call */
	uint64_t begin, end;
	uint64_t offset; /* of its bytes, in the chunk's */
	uint64_t bytes;
	uint64_t total;    /* bytes of the chunk's input or results */
	uint64_t failed;   /* positions */
	uint64_t position; /* the lowest of these */
	int32_t status;    /* of that one */
	uint32_t last;     /* enum packet_last */
};

/* Do the bytes that have come hold a header, and all that it speaks of, and nothing else? */
bool packet_is_whole(const void *memory, size_t received);

/* Are its bytes a text with its zero, of WIRE_TEXT bytes at most? */
bool packet_has_text(const struct packet *packet, const void *bytes);

#endif
