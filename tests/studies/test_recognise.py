"""The recognise study at smoke scale: what it draws, says and records belongs together."""

import pytest

from gradchain.registry import read
from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("recognise")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("recognise", seeds=8)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    _, numbers = assert_belongs_together(folder, figures=2)
    assert {key.split(".")[0] for key in numbers} == {"recognise"}


def test_a_slow_learner_fools_weight_change_but_not_the_slope(folder):
    numbers = read(folder / "numbers.json")
    assert float(numbers["recognise.weightchange.slow.alarms"].value) > 0.9
    assert float(numbers["recognise.slope.falsealarms"].value) == 0


@pytest.mark.parametrize("changes", [{"seeds": 3}, {"population": "none"}])
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
