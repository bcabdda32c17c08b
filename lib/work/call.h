/*
 * table.h - submitted tasks: runs one, publishes its entry, and settles what a dead worker had in hand.
 */
#ifndef SHEAF_WORK_CALL_H
#define SHEAF_WORK_CALL_H

#include "work/task.h"

/* How a member ended, as the kernel tells. */
struct death {
	unsigned seat;
	unsigned generation;
	int32_t pid;
	int32_t signal;      /* 0: none */
	int32_t exit_code;   /* -1: none */
	bool innocent;       /* killed by order, or with its supervisor: no attempt of its tasks counts */
	bool late;           /* killed because the task in hand ran longer than its limit */
	uint64_t started_ns; /* when the task in hand began; 0: not known */
	uint64_t ended_ns;
	uint32_t way;           /* enum death_way, if it left word; 0: what the kernel tells is all */
	uint64_t address;       /* of a fault, if `way` says so */
	const uint64_t *frames; /* where it was, if it left word */
	uint32_t frame_count;
};

/* Bytes from one entry of a batch to the next: the entry, and the result slot behind it if that is larger than 8 bytes. */
uint64_t entry_stride(uint64_t result_size);

/* Runs the task of a slot that this member owns. @word: of the slot. */
void call_run(struct member *member, struct shared_slot *slot, uint64_t word);

/*
 * For the supervisor: gives the task of a slot back to the ring, or publishes that it failed. The slot is settled when it returns.
 * @region: the supervisor's own, for addresses. False: slot or batch hold what nobody writes; the slot is free, its task is lost.
 */
bool call_repair(struct segment *segment, struct shared_slot *slot, uint64_t word, const struct death *death,
		 struct region *region);

/* For the supervisor: is the result of a slot's task published, though the slot is not free yet? */
bool call_is_told(struct segment *segment, const struct shared_slot *slot);

#endif
