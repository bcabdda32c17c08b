/*
 * model.h - what a cluster of many nodes would take for a job, without any of them.
 */
#ifndef SHEAF_SIM_MODEL_H
#define SHEAF_SIM_MODEL_H

#include "items.h"

#include <stddef.h>

/* Times in nanoseconds, speeds in bytes per nanosecond, which are GB/s. */
struct model {
	unsigned nodes, workers; /* of each node */
	uint64_t n;
	struct items items;
	uint64_t result_bytes; /* of each position, to the root */
	uint64_t service_ns;   /* of the root, for a report, the claim in it, and the grant */
	uint64_t latency_ns;   /* of the network */
	double bandwidth;      /* of the link of each node */
	double copy;           /* of the root, from packets to results; 0: it takes no time */
	uint64_t look_ns;      /* of a rank, at all that may have happened */
	uint64_t slack_ns;     /* by which a sleep takes longer */
	uint64_t wake_ns;      /* until the end of a batch has woken the owner */
	uint64_t start_ns;     /* to begin a batch */
	unsigned char *seen;   /* counts for each position how often it ran; NULL: not wanted */
};

struct outcome {
	uint64_t wall_ns;  /* until the last rank knows that the job is over */
	uint64_t work_ns;  /* of all items */
	double efficiency; /* work, of what all workers could have done meanwhile; of no work: 1 */
	uint64_t chunks;   /* that were given out */
	uint64_t root_ns;  /* that the root has served */
	uint64_t done;     /* positions, by the ledger */
};

/* Fill in what a cluster here has, as measured: see docs/explanation/cluster.md. */
void model_defaults(struct model *model);

/* Run a job. 0; -ENOMEM; -EINVAL: a number of nodes, workers or a speed is 0. */
int model_run(const struct model *model, struct outcome *outcome);

#endif
