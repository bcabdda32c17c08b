/*
 * peer.c - reads what to measure, measures it, answers.
 */
#include "peer.h"

#include "../child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bench_measure_fn *measure_once;

static int measure_times_workers(const struct bench_job *job, double *ns)
{
	int r = measure_once(job, ns);

	*ns *= job->workers;
	return r;
}

int peer_main(int argc, char **argv, const struct peer_case *const *tables)
{
	static const char scale[] = "scale/";
	struct bench_job job;
	bool scaled;

	if (argc != 6) {
		fprintf(stderr, "usage: %s CASE WORKERS N REPEATS QUICK: sheaf-bench runs it\n", argv[0]);
		return 2;
	}
	job = (struct bench_job){
		.name = argv[1],
		.workers = (unsigned)strtoul(argv[2], NULL, 10),
		.n = strtoull(argv[3], NULL, 10),
		.repeats = (unsigned)strtoul(argv[4], NULL, 10),
		.quick = strcmp(argv[5], "1") == 0,
	};
	scaled = strncmp(job.name, scale, strlen(scale)) == 0;
	if (scaled)
		job.name += strlen(scale);
	for (; *tables; tables++) {
		for (const struct peer_case *one = *tables; one->name; one++) {
			size_t length = strlen(one->name);

			if (strncmp(one->name, job.name, length) == 0 && (!job.name[length] || job.name[length] == '/')) {
				measure_once = one->measure;
				child_answer(scaled ? measure_times_workers : measure_once, &job);
				return 0;
			}
		}
	}
	printf("fail %s does not know the case %s\n", argv[0], job.name);
	return 0;
}
