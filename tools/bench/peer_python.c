/*
 * peer_python.c - the same work by Python's multiprocessing.Pool, with the python3 that is found in PATH.
 *
 * The script is given to the interpreter as text, so that there is no file to find at run time. It answers on stdout as
 * child.c expects. A task costs thousands of times more here, so fewer are run; the answer is per task all the same.
 */
#include "measure.h"
#include "peers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char python_name[] = "Python multiprocessing.Pool";

static const char script[] = "import sys, time\n"
			     "case, workers, n, repeats, idle = sys.argv[1], *map(int, sys.argv[2:])\n"
			     "try:\n"
			     "    import multiprocessing, statistics\n"
			     "    context = multiprocessing.get_context('fork')\n"
			     "    context.Lock()\n"
			     "except (ImportError, OSError, ValueError) as error:\n"
			     "    print('skip', 'multiprocessing cannot be used here:', error)\n"
			     "    sys.exit()\n"
			     "\n"
			     "def task(x):\n"
			     "    return 3 * x + 1\n"
			     "\n"
			     "def submit_gather(pool):\n"
			     "    return [r.get() for r in [pool.apply_async(task, (x,)) for x in range(n)]]\n"
			     "\n"
			     "def map_grain_1(pool):\n"
			     "    return pool.map(task, range(n), chunksize=1)\n"
			     "\n"
			     "def map_auto(pool):\n"
			     "    return pool.map(task, range(n))\n"
			     "\n"
			     "def apply_idle(pool):\n"
			     "    return [pool.apply(task, (x,)) for x in range(n)]\n"
			     "\n"
			     "def create(pool):\n"
			     "    with context.Pool(workers) as pool:\n"
			     "        results = [pool.apply(task, (0,))]\n"
			     "    pool.join()\n"
			     "    return results\n"
			     "\n"
			     "def measure(run, pool):\n"
			     "    times = []\n"
			     "    for i in range(1 + repeats):\n"
			     "        time.sleep(idle / 1e9)\n"
			     "        start = time.perf_counter()\n"
			     "        results = run(pool)\n"
			     "        times.append(time.perf_counter() - start)\n"
			     "        wrong = [x for x in range(n) if results[x] != 3 * x + 1]\n"
			     "        if wrong or len(results) != n:\n"
			     "            print('fail', len(results), 'results, first wrong positions:', wrong[:3])\n"
			     "            return\n"
			     "    print('ok', statistics.median(times[1:]) / n * 1e9)\n"
			     "\n"
			     "run = globals()[case.replace('-', '_')]\n"
			     "if run is create:\n"
			     "    measure(run, None)\n"
			     "else:\n"
			     "    with context.Pool(workers) as pool:\n"
			     "        measure(run, pool)\n"
			     "    pool.join()\n";

int python_measure(const struct bench_job *job, double *ns)
{
	size_t most = strcmp(job->name, "map-auto") == 0 ? 1000000 : 10000;
	char workers[24], n[24], repeats[24], idle[24];
	int error;

	(void)ns;
	snprintf(workers, sizeof(workers), "%u", job->workers);
	snprintf(n, sizeof(n), "%zu", job->n < most ? job->n : most);
	snprintf(repeats, sizeof(repeats), "%u", job->repeats);
	snprintf(idle, sizeof(idle), "%u", strcmp(job->name, "apply-idle") == 0 ? BENCH_IDLE_NS : 0);
	execlp("python3", "python3", "-I", "-c", script, job->name, workers, n, repeats, idle, (char *)NULL);
	error = errno;
	return error == ENOENT ? bench_skip("python3 was not found in PATH") : bench_skip("python3: %s", strerror(error));
}
