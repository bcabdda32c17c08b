/*
 * call.h - a submitted task: a member runs it and publishes its entry in the result table.
 */
#ifndef SHEAF_WORK_CALL_H
#define SHEAF_WORK_CALL_H

#include "work/task.h"

/*
 * Return the bytes from one entry of a batch to the next: the entry, and behind it a result of more
 * than 8 bytes.
 */
uint64_t entry_stride(uint64_t result_size);

/* Find the place of an entry's result. NULL: it has none. */
static inline void *call_result(struct shared_entry *entry, uint64_t size)
{
	return !size ? NULL : size <= 8 ? (void *)entry->last.small : (void *)(entry + 1);
}

/*
 * Find the entry at an offset that a slot has. NULL: none with such a result can lie there, because
 * a wild write has changed the slot.
 */
struct shared_entry *call_entry_at(const struct segment *segment, const struct shared_batch *batch, uint64_t target,
				   uint64_t result_size);

/*
 * Publish an entry: READY -> DONE. For the owner of its slot, whose word is @owned, and after the
 * owner's death for the supervisor. The lap in that word is the slot's affair. Nothing happens if
 * the entry was published before.
 */
static inline void call_publish(struct shared_entry *entry, uint64_t owned)
{
	/* Relaxed: the task belongs to the caller by its slot, and beside the task's owner only the
	 * batch's opener changes the word: it may set WORD_CANCELLED. */
	uint64_t word = load_relaxed(&entry->word);
	uint64_t done = word_done(owned & ~(WORD_PAYLOAD_MAX << WORD_PAYLOAD_AT));

	/* CALL1: without it a gatherer would read the result too early. Seq_cst, because the caller
	 * checks for a gatherer next. */
	while (word_state(word) == WORD_READY && !cas_seq_cst(&entry->word, &word, done))
		continue;
}

/*
 * End a task without running it: its entry is DONE, with -ECANCELED. For the member that has
 * claimed its slot or withdrawn the task. @word: of the slot. @attempts: runs that were charged.
 */
void call_cancel(struct shared_entry *entry, uint64_t word, unsigned attempts);

/* Run the task of a slot that this member owns. @word: of the slot. */
void call_run(struct member *member, struct shared_slot *slot, uint64_t word);

/* The same for a handle, inside the wait of its task: see nest_run(). */
void call_run_nested(struct member *handle, struct shared_slot *slot, uint64_t word);

#endif
