/*
 * crash_shm.c - a /dev/shm of every size, in pages, from none to more than a small pool needs.
 *
 * Usage: crash_shm [SEED [PAGES]]. PAGES: how many sizes beyond the least one that lets a pool
 * begin. At each size a pool is made in a process of its own. It works, or the call says -ENOSPC
 * and why. Where it works, everything that takes shared memory is asked for until there is none
 * left. Then that call, or the positions of those tasks, must say -ENOSPC. All the rest must be
 * right, what was freed must be there again, and at the end nothing may be left in the file system.
 * No process may ever die, of SIGBUS least of all.
 */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/random_batches.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/small_shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT 65536u /* what the heap gives out */
#define PAGE 4096u
#define BLOCK 512u
#define MOST_PIECES 1024
#define FIRST_BATCHES 4 /* that a pool begins with: they need nothing more */
#define MOST_BATCHES 10
#define MOST_ENTRIES 3000
#define TASKS 300
#define NO_ROOM 3 /* exit code of a case: there was no room for the pool */

static const sheaf_pool_options options = {.workers = 2, .ring_size = 64, .max_batches = MOST_BATCHES, .heap_size = 64 << 20};

/* The case in hand. */
static struct {
	unsigned pages; /* of the file system */
	sheaf_pool *pool;
	struct rng rng;
	unsigned room; /* units that the heap can get */
} self;

/* ---- the file system ---- */

static struct statvfs shm_now(void)
{
	struct statvfs now;

	CHECK(!statvfs("/dev/shm", &now), "statvfs");
	return now;
}

/*
 * Does the message of a position say that another worker had the memory? It may be true of a
 * position alone: nothing runs beside the calls of this program.
 */
static bool says_held(const char *text)
{
	unsigned long long needs = 0, free = 0;

	return sscanf(text,
		      "a result needs %llu bytes of shared memory, which others held then, and %llu are free now: try again",
		      &needs, &free) == 2 &&
	       needs <= free && free <= (uint64_t)self.pages * PAGE && strstr(text, "try again");
}

/* A last message must tell that @what needs more than there was. Returns what it needs. */
static uint64_t check_sentence(const char *text, const char *what)
{
	static const char advice[] = "free some, enlarge /dev/shm (docker: --shm-size) or ask for less";
	static const char never[] = "enlarge it (docker: --shm-size) or ask for less";
	unsigned long long needs = 0, free = 0;
	size_t length = strlen(what);

	CHECK(!strncmp(text, what, length) &&
		      ((sscanf(text + length, " needs %llu bytes of shared memory, %llu are free:", &needs, &free) == 2 &&
			strstr(text, advice)) ||
		       (sscanf(text + length,
			       " needs %llu bytes of shared memory, which can never fit: /dev/shm has %llu in all:", &needs,
			       &free) == 2 &&
			strstr(text, never))),
	      "%u pages, %s: \"%s\"", self.pages, what, text);
	/* Of a size of nothing the system makes one page. */
	CHECK(free <= (uint64_t)(self.pages ? self.pages : 1) * PAGE && needs > free, "%u pages: \"%s\"", self.pages, text);
	return needs;
}

/* The call returned -ENOSPC, while no other process took or gave memory, so it must be true. */
static void check_refused(int r, const char *what)
{
	struct statvfs now = shm_now();
	uint64_t needs, free = (uint64_t)now.f_bavail * now.f_frsize;

	CHECK(r == -ENOSPC, "%u pages, %s: %d", self.pages, what, r);
	needs = check_sentence(sheaf_message(), what);
	CHECK(needs > free, "%u pages, %s: refused %llu bytes while %llu are free", self.pages, what, (unsigned long long)needs,
	      (unsigned long long)free);
}

/*
 * The same, of what comes after the result table has grown: the call has given that back, so there
 * is more now than the message tells.
 */
static void check_argument_refused(int r)
{
	CHECK(r == -ENOSPC, "%u pages, the argument of a task: %d", self.pages, r);
	check_sentence(sheaf_message(), "the argument of a task");
}

/* ---- tasks ---- */

struct order {
	uint64_t number;
	uint64_t size; /* bytes of the result */
};

/* Bytes that belong to a number, alike in each block. */
static void fill(unsigned char *bytes, uint64_t size, uint64_t number)
{
	for (uint64_t i = 0; i < size; i += BLOCK)
		memset(bytes + i, (int)(distinct_value(number + i) & 0xff), size - i < BLOCK ? size - i : BLOCK);
}

static bool filled(const unsigned char *bytes, uint64_t size, uint64_t number)
{
	unsigned char block[BLOCK];

	for (uint64_t i = 0; i < size; i += BLOCK) {
		memset(block, (int)(distinct_value(number + i) & 0xff), BLOCK);
		if (memcmp(bytes + i, block, size - i < BLOCK ? size - i : BLOCK))
			return false;
	}
	return true;
}

/* A result of the size that was ordered. */
static int make(sheaf_task *task, const void *arg, void *result)
{
	struct order order;
	void *memory;
	int r;

	(void)result;
	memcpy(&order, arg, sizeof(order));
	if ((r = sheaf_task_result(task, order.size, &memory)))
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	fill(memory, order.size, order.number + sheaf_task_position(task));
	return 0;
}

/* The bytes that were ordered come with the argument: 0 or 1, for wrong or right. */
static int look_at_bytes(sheaf_task *task, const void *arg, void *result)
{
	struct order order;
	unsigned char right;

	memcpy(&order, arg, sizeof(order));
	right = filled((const unsigned char *)arg + sizeof(order), order.size, order.number + sheaf_task_position(task));
	memcpy(result, &right, 1);
	return 0;
}

static int item(sheaf_task *task, const void *in, void *out)
{
	uint64_t number;

	(void)task;
	memcpy(&number, in, sizeof(number));
	number = distinct_value(number);
	memcpy(out, &number, sizeof(number));
	return 0;
}

static int say_much(sheaf_task *task, const void *in, void *out)
{
	(void)in;
	(void)out;
	return sheaf_task_fail(task, -EDOM, "%0500llu", (unsigned long long)sheaf_task_position(task));
}

/* The context says which results are to be written. */
static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct order order;

	(void)task;
	memcpy(&order, context, sizeof(order));
	if (!filled((unsigned char *)context + sizeof(order), order.size, order.number))
		return sheaf_task_fail(task, -EILSEQ, "the context is wrong");
	return begin < end ? 0 : -ERANGE;
}

static int die_at_first(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_attempt(task) < 2 ? raise(SIGKILL) : 0;
}

/* ---- arrays ---- */

static void *pieces[MOST_PIECES];

/* All that there is, in units. Their number. */
static unsigned take_all(void)
{
	unsigned n = 0;
	int r;

	while (!(r = sheaf_alloc(self.pool, UNIT, &pieces[n]))) {
		const unsigned char *bytes = pieces[n];

		for (unsigned i = 0; i < UNIT; i++)
			CHECK(!bytes[i], "%u pages: unit %u is not zeroed", self.pages, n);
		memset(pieces[n], 0xa5, UNIT);
		CHECK(++n < MOST_PIECES, "%u pages: no end", self.pages);
	}
	check_refused(r, "sheaf_alloc");
	return n;
}

static void give_back(unsigned n)
{
	while (n > 0)
		CHECK(!sheaf_free(self.pool, pieces[--n]), "sheaf_free");
}

static void arrays(void)
{
	void *memory;
	int r;

	self.room = take_all();
	give_back(self.room);
	CHECK_AS(HARM_LEAKED, take_all() == self.room, "%u pages: less than %u units once they were freed", self.pages,
		 self.room);
	give_back(self.room);
	if (self.room) {
		CHECK((r = sheaf_alloc(self.pool, self.room * UNIT, &memory)) == 0, "%u pages, all at once: %d", self.pages, r);
		memset(memory, 0xa5, self.room * UNIT);
		CHECK(!sheaf_free(self.pool, memory), "sheaf_free");
	}
	check_refused(sheaf_alloc(self.pool, (self.room + 1) * UNIT, &memory), "sheaf_alloc");
	check_refused(sheaf_alloc(self.pool, 16 << 20, &memory), "sheaf_alloc");
	CHECK_AS(HARM_LEAKED, take_all() == self.room, "%u pages: less than %u units after too much was asked for", self.pages,
		 self.room);
	give_back(self.room);
}

/* ---- batches ---- */

/* As many open at once as there may be, or as there is memory for; each of them works. */
static void batches(void)
{
	sheaf_batch *open[MOST_BATCHES + 1];
	struct order order = {.number = self.pages};
	unsigned n = 0;
	int r;

	while (!(r = sheaf_batch_create(&open[n], self.pool, &(sheaf_batch_options){.result_size = 1})))
		CHECK(++n <= MOST_BATCHES, "%u pages: no end", self.pages);
	CHECK(n >= FIRST_BATCHES, "%u pages: batch %u is refused: %d", self.pages, n, r);
	if (n < MOST_BATCHES)
		check_refused(r, "one more batch");
	else
		CHECK(r == -ENOSPC && strstr(sheaf_message(), "10 batches are open"), "%u pages: %d, \"%s\"", self.pages, r,
		      sheaf_message());
	for (unsigned i = 0; i < n; i++)
		CHECK(!sheaf_submit(open[i], i, look_at_bytes, &order, sizeof(order)), "%u pages, batch %u", self.pages, i);
	while (n > 0) {
		sheaf_result result;

		r = sheaf_next(open[--n], &result, hang_deadline());
		CHECK_AS(HARM_LOST, r == 1 && result.position == n && result.size == 1 && *(unsigned char *)result.data == 1,
			 "%u pages, batch %u: %d", self.pages, n, r);
		sheaf_batch_retire(open[n]);
	}
}

/* ---- maps and loops ---- */

/* A map whose arrays or chunk words may be too large. */
static void map_of(size_t n)
{
	void *memory[2] = {NULL, NULL};
	uint64_t *in, *out;
	int r;

	for (unsigned i = 0; i < 2; i++) {
		r = sheaf_alloc_array(self.pool, n, sizeof(uint64_t), &memory[i]);
		if (r) {
			check_refused(r, "sheaf_alloc");
			goto done;
		}
	}
	in = memory[0];
	out = memory[1];
	for (size_t i = 0; i < n; i++)
		in[i] = n + i;
	r = sheaf_map(self.pool, item, in, sizeof(*in), out, sizeof(*out), n, &(sheaf_map_options){.grain = 1});
	if (r)
		check_refused(r, "the chunks of a map");
	for (size_t i = 0; i < n; i++)
		CHECK_AS(HARM_LOST, out[i] == (r ? 0 : distinct_value(n + i)), "%u pages, %zu items: item %zu", self.pages, n,
			 i);
done:
	CHECK(!sheaf_free(self.pool, memory[0]) && !sheaf_free(self.pool, memory[1]), "sheaf_free");
}

static void maps(void)
{
	map_of(10);
	map_of(UNIT / 8);
	map_of(2 * UNIT / 8 + 1);
	map_of(self.room * (UNIT / 8) / 3 + 1);
}

static void loops(void)
{
	static unsigned char context[2 * UNIT];
	struct order order = {.number = rng_next(&self.rng)};
	int r;

	for (unsigned i = 0; i < 3; i++) {
		order.size = rng_below(&self.rng, sizeof(context) - sizeof(order));
		memcpy(context, &order, sizeof(order));
		fill(context + sizeof(order), order.size, order.number);
		r = sheaf_for(self.pool, range, context, 1000,
			      &(sheaf_map_options){.context_size = sizeof(order) + order.size});
		if (r)
			check_refused(r, "the context of a loop");
	}
}

/* Failures with more text than there is memory. */
static void failures(void)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n = self.room * 120 + 100, count;
	int r;

	CHECK(!sheaf_batch_create(&batch, self.pool, NULL), "batch");
	r = sheaf_submit_map(batch, say_much, NULL, 0, NULL, 0, n, NULL);
	CHECK(r == 0, "%u pages, sheaf_submit_map: %d", self.pages, r);
	r = sheaf_gather(batch, &results, &count, hang_deadline());
	CHECK_AS(HARM_LOST, r == (int)n && count == n, "%u pages: %d of %zu failed, %zu results", self.pages, r, n, count);
	for (size_t i = 0; i < n; i++)
		CHECK(results[i].position == i && (results[i].status == -ENOMEM ||
						   (results[i].status == -EDOM && strtoull(results[i].message, NULL, 10) == i)),
		      "%u pages: position %zu: %d, \"%s\"", self.pages, i, results[i].status, results[i].message);
	sheaf_batch_retire(batch);
}

/* ---- submitted tasks ---- */

/* Submit until something is full, or @n. Their number, in *@result why it ended. */
static unsigned submit(sheaf_batch *batch, sheaf_task_fn *fn, const void *arg, size_t arg_size, unsigned n, int *result)
{
	unsigned submitted = 0;

	while (submitted < n && !(*result = sheaf_submit(batch, submitted, fn, arg, arg_size)))
		submitted++;
	return submitted;
}

static const sheaf_result *gather(sheaf_batch *batch, size_t n, int *failed)
{
	const sheaf_result *results;
	size_t count;
	int r = sheaf_gather(batch, &results, &count, hang_deadline());

	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r >= 0 && count == n, "%u pages: %d, %zu results of %zu", self.pages,
		 r, count, n);
	for (size_t i = 0; i < n; i++)
		CHECK_AS(HARM_LOST, results[i].position == i && results[i].attempts == 1, "%u pages: position %zu", self.pages,
			 i);
	*failed = r;
	return results;
}

/* Entries of the result table, with or without results. */
static unsigned entries_once(size_t result_size)
{
	struct order order = {.number = rng_next(&self.rng)};
	sheaf_batch_options with = {.result_size = result_size};
	const sheaf_result *results;
	sheaf_batch *batch;
	int failed, r = 0;
	unsigned n = 300 + (self.room + 1) * UNIT / (64 + (unsigned)result_size);

	CHECK(!sheaf_batch_create(&batch, self.pool, &with), "batch");
	n = submit(batch, look_at_bytes, &order, sizeof(order), n < MOST_ENTRIES ? n : MOST_ENTRIES, &r);
	if (r)
		check_refused(r, "the result table of a batch");
	results = gather(batch, n, &failed);
	CHECK_AS(HARM_LOST, !failed, "%u pages: %d of %u tasks failed", self.pages, failed, n);
	for (unsigned i = 0; i < n; i++)
		CHECK_AS(HARM_LOST, results[i].size == result_size && *(const unsigned char *)results[i].data == 1,
			 "%u pages: position %u is wrong", self.pages, i);
	sheaf_batch_retire(batch);
	return n;
}

static void entries(void)
{
	size_t size = 1 + rng_below(&self.rng, 3000);
	unsigned n = entries_once(1), large = entries_once(size);

	CHECK_AS(HARM_LEAKED, entries_once(1) == n && entries_once(size) == large,
		 "%u pages: less than %u tasks, or %u with results of %zu bytes, once they were freed", self.pages, n, large,
		 size);
}

static unsigned arguments_once(size_t size)
{
	static unsigned char arg[2 * UNIT];
	struct order order = {.number = 0, .size = size - sizeof(order)};
	const sheaf_result *results;
	sheaf_batch *batch;
	int failed, r = 0;
	unsigned n;

	CHECK(!sheaf_batch_create(&batch, self.pool, &(sheaf_batch_options){.result_size = 1}), "batch");
	for (n = 0; !r && n < MOST_PIECES; n += !r) {
		memcpy(arg, &order, sizeof(order));
		fill(arg + sizeof(order), order.size, n);
		r = sheaf_submit(batch, n, look_at_bytes, arg, size);
	}
	if (r && strstr(sheaf_message(), "the result table"))
		check_refused(r, "the result table of a batch");
	else if (r)
		check_argument_refused(r);
	results = gather(batch, n, &failed);
	for (unsigned i = 0; i < n; i++)
		CHECK_AS(HARM_LOST, !results[i].status && *(const unsigned char *)results[i].data == 1,
			 "%u pages: position %u is wrong: %d", self.pages, i, results[i].status);
	sheaf_batch_retire(batch);
	return n;
}

/*
 * Memory comes in blocks of one unit or more. The end of a block that is too small for an argument
 * is not used, so fewer fit where the blocks are smaller. Each unit may cost one.
 */
static void arguments(void)
{
	size_t sizes[] = {25 + rng_below(&self.rng, 5000), 5000 + rng_below(&self.rng, UNIT)};
	unsigned room = take_all();

	give_back(room);
	for (unsigned i = 0; i < 2; i++) {
		unsigned n = arguments_once(sizes[i]), again = arguments_once(sizes[i]);

		CHECK_AS(HARM_LEAKED, again + room >= n, "%u pages: %u arguments of %zu bytes, then %u once they were freed",
			 self.pages, n, sizes[i], again);
	}
	CHECK_AS(HARM_LEAKED, take_all() == room, "%u pages: less than %u units after the arguments", self.pages, room);
	give_back(room);
}

/*
 * Results that outgrow the file system while their batch runs; meanwhile the owner may take memory,
 * too. The number that fitted.
 */
static unsigned results_once(size_t size, bool crowded)
{
	struct order order = {.number = rng_next(&self.rng) >> 8, .size = size};
	unsigned n, fitted = 0, taken = 0;
	const sheaf_result *results;
	sheaf_batch *batch;
	int failed, r = 0;

	CHECK(!sheaf_batch_create(&batch, self.pool, NULL), "batch");
	n = submit(batch, make, &order, sizeof(order), TASKS, &r);
	if (r) {
		CHECK(r == -ENOSPC, "%u pages: %d", self.pages, r);
		check_sentence(sheaf_message(), "the result table of a batch");
	}
	while (crowded && taken < MOST_PIECES && !(r = sheaf_alloc(self.pool, UNIT, &pieces[taken])))
		memset(pieces[taken++], 0xa5, UNIT);
	results = gather(batch, n, &failed);
	for (unsigned i = 0; i < n; i++) {
		if (!results[i].status) {
			fitted++;
			CHECK_AS(HARM_LOST,
				 results[i].size == size && filled(results[i].data, size, order.number + results[i].position),
				 "%u pages: position %u is wrong", self.pages, i);
			continue;
		}
		CHECK_AS(HARM_LOST, results[i].status == -ENOSPC, "%u pages: position %u: %d, \"%s\"", self.pages, i,
			 results[i].status, results[i].message);
		/* There may have been no room for the text either. */
		if (strcmp(results[i].message, sheaf_strerror(-ENOSPC)))
			CHECK(says_held(results[i].message) || check_sentence(results[i].message, "a result"), "never");
	}
	CHECK_AS(HARM_LOST, fitted + (unsigned)failed == n, "%u pages: %u of %u fitted, %d failed", self.pages, fitted, n,
		 failed);
	give_back(taken);
	sheaf_batch_retire(batch);
	return fitted;
}

static void results(void)
{
	size_t size = 1000 + rng_below(&self.rng, UNIT);

	results_once(size, false);
	results_once(size, true);
	/* One that has all memory to itself fits again. */
	if (self.room * UNIT >= size + UNIT)
		CHECK_AS(HARM_LEAKED, results_once(size, false) > 0, "%u pages: a result of %zu bytes no longer fits",
			 self.pages, size);
}

/* Calls that do all of it. */
static void applies(void)
{
	static unsigned char result[3 * UNIT];
	struct order order = {.number = rng_next(&self.rng) >> 8};
	int r;

	for (unsigned i = 0; i < 3; i++) {
		order.size = rng_below(&self.rng, sizeof(result));
		r = sheaf_apply(self.pool, make, &order, sizeof(order), result, order.size, NULL);
		CHECK(!r || r == -ENOSPC, "%u pages, sheaf_apply: %d", self.pages, r);
		CHECK_AS(HARM_LOST, r || filled(result, order.size, order.number), "%u pages: a wrong result", self.pages);
	}
}

/* Nothing is left, and workers die: their tasks still run again. */
static void deaths(void)
{
	unsigned taken = take_all(), n;
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t count;
	int r = 0;

	CHECK(!sheaf_batch_create(&batch, self.pool, NULL), "batch");
	n = submit(batch, die_at_first, NULL, 0, 5, &r);
	CHECK(n == 5, "%u pages, sheaf_submit: %d", self.pages, r);
	r = sheaf_gather(batch, &results, &count, hang_deadline());
	CHECK_AS(HARM_LOST, r == 0 && count == n, "%u pages: %d, %zu results", self.pages, r, count);
	for (unsigned i = 0; i < n; i++)
		CHECK_AS(HARM_LOST, results[i].status == 0 && results[i].attempts == 2, "%u pages: position %u", self.pages, i);
	sheaf_batch_retire(batch);
	give_back(taken);
}

/* ---- one size ---- */

static const struct {
	const char *name;
	void (*run)(void);
	unsigned deaths;
} acts[] = {
	/* First: the room for batches stays theirs. */
	{"batches", batches, 0},   {"arrays", arrays, 0},   {"maps", maps, 0},           {"loops", loops, 0},
	{"failures", failures, 0}, {"entries", entries, 0}, {"arguments", arguments, 0}, {"results", results, 0},
	{"applies", applies, 0},   {"deaths", deaths, 5},   {"arrays again", arrays, 0},
};

#define ACTS (sizeof(acts) / sizeof(acts[0]))

static int create(void)
{
	int r = sheaf_pool_create(&self.pool, &options);

	if (!r)
		return 0;
	CHECK(!self.pool, "%u pages: a pool in spite of %d", self.pages, r);
	CHECK(count_children() <= 0, "%u pages: %d children of a pool that could not be made", self.pages, count_children());
	check_refused(r, "the control area of the pool");
	return r;
}

/* So many workers have died, and no more. The last of them may still have to be counted. */
static void check_deaths(uint64_t wanted, const char *when)
{
	uint64_t deadline = hang_deadline();
	sheaf_pool_info info;

	do
		CHECK(!sheaf_pool_get_info(self.pool, &info), "info");
	while (info.deaths < wanted && sheaf_now_ns() < deadline);
	CHECK(info.deaths == wanted && info.supervisors == 1, "%u pages, %s: %llu workers died, %llu meant to", self.pages,
	      when, (unsigned long long)info.deaths, (unsigned long long)wanted);
}

static int try_size(void *context)
{
	int files = count_open_files(), mappings = count_segment_mappings();
	uint64_t deaths = 0;

	(void)context;
	if (!create()) {
		for (unsigned i = 0; i < ACTS; i++) {
			acts[i].run();
			deaths += acts[i].deaths;
			check_deaths(deaths, acts[i].name);
			check_pool_is_empty(self.pool);
		}
		sheaf_pool_destroy(self.pool);
		self.pool = NULL;
		/* And once more, in what the first one left. */
		CHECK_AS(HARM_LEAKED, !create(), "%u pages are too small for a second pool", self.pages);
		sheaf_pool_destroy(self.pool);
		deaths = 1;
	}
	CHECK_AS(HARM_LEAKED, count_open_files() == files, "%u pages: %d open files, %d before", self.pages, count_open_files(),
		 files);
	CHECK_AS(HARM_LEAKED, count_segment_mappings() == mappings, "%u pages: a mapping is left", self.pages);
	CHECK_AS(HARM_LEAKED, count_children() <= 0, "%u pages: %d children are left", self.pages, count_children());
	return deaths ? 0 : NO_ROOM;
}

/* There is memory, but no file can be made. */
static int try_without_files(void *context)
{
	int files = count_open_files(), r = sheaf_pool_create(&self.pool, &options);

	(void)context;
	CHECK(r == -ENOSPC && !self.pool && strstr(sheaf_message(), "cannot create the segment /sheaf-"), "%d", r);
	CHECK_AS(HARM_LEAKED, count_open_files() == files && count_children() <= 0, "%d files, %d before, %d children",
		 count_open_files(), files, count_children());
	return NO_ROOM;
}

/* A size of 0 would mean no limit: there, a file takes the only page. */
static void mount_pages(unsigned pages, unsigned files)
{
	char text[64];
	int fd;

	/* The folder is a file, too, and so is what takes the only page. */
	snprintf(text, sizeof(text), "size=%lu,nr_inodes=%u,mode=1777", (pages ? pages : 1) * (unsigned long)PAGE,
		 files + 1 + !pages);
	CHECK(small_shm_mount(text, 0), "cannot mount a file system of %u pages: %s", pages, strerror(errno));
	self.pages = pages;
	if (pages)
		return;
	fd = open("/dev/shm/full", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && !posix_fallocate(fd, 0, PAGE), "cannot fill a page of /dev/shm");
	close(fd);
}

/* True if a pool could be made. */
static bool play(unsigned pages, unsigned files, child_fn *try)
{
	struct statvfs before, after;
	int status = 0, r;
	pid_t pid;

	mount_pages(pages, files);
	before = shm_now();
	pid = child_start(try, NULL);
	CHECK(pid > 0, "fork: %d", (int)pid);
	r = child_wait(pid, &status, hang_deadline());
	CHECK_AS(HARM_HUNG, r == 0, "%u pages: no end", pages);
	CHECK(WIFEXITED(status), "%u pages: killed by signal %d", pages, WTERMSIG(status));
	/* It has told what failed. */
	if (WEXITSTATUS(status) && WEXITSTATUS(status) != NO_ROOM)
		_exit(1);
	after = shm_now();
	CHECK_AS(HARM_LEAKED, after.f_bfree == before.f_bfree && after.f_ffree == before.f_ffree,
		 "%u pages: %lu pages and %lu files are left", pages, (unsigned long)(before.f_bfree - after.f_bfree),
		 (unsigned long)(before.f_ffree - after.f_ffree));
	CHECK(small_shm_unmount(), "cannot unmount: %s", strerror(errno));
	return !WEXITSTATUS(status);
}

static int play_all(void *context)
{
	uint64_t more = *(const uint64_t *)context;
	unsigned pages = 0, least;

	if (!small_shm_enter()) {
		puts("skipped: no right to mount a /dev/shm of its own");
		return 77;
	}
	play(1000, 0, try_without_files);
	report_add(1);
	while (!play(pages, 1, try_size)) {
		report_add(1);
		CHECK(++pages < 10000, "no pool in %u pages", pages);
	}
	for (least = pages; pages < least + more; pages++) {
		CHECK(play(pages, 1, try_size), "%u pages: no pool, though there was one in %u", pages, least);
		report_add(2 + ACTS);
	}
	report_figure("least_pages", least);
	report_figure("sizes", pages);
	report_end();
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), more = amount_argument(argc, argv, 2, 40);
	int status = 0;
	pid_t pid;

	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	self.rng.state = seed;
	report_begin("shm", "cases", seed);
	pid = child_start(play_all, &more);
	CHECK(pid > 0, "fork: %d", (int)pid);
	CHECK(child_wait(pid, &status, SHEAF_FOREVER) == 0, "wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
