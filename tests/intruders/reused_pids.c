/*
 * reused_pids.c - the pid of a pool's supervisor becomes another process's, and that process is not
 * touched.
 *
 * The whole family of a pool is killed, and the host reaps the supervisor behind the library's
 * back. Then the host has another child, which gets the very pid. The pool has to go on, or to end,
 * without waiting for that child, signalling it, or taking its exit status away.
 *
 * A pid is given out again at once where the kernel can be asked for that: in a namespace of
 * processes, by ns_last_pid.
 */
#include "hosts/host.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LAST_PID "/proc/sys/kernel/ns_last_pid"
/* what a call may take on a loaded machine that takes milliseconds otherwise */
#define BOUND (10 * SECOND)
#define CODE 42

enum habit { WAITS_FOR_ANY, IGNORES_SIGCHLD };
enum stranger {
	SLEEPS,
	LEADS_A_GROUP,
	HAS_ENDED,
	LED_A_GROUP,
	OF_ANOTHER, /* leads a group, and is no child of the host's */
};
enum action { APPLIES, DESTROYS, TERMINATES, JOINS };
enum means {
	DESCRIPTORS,    /* whatever the system has */
	NO_DESCRIPTORS, /* as before Linux 5.3 */
};

struct plot {
	enum habit habit;
	enum stranger stranger;
	enum action action;
	enum means means;
	/*
	 * a process that a task has left behind holds the family's pipe, so that its end does not
	 * come
	 */
	bool held;
};

enum { MARK_READY };

/* ---- the stage: a namespace of processes ---- */

static bool own_proc(void)
{
	return !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("proc", "/proc", "proc", 0, NULL);
}

/* Process 1: reaps what comes to it, until the host has ended. */
static int stage(int (*host)(const struct plot *), const struct plot *plot)
{
	pid_t pid, one;
	int status;

	if (!own_proc())
		SKIP("no /proc of its own can be mounted here (%s)", strerror(errno));
	pid = fork();
	EXPECT(pid >= 0, "got no process (%s), expected one", strerror(errno));
	if (!pid)
		_exit(host(plot));
	do
		one = waitpid(-1, &status, 0);
	while (one > 0 && one != pid);
	return one == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int in_namespace(int (*host)(const struct plot *), const struct plot *plot)
{
	pid_t first;

	if (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID))
		SKIP("no namespace of processes can be had here (%s)", strerror(errno));
	first = fork();
	EXPECT(first >= 0, "got no process (%s), expected one", strerror(errno));
	if (!first) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(stage(host, plot));
	}
	return host_join(first, 60);
}

/* From now on this process and its children have no descriptors of processes. */
static void forbid_descriptors(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 434, 1, 0), /* pidfd_open */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 424, 0, 1), /* pidfd_send_signal */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		SKIP("no call can be forbidden here (%s)", strerror(errno));
}

/* ---- the plot ---- */

/*
 * Leave a child in a session of its own, which no fork handler has announced. It ends with the
 * namespace.
 */
static int leave_child(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	if (syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, 0UL) == 0) {
		setsid();
		for (;;)
			pause();
	}
	return 0;
}

/* Kill all of the pool's family, and wait until nothing of it is left to keep the number. */
static pid_t kill_family(sheaf_pool *pool, enum habit habit)
{
	pid_t group = host_info(pool).supervisor;
	uint64_t deadline = host_deadline();

	while (!kill(-group, SIGKILL) || errno != ESRCH) {
		while (habit == WAITS_FOR_ANY && waitpid(-1, NULL, WNOHANG) > 0)
			;
		EXPECT(sheaf_now_ns() < deadline, "got a family that does not die, expected its end");
		host_nap(1);
	}
	return group;
}

static void live_as(enum stranger stranger)
{
	if (stranger == LEADS_A_GROUP || stranger == LED_A_GROUP || stranger == OF_ANOTHER)
		setpgid(0, 0);
	host_set(MARK_READY, 1);
	if (stranger == HAS_ENDED || stranger == LED_A_GROUP)
		_exit(CODE);
	for (;;)
		pause();
}

/* A child of the host with that pid. */
static void fork_as(pid_t wanted, enum stranger stranger)
{
	char text[16];
	siginfo_t info;

	snprintf(text, sizeof(text), "%ld", (long)wanted - 1);
	for (int tries = 0; tries < 100; tries++) {
		int fd = open(LAST_PID, O_WRONLY | O_CLOEXEC);
		bool told = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
		pid_t pid;

		if (!told)
			SKIP(LAST_PID " cannot be written to (%s)", strerror(errno));
		close(fd);
		pid = fork();
		EXPECT(pid >= 0, "got no process (%s), expected one", strerror(errno));
		if (!pid && getpid() != wanted)
			_exit(0);
		if (!pid)
			live_as(stranger);
		if (pid == wanted) {
			host_await(MARK_READY, 1, "the stranger's start");
			/* It is a zombie by then, and stays one. */
			if (stranger == HAS_ENDED || stranger == LED_A_GROUP)
				waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
			return;
		}
		waitpid(pid, NULL, 0);
	}
	SKIP("the kernel does not give the pid %ld out again", (long)wanted);
}

static void act(sheaf_pool *pool, enum action action)
{
	uint64_t began = sheaf_now_ns(), position = 1;

	switch (action) {
	case APPLIES:
		NEED(sheaf_apply(pool, host_position, NULL, 0, &position, sizeof(position), NULL));
		EXPECT(position == 0, "got the result %llu, expected 0", (unsigned long long)position);
		host_works(pool);
		break;
	case TERMINATES:
		NEED(sheaf_pool_terminate(pool));
		break;
	case JOINS:
		NEED(sheaf_pool_close(pool));
		NEED(sheaf_pool_join(pool, sheaf_now_ns() + BOUND));
		break;
	default:
		break;
	}
	sheaf_pool_destroy(pool);
	EXPECT(sheaf_now_ns() - began < BOUND, "got an end after %.1f s, expected one at once",
	       (double)(sheaf_now_ns() - began) / 1e9);
}

static void check_stranger(pid_t pid, const struct plot *plot)
{
	bool lives = plot->stranger == SLEEPS || plot->stranger == LEADS_A_GROUP;
	int status = 0;
	pid_t found;

	if (plot->stranger == OF_ANOTHER) {
		EXPECT(!host_dead(pid), "got the death of a process of somebody else's, expected its life");
		return;
	}
	found = waitpid(pid, &status, WNOHANG);

	if (lives) {
		EXPECT(!found, "got the stranger's %s, expected its life", found < 0 ? "disappearance" : "death");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return;
	}
	EXPECT(found == pid, "got no exit status of the stranger, expected %d: somebody else has reaped it", CODE);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == CODE, "got the status %#x, expected exit code %d", (unsigned)status,
	       CODE);
}

static int play_host(const struct plot *plot)
{
	sheaf_pool *pool;
	pid_t pid;

	if (plot->means == NO_DESCRIPTORS)
		forbid_descriptors();
	if (plot->habit == IGNORES_SIGCHLD)
		signal(SIGCHLD, SIG_IGN);
	pool = host_pool(2);
	host_works(pool);
	if (plot->held)
		NEED(sheaf_apply(pool, leave_child, NULL, 0, NULL, 0, NULL));
	/*
	 * Processes that started in the same hundredth of a second are told apart by nothing that
	 * every kernel tells.
	 */
	host_nap(20);
	pid = kill_family(pool, plot->habit);
	if (plot->stranger == OF_ANOTHER) {
		pid_t other = fork();

		if (!other) {
			fork_as(pid, plot->stranger);
			_exit(0);
		}
		EXPECT(host_join(other, 20) == 0, "got another end of who has forked the stranger, expected 0");
	} else {
		fork_as(pid, plot->stranger);
	}
	act(pool, plot->action);
	check_stranger(pid, plot);
	return 0;
}

/* ---- without a stranger: what the library may reap it does ---- */

/* The host adopts orphans, and reaps none. No process of a family that dies or ends may be left. */
static int reap_orphans(const struct plot *plot)
{
	sheaf_pool *pool;
	pid_t group;

	NEEDS_LINUX_LAYER("who adopts orphans");
	if (plot->means == NO_DESCRIPTORS)
		forbid_descriptors();
	EXPECT(!prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "got %s, expected to adopt orphans", strerror(errno));
	pool = host_pool(2);
	host_works(pool);
	group = host_info(pool).supervisor;
	EXPECT(!kill(-group, SIGKILL), "got %s, expected to kill the family", strerror(errno));
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	sheaf_pool_destroy(pool);
	EXPECT(host_zombies() == 0, "got %d zombies, expected none", host_zombies());
	return 0;
}

static int play(const void *plot)
{
	return in_namespace(play_host, plot);
}

static int play_orphans(const void *plot)
{
	return in_namespace(reap_orphans, plot);
}

#define STRANGER_CASE(name, ...) CASE_WITH(name, play, (&(const struct plot){__VA_ARGS__}))

HOST_PROGRAM("reused_pids", STRANGER_CASE(apply_beside_a_sleeper, .stranger = SLEEPS, .action = APPLIES),
	     STRANGER_CASE(apply_beside_a_leader, .stranger = LEADS_A_GROUP, .action = APPLIES),
	     STRANGER_CASE(apply_beside_a_zombie, .stranger = HAS_ENDED, .action = APPLIES),
	     STRANGER_CASE(apply_beside_a_dead_leader, .stranger = LED_A_GROUP, .action = APPLIES),
	     STRANGER_CASE(destroy_beside_a_sleeper, .stranger = SLEEPS, .action = DESTROYS),
	     STRANGER_CASE(destroy_beside_a_leader, .stranger = LEADS_A_GROUP, .action = DESTROYS),
	     STRANGER_CASE(destroy_beside_a_zombie, .stranger = HAS_ENDED, .action = DESTROYS),
	     STRANGER_CASE(terminate_beside_a_leader, .stranger = LEADS_A_GROUP, .action = TERMINATES),
	     STRANGER_CASE(join_beside_a_leader, .stranger = LEADS_A_GROUP, .action = JOINS),
	     STRANGER_CASE(ignored_sigchld_apply, .habit = IGNORES_SIGCHLD, .stranger = SLEEPS, .action = APPLIES),
	     STRANGER_CASE(ignored_sigchld_destroy, .habit = IGNORES_SIGCHLD, .stranger = LEADS_A_GROUP, .action = DESTROYS),
	     STRANGER_CASE(old_kernel_apply_beside_a_sleeper, .stranger = SLEEPS, .action = APPLIES, .means = NO_DESCRIPTORS),
	     STRANGER_CASE(old_kernel_apply_beside_a_leader, .stranger = LEADS_A_GROUP, .action = APPLIES,
			   .means = NO_DESCRIPTORS),
	     STRANGER_CASE(old_kernel_apply_beside_a_dead_leader, .stranger = LED_A_GROUP, .action = APPLIES,
			   .means = NO_DESCRIPTORS),
	     STRANGER_CASE(old_kernel_destroy_beside_a_leader, .stranger = LEADS_A_GROUP, .action = DESTROYS,
			   .means = NO_DESCRIPTORS),
	     STRANGER_CASE(old_kernel_destroy_beside_a_zombie, .stranger = HAS_ENDED, .action = DESTROYS,
			   .means = NO_DESCRIPTORS),
	     STRANGER_CASE(old_kernel_ignored_sigchld, .habit = IGNORES_SIGCHLD, .stranger = LEADS_A_GROUP, .action = APPLIES,
			   .means = NO_DESCRIPTORS),
	     STRANGER_CASE(apply_while_the_pipe_is_held, .stranger = OF_ANOTHER, .action = APPLIES, .held = true),
	     STRANGER_CASE(destroy_while_the_pipe_is_held, .stranger = LEADS_A_GROUP, .action = DESTROYS, .held = true),
	     STRANGER_CASE(old_kernel_apply_while_the_pipe_is_held, .stranger = OF_ANOTHER, .action = APPLIES,
			   .means = NO_DESCRIPTORS, .held = true),
	     CASE_WITH(orphans_are_reaped, play_orphans, (&(const struct plot){.means = DESCRIPTORS})),
	     CASE_WITH(old_kernel_orphans_are_reaped, play_orphans, (&(const struct plot){.means = NO_DESCRIPTORS})))
