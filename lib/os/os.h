/*
 * os.h - all that differs between systems, and the system calls that need a loop or a rule of their
 * own.
 *
 * The first half of this header is the same everywhere: each section names its file, which uses
 * POSIX alone. The second half differs: its sections have two files each,
 * linux_PART.c and posix_PART.c. The build takes one of these twins (-Dos=linux or -Dos=posix).
 *
 * Every function returns 0 or -errno unless its comment says otherwise.
 */
#ifndef SHEAF_OS_OS_H
#define SHEAF_OS_OS_H

#include "os/file_id.h"

#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

struct stat;

/* ---- descriptors.c ---- */

/*
 * Move a new descriptor above 2, because a host that has closed stdin, stdout or stderr may still
 * print. Returns the descriptor, or -errno after closing it.
 */
int os_raise(int fd);
int os_raise_pipe(const int raw[2], int ends[2]);

/* Have calls on one end of a pipe return at once. */
void os_never_wait(int fd);

/*
 * Write a byte into such a pipe, or leave it if it is full. Safe in a signal handler. The caller
 * keeps the read end open, else there is a SIGPIPE.
 */
void os_tell(int fd);

/* Read all that is in such a pipe. */
void os_drain(int fd);

/* Close every descriptor above 2 but the @n in @keep. Sorts @keep. */
void os_close_files(int *keep, unsigned n);

/*
 * Make stdin a file that is always at its end: /dev/null, or a pipe if /dev/null cannot be opened.
 * Close it if neither can be had. For a child that must leave the parent's input alone.
 */
void os_close_input(void);

/* ---- shm.c ---- */

/*
 * Make up a name for a shared-memory object, "/sheaf-PID-...", which tells others the process that
 * was about to create it. 0, or -errno.
 */
int os_shm_invent(char *name, size_t size);

/* Tell the pid in a made-up name. 0: the name was not made up. */
pid_t os_shm_maker(const char *name);

/* Tell whether this very process has made the name up. */
bool os_shm_made_here(const char *name);

/*
 * Create the shared-memory object @name: exclusively, mode 0600 whatever the umask is, closed on
 * exec.
 */
int os_shm_create(const char *name, int *fd);

/* Create one under a made-up name, and take the name away at once. @left: as os_shm_anonymous(). */
int os_shm_create_unlinked(int *fd, char *left, size_t size);

/*
 * Open the shared-memory object @name for reading alone, or also for writing, without waiting for
 * it. -EAGAIN: a process has a lease on it. -ELOOP: it is a symbolic link, which is not followed.
 * Where the system shows what has the name, only a regular file (else -ENXIO) of this user (else
 * -EACCES) is opened.
 */
int os_shm_open(const char *name, bool writable, int *fd);

/*
 * Stat what has the name, without opening it. 0; -ENOENT: nothing has it; -ENOTSUP: this system
 * does not show its shared memory; -errno.
 */
int os_shm_look(const char *name, struct stat *status);

/* Tell whether the name is that of the file @id, which may be open as @fd (or -1). */
bool os_shm_is(const char *name, int fd, const struct os_file_id *id);

/*
 * Take the name away from the file @id. 0, also if another file or none has the name, which is left
 * alone then; or -errno, also if it cannot be told which file has it.
 */
int os_shm_unlink(const char *name, int fd, const struct os_file_id *id);

/*
 * Give a shared-memory object another name. 0; 1: it has kept the old one, too; -EEXIST; -ENOTSUP:
 * this system cannot.
 */
int os_shm_rename(const char *from, const char *to);

/*
 * Visit the names that start with @prefix (without the slash) of all regular files of this user in
 * the folder of shared memory, without opening them. 0; -errno: they cannot be listed here.
 */
int os_each_segment(const char *prefix, void (*visit)(const char *name, void *context), void *context);

/* ---- locks.c ---- */

/*
 * The bytes of a segment's file that its processes lock, one each. A lock on any of them proves
 * that the pool lives. They are the first ones, so OS_LOCK_OWNER and OS_LOCKS name all of them.
 */
enum os_lock_byte {
	OS_LOCK_OWNER = 0, /* any close() of the host on this file drops it */
	OS_LOCK_SUPERVISOR = 1,
	OS_LOCK_SPARE = 2, /* two: one that takes over keeps its own until the next has the other */
	OS_LOCK_SPARES = 2,
	OS_LOCKS = 4,
	OS_LOCK_WORKERS = 4, /* one for each worker from here on */
	/* one for each place from here on: far from those, as they tell nothing of the family */
	OS_LOCK_PLACES = 1 << 16,
};

/*
 * Take the lock of one byte: a POSIX record lock. The kernel drops it when the process ends, and
 * forked children do not inherit it. Closing any descriptor of the file in this process drops all
 * locks that the process has on it. -EAGAIN: another process holds the lock.
 */
int os_lock(int fd, unsigned byte);
void os_unlock(int fd, unsigned byte);

/*
 * Ask whether a process other than this one holds a lock on one of @count bytes from @first on. 1,
 * and *@holder is its pid, or 0 if that cannot be told; 0; -errno.
 */
int os_locked(int fd, unsigned first, unsigned count, pid_t *holder);

/*
 * Kill the process that holds the lock of a byte, as the kernel names it. Where the system can, ask
 * once more when the process is in hand, so that a later process with its pid is left alone. False:
 * nobody holds the lock.
 */
bool os_kill_holder(int fd, unsigned byte);

/* Signal the process that holds the lock, and no other one. */
void os_signal_holder(int fd, unsigned byte, int signal);

/*
 * Take away the name of a segment whose owner is known to be dead, and that is open here. @first
 * and @count are the locks that must be gone. This process gets them. 0; -EAGAIN: one of them is
 * held, so that process has not ended wholly; -EPERM, -ENOENT, -errno: it cannot be done.
 */
int os_sweep_open(int fd, const char *name, unsigned first, unsigned count);

/* ---- signals.c ---- */

/*
 * Put every signal back to its default, drop those that have come, and block just those of @mask.
 * For a child after a fork. Exceptions:
 *
 * SIGINT and SIGTSTP have no effect, and are at their default in programs that the child starts.
 * SIGTTIN and SIGTTOU are ignored, by those programs as well. SIGPIPE stays ignored if the parent
 * ignores it, and has no effect if the parent has a handler.
 */
void os_reset_signals(const sigset_t *mask);

/* Give one signal the action that os_reset_signals() gives it. */
void os_reset_signal(int signal);

/* Block all signals in the calling thread. @before: out: its mask. */
void os_block_all_signals(sigset_t *before);

/* Have a signal end waits and do nothing else, whatever its default is. */
void os_notice_signal(int signal);

/* ---- process.c ---- */

/*
 * Read the environment as getenv() does. NULL if somebody else chose it: see os_rights_by_file().
 */
const char *os_environment(const char *name);

/* Store 64 random bits. */
int os_random(uint64_t *bits);

/*
 * Ask whether child @pid has ended, and leave it unreaped. 1 with *@info filled; 0: it lives;
 * -ECHILD: it is gone, and somebody else reaped it.
 */
int os_child_ended(pid_t pid, siginfo_t *info);

/* ---- sleep.c ---- */

/* True: a signal handler has ended the sleep. */
bool os_sleep_ns(uint64_t ns);

/* Wait for a signal of the set for at most @timeout_ns. Returns its number, or 0. */
int os_wait_signal(const sigset_t *set, uint64_t timeout_ns);

/*
 * Wait for a token until @deadline_ns (CLOCK_MONOTONIC), but at most for a tenth of a second, by
 * the wall clock. 0, -ETIMEDOUT, or -EINTR: a signal handler has run. For an os_sem_wait_until()
 * where no semaphore knows the monotonic clock.
 */
int os_sem_wait_slice(sem_t *sem, uint64_t deadline_ns);

/*
 * What is the same in every semaphore between processes, by libc. It says how to ask the kernel,
 * which refuses anything else, and then glibc aborts. Zero, so that every semaphore counts as
 * whole, before os_sem_learn() and where there is no such word.
 */
struct os_sem_fixed {
	size_t at;
	uint32_t mask, value;
};
extern struct os_sem_fixed os_sem_fixed;

/* Find out what is the same. Once, before the first fork. */
void os_sem_learn(void);

/* Tell whether nobody has written over that part of the semaphore. */
static inline bool os_sem_whole(const sem_t *sem)
{
	uint32_t found;

	memcpy(&found, (const unsigned char *)sem + os_sem_fixed.at, sizeof(found));
	return (found & os_sem_fixed.mask) == os_sem_fixed.value;
}

/* Let a spinning CPU rest for some cycles. */
static inline void os_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* ---- memory.c ---- */

/*
 * Map the file without any permission, so that @base, a multiple of @align, shows its offset 0.
 * This takes address space alone: none of it is locked or brought in, even if the host has called
 * mlockall(). 0; -ENOMEM: no address space; -EAGAIN: the host locks all its memory, and
 * RLIMIT_MEMLOCK does not allow so much.
 */
int os_reserve(int fd, uint64_t size, uint64_t align, unsigned char **base);

/*
 * Do the same at an address that other processes hardly use, so that they can map it there, too.
 * Falls back to os_reserve().
 */
int os_reserve_apart(int fd, uint64_t size, uint64_t align, unsigned char **base);

/* Do the same at that address, and nowhere else. -EADDRINUSE: something is mapped there. */
int os_reserve_at(int fd, uint64_t size, unsigned char *base);

/* Tell whether this process has memory at the address, usable or not. */
bool os_is_mapped(uint64_t address);

/* Tell the memory of the machine in bytes. */
uint64_t os_memory(void);

/* ---- cgroup.c ---- */

/* What a memory cgroup still allows this process, the tightest one if there are several. */
struct os_memory_room {
	uint64_t left;  /* bytes; UINT64_MAX: no cgroup sets a limit */
	uint64_t limit; /* bytes */
	char group[160];
};

/* Tell that. A cgroup that cannot be read counts as none. */
void os_memory_room(struct os_memory_room *room);

/*
 * Tell whether the cgroups allow to commit @size more bytes. Asks them only now and then while
 * there is plenty.
 */
bool os_memory_allows(uint64_t size);

/* ==== What differs between systems ==== */

/* ---- linux_descriptors.c, posix_descriptors.c ---- */

/* Close the descriptors from @first to @last that are open. */
void os_close_range(int first, int last);

/* Make a pipe whose ends are above 2 and closed on exec. */
int os_pipe(int ends[2]);

/* ---- linux_process.c, posix_process.c ---- */

/*
 * Open a descriptor of the process @pid, a child that nobody has reaped. It names that process and
 * no later one with its pid. It is above 2 and closed on exec. Returns the descriptor; -ENOSYS:
 * this system has none; -ESRCH; -errno.
 */
int os_pidfd_open(pid_t pid);

/*
 * Ask whether that child has ended, and then reap it if @reap. 1; 0: it lives; -ECHILD: somebody
 * else reaped it; -ENOSYS: it cannot be told by a descriptor.
 */
int os_pidfd_ended(int pidfd, bool reap);

/*
 * Signal the process, or with @group all of the group that it leads, or led until it was reaped.
 * @signal 0 only asks. 0; -ESRCH; -EPERM; -ENOSYS: this system cannot.
 */
int os_pidfd_signal(int pidfd, int signal, bool group);

/*
 * Tell whether the process got rights by its program's file. Then the user who started it, and
 * chose its environment, has fewer rights.
 */
bool os_rights_by_file(void);

/*
 * Tell why other processes of this user may not do to this one what they like, as far as the system
 * knows. Then they must not get at its memory by a name, either. NULL: they may; else the reason,
 * to go on with after "this process".
 */
const char *os_guarded(void);

/*
 * Ask for @signal when the parent dies, where the system can. False: @parent is dead already. The
 * caller must still check getppid() itself, every os_parent_check_ns().
 */
bool os_die_with_parent(pid_t parent, int signal);
uint64_t os_parent_check_ns(void);

/*
 * Tell whether the kernel ends the children of a process that has ended, whatever they do, because
 * os_die_with_parent() asked it to.
 */
bool os_ends_orphans(void);

/* Tell whether orphans among the descendants of this process become its children. */
bool os_adopts_orphans(void);

/* Count the threads of this process. 0: that cannot be told. */
unsigned os_thread_count(void);

/* Tell whether the process is stopped by a signal. False if that cannot be told. */
bool os_is_stopped(pid_t pid);

/* Ask whether the process maps the file. 1; 0; -1: that cannot be told here. */
int os_maps_file(pid_t pid, const struct os_file_id *file);

/* Give the process the name that ps shows. At most 15 characters count. */
void os_name_process(const char *name);

/* ---- linux_shm.c, posix_shm.c ---- */

/* Tell whether shared memory gets a name before it gets bytes. */
bool os_shm_begins_empty(void);

/*
 * Create a shared-memory object without a name. @left gets "", or the name that it had for an
 * instant and that could not be taken away. @left NULL: it must not have a name for an instant,
 * either, and -ENOTSUP says that this system cannot do without.
 */
int os_shm_anonymous(int *fd, char *left, size_t size);

/*
 * Create a shared-memory object that gets its name later, by os_shm_link(). A process that is
 * killed before leaves nothing. -ENOTSUP: this system cannot.
 */
int os_shm_unnamed(int *fd);

/* Give it the name. -EEXIST: the name is taken. */
int os_shm_link(int fd, const char *name);

/* ---- linux_memory.c, posix_memory.c ---- */

/*
 * Do what os_reserve() does when so much memory may not be locked. 0; -EAGAIN: this system cannot.
 */
int os_reserve_unlocked(int fd, uint64_t size, uint64_t align, unsigned char **base);

/* Keep a mapping from children that the process forks, where the system can. */
void os_keep_from_children(void *address, uint64_t size);

/* Leave the bytes out of core files, where the system can. */
void os_leave_out_of_core(void *address, uint64_t size);

/*
 * Commit the bytes of the file, so that touching them cannot fail. @at: where they are mapped, or
 * NULL. Memory that nobody uses yet comes in huge pages if @at is given and the system can. After a
 * failure some of the bytes may be committed: see os_release().
 */
int os_commit(int fd, uint64_t offset, uint64_t size, void *at);

/*
 * Commit the bytes by their address alone, if the descriptor is lost. -EBADF: this system cannot.
 */
int os_commit_mapped(void *address, uint64_t size);

/* Give the bytes back to the system, where that can be done. */
void os_release(int fd, uint64_t offset, uint64_t size);

/* Give the bytes back by their address alone. 0; -errno: the bytes are as they were. */
int os_release_mapped(void *address, uint64_t size);

/* Make released bytes read as zero, once they are committed again. */
void os_clear(void *address, uint64_t size);

/*
 * Get some bytes, zero, that the kernel sets to zero in every child, whatever call made the child.
 * They are never freed. NULL: this system has none.
 */
void *os_wiped_memory(void);

/*
 * Allocate as malloc() does, for an array that is written once from end to end: in huge pages where
 * the system has them. NULL: no memory. To be freed by free().
 */
void *os_large_alloc(size_t size);

/*
 * Visit what is mapped for this process alone and writable (its data, its stacks, the memory of
 * malloc()) until a visit returns false. 0; -ENOTSUP: this system does not tell; -errno.
 */
int os_each_own_mapping(bool (*visit)(uintptr_t begin, uintptr_t end, void *context), void *context);

/*
 * Tell how much memory this process has for itself: neither shared nor of files, and not swapped
 * out. What it has from a fork counts, too. 0; -ENOTSUP: this system does not tell; -errno.
 */
int os_own_memory(uint64_t *bytes);

/* ---- linux_sleep.c, posix_sleep.c ---- */

/*
 * Wait until a noticed signal comes, one of @count descriptors has something to read or has ended,
 * or the time is over. No signal is blocked meanwhile. True: the first one has something.
 */
#define OS_MOST_NEWS 65u
bool os_wait_news(const int *fds, unsigned count, uint64_t timeout_ns);

/*
 * Wait for a token until @deadline_ns (CLOCK_MONOTONIC). 0; -ETIMEDOUT; -EINTR: a signal handler
 * has run, as far as this libc tells that (musl: not one with SA_RESTART). May return early.
 */
int os_sem_wait_until(sem_t *sem, uint64_t deadline_ns);

/*
 * Wake the sleepers of a semaphore that was written over, without believing what it holds. Does
 * nothing where the system has no way.
 */
void os_sem_kick(sem_t *sem);

/* ---- linux_frames.c, posix_frames.c ---- */

/*
 * Tell the stack pointer of the code that a signal handler has interrupted. 0: the system does not
 * tell. @context: the third argument of the handler.
 */
uint64_t os_stack_pointer(const void *context);

/*
 * Find the return addresses of the code that a signal handler has interrupted, the innermost first.
 * Returns how many; 0: the system cannot tell. @context: as above. May take memory and locks.
 */
unsigned os_frames(const void *context, uint64_t *frames, unsigned most);

/*
 * Name the function that begins at an address: by its symbol, or as its file and the place in it;
 * by the address alone where the system cannot tell. May take locks.
 */
void os_code_name(uint64_t address, char *name, size_t size);

/* ---- linux_cpus.c, posix_cpus.c ---- */

/*
 * Count the CPUs of the affinity mask, limited by the cgroup's quota (rounded up). At least 1. If
 * the mask has no more than @enough, the quota is not asked for, because it is read from files.
 */
unsigned os_usable_cpus(unsigned enough);

#endif
