/*
 * borrow.c - opens a segment's file by its name for a reader, or lends this process's own.
 */
#include "segment/borrow.h"

#include "base/cancel.h"
#include "os/forks.h"
#include "os/os.h"
#include "segment/file.h"
#include "segment/names.h"

#include <errno.h>

int segment_open(const char *name, int *fd)
{
	struct stat status;
	int cancel = cancel_refuse(), r;
	bool found;

	names_visit();
	r = os_shm_look(name, &status);
	forks_hold();
	found = names_find(name, r ? NULL : &status);
	forks_release();
	r = found ? -EBUSY : os_shm_open(name, false, fd);
	names_leave();
	cancel_allow(cancel);
	return r;
}

int segment_borrow(const char *name)
{
	struct segment *segment;
	struct stat status;
	int fd = -ENOENT, r = os_shm_look(name, &status);

	forks_hold();
	segment = names_find(name, r ? NULL : &status);
	if (segment)
		segment_guard(segment);
	if (segment && segment->lent && (fd = segment_fd(segment)) >= 0)
		return fd;
	forks_release();
	return fd;
}

void segment_return(void)
{
	forks_release();
}
