"""The moons study, small: what it draws, says and records belongs together."""

import csv

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("moons")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("moons")


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    _, numbers = assert_belongs_together(folder, figures=8)
    assert {number.kind for number in numbers.values()} == {"estimated", "computed"}
    for key, number in numbers.items():
        if number.kind == "estimated":
            # Times are of the networks that get there, at least half.
            assert 16 <= number.uncertainty.n <= 32, key


def test_the_grid_holds_every_network_once(folder):
    with open(folder / "grid.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = {(row["activation"], row["hidden layers"], row["epochs"]) for row in rows}
    expected = {(name, depth, "100") for name in ("sigmoid", "relu") for depth in ("3", "10")}
    assert cells == expected | {("sigmoid", "10", "200")}
    assert len(rows) == 5


def test_deep_sigmoid_is_stuck_while_its_weights_move_by_far_more_than_a_percent(folder):
    numbers = read(folder / "numbers.json")
    deep = "moons.sigmoid.hidden10"
    # Keras 3 itself: 50 of 50 networks within 0.003 of log 2; moved by about a hundred steps.
    assert float(numbers[f"{deep}.stuck.share"].rational) > 0.9
    assert float(numbers[f"{deep}.percent.median"].uncertainty.low) > 5
    assert float(numbers[f"{deep}.gradient.first.start"].uncertainty.high) < 1e-6
    assert float(numbers[f"{deep}.unmoved.share"].rational) == 0
    # A sigmoid layer loses about three quarters of the gradient, a ReLU layer of this law little.
    assert float(numbers[f"{deep}.gradient.factor"].uncertainty.high) < 0.3
    assert float(numbers["moons.relu.hidden10.gradient.factor"].uncertainty.low) > 0.7


def test_lecture_scale_has_every_cell_that_the_question_names(module):
    found = {cell.name: cell for cell in module.cells(module.SCALES["lecture"])}
    names = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu")
    depths = (1, 2, 3, 5, 7, 10, 15, 20, 30)
    grid = {f"{name}_d{depth}" for name in names for depth in depths}
    assert grid <= set(found)
    assert all(found[name]["seeds"] >= 200 for name in grid)
    assert all(found[f"{name}_d{depth}"]["seeds"] == 1000 for name, depth in module.NOTES)
    longer = [cell for name, cell in found.items() if name.endswith("_longer")]
    assert longer
    assert all(cell["seeds"] >= 50 for cell in longer)
    assert all(cell["setting"]["epochs"] == 1000 for cell in longer)
    paper = [cell.name for cell in module.cells(module.SCALES["paper"])]
    assert {f"{name}_longer" for name in grid} <= set(paper)


def test_no_two_cells_have_one_name_and_one_program_serves_all_depths(module):
    found = module.cells(module.SCALES["lecture"])
    assert len({cell.name for cell in found}) == len(found)
    assert {cell["setting"]["slots"] for cell in found[1:]} == {29}


@pytest.mark.parametrize(
    "changes",
    [
        {"activations": ()},
        {"activations": ("relu", "relu")},
        {"activations": ("rellu",)},
        {"depths": (3,)},
        {"depths": (10, 3)},
        {"depths": (0, 3)},
        {"seeds": 3},
        {"notes_seeds": 0},
        {"longer": 1},
        {"epochs": 15},
        {"epochs": 5},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
