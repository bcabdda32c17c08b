/*
 * segment.h - a process's view of a pool's shared memory.
 */
#ifndef SHEAF_SEGMENT_SEGMENT_H
#define SHEAF_SEGMENT_SEGMENT_H

#include "base/atomic.h"
#include "os/os.h"
#include "segment/layout.h"

#include <limits.h>

#define SEGMENT_PREFIX "sheaf-" /* of the names that are made up, without the slash */
#define LARGEST_RING (1u << 20)
#define LARGEST_BATCHES 4096u
#define LARGEST_HEAP ((uint64_t)1 << 62)

/* A ring of the segment. A segment may have several. */
struct ring {
	struct shared_ring *shared;
	struct shared_slot *slots;
	uint32_t size;      /* a power of two */
	unsigned lap_shift; /* its logarithm */
};

/* Private to a process; the same pointers in all of them, as the mapping is inherited over fork. */
struct segment {
	unsigned char *base;
	int fd; /* only by segment_fd(): the host may have closed it and have another file by that number */
	struct os_file_id id;
	pid_t owner;
	struct shared_header *header;
	struct shared_control *control;
	struct shared_seat *seats; /* seat_count of them */
	struct ring ring;
	struct shared_batch *batches;
	_Atomic uint64_t *heap_map;
	uint64_t tables_end;
	uint64_t heap; /* copies of the header, which is not read again: a stray write to it must not lead anybody astray */
	uint64_t heap_size;
	uint64_t size;
	uint32_t worker_count;
	uint32_t seat_count; /* one more: the owner's */
	uint32_t batch_count;
	uint32_t max_attempts;
	uint32_t batches_added; /* by this member itself: batch slots that it knows to be committed */
	uint64_t spin_ns;       /* how long to look before sleeping; 0: not at all */
	uint64_t eager_ns;      /* for how much of that without giving the CPU away; see backoff.h */
	char name[NAME_MAX];    /* "" if it has none */
	char second[64];        /* a name that it was made under and that could not be taken away; else "" */
	bool wished;            /* the user has chosen that name */
	bool named;             /* the file has that name by now */
	bool withdrawn;         /* the name was taken away by segment_guard() */
	bool lent;              /* segment_borrow() may give it out */
	struct segment *next;   /* of this process's segments with a name */
};

struct segment_options {
	const char *name; /* NULL: a random one */
	bool anonymous;
	bool dump; /* core files hold the segment */
	uint32_t workers, ring_size, batches, max_attempts;
	uint64_t heap_size; /* 0: as much as the machine has, less if the address space is short */
};

/* 0, or -EINVAL with its message. */
int segment_check_name(const char *name);

/* Where the parts of a segment lie, and its size: what follows from the header's counts and heap_size. */
void segment_plan(struct shared_header *header);

/* Bytes that a segment has committed when it is created. */
uint64_t segment_least(const struct segment_options *options);

/* Fill in what tells a segment and its owner from all others: a sweep looks at nothing else before the segment is ready. */
void segment_identify(struct shared_header *header);

/* Creates, maps and locks a segment; options are checked by the caller. 0, or an error of sheaf_pool_create() with its message. */
int segment_create(struct segment *segment, const struct segment_options *options);

/*
 * Gives the segment its name, now that a supervisor is there to take it away again when the owner is killed. 0; -EEXIST and others of
 * segment_create(), with a message.
 */
int segment_publish(struct segment *segment);

/* Takes the name away, while a supervisor still is there. */
void segment_unpublish(struct segment *segment);

/*
 * Take the name away if the owner has become a process whose memory others of its user may not reach: for calls of the owner that come now and
 * then, as nothing tells of such a change. True: it was taken away so, now or before.
 */
bool segment_guard(struct segment *segment);

/* Is the descriptor still that of the segment? A host may have closed it, and opened another file by its number. */
static inline bool segment_file_ours(const struct segment *segment)
{
	return os_file_is(segment->fd, &segment->id);
}

/* Frees everything in every process: memory, mapping, name. Only the owner, when its workers are gone. */
void segment_destroy(struct segment *segment);

/* Unmaps this process's view and nothing else: for a fork of the owner. */
void segment_detach(struct segment *segment);

/*
 * For who reads a segment by its name. -EBUSY: it is this process's own. Such a file must not be opened a second time, as closing it would
 * drop the owner's lock; it is borrowed instead, which keeps forks and the segment's end out until segment_return(). Then nothing is
 * allowed that is not within forks_hold(). segment_borrow() gives the descriptor, or -ENOENT.
 */
int segment_open(const char *name, int *fd);

/*
 * For a worker: count the segment among those of this process, as its lock goes with any close of the file, too. Pools that tasks have
 * sweep, and tasks may look at their own pool.
 */
void segment_adopt(struct segment *segment);

int segment_borrow(const char *name);
void segment_return(void);

/* Relaxed, both: a seal is written before anybody knows of its row, and then only by a task that writes wildly. */
static inline void bells_seal(_Atomic uint64_t *seal, _Atomic uint64_t *end_seal)
{
	store_relaxed(seal, BELL_SEAL);
	store_relaxed(end_seal, BELL_SEAL);
}

/* Is a row of semaphores as it was made, as far as its seals tell? */
static inline bool bells_whole(const _Atomic uint64_t *seal, const _Atomic uint64_t *end_seal)
{
	return load_relaxed(seal) == BELL_SEAL && load_relaxed(end_seal) == BELL_SEAL;
}

static inline void *segment_at(const struct segment *segment, uint64_t offset)
{
	return segment->base + offset;
}

static inline uint64_t segment_offset(const struct segment *segment, const void *memory)
{
	return (uint64_t)((const unsigned char *)memory - segment->base);
}

/* The number of the owner's seat. */
static inline unsigned segment_owner_seat(const struct segment *segment)
{
	return segment->worker_count;
}

/* Is that the name of a member that lives, or that is dead and not replaced yet? Any number may be asked about. */
bool segment_has_member(const struct segment *segment, uint32_t name);

/*
 * Does a ring's word name an owner that cannot have the task? That is a member that there is not, or the pool's owner, which claims
 * nothing from rings. The dead are repaired before they are replaced, so only a wild write leaves such a word.
 */
bool segment_is_orphan(const struct segment *segment, struct word w);

/* The batch slots that may be touched: the first ones. For members that have not added them. */
static inline uint32_t segment_batches(const struct segment *segment)
{
	/* Seq_cst, pairs with segment_add_batches(), for limits_enforce(). */
	uint32_t count = load_seq_cst(&segment->control->batches);

	/* A stray write to it must not lead out of the slots. */
	return count < segment->batch_count ? count : segment->batch_count;
}

/*
 * Commit some more batch slots, while this member has added fewer than batch_count. Other members may do the same at once. For one
 * thread of a member at a time. 0; -ENOSPC with its message: shared memory is full.
 */
int segment_add_batches(struct segment *segment);

/* How many tasks and chunks have ended or were given up so far: shows the brakes that there is progress. */
uint64_t segment_progress(const struct segment *segment);

/*
 * The descriptor of the segment's file. If the host has closed it, as closefrom() does, it is opened again by its name; -EBADF: it has
 * none, and what is to be done has to do without.
 */
int segment_fd(struct segment *segment);

/*
 * Commit @size bytes, so that touching them cannot fail. 0; -ENOSPC: shared memory is full, or the cgroup has no memory left for them;
 * -EBADF: see segment_fd(), and the system cannot do without; -errno. No message.
 */
int segment_commit(struct segment *segment, uint64_t offset, uint64_t size, bool large);

/* Give the bytes back to the system. 0; -errno: they are as they were, so they may not be handed out again. */
int segment_release(struct segment *segment, uint64_t offset, uint64_t size);

/* sheaf_fail() with a code of segment_commit(). */
int segment_fail_commit(const struct segment *segment, int code, uint64_t asked, const char *what);

/* sheaf_fail(-ENOSPC) with what was asked, what is free and what to do. */
int segment_fail_full(const struct segment *segment, uint64_t asked, const char *what);

#endif
