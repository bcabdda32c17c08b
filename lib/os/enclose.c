/*
 * enclose.c - handlers that are registered last, so that they run first, and end the process.
 *
 * exit()        An exit handler. glibc runs the destructors of thread_local objects before all
 *               handlers, also those of the parent's thread. So the list of these is emptied first.
 * thread exit   A cleanup handler of POSIX threads.
 * longjmp()     glibc calls the cleanup handlers of the frames that a jump leaves, if they were
 *               registered in its old way. They lie in a list, and a jump to a frame above such an
 *               entry runs it.
 */
#define _GNU_SOURCE
#include "os/enclose.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static enclose_left_fn *tell;

static void left_thread(void *unused)
{
	(void)unused;
	tell(ENCLOSE_THREAD_EXIT, -1);
}

/* ---- exit() ---- */

#ifdef HAVE_ON_EXIT
static void left_process(int code, void *unused)
{
	(void)unused;
	tell(ENCLOSE_EXIT, code);
}

static void watch_exit(void)
{
	on_exit(left_process, NULL);
}
#else
static void left_process(void)
{
	tell(ENCLOSE_EXIT, -1);
}

static void watch_exit(void)
{
	atexit(left_process);
}
#endif

#if defined(HAVE_CXA_AT_QUICK_EXIT)
/*
 * What C++ compilers call for at_quick_exit(). glibc hands the exit code to such a handler, as it
 * does to those of on_exit().
 */
extern int __cxa_at_quick_exit(void (*)(void *), void *);

static void left_quickly(void *unused, int code)
{
	(void)unused;
	tell(ENCLOSE_QUICK_EXIT, code);
}

static void watch_quick_exit(void)
{
	/*
	 * Through a pointer without arguments, because compilers warn of a conversion between two
	 * others.
	 */
	__cxa_at_quick_exit((void (*)(void *))(void (*)(void))left_quickly, NULL);
}
#elif defined(HAVE_AT_QUICK_EXIT)
static void left_quickly(void)
{
	tell(ENCLOSE_QUICK_EXIT, -1);
}

static void watch_quick_exit(void)
{
	at_quick_exit(left_quickly);
}
#else
static void watch_quick_exit(void)
{
}
#endif

#ifdef HAVE_CXA_THREAD_ATEXIT
/* What C++ compilers call for each thread_local object with a destructor. */
extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);

#define MOST_TRIES 2
#define AROUND 32 /* words on either side of errno, among which glibc has the head of the list */

static void destroy_nothing(void *unused)
{
	(void)unused;
}

/* Find the words around errno, which is a variable of the thread in libc, as the list's head is. */
static uintptr_t *around_errno(void)
{
	return (uintptr_t *)((uintptr_t)&errno & ~(sizeof(uintptr_t) - 1)) - AROUND;
}

static unsigned head_at = 2 * AROUND; /* which of these words is the head; 2 * AROUND: not known */

/*
 * The head is the word that changes when an entry is added, and then points to an entry that holds
 * what was added. The entry is taken back at once. It is added for an address that is in no
 * library, so that libc counts it for the main program, which stays loaded anyway.
 */
void enclose_learn(void)
{
	static char ours;
	/* Never freed, because libc may have it from another allocator than our free(). */
	static uintptr_t *spent;
	static unsigned tries;
	uintptr_t before[2 * AROUND];
	uintptr_t *around = around_errno();

	/*
	 * If the head is not found, the entry stays, so there must not be one more with each pool.
	 */
	if (spent || tries == MOST_TRIES)
		return;
	tries++;
	for (unsigned i = 0; i < 2 * AROUND; i++)
		before[i] = around[i];
	if (__cxa_thread_atexit_impl(destroy_nothing, &ours, before))
		return;
	for (unsigned i = 0; i < 2 * AROUND; i++) {
		/* The entry comes from calloc(): { function, object, library, next }. */
		uintptr_t *entry = (uintptr_t *)around[i];

		if (around[i] == before[i] || around[i] < 65536 || around[i] % (2 * sizeof(uintptr_t)) ||
		    entry[1] != (uintptr_t)&ours || entry[3] != before[i])
			continue;
		around[i] = before[i];
		spent = entry;
		head_at = i;
		return;
	}
}

/* Empty the list of this thread, if its head is known. */
static void forget_thread_locals(void)
{
	if (head_at < 2 * AROUND)
		around_errno()[head_at] = 0;
}
#else
void enclose_learn(void)
{
}

static void forget_thread_locals(void)
{
}
#endif

/* ---- longjmp() ---- */

#ifdef HAVE_OLD_CLEANUP
/* The old way. libc still exports it, but pthread.h no longer declares it. */
extern void _pthread_cleanup_push(struct _pthread_cleanup_buffer *, void (*)(void *), void *);
extern void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *, int);

static void left_stack(void *unused)
{
	(void)unused;
	tell(ENCLOSE_JUMP, -1);
}
#endif

void enclose(void (*body)(void *context), void *context, enclose_left_fn *left)
{
#ifdef HAVE_OLD_CLEANUP
	struct _pthread_cleanup_buffer jump;
#endif
	int before;

	tell = left;
	forget_thread_locals();
	watch_exit();
	watch_quick_exit();
#ifdef HAVE_OLD_CLEANUP
	/*
	 * The outer one of the two. A thread's exit does not run it, because it ends at the inner
	 * one.
	 */
	_pthread_cleanup_push(&jump, left_stack, NULL);
#endif
	pthread_cleanup_push(left_thread, NULL);
	/* As in a new thread, because the parent has forked while it could not be cancelled. */
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	body(context);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_cleanup_pop(0);
#ifdef HAVE_OLD_CLEANUP
	_pthread_cleanup_pop(&jump, 0);
#endif
}
