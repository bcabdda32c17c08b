/*
 * calls.h - the functions that may fail, and with what.
 *
 * Only what can happen to this library: EINVAL of a call whose arguments are right cannot, nor EBADF. A function that is used
 * for two things has two lines. excused.txt lists the functions that cannot fail.
 */
#ifndef SHEAF_TESTS_FAULTS_CALLS_H
#define SHEAF_TESTS_FAULTS_CALLS_H

#include <errno.h>

#define MOST_ERRORS 10

enum call {
	CALL_ACCESS,
	CALL_CALLOC,
	CALL_CLOSE,
	CALL_CLOSE_RANGE,
	CALL_CPU_ALLOC,
	CALL_DUPLICATE,
	CALL_FALLOCATE,
	CALL_FCLOSE,
	CALL_FFLUSH,
	CALL_FGETS,
	CALL_FOPEN,
	CALL_FORK,
	CALL_FSCANF,
	CALL_FSTAT,
	CALL_FSTATAT,
	CALL_FSTATVFS,
	CALL_FTRUNCATE,
	CALL_KILL,
	CALL_LINKAT,
	CALL_LOCK,
	CALL_MADVISE,
	CALL_MALLOC,
	CALL_MEMFD_CREATE,
	CALL_MMAP,
	CALL_NANOSLEEP,
	CALL_NEWLOCALE,
	CALL_OPEN,
	CALL_OPENDIR,
	CALL_PIPE,
	CALL_PIPE2,
	CALL_POLL,
	CALL_POSIX_FALLOCATE,
	CALL_POSIX_MEMALIGN,
	CALL_PRCTL,
	CALL_PREAD,
	CALL_PTHREAD_ATFORK,
	CALL_PTHREAD_CREATE,
	CALL_PTHREAD_MUTEX_TRYLOCK,
	CALL_PWRITE,
	CALL_READ,
	CALL_READDIR,
	CALL_REALLOC,
	CALL_SCHED_GETAFFINITY,
	CALL_SEM_INIT,
	CALL_SEM_POST,
	CALL_SEM_TIMED,
	CALL_SEM_WAIT,
	CALL_SETPGID,
	CALL_SHM_CREATE,
	CALL_SHM_OPEN,
	CALL_SHM_UNLINK,
	CALL_SIGTIMEDWAIT,
	CALL_SYSCONF,
	CALL_TMPFILE,
	CALL_WAITID,
	CALL_WAITID_ANY,
	CALL_WAITPID,
	CALL_WAITPID_ANY,
	CALLS,
};

struct call_errors {
	const char *name;
	int errors[MOST_ERRORS]; /* up to the first 0; a negative one happens once, never for good */
};

extern const struct call_errors calls[CALLS];

#endif
