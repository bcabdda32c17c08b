/*
 * forks.h - what the library must know of forks of its process, its own and those of the host.
 */
#ifndef SHEAF_OS_FORKS_H
#define SHEAF_OS_FORKS_H

#include "base/atomic.h"
#include "os/os.h"

#include <sys/types.h>

/* Private, for forks_count(). */
extern __attribute__((visibility("hidden"))) _Atomic unsigned *forks_mark;

/*
 * Number this process among its ancestors. A handle made under another number belongs to another
 * process. In a child that no handler announced (of _Fork() or a raw clone()) the number is 0 until
 * forks_prepare(), if the kernel can wipe memory in children.
 */
static inline unsigned forks_count(void)
{
	/* Relaxed: the number changes only in a new process, before that reads anything else. */
	return load_relaxed(forks_mark);
}

/*
 * FORKS_PRIVATE bytes, aligned to 8, for one thread of the process. They become 0 in every child,
 * as the number above does. A loop out of which a task may fork keeps its end there, so that it
 * ends in the child.
 */
#define FORKS_PRIVATE 64
extern __attribute__((visibility("hidden"))) void *forks_private;

/*
 * Tell whether the kernel tells of every child. Else one that no handler announced has its parent's
 * number.
 */
bool forks_told(void);

/*
 * Register the handlers, and number this process anew if it is a new one. To be called before any
 * of the calls below. 0, or -ENOMEM.
 */
int forks_prepare(void);

/*
 * Keep the forks of other threads out until forks_release(), so that they inherit nothing half
 * made. In between, the caller must not fork nor take a lock of another library.
 */
void forks_hold(void);
void forks_release(void);

/*
 * A descriptor that no child inherits, whether the child calls exec or not. The structure must stay
 * where it is until forks_close().
 */
struct forks_fd {
	int fd;
	struct os_file_id id; /* a host may have closed it and given the number to another file */
	struct forks_fd *next;
};

/* Make a pipe whose ends no child inherits. 0, or -errno. */
int forks_pipe(struct forks_fd *write_end, struct forks_fd *read_end);

/*
 * Open a descriptor of a child that nobody has reaped, as os_pidfd_open() does. 0, or its errors.
 */
int forks_pidfd(struct forks_fd *fd, pid_t pid);

/* Tell whether it is open and still what it was. */
static inline bool forks_fd_open(const struct forks_fd *fd)
{
	return os_file_is(fd->fd, &fd->id);
}

/*
 * Fork. The child keeps the descriptors in @keep (up to NULL), which its own children do not
 * inherit. Returns as fork() does.
 */
pid_t forks_fork(const struct forks_fd *const *keep);

/* Close it if it is open. Its place may be used again. */
void forks_close(struct forks_fd *fd);

#endif
