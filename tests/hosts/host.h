/*
 * host.h - programs that use a pool as their authors see fit, and what has to hold for each of
 * them.
 *
 * A case is one such program, named after what it does. host.c plays it in a process of its own,
 * which leads a session, in a folder of its own and, where it may, with a /dev/shm of its own, for
 * at most so many seconds. The case returns 0 if all was well. It says what it got and what it
 * expected by EXPECT(), in any of its processes, or by SKIP() what this machine lacks. Afterwards
 * host.c checks that the host had no child left, that no process of it lives on, and that /dev/shm
 * is as empty as before.
 *
 * A case stands on sheaf.h and the C library alone, as any program of a user's.
 */
#ifndef SHEAF_TESTS_HOST_H
#define SHEAF_TESTS_HOST_H

#include "sheaf.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SECOND UINT64_C(1000000000)
#define MIB ((size_t)1 << 20)

struct host_case {
	const char *name;
	int (*play)(void); /* the host; or, for hosts that differ only in @context: */
	int (*play_with)(const void *context);
	const void *context;
	unsigned seconds; /* that it may take; 0: 30 */
	bool stays;       /* the host may end with a pool that it has not destroyed */
};

/* The program: plays all cases, or those that its arguments name. */
int host_main(int argc, char **argv, const char *program, const struct host_case *cases, size_t n);

#define CASE(play)                                \
	{                                         \
#play, play, NULL, NULL, 0, false \
	}
#define LONG_CASE(play, seconds)                        \
	{                                               \
#play, play, NULL, NULL, seconds, false \
	}
#define OPEN_CASE(play)                          \
	{                                        \
#play, play, NULL, NULL, 0, true \
	}

#define CASE_WITH(name, play_with, context)               \
	{                                                 \
#name, NULL, play_with, context, 0, false \
	}
#define LONG_CASE_WITH(name, play_with, context, seconds)       \
	{                                                       \
#name, NULL, play_with, context, seconds, false \
	}

#define HOST_PROGRAM(program, ...)                                                                             \
	static const struct host_case host_cases[] = {__VA_ARGS__};                                            \
	int main(int argc, char **argv)                                                                        \
	{                                                                                                      \
		return host_main(argc, argv, program, host_cases, sizeof(host_cases) / sizeof(host_cases[0])); \
	}

/* End the calling process with the verdict of the case; the first one counts. */
#if defined(__GNUC__)
__attribute__((__noreturn__, __format__(__printf__, 2, 3)))
#endif
void host_verdict(int code, const char *format, ...);

#define EXPECT(condition, ...)                        \
	do {                                          \
		if (!(condition))                     \
			host_verdict(1, __VA_ARGS__); \
	} while (0)
#define SKIP(...) host_verdict(77, __VA_ARGS__)

/* What POSIX alone has no means for. */
#ifdef HOST_POSIX_LAYER
#define NEEDS_LINUX_LAYER(what) SKIP("the POSIX layer has no means to know %s", what)
#else
#define NEEDS_LINUX_LAYER(what) \
	do {                    \
		(void)(what);   \
	} while (0)
#endif

/* A call of the library that has to succeed. */
#define NEED(call)                                                                                                   \
	do {                                                                                                         \
		int host_code = (call);                                                                              \
		if (host_code < 0)                                                                                   \
			host_verdict(1, "got %d (%s) from %s, expected success", host_code, sheaf_message(), #call); \
	} while (0)

/* ---- numbers that all processes of a case share ---- */

#define HOST_MARKS 1024 /* the last 100 are for host_die_with_all() */
long host_get(int mark);
void host_set(int mark, long value);
long host_add(int mark, long value); /* the new value */

/* For what must happen at once: only a hanging program needs so long, also on a loaded machine. */
uint64_t host_deadline(void);

/*
 * Wait until a mark has at least this value. @what: the event, for the verdict if it does not come.
 */
void host_await(int mark, long value, const char *what);

/* ---- pools ---- */

/* A pool of so many workers with a heap of 64 MiB. */
sheaf_pool *host_pool(unsigned workers);
sheaf_pool *host_pool_with(const sheaf_pool_options *options);
/* A pool of one worker with this name: 0, or why not. */
int host_try_name(const char *name, sheaf_pool **pool);

/* Make a pool, use it and destroy it. */
void host_create_and_destroy(void);
sheaf_batch *host_batch(sheaf_pool *pool, const sheaf_batch_options *options);
sheaf_pool_info host_info(const sheaf_pool *pool);

/* Its workers run tasks, and a map gives the right results. */
void host_works(sheaf_pool *pool);

/* Gather @n results, which have to come. */
const sheaf_result *host_gather(sheaf_batch *batch, size_t n, int *failed);

int host_nothing(sheaf_task *task, const void *arg, void *result); /* a task: returns 0 */
/* a task: sleeps for *(int *)arg milliseconds */
int host_nap_ms(sheaf_task *task, const void *arg, void *result);
/* a task: *(uint64_t *)result = its position */
int host_position(sheaf_task *task, const void *arg, void *result);

/* ---- processes ---- */

void host_nap(unsigned ms);
bool host_dead(pid_t pid); /* gone, or a zombie */
void host_await_death(pid_t pid);
void host_kill(pid_t pid); /* SIGKILL; returns when it is dead */
void host_kill_supervisor(sheaf_pool *pool);

/* A worker's process, as soon as there is one. */
pid_t host_worker(sheaf_pool *pool, unsigned worker);

/*
 * Wait until the pool has had so many supervisors and the last one lives, without any other call.
 */
void host_await_supervisors(sheaf_pool *pool, uint64_t count);

/*
 * Processes of this case other than the caller and those of the test itself: all, and those that
 * are neither a pool's supervisor nor one of its workers. -1: they cannot be told here.
 */
int host_processes(pid_t *pids, int room);
int host_others(sheaf_pool *pool, unsigned workers, pid_t *pids, int room);
/*
 * End the caller and all others of the case at once, so that none can clean up. The parent waits
 * until each is dead.
 */
void host_die_with_all(void);
void host_await_all(void);
int host_zombies(void); /* children of the caller that are not reaped */

/*
 * Play a part in a child. Return its exit code, or 128 + signal; give a verdict if it does not end
 * in so many seconds.
 */
int host_child(int (*play)(void *context), void *context, unsigned seconds);

/* Wait for a child of the caller. */
int host_join(pid_t pid, unsigned seconds);

/* Give up root for good, if the case is played by it. */
void host_be_plain(void);

/*
 * Mount a tmpfs over a folder, for this case only; "" for no options. Skip the case where that
 * cannot be.
 */
void host_mount(const char *folder, const char *options);

/*
 * Move the caller into a new control group whose file @file_v1 or @file_v2 has @value. 0, or -1:
 * that cannot be.
 */
int host_cgroup(const char *controller, const char *file_v1, const char *file_v2, const char *value);
const char *host_cgroup_folder(void);
int host_cgroup_write(const char *file, const char *value);

/* ---- files ---- */

void host_write(const char *path, const void *bytes, size_t size);
long host_size(const char *path);                             /* -1: there is none */
size_t host_read(const char *path, char *bytes, size_t room); /* ends it with a zero */
/* lines of a file that are equal to @line; NULL: all */
long host_lines(const char *path, const char *line);
bool host_shm_exists(const char *name); /* "/name" */
/* of its file; good until the eighth next call */
const char *host_shm_path(const char *name);

/*
 * A name that no other case uses, also where /dev/shm is shared: "/", @prefix and the pid. Good
 * until the 16th next call.
 */
const char *host_own_name(const char *prefix);
bool host_shm_private(void); /* the case uses /dev/shm alone, so that no other start may sweep it */
int host_open_files(void);

#ifdef __cplusplus
}
#endif

#endif
