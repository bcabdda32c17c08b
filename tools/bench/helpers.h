/*
 * helpers.h - processes that a measurement forks for all of its runs. What they share comes from
 * crew_memory().
 */
#ifndef BENCH_HELPERS_H
#define BENCH_HELPERS_H

#include <sys/types.h>

/* What a helper does, in a process of its own that ends when this returns. @index: from 0. */
typedef void helper_fn(void *context, unsigned index);

struct helpers {
	pid_t *pids;
	unsigned n;
};

/**
 * helpers_start() - fork @n helpers, perhaps none, which end after CHILD_LONGEST_S at the latest
 *
 * Return: 0, or what bench_fail() returned: then there are none.
 */
int helpers_start(struct helpers *helpers, unsigned n, helper_fn *work, void *context);

/** helpers_end() - kill those that still run, wait for all, free the list. */
void helpers_end(struct helpers *helpers);

/** helpers_relax() - tell the CPU that this is a loop that waits. */
static inline void helpers_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/*
 * Polls of a waiting loop between two calls of sched_yield(). If processes outnumber CPUs, the
 * other side needs this CPU.
 */
#define HELPERS_POLLS 4096

#endif
