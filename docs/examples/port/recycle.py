"""recycle.py - maxtasksperchild of Pool. recycle.c does the same with Sheaf."""
import os
from collections import Counter
from multiprocessing import Pool

N, MOST = 100, 10


def tell_process(_):
    return os.getpid()


def main():
    with Pool(2, maxtasksperchild=MOST) as pool:
        pids = pool.map(tell_process, range(N), chunksize=1)
    if max(Counter(pids).values()) <= MOST:
        print(f"no process ran more than {MOST} of {N} tasks")


if __name__ == "__main__":
    main()
