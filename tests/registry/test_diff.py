"""Two registries compared: what came, went and moved, and by how much."""

from fractions import Fraction

import pytest

from gradchain._errors import RegistryError
from gradchain.registry import Check, How, Number, load, write
from gradchain.registry.diff import compare, lines, open_numbers


def _number(key, value, **more):
    fields = {
        "kind": "exact", "statement": "S.", "exact": "x", "check": Check("equality"),
        "how": How.of("gradchain.x"),
    }  # fmt: skip
    return Number(key=key, value=value, **(fields | more))


def _book(*numbers):
    return {number.key: number for number in numbers}


def test_a_registry_does_not_differ_from_itself():
    found = compare(load(), load())
    assert not found.drift
    assert found.same == len(load())
    assert len(lines(found)) == 1


def test_added_removed_moved_and_rekinded_numbers_are_told_apart():
    old = _book(_number("a", "1"), _number("b", "2"), _number("c", "3"), _number("d", "4"))
    new = _book(
        _number("b", "2.002"),
        _number("c", "3", kind="certified", enclosure=("3", "3"), check=Check("enclosure", "1")),
        _number("d", "4", statement="Other words."),
        _number("e", "5"),
    )
    found = compare(old, new)
    assert [number.key for number in found.added] == ["e"]
    assert [number.key for number in found.removed] == ["a"]
    assert [(item.key, item.relative) for item in found.moved] == [("b", Fraction(1, 1000))]
    assert found.kinds == (("c", "exact", "certified"),)
    assert ("d", ("statement",)) in found.reworded
    assert found.drift


def test_another_spelling_of_the_same_value_is_no_change():
    assert not compare(_book(_number("a", "0.25")), _book(_number("a", "1/4"))).drift


def test_a_change_too_small_for_the_shown_digits_is_shown_all_the_same():
    old, new = "0.50000000000000000000", "0.50000000000000000001"
    found = compare(_book(_number("a", old)), _book(_number("a", new)))
    assert found.moved[0].old != found.moved[0].new
    assert "relative change 2e-20" in lines(found)[0]


@pytest.mark.parametrize(("old", "new"), [("0", "1"), ("1e-300", "1e300"), ("1", "-1"), ("1", "0")])
def test_changes_of_any_size_and_sign_have_a_sentence(old, new):
    found = compare(_book(_number("a", old)), _book(_number("a", new)))
    assert found.drift
    assert found.moved[0].old != found.moved[0].new
    assert lines(found)[0].startswith("changed  a:")


def test_only_new_numbers_are_no_drift():
    assert not compare({}, _book(_number("a", "1"))).drift


def test_a_file_a_result_folder_and_a_folder_of_them_are_read(tmp_path):
    for name, key in (("one", "a.one"), ("two", "a.two")):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "numbers.json", [_number(key, "1")])
    assert list(open_numbers(tmp_path / "one" / "numbers.json")) == ["a.one"]
    assert list(open_numbers(tmp_path / "one")) == ["a.one"]
    assert list(open_numbers(tmp_path)) == ["a.one", "a.two"]


def test_a_folder_without_numbers_is_one_sentence(tmp_path):
    with pytest.raises(RegistryError, match=r"holds no numbers\.json"):
        open_numbers(tmp_path)


def test_a_name_that_no_file_can_have_is_refused_in_one_sentence():
    with pytest.raises(RegistryError, match="cannot read it"):
        open_numbers("1" * 5000)
