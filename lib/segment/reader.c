/*
 * reader.c - opens a segment by its name for reading alone, and believes none of its bytes.
 *
 * Nothing is mapped. Bytes are copied out by pread(), so a file that is cut at any time is an error
 * and never SIGBUS, each byte is read once, and the pages of a hole are not committed.
 *
 * The header is copied once. Its counts are compared with their limits. All its offsets follow from
 * the counts, so they are computed anew and must be equal. From then on the private copy alone says
 * where anything lies.
 *
 * A file of this process's own segments is never opened here, because closing it would drop the
 * owner's lock. See segment_borrow().
 *
 * A reader writes nothing to the segment, so its death leaves nothing there.
 */
#include "segment/reader.h"

#include "base/error.h"
#include "os/files.h"
#include "os/forks.h"
#include "os/os.h"
#include "os/process_id.h"
#include "segment/borrow.h"
#include "segment/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file ---- */

/* Get the descriptor to read by. Own segments are borrowed until give_back_file(). */
static int borrow_file(const struct reader *reader)
{
	return reader->fd >= 0 ? reader->fd : segment_borrow(reader->name);
}

static void give_back_file(const struct reader *reader)
{
	if (reader->fd < 0)
		segment_return();
}

static int fail_gone(const char *name)
{
	return sheaf_fail(-ESTALE, "the pool of %s is gone", name);
}

static int fail_read(const char *name, int code)
{
	if (code == -ENODATA)
		return sheaf_fail(-EBADMSG, "%s is no segment of a pool: its file ends too early", name);
	return sheaf_fail(code, "cannot read the segment %s: %s", name, strerror(-code));
}

static int fail_foreign(const char *name, const struct stat *status)
{
	return sheaf_fail(-EACCES, "the segment %s belongs to user %lu, not to user %lu", name, (unsigned long)status->st_uid,
			  (unsigned long)geteuid());
}

int reader_fail_open(const char *name, int code)
{
	struct stat status;

	if (code == -ELOOP)
		return sheaf_fail(-EBADMSG, "%s is no segment of a pool: it is a symbolic link", name);
	if (code == -EBADF)
		return sheaf_fail(code, "this process has closed the descriptor of its pool %s (by closefrom()?)", name);
	if (code == -ENXIO)
		return sheaf_fail(-EBADMSG, "%s is no segment of a pool: it is no regular file", name);
	if (code == -EACCES && !os_shm_look(name, &status) && status.st_uid != geteuid())
		return fail_foreign(name, &status);
	return sheaf_fail(code, "cannot open the segment %s: %s", name, strerror(-code));
}

static bool is_same(const struct reader *reader, const struct stat *status)
{
	return status->st_dev == reader->device && status->st_ino == reader->inode;
}

/* ---- the header ---- */

struct field {
	const char *name;
	uint64_t value, least, most;
};

static int check_fields(const char *name, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];

		if (f->value >= f->least && f->value <= f->most)
			continue;
		if (f->least == f->most)
			return sheaf_fail(-EBADMSG, "%s is damaged: %s in its header is %" PRIu64 " instead of %" PRIu64, name,
					  f->name, f->value, f->least);
		return sheaf_fail(-EBADMSG, "%s is damaged: %s in its header is %" PRIu64 ", not from %" PRIu64 " to %" PRIu64,
				  name, f->name, f->value, f->least, f->most);
	}
	return 0;
}

static int check_counts(const char *name, const struct shared_header *h)
{
	const struct field counts[] = {
		{"worker_count", h->worker_count, 1, SHEAF_MAX_WORKERS},
		{"ring_size", h->ring_size, 1, LARGEST_RING},
		{"batch_count", h->batch_count, 1, LARGEST_BATCHES},
		{"max_attempts", h->max_attempts, 1, SHEAF_MAX_ATTEMPTS},
		{"heap_size", h->heap_size, UNIT, LARGEST_HEAP},
		{"owner_pid", h->owner_pid, 1, INT32_MAX},
		{"function_count", h->function_count, 0, SHEAF_MAX_FUNCTIONS},
		{"places", h->places, 0, h->worker_count <= SHEAF_MAX_PLACES ? h->worker_count - 1 : SHEAF_MAX_PLACES},
		{"trace_records", h->trace_records, 0, LARGEST_TRAIL},
	};

	if (h->ring_size & (h->ring_size - 1))
		return sheaf_fail(-EBADMSG, "%s is damaged: ring_size in its header is %" PRIu32 ", no power of two", name,
				  h->ring_size);
	if (h->trace_records & (h->trace_records - 1) || (h->trace_records && h->trace_records < LEAST_TRAIL))
		return sheaf_fail(-EBADMSG,
				  "%s is damaged: trace_records in its header is %" PRIu32 ", no power of two from %u on", name,
				  h->trace_records, LEAST_TRAIL);
	if (h->heap_size % UNIT)
		return sheaf_fail(-EBADMSG, "%s is damaged: heap_size in its header is %" PRIu64 ", no multiple of %u", name,
				  h->heap_size, UNIT);
	return check_fields(name, counts, sizeof(counts) / sizeof(counts[0]));
}

static int check_offsets(const char *name, const struct shared_header *h, uint64_t file_size)
{
	struct shared_header plan = *h;

	segment_plan(&plan);
	{
		const struct field offsets[] = {
			{"control", h->control, plan.control, plan.control},
			{"functions", h->functions, plan.functions, plan.functions},
			{"seats", h->seats, plan.seats, plan.seats},
			{"ring", h->ring, plan.ring, plan.ring},
			{"batches", h->batches, plan.batches, plan.batches},
			{"trace", h->trace, plan.trace, plan.trace},
			{"heap_map", h->heap_map, plan.heap_map, plan.heap_map},
			{"heap", h->heap, plan.heap, plan.heap},
			{"size", h->size, plan.size, plan.size},
		};
		int r = check_fields(name, offsets, sizeof(offsets) / sizeof(offsets[0]));

		if (r)
			return r;
	}
	if (file_size != h->size)
		return sheaf_fail(-EBADMSG, "%s is damaged: its file has %" PRIu64 " bytes instead of %" PRIu64, name,
				  file_size, h->size);
	return 0;
}

/* Tell whether the creator is at work, or has died at it. */
static int fail_unready(const char *name, int fd)
{
	pid_t creator;

	/*
	 * This process's own lock does not count, but of its own segments only ready ones are
	 * borrowed.
	 */
	if (os_locked(fd, OS_LOCK_OWNER, OS_LOCKS, &creator) == 1)
		return sheaf_fail(-EAGAIN, "the pool of %s is not ready yet", name);
	return sheaf_fail(-ESTALE, "the pool of %s was never ready, and its creator is dead", name);
}

static int check_shared_header(const char *name, int fd, const struct stat *status, struct shared_header *header)
{
	uint64_t size = (uint64_t)status->st_size;
	uint32_t ready = 0;
	int r = 0;

	memset(header, 0, sizeof(*header));
	/*
	 * An acquire, which pairs with the release in segment_create(): one call of the system
	 * reads `ready`, and a later one the rest. In one call the rest could be read before it was
	 * written.
	 */
	if (size >= sizeof(*header))
		r = os_read_at(fd, offsetof(struct shared_header, ready), &ready, sizeof(ready));
	if (!r)
		r = os_read_at(fd, 0, header, size < sizeof(*header) ? (size_t)size : sizeof(*header));
	if (r)
		return fail_read(name, r);
	if (header->magic != SEGMENT_MAGIC && (header->magic || ready))
		return sheaf_fail(-EBADMSG, "%s is no segment of a pool: it begins with 0x%016" PRIx64, name, header->magic);
	/* A segment's file grows from nothing to its whole header at once. */
	if (size && size < sizeof(*header))
		return fail_read(name, -ENODATA);
	if (!header->magic)
		return fail_unready(name, fd);
	if (header->version != SEGMENT_VERSION)
		return sheaf_fail(-EPROTO, "%s has version %" PRIu32 " of the layout, and this library reads version %u", name,
				  header->version, SEGMENT_VERSION);
	if (header->layout != LAYOUT_WORD)
		return sheaf_fail(-EPROTO, "%s was laid out by another build: layout 0x%08" PRIx32 " instead of 0x%08" PRIx32,
				  name, header->layout, LAYOUT_WORD);
	if (!ready)
		return fail_unready(name, fd);
	if (ready != 1)
		return sheaf_fail(-EBADMSG, "%s is damaged: ready in its header is %" PRIu32 " instead of 1", name, ready);
	r = check_counts(name, header);
	return r ? r : check_offsets(name, header, size);
}

/* ---- open and close ---- */

int reader_check(struct reader *reader, int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return fail_read(reader->name, -errno);
	if (!S_ISREG(status.st_mode))
		return sheaf_fail(-EBADMSG, "%s is no segment of a pool: it is no regular file", reader->name);
	if (status.st_uid != geteuid())
		return fail_foreign(reader->name, &status);
	reader->device = status.st_dev;
	reader->inode = status.st_ino;
	return check_shared_header(reader->name, fd, &status, &reader->header);
}

int reader_open(struct reader *reader, const char *name)
{
	int r = segment_check_name(name), fd;

	if (r)
		return r;
	*reader = (struct reader){.fd = -1, .forks = forks_count()};
	memcpy(reader->name, name, strlen(name) + 1);
	r = segment_open(name, &reader->fd);
	if (r && r != -EBUSY)
		return reader_fail_open(name, r);
	fd = borrow_file(reader);
	if (fd < 0)
		return reader_fail_open(name, fd);
	r = reader_check(reader, fd);
	give_back_file(reader);
	if (r)
		reader_close(reader);
	return r;
}

void reader_close(struct reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
}

/* ---- read ---- */

/* Ask the system about the file, which is borrowed. */
static int ask_system(const struct reader *reader, int fd, struct reader_facts *facts)
{
	const struct os_process_id owner = {
		.pid = reader->header.owner_pid, .start = reader->header.owner_start, .space = reader->header.owner_space};
	struct stat status;
	int locked;

	if (fstat(fd, &status))
		return fail_read(reader->name, -errno);
	if (!is_same(reader, &status) || !status.st_size)
		return fail_gone(reader->name);
	if ((uint64_t)status.st_size != reader->header.size)
		return sheaf_fail(-EBADMSG, "%s is damaged: its file has %" PRIu64 " bytes instead of %" PRIu64, reader->name,
				  (uint64_t)status.st_size, reader->header.size);
	*facts = (struct reader_facts){.committed = (uint64_t)status.st_blocks * 512};
	if (reader->fd < 0) {
		/*
		 * This process is the owner, or a worker of its pool, which borrows its descriptor.
		 */
		facts->owner = (pid_t)reader->header.owner_pid;
		facts->owner_lives = true;
		return 0;
	}
	locked = os_locked(fd, OS_LOCK_OWNER, 1, &facts->owner);
	/*
	 * A process that sweeps a dead owner's name holds its lock, too, for an instant longer than
	 * the name is there.
	 */
	facts->owner_lives = locked == 1 && (status.st_nlink || facts->owner == (pid_t)reader->header.owner_pid);
	/*
	 * An owner without the lock may still live, because any close() of it on the file drops the
	 * lock.
	 */
	if (!locked && status.st_nlink && os_process_lives(&owner) == 1) {
		facts->owner = (pid_t)owner.pid;
		facts->owner_lives = true;
	}
	return locked < 0 ? fail_read(reader->name, locked) : 0;
}

int reader_look(const struct reader *reader, struct reader_facts *facts)
{
	int fd, r;

	if (reader->forks != forks_count())
		return sheaf_fail(-EPERM, "the inspection of %s was inherited over a fork: open one of its own", reader->name);
	fd = borrow_file(reader);
	if (fd < 0)
		return fail_gone(reader->name);
	r = ask_system(reader, fd, facts);
	give_back_file(reader);
	return r;
}

int reader_copy(const struct reader *reader, uint64_t offset, void *bytes, size_t size)
{
	struct reader_facts facts;
	int fd = borrow_file(reader), r, why = 0;

	if (fd < 0)
		return fail_gone(reader->name);
	r = os_read_at(fd, offset, bytes, size);
	/* The size tells whether it was destroyed meanwhile, or cut. */
	if (r == -ENODATA)
		why = ask_system(reader, fd, &facts);
	give_back_file(reader);
	return why ? why : r ? fail_read(reader->name, r) : 0;
}
