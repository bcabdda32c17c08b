/*
 * role.h - what the supervisor and its spare know. Private to the files of these two processes.
 *
 * One static object, in supervisor.c. Every process of the family begins its role by role_begin(),
 * because what its parent knew in another role is not its own: the parent may even be the owner of
 * a pool around this one.
 */
#ifndef SHEAF_POOL_ROLE_H
#define SHEAF_POOL_ROLE_H

#include "member/region.h"
#include "os/forks.h"
#include "os/process_id.h"
#include "pool/limits.h"
#include "sheaf_attach.h"

#include <signal.h>

#define SECOND UINT64_C(1000000000)
#define FORK_RETRY_NS ((uint64_t)20 * 1000000)
#define MOST_SUCCESSORS 64 /* supervisors without any task ended between them */

/*
 * A notice, to a supervisor that its owner's thread died and to a spare that its supervisor died:
 * check.
 */
#define CHECK_SIGNAL SIGUSR1

/* How setting up the worker of a seat has gone: see setup.c. */
struct setup {
	uint64_t due_ns; /* not to be tried before; 0: at once */
	unsigned failed; /* in a row */
};

/* A program that has joined: see places.c. */
struct program {
	struct os_process_id id;
	struct forks_fd process; /* of it, where the system has such descriptors */
	bool dead;               /* when it was found */
	uint64_t asked_ns;       /* when its memory was asked for last */
};

struct supervisor {
	/* What a spare inherits from its supervisor, and a successor goes on with. */
	struct segment *segment;
	pid_t owner;
	bool child; /* of the owner */
	/* Write end of a pipe that the whole family holds, and nobody else. */
	struct forks_fd *all;
	/* Read end of a pipe whose write end the owner alone holds. */
	struct forks_fd *life;
	/* Read end of the pipe that the supervisor holds, with its workers. */
	struct forks_fd crew_end;
	unsigned side;             /* which of the two locks the spare has */
	uint64_t completed_before; /* tasks that had ended when this one took over: see spare.c */
	unsigned successors;       /* since the last one under which a task ended */
	unsigned wanted;           /* workers, as at the last look: see demand.c */

	struct role {
		struct region region;
		/* Write end of the pipe that the supervisor and its workers hold, and no others. */
		struct forks_fd crew;
		bool has_crew;
		pid_t spare;           /* 0: there is none */
		uint64_t spare_due_ns; /* not to be forked before */
		unsigned live;         /* workers */
		bool fork_failed;
		uint64_t last_live_ns;
		/* Hooks: see setup.c. */
		bool starting;   /* the first workers are not all set up yet */
		unsigned set_up; /* workers, at the last look */
		unsigned unset;  /* init hooks that failed since a worker was set up */
		/* Workers on demand: see demand.c. */
		bool look_for_tasks; /* nobody may have been called for what is READY */
		/* The brake: see deaths.c. */
		uint64_t window_ns; /* when the window of fruitless deaths began */
		uint64_t completed; /* tasks that had ended at the last death */
		unsigned fruitless; /* deaths since then without any task ended or given up */
		/* The stocks: see stocktake.c. */
		uint64_t stock_due_ns; /* when to give them back; 0: not known yet */
		uint64_t stock_ids;    /* ids given out at the last look */
		/* batches of dead workers may be left, which are to be freed */
		bool orphans;
		struct limits limits;
		/*
		 * The pids to kill and to wait for come from here, never from the segment, which a
		 * wild write may have hit.
		 */
		pid_t pids[SHEAF_MAX_WORKERS];
		uint32_t generations[SHEAF_MAX_WORKERS];
		bool vacant[SHEAF_MAX_WORKERS];         /* see demand.c, which sets them */
		struct setup setups[SHEAF_MAX_WORKERS]; /* if there is an init hook */
		struct program programs[SHEAF_MAX_PLACES];
	} role;
};

/* Begin a role of that name: clear what belongs to the one before. */
void role_begin(struct supervisor *s, const char *name);

#endif
