"""The remedies and normalization studies at their smallest: words, tables and numbers belong together."""

import csv

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def remedies(load_study):
    return load_study("remedies")


@pytest.fixture(scope="module")
def normalization(load_study):
    return load_study("normalization_in_training")


@pytest.fixture(scope="module")
def folder(run_small):
    included = ("baseline", "fewerlayers", "relu", "he")
    return run_small("remedies", depths=(4, 6), include=included)


def test_every_sentence_cites_numbers_that_are_there(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=4)
    assert "remedies.baseline.depth6.loss" in said
    assert {"remedies.fewerlayers.depth3.cost", "remedies.reluhe.depth4.loss.relu"} <= set(numbers)


def test_the_sigmoid_chain_loses_its_gradient_and_relu_keeps_it(folder):
    numbers = read(folder / "numbers.json")
    for depth in (4, 6):
        lost, kept = (numbers[f"remedies.{s}.depth{depth}.ratio"] for s in ("baseline", "relu"))
        assert float(lost.uncertainty.high) < float(kept.uncertainty.low)
    # phi' is at most 1/4 at each of 6 layers, and Glorot's weights do not make up for it.
    assert float(numbers["remedies.baseline.depth6.ratio"].rational) < 0.25**3


def test_the_data_table_has_every_row_at_every_depth(folder):
    with open(folder / "all.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(r["remedy"], r["depth"]) for r in rows} == {
        ("fewerlayers", "3"),
        *(
            (slug, depth)
            for slug in ("baseline", "relu", "he.sigmoid", "he.relu")
            for depth in "46"
        ),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"depths": ()},
        {"depths": (20, 10)},
        {"depths": (3,)},
        {"seeds": 2},
        {"epochs": 15},
        {"include": ("relu",)},
        {"include": ("baseline", "relu", "prayer")},
    ],
)
def test_remedies_refuses_impossible_settings(remedies, changes):
    with pytest.raises(UsageError, match="expected"):
        remedies.STUDY.config("lecture", changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 1},
        {"seeds": 2},
        {"epochs": 25},
        {"optimizers": ("luck",)},
        {"optimizers": ()},
        {"a_decade": 0},
        {"scales": (1.0, 0.1, 10.0)},
        {"scales": (0.1, 1.0)},
        {"scales": (0.0, 0.1, 1.0, 10.0)},
        {"data_sets": 2},
    ],
)
def test_normalization_refuses_impossible_settings(normalization, changes):
    with pytest.raises(UsageError, match="expected"):
        normalization.STUDY.config("lecture", changes)


def test_the_lecture_tries_every_remedy_at_the_three_depths(remedies):
    cells = remedies.cells(remedies.SCALES["lecture"])
    assert len(cells) == 3 * (len(remedies.REMEDIES) - 1) + 1
    assert len({cell.name for cell in cells}) == len(cells)
    # Cells of one program follow each other in time: no more programs than designs.
    assert {cell["setting"]["slots"] for cell in cells} == {49}


def test_the_rates_are_evenly_spaced_in_decades(normalization):
    config = normalization.STUDY.config("lecture", {"a_decade": 2})
    rates = config.rates("sgd")
    assert rates[:5] == (0.001, 0.00316, 0.01, 0.0316, 0.1)
    assert rates[-1] == 100.0


def test_normalization_tries_every_kind_over_every_grid(normalization):
    names = {cell.name for cell in normalization.cells(normalization.SCALES["lecture"])}
    for kind in ("none", "batch", "layer"):
        assert {
            f"{grid}_{kind}" for grid in ("rates_sgd", "rates_keras_adam", "scales", "gap")
        } <= names
    assert {"modes_before", "modes_after"} <= names
