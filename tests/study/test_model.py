"""A study that cannot be run is refused when it is declared."""

from dataclasses import dataclass, replace

import pytest

from gradchain._errors import UsageError
from gradchain.study import Cell, Study, Summary, Table, check_seed


@dataclass(frozen=True)
class Config:
    depth: int = 1


SCALES = {"smoke": Config(), "lecture": Config(), "paper": Config()}
STUDY = Study("a", "A", "A?", SCALES, lambda config: [], lambda cell: {}, lambda c, r: Summary())


@pytest.mark.parametrize("name", ["", "Big", "a b", "a/b", "../up", "x" * 200, "a\n", "_a"])
def test_cell_names_are_file_safe(name):
    with pytest.raises(UsageError, match="cell name"):
        Cell(name)


@pytest.mark.parametrize("name", ["", "Big", "a-b", "a/b", "1a", "x" * 61, "a\n"])
def test_study_and_table_names_are_file_safe(name):
    with pytest.raises(UsageError, match="study name"):
        replace(STUDY, name=name)
    with pytest.raises(UsageError, match="table name"):
        Table(name, "t", ("a",), [])


def test_a_row_of_the_wrong_length_is_named():
    with pytest.raises(UsageError, match=r"table t, row 2: 1 cells for 2 columns"):
        Table("t", "T", ("a", "b"), [(1, 2), (3,)])


def test_all_three_scales_are_needed_as_dataclasses():
    with pytest.raises(UsageError, match="expected exactly smoke, lecture, paper"):
        replace(STUDY, scales={"smoke": Config()})
    with pytest.raises(UsageError, match="instance of a frozen dataclass"):
        replace(STUDY, scales={**SCALES, "paper": {"depth": 1}})


def test_a_knob_changes_one_setting_and_a_wrong_knob_is_named():
    assert STUDY.config("smoke", {"depth": 7}) == Config(depth=7)
    assert STUDY.config("smoke") == Config()
    with pytest.raises(UsageError, match="has no setting 'width'; expected one of depth"):
        STUDY.config("smoke", {"width": 7})
    with pytest.raises(UsageError, match="scale 'huge'"):
        STUDY.config("huge")


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_seeds_that_jax_takes_are_taken(seed):
    assert check_seed(seed) == seed


@pytest.mark.parametrize("name", ["A" * 9000, None, 3, b"a"])
def test_a_bad_name_gets_a_short_sentence(as_a_user, name):
    for make in (Cell, lambda text: Table(text, "t", ("a",), []), lambda text: STUDY.config(text)):
        with pytest.raises(UsageError, match="expected") as caught:
            make(name)
        assert len(str(caught.value)) < 250
