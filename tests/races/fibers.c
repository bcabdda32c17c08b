/*
 * fibers.c - a scheduler of fibers, and the calls of the system that the library makes, for them.
 *
 * A fiber runs until it waits, or until luck gives its place to another at a step. Fibers have
 * weights, so that some are slow for a while.
 */
#include "races/fibers.h"
#include "member/member.h"
#include "support/check.h"
#include "support/rng.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK (256 * 1024)
#define LOCKS 256
#define NO_FIBER FIBERS
#define MOST_STEPS 200000 /* of one play: far more than any needs */
#define STEP_NS 100

uint64_t __real_sheaf_now_ns(void);

enum state { UNUSED, RUNNABLE, WAITING, DEAD, ENDED };

static const char *const wait_names[] = {"mutex", "semaphore", "semaphore with a deadline", "nap", "end of a fiber", "death"};
enum blocked_on { MUTEX, SEM, TIMED_SEM, NAP, END, DEATH };

struct fiber {
	enum state state;
	bool started;
	ucontext_t entry;
	jmp_buf at;
	void *stack;
	fiber_fn *fn;
	void *context;
	struct memory_view view;
	enum blocked_on wait;
	const void *on; /* what it waits for */
	uint64_t until;
	bool timed_out;
	bool mortal;
	unsigned number; /* of a mortal fiber, as it was started first */
	unsigned heir;   /* who took its place, or NO_FIBER */
	unsigned weight;
};

/* A mutex or a semaphore. */
struct lock {
	const void *address;
	unsigned count; /* tokens; of a mutex: 1 if it is held */
	struct memory_view view;
};

static struct {
	struct fiber fibers[FIBERS];
	unsigned count, now;
	jmp_buf outside;
	struct rng rng;
	unsigned switch_of_16;
	uint64_t steps, most_steps, naps, time_ns;
	struct lock locks[LOCKS];
	unsigned lock_count;
	unsigned mortals, deaths_left;
	bool spared;
	unsigned buried[FIBERS];
	unsigned dead[FIBERS], dead_count, dead_seen;
	uintptr_t tolerated;
	uint64_t tolerated_size;
	uint64_t seed;
	bool playing;
} play;

uint64_t fibers_luck(uint64_t limit)
{
	return rng_below(&play.rng, limit);
}

unsigned fibers_self(void)
{
	return play.now;
}

struct memory_view *fibers_view(void)
{
	return play.playing ? &play.fibers[play.now].view : NULL;
}

_Noreturn void fibers_object(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (unsigned i = 0; i < play.count; i++)
		if (play.fibers[i].state == WAITING)
			fprintf(stderr, "fiber %u waits: %s\n", i, wait_names[play.fibers[i].wait]);
	check_fail(HARM_HUNG, __FILE__, __LINE__, "objection", "play %llu: %s", (unsigned long long)play.seed, text);
}

/* ---- who runs ---- */

static void shuffle_weights(void)
{
	for (unsigned i = 0; i < FIBERS; i++)
		play.fibers[i].weight = 1u << fibers_luck(6);
}

/* Not a part of its caller, whose variables a jump may spoil. */
__attribute__((noinline)) static unsigned pick(void)
{
	uint64_t sum = 0, at;

	for (unsigned i = 0; i < play.count; i++)
		if (play.fibers[i].state == RUNNABLE)
			sum += play.fibers[i].weight;
	if (!sum)
		return NO_FIBER;
	at = fibers_luck(sum);
	for (unsigned i = 0;; i++)
		if (play.fibers[i].state == RUNNABLE) {
			if (at < play.fibers[i].weight)
				return i;
			at -= play.fibers[i].weight;
		}
}

/* The one of those that wait for time whose time comes first. */
static struct fiber *earliest(enum blocked_on wait)
{
	struct fiber *first = NULL;

	for (unsigned i = 0; i < play.count; i++) {
		struct fiber *fiber = &play.fibers[i];

		if (fiber->state != WAITING || fiber->wait != wait || (first && first->until <= fiber->until))
			continue;
		if (wait == TIMED_SEM && (uintptr_t)fiber->on - play.tolerated >= play.tolerated_size)
			continue;
		first = fiber;
	}
	return first;
}

/*
 * Nobody can run: time passes, until one has napped enough. If all sleep, nobody will wake them any
 * more.
 */
static unsigned pass_time(void)
{
	struct fiber *fiber = earliest(NAP);

	if (!fiber)
		fiber = earliest(TIMED_SEM);
	if (!fiber || ++play.naps > 20000)
		fibers_object("lost wake-up: everybody sleeps");
	if (play.time_ns < fiber->until)
		play.time_ns = fiber->until;
	fiber->timed_out = true;
	fiber->state = RUNNABLE;
	return (unsigned)(fiber - play.fibers);
}

/* Goes on with the fiber play.now. */
static void go(void)
{
	struct fiber *fiber = &play.fibers[play.now];

	if (fiber->started)
		_longjmp(fiber->at, 1);
	fiber->started = true;
	setcontext(&fiber->entry);
}

static void enter(void)
{
	struct fiber *fiber = &play.fibers[play.now];

	fiber->fn(fiber->context);
	fiber = &play.fibers[play.now];
	fiber->state = ENDED;
	for (unsigned i = 0; i < play.count; i++)
		if (play.fibers[i].state == WAITING && play.fibers[i].wait == END)
			play.fibers[i].state = RUNNABLE;
	if (play.now == 0)
		_longjmp(play.outside, 1);
	play.now = pick();
	if (play.now == NO_FIBER)
		play.now = pass_time();
	go();
}

/* Gives the place to somebody who can run, perhaps to the same. */
static void yield(void)
{
	struct fiber *from = &play.fibers[play.now];
	unsigned next = pick();

	if (next == NO_FIBER)
		next = pass_time();
	if (next == play.now)
		return;
	if (!_setjmp(from->at)) {
		play.now = next;
		go();
	}
}

static void wait_for(enum blocked_on wait, const void *on, uint64_t until)
{
	struct fiber *self = &play.fibers[play.now];

	self->state = WAITING;
	self->wait = wait;
	self->on = on;
	self->until = until;
	self->timed_out = false;
	yield();
}

static void wake(const void *on, enum blocked_on wait, enum blocked_on or_wait)
{
	for (unsigned i = 0; i < play.count; i++) {
		struct fiber *fiber = &play.fibers[i];

		if (fiber->state == WAITING && (fiber->wait == wait || fiber->wait == or_wait) && fiber->on == on)
			fiber->state = RUNNABLE;
	}
}

static unsigned start(fiber_fn *fn, void *context)
{
	struct fiber *fiber = &play.fibers[play.count];

	CHECK(play.count < FIBERS, "more than %d fibers", FIBERS);
	if (!fiber->stack)
		fiber->stack = malloc(STACK);
	CHECK(fiber->stack && !getcontext(&fiber->entry), "no memory for a fiber");
	fiber->entry.uc_stack.ss_sp = fiber->stack;
	fiber->entry.uc_stack.ss_size = STACK;
	makecontext(&fiber->entry, enter, 0);
	fiber->state = RUNNABLE;
	fiber->started = fiber->mortal = false;
	fiber->heir = NO_FIBER;
	fiber->fn = fn;
	fiber->context = context;
	memset(&fiber->view, 0, sizeof(fiber->view));
	if (play.count) {
		struct fiber *self = &play.fibers[play.now];

		view_join(&fiber->view, &self->view);
		view_tick(&self->view, play.now);
	}
	fiber->view.clock[play.count] = 1;
	return play.count++;
}

uint64_t fibers_most_steps(void)
{
	return play.most_steps;
}

void fibers_play(uint64_t seed, fiber_fn *fn, void *context)
{
	play.seed = seed;
	play.rng.state = seed;
	play.count = play.now = play.lock_count = play.mortals = play.deaths_left = play.dead_count = play.dead_seen = 0;
	play.steps = play.naps = play.tolerated_size = 0;
	play.time_ns = __real_sheaf_now_ns();
	play.spared = false;
	play.switch_of_16 = 1u << fibers_luck(4);
	memory_reset();
	memory_staleness(fibers_luck(4) ? 4u << fibers_luck(2) : 0);
	shuffle_weights();
	start(fn, context);
	play.playing = true;
	if (!_setjmp(play.outside))
		go();
	play.playing = false;
	if (play.steps > play.most_steps)
		play.most_steps = play.steps;
	for (unsigned i = 0; i < play.count; i++)
		CHECK(play.fibers[i].state == ENDED || play.fibers[i].state == DEAD, "fiber %u has not ended", i);
}

unsigned fibers_start(fiber_fn *fn, void *context)
{
	return start(fn, context);
}

void fibers_join(unsigned fiber)
{
	for (;;) {
		while (play.fibers[fiber].state == DEAD && play.fibers[fiber].heir != NO_FIBER)
			fiber = play.fibers[fiber].heir;
		if (play.fibers[fiber].state == ENDED)
			break;
		wait_for(END, NULL, 0);
	}
	view_join(&play.fibers[play.now].view, &play.fibers[fiber].view);
}

/* ---- deaths ---- */

static void die(unsigned fiber)
{
	play.fibers[fiber].state = DEAD;
	play.deaths_left--;
	play.dead[play.dead_count++] = fiber;
	wake(NULL, DEATH, DEATH);
	if (fiber == play.now)
		yield();
}

static void perhaps_die(void)
{
	unsigned fiber = play.now;

	if (!play.deaths_left || fibers_luck(128))
		return;
	if (!fibers_luck(4))
		fiber = (unsigned)fibers_luck(play.count);
	if (play.fibers[fiber].mortal &&
	    (fiber == play.now || (play.fibers[fiber].state == WAITING && play.fibers[fiber].wait <= TIMED_SEM)))
		die(fiber);
}

void fibers_doom(unsigned most)
{
	play.deaths_left = most;
}

void fibers_spare(void)
{
	play.deaths_left = 0;
	play.spared = true;
	wake(NULL, DEATH, DEATH);
}

int fibers_bury(void)
{
	unsigned fiber;

	while (play.dead_seen == play.dead_count) {
		if (play.spared)
			return -1;
		wait_for(DEATH, NULL, 0);
	}
	fiber = play.dead[play.dead_seen++];
	view_join(&play.fibers[play.now].view, &play.fibers[fiber].view);
	play.buried[play.fibers[fiber].number] = fiber;
	return (int)play.fibers[fiber].number;
}

bool fibers_is_dead(unsigned number)
{
	unsigned fiber = play.count;

	while (fiber && !(play.fibers[fiber - 1].mortal && play.fibers[fiber - 1].number == number))
		fiber--;
	if (!fiber || play.fibers[fiber - 1].state != DEAD)
		return false;
	view_join(&play.fibers[play.now].view, &play.fibers[fiber - 1].view);
	return true;
}

void fibers_replace(unsigned buried, fiber_fn *fn, void *context)
{
	unsigned heir = start(fn, context);

	play.fibers[heir].mortal = true;
	play.fibers[heir].number = buried;
	play.fibers[play.buried[buried]].heir = heir;
	wake(NULL, END, END);
}

void fibers_tolerate(const void *base, uint64_t size)
{
	play.tolerated = (uintptr_t)base;
	play.tolerated_size = size;
}

/* Time passes for those that nap while others run, too. */
static void end_naps(void)
{
	for (unsigned i = 0; i < play.count; i++) {
		struct fiber *fiber = &play.fibers[i];

		if (fiber->state == WAITING && fiber->wait == NAP && fiber->until <= play.time_ns) {
			fiber->timed_out = true;
			fiber->state = RUNNABLE;
		}
	}
}

static void step(bool mortal)
{
	if (!play.playing)
		return;
	if (++play.steps > MOST_STEPS)
		fibers_object("no end");
	play.time_ns += STEP_NS;
	if (!(play.steps % 512)) {
		shuffle_weights();
		end_naps();
	}
	if (mortal)
		perhaps_die();
	if (fibers_luck(16) < play.switch_of_16)
		yield();
}

void fibers_step(void)
{
	step(true);
}

void fibers_step_alone(void)
{
	step(false);
}

/* ---- what the library calls; the linker's --wrap leads here ---- */

#define WRAP(name) __wrap_##name

static struct lock *lock_of(const void *address)
{
	for (unsigned i = 0; i < play.lock_count; i++)
		if (play.locks[i].address == address)
			return &play.locks[i];
	CHECK(play.lock_count < LOCKS, "more than %d mutexes and semaphores", LOCKS);
	memset(&play.locks[play.lock_count], 0, sizeof(play.locks[0]));
	play.locks[play.lock_count].address = address;
	return &play.locks[play.lock_count++];
}

static void hand_over(struct lock *lock)
{
	struct fiber *self = &play.fibers[play.now];

	view_join(&lock->view, &self->view);
	view_tick(&self->view, play.now);
}

static void reset_lock(const void *address, unsigned count)
{
	struct lock *lock = lock_of(address);

	lock->count = count;
	memset(&lock->view, 0, sizeof(lock->view));
}

int WRAP(pthread_mutex_init)(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int WRAP(pthread_mutex_init)(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	(void)attributes;
	reset_lock(mutex, 0);
	return 0;
}

int WRAP(pthread_mutex_destroy)(pthread_mutex_t *mutex);
int WRAP(pthread_mutex_destroy)(pthread_mutex_t *mutex)
{
	reset_lock(mutex, 0);
	return 0;
}

int WRAP(pthread_mutex_trylock)(pthread_mutex_t *mutex);
int WRAP(pthread_mutex_trylock)(pthread_mutex_t *mutex)
{
	struct lock *lock = lock_of(mutex);

	fibers_step();
	if (lock->count)
		return EBUSY;
	lock->count = 1;
	view_join(&play.fibers[play.now].view, &lock->view);
	return 0;
}

int WRAP(pthread_mutex_lock)(pthread_mutex_t *mutex);
int WRAP(pthread_mutex_lock)(pthread_mutex_t *mutex)
{
	while (WRAP(pthread_mutex_trylock)(mutex))
		wait_for(MUTEX, mutex, 0);
	return 0;
}

int WRAP(pthread_mutex_unlock)(pthread_mutex_t *mutex);
int WRAP(pthread_mutex_unlock)(pthread_mutex_t *mutex)
{
	struct lock *lock = lock_of(mutex);

	CHECK(lock->count == 1, "a mutex that nobody holds");
	lock->count = 0;
	hand_over(lock);
	wake(mutex, MUTEX, MUTEX);
	return 0;
}

int WRAP(sem_init)(sem_t *sem, int shared, unsigned value);
int WRAP(sem_init)(sem_t *sem, int shared, unsigned value)
{
	(void)shared;
	reset_lock(sem, value);
	return 0;
}

int WRAP(sem_post)(sem_t *sem);
int WRAP(sem_post)(sem_t *sem)
{
	struct lock *lock;

	fibers_step();
	lock = lock_of(sem);
	lock->count++;
	hand_over(lock);
	wake(sem, SEM, TIMED_SEM);
	return 0;
}

static int sem_take(sem_t *sem, enum blocked_on wait, uint64_t deadline_ns)
{
	struct fiber *self = &play.fibers[play.now];
	struct lock *lock = lock_of(sem);

	fibers_step();
	while (!lock->count) {
		wait_for(wait, sem, deadline_ns);
		if (self->timed_out)
			return -ETIMEDOUT;
	}
	lock->count--;
	view_join(&self->view, &lock->view);
	return 0;
}

int WRAP(sem_wait)(sem_t *sem);
int WRAP(sem_wait)(sem_t *sem)
{
	return sem_take(sem, SEM, 0);
}

int WRAP(os_sem_wait_until)(sem_t *sem, uint64_t deadline_ns);
int WRAP(os_sem_wait_until)(sem_t *sem, uint64_t deadline_ns)
{
	return sem_take(sem, TIMED_SEM, deadline_ns);
}

/*
 * The pipe behind sheaf_pool_fd(): a life has one. Nothing is written into it; the kernel's order
 * of the calls is that of a lock.
 */
static const char news;

void WRAP(os_tell)(int fd);
void WRAP(os_tell)(int fd)
{
	struct lock *lock;

	(void)fd;
	fibers_step();
	lock = lock_of(&news);
	lock->count = 1;
	hand_over(lock);
	wake(&news, SEM, TIMED_SEM);
}

void WRAP(os_drain)(int fd);
void WRAP(os_drain)(int fd)
{
	struct lock *lock;

	(void)fd;
	fibers_step();
	lock = lock_of(&news);
	lock->count = 0;
	view_join(&play.fibers[play.now].view, &lock->view);
}

void fibers_poll(void)
{
	struct lock *lock = lock_of(&news);

	fibers_step();
	while (!lock->count)
		wait_for(SEM, &news, 0);
}

bool WRAP(os_sleep_ns)(uint64_t ns);
bool WRAP(os_sleep_ns)(uint64_t ns)
{
	/* Others may be so slow that the nap is over before they go on. */
	if (fibers_luck(2)) {
		play.time_ns += ns;
		yield();
	} else {
		wait_for(NAP, NULL, play.time_ns + ns);
	}
	return false;
}

/* What a thread of the library notes of itself: all fibers are one thread. */
struct member_scope WRAP(member_run_tasks_of)(const struct segment *segment);
struct member_scope WRAP(member_run_tasks_of)(const struct segment *segment)
{
	(void)segment;
	return (struct member_scope){0};
}

void WRAP(member_end_tasks)(struct member_scope before);
void WRAP(member_end_tasks)(struct member_scope before)
{
	(void)before;
}

uint64_t WRAP(sheaf_now_ns)(void);
uint64_t WRAP(sheaf_now_ns)(void)
{
	return play.playing ? play.time_ns += fibers_luck(1000) : __real_sheaf_now_ns();
}

/*
 * Memory of the file is there without being committed, and how many processors there are need not
 * be asked for each life.
 */
int WRAP(os_commit)(int fd, uint64_t offset, uint64_t size, void *at);
int WRAP(os_commit)(int fd, uint64_t offset, uint64_t size, void *at)
{
	(void)fd;
	(void)offset;
	(void)size;
	(void)at;
	return 0;
}

unsigned WRAP(os_usable_cpus)(void);
unsigned WRAP(os_usable_cpus)(void)
{
	return 2;
}

struct thread {
	void *(*fn)(void *);
	void *context;
};

static void run_thread(void *context)
{
	struct thread thread = *(struct thread *)context;

	free(context);
	thread.fn(thread.context);
}

int WRAP(pthread_create)(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *), void *context);
int WRAP(pthread_create)(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *), void *context)
{
	struct thread *thread = malloc(sizeof(*thread));
	unsigned fiber;

	(void)attributes;
	CHECK(thread, "no memory");
	*thread = (struct thread){fn, context};
	fiber = start(run_thread, thread);
	play.fibers[fiber].mortal = true;
	play.fibers[fiber].number = play.mortals++;
	*id = (pthread_t)fiber;
	return 0;
}

int WRAP(pthread_join)(pthread_t id, void **result);
int WRAP(pthread_join)(pthread_t id, void **result)
{
	(void)result;
	fibers_join((unsigned)id);
	return 0;
}
