/*
 * lastwords.c - a worker that dies by a fault writes down where it was.
 *
 * A signal handler writes the signal and the return addresses to the worker's record, and lets the
 * signal end the process. It has a stack of its own, so that it also runs when the stack is full.
 *
 * Writers           The worker's handler alone writes the fault, and the supervisor reads it after
 *                   the worker's death.
 * Deaths            Finding the addresses may take a lock that the faulting code holds. Then an
 *                   alarm ends the worker, and the signal, which was written first, tells what it
 *                   died of.
 *
 * If a task installs handlers of its own, these are not called.
 */
#define _XOPEN_SOURCE 700 /* sigaltstack() */
#include "pool/lastwords.h"

#include "os/os.h"
#include "os/output.h"

#include <signal.h>
#include <unistd.h>

#define STACK 65536
#define ALARM_S 1
#define NEAR_STACK ((uint64_t)65536)

static struct shared_seat *worker;
static pid_t process;
static _Alignas(64) unsigned char stack[STACK];

/*
 * Tell what the address of a fault is. 0: there is none, because the signal was sent, or no process
 * can have the address.
 */
static uint16_t way_of(int signal, const siginfo_t *info, const void *context)
{
	uint64_t address = (uint64_t)(uintptr_t)info->si_addr, top = os_stack_pointer(context);

	if (signal == SIGBUS && (info->si_code == BUS_ADRERR || info->si_code == BUS_OBJERR))
		return FAULT_ADDRESS;
	if (signal != SIGSEGV || (info->si_code != SEGV_MAPERR && info->si_code != SEGV_ACCERR))
		return 0;
	/*
	 * Code uses the stack near its top when it calls a function or enters a frame. There it is
	 * mapped unless it could not grow.
	 */
	if (top && address - (top - NEAR_STACK) < 2 * NEAR_STACK)
		return FAULT_STACK;
	return info->si_code == SEGV_MAPERR ? FAULT_UNMAPPED : FAULT_PROTECTED;
}

/* Write down a fault, and die of it. */
static void tell_fault(int signal, siginfo_t *info, void *context)
{
	sigset_t alarms;

	if (getpid() != process) { /* a child of a task: its death is not the worker's */
		raise(signal);
		return;
	}
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	worker->address = (uint64_t)(uintptr_t)info->si_addr;
	worker->way = way_of(signal, info, context);
	worker->fault = signal;
	/*
	 * The alarm has its default action, unless a task has changed it. Such a task gets no
	 * addresses at worst, or hangs until its time limit.
	 */
	sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	alarm(ALARM_S);
	output_rescue();
	alarm(ALARM_S);
	worker->frame_count = (uint16_t)os_frames(context, worker->frames, MAX_FRAMES);
	/* SA_RESETHAND has put back the default action, which ends the process. */
	raise(signal);
}

void lastwords_prepare(struct shared_seat *self)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_sigaction = tell_fault,
				   .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER)};

	worker = self;
	process = getpid();
	sigemptyset(&action.sa_mask);
	if (sigaltstack(&alternate, NULL))
		action.sa_flags &= ~SA_ONSTACK;
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
}

void lastwords_read(const struct shared_seat *self, struct death *death)
{
	/*
	 * WAY_EXIT is left out, because the kernel tells as well that the process has exited with a
	 * code.
	 */
	if (!death->signal && self->way != WAY_EXIT)
		death->way = self->way;
	if (!self->fault || !death->signal)
		return;
	if (death->signal == SIGALRM)
		death->signal = self->fault;
	if (death->signal != self->fault)
		return;
	death->way = self->way;
	death->address = self->address;
	death->frames = self->frames;
	/* A wild write may have changed it. */
	death->frame_count = self->frame_count <= MAX_FRAMES ? self->frame_count : 0;
}
