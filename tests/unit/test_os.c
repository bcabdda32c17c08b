/*
 * test_os.c - what differs between systems: CPUs, descriptors, deaths, waiting.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef OS_LAYER_LINUX
#include <sched.h>
#include <sys/mount.h>
#endif

#include "os/os.h"
#include "os/process_id.h"
#include "sheaf.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/first_thread.h"

TestSuite(os, .fini = child_end_all);

static int exit_code_of(child_fn *fn, void *context)
{
	pid_t pid = child_start(fn, context);
	int status;

	cr_assert_gt(pid, 0);
	cr_assert_eq(child_wait(pid, &status, hang_deadline()), 0);
	cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 77)
		cr_skip_test("this system does not let us try");
	return WEXITSTATUS(status);
}

/* ---- CPUs ---- */

Test(os, has_a_usable_cpu)
{
	cr_assert_geq(sheaf_usable_cpus(), 1);
	cr_assert_leq(sheaf_usable_cpus(), (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
}

#ifdef OS_LAYER_LINUX
static int use_one_cpu(void *context)
{
	cpu_set_t set;
	int cpu = 0;

	(void)context;
	if (sched_getaffinity(0, sizeof(set), &set))
		return 77;
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return 77;
	return sheaf_usable_cpus() == 1 ? 0 : 1;
}

Test(os, respects_the_affinity_mask)
{
	cr_assert_eq(exit_code_of(use_one_cpu, NULL), 0);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	return fd >= 0 && !close(fd) && written;
}

/* In a mount namespace of its own: other files stand where the cgroups do. */
static bool fake_cgroups(const char *membership)
{
	return !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) && write_file("/sys/fs/cgroup/membership", membership) &&
	       !mount("/sys/fs/cgroup/membership", "/proc/self/cgroup", NULL, MS_BIND, NULL);
}

static int use_cgroup_2(void *context)
{
	unsigned cpus = sheaf_usable_cpus();

	(void)context;
	if (!fake_cgroups("0::/a/b\n") || mkdir("/sys/fs/cgroup/a", 0700) || mkdir("/sys/fs/cgroup/a/b", 0700))
		return 77;
	/* No file, no quota, a quota that is no number, one above the CPUs. */
	if (cpus != sheaf_usable_cpus())
		return 1;
	if (!write_file("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n") || cpus != sheaf_usable_cpus())
		return 2;
	if (!write_file("/sys/fs/cgroup/a/b/cpu.max", "nonsense\n") || cpus != sheaf_usable_cpus())
		return 3;
	if (!write_file("/sys/fs/cgroup/a/b/cpu.max", "") || cpus != sheaf_usable_cpus())
		return 4;
	if (!write_file("/sys/fs/cgroup/a/b/cpu.max", "999999900000 100000\n") || cpus != sheaf_usable_cpus())
		return 5;
	/* Half a CPU is one; one and a half is two. */
	if (!write_file("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n") || sheaf_usable_cpus() != 1)
		return 6;
	if (!write_file("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n") || sheaf_usable_cpus() != (cpus < 2 ? cpus : 2))
		return 7;
	/* A quota above binds, too. */
	if (!write_file("/sys/fs/cgroup/a/cpu.max", "100000 100000\n") || sheaf_usable_cpus() != 1)
		return 8;
	return 0;
}

Test(os, respects_a_quota_of_cgroup_2)
{
	cr_assert_eq(exit_code_of(use_cgroup_2, NULL), 0);
}

static int use_cgroup_1(void *context)
{
	unsigned cpus = sheaf_usable_cpus();

	(void)context;
	if (!fake_cgroups("5:cpuset:/\n4:cpu,cpuacct:/c\n3:cpuacct:/\nbroken\n") || mkdir("/sys/fs/cgroup/cpu", 0700) ||
	    mkdir("/sys/fs/cgroup/cpu/c", 0700))
		return 77;
	if (!write_file("/sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n") || cpus != sheaf_usable_cpus())
		return 1;
	if (!write_file("/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "-1\n") || cpus != sheaf_usable_cpus())
		return 2;
	if (!write_file("/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "30000\n") || sheaf_usable_cpus() != 1)
		return 3;
	return 0;
}

Test(os, respects_a_quota_of_cgroup_1)
{
	cr_assert_eq(exit_code_of(use_cgroup_1, NULL), 0);
}
#endif

/* ---- descriptors ---- */

static int close_all_but(void *context)
{
	const int *kept = context;
	int sorted[] = {kept[0], kept[1]};

	for (int fd = 3; fd < 12; fd++)
		if (dup2(2, fd) < 0)
			return 77;
	/* Files that the host did not have open, so that the segment got their numbers. */
	os_close_files(sorted, 2);
	for (int fd = 0; fd < 12; fd++)
		if ((fcntl(fd, F_GETFD) >= 0) != (fd < 3 || fd == kept[0] || fd == kept[1]))
			return 10 + fd;
	return 0;
}

Test(os, closes_every_file_above_2_but_two)
{
	int pairs[][2] = {{3, 4}, {4, 3}, {5, 9}, {9, 5}, {3, 11}, {11, 10}, {7, 7}, {0, 5}, {5, 1}, {0, 2}, {1, 2}, {2, 3}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		int code = exit_code_of(close_all_but, pairs[i]);

		cr_assert_eq(code, 0, "but %d and %d: wrong with %d", pairs[i][0], pairs[i][1], code - 10);
	}
}

/* ---- deaths ---- */

static int end_with_3(void *context)
{
	(void)context;
	return 3;
}

static int never_end(void *context)
{
	(void)context;
	while (pause())
		;
	return 0;
}

Test(os, tells_how_a_child_ended_and_leaves_it_unreaped)
{
	siginfo_t info;
	pid_t pid = child_start(end_with_3, NULL), other = child_start(never_end, NULL);
	int status;

	while (!os_child_ended(pid, &info))
		os_sleep_ns(100000);
	cr_assert_eq(info.si_pid, pid);
	cr_assert_eq(info.si_code, CLD_EXITED);
	cr_assert_eq(info.si_status, 3);
	cr_assert_eq(os_child_ended(pid, &info), 1);
	cr_assert_eq(child_wait(pid, &status, 0), 0);
	cr_assert_eq(os_child_ended(pid, &info), -ECHILD);
	cr_assert_eq(os_child_ended(other, &info), 0);
	cr_assert_eq(child_signal(other, SIGTERM), 0);
	while (!os_child_ended(other, &info))
		os_sleep_ns(100000);
	cr_assert_eq(info.si_code, CLD_KILLED);
	cr_assert_eq(info.si_status, SIGTERM);
	child_end(other);
}

static void ignore(int signal)
{
	(void)signal;
}

static int reset_signals(void *context)
{
	struct sigaction action = {.sa_handler = ignore};
	sigset_t mask, now;

	(void)context;
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, ignore);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	os_block_all_signals(NULL);
	/* What has come already is dropped. */
	raise(SIGTERM);
	raise(SIGINT);
	raise(SIGALRM);
	os_reset_signals(&mask);
	sigaction(SIGINT, NULL, &action);
	/* No effect here, and none that a program would inherit. */
	if (action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL || action.sa_handler == ignore)
		return 1;
	raise(SIGINT);
	raise(SIGTSTP);
	sigaction(SIGTTIN, NULL, &action);
	if (action.sa_handler != SIG_IGN)
		return 2;
	sigaction(SIGUSR1, NULL, &action);
	if (action.sa_handler != SIG_DFL)
		return 4;
	sigaction(SIGPIPE, NULL, &action);
	if (action.sa_handler != SIG_IGN)
		return 5;
	/*
	 * The parent's own handler does not run in the child, but the child is not killed either.
	 */
	signal(SIGPIPE, ignore);
	os_reset_signals(&mask);
	sigaction(SIGPIPE, NULL, &action);
	if (action.sa_handler == ignore || action.sa_handler == SIG_DFL)
		return 6;
	signal(SIGPIPE, SIG_DFL);
	os_reset_signals(&mask);
	sigaction(SIGPIPE, NULL, &action);
	if (action.sa_handler != SIG_DFL)
		return 7;
	sigprocmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, SIGUSR2) && !sigismember(&now, SIGINT) ? 0 : 3;
}

Test(os, puts_signals_back)
{
	cr_assert_eq(exit_code_of(reset_signals, NULL), 0);
}

Test(os, waits_for_a_signal_of_the_set)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	os_block_all_signals(&before);
	cr_assert_eq(os_wait_signal(&set, 0), 0);
	raise(SIGUSR1);
	cr_assert_eq(os_wait_signal(&set, UINT64_C(1000000000)), SIGUSR1);
	cr_assert_eq(os_wait_signal(&set, 1000), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- waiting ---- */

static _Atomic int told;

Test(os, waits_for_a_token_until_the_deadline)
{
	uint64_t deadline;
	sem_t sem;
	int r;

	cr_assert_eq(sem_init(&sem, 0, 1), 0);
	cr_assert_eq(os_sem_wait_until(&sem, 0), 0, "a token is there");
	cr_assert_eq(os_sem_wait_until(&sem, 0), -ETIMEDOUT);
	cr_assert_eq(os_sem_wait_until(&sem, sheaf_now_ns()), -ETIMEDOUT);
	deadline = sheaf_now_ns() + 5000000;
	/* It may return early. */
	while (!(r = os_sem_wait_until(&sem, deadline)))
		;
	cr_assert_eq(r, -ETIMEDOUT);
	cr_assert_geq(sheaf_now_ns() + 1000000, deadline);
	sem_destroy(&sem);
}

static void note(int signal)
{
	(void)signal;
}

static void *signal_until_told(void *context)
{
	pthread_t *sleeper = context;

	/* Again and again: the first ones may come before it sleeps. */
	while (!atomic_load(&told)) {
		pthread_kill(*sleeper, SIGUSR1);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return NULL;
}

Test(os, tells_that_a_signal_handler_has_ended_a_sleep)
{
	struct sigaction action = {.sa_handler = note};
	pthread_t self = pthread_self(), thread;
	uint64_t deadline = hang_deadline();
	int r = 0;
	sem_t sem;

	cr_assert_eq(sem_init(&sem, 0, 0), 0);
	cr_assert(!os_sleep_ns(1000));
	sigaction(SIGUSR1, &action, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, signal_until_told, &self), 0);
	while (r != -EINTR && sheaf_now_ns() < deadline)
		r = os_sem_wait_until(&sem, deadline);
	cr_assert_eq(r, -EINTR);
	while (!os_sleep_ns(100000000))
		cr_assert_lt(sheaf_now_ns(), deadline);
	atomic_store(&told, 1);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	signal(SIGUSR1, SIG_DFL);
	sem_destroy(&sem);
}

/* ---- numbers that are given out again ---- */

Test(os, tells_a_descriptor_from_the_next_one_of_its_number)
{
	struct os_file_id id;
	int ends[2], other;

	cr_assert_eq(os_pipe(ends), 0);
	cr_assert_eq(os_file_note(ends[0], &id), 0);
	cr_assert(os_file_is(ends[0], &id));
	cr_assert(os_file_is(ends[1], &id), "both ends are one file");
	close(ends[0]);
	cr_assert_not(os_file_is(ends[0], &id));
	other = open("/dev/null", O_RDONLY);
	cr_assert_eq(other, ends[0]);
	cr_assert_not(os_file_is(other, &id));
	os_file_close(other, &id);
	cr_assert_neq(fcntl(other, F_GETFD), -1, "the other file was closed");
	os_file_close(ends[1], &id);
	cr_assert_eq(fcntl(ends[1], F_GETFD), -1);
	cr_assert_not(os_file_is(-1, &id));
	cr_assert_eq(os_file_note(-1, &id), -EBADF);
	close(other);
}

/* ---- locks ---- */

struct locked {
	int fd;
	unsigned taken;
};

static int see_locks(void *context)
{
	const struct locked *locked = context;
	pid_t holder;

	if (os_lock(locked->fd, locked->taken) != -EAGAIN)
		return 1;
	for (unsigned byte = 0; byte < OS_LOCKS; byte++)
		if (os_locked(locked->fd, byte, 1, &holder) != (byte == locked->taken))
			return 2;
	return os_locked(locked->fd, OS_LOCK_OWNER, OS_LOCKS, &holder) == 1 && holder == getppid() ? 0 : 3;
}

static char left[64]; /* the name of what ought to have none */

Test(os, locks_one_byte_for_each_kind_of_process)
{
	for (unsigned byte = 0; byte < OS_LOCKS; byte++) {
		struct locked locked = {.taken = byte};
		pid_t holder;

		cr_assert_eq(os_shm_anonymous(&locked.fd, left, sizeof(left)), 0);
		cr_assert_eq(os_lock(locked.fd, byte), 0);
		cr_assert_eq(os_locked(locked.fd, OS_LOCK_OWNER, OS_LOCKS, &holder), 0, "one's own lock counts");
		cr_assert_eq(exit_code_of(see_locks, &locked), 0);
		close(locked.fd);
	}
}

/* ---- shared memory ---- */

Test(os, commits_and_releases_memory)
{
	unsigned char *memory;
	int fd;

	cr_assert_eq(os_shm_anonymous(&fd, left, sizeof(left)), 0);
	cr_assert_eq(ftruncate(fd, 1 << 20), 0);
	memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(memory, MAP_FAILED);
	cr_assert_eq(os_commit(fd, 65536, 131072, NULL), 0);
	memset(memory + 65536, 1, 131072);
	os_release(fd, 65536, 65536);
	cr_assert_eq(os_commit(fd, 65536, 65536, NULL), 0);
	os_clear(memory + 65536, 65536);
	cr_assert_eq(memory[65536], 0);
	cr_assert_eq(memory[131071], 0);
	cr_assert_eq(memory[131072], 1);
	munmap(memory, 1 << 20);
	close(fd);
}

Test(os, commits_all_of_what_is_mapped_and_leaves_the_rest)
{
	const size_t huge = (size_t)2 << 20, all = 4 * huge;
	unsigned char *memory;
	struct stat status;
	int fd;

	cr_assert_eq(os_shm_anonymous(&fd, left, sizeof(left)), 0);
	cr_assert_eq(ftruncate(fd, (off_t)all), 0);
	memory = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(memory, MAP_FAILED);
	/* Parts of pages before, behind and between huge ones, wherever the mapping begins. */
	for (size_t ahead = 4096; ahead < huge; ahead += huge / 4) {
		cr_assert_eq(os_commit(fd, ahead, 2 * huge, memory + ahead), 0);
		cr_assert_eq(fstat(fd, &status), 0);
		cr_assert_geq(status.st_blocks, (blkcnt_t)(2 * huge / 512));
		for (size_t i = 0; i < 2 * huge; i++)
			cr_assert_eq(memory[ahead + i], 0);
		os_release(fd, ahead, 2 * huge);
		os_clear(memory + ahead, 2 * huge);
	}
	cr_assert_eq(os_commit(fd, 0, 4096, memory), 0);
	memory[1] = 1;
	cr_assert_eq(os_commit(fd, 0, all, memory), 0);
	cr_assert_eq(memory[1], 1, "what was there stays");
	munmap(memory, all);
	close(fd);
}

/* What began while the first thread was there. */
struct begun {
	struct os_process_id self, other;
	int fd;
};

/* It goes on without that thread, and the process is the same. */
static int go_on_alone(void *context)
{
	const struct begun *begun = context;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "/test-os-%ld", (long)getpid());
	r = os_shm_link(begun->fd, name);
	shm_unlink(name);
	if (r)
		return 1;
	if (os_process_lives(&begun->self) != 1)
		return 2;
	/* Nothing tells that it does not map the file. */
	if (os_maps_file(getpid(), &(struct os_file_id){0}) == 0)
		return 3;
	return begun->other.start && os_process_is(&begun->other) != 1 ? 4 : 0;
}

static int end_the_first_thread(void *context)
{
	struct begun begun;

	(void)context;
	if (os_shm_unnamed(&begun.fd))
		return 77;
	os_process_note(&begun.self);
	/* Asked anew: what a process has noted of itself it remembers. */
	os_process_note_other(getppid(), &begun.other);
	return end_first_thread(go_on_alone, &begun);
}

Test(os, goes_on_when_the_first_thread_has_ended)
{
	cr_assert_eq(exit_code_of(end_the_first_thread, NULL), 0);
}

Test(os, gives_different_random_bits)
{
	uint64_t a = 0, b = 0;

	cr_assert_eq(os_random(&a), 0);
	cr_assert_eq(os_random(&b), 0);
	cr_assert_neq(a, b);
}

Test(os, knows_the_memory_of_the_machine)
{
	cr_assert_geq(os_memory(), (uint64_t)1 << 24);
}

Test(os, gives_large_arrays)
{
	for (size_t size = 1; size <= (size_t)16 << 20; size *= 16) {
		char *array = os_large_alloc(size);

		cr_assert_not_null(array);
		memset(array, 1, size);
		free(array);
	}
}
