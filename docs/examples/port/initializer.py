"""initializer.py - an initializer of Pool. initializer.c does the same with Sheaf."""
from multiprocessing import Pool

N = 1000
model = None


def load(slope):
    global model
    model = [slope * x for x in range(N)]


def predict(x):
    return model[x]


def main():
    with Pool(initializer=load, initargs=(3,)) as pool:
        answers = pool.map(predict, range(N))
    print(answers[-1], sum(answers))


if __name__ == "__main__":
    main()
