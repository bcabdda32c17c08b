/*
 * supervisor.h - the small process between owner and workers, and its spare.
 */
#ifndef SHEAF_POOL_SUPERVISOR_H
#define SHEAF_POOL_SUPERVISOR_H

#include "os/forks.h"
#include "segment/segment.h"

struct supervision {
	struct segment *segment;
	pid_t owner;
	/* Write end of a pipe that the whole family holds, and nobody else. */
	struct forks_fd *all;
	/*
	 * Read end of a pipe whose write end the owner alone holds: end of file says that it is
	 * gone.
	 */
	struct forks_fd *life;
	bool keep_fds;
	bool successor; /* there was a family before, and the kernel says that it is dead */
};

/* Be the supervisor, in the child right after fork, with all signals blocked. Never returns. */
_Noreturn void supervisor_main(const struct supervision *supervision);

#endif
