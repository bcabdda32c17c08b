/*
 * crash_storm.c - kills workers at random, one or all at once, and now and then their supervisor,
 * while their pool works. Its workers have hooks, and leave after some tasks or when they are idle,
 * and it is resized and paused. In a half of the seeds other programs join it: they submit, work,
 * leave and are killed, too. In a half of them it is traced.
 *
 * Usage: crash_storm [SEED [KILLS [SECONDS [FILE]]]]. With SECONDS it lasts so long at least, and
 * nothing may grow meanwhile (samples.h): memory, descriptors, names, batches, the time that a task
 * takes. FILE: where the samples go, for tests/plot.py.
 *
 * Two threads run batches and check every result. A third thread
 * kills, stops and continues. The main thread watches that results keep coming. Nothing may be
 * lost, given twice, wrong or late for ever, and nothing may be left. A kill counts once the
 * supervisor has repaired what the worker left. The shared words tell just before each kill what
 * the worker did: running, asleep, starting (not yet at work), or between two of these. The report
 * has these counts.
 */
#include "sheaf_attach.h"
#include "sheaf_trace.h"
#include "sheaf_workers.h"
#include "pool/pool.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/random_batches.h"
#include "support/proc.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/samples.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 6
#define LOADERS 2
#define MOST_FRUITLESS 100    /* strikes without progress; the pool's brake comes later */
#define SIGHT_NS 20000000     /* a successor that is not seen by then is struck another time */
#define SUPERVISOR_EVERY 1000 /* kills, on average: a successor takes a tenth of a second */
#define RECYCLE_TASKS 100     /* few workers live so long */
#define IDLE_NS 2000000
#define RESIZE_ONE_IN 8 /* acts */
#define ENOUGH 500      /* kills, for each kind of them to have happened */
#define PROGRAMS 2
#define PLACES 3
#define PROGRAM_ONE_IN 12 /* acts */
#define VISIT_NS 20000000 /* the longest one */

enum where { RUNNING, ASLEEP, STARTING, BETWEEN, WHERES };

struct storm {
	sheaf_pool *pool;
	struct rng rng;
	unsigned struck[WORKERS]; /* the generation that was sent SIGKILL last */
	uint64_t where[WHERES];
	uint64_t stops, supervisors, resizes;
	char name[64];            /* of the pool; "": no program joins it */
	pid_t programs[PROGRAMS]; /* that have joined, or are about to */
	uint64_t programs_killed;
	uint64_t progress; /* seen last, and strikes since then */
	unsigned fruitless;
	uint64_t wanted, next_supervisor; /* kills */
	uint64_t until_ns;
	_Atomic bool over;
};

struct loader {
	struct random_batches batches;
	struct storm *storm;
	pthread_t thread;
	_Atomic bool over;
};

static sheaf_pool_info look(sheaf_pool *pool)
{
	sheaf_pool_info info;
	int r = sheaf_pool_get_info(pool, &info);

	CHECK(r == 0, "sheaf_pool_get_info: %d", r);
	return info;
}

/* Count the workers that have left of their own accord. */
static uint64_t left_of(sheaf_pool *pool)
{
	sheaf_workers_info info;
	int r = sheaf_pool_get_workers(pool, &info);

	CHECK(r == 0, "sheaf_pool_get_workers: %d", r);
	return info.left;
}

static const struct segment *segment_of(const struct storm *storm)
{
	return &storm->pool->segment;
}

/* ---- programs that join ---- */

static volatile sig_atomic_t program_ends;

static void end_program(int signal)
{
	(void)signal;
	program_ends = 1;
}

/* Join, submit, work and leave, until SIGTERM comes. */
static int run_program(const char *name, uint64_t seed)
{
	const sheaf_attach_options options = {.functions = random_batch_functions, .function_count = RANDOM_BATCH_FUNCTIONS};
	struct random_batches batches = {.rng = {seed}};

	signal(SIGTERM, end_program);
	while (!program_ends) {
		int r = sheaf_pool_attach(&batches.pool, name, &options);

		if (r == -EAGAIN) {
			sleep_ns(1000000);
			continue;
		}
		CHECK(r == 0, "sheaf_pool_attach: %d", r);
		for (uint64_t left = rng_below(&batches.rng, 3); left; left--)
			random_batch_run_calls(&batches);
		r = sheaf_pool_work(batches.pool, sheaf_now_ns() + rng_below(&batches.rng, VISIT_NS));
		CHECK(r == 1 || r == -ETIMEDOUT || r == -EAGAIN, "sheaf_pool_work: %d", r);
		sheaf_pool_destroy(batches.pool);
	}
	return 0;
}

static void start_program(struct storm *storm, unsigned number)
{
	char seed[24];

	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)rng_next(&storm->rng));
	storm->programs[number] = fork();
	CHECK(storm->programs[number] >= 0, "fork: errno %d", errno);
	if (storm->programs[number])
		return;
	execl("/proc/self/exe", "crash_storm", "--join", storm->name, seed, (char *)NULL);
	_exit(127);
}

/*
 * Wait for the end of a program that was sent @signal. The supervisor kills one whose task was
 * cancelled or has lost its opener.
 */
static void reap_program(const struct storm *storm, unsigned number, int signal)
{
	int status;

	CHECK(waitpid(storm->programs[number], &status, 0) == storm->programs[number], "waitpid: errno %d", errno);
	CHECK((WIFSIGNALED(status) && (WTERMSIG(status) == signal || WTERMSIG(status) == SIGKILL)) ||
		      (WIFEXITED(status) && !WEXITSTATUS(status)),
	      "a program that has joined ended with status %#x", (unsigned)status);
}

static void strike_program(struct storm *storm)
{
	unsigned number = (unsigned)rng_below(&storm->rng, PROGRAMS);

	kill(storm->programs[number], SIGKILL);
	reap_program(storm, number, SIGKILL);
	storm->programs_killed++;
	start_program(storm, number);
}

static void end_programs(struct storm *storm)
{
	for (unsigned i = 0; i < PROGRAMS && storm->name[0]; i++) {
		/* Not before it has its handler: then it would be killed, which does no harm. */
		kill(storm->programs[i], SIGTERM);
		reap_program(storm, i, SIGTERM);
	}
}

/* ---- whom to strike ---- */

struct victim {
	unsigned worker, generation;
	pid_t pid;
};

/*
 * The present worker of that number, unless it was struck. A pid may be old, but its group is the
 * supervisor's.
 */
static bool find(const struct storm *storm, unsigned worker, pid_t supervisor, struct victim *victim)
{
	const struct shared_seat *w = &segment_of(storm)->seats[worker];
	unsigned generation = atomic_load(&w->generation);
	pid_t pid = atomic_load(&w->pid);

	*victim = (struct victim){.worker = worker, .generation = generation, .pid = pid};
	return pid > 0 && generation == atomic_load(&w->generation) && generation != storm->struck[worker] &&
	       getpgid(pid) == getpgid(supervisor);
}

static enum where whereabouts(const struct storm *storm, const struct victim *victim, bool fresh)
{
	const struct segment *segment = segment_of(storm);

	if (atomic_load(&segment->control->sleepers[victim->worker / 64]) & UINT64_C(1) << victim->worker % 64)
		return ASLEEP;
	for (uint32_t i = 0; i < segment_slots(segment); i++) {
		uint64_t word = atomic_load(&segment->slots[i].word);

		if (word_state(word) == WORD_OWNED && word_name(word) == seat_name(victim->worker, victim->generation))
			return RUNNING;
	}
	return fresh ? STARTING : BETWEEN;
}

/* Work must go on in between: a pool whose workers die without any progress stops itself. */
static void let_progress(struct storm *storm)
{
	const struct segment *segment = segment_of(storm);

	do {
		uint64_t progress = 0;

		for (unsigned i = 0; i < WORKERS; i++)
			progress += atomic_load(&segment->seats[i].completed);
		if (progress != storm->progress)
			storm->fruitless = 0;
		storm->progress = progress;
		if (storm->fruitless >= MOST_FRUITLESS)
			sleep_ns(20000);
	} while (storm->fruitless >= MOST_FRUITLESS);
}

/* @fresh: it was not there a moment ago. */
static void strike(struct storm *storm, unsigned worker, pid_t supervisor, bool fresh)
{
	struct victim victim;
	enum where where;

	if (!find(storm, worker, supervisor, &victim))
		return;
	where = whereabouts(storm, &victim, fresh);
	if (kill(victim.pid, SIGKILL))
		return;
	storm->struck[worker] = victim.generation;
	storm->where[where]++;
	storm->fruitless++;
}

/* ---- what happens ---- */

static void strike_one(struct storm *storm, pid_t supervisor)
{
	strike(storm, (unsigned)rng_below(&storm->rng, WORKERS), supervisor, false);
}

static void strike_all(struct storm *storm, pid_t supervisor)
{
	for (unsigned i = 0; i < WORKERS; i++)
		strike(storm, i, supervisor, false);
}

/*
 * Kill the first worker that is seen asleep: among so many kills few live long enough to find
 * nothing to do.
 */
static void strike_asleep(struct storm *storm, pid_t supervisor)
{
	uint64_t until = sheaf_now_ns() + SIGHT_NS;
	struct victim victim;

	do {
		for (unsigned i = 0; i < WORKERS; i++)
			if (find(storm, i, supervisor, &victim) && whereabouts(storm, &victim, false) == ASLEEP) {
				strike(storm, i, supervisor, false);
				return;
			}
		sleep_ns(20000);
	} while (sheaf_now_ns() < until);
}

/* Kill a worker, and its successors as soon as they are seen, or a little later. */
static void strike_on_sight(struct storm *storm, pid_t supervisor)
{
	unsigned worker = (unsigned)rng_below(&storm->rng, WORKERS);
	struct victim victim;

	strike(storm, worker, supervisor, false);
	for (uint64_t left = 1 + rng_below(&storm->rng, 8); left; left--) {
		uint64_t until = sheaf_now_ns() + SIGHT_NS;

		while (!find(storm, worker, supervisor, &victim) && sheaf_now_ns() < until)
			sleep_ns(5000);
		/* None is wanted there, or needed. */
		if (!find(storm, worker, supervisor, &victim))
			return;
		if (rng_below(&storm->rng, 2))
			sleep_ns(rng_below(&storm->rng, 100000));
		strike(storm, worker, supervisor, true);
	}
}

/* Stop some processes, perhaps the supervisor, too. Kill some of all, and let the others go on. */
static void stop_some(struct storm *storm, pid_t supervisor)
{
	bool stop_supervisor = rng_below(&storm->rng, 4) == 0;
	pid_t stopped[WORKERS] = {0};

	if (stop_supervisor)
		storm->stops += !kill(supervisor, SIGSTOP);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct victim victim;

		if (rng_below(&storm->rng, 2) && find(storm, i, supervisor, &victim) && !kill(victim.pid, SIGSTOP))
			stopped[i] = victim.pid;
		storm->stops += stopped[i] > 0;
	}
	sleep_ns(rng_below(&storm->rng, 1000000));
	for (unsigned i = 0; i < WORKERS; i++)
		if (rng_below(&storm->rng, 2))
			strike(storm, i, supervisor, false);
	if (stop_supervisor)
		kill(supervisor, SIGCONT);
	for (unsigned i = 0; i < WORKERS; i++)
		if (stopped[i] && getpgid(stopped[i]) == getpgid(supervisor))
			kill(stopped[i], SIGCONT);
}

/* False: it was not there to be killed. */
static bool strike_supervisor(struct storm *storm, pid_t supervisor)
{
	uint64_t deadline = hang_deadline();
	struct proc proc;
	pid_t next;

	if (!proc_read(supervisor, &proc) || kill(supervisor, SIGKILL))
		return false;
	storm->supervisors++;
	while ((next = look(storm->pool).supervisor) == supervisor || !next) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "nobody replaces supervisor %ld", (long)supervisor);
		sleep_ns(200000);
	}
	return true;
}

/* Change how many workers there are, or have them begin nothing for a moment. */
static void resize(struct storm *storm)
{
	unsigned most = (unsigned)rng_below(&storm->rng, 2 * WORKERS);
	int r;

	if (rng_below(&storm->rng, 4)) {
		/* Mostly all: a worker that is not there cannot be killed. */
		r = sheaf_pool_resize(storm->pool, most < WORKERS ? 1 + most : WORKERS);
		CHECK(r == 0, "sheaf_pool_resize: %d", r);
	} else {
		CHECK((r = sheaf_pool_pause(storm->pool)) == 0, "sheaf_pool_pause: %d", r);
		sleep_ns(rng_below(&storm->rng, 500000));
		CHECK((r = sheaf_pool_resume(storm->pool)) == 0, "sheaf_pool_resume: %d", r);
	}
	storm->resizes++;
}

static void pause_a_little(struct storm *storm)
{
	static const uint64_t longest_ns[] = {0, 0, 0, 20000, 100000, 100000, 100000, 400000};
	uint64_t longest = longest_ns[rng_below(&storm->rng, sizeof(longest_ns) / sizeof(longest_ns[0]))];

	if (longest)
		sleep_ns(rng_below(&storm->rng, longest));
}

/* Each of these has its own way through the recovery. */
static bool all_kinds(const struct storm *storm)
{
	return storm->where[RUNNING] && storm->where[ASLEEP] && storm->where[STARTING] && storm->supervisors && storm->stops;
}

static void *rage(void *context)
{
	static void (*const acts[])(struct storm *, pid_t) = {strike_one, strike_one, strike_one,    strike_all,     strike_all,
							      strike_all, stop_some,  strike_asleep, strike_on_sight};
	struct storm *storm = context;
	uint64_t counted = 0, deadline = hang_deadline();

	for (;;) {
		sheaf_pool_info info;

		let_progress(storm);
		info = look(storm->pool);
		report_add(info.deaths - counted);
		counted = info.deaths;
		/*
		 * A short storm goes on until it has had everything; what never comes is told by
		 * check_variety().
		 */
		if (info.deaths >= storm->wanted && sheaf_now_ns() >= storm->until_ns &&
		    (storm->wanted < ENOUGH || all_kinds(storm) || sheaf_now_ns() >= deadline))
			break;
		/* A signal to 0 would be for ourselves; the loaders tell why there is none. */
		CHECK(info.supervisor > 0, "the pool no longer has a supervisor");
		if (info.deaths >= storm->next_supervisor && strike_supervisor(storm, info.supervisor))
			storm->next_supervisor = info.deaths + rng_below(&storm->rng, 2 * SUPERVISOR_EVERY);
		else if (rng_below(&storm->rng, RESIZE_ONE_IN) == 0)
			resize(storm);
		else if (storm->name[0] && rng_below(&storm->rng, PROGRAM_ONE_IN) == 0)
			strike_program(storm);
		else
			acts[rng_below(&storm->rng, sizeof(acts) / sizeof(acts[0]))](storm, info.supervisor);
		pause_a_little(storm);
	}
	end_programs(storm);
	atomic_store(&storm->over, true);
	return NULL;
}

/* ---- the batches ---- */

static void *work(void *context)
{
	struct loader *loader = context;

	while (!atomic_load(&loader->storm->over)) {
		random_batch_run(&loader->batches);
		/* Now and then workers find nothing to do. */
		if (rng_below(&loader->batches.rng, 8) == 0)
			sleep_ns(rng_below(&loader->batches.rng, 4000000));
	}
	/* And once more in peace. */
	random_batch_run(&loader->batches);
	atomic_store(&loader->over, true);
	return NULL;
}

/* ---- what must not grow ---- */

enum { OWN, SUPERVISOR, WORKER, SHARED, HEAP, FILES, CHILDREN, NAMES, BATCHES, LATENCY, FIGURES };

/* Slack for what depends on the moment: the batches that are open, and who has just been killed. */
static const struct figure figures[FIGURES] = {
	{"own: owner", "MiB", 2},
	{"own: supervisor", "MiB", 2},
	{"own: largest worker", "MiB", 4},
	{"shared: owner", "MiB", 64},
	{"heap", "MiB", 64},
	{"descriptors", "count", 4},
	{"children", "count", 2},
	{"names of segments", "count", 0},
	{"open batches", "count", 16},
	{"time of a task", "ms", 20},
};

static void take_sample(const struct storm *storm, struct samples *samples, double seconds)
{
	const struct segment *segment = segment_of(storm);
	double row[FIGURES] = {0};
	sheaf_pool_info info = look(storm->pool);

	row[OWN] = status_mib(getpid(), "RssAnon:");
	row[SUPERVISOR] = status_mib(info.supervisor, "RssAnon:");
	for (unsigned i = 0; i < WORKERS; i++) {
		double mib = status_mib(atomic_load(&segment->seats[i].pid), "RssAnon:");

		row[WORKER] = mib > row[WORKER] ? mib : row[WORKER];
	}
	row[SHARED] = status_mib(getpid(), "RssShmem:");
	row[HEAP] = (double)(info.heap_used + info.heap_stocked) / 1048576;
	row[FILES] = count_open_files();
	row[CHILDREN] = count_children();
	for (uint32_t i = 0; i < segment_batches(segment); i++)
		row[BATCHES] += BATCH_STATE(atomic_load(&segment->batches[i].word)) != BATCH_FREE;
	row[NAMES] = count_segment_names_of(getpid());
	row[LATENCY] = (double)random_batch_apply_ns(storm->pool) / 1e6;
	samples_add(samples, seconds, row);
}

/* Until all loaders have ended: each has to have results all the time. */
static void watch(const struct storm *storm, struct loader *loaders, struct samples *samples, uint64_t every_ns)
{
	uint64_t seen[LOADERS] = {0}, deadlines[LOADERS], began = sheaf_now_ns(), next = began;
	unsigned live;

	for (unsigned i = 0; i < LOADERS; i++)
		deadlines[i] = hang_deadline();
	do {
		live = 0;
		for (unsigned i = 0; i < LOADERS; i++) {
			uint64_t results = loaders[i].batches.results;
			bool over = atomic_load(&loaders[i].over);

			if (results != seen[i] || over)
				deadlines[i] = hang_deadline();
			CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadlines[i], "loader %u has had no result for two minutes", i);
			seen[i] = results;
			live += !over;
		}
		sleep_ns(20000000);
		if (every_ns && sheaf_now_ns() >= next && !atomic_load(&storm->over)) {
			take_sample(storm, samples, (double)(sheaf_now_ns() - began) / 1e9);
			next += every_ns;
		}
	} while (live);
}

static void check_variety(const struct storm *storm, uint64_t reruns)
{
	uint64_t left = left_of(storm->pool);

	CHECK(all_kinds(storm) && reruns && left,
	      "kills that hit: %llu running, %llu asleep, %llu starting; %llu supervisors, %llu stops, %llu results of second "
	      "runs, %llu workers that left",
	      (unsigned long long)storm->where[RUNNING], (unsigned long long)storm->where[ASLEEP],
	      (unsigned long long)storm->where[STARTING], (unsigned long long)storm->supervisors,
	      (unsigned long long)storm->stops, (unsigned long long)reruns, (unsigned long long)left);
}

static void check_nothing_left(sheaf_pool *pool, int files, int mappings)
{
	char name[256];

	check_pool_is_empty(pool);
	snprintf(name, sizeof(name), "%s", look(pool).name);
	sheaf_pool_destroy(pool);
	CHECK_AS(HARM_LEAKED, segment_name_exists(name) <= 0, "%s is left", name);
	CHECK_AS(HARM_LEAKED, count_open_files() == files, "%d open files, %d before", count_open_files(), files);
	CHECK_AS(HARM_LEAKED, count_segment_mappings() == mappings, "%d mappings, %d before", count_segment_mappings(),
		 mappings);
	CHECK_AS(HARM_LEAKED, count_children() <= 0, "%d children are left", count_children());
}

static int play(int argc, char **argv)
{
	static struct samples samples;
	uint64_t seed = seed_argument(argc, argv), seconds = amount_argument(argc, argv, 3, 0);
	const sheaf_sharing sharing = {
		.functions = random_batch_functions, .function_count = RANDOM_BATCH_FUNCTIONS, .places = PLACES};
	const sheaf_worker_options workers = {
		.init = random_batch_init,
		.exit = random_batch_exit,
		.recycle_tasks = RECYCLE_TASKS,
		.on_demand = seed % 2,
		.idle_ns = seed % 2 ? IDLE_NS : 0,
	};
	sheaf_pool_options options = {.workers = WORKERS,
				      .ring_size = 64,
				      .heap_size = 512 << 20,
				      .max_attempts = SHEAF_MAX_ATTEMPTS,
				      .worker_options = &workers,
				      .sharing = seed / 2 % 2 ? &sharing : NULL,
				      .tracing = seed / 4 % 2 ? &(sheaf_tracing){.records = 256} : NULL};
	int files = count_open_files(), mappings = count_segment_mappings();
	struct storm storm = {.rng = {seed}, .wanted = amount_argument(argc, argv, 2, ENOUGH), .next_supervisor = ENOUGH / 4};
	struct loader loaders[LOADERS];
	uint64_t results = 0, reruns = 0, struck = 0, began = sheaf_now_ns();
	sheaf_pool_info info;
	pthread_t killer;

	report_begin(seconds ? "soak" : "storm", "kills", seed);
	samples_begin(&samples, "seconds", figures, FIGURES, argc > 4 ? argv[4] : NULL);
	CHECK(sheaf_pool_create(&storm.pool, &options) == 0, "pool");
	if (options.sharing)
		snprintf(storm.name, sizeof(storm.name), "%s", look(storm.pool).name);
	for (unsigned i = 0; i < PROGRAMS && storm.name[0]; i++)
		start_program(&storm, i);
	storm.until_ns = began + seconds * 1000000000;
	CHECK(!pthread_create(&killer, NULL, rage, &storm), "thread");
	for (unsigned i = 0; i < LOADERS; i++) {
		loaders[i] = (struct loader){.batches = {.pool = storm.pool, .rng = {seed + 1 + i}}, .storm = &storm};
		CHECK(!pthread_create(&loaders[i].thread, NULL, work, &loaders[i]), "thread");
	}
	watch(&storm, loaders, &samples, seconds * 1000000000 / (MOST_SAMPLES - 1));
	for (unsigned i = 0; i < LOADERS; i++) {
		pthread_join(loaders[i].thread, NULL);
		results += loaders[i].batches.results;
		reruns += loaders[i].batches.reruns;
	}
	pthread_join(killer, NULL);
	info = look(storm.pool);
	for (unsigned i = 0; i < WHERES; i++)
		struck += storm.where[i];
	report_figure("supervisor_kills", (double)storm.supervisors);
	report_figure("stops", (double)storm.stops);
	report_figure("hit_running", (double)storm.where[RUNNING]);
	report_figure("hit_asleep", (double)storm.where[ASLEEP]);
	report_figure("hit_starting", (double)storm.where[STARTING]);
	report_figure("resizes", (double)storm.resizes);
	report_figure("programs_killed", (double)storm.programs_killed);
	report_figure("left", (double)left_of(storm.pool));
	report_figure("results", (double)results);
	report_figure("second_runs", (double)reruns);
	report_figure("kills_per_second", (double)info.deaths * 1e9 / (double)(sheaf_now_ns() - began));
	struck += storm.programs_killed;
	CHECK(info.deaths <= struck, "%llu deaths of %llu kills", (unsigned long long)info.deaths, (unsigned long long)struck);
	CHECK(info.supervisors <= storm.supervisors + 1, "%llu supervisors after %llu kills",
	      (unsigned long long)info.supervisors, (unsigned long long)storm.supervisors);
	if (storm.wanted >= ENOUGH)
		check_variety(&storm, reruns);
	samples_end(&samples);
	check_nothing_left(storm.pool, files, mappings);
	report_end();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--join"))
		return run_program(argv[2], strtoull(argv[3], NULL, 10));
	return play(argc, argv);
}
