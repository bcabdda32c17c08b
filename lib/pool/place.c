/*
 * place.c - plans where workers run and what they may take, and has each of them take it.
 *
 * The plan is made once, by the owner. Supervisors, spares and workers inherit it over their forks,
 * so a successor gets the place of the worker before it. Each worker takes its place itself, before
 * its first task, and none runs without it. What the system would refuse is found out before the
 * pool has any process: a child of the owner rehearses it.
 *
 * Writers           The plan: the owner, before the first fork.
 * Deaths            Of the child that rehearses: the owner reads the end of its pipe, and the pool
 *                   is not created. Of a worker in here: as of any worker with nothing in hand.
 */
#include "pool/place.h"

#include "base/error.h"
#include "os/forks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_NICE 39 /* from the highest level to the lowest */
#define MOST_SCORE 1000
#define MOST_CPUS 65536u

extern char **environ;

/* How libraries are told how many threads they may start. */
static const char *const caps[] = {
	"OMP_NUM_THREADS",  "OPENBLAS_NUM_THREADS",   "MKL_NUM_THREADS",
	"BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
};
#define CAPS (sizeof(caps) / sizeof(caps[0]))

/* ---- the order of CPUs ---- */

static int compare(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
	const struct os_cpu *one = a, *other = b;
	int r = compare(one->package, other->package);

	if (!r)
		r = compare(one->core, other->core);
	return r ? r : compare(one->number, other->number);
}

/* A CPU, and how many stand before it in its core, and its core in its package. */
struct ranked {
	struct os_cpu cpu;
	unsigned in_core, in_package;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *one = a, *other = b;
	int r = compare(one->in_core, other->in_core);

	if (!r)
		r = compare(one->in_package, other->in_package);
	return r ? r : by_place(&one->cpu, &other->cpu);
}

/* Put CPUs that share little first. False: no memory. */
static bool spread(struct os_cpu *cpus, unsigned count)
{
	struct ranked *ranked = calloc(count, sizeof(*ranked));

	if (!ranked)
		return false;
	for (unsigned i = 0; i < count; i++) {
		const struct ranked *before = i ? &ranked[i - 1] : NULL;
		bool same_package = before && before->cpu.package == cpus[i].package;
		bool same_core = same_package && before->cpu.core == cpus[i].core;

		ranked[i].cpu = cpus[i];
		ranked[i].in_core = same_core ? before->in_core + 1 : 0;
		ranked[i].in_package = !same_package ? 0 : before->in_package + !same_core;
	}
	qsort(ranked, count, sizeof(*ranked), by_rank);
	for (unsigned i = 0; i < count; i++)
		cpus[i] = ranked[i].cpu;
	free(ranked);
	return true;
}

bool place_order(struct os_cpu *cpus, unsigned count, enum sheaf_pin pin)
{
	qsort(cpus, count, sizeof(*cpus), by_place);
	return pin != SHEAF_PIN_SPREAD || !count || spread(cpus, count);
}

/* ---- the plan ---- */

static int fail_memory(void)
{
	return sheaf_fail(-ENOMEM, "no memory to place workers");
}

static bool is_among(const struct os_cpu *cpus, unsigned count, unsigned number)
{
	for (unsigned i = 0; i < count; i++)
		if (cpus[i].number == number)
			return true;
	return false;
}

/* Check a list of the user's, and copy it. @cpus: @count that may be used. */
static int plan_list(struct place *place, const struct sheaf_worker_options *options, const struct os_cpu *cpus, unsigned count)
{
	for (size_t i = 0; i < options->cpu_count; i++)
		if (!is_among(cpus, count, options->cpus[i]))
			return sheaf_fail(-EINVAL,
					  "worker_options.cpus[%zu] is CPU %u, which this process may not use: see the output "
					  "of \"taskset -cp $$\", or choose SHEAF_PIN_SPREAD",
					  i, options->cpus[i]);
	if (!(place->cpus = calloc(options->cpu_count, sizeof(*place->cpus))))
		return fail_memory();
	place->cpu_count = (unsigned)options->cpu_count;
	memcpy(place->cpus, options->cpus, options->cpu_count * sizeof(*place->cpus));
	return 0;
}

static int plan_order(struct place *place, enum sheaf_pin pin, struct os_cpu *cpus, unsigned count)
{
	if (!place_order(cpus, count, pin) || !(place->cpus = calloc(count, sizeof(*place->cpus))))
		return fail_memory();
	place->cpu_count = count;
	for (unsigned i = 0; i < count; i++)
		place->cpus[i] = cpus[i].number;
	return 0;
}

static int plan_cpus(struct place *place, const struct sheaf_worker_options *options)
{
	struct os_cpu *cpus;
	int r;

	if (options->pin == SHEAF_PIN_NONE)
		return 0;
	if (!(cpus = calloc(MOST_CPUS, sizeof(*cpus))))
		return fail_memory();
	r = os_list_cpus(cpus, MOST_CPUS);
	if (r <= 0)
		r = sheaf_fail(-ENOTSUP, "worker_options.pin is %d: this system does not tell which CPUs a process may use",
			       (int)options->pin);
	else if (options->pin == SHEAF_PIN_LIST)
		r = plan_list(place, options, cpus, (unsigned)r);
	else
		r = plan_order(place, options->pin, cpus, (unsigned)r);
	free(cpus);
	return r;
}

static int check_range(const char *name, int value, int most)
{
	return value >= -most && value <= most
		       ? 0
		       : sheaf_fail(-EINVAL, "worker_options.%s is %d: from %d to %d", name, value, -most, most);
}

static int check_placement(const struct sheaf_worker_options *options)
{
	bool list = options->pin == SHEAF_PIN_LIST;
	int r;

	if ((unsigned)options->pin > SHEAF_PIN_LIST)
		return sheaf_fail(-EINVAL, "worker_options.pin is %d: none of SHEAF_PIN_NONE, _COMPACT, _SPREAD and _LIST",
				  (int)options->pin);
	if (list && (!options->cpus || !options->cpu_count))
		return sheaf_fail(-EINVAL, "worker_options.%s: SHEAF_PIN_LIST needs a list of CPUs",
				  options->cpus ? "cpu_count is 0" : "cpus is NULL");
	if (!list && (options->cpus || options->cpu_count))
		return sheaf_fail(-EINVAL, "worker_options.cpus is set, but pin is %d: set it to SHEAF_PIN_LIST",
				  (int)options->pin);
	if (options->cpu_count > MOST_CPUS)
		return sheaf_fail(-EINVAL, "worker_options.cpu_count is %zu, at most %u", options->cpu_count, MOST_CPUS);
	if ((r = check_range("nice", options->nice, MOST_NICE)))
		return r;
	return check_range("oom_score_adj", options->oom_score_adj, MOST_SCORE);
}

static int refuse(const char *name, const char *why)
{
	return sheaf_fail(-ENOTSUP, "worker_options.%s is set, but %s: leave it out, or use SHEAF_PROCESSES", name, why);
}

/* Refuse, or in a pool whose backend the environment has chosen leave out, what is of processes. */
static int fit_backend(struct sheaf_worker_options *options, const struct segment *segment)
{
	static const char of_process[] = "the workers are threads, which have none of their own (SHEAF_THREADS)";
	static const char inlined[] = "the tasks run in the program's own threads (SHEAF_INLINE)";
	const char *why = segment->inlined ? inlined : of_process;

	if (!segment->threaded)
		return 0;
	if (segment->lenient) {
		options->oom_score_adj = 0;
		options->address_space = options->inner_threads = 0;
		if (segment->inlined)
			*options = (struct sheaf_worker_options){0};
		return 0;
	}
	if (segment->inlined && options->pin)
		return refuse("pin", why);
	if (segment->inlined && options->nice)
		return refuse("nice", why);
	if (options->oom_score_adj)
		return refuse("oom_score_adj", why);
	if (options->address_space)
		return refuse("address_space", why);
	return options->inner_threads ? refuse("inner_threads", why) : 0;
}

/* Choose how many threads the libraries in a worker may start. */
static void plan_inner(struct place *place, const struct sheaf_worker_options *options, const struct segment *segment)
{
	unsigned share = os_usable_cpus(0) / segment_wanted(segment);

	place->inner_threads = options->inner_threads;
	if (options->inner_threads != SHEAF_INNER_SHARE)
		return;
	place->inner_yields = true;
	/* The threads of a worker that has one CPU share that. */
	place->inner_threads = place->cpus || !share ? 1 : share;
}

int place_plan(struct place **out, const struct sheaf_worker_options *asked, const struct segment *segment)
{
	struct sheaf_worker_options options = asked ? *asked : (struct sheaf_worker_options){0};
	struct place *place;
	int r;

	*out = NULL;
	if ((r = check_placement(&options)) || (r = fit_backend(&options, segment)))
		return r;
	if (!options.pin && !options.nice && !options.oom_score_adj && !options.address_space && !options.inner_threads)
		return 0;
	if (!(place = calloc(1, sizeof(*place))))
		return fail_memory();
	place->nice = options.nice;
	place->oom_score_adj = options.oom_score_adj;
	place->address_space = options.address_space;
	if ((r = plan_cpus(place, &options))) {
		place_forget(place);
		return r;
	}
	plan_inner(place, &options, segment);
	*out = place;
	return 0;
}

void place_forget(struct place *place)
{
	if (place)
		free(place->cpus);
	free(place);
}

/* ---- the worker ---- */

static const char *rights_of(int code, const char *rights)
{
	return code == -EACCES || code == -EPERM ? rights : "";
}

static int fail_to(int code, unsigned worker, const char *what, long value, const char *rights)
{
	return sheaf_fail(code, "worker %u cannot %s %ld: %s%s", worker, what, value,
			  code == -ENOTSUP ? "this system does not offer that" : strerror(-code), rights_of(code, rights));
}

static bool names(const char *variable, const char *name)
{
	size_t size = strlen(name);

	return !strncmp(variable, name, size) && variable[size] == '=';
}

static const char *find_variable(const char *name)
{
	for (char **variable = environ; variable && *variable; variable++)
		if (names(*variable, name))
			return *variable;
	return NULL;
}

/* Is it one that the worker sets? */
static bool is_cap(const char *variable)
{
	for (size_t i = 0; i < CAPS; i++)
		if (names(variable, caps[i]))
			return true;
	return false;
}

/*
 * Set the variables. Not by setenv(), whose lock another thread of the owner may have held at the
 * fork. The process has one thread.
 */
static int cap_threads(const struct place *place)
{
	static char texts[CAPS][48];
	size_t count = 0, kept = 0;
	bool openmp = !place->inner_yields || !find_variable(caps[0]);
	char **all;

	while (environ && environ[count])
		count++;
	if (!(all = malloc((count + CAPS + 1) * sizeof(*all))))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (place->inner_yields || !is_cap(environ[i]))
			all[kept++] = environ[i];
	for (size_t i = 0; i < CAPS; i++) {
		if (place->inner_yields && find_variable(caps[i]))
			continue;
		snprintf(texts[i], sizeof(texts[i]), "%s=%u", caps[i], place->inner_threads);
		all[kept++] = texts[i];
	}
	all[kept] = NULL;
	environ = all;
	if (openmp)
		os_tell_openmp(place->inner_threads);
	return 0;
}

static int take_cpu(const struct place *place, unsigned worker)
{
	unsigned cpu = place->cpus[worker % place->cpu_count];
	int r = os_pin(cpu);

	return r ? fail_to(r, worker, "run on CPU", cpu, "") : 0;
}

int place_take(const struct place *place, unsigned worker, bool thread)
{
	int r;

	if (!place)
		return 0;
	if (place->cpus && (r = take_cpu(place, worker)))
		return r;
	if (place->nice && (r = os_add_nice(place->nice, thread)))
		return fail_to(r, worker, "add to its nice level", place->nice, " (see ulimit -e)");
	if (place->oom_score_adj && (r = os_add_oom_score(place->oom_score_adj)))
		return fail_to(r, worker, "add to its oom_score_adj", place->oom_score_adj, " (only root may lower it)");
	if (place->inner_threads && (r = cap_threads(place)))
		return fail_to(r, worker, "limit the threads of libraries to", place->inner_threads, "");
	/* Last, because what comes before takes memory. */
	if (place->address_space && (r = os_limit_address_space(place->address_space)))
		return sheaf_fail(r, "worker %u cannot limit its address space: %s", worker,
				  r == -ENOTSUP ? "this system does not tell how much it has" : strerror(-r));
	return 0;
}

/* ---- the rehearsal ---- */

struct verdict {
	int code;
	char text[300];
};

/* In a child: take the place of each worker that has a CPU of its own. */
static struct verdict rehearse(const struct place *place)
{
	struct verdict verdict = {0};

	for (unsigned worker = 1; worker < place->cpu_count && !verdict.code; worker++)
		verdict.code = take_cpu(place, worker);
	if (!verdict.code)
		verdict.code = place_take(place, 0, false);
	snprintf(verdict.text, sizeof(verdict.text), "%s", verdict.code ? sheaf_message() : "");
	return verdict;
}

_Noreturn static void rehearse_in_child(const struct place *place, int fd)
{
	const struct verdict verdict = rehearse(place);

	_exit(write(fd, &verdict, sizeof(verdict)) != sizeof(verdict));
}

/* Wait for the child, and read what it says. False: it has died. */
static bool hear(pid_t pid, int fd, struct verdict *verdict)
{
	ssize_t size;

	do
		size = read(fd, verdict, sizeof(*verdict));
	while (size < 0 && errno == EINTR);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return size == sizeof(*verdict);
}

int place_rehearse(const struct place *place)
{
	struct forks_fd write_end, read_end;
	struct verdict verdict;
	sigset_t before;
	bool heard = false;
	int r = forks_pipe(&write_end, &read_end);
	pid_t pid;

	if (r)
		return sheaf_fail(r == -EMFILE || r == -ENFILE ? r : -EAGAIN,
				  "cannot make a pipe for the pool: %s (see ulimit -n)", strerror(-r));
	/* Blocked, so that no handler of the host runs in the child. */
	os_block_all_signals(&before);
	pid = forks_fork((const struct forks_fd *const[]){&write_end, NULL});
	if (!pid)
		rehearse_in_child(place, write_end.fd);
	r = pid < 0 ? errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	forks_close(&write_end);
	if (pid > 0)
		heard = hear(pid, read_end.fd, &verdict);
	forks_close(&read_end);
	if (!heard)
		return sheaf_fail(-EAGAIN, "cannot find out whether workers can have their place: %s (see ulimit -u)",
				  r ? strerror(r) : "the child that tried it died");
	verdict.text[sizeof(verdict.text) - 1] = '\0';
	return verdict.code ? sheaf_fail(verdict.code, "%s", verdict.text) : 0;
}
