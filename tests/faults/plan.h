/*
 * plan.h - which call of the library fails, in which process, with which errno.
 *
 * The library's calls go through wrappers (calls.c, by the linker's --wrap). A wrapper asks
 * fault_of() what to do. A *site* is a place in the library that calls a function, on one path, in
 * one role: sites are found while paths run. A *fault* makes the N-th call at a site fail, once or
 * for good. Plans and sites lie in memory that all processes of a case share.
 */
#ifndef SHEAF_TESTS_FAULTS_PLAN_H
#define SHEAF_TESTS_FAULTS_PLAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MOST_SITES 16384
#define MOST_FAULTS 16
#define ANYWHERE MOST_SITES /* instead of a site: every call of the function, in all processes */

enum role { OWNER, SUPERVISOR, WORKER };

struct site {
	_Atomic uint32_t ready; /* 0 free, 1 being filled, 2 */
	uint32_t path;
	uint32_t call; /* in calls.h */
	uint32_t role;
	uintptr_t address; /* that the call returns to */
	/*
	 * The fault during which the site was found, if it is reached only then: an index of
	 * faults[0] of its plan, or ANYWHERE.
	 */
	uint32_t via_site, via_nth;
	int via_error;
	bool via_lasting;
};

struct fault {
	uint32_t site; /* or ANYWHERE */
	uint32_t call; /* of ANYWHERE */
	int error;
	uint32_t nth; /* 1: the first */
	/* the function's later calls in this role fail, too; with EINTR or EBUSY every other one */
	bool lasting;
	_Atomic uint32_t seen;
	_Atomic uint32_t fired;
};

struct plan {
	uint32_t path;
	_Atomic bool on;
	uint32_t count;
	struct fault faults[MOST_FAULTS];
};

/* Both made by plan_share(), before any fork. */
extern struct site *sites;
extern struct plan *plan; /* of the case at hand */

/* Memory that children share. */
void *plan_share(unsigned long size);

/*
 * Places of the table that are taken. One may be without a site, if the process that filled it was
 * killed.
 */
unsigned plan_sites(void);
bool plan_has(uint32_t site);

/* ---- for paths: only calls of the library are made with faults ---- */

/* Evaluate a call of the library. */
#define LIBRARY(call) (library_enter(), library_leave(call))
#define LIBRARY_VOID(call) (library_enter(), (call), (void)library_leave(0))
void library_enter(void);
int library_leave(int result);

/* What this process's library holds: each must be 0 when all pools are gone. */
struct holdings {
	_Atomic long blocks;  /* of malloc() and its kin */
	_Atomic long streams; /* of fopen() and opendir() */
	_Atomic long locales;
	_Atomic long mapped; /* bytes */
	/* the same, of no file: a page stays with the process, see os_wiped_memory() */
	_Atomic long anonymous;
	_Atomic long threads; /* not joined */
};
extern struct holdings holdings;

/* ---- for calls.c ---- */

/* 0, or the errno with which this call fails. */
int fault_of(uint32_t call, const void *address);

/* Around a fork of the library. */
void plan_before_fork(void);
void plan_after_fork_in_parent(void);

/* Is this call the library's? */
bool plan_inside(void);
enum role plan_role(void);

#endif
