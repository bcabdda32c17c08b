/*
 * leaks.c - what a process holds, counted in /dev/fd, /proc and /dev/shm.
 */
#include "leaks.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc.h"

#define SHM "/dev/shm"

int count_open_files(void)
{
	DIR *folder = opendir("/dev/fd");
	int count = 0;

	if (!folder)
		return -1;
	for (const struct dirent *entry; (entry = readdir(folder));)
		count += isdigit((unsigned char)entry->d_name[0]) != 0;
	closedir(folder);
	/* Without the descriptor of the folder itself. */
	return count - 1;
}

int count_segment_mappings(void)
{
	FILE *file = fopen("/proc/thread-self/maps", "r");
	char line[4096];
	int count = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof line, file))
		count += strstr(line, " " SHM "/sheaf") || strstr(line, " /memfd:sheaf");
	fclose(file);
	return count;
}

static int count_children_if(bool zombies_only)
{
	DIR *folder = opendir("/proc");
	struct proc proc;
	int count = 0;

	if (!folder)
		return -1;
	if (!proc_read(getpid(), &proc)) {
		closedir(folder);
		return -1;
	}
	for (const struct dirent *entry; (entry = readdir(folder));) {
		/* A process that ends meanwhile is no error. */
		if (!isdigit((unsigned char)entry->d_name[0]) || !proc_read((pid_t)atol(entry->d_name), &proc))
			continue;
		count += proc.parent == getpid() && (!zombies_only || proc.state == 'Z');
	}
	closedir(folder);
	return count;
}

int count_children(void)
{
	return count_children_if(false);
}

int count_zombies(void)
{
	return count_children_if(true);
}

static int count_names(const char *prefix)
{
	DIR *folder = opendir(SHM);
	struct stat info;
	int count = 0;

	if (!folder)
		return -1;
	for (const struct dirent *entry; (entry = readdir(folder));) {
		/* A name that goes meanwhile is no error. */
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		    fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
			count += info.st_uid == geteuid();
	}
	closedir(folder);
	return count;
}

int count_segment_names(void)
{
	return count_names("sheaf");
}

int count_segment_names_of(pid_t maker)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "sheaf-%ld-", (long)maker);
	return count_names(prefix);
}

int segment_name_exists(const char *name)
{
	char path[300];
	struct stat info;

	/* Not by shm_open(): closing a descriptor of the segment drops the owner's lock. */
	snprintf(path, sizeof path, SHM "%s", name);
	if (access(SHM, X_OK) < 0)
		return -1;
	return lstat(path, &info) == 0;
}
