/*
 * kernel.h - kernels that lack a call, played by a filter of system calls.
 */
#ifndef SHEAF_TESTS_FAULTS_KERNEL_H
#define SHEAF_TESTS_FAULTS_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

/* A call without which everything has to work. */
struct optional {
	uint32_t call; /* in calls.h */
	int error;     /* what a kernel without it answers, or a sandbox */
};

extern const struct optional optionals[];
extern const unsigned optional_count;
extern const unsigned optional_kinds; /* the first so many name each call once */

/*
 * From now on this process and its children have a kernel without optionals [first, first + count).
 * False: filters are not allowed.
 */
bool kernel_lacks(unsigned first, unsigned count);

#endif
