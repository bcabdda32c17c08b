/*
 * seat.h - the shared record of a member: what it does, what it has, and how it ends.
 *
 * A part of layout.h, which says how the bytes of a segment are written.
 */
#ifndef SHEAF_SEGMENT_SEAT_H
#define SHEAF_SEGMENT_SEAT_H

#include <assert.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LINE 128 /* two cache lines: the prefetcher pulls them in pairs */

/*
 * Worker w has number w, behind the workers are the places for programs that join, and the owner
 * has the number after the last of these.
 */

#define AWAITS_ROOM(room) (1u + (uint32_t)(room))
#define AWAITS_BATCH(index) (1u + ROOM_SLOTS + (uint32_t)(index))
#define AWAITS_OTHERS UINT32_MAX
#define CURSOR_NONE UINT64_MAX
#define MAX_FRAMES 14  /* what fills the line */
#define STOCK_UNITS 16 /* 1 MiB */

/* What the kernel does not tell of a worker's end. 0: nothing. */
enum death_way {
	WAY_EXIT = 1,        /* a task called exit() */
	WAY_QUICK_EXIT = 2,  /* a task called quick_exit() */
	WAY_THREAD_EXIT = 3, /* a task called pthread_exit(), or cancelled its thread */
	WAY_JUMP = 4,        /* a task jumped out of its function by longjmp() */
	/* With the first two: the exit code is not the one that was asked for. */
	WAY_UNTOLD = 8,

	/* Of SIGSEGV and SIGBUS: there is an address, and why it could not be used. */
	FAULT_ADDRESS = 16,   /* no more is known */
	FAULT_UNMAPPED = 17,  /* nothing is mapped there */
	FAULT_PROTECTED = 18, /* what is mapped there may not be used so */
	FAULT_STACK = 19,     /* it is where the stack had to grow */
};

/* Why a worker leaves of its own accord. It does so with nothing in hand. */
enum leave_reason {
	LEAVE_NOT = 0,
	LEAVE_ASKED = 1,   /* a task of it has called sheaf_task_leave() */
	LEAVE_UNSET = 2,   /* its init hook has returned an error */
	LEAVE_TASKS = 3,   /* it has run so many tasks as it may: recycle_tasks */
	LEAVE_MEMORY = 4,  /* it has grown by more than it may: recycle_memory */
	LEAVE_SURPLUS = 5, /* the pool has been made smaller: sheaf_pool_resize() */
	LEAVE_IDLE = 6,    /* it has had no task for idle_ns */
};

/* What a worker runs besides tasks: see pool/hooks.c. */
enum hook {
	HOOK_NONE = 0,
	HOOK_INIT = 1,
	HOOK_EXIT = 2,
};

struct shared_seat {
	/* By the supervisor, before the fork, or by a program that joins; the owner's is 1. */
	_Alignas(LINE) _Atomic uint32_t generation;
	_Atomic int32_t pid; /* 0 while there is none; of one that joins: by itself, last */
	/* By the owner: generation + 1 of the worker to kill; 0: none. */
	_Atomic uint32_t kill;
	/* By the worker: 1 while it spins for a task. A hint. */
	_Atomic uint32_t looking;
	_Alignas(8) _Atomic uint64_t bell_seal;
	/* Of even and odd generations: a successor never uses its dead predecessor's. */
	sem_t bell[2];
	_Alignas(8) _Atomic uint64_t bell_end_seal;
	/* By a program that joins, before pid: see os_process_id. */
	_Atomic uint64_t start;
	_Atomic uint64_t space;

	/* By the worker: position of a map in hand, or CURSOR_NONE. */
	_Alignas(LINE) _Atomic uint64_t cursor;
	/* By the worker: tasks and chunks it ended. Tells of progress. */
	_Atomic uint64_t completed;
	/* By the worker: when the task in hand began; 0: not known. */
	_Atomic uint64_t started;
	/* By the worker: when the task in hand has to have ended; 0: it has no limit. */
	_Atomic uint64_t deadline;
	/* By the worker: offset of the slot whose task it runs; 0: none so far. */
	_Atomic uint64_t hand;
	/*
	 * By the worker, while tasks are nested: offset of the slot whose task `deadline` is of,
	 * and the position of a map that it had in hand; 0: it is of the task that it runs.
	 */
	_Atomic uint64_t limited;
	_Atomic uint64_t limited_cursor;
	/*
	 * By the worker: AWAITS_BATCH or AWAITS_ROOM, on whose bell it waits for results instead of
	 * its own; AWAITS_OTHERS: its task waits until other workers have made room in the ring; 0:
	 * none of these.
	 */
	_Atomic uint32_t awaits;
	/* By the worker: enum leave_reason, just before it ends. */
	_Atomic uint32_t leaving;
	/* By the worker, and before the fork by the supervisor: enum hook, that runs now. */
	_Atomic uint32_t hook;
	/* By the worker: what its init hook has returned. */
	_Atomic int32_t hook_code;

	/*
	 * Last words of a worker that dies by a fault, written in its signal handler. The
	 * supervisor sets them to 0 before the fork.
	 */
	_Alignas(LINE) int32_t fault; /* the signal; 0: none */
	uint16_t way;                 /* enum death_way; also without a fault */
	uint16_t frame_count;
	uint64_t address;            /* that the fault was about, if `way` says so */
	uint64_t frames[MAX_FRAMES]; /* return addresses, the innermost first */

	/* By the member: 1 + a unit that it keeps for its batches, see stock.c. */
	_Alignas(LINE) _Atomic uint32_t stock[STOCK_UNITS];
};

#define HOOK_TEXT 512

/* How a hook has ended that failed. By the supervisor. */
struct shared_mishap {
	_Atomic uint64_t count; /* so many have failed; the rest is of the last one */
	uint32_t worker;
	int32_t code;      /* a negative errno */
	int32_t signal;    /* 0: none */
	int32_t exit_code; /* -1: none */
	uint32_t way;      /* enum death_way; 0: no more is known */
	uint32_t text_size;
};

/* What hooks tell, and how often workers come and go. */
struct shared_hooks {
	/* By the supervisor: workers started, and those of them that have left. */
	_Alignas(8) _Atomic uint64_t started;
	_Atomic uint64_t left;
	/* By the supervisor, by enum hook. */
	struct shared_mishap mishaps[HOOK_EXIT + 1];
	/* By the supervisor, before the state: the pool breaks because no init hook succeeds. */
	_Atomic uint32_t broke;
	/* HELD_BY() the worker that tells below why its init hook failed; 0, by the supervisor. */
	_Atomic uint32_t teller;
	uint32_t told_size;
	char told[HOOK_TEXT];
	/* By the supervisor: what the last one has told. */
	char text[HOOK_TEXT];
};

static_assert(sizeof(struct shared_seat) == (size_t)4 * LINE, "workers do not share lines");
static_assert(offsetof(struct shared_seat, cursor) == LINE, "the cursor has a line of its own");

#endif
