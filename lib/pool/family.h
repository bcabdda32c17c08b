/*
 * family.h - the processes of a pool, seen from the owner: starts them, ends them, and asks who leads them.
 */
#ifndef SHEAF_POOL_FAMILY_H
#define SHEAF_POOL_FAMILY_H

#include "os/forks.h"
#include "segment/segment.h"

struct family {
	pid_t group;      /* of all its processes, and the pid of the first: the owner's child; 0: there is no family */
	bool child;       /* the owner's child has not been reaped yet, as far as is known */
	bool reaped;      /* the owner has reaped it, and not somebody else */
	pid_t supervisor; /* when the owner asked last */
	struct os_process_id child_id; /* tells that child from a later process with its pid, if there is no descriptor of it */
	struct os_process_id later_id; /* the same of a later supervisor */
	bool spare_seen;               /* there was one, or it was waited for in vain */
	uint64_t unlocked_ns;          /* since when none of its processes has a lock; 0: one has */
	struct forks_fd process;       /* of the owner's child, where the system has such descriptors */
	struct forks_fd all;           /* read end of the pipe that all of the family hold; end of file: they are all dead */
	struct forks_fd life;          /* write end of the pipe whose end of file tells the family that the owner is gone */
	struct forks_fd wake;          /* its read end: kept, so that a write to it brings no SIGPIPE */
};

/* Start a supervisor, and wait until its workers run. 0; -EAGAIN, -ENOMEM, -EMFILE, -ENFILE, with its message. */
int family_start(struct family *family, struct segment *segment, bool keep_fds, bool successor);

/* Is there a supervisor, or a spare that becomes one? Notes who, and reaps what has died of the family, if that falls to the owner. */
bool family_lives(struct family *family, const struct segment *segment);

/*
 * Tell the pid of a worker: the kernel's word, by the lock that the worker holds. @told: what the segment says, which counts only for a process
 * of the family that has no lock yet, or where locks cannot be asked for. 0: none is known.
 */
pid_t family_worker(struct family *family, const struct segment *segment, unsigned worker, pid_t told);

/* Wait until the first spare is there, so that a death of the supervisor that is named from now on finds one. Not for long. */
void family_await_spare(struct family *family, const struct segment *segment);

/* Wake the supervisor: the owner wants a worker killed, or has changed the pool's state. */
void family_wake(const struct family *family);

/* Wait until all of the family are dead, at most until the deadline. */
bool family_gone(struct family *family, const struct segment *segment, uint64_t deadline_ns);

/*
 * End all of the family. @asked: the state tells the supervisor to end, so it gets a second to end the others; then, or at once, all are
 * killed. False: some process could not be ended.
 */
bool family_end(struct family *family, const struct segment *segment, bool asked);

#endif
