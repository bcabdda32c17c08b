/*
 * attach.c - a process joins a segment that it has not created and not inherited.
 *
 * The header is read from the file and checked like a stranger's (reader.c) before anything is
 * mapped. The mapping is at the owner's address or nowhere (promise 6). Children do not get it,
 * where the system can do that, because they have not joined.
 *
 * A process that joins twice has one mapping and one descriptor, because closing a second
 * descriptor would drop the locks of the first. The last one gives them up.
 *
 * Writers           Nothing is written to the segment here.
 * Deaths            The kernel unmaps, closes and drops the locks.
 */
#include "segment/attach.h"

#include "base/cancel.h"
#include "base/error.h"
#include "sheaf.h"
#include "segment/file.h"
#include "segment/mappings.h"
#include "segment/names.h"
#include "segment/plan.h"
#include "segment/reader.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* So long without a lock of owner, supervisor or spare: the owner has left it by exec(). */
#define UNLOCKED_NS UINT64_C(10000000000)

/*
 * Open the file, unless it is one of this process's own segments: -EBUSY, with a copy of the view.
 * Within a visit, as segment_open().
 */
static int open_visited(struct segment *segment, const char *name)
{
	struct segment *found;
	struct stat status;
	int r = os_shm_look(name, &status);

	forks_hold();
	found = names_find(name, r ? NULL : &status);
	if (found)
		*segment = *found;
	forks_release();
	return found ? -EBUSY : os_shm_open(name, true, &segment->fd);
}

static int open_by_name(struct segment *segment, const char *name)
{
	int cancel = cancel_refuse(), r;

	names_visit();
	r = open_visited(segment, name);
	names_leave();
	cancel_allow(cancel);
	return r;
}

static int fail_base(const struct shared_header *header, int code)
{
	if (code == -EADDRINUSE)
		return sheaf_fail(
			code,
			"sheaf_pool_attach: this process has something else where the pool has its memory, %llu bytes "
			"from 0x%llx: attach before it maps that, or give the pool a smaller heap_size",
			(unsigned long long)header->size, (unsigned long long)header->base);
	return sheaf_fail(-ENOMEM, "sheaf_pool_attach: no address space for %llu bytes: %s (see ulimit -v)",
			  (unsigned long long)header->size, strerror(-code));
}

/* Map the parts that the owner has, where it has them. Guard pages stay without permission. */
static int map_at_base(struct segment *segment, const struct shared_header *header)
{
	unsigned char *base = (unsigned char *)(uintptr_t)header->base;
	int r;

	if (!base || header->base % HUGE_PAGE || header->base + header->size < header->base ||
	    (uintptr_t)header->base != header->base)
		return sheaf_fail(-EBADMSG, "%s is damaged: base in its header is 0x%llx", segment->name,
				  (unsigned long long)header->base);
	if ((r = os_reserve_at(segment->fd, header->size, base)))
		return fail_base(header, r);
	os_keep_from_children(base, header->size);
	os_leave_out_of_core(base, header->size);
	if (mprotect(base, plan_tables_end(header), PROT_READ | PROT_WRITE) ||
	    mprotect(base + header->heap, header->heap_size, PROT_READ | PROT_WRITE)) {
		r = -errno;
		munmap(base, header->size);
		return fail_base(header, r);
	}
	segment->base = base;
	return 0;
}

/* Check what the file tells, and map it. */
static int map_checked(struct segment *segment, const char *name)
{
	struct reader reader = {.fd = segment->fd, .forks = forks_count()};
	int r;

	memcpy(reader.name, name, strlen(name) + 1);
	if ((r = reader_check(&reader, segment->fd)))
		return r;
	if (!reader.header.function_count)
		return sheaf_fail(-EPERM,
				  "sheaf_pool_attach: the pool of %s lets nobody in: its owner has to create it with "
				  "options.sharing",
				  name);
	if ((r = os_file_note(segment->fd, &segment->id)))
		return sheaf_fail(-ESTALE, "sheaf_pool_attach: the file of %s cannot be asked for: %s", name, strerror(-r));
	if ((r = map_at_base(segment, &reader.header)))
		return r;
	if ((r = mappings_begin(segment))) {
		munmap(segment->base, reader.header.size);
		return sheaf_fail(r, "sheaf_pool_attach: no memory for a list of mapped files");
	}
	segment_set_view(segment, &reader.header);
	segment->owner = (pid_t)reader.header.owner_pid;
	segment->limit_ns = reader.header.limit_ns;
	/* Relaxed: they were committed before they were counted. */
	segment->batches_added = segment_batches(segment);
	segment->attached = true;
	segment->named = true;
	return 0;
}

static int open_and_map(struct segment *segment, const char *name)
{
	int r = open_by_name(segment, name);

	if (r == -EBUSY)
		return segment->attached
			       ? 0
			       : sheaf_fail(-EINVAL,
					    "sheaf_pool_attach: the pool of %s belongs to this process: use the handle "
					    "from sheaf_pool_create()",
					    name);
	if (r == -EMFILE || r == -ENFILE)
		return sheaf_fail(r, "sheaf_pool_attach: no file descriptor is left (see ulimit -n)");
	if (r)
		return reader_fail_open(name, r);
	memcpy(segment->name, name, strlen(name) + 1);
	if ((r = map_checked(segment, name)))
		close(segment->fd);
	return r;
}

int segment_attach(struct segment *segment, const char *name)
{
	int r;

	*segment = (struct segment){.fd = -1};
	if ((r = segment_check_name(name)))
		return r;
	if ((r = forks_prepare()))
		return sheaf_fail(r, "sheaf_pool_attach: no memory for what is to be done when the process forks");
	os_sem_learn();
	if ((r = open_and_map(segment, name)))
		return r;
	segment_adopt(segment);
	return 0;
}

void segment_leave(struct segment *segment)
{
	struct stat file = {0};
	bool shared;

	file.st_dev = segment->id.device;
	file.st_ino = segment->id.inode;
	forks_hold();
	names_drop(segment);
	shared = names_mine(&file);
	if (!shared) {
		mappings_end(segment);
		munmap(segment->base, segment->size);
		os_file_close(segment->fd, &segment->id);
	}
	forks_release();
}

bool segment_has_owner(struct segment *segment, const struct os_process_id *owner, uint64_t *since_ns)
{
	uint64_t now = sheaf_now_ns();
	int fd = segment_fd(segment);
	pid_t holder;

	if (fd < 0 || os_locked(fd, OS_LOCK_OWNER, OS_LOCKS, &holder)) {
		*since_ns = 0;
		return true;
	}
	if (os_process_lives(owner) == 0)
		return false;
	if (!*since_ns)
		*since_ns = now;
	return now - *since_ns < UNLOCKED_NS;
}
