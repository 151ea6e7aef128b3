"""The output layer study at smoke scale: what it draws, says and records belongs together."""

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("output_layer")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("output_layer", seeds=8, epochs=10)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    _, numbers = assert_belongs_together(folder, figures=3)
    assert {key.split(".")[0] for key in numbers} == {"outputlayer"}


def test_a_wrong_start_silences_squared_error_on_a_sigmoid_and_leaves_the_ratio_alone(folder):
    numbers = read(folder / "numbers.json")
    ends = {}
    for head in ("sigmoidce", "sigmoidmse"):
        stem = f"outputlayer.{head}.deep.wrong"
        ends[head] = [numbers[f"{stem}.{what}"].uncertainty for what in ("first", "ratio")]
    # Thousands of times less gradient, while the intervals of the ratio overlap.
    assert float(ends["sigmoidmse"][0].high) < float(ends["sigmoidce"][0].low)
    assert float(ends["sigmoidmse"][1].low) < float(ends["sigmoidce"][1].high)
    assert float(ends["sigmoidce"][1].low) < float(ends["sigmoidmse"][1].high)


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 3},
        {"epochs": 15},
        {"epochs": 0},
        {"heads": ("sigmoid_ce",)},
        {"heads": ("linear_mse", "softmax_ce")},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
