/*
 * cgroup.c - how much memory the cgroups of Linux still let this process take.
 *
 * A container may have less memory than its /dev/shm has room. Then the kernel would kill a process
 * that commits too much. So what the cgroups allow is counted before. Where there are no cgroups,
 * there is no limit.
 *
 * The limit of every group from ours up to the root binds. What is used includes pages of files,
 * which the kernel drops before it kills. Where there is swap, more than the limit fits. Both are
 * counted as room.
 */
#include "base/atomic.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOT_LIMITED (UINT64_C(1) << 60) /* version 1 says a number near 2^63 */
#define UNASKED ((int64_t)1 << 20)      /* bytes that a process may commit before it asks */
#define MOST_UNASKED ((uint64_t)64 << 20)
#define FRESH_NS UINT64_C(100000000) /* an answer is believed for that long */
#define MARGIN ((uint64_t)512 << 10) /* for page tables, and what each CPU is charged ahead */

/* ---- files of numbers ---- */

/* Read a file as a string, cut off at the end of @text. 0, or -errno. */
static int read_cgroup_text(const char *folder, const char *name, char *text, size_t size)
{
	char path[4400];
	size_t used = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	do
		fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		ssize_t got = read(fd, text + used, size - 1 - used);

		if (got > 0)
			used += (size_t)got;
		else if (!got || errno != EINTR)
			break;
	}
	close(fd);
	text[used] = '\0';
	return used ? 0 : -ENODATA;
}

/* Read the number in a file. UINT64_MAX: there is no such file, or it says "max". */
static uint64_t read_cgroup_number(const char *folder, const char *name)
{
	char text[64], *end;
	unsigned long long number;

	if (read_cgroup_text(folder, name, text, sizeof(text)))
		return UINT64_MAX;
	number = strtoull(text, &end, 10);
	return end == text || number >= NOT_LIMITED ? UINT64_MAX : number;
}

/* Read the number after @key, which begins a line, times @unit. 0: there is none. */
static uint64_t read_cgroup_line(const char *folder, const char *name, const char *key, uint64_t unit)
{
	char text[8192];
	size_t length = strlen(key);

	if (read_cgroup_text(folder, name, text, sizeof(text)))
		return 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length))
			return strtoull(line + length, NULL, 10) * unit;
	}
	return 0;
}

/* ---- one group ---- */

struct version {
	const char *limit, *usage;
	const char *inactive, *active;       /* keys in memory.stat */
	const char *both_limit, *both_usage; /* memory and swap together, or swap alone */
	bool swap_alone;
};

static const struct version versions[] = {
	{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ", "total_active_file ",
	 "memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", false},
	{"memory.max", "memory.current", "inactive_file ", "active_file ", "memory.swap.max", "memory.swap.current", true},
};

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a == UINT64_MAX ? a : a > b ? a - b : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Add what the kernel could drop or swap to what is left in a group. Dear, so only if little is
 * left.
 */
static uint64_t add_reclaimable(const char *folder, const struct version *version, uint64_t left)
{
	uint64_t files = read_cgroup_line(folder, "memory.stat", version->inactive, 1) +
			 read_cgroup_line(folder, "memory.stat", version->active, 1);
	uint64_t swap = read_cgroup_line("/proc", "meminfo", "SwapFree:", 1024), more;

	left += files;
	if (!swap)
		return left;
	more = minus(read_cgroup_number(folder, version->both_limit), read_cgroup_number(folder, version->both_usage));
	if (version->swap_alone)
		return left + smaller(swap, more);
	return more == UINT64_MAX ? left + swap : smaller(left + swap, more + files);
}

/* Lower *@room to what one group allows. */
static void ask_group(const char *mount, const char *group, const struct version *version, struct os_memory_room *room)
{
	char folder[4200];
	uint64_t limit, left;

	snprintf(folder, sizeof(folder), "%s%s", mount, group);
	limit = read_cgroup_number(folder, version->limit);
	if (limit == UINT64_MAX)
		return;
	left = minus(limit, read_cgroup_number(folder, version->usage));
	if (left < 4 * MOST_UNASKED)
		left = add_reclaimable(folder, version, left);
	if (left >= room->left)
		return;
	room->left = left;
	room->limit = limit;
	snprintf(room->group, sizeof(room->group), "%s", *group ? group : "/");
}

/* Ask every group from @group up to the root. Shortens @group. */
static void ask_groups_up(const char *mount, char *group, const struct version *version, struct os_memory_room *room)
{
	for (;;) {
		char *slash;

		ask_group(mount, group, version, room);
		slash = strrchr(group, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

/* ---- all of them ---- */

void os_memory_room(struct os_memory_room *room)
{
	char text[8192], *line, *rest = text;

	*room = (struct os_memory_room){.left = UINT64_MAX};
	if (read_cgroup_text("/proc/self", "cgroup", text, sizeof(text)))
		return;
	/* Lines are "4:memory:/path" (version 1) and "0::/path" (version 2). */
	while ((line = strtok_r(rest, "\n", &rest))) {
		char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!group)
			continue;
		*group++ = '\0';
		controllers++;
		if (!strcmp(group, "/"))
			group++;
		if (!strcmp(controllers, "memory"))
			ask_groups_up("/sys/fs/cgroup/memory", group, &versions[0], room);
		else if (!*controllers)
			ask_groups_up("/sys/fs/cgroup", group, &versions[1], room);
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/*
 * Of this process; a child goes on from its parent's. Relaxed, all, because they are hints: an old
 * value only changes how soon the groups are asked again.
 */
static _Atomic int64_t unasked = UNASKED;
static _Atomic uint64_t asked_ns;

bool os_memory_allows(uint64_t size)
{
	struct os_memory_room room;
	uint64_t asked = load_relaxed(&asked_ns), needed = size + size / 128 + MARGIN;

	if (size <= MOST_UNASKED && load_relaxed(&unasked) >= (int64_t)size && (!asked || now_ns() - asked < FRESH_NS)) {
		fetch_sub_relaxed(&unasked, (int64_t)size);
		return true;
	}
	os_memory_room(&room);
	if (room.left < needed)
		return false;
	/* An eighth of what is left, because others take of it, too. */
	store_relaxed(&unasked, (int64_t)smaller((room.left - needed) / 8, MOST_UNASKED));
	store_relaxed(&asked_ns, now_ns());
	return true;
}
