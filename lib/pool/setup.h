/*
 * setup.h - the supervisor sees to it that its workers are set up: that their init hooks end, and
 * end well, and that exit hooks end.
 */
#ifndef SHEAF_POOL_SETUP_H
#define SHEAF_POOL_SETUP_H

#include "pool/role.h"
#include "work/blame.h"

/* Make the seat ready for a worker that is about to be forked. */
void setup_prepare(struct supervisor *s, unsigned worker);

/* Tell whether a worker may be started now. After a failure it may not, for a while. */
bool setup_is_due(const struct supervisor *s, unsigned worker);

/* Note what became of the hook of a worker that has ended. True: it has failed in one. */
bool setup_note_end(struct supervisor *s, const struct death *death);

/*
 * Look at all workers: which are set up, and which hooks run. To be called before the limits are
 * enforced. Return how long to wait before the next call.
 */
uint64_t setup_watch(struct supervisor *s, uint64_t now);

/* Tell whether some worker can run tasks, or one may be able to soon. */
bool setup_has_hope(const struct supervisor *s);

/* Mark workers that are being set up, too: in crew_let_idle_end() they have nothing to end with. */
void setup_mark_unset(const struct supervisor *s, bool *busy);

/* For so long the exit hooks of a pool that ends may take. 0: there is none. */
uint64_t setup_exit_ns(const struct supervisor *s);

#endif
