"""The mixed precision study at smoke scale: what it draws, says and records belongs together."""

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("mixed_precision")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("mixed_precision", width=10, depth=24, batch=4, seeds=8)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    _, numbers = assert_belongs_together(folder, figures=3)
    assert {key.split(".")[0] for key in numbers} == {"mixedprecision"}


def test_a_network_too_shallow_for_float32_gets_no_count_of_lost_layers(folder):
    numbers = read(folder / "numbers.json")
    assert "mixedprecision.sigmoid.float16.measured.layers" in numbers
    assert "mixedprecision.sigmoid.float32.measured.layers" not in numbers


@pytest.mark.parametrize("changes", [{"width": 1}, {"depth": 5}, {"batch": 0}, {"seeds": 3}])
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
