/*
 * linux.c - the Linux half of os.h: nameless segments, holes in files, death signals, cgroups.
 *
 * Each call that an older kernel or a sandbox may lack falls back to what POSIX offers.
 */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#ifdef HAVE_EXECINFO
#include <execinfo.h>
#endif
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define SHM_FOLDER "/dev/shm" /* where shm_open() of every Linux libc looks */
#define HUGE_PAGE ((size_t)2 << 20)
#define COMMIT_PIECE ((uint64_t)64 << 20)
#ifndef FUTEX_WAKE /* musl-gcc does not see the headers of the kernel */
#define FUTEX_WAKE 1
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define NUMBER_PIDFD_SEND_SIGNAL 424L
#define NUMBER_PIDFD_OPEN 434L
#define BY_PIDFD 3              /* P_PIDFD, Linux 5.4 */
#define SIGNAL_GROUP (1ul << 2) /* PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9 */

static int close_many(unsigned first, unsigned last)
{
#ifdef HAVE_CLOSE_RANGE
	return close_range(first, last, 0);
#elif defined(SYS_close_range)
	return (int)syscall(SYS_close_range, first, last, 0u);
#else
	(void)first;
	(void)last;
	return -1;
#endif
}

static int least(long a, int b)
{
	return a < b ? (int)a : b;
}

void os_close_range(int first, int last)
{
	long limit;

	if (first > last || !close_many((unsigned)first, (unsigned)last))
		return;
	limit = sysconf(_SC_OPEN_MAX);
	for (int fd = first; fd <= least(limit > 0 ? limit : 65536, last); fd++)
		close(fd);
}

int os_pipe(int ends[2])
{
	int raw[2];

	/* At once, if possible: another thread may be in posix_spawn(). */
	if (pipe2(raw, O_CLOEXEC)) {
		if (pipe(raw))
			return -errno;
		fcntl(raw[0], F_SETFD, FD_CLOEXEC);
		fcntl(raw[1], F_SETFD, FD_CLOEXEC);
	}
	return os_raise_pipe(raw, ends);
}

/* By numbers, which are the same everywhere: older libraries do not know them. Kernels before 5.3, or sandboxes, say so by one of these. */
static int pidfd_error(int error)
{
	return error == EINVAL || error == ENOSYS || error == EPERM || error == EBADF ? -ENOSYS : -error;
}

int os_pidfd_open(pid_t pid)
{
	int pidfd = (int)syscall(NUMBER_PIDFD_OPEN, (long)pid, 0L);

	return pidfd < 0 ? pidfd_error(errno) : os_raise(pidfd);
}

int os_pidfd_ended(int pidfd, bool reap)
{
	siginfo_t info;

	do {
		memset(&info, 0, sizeof(info));
		if (!waitid((idtype_t)BY_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | (reap ? 0 : WNOWAIT)))
			return info.si_pid != 0;
	} while (errno == EINTR);
	return pidfd_error(errno);
}

int os_pidfd_signal(int pidfd, int signal, bool group)
{
	unsigned long flags = group ? SIGNAL_GROUP : 0;

	if (!syscall(NUMBER_PIDFD_SEND_SIGNAL, (long)pidfd, (long)signal, NULL, flags))
		return 0;
	return errno == EPERM ? -EPERM : pidfd_error(errno);
}

int os_shm_anonymous(int *fd, char *left, size_t size)
{
	int file = memfd_create("sheaf", MFD_CLOEXEC);
	char name[64];
	int r;

	if (left)
		*left = '\0';
	/* An old kernel, or a sandbox. */
	if (file < 0 && errno != EMFILE && errno != ENFILE && errno != ENOMEM)
		file = open(SHM_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file >= 0) {
		if ((file = os_raise(file)) < 0)
			return file;
		*fd = file;
		return 0;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -errno;
	if (!left)
		return -ENOTSUP;
	if ((r = os_shm_invent(name, sizeof(name))))
		return r;
	if ((r = os_shm_create(name, fd)))
		return r;
	if (shm_unlink(name) && errno != ENOENT)
		snprintf(left, size, "%s", name);
	return 0;
}

bool os_rights_by_file(void)
{
	return getauxval(AT_SECURE) != 0;
}

/* Has the process capabilities that root has not left to every process of its user? No header of the kernel is needed to ask. */
static bool has_capabilities(void)
{
	struct {
		uint32_t version;
		int pid;
	} which = {.version = 0x20080522};
	struct {
		uint32_t effective, permitted, inheritable;
	} sets[2] = {{0}};

	return !syscall(SYS_capget, &which, sets) && (sets[0].permitted || sets[1].permitted);
}

/*
 * Was the program started by root, and has it become this user for good? Then it says so by its ids: it counts as that user's. The kernel
 * makes it not dumpable, which cannot be told from a wish of the program.
 */
static bool gave_root_up(uid_t uid)
{
	return uid && getauxval(AT_UID) == 0 && getauxval(AT_EUID) == 0;
}

/* What the kernel asks before it lets one process trace another, but of others that are like this one. */
const char *os_guarded(void)
{
	uid_t uid, euid, saved_uid;
	gid_t gid, egid, saved_gid;
	int dumpable;

	if (os_rights_by_file())
		return "has rights by its program's file (set-user-ID, set-group-ID or file capabilities)";
	if (getresuid(&uid, &euid, &saved_uid) || uid != euid || euid != saved_uid)
		return "has real, effective and saved user ids that differ";
	if (getresgid(&gid, &egid, &saved_gid) || gid != egid || egid != saved_gid)
		return "has real, effective and saved group ids that differ";
	if (euid && has_capabilities())
		return "has capabilities, and is not root";
	dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	if ((dumpable == 0 || dumpable == 2) && !gave_root_up(uid))
		return "is not dumpable (see PR_SET_DUMPABLE in prctl(2))";
	return NULL;
}

/* The file that shm_open() opens, and the link by which a nameless file can be named. */
static void paths_of(int fd, const char *name, char *target, size_t target_size, char *source, size_t source_size)
{
	snprintf(target, target_size, SHM_FOLDER "%s", name);
	snprintf(source, source_size, "/proc/self/fd/%d", fd);
}

bool os_shm_begins_empty(void)
{
	return false; /* but on systems without O_TMPFILE, where an empty file may stay */
}

int os_shm_unnamed(int *fd)
{
	int file = open(SHM_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char target[16], source[32];

	if (file < 0 || (file = os_raise(file)) < 0)
		return -ENOTSUP;
	paths_of(file, "", target, sizeof(target), source, sizeof(source));
	/* A link without names says whether there are links at all: a sandbox may refuse them. */
	if (access(source, F_OK) || linkat(AT_FDCWD, "", AT_FDCWD, "", 0) == 0 || errno != ENOENT) {
		close(file);
		return -ENOTSUP;
	}
	(void)!fchmod(file, 0600); /* see os_shm_create() */
	*fd = file;
	return 0;
}

int os_shm_link(int fd, const char *name)
{
	char target[NAME_MAX + sizeof(SHM_FOLDER)], source[32];

	paths_of(fd, name, target, sizeof(target), source, sizeof(source));
	return linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int os_reserve_unlocked(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	/*
	 * A new mapping is charged to RLIMIT_MEMLOCK if the host has called mlockall(MCL_FUTURE), and one that grows is charged only if it is
	 * locked: so one page is mapped, unlocked, and grows. There is no place that is free for sure, so it is searched; another thread may
	 * take it meanwhile.
	 */
	for (int tries = 0; tries < 16; tries++) {
		unsigned char *page_at = mmap(NULL, page, PROT_NONE, MAP_SHARED, fd, 0), *found, *place;

		if (page_at == MAP_FAILED)
			return -errno;
		munlock(page_at, page);
		found = mremap(page_at, page, (size_t)(size + align), MREMAP_MAYMOVE);
		if (found == MAP_FAILED) {
			int error = errno;

			munmap(page_at, page);
			return -error;
		}
		munmap(found, (size_t)(size + align));
		place = found + (-(uintptr_t)found & (align - 1));
		page_at = mmap(place, page, PROT_NONE, MAP_SHARED, fd, 0);
		if (page_at == MAP_FAILED)
			return -errno;
		munlock(page_at, page);
		if (page_at == place && mremap(page_at, page, (size_t)size, 0) == place) {
			*base = place;
			return 0;
		}
		munmap(page_at, page);
	}
	return -ENOMEM;
}

void os_leave_out_of_core(void *address, uint64_t size)
{
	madvise(address, (size_t)size, MADV_DONTDUMP); /* advice: a core file that is larger is no error */
}

/*
 * Fills the whole huge pages among the bytes at once, for a tenth of what single pages cost. Only an advice: what it does not commit is
 * left as it was. Kernels before 6.1 know no MADV_COLLAPSE, and all want one page of each to be there.
 */
static void commit_huge(int fd, uint64_t offset, uint64_t size, char *at)
{
	size_t ahead = -(uintptr_t)at & (HUGE_PAGE - 1), all = ahead < size ? (size - ahead) & ~(HUGE_PAGE - 1) : 0;

	for (size_t done = 0; done < all; done += HUGE_PAGE) {
		if (posix_fallocate(fd, (off_t)(offset + ahead + done), 1))
			return;
		*(volatile const char *)(at + ahead + done);
	}
	if (all)
		madvise(at + ahead, all, MADV_COLLAPSE);
}

int os_commit(int fd, uint64_t offset, uint64_t size, void *at)
{
	uint64_t asked = 0; /* for huge pages, once for each byte: who is interrupted again and again must come forward */

	/* In pieces, each with signals blocked: kernels begin anew when one comes, and a host may have a timer that never rests. */
	for (uint64_t done = 0; done < size;) {
		uint64_t piece = size - done < COMMIT_PIECE ? size - done : COMMIT_PIECE;
		sigset_t before;
		int r;

		os_block_all_signals(&before);
		if (at && asked == done) {
			commit_huge(fd, offset + done, piece, (char *)at + done);
			asked += piece;
		}
		r = posix_fallocate(fd, (off_t)(offset + done), (off_t)piece);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (r && r != EINTR)
			return -r;
		if (!r)
			done += piece;
	}
	return 0;
}

void *os_wiped_memory(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (!madvise(memory, size, MADV_WIPEONFORK))
		return memory;
	munmap(memory, size);
	return NULL;
}

int os_commit_mapped(void *address, uint64_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *begin = (unsigned char *)((uintptr_t)address & ~(uintptr_t)(page - 1));
	uint64_t all = (uint64_t)((unsigned char *)address - begin) + size;

	/* In pieces, each with signals blocked, as above. It tells by an error what touching would tell by SIGBUS. */
	for (uint64_t done = 0; done < all;) {
		uint64_t piece = all - done < COMMIT_PIECE ? all - done : COMMIT_PIECE;
		sigset_t before;
		int r, error;

		os_block_all_signals(&before);
		r = madvise(begin + done, (size_t)piece, MADV_POPULATE_WRITE);
		error = errno;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (!r)
			done += piece;
		else if (error == EFAULT || error == ENOMEM)
			return -ENOSPC;
		else if (error != EINTR && error != EAGAIN)
			return -EBADF; /* before Linux 5.14 */
	}
	return 0;
}

void *os_large_alloc(size_t size)
{
	void *memory;

	if (size < 2 * HUGE_PAGE)
		return malloc(size);
	if (posix_memalign(&memory, HUGE_PAGE, size))
		return NULL;
	madvise(memory, size, MADV_HUGEPAGE); /* advice: nothing depends on it */
	return memory;
}

/* Writes zeros over all that is no hole. */
static void overwrite(int fd, uint64_t offset, uint64_t size)
{
	static const unsigned char zeros[65536];

	for (uint64_t at = offset, end = offset + size; at < end;) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);
		ssize_t written;

		if (data < 0 && errno == ENXIO)
			return;
		if (data >= 0)
			at = (uint64_t)data;
		if (at >= end)
			return;
		written = pwrite(fd, zeros, end - at < sizeof(zeros) ? end - at : sizeof(zeros), (off_t)at);
		if (written > 0)
			at += (uint64_t)written;
		else if (errno != EINTR)
			return;
	}
}

void os_release(int fd, uint64_t offset, uint64_t size)
{
	while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		if (errno != EINTR) {
			/* No holes here: the memory stays, but is handed out as zero. */
			overwrite(fd, offset, size);
			return;
		}
}

int os_release_mapped(void *address, uint64_t size)
{
	munlock(address, (size_t)size); /* of a host that has locked its memory since */
	return madvise(address, (size_t)size, MADV_REMOVE) ? -errno : 0;
}

void os_clear(void *address, uint64_t size)
{
	/* os_release() has done so. */
	(void)address;
	(void)size;
}

bool os_die_with_parent(pid_t parent, int signal)
{
	prctl(PR_SET_PDEATHSIG, signal);
	return getppid() == parent;
}

uint64_t os_parent_check_ns(void)
{
	return 1000000000u; /* the death signal comes first; this is for sandboxes without it */
}

bool os_ends_orphans(void)
{
	return true;
}

bool os_adopts_orphans(void)
{
	int subreaper = 0;

	return getpid() == 1 || (!prctl(PR_GET_CHILD_SUBREAPER, &subreaper) && subreaper);
}

bool os_is_stopped(pid_t pid)
{
	char path[64], line[512];
	const char *state;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (!(stat = fopen(path, "re")))
		return false;
	/* Behind the name, which may hold anything but ends with the last parenthesis. */
	state = fgets(line, sizeof(line), stat) ? strrchr(line, ')') : NULL;
	fclose(stat);
	return state && state[1] == ' ' && state[2] == 'T';
}

int os_maps_file(pid_t pid, const struct os_file_id *file)
{
	unsigned long long inode;
	unsigned major_number, minor_number;
	char path[64], line[512];
	int found = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	if (!(maps = fopen(path, "re")))
		return -1;
	/* "7f00-7f10 rw-s 00000000 00:1a 1234   /dev/shm/name"; the rest of a long line is none. */
	while (!found && fgets(line, sizeof(line), maps))
		found = sscanf(line, "%*x-%*x %*s %*x %x:%x %llu", &major_number, &minor_number, &inode) == 3 &&
			inode == file->inode && makedev(major_number, minor_number) == file->device;
	if (ferror(maps))
		found = -1;
	fclose(maps);
	return found;
}

void os_name_process(const char *name)
{
	prctl(PR_SET_NAME, name);
}

bool os_wait_news(int fd, uint64_t timeout_ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
	struct pollfd news = {.fd = fd, .events = POLLIN};
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&news, 1, &timeout, &none) > 0;
}

/* Where the signal interrupted the code, or 0. */
static uint64_t interrupted_at(const void *context)
{
#if defined(__x86_64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.pc;
#elif defined(__riscv)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.__gregs[0];
#elif defined(__arm__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.arm_pc;
#elif defined(__i386__)
	return (uint64_t)(uint32_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_EIP];
#else
	(void)context;
	return 0;
#endif
}

uint64_t os_stack_pointer(const void *context)
{
#if defined(__x86_64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.sp;
#else
	(void)context;
	return 0;
#endif
}

#ifdef HAVE_EXECINFO
unsigned os_frames(const void *context, uint64_t *frames, unsigned most)
{
	void *found[64];
	int count = backtrace(found, 64), first = 0;
	uint64_t at = interrupted_at(context);

	/* Before it stand this function, the handler, and what called that. */
	while (first < count && (uint64_t)(uintptr_t)found[first] != at)
		first++;
	if (first == count && at && most) {
		/* Without tables for it the unwinder does not get out of the handler. */
		frames[0] = at;
		return 1;
	}
	if (first == count)
		first = 0;
	for (int i = first; i < count && (unsigned)(i - first) < most; i++)
		frames[i - first] = (uint64_t)(uintptr_t)found[i];
	return (unsigned)(count - first) < most ? (unsigned)(count - first) : most;
}
#else
unsigned os_frames(const void *context, uint64_t *frames, unsigned most)
{
	frames[0] = interrupted_at(context);
	return most && frames[0];
}
#endif

void os_sem_kick(sem_t *sem)
{
	/* With glibc and musl the word that is slept on comes first. */
	syscall(SYS_futex, sem, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int os_sem_wait_until(sem_t *sem, uint64_t deadline_ns)
{
#ifdef HAVE_SEM_CLOCKWAIT
	struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
				    .tv_nsec = (long)(deadline_ns % 1000000000u)};

	return sem_clockwait(sem, CLOCK_MONOTONIC, &deadline) && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
#else
	return os_sem_wait_slice(sem, deadline_ns);
#endif
}

/* The quota of one cgroup in CPUs, or 0 if it has none. cgroup v2: "max 100000" or "150000 100000". */
static unsigned quota_of(const char *path)
{
	FILE *file = fopen(path, "re");
	long long quota = 0, period = 0;
	int fields;

	if (!file)
		return 0;
	fields = fscanf(file, "%lld %lld", &quota, &period);
	fclose(file);
	if (fields != 2 || quota <= 0 || period <= 0)
		return 0;
	return (unsigned)((quota + period - 1) / period);
}

static unsigned quota_of_v1(const char *folder)
{
	char path[4200];
	long long value[2] = {0, 0};
	static const char *const names[] = {"cpu.cfs_quota_us", "cpu.cfs_period_us"};

	for (int i = 0; i < 2; i++) {
		FILE *file;
		int fields;

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (!(file = fopen(path, "re")))
			return 0;
		fields = fscanf(file, "%lld", &value[i]);
		fclose(file);
		if (fields != 1)
			return 0;
	}
	return value[0] > 0 && value[1] > 0 ? (unsigned)((value[0] + value[1] - 1) / value[1]) : 0;
}

/* A quota of any cgroup from ours up to the root binds, so the smallest counts. */
static unsigned smallest_quota(const char *mount, char *group, bool v1)
{
	unsigned least = 0;

	for (;;) {
		char path[4160];
		unsigned quota;
		char *slash;

		snprintf(path, sizeof(path), "%s%s%s", mount, group, v1 ? "" : "/cpu.max");
		quota = v1 ? quota_of_v1(path) : quota_of(path);
		if (quota && (!least || quota < least))
			least = quota;
		slash = strrchr(group, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

static unsigned cgroup_quota(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[4096];
	unsigned least = 0;

	if (!file)
		return 0;
	/* Lines are "0::/path" (v2) and "4:cpu,cpuacct:/path" (v1). */
	while (fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
		unsigned quota;

		if (!group)
			continue;
		*group++ = '\0';
		controllers++;
		group[strcspn(group, "\n")] = '\0';
		if (!*controllers)
			quota = smallest_quota("/sys/fs/cgroup", group, false);
		else if (!strncmp(controllers, "cpu", 3) && (controllers[3] == ',' || !controllers[3]))
			quota = smallest_quota("/sys/fs/cgroup/cpu", group, true);
		else
			continue;
		if (quota && (!least || quota < least))
			least = quota;
	}
	fclose(file);
	return least;
}

unsigned os_usable_cpus(unsigned enough)
{
	unsigned cpus = 0, quota;

	/* The kernel refuses a set that is smaller than its own, so the size grows until it fits. */
	for (int possible = CPU_SETSIZE; possible <= 1 << 20 && !cpus; possible *= 4) {
		cpu_set_t *set = CPU_ALLOC(possible);

		if (!set)
			break;
		if (!sched_getaffinity(0, CPU_ALLOC_SIZE(possible), set))
			cpus = (unsigned)CPU_COUNT_S(CPU_ALLOC_SIZE(possible), set);
		CPU_FREE(set);
	}
	if (!cpus) {
		long online = sysconf(_SC_NPROCESSORS_ONLN);

		cpus = online > 0 ? (unsigned)online : 1;
	}
	quota = cpus > enough ? cgroup_quota() : 0;
	return quota && quota < cpus ? quota : cpus;
}

int os_each_own_mapping(bool (*visit)(uintptr_t begin, uintptr_t end, void *context), void *context)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		char *at = line;
		uintptr_t begin = (uintptr_t)strtoull(line, &at, 16), end = *at ? (uintptr_t)strtoull(at + 1, &at, 16) : 0;

		/* "begin-end rwxp ...": a longer line goes on in pieces, which begin with no number and a dash. */
		if (end > begin && at[0] == ' ' && at[1] == 'r' && at[2] == 'w' && at[4] == 'p' && !visit(begin, end, context))
			break;
	}
	fclose(maps);
	return 0;
}
