/*
 * bench.h - the words of the benchmark: what a case is, what competes in it, and what one
 * measurement is told.
 *
 * A *case* measures one operation. Its *contenders* are Sheaf, the peers and, as the floor beneath
 * them, a limit of the machine. One *measurement* runs one contender once, in a process of its own,
 * and answers in nanoseconds per operation. A *round* is one measurement of each contender of a
 * case, one after the other.
 */
#ifndef BENCH_H
#define BENCH_H

#include <sheaf.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MAX_CONTENDERS 10
#define BENCH_MAX_BOUNDS 4
#define BENCH_MAX_OF 4
#define BENCH_MAX_ROUNDS 99

struct bench_contender;

struct bench_job {
	const char *name; /* of the case, with its variant: "imbalance/pareto" */
	unsigned workers; /* processes or threads that work */
	size_t n;         /* operations in one run */
	unsigned repeats; /* timed runs; the answer is their median */
	bool quick;       /* for correctness only: as little work as shows that it works */
	int way;          /* the contender's */
	const struct bench_contender *contender;
};

/*
 * * bench_measure_fn - measure one contender: 0 and *@ns per operation, or what bench_fail() or
 * bench_skip() returned.
 */
typedef int bench_measure_fn(const struct bench_job *job, double *ns);

enum bench_kind {
	BENCH_SHEAF, /* the one that is judged: the first contender of a case */
	/*
	 * Sheaf in another form, as without kills: its supervisor tidies up after it, as after the
	 * first one
	 */
	BENCH_VARIANT,
	BENCH_PEER,
	BENCH_LIMIT,
};

struct bench_contender {
	const char *name;
	enum bench_kind kind;
	bench_measure_fn *measure; /* NULL: there are no more contenders */
	int way;                   /* a parameter of measure(); each case has its own */
	/*
	 * Of a peer: its program, what follows the case's name there, and how the threads of OpenMP
	 * wait. NULL: nothing.
	 */
	const char *program, *variant, *wait_policy;
};

/*
 * What a case must reach. In each round Sheaf's figure is divided by the least figure of those
 * named, and the median of that is at most @most. If none is named, Sheaf's own median is, in the
 * unit of the case. A bound is not judged if none of those it names was measured.
 */
struct bench_bound {
	double most;
	const char *of[BENCH_MAX_OF]; /* names of contenders of the case, up to the first NULL */
};

struct bench_size {
	size_t n;
	unsigned repeats;
};

struct bench_case {
	const char *name; /* "case" or "case/variant" */
	const char *unit;
	double unit_ns;
	const char *what; /* for people */
	/* before its rounds, and after them; or NULL */
	void (*prepare)(const struct bench_case *what, bool quick);
	void (*finish)(void);
	struct bench_size full, quick;
	struct bench_contender contenders[BENCH_MAX_CONTENDERS]; /* Sheaf, peers, limits */
	/* ends at the first whose most is 0 */
	struct bench_bound bounds[BENCH_MAX_BOUNDS];
};

/* Each file of cases has a table of them, which ends with a NULL name. */
extern const struct bench_case cases_metg[], cases_array[], cases_map[], cases_imbalance[], cases_submit[], cases_stream[],
	cases_apply[], cases_small_batch[], cases_fork_join[], cases_waiting[], cases_idle_cpu[], cases_results[],
	cases_handover[], cases_create[], cases_terminate[], cases_attach[], cases_first_touch[], cases_kills[],
	cases_recover[], cases_big_owner[], cases_scale[], cases_growth[], cases_oversubscribed[], cases_cancel[],
	cases_cluster[], cases_steps[], cases_priorities[], cases_nested[], cases_reduce[], cases_data_csv[],
	cases_data_group[], cases_data_sort[], cases_data_resume[], cases_data_npy[], cases_data_copy[];

#define CONTENDER(label, what, fn, parameter)                                        \
	{                                                                            \
		.name = (label), .kind = (what), .measure = (fn), .way = (parameter) \
	}
#define SHEAF(fn, way) CONTENDER("Sheaf", BENCH_SHEAF, fn, way)
#define VARIANT(label, fn, way) CONTENDER(label, BENCH_VARIANT, fn, way)
/* a peer that this program has itself */
#define RIVAL(label, fn, way) CONTENDER(label, BENCH_PEER, fn, way)
#define LIMIT(label, fn, way) CONTENDER(label, BENCH_LIMIT, fn, way)

/*
 * What every task of every case computes, so that each contender does the same work and each
 * position can be checked.
 */
static inline uint64_t bench_expected(uint64_t argument)
{
	return 3 * argument + 1;
}

/*
 * Each contender has these functions at other addresses. A tiny one that crosses a cache line costs
 * a third more, so none does.
 */
#define BENCH_ALIGNED __attribute__((aligned(64)))

/*
 * * bench_task() - *(uint64_t *)@result = bench_expected(*(uint64_t *)@arg); peers call it with a
 * NULL @task.
 */
BENCH_ALIGNED sheaf_task_fn bench_task;

/*
 * * bench_long_task() - the same after about 20 us of CPU. It counts steps, so one that has to wait
 * for its CPU works no less.
 */
BENCH_ALIGNED sheaf_task_fn bench_long_task;

/*
 * How often an item without argument and result has run. On lines of its own, so that items do not
 * share one.
 */
struct bench_count {
	uint64_t n;
	uint64_t rest[15];
};

/*
 * How long every contender of apply-idle is left alone before each call: longer than the runtimes
 * measured here keep spinning.
 */
#define BENCH_IDLE_NS 20000000u

#endif
