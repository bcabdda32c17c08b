"""executor.py - the peer concurrent.futures.ProcessPoolExecutor. The cases: bench_python.py."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # -I leaves it out
import bench_python


class Pool:
    most_alone = 1000
    most_in_chunks = 500000

    def __init__(self, workers):
        context = bench_python.fork_context()
        from concurrent.futures import ProcessPoolExecutor

        self.workers = workers
        self.executor = ProcessPoolExecutor(workers, mp_context=context)

    def apply(self, fn, x):
        return self.executor.submit(fn, x).result()

    def submit(self, fn, arguments):
        return [future.result() for future in [self.executor.submit(fn, x) for x in arguments]]

    def map(self, fn, arguments, chunk):
        """It has no choice of its own but 1: its users choose, here as Pool.map() does."""
        return list(self.executor.map(fn, arguments, chunksize=chunk or -(-len(arguments) // (4 * self.workers))))

    def close(self):
        self.executor.shutdown()


if __name__ == '__main__':
    bench_python.main(Pool)
