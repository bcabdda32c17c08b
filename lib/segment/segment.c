/*
 * segment.c - creates the shared memory of a pool and maps it where every process of the pool will see it.
 *
 * The file is as large as the heap may ever grow, and so is the mapping: address space, which costs nothing. Pages are committed
 * piece by piece (P7): the control area here, the heap by heap.c. All processes are forks of the owner, so they inherit the mapping
 * and see a page the moment it is committed; no process ever has to map anything later (P6).
 *
 * A death while creating leaves nothing, as the file has no name until a supervisor runs. Where the system has no such files, it leaves
 * at most one that nobody has locked: the next start sweeps it. `ready` is stored last.
 */
#include "segment/segment.h"

#include "base/error.h"
#include "base/number.h"
#include "os/forks.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BATCHES_AT_ONCE 4u /* committed; few programs have more open */

#define LEAST_HEAP ((uint64_t)64 << 20)

int segment_fail_full(const struct segment *segment, uint64_t asked, const char *what)
{
	struct statvfs fs;
	uint64_t room = fstatvfs(segment->fd, &fs) ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;

	return sheaf_fail(
		-ENOSPC,
		"%s needs %llu bytes of shared memory, %llu are free: free some, enlarge /dev/shm (docker: --shm-size) or "
		"ask for less",
		what, (unsigned long long)asked, (unsigned long long)room);
}

int segment_check_name(const char *name)
{
	if (name[0] != '/' || !name[1] || strchr(name + 1, '/') || strlen(name) >= NAME_MAX)
		return sheaf_fail(-EINVAL,
				  "the segment name \"%.100s\" must be a slash and up to %d other characters without a slash",
				  name, NAME_MAX - 2);
	return 0;
}

/* What sheaf_pool_create() documents; its message tells what the system really said. */
static int documented(int code)
{
	static const int codes[] = {EEXIST, ENOSPC, ENOENT, EACCES, EPERM, EROFS, ENOSYS, EMFILE, ENFILE, ENOMEM};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (code == -codes[i])
			return code;
	return -ENOSYS;
}

/* What shm_open(), and the calls on its file, say when shared memory is not to be had. */
static int fail_create(int code, const char *name)
{
	if (code == -EEXIST)
		return sheaf_fail(code, "the segment name %s is taken by a living owner: choose another name, or NULL", name);
	return sheaf_fail(documented(code), "cannot create the segment %s in shared memory: %s (%s)",
			  *name ? name : "(anonymous)", strerror(-code),
			  code == -ENOSPC ? "is /dev/shm full, or has it as many files as it may have?"
					  : "is /dev/shm mounted and writable?");
}

/*
 * The segments of this process that have a name, guarded by forks_hold(). The owner's lock does not keep out the owner itself, and
 * closing any descriptor of the file drops it: so neither a sweep nor a second segment of the same name may ever open these files. In a
 * forked child they are its parent's, whose lock does keep it out.
 */
static struct segment *mine;
static unsigned mine_forks;

static struct segment *find_mine(const char *name)
{
	struct segment *segment;

	if (mine_forks != forks_count())
		mine = NULL;
	mine_forks = forks_count();
	for (segment = mine; segment && strcmp(segment->name, name);)
		segment = segment->next;
	return segment;
}

/* Nobody may claim the name between the question and the sweep. */
static void sweep_foreign(const char *name, void *context)
{
	(void)context;
	forks_hold();
	if (!find_mine(name))
		os_sweep(name);
	forks_release();
}

/* Claims the segment's name within this process. False: it is taken. */
static bool add_mine(struct segment *segment)
{
	bool taken;

	forks_hold();
	taken = find_mine(segment->name);
	if (!taken) {
		segment->next = mine;
		mine = segment;
	}
	forks_release();
	return !taken;
}

static void drop_mine(struct segment *segment)
{
	struct segment **link = &mine;

	forks_hold();
	while (*link && *link != segment)
		link = &(*link)->next;
	if (*link)
		*link = segment->next;
	forks_release();
}

static void lend(struct segment *segment, bool lent)
{
	forks_hold();
	segment->lent = lent;
	forks_release();
}

int segment_open(const char *name, int *fd)
{
	int r;

	forks_hold();
	r = find_mine(name) ? -EBUSY : os_shm_open(name, fd);
	forks_release();
	return r;
}

int segment_borrow(const char *name)
{
	const struct segment *segment;

	forks_hold();
	segment = find_mine(name);
	if (segment && segment->lent)
		return segment->fd;
	forks_release();
	return -ENOENT;
}

void segment_return(void)
{
	forks_release();
}

/* Creates and locks the file of a name that this process has claimed. */
static int create_named(struct segment *segment)
{
	for (;;) {
		struct stat status;
		int r = os_shm_create(segment->name, &segment->fd);

		if (r == -EEXIST && os_sweep(segment->name))
			continue;
		if (r)
			return fail_create(r, segment->name);
		/* A sweeper that came between took us for dead and unlinks the file: start again with a new one. */
		r = os_lock(segment->fd, OS_LOCK_OWNER);
		if (!r && fstat(segment->fd, &status))
			r = -errno;
		if (!r && status.st_nlink > 0) {
			segment->named = true;
			return 0;
		}
		if (r && r != -EAGAIN)
			shm_unlink(segment->name); /* nobody sweeps what cannot be locked */
		close(segment->fd);
		if (r && r != -EAGAIN)
			return fail_create(r, segment->name);
	}
}

void segment_unpublish(struct segment *segment)
{
	/* What cannot be unlinked now is tried again at the end. */
	if (segment->named && shm_unlink(segment->name) && errno != ENOENT)
		return;
	segment->named = false;
}

int segment_publish(struct segment *segment)
{
	int r;

	if (!segment->name[0])
		return 0;
	while (!segment->named) {
		r = os_shm_link(segment->fd, segment->name);
		if (r == -EEXIST && os_sweep(segment->name))
			continue;
		if (r)
			return fail_create(r, segment->name);
		segment->named = true;
	}
	lend(segment, true);
	return 0;
}

static int create_file(struct segment *segment, const struct segment_options *options)
{
	uint64_t bits;
	int r;

	if (options->anonymous) {
		r = os_shm_anonymous(&segment->fd);
		segment->name[0] = '\0';
		return r ? fail_create(r, "") : 0;
	}
	os_each_segment(SEGMENT_PREFIX, sweep_foreign, NULL);
	if (options->name) {
		snprintf(segment->name, sizeof(segment->name), "%s", options->name);
	} else {
		if ((r = os_random(&bits)))
			return sheaf_fail(documented(r), "cannot read random bits from /dev/urandom: %s", strerror(-r));
		snprintf(segment->name, sizeof(segment->name), "/" SEGMENT_PREFIX "%ld-%016llx", (long)getpid(),
			 (unsigned long long)bits);
	}
	if (!add_mine(segment))
		return fail_create(-EEXIST, segment->name);
	/* Nameless until there is a supervisor, where that is possible; and locked before others can see it. */
	if (!os_shm_unnamed(&segment->fd)) {
		if (!os_lock(segment->fd, OS_LOCK_OWNER))
			return 0;
		close(segment->fd);
	}
	r = create_named(segment);
	if (r)
		drop_mine(segment);
	return r;
}

static void *map_at(void *address, uint64_t size, int fd, uint64_t offset, int protection)
{
	/* More than the address space of 32 bits has. */
	if ((size_t)size != size)
		return MAP_FAILED;
	return mmap(address, (size_t)size, protection, MAP_SHARED | (address ? MAP_FIXED : 0), fd, (off_t)offset);
}

/* Reserves address space aligned to a huge page by mapping the file without any permission. */
static unsigned char *reserve(int fd, uint64_t size)
{
	unsigned char *raw = map_at(NULL, size + HUGE_PAGE, fd, 0, PROT_NONE), *base;
	uintptr_t ahead;

	if (raw == MAP_FAILED)
		return NULL;
	ahead = (uintptr_t)(-(uintptr_t)raw & (HUGE_PAGE - 1));
	base = raw + ahead;
	if (ahead)
		munmap(raw, ahead);
	if (ahead < HUGE_PAGE)
		munmap(base + size, HUGE_PAGE - ahead);
	/* The offset shifted with the address: map again so that base shows offset 0. */
	if (map_at(base, size, fd, 0, PROT_NONE) == MAP_FAILED) {
		munmap(base, size);
		return NULL;
	}
	return base;
}

void segment_plan(struct shared_header *header)
{
	uint64_t at = PAGE;

	header->control = at;
	at = round_up(at + sizeof(struct shared_control), PAGE);
	header->workers = at;
	at = round_up(at + (uint64_t)header->worker_count * sizeof(struct shared_worker), PAGE);
	header->ring = at;
	at = round_up(at + (uint64_t)header->ring_size * sizeof(struct shared_slot), PAGE);
	header->batches = at;
	at = round_up(at + (uint64_t)header->batch_count * sizeof(struct shared_batch), PAGE);
	header->heap_map = at;
	at = round_up(at + header->heap_size / UNIT * sizeof(uint64_t), UNIT);
	header->heap = round_up(at + UNIT, HUGE_PAGE); /* at least one UNIT of guard pages */
	header->size = header->heap + header->heap_size;
}

static void fill_header(const struct segment_options *options, uint64_t heap_size, struct shared_header *header)
{
	header->magic = SEGMENT_MAGIC;
	header->version = SEGMENT_VERSION;
	header->layout = LAYOUT_WORD;
	header->worker_count = options->workers;
	header->ring_size = options->ring_size;
	header->batch_count = options->batches;
	header->max_attempts = options->max_attempts;
	header->owner_pid = (uint32_t)getpid();
	header->heap_size = heap_size;
	segment_plan(header);
}

/* Sizes the file and maps header, tables and heap. -ENOMEM or -EFBIG: try a smaller heap. */
static int map(struct segment *segment, const struct shared_header *header)
{
	struct rlimit limit;

	/* Asked first: to exceed it brings a signal that ends the process. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY && header->size > limit.rlim_cur)
		return -EFBIG;
	while (ftruncate(segment->fd, (off_t)header->size))
		if (errno != EINTR)
			return -errno;
	segment->base = reserve(segment->fd, header->size);
	if (!segment->base)
		return -ENOMEM;
	/* Up to the heap map's end; guard pages stay without permission. */
	if (map_at(segment->base, header->heap_map + round_up(header->heap_size / UNIT * 8, PAGE), segment->fd, 0,
		   PROT_READ | PROT_WRITE) == MAP_FAILED ||
	    map_at(segment->base + header->heap, header->heap_size, segment->fd, header->heap, PROT_READ | PROT_WRITE) ==
		    MAP_FAILED) {
		munmap(segment->base, header->size);
		return -ENOMEM;
	}
	return 0;
}

static void view(struct segment *segment, const struct shared_header *header)
{
	segment->header = segment_at(segment, 0);
	segment->control = segment_at(segment, header->control);
	segment->workers = segment_at(segment, header->workers);
	segment->ring = segment_at(segment, header->ring);
	segment->batches = segment_at(segment, header->batches);
	segment->heap_map = segment_at(segment, header->heap_map);
	segment->heap = header->heap;
	segment->heap_size = header->heap_size;
	segment->size = header->size;
	segment->worker_count = header->worker_count;
	segment->ring_size = header->ring_size;
	segment->batch_count = header->batch_count;
	segment->max_attempts = header->max_attempts;
}

/* Committed memory is zero, and zero is the right start of every word. Only semaphores need more. */
static int init_semaphores(struct segment *segment)
{
	int r = 0;

	r |= sem_init(&segment->control->started, 1, 0);
	for (unsigned i = 0; i < ROOM_SLOTS; i++)
		r |= sem_init(&segment->control->room[i], 1, 0);
	for (unsigned i = 0; i < segment->worker_count; i++)
		for (unsigned j = 0; j < 2; j++)
			r |= sem_init(&segment->workers[i].bell[j], 1, 0);
	return r ? -ENOSYS : 0;
}

static uint32_t next_batches(const struct segment *segment)
{
	uint32_t left = segment->batch_count - segment->batches_added;

	return left < BATCHES_AT_ONCE ? left : BATCHES_AT_ONCE;
}

/* @count more are committed. */
static int open_batches(struct segment *segment, uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; i < count; i++)
		r |= sem_init(&segment->batches[segment->batches_added + i].bell, 1, 0);
	if (r)
		return -ENOSYS;
	segment->batches_added += count;
	/* Release, pairs with segment_batches(): the semaphores. */
	atomic_store_explicit(&segment->control->batches, segment->batches_added, memory_order_release);
	return 0;
}

uint64_t segment_progress(const struct segment *segment)
{
	/* Relaxed, all: statistics. */
	uint64_t ended = atomic_load_explicit(&segment->control->given_up, memory_order_relaxed);

	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		ended += atomic_load_explicit(&segment->workers[worker].completed, memory_order_relaxed);
	return ended;
}

int segment_add_batches(struct segment *segment)
{
	uint32_t count = next_batches(segment);
	uint64_t bytes = count * sizeof(struct shared_batch);
	int r = os_commit(segment->fd, segment_offset(segment, &segment->batches[segment->batches_added]), bytes, NULL);

	if (r == -ENOSPC)
		return segment_fail_full(segment, bytes, "one more batch");
	if (r || (r = open_batches(segment, count)))
		return sheaf_fail(-ENOSPC, "cannot commit shared memory for one more batch: %s", strerror(-r));
	return 0;
}

int segment_create(struct segment *segment, const struct segment_options *options)
{
	uint64_t heap_size = round_up(options->heap_size ? options->heap_size : os_memory(), UNIT);
	struct shared_header header = {0};
	uint64_t committed;
	int r;

	*segment = (struct segment){.fd = -1};
	if ((r = forks_prepare()))
		return sheaf_fail(r, "no memory for what is to be done when the process forks");
	r = create_file(segment, options);
	if (r)
		return r;
	if ((r = os_file_note(segment->fd, &segment->file))) {
		r = sheaf_fail(documented(r), "cannot look at the segment's file: %s", strerror(-r));
		goto close;
	}
	for (;;) {
		fill_header(options, heap_size, &header);
		r = map(segment, &header);
		if (!r)
			break;
		if (options->heap_size || heap_size <= LEAST_HEAP) {
			r = sheaf_fail(r == -EFBIG ? -ENOMEM : documented(r),
				       "no address space for a segment of %llu bytes: %s (see ulimit -v and -f), or choose a "
				       "smaller heap_size",
				       (unsigned long long)header.size, strerror(-r));
			goto close;
		}
		heap_size = round_up(heap_size / 2, UNIT);
	}
	view(segment, &header);
	/* Up to the first batches: others are committed when they are opened, and the heap as it grows. */
	committed = header.batches + next_batches(segment) * sizeof(struct shared_batch);
	if ((r = os_commit(segment->fd, 0, committed, NULL))) {
		r = r == -ENOSPC ? segment_fail_full(segment, committed, "the control area of the pool")
				 : sheaf_fail(documented(r), "cannot commit shared memory for the pool: %s", strerror(-r));
		goto unmap;
	}
	if ((r = init_semaphores(segment)) || (r = open_batches(segment, next_batches(segment)))) {
		r = sheaf_fail(r, "this system has no process-shared semaphores");
		goto unmap;
	}
	*segment->header = header;
	/* For who opens the segment by name: pairs with an acquire load of ready there. Workers inherit it over fork. */
	atomic_store_explicit(&segment->header->ready, 1, memory_order_release);
	return 0;
unmap:
	munmap(segment->base, header.size);
close:
	segment_unpublish(segment);
	close(segment->fd);
	drop_mine(segment);
	return r;
}

void segment_detach(struct segment *segment)
{
	munmap(segment->base, segment->size);
	close(segment->fd);
}

void segment_destroy(struct segment *segment)
{
	lend(segment, false);
	/* Workers of another pool of this process may have inherited the mapping: empty the file, or its memory stays. */
	if (ftruncate(segment->fd, 0))
		os_release(segment->fd, 0, segment->size);
	segment_unpublish(segment);
	segment_detach(segment);
	drop_mine(segment);
}
