/*
 * sheaf_mpi.h - maps over the nodes of a cluster: one queue of positions, all cores of all
 * machines. An optional library, libsheaf-mpi, on MPI.
 *
 * Contents
 *   Clusters  sheaf_cluster_options, sheaf_cluster_start, _create, _destroy, _pool, _rank, _ranks,
 *             _workers, _survives
 *   Fan out   sheaf_cluster_map_options, sheaf_cluster_map, _for, _collect, _broadcast
 *
 * Cluster   A *cluster* is the ranks of an MPI communicator, each with a pool of its own: one rank
 *           per node. Rank 0 is the *root*. It gives chunks of positions out to all ranks, itself
 *           included, and each rank's workers cut a chunk as they cut any map. The same program
 *           runs on all ranks. One rank alone, also without mpirun, is a cluster, too.
 *
 * Calls     All functions that take a cluster are collective, but _pool, _rank, _ranks and
 *           _workers: all ranks call them in the same order, with the same arguments, but for
 *           addresses. Each rank passes its own fn: no address travels. MPI is used by the calling
 *           thread alone, which has to be the one that has called MPI_Init() unless MPI has more
 *           than MPI_THREAD_FUNNELED. While a call waits, it sleeps.
 *
 * Tasks     Workers see the globals of their rank as they were when its pool was created. What
 *           changes later has to be in shared memory (sheaf_alloc()) or in the context. Tasks must
 *           not call MPI. They are told positions of [0, n), whichever rank runs them, so random
 *           numbers, results and codes are the same for any number of ranks and workers.
 *
 * Deaths    Of a worker or a supervisor: as in sheaf.h, inside its node. Of a rank, or of mpirun:
 *           the job ends, and with it all workers of all nodes. With an MPI that has ULFM (Open MPI
 *           5: mpirun --with-ft ulfm) the others go on when a rank dies, but the root: they do what
 *           it had, results and code are the same, and it is missing from then on. Numbers of ranks
 *           do not change. What it has kept for itself after a call is gone. A death while a
 *           cluster is created, or begins to end, may end the job. (explanation/cluster.md)
 *
 * Order     Create the pool before MPI_Init(), or call sheaf_cluster_start(). Processes that are
 *           forked after it may have memory that the network uses for the owner.
 *
 * Returns   As in sheaf.h; all ranks return the same code, and sheaf_message() says the same at
 *           each. A failure of one rank is that of all: its message begins with "rank R: ". All
 *           collective calls can return:
 *             -EINVAL           also: MPI does not run (returned by this rank alone), or ranks have
 *                               passed different arguments: the message names the argument, its
 *                               values, and the lowest rank that differs from the root
 *             -EIO              MPI has failed: the message has its text. The cluster can no longer
 *                               be used
 *           and what one rank's pool returns: -EPERM, -EINTR, -EPIPE, -ECANCELED, -ENOTRECOVERABLE,
 *           -EOWNERDEAD, -EBADF, -ENOSPC, -ENOMEM, -ENOTSUP. (howto/run-on-a-cluster.md)
 */
#ifndef SHEAF_MPI_H
#define SHEAF_MPI_H

#include <mpi.h>

#include "sheaf.h"
#include "sheaf_resume.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sheaf_cluster sheaf_cluster;

/* ---- Clusters ---- A zeroed options struct, or NULL for the whole, means the defaults. */

typedef struct sheaf_cluster_options {
	/* called at the root with one sentence, if ranks may use fewer CPUs than their node has, or
	 * have more workers than it has CPUs; NULL: it is printed to stderr */
	void (*warn)(void *warn_context, const char *text);
	void *warn_context;
} sheaf_cluster_options;

/**
 * sheaf_cluster_start() - create a pool, begin MPI and create a cluster of MPI_COMM_WORLD
 * @cluster: out: end it with sheaf_cluster_destroy(), which ends MPI and the pool, too
 * @argc, @argv: those of main(), or NULL
 * @options: of the pool; NULL: the defaults
 *
 * Return: 0; the errors of sheaf_pool_create(), of whichever rank; -EINVAL (also: MPI runs already,
 *         or has ended: use sheaf_cluster_create()), -EIO. After an error MPI has ended.
 */
SHEAF_API int sheaf_cluster_start(sheaf_cluster **cluster, int *argc, char ***argv, const sheaf_pool_options *options);

/**
 * sheaf_cluster_create() - make a cluster of a communicator's ranks, for hosts that use MPI
 * @cluster: out: end it with sheaf_cluster_destroy()
 * @pool:    this rank's. It has to live longer than the cluster. No other thread may be using it
 *           during collective calls
 * @comm:    an intracommunicator. It is duplicated, so that messages of the host do not mix with
 *           those of the cluster
 *
 * Return: 0; -EINVAL (also: MPI does not run, or the calling thread may not use it); -EIO, -ENOMEM;
 *         what a rank's pool returns, as above.
 */
SHEAF_API int sheaf_cluster_create(sheaf_cluster **cluster, sheaf_pool *pool, MPI_Comm comm,
				   const sheaf_cluster_options *options);

/** sheaf_cluster_destroy() - end a cluster; NULL is fine. Waits for all ranks. */
SHEAF_API void sheaf_cluster_destroy(sheaf_cluster *cluster);

/*
 * This rank's pool, and its number; how many ranks there are, without those that had died when the
 * last collective call ended; how many workers these have together. Of NULL: NULL; -EINVAL; 0; 0.
 */
SHEAF_API sheaf_pool *sheaf_cluster_pool(sheaf_cluster *cluster);
SHEAF_API int sheaf_cluster_rank(const sheaf_cluster *cluster);
SHEAF_API int sheaf_cluster_ranks(const sheaf_cluster *cluster);
SHEAF_API unsigned sheaf_cluster_workers(const sheaf_cluster *cluster);

/* Do the others go on when a rank dies, but the root? See "Deaths" above. Of NULL: false. */
SHEAF_API bool sheaf_cluster_survives(const sheaf_cluster *cluster);

/* ---- Fan out and wait ---- */

/* Where the items of a map are. */
enum sheaf_cluster_input {
	SHEAF_INPUT_EVERYWHERE = 0, /* each rank has all of them */
	SHEAF_INPUT_AT_ROOT = 1,    /* the root has them: each chunk travels with its claim */
};

/* Where the results of a map go. */
enum sheaf_cluster_results {
	SHEAF_RESULTS_AT_ROOT = 0,    /* the root has all, by position */
	SHEAF_RESULTS_EVERYWHERE = 1, /* so has each rank */
	SHEAF_RESULTS_WHERE_MADE = 2, /* each rank has those of the ranges that it has run */
	SHEAF_RESULTS_IN_FILE = 3,    /* each rank writes its own to a file, at their offset */
};

/* Positions from begin up to but without end. */
typedef struct sheaf_cluster_range {
	uint64_t begin, end;
} sheaf_cluster_range;

typedef struct sheaf_cluster_map_options {
	enum sheaf_cluster_input input;
	enum sheaf_cluster_results results;
	/* of results in a file: its path, which means the same file on all nodes */
	const char *path;
	/* NumPy's name for the type of a result's items, such as "<f8": the file is an .npy file.
	 * NULL: it has the results alone */
	const char *dtype;
	/* of results where they were made: out: the ranges of this rank in ascending order, to
	 * free(), and how many; or NULL */
	sheaf_cluster_range **ranges;
	size_t *range_count;
	/* as in sheaf_map_options */
	size_t grain;
	const void *context;
	size_t context_size;
	unsigned max_attempts;
	uint64_t task_timeout_ns;
	/* of collect: bytes of results that wait at the root for lower positions; 0: 256 MiB. No
	 * new chunk begins while more are expected, but for those in hand: two for each rank, or
	 * three while its workers are idle */
	size_t window;
	/*
	 * Of a map or a loop: a journal's path, or NULL. What an earlier run has done is taken from
	 * it, with its results, and each chunk is noted when it is done. The root opens and closes
	 * it. It is that of a job with the same name, n, sizes, placement of results, dtype, and
	 * bytes of the input, all of which are hashed. The name, of any length, stands for the rest
	 * that results depend on: the function, its version, and what it reads beside the input
	 */
	const char *checkpoint;
	const char *checkpoint_name;
	/* instead, at the root alone: a journal that is open, with an identity of your own */
	sheaf_journal *journal;
	/* called at the root, some ten times a second and once at the end; or NULL */
	void (*progress)(void *progress_context, const sheaf_progress *progress);
	void *progress_context;
} sheaf_cluster_map_options;

/**
 * sheaf_cluster_map() - run fn(&in[i], &out[i]) for each position i of [0, n), on all ranks
 * sheaf_cluster_for() - run fn over ranges of positions that together are [0, n), on all ranks
 * @in:      n items of in_size bytes in shared memory, at each rank, or at the root alone
 * @out:     n items of out_size bytes in shared memory where results go: at the root, or at each
 *           rank; elsewhere it may be NULL. Each item is cleared before its task runs
 * @context: of a loop: as of sheaf_for(), each rank has its own
 * @options: the same at all ranks, but for pointers. A loop knows grain, context_size,
 *           max_attempts, task_timeout_ns, ranges, checkpoint, journal and progress
 *
 * n = 0 does nothing. If positions failed, the status of the lowest one is returned. The message
 * names it, with its reason and the number of the others. All other results are valid.
 *
 * A rank that has no memory for its part takes no chunks: the others do all of the work, and the
 * code is that rank's -ENOSPC or -ENOMEM if it would have been 0. If a rank's pool stops, is closed
 * or interrupted, all ranks stop, and that code is returned.
 *
 * All ranks have written and closed a file of results when the call returns. Positions that a node
 * could not write fail with the reason (-ENOSPC, -EDQUOT, -EFBIG, -EIO). If a rank cannot open the
 * file, all return why.
 *
 * With a checkpoint a job that was killed goes on, with any number of ranks. Only the chunks that
 * ranks had in hand are done again, two of each rank at most, and those with a position that
 * failed. A file of results must be the one that the earlier run has written. A job that is done
 * leaves the checkpoint, so that the next call only takes results from it: remove it when you need
 * them no longer. An identity of your own has to stand for n and out_size, too. With a journal of
 * your own up to three chunks of each rank are done again.
 * Return: 0; the status of the lowest position that failed; -EFAULT (an array does not lie wholly
 *         in one allocation of that rank's pool); -EOVERFLOW (a size does not fit, or n is above
 *         2^45); -EINVAL, -EIO, and what a rank's pool returns; of the file, what open() and
 *         write() return, and -ESTALE (the journal has results that it has not); of the checkpoint,
 *         what sheaf_journal_open(), _each(), _append() and _close() return, as -ESTALE (it is of
 *         another job or input) and -EBUSY (the root of the run before it has not ended yet).
 */
SHEAF_API int sheaf_cluster_map(sheaf_cluster *cluster, sheaf_task_fn *fn, const void *in, size_t in_size, void *out,
				size_t out_size, size_t n, const sheaf_cluster_map_options *options);
SHEAF_API int sheaf_cluster_for(sheaf_cluster *cluster, sheaf_range_fn *fn, void *context, size_t n,
				const sheaf_cluster_map_options *options);

/**
 * sheaf_result_fn - use one result, at the root
 * @result: valid until the function returns. Its pid is of another machine, and it has no times, no
 *          backtrace and no fault address
 *
 * Return: 0: go on; any other value: stop.
 */
typedef int sheaf_result_fn(void *context, const sheaf_result *result);

/**
 * sheaf_cluster_collect() - run fn for each position, and get results of any size in their order
 * @in:   as of sheaf_cluster_map()
 * @each: called at the root in the order of positions, for each of them, also those that failed.
 *        What a task gave by sheaf_task_result() is the result's data
 *
 * Positions are single tasks, as of sheaf_submit(), which costs more than a map. If @each returns
 * another value than 0, all ranks stop, and that value is returned.
 * Return: as sheaf_cluster_map(); what @each returned.
 */
SHEAF_API int sheaf_cluster_collect(sheaf_cluster *cluster, sheaf_task_fn *fn, const void *in, size_t in_size, size_t n,
				    sheaf_result_fn *each, void *each_context, const sheaf_cluster_map_options *options);

/**
 * sheaf_cluster_broadcast() - copy the root's bytes to each rank, once per node
 * @memory: size bytes. Elsewhere than at the root they are written: in shared memory, which workers
 *          see, or any other
 *
 * Return: 0; -EINVAL, -EIO.
 */
SHEAF_API int sheaf_cluster_broadcast(sheaf_cluster *cluster, void *memory, size_t size);

#ifdef __cplusplus
}
#endif

#endif
