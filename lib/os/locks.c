/*
 * locks.c - record locks on the bytes of a segment's file, by which the kernel tells which
 * processes live.
 *
 * A process has the lock of its byte for as long as it lives. Its death drops the lock at once, so
 * nothing has to be repaired.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static int lock_bytes(int fd, unsigned first, unsigned count)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)first, .l_len = (off_t)count};

	while (fcntl(fd, F_SETLK, &lock))
		if (errno != EINTR)
			return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

int os_lock(int fd, unsigned byte)
{
	return lock_bytes(fd, byte, 1);
}

void os_unlock(int fd, unsigned byte)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};

	fcntl(fd, F_SETLK, &lock);
}

int os_locked(int fd, unsigned first, unsigned count, pid_t *holder)
{
	/* A read lock conflicts with theirs, and may be asked about however the file is open. */
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)first, .l_len = (off_t)count};

	if (fcntl(fd, F_GETLK, &lock))
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	*holder = lock.l_pid > 0 ? lock.l_pid : 0;
	return 1;
}

/* True: some process holds the lock. */
static bool signal_holder(int fd, unsigned byte, int signal)
{
	pid_t holder = 0, again = 0;
	int pidfd;

	if (os_locked(fd, byte, 1, &holder) != 1)
		return false;
	if (holder <= 0)
		return true;
	pidfd = os_pidfd_open(holder);
	if (pidfd == -ENOSYS) {
		kill(holder, signal);
	} else if (pidfd >= 0) {
		if (os_locked(fd, byte, 1, &again) == 1 && again == holder)
			os_pidfd_signal(pidfd, signal, false);
		close(pidfd);
	}
	return true;
}

bool os_kill_holder(int fd, unsigned byte)
{
	return signal_holder(fd, byte, SIGKILL);
}

void os_signal_holder(int fd, unsigned byte, int signal)
{
	(void)signal_holder(fd, byte, signal);
}

/*
 * Only the process that holds the locks unlinks. A creator that finds its file unlinked once it has
 * the lock starts again with a new one (segment/file.c). So neither a creator between open and
 * lock, nor a new file under the old name, can be swept by mistake.
 */
int os_sweep_open(int fd, const char *name, unsigned first, unsigned count)
{
	struct stat status;
	struct os_file_id id;
	int r;

	if (fstat(fd, &status))
		return -errno;
	if (status.st_uid != geteuid() || !S_ISREG(status.st_mode))
		return -EPERM;
	if ((r = lock_bytes(fd, first, count)))
		return r;
	id = (struct os_file_id){.device = status.st_dev, .inode = status.st_ino};
	if (!os_shm_is(name, fd, &id))
		return -ENOENT;
	/*
	 * The name alone, because a supervisor that is about to end the dead owner's workers still
	 * reads the memory. That goes with the last of them.
	 */
	return os_shm_unlink(name, fd, &id);
}
