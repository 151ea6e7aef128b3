"""The phase diagram study at its smallest: what it draws, says and records belongs together."""

import csv

import jax
import pytest

from gradchain.registry import read
from gradchain.study import UsageError

SMALL = {
    "width": 24, "depth": 6, "seeds": 16, "points": 11, "depths": (1, 3), "units": 4, "trained": 4,
    "epochs": 10, "scales": (0.1, 1.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("phase_diagram")


@pytest.fixture(scope="module")
def folder(run_small):
    # These networks train for a second, and compiling them well takes ten.
    jax.config.update("jax_disable_most_optimizations", True)
    yield run_small("phase_diagram", **SMALL)
    jax.config.update("jax_disable_most_optimizations", False)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=4)
    assert "meanfield.tanh.critical.predicted" in said
    assert {number.study for number in numbers.values()} == {"phase_diagram"}
    kinds = {number.kind for number in numbers.values()}
    assert kinds == {"computed", "estimated", "reported"}


def test_every_measured_number_has_its_prediction_beside_it(folder):
    numbers = read(folder / "numbers.json")
    measured = [key for key in numbers if key.endswith(".measured") and ".training." not in key]
    assert len(measured) >= 6
    for key in measured:
        prediction = numbers[key.replace(".measured", ".predicted")]
        assert (prediction.role, prediction.kind) == ("prediction", "computed")


def test_points_agree_with_the_prediction_for_their_width(folder):
    with open(folder / "all_slopes.csv", newline="") as file:
        z = [float(row["z, width 24"]) for row in csv.DictReader(file)]
    assert len(z) > 100
    # Points of a row share their networks; the first order in 1/n leaves out little at width 24.
    assert sum(abs(value) > 3 for value in z) < len(z) / 5


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 4}, {"depth": 1}, {"seeds": 2}, {"points": 3}, {"tasks": ()}, {"tasks": ("digits",)},
        {"scales": (1.0,)}, {"scales": (1.0, 0.5)}, {"scales": (-1.0, 1.0)}, {"depths": (3, 400)},
        {"epochs": 15}, {"units": 1}, {"trained": 1},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
