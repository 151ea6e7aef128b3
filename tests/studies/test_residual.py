"""The residual study at smoke scale: what it draws, says and records belongs together."""

import pytest

from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("residual")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("residual", width=12, channels=4, depth=6, seeds=30, image_seeds=12)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, _ = assert_belongs_together(folder, figures=2)
    assert "residual.dense.skip.block.measured" in said


def test_measured_and_predicted_meet_and_the_table_holds_their_z_score(folder, assert_sides_meet):
    assert_sides_meet(folder, "residual.dense.skip.block")


@pytest.mark.parametrize(
    "changes",
    [{"width": 2}, {"channels": 1000}, {"depth": 1}, {"seeds": 5}, {"image_seeds": 10**5}],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
