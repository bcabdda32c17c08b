/*
 * supervisor.h - the small process between owner and workers.
 */
#ifndef SHEAF_POOL_SUPERVISOR_H
#define SHEAF_POOL_SUPERVISOR_H

#include "os/forks.h"
#include "segment/segment.h"

struct supervision {
	struct segment *segment;
	pid_t owner;
	/* Write end of a pipe that all processes of this supervisor hold, and no others: end of file says that they are dead. */
	struct forks_fd *crew;
	int life; /* read end of a pipe whose write end the owner alone holds: end of file says that it is gone */
	bool keep_fds;
	bool successor; /* an earlier supervisor died, and the kernel says that all its workers are dead */
};

/* The owner wants something: a worker killed, or the pool's state changed. */
#define SUPERVISOR_SIGNAL SIGUSR1

/* Called in the child right after fork, with all signals blocked. Never returns. */
_Noreturn void supervisor_main(const struct supervision *supervision);

#endif
