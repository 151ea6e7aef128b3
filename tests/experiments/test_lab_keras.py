"""The Keras-faithful preset against real Keras 3, cell by cell, on the same 200 points.

`tests/data/keras_moons.csv` holds one row a run of real Keras. Each of 15 cells is compared in five
quantities by two-sample Kolmogorov-Smirnov tests; all 75 together raise a false alarm with probability at
most 1e-3 (Bonferroni; the test is conservative for tied values).
"""

import csv
import pathlib

import numpy as np
import pytest
from scipy.stats import ks_2samp

from gradchain.experiments import lab
from gradchain.experiments.lab_numbers import kept

DATA = pathlib.Path(__file__).parents[1] / "data"
QUANTITIES = (
    "final_epoch_loss",
    "final_epoch_accuracy",
    "gradient_norm_first_kernel_at_start",
    "gradient_norm_last_kernel_at_start",
    "median_percent_change_first_kernel",
)
CELLS = [("sigmoid", d) for d in (1, 2, 3, 4, 5, 6, 7, 10)]
CELLS += [("tanh", d) for d in (1, 7, 10)] + [("relu", d) for d in (1, 3, 7, 10)]
LIMIT = 1e-3 / (len(CELLS) * len(QUANTITIES))
SEEDS = 64


def rows(name):
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def points():
    table = rows("two_moons_train.csv")
    inputs = np.array([[float(r["x0"]), float(r["x1"])] for r in table])
    return lab.columns(inputs, np.array([float(r["label"]) for r in table]))


@pytest.fixture(scope="module")
def keras():
    found = {}
    for row in rows("keras_moons.csv"):
        cell = row["activation"], int(row["hidden_layers"])
        found.setdefault(cell, []).append([float(row[q]) for q in QUANTITIES])
    return {cell: np.array(values) for cell, values in found.items()}


def ours(points, **fields):
    arrays = kept(lab.run(lab.Setting(**fields), SEEDS, 0, points))
    return np.stack(
        [
            arrays["final_loss"],
            # Shares of 200 points, as Keras prints them: equal up to float32's last digit.
            arrays["final_accuracy"],
            np.exp(arrays["log_gradient_norms"][:, 0, 0].astype(np.float64)),
            np.exp(arrays["log_gradient_norms"][:, 0, -1].astype(np.float64)),
            arrays["percent_median"][:, 0],
        ],
        1,
    )


def p_values(a, b):
    found = []
    for place in range(len(QUANTITIES)):
        left, right = a[:, place], b[:, place]
        if QUANTITIES[place] == "final_epoch_accuracy":
            left, right = np.round(left * 200), np.round(right * 200)
        found.append(ks_2samp(left, right, method="exact").pvalue)
    return np.array(found)


def test_every_cell_of_the_fixture_is_compared(keras):
    assert sorted(keras) == sorted(CELLS)


@pytest.mark.parametrize(("activation", "depth"), CELLS)
def test_networks_train_as_in_keras(points, keras, activation, depth):
    found = ours(points, activation=activation, depth=depth)
    low = p_values(found, keras[activation, depth])
    assert (low > LIMIT).all(), dict(zip(QUANTITIES, low, strict=True))


def test_the_comparison_would_see_he_uniform_weights(points, keras):
    found = ours(points, activation="relu", depth=10, initializer="he_uniform")
    low = p_values(found, keras["relu", 10])
    assert low[QUANTITIES.index("gradient_norm_first_kernel_at_start")] < LIMIT


def test_the_comparison_would_see_the_epsilon_of_optax(points, keras):
    found = ours(points, activation="sigmoid", depth=10, optimizer="adam")
    low = p_values(found, keras["sigmoid", 10])
    assert low[QUANTITIES.index("median_percent_change_first_kernel")] < LIMIT
