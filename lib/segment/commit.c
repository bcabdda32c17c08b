/*
 * commit.c - commits memory of a segment piece by piece, and gives it back.
 *
 * A page that is not committed takes no memory, and a process that touched it might get a signal.
 * So whatever is handed out is committed first (promise 7). A death in here leaves pages committed
 * that nobody uses, and the next member that gets them commits them again, which is harmless.
 */
#include "segment/commit.h"

#include "base/atomic.h"
#include "segment/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* How often a commit is tried once more, while the file system has as much as it asks for. */
#define TRIES 16

/*
 * Tell whether the file has taken as much memory as all that is in use, including the bytes that
 * are to be committed. If so, freed memory has stayed with the pool, and those bytes are most
 * likely there already. Dear, so only for when the cgroup has no room.
 */
static bool is_committed(const struct segment *segment, int fd)
{
	/* HEAP2 (heap.c). Acquire: else words could be read before they are committed. */
	uint64_t mapped = load_acquire(&segment->control->heap_mapped), used = 0;
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return false;
	for (uint64_t u = 0; u < mapped && u < segment->heap_size / UNIT; u++)
		/* Relaxed: an estimate. */
		used += load_relaxed(&segment->heap_map[u]) ? UNIT : 0;
	return (uint64_t)status.st_blocks * 512 >= segment_offset(segment, segment->slots + segment_slots(segment)) + used;
}

/* Does the file system of the segment have @size bytes? */
static bool file_has_room(int fd, uint64_t size)
{
	struct statvfs fs;

	return !fstatvfs(fd, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize >= size;
}

int segment_commit(struct segment *segment, uint64_t offset, uint64_t size, bool large)
{
	int fd = segment_fd(segment), r;

	/* Offset 0 is the tables, which come first, when nothing is in use. */
	if (!os_memory_allows(size) && (!offset || !is_committed(segment, fd)))
		return -ENOSPC;
	if (fd < 0)
		return os_commit_mapped(segment_at(segment, offset), size);
	/*
	 * A member that asks for more than there is takes pages one by one, and gives them back
	 * when it finds no more. Meanwhile another that asks for little is refused, too, and it
	 * asks again. Not for ever: the two may do that to each other by turns.
	 */
	for (unsigned i = 0;; i++) {
		r = os_commit(fd, offset, size, large ? segment_at(segment, offset) : NULL);
		if (r != -ENOSPC || i == TRIES || !file_has_room(fd, size))
			return r;
	}
}

int segment_release(struct segment *segment, uint64_t offset, uint64_t size)
{
	int fd = segment_fd(segment);

	if (fd < 0)
		return os_release_mapped(segment_at(segment, offset), size);
	os_release(fd, offset, size);
	return 0;
}
