/*
 * commit.h - commits memory of a segment piece by piece, and gives it back.
 */
#ifndef SHEAF_SEGMENT_COMMIT_H
#define SHEAF_SEGMENT_COMMIT_H

#include "segment/segment.h"

/*
 * Commit @size bytes, so that touching them cannot fail. @large: in huge pages where the system
 * can. 0; -ENOSPC: shared memory is full, or the cgroup has no memory left for them; -EBADF: the
 * descriptor is lost, see segment_fd(), and the system cannot do without; -errno. No message.
 */
int segment_commit(struct segment *segment, uint64_t offset, uint64_t size, bool large);

/* Give the bytes back to the system. 0; -errno: they are as they were, so do not reuse them. */
int segment_release(struct segment *segment, uint64_t offset, uint64_t size);

#endif
