/*
 * publish.c - takes a task back that was published while the pool was being closed.
 *
 * Deaths            Of the owner: the pool ends.
 */
#include "batch/publish.h"

#include "base/error.h"

__attribute__((noinline)) bool publish_withdraw(const struct sheaf_batch *batch, struct shared_slot *slot)
{
	/*
	 * Relaxed, both: ring_withdraw() acquires, and takes back no other task than that of the
	 * word.
	 */
	uint64_t word = load_relaxed(&slot->word);

	if (word_state(word) != WORD_READY || load_relaxed(&slot->batch) != batch->ref || !ring_withdraw(slot, word))
		return false;
	sheaf_fail(-EPIPE, "the pool was closed meanwhile");
	return true;
}
