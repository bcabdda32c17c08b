/*
 * segment.c - creates the shared memory of a pool and maps it where every process of the pool will
 * see it.
 *
 * The file is as large as the heap may ever grow, and so is the mapping. That is address space,
 * which costs nothing. Pages are committed piece by piece (promise 7): the control area here, the
 * heap by heap.c. All processes are forks of the owner, so they inherit the mapping and see a page
 * the moment it is committed. No process ever has to map anything later (promise 6).
 *
 * Who writes what   the owner alone writes the header and adds batch slots. `ready` is stored last.
 * Deaths            file.c tells what a killed creator leaves of the file. A death while batch
 *                   slots are added is the owner's, which ends the segment.
 */
#include "segment/segment.h"

#include "base/atomic.h"
#include "base/error.h"
#include "base/printable.h"
#include "base/number.h"
#include "os/forks.h"
#include "segment/file.h"
#include "segment/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BATCHES_AT_ONCE 4u /* committed; few programs have more open */

#define LEAST_HEAP ((uint64_t)64 << 20)

/* Tell how many bytes the file system of the segments still has. */
static uint64_t room_for_files(const struct segment *segment)
{
	struct statvfs fs;

	/* Without the descriptor, ask about the folder of most segments. */
	if (os_file_is(segment->fd, &segment->id) ? fstatvfs(segment->fd, &fs) : statvfs("/dev/shm", &fs))
		return 0;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

int segment_fail_full(const struct segment *segment, uint64_t asked, const char *what)
{
	uint64_t room = room_for_files(segment);
	struct os_memory_room memory;

	os_memory_room(&memory);
	if (memory.left < room)
		return sheaf_fail(
			-ENOSPC,
			"%s needs %llu bytes of shared memory, and the memory cgroup %s, which may have %llu, has %llu left: "
			"free some, raise its limit (docker: --memory) or ask for less",
			what, (unsigned long long)asked, memory.group, (unsigned long long)memory.limit,
			(unsigned long long)memory.left);
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

/* ---- commit and release ---- */

/*
 * Tell whether the file has taken as much memory as all that is in use, including the bytes that
 * are to be committed. If so, freed memory has stayed with the pool, and those bytes are most
 * likely there already. Dear, so only for when the cgroup has no room.
 */
static bool is_committed(const struct segment *segment, int fd)
{
	/*
	 * Acquire, pairs with commit_map() in heap.c: else words could be read before they are
	 * committed.
	 */
	uint64_t mapped = load_acquire(&segment->control->heap_mapped), used = 0;
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return false;
	for (uint64_t u = 0; u < mapped && u < segment->heap_size / UNIT; u++)
		/* Relaxed: an estimate. */
		used += load_relaxed(&segment->heap_map[u]) ? UNIT : 0;
	return (uint64_t)status.st_blocks * 512 >= segment_offset(segment, segment->batches) + used;
}

int segment_commit(struct segment *segment, uint64_t offset, uint64_t size, bool large)
{
	int fd = segment_fd(segment);

	/* Offset 0 is the tables, which come first, when nothing is in use. */
	if (!os_memory_allows(size) && (!offset || !is_committed(segment, fd)))
		return -ENOSPC;
	if (fd < 0)
		return os_commit_mapped(segment_at(segment, offset), size);
	return os_commit(fd, offset, size, large ? segment_at(segment, offset) : NULL);
}

int segment_release(struct segment *segment, uint64_t offset, uint64_t size)
{
	int fd = segment_fd(segment);

	if (fd < 0)
		return os_release_mapped(segment_at(segment, offset), size);
	os_release(fd, offset, size);
	return 0;
}

int segment_check_name(const char *name)
{
	/* Names are listed to terminals and logs. */
	if (name[0] != '/' || !name[1] || strchr(name + 1, '/') || strlen(name) >= NAME_MAX || !printable_already(name))
		return sheaf_fail(-EINVAL,
				  "the segment name \"%.100s\" must be a slash and up to %d other characters, printable and "
				  "without a slash",
				  name, NAME_MAX - 2);
	return 0;
}

void segment_plan(struct shared_header *header)
{
	uint64_t at = PAGE;

	header->control = at;
	at = round_up(at + sizeof(struct shared_control), PAGE);
	header->seats = at;
	at = round_up(at + (uint64_t)(header->worker_count + 1) * sizeof(struct shared_seat), PAGE);
	header->ring = at;
	at = round_up(at + (uint64_t)header->ring_size * sizeof(struct shared_slot), PAGE);
	header->batches = at;
	at = round_up(at + (uint64_t)header->batch_count * sizeof(struct shared_batch), PAGE);
	header->heap_map = at;
	at = round_up(at + header->heap_size / UNIT * sizeof(uint64_t), UNIT);
	header->heap = round_up(at + UNIT, HUGE_PAGE); /* at least one UNIT of guard pages */
	header->size = header->heap + header->heap_size;
}

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

static void fill_header(const struct segment_options *options, uint64_t heap_size, struct shared_header *header)
{
	header->worker_count = options->workers;
	header->ring_size = options->ring_size;
	header->batch_count = options->batches;
	header->max_attempts = options->max_attempts;
	header->heap_size = heap_size;
	segment_plan(header);
}

/* Compute where the tables end. Behind them lies the guard. */
static uint64_t tables_end(const struct shared_header *header)
{
	return header->heap_map + round_up(header->heap_size / UNIT * sizeof(uint64_t), PAGE);
}

/* Size the file and map header, tables and heap. -ENOMEM, -EAGAIN or -EFBIG: try a smaller heap. */
static int map(struct segment *segment, const struct shared_header *header, bool dump)
{
	int r;

	/* Asked first, because a size beyond brings a signal that ends the process. */
	if (header->size > os_file_limit())
		return -EFBIG;
	while (ftruncate(segment->fd, (off_t)header->size))
		if (errno != EINTR)
			return -errno;
	/*
	 * First without permission, then with it where it is needed, because mapping with
	 * permission brings pages in if the host locks all memory.
	 */
	r = os_reserve(segment->fd, header->size, HUGE_PAGE, &segment->base);
	if (r)
		return r;
	if (!dump)
		os_leave_out_of_core(segment->base, header->size);
	/* Guard pages stay without permission. */
	if (mprotect(segment->base, tables_end(header), PROT_READ | PROT_WRITE) ||
	    mprotect(segment->base + header->heap, header->heap_size, PROT_READ | PROT_WRITE)) {
		r = -errno;
		munmap(segment->base, header->size);
	}
	return r;
}

/* Store the message of a failed map(), and where the limit is found. */
static int fail_map(int code, uint64_t size)
{
	const char *where = code == -EFBIG    ? "see ulimit -f"
			    : code == -EAGAIN ? "the process has called mlockall(MCL_FUTURE), and may lock less: see ulimit -l"
					      : "see ulimit -v, and the sysctl vm.max_map_count";

	return sheaf_fail(code == -EFBIG || code == -EAGAIN ? -ENOMEM : file_documented(code),
			  "no address space for a segment of %llu bytes: %s (%s), or choose a smaller heap_size",
			  (unsigned long long)size, strerror(-code), where);
}

/* Note where the parts lie, and copy the counts, which are not read from the header again. */
static void view(struct segment *segment, const struct shared_header *header)
{
	segment->header = segment_at(segment, 0);
	segment->control = segment_at(segment, header->control);
	segment->seats = segment_at(segment, header->seats);
	segment->ring = (struct ring){
		.shared = &segment->control->ring,
		.slots = segment_at(segment, header->ring),
		.size = header->ring_size,
		.lap_shift = (unsigned)__builtin_ctz(header->ring_size),
	};
	segment->batches = segment_at(segment, header->batches);
	segment->heap_map = segment_at(segment, header->heap_map);
	segment->tables_end = tables_end(header);
	segment->heap = header->heap;
	segment->heap_size = header->heap_size;
	segment->size = header->size;
	segment->worker_count = header->worker_count;
	segment->seat_count = header->worker_count + 1;
	segment->batch_count = header->batch_count;
	segment->max_attempts = header->max_attempts;
}

/* Make the semaphores. All other words begin as zero, as committed memory does. */
static int init_semaphores(struct segment *segment)
{
	struct shared_control *control = segment->control;
	int r = 0;

	os_sem_learn();
	r |= sem_init(&control->started, 1, 0);
	bells_seal(&control->started_seal, &control->started_end_seal);
	for (unsigned i = 0; i < ROOM_SLOTS; i++)
		r |= sem_init(&control->room[i], 1, 0);
	bells_seal(&control->room_seal, &control->room_end_seal);
	for (unsigned i = 0; i < segment->seat_count; i++) {
		struct shared_seat *seat = &segment->seats[i];

		for (unsigned j = 0; j < 2; j++)
			r |= sem_init(&seat->bell[j], 1, 0);
		bells_seal(&seat->bell_seal, &seat->bell_end_seal);
	}
	return r ? -ENOSYS : 0;
}

/* The owner sits down. Relaxed: nobody else sees the segment yet. */
static void take_seat(struct segment *segment)
{
	struct shared_seat *seat = &segment->seats[segment_owner_seat(segment)];

	store_relaxed(&seat->generation, 1);
	store_relaxed(&seat->pid, (int32_t)getpid());
	store_relaxed(&seat->cursor, CURSOR_NONE);
}

bool segment_has_member(const struct segment *segment, uint32_t name)
{
	unsigned number = name & SEAT_MASK;

	/* Acquire, pairs with spawn() in supervisor.c: a member that sees a successor sees what was done to the words of the one before. */
	return number < segment->seat_count && name == seat_name(number, load_acquire(&segment->seats[number].generation));
}

bool segment_is_orphan(const struct segment *segment, struct word w)
{
	return w.state == WORD_OWNED &&
	       (w.seat >= segment->worker_count || !segment_has_member(segment, seat_name(w.seat, w.generation)));
}

static uint32_t next_batches(const struct segment *segment)
{
	uint32_t left = segment->batch_count - segment->batches_added;

	return left < BATCHES_AT_ONCE ? left : BATCHES_AT_ONCE;
}

/* @count more are committed. Their semaphores are made by the member that opens the first batch in each; see batch/open.c. */
static void add_batches(struct segment *segment, uint32_t count)
{
	uint32_t told;

	segment->batches_added += count;
	told = load_relaxed(&segment->control->batches);
	/* Seq_cst, pairs with segment_batches(): a limit that its opener tells next is seen, or the opener sees how often the supervisor checks. */
	while (told < segment->batches_added && !cas_seq_cst(&segment->control->batches, &told, segment->batches_added))
		continue;
}

uint64_t segment_progress(const struct segment *segment)
{
	/* Relaxed, all, because the sum only has to grow. */
	uint64_t ended = load_relaxed(&segment->control->given_up);

	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		ended += load_relaxed(&segment->seats[worker].completed);
	return ended;
}

int segment_add_batches(struct segment *segment)
{
	uint32_t count = next_batches(segment);
	uint64_t bytes = count * sizeof(struct shared_batch);
	int r = segment_commit(segment, segment_offset(segment, &segment->batches[segment->batches_added]), bytes, false);

	if (r)
		return segment_fail_commit(segment, r, bytes, "one more batch");
	add_batches(segment, count);
	return 0;
}

uint64_t segment_least(const struct segment_options *options)
{
	struct shared_header header = {0};

	fill_header(options, UNIT, &header);
	return header.batches +
	       (options->batches < BATCHES_AT_ONCE ? options->batches : BATCHES_AT_ONCE) * sizeof(struct shared_batch);
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
	r = file_make(segment, options);
	if (r)
		return r;
	segment_identify(&header);
	for (;;) {
		fill_header(options, heap_size, &header);
		r = map(segment, &header, options->dump);
		if (!r)
			break;
		if (options->heap_size || heap_size <= LEAST_HEAP) {
			r = fail_map(r, header.size);
			goto drop;
		}
		heap_size = round_up(heap_size / 2, UNIT);
	}
	view(segment, &header);
	/*
	 * Up to the first batch slots. Others are committed when they are needed, and the heap as
	 * it grows.
	 */
	committed = segment_least(options);
	if ((r = segment_commit(segment, 0, committed, false))) {
		r = r == -ENOSPC ? segment_fail_full(segment, committed, "the control area of the pool")
				 : sheaf_fail(file_documented(r), "cannot commit shared memory for the pool: %s", strerror(-r));
		goto unmap;
	}
	if ((r = init_semaphores(segment))) {
		r = sheaf_fail(r, "this system has no process-shared semaphores");
		goto unmap;
	}
	take_seat(segment);
	add_batches(segment, next_batches(segment));
	*segment->header = header;
	/*
	 * Release, pairs with check_shared_header() in reader.c: else a reader that opens the
	 * segment by its name could see a header that is half written. Workers inherit it over
	 * fork.
	 */
	store_release(&segment->header->ready, 1);
	return 0;
unmap:
	munmap(segment->base, header.size);
drop:
	file_drop(segment);
	return r;
}

void segment_detach(struct segment *segment)
{
	munmap(segment->base, segment->size);
	os_file_close(segment->fd, &segment->id);
}

/*
 * Leave what a sweep knows to be dead, although this process lives: the name cannot be taken away
 * now.
 */
static void leave_corpse(struct segment *segment)
{
	int fd = segment_fd(segment);

	/*
	 * Relaxed: only readers by name still have it. One that reads the old value finds the file
	 * cut.
	 */
	store_relaxed(&segment->header->ready, 0);
	segment->header->owner_pid = 0;
	if (fd < 0 || ftruncate(fd, sizeof(struct shared_header)))
		return;
}

/*
 * Empty the file, because workers of another pool of this process may have inherited the mapping
 * and keep it.
 */
static void empty(struct segment *segment)
{
	int fd = segment_fd(segment);

	if (fd >= 0 && !ftruncate(fd, 0))
		return;
	if (fd >= 0) {
		os_release(fd, 0, segment->size);
		return;
	}
	/* In two pieces, because the guard between them cannot be written. */
	os_release_mapped(segment->base, segment->tables_end);
	os_release_mapped(segment->base + segment->heap, segment->heap_size);
}

void segment_destroy(struct segment *segment)
{
	names_lend(segment, false);
	segment_unpublish(segment);
	if (segment->named || segment->second[0])
		leave_corpse(segment);
	else
		empty(segment);
	munmap(segment->base, segment->size);
	file_drop(segment);
}
