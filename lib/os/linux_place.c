/*
 * linux_place.c - where a thread or a process runs, and what it may take: CPUs, nice level, the
 * score by which the kernel chooses whom to kill, address space.
 *
 * On Linux a nice level is a thread's own. CPUs without any entry in /sys (some containers hide it)
 * count as cores of one package.
 */
#define _GNU_SOURCE
#include "os/place.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_CPUS (1 << 20)
#define SCORE "/proc/thread-self/oom_score_adj"
#define MOST_SCORE 1000
#define SHORT_SLICE_NS 100000 /* Linux takes nothing less */

/* The first version of the kernel's struct, which C libraries did not have for long. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t slice, deadline, period;
};

/* Of OpenMP's library, if the program has one: what it reads from the environment it has read. */
void omp_set_num_threads(int count) __attribute__((weak));

/* ---- small files of the kernel ---- */

/* Read the first number in a file. 0; -ENODATA: there is none; -errno. */
static int read_first(const char *path, long *number)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	char text[64], *end;
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, text, sizeof(text) - 1);
	if (size < 0)
		r = -errno;
	close(fd);
	if (r)
		return r;
	text[size] = '\0';
	*number = strtol(text, &end, 10);
	return end == text ? -ENODATA : 0;
}

static int write_file(const char *path, long number)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), size, r = 0;
	char text[32];

	if (fd < 0)
		return -errno;
	size = snprintf(text, sizeof(text), "%ld", number);
	if (write(fd, text, (size_t)size) != size)
		r = -errno;
	close(fd);
	return r;
}

/* ---- CPUs ---- */

/* Find where a CPU is. Its core is named by the lowest of the CPUs that share it. */
static void locate(struct os_cpu *cpu)
{
	char path[96];
	long number;

	cpu->package = 0;
	cpu->core = cpu->number;
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/physical_package_id", cpu->number);
	if (!read_first(path, &number) && number >= 0)
		cpu->package = (unsigned)number;
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu->number);
	if (!read_first(path, &number) && number >= 0)
		cpu->core = (unsigned)number;
}

/*
 * Get the set of CPUs that the calling thread may use. The kernel refuses a set that is smaller
 * than its own, so larger ones are tried until it fits. NULL: no memory, or the kernel does not
 * tell. *@possible: how many CPUs it has room for. To be freed by CPU_FREE().
 */
static cpu_set_t *usable_set(int *possible)
{
	for (*possible = CPU_SETSIZE; *possible <= MOST_CPUS; *possible *= 4) {
		cpu_set_t *set = CPU_ALLOC(*possible);

		if (!set || !sched_getaffinity(0, CPU_ALLOC_SIZE(*possible), set))
			return set;
		CPU_FREE(set);
	}
	return NULL;
}

int os_list_cpus(struct os_cpu *cpus, unsigned most)
{
	unsigned count = 0;
	int possible;
	cpu_set_t *set = usable_set(&possible);

	if (!set)
		return -ENOTSUP;
	for (int i = 0; i < possible && count < most; i++) {
		if (!CPU_ISSET_S((size_t)i, CPU_ALLOC_SIZE(possible), set))
			continue;
		cpus[count].number = (unsigned)i;
		locate(&cpus[count++]);
	}
	CPU_FREE(set);
	return (int)count;
}

int os_pin(unsigned cpu)
{
	size_t size = CPU_ALLOC_SIZE(cpu + 1);
	cpu_set_t *set = cpu < MOST_CPUS ? CPU_ALLOC(cpu + 1) : NULL;
	int r;

	if (!set)
		return cpu < MOST_CPUS ? -ENOMEM : -EINVAL;
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	r = sched_setaffinity(0, size, set) ? -errno : 0;
	CPU_FREE(set);
	return r;
}

/* ---- how long it runs at a time ---- */

/* What the process had. Inherited over a fork. */
static uint64_t usual_slice;

/* Change the slice. Return what it was; 0: it is not ours to choose. */
static uint64_t change_slice(uint64_t slice)
{
	struct scheduling scheduling = {.size = sizeof(scheduling)};
	uint64_t before;

	/* Of another policy the slice is something else, and before Linux 6.12 it is shown as 0. */
	if (syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0) || scheduling.policy != SCHED_OTHER)
		return 0;
	before = scheduling.slice;
	if (!before)
		return 0;
	scheduling.slice = slice;
	return syscall(SYS_sched_setattr, 0, &scheduling, 0) ? 0 : before;
}

void os_shorten_slice(void)
{
	uint64_t before = usual_slice ? 0 : change_slice(SHORT_SLICE_NS);

	if (before)
		usual_slice = before;
}

void os_restore_slice(void)
{
	if (usual_slice)
		change_slice(usual_slice);
	usual_slice = 0;
}

/* ---- what it may take ---- */

int os_add_nice(int add, bool thread)
{
	/* Each thread has a level of its own. */
	(void)thread;
	return os_add_own_nice(add);
}

int os_add_oom_score(int add)
{
	long score = 0;
	int r = read_first(SCORE, &score);

	if (r)
		return r == -ENOENT ? -ENOTSUP : r;
	score += add;
	return write_file(SCORE, score < -MOST_SCORE ? -MOST_SCORE : score > MOST_SCORE ? MOST_SCORE : score);
}

int os_limit_address_space(uint64_t more)
{
	struct rlimit limit;
	uint64_t bytes;
	long pages = 0;
	int r = read_first("/proc/thread-self/statm", &pages);

	if (r)
		return r == -ENOENT ? -ENOTSUP : r;
	if (getrlimit(RLIMIT_AS, &limit))
		return -errno;
	bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	bytes = more > UINT64_MAX - bytes ? UINT64_MAX : bytes + more;
	/* A limit that is there already, and lower, stays. */
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max <= bytes)
		return 0;
	limit.rlim_cur = limit.rlim_cur < bytes ? limit.rlim_cur : (rlim_t)bytes;
	limit.rlim_max = (rlim_t)bytes;
	return setrlimit(RLIMIT_AS, &limit) ? -errno : 0;
}

void os_tell_openmp(unsigned threads)
{
	if (omp_set_num_threads)
		omp_set_num_threads(threads < INT_MAX ? (int)threads : INT_MAX);
}
