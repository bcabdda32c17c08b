/*
 * save.c - writes what a pool's segment has of its trace to a file, as a Chrome trace.
 *
 * The format is the "JSON object format" of Google's document "Trace Event Format", section
 * "JSON Object Format". Each worker process has a row of its own. A task is a complete event ("X"),
 * a submission an instant ("i") from which an arrow ("s" to "f") leads to the task.
 *
 * Trust             Nothing that comes from the segment is believed: numbers are written as
 *                   numbers, kinds that no pool writes are left out, and of names only what is
 *                   printable ASCII.
 * Edges             TRAIL1 is in trail.c. A record is believed if its stamp is the same before and
 *                   after it was copied.
 * Writers           Nothing is written to the segment. The file gets its name when it is whole.
 */
#include "trace/save.h"

#include "base/atomic.h"
#include "os/replace.h"
#include "segment/plan.h"

#include <string.h>

#define BLOCK 64u

/* Whose records come next, as a trail is read from its end. */
struct row {
	int32_t pid;
	unsigned processes;    /* that were in the seat later */
	uint64_t first_ns;     /* the earliest time of that process so far */
	uint64_t successor_ns; /* when the next process in the seat began; 0: there is none */
};

/* Small enough for the stack of any thread. */
struct save {
	const struct trace_source *source;
	int fd;
	int error; /* the first one */
	bool events;
	size_t used;
	char buffer[4096];
	uint64_t origin_ns, latest_ns; /* of all records */
	struct row row;
	struct shared_record block[BLOCK];
};

/* ---- text ---- */

static void flush(struct save *save)
{
	int r = save->error ? 0 : os_replace_write(save->fd, save->buffer, save->used);

	if (r)
		save->error = r;
	save->used = 0;
}

static void put(struct save *save, const char *text)
{
	size_t size = strlen(text);

	if (size > sizeof(save->buffer) - save->used)
		flush(save);
	memcpy(save->buffer + save->used, text, size);
	save->used += size;
}

static void put_number(struct save *save, uint64_t value)
{
	char digits[21], *at = digits + sizeof(digits) - 1;

	*at = 0;
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	put(save, at);
}

static void put_signed(struct save *save, int32_t value)
{
	if (value < 0)
		put(save, "-");
	put_number(save, value < 0 ? (uint64_t) - (int64_t)value : (uint64_t)value);
}

/* Write nanoseconds as microseconds, the format's unit. */
static void put_time(struct save *save, uint64_t ns)
{
	char rest[] = {'.', (char)('0' + ns % 1000 / 100), (char)('0' + ns % 100 / 10), (char)('0' + ns % 10), 0};

	put_number(save, ns / 1000);
	put(save, rest);
}

/* Write a name from the segment, which may hold anything. */
static void put_name(struct save *save, const char *name, size_t size)
{
	char text[FUNCTION_NAME + 1];
	size_t length = 0;

	while (length < size && length < FUNCTION_NAME && name[length]) {
		text[length] = name[length];
		if (text[length] < ' ' || text[length] > '~' || text[length] == '"' || text[length] == '\\')
			text[length] = '?';
		length++;
	}
	text[length] = 0;
	put(save, length ? text : "task");
}

/* ---- records ---- */

static uint64_t trail_at(const struct shared_header *header, unsigned seat)
{
	return header->trace + TRACED_FUNCTIONS * sizeof(struct shared_traced) + seat * plan_trail_size(header->trace_records);
}

static bool copy(struct save *save, uint64_t offset, void *bytes, size_t size)
{
	int r = save->error ? save->error : save->source->copy(save->source->context, offset, bytes, size);

	if (r)
		save->error = r;
	return !r;
}

/* How many records have been begun in a trail. */
static uint64_t begun_in(struct save *save, unsigned seat)
{
	struct shared_trail trail;

	return copy(save, trail_at(&save->source->header, seat), &trail, sizeof(trail)) ? load_relaxed(&trail.next) : 0;
}

/* Read the records from number @first on, up to the end of the block that it is in. */
static void read_block(struct save *save, unsigned seat, uint64_t first)
{
	const struct shared_header *header = &save->source->header;
	uint64_t at = trail_at(header, seat) + sizeof(struct shared_trail) +
		      (first & (header->trace_records - 1)) * sizeof(struct shared_record);
	struct shared_record again[BLOCK];

	/* TRAIL1: one call of the system reads what the stamps stand for, and a later one these. */
	if (!copy(save, at, save->block, sizeof(save->block)) || !copy(save, at, again, sizeof(again)))
		return;
	for (unsigned i = 0; i < BLOCK; i++) {
		/* Relaxed, all: copies, which nobody else has. */
		uint64_t stamp = load_relaxed(&again[i].stamp);

		if (load_relaxed(&save->block[i].stamp) != stamp || stamp != first + i + 1)
			store_relaxed(&save->block[i].stamp, 0);
	}
}

typedef void each_record_fn(struct save *save, unsigned seat, const struct shared_record *record);

/* Call @fn for the records of a trail, the newest first. */
static void each_record(struct save *save, unsigned seat, each_record_fn *fn)
{
	uint64_t begun = begun_in(save, seat), kept = save->source->header.trace_records;
	uint64_t oldest = begun > kept ? begun - kept : 0;

	/* Where two blocks have no record at all, a wild write has changed the counter. */
	for (unsigned empty = 0; begun > oldest && !save->error && empty < 2;) {
		uint64_t first = (begun - 1) / BLOCK * BLOCK;

		read_block(save, seat, first);
		empty++;
		for (; begun > first && begun > oldest && !save->error; begun--) {
			const struct shared_record *record = &save->block[begun - 1 - first];

			/* Relaxed: as in read_block(). */
			if (!load_relaxed(&record->stamp))
				continue;
			fn(save, seat, record);
			empty = 0;
		}
	}
}

/* Find the time that all others count from, and the last one. Relaxed, all: as in read_block(). */
static void find_times(struct save *save, unsigned seat, const struct shared_record *record)
{
	uint64_t begin = load_relaxed(&record->begin_ns), end = load_relaxed(&record->end_ns);

	(void)seat;
	if (begin < save->origin_ns)
		save->origin_ns = begin;
	if (begin > save->latest_ns)
		save->latest_ns = begin;
	if (end > save->latest_ns)
		save->latest_ns = end;
}

/* ---- events ---- */

/* @seat: its row is that of the process that is in hand. */
static void begin_event(struct save *save, const char *phase, unsigned seat)
{
	uint64_t seats = save->source->header.worker_count + UINT64_C(1);

	put(save, save->events ? ",\n{\"ph\":\"" : "{\"ph\":\"");
	save->events = true;
	put(save, phase);
	put(save, "\",\"pid\":");
	put_number(save, save->source->header.owner_pid);
	put(save, ",\"tid\":");
	put_number(save, save->row.processes * seats + seat);
}

static void put_field(struct save *save, const char *name, uint64_t value)
{
	put(save, ",\"");
	put(save, name);
	put(save, "\":");
	put_number(save, value);
}

/* Tell a batch by a number that a reader of the file can store as a double. */
static uint64_t batch_number(const struct shared_record *record)
{
	return load_relaxed(&record->batch) & ((UINT64_C(1) << 52) - 1);
}

static void put_function(struct save *save, uint32_t number)
{
	const struct shared_header *header = &save->source->header;
	struct shared_function function = {0};
	struct shared_traced traced = {0};

	put(save, ",\"name\":\"");
	if (header->function_count) {
		if (number - 1 < header->function_count)
			copy(save, header->functions + (number - 1) * sizeof(function), &function, sizeof(function));
		put_name(save, function.name, sizeof(function.name));
	} else {
		if (number - 1 < TRACED_FUNCTIONS)
			copy(save, header->trace + (number - 1) * sizeof(traced), &traced, sizeof(traced));
		put_name(save, traced.name, sizeof(traced.name));
	}
	put(save, "\"");
}

/* Write an end of the arrow from a submission to its task. */
static void put_arrow(struct save *save, const char *phase, unsigned seat, const struct shared_record *record)
{
	begin_event(save, phase, seat);
	put(save, ",\"cat\":\"submit\",\"name\":\"submit\",\"bp\":\"e\",\"ts\":");
	put_time(save, load_relaxed(&record->begin_ns) - save->origin_ns);
	put(save, ",\"id\":\"");
	put_number(save, batch_number(record));
	put(save, ".");
	put_number(save, load_relaxed(&record->position));
	put(save, "\"}");
}

static const char *const categories[] = {
	[RECORD_TASK] = "task", [RECORD_ITEMS] = "items",   [RECORD_RANGE] = "range",
	[RECORD_WAIT] = "wait", [RECORD_SUBMIT] = "submit",
};

/* Write what a task or a range was, and how it ended. */
static void put_arguments(struct save *save, const struct shared_record *record, bool ended)
{
	uint32_t what = load_relaxed(&record->what);

	put(save, ",\"args\":{\"position\":");
	put_number(save, load_relaxed(&record->position));
	put_field(save, "count", load_relaxed(&record->count));
	put_field(save, "batch", batch_number(record));
	put_field(save, "attempt", RECORD_ATTEMPT(what));
	if (RECORD_FLAGS(what) & RECORD_STOLEN)
		put(save, ",\"stolen\":true");
	if (RECORD_FLAGS(what) & RECORD_INSIDE)
		put(save, ",\"inside\":true");
	if (load_relaxed(&record->status)) {
		put(save, ",\"status\":");
		put_signed(save, load_relaxed(&record->status));
	}
	if (!ended)
		put(save, save->row.successor_ns ? ",\"died\":true" : ",\"unfinished\":true");
	put(save, "}}");
}

static void put_record(struct save *save, unsigned seat, const struct shared_record *record)
{
	uint32_t kind = RECORD_KIND(load_relaxed(&record->what));
	uint64_t begin = load_relaxed(&record->begin_ns), end = load_relaxed(&record->end_ns);
	bool ended = end, waits = kind == RECORD_WAIT;

	if (!end)
		end = save->row.successor_ns ? save->row.successor_ns : save->latest_ns;
	if (kind == RECORD_SUBMIT || (kind == RECORD_TASK && RECORD_ATTEMPT(load_relaxed(&record->what)) == 1))
		put_arrow(save, kind == RECORD_SUBMIT ? "s" : "f", seat, record);
	begin_event(save, kind == RECORD_SUBMIT ? "i" : "X", seat);
	put(save, ",\"cat\":\"");
	put(save, categories[kind]);
	put(save, waits ? "\",\"name\":\"wait\"" : "\"");
	if (!waits)
		put_function(save, load_relaxed(&record->function));
	put(save, ",\"ts\":");
	put_time(save, begin - save->origin_ns);
	if (kind == RECORD_SUBMIT) {
		put(save, ",\"s\":\"t\"");
	} else {
		put(save, ",\"dur\":");
		put_time(save, end > begin ? end - begin : 0);
	}
	if (waits)
		put(save, "}");
	else
		put_arguments(save, record, ended);
}

/* Write that the process of the row has ended. What it has left without an end, ended then. */
static void put_end(struct save *save, unsigned seat, const struct shared_record *record)
{
	int32_t signal = load_relaxed(&record->status);

	save->row.successor_ns = load_relaxed(&record->begin_ns);
	begin_event(save, "i", seat);
	put(save, ",\"cat\":\"end\",\"name\":\"end\",\"s\":\"t\",\"ts\":");
	put_time(save, save->row.successor_ns - save->origin_ns);
	put(save, signal ? ",\"args\":{\"signal\":" : ",\"args\":{\"exit_code\":");
	if (signal)
		put_signed(save, signal);
	else
		put_number(save, load_relaxed(&record->count));
	put(save, "}}");
}

/* Name the row of a process, and say where it stands. */
static void put_row(struct save *save, unsigned seat)
{
	const struct shared_header *header = &save->source->header;
	unsigned crew = header->worker_count - header->places;

	begin_event(save, "M", seat);
	put(save, ",\"name\":\"thread_name\",\"args\":{\"name\":\"");
	put(save, seat < crew ? "worker " : seat < header->worker_count ? "program " : "owner");
	if (seat < header->worker_count)
		put_number(save, seat < crew ? seat : seat - crew);
	put(save, " (");
	put_signed(save, save->row.pid);
	put(save, ")\"}}");
	begin_event(save, "M", seat);
	put(save, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":");
	/* The owner above its workers. */
	put_number(save, seat < header->worker_count ? seat + UINT64_C(1) : 0);
	put(save, "}}");
}

/* Write one record, and notice where another process was in the seat. */
static void take_record(struct save *save, unsigned seat, const struct shared_record *record)
{
	/* Relaxed, all: as in read_block(). */
	uint32_t kind = RECORD_KIND(load_relaxed(&record->what));
	uint64_t begin = load_relaxed(&record->begin_ns);
	int32_t pid = load_relaxed(&record->pid);
	struct row *row = &save->row;

	if (kind < RECORD_TASK || kind > RECORD_END)
		return;
	if (pid != row->pid) {
		row->processes += row->pid != 0;
		row->successor_ns = row->pid ? row->first_ns : 0;
		row->pid = pid;
		row->first_ns = begin;
		put_row(save, seat);
	}
	if (begin < row->first_ns)
		row->first_ns = begin;
	if (kind == RECORD_END)
		put_end(save, seat, record);
	else
		put_record(save, seat, record);
}

static void put_trails(struct save *save)
{
	unsigned seats = save->source->header.worker_count + 1;

	save->origin_ns = UINT64_MAX;
	save->latest_ns = save->source->now_ns;
	for (unsigned seat = 0; seat < seats; seat++)
		each_record(save, seat, find_times);
	put(save, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"library\":\"Sheaf " SHEAF_VERSION "\",\"origin_ns\":\"");
	put_number(save, save->origin_ns == UINT64_MAX ? 0 : save->origin_ns);
	put(save, "\"},\n\"traceEvents\":[\n");
	begin_event(save, "M", seats - 1);
	put(save, ",\"name\":\"process_name\",\"args\":{\"name\":\"Sheaf pool of process ");
	put_number(save, save->source->header.owner_pid);
	put(save, "\"}}");
	for (unsigned seat = 0; seat < seats; seat++) {
		save->row = (struct row){0};
		each_record(save, seat, take_record);
	}
	put(save, "\n]}\n");
	flush(save);
}

int trace_save(const struct trace_source *source, const char *path)
{
	struct save save = {.source = source};
	char part[PATH_MAX];

	if ((save.fd = os_replace_begin(path, part)) < 0)
		return save.fd;
	put_trails(&save);
	return os_replace_end(save.fd, part, path, save.error);
}

static int copy_mapped(const void *context, uint64_t offset, void *bytes, size_t size)
{
	const struct segment *segment = context;

	memcpy(bytes, segment_at(segment, offset), size);
	return 0;
}

int trace_save_own(const struct segment *segment)
{
	struct trace_source source = {.copy = copy_mapped, .context = segment, .now_ns = sheaf_now_ns()};

	if (!segment->trace_file)
		return 0;
	/* A wild write may have hit the header. What is needed of it was copied before. */
	source.header = (struct shared_header){
		.owner_pid = (uint32_t)segment->owner,
		.worker_count = segment->worker_count,
		.places = segment->worker_count - segment->crew_count,
		.trace_records = segment->trace_records,
		.trace = segment_offset(segment, segment->trace),
		.function_count = segment->function_count,
		.functions = segment->functions_at,
	};
	return trace_save(&source, segment->trace_file);
}
