"""Finding numbers: by words, values, closed forms, nearly right keys; across several files."""

import pytest

from gradchain._errors import UnknownKeyError, UsageError
from gradchain.registry import Check, How, Number, Registry, load, write
from gradchain.registry.collection import order
from gradchain.registry.search import Shelf, by_value, find, one


def _number(key, value="1/4", **more):
    fields = {
        "kind": "exact", "statement": f"The statement of {key}.", "exact": value,
        "how": How.of("gradchain.certify.rational.power", base="1/4", exponent=1),
        "check": Check("equality"),
    }  # fmt: skip
    return Number(key=key, value=value, **(fields | more))


def _shelf(*numbers):
    return Shelf(Registry(numbers, origin="packaged reference"))


def test_every_packaged_key_is_found_by_itself_as_a_word():
    shelf = Shelf.open()
    for key in list(shelf)[::7]:
        assert key in find(shelf, (key,))


def test_all_words_must_match_in_key_statement_conditions_tags_or_value():
    shelf = _shelf(
        _number("a.one", conditions="scalar chain", tags=("glorot",)),
        _number("a.two", "1/1024", statement="A bound on Sigmoid."),
    )
    assert find(shelf, ()) == ["a.one", "a.two"]
    assert find(shelf, ("SCALAR", "one")) == ["a.one"]
    assert find(shelf, ("glorot",)) == ["a.one"]
    assert find(shelf, ("sigmoid", "bound")) == ["a.two"]
    assert find(shelf, ("9.77e-4",)) == ["a.two"]
    assert find(shelf, ("0.25^5",)) == ["a.two"]
    assert find(shelf, ("scalar", "two")) == []


def test_a_word_that_is_no_word_is_refused():
    for word in ("", "  ", "x" * 301):
        with pytest.raises(UsageError):
            find(_shelf(_number("a")), (word,))


def test_an_expression_finds_the_number_with_that_exact_value():
    shelf = _shelf(_number("a.quarter"), _number("a.fifth", "1/5"))
    assert by_value(shelf, "0.5^2") == ["a.quarter"]
    assert one(shelf, "0.25") == "a.quarter"
    assert by_value(shelf, "0.3") == []


def test_a_decimal_finds_what_rounds_to_it_but_never_by_truncation():
    shelf = _shelf(_number("a.bound", "1/1024"))
    assert by_value(shelf, "9.77e-4") == ["a.bound"]
    assert by_value(shelf, "0.00098") == []
    assert by_value(shelf, "0.000976") == []
    assert by_value(shelf, "0.000977") == ["a.bound"]


def test_a_closed_form_goes_before_other_numbers_of_the_same_value():
    shelf = _shelf(
        _number("a.half", "0.0009765625", exact="(1/2)^10"),
        _number("a.quarter", "0.0009765625", exact="(1/4)^5"),
    )
    assert by_value(shelf, "0.25^5") == ["a.quarter"]
    assert by_value(shelf, "0.5^10") == ["a.half"]
    assert by_value(shelf, "1/1024") == ["a.half", "a.quarter"]
    with pytest.raises(UnknownKeyError, match="2 numbers") as caught:
        one(shelf, "1/1024")
    assert set(caught.value.nearest) == {"a.half", "a.quarter"}


def test_the_chance_level_is_found_by_its_closed_form():
    assert one(Shelf.open(), "log(2)") == one(Shelf.open(), "ln 2") == "ln2"


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(UnknownKeyError) as caught:
        one(Shelf.open(), "sigmoid.chain.bond.n5")
    assert "sigmoid.chain.bound.n5" in caught.value.nearest


def test_the_users_number_goes_before_the_packaged_one_and_says_where_it_is_from(tmp_path):
    key = next(iter(load()))
    path = write(tmp_path / "mine.json", [_number(key, "1/7"), _number("zzz.mine")])
    shelf = Shelf.open(path)
    assert shelf[key].value == "1/7"
    assert shelf.origin(key) == str(path)
    assert shelf.origin("zzz.mine") == str(path)
    assert shelf.origin(list(load())[5]) is None
    assert len(shelf) == len(load()) + 1


def test_a_file_named_twice_is_one_file_but_two_files_may_not_share_a_key(tmp_path):
    first = write(tmp_path / "a.json", [_number("zzz.mine")])
    second = write(tmp_path / "b.json", [_number("zzz.mine", "1/5")])
    assert "zzz.mine" in Shelf.open(first, first)
    with pytest.raises(UsageError, match="both"):
        Shelf.open(first, second)


def test_every_field_of_a_record_can_be_searched():
    said = {
        "kind": "reported",
        "exact": None,
        "how": None,
        "check": None,
        "source": "Somebody 1991",
    }
    number = _number(
        "a.key", "0.00123", role="upper bound", conditions="Cond.", formula_text="f(x)",
        theorem="t9", dtype="bfloat16", device="gpu", study="demo", unit="nat", tags=("tag",),
        **said,
    )  # fmt: skip
    shelf = _shelf(number, _number("b.other"))
    for word in (
        *("a.key", "reported", "upper bound", "statement of a", "cond.", "f(x)", "t9", "bfloat16"),
        *("gpu", "demo", "1991", "nat", "tag", "0.00123", "1.23e-3"),
    ):
        assert "a.key" in find(shelf, (word,)), word
    assert find(shelf, ("xx",)) == []


def test_a_refused_search_and_an_unknown_name_say_what_was_got_and_what_helps():
    shelf = _shelf(_number("a.b"))
    with pytest.raises(UsageError, match="cannot search for '  '; expected 1 to 300 characters"):
        find(shelf, ("  ",))
    assert find(shelf, ("x" * 300,)) == []
    assert by_value(shelf, "1" + " " * 300) == by_value(shelf, "") == []
    with pytest.raises(UnknownKeyError, match="unknown key 'qq'; to search: gradchain list WORDS"):
        one(shelf, "qq")
    with pytest.raises(UnknownKeyError, match=r"unknown key 'a\.c'; nearest: a\.b"):
        one(shelf, "a.c")


@pytest.mark.usefixtures("as_a_user")
def test_a_query_that_is_no_text_is_named_by_its_type():
    with pytest.raises(UsageError, match="got int, expected a key or an expression as text"):
        one(_shelf(_number("a.b")), 3)


def test_several_numbers_of_one_value_are_listed_up_to_five():
    for count, tail in ((5, "a.n5$"), (6, r"a.n5, \.\.\.$")):
        shelf = _shelf(*(_number(f"a.n{i}") for i in range(1, count + 1)))
        words = f"'0.25' is the value of {count} numbers; name one of: a.n1, a.n2, .*{tail}"
        with pytest.raises(UnknownKeyError, match=words):
            one(shelf, "0.25")


def test_a_decimal_of_two_digits_or_of_zero_is_no_rounding():
    shelf = _shelf(_number("a.third", "1/3"), _number("a.zero", "0"), _number("a.minus", "-1/3"))
    assert by_value(shelf, "0.33") == []
    assert by_value(shelf, "0.333") == ["a.third"]
    assert by_value(shelf, "-0.333") == ["a.minus"]
    assert by_value(shelf, "0.000") == ["a.zero"]
    assert by_value(shelf, "3.33") == by_value(shelf, "0.0333") == []


def test_digits_that_end_in_zeros_are_digits():
    assert by_value(_shelf(_number("a.b", "0.10004")), "0.1000") == ["a.b"]
    assert by_value(_shelf(_number("a.b", "0.10006")), "0.1000") == []
    assert by_value(_shelf(_number("a.b", "1000.04")), "1000") == ["a.b"]


def test_keys_of_several_files_stand_in_one_natural_order(tmp_path):
    path = write(tmp_path / "n.json", [_number("aaa.n10"), _number("aaa.n9"), _number("zzz.a")])
    keys = list(Shelf.open(path))
    assert keys == sorted(keys, key=order)
    assert keys[:2] == ["aaa.n9", "aaa.n10"]
    assert keys[-1] == "zzz.a"


def test_a_key_in_capitals_or_the_beginning_of_keys_is_named_first_wherever_it_lies(tmp_path):
    key = "sigmoid.chain.bound.n5"
    others = [_number(f"{key}0.n{i}") for i in range(6)]
    shelf = Shelf.open(write(tmp_path / "mine.json", [*others, _number("mine.begins.so")]))
    with pytest.raises(UnknownKeyError, match=f"nearest: {key}, ") as caught:
        one(shelf, key.upper())
    assert caught.value.nearest[0] == key
    begun = [known for known in load() if known.startswith("sigmoid.chain.bound.")]
    more = len(begun) + len(others) - 5
    with pytest.raises(
        UnknownKeyError, match=f"and {more} more; all: gradchain list sigmoid.chain"
    ):
        one(shelf, "sigmoid.chain.bound")
    with pytest.raises(UnknownKeyError, match=r"begin so: mine\.begins\.so; all:"):
        one(shelf, "Mine")
