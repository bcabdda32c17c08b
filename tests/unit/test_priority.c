/*
 * test_priority.c - which tasks begin first, and that none waits for ever; maps and loops that are
 * left for tasks of higher priority.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "pool/pool.h"
#include "pools.h"

#define ROUND 16
#define SPAN 2000 /* most events of a log */

/* In shared memory: what began, in order. */
struct diary {
	_Atomic uint64_t count;
	struct event {
		uint64_t position;
		int priority;
		bool of_map;
	} events[SPAN];
};

static struct diary *diary;

static void set_up(void)
{
	begin();
	start_workers(1);
}

TestSuite(priority, .init = set_up, .fini = end);

static void open_diary(void)
{
	void *memory;

	expect_done(sheaf_alloc(pool, sizeof(*diary), &memory));
	diary = memory;
}

static void note(struct diary *in, uint64_t position, int priority, bool of_map)
{
	in->events[atomic_fetch_add(&in->count, 1)] = (struct event){position, priority, of_map};
}

struct note_it {
	struct diary *diary;
	int priority;
};

static int note_task(sheaf_task *task, const void *arg, void *result)
{
	struct note_it order;

	memcpy(&order, arg, sizeof(order));
	note(order.diary, sheaf_task_position(task), order.priority, false);
	*(uint64_t *)result = mix(sheaf_task_position(task));
	return 0;
}

static sheaf_batch *batch_of(enum sheaf_priority priority)
{
	return new_batch(&(sheaf_batch_options){.result_size = 8, .priority = priority});
}

static void submit_note(sheaf_batch *batch, uint64_t position, enum sheaf_priority priority)
{
	struct note_it order = {diary, priority};

	expect_done(sheaf_submit(batch, position, note_task, &order, sizeof(order)));
}

static sheaf_batch *submit_notes(enum sheaf_priority priority, uint64_t count)
{
	sheaf_batch *batch = batch_of(priority);

	for (uint64_t p = 0; p < count; p++)
		submit_note(batch, p, priority);
	return batch;
}

static void expect_all(sheaf_batch *batch, size_t count)
{
	const sheaf_result *results;
	size_t n;

	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(n, count);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(value_of(&results[i]), mix(i));
	sheaf_batch_retire(batch);
}

/* Keep the worker busy until the gate opens. Batches of all priorities have been open by then. */
static sheaf_batch *occupy(struct gate *gate)
{
	sheaf_batch *batch = new_batch(NULL);

	sheaf_batch_retire(batch_of(SHEAF_LOW));
	expect_done(sheaf_submit(batch, 0, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	return batch;
}

static unsigned count_of(uint64_t from, uint64_t to, int priority)
{
	unsigned count = 0;

	for (uint64_t i = from; i < to; i++)
		count += diary->events[i].priority == priority;
	return count;
}

/* ---- which one comes first ---- */

Test(priority, higher_goes_first)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy, *low, *normal, *high;

	open_diary();
	busy = occupy(gate);
	low = submit_notes(SHEAF_LOW, 2);
	normal = submit_notes(SHEAF_NORMAL, 2);
	high = submit_notes(SHEAF_HIGH, 2);
	gate_open(gate);
	expect_all(high, 2);
	expect_all(normal, 2);
	expect_all(low, 2);
	for (uint64_t i = 0; i < 6; i++) {
		cr_assert_eq(diary->events[i].priority, i < 2 ? SHEAF_HIGH : i < 4 ? SHEAF_NORMAL : SHEAF_LOW);
		cr_assert_eq(diary->events[i].position, i % 2);
	}
	sheaf_batch_retire(busy);
}

Test(priority, of_16_claims_one_is_normal_and_one_low)
{
	enum { EACH = 160 };
	struct gate *gate = new_gate();
	sheaf_batch *busy, *low, *normal, *high;

	open_diary();
	busy = occupy(gate);
	low = submit_notes(SHEAF_LOW, EACH);
	normal = submit_notes(SHEAF_NORMAL, EACH);
	high = submit_notes(SHEAF_HIGH, EACH);
	gate_open(gate);
	expect_all(low, EACH);
	expect_all(normal, EACH);
	expect_all(high, EACH);
	cr_assert_eq(diary->count, 3 * EACH);
	/* While all three wait, in any 16 that begin one after the other. */
	for (uint64_t i = 0; i + ROUND <= EACH; i++) {
		cr_assert_eq(count_of(i, i + ROUND, SHEAF_LOW), 1, "from %llu on", (unsigned long long)i);
		cr_assert_eq(count_of(i, i + ROUND, SHEAF_NORMAL), 1, "from %llu on", (unsigned long long)i);
	}
	/* Then two wait. 160 high tasks end with the 183rd that begins, at the latest. */
	for (uint64_t i = 184; i + ROUND <= 3 * EACH - EACH; i++)
		cr_assert_eq(count_of(i, i + ROUND, SHEAF_LOW), 1, "from %llu on", (unsigned long long)i);
	sheaf_batch_retire(busy);
}

/*
 * One ring of 4 that is full does not stand in the way of others, and no submitter waits for ever.
 */
Test(priority, each_has_a_ring_of_its_own, .init = begin)
{
	sheaf_pool_options options = {.workers = 1, .ring_size = 4, .heap_size = 64 << 20};
	sheaf_batch_options full = {.flags = SHEAF_NONBLOCK};
	sheaf_batch *busy, *normal, *high, *low;
	struct gate *gate;

	start(&options);
	gate = new_gate();
	open_diary();
	busy = occupy(gate);
	normal = new_batch(&full);
	for (uint64_t p = 0; p < 3; p++)
		expect_done(sheaf_submit(normal, p, do_nothing, NULL, 0));
	expect_failure(sheaf_submit(normal, 3, do_nothing, NULL, 0), -EAGAIN, "the ring is full: 4 tasks wait or run");
	high = submit_notes(SHEAF_HIGH, 4);
	gate_open(gate);
	low = submit_notes(SHEAF_LOW, 500);
	for (uint64_t p = 4; p < 500; p++)
		submit_note(high, p, SHEAF_HIGH);
	expect_all(high, 500);
	expect_all(low, 500);
	sheaf_batch_retire(normal);
	sheaf_batch_retire(busy);
}

static void *submit_five(void *batch)
{
	for (uint64_t p = 0; p < 5; p++)
		submit_note(batch, p, SHEAF_HIGH);
	return NULL;
}

Test(priority, a_submitter_waits_for_room_in_the_ring_of_its_batch, .init = begin)
{
	struct shared_control *control;
	struct gate *gate;
	sheaf_batch *busy, *high;
	pthread_t thread;

	start(&(sheaf_pool_options){.workers = 1, .ring_size = 4, .heap_size = 64 << 20});
	control = pool->segment.control;
	gate = new_gate();
	open_diary();
	busy = occupy(gate);
	high = batch_of(SHEAF_HIGH);
	cr_assert_eq(pthread_create(&thread, NULL, submit_five, high), 0);
	for (uint64_t deadline = hang_deadline(); !load_seq_cst(&control->room_waiters) && sheaf_now_ns() < deadline;)
		nap();
	cr_assert_eq(load_seq_cst(&control->room_priority[0]), SHEAF_HIGH);
	gate_open(gate);
	pthread_join(thread, NULL);
	expect_all(high, 5);
	sheaf_batch_retire(busy);
}

Test(priority, a_sleeping_worker_is_woken_for_any)
{
	open_diary();
	for (int i = 0; i < 3 * 20; i++) {
		sheaf_pool_info info;
		uint64_t deadline = hang_deadline();

		/* The first of each priority finds the worker asleep, or as good as that. */
		while (!load_seq_cst(&pool->segment.control->sleepers[0]) && sheaf_now_ns() < deadline)
			nap();
		expect_all(submit_notes((enum sheaf_priority)(i % 3), 1), 1);
		expect_done(sheaf_pool_get_info(pool, &info));
	}
}

Test(priority, apply_map_and_for_have_the_option)
{
	sheaf_map_options options = {.priority = SHEAF_LOW};
	struct gate *gate = new_gate();
	void *in, *out;

	gate_open(gate);
	expect_done(sheaf_apply(pool, wait_at_gate, &gate, sizeof(gate), NULL, 0, &options));
	cr_assert_eq(load_relaxed(&pool->segment.control->rings[SHEAF_LOW].tail), 1);
	expect_done(sheaf_alloc(pool, 64 * 8, &in));
	expect_done(sheaf_alloc(pool, 64 * 8, &out));
	options.priority = SHEAF_HIGH;
	expect_done(sheaf_map(pool, mix_item, in, 8, out, 8, 64, &options));
	cr_assert_eq(load_relaxed(&pool->segment.control->rings[SHEAF_HIGH].tail), 1);
	cr_assert_eq(((uint64_t *)out)[63], mix(0));
}

Test(priority, of_the_opener_is_the_default)
{
	pool->member.priority = SHEAF_HIGH;
	cr_assert_eq(new_batch(NULL)->ring, &pool->segment.rings[SHEAF_HIGH]);
	cr_assert_eq(batch_of(SHEAF_NORMAL)->ring, &pool->segment.rings[SHEAF_HIGH]);
	cr_assert_eq(batch_of(SHEAF_LOW)->ring, &pool->segment.rings[SHEAF_LOW]);
}

Test(priority, that_is_none_is_refused)
{
	sheaf_batch_options options = {.priority = (enum sheaf_priority)3};
	sheaf_map_options of_map = {.priority = (enum sheaf_priority) - 1};
	sheaf_batch *batch;

	expect_failure(sheaf_batch_create(&batch, pool, &options), -EINVAL, "options.priority is 3: none of SHEAF_NORMAL, ");
	expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, &of_map), -EINVAL, "options.priority is -1");
	expect_failure(sheaf_map(pool, mix_item, NULL, 0, NULL, 0, 1, &of_map), -EINVAL, "options.priority is -1");
}

Test(priority, rings_take_memory_only_if_they_are_used)
{
	cr_assert_eq(segment_slots(&pool->segment), 1024);
	sheaf_batch_retire(batch_of(SHEAF_NORMAL));
	cr_assert_eq(segment_slots(&pool->segment), 1024);
	sheaf_batch_retire(batch_of(SHEAF_HIGH));
	cr_assert_eq(segment_slots(&pool->segment), 3 * 1024);
}

/* ---- maps and loops that are left ---- */

/* An item, or a range of one position. The one at `stops` waits, after it was noted. */
struct plot {
	struct diary *diary;
	struct gate gate;
	uint64_t stops;
	int priority;
};

static void play(const struct plot *told, uint64_t position)
{
	struct plot *plot = (struct plot *)told;

	note(plot->diary, position, plot->priority, true);
	/* Longer than a block of short ones, behind which a worker looks. */
	if (position < plot->stops)
		nap();
	if (position == plot->stops)
		gate_pass(&plot->gate);
}

static int play_item(sheaf_task *task, const void *in, void *out)
{
	struct plot *plot;

	memcpy(&plot, in, sizeof(plot));
	play(plot, sheaf_task_position(task));
	*(uint64_t *)out = mix(sheaf_task_position(task));
	return 0;
}

static int play_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	for (size_t p = begin; p < end; p++)
		play(context, p);
	return 0;
}

struct left_map {
	struct plot *plot;
	sheaf_batch *batch;
	void *in, *out;
	size_t n;
};

static struct left_map start_map(enum sheaf_priority priority, size_t n, uint64_t stops, const sheaf_map_options *options)
{
	struct left_map map = {.batch = batch_of(priority), .n = n};
	void *memory;

	expect_done(sheaf_alloc(pool, sizeof(*map.plot), &memory));
	map.plot = memory;
	*map.plot = (struct plot){.diary = diary, .stops = stops, .priority = priority};
	expect_done(sheaf_alloc(pool, n * 8, &map.in));
	expect_done(sheaf_alloc(pool, n * 8, &map.out));
	for (size_t i = 0; i < n; i++)
		((struct plot **)map.in)[i] = map.plot;
	expect_done(sheaf_submit_map(map.batch, play_item, map.in, 8, map.out, 8, n, options));
	gate_await(&map.plot->gate, 1);
	return map;
}

static void end_map(struct left_map *map)
{
	expect_all(map->batch, map->n);
	expect_done(sheaf_free(pool, map->in));
	expect_done(sheaf_free(pool, map->out));
	expect_done(sheaf_free(pool, map->plot));
}

/* Tell how many events came before the first of that priority that is of no map. */
static uint64_t events_before(int priority)
{
	for (uint64_t i = 0; i < diary->count; i++)
		if (diary->events[i].priority == priority && !diary->events[i].of_map)
			return i;
	return UINT64_MAX;
}

/* Each item ran once, although the map was left. */
static void expect_items_once(uint64_t n)
{
	for (uint64_t p = 0; p < n; p++) {
		unsigned count = 0;

		for (uint64_t i = 0; i < diary->count; i++)
			count += diary->events[i].of_map && diary->events[i].position == p;
		cr_assert_eq(count, 1, "item %llu ran %u times", (unsigned long long)p, count);
	}
}

/* Of each grain and number of chunks: workers go by hints, try all, or are inside one chunk. */
static void expect_left(size_t n, size_t grain, uint64_t stops, uint64_t timeout_ns)
{
	sheaf_map_options options = {.grain = grain, .task_timeout_ns = timeout_ns};
	struct left_map map;
	sheaf_batch *high;

	open_diary();
	map = start_map(SHEAF_NORMAL, n, stops, &options);
	high = submit_notes(SHEAF_HIGH, 3);
	gate_open(&map.plot->gate);
	expect_all(high, 3);
	cr_assert_eq(events_before(SHEAF_HIGH), stops + 1, "%llu items came first",
		     (unsigned long long)events_before(SHEAF_HIGH));
	end_map(&map);
	expect_items_once(n);
	expect_done(sheaf_free(pool, diary));
}

Test(priority, a_map_is_left_between_two_chunks)
{
	expect_left(100, 1, 10, 0);
	expect_left(8, 1, 3, 0);
}

Test(priority, a_map_is_left_inside_a_chunk)
{
	expect_left(100, 100, 10, 0);
	expect_left(1000, 500, 40, 0);
	expect_left(1000, 100, 40, 0); /* so many chunks that hints tell which were claimed */
}

Test(priority, a_map_with_a_limit_is_left_inside_a_chunk)
{
	expect_left(100, 100, 10, 10 * 1000000000ull);
}

Test(priority, a_loop_is_left_between_two_chunks)
{
	sheaf_map_options options = {.grain = 1};
	sheaf_batch *loop = new_batch(NULL), *high;
	const sheaf_result *results;
	struct plot *plot;
	void *memory;
	size_t n;

	open_diary();
	expect_done(sheaf_alloc(pool, sizeof(*plot), &memory));
	plot = memory;
	*plot = (struct plot){.diary = diary, .stops = 20};
	expect_done(sheaf_submit_for(loop, play_range, plot, 100, &options));
	gate_await(&plot->gate, 1);
	high = submit_notes(SHEAF_HIGH, 1);
	gate_open(&plot->gate);
	expect_all(high, 1);
	cr_assert_eq(events_before(SHEAF_HIGH), 21);
	cr_assert_eq(sheaf_gather(loop, &results, &n, SHEAF_FOREVER), 0);
	expect_items_once(100);
}

Test(priority, a_map_is_not_left_for_its_equals_or_lower)
{
	struct left_map map;
	sheaf_batch *normal, *low;

	open_diary();
	map = start_map(SHEAF_NORMAL, 100, 10, &(sheaf_map_options){.grain = 1});
	normal = submit_notes(SHEAF_NORMAL, 1);
	low = submit_notes(SHEAF_LOW, 1);
	gate_open(&map.plot->gate);
	end_map(&map);
	expect_all(normal, 1);
	expect_all(low, 1);
	cr_assert_eq(events_before(SHEAF_NORMAL), 100);
	cr_assert_eq(events_before(SHEAF_LOW), 101);
}

/* However many higher tasks wait, a map goes on: by an item for 16 of them at least. */
static void expect_progress(enum sheaf_priority priority, enum sheaf_priority others, size_t grain)
{
	enum { ITEMS = 40, HIGHER = 40 * ROUND };
	struct left_map map;
	sheaf_batch *higher;
	uint64_t items = 0, last = 0;

	open_diary();
	map = start_map(priority, ITEMS, 0, &(sheaf_map_options){.grain = grain});
	higher = submit_notes(others, HIGHER);
	gate_open(&map.plot->gate);
	end_map(&map);
	expect_all(higher, HIGHER);
	for (uint64_t i = 0; i < diary->count; i++) {
		if (diary->events[i].of_map) {
			items++;
			last = i;
		} else {
			cr_assert(items == ITEMS || i - last <= ROUND, "%llu tasks in a row", (unsigned long long)(i - last));
		}
	}
	/* And the others come first otherwise. */
	cr_assert_geq(events_before(others), 1);
	cr_assert_geq(last, (ITEMS - 3) * (ROUND - 2) / 2, "the map ended after %llu events", (unsigned long long)last);
	expect_items_once(ITEMS);
	expect_done(sheaf_free(pool, diary));
}

Test(priority, a_map_goes_on_beside_higher_tasks)
{
	expect_progress(SHEAF_NORMAL, SHEAF_HIGH, 1);
	expect_progress(SHEAF_LOW, SHEAF_HIGH, 1);
	expect_progress(SHEAF_LOW, SHEAF_NORMAL, 1);
	expect_progress(SHEAF_LOW, SHEAF_HIGH, 5); /* eight chunks: no hints */
}

Test(priority, a_map_that_was_left_can_be_cancelled_and_retired)
{
	struct left_map map;
	struct gate *gate = new_gate();
	sheaf_batch *high;
	const sheaf_result *results;
	size_t n, cancelled = 0;

	for (int retired = 0; retired < 2; retired++) {
		open_diary();
		map = start_map(SHEAF_NORMAL, 100, 10, &(sheaf_map_options){.grain = 50});
		atomic_store(&gate->arrived, 0);
		atomic_store(&gate->open, 0);
		high = batch_of(SHEAF_HIGH);
		expect_done(sheaf_submit(high, 0, wait_at_gate, &gate, sizeof(gate)));
		gate_open(&map.plot->gate);
		gate_await(gate, 1);
		if (!retired) {
			expect_done(sheaf_batch_cancel(map.batch, 0));
			cr_assert_eq(sheaf_gather(map.batch, &results, &n, SHEAF_FOREVER), 89, "%s", sheaf_message());
			for (size_t i = 0; i < n; i++)
				cancelled += results[i].status == -ECANCELED;
			cr_assert_eq(cancelled, 89);
		}
		/* That waits for no task of another batch. */
		sheaf_batch_retire(map.batch);
		gate_open(gate);
		cr_assert_eq(sheaf_gather(high, &results, &n, SHEAF_FOREVER), 0);
		cr_assert_eq(results[0].attempts, 1);
		sheaf_batch_retire(high);
	}
}

/* ---- deaths ---- */

static int die(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	raise(SIGKILL);
	return 0;
}

Test(priority, a_task_that_kills_is_charged_and_the_map_that_was_left_is_not)
{
	static const size_t grains[] = {1, 100};

	for (size_t g = 0; g < 2; g++) {
		sheaf_batch *high;
		struct left_map map;
		const sheaf_result *results;
		size_t n;

		open_diary();
		map = start_map(SHEAF_NORMAL, 100, 10, &(sheaf_map_options){.grain = grains[g], .max_attempts = 1});
		high = new_batch(&(sheaf_batch_options){.priority = SHEAF_HIGH});
		expect_done(sheaf_submit(high, 0, die, NULL, 0));
		gate_open(&map.plot->gate);
		cr_assert_eq(sheaf_gather(high, &results, &n, SHEAF_FOREVER), 1);
		cr_assert_eq(results[0].status, -ECHILD);
		cr_assert_eq(results[0].attempts, 3);
		end_map(&map);
		expect_items_once(100);
		sheaf_batch_retire(high);
	}
}

/* ---- a worker that has stolen chunks, and leaves the map ---- */

#define GRAIN 512 /* four chunks of short items are stolen at once */

struct theft {
	struct gate first_range; /* where its worker waits until the thief is gone */
	struct gate thief;
	uint64_t range; /* positions of each of the two ranges */
};

/* The worker of the first range stays at its first item. All else there is stolen. */
static int stolen_item(sheaf_task *task, const void *in, void *out)
{
	struct theft *theft = *(struct theft *const *)sheaf_task_context(task);
	uint64_t position = sheaf_task_position(task);

	(void)in;
	if (position == 0)
		gate_pass(&theft->first_range);
	else if (position < theft->range && !atomic_load(&theft->thief.arrived))
		gate_pass(&theft->thief);
	*(unsigned char *)out = 1;
	return 0;
}

static void expect_stolen(struct theft *theft, unsigned char *out)
{
	sheaf_map_options options = {.grain = GRAIN, .context = &theft, .context_size = sizeof(theft)};
	sheaf_batch *map = new_batch(&(sheaf_batch_options){.priority = SHEAF_LOW}), *high;
	size_t n = 2 * theft->range, count;
	const sheaf_result *results;

	memset(out, 0, n);
	expect_done(sheaf_submit_map(map, stolen_item, NULL, 0, out, 1, n, &options));
	gate_await(&theft->first_range, 1);
	gate_await(&theft->thief, 1);
	high = submit_notes(SHEAF_HIGH, 1);
	gate_open(&theft->thief);
	expect_all(high, 1);
	gate_open(&theft->first_range);
	cr_assert_eq(sheaf_gather(map, &results, &count, SHEAF_FOREVER), 0, "%s", sheaf_message());
	for (size_t i = 0; i < n; i++)
		cr_assert(out[i], "position %zu was not run", i);
	sheaf_batch_retire(map);
}

/*
 * The first stolen chunk is one block and long. So blocks become short, and the thief leaves the
 * next chunk before its end. Then blocks become long again: if it did another chunk in one, nobody
 * would look for the one that it left. Ranges of several lengths, because the thief looks at the
 * clock in every fifth chunk only.
 */
Test(priority, chunks_that_were_stolen_are_not_lost_when_the_map_is_left, .init = begin)
{
	enum { MOST = 40 };
	struct theft *theft;
	void *memory, *out;

	start_workers(2);
	open_diary();
	expect_done(sheaf_alloc(pool, sizeof(*theft), &memory));
	expect_done(sheaf_alloc(pool, 2 * MOST * GRAIN, &out));
	theft = memory;
	for (unsigned chunks = MOST - 9; chunks <= MOST; chunks++) {
		*theft = (struct theft){.range = chunks * GRAIN};
		expect_stolen(theft, out);
	}
}
