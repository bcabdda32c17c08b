/*
 * memory.h - shared memory as the C11 memory model allows it to be, for fibers of one thread.
 *
 * An atomic word keeps its last values. A load may get an older one than the newest, as long as
 * nothing that the fiber knows of forbids it: what it has read or written itself, what it has
 * acquired from a release, what a seq_cst store before a seq_cst load has put in order. Plain
 * accesses get the present value, and are races if the other access does not happen before them.
 */
#ifndef SHEAF_TESTS_RACES_MEMORY_H
#define SHEAF_TESTS_RACES_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define LOCATIONS 768
#define FIBERS 24

/* The orders as compilers number them. */
enum { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };

/* What a fiber knows, or a release hands over. */
struct memory_view {
	uint32_t seen[LOCATIONS]; /* by word: the oldest value that may still be read */
	uint32_t clock[FIBERS];   /* by fiber: its plain accesses up to this time happened before */
};

/*
 * Forgets everything; values of [base, base + size) may be read late from now on. Elsewhere the
 * newest is read always.
 */
void memory_reset(void);
void memory_watch(const void *base, uint64_t size);

/* Does the address lie there? Elsewhere a process has memory of its own. */
bool memory_is_shared(const volatile void *address);

/* Of 16 loads that could get an older value, so many try to. */
void memory_staleness(unsigned of_16);

void view_join(struct memory_view *to, const struct memory_view *from);

/* A fiber's own time goes on after each release, so that what it does next is not covered. */
void view_tick(struct memory_view *view, unsigned fiber);

/* Atomic accesses of @size bytes by a fiber; values are zero-extended. */
struct access {
	struct memory_view *view;
	unsigned fiber;
	volatile void *address;
	unsigned size;
	int order;
	const void *code; /* where, for messages */
};
uint64_t memory_load(const struct access *access);
void memory_store(const struct access *access, uint64_t value);
uint64_t memory_change(const struct access *access, uint64_t (*change)(uint64_t, uint64_t), uint64_t operand);
/* True: exchanged. *@expected gets the value that was read. */
bool memory_compare_exchange(const struct access *access, uint64_t *expected, uint64_t value, int failure_order);

/* A plain access, before it is made. */
void memory_plain(struct memory_view *view, unsigned fiber, const volatile void *address, uint64_t size, bool write,
		  const void *code);

#endif
