/*
 * linux_cpus.c - how many CPUs this process may use: its affinity mask, and the quotas of its
 * cgroups.
 */
#define _GNU_SOURCE
#include "os/os.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Read the quota of one cgroup of version 2 in CPUs: "max 100000" or "150000 100000". 0: none. */
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

/* Read the quota of one cgroup of version 1 in CPUs. 0: none. */
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

/* Find the smallest quota of the cgroups from @group up to the root, because each of them binds. */
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

	/*
	 * The kernel refuses a set that is smaller than its own, so try larger ones until it fits.
	 */
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
