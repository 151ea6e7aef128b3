"""The optimizers study, small: adaptive steps hide a vanished gradient, plain ones do not move."""

import csv

import pytest

from gradchain import recompute
from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("optimizers")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("optimizers")


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    _, numbers = assert_belongs_together(folder, figures=3)
    assert {number.kind for number in numbers.values()} == {"estimated"}


def test_plain_steps_leave_the_first_layer_as_it_was_and_adaptive_ones_do_not(folder):
    numbers = read(folder / "numbers.json")

    def value(name, what):
        return float(numbers[f"optimizers.{name}.hidden10.{what}"].rational)

    # A gradient entry of 1e-7 times the rate 0.01 is below half an ulp of weights above 0.02.
    assert value("sgd", "same.share") > 0.9
    assert value("sgd", "pseudo.median") == 0
    # 700 steps, none larger than rate (1 - b1)/sqrt(1 - b2).
    assert 10 < value("adam.eps7", "pseudo.median") < 700 * 0.1 / 0.001**0.5
    assert value("adam.eps7", "percent.median") > 1 > value("adam.eps3", "percent.median")


def test_with_few_steps_a_gradient_far_below_epsilon_moves_the_weights_in_proportion(folder):
    # Adam with an epsilon above every |g| is a multiple of SGD: kernels keep the order of gradients.
    with open(folder / "layers.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["optimizer"] == "adam_eps3"]
    moved = [float(row["median moved"]) for row in rows]
    gradient = [float(row["log10 gradient start"]) for row in rows]
    assert gradient == sorted(gradient)
    assert moved[2:] == sorted(moved[2:])
    assert moved[2] < moved[-1] / 100


def test_a_number_comes_out_again(folder):
    numbers = read(folder / "numbers.json")
    number = numbers["optimizers.sgd.hidden10.same.share"]
    assert recompute.run(number.how).value == number.value


def test_lecture_scale_has_every_optimizer_that_the_question_names(module):
    found = {cell.name: cell for cell in module.cells(module.SCALES["lecture"])}
    assert all(cell["seeds"] >= 200 for cell in found.values())
    epsilon = {
        dict(cell["setting"]["values"]).get("epsilon", 1e-7)
        for name, cell in found.items()
        if name.startswith("adam")
    }
    assert epsilon == {1e-8, 1e-7, 1e-3}
    for name in ("sgd", "momentum", "rmsprop", "adagrad"):
        assert f"{name}_d10" in found
        assert f"{name}_d7" in found


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizers": ("sgd",)},
        {"optimizers": ("sgd", "adam_eps7", "adam")},
        {"optimizers": ("sgd", "sgd", "adam_eps7")},
        {"optimizers": ("momentum", "adam_eps7")},
        {"depths": (7,)},
        {"depths": (10, 7)},
        {"depths": (10, 200)},
        {"seeds": 5},
        {"epochs": 7},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
