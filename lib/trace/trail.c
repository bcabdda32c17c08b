/*
 * trail.c - writes into a traced pool's segment which tasks its members run, and when.
 *
 * Short neighbours share a record: an item of a map, or a range of a loop, that follows the one
 * before it at once, as long as the record is shorter than SHARED_NS. So a map of many short items
 * does not push everything else out of the trail.
 *
 * Writers           A trail and its records: the threads of the member in that seat; and once it is
 *                   dead the supervisor, before it starts a successor. A place in the table of
 *                   functions: the member that has claimed it.
 * Edges             TRAIL1  stamp: hands a record over to a reader, and takes it back. See
 *                   read_block() in save.c.
 * Deaths            Before the stamp is told: the record is missing. After it: the record has no
 *                   end, and a reader takes the time for it at which the supervisor has found the
 *                   process dead, or that of the next process in the seat.
 *                   Between a place in the table and its name: the function is told as "task".
 */
#include "trace/trail.h"

#include "base/atomic.h"
#include "os/os.h"
#include "segment/plan.h"

#include <stdio.h>
#include <unistd.h>

#define SHARED_NS 100000

/* The record that this thread has ended last, if others may share it. */
struct last {
	const struct shared_trail *trail; /* a later pool of this process has another one, */
	uint32_t records;                 /* or one of another size */
	struct shared_record *record;     /* NULL: there is none */
	uint64_t stamp;
	uint64_t begin_ns, end_ns;
	struct trail_entry entry; /* of all that share it */
};

static _Thread_local struct last last;

static struct shared_traced *table_of(const struct segment *segment)
{
	return (struct shared_traced *)segment->trace;
}

static struct shared_trail *trail_of(const struct segment *segment, unsigned seat)
{
	unsigned char *trails = segment->trace + TRACED_FUNCTIONS * sizeof(struct shared_traced);

	return (struct shared_trail *)(trails + seat * plan_trail_size(segment->trace_records));
}

/* Write a whole record of a process. @end_ns: 0: it goes on. */
static void write_record_of(const struct segment *segment, unsigned seat, int32_t pid, const struct trail_entry *entry,
			    uint64_t begin_ns, uint64_t end_ns, int status, struct trail_mark *mark)
{
	struct shared_trail *trail = trail_of(segment, seat);
	/* Relaxed: threads of one member share the number alone. */
	uint64_t i = fetch_add_relaxed(&trail->next, 1);
	struct shared_record *record = (struct shared_record *)(trail + 1) + (i & (segment->trace_records - 1));

	*mark = (struct trail_mark){.record = record, .stamp = i + 1, .begin_ns = begin_ns};
	/*
	 * TRAIL1. Relaxed: what follows is stored with release, so a reader that sees any of it
	 * sees that the record has another stamp.
	 */
	store_relaxed(&record->stamp, 0);
	store_release(&record->begin_ns, begin_ns);
	store_release(&record->end_ns, end_ns);
	store_release(&record->position, entry->position);
	store_release(&record->count, entry->count);
	store_release(&record->batch, entry->batch);
	store_release(&record->function, entry->function);
	store_release(&record->pid, pid);
	store_release(&record->status, status);
	store_release(&record->what, RECORD_WHAT(entry->kind, entry->flags, entry->attempt));
	store_release(&record->stamp, i + 1);
}

static void write_record(const struct segment *segment, unsigned seat, const struct trail_entry *entry, uint64_t begin_ns,
			 uint64_t end_ns, int status, struct trail_mark *mark)
{
	write_record_of(segment, seat, (int32_t)getpid(), entry, begin_ns, end_ns, status, mark);
}

/* Is the record still the one that was begun? A trail may have gone round meanwhile. */
static bool is_ours(const struct shared_record *record, uint64_t stamp)
{
	return load_relaxed(&record->stamp) == stamp; /* relaxed: this member's own */
}

/* May what begins now share the record that this thread has ended last? */
static bool may_share(const struct segment *segment, unsigned seat, const struct trail_entry *entry)
{
	return last.trail == trail_of(segment, seat) && last.records == segment->trace_records &&
	       (entry->kind == RECORD_ITEMS || entry->kind == RECORD_RANGE) && last.record &&
	       last.entry.batch == entry->batch && last.entry.flags == entry->flags && last.entry.attempt == entry->attempt &&
	       last.entry.kind == entry->kind && last.entry.position + last.entry.count == entry->position &&
	       last.end_ns - last.begin_ns < SHARED_NS && is_ours(last.record, last.stamp);
}

void trail_begin(const struct segment *segment, unsigned seat, const struct trail_entry *entry, struct trail_mark *mark)
{
	if (may_share(segment, seat, entry)) {
		*mark = (struct trail_mark){last.record, last.stamp, last.begin_ns, last.entry.count, last.end_ns};
		/* Relaxed, both: each is right by itself. */
		store_relaxed(&last.record->count, last.entry.count + entry->count);
		store_relaxed(&last.record->end_ns, 0);
		return;
	}
	write_record(segment, seat, entry, sheaf_now_ns(), 0, 0, mark);
}

/* Keep what has ended for the next one that begins. */
static void keep(const struct segment *segment, unsigned seat, const struct trail_entry *entry, const struct trail_mark *mark,
		 uint64_t end_ns)
{
	last = (struct last){.trail = trail_of(segment, seat),
			     .records = segment->trace_records,
			     .record = mark->record,
			     .stamp = mark->stamp,
			     .begin_ns = mark->begin_ns,
			     .end_ns = end_ns,
			     .entry = *entry};
	last.entry.position -= mark->shares;
	last.entry.count += mark->shares;
}

/* Is what has ended to be told by itself, and not by the record that it shares? */
static bool leaves_shared(const struct trail_mark *mark, uint64_t end_ns, int status)
{
	return mark->shares && (status || end_ns - mark->shares_ns > SHARED_NS);
}

void trail_end(const struct segment *segment, unsigned seat, const struct trail_entry *entry, const struct trail_mark *mark,
	       int status)
{
	struct trail_mark now = *mark;
	uint64_t end_ns = sheaf_now_ns();
	bool whole = is_ours(mark->record, mark->stamp);

	if (whole && !leaves_shared(mark, end_ns, status)) {
		/* Relaxed, both: each is right by itself. */
		store_relaxed(&mark->record->status, status);
		store_relaxed(&mark->record->end_ns, end_ns);
	} else {
		if (whole) {
			/* Relaxed, both: as above. */
			store_relaxed(&mark->record->count, mark->shares);
			store_relaxed(&mark->record->end_ns, mark->shares_ns);
		}
		write_record(segment, seat, entry, mark->shares ? mark->shares_ns : mark->begin_ns, end_ns, status, &now);
	}
	if (status)
		last.record = NULL;
	else
		keep(segment, seat, entry, &now, end_ns);
}

void trail_submitted(const struct segment *segment, unsigned seat, uint32_t function, uint64_t batch, uint64_t position,
		     uint64_t begin_ns)
{
	const struct trail_entry entry = {
		.kind = RECORD_SUBMIT, .function = function, .batch = batch, .position = position, .count = 1};
	struct trail_mark mark;

	write_record(segment, seat, &entry, begin_ns, sheaf_now_ns(), 0, &mark);
}

void trail_ended(const struct segment *segment, unsigned seat, int32_t pid, int signal, int exit_code)
{
	const struct trail_entry entry = {.kind = RECORD_END, .count = exit_code > 0 ? (uint64_t)exit_code : 0};
	struct trail_mark mark;
	uint64_t now = sheaf_now_ns();

	write_record_of(segment, seat, pid, &entry, now, now, signal, &mark);
}

/* Claim the place for a function, if it is free. Return what stands there. */
static uint64_t take_number(struct shared_traced *place, uint64_t word)
{
	uint64_t found = 0;

	/* Relaxed: the word is all that runs a task. Its name is for the eye. */
	if (!cas_relaxed(&place->word, &found, word))
		return found;
	os_code_name(TRACED_ADDRESS(word), place->name, sizeof(place->name));
	return word;
}

uint32_t trail_number(const struct segment *segment, uint64_t address, enum function_kind kind)
{
	struct shared_traced *table = table_of(segment);
	uint64_t word = TRACED_WORD(address, kind);

	for (uint32_t i = 0; i < TRACED_FUNCTIONS; i++)
		if (take_number(&table[i], word) == word)
			return i + 1;
	return 0;
}

uint64_t trail_function(const struct segment *segment, uint32_t number)
{
	/* Relaxed: the slot or the batch that tells the number hands it over. */
	return number - 1 < TRACED_FUNCTIONS ? load_relaxed(&table_of(segment)[number - 1].word) : 0;
}
