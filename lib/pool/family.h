/*
 * family.h - starts and ends a supervisor with all its workers, from the owner.
 */
#ifndef SHEAF_POOL_FAMILY_H
#define SHEAF_POOL_FAMILY_H

#include "os/forks.h"
#include "segment/segment.h"

struct family {
	pid_t supervisor;     /* 0: none */
	int crew;             /* read end of the pipe that all of the family hold; end of file: they are all dead */
	struct forks_fd life; /* write end of the pipe whose end of file tells the family that the owner is gone */
};

/* Starts a supervisor, and waits until its workers run. 0; -EAGAIN, -ENOMEM, -EMFILE, -ENFILE, with its message. */
int family_start(struct family *family, struct segment *segment, bool keep_fds, bool successor);

/* Is the supervisor alive? */
bool family_lives(const struct family *family);

/* Waits until all of the family are dead, at most until the deadline. */
bool family_gone(const struct family *family, uint64_t deadline_ns);

/*
 * Ends all of the family and reaps the supervisor. @asked: the supervisor has been told to end, so it gets a second to reap its
 * workers, which nobody else can; then, or at once, all are killed. False: some process could not be ended.
 */
bool family_end(struct family *family, bool asked);

#endif
