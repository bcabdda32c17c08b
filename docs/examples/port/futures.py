"""futures.py - as_completed() and wait() of Executors. futures.c does the same with Sheaf."""
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, as_completed, wait


def steps(n):
    """Halve n, or treble it and add 1 if it is odd, until it is 1. Return the number of steps."""
    count = 0
    if n < 1:
        raise ValueError(f"{n} never gets to 1")
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        count += 1
    return count


def longest(executor):
    best = (0, 0)
    futures = {executor.submit(steps, n): n for n in range(1, 1000)}
    for future in as_completed(futures):
        best = max(best, (future.result(), futures[future]))
    print(f"{best[1]} takes {best[0]} steps")


def first_failure(executor):
    futures = [executor.submit(steps, n) for n in range(100)]
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        if future.exception():
            print(future.exception())


def main():
    with ProcessPoolExecutor() as executor:
        longest(executor)
        first_failure(executor)


if __name__ == "__main__":
    main()
