"""The transformer_block study at smoke scale: what it draws, says and records belongs together."""

import pytest

from gradchain.study import UsageError


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("transformer_block")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("transformer_block", tokens=4, width=16, heads=2, blocks=3, seeds=20)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, _ = assert_belongs_together(folder, figures=2)
    assert "transformer.pre.uniform.gradient.measured" in said


def test_measured_and_predicted_meet_and_the_table_holds_their_z_score(folder, assert_sides_meet):
    assert_sides_meet(folder, "transformer.pre.uniform.gradient")


@pytest.mark.parametrize(
    "changes",
    [{"tokens": 1}, {"width": 6}, {"heads": 3}, {"blocks": 1}, {"blocks": 40}, {"seeds": 5}],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
