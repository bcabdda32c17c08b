/*
 * signals.c - what signals do to a process of the family.
 */
#include "os/os.h"

#include <signal.h>

static void do_nothing(int signal)
{
	(void)signal;
}

/*
 * Choose the action of a signal in the family. Where it must have no effect, it gets a handler,
 * because exec() does not pass handlers on, as it does SIG_IGN.
 */
static void (*action_of(int signal))(int)
{
	struct sigaction before;

	switch (signal) {
	case SIGINT: /* Ctrl-C and Ctrl-Z are for the owner */
	case SIGTSTP:
		return do_nothing;
	case SIGTTIN: /* the terminal is an error for a task, which would else stop for ever */
	case SIGTTOU:
		return SIG_IGN;
	case SIGPIPE: /* a task's write fails by an error if the owner's does */
		if (sigaction(signal, NULL, &before))
			return SIG_DFL;
		return before.sa_flags & SA_SIGINFO || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
			       ? do_nothing
			       : before.sa_handler;
	default:
		return SIG_DFL;
	}
}

void os_reset_signal(int signal)
{
	struct sigaction action = {.sa_handler = action_of(signal), .sa_flags = SA_RESTART};

	sigaction(signal, &action, NULL);
}

void os_reset_signals(const sigset_t *mask)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t pending;

	sigemptyset(&pending);
	sigpending(&pending);
	for (int signal = 1; signal <= SIGRTMAX; signal++) {
		/*
		 * Ignoring it drops one that has come already, because that was for the parent's
		 * group.
		 */
		if (sigismember(&pending, signal) == 1)
			sigaction(signal, &ignore, NULL);
		os_reset_signal(signal);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
}

void os_block_all_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static void notice(int signal)
{
	(void)signal;
}

void os_notice_signal(int signal)
{
	struct sigaction action = {.sa_handler = notice};

	sigemptyset(&action.sa_mask);
	sigaction(signal, &action, NULL);
}
