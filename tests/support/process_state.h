/*
 * process_state.h - everything of the calling process that a library might change, to be compared
 * before and after.
 */
#ifndef SHEAF_TESTS_SUPPORT_PROCESS_STATE_H
#define SHEAF_TESTS_SUPPORT_PROCESS_STATE_H

#include <signal.h>

#define STATE_FILES 1024
struct process_state {
	signed char files[STATE_FILES]; /* flags of the descriptor, or -1 */
	int mappings, threads, children;
	struct sigaction actions[32];
	sigset_t mask;
};

struct process_state process_state_now(void);

/* Check that the state is as it was. */
void process_state_check(const struct process_state *before);

#endif
