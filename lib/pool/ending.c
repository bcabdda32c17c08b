/*
 * ending.c - the supervisor ends with its owner, or with its pool.
 *
 * Writers           control->state: the supervisor, from closed to finished and back; see state.c.
 *                   The name of the segment: taken away by the supervisor when the owner is dead,
 *                   or when a terminated pool's owner may not do it.
 * Deaths            Of the supervisor between finished and its check of the ring: its successor, or
 *                   the owner's check, goes back to closed if there is work.
 */
#include "pool/ending.h"

#include "base/atomic.h"
#include "os/os.h"
#include "pool/crew.h"
#include "pool/programs.h"
#include "pool/spare.h"
#include "pool/state.h"
#include "queue/ring.h"
#include "segment/sweep.h"
#include "trace/save.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define SWEEP_AGAIN_NS 1000000
#define SWEEPS 10000
#define LOOK_AGAIN_NS 2000000
#define LOOKS_AGAIN 10

/* Is the owner's process gone? A zombie that is no parent of this process may seem to be there. */
static bool is_owner_gone(const struct supervisor *s)
{
	return s->child ? getppid() != s->owner : kill(s->owner, 0) && errno == ESRCH;
}

/* @dead: for sure. Else it has executed another program, as far as this process can tell. */
_Noreturn static void end_with_owner(struct supervisor *s, bool dead)
{
	/* First, as a task may kill this process. The spare last: until then it would go on. */
	crew_kill(s);
	/* A process that ends closes its files before it is gone. */
	for (unsigned i = 0; !dead && i < LOOKS_AGAIN; i++) {
		os_sleep_ns(LOOK_AGAIN_NS);
		dead = is_owner_gone(s);
	}
	/*
	 * An owner that lives after all is to find its pool open, and starts another family. It was
	 * not told of this one's end.
	 */
	if (dead)
		state_end(s->segment, POOL_LOST);
	/* Programs that have joined may wait. Of an owner without a lock they look again. */
	state_wake_everybody(s->segment);
	/*
	 * Of an owner that is dead nobody else writes it. An error can be told to nobody. Before
	 * the name goes, as the file may be cut then; and behind all that others wait for, as a
	 * disk may be slow.
	 */
	if (dead)
		(void)trace_save_own(s->segment);
	/* The threads of a process end one after the other, and its lock goes with the last. */
	for (unsigned i = 0; s->segment->name[0] && i < SWEEPS; i++) {
		if (sweep_open(s->segment->fd, s->segment->name, OS_LOCK_OWNER, 1) != -EAGAIN)
			break;
		os_sleep_ns(SWEEP_AGAIN_NS);
	}
	spare_kill(s);
	_exit(0);
}

enum owner {
	OWNER_LIVES,
	OWNER_UNPLUGGED, /* it has closed its end of the pipe, as closefrom() does */
	OWNER_REPLACED,  /* by another program, as far as can be told */
	OWNER_GONE,
};

/*
 * An owner that calls exec() is gone, too: its memory and its handle are. Then its end of the pipe
 * is closed, unless a child of it holds that, which no handler knew of; and its lock is free, which
 * any close() of the host may bring about. Whether the process still maps the segment tells a
 * living owner from another program, where the system shows it. A free pid says that it is dead.
 */
static enum owner find_owner(struct supervisor *s)
{
	struct pollfd life = {.fd = s->life->fd};
	bool ended = poll(&life, 1, 0) > 0;
	pid_t holder;
	int mapped;

	if (is_owner_gone(s))
		return OWNER_GONE;
	if (!ended && os_locked(s->segment->fd, OS_LOCK_OWNER, 1, &holder) != 0)
		return OWNER_LIVES;
	mapped = os_maps_file(s->owner, &s->segment->id);
	/* Without its memory it has no handle of the pool, whatever runs there now. */
	if (mapped == 0)
		return OWNER_GONE;
	return !ended ? OWNER_LIVES : mapped == 1 ? OWNER_UNPLUGGED : OWNER_REPLACED;
}

void ending_follow_owner(struct supervisor *s)
{
	enum owner owner = find_owner(s);

	if (owner == OWNER_GONE || owner == OWNER_REPLACED)
		end_with_owner(s, owner == OWNER_GONE);
	if (owner == OWNER_LIVES)
		return;
	spare_kill(s);
	crew_kill(s);
	_exit(0);
}

void ending_read_wishes(struct supervisor *s)
{
	char bytes[64];

	if (read(s->life->fd, bytes, sizeof(bytes)) < 0)
		return; /* of no use to anybody */
}

/*
 * A closed pool is finished when no worker is left and the ring is empty. A submitter may have been
 * on its way when the pool was closed: it publishes, then checks the state. We change the state,
 * then check the ring. One of us sees the other (all seq_cst).
 */
bool ending_finish(struct supervisor *s)
{
	if (s->role.live || rings_have_work(s->segment) || programs_busy(s) ||
	    !state_change(s->segment, POOL_CLOSED, POOL_FINISHED))
		return false;
	if (rings_have_work(s->segment)) {
		state_change(s->segment, POOL_FINISHED, POOL_CLOSED);
		return false;
	}
	state_wake_everybody(s->segment);
	return true;
}

/* Tell whether the file has that name. It may have others, which do not matter here. */
static bool file_has_name(struct supervisor *s)
{
	const char *name = s->segment->name;

	return name[0] && os_shm_is(name, s->segment->fd, &s->segment->id);
}

/*
 * Write again that the pool is over, as @state. A word that says otherwise was written by a wild
 * task. The owner may still terminate it.
 */
static void insist_on(struct supervisor *s, uint32_t state)
{
	uint32_t now = state_of(s->segment);

	/*
	 * Relaxed: no member is left that could act by it, but for the owner, which checks again
	 * and again.
	 */
	if (now < state && now < POOL_TERMINATED)
		store_relaxed(&s->segment->control->state, state);
}

_Noreturn void ending_leave(struct supervisor *s, uint32_t state)
{
	spare_kill(s);
	while (file_has_name(s)) {
		ending_follow_owner(s);
		insist_on(s, state);
		if (state_of(s->segment) == POOL_TERMINATED &&
		    !os_shm_unlink(s->segment->name, s->segment->fd, &s->segment->id))
			break;
		if (os_wait_news(&s->life->fd, 1, os_parent_check_ns()))
			ending_read_wishes(s);
	}
	_exit(0);
}
