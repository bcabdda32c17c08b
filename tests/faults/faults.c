/*
 * faults.c - every call of libc that the library makes fails once, at every place, with every errno
 * that can be.
 *
 * Usage: faults [SEED [CASES [DEPTH [PATH]]]]: at most so many cases, chosen by the seed (0: all),
 * with faults in up to the DEPTH-th call of a place; of the PATH-th path alone.
 *
 * First each path runs without faults, which finds the sites. Then, for each site and each errno of
 * its function, the first call fails, once, and in another case for good; then the second, and so
 * on until a run ends without such a call. A site that is only reached after a fault gets that
 * fault as well. Each path also runs on kernels that lack all of the optional calls, or one of
 * those that it makes: as the wrappers play them, and as a filter of system calls does.
 *
 * A case is a child that leads a session: it runs its path with the fault, and a second time
 * without. Nothing may be left after either.
 */
#include "calls.h"
#include "judge.h"
#include "kernel.h"
#include "paths.h"
#include "plan.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sheaf.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"

#define MOST_JOBS 16
#define FINDING_RUNS 2

enum kind { KIND_PLAIN, KIND_FAULT, KIND_WRAPPED_KERNEL, KIND_FILTERED_KERNEL };

struct job {
	enum kind kind;
	uint32_t path;
	/* KIND_FAULT */
	uint32_t site, nth;
	int error;
	bool lasting;
	/* Kernels: the optional calls that are missing. */
	unsigned first, count;
};

static struct slot {
	struct job job;
	struct plan *plan;
	pid_t pid; /* 0: idle */
	uint64_t deadline_ns;
} slots[MOST_JOBS];
static unsigned jobs;

static struct {
	struct job *jobs;
	size_t count, capacity, at;
} queue;

static uint64_t case_count, pair_count, failed, unfiltered;
static bool called[CALLS];
static enum harm harm;

/* ---- a case, in its child ---- */

struct state {
	int files, mappings, children;
};

static struct state state_now(void)
{
	return (struct state){count_open_files(), count_segment_mappings(), count_children()};
}

static void check_state(const struct state *before, const char *when)
{
	struct state now = state_now();

	if (now.files != before->files || now.mappings != before->mappings || now.children != before->children)
		verdict_give(VERDICT_LEAKED, "%s: %d files, %d mappings, %d children; before %d, %d, %d", when, now.files,
			     now.mappings, now.children, before->files, before->mappings, before->children);
	if (holdings.blocks || holdings.streams || holdings.locales || holdings.mapped ||
	    holdings.anonymous > sysconf(_SC_PAGESIZE) || holdings.threads)
		verdict_give(VERDICT_LEAKED,
			     "%s: %ld blocks of memory, %ld streams, %ld locales, %ld bytes mapped, %ld threads", when,
			     holdings.blocks, holdings.streams, holdings.locales, holdings.mapped, holdings.threads);
}

static int play(void *context)
{
	const struct job *job = context;
	const struct path *path = &paths[job->path];
	struct state before;

	if (!session_begin())
		return VERDICT_WRONG;
	/* What an earlier process with this pid has left, as in session_begin(). */
	shm_unlink(paths_segment_name((long)getpid(), 0));
	if (path->prepare)
		path->prepare();
	if (job->kind == KIND_FILTERED_KERNEL && !kernel_lacks(job->first, job->count))
		return VERDICT_ABSENT;
	before = state_now();
	atomic_store(&plan->on, true);
	path->attempt();
	atomic_store(&plan->on, false);
	check_state(&before, "with the fault");
	if (job->kind != KIND_FAULT && outcome.code)
		verdict_give(VERDICT_WRONG, "%s fails without a fault", outcome.call);
	outcome = (struct outcome){0};
	path->attempt();
	check_state(&before, "after the fault");
	if (outcome.code)
		verdict_give(VERDICT_WRONG, "%s still fails after the fault", outcome.call);
	return VERDICT_RIGHT;
}

/* ---- cases, one beside the other ---- */

static const char *role_name(uint32_t role)
{
	static const char *const names[] = {"the owner", "the supervisor", "a worker"};

	return names[role];
}

static void tell_fault(uint32_t site, uint32_t nth, int error, bool lasting)
{
	extern const char __executable_start;
	const struct site *s = &sites[site];

	fprintf(stderr, "%s in %s at +%#lx, call %u, fails %s with %d (%s)", calls[s->call].name, role_name(s->role),
		(unsigned long)(s->address - (uintptr_t)&__executable_start), nth, lasting ? "for good" : "once", error,
		strerror(error));
}

static void tell(const struct job *job)
{
	fprintf(stderr, "path \"%s\": ", paths[job->path].name);
	if (job->kind == KIND_PLAIN)
		fprintf(stderr, "without faults");
	if (job->kind == KIND_FAULT) {
		const struct site *s = &sites[job->site];

		if (s->via_site != ANYWHERE) {
			tell_fault(s->via_site, s->via_nth, s->via_error, s->via_lasting);
			fprintf(stderr, ", and ");
		}
		tell_fault(job->site, job->nth, job->error, job->lasting);
	}
	if (job->kind == KIND_WRAPPED_KERNEL || job->kind == KIND_FILTERED_KERNEL)
		for (unsigned i = job->first; i < job->first + job->count; i++)
			fprintf(stderr, "%s%s answers %d",
				i > job->first ? ", " : "no system call: ", calls[optionals[i].call].name, optionals[i].error);
	fprintf(stderr, "%s\n", job->kind == KIND_FILTERED_KERNEL ? " (filter)" : "");
}

static void fail(const struct job *job, enum harm what, const char *how)
{
	fprintf(stderr, "%s: ", how);
	tell(job);
	if (!failed++)
		harm = what;
}

static void set_fault(struct fault *fault, uint32_t site, uint32_t nth, int error, bool lasting)
{
	*fault = (struct fault){.site = site, .nth = nth, .error = error, .lasting = lasting};
}

static void make_plan(struct plan *made, const struct job *job)
{
	memset(made, 0, sizeof(*made));
	made->path = job->path;
	if (job->kind == KIND_FAULT) {
		const struct site *s = &sites[job->site];

		if (s->via_site != ANYWHERE)
			set_fault(&made->faults[made->count++], s->via_site, s->via_nth, s->via_error, s->via_lasting);
		set_fault(&made->faults[made->count++], job->site, job->nth, job->error, job->lasting);
	}
	if (job->kind == KIND_WRAPPED_KERNEL)
		for (unsigned i = job->first; i < job->first + job->count; i++)
			made->faults[made->count++] = (struct fault){
				.site = ANYWHERE, .call = optionals[i].call, .error = optionals[i].error};
}

static void start(struct slot *slot, const struct job *job)
{
	slot->job = *job;
	make_plan(slot->plan, job);
	plan = slot->plan;
	slot->pid = child_start(play, &slot->job);
	CHECK(slot->pid > 0, "cannot start a case: %d", slot->pid);
	slot->deadline_ns = hang_deadline();
}

static void put(struct job job)
{
	if (queue.count == queue.capacity) {
		queue.capacity = queue.capacity ? 2 * queue.capacity : 1024;
		queue.jobs = realloc(queue.jobs, queue.capacity * sizeof(*queue.jobs));
		CHECK(queue.jobs, "no memory for %zu cases", queue.capacity);
	}
	queue.jobs[queue.count++] = job;
}

static void look_at_names(const struct slot *slot, bool none)
{
	for (unsigned which = 0; which < 2; which++) {
		const char *name = paths_segment_name((long)slot->pid, which);

		if (segment_name_exists(name) != 1)
			continue;
		if (none)
			fail(&slot->job, HARM_LEAKED, "a segment is left");
		shm_unlink(name);
	}
	if (none && segments_of(slot->pid))
		fail(&slot->job, HARM_LEAKED, "a segment with a random name is left");
}

static void end(struct slot *slot, int status, uint64_t depth)
{
	const struct fault *last = &slot->plan->faults[slot->plan->count ? slot->plan->count - 1 : 0];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (!session_ended(slot->pid, hang_deadline()))
		fail(&slot->job, HARM_LEAKED, "processes are left");
	if (code == VERDICT_ABSENT)
		unfiltered++;
	else if (code == VERDICT_LOST)
		fail(&slot->job, HARM_LOST, "a result is lost");
	else if (code == VERDICT_LEAKED)
		fail(&slot->job, HARM_LEAKED, "leaked");
	else if (WIFSIGNALED(status))
		fail(&slot->job, HARM_OTHER, strsignal(WTERMSIG(status)));
	else if (code)
		fail(&slot->job, HARM_OTHER, "wrong");
	else if (slot->job.kind == KIND_WRAPPED_KERNEL && slot->job.count == 1 && !atomic_load(&last->fired))
		fail(&slot->job, HARM_OTHER, "the call that is missing was not made");
	look_at_names(slot, code == VERDICT_RIGHT);
	if (slot->job.kind == KIND_FAULT && atomic_load(&last->fired)) {
		called[sites[slot->job.site].call] = true;
		pair_count += slot->job.nth == 1 && !slot->job.lasting;
		if (slot->job.nth < depth) {
			slot->job.nth++;
			put(slot->job);
		}
	}
	case_count++;
	report_add(1);
	slot->pid = 0;
}

static pid_t harness;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
	if (getpid() == harness) {
		stopped = number;
		return;
	}
	signal(number, SIG_DFL);
	raise(number);
}

/* End all cases, and take away the names that they have chosen themselves, which no sweep does. */
static void leave_nothing(void)
{
	for (unsigned i = 0; i < jobs; i++)
		if (slots[i].pid) {
			child_end(slots[i].pid);
			look_at_names(&slots[i], false);
		}
	exit(1);
}

static void await_some(uint64_t depth)
{
	bool ended = false;

	if (stopped)
		leave_nothing();
	for (unsigned i = 0; i < jobs; i++) {
		int status, r;

		if (!slots[i].pid)
			continue;
		r = child_wait(slots[i].pid, &status, 0);
		if (r == -ETIMEDOUT && sheaf_now_ns() > slots[i].deadline_ns) {
			fail(&slots[i].job, HARM_HUNG, "hangs");
			child_end(slots[i].pid);
			r = 0;
			status = 0;
		}
		if (r == 0) {
			end(&slots[i], status, depth);
			ended = true;
		}
	}
	if (!ended)
		sleep_ns(200000);
}

static struct slot *idle(void)
{
	for (unsigned i = 0; i < jobs; i++)
		if (!slots[i].pid)
			return &slots[i];
	return NULL;
}

static bool busy(void)
{
	for (unsigned i = 0; i < jobs; i++)
		if (slots[i].pid)
			return true;
	return false;
}

/*
 * Run the cases in the queue, and those that are put there meanwhile, but at most so many in all.
 */
static void run(uint64_t most, uint64_t depth)
{
	uint64_t started = case_count;

	for (;;) {
		bool more = queue.at < queue.count && (!most || started < most);
		struct slot *slot = more ? idle() : NULL;

		if (slot) {
			start(slot, &queue.jobs[queue.at++]);
			started++;
		} else if (busy()) {
			await_some(depth);
		} else {
			return;
		}
	}
}

/* ---- which cases ---- */

static uint32_t first_path, end_path; /* those that are run */
static uint32_t plain_sites;          /* the first ones, which are reached without any fault */

static void find_sites(void)
{
	for (unsigned i = 0; i < FINDING_RUNS; i++)
		for (uint32_t path = first_path; path < end_path; path++)
			put((struct job){.kind = KIND_PLAIN, .path = path});
	run(0, 0);
	plain_sites = plan_sites();
}

static void put_site(uint32_t site)
{
	const struct call_errors *call = &calls[sites[site].call];

	if (!plan_has(site))
		return;
	/*
	 * Nor is there a reason to signal a supervisor that is gone, as another fault may have
	 * said.
	 */
	if (sites[site].call == CALL_KILL && (sites[site].role != OWNER || sites[site].via_site != ANYWHERE))
		return;
	if (sites[site].call == CALL_SEM_POST && paths[sites[site].path].threaded)
		return;
	for (unsigned i = 0; i < MOST_ERRORS && call->errors[i]; i++) {
		struct job job = {
			.kind = KIND_FAULT, .path = sites[site].path, .site = site, .nth = 1, .error = abs(call->errors[i])};

		put(job);
		job.lasting = true;
		if (call->errors[i] > 0)
			put(job);
	}
}

static bool reaches(uint32_t path, uint32_t call)
{
	for (uint32_t i = 0; i < plain_sites; i++)
		if (plan_has(i) && sites[i].path == path && sites[i].call == call)
			return true;
	return false;
}

static void put_kernels(unsigned first, unsigned count)
{
	for (uint32_t path = first_path; path < end_path; path++)
		for (enum kind kind = KIND_WRAPPED_KERNEL; kind <= KIND_FILTERED_KERNEL; kind++)
			if (count > 1 || reaches(path, optionals[first].call))
				put((struct job){.kind = kind, .path = path, .first = first, .count = count});
}

static void shuffle(size_t from, struct rng *rng)
{
	for (size_t i = queue.count; i > from + 1; i--) {
		size_t other = from + (size_t)rng_below(rng, i - from);
		struct job job = queue.jobs[i - 1];

		queue.jobs[i - 1] = queue.jobs[other];
		queue.jobs[other] = job;
	}
}

/* Every fault at every site, and every missing call, until no case finds a new site. */
static void run_faults(struct rng *rng, uint64_t most, uint64_t depth)
{
	uint32_t known = 0;

	put_kernels(0, optional_kinds);
	run(0, 0);
	for (unsigned i = 0; i < optional_count; i++)
		put_kernels(i, 1);
	while (known < plan_sites() && (!most || case_count < most)) {
		size_t from = queue.at;

		for (uint32_t end = plan_sites(); known < end; known++)
			put_site(known);
		shuffle(from, rng);
		run(most, depth);
	}
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t most = amount_argument(argc, argv, 2, 200), depth = amount_argument(argc, argv, 3, 2);
	uint64_t only = amount_argument(argc, argv, 4, path_count);
	unsigned functions = 0;

	first_path = only < path_count ? (uint32_t)only : 0;
	end_path = only < path_count ? first_path + 1 : path_count;
	if (THREAD_SANITIZER) {
		puts("skipped: the thread sanitizer does not follow forks of forks");
		return 77;
	}
	if (!session_visible()) {
		puts("skipped: no /proc, or no /dev/shm");
		return 77;
	}
	sites = plan_share(MOST_SITES * sizeof(*sites));
	/* many only wait */
	jobs = 4 * sheaf_usable_cpus() < MOST_JOBS ? 4 * sheaf_usable_cpus() : MOST_JOBS;
	for (unsigned i = 0; i < jobs; i++)
		slots[i].plan = plan_share(sizeof(*slots[i].plan));
	paths_make_files();
	report_begin("faults", "cases", rng.state);
	harness = getpid();
	signal(SIGTERM, stop);
	signal(SIGINT, stop);

	find_sites();
	if (!failed)
		run_faults(&rng, most, depth);
	if (unfiltered)
		printf("filters of system calls are not allowed here: %llu cases skipped\n", (unsigned long long)unfiltered);
	for (unsigned i = 0; i < CALLS; i++)
		functions += called[i];
	printf("%llu cases: %u sites, %llu pairs of site and errno, %u functions\n", (unsigned long long)case_count,
	       plan_sites(), (unsigned long long)pair_count, functions);
	report_figure("sites", plan_sites());
	report_figure("pairs", (double)pair_count);
	report_figure("functions", functions);
	CHECK_AS(harm, !failed, "%llu of %llu cases", (unsigned long long)failed, (unsigned long long)case_count);
	report_end();
	return 0;
}
