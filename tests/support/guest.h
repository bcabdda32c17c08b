/*
 * guest.h - hosts of pools that are played one after the other, each in a child that leads a session.
 */
#ifndef SHEAF_TESTS_SUPPORT_GUEST_H
#define SHEAF_TESTS_SUPPORT_GUEST_H

#include "sheaf.h"
#include "trial.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GUEST_WORKERS 2

struct guest {
	const char *name;
	int (*host)(void);           /* the child; its exit code */
	void (*disturb)(pid_t host); /* the test, meanwhile; or NULL */
	int signal;                  /* that ends the host; 0: exit code 0 */
};

/* Shared between the test and the host that is played. */
struct stage {
	_Atomic bool ready; /* the host is where it may be disturbed */
	_Atomic bool over;  /* it has been disturbed enough */
};
extern struct stage *stage;

/* The host's random numbers. */
extern struct chance guest_chance;

/*
 * Plays all, or the one that argv[2] names by its number. When a host has ended, however it did, nothing of it may be left. The exit
 * code of the program.
 */
int guests_play(int argc, char **argv, const struct guest *guests, unsigned count);

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
struct belongings {
	int files, mappings, threads, children;
	struct sigaction actions[32];
	sigset_t mask;
};
struct belongings belongings_now(void);
void belongings_check(const struct belongings *before);

#endif
