"""Half-failure distances, ranks and starts against other channels; impossible settings are refused."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import long_term_dependency as study
from gradchain.experiments import long_term_dependency_numbers as counted
from gradchain.experiments import long_term_dependency_ranks as rank
from gradchain.experiments import recall
from gradchain.experiments.lab import network_keys
from gradchain.experiments.long_term_dependency_half import half_distance
from gradchain.experiments.long_term_dependency_records import Records
from gradchain.registry.collection import validate_all

PLAN = study.Plan(units=4, batch=8, steps=20, learning_rate=0.01)
DISTANCES = (3,)
SEEDS = 8


# The half-failure distance.


def test_the_interval_is_the_one_of_clopper_and_pearson_inverted():
    runs, distances = 16, [10, 20, 40, 80]
    level = 1 - 2 * 0.025 / len(distances)
    source = np.random.default_rng(0)
    for _ in range(20):
        hits = sorted(source.integers(0, runs + 1, 4).tolist(), reverse=True)
        ends = [stats.binomtest(k, runs).proportion_ci(level, "exact") for k in hits]
        above = [d for d, end in zip(distances, ends, strict=True) if end.low > 0.5]
        below = [d for d, end in zip(distances, ends, strict=True) if end.high < 0.5]
        found = half_distance(distances, hits, runs)
        assert found.low == (max(above) if above else None)
        assert found.high == (min(below) if below else None)


def test_the_interval_misses_a_known_distance_no_more_often_than_it_says():
    # Success falls as a logistic of log distance through 1/2 at 30; 2000 experiments of 16 runs. A
    # miss rate of 5 % would show up to 7.4 % with a chance of 3e-7 (binomial).
    distances, runs, true = np.array([10, 20, 40, 80]), 16, 30.0
    shares = 1 / (1 + (distances / true) ** 2)
    hits = np.random.default_rng(1).binomial(runs, shares, (2000, 4))
    found = [half_distance(distances.tolist(), row.tolist(), runs) for row in hits]
    missed = [f for f in found if (f.low or 0) > true or (f.high or math.inf) < true]
    assert len(missed) / len(found) < 0.074
    middle = np.median([f.estimate for f in found])
    # The curve is not straight between 20 and 40: 0.69 and 0.36 cross 1/2 at 29.8.
    assert abs(math.log(middle / true)) < 0.1


def test_shares_that_rise_are_pooled_as_the_best_falling_ones_are():
    grid = [k / 8 for k in range(9)]
    source = np.random.default_rng(2)
    for hits in source.integers(0, 9, (20, 3)).tolist():
        falling = [
            c for c in itertools.product(np.linspace(0, 1, 25), repeat=3) if c[0] >= c[1] >= c[2]
        ]
        own = [grid[k] for k in hits]
        best = min(
            falling, key=lambda c, own=own: sum((a - b) ** 2 for a, b in zip(c, own, strict=True))
        )
        found = half_distance([1, 2, 4], hits, 8)
        expected = (
            "below" if best[0] < 0.5 - 1e-9 else "above" if best[2] > 0.5 + 1e-9 else "inside"
        )
        assert found.where == expected, (hits, best)


def test_ends_are_open_where_the_runs_do_not_tell():
    assert half_distance([10, 20], [16, 16], 16) == (20.0, 20.0, None, "above")
    assert half_distance([10, 20], [0, 0], 16) == (10.0, None, 10.0, "below")
    found = half_distance([10, 20, 40], [9, 8, 7], 16)
    assert (found.low, found.high, found.where, found.estimate) == (None, None, "inside", 20.0)
    assert not found.closed
    # More runs succeed far than near: against what the interval assumes, so nothing is said.
    odd = half_distance([10, 20], [0, 16], 16)
    assert (odd.low, odd.high) == (None, None)
    result = counted.half_result(half_distance([10, 20], [16, 16], 16), 16, [10, 20])
    assert (result.value, result.uncertainty.low, result.uncertainty.high) == ("20", "20", "20")


@pytest.mark.parametrize(
    ("distances", "hits", "runs"),
    [([], [], 8), ([2, 1], [1, 1], 8), ([1, 2], [1], 8), ([1, 2], [9, 0], 8), ([1], [0], 0)],
)
def test_counts_that_do_not_fit_are_refused(distances, hits, runs):
    with pytest.raises(UsageError, match="expected"):
        half_distance(distances, hits, runs)


# Ranks.


def test_rank_correlation_is_that_of_scipy():
    source = np.random.default_rng(3)
    for _ in range(20):
        x, y = source.integers(0, 5, (2, 12)).astype(float)
        assert rank.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert math.isnan(rank.spearman(np.ones(4), np.arange(4.0)))


def test_pairs_of_runs_are_those_of_mann_and_whitney():
    source = np.random.default_rng(4)
    x = source.integers(0, 6, (1, 1, 30)).astype(float)
    y = (source.random((1, 1, 30)) < 0.4).astype(float)
    good = y[0, 0] > 0
    expected = stats.mannwhitneyu(x[0, 0, good], x[0, 0, ~good]).statistic
    pairs = good.sum() * (~good).sum()
    assert rank.over_seeds(x, y) == pytest.approx(expected / pairs, abs=1e-12)


def test_a_gradient_that_decides_success_is_found_and_one_that_says_nothing_is_not():
    source = np.random.default_rng(5)
    x = np.linspace(-4, 0, 5)[:, None, None] + source.normal(0, 0.1, (5, 3, 40))
    sure = (x > np.array([-3, -2, -1])[None, :, None] + 0.02).astype(float)
    assert rank.over_settings(x, sure) > 0.5
    assert rank.at_one_distance(x, sure) > 0.8
    assert rank.over_seeds(x, sure) == 1.0
    chance = (source.random((5, 3, 40)) < 0.5).astype(float)
    # 15 settings of 20 x 20 pairs: a standard error of some 0.025 each over sqrt(15); 5 errors.
    assert abs(rank.over_seeds(x, chance) - 0.5) < 5 * 0.1 / math.sqrt(15)
    result = rank.estimate("seeds", x, chance)
    assert float(result.uncertainty.low) < 0.5 < float(result.uncertainty.high)
    with pytest.raises(UsageError, match="nothing to rank"):
        rank.estimate("seeds", x, np.ones_like(x))


# Training and starts, of networks small enough for a test.


@pytest.fixture(scope="module")
def trained():
    return {d: study.train("tanh", "first_token", d, PLAN, SEEDS, 0) for d in DISTANCES}


def test_networks_of_the_start_are_those_that_are_trained(trained):
    left = study.start("tanh", 3, 4, 8, SEEDS, 0)
    task = study.task_of("first_token", 3)
    found = recall.recall_experiment(
        study.cell_of("tanh", 4), 3, SEEDS, task=task, steps=20, every=20, batch=8, learning_rate=0.01,
        judged=study.JUDGED,
    )  # fmt: skip
    np.testing.assert_array_equal(found.final_accuracy, trained[3]["accuracy"])
    back = found.gradient_log_norms[:, :0:-1] / math.log(10)
    np.testing.assert_allclose(left, back - back[:, :1], atol=1e-5)


def test_the_start_is_the_gradient_by_the_state_of_an_unrolled_network():
    left = study.start("tanh", 3, 4, 8, SEEDS, 0)
    cell, task = study.cell_of("tanh", 4), study.task_of("first_token", 3)
    key = network_keys(0, jnp.arange(SEEDS, dtype=jnp.uint32)[None])[0][2]
    own = study.recurrent.draw(cell, task, None, jax.random.fold_in(key, 0))
    inputs, targets = task.draw(jax.random.fold_in(key, 2), 8, jnp.float32)
    u, w = (np.asarray(own["cell"][name], np.float64) for name in ("recurrent", "kernel"))
    a = np.asarray(own["head"]["weight"], np.float64)
    sizes = np.zeros(4)
    for x, y in zip(np.asarray(inputs, np.float64), np.asarray(targets), strict=True):
        states = [np.zeros(4)]
        for token in x:
            states.append(np.tanh(u @ states[-1] + w @ token))
        odds = np.exp(a @ states[-1])
        gradient = a.T @ (odds / odds.sum() - np.eye(4)[y])
        for back in range(4):
            sizes[back] += np.linalg.norm(gradient)
            gradient = u.T @ ((1 - states[-1 - back] ** 2) * gradient)
    np.testing.assert_allclose(left[2], np.log10(sizes / sizes[0]), atol=1e-5)


def test_the_prediction_is_met_by_a_wide_network_of_numpy():
    n, steps = 400, 4
    law = study.predicted_start("tanh", steps - 1, n)
    assert len(law) == steps
    source, logs = np.random.default_rng(6), []
    for _ in range(20):
        u = source.uniform(-1, 1, (n, n)) * math.sqrt(3 / n)
        w = source.uniform(-1, 1, (n, 8)) * math.sqrt(6 / (n + 8))
        states = [np.zeros(n)]
        for token in source.integers(0, 8, steps):
            states.append(np.tanh(u @ states[-1] + w[:, token]))
        gradient, own = source.normal(size=n), []
        for state in states[:0:-1]:
            own.append(np.log10(np.linalg.norm(gradient)))
            gradient = u.T @ ((1 - state**2) * gradient)
        logs.append(np.array(own) - own[0])
    measured, error = np.mean(logs, axis=0), np.std(logs, axis=0) / math.sqrt(19)
    # 5 standard errors, and the law's own error of order 1/n a step.
    assert np.all(np.abs(measured - law) <= 5 * error + steps / n)
    # The larger the forget bias, the more is left; of an IRNN on tokens that come again there is no law.
    kept = [study.predicted_start(f"forget{bias}", 20, 16)[-1] for bias in (0, 1, 5)]
    assert kept == sorted(kept)
    assert study.predicted_start("irnn", 3, 16) is None


def test_recorded_numbers_come_out_again(trained):
    records = Records(PLAN, 0.5, SEEDS, 0)
    left = study.start("tanh", 3, 4, 8, SEEDS, 0)
    good = np.stack([
        counted.succeeded(own["accuracy"], "first_token", d, 0.5) for d, own in trained.items()
    ])
    made = [
        records.success("tanh", "first_token", 3, good[0]),
        records.start("tanh", 3, left),
        records.half("tanh", [3], half_distance([3], [int(good.sum())], SEEDS)),
    ]
    numbers = validate_all(made)
    for key, number in numbers.items():
        assert recompute.run(number.how, key).value == number.value, key


def test_recorded_ranks_are_those_of_the_runs_they_name(trained, monkeypatch):
    left = study.start("tanh", 3, 4, 8, SEEDS, 0)
    # Runs that learn where their own gradient is large, so that there is something to rank.
    good = left[:, 3] > np.median(left[:, 3])
    monkeypatch.setattr(study, "train", lambda *given: {"accuracy": good.astype(float)})
    made = Records(PLAN, 0.5, SEEDS, 0).ranks(
        ["tanh"], DISTANCES, left[:, 3][None, None], good[None, None]
    )
    numbers = validate_all(made)
    assert set(numbers) == {"rnn.recall.start.seeds"}
    number = numbers["rnn.recall.start.seeds"]
    assert recompute.run(number.how).value == number.value == "1"


def test_success_is_counted_above_the_same_share_of_the_way_in_every_task():
    for task in study.TASKS:
        own = study.task_of(task, 20)
        assert own.distance == 20
        edge = study.threshold(own)
        assert edge == pytest.approx((own.chance + 1) / 2)
        assert counted.succeeded(np.array([edge, edge + 1e-6]), task, 20, 0.5).tolist() == [
            False,
            True,
        ]
    with pytest.raises(UsageError, match="between 0 and 1"):
        study.threshold(own, 1.0)


def test_networks_that_diverge_have_failed(monkeypatch):
    def lost(*given, **settings):
        accuracy, loss = np.array([[0.2, 0.9], [0.2, 0.3]]), np.array([[1.4, 0.1], [1.4, np.nan]])
        empty = np.zeros((2, 0))
        steps = np.array([0, 20])
        return recall.Recall(
            accuracy, loss, steps, None, empty, empty, empty, empty, np.array([-1, 7]), None, None
        )

    monkeypatch.setattr(recall, "recall_experiment", lost)
    found = study.train("irnn", "first_token", 3, PLAN, 2, 0)
    study.train.cache_clear()
    assert found["accuracy"].tolist() == [0.9, 0.0]
    assert found["nan_step"].tolist() == [-1, 7]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "elman"}, "expected one of tanh, orthogonal"),
        ({"task": "sorting"}, "expected one of first_token"),
        ({"distance": 3, "task": "copy_memory"}, "expected at least 4 for copy_memory"),
        ({"distance": 10**6}, "at most 2000"),
        ({"seeds": 10**6}, "at most 4096"),
        ({"plan": PLAN._replace(units=0)}, "units=0"),
        ({"plan": PLAN._replace(learning_rate=0.0)}, "learning_rate 0.0, expected above 0"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_impossible_trainings_are_refused_before_anything_is_computed(change, words):
    given = {
        "kind": "tanh",
        "task": "first_token",
        "distance": 3,
        "plan": PLAN,
        "seeds": 2,
        "seed": 0,
    }
    with pytest.raises(UsageError, match=words):
        study.train(**given | change)


@pytest.mark.usefixtures("as_a_user")
def test_records_with_impossible_arguments_are_refused():
    size = {
        "units": 4,
        "batch": 8,
        "steps": 20,
        "learning_rate": 0.01,
        "way": 0.5,
        "seeds": 8,
        "seed": 0,
    }
    with pytest.raises(UsageError, match="1 to 20 whole numbers"):
        counted.half("tanh", [], **size)
    with pytest.raises(UsageError, match="expected among tanh"):
        counted.predicts("seeds", ["elman"], [1, 3], **size)
    with pytest.raises(UsageError, match="expected 0 to 3"):
        counted.start_left("tanh", 4, 3, 4, 8, 8, 0)
