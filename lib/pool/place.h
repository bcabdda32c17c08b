/*
 * place.h - where workers run, and what they may take: CPUs, nice level, score, address space,
 * threads of libraries.
 */
#ifndef SHEAF_POOL_PLACE_H
#define SHEAF_POOL_PLACE_H

#include "os/place.h"
#include "segment/segment.h"
#include "sheaf_workers.h"

struct place {
	unsigned *cpus; /* NULL: any. Worker w runs on cpus[w % cpu_count] */
	unsigned cpu_count;
	int nice;
	int oom_score_adj;
	uint64_t address_space; /* bytes; 0: any */
	unsigned inner_threads; /* 0: as the environment says */
	bool inner_yields;      /* to what the environment says already */
};

/* Put the CPUs in the order in which workers get them. False: no memory. */
bool place_order(struct os_cpu *cpus, unsigned count, enum sheaf_pin pin);

/*
 * Check the options, and plan by them for the workers of a segment, whose backend is known.
 * *@place: NULL if nothing is asked for; else to be freed by place_forget(). 0; -EINVAL, -ENOTSUP,
 * -ENOMEM, with their messages.
 */
int place_plan(struct place **place, const struct sheaf_worker_options *options, const struct segment *segment);
void place_forget(struct place *place);

/*
 * Find out, in a child of the owner, whether a worker can have its place. 0; or what place_take()
 * says. -EAGAIN, -EMFILE, -ENFILE with a message: that cannot be found out.
 */
int place_rehearse(const struct place *place);

/*
 * Take a worker's place, in the worker, before it runs a task. 0; -errno with a message that names
 * the worker and what it could not have.
 */
int place_take(const struct place *place, unsigned worker, bool thread);

#endif
