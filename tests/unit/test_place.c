/*
 * test_place.c - where workers run and what they may take: each option is read back inside of
 * tasks, also in the worker that follows one that died.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "pools.h"

#undef WAIT_ANY /* of <sys/wait.h> with _GNU_SOURCE; layout.h has its own */
#include "pool/place.h"
#include "sheaf_workers.h"

static void set_up(void)
{
	begin();
}

TestSuite(place, .init = set_up, .fini = end);

#define MOST_CPUS 1024

static struct os_cpu cpus[MOST_CPUS];
static unsigned cpu_count;

/* The CPUs that this process may use. Without them the test is skipped. */
static void learn_cpus(void)
{
	int r = os_list_cpus(cpus, MOST_CPUS);

	if (r <= 0)
		skip("this system does not tell which CPUs may be used");
	cpu_count = (unsigned)r;
}

static void start_placed(unsigned workers, enum sheaf_backend backend, const sheaf_worker_options *options)
{
	start(&(sheaf_pool_options){.workers = workers, .heap_size = 16 << 20, .backend = backend, .worker_options = options});
}

static void expect_refused(enum sheaf_backend backend, const sheaf_worker_options *options, int code, const char *text)
{
	expect_failure(sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2,
								      .heap_size = 16 << 20,
								      .backend = backend,
								      .worker_options = options}),
		       code, text);
	cr_assert_null(pool);
}

/* What a task sees of its worker. */
struct seen {
	unsigned worker;
	int cpu; /* the only one that it may use; -1: there are several */
	int nice;
	long score;
	uint64_t space; /* RLIMIT_AS */
	char caps[4][16];
};

static long read_score(void)
{
	FILE *file = fopen("/proc/self/oom_score_adj", "r");
	long score = LONG_MIN;

	if (file) {
		if (fscanf(file, "%ld", &score) != 1)
			score = LONG_MIN;
		fclose(file);
	}
	return score;
}

static void look(struct seen *seen)
{
	static const char *const names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
					    "NUMEXPR_NUM_THREADS"};
	struct rlimit limit = {0};
	struct os_cpu usable[2];

	seen->cpu = os_list_cpus(usable, 2) == 1 ? (int)usable[0].number : -1;
	seen->nice = getpriority(PRIO_PROCESS, 0);
	seen->score = read_score();
	getrlimit(RLIMIT_AS, &limit);
	seen->space = limit.rlim_max == RLIM_INFINITY ? 0 : limit.rlim_max;
	for (unsigned i = 0; i < 4; i++)
		snprintf(seen->caps[i], sizeof(seen->caps[i]), "%s", getenv(names[i]) ? getenv(names[i]) : "-");
}

/* Each at the gate, so that every worker gets one. */
static int look_around(sheaf_task *task, const void *arg, void *result)
{
	struct seen *seen = result;
	struct gate *gate;

	memcpy(&gate, arg, sizeof(gate));
	gate_pass(gate);
	seen->worker = sheaf_task_worker(task);
	look(seen);
	return 0;
}

/* Ask all workers. *@seen: by worker. */
static void ask_workers(struct seen *seen, unsigned workers)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = sizeof(*seen)});
	struct gate *gate = new_gate();
	const sheaf_result *results;
	size_t n;

	for (unsigned i = 0; i < workers; i++)
		expect_done(sheaf_submit(batch, i, look_around, &gate, sizeof(gate)));
	gate_await(gate, (int)workers);
	gate_open(gate);
	expect_done(sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
	cr_assert_eq(n, workers);
	for (size_t i = 0; i < n; i++) {
		const struct seen *one = results[i].data;

		cr_assert_lt(one->worker, workers);
		seen[one->worker] = *one;
	}
	sheaf_batch_retire(batch);
	expect_done(sheaf_free(pool, gate));
}

/* What this process has itself, to compare. */
static struct seen own(void)
{
	struct seen seen = {0};

	look(&seen);
	return seen;
}

/* Wait until the worker's seat has another one than that. */
static void await_replaced(unsigned worker, pid_t pid)
{
	uint64_t deadline = hang_deadline();
	pid_t next;

	do {
		nap();
		next = sheaf_pool_worker_pid(pool, worker);
	} while ((next <= 0 || next == pid) && sheaf_now_ns() < deadline);
	cr_assert(next > 0 && next != pid);
}

/* Kill a worker, and wait for the next one in its seat. */
static void replace_worker(unsigned worker)
{
	pid_t pid = sheaf_pool_worker_pid(pool, worker);

	cr_assert_gt(pid, 0);
	kill(pid, SIGKILL);
	await_replaced(worker, pid);
}

/* ---- CPUs ---- */

/* Two packages of two cores of two CPUs, numbered as many machines do. */
static void lay_out(struct os_cpu *machine)
{
	for (unsigned i = 0; i < 8; i++)
		machine[i] = (struct os_cpu){.number = i, .core = i % 4, .package = i % 4 / 2};
}

static void expect_order(const struct os_cpu *machine, unsigned count, const unsigned *wanted)
{
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(machine[i].number, wanted[i], "place %u: CPU %u instead of %u", i, machine[i].number, wanted[i]);
}

Test(place, compact_fills_core_by_core)
{
	struct os_cpu machine[8];

	lay_out(machine);
	cr_assert(place_order(machine, 8, SHEAF_PIN_COMPACT));
	expect_order(machine, 8, (const unsigned[]){0, 4, 1, 5, 2, 6, 3, 7});
}

Test(place, spread_takes_packages_then_cores_then_siblings)
{
	struct os_cpu machine[8];

	lay_out(machine);
	cr_assert(place_order(machine, 8, SHEAF_PIN_SPREAD));
	expect_order(machine, 8, (const unsigned[]){0, 2, 1, 3, 4, 6, 5, 7});
}

Test(place, spread_of_a_machine_that_tells_nothing_is_by_number)
{
	struct os_cpu machine[4];

	for (unsigned i = 0; i < 4; i++)
		machine[i] = (struct os_cpu){.number = 3 - i, .core = 3 - i};
	cr_assert(place_order(machine, 4, SHEAF_PIN_SPREAD));
	expect_order(machine, 4, (const unsigned[]){0, 1, 2, 3});
	cr_assert(place_order(machine, 0, SHEAF_PIN_SPREAD));
}

/* Pin as @pin says, and compare with what the order says. */
static void expect_pinned(enum sheaf_pin pin, enum sheaf_backend backend)
{
	struct seen seen[5];

	learn_cpus();
	cr_assert(place_order(cpus, cpu_count, pin));
	start_placed(5, backend, &(sheaf_worker_options){.pin = pin});
	ask_workers(seen, 5);
	for (unsigned i = 0; i < 5; i++)
		cr_assert_eq(seen[i].cpu, (int)cpus[i % cpu_count].number, "worker %u: CPU %d", i, seen[i].cpu);
}

Test(place, workers_are_pinned_compactly)
{
	expect_pinned(SHEAF_PIN_COMPACT, SHEAF_PROCESSES);
}

Test(place, workers_are_spread)
{
	expect_pinned(SHEAF_PIN_SPREAD, SHEAF_PROCESSES);
}

Test(place, threads_are_pinned)
{
	struct seen before = own();

	expect_pinned(SHEAF_PIN_SPREAD, SHEAF_THREADS);
	cr_assert_eq(own().cpu, before.cpu, "the owner's own thread is as it was");
}

Test(place, list_goes_around)
{
	unsigned list[2], copy[2];
	struct seen seen[3];

	learn_cpus();
	list[0] = copy[0] = cpus[cpu_count - 1].number;
	list[1] = copy[1] = cpus[0].number;
	start_placed(3, SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_LIST, .cpus = list, .cpu_count = 2});
	list[0] = list[1] = UINT_MAX; /* it was copied */
	ask_workers(seen, 3);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(seen[i].cpu, (int)copy[i % 2]);
	replace_worker(1);
	ask_workers(seen, 3);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(seen[i].cpu, (int)copy[i % 2], "worker %u after a death", i);
}

Test(place, supervisor_that_follows_places_workers_too)
{
	struct seen seen[2];
	sheaf_pool_info info;
	pid_t pids[2];

	learn_cpus();
	start_placed(2, SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_COMPACT});
	cr_assert(place_order(cpus, cpu_count, SHEAF_PIN_COMPACT));
	expect_done(sheaf_pool_get_info(pool, &info));
	for (unsigned i = 0; i < 2; i++)
		pids[i] = sheaf_pool_worker_pid(pool, i);
	kill(info.supervisor, SIGKILL);
	/* Some task, so that the owner looks after its processes. */
	expect_pool_works(10);
	for (unsigned i = 0; i < 2; i++)
		await_replaced(i, pids[i]);
	ask_workers(seen, 2);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(seen[i].cpu, (int)cpus[i % cpu_count].number);
}

Test(place, cpu_that_may_not_be_used_is_named)
{
	unsigned list[] = {0, MOST_CPUS - 1};

	learn_cpus();
	if (cpus[cpu_count - 1].number == MOST_CPUS - 1)
		skip("this machine has that CPU");
	list[0] = cpus[0].number;
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_LIST, .cpus = list, .cpu_count = 2}, -EINVAL,
		       "worker_options.cpus[1] is CPU 1023, which this process may not use");
}

/* ---- slices ---- */

#ifdef OS_LAYER_LINUX
/* How long a process runs at a time; 0: the system does not tell. */
static uint64_t slice_of(pid_t pid)
{
	/* The kernel's struct: size and policy, flags, nice and priority, then the slice. */
	uint64_t words[6] = {0};

	return syscall(SYS_sched_getattr, pid, words, sizeof(words), 0) ? 0 : words[3];
}

Test(place, supervisor_gets_its_turn_soon_and_workers_as_usual)
{
	uint64_t usual = slice_of(0);
	struct seen seen[2];
	sheaf_pool_info info;

	if (!usual)
		skip("processes cannot choose their slice before Linux 6.12");
	start_placed(2, SHEAF_PROCESSES, NULL);
	for (unsigned round = 0; round < 3; round++) {
		ask_workers(seen, 2);
		expect_done(sheaf_pool_get_info(pool, &info));
		cr_assert_eq(slice_of(info.supervisor), 100000);
		cr_assert_eq(slice_of(sheaf_pool_worker_pid(pool, 1)), usual);
		/* The one that follows, then those of the supervisor that follows. */
		if (round == 0) {
			replace_worker(1);
		} else if (round == 1) {
			pid_t before = sheaf_pool_worker_pid(pool, 1);

			kill(info.supervisor, SIGKILL);
			expect_pool_works(10);
			await_replaced(1, before);
		}
	}
	cr_assert_eq(slice_of(0), usual, "the owner's is as it was");
}
#endif

/* ---- nice ---- */

Test(place, nice_is_added_and_saturates)
{
	struct seen seen[2], before = own();

	start_placed(2, SHEAF_PROCESSES, &(sheaf_worker_options){.nice = 3});
	ask_workers(seen, 2);
	cr_assert_eq(seen[0].nice, before.nice + 3 < 19 ? before.nice + 3 : 19);
	cr_assert_eq(seen[1].nice, seen[0].nice);
	replace_worker(0);
	ask_workers(seen, 2);
	cr_assert_eq(seen[0].nice, before.nice + 3 < 19 ? before.nice + 3 : 19);
	sheaf_pool_destroy(pool);
	pool = NULL;
	start_placed(2, SHEAF_PROCESSES, &(sheaf_worker_options){.nice = 39});
	ask_workers(seen, 2);
	cr_assert_eq(seen[0].nice, 19);
	cr_assert_eq(own().nice, before.nice, "the owner's is as it was");
}

#ifdef OS_LAYER_LINUX
Test(place, threads_have_a_nice_level_of_their_own)
{
	struct seen seen[2], before = own();

	start_placed(2, SHEAF_THREADS, &(sheaf_worker_options){.nice = 2});
	ask_workers(seen, 2);
	cr_assert_eq(seen[1].nice, before.nice + 2 < 19 ? before.nice + 2 : 19);
	cr_assert_eq(own().nice, before.nice);
}
#else
Test(place, threads_cannot_have_a_nice_level)
{
	expect_refused(SHEAF_THREADS, &(sheaf_worker_options){.nice = 2}, -ENOTSUP, "this system does not offer that");
}
#endif

/* Without rights a level cannot be lowered, and a pool whose workers lack it is none. */
static int lower_without_rights(void *unused)
{
	sheaf_pool *refused = NULL;
	int r;

	(void)unused;
	child_check(!setrlimit(RLIMIT_NICE, &(struct rlimit){0}));
	if (!getuid())
		child_check(!setgid(65534) && !setuid(65534));
	r = sheaf_pool_create(&refused, &(sheaf_pool_options){.workers = 2,
							      .heap_size = 16 << 20,
							      .flags = SHEAF_ANONYMOUS,
							      .worker_options = &(sheaf_worker_options){.nice = -1}});
	child_check(r == -EACCES || r == -EPERM);
	child_check(strstr(sheaf_message(), "worker 0 cannot add to its nice level -1"));
	child_check(!refused);
	child_check(count_children() == 0);
	return 0;
}

Test(place, nice_that_needs_rights_fails_the_creation)
{
	in_child(lower_without_rights, NULL);
}

/* ---- the score, the address space ---- */

#ifdef OS_LAYER_LINUX
Test(place, worker_goes_before_its_owner)
{
	struct seen seen[2], before = own();

	if (before.score == LONG_MIN)
		skip("no /proc/self/oom_score_adj");
	start_placed(2, SHEAF_PROCESSES, &(sheaf_worker_options){.oom_score_adj = 300});
	ask_workers(seen, 2);
	cr_assert_eq(seen[0].score, before.score + 300 < 1000 ? before.score + 300 : 1000);
	replace_worker(1);
	ask_workers(seen, 2);
	cr_assert_eq(seen[1].score, seen[0].score);
	cr_assert_eq(own().score, before.score);
}

Test(place, score_is_left_alone_unless_set)
{
	struct seen seen[1];

	start_placed(1, SHEAF_PROCESSES, &(sheaf_worker_options){.nice = 1});
	ask_workers(seen, 1);
	cr_assert_eq(seen[0].score, own().score);
}

/* Map so many bytes. Result: whether that was possible. */
static int map_bytes(sheaf_task *task, const void *arg, void *result)
{
	size_t size;
	void *memory;

	(void)task;
	memcpy(&size, arg, sizeof(size));
	memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*(uint64_t *)result = memory != MAP_FAILED;
	if (memory != MAP_FAILED)
		munmap(memory, size);
	return 0;
}

static uint64_t can_map(size_t size)
{
	uint64_t possible = 2;

	expect_done(sheaf_apply(pool, map_bytes, &size, sizeof(size), &possible, sizeof(possible), NULL));
	return possible;
}

Test(place, address_space_is_beyond_what_a_worker_begins_with)
{
	struct seen seen[1];

	/* The heap alone is larger than the limit. */
	start(&(sheaf_pool_options){.workers = 1,
				    .heap_size = (size_t)1 << 30,
				    .worker_options = &(sheaf_worker_options){.address_space = 64 << 20}});
	ask_workers(seen, 1);
	cr_assert_gt(seen[0].space, (uint64_t)1 << 30);
	cr_assert_eq(can_map(32 << 20), 1);
	cr_assert_eq(can_map(65 << 20), 0);
	replace_worker(0);
	cr_assert_eq(can_map(32 << 20), 1);
	cr_assert_eq(can_map(65 << 20), 0);
	cr_assert_eq(own().space, 0);
}

Test(place, workers_with_a_limit_still_use_shared_memory)
{
	start(&(sheaf_pool_options){
		.workers = 2, .heap_size = 64 << 20, .worker_options = &(sheaf_worker_options){.address_space = 16 << 20}});
	expect_pool_works(100000);
}
#else
Test(place, what_this_system_lacks_is_refused)
{
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_SPREAD}, -ENOTSUP, "worker_options.pin is 2");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.oom_score_adj = 1}, -ENOTSUP,
		       "this system does not offer that");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.address_space = 1 << 30}, -ENOTSUP,
		       "this system does not tell how much it has");
}
#endif

/* ---- threads of libraries ---- */

static void expect_caps(const struct seen *seen, const char *omp, const char *others)
{
	cr_assert_str_eq(seen->caps[0], omp);
	for (unsigned i = 1; i < 4; i++)
		cr_assert_str_eq(seen->caps[i], others);
}

static void forget_caps(void)
{
	unsetenv("OMP_NUM_THREADS");
	unsetenv("OPENBLAS_NUM_THREADS");
	unsetenv("MKL_NUM_THREADS");
	unsetenv("NUMEXPR_NUM_THREADS");
}

/* What OpenMP's library has been told: this program has none, so it stands in for it. */
static int told_openmp;

void omp_set_num_threads(int count);
void omp_set_num_threads(int count)
{
	told_openmp = count;
}

static int ask_openmp(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(uint64_t *)result = (uint64_t)told_openmp;
	return 0;
}

static void expect_openmp_told(int wanted)
{
#ifdef OS_LAYER_LINUX
	uint64_t told = 0;

	expect_done(sheaf_apply(pool, ask_openmp, NULL, 0, &told, sizeof(told), NULL));
	cr_assert_eq(told, (uint64_t)wanted, "%d instead of %d", (int)told, wanted);
#else
	(void)wanted;
	(void)ask_openmp;
#endif
}

Test(place, workers_share_the_cpus_with_their_libraries)
{
	unsigned share = sheaf_usable_cpus() / 2;
	struct seen seen[2];
	char wanted[16];

	forget_caps();
	snprintf(wanted, sizeof(wanted), "%u", share ? share : 1);
	start_placed(2, SHEAF_PROCESSES, &(sheaf_worker_options){.inner_threads = SHEAF_INNER_SHARE});
	ask_workers(seen, 2);
	expect_caps(&seen[0], wanted, wanted);
	replace_worker(1);
	ask_workers(seen, 2);
	expect_caps(&seen[1], wanted, wanted);
	expect_openmp_told(share ? (int)share : 1);
	cr_assert_null(getenv("MKL_NUM_THREADS"), "the owner's environment is as it was");
}

Test(place, share_yields_to_the_environment)
{
	struct seen seen[1];

	forget_caps();
	setenv("OMP_NUM_THREADS", "7", 1);
	start_placed(1, SHEAF_PROCESSES, &(sheaf_worker_options){.inner_threads = SHEAF_INNER_SHARE});
	ask_workers(seen, 1);
	cr_assert_str_eq(seen[0].caps[0], "7");
	cr_assert_str_neq(seen[0].caps[1], "-");
	expect_openmp_told(0);
}

Test(place, number_wins_over_the_environment)
{
	struct seen seen[1];

	forget_caps();
	setenv("OMP_NUM_THREADS", "7", 1);
	start_placed(1, SHEAF_PROCESSES, &(sheaf_worker_options){.inner_threads = 3});
	ask_workers(seen, 1);
	expect_caps(&seen[0], "3", "3");
	expect_openmp_told(3);
}

Test(place, worker_with_one_cpu_gets_one_thread)
{
	struct seen seen[1];

	learn_cpus();
	forget_caps();
	start_placed(1, SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_SPREAD, .inner_threads = SHEAF_INNER_SHARE});
	ask_workers(seen, 1);
	expect_caps(&seen[0], "1", "1");
}

Test(place, environment_is_left_alone_unless_asked)
{
	struct seen seen[1];

	forget_caps();
	start_placed(1, SHEAF_PROCESSES, &(sheaf_worker_options){.nice = 1});
	ask_workers(seen, 1);
	expect_caps(&seen[0], "-", "-");
	expect_openmp_told(0);
}

/* ---- bad input ---- */

Test(place, bad_values_are_named)
{
	static const unsigned list[] = {0};

	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.pin = (enum sheaf_pin)9}, -EINVAL, "worker_options.pin is 9");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_LIST}, -EINVAL, "worker_options.cpus is NULL");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_LIST, .cpus = list}, -EINVAL,
		       "worker_options.cpu_count is 0");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.cpus = list, .cpu_count = 1}, -EINVAL,
		       "worker_options.cpus is set, but pin is 0");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.pin = SHEAF_PIN_LIST, .cpus = list, .cpu_count = 1 << 20},
		       -EINVAL, "worker_options.cpu_count is 1048576, at most 65536");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.nice = 40}, -EINVAL,
		       "worker_options.nice is 40: from -39 to 39");
	expect_refused(SHEAF_PROCESSES, &(sheaf_worker_options){.oom_score_adj = -1001}, -EINVAL,
		       "worker_options.oom_score_adj is -1001: from -1000 to 1000");
}

Test(place, threads_and_inline_refuse_what_is_of_processes)
{
	const sheaf_worker_options inlined = {.nice = 1};

	expect_refused(SHEAF_THREADS, &(sheaf_worker_options){.oom_score_adj = 1}, -ENOTSUP,
		       "worker_options.oom_score_adj is set");
	expect_refused(SHEAF_THREADS, &(sheaf_worker_options){.address_space = 1}, -ENOTSUP,
		       "worker_options.address_space is set");
	expect_refused(SHEAF_THREADS, &(sheaf_worker_options){.inner_threads = 1}, -ENOTSUP,
		       "worker_options.inner_threads is set");
	expect_failure(sheaf_pool_create(&pool, &(sheaf_pool_options){.backend = SHEAF_INLINE, .worker_options = &inlined}),
		       -ENOTSUP, "worker_options.nice is set, but the tasks run in the program's own threads (SHEAF_INLINE)");
}

Test(place, backend_of_the_environment_leaves_out_what_it_cannot_do)
{
	const sheaf_worker_options options = {.oom_score_adj = 1, .address_space = 1 << 30, .inner_threads = 1};

	setenv("SHEAF_BACKEND", "threads", 1);
	start_placed(2, SHEAF_PROCESSES, &options);
	expect_pool_works(1000);
	sheaf_pool_destroy(pool);
	pool = NULL;
	setenv("SHEAF_BACKEND", "inline", 1);
	start_placed(2, SHEAF_PROCESSES, &options);
	unsetenv("SHEAF_BACKEND");
	expect_pool_works(1000);
}
