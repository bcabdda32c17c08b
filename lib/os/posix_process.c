/*
 * posix_process.c - processes with POSIX alone, but for one thing that no program should lack where
 * its system has it: whether it has more rights than the user who started it.
 *
 * A parent's death is noticed by polling, ten times a second.
 */
#include "os/os.h"

#include <errno.h>
#ifdef HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif
#include <unistd.h>

unsigned os_thread_count(void)
{
	return 0;
}

int os_pidfd_open(pid_t pid)
{
	(void)pid;
	return -ENOSYS;
}

int os_pidfd_ended(int pidfd, bool reap)
{
	(void)pidfd;
	(void)reap;
	return -ENOSYS;
}

int os_pidfd_signal(int pidfd, int signal, bool group)
{
	(void)pidfd;
	(void)signal;
	(void)group;
	return -ENOSYS;
}

#ifdef HAVE_ISSETUGID
int issetugid(void); /* where headers do not show it to a POSIX program */
#endif

bool os_rights_by_file(void)
{
#if defined(HAVE_ISSETUGID)
	return issetugid();
#elif defined(HAVE_GETAUXVAL)
	return getauxval(AT_SECURE) != 0;
#else
	return getuid() != geteuid() || getgid() != getegid();
#endif
}

const char *os_guarded(void)
{
	if (os_rights_by_file())
		return "has rights by its program's file (set-user-ID, set-group-ID or file capabilities)";
	if (getuid() != geteuid())
		return "has real and effective user ids that differ";
	if (getgid() != getegid())
		return "has real and effective group ids that differ";
	return NULL;
}

bool os_die_with_parent(pid_t parent, int signal)
{
	(void)signal;
	return getppid() == parent;
}

uint64_t os_parent_check_ns(void)
{
	return 100000000u;
}

bool os_ends_orphans(void)
{
	return false;
}

bool os_adopts_orphans(void)
{
	return getpid() == 1;
}

bool os_is_stopped(pid_t pid)
{
	(void)pid;
	return false;
}

int os_maps_file(pid_t pid, const struct os_file_id *file)
{
	(void)pid;
	(void)file;
	return -1;
}

void os_name_process(const char *name)
{
	(void)name;
}
