/*
 * mappings.h - files that every process of a pool has at the same address of the heap.
 *
 * The owner maps and unmaps them (mapping_table.c). Every other process does the same before it
 * runs its next task (mappings.c).
 */
#ifndef SHEAF_SEGMENT_MAPPINGS_H
#define SHEAF_SEGMENT_MAPPINGS_H

#include "segment/segment.h"

#include <pthread.h>

#define MOST_MAPPINGS 4096u
#define LARGEST_TABLE ((uint64_t)1 << 20) /* bytes */

struct addresses {
	uint64_t offset, size; /* of the segment; in bytes */
};

/* Private to a process, and zeroed memory of the system's until it is used. */
struct mappings {
	_Atomic uint64_t seen; /* how many changes it has followed: control->mappings */
	pthread_mutex_t lock;  /* of the thread that follows, or changes */
	unsigned forks;        /* in which process all of this is true */
	uint32_t count;        /* of what is mapped here, by serials */
	struct shared_mapping here[MOST_MAPPINGS];
	bool mapped[MOST_MAPPINGS]; /* false: it could not be, and its place is covered */

	/* A table: in the owner that of now, elsewhere what was read last. */
	_Alignas(8) unsigned char table[LARGEST_TABLE];

	/* Of the owner alone. */
	struct addresses free[MOST_MAPPINGS]; /* addresses of heap_reserve(), by offsets */
	uint32_t free_count;
	uint64_t table_sizes[2]; /* bytes, of control->mapping_tables */
	int fds[MOST_MAPPINGS];  /* -1: closed; as `here` */
};

/* What is to be mapped. */
struct mapping_file {
	int fd;           /* which is the pool's from then on, until the file is unmapped */
	const char *path; /* absolute, or a name */
	unsigned flags;   /* enum mapping_flags */
	enum mapping_access access;
	uint64_t from, size; /* bytes; from is a multiple of the page size */
};

/* Begin and end with what is mapped, in a process that has just mapped the segment. 0; -ENOMEM. */
int mappings_begin(struct segment *segment);
void mappings_end(struct segment *segment);

/* Take the lock of this process's mappings, and give it back. */
void mappings_lock(struct mappings *mappings);
void mappings_unlock(struct mappings *mappings);

/* Map and unmap what the owner has changed. For mappings_follow(). */
void mappings_apply(struct segment *segment);

/* Have at their addresses all files that were mapped before the caller claimed its task. */
static inline void mappings_follow(struct segment *segment)
{
	/*
	 * Relaxed, both: the claim is later than the change (RING1), and mappings_apply() reads the
	 * number anew. `seen` is of this process.
	 */
	if (__builtin_expect(load_relaxed(&segment->control->mappings) != load_relaxed(&segment->mappings->seen), 0))
		mappings_apply(segment);
}

/*
 * Map a file at an address of the heap, *@offset. For the owner. 0; -ENOMEM: no piece of the heap
 * is that long; -ENOSPC, and other errors of heap_alloc(): there is no shared memory for the table;
 * -EMFILE: MOST_MAPPINGS are mapped, or their paths are too long; those of mmap(). The descriptor
 * is the caller's then.
 */
int mappings_add(struct segment *segment, const struct mapping_file *file, uint64_t *offset);

/*
 * Find what is mapped at @offset. @path: out, PATH_MAX bytes. For the owner. False: nothing is.
 */
bool mappings_find(const struct segment *segment, uint64_t offset, struct mapping_file *file, char *path);

/* Unmap what was mapped at @offset, and close its descriptor. -EINVAL: nothing was. */
int mappings_remove(struct segment *segment, uint64_t offset);

#endif
