"""The finite-width study at its smallest: predictions and measurements stand side by side and agree."""

import csv

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("finite_width")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small(
        "finite_width", widths=(8, 16, 32), narrow=(3,), depth=12, draws=2e6, seeds=400
    )


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=4)
    assert "finitewidth.relu.width16.typical.measured" in said
    for key, number in numbers.items():
        theory = key.endswith(".predicted")
        assert (number.kind, number.role) == (
            ("computed", "prediction") if theory else ("estimated", "value")
        )
        assert theory or key.endswith(".measured")


def test_every_prediction_is_met(folder):
    for row in rows_of(folder / "all_moments.csv"):
        for name in ("mean z", "variance z", "band z"):
            # 4.5 standard errors: a false alarm in 150 000 comparisons of a normal estimate.
            assert abs(float(row[name])) < 4.5
    for row in rows_of(folder / "dead.csv"):
        if float(row["predicted"]) > 0.01:
            assert abs(float(row["z"])) < 4.5


def test_narrow_networks_spread_more(folder):
    numbers = read(folder / "numbers.json")
    told = [
        float(numbers[f"finitewidth.relu.width{n}.variance.measured"].value) for n in (8, 16, 32)
    ]
    assert told[0] > told[1] > told[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": (10,)},
        {"widths": (30, 10)},
        {"widths": (10, 3000)},
        {"narrow": (10,), "widths": (10, 30)},
        {"widths": (2, 30)},
        {"depth": 2},
        {"draws": 1.0},
        {"seeds": 3},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match=r"expected|narrow"):
        module.STUDY.config("lecture", changes)
