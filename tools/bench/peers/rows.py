"""rows.py - the peers pandas and NumPy: a program "rows.py CASE WORKERS N REPEATS QUICK", see
peer.h."""
import os
import statistics
import sys
import time

DEBIAN = '/usr/bin/python3'  # has the system's modules, where another python3 comes first


class Skip(Exception):
    """This peer cannot run the case here."""


class Fail(Exception):
    """A result is wrong, or there is no such case."""


PRIME = 2147483647


def repeat(run, n, repeats):
    """One run to warm up, then the timed ones: nanoseconds per row, and what the last one gave."""
    times = []
    for _ in range(repeats + 1):
        result = None
        start = time.perf_counter_ns()
        result = run()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times[1:]) / n, result


def mix(numpy, first, count):
    """The same numbers as in data_keys.h."""
    rows = numpy.arange(first + 1, first + 1 + count, dtype=numpy.int64)
    return rows % PRIME * 48271 % PRIME * 69621 % PRIME


def key(numpy, groups, skewed, n):
    number = mix(numpy, 0, n)
    even = number % groups
    return (numpy.where(number % 8 > 0, number // 8 % 3, even) if skewed else even).astype(numpy.int32)


def group(case, n, repeats):
    try:
        import numpy
        import pandas
    except ImportError as error:
        raise Skip('python3 has no pandas') from error
    parts = case.split('-')
    table = pandas.DataFrame({'k': key(numpy, int(float(parts[1])), len(parts) > 2, n),
                              'v': (numpy.arange(n) % 1000).astype(float)})
    ns, sums = repeat(lambda: table.groupby('k')['v'].sum(), n, repeats)
    if sums.sum() != table['v'].sum():
        raise Fail('wrong sums')
    return ns


def argsort(n, repeats):
    try:
        import numpy
    except ImportError as error:
        raise Skip('python3 has no NumPy') from error
    numbers = mix(numpy, 0, n) * 4194304 + mix(numpy, 7, n) % 4194304
    ns, order = repeat(lambda: numpy.argsort(numbers, kind='stable'), n, repeats)
    if (numpy.diff(numbers[order]) < 0).any():
        raise Fail('wrong order')
    return ns


def measure(case, n, repeats):
    if case.startswith('data/group-'):
        return group(case, n, repeats)
    if case == 'data/argsort':
        return argsort(n, repeats)
    raise Fail('rows.py does not know the case ' + case)


def main():
    if len(sys.argv) != 6:
        print('usage: %s CASE WORKERS N REPEATS QUICK: sheaf-bench runs it' % sys.argv[0], file=sys.stderr)
        sys.exit(2)
    try:
        import numpy
        import pandas
        del numpy, pandas
    except ImportError:
        if os.path.exists(DEBIAN) and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN):
            os.execv(DEBIAN, [DEBIAN, '-I'] + sys.argv)
    try:
        print('ok', measure(sys.argv[1], int(sys.argv[3]), int(sys.argv[4])))
    except Skip as reason:
        print('skip', reason)
    except Fail as reason:
        print('fail', reason)


if __name__ == '__main__':
    main()
