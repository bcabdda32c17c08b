/*
 * children.h - child processes for tests: none outlives the test that started it.
 *
 * A child is killed when the thread that started it ends, however that happens, and by
 * child_end_all(), which also runs at exit. For one thread of a process. A child may start children
 * of its own.
 */
#ifndef SHEAF_TESTS_SUPPORT_CHILDREN_H
#define SHEAF_TESTS_SUPPORT_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a child does; the child ends with the returned exit code, without running the exit handlers
 * of the parent.
 */
typedef int child_fn(void *context);

/* Start a child. Return its pid, or -errno. */
pid_t child_start(child_fn *fn, void *context);

/* Send a signal to a child that was not reaped yet. 0, or -ESRCH for any other process. */
int child_signal(pid_t pid, int signal);

/*
 * Wait until a child ends, and reap it. 0 with *@status as of waitpid(). -ETIMEDOUT: it runs on.
 * -ESRCH: not such a child.
 */
int child_wait(pid_t pid, int *status, uint64_t deadline_ns);

/* Kill a child if it still runs, and reap it. */
void child_end(pid_t pid);

/* Kill and reap all children of child_start(). */
void child_end_all(void);

/*
 * Make the calling process, which is root's, one of this user, as if that user had started it.
 * False: it cannot be.
 */
bool become_user(unsigned user);

/*
 * Wait until a process that is not a child has ended. A zombie has ended. False: the process lives
 * on.
 */
bool process_ended(pid_t pid, uint64_t deadline_ns);

#endif
