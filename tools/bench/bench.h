/*
 * bench.h - the words of sheaf-bench: what a case is, who competes in it, and what one measurement is told.
 *
 * A *case* measures one operation. Its *contenders* are Sheaf, the peers and, as the floor beneath them, a limit of the machine.
 * One *measurement* runs one contender once, in a process of its own, and answers in nanoseconds per operation. A *round* is one
 * measurement of each contender of a case, one after the other.
 */
#ifndef BENCH_H
#define BENCH_H

#include <sheaf.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MAX_PEERS 10
#define BENCH_MAX_LIMITS 4
#define BENCH_MAX_BOUNDS 4
#define BENCH_MAX_OF 4
#define BENCH_MAX_ROUNDS 99

struct bench_job {
	const char *name; /* of the case, with its variant: "imbalance/pareto" */
	unsigned workers; /* processes or threads that work */
	size_t n;         /* operations in one run */
	unsigned repeats; /* timed runs; the answer is their median */
	bool quick;       /* for correctness only: as little work as shows that it works */
};

/** bench_measure_fn - measure one contender: 0 and *@ns per operation, or what bench_fail() or bench_skip() returned. */
typedef int bench_measure_fn(const struct bench_job *job, double *ns);

struct bench_contender {
	const char *name;
	bench_measure_fn *measure; /* NULL: none */
	bool is_sheaf;             /* Sheaf in another form, as without kills: its supervisor tidies up after it */
};

/*
 * What a case has to reach: the median over the rounds of Sheaf's figure, divided by the least figure of those named in that round, is
 * at most @most. Nobody named: Sheaf's own median, in the unit of the case. A bound that names nobody who was measured is not judged.
 */
struct bench_bound {
	double most;
	const char *of[BENCH_MAX_OF]; /* names of peers or limits of the case, up to the first NULL */
};

struct bench_size {
	size_t n;
	unsigned repeats;
};

struct bench_case {
	const char *name; /* "case" or "case/variant": "sheaf-bench case" runs all its variants */
	const char *unit;
	double unit_ns;
	const char *what; /* for --help */
	struct bench_size full, quick;
	struct bench_contender sheaf;
	struct bench_contender peers[BENCH_MAX_PEERS];   /* ends at the first without a function */
	struct bench_contender limits[BENCH_MAX_LIMITS]; /* so do they; the first one goes into the JSON */
	struct bench_bound bounds[BENCH_MAX_BOUNDS];     /* ends at the first whose most is 0 */
};

extern const struct bench_case case_metg_bag, case_metg_auto, case_metg_fan, case_metg_stencil, case_map_auto_cube,
	case_map_auto_copy, case_map_auto_triad, case_map_item, case_grain_1, case_imbalance_constant,
	case_imbalance_exponential, case_imbalance_outliers, case_imbalance_pareto, case_imbalance_rising,
	case_imbalance_falling, case_submit_gather, case_stream, case_apply_idle, case_apply_idle_calls, case_fork_join_hot,
	case_fork_join_parked, case_waiting_hot, case_waiting_gaps, case_waiting_twice, case_waiting_hogs,
	case_waiting_idle_cpu, case_results_1m, case_handover, case_create, case_create_1gib, case_first_touch,
	case_safety_tax_1, case_safety_tax_64, case_kills, case_kills_map, case_recover_p50, case_recover_p99, case_scale_tasks,
	case_scale_grain_1, case_scale_map_auto, case_growth_1e3, case_growth_1e4, case_growth_1e5, case_growth_1e6,
	case_growth_1e7, case_growth_1e8, case_growth_1e9, case_growth_memory, case_oversubscribed_workers,
	case_oversubscribed_idle_pool, case_oversubscribed_busy_pool, case_big_owner_create, case_big_owner_worker,
	case_big_owner_supervisor, case_big_owner_destroy;

/* What every task of every case computes, so that each contender does the same work and each position can be checked. */
static inline uint64_t bench_expected(uint64_t argument)
{
	return 3 * argument + 1;
}

/* Each contender has these functions at other addresses. A tiny one that crosses a cache line costs a third more, so none does. */
#define BENCH_ALIGNED __attribute__((aligned(64)))

/** bench_task() - *(uint64_t *)@result = bench_expected(*(uint64_t *)@arg); peers call it with a NULL @task. */
BENCH_ALIGNED sheaf_task_fn bench_task;

/** bench_long_task() - the same after about 20 us of CPU. It counts steps, so one that has to wait for its CPU works no less. */
BENCH_ALIGNED sheaf_task_fn bench_long_task;

/* How often an item without argument and result has run. On lines of its own, so that items do not share one. */
struct bench_count {
	uint64_t n;
	uint64_t rest[15];
};

extern const char *bench_program; /* how this program was called */

/* How long every contender of apply-idle is left alone before each call: longer than the runtimes measured here keep spinning. */
#define BENCH_IDLE_NS 20000000u

/* Bytes of each result of results-1M. */
#define BENCH_RESULT_SIZE 100

#endif
