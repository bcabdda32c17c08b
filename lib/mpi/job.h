/*
 * job.h - what one call of a cluster has to do, as each rank sees it.
 */
#ifndef SHEAF_MPI_JOB_H
#define SHEAF_MPI_JOB_H

#include "sheaf_mpi.h"

#include "mpi/ledger.h"
#include "mpi/stretch.h"
#include "mpi/wire.h"

enum job_kind { JOB_MAP = 1, JOB_FOR, JOB_COLLECT, JOB_BROADCAST };

struct job {
	enum job_kind kind;
	uint32_t number; /* of the call */
	const char *call;
	sheaf_task_fn *task;
	sheaf_range_fn *range;
	void *range_context;
	const unsigned char *in;
	size_t in_size;
	unsigned char *out;
	size_t out_size;
	uint64_t n;
	sheaf_result_fn *each;
	void *each_context;
	sheaf_cluster_map_options options;
	sheaf_journal *checkpoint;         /* options.journal, if the call has opened it itself */
	const sheaf_cluster_options *host; /* who is to be warned */
	struct stretches *made;            /* out: ranges that this rank has done; or NULL */
	/* What place_survey() finds out for this rank: */
	bool root;
	bool kept;                    /* results stay at the rank that made them, and die with it */
	bool in_travels, out_travels; /* to and from this rank's own buffers */
	uint64_t most;                /* positions of a chunk, or one for each worker; 0: any */
	int file;                     /* of results; -1: there is none */
	uint64_t file_begin;          /* where they begin in it */
};

/* How positions failed. */
struct report {
	uint64_t failed;
	uint64_t position; /* the lowest */
	int status;        /* of that one */
	char text[WIRE_TEXT];
};

/* ---- one of the chunks that a rank holds ---- */

enum hand_state {
	HAND_FREE = 0,
	HAND_ASKED,    /* the root knows that it is free */
	HAND_FILLING,  /* bytes of its input are on their way */
	HAND_RUNNING,  /* it is a batch of the pool */
	HAND_RETURNING /* its results are on their way */
};

struct hand {
	enum hand_state state;
	struct span chunk;
	void *in, *out; /* buffers for bytes that travel, or NULL */
	sheaf_batch *batch;
	uint64_t submitted; /* positions, of collect */
	bool cancelled;
	unsigned char *packed; /* results of collect, see pack.h */
	uint64_t bytes;        /* of the results that travel */
	uint64_t moved;        /* of the input that came, or of the results that left */
	struct report report;
};

#endif
