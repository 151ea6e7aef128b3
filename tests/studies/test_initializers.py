"""The initializers study at its smallest: what it draws, says and records belongs together."""

import csv

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("initializers")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("initializers", width=24, depth=12, seeds=12)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=3)
    assert "init.torch.relu.factor.predicted" in said
    for key, number in numbers.items():
        theory = key.endswith((".predicted", ".finite"))
        assert number.role == ("prediction" if theory else "value")


def test_defaults_lose_a_relu_gradient_in_the_order_of_their_variances(folder):
    numbers = read(folder / "numbers.json")
    told = [
        float(numbers[f"init.{name}.relu.factor.measured"].value)
        for name in ("torch", "haiku", "keras", "henormal")
    ]
    assert told == sorted(told)
    assert float(numbers["init.haiku.relu.factor.predicted"].value) == pytest.approx(
        (0.773741303549923 / 2) ** 0.5, rel=1e-9
    )


def test_every_law_was_followed_with_every_activation_and_theory_is_near(folder, module):
    rows = rows_of(folder / "every_law.csv")
    config = module.STUDY.config("smoke")
    laws = sum(len(names) for names in module.GROUPS.values())
    assert len(rows) == laws * len(config.activations)
    from gradchain.experiments.initializers import RECIPES

    assert {row["recipe"] for row in rows} == set(RECIPES)
    for row in rows:
        # 7 standard errors of 12 networks (Student's law), or what a next order in 1/24 may add.
        gap = float(row["log10 gradient measured"]) - float(row["log10 gradient finite width"])
        assert abs(gap) < 7 * float(row["standard error"]) + 0.1
        size = float(row["log10 gradient measured"])
        assert row["gradient"] == ("kept" if abs(size) <= 1 else "lost" if size < 0 else "blown up")


@pytest.mark.parametrize(
    "changes",
    [
        {"activations": ("relu",)},
        {"activations": ("relu", "tanh", "sigmoid", "gelu", "selu", "softplus", "no")},
        {"width": 5},
        {"depth": 5},
        {"depth": 300},
        {"seeds": 3},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
