/*
 * guest.h - hosts of pools that are played one after the other, each in a child that leads a session.
 */
#ifndef SHEAF_TESTS_SUPPORT_GUEST_H
#define SHEAF_TESTS_SUPPORT_GUEST_H

#include "rng.h"
#include "sheaf.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GUEST_WORKERS 2

struct guest {
	const char *name;
	int (*host)(void);           /* the child; its exit code */
	void (*disturb)(pid_t host); /* the test, meanwhile; or NULL */
	int signal;                  /* that ends the host; 0: exit code 0 */
	bool any_time;               /* the end may come while a pool is made: the next start may have to remove a name */
	bool terminal;               /* the host is the foreground job of a shell on a terminal; skipped where there are none */
};

/* Shared between the test, the host that is played, and its tasks. */
struct stage {
	_Atomic bool ready;     /* the host is where it may be disturbed */
	_Atomic bool over;      /* it has been disturbed enough */
	_Atomic pid_t job;      /* the host on the terminal: its pid, */
	_Atomic int job_status; /* how it ended, */
	_Atomic unsigned stops; /* and how often the shell saw it stopped, and made it go on */
};
extern struct stage *stage;

/* The host's random numbers. */
extern struct rng guest_rng;

/* Begins the part "guest" and takes the seed of argv. False: hosts cannot be watched here, exit with 77. */
bool guest_begin(int argc, char **argv);

/* Plays a host. When it has ended, however it did, nothing of it may be left. */
void guest_play(const struct guest *guest);

/* The next start of any pool, which removes the names that dead owners have left. */
void guest_sweep(void);

/* ---- for who disturbs ---- */

/* Waits until the host has raised the flag, or has ended: then false. */
bool guest_await(pid_t host, _Atomic bool *flag);
bool guest_runs(pid_t host);

/* Types a key at the host's terminal, or pulls the plug. */
void guest_type(char key);
void guest_hang_up(void);

/* ---- for hosts ---- */

sheaf_pool *guest_create(unsigned flags);
void guest_work(sheaf_pool *pool, unsigned batches);
sheaf_pool_info guest_look(sheaf_pool *pool);
void guest_kill_worker(sheaf_pool *pool);

/* Kills it, and works until its successor is there. */
void guest_kill_supervisor(sheaf_pool *pool);

/* A whole life of a pool, with a death of each kind. */
void guest_live(unsigned flags);

/* Everything of the process that a library might change. */
#define BELONGING_FILES 1024
struct belongings {
	signed char files[BELONGING_FILES]; /* flags of the descriptor, or -1 */
	int mappings, threads, children;
	struct sigaction actions[32];
	sigset_t mask;
};
struct belongings belongings_now(void);
void belongings_check(const struct belongings *before);

#endif
