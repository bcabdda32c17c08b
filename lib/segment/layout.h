/*
 * layout.h - every byte that processes of a pool share, and the words that decide.
 *
 * There are only integers of fixed width, offsets and indices. A pointer would be an address of one
 * process, and a size_t depends on the ABI. Offsets count from the start of the segment; 0 means
 * none. docs/explanation/segment.md has the same as tables.
 *
 *   header | control | functions | seats | ring | batches | trace | heap map | guard pages | heap
 */
#ifndef SHEAF_SEGMENT_LAYOUT_H
#define SHEAF_SEGMENT_LAYOUT_H

#include "segment/limit.h"
#include "segment/mapping.h"
#include "segment/record.h"
#include "segment/seat.h"
#include "segment/word.h"
#include "sheaf.h"

#include <assert.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	      "a lock inside libatomic is not shared between processes");

#define UNIT 65536u          /* what the heap counts in */
#define PAGE 4096u           /* alignment of tables; the guard is a UNIT, so larger pages work */
#define HUGE_PAGE (2u << 20) /* alignment of heap and segment */

/*
 * ---- Header ----
 *
 * The creator writes it, and it is constant after `ready`. Up to owner_space it is written before
 * anything else.
 */

#define SEGMENT_MAGIC UINT64_C(0x3130304641454853) /* "SHEAF001" */
#define SEGMENT_VERSION 12u

struct shared_header {
	uint64_t magic;
	uint32_t version;
	uint32_t layout; /* LAYOUT_WORD: differs if a compiler lays these structs out differently */
	uint32_t owner_pid;
	_Atomic uint32_t ready; /* 1, stored last with release: everything in the header is valid */
	uint64_t owner_start;   /* with pid and space it names one process: see os_process_id */
	uint64_t owner_space;
	uint64_t size; /* of the whole segment, in bytes */
	uint64_t control;
	uint64_t seats;
	uint64_t ring; /* the slots of all rings */
	uint64_t batches;
	uint64_t heap_map;
	uint64_t heap;
	uint64_t heap_size;
	uint32_t worker_count;
	uint32_t ring_size; /* of each ring: a power of two */
	uint32_t batch_count;
	uint32_t max_attempts;

	/* For programs that join: see docs/explanation/attach.md. */
	uint64_t base;           /* address of the segment in every process */
	uint64_t functions;      /* offset of the table of their names */
	uint64_t limit_ns;       /* of tasks, unless their batch says otherwise; 0: none */
	uint32_t function_count; /* 0: nobody may join */
	uint32_t places;         /* of worker_count: the last seats, for programs that join */
	uint32_t on_demand;      /* 1: workers are started when tasks need them */
	uint32_t trace_records;  /* in each trail of record.h, 2^k; 0: it is not traced */
	uint64_t seed;           /* of random numbers */
	uint64_t trace;          /* offset of what record.h describes */
	uint64_t own_functions;  /* functions_hash(): of the library's own, for their numbers */
};

#define FUNCTION_NAME 60u /* bytes, with the end */

enum function_kind {
	FUNCTION_TASK = 1,
	FUNCTION_RANGE = 2,
	FUNCTION_OTHER = 3, /* what tasks call */
};

/* A function by its name. Tasks name it by its number, see work/function.h. */
struct shared_function {
	char name[FUNCTION_NAME];
	uint32_t kind; /* enum function_kind */
};

/* ---- Control: what changes and concerns the whole pool ---- */

enum pool_state {
	POOL_OPEN = 0,
	POOL_CLOSED = 1,     /* no more submits; workers end when the ring is empty */
	POOL_FINISHED = 2,   /* closed, and the last worker has ended */
	POOL_TERMINATED = 3, /* by sheaf_pool_terminate() */
	POOL_BROKEN = 4,     /* by the brake: workers died without any progress, or none starts */
	POOL_LOST = 5,       /* no supervisor can be started */
	POOL_UNPLUGGED = 6,  /* the owner has closed the descriptors of the pool */
};

#define SLEEPER_WORDS (SHEAF_MAX_WORKERS / 64)
/*
 * Stands before and behind each row of semaphores. A C library may abort the process that posts or
 * waits on a semaphore that a task has written over, as glibc does. What runs over a row changes
 * one of its two seals. Then the row is left alone: see bell.c.
 */
#define BELL_SEAL UINT64_C(0x9d4c7be1c35a2f86)

#define ROOM_SLOTS 64 /* submitting threads that can sleep at once; others poll every millisecond */

/* What stands where the member of that name holds something. 0 is left for: nobody holds it. */
#define HELD_BY(name) ((name) + 1u)

/*
 * There is a ring for each priority. Their slots lie one behind the other, those of SHEAF_NORMAL
 * first, and only these are committed until a batch of another priority is opened.
 */
#define PRIORITIES 3 /* enum sheaf_priority */

/*
 * In heed, which a worker reads before each claim. 0: the pool goes on, and has one ring. A number
 * that a wild write hardly hits stands for the other rings, because their memory may be missing.
 */
#define HEED_STATE 1u          /* a state that ends the pool: see state */
#define HEED_RINGS 0x52694e60u /* all rings are committed */
/*
 * A worker may have to leave, or to claim nothing for a while, so it asks before each claim. Has no
 * bit of HEED_RINGS.
 */
#define HEED_SEAT 0x2d12a116u

/*
 * A ring's positions. Both are hints (promise 1). The supervisor sets head back after a death, and
 * no recovery believes either.
 */
struct shared_ring {
	_Alignas(LINE) _Atomic uint64_t tail; /* tickets given out by submitters */
	/* HEAD_TICKET: every ticket below was claimed once. Above: how often it was set back. */
	_Alignas(LINE) _Atomic uint64_t head;
};

/* Tickets for years; the bits above only have to differ from one rewind to the next. */
#define HEAD_BITS 52
#define HEAD_TICKET(head) ((head) & ((UINT64_C(1) << HEAD_BITS) - 1))

struct shared_control {
	_Alignas(LINE) _Atomic uint32_t state; /* enum pool_state */
	_Atomic uint32_t start;                /* 0: starting; 1: workers run; -errno: cannot */
	_Atomic uint64_t supervisors;          /* started so far */
	/* Workers that died, not by order and not with their supervisor. */
	_Atomic uint64_t deaths;
	/* Tasks, and positions of chunks, that deaths made fail. */
	_Atomic uint64_t given_up;
	/* How often the supervisor checks time limits; 0: it does not. */
	_Atomic uint64_t tick_ns;
	/* How many batch slots, the first ones, are committed; only grows. */
	_Atomic uint32_t batches;
	_Atomic uint32_t heed; /* the HEED_ values; no bit is ever taken back */

	_Alignas(8) _Atomic uint64_t started_seal; /* BELL_SEAL, as all; aligned alike everywhere */
	sem_t started;                             /* by the supervisor, after `start` */
	_Alignas(8) _Atomic uint64_t started_end_seal;
	/* Positions that were cancelled while a worker ran them, which has died. */
	_Atomic uint64_t dropped;
	/* By the owner: how often what is mapped has changed. See mappings.h. */
	_Atomic uint64_t mappings;

	struct shared_ring rings[PRIORITIES]; /* by enum sheaf_priority */

	/* Bit w: worker w is about to sleep or sleeps. */
	_Alignas(LINE) _Atomic uint64_t sleepers[SLEEPER_WORDS];
	/* Bit i: a submitter sleeps on room[i]. */
	_Alignas(LINE) _Atomic uint64_t room_waiters;
	/* HELD_BY() the member that may set bit i of room_waiters; 0: free. Taken by a CAS. */
	_Atomic uint32_t room_holder[ROOM_SLOTS];
	/* By the holder, before it announces itself: for which ring it waits. */
	_Atomic uint32_t room_priority[ROOM_SLOTS];
	_Alignas(8) _Atomic uint64_t room_seal;
	sem_t room[ROOM_SLOTS];
	_Alignas(8) _Atomic uint64_t room_end_seal;

	_Alignas(LINE) _Atomic uint64_t heap_ids; /* the last allocation id given out */
	_Atomic uint64_t heap_hint;               /* unit where the last search ended: a hint */
	/* Units whose words in the heap map are committed; only grows. */
	_Atomic uint64_t heap_mapped;
	/* 1: the supervisor will give the stocks back. By members: 1; by the supervisor: 0. */
	_Atomic uint32_t stock_watched;
	/* How often all gatherers were rung: see batch/arm.c. */
	_Atomic uint32_t alarms;
	/* By a worker: 1 since a task has asked for the pool. Tasks that run may submit others. */
	_Atomic uint32_t nested;
	/* By the owner: 1 since it has opened a batch of which it runs tasks itself. */
	_Atomic uint32_t owner_claims;
	/* By the owner: how many workers there should be, in the first seats. */
	_Atomic uint32_t wanted;
	/* By the owner: 1: workers begin no task. */
	_Atomic uint32_t paused;
	/*
	 * By a program that has joined: 1: the pipe of sheaf_pool_fd(), which it has not, is to be
	 * written to. By the supervisor: 0.
	 */
	_Atomic uint32_t news_wanted;
	/* By the owner: offsets of the tables of mapped files, of even and of odd `mappings`. */
	_Atomic uint64_t mapping_tables[2];

	/*
	 * Bit w: no worker is in seat w until a task needs one. Then its bit in sleepers is set,
	 * and a submitter that clears that calls a worker. See pool/demand.h.
	 */
	_Alignas(LINE) _Atomic uint64_t vacant[SLEEPER_WORDS];

	_Alignas(LINE) struct shared_hooks hooks;
};

/* ---- Rings ---- */

enum task_kind {
	TASK_CALL = 0,  /* one submitted task */
	TASK_SHARE = 1, /* an invitation to a dense batch */
};

#define INLINE_ARG 24 /* bytes of an argument that fit the slot itself */

struct shared_slot {
	_Alignas(64) _Atomic uint64_t word;
	_Atomic uint64_t batch; /* BATCH_REF; atomic, as an opener that retires reads all slots */
	uint64_t function;
	/*
	 * TASK_CALL: offset of the entry. TASK_SHARE: number of the share. Atomic, as an opener
	 * that cancels reads all slots.
	 */
	_Atomic uint64_t target;
	uint32_t arg_size; /* of a call; above INLINE_ARG: arg holds the offset of the bytes */
	uint8_t kind;      /* enum task_kind */
	uint8_t epoch;     /* of a call, with BATCH_WINDOWED: the number of its epoch */
	uint16_t limit;    /* of a call, packed: see limit_pack() */
	union {
		unsigned char bytes[INLINE_ARG];
		uint64_t offset;
	} arg;
};

/* ---- Batches ---- */

enum batch_state {
	BATCH_FREE = 0,
	BATCH_OPEN = 1,
	BATCH_RETIRED = 2,   /* tasks that have not started are dropped */
	BATCH_CANCELLED = 3, /* they are not run, and their positions say so: see work/cancel.h */
};

enum batch_kind {
	KIND_CALLS = 0, /* submitted tasks */
	KIND_MAP = 1,
	KIND_FOR = 2,
};

/*
 * What a gatherer that sleeps waits for. A worker that publishes it claims the wake-up by a CAS to
 * WAIT_NOTHING.
 */
#define WAIT_NOTHING UINT64_C(0)
#define WAIT_ANY UINT64_C(1) /* anything published */
#define WAIT_ALL UINT64_C(2) /* the last worker leaves a dense batch */
/*
 * WAIT_ANY, and it is not the batch's bell that is to be rung: the gatherer sleeps for several
 * batches in a room, or armed this one for the pool's descriptor. No entry's offset looks like
 * that, nor a chunk.
 */
#define WAIT_ANY_AT(place) ((uint64_t)(place) << 2 | WAIT_ANY)
#define WAIT_IS_ANY(waiter) (((waiter)&3) == WAIT_ANY)
#define WAIT_PLACE(waiter) (WAIT_IS_ANY(waiter) ? (waiter) >> 2 : 0) /* 0: the batch's bell */
#define PLACE_ROOM(room) ((uint64_t)(room) + 1)
#define PLACE_NEWS ((uint64_t)ROOM_SLOTS + 1)
/* Entries are aligned to 64: bits 0 and 1 are clear. */
#define WAIT_ENTRY(offset) (offset)
#define WAIT_CHUNK(chunk) ((uint64_t)(chunk) << 2 | 3) /* that chunk */

/* In flags: the pool was created with SHEAF_CHECK=1. See check.c. */
#define BATCH_CHECKED (1u << 31)
/* In flags: the first position that fails cancels the rest (SHEAF_CANCEL_REST). */
#define BATCH_CANCELS (1u << 30)
/* In flags: `user` is the context of its tasks. */
#define BATCH_HAS_USER (1u << 29)
/* In flags: the pool has a table of functions, see work/function.h. */
#define BATCH_NAMED (1u << 28)
/* In flags: the batch has a window, see batch/window.h. */
#define BATCH_WINDOWED (1u << 27)
/* Stands in `opener` of a batch whose opener is dead, until the supervisor has freed it. */
#define ORPHANED UINT32_MAX

#define STOP_NOWHERE UINT64_MAX

#define EPOCHS 16
#define BATCH_INLINE 4096 /* bytes of table that need no heap */
#define BATCH_ROOM 512    /* bytes of arguments that need none */

/* Part of the memory of a windowed batch, which is freed as a whole. */
struct shared_epoch {
	_Atomic uint64_t id;    /* owner of its heap units; 0: it is not in use */
	_Atomic uint64_t units; /* as those of the batch */
	_Atomic uint64_t lowest;
};

struct shared_batch {
	/* BATCH_WORD. The rest of this line but `stop` is constant while a slot names the batch. */
	_Alignas(LINE) _Atomic uint64_t word;
	uint32_t kind; /* enum batch_kind */
	uint32_t max_attempts;
	uint32_t flags;   /* enum sheaf_batch_flags */
	uint32_t shares;  /* invitations sent */
	uint64_t heap_id; /* owner of the batch's heap units */
	uint64_t function;
	uint64_t in;       /* offset, of the context for KIND_FOR */
	uint64_t out;      /* offset */
	uint64_t out_size; /* KIND_CALLS: bytes of a result slot */
	uint64_t in_size;  /* from here on: much the same from one map to the next */
	uint64_t n;
	uint64_t chunk; /* positions in a chunk, but for the last */
	uint64_t chunks;
	uint64_t words;    /* offset of the chunk words */
	uint64_t hints;    /* offset of the shares' hints */
	uint64_t limit_ns; /* a task may run so long; 0: for ever */
	/* By the opener: positions of a dense batch from here on are not begun. Only falls. */
	_Atomic uint64_t stop;

	_Alignas(LINE) _Atomic uint64_t failures; /* offset of the newest failure record */
	_Atomic uint64_t units;                   /* of the heap, so far: 0 spares a search */
	uint64_t checked;                         /* of a map with BATCH_CHECKED: its function */
	/* By the opener: the shortest limit of its tasks; 0: none. */
	_Atomic uint64_t shortest_ns;
	/*
	 * HELD_BY() the opener, which retires it; 0: free. By a CAS. Not in the line that workers
	 * keep from one map to the next.
	 */
	_Atomic uint32_t opener;
	/*
	 * By the supervisor: twice as often as a death in nested work of its tasks has cost them a
	 * run, uncharged; and 1 if one in work of others has.
	 */
	_Atomic uint32_t inner_deaths;
	_Atomic uint64_t lowest; /* of its heap units: a hint */
	/* Of a map: offset of its context; 0: none. By the opener, before the invitations. */
	uint64_t context;
	/* Offset of the slot of the task that has opened it; 0: the owner has. */
	_Atomic uint64_t parent;
	/* With BATCH_HAS_USER: options.context. By the opener, while no slot names the batch. */
	uint64_t user;
	/* Of a map or a loop: added to the positions that tasks are told. By the opener, before. */
	uint64_t first;

	_Alignas(LINE) _Atomic uint64_t waiter; /* WAIT_*: by the gatherer, one thread at a time */
	_Atomic uint64_t bell_seal;
	sem_t bell;
	_Alignas(8) _Atomic uint64_t bell_end_seal;

	/* Bit w: worker w is in this dense batch. */
	_Alignas(LINE) _Atomic uint64_t inside[SLEEPER_WORDS];

	/* Of a windowed batch. The opener begins and frees them; any member counts their units. */
	_Alignas(LINE) struct shared_epoch epochs[EPOCHS];
	/* Bytes of results that were not of the batch's size, by the workers. Only grows. */
	_Alignas(LINE) _Atomic uint64_t result_bytes;
	_Atomic uint64_t accepted; /* by the opener, for those who look on */
	_Atomic uint64_t given;
	_Atomic uint64_t head;

	/* Entries, or chunk words, hints and the context, as far as they fit. */
	_Alignas(LINE) unsigned char table[BATCH_INLINE];
	/* The beginning of the opener's region: see region.h. */
	_Alignas(LINE) unsigned char room[BATCH_ROOM];
};

/*
 * A batch's serial is the id of its heap units, which no other batch has. Slots of the ring name a
 * batch by BATCH_REF.
 */
#define BATCH_WORD(state, serial) ((uint64_t)(state) | (uint64_t)(serial) << 8)
#define BATCH_STATE(word) ((enum batch_state)((word)&0xffu))
#define BATCH_REF(index, serial) ((uint64_t)(serial) << 16 | (index))
#define BATCH_INDEX(ref) ((uint32_t)((ref)&0xffffu))

/*
 * A submitted task in its batch's result table. The task's owner writes all but word and position,
 * before it publishes.
 */
struct shared_entry {
	_Alignas(64) _Atomic uint64_t word; /* READY -> DONE, once (promise 3) */
	uint64_t position;
	/*
	 * Offset of the result or of a failure's text; 0: behind the entry, or none. Of a failure
	 * with FAILED_WITH in size: offset of a shared_left.
	 */
	uint64_t data;
	uint64_t size;
	int32_t status;
	int32_t pid;
	uint64_t started_ns;
	uint64_t finished_ns;
	union {
		unsigned char small[8]; /* a result of at most 8 bytes */
		struct {
			int32_t signal;
			int32_t exit_code; /* -1: none */
		} cause;
	} last;
};

/*
 * Stands at `data` of an entry whose worker died: its last words. `size` addresses of the code
 * follow, the innermost first.
 */
struct shared_account {
	uint64_t address;
	uint64_t way; /* enum death_way */
};

/*
 * Stands at `data` of an entry whose task failed and has left bytes. Its text follows, of as many
 * bytes as `size` of the entry says beside FAILED_WITH.
 */
struct shared_left {
	uint64_t offset; /* of what sheaf_task_result() gave */
	uint64_t size;
};
#define FAILED_WITH (UINT64_C(1) << 63)

/*
 * Where a share's own worker and those that steal from it are. Hints, which save them from reading
 * the words of claimed chunks.
 */
struct shared_hint {
	_Alignas(64) _Atomic uint64_t front; /* all chunks of the range below were claimed */
	_Atomic uint64_t back;               /* and all from here on */
};

/* Why positions of a dense batch failed. Records are a stack, pushed with one CAS. */
struct shared_failure {
	uint64_t next; /* offset of the older one */
	uint64_t position;
	_Atomic uint64_t count; /* positions that share the fate; 0: they ran again */
	int32_t status;
	int32_t signal;
	int32_t exit_code;
	int32_t pid;
	uint32_t attempts;
	uint32_t worker;
	uint32_t text_size;   /* of the text that follows, without its end */
	uint32_t frame_count; /* if there is no text: addresses that follow */
	uint64_t started_ns;  /* 0: not known */
	uint64_t finished_ns;
	uint64_t address; /* see shared_account */
	uint64_t way;
	uint64_t left; /* as in shared_left; 0: none */
	uint64_t left_size;
};

/*
 * The heap map is an array of _Atomic uint64_t, one for each UNIT of the heap. 0: free; else the id
 * of the allocation that has it, or one of these. No id has their values.
 */
#define UNIT_STOCKED (UINT64_C(1) << 63)                /* free and committed, in a stock */
#define UNIT_LEAVING (UNIT_STOCKED | UINT64_C(1) << 62) /* the supervisor gives it back */

/*
 * In words of units that are for mapped files: beside the id of a file, or of a table of them, or
 * alone. Only tables have memory of the segment. No user has taken it, so it does not count as
 * used.
 */
#define UNIT_OF_FILE (UINT64_C(1) << 62)

/* Tell whether an allocation has a unit, by its word. */
static inline bool unit_is_used(uint64_t word)
{
	return word && word != UNIT_STOCKED && word >> 62 != 1 && word != UNIT_LEAVING;
}

static_assert(sizeof(struct shared_header) == 184, "offset table in docs/explanation/segment.md");
static_assert(sizeof(struct shared_slot) == 64, "a slot is a line");
static_assert(sizeof(struct shared_entry) == 64, "an entry is a line");
static_assert(offsetof(struct shared_entry, last) == 56, "small results are aligned to 8");
static_assert(sizeof(struct shared_failure) == 104, "text or addresses follow at once");
static_assert(offsetof(struct shared_batch, failures) == LINE, "what is constant while a batch runs has a line");
static_assert(sizeof(struct shared_hint) == 64, "hints of two shares do not share a line");

#define LAYOUT_WORD                                                                                          \
	((uint32_t)(sizeof(struct shared_control) ^ sizeof(struct shared_batch) << 8 ^ sizeof(sem_t) << 20 ^ \
		    sizeof(void *) << 26 ^ offsetof(struct shared_batch, table) << 4))

#endif
