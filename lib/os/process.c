/*
 * process.c - what a process may read of its environment, random bits, and the end of a child.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
