/*
 * agree.h - all ranks agree on what they are about to do, before they do any of it.
 */
#ifndef SHEAF_MPI_AGREE_H
#define SHEAF_MPI_AGREE_H

#include "mpi/wire.h"

/* An argument that has to be the same at all ranks. */
struct argument {
	const char *name;
	uint64_t value;
};

#define AGREE_MOST 16 /* arguments of a call */

/*
 * Collective. Compare the arguments, and find out whether a rank has an error. @code: this rank's,
 * with its message. Return 0; -EINVAL, with the lowest rank that differs from the root; the code of
 * the lowest rank that has one; -EIO. All ranks return the same, with the same message.
 */
int agree(struct wire *wire, const char *call, const struct argument *arguments, unsigned count, int code);

/* Make a number of a text. NULL: 0. */
uint64_t agree_text(const char *text);

#endif
