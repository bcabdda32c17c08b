/*
 * lastwords.c - a worker that dies by a fault writes down where it was.
 *
 * A signal handler on a stack of its own, so that it also runs when the stack is full, puts the signal and the return addresses into the
 * worker's place in the segment, and lets the signal end the process. To find the addresses may take a lock that the faulting code
 * holds: an alarm ends the worker then, and the signal that was written first tells what it died of.
 *
 * A task may install handlers of its own; then these are not called.
 */
#define _XOPEN_SOURCE 700 /* sigaltstack() */
#include "pool/lastwords.h"

#include "os/os.h"

#include <signal.h>
#include <unistd.h>

#define STACK 65536
#define PATIENCE_S 1

static struct shared_worker *worker;
static pid_t process;
static _Alignas(64) unsigned char stack[STACK];

static void speak(int signal, siginfo_t *info, void *context)
{
	sigset_t alarms;

	(void)info;
	if (getpid() != process) { /* a child of a task: its death is not the worker's */
		raise(signal);
		return;
	}
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	worker->fault = signal;
	/* Its action is the default: a task that changed it gets no addresses at worst, or hangs until its limit. */
	sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	alarm(PATIENCE_S);
	worker->frame_count = os_frames(context, worker->frames, MAX_FRAMES);
	/* The default action, which SA_RESETHAND has put back, ends the process. */
	raise(signal);
}

void lastwords_prepare(struct shared_worker *self)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_sigaction = speak,
				   .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER)};

	worker = self;
	process = getpid();
	sigemptyset(&action.sa_mask);
	if (sigaltstack(&alternate, NULL))
		action.sa_flags &= ~SA_ONSTACK;
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
}

void lastwords_read(const struct shared_worker *self, struct death *death)
{
	if (!self->fault || !death->signal)
		return;
	if (death->signal == SIGALRM)
		death->signal = self->fault;
	if (death->signal != self->fault)
		return;
	death->frames = self->frames;
	/* A wild task may have written it. */
	death->frame_count = self->frame_count <= MAX_FRAMES ? self->frame_count : 0;
}
