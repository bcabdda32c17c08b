/*
 * family.h - the processes of a pool, seen from the owner: starts them, ends them, and finds out
 * which of them leads.
 */
#ifndef SHEAF_POOL_FAMILY_H
#define SHEAF_POOL_FAMILY_H

#include "os/forks.h"
#include "os/process_id.h"
#include "segment/segment.h"

struct family {
	/*
	 * All of its processes are in this group. It is the pid of the first one, the owner's
	 * child. 0: no family.
	 */
	pid_t group;
	bool child;       /* the owner's child is not known to have been reaped */
	bool reaped;      /* the owner has reaped it, and not somebody else */
	pid_t supervisor; /* when the owner asked last */
	/* Tell that child, and a later supervisor, from later processes with their pids. */
	struct os_process_id child_id;
	struct os_process_id later_id;
	bool spare_seen;         /* there was one, or it was waited for in vain */
	uint64_t unlocked_ns;    /* since when none of its processes has a lock; 0: one has */
	struct forks_fd process; /* of the owner's child, where the system has such descriptors */
	struct forks_fd all;     /* read end of the pipe that all of the family hold */
	struct forks_fd life;    /* write end of the pipe that the owner alone holds */
	struct forks_fd wake;    /* its read end, kept so that a write to it brings no SIGPIPE */
};

/*
 * Start a supervisor, and wait until its workers run. 0; -EAGAIN, -ENOMEM, -EMFILE, -ENFILE, with a
 * message.
 */
int family_start(struct family *family, struct segment *segment, bool keep_fds, bool successor);

/*
 * Tell whether there is a supervisor, or a spare that becomes one. Notes which process leads, and
 * reaps the family's dead that the owner has to reap.
 */
bool family_lives(struct family *family, const struct segment *segment);

/*
 * Tell the pid of a worker by the lock that it holds, so by the kernel. 0: none is known. @told:
 * what the segment says, which counts only for a process of the family that has no lock yet, or if
 * locks cannot be asked for.
 */
pid_t family_worker(struct family *family, const struct segment *segment, unsigned worker, pid_t told);

/*
 * Wait until the first spare is there, but not for long. After that, a death of the supervisor
 * finds a spare.
 */
void family_await_spare(struct family *family, const struct segment *segment);

/* Wake the supervisor: the owner wants a worker killed, or has changed the pool's state. */
void family_wake(const struct family *family);

/* Wait until all of the family are dead, at most until the deadline. */
bool family_gone(struct family *family, const struct segment *segment, uint64_t deadline_ns);

/*
 * End all of the family. @asked: the pool's state tells the supervisor to end, so it gets a second
 * to end the others. Then, or at once, all are killed. False: some process could not be ended.
 */
bool family_end(struct family *family, const struct segment *segment, bool asked);

#endif
