"""arrays.py - the peers NumPy and joblib over arrays: a program "arrays.py CASE WORKERS N REPEATS
QUICK", see peer.h."""
import os
import statistics
import sys
import time

DEBIAN = '/usr/bin/python3'  # has the system's modules, where another python3 comes first
BLOCK = 65536  # so many items at once stay in the cache


class Skip(Exception):
    """This peer cannot run the case here."""


class Fail(Exception):
    """A result is wrong, or there is no such case."""


def repeat(run, n, repeats, before=lambda: None):
    """One run to warm up, then the timed ones: nanoseconds per item."""
    times = []
    for _ in range(repeats + 1):
        before()
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times[1:]) / n


def cube(numpy, source, target, begin, end):
    for i in range(begin, end, BLOCK):
        x = source[i:min(end, i + BLOCK)]
        y = target[i:i + len(x)]
        numpy.multiply(x, x, out=y)
        numpy.multiply(y, x, out=y)


def cube_part(source, target, begin, end):
    import numpy
    cube(numpy, source, target, begin, end)


def npy(numpy, variant, workers, n, repeats):
    name = os.environ.get('SHEAF_BENCH_NPY')
    if not name:
        raise Skip('the file could not be written')
    out = '%s.%d' % (name, os.getpid())
    if variant == 'joblib':
        try:
            import joblib
        except ImportError as error:
            raise Skip('python3 has no joblib') from error

    def remove():
        if os.path.exists(out):
            os.unlink(out)

    def run():
        source = numpy.load(name, mmap_mode='r')
        target = numpy.lib.format.open_memmap(out, mode='w+', dtype=source.dtype, shape=source.shape)
        if variant == 'serial':
            cube(numpy, source, target, 0, n)
            return
        parts = 4 * workers
        joblib.Parallel(n_jobs=workers)(joblib.delayed(cube_part)(source, target, n * i // parts, n * (i + 1) // parts)
                                        for i in range(parts))

    try:
        ns = repeat(run, n, repeats, remove)
        source = numpy.load(name, mmap_mode='r')
        target = numpy.load(out, mmap_mode='r')
        for i in range(0, n, BLOCK):
            x = source[i:i + BLOCK]
            if not (target[i:i + BLOCK] == x * x * x).all():
                raise Fail('wrong cubes')
    finally:
        remove()
    return ns


def copy(numpy, case, n, repeats):
    types = case.split('-')[1:]
    if types == ['transposed']:
        side = round(n ** 0.5)
        source = (numpy.arange(n) % 1000003).astype('f8').reshape(side, side).T
        target = numpy.zeros((side, side))
    else:
        source = (numpy.arange(n) % 1000003).astype(types[0])
        target = numpy.zeros(n, dtype=types[1])
    ns = repeat(lambda: numpy.copyto(target, source, casting='unsafe'), n, repeats)
    if not (target == source).all():
        raise Fail('wrong copy')
    return ns


def measure(case, workers, n, repeats):
    name, _, variant = case.partition(':')
    if name != 'data/npy' and not name.startswith('data/copy-'):
        raise Fail('arrays.py does not know the case ' + case)
    try:
        import numpy
    except ImportError as error:
        raise Skip('python3 has no NumPy') from error
    if name == 'data/npy':
        return npy(numpy, variant, workers, n, repeats)
    return copy(numpy, name, n, repeats)


def main():
    if len(sys.argv) != 6:
        print('usage: %s CASE WORKERS N REPEATS QUICK: sheaf-bench runs it' % sys.argv[0], file=sys.stderr)
        sys.exit(2)
    try:
        import joblib
        import numpy
        del joblib, numpy
    except ImportError:
        if os.path.exists(DEBIAN) and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN):
            os.execv(DEBIAN, [DEBIAN, '-I'] + sys.argv)
    try:
        print('ok', measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    except Skip as reason:
        print('skip', reason)
    except Fail as reason:
        print('fail', reason)


if __name__ == '__main__':
    main()
