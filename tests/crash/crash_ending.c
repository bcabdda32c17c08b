/*
 * crash_ending.c - hosts that end without destroying their pool, and hosts that meet Ctrl-C at any
 * time.
 *
 * Usage: crash_ending [SEED [ROUNDS [CASE]]]. When a host has ended, nothing of it may be left. The
 * workers of a host that handles Ctrl-C and goes on must not die of it.
 */
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/pool_life.h"
#include "support/process_state.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"
#include "support/tested_host.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* ---- hosts that end without destroying their pool ---- */

static int never_done(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	while (sheaf_task_attempt(task))
		sleep_ns(1000000000);
	return 0;
}

static void leave_it_running(void)
{
	sheaf_pool *pool = life_create(0);
	sheaf_batch *batch;

	CHECK(sheaf_batch_create(&batch, pool, NULL) == 0, "sheaf_batch_create");
	for (unsigned i = 0; i < 10; i++)
		CHECK(sheaf_submit(batch, i, never_done, NULL, 0) == 0, "sheaf_submit");
}

static int ends_by_return(void)
{
	leave_it_running();
	return 0;
}

static int ends_by_exit(void)
{
	leave_it_running();
	exit(0);
}

static int ends_at_once(void)
{
	leave_it_running();
	leave_it_running();
	_exit(0);
}

static int ends_by_abort(void)
{
	leave_it_running();
	abort();
}

/* Its pid and its child stay, all else goes. */
static int becomes_another(void)
{
	leave_it_running();
	atomic_store(&progress->ready, true);
	execlp("sleep", "sleep", "3600", (char *)NULL);
	return 1;
}

static void wait_for_loneliness(pid_t host)
{
	uint64_t deadline = hang_deadline();
	pid_t pids[16];
	unsigned count;

	tested_host_await(host, &progress->ready);
	while ((count = session_processes(host, pids, 16)) > 1 || segments_of(host)) {
		CHECK_AS(HARM_LEAKED, sheaf_now_ns() < deadline, "%u processes and %u segments outlive exec", count,
			 segments_of(host));
		sleep_ns(1000000);
	}
	child_signal(host, SIGTERM);
}

/*
 * A child of the host holds all that it inherited, and lives on until the pool of its dead parent
 * has gone.
 */
static int leaves_a_child(void)
{
	sheaf_pool *pool = life_create(0);
	pid_t supervisor = life_info(pool).supervisor;

	life_work(pool, 1);
	if (fork() == 0) {
		atomic_store(&progress->over, process_ended(supervisor, hang_deadline()));
		_exit(0);
	}
	return 0;
}

static void wait_for_child(pid_t host)
{
	uint64_t deadline = hang_deadline();

	while (!atomic_load(&progress->over)) {
		CHECK_AS(HARM_LEAKED, sheaf_now_ns() < deadline, "the supervisor of host %ld lives on", (long)host);
		sleep_ns(1000000);
	}
}

static void *work_on(void *context)
{
	sheaf_pool *pool = context;

	life_work(pool, 3);
	life_kill_worker(pool);
	life_work(pool, 3);
	sheaf_pool_destroy(pool);
	life_whole(0);
	_exit(0);
	return NULL;
}

/* The process goes on after its first thread has ended. */
static int main_thread_ends(void)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, work_on, life_create(0)), "thread");
	pthread_exit(NULL);
	return 1;
}

/* ---- signals that end the host, at any time ---- */

/* Make pools and destroy them until killed. */
static int restless(void)
{
	atomic_store(&progress->ready, true);
	for (;;) {
		sheaf_pool *pool = life_create(rng_below(&life_rng, 2) ? SHEAF_ANONYMOUS : 0);

		life_work(pool, (unsigned)rng_below(&life_rng, 3));
		sheaf_pool_destroy(pool);
	}
	return 0;
}

/* To all of the host's process group, as a terminal, a batch system or a service manager does. */
static void end_group(pid_t host, int signal)
{
	if (!tested_host_await(host, &progress->ready))
		return;
	sleep_ns(rng_below(&life_rng, 30000000));
	kill(-host, signal);
}

static void interrupt_group(pid_t host)
{
	end_group(host, SIGINT);
}

static void hang_up_group(pid_t host)
{
	end_group(host, SIGHUP);
}

static void terminate_group(pid_t host)
{
	end_group(host, SIGTERM);
}

static void kill_group(pid_t host)
{
	end_group(host, SIGKILL);
}

/* Kill the host and all of its family, as a service manager does. */
static void kill_session(pid_t host)
{
	pid_t pids[64];
	unsigned count;

	if (!tested_host_await(host, &progress->ready))
		return;
	sleep_ns(rng_below(&life_rng, 30000000));
	count = session_processes(host, pids, 64);
	for (unsigned i = 0; i < count && i < 64; i++)
		kill(pids[i], SIGKILL);
	child_signal(host, SIGKILL);
}

/* ---- hosts that handle Ctrl-C ---- */

static int interrupted(void)
{
	leave_it_running();
	atomic_store(&progress->ready, true);
	pause();
	return 1;
}

static void interrupt_once(pid_t host)
{
	if (tested_host_await(host, &progress->ready))
		kill(-host, SIGINT);
}

/* No worker and no supervisor dies of what comes for the host, at any time. */
static int unimpressed_by(int signal)
{
	struct process_state before;

	sigaction(signal, &(struct sigaction){.sa_handler = count_signal, .sa_flags = SA_RESTART}, NULL);
	before = process_state_now();
	atomic_store(&progress->ready, true);
	for (unsigned i = 0; i < 40 || signals == 0; i++) {
		sheaf_pool *pool = life_create(0);

		life_work(pool, 1);
		CHECK(life_info(pool).supervisors == 1 && life_info(pool).deaths == 0, "signal %d killed workers", signal);
		sheaf_pool_destroy(pool);
	}
	life_whole(0);
	process_state_check(&before);
	atomic_store(&progress->over, true);
	return 0;
}

static int unimpressed(void)
{
	return unimpressed_by(SIGINT);
}

static void again_and_again(pid_t host, void (*disturb)(pid_t host))
{
	uint64_t deadline = hang_deadline();

	if (!tested_host_await(host, &progress->ready))
		return;
	while (!atomic_load(&progress->over) && tested_host_runs(host) && sheaf_now_ns() < deadline) {
		disturb(host);
		sleep_ns(rng_below(&life_rng, 20000000));
	}
}

static void interrupt_group_once(pid_t host)
{
	kill(-host, SIGINT);
}

static void interrupt_again(pid_t host)
{
	again_and_again(host, interrupt_group_once);
}

/* The owner decides: it ends its pool while that is busy, and goes on with another one. */
static int gives_up(void)
{
	struct process_state before;

	sigaction(SIGINT, &(struct sigaction){.sa_handler = count_signal}, NULL);
	before = process_state_now();
	for (unsigned i = 0; i < 5; i++) {
		sheaf_pool *pool = life_create(0);
		sheaf_result result;
		sheaf_batch *batch;
		int r;

		CHECK(sheaf_batch_create(&batch, pool, NULL) == 0, "sheaf_batch_create");
		CHECK(sheaf_submit(batch, 0, never_done, NULL, 0) == 0, "sheaf_submit");
		signals = 0;
		atomic_store(&progress->ready, true);
		while (signals == 0)
			CHECK((r = sheaf_next(batch, &result, sheaf_now_ns() + 5000000)) == -ETIMEDOUT, "sheaf_next: %d", r);
		CHECK(life_info(pool).supervisors == 1 && life_info(pool).deaths == 0, "Ctrl-C killed workers");
		CHECK((r = sheaf_pool_terminate(pool)) == 0, "sheaf_pool_terminate: %d", r);
		CHECK((r = sheaf_next(batch, &result, hang_deadline())) == -ECANCELED, "sheaf_next: %d", r);
		sheaf_pool_destroy(pool);
	}
	signal(SIGINT, SIG_IGN);
	atomic_store(&progress->over, true);
	life_whole(0);
	sigaction(SIGINT, &before.actions[SIGINT], NULL);
	process_state_check(&before);
	return 0;
}

/* ---- the terminal ---- */

/*
 * The family is in the background of the terminal. It may not read, and must not be stopped for
 * trying.
 */
static int read_terminal(sheaf_task *task, const void *arg, void *result)
{
	int tty = open("/dev/tty", O_RDWR), error;
	char byte;
	ssize_t size;

	(void)arg;
	(void)result;
	if (tty < 0)
		return sheaf_task_fail(task, -errno, "no terminal");
	size = read(tty, &byte, 1);
	error = errno;
	close(tty);
	return size < 0 && error == EIO ? 0 : sheaf_task_fail(task, -EBADMSG, "read() said %zd, errno %d", size, error);
}

/*
 * Be stopped by Ctrl-Z and continued by the shell, over and over. Its workers do not stop, and none
 * dies.
 */
static int suspended(void)
{
	struct process_state before = process_state_now();

	atomic_store(&progress->ready, true);
	for (unsigned i = 0; i < 20 || atomic_load(&progress->stops) < 5; i++) {
		sheaf_pool *pool = life_create(0);
		int r = sheaf_apply(pool, read_terminal, NULL, 0, NULL, 0, NULL);

		CHECK(r == 0, "sheaf_apply: %d", r);
		life_work(pool, 1);
		CHECK(life_info(pool).supervisors == 1 && life_info(pool).deaths == 0, "Ctrl-Z killed workers");
		sheaf_pool_destroy(pool);
	}
	atomic_store(&progress->over, true);
	process_state_check(&before);
	return 0;
}

static void type_ctrl_c(pid_t host)
{
	(void)host;
	terminal_type('\003');
}

static void type_ctrl_z(pid_t host)
{
	(void)host;
	terminal_type('\032');
}

static void type_ctrl_c_again(pid_t host)
{
	again_and_again(host, type_ctrl_c);
}

static void type_ctrl_z_again(pid_t host)
{
	again_and_again(host, type_ctrl_z);
}

static void end_from_terminal(pid_t host, char key)
{
	if (!tested_host_await(host, &progress->ready))
		return;
	sleep_ns(rng_below(&life_rng, 30000000));
	if (key)
		terminal_type(key);
	else
		terminal_hang_up();
}

static void type_ctrl_c_once(pid_t host)
{
	end_from_terminal(host, '\003');
}

static void type_quit_once(pid_t host)
{
	end_from_terminal(host, '\034');
}

static void pull_the_plug(pid_t host)
{
	end_from_terminal(host, 0);
}

/* ---- the cases ---- */

static const struct tested_host hosts[] = {
	{"returns without destroy", .play = ends_by_return},
	{"exits without destroy", .play = ends_by_exit},
	{"ends at once without destroy", .play = ends_at_once},
	{"aborts without destroy", .play = ends_by_abort, .signal = SIGABRT},
	{"calls exec without destroy", .play = becomes_another, .disturb = wait_for_loneliness, .signal = SIGTERM},
	{"leaves a child behind", .play = leaves_a_child, .disturb = wait_for_child},
	{"goes on without its first thread", .play = main_thread_ends},
	{"SIGINT ends the host", .play = interrupted, .disturb = interrupt_once, .signal = SIGINT},
	{"SIGINT at any time ends the host", .play = restless, .disturb = interrupt_group, .signal = SIGINT, .any_time = true},
	{"SIGHUP at any time ends the host", .play = restless, .disturb = hang_up_group, .signal = SIGHUP, .any_time = true},
	{"SIGTERM at any time ends the host", .play = restless, .disturb = terminate_group, .signal = SIGTERM,
	 .any_time = true},
	{"SIGKILL at any time ends the group", .play = restless, .disturb = kill_group, .signal = SIGKILL, .any_time = true},
	{"SIGKILL at any time ends all", .play = restless, .disturb = kill_session, .signal = SIGKILL, .any_time = true},
	{"SIGINT at any time is handled", .play = unimpressed, .disturb = interrupt_again},
	{"SIGINT makes the owner give up", .play = gives_up, .disturb = interrupt_again},
	{"Ctrl-C ends the host", .play = restless, .disturb = type_ctrl_c_once, .signal = SIGINT, .any_time = true,
	 .terminal = true},
	{"Ctrl-C is handled", .play = unimpressed, .disturb = type_ctrl_c_again, .terminal = true},
	{"Ctrl-Z stops the host", .play = suspended, .disturb = type_ctrl_z_again, .terminal = true},
	{"Ctrl-\\ ends the host", .play = restless, .disturb = type_quit_once, .signal = SIGQUIT, .any_time = true,
	 .terminal = true},
	{"the terminal hangs up", .play = restless, .disturb = pull_the_plug, .signal = SIGHUP, .any_time = true,
	 .terminal = true},
};

int main(int argc, char **argv)
{
	unsigned count = sizeof(hosts) / sizeof(hosts[0]);
	uint64_t rounds = amount_argument(argc, argv, 2, 1), only = amount_argument(argc, argv, 3, count);

	if (!tested_host_begin(argc, argv))
		return 77;
	for (uint64_t round = 0; round < rounds; round++)
		for (unsigned i = 0; i < count; i++)
			if (only >= count || i == only)
				tested_host_play(&hosts[i]);
	report_end();
	return 0;
}
