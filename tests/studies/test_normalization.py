"""The normalization study at smoke scale: what it draws, says and records belongs together."""

import pytest

from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("normalization")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small(
        "normalization", batches=(8,), widths=(12, 24), depth=8, seeds=20, deep_seeds=12
    )


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, _ = assert_belongs_together(folder, figures=2)
    assert "batchnorm.relu.batch8.measured" in said


def test_measured_and_predicted_meet_and_the_table_holds_their_z_score(folder, assert_sides_meet):
    assert_sides_meet(folder, "batchnorm.relu.batch8")


@pytest.mark.parametrize(
    "changes",
    [
        {"batches": ()},
        {"batches": (4,)},
        {"batches": (32, 8)},
        {"widths": (64,)},
        {"widths": (4, 8)},
        {"depth": 1},
        {"seeds": 3},
        {"deep_seeds": 5000},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
