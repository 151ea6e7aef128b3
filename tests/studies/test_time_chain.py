"""The study of chains through time at its smallest: what it draws, says and records belongs together."""

import csv
import math

import numpy as np
import pytest

from gradchain.experiments import time_chain
from gradchain.registry import read
from gradchain.study import UsageError

SIZES = {"units": 6, "seeds": 8, "steps": 30, "long": 300, "distance": 4, "training": 2}


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("time_chain")


def untrained(network, units, distance, training_steps, steps, seeds, seed):
    """Stand in for training, which tests/experiments covers: compiling five programs takes a minute."""
    total = time_chain.chains(network, units, steps, 8, seed).total[:seeds]
    return time_chain.Trained(total, total / 2, np.linspace(0.2, 1.0, seeds))


def crossed(network, units, steps, seeds, seed):
    """Stand in for long runs: chains continued by their slope."""
    total = time_chain.chains(network, units, 30, seeds, seed).total
    slope = np.minimum((total[:, 20] - total[:, 10]) / 10, -1e-9)
    limits = np.array(list(time_chain.LIMITS.values()))
    counts = np.ceil(limits / slope[:, None])
    return np.where(counts <= 0.9 * steps, counts, np.inf)


@pytest.fixture(scope="module")
def folder(run_small, module):
    with pytest.MonkeyPatch.context() as patch:
        # Quadrature at few strengths of input: a second each.
        patch.setattr(module, "GRID", module.GRID[::6])
        patch.setattr(time_chain, "trained", untrained)
        patch.setattr(time_chain, "lost", crossed)
        return run_small("time_chain", **SIZES, trained=6)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=5)
    assert "lstm.chain.bias2.kept15.measured" in said
    for number in numbers.values():
        theory = number.key.endswith((".predicted", ".untied"))
        assert (number.kind, number.role) == (
            ("computed", "prediction") if theory else ("estimated", "value")
        )


def test_a_larger_forget_bias_keeps_more_measured_and_predicted(folder):
    numbers = read(folder / "numbers.json")
    for side in ("measured", "predicted"):
        keys = [
            f"lstm.chain.{bias}.kept15.{side}" for bias in ("biasminus1", "bias0", "bias1", "bias2")
        ]
        values = [float(numbers[key].value) for key in keys]
        assert values == sorted(values)


def test_one_set_of_weights_keeps_more_than_new_ones_at_each_step(folder):
    numbers = read(folder / "numbers.json")
    for stem in ("gru.chain.bias0", "lstm.chain.bias1"):
        tied, untied = (float(numbers[f"{stem}.kept15.{k}"].value) for k in ("predicted", "untied"))
        assert tied > 1.2 * untied


def test_medians_lie_near_the_predictions_that_are_written_beside_them(folder):
    with open(folder / "curves.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["when"] == "total"]
    assert len(rows) == 10 * 31
    for row in rows:
        if row["network"] in {"rnn.orthogonal", "lstm.bias1", "gru.bias0"}:
            # Six units are few: within a factor 10^0.1 a step back from the start.
            gap = float(row["median"]) - float(row["predicted"])
            assert abs(gap) < 0.1 * int(row["steps back"]) + 0.01
    assert math.isfinite(float(rows[0]["low"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"units": 1},
        {"seeds": 5},
        {"trained": 5},
        {"steps": 10},
        {"long": 100},
        {"distance": 1},
        {"distance": 500},
        {"training": 0},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
