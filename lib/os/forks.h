/*
 * forks.h - what the library has to know of forks of its process, its own and those of the host.
 */
#ifndef SHEAF_OS_FORKS_H
#define SHEAF_OS_FORKS_H

#include "base/atomic.h"
#include "os/os.h"

#include <sys/types.h>

/* Private, for forks_count(). */
extern __attribute__((visibility("hidden"))) _Atomic unsigned *forks_mark;

/*
 * Number this process among its ancestors: a handle made under another number belongs to another process. In a child that no handler
 * announced (_Fork(), a raw clone()) it is 0 until forks_prepare(), where the kernel can wipe memory in children.
 */
static inline unsigned forks_count(void)
{
	/* Relaxed: changes only in a new process, before that does anything else. */
	return load_relaxed(forks_mark);
}

/*
 * FORKS_PRIVATE bytes, aligned to 8, for one thread of the process: they become 0 in every child, as the number above does. A loop that a
 * task may fork out of has its end there, so that it ends in the child.
 */
#define FORKS_PRIVATE 64
extern __attribute__((visibility("hidden"))) void *forks_private;

/* Does the kernel tell of every child? Else one that no handler announced has its parent's number. */
bool forks_told(void);

/* Make the number one that no handle has yet, if this is a new process. Before the first of these calls that matters: 0, or -ENOMEM. */
int forks_prepare(void);

/*
 * Keeps the forks of other threads out until forks_release(), so that they inherit nothing half made. In between, nothing may be called
 * that forks or takes a lock of somebody else's.
 */
void forks_hold(void);
void forks_release(void);

/* A descriptor that no child inherits, whether it calls exec or not. Where it lies, it must stay until forks_close(). */
struct forks_fd {
	int fd;
	struct os_file_id id; /* a host that closes descriptors by their numbers may have given this one to another file */
	struct forks_fd *next;
};

/* Make a pipe whose ends no child inherits. 0, or -errno. */
int forks_pipe(struct forks_fd *write_end, struct forks_fd *read_end);

/* Take a descriptor of a child that nobody has reaped, which no other child inherits: see os_pidfd_open(). 0, or its errors. */
int forks_pidfd(struct forks_fd *fd, pid_t pid);

/* Is it open, and still what it was? */
static inline bool forks_fd_open(const struct forks_fd *fd)
{
	return os_file_is(fd->fd, &fd->id);
}

/* fork(), but the child keeps those in @keep (up to NULL), which the child's own children do not inherit. */
pid_t forks_fork(const struct forks_fd *const *keep);

/* Close it, if it is open; its place may be used again. */
void forks_close(struct forks_fd *fd);

#endif
