/*
 * stamp.c - the first bytes of a segment's file, which tell a sweep what it is and whose.
 *
 * A sweep reads nothing else before the segment is ready.
 *
 * Writers           The header up to owner_space: the creator, before anybody else knows of the
 *                   file; and a sweep, once all processes of the pool are dead.
 * Deaths            Between the two steps of stamp_cut(): the header says that nobody owns the
 *                   file. So the next sweep finds a dead segment, and goes on.
 */
#include "segment/stamp.h"

#include "os/files.h"
#include "os/process_id.h"

#include <errno.h>
#include <unistd.h>

void segment_identify(struct shared_header *header)
{
	struct os_process_id owner;

	os_process_note(&owner);
	header->magic = SEGMENT_MAGIC;
	header->version = SEGMENT_VERSION;
	header->layout = LAYOUT_WORD;
	header->owner_pid = owner.pid;
	header->owner_start = owner.start;
	header->owner_space = owner.space;
}

int stamp_write(int fd, bool owned)
{
	struct shared_header header = {0};
	ssize_t written;

	/* Asked first, because a write beyond brings a signal that ends the process. */
	if (os_file_limit() < sizeof(header))
		return -EFBIG;
	segment_identify(&header);
	if (!owned)
		header.owner_pid = 0;
	do
		written = pwrite(fd, &header, sizeof(header), 0);
	while (written < 0 && errno == EINTR);
	return written == sizeof(header) ? 0 : written < 0 ? -errno : -ENOSPC;
}

int stamp_cut(int fd)
{
	int r = stamp_write(fd, false);

	while (!r && ftruncate(fd, sizeof(struct shared_header)))
		if (errno != EINTR)
			r = -errno;
	return r;
}
