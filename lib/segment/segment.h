/*
 * segment.h - a process's view of a pool's shared memory.
 */
#ifndef SHEAF_SEGMENT_SEGMENT_H
#define SHEAF_SEGMENT_SEGMENT_H

#include "base/atomic.h"
#include "os/forks.h"
#include "os/os.h"
#include "segment/layout.h"
#include "sheaf_workers.h"

#include <limits.h>

#define LARGEST_RING (1u << 20)
#define LARGEST_BATCHES 16384u
#define LARGEST_HEAP ((uint64_t)1 << 62)

struct place;
struct functions;
struct mappings;

/* A ring of the segment, which has one for each priority. */
struct ring {
	struct shared_ring *shared;
	struct shared_slot *slots;
	uint32_t size;      /* a power of two */
	unsigned lap_shift; /* its logarithm */
};

/* Private to a process. Its pointers are the same in all, as the mapping is inherited over fork. */
struct segment {
	unsigned char *base;
	/* Use segment_fd(): the host may have closed it, and the number names another file. */
	int fd;
	struct os_file_id id;
	/*
	 * Read end and write end of the pipe of sheaf_pool_fd(). Every process of the pool has
	 * both, so that no write brings SIGPIPE.
	 */
	struct forks_fd news[2];
	pid_t owner;
	struct shared_header *header;
	struct shared_control *control;
	struct shared_seat *seats;     /* seat_count of them */
	struct ring rings[PRIORITIES]; /* by enum sheaf_priority */
	struct shared_slot *slots;     /* of all rings: segment_slots() of them */
	struct shared_batch *batches;
	_Atomic uint64_t *heap_map;

	/* Copies of the header. That is not read again, because a wild write may have hit it. */
	uint64_t tables_end;
	uint64_t heap;
	uint64_t heap_size;
	uint64_t size;
	uint32_t worker_count; /* seats in which tasks run */
	uint32_t crew_count;   /* of these: the first ones, whose workers the supervisor starts */
	uint32_t seat_count;   /* one more than worker_count: the owner's */
	uint32_t batch_count;
	uint32_t max_attempts;
	uint64_t seed;          /* of random numbers */
	uint32_t trace_records; /* in each trail; 0: the pool is not traced */
	unsigned char *trace;   /* what record.h describes */
	char *trace_file;       /* where it is written when the pool ends; NULL: nowhere */
	uint64_t functions_at;  /* offset of the names of functions */
	uint32_t function_count;

	uint32_t batches_added;   /* by this member: batch slots that it knows to be committed */
	_Atomic bool rings_added; /* by this member: it knows that all rings are committed */
	uint64_t spin_ns;         /* how long to spin before sleeping; 0: do not spin */
	uint64_t eager_ns;        /* for how much of that without a yield; see backoff.h */
	uint64_t idle_eager_ns;   /* the same of a member whose CPU another one has a use for */
	uint64_t cpus;            /* that may be used, when it was created */
	uint64_t limit_ns;        /* of tasks, unless their batch says otherwise; 0: none */
	/* Complete: no field means a default. */
	struct sheaf_worker_options workers;
	bool checked;  /* SHEAF_CHECK */
	bool threaded; /* workers are threads of the owner, or there are none: inlined */
	bool inlined;  /* the owner runs all tasks itself, in seat 0, in calls that wait */
	bool lenient;  /* the environment chose that: what it cannot do is left out */
	/* Where workers run; NULL: anywhere. See pool/place.h. */
	const struct place *place;
	/* Of a pool that programs may join: what the numbers of functions mean here. Else NULL. */
	struct functions *functions;
	struct mappings *mappings; /* files that it has mapped: see mappings.h */
	bool attached;             /* this process has joined, by segment_attach() */
	/*
	 * Of a process that has joined: wake the supervisor. @news: it is to write to the pipe,
	 * which this process has not.
	 */
	void (*wake)(const struct segment *segment, bool news);
	/* Have a worker started in a vacant seat that was claimed; NULL: there is none. */
	void (*call_worker)(struct segment *segment);
	char name[NAME_MAX];  /* "" if it has none */
	char second[64];      /* a name that it was made under and still has; else "" */
	bool wished;          /* the user has chosen that name */
	bool named;           /* the file has that name by now */
	bool withdrawn;       /* the name was taken away by segment_guard() */
	bool lent;            /* segment_borrow() may give it out */
	struct segment *next; /* of this process's segments with a name */
};

/*
 * Return how many workers there should be just now: 1 to crew_count. Relaxed: what is done by it
 * is done again when it has changed.
 */
static inline uint32_t segment_wanted(const struct segment *segment)
{
	uint32_t wanted = load_relaxed(&segment->control->wanted);

	return wanted - 1 < segment->crew_count ? wanted : segment->crew_count;
}

/* Tell whether the descriptor still is that of the segment. Else the host has closed it. */
static inline bool segment_file_ours(const struct segment *segment)
{
	return os_file_is(segment->fd, &segment->id);
}

/*
 * Seal a row of semaphores. Relaxed, both, because the seal is written before anybody else knows of
 * the row, and later only by a wild write.
 */
static inline void bells_seal(_Atomic uint64_t *seal, _Atomic uint64_t *end_seal)
{
	store_relaxed(seal, BELL_SEAL);
	store_relaxed(end_seal, BELL_SEAL);
}

/*
 * Tell whether a row of semaphores is as it was made, as far as its seals show. Relaxed, as above.
 */
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

/* Return the number of the owner's seat. */
static inline unsigned segment_owner_seat(const struct segment *segment)
{
	return segment->worker_count;
}

/*
 * Count the batch slots that may be touched, the first ones. For members that have not added them.
 */
static inline uint32_t segment_batches(const struct segment *segment)
{
	/*
	 * Seq_cst, pairs with segment_add_batches(): else limits_enforce() could miss a limit whose
	 * opener has missed how often the supervisor checks.
	 */
	uint32_t count = load_seq_cst(&segment->control->batches);

	/* A wild write to it must not lead out of the slots. */
	return count < segment->batch_count ? count : segment->batch_count;
}

/*
 * Say what all members have to heed from now on. Seq_cst: a submitter that uses another ring next
 * publishes its task and checks for sleepers after this, and a worker that is about to sleep reads
 * this after it has announced itself (BELL1).
 */
static inline void segment_heed(const struct segment *segment, uint32_t what)
{
	fetch_or_seq_cst(&segment->control->heed, what);
}

/* Is that value of control->heed one of a pool that uses all its rings? */
static inline bool heeds_rings(uint32_t heed)
{
	uint32_t told = heed & ~HEED_STATE;

	return told == HEED_RINGS || told == (HEED_RINGS | HEED_SEAT);
}

/* Is it one of a pool whose workers may have to leave, or to claim nothing? */
static inline bool heeds_seat(uint32_t heed)
{
	uint32_t told = heed & ~HEED_STATE;

	return told == HEED_SEAT || told == (HEED_RINGS | HEED_SEAT);
}

/* Count the slots that may be touched, those of SHEAF_NORMAL first. */
static inline uint32_t segment_slots(const struct segment *segment)
{
	/*
	 * Seq_cst, pairs with segment_add_rings(): else the slot of a task could be missed that was
	 * published before its submitter checked what this member had told it.
	 */
	bool all = heeds_rings(load_seq_cst(&segment->control->heed));

	return segment->rings[SHEAF_NORMAL].size * (all ? PRIORITIES : 1u);
}

/* Find the ring that a slot is of. */
static inline const struct ring *ring_of_slot(const struct segment *segment, const struct shared_slot *slot)
{
	return &segment->rings[(uint64_t)(slot - segment->slots) >> segment->rings[SHEAF_NORMAL].lap_shift];
}

/* Note where the parts lie, and copy the counts, which are not read from the header again. */
void segment_set_view(struct segment *segment, const struct shared_header *header);

/*
 * Tell whether that is the name of a member that lives, or that is dead and not replaced yet. Any
 * number may be asked about.
 */
bool segment_has_member(const struct segment *segment, uint32_t name);

/* Tell whether that is the name of a worker, as segment_has_member() does. */
bool segment_is_worker(const struct segment *segment, uint32_t name);

/*
 * Tell whether a ring's word names an owner that cannot have the task. That is a member that there
 * is not, or the pool's owner, if it claims nothing from rings. The dead are repaired before they
 * are replaced, so only a wild write leaves such a word.
 */
bool segment_is_orphan(const struct segment *segment, struct word w);

/*
 * Count the tasks and chunks that have ended or were given up so far. The brakes see progress by
 * it.
 */
uint64_t segment_progress(const struct segment *segment);

#endif
