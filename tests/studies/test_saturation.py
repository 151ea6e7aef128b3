"""The saturation study at smoke scale: what it draws, says and records belongs together."""

import csv

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("saturation")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("saturation", widths=(3, 9), depth=8, seeds=24)


def test_the_best_scale_grows_with_the_width_and_more_gradient_passes(folder):
    numbers = read(folder / "numbers.json")
    for name in ("sigmoid", "tanh"):
        narrow, wide = (f"saturation.{name}.width{width}.best" for width in (3, 9))
        for what in ("scale", "factor"):
            # The intervals do not even touch.
            low = float(numbers[f"{wide}.{what}"].uncertainty.low)
            assert low > float(numbers[f"{narrow}.{what}"].uncertainty.high)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, _ = assert_belongs_together(folder, figures=4)
    assert "saturation.sigmoid.width9.best.scale" in said
    with open(folder / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 41
    for row in rows:
        assert 0 <= float(row["saturated"]) <= 1


def test_more_weight_saturates_more_units(folder):
    with open(folder / "curves.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["activation"] == "tanh" and r["width"] == "9"]
    shares = [float(row["saturated"]) for row in rows]
    # From 0.1 to 1000 in steps of ten.
    decades = shares[::10]
    assert decades[0] == min(decades)
    assert decades[1] < decades[2] < decades[3] < decades[4]


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": ()},
        {"widths": (9, 3)},
        {"widths": (0,)},
        {"depth": 1},
        {"seeds": 3},
        {"points": 5},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
