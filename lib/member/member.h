/*
 * member.h - a member: what acts in a pool, and has a seat in its segment. Private to one process.
 *
 * The owner is a member, and so is each worker. What queue, work and batch do, they do for a
 * member. It marks what it has in the segment by its seat_name(), so that the supervisor finds all
 * of it once the member is dead.
 */
#ifndef SHEAF_MEMBER_MEMBER_H
#define SHEAF_MEMBER_MEMBER_H

#include "member/handles.h"
#include "member/region.h"
#include "os/forks.h"
#include "os/backoff.h"
#include "segment/segment.h"

#include <pthread.h>

/* A waiting owner checks so often which processes live. */
#define CHECK_EVERY_NS UINT64_C(100000000)
#define MEMBER_REGIONS 4

struct member;
struct wait; /* see wait.h */

/*
 * What the owner does for its pool, or a task for the batches that it opens. A worker that runs no
 * task has none of it, because it dies with its supervisor.
 */
struct member_ops {
	/*
	 * Check the processes, and replace a dead supervisor. 0: the pool goes on; else why it does
	 * not: -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, with its message.
	 */
	int (*look)(struct member *member);
	/*
	 * Make sure that no task runs any longer, after a look() that failed. False: threads end
	 * their tasks in hand, so wait for those.
	 */
	bool (*ended)(struct member *member);
	/* Have the worker in a seat killed, if it still is of that generation. */
	void (*kill)(struct member *member, unsigned seat, unsigned generation);
	/* Wake the supervisor: it computes anew when it has to check limits and stocks. */
	void (*nudge)(struct member *member);
	/* A task is over that a thread of the owner has run, and that has asked for the pool. */
	void (*returned)(struct member *member);
	/*
	 * Run a task in the calling thread, which waits. @wait: as what; NULL: it only asks.
	 * @announced: this is the last look before a sleep. False: no task was run. NULL: workers
	 * run the tasks.
	 */
	bool (*serve)(struct member *member, const struct wait *wait, uint64_t deadline_ns, bool announced);
};

/* What a worker's seat told of a task that waits, while the worker runs others. See work/nest.h. */
struct held {
	uint64_t hand, cursor, started, deadline, limited, limited_cursor;
	uint64_t items[FORKS_PRIVATE / sizeof(uint64_t)]; /* the loop that it stands in, if any */
	uint64_t paused_ns;                               /* see held_pause() */
	uint64_t others_ns;                               /* of this thread, before */
};

/*
 * The batches that a member has opened, and what they need of it. Under the lock. All nested tasks
 * of a worker have the same.
 */
struct openings {
	pthread_mutex_t lock;
	struct sheaf_batch *batches;
	struct sheaf_batch *spare; /* for the next batch, so that it needs no malloc(); or NULL */
	/*
	 * The batch slot that it left last, and mostly opens next. A hint, read without the lock,
	 * too.
	 */
	_Atomic uint32_t recent;
	/*
	 * Bit i: batch slot i is this member's. In the segment a wild write may say that it is
	 * free.
	 */
	uint64_t slots[LARGEST_BATCHES / 64];
};

/* What a worker has beside its seat, for as long as it serves. Its handles have the same. */
struct service {
	void *state;            /* of its init hook */
	_Atomic uint32_t leave; /* enum leave_reason: leave as soon as nothing is in hand */
	/* When it began: tasks that were completed in its seat, and memory of its own. */
	uint64_t first_completed, first_memory;
	uint64_t looked_ns; /* when its memory was asked for last */
	/* May the worker claim a task? Asked before each claim while the pool heeds seats. */
	bool (*may_claim)(struct member *worker);
};

struct member {
	struct segment *segment;
	struct shared_seat *seat;
	unsigned number; /* of the seat */
	unsigned generation;
	uint32_t name;     /* seat_name() of both */
	uint64_t claimant; /* word_claimant() of the name */
	int32_t pid;
	/*
	 * As made, or one of MEMBER_DEAD and so on. Differs from forks_count() in a handle
	 * inherited over a fork.
	 */
	unsigned forks;
	unsigned made; /* forks_count() when it was made */
	/*
	 * The same, as long as the task that it runs has no handle; then a number that no process
	 * has. See task_returned().
	 */
	unsigned returns;
	const struct member_ops *ops;
	struct service *service; /* of a worker and its handles; NULL: the owner's */
	bool attached;           /* of a program that has joined the pool, but for its tasks */

	/* For running tasks; one thread's. */
	void *forks_private; /* in a process of its own; NULL in a thread among others */
	bool looking;        /* others know that it spins for a task */
	uint64_t spin_ns;    /* how long to spin for a task before sleeping */
	struct backoff backoff;
	uint64_t tail[PRIORITIES]; /* of the rings, as far as this member knows */
	unsigned looks;            /* checks of a ring so far; its tail is read now and then */
	unsigned turns;            /* claims so far, where a pool uses several rings: see turn.h */
	/* Of the task in hand: the default for batches that this member opens. */
	enum sheaf_priority priority;
	uint64_t clock_ns; /* when the last task ended, if the next began at once; else 0 */
	unsigned victim;   /* region to reuse next */
	struct region regions[MEMBER_REGIONS];

	/* For nested work: see work/nest.h. */
	/* of the task that it runs: what the task's pool is to it; or NULL */
	struct member *handle;
	/* Of a handle only, up to the next empty line. */
	const struct sheaf_task *task; /* whose it is; NULL: that task has ended */
	uint64_t position;             /* of that task, as a map's items share one struct */
	/*
	 * End it, when its task has returned. Give its memory back, when the worker ends, a thread.
	 */
	void (*left)(struct member *handle);
	void (*forget)(struct member *handle);
	const struct held *outer; /* of its task, while it runs another one; else NULL */
	pthread_t thread;         /* that does so */
	unsigned others;          /* tasks that are not descendants, on this stack */
	bool at_once;             /* it runs without a slot: see nest_run_at_once() */
	/* nested work of this batch has killed a worker before */
	bool careful;
	bool wary;        /* that, or work of others that was nested with it */
	pid_t supervisor; /* 0: the worker is a thread */

	/* For waiting. */
	_Atomic uint64_t looked_ns;  /* when look() was called last */
	_Atomic unsigned interrupts; /* calls of sheaf_pool_interrupt() */
	_Atomic unsigned told;       /* of which waiting calls have been told */
	/* Of the owner: options.interrupted, or NULL; see member_ask_host(). */
	bool (*host_ends)(void *context);
	void *host;
	/* The pool_state that the owner has asked for: open, closed or terminated. */
	_Atomic uint32_t asked;
	/* 0; or 1 + a state that the segment had and that only a wild write has put there. */
	_Atomic uint64_t wild;

	_Atomic unsigned running; /* threads of the owner that run a task of a worker's */

	/* For opening batches. */
	unsigned opened; /* so many are open. Under the lock of openings */
	/* Threads that take a slot of the ring without a batch's lock, for an instant. */
	_Atomic unsigned probing;
	uint64_t limit_ns;           /* of tasks, unless their batch says otherwise; 0: none */
	bool checked;                /* SHEAF_CHECK */
	bool stocks;                 /* it may keep units: a supervisor gives them back */
	struct check_memory *memory; /* for that; or NULL */
	struct openings *openings;   /* NULL: it opens none */
};

/* In member->forks. No forks_count() comes so far. */
#define MEMBER_DEAD (~0u)        /* the pool was destroyed, or (member_dead) the batch retired */
#define MEMBER_THREADS (~0u - 1) /* workers are threads, and the caller may be one of them */
#define MEMBER_ENDED (~0u - 2)   /* the task has ended that got it from sheaf_task_pool() */
#define MEMBER_BUSY (~0u - 3)    /* the task waits, and its worker runs another one meanwhile */

/* The member that a dead batch belongs to. */
extern struct member member_dead;

/*
 * Give a member its seat in the segment. @generation: of the seat. Sets what runs tasks, too, and
 * leaves the rest as it is. @private_memory: forks_private of a process of its own, else NULL.
 */
void member_sit(struct member *member, struct segment *segment, unsigned number, unsigned generation, int32_t pid,
		void *private_memory);

/*
 * May the member begin another task or chunk? @heed: of the control area. For a member that runs no
 * task.
 */
static inline bool member_may_claim(struct member *member, uint32_t heed)
{
	return !heeds_seat(heed) || !member->service || member->service->may_claim(member);
}

/* Is it a task's, from sheaf_task_pool()? */
static inline bool member_is_task(const struct member *member)
{
	return member->left;
}

/* Find the member's region for the memory of that id, of a batch or an epoch. */
struct region *member_region(struct member *member, uint64_t heap_id);

/*
 * Private: judge all that is not a living handle of a pool of processes in its own process. As
 * member_check().
 */
int member_judge(const struct member *member);

/* Refuse a call of a task. -EPERM with its message. */
int member_refuse_task(void);

/*
 * Do what member_check() does, also in a child that nothing told of. For calls that can afford a
 * system call there.
 */
int member_check_process(const struct member *member);

/*
 * Check that the caller may use a handle. 0; -EPERM (of another process, or used by a task of this
 * pool), -EINVAL (dead), with their messages.
 */
static inline int member_check(const struct member *member)
{
	return member->forks == forks_count() ? 0 : member_judge(member);
}

/* Whose tasks a thread runs. */
struct member_scope {
	const struct segment *segment; /* NULL: it runs none */
	const struct segment *refused; /* the pool whose owner's handles they may not use */
	const struct member *runner;   /* see member_let_use_pool() */
};

/*
 * Say which pool's tasks the calling thread runs from now on. Return what was said before, for
 * member_end_tasks().
 */
struct member_scope member_run_tasks_of(const struct segment *segment);
void member_end_tasks(struct member_scope before);

/*
 * Let the task that this thread of the owner runs use the owner's pool, but not for what a task may
 * not do. @runner: as what it runs; NULL: the task is over. member_runs_now(): the last one.
 */
void member_let_use_pool(const struct member *runner);
bool member_is_inside(const struct segment *segment);
const struct member *member_runs_now(void);

/*
 * Call the look() of ops, if the last call was CHECK_EVERY_NS ago or @now. Return what it says, or
 * what the pool's state says.
 */
int member_look(struct member *member, bool now);

/* Private: say why no work can be submitted, as member_open() does. */
int member_shut(struct member *member);

/* Have the worker killed that owns a slot or a chunk, by its word. */
void member_kill(struct member *member, uint64_t owned);

/*
 * Check that @what, which kills workers, can be done: they are processes, or the environment has
 * chosen that they are not. 0; -ENOTSUP with its message.
 */
int member_may_kill(const struct segment *segment, const char *call, const char *what);

/* The same for a time limit, as an option tells it. */
int member_may_limit(const struct segment *segment, const char *call, const char *option, uint64_t limit_ns);

/*
 * Run a task of a pool without workers, for a call that only asks how far things are. False: there
 * is none, or workers run the tasks.
 */
bool member_serve(struct member *member);

/*
 * Check that work may be submitted. 0, -EPIPE, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, with its
 * message.
 */
static inline int member_open(struct member *member)
{
	/* Relaxed: a submitter checks again, with the right order, after it has published. */
	uint32_t state = load_relaxed(&member->segment->control->state);

	return state == POOL_OPEN ? 0 : member_shut(member);
}

/*
 * Tell what an option for a time limit means, 0 and SHEAF_FOREVER included, given what holds
 * without it. 0: none.
 */
static inline uint64_t limit_of(uint64_t option, uint64_t otherwise)
{
	return !option ? otherwise : option > UINT64_MAX / 2 ? 0 : option;
}

/*
 * Tell whether the pool can have come to that state, by what the owner has asked for. Else it is a
 * wild write. The caller has read the state by an acquire load.
 */
bool member_possible(const struct member *member, uint32_t state);

/*
 * Call sheaf_fail() for a pool state that ends all waiting, the impossible ones among them. 0 for
 * the others.
 */
int member_fail(struct member *member, uint32_t state);

/*
 * Return what a call that may wait remembers from its beginning. An interrupt ends it if it came
 * since, or if no call was told of it before. Relaxed: a number.
 */
static inline unsigned member_heard(const struct member *member)
{
	return load_relaxed(&member->told);
}

/*
 * Tell whether an interrupt has come. Seq_cst: else a member that has announced its sleep could
 * miss it, because sheaf_pool_interrupt() rings after it has counted.
 */
static inline bool member_interrupted(const struct member *member, unsigned heard)
{
	return load_seq_cst(&member->interrupts) != heard;
}

/* Fail with -EINTR and its message. From now on the call counts as told. */
int member_interrupt(struct member *member);

/*
 * Ask the host whether it ends the wait of the calling thread: options.interrupted. The caller
 * holds no lock, and knows that the host is to be asked: `host_ends` is set.
 */
bool member_ask(const struct member *member);

/* How a wait in which tasks are run asks the host. {0} at its beginning. */
struct asking {
	uint64_t asked_ns; /* when it did so last */
	bool ends;         /* the host ends the wait: it is not asked again */
};

/* Private: do the rest of member_ask_host(). */
bool member_ask_now_and_then(const struct member *member, struct asking *asking);

/* Tell whether the host ends the wait. It is asked every CHECK_EVERY_NS. */
static inline bool member_ask_host(const struct member *member, struct asking *asking)
{
	return member->host_ends && member_ask_now_and_then(member, asking);
}

#endif
