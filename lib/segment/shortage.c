/*
 * shortage.c - why memory or a file could not be had, in messages and documented codes.
 */
#include "segment/shortage.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

int segment_documented(int code)
{
	static const int codes[] = {EEXIST, ENOSPC, ENOENT, EACCES, EPERM, EROFS, ENOSYS, EMFILE, ENFILE, ENOMEM};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (code == -codes[i])
			return code;
	return -ENOSYS;
}

/* Tell how many bytes the file system of the segments still has. *@all: it has in all, or 0. */
static uint64_t room_for_files(const struct segment *segment, uint64_t *all)
{
	struct statvfs fs;

	*all = 0;
	/* Without the descriptor, ask about the folder of most segments. */
	if (segment_file_ours(segment) ? fstatvfs(segment->fd, &fs) : statvfs("/dev/shm", &fs))
		return 0;
	*all = (uint64_t)fs.f_blocks * fs.f_frsize;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

int segment_fail_full(const struct segment *segment, uint64_t asked, const char *what)
{
	uint64_t all, room = room_for_files(segment, &all);
	struct os_memory_room memory;

	os_memory_room(&memory);
	if (all && asked > all)
		return sheaf_fail(-ENOSPC,
				  "%s needs %llu bytes of shared memory, which can never fit: /dev/shm has %llu in all: "
				  "enlarge it (docker: --shm-size) or ask for less",
				  what, (unsigned long long)asked, (unsigned long long)all);
	if (memory.left < room)
		return sheaf_fail(
			-ENOSPC,
			"%s needs %llu bytes of shared memory, and the memory cgroup %s, which may have %llu, has %llu left: "
			"free some, raise its limit (docker: --memory) or ask for less",
			what, (unsigned long long)asked, memory.group, (unsigned long long)memory.limit,
			(unsigned long long)memory.left);
	if (room >= asked)
		return sheaf_fail(
			-ENOSPC,
			"%s needs %llu bytes of shared memory, which others held then, and %llu are free now: try again", what,
			(unsigned long long)asked, (unsigned long long)room);
	return sheaf_fail(
		-ENOSPC,
		"%s needs %llu bytes of shared memory, %llu are free: free some, enlarge /dev/shm (docker: --shm-size) or "
		"ask for less",
		what, (unsigned long long)asked, (unsigned long long)room);
}

int segment_fail_commit(const struct segment *segment, int code, uint64_t asked, const char *what)
{
	if (code == -ENOSPC)
		return segment_fail_full(segment, asked, what);
	if (code == -EBADF)
		return sheaf_fail(code,
				  "%s: cannot commit %llu bytes, as this process has closed the descriptor of its pool (by "
				  "closefrom()?), "
				  "and this system needs it: keep it open, or give the pool a name",
				  what, (unsigned long long)asked);
	return sheaf_fail(-ENOSPC, "%s: cannot commit %llu bytes of shared memory: %s", what, (unsigned long long)asked,
			  strerror(-code));
}
