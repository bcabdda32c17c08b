"""predict_groups.py FOLDER - what predict_groups.c does, with pandas and joblib.

FOLDER has the files that predict_groups has made. Predictions go to FOLDER/pandas.csv.
"""
import pathlib
import sys

import numpy
import pandas
from joblib import Parallel, delayed

FEATURES, UNITS = 3, 8


def load_model(path):
    weights = numpy.loadtxt(path)
    hidden = weights[: UNITS * (FEATURES + 1)].reshape(UNITS, FEATURES + 1)
    return hidden, weights[UNITS * (FEATURES + 1) :]


def predict(model, x):
    hidden, output = model
    sums = x @ hidden[:, :FEATURES].T + hidden[:, FEATURES]
    return sums / (1 + abs(sums)) @ output[:UNITS] + output[UNITS]


def predict_site(folder, site, rows):
    model = load_model(folder / f"model-{site}.txt")
    values = predict(model, rows[["flow", "heat", "load"]].to_numpy())
    return pandas.DataFrame({"row": rows["row"], "site": site, "predicted": values})


def main():
    folder = pathlib.Path(sys.argv[1])
    table = pandas.read_csv(folder / "measured.csv")
    parts = Parallel(n_jobs=2)(delayed(predict_site)(folder, site, rows) for site, rows in table.groupby("site"))
    predicted = pandas.concat(parts).sort_values("row")
    predicted.to_csv(folder / "pandas.csv", index=False)


if __name__ == "__main__":
    main()
