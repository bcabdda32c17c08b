/*
 * linux_process.c - processes as Linux tells of them: descriptors of processes, rights, death
 * signals, /proc.
 *
 * The calls for descriptors of processes go by their numbers, which are the same on all machines,
 * because older libraries do not know the calls.
 */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBER_PIDFD_SEND_SIGNAL 424L
#define NUMBER_PIDFD_OPEN 434L
#define BY_PIDFD 3              /* P_PIDFD, Linux 5.4 */
#define SIGNAL_GROUP (1ul << 2) /* PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9 */

/*
 * Tell -ENOSYS from real errors: kernels before 5.3 and sandboxes refuse the calls by one of these.
 */
static int pidfd_error(int error)
{
	return error == EINVAL || error == ENOSYS || error == EPERM || error == EBADF ? -ENOSYS : -error;
}

unsigned os_thread_count(void)
{
	struct stat tasks;

	/* One folder for each thread, beside "." and "..". */
	return fstatat(AT_FDCWD, "/proc/self/task", &tasks, 0) || tasks.st_nlink < 3 ? 0 : (unsigned)tasks.st_nlink - 2;
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

bool os_rights_by_file(void)
{
	return getauxval(AT_SECURE) != 0;
}

/*
 * Tell whether the process has capabilities that other processes of its user lack. Asks without
 * headers of the kernel.
 */
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
 * Tell whether root started the program, and it has become this user for good. Its ids say so, and
 * it counts as that user's. The kernel makes such a process not dumpable, which cannot be told from
 * a wish of the program.
 */
static bool gave_root_up(uid_t uid)
{
	return uid && getauxval(AT_UID) == 0 && getauxval(AT_EUID) == 0;
}

/* Ask what the kernel asks before it lets another process of this user trace this one. */
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

bool os_die_with_parent(pid_t parent, int signal)
{
	prctl(PR_SET_PDEATHSIG, signal);
	return getppid() == parent;
}

uint64_t os_parent_check_ns(void)
{
	/* For sandboxes without the death signal, which comes first elsewhere. */
	return 1000000000u;
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
	/*
	 * The state follows the name, which may hold anything and ends with the last parenthesis.
	 */
	state = fgets(line, sizeof(line), stat) ? strrchr(line, ')') : NULL;
	fclose(stat);
	return state && state[1] == ' ' && state[2] == 'T';
}

int os_maps_file(pid_t pid, const struct os_file_id *file)
{
	unsigned long long inode;
	unsigned major_number, minor_number;
	char path[64], line[512];
	bool any = false;
	int found = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	if (!(maps = fopen(path, "re")))
		return -1;
	/*
	 * Lines are "7f00-7f10 rw-s 00000000 00:1a 1234 /dev/shm/name", with blanks before the
	 * name. The rest of a line that is too long does not look like one.
	 */
	while (!found && fgets(line, sizeof(line), maps)) {
		any = true;
		found = sscanf(line, "%*x-%*x %*s %*x %x:%x %llu", &major_number, &minor_number, &inode) == 3 &&
			inode == file->inode && makedev(major_number, minor_number) == file->device;
	}
	/* Without a line its first thread has ended, and the others may map whatever they like. */
	if (ferror(maps) || !any)
		found = -1;
	fclose(maps);
	return found;
}

void os_name_process(const char *name)
{
	prctl(PR_SET_NAME, name);
}
