/*
 * common.c - system calls that are the same everywhere.
 */
#include "os/forks.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHM_FOLDER "/dev/shm" /* where the system shows its shared-memory objects, if it does */

int os_raise(int fd)
{
	int raised, error;

	if (fd > 2)
		return fd;
	raised = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	error = errno;
	close(fd);
	return raised < 0 ? -error : raised;
}

int os_raise_pipe(const int raw[2], int ends[2])
{
	int low = os_raise(raw[0]), high = os_raise(raw[1]);

	if (low >= 0 && high >= 0) {
		ends[0] = low;
		ends[1] = high;
		return 0;
	}
	if (low >= 0)
		close(low);
	if (high >= 0)
		close(high);
	return low < 0 ? low : high;
}

#define INVENTED "/sheaf-%ld-%016llx"

/* The same number for all that this process makes up, and hardly ever for another process of its pid. */
static uint32_t mark_of_process(void)
{
	struct os_process_id me;
	uint64_t mixed;

	os_process_note(&me);
	mixed = (me.start ^ me.space) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(mixed >> 32);
}

int os_shm_invent(char *name, size_t size)
{
	uint64_t bits;
	int r = os_random(&bits);

	if (!r)
		snprintf(name, size, INVENTED, (long)getpid(),
			 (unsigned long long)((uint64_t)mark_of_process() << 32 | (uint32_t)bits));
	return r;
}

static pid_t parse_invented(const char *name, uint64_t *bits)
{
	unsigned long long number;
	char again[64];
	long pid;

	if (sscanf(name, "/sheaf-%ld-%llx", &pid, &number) != 2 || pid <= 0 || pid > INT32_MAX)
		return 0;
	snprintf(again, sizeof(again), INVENTED, pid, number);
	*bits = number;
	return strcmp(name, again) ? 0 : (pid_t)pid;
}

pid_t os_shm_maker(const char *name)
{
	uint64_t bits;

	return parse_invented(name, &bits);
}

bool os_shm_made_here(const char *name)
{
	uint64_t bits = 0;

	return parse_invented(name, &bits) == getpid() && bits >> 32 == mark_of_process();
}

int os_shm_create(const char *name, int *fd)
{
	int file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);

	if (file < 0)
		return -errno;
	if ((file = os_raise(file)) < 0) {
		shm_unlink(name);
		return file;
	}
	/* The host's umask may have taken the owner's right to read. Should that stay so, nobody can inspect or sweep the file, no more. */
	(void)!fchmod(file, 0600);
	*fd = file;
	return 0;
}

static int lock_bytes(int fd, unsigned first, unsigned count)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)first, .l_len = (off_t)count};

	while (fcntl(fd, F_SETLK, &lock))
		if (errno != EINTR)
			return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

int os_lock(int fd, unsigned byte)
{
	return lock_bytes(fd, byte, 1);
}

void os_unlock(int fd, unsigned byte)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};

	fcntl(fd, F_SETLK, &lock);
}

int os_locked(int fd, unsigned first, unsigned count, pid_t *holder)
{
	/* A lock to read conflicts with theirs, and may be asked about whichever way the file is open. */
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)first, .l_len = (off_t)count};

	if (fcntl(fd, F_GETLK, &lock))
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	*holder = lock.l_pid > 0 ? lock.l_pid : 0;
	return 1;
}

int os_shm_look(const char *name, struct stat *status)
{
	char path[sizeof(SHM_FOLDER) + NAME_MAX + 1];

	snprintf(path, sizeof(path), SHM_FOLDER "%s", name);
	if (!fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (errno != ENOENT)
		return -errno;
	return access(SHM_FOLDER, F_OK) ? -ENOTSUP : -ENOENT;
}

int os_shm_open(const char *name, bool writable, int *fd)
{
	int way = writable ? O_RDWR : O_RDONLY, file, r;
	struct stat status;

	r = os_shm_look(name, &status);
	if (r && r != -ENOTSUP)
		return r;
	/* To open a pipe or a device is to do something to it, and a terminal would become ours. */
	if (!r && !S_ISREG(status.st_mode))
		return S_ISLNK(status.st_mode) ? -ELOOP : -ENXIO;
	if (!r && status.st_uid != geteuid())
		return -EACCES;
	/*
	 * Something else may have the name by now. What is no file may wait for its other end, and a file for the end of a lease, unless they are
	 * told not to; a system may refuse flags that it does not know.
	 */
	file = shm_open(name, way | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY, 0);
	if (file < 0 && errno == EINVAL)
		file = shm_open(name, way, 0);
	if (file < 0)
		return -errno;
	if ((file = os_raise(file)) < 0)
		return file;
	*fd = file;
	return 0;
}

static bool is_file(const struct stat *status, const struct os_file_id *id)
{
	return status->st_dev == id->device && status->st_ino == id->inode;
}

static bool has_some_name(int fd, const struct os_file_id *id)
{
	struct stat status;

	return os_file_is(fd, id) && !fstat(fd, &status) && status.st_nlink > 0;
}

bool os_shm_is(const char *name, int fd, const struct os_file_id *id)
{
	struct stat status;
	int r = os_shm_look(name, &status);

	if (r == -ENOENT)
		return false;
	/* Where names are not shown, the file can say whether it has one. To open the name would risk the locks of the process. */
	return r ? has_some_name(fd, id) : is_file(&status, id);
}

int os_shm_unlink(const char *name, int fd, const struct os_file_id *id)
{
	struct stat status;
	int r = os_shm_look(name, &status);

	/* The folder that is looked at may not be the one that the name is in. */
	if (r ? !has_some_name(fd, id) : !is_file(&status, id))
		return 0;
	return shm_unlink(name) && errno != ENOENT ? -errno : 0;
}

int os_shm_rename(const char *from, const char *to)
{
	char old[sizeof(SHM_FOLDER) + NAME_MAX + 1], new[sizeof(SHM_FOLDER) + NAME_MAX + 1];

	snprintf(old, sizeof(old), SHM_FOLDER "%s", from);
	snprintf(new, sizeof(new), SHM_FOLDER "%s", to);
	/* Not rename(), which would replace what has the name. */
	if (linkat(AT_FDCWD, old, AT_FDCWD, new, 0))
		return errno == EEXIST ? -EEXIST : -ENOTSUP;
	return shm_unlink(from) && errno != ENOENT;
}

int os_read_at(int fd, uint64_t offset, void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, (unsigned char *)bytes + done, size - done, (off_t)(offset + done));

		if (!got)
			return -ENODATA;
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/*
 * Only the process that holds the locks unlinks, and a creator that finds its file unlinked once it has the lock starts again with a new
 * one (segment/file.c). So neither a creator between open and lock, nor a new file under the old name, can be swept by mistake.
 */
int os_sweep_open(int fd, const char *name, unsigned first, unsigned count)
{
	struct stat status;
	struct os_file_id id;
	int r;

	if (fstat(fd, &status))
		return -errno;
	if (status.st_uid != geteuid() || !S_ISREG(status.st_mode))
		return -EPERM;
	if ((r = lock_bytes(fd, first, count)))
		return r;
	id = (struct os_file_id){.device = status.st_dev, .inode = status.st_ino};
	if (!os_shm_is(name, fd, &id))
		return -ENOENT;
	/* The name alone: a supervisor that is about to end the dead owner's workers still reads the memory, which goes with the last. */
	return os_shm_unlink(name, fd, &id);
}

int os_each_segment(const char *prefix, void (*visit)(const char *name, void *context), void *context)
{
	DIR *folder = opendir(SHM_FOLDER);
	struct dirent *entry;

	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		char name[sizeof(entry->d_name) + 2];
		struct stat status;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) ||
		    fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode) ||
		    status.st_uid != geteuid())
			continue;
		snprintf(name, sizeof(name), "/%s", entry->d_name);
		visit(name, context);
	}
	closedir(folder);
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void os_close_files(int *keep, unsigned n)
{
	int from = 3;

	/* Few, so qsort() needs no memory. */
	qsort(keep, n, sizeof(*keep), compare_numbers);
	for (unsigned i = 0; i < n; i++) {
		os_close_range(from, keep[i] - 1);
		if (keep[i] >= from)
			from = keep[i] + 1;
	}
	os_close_range(from, INT_MAX);
}

const char *os_environment(const char *name)
{
	return os_rights_by_file() ? NULL : getenv(name);
}

int os_random(uint64_t *bits)
{
	ssize_t got;
	int fd;

	do
		fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	do
		got = read(fd, bits, sizeof(*bits));
	while (got < 0 && errno == EINTR);
	close(fd);
	return got == sizeof(*bits) ? 0 : -EIO;
}

void os_close_input(void)
{
	int ends[2], fd;

	/* What is closed stays closed. */
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		return;
	fd = open("/dev/null", O_RDONLY);
	if (fd < 0 && !pipe(ends)) {
		fd = ends[0];
		close(ends[1]);
	}
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		close(STDIN_FILENO);
	if (fd >= 0)
		close(fd);
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* What a signal does to the family. A handler, unlike SIG_IGN, is not inherited over exec(). */
static void (*action_of(int signal))(int)
{
	struct sigaction before;

	switch (signal) {
	case SIGINT: /* Ctrl-C and Ctrl-Z are for the owner */
	case SIGTSTP:
		return do_nothing;
	case SIGTTIN: /* a background process that touches the terminal is to get an error: one that stops holds its task for ever */
	case SIGTTOU:
		return SIG_IGN;
	case SIGPIPE: /* where the owner's write is an error, a task's is */
		if (sigaction(signal, NULL, &before))
			return SIG_DFL;
		return before.sa_flags & SA_SIGINFO || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
			       ? do_nothing
			       : before.sa_handler;
	default:
		return SIG_DFL;
	}
}

void os_reset_signals(const sigset_t *mask)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t pending;

	sigemptyset(&pending);
	sigpending(&pending);
	for (int signal = 1; signal <= SIGRTMAX; signal++) {
		/* To ignore it drops what has come already: it was for the parent's process group. */
		if (sigismember(&pending, signal) == 1)
			sigaction(signal, &ignore, NULL);
		os_reset_signal(signal);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
}

void os_block_all_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

int os_wait_signal(const sigset_t *set, uint64_t timeout_ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
	siginfo_t info;
	int signal = sigtimedwait(set, &info, &timeout);

	return signal > 0 ? signal : 0;
}

void os_reset_signal(int signal)
{
	struct sigaction action = {.sa_handler = action_of(signal), .sa_flags = SA_RESTART};

	sigaction(signal, &action, NULL);
}

static void notice(int signal)
{
	(void)signal;
}

void os_notice_signal(int signal)
{
	struct sigaction action = {.sa_handler = notice};

	sigemptyset(&action.sa_mask);
	sigaction(signal, &action, NULL);
}

int os_child_ended(pid_t pid, siginfo_t *info)
{
	siginfo_t found;

	do {
		memset(&found, 0, sizeof(found));
		if (!waitid(P_PID, (id_t)pid, &found, WEXITED | WNOHANG | WNOWAIT)) {
			if (!found.si_pid)
				return 0;
			*info = found;
			return 1;
		}
	} while (errno == EINTR);
	return -errno;
}

bool os_kill_holder(int fd, unsigned byte)
{
	pid_t holder = 0, again = 0;
	int pidfd;

	if (os_locked(fd, byte, 1, &holder) != 1)
		return false;
	if (holder <= 0)
		return true;
	pidfd = os_pidfd_open(holder);
	if (pidfd == -ENOSYS) {
		kill(holder, SIGKILL);
	} else if (pidfd >= 0) {
		if (os_locked(fd, byte, 1, &again) == 1 && again == holder)
			os_pidfd_signal(pidfd, SIGKILL, false);
		close(pidfd);
	}
	return true;
}

void os_sleep_ns(uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	nanosleep(&time, NULL);
}

struct os_sem_fixed os_sem_fixed;

static void learn(void)
{
	static bool learnt;
	union {
		sem_t sem;
		uint32_t words[sizeof(sem_t) / sizeof(uint32_t)];
	} shared, own;
	struct os_sem_fixed fixed = {0};

	if (learnt)
		return;
	learnt = true;
	memset(&shared, 0, sizeof(shared));
	memset(&own, 0, sizeof(own));
	if (sem_init(&shared.sem, 1, 0) || sem_init(&own.sem, 0, 0))
		return;
	/* The one word in which a semaphore between processes differs from one between threads. */
	for (size_t i = 0; i < sizeof(shared.words) / sizeof(shared.words[0]); i++)
		if (shared.words[i] != own.words[i])
			fixed = (struct os_sem_fixed){.at = i * sizeof(uint32_t), .mask = UINT32_MAX, .value = shared.words[i]};
	sem_destroy(&shared.sem);
	sem_destroy(&own.sem);
	os_sem_fixed = fixed;
}

void os_sem_learn(void)
{
	/* Every process that checks a semaphore has called this first, so the lock publishes the result. */
	forks_hold();
	learn();
	forks_release();
}

int os_sem_wait_slice(sem_t *sem, uint64_t deadline_ns)
{
	struct timespec now, deadline;
	uint64_t left, wall;

	/* sem_timedwait() knows only the wall clock. Callers look at their words ten times a second, so a jump costs little. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	wall = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	left = deadline_ns > wall ? deadline_ns - wall : 0;
	if (left > 100000000u)
		left = 100000000u;
	clock_gettime(CLOCK_REALTIME, &now);
	wall = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + left;
	deadline = (struct timespec){.tv_sec = (time_t)(wall / 1000000000u), .tv_nsec = (long)(wall % 1000000000u)};
	return sem_timedwait(sem, &deadline) && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

static int map_aligned(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	unsigned char *raw;
	uint64_t ahead;

	/* More than the address space of 32 bits has. */
	if ((size_t)(size + align) != size + align)
		return -ENOMEM;
	raw = mmap(NULL, (size_t)(size + align), PROT_NONE, MAP_SHARED, fd, 0);
	if (raw == MAP_FAILED)
		return -errno;
	ahead = -(uint64_t)(uintptr_t)raw & (align - 1);
	*base = raw + ahead;
	if (ahead)
		munmap(raw, (size_t)ahead);
	if (ahead < align)
		munmap(*base + size, (size_t)(align - ahead));
	/* The offset shifted with the address: map again so that base shows offset 0. */
	if (mmap(*base, (size_t)size, PROT_NONE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		int error = errno;

		munmap(*base, (size_t)size);
		return -error;
	}
	return 0;
}

int os_reserve(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	int r = map_aligned(fd, size, align, base);

	if (r == -EAGAIN)
		return os_reserve_unlocked(fd, size, align, base);
	/* A host that locks what it will map means memory, and this is address space. What cannot be unlocked is locked as it is used. */
	if (!r)
		munlock(*base, (size_t)size);
	return r;
}

uint64_t os_file_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
}

bool os_is_mapped(uint64_t address)
{
	long page = sysconf(_SC_PAGESIZE);

	/* Writes nothing back: it only fails where nothing is mapped. */
	return !msync((void *)(uintptr_t)(address - address % (uint64_t)page), 1, MS_ASYNC) || errno != ENOMEM;
}

uint64_t os_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : (uint64_t)1 << 30;
}
