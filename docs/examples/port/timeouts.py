"""timeouts.py - timeouts and cancelling. timeouts.c does the same with Sheaf."""
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

gate = multiprocessing.Event()


def take_gate(event):
    global gate
    gate = event


def wait_at_gate():
    gate.wait()


def give_up():
    with multiprocessing.Pool(2) as pool:
        slow = pool.apply_async(time.sleep, (3600,))
        quick = pool.apply_async(pow, (2, 10))
        print("quick:", quick.get(timeout=60))
        try:
            slow.get(timeout=0.1)
        except multiprocessing.TimeoutError:
            print("slow: not done in time")
    print("slow: ended")  # with all other tasks and all workers of the pool


def cancel():
    with ProcessPoolExecutor(2, initializer=take_gate, initargs=(gate,)) as executor:
        futures = [executor.submit(wait_at_gate) for _ in range(10)]
        if futures[-1].cancel():
            print("last: cancelled")
        gate.set()


if __name__ == "__main__":
    give_up()
    cancel()
