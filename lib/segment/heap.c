/*
 * heap.c - the page-run allocator.
 *
 * Writers           Word u of the heap map belongs to unit u. It is 0 if the unit is free, else the
 *                   id of its holder, or that of a stock: see stock.c. 0 -> id: one CAS by the
 *                   member that allocates. id -> 0: one store by the member that frees, which must
 *                   hold the id.
 * Invariant         Only the holder of its id uses a unit. No id is given out twice.
 * Order             Claim the words, then commit the pages. Give the pages back, then free the
 *                   words. So nobody ever commits or releases a page of a free word.
 * Edges             HEAP1  free a unit -> claim it: hands the unit, emptied, to its next holder.
 *                   HEAP2  commit words of the map -> use them: the words are committed.
 * Deaths            A worker allocates only for a batch, under the batch's id. So all that it had
 *                   when it died, in any state, is found by that id when the batch is retired. The
 *                   owner's death ends the segment. So nothing needs repair, and no counter is
 *                   believed: heap_hint only says where to search first.
 */
#include "segment/heap.h"

#include "base/atomic.h"
#include "base/error.h"
#include "base/number.h"
#include "os/os.h"
#include "segment/commit.h"
#include "segment/shortage.h"

#include <errno.h>
#include <string.h>

#define MAP_STEP (PAGE / sizeof(uint64_t)) /* words that are committed at once */
#define OF_BATCH (UINT64_C(1) << 63)       /* in ids: may have several runs; see UNIT_STOCKED */
#define MOVED_AT_ONCE (4 * UNIT)           /* what a run has twice while it moves */

uint64_t heap_new_id(struct segment *segment)
{
	/* Relaxed: the id hands nothing over, it only must be a new one. */
	return fetch_add_relaxed(&segment->control->heap_ids, 1) + 1;
}

uint64_t heap_new_batch_id(struct segment *segment)
{
	return heap_new_id(segment) | OF_BATCH;
}

/*
 * Commit the first @units words of the map. Several processes may do so at once, because committing
 * twice changes nothing.
 */
static int commit_map(struct segment *segment, uint64_t units)
{
	struct shared_control *control = segment->control;
	uint64_t mapped;

	/*
	 * HEAP2. Acquire: else words could be touched before the other process has committed them.
	 */
	while ((mapped = load_acquire(&control->heap_mapped)) < units) {
		uint64_t wanted = round_up(units, MAP_STEP), all = segment->heap_size / UNIT;
		int r;

		if (wanted > all)
			wanted = all;
		r = segment_commit(segment, segment_offset(segment, &segment->heap_map[mapped]),
				   (wanted - mapped) * sizeof(uint64_t), false);
		if (r)
			return r;
		/*
		 * HEAP2. Release: else the words could be counted before they are committed.
		 */
		if (cas_acq_rel(&control->heap_mapped, &mapped, wanted))
			break;
	}
	return 0;
}

uint64_t heap_units(const struct segment *segment)
{
	/* HEAP2. Acquire: else words could be read before they are committed. */
	uint64_t mapped = load_acquire(&segment->control->heap_mapped);

	/* A wild write to it must not lead out of the map. */
	return mapped < segment->heap_size / UNIT ? mapped : segment->heap_size / UNIT;
}

static void free_words(struct segment *segment, uint64_t first, uint64_t count)
{
	/*
	 * HEAP1. Release: else the next holder could read what we wrote to the units, or see its
	 * pages taken away.
	 */
	for (uint64_t u = first; u < first + count; u++)
		store_release(&segment->heap_map[u], 0);
}

static void free_run(struct segment *segment, uint64_t first, uint64_t count)
{
	uint64_t offset = segment->heap + first * UNIT;

	/* Units that cannot be emptied are not handed out again. */
	if (segment_release(segment, offset, count * UNIT))
		return;
	free_words(segment, first, count);
	/*
	 * Relaxed, a hint: searches begin at the lowest unit freed, so that the heap stays small.
	 */
	if (first < load_relaxed(&segment->control->heap_hint))
		store_relaxed(&segment->control->heap_hint, first);
}

/* Claim [first, first + count) or nothing. On failure *@first is the place to go on from. */
static bool claim_run(struct segment *segment, uint64_t id, uint64_t *first, uint64_t count)
{
	for (uint64_t u = *first; u < *first + count; u++) {
		uint64_t expected = 0;

		/* HEAP1. Acquire: else we could read what the last holder wrote. */
		if (!cas_acquire(&segment->heap_map[u], &expected, id)) {
			free_words(segment, *first, u - *first);
			*first = u + 1;
			return false;
		}
	}
	return true;
}

/*
 * Claim a free run in [begin, end) that begins at a multiple of @step. 1: *@found is its first
 * unit; 0: there is none; or an error of commit_map().
 */
static int search_range(struct segment *segment, uint64_t id, uint64_t count, uint64_t step, uint64_t begin, uint64_t end,
			uint64_t *found)
{
	uint64_t first = begin;

	while ((first = round_up(first, step)) + count <= end) {
		uint64_t run = 0, mapped = heap_units(segment);
		int r;

		/* Relaxed, because claim_run() decides: an old value costs another search. */
		while (run < count && first + run < mapped && !load_relaxed(&segment->heap_map[first + run]))
			run++;
		if (run < count && first + run < mapped) {
			first += run + 1;
			continue;
		}
		if ((r = commit_map(segment, first + count)))
			return r;
		if (claim_run(segment, id, &first, count)) {
			*found = first;
			return 1;
		}
	}
	return 0;
}

/* Search from where the last search ended, and then from the beginning. */
static int search_around(struct segment *segment, uint64_t id, uint64_t count, uint64_t step, uint64_t *found)
{
	/* Relaxed: a hint. */
	uint64_t hint = load_relaxed(&segment->control->heap_hint), all = segment->heap_size / UNIT;
	int r;

	if (hint > all - count)
		hint = 0;
	r = search_range(segment, id, count, step, hint, all, found);
	/* This search goes beyond the hint, for a run that lies across it. */
	if (!r && hint)
		r = search_range(segment, id, count, step, 0, hint + count < all ? hint + count : all, found);
	return r;
}

/* Commit the pages of a claimed run, and make them zero. */
static int commit_run(struct segment *segment, uint64_t first, uint64_t count)
{
	uint64_t at = segment->heap + first * UNIT;
	int r = segment_commit(segment, at, count * UNIT, true);

	if (!r)
		os_clear(segment_at(segment, at), count * UNIT);
	return r;
}

int heap_alloc(struct segment *segment, uint64_t id, uint64_t size, uint64_t *offset)
{
	uint64_t count, first, at;
	int r;

	/*
	 * No batch has the id of a free unit, but a wild write may have put it there. Units claimed
	 * for it would stay free.
	 */
	if (size > segment->heap_size || !unit_is_used(id))
		return -ENOMEM;
	count = size ? (size + UNIT - 1) / UNIT : 1;
	/* A large run begins at a huge page, if there is room for that. */
	r = size >= HUGE_PAGE ? search_around(segment, id, count, HUGE_PAGE / UNIT, &first) : 0;
	if (r <= 0)
		r = search_around(segment, id, count, 1, &first);
	if (r <= 0)
		return r ? r : -ENOMEM;
	at = segment->heap + first * UNIT;
	r = commit_run(segment, first, count);
	if (r) {
		free_run(segment, first, count);
		return r;
	}
	/* Relaxed: a hint. */
	store_relaxed(&segment->control->heap_hint, first + count);
	*offset = at;
	return 0;
}

/* Count the units of the same id from @first on. */
static uint64_t run_of(const struct segment *segment, uint64_t first, uint64_t id, uint64_t limit)
{
	uint64_t end = first;

	/* Relaxed: the caller holds the id, so its words do not change under it. */
	while (end < limit && load_relaxed(&segment->heap_map[end]) == id)
		end++;
	return end - first;
}

int heap_free(struct segment *segment, uint64_t offset)
{
	uint64_t unit, id, limit = heap_units(segment);

	if (offset < segment->heap || (offset - segment->heap) % UNIT || (unit = (offset - segment->heap) / UNIT) >= limit)
		return -EINVAL;
	/* Relaxed: the caller holds the run, so its words do not change under it. */
	id = load_relaxed(&segment->heap_map[unit]);
	if (!id || id & (OF_BATCH | UNIT_OF_FILE) || (unit && load_relaxed(&segment->heap_map[unit - 1]) == id))
		return -EINVAL;
	free_run(segment, unit, run_of(segment, unit, id, limit));
	return 0;
}

/*
 * Claim @count units, in front of as many free ones if there is such a place. The next search
 * begins behind those, because runs that grow side by side would else collide at each step.
 */
static int claim_to_grow(struct segment *segment, uint64_t id, uint64_t count, uint64_t *first)
{
	uint64_t all = segment->heap_size / UNIT, step = count * UNIT >= HUGE_PAGE ? HUGE_PAGE / UNIT : 1;
	int r = 0;

	if (count <= all / 2) {
		r = search_around(segment, id, 2 * count, step, first);
		if (r > 0)
			free_words(segment, *first + count, count);
	}
	if (!r)
		r = search_around(segment, id, count, step, first);
	if (!r && step > 1)
		r = search_around(segment, id, count, 1, first);
	if (r <= 0)
		return r ? r : -ENOMEM;
	/* Relaxed: a hint. */
	store_relaxed(&segment->control->heap_hint, *first + 2 * count);
	return 0;
}

/*
 * Move @count units to a run of @new_count, piece by piece, so that only one piece exists twice. On
 * failure all of both runs is freed.
 */
static int move_run(struct segment *segment, uint64_t from, uint64_t count, uint64_t to, uint64_t new_count)
{
	for (uint64_t done = 0; done < new_count;) {
		uint64_t piece = new_count - done < MOVED_AT_ONCE / UNIT ? new_count - done : MOVED_AT_ONCE / UNIT;
		uint64_t old = done >= count ? 0 : count - done < piece ? count - done : piece;
		int r;

		/* What is new is committed at once, in huge pages. */
		if (!old)
			piece = new_count - done;
		r = commit_run(segment, to + done, piece);
		if (r) {
			free_run(segment, from + (done < count ? done : count), done < count ? count - done : 0);
			free_run(segment, to, new_count);
			return r;
		}
		if (old) {
			memcpy(segment_at(segment, segment->heap + (to + done) * UNIT),
			       segment_at(segment, segment->heap + (from + done) * UNIT), old * UNIT);
			free_run(segment, from + done, old);
		}
		done += piece;
	}
	return 0;
}

int heap_resize(struct segment *segment, uint64_t *offset, uint64_t size, uint64_t new_size)
{
	uint64_t count = (size + UNIT - 1) / UNIT, new_count = (new_size + UNIT - 1) / UNIT, first, to, id;
	int r;

	if (new_size > segment->heap_size)
		return -ENOMEM;
	first = count ? (*offset - segment->heap) / UNIT : 0;
	if (new_count <= count) {
		if (new_count < count)
			free_run(segment, first + new_count, count - new_count);
		return 0;
	}
	if (count) {
		uint64_t more = new_count - count, behind = first + count, all = segment->heap_size / UNIT;

		/* Relaxed: the caller holds the run. */
		id = load_relaxed(&segment->heap_map[first]);
		if (more <= all - behind) {
			if ((r = commit_map(segment, behind + more)))
				return r;
			if (claim_run(segment, id, &behind, more)) {
				r = commit_run(segment, behind, more);
				if (r)
					free_run(segment, behind, more);
				return r;
			}
		}
	}
	/* With a new id, because the new run may lie right behind the old one. */
	r = claim_to_grow(segment, heap_new_id(segment), new_count, &to);
	if (r)
		return r;
	r = move_run(segment, first, count, to, new_count);
	*offset = r ? 0 : segment->heap + to * UNIT;
	return r;
}

void heap_give_back(struct segment *segment, uint64_t offset, uint64_t size)
{
	free_run(segment, (offset - segment->heap) / UNIT, size ? (size + UNIT - 1) / UNIT : 1);
}

void heap_free_all(struct segment *segment, uint64_t id)
{
	uint64_t limit = id ? heap_units(segment) : 0;

	for (uint64_t u = 0; u < limit; u++) {
		uint64_t count = run_of(segment, u, id, limit);

		if (count) {
			free_run(segment, u, count);
			u += count;
		}
	}
}

void heap_free_some(struct segment *segment, uint64_t id, uint64_t first, uint64_t most)
{
	uint64_t limit = heap_units(segment), u = first < limit ? first : 0;

	for (uint64_t looked = 0; id && looked < limit && most; looked++, u++) {
		uint64_t count;

		if (u >= limit)
			u = 0;
		if (!(count = run_of(segment, u, id, limit)))
			continue;
		free_run(segment, u, count);
		most -= count < most ? count : most;
		looked += count - 1;
		u += count - 1;
	}
}

bool heap_contains(const struct segment *segment, const void *memory, uint64_t size)
{
	uintptr_t begin = (uintptr_t)segment->base + segment->heap, at = (uintptr_t)memory;
	uint64_t first, last, id;

	if (at < begin || at - begin >= segment->heap_size || size > segment->heap_size - (at - begin))
		return false;
	first = (at - begin) / UNIT;
	last = size ? (at - begin + size - 1) / UNIT : first;
	if (last >= heap_units(segment))
		return false;
	/* Relaxed, here and below: the words of the caller's own run do not change under it. */
	id = load_relaxed(&segment->heap_map[first]);
	if (id & OF_BATCH)
		return unit_is_used(id) && run_of(segment, first, id, last + 1) == last + 1 - first;
	/* Other ids have one run, so equal ends mean that it is this one. */
	return id && id != UNIT_OF_FILE && id == load_relaxed(&segment->heap_map[last]);
}

int heap_reserve(struct segment *segment, uint64_t size, uint64_t *offset)
{
	uint64_t count = (size + UNIT - 1) / UNIT, first;
	int r;

	if (!size || size > segment->heap_size)
		return -ENOMEM;
	r = search_around(segment, UNIT_OF_FILE, count, 1, &first);
	if (r <= 0)
		return r ? r : -ENOMEM;
	*offset = segment->heap + first * UNIT;
	return 0;
}

void heap_mark_file(struct segment *segment, uint64_t offset, uint64_t size, bool mapped)
{
	uint64_t first = (offset - segment->heap) / UNIT, id = mapped ? heap_new_id(segment) : 0;

	/* Relaxed: whoever asks has the pointer from a task or a call that came later. */
	for (uint64_t u = first; u < first + (size + UNIT - 1) / UNIT; u++)
		store_relaxed(&segment->heap_map[u], UNIT_OF_FILE | id);
}

uint64_t heap_reach(const struct segment *segment)
{
	return heap_units(segment) * UNIT;
}

uint64_t heap_used(const struct segment *segment)
{
	uint64_t used = 0, limit = heap_units(segment);

	/* Relaxed: statistics. */
	for (uint64_t u = 0; u < limit; u++)
		used += unit_is_used(load_relaxed(&segment->heap_map[u]));
	return used * UNIT;
}

uint64_t heap_stocked(const struct segment *segment)
{
	uint64_t stocked = 0, limit = heap_units(segment);

	/* Relaxed: statistics. */
	for (uint64_t u = 0; u < limit; u++)
		stocked += load_relaxed(&segment->heap_map[u]) == UNIT_STOCKED;
	return stocked * UNIT;
}

int heap_fail(const struct segment *segment, int code, uint64_t size, const char *what)
{
	if (code == -ENOMEM && size <= segment->heap_size)
		return sheaf_fail(
			code,
			"%s needs %llu bytes in one piece, and the pool's heap of %llu bytes has none left: free some, or "
			"raise options.heap_size",
			what, (unsigned long long)size, (unsigned long long)segment->heap_size);
	if (code == -ENOMEM)
		return sheaf_fail(code,
				  "%s needs %llu bytes, which can never fit: the pool's heap has %llu bytes in all: raise "
				  "options.heap_size",
				  what, (unsigned long long)size, (unsigned long long)segment->heap_size);
	/*
	 * In whole units, as it was asked of the system: what is free may exceed @size, and still
	 * be too little.
	 */
	return segment_fail_commit(segment, code, round_up(size ? size : 1, UNIT), what);
}
