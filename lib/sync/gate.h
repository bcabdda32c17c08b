/*
 * gate.h - a word in shared memory to sleep at until there are news.
 *
 * Bit 0 says that somebody sleeps; the other bits count the news. A thread that changes what others
 * wait for calls gate_tell() after the change. A thread that waits first looks at the gate, then at
 * what it waits for, and then sleeps unless there were news since its look.
 *
 * Writers           Everybody.
 * Deaths            Of a sleeper: nothing names it; at worst its bit leads to one call of the
 *                   kernel for nobody. Of a teller, between its change and the word or between the
 *                   word and the call of the kernel: sleepers look by themselves after OS_LOOK_NS.
 *                   (tests/model/gate.pml)
 */
#ifndef SHEAF_SYNC_GATE_H
#define SHEAF_SYNC_GATE_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

struct gate {
	_Atomic uint32_t word;
};

/* To be called before the look at what is waited for. Returns what gate_wait() needs. */
static inline uint32_t gate_look(const struct gate *gate)
{
	/* Acquires from gate_tell(): what was changed before the news is seen behind this. */
	return load_acquire(&gate->word);
}

/*
 * Sleep until there are news since gate_look() gave @seen, or for OS_LOOK_NS. 0: look again;
 * -EAGAIN: the deadline is 0; -ETIMEDOUT: it has passed; -EINTR: a signal handler has run.
 */
int gate_wait(struct gate *gate, uint32_t seen, uint64_t deadline_ns);

/* Wake all who sleep. */
void gate_tell(struct gate *gate);

#endif
