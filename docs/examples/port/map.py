"""map.py - Pool.map() and Pool.starmap(). map.c does the same with Sheaf."""
from multiprocessing import Pool


def cube(x):
    return x ** 3


def power(base, exponent):
    return base ** exponent


def main():
    with Pool() as pool:
        cubes = pool.map(cube, range(10))
        powers = pool.starmap(power, [(2, 10), (3, 5), (10, 6)])
    print(*cubes)
    print(*powers)


if __name__ == "__main__":
    main()
