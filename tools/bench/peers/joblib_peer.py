"""joblib_peer.py - the peer joblib with its usual processes, those of loky. The cases: bench_python.py."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # -I leaves it out
import bench_python

SYSTEM_PYTHON = '/usr/bin/python3'  # distributions have packages for theirs, which may not be the first in PATH


def import_joblib():
    bench_python.fork_context()
    try:
        import joblib
    except ImportError:
        if os.access(SYSTEM_PYTHON, os.X_OK) and not os.path.samefile(sys.executable, SYSTEM_PYTHON):
            os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, '-I'] + sys.argv)
        raise bench_python.Skip('joblib is not installed for this python3') from None
    return joblib


class Pool:
    most_alone = 1000
    most_in_chunks = 100000

    def __init__(self, workers):
        if workers == 1:
            raise bench_python.Skip('joblib runs the tasks of one worker in the caller')
        self.joblib = import_joblib()
        # Without pre_dispatch it hands in few tasks at a time, and the workers starve when each is a message of its own.
        self.one_by_one = self.joblib.Parallel(workers, 'loky', batch_size=1, pre_dispatch='all').__enter__()
        self.in_chunks = self.joblib.Parallel(workers, 'loky').__enter__()

    def apply(self, fn, x):
        return self.map(fn, [x], 1)[0]

    def submit(self, fn, arguments):
        return self.map(fn, arguments, 1)

    def map(self, fn, arguments, chunk):
        parallel = self.one_by_one if chunk else self.in_chunks
        return parallel(self.joblib.delayed(fn)(x) for x in arguments)

    def close(self):
        for parallel in (self.one_by_one, self.in_chunks):
            parallel.__exit__(None, None, None)
        self.joblib.externals.loky.get_reusable_executor(reuse=True).shutdown()


if __name__ == '__main__':
    bench_python.main(Pool)
