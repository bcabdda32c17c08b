/*
 * dead_pool.c - a child that ends at once is the dead owner.
 */
#include "support/dead_pool.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "os/process_id.h"
#include "segment/segment.h"
#include "segment/stamp.h"
#include "support/check.h"

void dead_pool_mark(struct shared_header *header)
{
	struct os_process_id dead;
	int ends[2];
	pid_t pid;

	CHECK(!pipe(ends), "no pipe");
	pid = fork();
	CHECK(pid >= 0, "no child");
	if (!pid) {
		os_process_note(&dead);
		_exit(write(ends[1], &dead, sizeof(dead)) != sizeof(dead));
	}
	CHECK(read(ends[0], &dead, sizeof(dead)) == sizeof(dead) && waitpid(pid, NULL, 0) == pid, "no child");
	close(ends[0]);
	close(ends[1]);
	header->owner_pid = dead.pid;
	header->owner_start = dead.start;
	header->owner_space = dead.space;
}

int dead_pool_leave(const char *name)
{
	struct shared_header header = {0};
	int fd, r = os_shm_create(name, &fd);

	if (r)
		return r;
	segment_identify(&header);
	dead_pool_mark(&header);
	if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		r = -errno;
	close(fd);
	return r;
}
