/*
 * sweep.c - takes away the names of dead segments, and of nothing else.
 *
 * A name is taken away only if both hold:
 *
 *   It is a segment of ours   A regular file of this user, which begins with our magic, version and
 *                             layout, and is as long as its header says. A file that is being made
 *                             has no length yet, and says so. The header is copied out by pread().
 *   Its pool is dead          No process holds a lock on it. And, where that can be told, the
 *                             process that made it has ended. The lock alone proves no death,
 *                             because any close() of the host on the file drops the owner's lock.
 *                             Where pids mean other processes (a container that shares /dev/shm),
 *                             the locks of supervisor and spare must do, because nobody else has
 *                             their descriptors.
 *
 * If the file has another name, that keeps its memory when this name has gone. Then the file is cut
 * to a header that every sweep knows to be dead, as soon as no worker lives.
 *
 * One file is taken away without a header, where shared memory has a name before it has bytes: an
 * empty one with a made-up name, which tells its maker's pid. That maker was killed before it wrote
 * anything. A maker that is taken for dead by mistake finds its file without a name, and starts
 * again. On Linux a segment has bytes first, so there every empty file is somebody else's.
 *
 * A sweeper that dies half way leaves the name, or no name. The next sweep goes on.
 */
#include "segment/sweep.h"

#include "base/atomic.h"
#include "os/files.h"
#include "os/os.h"
#include "os/process_id.h"
#include "segment/names.h"
#include "segment/plan.h"
#include "segment/stamp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum verdict {
	DEAD,   /* the name may be taken away */
	NOBODY, /* nothing has the name */
	OTHER,  /* something else has it: the text tells what */
};

struct text {
	char *at;
	size_t size;
};

#define TELL(text, ...) (snprintf((text)->at, (text)->size, __VA_ARGS__), OTHER)

static const char *kind_of(mode_t mode)
{
	return S_ISREG(mode)    ? "a file"
	       : S_ISDIR(mode)  ? "a folder"
	       : S_ISLNK(mode)  ? "a symbolic link"
	       : S_ISFIFO(mode) ? "a pipe"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

/* Judge a file by what can be told without opening it. DEAD: nothing speaks against it so far. */
static enum verdict judge_status(const struct stat *status, struct text *text)
{
	if (!S_ISREG(status->st_mode))
		return TELL(text, "%s of user %lu, which is not a segment of Sheaf", kind_of(status->st_mode),
			    (unsigned long)status->st_uid);
	if (names_mine(status))
		return TELL(text, "a living pool of this process");
	if (status->st_uid != geteuid())
		return TELL(text, "shared memory of user %lu", (unsigned long)status->st_uid);
	return DEAD;
}

/* Tell whether a header's counts and sizes fit together, and the file's size fits them. */
static bool is_whole(const struct shared_header *header, uint64_t size)
{
	struct shared_header plan = *header;

	if (!header->heap_size || header->heap_size % UNIT || header->heap_size > LARGEST_HEAP || !header->worker_count ||
	    header->worker_count > SHEAF_MAX_WORKERS || header->ring_size > LARGEST_RING ||
	    header->batch_count > LARGEST_BATCHES || header->function_count > SHEAF_MAX_FUNCTIONS ||
	    header->trace_records > LARGEST_TRAIL)
		return false;
	segment_plan(&plan);
	return plan.size == header->size && header->size == size;
}

/* Judge a file by its header, and find out whose it is. */
static enum verdict judge_bytes(int fd, const struct stat *status, struct os_process_id *owner, struct text *text)
{
	uint64_t size = (uint64_t)status->st_size;
	struct shared_header header;
	uint32_t ready;
	int r = size < sizeof(header) ? -ENODATA : os_read_at(fd, 0, &header, sizeof(header));

	if (r && r != -ENODATA)
		return TELL(text, "a file that cannot be read (%s)", strerror(-r));
	if (r || header.magic != SEGMENT_MAGIC)
		return TELL(text, "shared memory of %llu bytes of user %lu, which is not a segment of Sheaf",
			    (unsigned long long)size, (unsigned long)status->st_uid);
	if (header.version != SEGMENT_VERSION || header.layout != LAYOUT_WORD)
		return TELL(text, "a segment of another version of Sheaf (version %lu, layout 0x%08lx)",
			    (unsigned long)header.version, (unsigned long)header.layout);
	ready = load_relaxed(&header.ready); /* relaxed: a copy, which nobody else can change */
	if (ready > 1 || (ready && !is_whole(&header, size)))
		return TELL(text, "a damaged segment of Sheaf");
	*owner = (struct os_process_id){.pid = header.owner_pid, .start = header.owner_start, .space = header.owner_space};
	return DEAD;
}

/* Judge an empty file by its name: DEAD if it tells that its maker has ended. */
static enum verdict judge_name(const char *name, const struct stat *status, struct text *text)
{
	struct os_process_id me, maker;
	pid_t pid = os_shm_begins_empty() ? os_shm_maker(name) : 0;

	if (!pid)
		return TELL(text, "empty shared memory of user %lu, whose maker cannot be told", (unsigned long)status->st_uid);
	os_process_note(&me);
	maker = (struct os_process_id){.pid = (uint32_t)pid, .space = me.space};
	return os_process_lives(&maker) == 0 ? DEAD : TELL(text, "a pool that process %ld is creating", (long)pid);
}

/* Judge a file that is open here. */
static enum verdict judge_file(int fd, const char *name, struct text *text)
{
	struct os_process_id owner = {0};
	enum verdict verdict;
	struct stat status;
	pid_t holder = 0;
	int locked;

	if (fstat(fd, &status))
		return TELL(text, "a file that cannot be checked (%s)", strerror(errno));
	if ((verdict = judge_status(&status, text)) != DEAD)
		return verdict;
	locked = os_locked(fd, OS_LOCK_OWNER, OS_LOCKS, &holder);
	if (locked < 0)
		return TELL(text, "a file whose locks cannot be asked for (%s)", strerror(-locked));
	verdict = status.st_size ? judge_bytes(fd, &status, &owner, text) : DEAD;
	if (verdict != DEAD)
		return verdict;
	if (locked)
		return TELL(text, "a living pool of process %ld", (long)(owner.pid ? (long)owner.pid : (long)holder));
	if (!status.st_size)
		return judge_name(name, &status, text);
	if (os_process_lives(&owner) == 1)
		return TELL(text, "a living pool of process %ld", (long)owner.pid);
	return DEAD;
}

/* May programs have joined the segment, or be about to? */
static bool may_have_programs_mapped(int fd)
{
	uint32_t functions = 0;

	return os_read_at(fd, offsetof(struct shared_header, function_count), &functions, sizeof(functions)) || functions;
}

int sweep_open(int fd, const char *name, unsigned first, unsigned count)
{
	struct stat status;
	bool shared = !fstat(fd, &status) && status.st_nlink > 1;
	pid_t holder;
	int r;

	if (shared && os_locked(fd, OS_LOCK_WORKERS, SHEAF_MAX_WORKERS, &holder))
		return -EAGAIN;
	r = os_sweep_open(fd, name, first, count);
	/*
	 * Without another name the memory goes with the last process that has it mapped, which may
	 * be a child of the owner. A program that has joined would be killed where the file is cut.
	 */
	if (!r && shared && status.st_size && !may_have_programs_mapped(fd))
		(void)stamp_cut(fd);
	return r;
}

/* Judge what has the name, and take the name away from a dead segment. */
static enum verdict judge_and_sweep(const char *name, struct text *text)
{
	enum verdict verdict;
	struct stat status;
	int r = os_shm_look(name, &status), fd;

	if (r == -ENOENT)
		return NOBODY;
	if (!r && (verdict = judge_status(&status, text)) != DEAD)
		return verdict;
	/*
	 * Another copy of this library in this process may own it, and closing its file would drop
	 * that owner's lock. A file of a header alone is one that segment_destroy() has left.
	 */
	if (os_shm_made_here(name) && !(!r && status.st_size == sizeof(struct shared_header)))
		return TELL(text, "a living pool of this process");
	if ((r = os_shm_open(name, true, &fd)))
		return r == -ENOENT   ? NOBODY
		       : r == -EAGAIN ? TELL(text, "a file of this user on which a process has a lease")
				      : TELL(text, "a file that cannot be opened (%s)", strerror(-r));
	verdict = judge_file(fd, name, text);
	if (verdict == DEAD && (r = sweep_open(fd, name, OS_LOCK_OWNER, OS_LOCKS)) && r != -ENOENT)
		verdict = TELL(text, r == -EAGAIN ? "a living pool" : "a dead pool, whose name cannot be taken away (%s)",
			       strerror(-r));
	close(fd);
	return verdict;
}

bool sweep_name(const char *name, char *what, size_t size)
{
	struct text text = {.at = what, .size = size};
	enum verdict verdict;

	/* A visit, so that nobody claims the name between the question and the sweep. */
	names_visit();
	verdict = judge_and_sweep(name, &text);
	names_leave();
	return verdict != OTHER;
}

static void sweep_one(const char *name, void *context)
{
	char what[160];

	(void)context;
	sweep_name(name, what, sizeof(what));
}

void sweep_all(void)
{
	os_each_segment(SEGMENT_PREFIX, sweep_one, NULL);
}
