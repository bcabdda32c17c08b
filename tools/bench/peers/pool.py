"""pool.py - the peer multiprocessing.Pool. The cases: bench_python.py."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # -I leaves it out
import bench_python


class Pool:
    most_alone = 5000
    most_in_chunks = 1000000

    def __init__(self, workers):
        self.pool = bench_python.fork_context().Pool(workers)

    def apply(self, fn, x):
        return self.pool.apply(fn, (x,))

    def submit(self, fn, arguments):
        return [result.get() for result in [self.pool.apply_async(fn, (x,)) for x in arguments]]

    def map(self, fn, arguments, chunk):
        return self.pool.map(fn, arguments, chunk)

    def close(self):
        self.pool.terminate()
        self.pool.join()


if __name__ == '__main__':
    bench_python.main(Pool)
