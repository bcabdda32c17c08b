/*
 * crash_ending.c - hosts that end without a word while their pool works, and hosts that meet Ctrl-C at any time.
 *
 * Usage: crash_ending [SEED [CASE]]. Nothing of a host may be left when it has ended; and a host that takes Ctrl-C as a remark must
 * not see its workers die of it.
 */
#include "support/children.h"
#include "support/guest.h"
#include "support/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* ---- hosts that end without a word ---- */

static int never_done(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	while (sheaf_task_attempt(task))
		trial_nap(1000000000);
	return 0;
}

static void leave_it_running(void)
{
	sheaf_pool *pool = guest_create(0);
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

static int ends_by_abort(void)
{
	leave_it_running();
	abort();
}

/* ---- Ctrl-C ---- */

static int interrupted(void)
{
	leave_it_running();
	atomic_store(&stage->ready, true);
	pause();
	return 1;
}

static void interrupt_once(pid_t host)
{
	while (!atomic_load(&stage->ready))
		trial_nap(100000);
	kill(-host, SIGINT);
}

/* The host takes Ctrl-C as a remark, at any time. */
static int unimpressed(void)
{
	struct belongings before;

	sigaction(SIGINT, &(struct sigaction){.sa_handler = count_signal, .sa_flags = SA_RESTART}, NULL);
	before = belongings_now();
	atomic_store(&stage->ready, true);
	for (unsigned i = 0; i < 40; i++) {
		sheaf_pool *pool = guest_create(0);

		guest_work(pool, 1);
		CHECK(guest_look(pool).supervisors == 1 && guest_look(pool).deaths == 0, "Ctrl-C killed workers");
		sheaf_pool_destroy(pool);
	}
	guest_live(0);
	belongings_check(&before);
	CHECK(signals > 0, "no signal came");
	atomic_store(&stage->over, true);
	return 0;
}

static void interrupt_again(pid_t host)
{
	uint64_t deadline = patience();

	while (!atomic_load(&stage->ready))
		trial_nap(100000);
	while (!atomic_load(&stage->over) && getpgid(host) == host && sheaf_now_ns() < deadline) {
		struct proc proc;

		if (!proc_read(host, &proc) || proc.state == 'Z')
			break;
		kill(-host, SIGINT);
		trial_nap(20000);
	}
}

/* ---- the cases ---- */

static const struct guest guests[] = {
	{"returns without destroy", ends_by_return, NULL, 0},     {"exits without destroy", ends_by_exit, NULL, 0},
	{"aborts without destroy", ends_by_abort, NULL, SIGABRT}, {"Ctrl-C ends the host", interrupted, interrupt_once, SIGINT},
	{"Ctrl-C at any time", unimpressed, interrupt_again, 0},
};

int main(int argc, char **argv)
{
	return guests_play(argc, argv, guests, sizeof(guests) / sizeof(guests[0]));
}
