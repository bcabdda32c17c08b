/*
 * os.h - all that differs between systems, and the system calls that need a loop or a rule of their own.
 *
 * common.c, identity.c and cgroup.c hold what POSIX alone can do everywhere. linux.c and posix.c are twins: each implements the second half of this header,
 * and the build takes one of them (-Dos=linux or -Dos=posix). Every function returns 0 or -errno unless it says otherwise.
 */
#ifndef SHEAF_OS_OS_H
#define SHEAF_OS_OS_H

#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* ---- common.c ---- */

/*
 * Moves a new descriptor out of the places of stdin, stdout and stderr: a host that has closed those may still print. The descriptor
 * above 2, or -errno and none is left.
 */
int os_raise(int fd);
int os_raise_pipe(const int raw[2], int ends[2]);

/*
 * Make up a name for a shared-memory object, "/sheaf-PID-...", so that another process can tell who was about to create it.
 * os_shm_maker() tells the pid of such a name, and 0 of any other; os_shm_made_here(): is it this very process's? 0, or -errno.
 */
int os_shm_invent(char *name, size_t size);
pid_t os_shm_maker(const char *name);
bool os_shm_made_here(const char *name);

/* Create the shared-memory object @name, exclusively, mode 0600 whatever the umask is, closed on exec. */
int os_shm_create(const char *name, int *fd);

/*
 * The bytes of a segment's file that its processes lock, one each. A lock on any of them proves that the pool lives. They are the first
 * ones, so OS_LOCK_OWNER and OS_LOCKS name all of them.
 */
enum os_lock_byte {
	OS_LOCK_OWNER = 0, /* any close() of the host on this file drops it */
	OS_LOCK_SUPERVISOR = 1,
	OS_LOCK_SPARE = 2, /* two of them: a spare that takes over has one until the next spare has the other */
	OS_LOCK_SPARES = 2,
	OS_LOCKS = 4,
	OS_LOCK_WORKERS = 4, /* one for each worker from here on */
};

/*
 * Take the lock of one byte: a POSIX record lock, which the kernel drops when the process ends and which forked children do not
 * inherit. -EAGAIN: another process holds it. Closing any descriptor of the file in this process drops all that the process has.
 */
int os_lock(int fd, unsigned byte);
void os_unlock(int fd, unsigned byte);

/*
 * Ask whether a process other than this one holds a lock on one of @count bytes from @first on. 1, and *@holder is its pid, or 0 where
 * that cannot be told; 0; -errno.
 */
int os_locked(int fd, unsigned first, unsigned count, pid_t *holder);

/*
 * Open the shared-memory object @name for reading alone, or also for writing, without waiting for it: -EAGAIN, if somebody has a lease on it.
 * A symbolic link is not followed: -ELOOP. Where the system shows what has the name, nothing is opened that is no regular file (-ENXIO) or
 * another user's (-EACCES).
 */
int os_shm_open(const char *name, bool writable, int *fd);

struct stat;

/* Look at what has the name, without opening it. 0; -ENOENT: nothing; -ENOTSUP: this system does not show its shared memory; -errno. */
int os_shm_look(const char *name, struct stat *status);

struct os_file_id;

/* Tell whether the name is that of the file @id, which may be open as @fd (or -1). */
bool os_shm_is(const char *name, int fd, const struct os_file_id *id);

/* Take the name away from the file @id. 0, also if the name is another file's or nobody's, which is left alone; or -errno. */
int os_shm_unlink(const char *name, int fd, const struct os_file_id *id);

/* Give a shared-memory object another name. 0; 1: it has the old one, too; -EEXIST; -ENOTSUP: this system cannot. */
int os_shm_rename(const char *from, const char *to);

/*
 * Reads without mapping, so that a file that is cut meanwhile is an error and no signal. Holes read as zero, and stay holes. 0;
 * -ENODATA: the file ends before; -errno.
 */
int os_read_at(int fd, uint64_t offset, void *bytes, size_t size);

/*
 * Take away the name of a segment whose owner is known to be dead, and that is open here. The caller says by @first and @count whose
 * locks must be gone; it gets them. 0; -EAGAIN: one of them is held, so that process has not ended wholly; or why it cannot be done.
 */
int os_sweep_open(int fd, const char *name, unsigned first, unsigned count);

/*
 * Visit the names that start with @prefix (without the slash) of all files of this user that may be segments, without opening them. What
 * is no regular file is none. 0; -errno: they cannot be listed here.
 */
int os_each_segment(const char *prefix, void (*visit)(const char *name, void *context), void *context);

/* Closes every descriptor above 2 but the @n in @keep, which it sorts. */
void os_close_files(int *keep, unsigned n);

/*
 * Make stdin a file that is always at its end: /dev/null, or a pipe where that cannot be opened; or close it. For a child that is to leave the parent's
 * input alone.
 */
void os_close_input(void);

/* getenv(), but NULL for what somebody else has chosen: see os_rights_by_file(). */
const char *os_environment(const char *name);

/* 64 random bits. */
int os_random(uint64_t *bits);

/*
 * Put every signal back to its default, drop those that have come, and block just those of @mask. For a child after fork. But:
 * SIGINT and SIGTSTP have no effect, and programs that the child starts have them at their default. SIGTTIN and SIGTTOU are ignored, by
 * those programs as well. SIGPIPE stays ignored if the parent ignores it, and has no effect if the parent has a handler.
 */
void os_reset_signals(const sigset_t *mask);

void os_block_all_signals(sigset_t *before);

/* Waits for a signal of the set for at most @timeout_ns. The signal's number, or 0. */
int os_wait_signal(const sigset_t *set, uint64_t timeout_ns);

/* Have a signal end waits and do nothing else, whether it is ignored by default or ends a process. */
void os_notice_signal(int signal);

/* Give one signal the action that os_reset_signals() gives it. */
void os_reset_signal(int signal);

/* Has child @pid ended? Leaves it unreaped. 1 with *@info filled; 0 alive; -ECHILD: gone, and somebody else reaped it. */
int os_child_ended(pid_t pid, siginfo_t *info);

/*
 * Kill who holds the lock of a byte, as the kernel names it. Where the system can, it is asked once more when the process is in hand, so that a
 * later one with its pid is left alone. False: nobody holds it.
 */
bool os_kill_holder(int fd, unsigned byte);

void os_sleep_ns(uint64_t ns);

/*
 * Waits for a token until @deadline_ns (CLOCK_MONOTONIC), or for a tenth of a second, by the wall clock: 0, or -ETIMEDOUT. For an
 * os_sem_wait_until() where no semaphore knows the monotonic clock.
 */
int os_sem_wait_slice(sem_t *sem, uint64_t deadline_ns);

/*
 * What is the same in every semaphore between processes, by libc: it says how to ask the kernel, which refuses anything else, and then glibc
 * aborts. os_sem_learn() finds out, once, before the first fork; until then, and where there is no such word, everything is whole.
 */
struct os_sem_fixed {
	size_t at;
	uint32_t mask, value;
};
extern struct os_sem_fixed os_sem_fixed;
void os_sem_learn(void);

static inline bool os_sem_whole(const sem_t *sem)
{
	uint32_t found;

	memcpy(&found, (const unsigned char *)sem + os_sem_fixed.at, sizeof(found));
	return (found & os_sem_fixed.mask) == os_sem_fixed.value;
}

/* How long a file may become by this process: to exceed it brings a signal. UINT64_MAX: as long as it wants. */
uint64_t os_file_limit(void);

/* Is there memory at the address in this process, whether it may be used or not? */
bool os_is_mapped(uint64_t address);

/* Memory of the machine in bytes. */
uint64_t os_memory(void);

static inline void os_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* ---- identity.c ---- */

/* What tells a file from all others, so that a descriptor's number can be checked before it is believed: a host may close and reuse it. */
struct os_file_id {
	dev_t device;
	ino_t inode;
};

/* Note which file @fd is. 0, or -errno. */
int os_file_note(int fd, struct os_file_id *id);

/* Tell whether @fd is open and still that file. Whoever closes, locks, cuts or writes by number asks first. */
bool os_file_is(int fd, const struct os_file_id *id);

/* Close @fd if it still is that file: otherwise it is closed already, and the number is somebody else's. */
void os_file_close(int fd, const struct os_file_id *id);

/* What tells a process from all others, also from later ones with its pid. */
struct os_process_id {
	uint32_t pid;
	uint64_t start; /* when it started, as the system counts; 0: not to be told */
	uint64_t space; /* in which pids and times are counted so; 0: not to be told */
};

/* Note which process this one is. */
void os_process_note(struct os_process_id *id);

/* Note which process has the pid now: one that cannot end unnoticed yet, such as a child that nobody has reaped. */
void os_process_note_other(pid_t pid, struct os_process_id *id);

/* Ask whether the pid still is that process, which may have ended and not been reaped: 1; 0; -1: not to be told, as its start is not known. */
int os_process_is(const struct os_process_id *id);

/* Ask whether that process lives: 1; 0: it has ended; -1: not to be told from here, because pids mean others there. */
int os_process_lives(const struct os_process_id *id);

/* ---- cgroup.c ---- */

/* What a memory cgroup still allows this process, the tightest one if there are several. */
struct os_memory_room {
	uint64_t left;  /* bytes; UINT64_MAX: no cgroup sets a limit */
	uint64_t limit; /* bytes */
	char group[160];
};

void os_memory_room(struct os_memory_room *room);

/* Ask whether the cgroups allow to commit @size more bytes. Looks at them only now and then while there is plenty. */
bool os_memory_allows(uint64_t size);

/* ---- linux.c, posix.c ---- */

/* Closes the descriptors from @first to @last, those that are open. */
void os_close_range(int first, int last);

/* A pipe whose ends are above 2 and closed on exec. */
int os_pipe(int ends[2]);

/*
 * A descriptor of the process @pid, a child that nobody has reaped: it names that process and no later one with its pid. Above 2, closed on
 * exec. -ENOSYS: this system has none; -ESRCH; -errno.
 */
int os_pidfd_open(pid_t pid);

/* Has that child ended? @reap: then reap it. 1; 0: it lives; -ECHILD: somebody else reaped it; -ENOSYS: cannot be told by a descriptor. */
int os_pidfd_ended(int pidfd, bool reap);

/*
 * Signal the process, or with @group all of the group that it leads, or led until it was reaped. @signal 0 only asks. 0; -ESRCH; -EPERM;
 * -ENOSYS: this system cannot.
 */
int os_pidfd_signal(int pidfd, int signal, bool group);

/* Does shared memory get a name before it gets bytes? */
bool os_shm_begins_empty(void);

/*
 * A shared-memory object without a name. @left: "", or the name that it had to have for an instant and that could not be taken away; NULL: it
 * may not have one for an instant, either, and -ENOTSUP says that this system cannot do without.
 */
int os_shm_anonymous(int *fd, char *left, size_t size);

/* Did the process get rights by its program's file? Then whoever started it, and chose its environment, has less. */
bool os_rights_by_file(void);

/*
 * May other processes of this user not do to this one what they like, as far as the system tells? Then they must not get at its memory by a
 * name, either. NULL: they may; else why not, to go on with after "this process".
 */
const char *os_guarded(void);

/*
 * Map the file without any permission, so that @base, a multiple of @align, shows its offset 0. Address space alone: none of it is locked
 * or brought in, even if the host has called mlockall(). 0; -ENOMEM: no address space; -EAGAIN: the host locks all its memory, and
 * RLIMIT_MEMLOCK does not allow so much.
 */
int os_reserve(int fd, uint64_t size, uint64_t align, unsigned char **base);

/* What os_reserve() does where so much memory may not be locked. 0; -EAGAIN: this system cannot. */
int os_reserve_unlocked(int fd, uint64_t size, uint64_t align, unsigned char **base);

/* Leave the bytes out of core files, where the system can. */
void os_leave_out_of_core(void *address, uint64_t size);

/*
 * The same, for a name that it gets later: a process that is killed before leaves nothing. -ENOTSUP where that cannot be done. os_shm_link()
 * gives the name: -EEXIST if it is taken.
 */
int os_shm_unnamed(int *fd);
int os_shm_link(int fd, const char *name);

/*
 * Commits the bytes of the file, so that touching them cannot fail. @at: where they are mapped, or NULL; memory that nobody uses yet comes in
 * huge pages where it can. On failure some may stay committed: see os_release().
 */
int os_commit(int fd, uint64_t offset, uint64_t size, void *at);

/* Some bytes, zero, that the kernel sets to zero in every child, whatever made it. NULL where that cannot be had. Never freed. */
void *os_wiped_memory(void);

/* The same by the address alone, where the descriptor is lost. -EBADF: this system cannot. */
int os_commit_mapped(void *address, uint64_t size);

/* malloc() for an array that is written once from end to end: in huge pages where the system has them. NULL; free() it. */
void *os_large_alloc(size_t size);

/* Gives the bytes back to the system, where that can be done. os_clear(), once they are committed again, makes them read as zero. */
void os_release(int fd, uint64_t offset, uint64_t size);

/* The same by the address alone. 0; or -errno: the bytes are as they were. */
int os_release_mapped(void *address, uint64_t size);
void os_clear(void *address, uint64_t size);

/*
 * Asks for @signal when the parent dies, where the system can. False: @parent is dead already. How often the caller has to look at
 * getppid() itself: os_parent_check_ns().
 */
bool os_die_with_parent(pid_t parent, int signal);
uint64_t os_parent_check_ns(void);

/* Does the kernel end the children of a process that has ended, whatever they do? So it was asked by os_die_with_parent(). */
bool os_ends_orphans(void);

/* Do orphans among the descendants of this process become its children? */
bool os_adopts_orphans(void);

struct os_file_id;

/* Is the process stopped by a signal? False where that cannot be told. */
bool os_is_stopped(pid_t pid);

/* Does the process map the file? 1, 0; -1: that cannot be told here. */
int os_maps_file(pid_t pid, const struct os_file_id *file);

/* Give the process the name that ps shows; at most 15 characters count. */
void os_name_process(const char *name);

/*
 * Wait until a noticed signal comes, @fd has something to read or has ended, or the time is over. No signal is blocked meanwhile. True: the
 * descriptor has something.
 */
bool os_wait_news(int fd, uint64_t timeout_ns);

/* The stack pointer of the calling signal handler's interrupted code, or 0 where the system does not tell. @context: as below. */
uint64_t os_stack_pointer(const void *context);

/*
 * The return addresses of the calling signal handler's interrupted code, the innermost first: how many; 0 where the system cannot tell. @context:
 * the third argument of the handler. May take memory and locks.
 */
unsigned os_frames(const void *context, uint64_t *frames, unsigned most);

/*
 * Visits what is mapped for this process alone and may be written to: its data, stacks and what malloc() gives. Until a visit says false.
 * -ENOTSUP where that cannot be told; -errno.
 */
int os_each_own_mapping(bool (*visit)(uintptr_t begin, uintptr_t end, void *context), void *context);

/* Waits for a token until @deadline_ns (CLOCK_MONOTONIC): 0, or -ETIMEDOUT. May return early. */
int os_sem_wait_until(sem_t *sem, uint64_t deadline_ns);

/* Wake who sleeps on a semaphore that was written over, without believing what it holds. Nothing is done where there is no way. */
void os_sem_kick(sem_t *sem);

/*
 * CPUs of the affinity mask, and of the cgroup's quota (rounded up); at least 1. If the mask has no more than @enough, the quota, which is
 * told by files, is not asked for.
 */
unsigned os_usable_cpus(unsigned enough);

#endif
