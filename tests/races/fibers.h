/*
 * fibers.h - threads of the library as fibers of one thread, which change places at atomic
 * accesses, by a seed.
 *
 * The program is linked so that the library's threads, mutexes, semaphores, naps and clock are
 * those of fibers.c (--wrap). Time is virtual: it passes only when nobody can run. So a sleep that
 * is ended by its deadline, and by nobody's wake-up, is seen for what it is: a lost wake-up.
 */
#ifndef SHEAF_TESTS_RACES_FIBERS_H
#define SHEAF_TESTS_RACES_FIBERS_H

#include "races/memory.h"

#include <stdbool.h>

typedef void fiber_fn(void *context);

/* Plays @fn and what it starts, until all have ended. */
void fibers_play(uint64_t seed, fiber_fn *fn, void *context);

/* The most steps that a play took so far. */
uint64_t fibers_most_steps(void);

/* For fibers. */
unsigned fibers_start(fiber_fn *fn, void *context);
void fibers_join(unsigned fiber);

/* A random number below @limit, by the seed. */
uint64_t fibers_luck(uint64_t limit);

/* The fiber that runs, and what it knows. */
unsigned fibers_self(void);
struct memory_view *fibers_view(void);

/*
 * Before each atomic access: others may go first, and a mortal fiber may die here. Not in memory of
 * its own: what a process leaves half done there dies with it, and here others would find it.
 */
void fibers_step(void);
void fibers_step_alone(void);

/*
 * Deaths: fibers of pthread_create() are mortal; up to @most of them end at a random step.
 * fibers_bury() waits for the next death: the number of the fiber, counted as they were started,
 * and the caller knows all it did. -1: there will be none (fibers_spare()).
 */
void fibers_doom(unsigned most);
void fibers_spare(void);
int fibers_bury(void);
/* Tells whether the one of that number is dead, buried or not. Then the caller knows all it did. */
bool fibers_is_dead(unsigned number);
/* Lets a new fiber take the place of a buried one: it is joined instead, and mortal. */
void fibers_replace(unsigned buried, fiber_fn *fn, void *context);

/* Sleeps in semaphores of [base, base + size) may end by their deadline. */
void fibers_tolerate(const void *base, uint64_t size);

/* Something is wrong: tells it, and ends the program. */
_Noreturn void fibers_object(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* Sleep until the descriptor of the life's pool is readable, as poll() would. */
void fibers_poll(void);

#endif
