/*
 * calls.c - what the library calls instead of libc: `-Wl,--wrap=NAME` makes NAME mean __wrap_NAME,
 * and __real_NAME the function itself. What _FORTIFY_SOURCE makes of NAME is __NAME_chk, which
 * knows how much room there is.
 *
 * Which names are wrapped is told by meson.build; a wrapper that is missing here, or there, does
 * not link. A call that fails has no effect, but where the system says otherwise: close() and
 * fclose() close whatever they return.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

const struct call_errors calls[CALLS] = {
	[CALL_ACCESS] = {"access", {ENOENT, EACCES}},
	[CALL_CALLOC] = {"calloc", {ENOMEM}},
	[CALL_CLOSE] = {"close", {EINTR, EIO}},
	[CALL_CLOSE_RANGE] = {"close_range", {ENOSYS, EPERM, EMFILE, ENOMEM}},
	[CALL_CPU_ALLOC] = {"CPU_ALLOC", {ENOMEM}},
	[CALL_DUPLICATE] = {"fcntl(F_DUPFD_CLOEXEC)", {EMFILE}},
	[CALL_FALLOCATE] = {"fallocate", {EOPNOTSUPP, ENOSYS, EPERM, EINTR, ENOMEM}},
	[CALL_FCHMOD] = {"fchmod", {EPERM, ENOSYS}},
	[CALL_FCLOSE] = {"fclose", {EIO}},
	[CALL_FFLUSH] = {"fflush", {EIO, ENOSPC, EPIPE, EINTR}},
	[CALL_FGETS] = {"fgets", {EIO}},
	[CALL_FOPEN] = {"fopen", {ENOENT, EACCES, EMFILE, ENFILE, ENOMEM}},
	[CALL_FORK] = {"fork", {EAGAIN, ENOMEM}},
	[CALL_FSCANF] = {"fscanf", {EIO}},
	[CALL_FSTAT] = {"fstat", {ENOMEM, EOVERFLOW}},
	[CALL_FSTATAT] = {"fstatat", {ENOENT, ENOMEM}},
	[CALL_FSTATVFS] = {"fstatvfs", {EINTR, EIO, ENOMEM}},
	[CALL_FSYNC] = {"fsync", {EINTR, EIO, ENOSPC}},
	[CALL_FTRUNCATE] = {"ftruncate", {EFBIG, EINTR, ENOMEM}},
	[CALL_GETCWD] = {"getcwd", {ENOENT, EACCES, ENOMEM}},
	/* An owner that has become another user. Workers that have are not promised anything. */
	[CALL_KILL] = {"kill", {EPERM}},
	[CALL_LINKAT] = {"linkat", {EEXIST, EACCES, ENOENT, ENOMEM, ENOSPC, ENOSYS, EPERM, EROFS}},
	/* Another process locks for an instant, while it sweeps. */
	[CALL_LOCK] = {"fcntl(F_SETLK)", {ENOLCK, EINTR, -EAGAIN, -EACCES}},
	[CALL_MADVISE] = {"madvise", {EINVAL, ENOMEM, EAGAIN, EBUSY}},
	[CALL_MALLOC] = {"malloc", {ENOMEM}},
	[CALL_MEMFD_CREATE] = {"memfd_create", {ENOSYS, EPERM, EMFILE, ENFILE, ENOMEM}},
	[CALL_MMAP] = {"mmap", {ENOMEM, EAGAIN}},
	[CALL_MPROTECT] = {"mprotect", {ENOMEM}},
	[CALL_MREMAP] = {"mremap", {ENOMEM, EAGAIN}},
	[CALL_MUNLOCK] = {"munlock", {ENOMEM, EPERM}},
	[CALL_NANOSLEEP] = {"nanosleep", {EINTR}},
	[CALL_NEWLOCALE] = {"newlocale", {ENOMEM}},
	[CALL_OPEN] = {"open", {EACCES, EINTR, EIO, EMFILE, ENFILE, ENOENT, ENOMEM}},
	[CALL_OPENDIR] = {"opendir", {EACCES, EMFILE, ENFILE, ENOENT, ENOMEM}},
	[CALL_PIPE] = {"pipe", {EMFILE, ENFILE}},
	[CALL_PIPE2] = {"pipe2", {EMFILE, ENFILE, ENOSYS}},
	/* Linux has room for a few descriptors on its stack. */
	[CALL_POLL] = {"poll", {EINTR, -ENOMEM}},
	[CALL_POSIX_FALLOCATE] = {"posix_fallocate", {ENOSPC, EFBIG, EINTR, ENOMEM}},
	[CALL_POSIX_MEMALIGN] = {"posix_memalign", {ENOMEM}},
	[CALL_PPOLL] = {"ppoll, pselect", {EINTR, ENOMEM}},
	[CALL_PRCTL] = {"prctl", {EINVAL, ENOSYS, EPERM}},
	[CALL_PREAD] = {"pread", {EINTR, EIO}},
	[CALL_PTHREAD_ATFORK] = {"pthread_atfork", {ENOMEM}},
	[CALL_PTHREAD_CREATE] = {"pthread_create", {EAGAIN}},
	[CALL_PTHREAD_MUTEX_TRYLOCK] = {"pthread_mutex_trylock", {EBUSY}},
	/* Over what is there already: no room is needed. */
	[CALL_PWRITE] = {"pwrite", {EINTR}},
	[CALL_READ] = {"read", {EINTR, EIO}},
	[CALL_READDIR] = {"readdir", {EIO}},
	[CALL_READLINK] = {"readlink", {ENOENT, EACCES}},
	[CALL_RENAME] = {"rename", {EACCES, ENOENT, ENOSPC, EROFS}},
	[CALL_REALLOC] = {"realloc", {ENOMEM}},
	[CALL_SCHED_GETAFFINITY] = {"sched_getaffinity", {EINVAL, ENOSYS, EPERM}},
	[CALL_SEM_INIT] = {"sem_init", {ENOSYS, ENOSPC}},
	/* Stands for a poster that is killed on its way, too. */
	[CALL_SEM_POST] = {"sem_post", {-EOVERFLOW}},
	[CALL_SEM_TIMED] = {"sem_clockwait, sem_timedwait", {EINTR, ETIMEDOUT}},
	[CALL_SEM_WAIT] = {"sem_wait", {EINTR}},
	[CALL_SETPGID] = {"setpgid", {EACCES, EPERM, ESRCH}},
	[CALL_SHM_CREATE] = {"shm_open(O_CREAT)", {EACCES, EEXIST, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, ENOSYS, EROFS}},
	[CALL_SHM_OPEN] = {"shm_open", {EACCES, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSYS}},
	[CALL_SHM_UNLINK] = {"shm_unlink", {EACCES, ENOENT, EPERM, EROFS}},
	[CALL_SIGTIMEDWAIT] = {"sigtimedwait", {EAGAIN, EINTR}},
	[CALL_STATVFS] = {"statvfs", {EINTR, ENOENT, ENOMEM}},
	[CALL_SYSCONF] = {"sysconf", {EINVAL}},
	[CALL_TMPFILE] = {"open(O_TMPFILE)", {EOPNOTSUPP, EISDIR, EACCES, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC}},
	/* ECHILD: the host has reaped the supervisor. Only the supervisor reaps workers. */
	[CALL_WAITID] = {"waitid(P_PID)", {ECHILD, EINTR}},
	[CALL_WAITID_ANY] = {"waitid(P_ALL)", {EINTR}},
	[CALL_WAITPID] = {"waitpid(PID)", {ECHILD, EINTR}},
	[CALL_WAITPID_ANY] = {"waitpid(-1)", {EINTR}},
	/* Into a pipe that has not been read from for long. */
	[CALL_WRITE] = {"write", {EAGAIN, EINTR}},
	[CALL_WRITEV] = {"writev", {EINTR, EIO, ENOSPC}},
	/* It takes a byte and tells so: no failure, as an interruption is none. */
	[CALL_WRITEV_SHORT] = {"writev that takes one byte", {EINTR}},
};

/* The errno with which this call of the library fails, or 0. */
#define FAULT(call) fault_of(call, __builtin_return_address(0))

/* For functions that return -1 (or NULL) and set errno. */
#define FAIL_IF(call, failed)             \
	do {                              \
		int error_ = FAULT(call); \
                                          \
		if (error_) {             \
			errno = error_;   \
			return (failed);  \
		}                         \
	} while (0)

static void hold(_Atomic long *count, long change)
{
	if (plan_inside())
		atomic_fetch_add(count, change);
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	void *memory;

	FAIL_IF(CALL_MALLOC, NULL);
	memory = __real_malloc(size);
	hold(&holdings.blocks, memory != NULL);
	return memory;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	void *memory;

	FAIL_IF(CALL_CALLOC, NULL);
	memory = __real_calloc(n, size);
	hold(&holdings.blocks, memory != NULL);
	return memory;
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
	void *memory;

	FAIL_IF(CALL_REALLOC, NULL);
	memory = __real_realloc(old, size);
	hold(&holdings.blocks, memory && !old);
	return memory;
}

int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
	int r = FAULT(CALL_POSIX_MEMALIGN);

	if (!r)
		r = __real_posix_memalign(memory, alignment, size);
	hold(&holdings.blocks, !r);
	return r;
}

void __real_free(void *memory);
void __wrap_free(void *memory)
{
	hold(&holdings.blocks, -(memory != NULL));
	__real_free(memory);
}

cpu_set_t *__real___sched_cpualloc(size_t count);
cpu_set_t *__wrap___sched_cpualloc(size_t count)
{
	cpu_set_t *set;

	FAIL_IF(CALL_CPU_ALLOC, NULL);
	set = __real___sched_cpualloc(count);
	hold(&holdings.blocks, set != NULL);
	return set;
}

void __real___sched_cpufree(cpu_set_t *set);
void __wrap___sched_cpufree(cpu_set_t *set)
{
	hold(&holdings.blocks, -(set != NULL));
	__real___sched_cpufree(set);
}

static void *_Atomic anonymous; /* the last memory of no file */

void *__real_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *memory;

	FAIL_IF(CALL_MMAP, MAP_FAILED);
	memory = __real_mmap64(address, size, protection, flags, fd, offset);
	if (memory != MAP_FAILED && flags & MAP_ANONYMOUS)
		atomic_store(&anonymous, memory);
	/* One that is put over another takes no address space. */
	if (memory != MAP_FAILED && !(flags & MAP_FIXED))
		hold(flags & MAP_ANONYMOUS ? &holdings.anonymous : &holdings.mapped, (long)size);
	return memory;
}

int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size)
{
	hold(address == atomic_load(&anonymous) ? &holdings.anonymous : &holdings.mapped, -(long)size);
	return __real_munmap(address, size);
}

int __real_madvise(void *address, size_t size, int advice);
int __wrap_madvise(void *address, size_t size, int advice)
{
	FAIL_IF(CALL_MADVISE, -1);
	return __real_madvise(address, size, advice);
}

int __real_mprotect(void *address, size_t size, int protection);
int __wrap_mprotect(void *address, size_t size, int protection)
{
	FAIL_IF(CALL_MPROTECT, -1);
	return __real_mprotect(address, size, protection);
}

void *__real_mremap(void *address, size_t size, size_t wanted, int flags, ...);
void *__wrap_mremap(void *address, size_t size, size_t wanted, int flags, ...)
{
	void *memory;

	FAIL_IF(CALL_MREMAP, MAP_FAILED);
	memory = __real_mremap(address, size, wanted, flags);
	hold(&holdings.mapped, memory != MAP_FAILED ? (long)wanted - (long)size : 0);
	return memory;
}

int __real_munlock(const void *address, size_t size);
int __wrap_munlock(const void *address, size_t size)
{
	FAIL_IF(CALL_MUNLOCK, -1);
	return __real_munlock(address, size);
}

/* ---- files ---- */

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
	FAIL_IF(CALL_FCHMOD, -1);
	return __real_fchmod(fd, mode);
}

ssize_t __real_readlink(const char *path, char *text, size_t size);
ssize_t __wrap_readlink(const char *path, char *text, size_t size)
{
	FAIL_IF(CALL_READLINK, -1);
	return __real_readlink(path, text, size);
}

ssize_t __real___readlink_chk(const char *path, char *text, size_t size, size_t room);
ssize_t __wrap___readlink_chk(const char *path, char *text, size_t size, size_t room)
{
	FAIL_IF(CALL_READLINK, -1);
	return __real___readlink_chk(path, text, size, room);
}

int __real_statvfs64(const char *path, struct statvfs *status);
int __wrap_statvfs64(const char *path, struct statvfs *status)
{
	FAIL_IF(CALL_STATVFS, -1);
	return __real_statvfs64(path, status);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
	va_list args;
	mode_t mode;

	FAIL_IF(unnamed ? CALL_TMPFILE : CALL_OPEN, -1);
	va_start(args, flags);
	mode = unnamed || flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return __real_open64(path, flags, mode);
}

int __real_close(int fd);
int __wrap_close(int fd)
{
	int error = FAULT(CALL_CLOSE), r = __real_close(fd);

	if (error)
		errno = error;
	return error ? -1 : r;
}

int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags)
{
	FAIL_IF(CALL_CLOSE_RANGE, -1);
	return __real_close_range(first, last, flags);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	FAIL_IF(CALL_RENAME, -1);
	return __real_rename(from, to);
}

char *__real_getcwd(char *path, size_t size);
char *__wrap_getcwd(char *path, size_t size)
{
	FAIL_IF(CALL_GETCWD, NULL);
	return __real_getcwd(path, size);
}

/* What getcwd() is if the compiler knows how much room there is. */
char *__real___getcwd_chk(char *path, size_t size, size_t room);
char *__wrap___getcwd_chk(char *path, size_t size, size_t room)
{
	FAIL_IF(CALL_GETCWD, NULL);
	return __real___getcwd_chk(path, size, room);
}

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	FAIL_IF(CALL_ACCESS, -1);
	return __real_access(path, mode);
}

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	FAIL_IF(CALL_READ, -1);
	return __real_read(fd, bytes, size);
}

ssize_t __real___read_chk(int fd, void *bytes, size_t size, size_t room);
ssize_t __wrap___read_chk(int fd, void *bytes, size_t size, size_t room)
{
	FAIL_IF(CALL_READ, -1);
	return __real___read_chk(fd, bytes, size, room);
}

ssize_t __real_pread64(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t offset)
{
	FAIL_IF(CALL_PREAD, -1);
	return __real_pread64(fd, bytes, size, offset);
}

ssize_t __real___pread64_chk(int fd, void *bytes, size_t size, off_t offset, size_t room);
ssize_t __wrap___pread64_chk(int fd, void *bytes, size_t size, off_t offset, size_t room)
{
	FAIL_IF(CALL_PREAD, -1);
	return __real___pread64_chk(fd, bytes, size, offset, room);
}

ssize_t __real_pwrite64(int fd, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
	FAIL_IF(CALL_PWRITE, -1);
	return __real_pwrite64(fd, bytes, size, offset);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
	va_list args;
	void *pointer = NULL;
	int number = 0;

	/* The others, such as F_SETFD, cannot fail on an open descriptor. */
	if (command == F_DUPFD_CLOEXEC)
		FAIL_IF(CALL_DUPLICATE, -1);
	if (command == F_SETLK)
		FAIL_IF(CALL_LOCK, -1);
	va_start(args, command);
	if (command == F_SETLK || command == F_GETLK)
		pointer = va_arg(args, void *);
	else
		number = va_arg(args, int);
	va_end(args);
	return pointer ? __real_fcntl64(fd, command, pointer) : __real_fcntl64(fd, command, number);
}

int __real_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status)
{
	FAIL_IF(CALL_FSTAT, -1);
	return __real_fstat64(fd, status);
}

int __real_fstatat64(int folder, const char *path, struct stat *status, int flags);
int __wrap_fstatat64(int folder, const char *path, struct stat *status, int flags)
{
	FAIL_IF(CALL_FSTATAT, -1);
	return __real_fstatat64(folder, path, status, flags);
}

int __real_fstatvfs64(int fd, struct statvfs *status);
int __wrap_fstatvfs64(int fd, struct statvfs *status)
{
	FAIL_IF(CALL_FSTATVFS, -1);
	return __real_fstatvfs64(fd, status);
}

int __real_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size)
{
	FAIL_IF(CALL_FTRUNCATE, -1);
	return __real_ftruncate64(fd, size);
}

int __real_posix_fallocate64(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t size)
{
	int r = FAULT(CALL_POSIX_FALLOCATE);

	return r ? r : __real_posix_fallocate64(fd, offset, size);
}

int __real_fallocate64(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t size)
{
	FAIL_IF(CALL_FALLOCATE, -1);
	return __real_fallocate64(fd, mode, offset, size);
}

int __real_linkat(int from, const char *path, int to, const char *name, int flags);
int __wrap_linkat(int from, const char *path, int to, const char *name, int flags)
{
	FAIL_IF(CALL_LINKAT, -1);
	return __real_linkat(from, path, to, name, flags);
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
	FAIL_IF(CALL_MEMFD_CREATE, -1);
	return __real_memfd_create(name, flags);
}

int __real_shm_open(const char *name, int flags, mode_t mode);
int __wrap_shm_open(const char *name, int flags, mode_t mode)
{
	FAIL_IF(flags & O_CREAT ? CALL_SHM_CREATE : CALL_SHM_OPEN, -1);
	return __real_shm_open(name, flags, mode);
}

int __real_shm_unlink(const char *name);
int __wrap_shm_unlink(const char *name)
{
	int error = FAULT(CALL_SHM_UNLINK);

	if (!error)
		return __real_shm_unlink(name);
	if (error == ENOENT) /* another process has removed it */
		__real_shm_unlink(name);
	errno = error;
	return -1;
}

int __real_pipe(int ends[2]);
int __wrap_pipe(int ends[2])
{
	FAIL_IF(CALL_PIPE, -1);
	return __real_pipe(ends);
}

int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags)
{
	FAIL_IF(CALL_PIPE2, -1);
	return __real_pipe2(ends, flags);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
	DIR *folder;

	FAIL_IF(CALL_OPENDIR, NULL);
	folder = __real_opendir(path);
	hold(&holdings.streams, folder != NULL);
	return folder;
}

struct dirent *__real_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder)
{
	FAIL_IF(CALL_READDIR, NULL);
	return __real_readdir64(folder);
}

int __real_closedir(DIR *folder);
int __wrap_closedir(DIR *folder)
{
	hold(&holdings.streams, -1);
	return __real_closedir(folder);
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	FILE *file;

	FAIL_IF(CALL_FOPEN, NULL);
	file = __real_fopen64(path, mode);
	hold(&holdings.streams, file != NULL);
	return file;
}

char *__real_fgets(char *line, int size, FILE *file);
char *__wrap_fgets(char *line, int size, FILE *file)
{
	FAIL_IF(CALL_FGETS, NULL);
	return __real_fgets(line, size, file);
}

char *__real___fgets_chk(char *line, size_t room, int size, FILE *file);
char *__wrap___fgets_chk(char *line, size_t room, int size, FILE *file)
{
	FAIL_IF(CALL_FGETS, NULL);
	return __real___fgets_chk(line, room, size, file);
}

/* The two names that glibc has for it. */
#define WRAP_FSCANF(name)                                                                                    \
	__attribute__((__format__(__scanf__, 2, 3))) int __wrap_##name(FILE *file, const char *format, ...); \
	int __wrap_##name(FILE *file, const char *format, ...)                                               \
	{                                                                                                    \
		va_list args;                                                                                \
		int r;                                                                                       \
                                                                                                             \
		FAIL_IF(CALL_FSCANF, EOF);                                                                   \
		va_start(args, format);                                                                      \
		r = vfscanf(file, format, args);                                                             \
		va_end(args);                                                                                \
		return r;                                                                                    \
	}
WRAP_FSCANF(__isoc99_fscanf)
WRAP_FSCANF(__isoc23_fscanf)

int __real_fflush(FILE *file);
int __wrap_fflush(FILE *file)
{
	FAIL_IF(CALL_FFLUSH, EOF);
	return __real_fflush(file);
}

int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file)
{
	int error = FAULT(CALL_FCLOSE), r = __real_fclose(file);

	hold(&holdings.streams, -1);
	if (error)
		errno = error;
	return error ? EOF : r;
}

/* ---- processes, signals, waiting ---- */

pid_t __real_fork(void);
pid_t __wrap_fork(void)
{
	pid_t pid;

	FAIL_IF(CALL_FORK, -1);
	plan_before_fork();
	pid = __real_fork();
	if (pid)
		plan_after_fork_in_parent();
	return pid;
}

int __real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	FAIL_IF(type == P_PID ? CALL_WAITID : CALL_WAITID_ANY, -1);
	return __real_waitid(type, id, info, options);
}

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	int error = FAULT(pid > 0 ? CALL_WAITPID : CALL_WAITPID_ANY);

	if (!error)
		return __real_waitpid(pid, status, options);
	/* It may have been reaped elsewhere, but not while it lives. */
	if (error == ECHILD && !__real_waitpid(pid, NULL, options))
		return 0;
	errno = error;
	return -1;
}

int __real_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal)
{
	FAIL_IF(CALL_KILL, -1);
	return __real_kill(pid, signal);
}

int __real_setpgid(pid_t pid, pid_t group);
int __wrap_setpgid(pid_t pid, pid_t group)
{
	FAIL_IF(CALL_SETPGID, -1);
	return __real_setpgid(pid, group);
}

/* The library and these tests pass one argument. */
int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
	unsigned long argument;
	va_list args;

	FAIL_IF(CALL_PRCTL, -1);
	va_start(args, option);
	argument = option == PR_SET_PDEATHSIG ? (unsigned long)va_arg(args, int)
					      : (unsigned long)(uintptr_t)va_arg(args, void *);
	va_end(args);
	return __real_prctl(option, argument);
}

int __real_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	FAIL_IF(CALL_SIGTIMEDWAIT, -1);
	return __real_sigtimedwait(set, info, timeout);
}

int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	FAIL_IF(CALL_PPOLL, -1);
	return __real_ppoll(fds, count, timeout, mask);
}

int __real___ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room);
int __wrap___ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room)
{
	FAIL_IF(CALL_PPOLL, -1);
	return __real___ppoll_chk(fds, count, timeout, mask, room);
}

int __real_pselect(int count, fd_set *in, fd_set *out, fd_set *odd, const struct timespec *timeout, const sigset_t *mask);
int __wrap_pselect(int count, fd_set *in, fd_set *out, fd_set *odd, const struct timespec *timeout, const sigset_t *mask)
{
	FAIL_IF(CALL_PPOLL, -1);
	return __real_pselect(count, in, out, odd, timeout, mask);
}

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	FAIL_IF(CALL_WRITE, -1);
	return __real_write(fd, bytes, size);
}

ssize_t __real_writev(int fd, const struct iovec *pieces, int count);
ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count)
{
	FAIL_IF(CALL_WRITEV, -1);
	if (FAULT(CALL_WRITEV_SHORT))
		return __real_write(fd, pieces[0].iov_base, 1);
	return __real_writev(fd, pieces, count);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd)
{
	FAIL_IF(CALL_FSYNC, -1);
	return __real_fsync(fd);
}

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	FAIL_IF(CALL_POLL, -1);
	return __real_poll(fds, count, timeout);
}

int __real___poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int __wrap___poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
	FAIL_IF(CALL_POLL, -1);
	return __real___poll_chk(fds, count, timeout, room);
}

int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	FAIL_IF(CALL_NANOSLEEP, -1);
	return __real_nanosleep(time, left);
}

int __real_sem_init(sem_t *sem, int shared, unsigned value);
int __wrap_sem_init(sem_t *sem, int shared, unsigned value)
{
	FAIL_IF(CALL_SEM_INIT, -1);
	return __real_sem_init(sem, shared, value);
}

int __real_sem_post(sem_t *sem);
int __wrap_sem_post(sem_t *sem)
{
	FAIL_IF(CALL_SEM_POST, -1);
	return __real_sem_post(sem);
}

int __real_sem_wait(sem_t *sem);
int __wrap_sem_wait(sem_t *sem)
{
	FAIL_IF(CALL_SEM_WAIT, -1);
	return __real_sem_wait(sem);
}

int __real_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *deadline);
int __wrap_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *deadline)
{
	FAIL_IF(CALL_SEM_TIMED, -1);
	return __real_sem_clockwait(sem, clock, deadline);
}

int __real_sem_timedwait(sem_t *sem, const struct timespec *deadline);
int __wrap_sem_timedwait(sem_t *sem, const struct timespec *deadline)
{
	FAIL_IF(CALL_SEM_TIMED, -1);
	return __real_sem_timedwait(sem, deadline);
}

/* ---- threads ---- */

struct start {
	void *(*run)(void *);
	void *context;
	bool inside;
};

/* What libc and sanitizers do before and after is not the library's. */
static void *run_inside(void *context)
{
	struct start start = *(struct start *)context;
	void *result;

	__real_free(context);
	if (start.inside)
		library_enter();
	result = start.run(start.context);
	library_leave(0);
	return result;
}

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
	int r = FAULT(CALL_PTHREAD_CREATE);
	struct start *start;

	if (r)
		return r;
	start = __real_malloc(sizeof(*start));
	if (!start)
		return EAGAIN;
	*start = (struct start){run, context, plan_inside()};
	r = __real_pthread_create(id, attributes, run_inside, start);
	if (r)
		__real_free(start);
	hold(&holdings.threads, !r);
	return r;
}

int __real_pthread_join(pthread_t id, void **result);
int __wrap_pthread_join(pthread_t id, void **result)
{
	hold(&holdings.threads, -1);
	return __real_pthread_join(id, result);
}

int __real_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
	int r = FAULT(CALL_PTHREAD_ATFORK);

	return r ? r : __real_pthread_atfork(before, parent, child);
}

int __real_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	int r = FAULT(CALL_PTHREAD_MUTEX_TRYLOCK);

	return r ? r : __real_pthread_mutex_trylock(mutex);
}

/* ---- the machine ---- */

long __real_sysconf(int name);
long __wrap_sysconf(int name)
{
	FAIL_IF(CALL_SYSCONF, -1);
	return __real_sysconf(name);
}

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	FAIL_IF(CALL_SCHED_GETAFFINITY, -1);
	return __real_sched_getaffinity(pid, size, set);
}

locale_t __real_newlocale(int mask, const char *name, locale_t base);
locale_t __wrap_newlocale(int mask, const char *name, locale_t base)
{
	locale_t locale;

	FAIL_IF(CALL_NEWLOCALE, (locale_t)0);
	locale = __real_newlocale(mask, name, base);
	hold(&holdings.locales, locale != (locale_t)0);
	return locale;
}

void __real_freelocale(locale_t locale);
void __wrap_freelocale(locale_t locale)
{
	hold(&holdings.locales, -1);
	__real_freelocale(locale);
}
