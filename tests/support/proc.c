/*
 * proc.c - what /proc tells about a process.
 */
#include "proc.h"

#include <stdio.h>
#include <string.h>

bool proc_read(pid_t pid, struct proc *proc)
{
	char path[64];
	char text[512];
	FILE *file;
	const char *end;
	size_t size;
	long parent;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[size] = '\0';
	/* "pid (name) state parent ...", where the name may hold any character. */
	end = strrchr(text, ')');
	if (!end || sscanf(end, ") %c %ld", &proc->state, &parent) != 2)
		return false;
	proc->parent = (pid_t)parent;
	return true;
}
