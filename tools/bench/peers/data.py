"""data.py - the peer pandas: a program "data.py CASE WORKERS N REPEATS QUICK", see peer.h."""
import os
import statistics
import sys
import time


class Skip(Exception):
    """This peer cannot run the case here."""


class Fail(Exception):
    """A result is wrong, or there is no such case."""


def repeat(run, n, repeats):
    """One run to warm up, then the timed ones: nanoseconds per row, and what the last one gave."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter_ns()
        result = run()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times[1:]) / n, result


def measure(case, n, repeats):
    if case != 'data/csv-read':
        raise Fail('%s does not know the case %s' % (sys.argv[0], case))
    try:
        import pandas
    except ImportError as error:
        raise Skip('python3 has no pandas') from error
    name = os.environ.get('SHEAF_BENCH_FILE')
    if not name:
        raise Skip('the file could not be written')
    ns, table = repeat(lambda: pandas.read_csv(name), n, repeats)
    if len(table) != n or int(table['id'].sum()) != n * (n - 1) // 2:
        raise Fail('wrong table')
    return ns


def main():
    if len(sys.argv) != 6:
        print('usage: %s CASE WORKERS N REPEATS QUICK: sheaf-bench runs it' % sys.argv[0], file=sys.stderr)
        sys.exit(2)
    try:
        print('ok', measure(sys.argv[1], int(sys.argv[3]), int(sys.argv[4])))
    except Skip as reason:
        print('skip', reason)
    except Fail as reason:
        print('fail', reason)


if __name__ == '__main__':
    main()
