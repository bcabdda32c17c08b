/*
 * crew.h - the workers of a supervisor: forks them, tells them from other children, and ends them.
 */
#ifndef SHEAF_POOL_CREW_H
#define SHEAF_POOL_CREW_H

#include "pool/role.h"

/* Fork a worker for each seat that has none. 0; -errno of the first fork that failed. */
int crew_spawn_missing(struct supervisor *s);

/* Tell whether the pool needs workers. */
bool crew_wanted(struct supervisor *s);

/* Find the worker with that pid: its number, or crew_count if there is none. */
unsigned crew_find(struct supervisor *s, pid_t pid);

/*
 * Write the words of the seats that only the supervisor writes once more, where a wild write has
 * changed them.
 */
void crew_restore(struct supervisor *s);

/* Kill the process in a seat, which may be a program that has joined. */
void crew_kill_one(struct supervisor *s, unsigned worker);

/* Kill the workers that the owner asked for, unless they are dead and replaced already. */
void crew_serve_kills(struct supervisor *s);

/*
 * Repair what the workers of an earlier supervisor left. They were killed when it died, which is
 * not their tasks' fault.
 */
void crew_recover_all(struct supervisor *s);

/* Wait a little for the workers of a pool that is over, as long as they have nothing in hand. */
void crew_let_idle_end(struct supervisor *s);

/* Kill all workers, and reap them. */
void crew_kill(struct supervisor *s);

#endif
