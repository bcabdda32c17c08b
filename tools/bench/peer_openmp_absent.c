/*
 * peer_openmp_absent.c - stands in for peer_openmp.c where the compiler has no OpenMP.
 */
#include "measure.h"
#include "peers.h"

const char openmp_name[] = "OpenMP";

int openmp_submit_gather(const struct bench_job *job, double *ns)
{
	(void)job;
	(void)ns;
	return bench_skip("sheaf-bench was built without OpenMP");
}

int openmp_map_grain_1(const struct bench_job *job, double *ns)
{
	return openmp_submit_gather(job, ns);
}

int openmp_map_auto(const struct bench_job *job, double *ns)
{
	return openmp_submit_gather(job, ns);
}

int openmp_apply_idle(const struct bench_job *job, double *ns)
{
	return openmp_submit_gather(job, ns);
}
