/*
 * hooks.h - runs the hooks of a worker, in the worker.
 */
#ifndef SHEAF_POOL_HOOKS_H
#define SHEAF_POOL_HOOKS_H

#include "member/member.h"

/*
 * Run the init hook, if there is one, and store its state in the worker's service. False: it has
 * failed, and why is told.
 */
bool hooks_set_up(struct member *worker);

/* Run the exit hook of a worker that was set up, if there is one. */
void hooks_clear_up(struct member *worker);

/*
 * Return the text that the calling thread has given to sheaf_worker_fail() since hooks_set_up()
 * began; "": none.
 */
const char *hooks_text(void);

#endif
