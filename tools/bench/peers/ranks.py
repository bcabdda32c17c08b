"""ranks.py - the peer mpi4py.futures: a program "ranks.py CASE WORKERS N REPEATS QUICK", see
peer.h.

sheaf-bench starts one process, which becomes mpiexec, which starts a rank per worker and a master.
"""
import importlib.util
import os
import sys
import time

ITEM_NS = 1000000  # as in cluster.c
WORKERS = 2
SIGNS = ('PMI_RANK', 'PMIX_RANK', 'OMPI_COMM_WORLD_RANK')


def spend(position):
    """Use a CPU as long as an item takes, and return a result that shows which one it was."""
    begin = time.thread_time_ns()
    while time.thread_time_ns() - begin < ITEM_NS:
        pass
    return 3 * position + 1


def become_ranks():
    """Returns in a rank."""
    if any(sign in os.environ for sign in SIGNS):
        return
    # Open MPI asks for all of this where root, or more ranks than cores, are wanted.
    os.environ.update(
        OMPI_ALLOW_RUN_AS_ROOT='1',
        OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1',
        OMPI_MCA_rmaps_base_oversubscribe='1',
        OMPI_MCA_hwloc_base_binding_policy='none',
    )
    words = ['mpiexec', '-n', str(WORKERS + 1), sys.executable, '-I'] + sys.argv
    try:
        os.execvp(words[0], words)
    except OSError as error:
        print('skip mpiexec: %s' % error.strerror)
        sys.exit(0)


def measure(n):
    """Answer by the master: nanoseconds per item."""
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor

    if MPI.COMM_WORLD.Get_size() != WORKERS + 1:
        if all(os.environ.get(sign, '0') == '0' for sign in SIGNS):
            print('skip mpiexec is of another MPI than mpi4py')
        return
    with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:
        if executor is None:
            return  # a worker, when there is no more to do
        list(executor.map(spend, range(4 * WORKERS)))
        begin = time.perf_counter_ns()
        results = list(executor.map(spend, range(n)))
        took = time.perf_counter_ns() - begin
    if results == [3 * position + 1 for position in range(n)]:
        print('ok', took / n)
    else:
        print('fail wrong results')


def main():
    if len(sys.argv) != 6:
        print('usage: %s CASE WORKERS N REPEATS QUICK: sheaf-bench runs it' % sys.argv[0], file=sys.stderr)
        sys.exit(2)
    if sys.argv[1] != 'cluster/ranks':
        print('fail %s does not know the case %s' % (sys.argv[0], sys.argv[1]))
        return
    if importlib.util.find_spec('mpi4py') is None:
        print('skip python3 has no mpi4py')
        return
    become_ranks()
    measure(int(sys.argv[3]))


if __name__ == '__main__':
    main()
