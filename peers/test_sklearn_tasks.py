"""scikit-learn's moons and circles: the same points where nothing is drawn, the same law where it is.

False alarms of the two-sample tests: seeded; over fresh seeds |z| < 5.6 has probability 2e-8 each, 48
of them 1e-6.
"""

import csv
import math
import pathlib

import jax
import numpy as np
import pytest
from sklearn.datasets import make_circles, make_moons
from sklearn.model_selection import train_test_split

from gradchain import tasks

DATA = pathlib.Path(__file__).resolve().parents[1] / "tests" / "data"
Z, DRAWS = 5.6, 300


def as_set(points, labels):
    return sorted(map(tuple, np.column_stack([points, labels]).tolist()))


@pytest.mark.parametrize("n", [2, 3, 10, 101, 250, 1000])
def test_noise_free_points_are_those_of_scikit_learn_to_the_last_bit(n):
    for (points, labels), make, task in (
        (
            make_moons(n, noise=None, shuffle=False),
            tasks.moons_curve(n),
            tasks.moons(jax.random.key(1), n, 0.0),
        ),
        (
            make_circles(n, noise=None, shuffle=False, factor=0.35),
            tasks.circles_curve(n, 0.35),
            tasks.circles(jax.random.key(1), n, 0.0, 0.35),
        ),
    ):
        np.testing.assert_array_equal(make[0], points)
        np.testing.assert_array_equal(make[1], labels)
        assert as_set(task.inputs, task.targets) == as_set(points.astype(np.float32), labels)


@pytest.mark.parametrize("noise", [0.05, 0.3])
@pytest.mark.parametrize("name", ["moons", "circles"])
def test_noisy_points_follow_the_law_of_scikit_learn(name, noise):
    theirs = {"moons": make_moons, "circles": make_circles}[name]
    ours = {"moons": tasks.moons, "circles": tasks.circles}[name]
    keys = jax.random.split(jax.random.key(2), DRAWS)
    batch = jax.vmap(lambda key: ours(key, 40, noise))(keys)
    mine = np.asarray(batch.inputs, np.float64), np.asarray(batch.targets)
    drawn = [theirs(40, noise=noise, random_state=seed) for seed in range(DRAWS)]
    other = np.stack([x for x, _ in drawn]), np.stack([y for _, y in drawn])

    def features(inputs, labels):
        """Six statistics of a data set, each a mean of some 40 terms, for every draw and class."""
        x, y = inputs[..., 0], inputs[..., 1]
        terms = (x, y, x * x, y * y, x * y, np.cos(3 * x) * np.sin(3 * y))
        return [(t * (labels == c)).sum(axis=1) for c in (0, 1) for t in terms]

    for a, b in zip(features(*mine), features(*other), strict=True):
        error = math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / DRAWS)
        assert abs(a.mean() - b.mean()) < Z * error


def test_the_fixture_is_what_scikit_learn_makes():
    inputs, labels = make_moons(n_samples=250, noise=0.05, random_state=42)
    train, _, train_labels, _ = train_test_split(inputs, labels, test_size=0.20, random_state=42)
    with (DATA / "two_moons_train.csv").open(encoding="utf-8") as file:
        rows = np.array([[float(v) for v in row.values()] for row in csv.DictReader(file)])
    np.testing.assert_array_equal(rows[:, 2], train_labels)
    # Written with fewer digits than float64 has: equal as the float32 that is trained on.
    np.testing.assert_array_equal(rows[:, :2].astype(np.float32), train.astype(np.float32))


@pytest.mark.parametrize("n", [5, 30, 250])
def test_a_split_has_the_sizes_of_train_test_split(n):
    task = tasks.moons(jax.random.key(0), n)
    for share in (0.2, 0.1, 0.33):
        train, test = tasks.split(jax.random.key(1), task, share)
        sizes = train_test_split(np.arange(n), test_size=share, random_state=0)
        assert [train.size, test.size] == [len(part) for part in sizes]
