/*
 * enclose.h - run code so that it reaches nothing of its caller but by returning.
 *
 * For a process that is a copy of another one. It has that one's frames, exit handlers and
 * destructors, and must not run them.
 */
#ifndef SHEAF_OS_ENCLOSE_H
#define SHEAF_OS_ENCLOSE_H

/*
 * How code leaves by another way than a return. The numbers are those of enum death_way in
 * layout.h.
 */
enum enclose_way {
	ENCLOSE_EXIT = 1,        /* exit(), in whatever thread */
	ENCLOSE_QUICK_EXIT = 2,  /* quick_exit() */
	ENCLOSE_THREAD_EXIT = 3, /* pthread_exit(), or the thread was cancelled */
	ENCLOSE_JUMP = 4,        /* longjmp() to a place that was set outside */
};

/*
 * Handle the leaving. Must not return. @code: the argument of exit(); -1 where libc does not tell.
 */
typedef void enclose_left_fn(enum enclose_way way, int code);

/*
 * Learn where libc keeps the list that enclose() must empty. For the parent before it forks,
 * because else each child would make libc search anew. Call it with forks held.
 */
void enclose_learn(void);

/*
 * Call @body(@context). If that leaves by one of these ways, or a thread of it does, call @left and
 * nothing else of the process. Handlers that @body itself has registered run before. To be called
 * once in a process.
 *
 * An exception that reaches this call ends the process: see pool/boundary.c. With other libraries
 * than glibc, exit() does not tell its code, and a jump is not noticed. No library tells of
 * setcontext(), nor of a jump to a frame of another thread.
 */
void enclose(void (*body)(void *context), void *context, enclose_left_fn *left);

#endif
