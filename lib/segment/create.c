/*
 * create.c - creates the shared memory of a pool, and maps it where every process of the pool will
 * see it.
 *
 * The file is as large as the heap may ever grow, and so is the mapping. That is address space,
 * which costs nothing. Pages are committed piece by piece (promise 7): the control area here, the
 * heap by heap.c. All processes are forks of the owner, so they inherit the mapping and see a page
 * the moment it is committed. No process ever has to map anything later (promise 6).
 *
 * Writers           The header: the owner alone, and `ready` last. The number of batch slots, and
 *                   that the rings of all priorities are there: any member that has committed
 *                   them. Neither is taken back.
 * Deaths            Of the creator: file.c tells what is left of the file. Of a member that adds
 *                   batch slots or rings, before it tells of them: they are committed twice, which
 *                   is harmless.
 */
#include "segment/create.h"

#include "base/atomic.h"
#include "base/error.h"
#include "base/number.h"
#include "os/files.h"
#include "os/forks.h"
#include "segment/commit.h"
#include "segment/file.h"
#include "segment/mappings.h"
#include "segment/names.h"
#include "segment/shortage.h"
#include "segment/stamp.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEAST_HEAP ((uint64_t)64 << 20)

/* Size the file and map header, tables and heap. -ENOMEM, -EAGAIN or -EFBIG: try a smaller heap. */
static int map_file(struct segment *segment, const struct shared_header *header, bool dump)
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
	r = header->function_count ? os_reserve_apart(segment->fd, header->size, HUGE_PAGE, &segment->base)
				   : os_reserve(segment->fd, header->size, HUGE_PAGE, &segment->base);
	if (r)
		return r;
	if (!dump)
		os_leave_out_of_core(segment->base, header->size);
	/* Guard pages stay without permission. */
	if (mprotect(segment->base, plan_tables_end(header), PROT_READ | PROT_WRITE) ||
	    mprotect(segment->base + header->heap, header->heap_size, PROT_READ | PROT_WRITE)) {
		r = -errno;
		munmap(segment->base, header->size);
	}
	return r;
}

/* Store the message of a failed map_file(), and where the limit is found. */
static int fail_map(int code, uint64_t size)
{
	const char *where = code == -EFBIG    ? "see ulimit -f"
			    : code == -EAGAIN ? "the process has called mlockall(MCL_FUTURE), and may lock less: see ulimit -l"
					      : "see ulimit -v, and the sysctl vm.max_map_count";

	return sheaf_fail(code == -EFBIG || code == -EAGAIN ? -ENOMEM : segment_documented(code),
			  "no address space for a segment of %llu bytes: %s (%s), or choose a smaller heap_size",
			  (unsigned long long)size, strerror(-code), where);
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

/* Take the owner's seat. Relaxed, all, because nobody else sees the segment yet. */
static void take_seat(struct segment *segment)
{
	struct shared_seat *seat = &segment->seats[segment_owner_seat(segment)];

	store_relaxed(&seat->generation, 1);
	store_relaxed(&seat->pid, (int32_t)getpid());
	store_relaxed(&seat->cursor, CURSOR_NONE);
}

/* Count the batch slots that are committed next. */
static uint32_t next_batches(const struct segment *segment)
{
	return plan_batches(segment->batch_count - segment->batches_added);
}

/*
 * Commit all but the rings of other priorities, the first batch slots, and the trace. Others are
 * committed when they are needed, and the heap as it grows.
 */
static int commit_first(struct segment *segment, const struct shared_header *header)
{
	int r = segment_commit(segment, 0, plan_first_ring_end(header), false);

	if (!r)
		r = segment_commit(segment, header->batches, next_batches(segment) * sizeof(struct shared_batch), false);
	return r || !header->trace_records ? r : segment_commit(segment, header->trace, plan_trace_size(header), false);
}

/*
 * Tell all members that @count more batch slots are committed. The member that opens the first
 * batch in one makes its semaphore; see batch/open.c.
 */
static void tell_batches(struct segment *segment, uint32_t count)
{
	uint32_t told;

	segment->batches_added += count;
	told = load_seq_cst(&segment->control->batches);
	/*
	 * Seq_cst, pairs with segment_batches(): either the supervisor sees the limit that the
	 * opener of a batch tells next, or that opener sees how often the supervisor checks.
	 */
	while (told < segment->batches_added && !cas_seq_cst(&segment->control->batches, &told, segment->batches_added))
		continue;
}

/* Write the names of the functions. What they mean in this process, functions_make() tells. */
static void write_functions(struct segment *segment, const struct shared_header *header, const struct segment_options *options)
{
	struct shared_function *table = segment_at(segment, header->functions);

	for (uint32_t i = 0; i < header->function_count; i++) {
		memcpy(table[i].name, options->functions[i].name, strlen(options->functions[i].name));
		table[i].kind = options->functions[i].task    ? FUNCTION_TASK
				: options->functions[i].range ? FUNCTION_RANGE
							      : FUNCTION_OTHER;
	}
}

int segment_create(struct segment *segment, const struct segment_options *options)
{
	uint64_t heap_size = round_up(options->heap_size ? options->heap_size : os_memory(), UNIT);
	struct shared_header header = {0};
	int r;

	*segment = (struct segment){.fd = -1};
	if ((r = forks_prepare()))
		return sheaf_fail(r, "no memory for what is to be done when the process forks");
	r = file_make(segment, options);
	if (r)
		return r;
	segment_identify(&header);
	for (;;) {
		plan_header(options, heap_size, &header);
		r = map_file(segment, &header, options->dump);
		if (!r)
			break;
		if (options->heap_size || heap_size <= LEAST_HEAP) {
			r = fail_map(r, header.size);
			goto drop;
		}
		heap_size = round_up(heap_size / 2, UNIT);
	}
	segment_set_view(segment, &header);
	if ((r = commit_first(segment, &header))) {
		r = r == -ENOSPC
			    ? segment_fail_full(segment, segment_least(options), "the control area of the pool")
			    : sheaf_fail(segment_documented(r), "cannot commit shared memory for the pool: %s", strerror(-r));
		goto unmap;
	}
	if ((r = init_semaphores(segment))) {
		r = sheaf_fail(r, "this system has no process-shared semaphores");
		goto unmap;
	}
	if ((r = mappings_begin(segment))) {
		r = sheaf_fail(r, "no memory for a list of mapped files");
		goto unmap;
	}
	take_seat(segment);
	tell_batches(segment, next_batches(segment));
	header.base = (uint64_t)(uintptr_t)segment->base;
	write_functions(segment, &header, options);
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

int segment_add_batches(struct segment *segment)
{
	uint32_t count = next_batches(segment);
	uint64_t bytes = count * sizeof(struct shared_batch);
	int r = segment_commit(segment, segment_offset(segment, &segment->batches[segment->batches_added]), bytes, false);

	if (r)
		return segment_fail_commit(segment, r, bytes, "one more batch");
	tell_batches(segment, count);
	return 0;
}

int segment_add_rings(struct segment *segment)
{
	const struct ring *normal = &segment->rings[SHEAF_NORMAL];
	uint64_t bytes = (uint64_t)(PRIORITIES - 1) * normal->size * sizeof(struct shared_slot);
	int r;

	/* Relaxed: under the lock of the member's openings. */
	if (load_relaxed(&segment->rings_added))
		return 0;
	r = segment_commit(segment, segment_offset(segment, normal->slots + normal->size), bytes, false);
	if (r)
		return segment_fail_commit(segment, r, bytes, "the rings of other priorities");
	segment_heed(segment, HEED_RINGS);
	/* Release, pairs with mend_rings() in open.c, which must not miss what is to be heeded. */
	store_release(&segment->rings_added, true);
	return 0;
}

void segment_detach(struct segment *segment)
{
	mappings_end(segment);
	munmap(segment->base, segment->size);
	os_file_close(segment->fd, &segment->id);
}

/*
 * May programs have the file mapped? They would be killed by SIGBUS where it is cut, also one that
 * is just joining and that no seat tells of yet. The memory goes with the last mapping.
 */
static bool may_have_programs(const struct segment *segment)
{
	return segment->crew_count < segment->worker_count;
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
	if (fd < 0 || may_have_programs(segment) || ftruncate(fd, sizeof(struct shared_header)))
		return;
}

/*
 * Empty the file, because workers of another pool of this process may have inherited the mapping
 * and keep it.
 */
static void empty_file(struct segment *segment)
{
	int fd = segment_fd(segment);

	if (may_have_programs(segment) || (fd >= 0 && !ftruncate(fd, 0)))
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
	mappings_end(segment); /* before the segment's memory is emptied by its addresses */
	names_lend(segment, false);
	segment_unpublish(segment);
	if (segment->named || segment->second[0])
		leave_corpse(segment);
	else
		empty_file(segment);
	munmap(segment->base, segment->size);
	file_drop(segment);
}
