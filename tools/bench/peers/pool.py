"""pool.py - the peer multiprocessing.Pool: a program "pool.py CASE WORKERS N REPEATS QUICK",
see peer.h.

A task costs thousands of times more here than in C, so fewer are run; the answer is per task
all the same.
"""
import array
import collections
import statistics
import sys
import time

IDLE_S = 0.02  # BENCH_IDLE_NS
ENOUGH_NS = 1500000000
MOST_ALONE = 5000  # so many tasks, each a message of its own, take about a second at the most
MOST_IN_CHUNKS = 1000000  # so many take as long in chunks

Job = collections.namedtuple('Job', 'case workers n repeats quick')


class Skip(Exception):
    """This peer cannot run the case here."""


class Fail(Exception):
    """A result is wrong, or there is no such case."""


# ---- the tasks ----


def task(x):
    """What bench_task() computes."""
    return 3 * x + 1


def steps(work):
    """So many steps, and a result that shows that they were made."""
    x, count = work
    for _ in range(count):
        x += 3
    return x


def cube(part):
    """Of a number, or of each in an array."""
    if isinstance(part, array.array):
        return array.array('d', [x * x * x for x in part])
    return part * part * part


def total(part):
    return sum(part) if isinstance(part, array.array) else float(part.sum())


# ---- measuring ----


def check(results, expected):
    if len(results) != len(expected):
        raise Fail('%d results instead of %d' % (len(results), len(expected)))
    for position, (result, right) in enumerate(zip(results, expected)):
        if result != right:
            raise Fail('wrong result at position %d: %r instead of %r' % (position, result, right))


def timed(run):
    start = time.perf_counter_ns()
    results = run()
    return time.perf_counter_ns() - start, results


def repeat(job, n, run, expected, rest=0, read=list):
    """As bench_repeat(): one run of n operations to warm up, then the timed ones; fewer than
    asked for if they take long.

    What read() makes of the results is checked.
    """
    times = []
    while len(times) < 2 or (len(times) <= job.repeats and sum(times[1:]) < ENOUGH_NS):
        time.sleep(rest)
        ns, results = timed(run)
        check(read(results), expected)
        times.append(ns)
    return statistics.median(times[1:]) / n


def alone(job):
    return range(min(job.n, 100 if job.quick else MOST_ALONE))


def in_chunks(job):
    return range(min(job.n, 1000 if job.quick else MOST_IN_CHUNKS))


def doubles(n):
    """0.0, 1.0, 2.0 and so on in the fastest kind of array that is there."""
    try:
        import numpy
    except ImportError:
        return array.array('d', range(n))
    return numpy.arange(n, dtype=float)


# ---- the cases in a pool ----


def submit(pool, numbers):
    return [result.get() for result in [pool.apply_async(task, (x,)) for x in numbers]]


def submit_gather(job, pool):
    numbers = alone(job)
    return repeat(job, len(numbers), lambda: submit(pool, numbers), [3 * x + 1 for x in numbers])


def grain_1(job, pool):
    numbers = alone(job)
    return repeat(job, len(numbers), lambda: pool.map(task, numbers, 1), [3 * x + 1 for x in numbers])


def map_cube(job, pool):
    """An array goes to the workers in parts: four for each of them, as in Pool.map()."""
    values = doubles(min(job.n, 10000 if job.quick else 1000000))
    size = -(-len(values) // (4 * job.workers))

    def run():
        return pool.map(cube, [values[i : i + size] for i in range(0, len(values), size)], 1)

    return repeat(job, len(values), run, list(cube(values)), read=lambda parts: [x for part in parts for x in part])


def map_item(job, pool):
    values = [float(x) for x in in_chunks(job)]
    return repeat(job, len(values), lambda: pool.map(cube, values, None), [cube(x) for x in values])


def apply_idle(job, pool):
    return repeat(job, 1, lambda: [pool.apply(task, (7,))], [22], rest=IDLE_S)


def fork_join_parked(job, pool):
    numbers = range(job.workers)
    return repeat(job, 1, lambda: pool.map(task, numbers, 1), [3 * x + 1 for x in numbers], rest=IDLE_S)


def handover(job, pool):
    """64 MiB of doubles; their sum is exact."""
    values = doubles((1 if job.quick else 64) * 1024 * 1024 // 8)
    return repeat(job, 1, lambda: [pool.apply(total, (values,))], [len(values) * (len(values) - 1) // 2])


def metg_bag(job, pool):
    """The granularity (wall time x workers / tasks) at which half of the time goes into steps.
    See metg.c.

    The useful time of a task is what its steps take in tasks so long that nothing else counts,
    run right before it. A task without steps is all loss, so the tasks are doubled from well
    below the time that it takes, until at most half is lost.
    """
    long, tasks = (10000, 100) if job.quick else (50000, 1000)

    def granularity(count, tasks):
        work = [(x, count) for x in range(tasks)]
        ns, results = timed(lambda: pool.map(steps, work, 1))
        check(results, [x + 3 * count for x in range(tasks)])
        return ns * job.workers / tasks

    def step():
        return granularity(long, 16 * job.workers) / long

    step()  # to warm up
    small = loss = granularity(0, tasks)
    count = max(1, int(small / step() / 4))
    while True:
        useful = count * step()
        large = granularity(count, tasks)
        if large <= 2 * useful:
            return small + (large - small) * loss / (loss + 2 * useful - large)
        small, loss = large, large - 2 * useful
        count *= 2


in_a_pool = {
    'submit-gather': submit_gather,
    'grain-1': grain_1,
    'map-auto/cube': map_cube,
    'map-item': map_item,
    'apply-idle': apply_idle,
    'fork-join-parked': fork_join_parked,
    'handover': handover,
    'metg-bag': metg_bag,
}


def create(job):
    """A pool's whole life."""

    def run():
        pool = start(job.workers)
        results = [pool.apply(task, (7,))]
        end(pool)
        return results

    return repeat(job, 1, run, [22])


# ---- the program ----


def start(workers):
    """Workers are forks: the cheapest to start and, before Python 3.14, the usual ones on Linux."""
    try:
        import multiprocessing

        context = multiprocessing.get_context('fork')
        context.Lock()
    except (ImportError, OSError, ValueError) as error:
        raise Skip('multiprocessing cannot be used here: %s' % error) from error
    return context.Pool(workers)


def end(pool):
    pool.terminate()
    pool.join()


def measure(job):
    if job.case == 'create':
        return create(job)
    if job.case not in in_a_pool:
        raise Fail('%s does not know the case %s' % (sys.argv[0], job.case))
    pool = start(job.workers)
    try:
        return in_a_pool[job.case](job, pool)
    finally:
        end(pool)


def main():
    if len(sys.argv) != 6:
        print('usage: %s CASE WORKERS N REPEATS QUICK: sheaf-bench runs it' % sys.argv[0], file=sys.stderr)
        sys.exit(2)
    workers, n, repeats = map(int, sys.argv[2:5])
    try:
        print('ok', measure(Job(sys.argv[1], workers, n, repeats, sys.argv[5] == '1')))
    except Skip as reason:
        print('skip', reason)
    except Fail as reason:
        print('fail', reason)


if __name__ == '__main__':
    main()
