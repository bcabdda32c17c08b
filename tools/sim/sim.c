/*
 * sim.c - the program sheaf-sim: prints what the model says of clusters of several sizes.
 *
 * A job is a row of a table. Options change all of them. Every parameter is printed, so that a
 * figure can be had again.
 */
#include "model.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SIZES 16

static const struct job {
	const char *name, *what;
	uint64_t work_ns; /* of each worker */
	unsigned slow_percent, slow_times;
	uint64_t result_bytes;
	double bandwidth; /* 0: as the model has it */
	double bound;     /* of the efficiency at 1,000 nodes with the defaults; 0: none */
} jobs[] = {
	{"plain", "10 s of work", 10000000000, 0, 1, 0, 0, 0.95},
	{"slow", "10 s, 1 % of items 20 times longer", 10000000000, 1, 20, 0, 0, 0.90},
	{"short", "1 s of work", 1000000000, 0, 1, 0, 0, 0.90},
	{"results", "10 s, results of 1 KiB to the root", 10000000000, 0, 1, 1024, 1.25, 0},
	{"results-fast", "the same, by links of 12.5 GB/s", 10000000000, 0, 1, 1024, 12.5, 0},
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

static struct settings {
	struct model model;
	unsigned sizes[MOST_SIZES], count;
	const char *job; /* NULL: all */
	bool json, check;
	/* Of all jobs; 0: each has its own. */
	uint64_t work_ms;
} set = {.sizes = {1, 10, 100, 1000}, .count = 4};

static const char help[] =
	"Usage: sheaf-sim [OPTION]...\n"
	"\n"
	"Says by a model how well a cluster of many nodes would be used: the work of all items, as a part of\n"
	"what all workers could have done until the last rank has returned from sheaf_cluster_map().\n"
	"\n"
	"  --job NAME           only this one: plain, slow, short, results, results-fast\n"
	"  --nodes LIST         1,10,100,1000: with commas between\n"
	"  --workers N          64: of each node\n"
	"  --work-ms N          of each worker; each job has its own\n"
	"  --item-us N          10000: an item takes between half of it and one and a half\n"
	"  --seed N             1\n"
	"  --service-ns N       15000: of the root for a claim: cluster/served-tcp of sheaf-bench\n"
	"  --latency-ns N       25000\n"
	"  --bandwidth GB/S     1.25: of each link\n"
	"  --copy GB/S          of the root, from packets to results; else it takes no time\n"
	"  --look-ns N          1000: of a rank, at all that may have happened\n"
	"  --slack-ns N         60000: by which a sleep takes longer\n"
	"  --wake-ns N          50000: until the end of a batch has woken the owner\n"
	"  --start-ns N         10000: to begin a batch\n"
	"  --check              fail unless 1,000 nodes reach the bounds of the jobs\n"
	"  --json               for programs\n"
	"  --help\n";

static int fail(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "sheaf-sim: %s%s%s: give %s; --help tells more\n", option, value ? " " : "", value ? value : "",
		wanted);
	return 2;
}

/* ---- options ---- */

static bool read_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *number <= UINT64_C(1000000000000000);
}

static bool read_speed(const char *text, double *speed)
{
	char *end;

	*speed = strtod(text, &end);
	return end != text && !*end && *speed > 0 && *speed < 1e6;
}

static bool read_sizes(const char *text)
{
	set.count = 0;
	for (;;) {
		char *end;
		unsigned long size = strtoul(text, &end, 10);

		if (*text < '1' || *text > '9' || size > 1000000 || set.count == MOST_SIZES || (*end && *end != ','))
			return false;
		set.sizes[set.count++] = (unsigned)size;
		if (!*end)
			return true;
		text = end + 1;
	}
}

static bool is_job(const char *name)
{
	for (size_t j = 0; j < JOBS; j++)
		if (strcmp(name, jobs[j].name) == 0)
			return true;
	return false;
}

/* 0: it is done; 2: it is wrong. */
static int take_option(const char *option, const char *value)
{
	struct {
		const char *name;
		uint64_t *number, unit, least, most;
	} numbers[] = {
		{"--work-ms", &set.work_ms, 1, 1, 1000000000},
		{"--item-us", &set.model.items.mean_ns, 1000, 1, 1000000000},
		{"--seed", &set.model.items.seed, 1, 0, UINT64_MAX},
		{"--service-ns", &set.model.service_ns, 1, 0, 1000000000},
		{"--latency-ns", &set.model.latency_ns, 1, 0, 1000000000},
		{"--look-ns", &set.model.look_ns, 1, 1, 1000000000},
		{"--slack-ns", &set.model.slack_ns, 1, 0, 1000000000},
		{"--wake-ns", &set.model.wake_ns, 1, 0, 1000000000},
		{"--start-ns", &set.model.start_ns, 1, 0, 1000000000},
	};
	uint64_t workers = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t number;

		if (strcmp(option, numbers[i].name) != 0)
			continue;
		if (!value || !read_number(value, &number) || number < numbers[i].least || number > numbers[i].most)
			return fail(option, value, "a number that makes sense");
		*numbers[i].number = number * numbers[i].unit;
		return 0;
	}
	if (strcmp(option, "--workers") == 0) {
		if (!value || !read_number(value, &workers) || !workers || workers > 2048)
			return fail(option, value, "a number from 1 to 2048");
		set.model.workers = (unsigned)workers;
	} else if (strcmp(option, "--bandwidth") == 0 || strcmp(option, "--copy") == 0) {
		if (!value || !read_speed(value, option[2] == 'b' ? &set.model.bandwidth : &set.model.copy))
			return fail(option, value, "GB per second");
	} else if (strcmp(option, "--nodes") == 0) {
		if (!value || !read_sizes(value))
			return fail(option, value, "up to 16 numbers with commas between");
	} else if (strcmp(option, "--job") == 0) {
		if (!value || !is_job(value))
			return fail(option, value, "plain, slow, short, results or results-fast");
		set.job = value;
	} else {
		return fail(option, NULL, "an option that there is");
	}
	return 0;
}

/* ---- runs ---- */

static void print_parameters(void)
{
	const struct model *m = &set.model;

	printf("%u workers of each node; items of %llu us, 0.5 to 1.5 times that, seed %llu\n", m->workers,
	       (unsigned long long)m->items.mean_ns / 1000, (unsigned long long)m->items.seed);
	printf("root: %llu ns for a claim", (unsigned long long)m->service_ns);
	if (m->copy > 0)
		printf(", results copied at %g GB/s", m->copy);
	printf("; network: %llu ns, %g GB/s\n", (unsigned long long)m->latency_ns, m->bandwidth);
	printf("owner: a look %llu ns, a sleep %llu ns longer, woken in %llu ns, a batch begun in %llu ns\n\n",
	       (unsigned long long)m->look_ns, (unsigned long long)m->slack_ns, (unsigned long long)m->wake_ns,
	       (unsigned long long)m->start_ns);
	printf("%-36s %6s %10s %9s %8s %10s\n", "job", "nodes", "efficiency", "wall s", "chunks", "root busy");
}

static void print_row(const struct job *job, const struct model *m, const struct outcome *o, bool first)
{
	double wall_s = (double)o->wall_ns / 1e9, busy = (double)o->root_ns / (double)o->wall_ns;

	if (!set.json) {
		printf("%-36s %6u %10.4f %9.4f %8llu %9.1f%%\n", job->what, m->nodes, o->efficiency, wall_s,
		       (unsigned long long)o->chunks, 100 * busy);
		return;
	}
	printf("%s\n  {\"job\": \"%s\", \"nodes\": %u, \"workers\": %u, \"positions\": %llu, \"efficiency\": %.6f, "
	       "\"wall_s\": %.6f, \"chunks\": %llu, \"root_busy\": %.6f, ",
	       first ? "[" : ",", job->name, m->nodes, m->workers, (unsigned long long)m->n, o->efficiency, wall_s,
	       (unsigned long long)o->chunks, busy);
	printf("\"item_ns\": %llu, \"slow_percent\": %u, \"slow_times\": %u, \"result_bytes\": %llu, \"seed\": %llu, ",
	       (unsigned long long)m->items.mean_ns, m->items.slow_percent, m->items.slow_times,
	       (unsigned long long)m->result_bytes, (unsigned long long)m->items.seed);
	printf("\"service_ns\": %llu, \"latency_ns\": %llu, \"bandwidth\": %g, \"copy\": %g, \"look_ns\": %llu, \"slack_ns\": "
	       "%llu, \"wake_ns\": %llu, \"start_ns\": %llu}",
	       (unsigned long long)m->service_ns, (unsigned long long)m->latency_ns, m->bandwidth, m->copy,
	       (unsigned long long)m->look_ns, (unsigned long long)m->slack_ns, (unsigned long long)m->wake_ns,
	       (unsigned long long)m->start_ns);
}

/* Run a job on a cluster. 0; 1: it has failed, or does not reach its bound. */
static int run_job(const struct job *job, unsigned nodes, bool first)
{
	struct model model = set.model;
	struct outcome outcome;
	uint64_t work_ns = set.work_ms ? set.work_ms * 1000000 : job->work_ns;
	int r;

	model.nodes = nodes;
	model.items.slow_percent = job->slow_percent;
	model.items.slow_times = job->slow_times;
	model.result_bytes = job->result_bytes;
	if (job->bandwidth > 0)
		model.bandwidth = job->bandwidth;
	model.n = items_count(&model.items, work_ns) * model.nodes * model.workers;
	if ((r = model_run(&model, &outcome))) {
		fprintf(stderr, "sheaf-sim: %s, %u nodes: %s\n", job->name, nodes, strerror(-r));
		return 1;
	}
	print_row(job, &model, &outcome, first);
	if (outcome.done != model.n) {
		fprintf(stderr, "sheaf-sim: %s, %u nodes: only %llu of %llu positions are done\n", job->name, nodes,
			(unsigned long long)outcome.done, (unsigned long long)model.n);
		return 1;
	}
	if (!set.check || nodes != 1000 || outcome.efficiency >= job->bound)
		return 0;
	fprintf(stderr, "sheaf-sim: %s: the efficiency is below %g\n", job->name, job->bound);
	return 1;
}

int main(int argc, char **argv)
{
	bool first = true;
	int r = 0;

	model_defaults(&set.model);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return fputs(help, stdout) < 0;
		if (strcmp(argv[i], "--json") == 0)
			set.json = true;
		else if (strcmp(argv[i], "--check") == 0)
			set.check = true;
		else if ((r = take_option(argv[i], argv[i + 1])))
			return r;
		else
			i++;
	}
	if (!set.json)
		print_parameters();
	for (size_t j = 0; j < JOBS; j++)
		for (unsigned s = 0; s < set.count; s++) {
			if (set.job && strcmp(set.job, jobs[j].name) != 0)
				continue;
			r |= run_job(&jobs[j], set.sizes[s], first);
			r |= fflush(stdout) != 0;
			first = false;
		}
	if (set.json)
		printf("\n]\n");
	return r;
}
