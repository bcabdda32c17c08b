"""stream.py - Pool.imap() and Pool.imap_unordered(). stream.c does the same with Sheaf."""
from multiprocessing import Pool


def square(x):
    return x * x


def main():
    with Pool() as pool:
        for value in pool.imap(square, range(5)):
            print(value)

        total = 0
        for value in pool.imap_unordered(square, range(1000)):
            total += value
        print("sum", total)


if __name__ == "__main__":
    main()
