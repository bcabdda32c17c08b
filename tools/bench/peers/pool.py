"""pool.py - the cases by Python's multiprocessing.Pool: "pool.py CASE WORKERS N REPEATS QUICK", see peer.h.

A task costs thousands of times more here, so fewer are run; the answer is per task all the same.
"""
import sys
import time

try:
    import multiprocessing
    import statistics

    context = multiprocessing.get_context('fork')
    context.Lock()
except (ImportError, OSError, ValueError) as error:
    print('skip multiprocessing cannot be used here:', error)
    sys.exit()

IDLE_S = 0.02
case, workers, n, repeats = sys.argv[1], *map(int, sys.argv[2:5])


def task(x):
    return 3 * x + 1


def submit_gather(pool):
    return [r.get() for r in [pool.apply_async(task, (x,)) for x in range(n)]]


def grain_1(pool):
    return pool.map(task, range(n), chunksize=1)


def map_auto(pool):
    return pool.map(task, range(n))


def apply_idle(pool):
    return [pool.apply(task, (x,)) for x in range(n)]


def create(pool):
    with context.Pool(workers) as pool:
        results = [pool.apply(task, (0,))]
    pool.join()
    return results


# Name of the case: what runs it, the most operations, seconds of rest before each run.
cases = {
    'submit-gather': (submit_gather, 10000, 0),
    'grain-1': (grain_1, 10000, 0),
    'map-auto': (map_auto, 1000000, 0),
    'apply-idle': (apply_idle, 1, IDLE_S),
    'create': (create, 1, 0),
}


def measure(run, rest, pool):
    times = []
    for _ in range(1 + repeats):
        time.sleep(rest)
        start = time.perf_counter()
        results = run(pool)
        times.append(time.perf_counter() - start)
        wrong = [x for x in range(n) if results[x] != 3 * x + 1]
        if wrong or len(results) != n:
            print('fail', len(results), 'results, first wrong positions:', wrong[:3])
            return
    print('ok', statistics.median(times[1:]) / n * 1e9)


run, most, rest = cases[case]
n = min(n, most)
if run is create:
    measure(run, rest, None)
else:
    with context.Pool(workers) as pool:
        measure(run, rest, pool)
    pool.join()
