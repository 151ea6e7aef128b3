"""The isometry study at its smallest: what it draws, says and records belongs together."""

import csv
import math

import pytest

from gradchain.registry import read
from gradchain.study import UsageError

SMALL = {"width": 32, "depth": 3, "depths": (1, 3), "draws": 8, "narrow": 8, "deep": (1, 40),
         "chains": 8, "factors": 2000}  # fmt: skip


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("isometry")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("isometry", **SMALL)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=4)
    assert "lyapunov.gaussian.width2.top.measured" in said
    assert {number.study for number in numbers.values()} == {"isometry"}
    measured = [key for key in numbers if key.endswith(".measured")]
    assert len(measured) >= 12
    for key in measured:
        prediction = numbers[key.replace(".measured", ".predicted")]
        assert (prediction.role, prediction.kind) == ("prediction", "computed")


def test_exponents_lie_within_their_errors_and_the_span_near_its_prediction(folder):
    numbers = read(folder / "numbers.json")
    for width in (2, 10, 100):
        stem = f"lyapunov.gaussian.width{width}.bottom"
        # Newman: the smallest exponent is the same at every width.
        exact = float(numbers[f"{stem}.predicted"].rational)
        assert math.isclose(exact, -0.6351814227307391, rel_tol=1e-11)
        error = float(numbers[f"{stem}.measured"].uncertainty.value)
        assert abs(float(numbers[f"{stem}.measured"].rational) - exact) <= 5.6 * error
    stem = "spectrum.linear.gaussian.depth40.span"
    ratio = numbers[f"{stem}.measured"].rational / numbers[f"{stem}.predicted"].rational
    assert 0.8 < ratio < 1.3


def test_bins_hold_at_most_all_singular_values(folder):
    with open(folder / "bins.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 42
    for what in ("predicted", "measured"):
        for law in {(row["activation"], row["weights"]) for row in rows}:
            own = [float(r[what]) for r in rows if (r["activation"], r["weights"]) == law]
            assert 0.2 < sum(own) < 1 + 1e-6


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 4}, {"depth": 4}, {"depths": (1,)}, {"depths": (3, 1)}, {"depths": (10, 500)},
        {"draws": 2}, {"narrow": 1}, {"deep": (0, 5)}, {"deep": (1, 9000)}, {"chains": 1},
        {"factors": 10},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
