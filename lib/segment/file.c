/*
 * file.c - the file behind a segment: makes it, gives it its name, and opens it again.
 *
 * Writers           only the creator writes the header and the name, before anybody else can know
 *                   of the file.
 * Deaths            A creator that is killed leaves nothing, because the file has no name until a
 *                   supervisor runs. Where the system has no such files, the first name is a
 *                   made-up one, which tells the maker's pid. The header, which tells what the file
 *                   is and whose, is written first. The name that the user wants comes afterwards.
 *                   So the next start recognizes what a killed creator has left: see sweep.c.
 */
#include "segment/file.h"

#include "base/error.h"
#include "os/forks.h"
#include "os/os.h"
#include "segment/names.h"
#include "segment/shortage.h"
#include "segment/stamp.h"
#include "segment/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SWEEPS 100 /* others may take a name as fast as it is swept */

/* Store the message of a failed shm_open(), or of a failed call on its file. */
static int fail_create(int code, const char *name)
{
	return sheaf_fail(code == -EFBIG ? -ENOMEM : segment_documented(code),
			  "cannot create the segment %s in shared memory: %s (%s)", *name ? name : "(anonymous)",
			  strerror(-code),
			  code == -ENOSPC  ? "is /dev/shm full, or has it as many files as it may have?"
			  : code == -EFBIG ? "see ulimit -f"
					   : "is /dev/shm mounted and writable?");
}

/* ---- the descriptor ---- */

/* Open the file by its name, under a new number. The descriptor, or -EBADF. Within forks_hold(). */
static int open_again(struct segment *segment)
{
	int fd;

	segment_guard(segment);
	if (!segment->named || !os_shm_is(segment->name, -1, &segment->id) || os_shm_open(segment->name, true, &fd))
		return -EBADF;
	if (!os_file_is(fd, &segment->id)) {
		close(fd);
		return -EBADF;
	}
	/* The host has dropped the lock by closing the old number. */
	if (segment->owner == getpid())
		os_lock(fd, OS_LOCK_OWNER);
	segment->fd = fd;
	return fd;
}

int segment_fd(struct segment *segment)
{
	int fd = segment->fd;

	if (os_file_is(fd, &segment->id))
		return fd;
	forks_hold();
	/* Another thread may have opened it meanwhile. */
	fd = segment->fd;
	if (!os_file_is(fd, &segment->id))
		fd = open_again(segment);
	forks_release();
	return fd;
}

/* ---- names ---- */

/*
 * Tell why the file must not have a name, to go on with after "this process". NULL: it may have
 * one. @fd: a file that this process has made.
 *
 * A process that can open the file can run code in the pool's processes, and other processes of the
 * same user can open it by its name. If they may trace the owner anyway, that gives them nothing
 * new. If they may not, the file gets no name.
 */
static const char *guard_of(int fd)
{
	struct stat status;

	if (!fstat(fd, &status) && status.st_uid != geteuid())
		return "makes files of another user (see setfsuid(2))";
	return os_guarded();
}

static int fail_guarded(const char *name, const char *why)
{
	return sheaf_fail(-EPERM,
			  "the segment cannot have the name %.100s, by which all processes of user %lu could write to it: this "
			  "process %s; without options.name it has none",
			  name, (unsigned long)geteuid(), why);
}

/* Go on without a name, unless the user has chosen it. The segment keeps its file. */
static int become_anonymous(struct segment *segment, const char *why)
{
	if (segment->wished)
		return fail_guarded(segment->name, why);
	names_drop(segment);
	segment->name[0] = '\0';
	return 0;
}

bool segment_guard(struct segment *segment)
{
	struct stat status;
	bool withdrawn;

	forks_hold();
	/*
	 * A file that root has made keeps its name when the owner has become another user, because
	 * that user cannot open it.
	 */
	if (segment->named && segment->owner == getpid() && os_guarded() &&
	    (os_shm_look(segment->name, &status) || status.st_uid == geteuid())) {
		segment_unpublish(segment);
		segment->withdrawn = !segment->named;
	}
	withdrawn = segment->withdrawn;
	forks_release();
	return withdrawn;
}

static int fail_taken(const struct segment *segment, const char *what)
{
	return sheaf_fail(-EEXIST, "the segment name %s is taken by %s: choose another name, or NULL", segment->name, what);
}

/*
 * Close a file that this process has made and does not use. If its name cannot be taken away now,
 * the next sweep does it, which needs a stamp to know the file by.
 */
static void give_file_up(struct segment *segment, int unlinked)
{
	if (unlinked && unlinked != -ENOENT)
		(void)stamp_write(segment->fd, false);
	close(segment->fd);
}

static int unlink_name(const char *name)
{
	return shm_unlink(name) ? -errno : 0;
}

/* Create and lock a file of that name. 0; -EEXIST; or another error, with its message. */
static int create_file(struct segment *segment, const char *name, const struct segment_options *options)
{
	for (int i = 0; i < SWEEPS; i++) {
		const char *guard;
		int r = os_shm_create(name, &segment->fd), unlinked = 0;

		if (r)
			return r == -EEXIST ? r : fail_create(r, segment->name);
		/* A process that has opened it by now has an empty file that nobody uses. */
		if ((guard = guard_of(segment->fd))) {
			give_file_up(segment, unlink_name(name));
			return fail_guarded(segment->name, guard);
		}
		/*
		 * A sweeper that came before the lock took us for dead. Start again with a new file
		 * then, whether or not the sweeper unlinks this one.
		 */
		if (!(r = os_lock(segment->fd, OS_LOCK_OWNER)))
			r = os_file_note(segment->fd, &segment->id);
		if (!r && os_shm_is(name, segment->fd, &segment->id)) {
			if (!(r = stamp_write(segment->fd, true)))
				return 0;
		} else if (!r) {
			/* In case it has the name after all. */
			unlinked = os_shm_unlink(name, segment->fd, &segment->id);
		}
		if (r == -ENOSPC)
			segment_fail_full(segment, segment_least(options), "the control area of the pool");
		else if (r && r != -EAGAIN)
			r = fail_create(r, segment->name);
		/* No sweep takes away a file that cannot be locked. */
		if (r && r != -EAGAIN)
			unlinked = unlink_name(name);
		if (r == -EAGAIN && !os_file_note(segment->fd, &segment->id))
			unlinked = os_shm_unlink(name, segment->fd, &segment->id);
		give_file_up(segment, unlinked);
		if (r && r != -EAGAIN)
			return r;
	}
	return fail_create(-ENOENT, segment->name); /* each file was gone when it was locked */
}

/*
 * Give the file, which has the name @from, the name that this process has claimed. 0; 1: it has
 * kept @from, too; -ENOTSUP; or another error, with its message.
 */
static int rename_file(struct segment *segment, const char *from)
{
	char what[160];

	for (int i = 0; i < SWEEPS; i++) {
		int r = os_shm_rename(from, segment->name);

		if (r >= 0 || r == -ENOTSUP)
			return r;
		if (r != -EEXIST)
			return fail_create(r, segment->name);
		if (!sweep_name(segment->name, what, sizeof(what)))
			return fail_taken(segment, what);
	}
	return fail_create(-EEXIST, segment->name);
}

/*
 * Create the file under its final name, where names cannot be changed. A creator that is killed
 * before it has written the header leaves an empty file.
 */
static int create_directly(struct segment *segment, const struct segment_options *options)
{
	char what[160];
	int r = -EEXIST;

	for (int i = 0; i < SWEEPS && r == -EEXIST; i++) {
		r = create_file(segment, segment->name, options);
		if (r == -EEXIST && !sweep_name(segment->name, what, sizeof(what)))
			return fail_taken(segment, what);
	}
	return r == -EEXIST ? fail_create(r, segment->name) : r;
}

/* Create and lock the file of a name that this process has claimed. */
static int create_named(struct segment *segment, const struct segment_options *options)
{
	char first[64];
	int r;

	if (!options->name || os_shm_invent(first, sizeof(first)))
		return create_directly(segment, options);
	if ((r = create_file(segment, first, options)))
		return r == -EEXIST ? fail_create(r, segment->name) : r;
	r = rename_file(segment, first);
	if (r > 0)
		snprintf(segment->second, sizeof(segment->second), "%s", first);
	if (r >= 0)
		return 0;
	give_file_up(segment, os_shm_unlink(first, segment->fd, &segment->id));
	return r == -ENOTSUP ? create_directly(segment, options) : r;
}

void segment_unpublish(struct segment *segment)
{
	/* Held, because other threads may ask for the name. */
	forks_hold();
	if (segment->second[0] && !os_shm_unlink(segment->second, segment->fd, &segment->id))
		segment->second[0] = '\0';
	/* If it cannot be unlinked now, this is tried again at the end. */
	if (segment->named && !os_shm_unlink(segment->name, segment->fd, &segment->id))
		segment->named = false;
	forks_release();
}

int segment_publish(struct segment *segment)
{
	char what[160];

	if (!segment->name[0])
		return 0;
	for (int i = 0; !segment->named; i++) {
		int fd = segment_fd(segment), r;
		const char *guard = fd < 0 ? NULL : guard_of(fd);

		/* The answer may have changed since the file was made. */
		if (guard)
			return become_anonymous(segment, guard);
		r = fd < 0 ? fd : os_shm_link(fd, segment->name);
		if (r == -EEXIST && i < SWEEPS) {
			if (!sweep_name(segment->name, what, sizeof(what)))
				return fail_taken(segment, what);
			continue;
		}
		if (r)
			return fail_create(r, segment->name);
		segment->named = true;
	}
	names_lend(segment, true);
	return 0;
}

/*
 * Create the file without a name. @guard: why it must not have one for an instant, either; or NULL.
 */
static int make_anonymous(struct segment *segment, const char *guard)
{
	int r = os_shm_anonymous(&segment->fd, guard ? NULL : segment->second, sizeof(segment->second));

	if (r == -ENOTSUP && guard)
		return sheaf_fail(
			-EPERM,
			"the segment would have a name for an instant on this system, by which all processes of user %lu "
			"could write to it: this process %s",
			(unsigned long)geteuid(), guard);
	if (r)
		return fail_create(r, "");
	r = os_file_note(segment->fd, &segment->id);
	if (r) {
		close(segment->fd);
		return fail_create(r, "");
	}
	/*
	 * No sweep asks for this lock, but the supervisor does. While it is held, the supervisor
	 * need not read the table of the owner's mappings.
	 */
	os_lock(segment->fd, OS_LOCK_OWNER);
	return 0;
}

int file_make(struct segment *segment, const struct segment_options *options)
{
	const char *guard = os_guarded();
	int r;

	segment->owner = getpid();
	segment->wished = options->name;
	if (guard && options->name)
		return fail_guarded(options->name, guard);
	if (options->anonymous || guard)
		return make_anonymous(segment, guard);
	sweep_all();
	if (options->name)
		snprintf(segment->name, sizeof(segment->name), "%s", options->name);
	else if ((r = os_shm_invent(segment->name, sizeof(segment->name))))
		return sheaf_fail(segment_documented(r), "cannot read random bits from /dev/urandom: %s", strerror(-r));
	if (!names_claim(segment))
		return fail_taken(segment, "a living pool of this process");
	/*
	 * Without a name until there is a supervisor, where that can be done, and locked before
	 * others can see it.
	 */
	if (!os_shm_unnamed(&segment->fd)) {
		if (!os_file_note(segment->fd, &segment->id) && !os_lock(segment->fd, OS_LOCK_OWNER)) {
			if (!(guard = guard_of(segment->fd)) || !(r = become_anonymous(segment, guard)))
				return 0;
			close(segment->fd);
			names_drop(segment);
			return r;
		}
		close(segment->fd);
	}
	r = create_named(segment, options);
	if (r)
		names_drop(segment);
	else
		segment->named = true;
	return r;
}

void file_drop(struct segment *segment)
{
	segment_unpublish(segment);
	os_file_close(segment->fd, &segment->id);
	names_drop(segment);
}
