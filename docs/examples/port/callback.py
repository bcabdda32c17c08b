"""callback.py - Pool.apply_async() with callbacks. callback.c does the same with Sheaf."""
from multiprocessing import Pool

N = 5
answers = {}


def invert(x):
    if x == 0:
        raise ValueError("0 has no inverse")
    return 1 / x


def main():
    with Pool() as pool:
        for x in range(N):
            pool.apply_async(invert, (x,),
                             callback=lambda value, x=x: answers.update({x: f"{value:.3f}"}),
                             error_callback=lambda error, x=x: answers.update({x: str(error)}))
        pool.close()
        pool.join()
    for x in range(N):
        print(f"{x}: {answers[x]}")


if __name__ == "__main__":
    main()
