/*
 * file.c - the file behind a segment: its creation, its name, and whether a descriptor still is it.
 *
 * A death while creating leaves nothing, as the file has no name until a supervisor runs. Where the system has no such files, the first
 * name is a made-up one, which tells the maker's pid; the header, which tells what the file is and whose, is the first that is written;
 * and a name that the user wants comes afterwards. So what a killed creator leaves, the next start recognizes: see sweep.c.
 */
#include "segment/file.h"

#include "base/cancel.h"
#include "base/error.h"
#include "os/forks.h"
#include "os/os.h"
#include "segment/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VISIT_NAP_NS 50000
#define SWEEPS 100 /* others may give a name away as fast as it is swept */

int file_documented(int code)
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
	return sheaf_fail(code == -EFBIG ? -ENOMEM : file_documented(code),
			  "cannot create the segment %s in shared memory: %s (%s)", *name ? name : "(anonymous)",
			  strerror(-code),
			  code == -ENOSPC  ? "is /dev/shm full, or has it as many files as it may have?"
			  : code == -EFBIG ? "see ulimit -f"
					   : "is /dev/shm mounted and writable?");
}

/*
 * The segments of this process that have a name, guarded by forks_hold(). The owner's lock does not keep out the owner itself, and
 * closing any descriptor of the file drops it: so neither a sweep nor a second segment of the same name may ever open these files. In a
 * forked child they are its parent's, whose lock does keep it out.
 *
 * What has a name and is not ours may be anybody's, and may make who looks at it wait. So forks are not kept out meanwhile. A visit does
 * that: one thread at a time looks at such names, and no other one claims a name until it has left.
 */
static struct segment *mine;
static pid_t visitor; /* the process of the thread that is on a visit; in its children nobody is */
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

/* It may have a second name. */
static struct segment *find_file(const struct stat *status)
{
	struct segment *segment;

	find_mine("");
	for (segment = mine; segment; segment = segment->next)
		if (segment->id.inode == status->st_ino && segment->id.device == status->st_dev)
			break;
	return segment;
}

bool file_is_mine(const struct stat *status)
{
	bool found;

	forks_hold();
	found = find_file(status);
	forks_release();
	return found;
}

/* As forks_hold(), when no thread is on a visit. */
static void hold_unvisited(void)
{
	forks_hold();
	while (visitor == getpid()) {
		forks_release();
		os_sleep_ns(VISIT_NAP_NS);
		forks_hold();
	}
}

void file_visit(void)
{
	hold_unvisited();
	visitor = getpid();
	forks_release();
}

void file_leave(void)
{
	forks_hold();
	visitor = 0;
	forks_release();
}

/* Claims the segment's name within this process. False: it is taken. */
static bool add_mine(struct segment *segment)
{
	bool taken;

	hold_unvisited();
	taken = find_mine(segment->name);
	if (!taken) {
		segment->next = mine;
		mine = segment;
	}
	forks_release();
	return !taken;
}

void segment_adopt(struct segment *segment)
{
	forks_hold();
	find_mine("");
	segment->next = mine;
	segment->lent = segment->name[0] != '\0';
	mine = segment;
	forks_release();
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

void file_lend(struct segment *segment, bool lent)
{
	forks_hold();
	segment->lent = lent;
	forks_release();
}

/* By any of its names. @status: of what has the name; NULL: nothing. Within forks_hold(). */
static struct segment *find_named(const char *name, const struct stat *status)
{
	struct segment *segment = find_mine(name);

	return segment || !status ? segment : find_file(status);
}

int segment_open(const char *name, int *fd)
{
	struct stat status;
	int cancel = cancel_refuse(), r;
	bool found;

	file_visit();
	r = os_shm_look(name, &status);
	forks_hold();
	found = find_named(name, r ? NULL : &status);
	forks_release();
	r = found ? -EBUSY : os_shm_open(name, false, fd);
	file_leave();
	cancel_allow(cancel);
	return r;
}

int segment_borrow(const char *name)
{
	struct segment *segment;
	struct stat status;
	int fd = -ENOENT, r = os_shm_look(name, &status);

	forks_hold();
	segment = find_named(name, r ? NULL : &status);
	if (segment)
		segment_guard(segment);
	if (segment && segment->lent && (fd = segment_fd(segment)) >= 0)
		return fd;
	forks_release();
	return fd;
}

void segment_return(void)
{
	forks_release();
}

/* ---- the descriptor ---- */

/* The file by its name, under a new number. Within forks_hold(). */
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
	/* The lock went with the number that the host has closed. */
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
	/* Another thread may have been here before. */
	fd = segment->fd;
	if (!os_file_is(fd, &segment->id))
		fd = open_again(segment);
	forks_release();
	return fd;
}

/* ---- names ---- */

/*
 * A process that can open the file can run code in the pool's processes. Other processes of the same user can open it by its name. Where
 * they could trace the owner anyway, that gives them nothing new. Where they could not, the file gets no name. @fd: a file that this process has made. NULL: it may have one.
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

/* What has been given a name that it may not have keeps its file, and has none. */
static int become_anonymous(struct segment *segment, const char *why)
{
	if (segment->wished)
		return fail_guarded(segment->name, why);
	drop_mine(segment);
	segment->name[0] = '\0';
	return 0;
}

bool segment_guard(struct segment *segment)
{
	struct stat status;
	bool withdrawn;

	forks_hold();
	/* The name of a file that is root's harms nobody when the owner has become another user. */
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

/* What the file begins with, before anything else is done with it: a sweep has to know it. @owned: this process has it. */
static int write_identity(int fd, bool owned)
{
	struct shared_header header = {0};
	ssize_t written;

	/* Asked first: to exceed it brings a signal that ends the process. */
	if (os_file_limit() < sizeof(header))
		return -EFBIG;
	segment_identify(&header);
	if (!owned)
		header.owner_pid = 0;
	do
		written = pwrite(fd, &header, sizeof(header), 0);
	while (written < 0 && errno == EINTR);
	return written == sizeof(header) ? 0 : written < 0 ? -errno : -ENOSPC;
}

int file_cut(int fd)
{
	int r = write_identity(fd, false);

	while (!r && ftruncate(fd, sizeof(struct shared_header)))
		if (errno != EINTR)
			r = -errno;
	return r;
}

/* Create and lock a file of that name. 0; -EEXIST; or another error, with its message. */
static int create_file(struct segment *segment, const char *name, const struct segment_options *options)
{
	for (int i = 0; i < SWEEPS; i++) {
		const char *guard;
		int r = os_shm_create(name, &segment->fd);

		if (r)
			return r == -EEXIST ? r : fail_create(r, segment->name);
		/* Who has opened it by now has an empty file that nobody uses. */
		if ((guard = guard_of(segment->fd))) {
			shm_unlink(name);
			close(segment->fd);
			return fail_guarded(segment->name, guard);
		}
		/* A sweeper that came between took us for dead: start again with a new file, whether or not it comes to unlink this one. */
		if (!(r = os_lock(segment->fd, OS_LOCK_OWNER)))
			r = os_file_note(segment->fd, &segment->id);
		if (!r && os_shm_is(name, segment->fd, &segment->id)) {
			if (!(r = write_identity(segment->fd, true)))
				return 0;
		} else if (!r) {
			os_shm_unlink(name, segment->fd, &segment->id); /* if it has the name after all */
		}
		if (r == -ENOSPC)
			segment_fail_full(segment, segment_least(options), "the control area of the pool");
		else if (r && r != -EAGAIN)
			r = fail_create(r, segment->name);
		if (r && r != -EAGAIN)
			shm_unlink(name); /* nobody sweeps what cannot be locked */
		if (r == -EAGAIN && !os_file_note(segment->fd, &segment->id))
			os_shm_unlink(name, segment->fd, &segment->id);
		close(segment->fd);
		if (r && r != -EAGAIN)
			return r;
	}
	return fail_create(-ENOENT, segment->name); /* each file was gone when it was locked */
}

/* Give the file, which has the name @from, the name that this process has claimed. */
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

/* Where names cannot be changed: a creator that is killed before it has written the header leaves an empty file. */
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

/* Creates and locks the file of a name that this process has claimed. */
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
	/* A name that cannot be taken away now is the next sweep's. */
	if (os_shm_unlink(first, segment->fd, &segment->id))
		(void)write_identity(segment->fd, false);
	close(segment->fd);
	return r == -ENOTSUP ? create_directly(segment, options) : r;
}

void segment_unpublish(struct segment *segment)
{
	/* Other threads may ask for the name. */
	forks_hold();
	if (segment->second[0] && !os_shm_unlink(segment->second, segment->fd, &segment->id))
		segment->second[0] = '\0';
	/* What cannot be unlinked now is tried again at the end. */
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

		/* It may have changed since the file was made. */
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
	file_lend(segment, true);
	return 0;
}

/* @guard: why it must not have a name for an instant, either; or NULL. */
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
	/* No sweep looks for it, but the supervisor does: a lock that is held spares it the table of the owner's mappings. */
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
		return sheaf_fail(file_documented(r), "cannot read random bits from /dev/urandom: %s", strerror(-r));
	if (!add_mine(segment))
		return fail_taken(segment, "a living pool of this process");
	/* Nameless until there is a supervisor, where that is possible; and locked before others can see it. */
	if (!os_shm_unnamed(&segment->fd)) {
		if (!os_file_note(segment->fd, &segment->id) && !os_lock(segment->fd, OS_LOCK_OWNER)) {
			if (!(guard = guard_of(segment->fd)) || !(r = become_anonymous(segment, guard)))
				return 0;
			close(segment->fd);
			drop_mine(segment);
			return r;
		}
		close(segment->fd);
	}
	r = create_named(segment, options);
	if (r)
		drop_mine(segment);
	else
		segment->named = true;
	return r;
}

void file_drop(struct segment *segment)
{
	segment_unpublish(segment);
	os_file_close(segment->fd, &segment->id);
	drop_mine(segment);
}
