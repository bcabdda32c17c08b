/*
 * segments.c - inspects damaged segments: none crashes, hangs or misleads the reader, and no sweep
 * takes what it must not.
 *
 * Usage: segments [SEED [SECONDS [EVERY]]]. SECONDS for the random part and for the thread that
 * writes wildly, each; of the flips and extremes outside of the header, each EVERY-th is tried (1:
 * all).
 *
 * Each part runs in a child, whose present case is told in shared memory: so a crash or a hang has
 * a name. This process holds the owner's lock of the file meanwhile, as the pool's owner would.
 */
#define _DEFAULT_SOURCE /* mknod(), MAP_ANONYMOUS */
#include "image.h"
#include "inspect_rules.h"

#include "os/os.h"
#include "segment/plan.h"
#include "segment/segment.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/dead_pool.h"
#include "support/deadline.h"
#include "support/report.h"
#include "support/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/dev/shm"
#define SECOND UINT64_C(1000000000)
#define STRANGER 61234 /* another user */

static struct image image;
static char name[64];  /* no start of "sheaf-": other programs' sweeps leave it alone */
static char trace[64]; /* where the trace of each segment is saved */
static int file;
static uint64_t seconds, every;
static struct rng rng;

/* ---- cases ---- */

struct progress {
	_Atomic uint64_t cases;
	char what[200];
	char strange[16][64]; /* names that are removed at the end, also after a crash */
	unsigned strange_count;
};
static struct progress *progress;

static void begin_case(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
static void begin_case(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(progress->what, sizeof(progress->what), format, args);
	va_end(args);
	atomic_fetch_add(&progress->cases, 1);
}

static void run(child_fn *part, const char *title)
{
	uint64_t began = sheaf_now_ns(), first = atomic_load(&progress->cases), seen = first, deadline = hang_deadline();
	pid_t pid;
	int status, r;

	rng_next(&rng);
	pid = child_start(part, NULL);
	CHECK(pid > 0, "no child: %s", strerror(-pid));
	while ((r = child_wait(pid, &status, sheaf_now_ns() + SECOND)) == -ETIMEDOUT) {
		if (atomic_load(&progress->cases) != seen)
			deadline = hang_deadline();
		seen = atomic_load(&progress->cases);
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: it hangs", progress->what);
	}
	CHECK(r == 0 && WIFEXITED(status), "%s: it crashes (signal %d)", progress->what, WTERMSIG(status));
	CHECK(WEXITSTATUS(status) == 0, "%s: exit code %d", progress->what, WEXITSTATUS(status));
	report_add(atomic_load(&progress->cases) - first);
	printf("%-28s %8llu cases, %.1f s\n", title, (unsigned long long)(atomic_load(&progress->cases) - first),
	       (double)(sheaf_now_ns() - began) / 1e9);
}

static struct inspection inspect(void)
{
	struct inspection found;

	inspect_segment(name, &found);
	return found;
}

/* ---- what is right ---- */

static void expect_lawful(const struct shared_header *header, uint64_t file_size)
{
	struct inspection found = inspect();

	CHECK((found.opened == 0) == header_is_lawful(header, file_size), "%s: it is %s", progress->what,
	      found.opened ? "refused" : "believed");
}

/* An image without any damage, in all figures. */
static void expect_true_figures(uint64_t n)
{
	struct inspection found = inspect();
	unsigned calls = 0, loops = 0;

	CHECK(found.opened == 0 && found.looked == 0, "%d, %d", found.opened, found.looked);
	CHECK(found.pool.state == SHEAF_POOL_OPEN && found.pool.owner_lives && found.pool.owner == getppid(),
	      "state %d, owner %ld", (int)found.pool.state, (long)found.pool.owner);
	CHECK(found.pool.damaged == 0, "%llu words are damaged", (unsigned long long)found.pool.damaged);
	CHECK(found.pool.batches == 2 && found.pool.running == 2 && found.pool.ready == IMAGE_WAITING,
	      "%u batches, %u + %u slots", found.pool.batches, found.pool.running, found.pool.ready);
	for (int i = 0; i < 2; i++) {
		const sheaf_inspect_worker *w = &found.workers[i];
		bool in_loop = w->state == SHEAF_WORKER_RUNS && found.batches[w->batch].kind == SHEAF_BATCH_LOOP;

		CHECK(w->state == SHEAF_WORKER_RUNS && w->positioned && w->position == (in_loop ? IMAGE_HALT(n) : IMAGE_TASK),
		      "worker %d: state %d, position %llu", i, (int)w->state, (unsigned long long)w->position);
		loops += in_loop;
		calls += !in_loop;
	}
	CHECK(loops == 1 && calls == 1, "%u in a loop, %u in a task", loops, calls);
	for (int i = 0; i < 2; i++)
		if (found.batches[i].kind == SHEAF_BATCH_LOOP)
			CHECK(found.batches[i].chunks == n && found.batches[i].chunks_done == IMAGE_HALT(n),
			      "%llu of %llu chunks", (unsigned long long)found.batches[i].chunks_done,
			      (unsigned long long)found.batches[i].chunks);
}

#define IN_SLOT 200 /* positions of the loop: the chunk words in the batch's slot, or in the heap */
#define IN_HEAP 1200

static int undamaged(void *context)
{
	(void)context;
	begin_case("the image as it is");
	expect_true_figures(IN_HEAP);
	return 0;
}

/* ---- flips ---- */

static void flip(uint64_t at, unsigned bit)
{
	unsigned char byte = (unsigned char)(image.bytes[at] ^ 1u << bit);

	file_write(file, at, &byte, 1);
}

static void unflip(uint64_t at)
{
	file_write(file, at, &image.bytes[at], 1);
}

static int flips_of_header(void *context)
{
	(void)context;
	for (uint64_t at = 0; at < sizeof(image.header); at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct shared_header header = image.header;

			begin_case("byte %llu of the header, bit %u", (unsigned long long)at, bit);
			((unsigned char *)&header)[at] ^= (unsigned char)(1u << bit);
			flip(at, bit);
			expect_lawful(&header, image.header.size);
			unflip(at);
		}
	return 0;
}

/* The words that looking depends on. */
struct part {
	const char *name;
	uint64_t at, size;
};

static uint64_t loop_words(void)
{
	for (unsigned i = 0; i < image.header.batch_count; i++) {
		const struct shared_batch *batch = (const void *)(image.bytes + image.header.batches +
								  i * sizeof(struct shared_batch));

		if (batch->kind == KIND_FOR)
			return batch->words;
	}
	return image.header.heap;
}

static void for_each_word(void (*visit)(const char *part, uint64_t at))
{
	const struct part parts[] = {
		{"control", image.header.control, sizeof(struct shared_control)},
		{"seats", image.header.seats, (image.header.worker_count + 1) * sizeof(struct shared_seat)},
		{"rings", image.header.ring, image.header.ring_size * PRIORITIES * sizeof(struct shared_slot)},
		{"first batch", image.header.batches, offsetof(struct shared_batch, table) + 256},
		{"second batch", image.header.batches + sizeof(struct shared_batch),
		 offsetof(struct shared_batch, table) + 256},
		{"heap map", image.header.heap_map, 256},
		{"chunk words", loop_words(), 512},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (uint64_t at = 0; at < parts[i].size; at += 8)
			visit(parts[i].name, parts[i].at + at);
}

static bool chosen(void)
{
	return rng_below(&rng, every) == 0;
}

static void flip_word(const char *part, uint64_t at)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!chosen())
			continue;
		begin_case("%s, offset %llu, bit %u", part, (unsigned long long)at, bit);
		flip(at + bit / 8, bit % 8);
		CHECK(inspect().opened == 0, "%s: refused, though the header is right", progress->what);
		unflip(at + bit / 8);
	}
}

static int flips_of_words(void *context)
{
	(void)context;
	for_each_word(flip_word);
	return 0;
}

/* ---- extremes ---- */

static const struct field {
	const char *name;
	size_t at, size;
} fields[] = {
#define FIELD(name)                                                                                    \
	{                                                                                              \
#name, offsetof(struct shared_header, name), sizeof(((struct shared_header *)0)->name) \
	}
	FIELD(magic),          FIELD(version),     FIELD(layout),       FIELD(size),      FIELD(control),   FIELD(seats),
	FIELD(ring),           FIELD(batches),     FIELD(heap_map),     FIELD(heap),      FIELD(heap_size), FIELD(worker_count),
	FIELD(ring_size),      FIELD(batch_count), FIELD(max_attempts), FIELD(owner_pid), FIELD(ready),     FIELD(functions),
	FIELD(function_count), FIELD(places),      FIELD(base),         FIELD(limit_ns),  FIELD(on_demand),
#undef FIELD
};

static void try_field(const struct field *field, uint64_t value)
{
	struct shared_header header = image.header;

	begin_case("%s in the header is %#llx", field->name, (unsigned long long)value);
	memcpy((unsigned char *)&header + field->at, &value, field->size); /* the lower bytes */
	file_write(file, 0, &header, sizeof(header));
	expect_lawful(&header, image.header.size);
}

static int extremes_of_header(void *context)
{
	static const uint64_t limits[] = {0,
					  1,
					  2,
					  31,
					  32,
					  2048,
					  2049,
					  4096,
					  4097,
					  16384,
					  16385,
					  1 << 20,
					  (1 << 20) + 1,
					  INT32_MAX,
					  UINT32_MAX,
					  (uint64_t)UINT32_MAX + 1,
					  INT64_MAX,
					  (uint64_t)1 << 62,
					  (uint64_t)1 << 63,
					  UINT64_MAX - 1,
					  UINT64_MAX,
					  UINT64_MAX - PAGE + 1,
					  UINT64_MAX - UNIT + 1};
	static const uint64_t steps[] = {1, 4, 8, 64, PAGE, UNIT, HUGE_PAGE};

	(void)context;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *field = &fields[i];
		uint64_t value = 0;

		for (size_t j = 0; j < sizeof(limits) / sizeof(limits[0]); j++)
			try_field(field, limits[j]);
		memcpy(&value, image.bytes + field->at, field->size);
		for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
			try_field(field, value + steps[j]);
			try_field(field, value - steps[j]);
		}
		try_field(field, value * 2);
		try_field(field, value / 2);
		try_field(field, image.header.size);
		file_write(file, 0, &image.header, sizeof(image.header));
	}
	return 0;
}

static void try_word(const char *part, uint64_t at)
{
	const uint64_t size = image.header.size, heap = image.header.heap;
	const uint64_t values[] = {0,
				   1,
				   2,
				   3,
				   5,
				   7,
				   255,
				   UINT32_MAX,
				   (uint64_t)UINT32_MAX << 32,
				   (uint64_t)1 << 32,
				   (uint64_t)1 << 62,
				   (uint64_t)1 << 63,
				   UINT64_MAX,
				   UINT64_MAX - 7,
				   size,
				   size - 8,
				   size - 64,
				   heap,
				   heap - 8,
				   heap + 1,
				   image.header.batches,
				   image.header.heap_map,
				   INT64_MAX - 63,
				   WORD_READY | (uint64_t)2047 << 10,
				   WORD_OWNED | (uint64_t)2 << 10,
				   WORD_OWNED | (uint64_t)0xfff << 10};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (!chosen())
			continue;
		begin_case("%s, offset %llu is %#llx", part, (unsigned long long)at, (unsigned long long)values[i]);
		file_write(file, at, &values[i], 8);
		CHECK(inspect().opened == 0, "%s: refused, though the header is right", progress->what);
	}
	file_write(file, at, image.bytes + at, 8);
}

static int extremes_of_words(void *context)
{
	(void)context;
	for_each_word(try_word);
	return 0;
}

/*
 * Headers without a contradiction that claim all there can be, of files that are nothing but a
 * hole.
 */
static int giants(void *context)
{
	static const uint64_t heaps[] = {UNIT, (uint64_t)1 << 30, (uint64_t)1 << 40, (uint64_t)1 << 61, (uint64_t)1 << 62};
	struct image giant = {.bytes = calloc(1, PAGE + sizeof(struct shared_control)),
			      .size = PAGE + sizeof(struct shared_control)};
	struct shared_control *control;

	(void)context;
	CHECK(giant.bytes, "no memory");
	control = (void *)(giant.bytes + PAGE);
	atomic_store(&control->heap_mapped, UINT64_MAX);
	for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++) {
		struct stat before, after;
		struct inspection found;

		begin_case("a heap of %llu bytes", (unsigned long long)heaps[i]);
		giant.header = image.header;
		giant.header.worker_count = 2048;
		giant.header.ring_size = 1 << 20;
		giant.header.batch_count = 16384;
		giant.header.heap_size = heaps[i];
		segment_plan(&giant.header);
		memcpy(giant.bytes, &giant.header, sizeof(giant.header));
		/* Systems differ in how long a file may be. */
		if (ftruncate(file, (off_t)giant.header.size))
			continue;
		file_fill(file, &giant);
		CHECK(!fstat(file, &before), "fstat: %s", strerror(errno));
		found = inspect();
		CHECK(found.opened == 0 && found.looked == 0 && found.counted_workers == 2048 && found.counted_batches == 16384,
		      "%d, %d, %d workers, %d batches", found.opened, found.looked, found.counted_workers,
		      found.counted_batches);
		CHECK(!fstat(file, &after) && after.st_blocks == before.st_blocks, "looking has committed memory");
	}
	free(giant.bytes);
	return 0;
}

/*
 * Headers whose offsets and size follow from their counts, and whose counts are beyond the limits.
 */
static int lies(void *context)
{
	const struct {
		uint32_t workers, ring, batches;
		uint64_t heap;
	} counts[] = {
		{0, 8, 2, UNIT},
		{2049, 8, 2, UNIT},
		{UINT32_MAX, 8, 2, UNIT},
		{2, 0, 2, UNIT},
		{2, 7, 2, UNIT},
		{2, 1 << 21, 2, UNIT},
		{2, (uint32_t)1 << 31, 2, UNIT},
		{2, 8, 0, UNIT},
		{2, 8, 16385, UNIT},
		{2, 8, 2, 0},
		{2, 8, 2, UNIT + 8},
		{2, 8, 2, UINT64_MAX - UNIT + 1},
		{2, 8, 2, (uint64_t)-4 * HUGE_PAGE},
		{2, 8, 2, ((uint64_t)1 << 62) + UNIT},
	};

	(void)context;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct shared_header header = image.header;

		begin_case("%u workers, a ring of %u, %u batches, a heap of %#llx", counts[i].workers, counts[i].ring,
			   counts[i].batches, (unsigned long long)counts[i].heap);
		header.worker_count = counts[i].workers;
		header.ring_size = counts[i].ring;
		header.batch_count = counts[i].batches;
		header.heap_size = counts[i].heap;
		segment_plan(&header);
		/* Systems differ in how long a file may be. */
		if (header.size > INT64_MAX || ftruncate(file, 0) || ftruncate(file, (off_t)header.size))
			continue;
		file_write(file, 0, &header, sizeof(header) < header.size ? sizeof(header) : (size_t)header.size);
		expect_lawful(&header, header.size);
	}
	return 0;
}

/* Every batch claims the largest table of chunks there is, all of them the same hole. */
static int greedy_batches(void *context)
{
	struct image greedy = {.header = image.header};
	struct shared_batch *batches;
	struct inspection found;

	(void)context;
	begin_case("16384 batches of 2^20 chunks each");
	greedy.header.batch_count = 16384;
	greedy.header.heap_size = (uint64_t)1 << 30;
	segment_plan(&greedy.header);
	greedy.size = (size_t)greedy.header.heap_map;
	greedy.bytes = calloc(1, greedy.size);
	CHECK(greedy.bytes, "no memory");
	memcpy(greedy.bytes, &greedy.header, sizeof(greedy.header));
	batches = (void *)(greedy.bytes + greedy.header.batches);
	for (unsigned i = 0; i < 16384; i++) {
		atomic_store(&batches[i].word, BATCH_OPEN | (uint64_t)(i + 1) << 8);
		batches[i].kind = KIND_MAP;
		batches[i].n = batches[i].chunks = 1 << 20;
		batches[i].chunk = 1;
		batches[i].words = greedy.header.heap;
	}
	file_fill(file, &greedy);
	free(greedy.bytes);
	found = inspect();
	CHECK(found.opened == 0 && found.counted_batches == 16384, "%d, %d batches", found.opened, found.counted_batches);
	return 0;
}

/* ---- lengths ---- */

static void try_length(const sheaf_inspect *open, uint64_t length)
{
	struct shared_header header = {0};
	struct inspection found = {0};

	if (length == image.header.size)
		return;
	begin_case("%llu bytes of %llu", (unsigned long long)length, (unsigned long long)image.header.size);
	CHECK(!ftruncate(file, (off_t)length), "ftruncate: %s", strerror(errno));
	memcpy(&header, &image.header, length < sizeof(header) ? (size_t)length : sizeof(header));
	expect_lawful(&header, length);
	/* Cut while it is open. */
	inspect_opened(open, &found);
	CHECK(found.looked < 0 && found.counted_workers < 0 && found.counted_batches < 0, "%s: figures of a file that was cut",
	      progress->what);
	file_fill(file, &image);
}

static int lengths(void *context)
{
	sheaf_inspect *open;

	(void)context;
	CHECK(!sheaf_inspect_open(&open, name), "not opened");
	for (uint64_t length = 0; length <= sizeof(image.header) + 8; length++)
		try_length(open, length);
	for (uint64_t page = PAGE; page <= image.header.size + PAGE; page += PAGE) {
		if (page > image.header.heap_map + PAGE && page < image.header.size - PAGE && !chosen())
			continue;
		try_length(open, page - 1);
		try_length(open, page);
		try_length(open, page + 1);
	}
	sheaf_inspect_close(open);
	return 0;
}

/* ---- at random ---- */

static void garble(int fd, uint64_t at, uint64_t size)
{
	uint64_t words[PAGE / 8];

	for (uint64_t end = at + size; at < end; at += PAGE) {
		for (size_t i = 0; i < PAGE / 8; i++)
			words[i] = rng_next(&rng);
		file_write(fd, at, words, end - at < PAGE ? (size_t)(end - at) : PAGE);
	}
}

static uint64_t some_word(void)
{
	static const uint64_t small[] = {0, 1, 2, 3, 4, 8, 64, 255, UINT64_MAX};

	switch (rng_below(&rng, 4)) {
	case 0:
		return small[rng_below(&rng, sizeof(small) / sizeof(small[0]))];
	case 1:
		return rng_below(&rng, image.header.size + 64);
	case 2:
		return rng_next(&rng) >> rng_below(&rng, 64);
	default:
		return rng_next(&rng);
	}
}

/* Somewhere in the tables, and now and then in the header or in the heap. */
static uint64_t some_offset(void)
{
	uint64_t end = rng_below(&rng, 8) ? image.header.heap_map + 256 : image.size;
	uint64_t begin = rng_below(&rng, 8) ? image.header.control : 0;

	return begin + rng_below(&rng, (end - begin) / 8) * 8;
}

static int at_random(void *context)
{
	uint64_t until = sheaf_now_ns() + seconds * SECOND;

	(void)context;
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t length = rng_below(&rng, 3 * PAGE);

		begin_case("garbage, %llu bytes", (unsigned long long)length);
		CHECK(!ftruncate(file, 0) && !ftruncate(file, (off_t)length), "ftruncate: %s", strerror(errno));
		garble(file, 0, length);
		CHECK(inspect().opened < 0, "garbage is believed");
		file_fill(file, &image);
		begin_case("garbage behind the header");
		garble(file, PAGE, image.header.heap_map - PAGE);
		CHECK(inspect().opened == 0, "refused, though the header is right");
	}
	for (uint64_t i = 0; sheaf_now_ns() < until; i++) {
		unsigned changes = 1 + (unsigned)rng_below(&rng, 6);

		if (i % 16 == 0)
			file_fill(file, &image);
		begin_case("%u random words more", changes);
		while (changes--) {
			uint64_t word = some_word();

			file_write(file, some_offset(), &word, 8);
		}
		inspect();
		if (i % 8 == 0) /* as most would be refused, the header again */
			file_write(file, 0, &image.header, sizeof(image.header));
	}
	return 0;
}

/* ---- a thread that writes wildly ---- */

static _Atomic bool over;

static void *write_wildly(void *context)
{
	struct rng own = rng;

	(void)context;
	for (uint64_t i = 0; !atomic_load(&over); i++) {
		uint64_t tables = image.header.heap_map + 256, at = rng_below(&own, tables / 8) * 8;
		uint64_t word = distinct_value(i) >> rng_below(&own, 64);

		switch (rng_below(&own, 64)) {
		case 0:
			CHECK(!ftruncate(file, (off_t)rng_below(&own, image.header.size)), "ftruncate");
			break;
		case 1:
			CHECK(!ftruncate(file, (off_t)(image.header.size + rng_below(&own, UNIT))), "ftruncate");
			break;
		case 2:
		case 3:
		case 4:
			file_fill(file, &image);
			break;
		default:
			/* The header seldom, so that it is believed for a while. */
			file_write(file, at < PAGE && rng_below(&own, 16) ? at + PAGE : at, &word, 8);
		}
	}
	return NULL;
}

static int written_wildly(void *context)
{
	uint64_t until = sheaf_now_ns() + seconds * SECOND, believed = 0, looked = 0;
	sheaf_inspect *inspect = NULL;
	pthread_t thread;

	(void)context;
	atomic_store(&over, false);
	CHECK(!pthread_create(&thread, NULL, write_wildly, NULL), "no thread");
	while (sheaf_now_ns() < until || !looked) {
		struct inspection found = {0};

		begin_case("a file that changes meanwhile");
		if (!inspect) {
			sheaf_inspect_open(&inspect, name);
			believed += inspect != NULL;
			continue;
		}
		inspect_opened(inspect, &found);
		looked += found.looked == 0;
		if (found.looked) {
			sheaf_inspect_close(inspect);
			inspect = NULL;
		}
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	sheaf_inspect_close(inspect);
	printf("  believed %llu times, %llu inspections came to their end\n", (unsigned long long)believed,
	       (unsigned long long)looked);
	return 0;
}

/* ---- what is no file ---- */

static const char *path_of(const char *segment)
{
	static char path[100];

	snprintf(path, sizeof(path), FOLDER "%s", segment);
	return path;
}

/* A name that sweeps visit. */
static const char *new_name(const char *what)
{
	char *own = progress->strange[progress->strange_count++];

	snprintf(own, sizeof(progress->strange[0]), "/sheaf-segments-%ld-%s", (long)getpid(), what);
	return own;
}

static bool is_there(const char *segment)
{
	struct stat status;

	return !lstat(path_of(segment), &status);
}

static void remove_strange(void)
{
	while (progress->strange_count)
		remove(path_of(progress->strange[--progress->strange_count]));
	unlink(trace);
}

static void expect_refused(const char *segment, int code)
{
	struct inspection found;

	begin_case("%s", segment);
	inspect_segment(segment, &found);
	/* Where devices may not be opened, that is what the system says. */
	CHECK(found.opened == code || (found.opened == -EACCES && strstr(segment, "device")), "%s: %d instead of %d", segment,
	      found.opened, code);
}

static void make_socket(const char *segment)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(segment));
	CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind: %s", strerror(errno));
	close(fd);
}

/* A file under a name that no sweep visits, until it is ready. */
static int make_hidden(char *path, size_t size, const char *what)
{
	int fd;

	snprintf(path, size, FOLDER "/segments-%ld-%s", (long)getpid(), what);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

static void show(const char *path, const char *segment)
{
	CHECK(!rename(path, path_of(segment)), "rename: %s", strerror(errno));
}

/* A segment of another user. False: this user cannot make one. */
static bool make_foreign(const char *segment)
{
	char path[128];
	int fd = make_hidden(path, sizeof(path), "foreign"), r;

	file_fill(fd, &image);
	r = fchown(fd, STRANGER, STRANGER);
	close(fd);
	if (r) {
		remove(path);
		return false;
	}
	show(path, segment);
	return true;
}

static void start_a_pool(void)
{
	sheaf_pool_options options = {.workers = 1, .heap_size = 1 << 20};
	sheaf_pool *pool;

	begin_case("a start-up sweep");
	CHECK(!sheaf_pool_create(&pool, &options), "no pool");
	sheaf_pool_destroy(pool);
}

static int not_files(void *context)
{
	const char *fifo = new_name("fifo"), *folder = new_name("folder"), *link = new_name("link"),
		   *other = new_name("socket"), *device = new_name("device"), *foreign = new_name("foreign"),
		   *twin = new_name("twin");
	bool others;

	(void)context;
	CHECK(!mkfifo(path_of(fifo), 0600), "mkfifo: %s", strerror(errno));
	expect_refused(fifo, -EBADMSG);
	CHECK(!mkdir(path_of(folder), 0700), "mkdir: %s", strerror(errno));
	expect_refused(folder, -EBADMSG);
	CHECK(!symlink(name + 1, path_of(link)), "symlink: %s", strerror(errno));
	expect_refused(link, -EBADMSG);
	make_socket(other);
	expect_refused(other, -EBADMSG);
	begin_case("a second name of a segment that somebody holds");
	{
		char path[100];

		snprintf(path, sizeof(path), "%s", path_of(name));
		CHECK(!linkat(AT_FDCWD, path, AT_FDCWD, path_of(twin), 0), "linkat: %s", strerror(errno));
	}
	if (mknod(path_of(device), S_IFCHR | 0600, 0))
		printf("  no device: %s\n", strerror(errno));
	else
		expect_refused(device, -EBADMSG);
	others = make_foreign(foreign);
	if (others)
		expect_refused(foreign, -EACCES);
	else
		printf("  no file of another user can be made\n");
	start_a_pool();
	CHECK(is_there(fifo) && is_there(folder) && is_there(link) && is_there(other) && is_there(twin),
	      "a sweep has removed what is no segment");
	CHECK(!others || is_there(foreign), "a sweep has removed the file of another user");
	remove_strange();
	return 0;
}

/* ---- the start-up sweep ---- */

enum left { OF_DEAD, OF_LIVING, OTHER_VERSION, WRONG_SIZE, GARBAGE, EMPTY, KINDS };

static const char *const kinds[] = {"dead", "living", "version", "size", "garbage", "empty"};

static void fill(int fd, enum left kind)
{
	struct image with = image;
	struct shared_header header = image.header;

	if (kind == GARBAGE)
		garble(fd, 0, 2 * PAGE);
	if (kind == GARBAGE || kind == EMPTY)
		return;
	if (kind != OF_LIVING)
		dead_pool_mark(&header);
	header.version += kind == OTHER_VERSION;
	file_fill(fd, &with);
	file_write(fd, 0, &header, sizeof(header));
	CHECK(kind != WRONG_SIZE || !ftruncate(fd, (off_t)header.size - 1), "ftruncate");
}

/* Take the owner's lock of the files, and keep it until killed. */
static int hold(void *context)
{
	const int *fds = context;

	for (unsigned i = 0; i < KINDS; i++)
		CHECK(!os_lock(fds[i], i % OS_LOCKS), "no lock");
	atomic_fetch_add(&progress->cases, 1);
	for (;;)
		pause();
}

/* Only what is recognized and dead may go. */
static int sweeps(void *context)
{
	const char *held[KINDS], *left[KINDS];
	char hidden[KINDS][128];
	uint64_t before = atomic_load(&progress->cases);
	int fds[KINDS];
	pid_t holder;

	(void)context;
	for (unsigned i = 0; i < KINDS; i++) {
		char what[32];

		snprintf(what, sizeof(what), "held-%s", kinds[i]);
		held[i] = new_name(what);
		snprintf(what, sizeof(what), "left-%s", kinds[i]);
		left[i] = new_name(what);
		fds[i] = make_hidden(hidden[i], sizeof(hidden[i]), kinds[i]);
		fill(fds[i], (enum left)i);
	}
	holder = child_start(hold, fds);
	CHECK(holder > 0, "no child");
	while (atomic_load(&progress->cases) == before)
		sleep_ns(1000000);
	for (unsigned i = 0; i < KINDS; i++)
		show(hidden[i], held[i]);
	for (unsigned i = 0; i < KINDS; i++) {
		int fd;

		CHECK(!os_shm_create(left[i], &fd), "no file");
		fill(fd, (enum left)i);
		close(fd);
	}
	start_a_pool();
	for (unsigned i = 0; i < KINDS; i++) {
		CHECK(is_there(held[i]), "a sweep has removed %s, which is locked", held[i]);
		CHECK(is_there(left[i]) == (i != OF_DEAD), "%s: %s", left[i], is_there(left[i]) ? "kept" : "removed");
	}
	child_end(holder);
	start_a_pool();
	for (unsigned i = 0; i < KINDS; i++) {
		CHECK(is_there(held[i]) == (i != OF_DEAD), "%s: %s", held[i], is_there(held[i]) ? "kept" : "removed");
		close(fds[i]);
	}
	remove_strange();
	return 0;
}

/* ---- all of it ---- */

static void use(uint64_t n)
{
	free(image.bytes);
	image_take(&image, n);
	file_fill(file, &image);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv);

	seconds = amount_argument(argc, argv, 2, 1);
	every = amount_argument(argc, argv, 3, 32);
	rng.state = seed;
	CHECK(every > 0, "EVERY is 0");
	if (access(FOLDER, W_OK)) {
		printf("skipped: this system does not show its shared memory in " FOLDER "\n");
		return 77;
	}
	report_begin("segments", "cases", seed);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(progress != MAP_FAILED, "mmap: %s", strerror(errno));
	snprintf(trace, sizeof(trace), FOLDER "/segments-trace-%ld", (long)getpid());
	setenv("TRACE_FILE", trace, 1);
	atexit(remove_strange);
	snprintf(name, sizeof(name), "/segments-%ld", (long)getpid());
	file = file_create(name);
	CHECK(!os_lock(file, OS_LOCK_OWNER), "no lock");
	use(IN_HEAP);
	run(undamaged, "undamaged");
	run(extremes_of_words, "extremes of words");
	run(at_random, "at random");
	use(IN_SLOT);
	run(flips_of_header, "flips of the header");
	run(flips_of_words, "flips of words");
	run(extremes_of_header, "extremes of the header");
	run(lengths, "lengths");
	file_fill(file, &image);
	run(written_wildly, "a thread that writes wildly");
	run(giants, "giants");
	run(lies, "lies that fit together");
	run(greedy_batches, "greedy batches");
	file_fill(file, &image);
	run(not_files, "what is no file");
	run(sweeps, "start-up sweeps");
	free(image.bytes);
	report_end();
	return 0;
}
