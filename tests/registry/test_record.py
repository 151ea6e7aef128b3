"""A record that could mislead a reader cannot be built, and one that can be built survives JSON."""

import json
import string
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import RegistryError
from gradchain._result import UNCERTAINTY_TYPES, Uncertainty
from gradchain._text import exact_text, rounded_text
from gradchain.registry.grammar import DTYPES, RULES, UNPRINTABLE, canonical, printable
from gradchain.registry.reading import from_json
from gradchain.registry.record import Check, How, Number, to_json

segments = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8).filter(
    lambda text: text[0].isalpha()
)
keys = st.lists(segments, min_size=1, max_size=5).map(".".join)
words = st.text(
    st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=40
).filter(lambda text: text.strip() and not UNPRINTABLE.search(text))
values = st.fractions(min_value=-(10**12), max_value=10**12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc é", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(segments, inner, max_size=3),
    max_leaves=6,
)


# Plain parts, put together inside the tests: the type checker of the test run draws random
# numbers, which hypothesis does not allow inside a strategy.
parts = st.fixed_dictionaries({
    "kind": st.sampled_from(["exact", "certified", "computed", "estimated", "reported"]),
    "value": values,
    "key": keys,
    "role": st.sampled_from(["value", "upper bound", "chance level"]),
    "statement": words,
    "conditions": words | st.just(""),
    "word": words,
    "ends": st.booleans(),
    "type": st.sampled_from(UNCERTAINTY_TYPES),
    "n": st.integers(1, 999),
    "arguments": st.dictionaries(segments, json_values, max_size=3),
    "dtype": st.none() | st.sampled_from(DTYPES),
    "digits": st.integers(1, 50),
    "tags": st.lists(words, max_size=3),
})


def build(drawn: dict) -> Number:
    """A record of any kind that is allowed."""
    kind, value, word = drawn["kind"], drawn["value"], drawn["word"]
    near = tuple(rounded_text(value + sign * (abs(value) + 1), 30) for sign in (-1, 1))
    backing: dict[str, object] = {}
    match kind:
        case "exact":
            backing["exact"] = word
        case "certified":
            backing["enclosure"] = near
        case "computed":
            backing["uncertainty"] = Uncertainty(type="error bound", value="1e-9")
        case "estimated":
            backing["uncertainty"] = Uncertainty(
                type=drawn["type"],
                value=None if drawn["ends"] else "0.5",
                low=near[0] if drawn["ends"] else None,
                high=near[1] if drawn["ends"] else None,
                n=drawn["n"],
                method=word,
            )
        case _:
            backing["source"] = word
    if kind != "reported":
        rule = RULES[kind]
        how = How("gradchain.certify.rational.power", canonical(drawn["arguments"]))
        backing["how"] = how
        backing["check"] = Check(rule, None if rule == "equality" else "1e-6")
    return Number(
        key=drawn["key"],
        kind=kind,
        role=drawn["role"],
        statement=drawn["statement"],
        conditions=drawn["conditions"],
        value=exact_text(value),
        dtype=drawn["dtype"],
        digits=drawn["digits"],
        tags=tuple(drawn["tags"]),
        **backing,
    )


@given(drawn=parts)
def test_a_record_survives_json_unchanged(drawn: dict):
    number = build(drawn)
    text = json.dumps(to_json(number))
    again = from_json(json.loads(text))
    assert again == number
    assert hash(again) == hash(number)
    assert again.id == number.id


@given(drawn=parts)
def test_the_id_changes_with_any_word(drawn: dict):
    number = build(drawn)
    changed = replace(number, statement=number.statement + drawn["word"])
    assert changed.id != number.id
    assert len(number.id) == 12


def test_the_value_is_exact_whatever_a_float_would_make_of_it():
    number = make(value="1/3", exact="1/3")
    assert number.rational == Fraction(1, 3)


def make(**changes: object) -> Number:
    """A good exact record, with some fields changed."""
    fields = {
        "key": "a.good.key",
        "kind": "exact",
        "statement": "A statement.",
        "value": "0.25",
        "exact": "1/4",
        "how": How.of("gradchain.certify.rational.power", base="1/4", exponent=1),
        "check": Check("equality"),
    }
    return Number(**{**fields, **changes})


ESTIMATED = {
    "kind": "estimated",
    "exact": None,
    "check": Check("z", "4"),
    "uncertainty": Uncertainty("standard error", value="0.1", n=100, method="mean of 100 draws"),
}
CERTIFIED = {"kind": "certified", "exact": None, "check": Check("enclosure", "1e-20")}
ONE = Uncertainty("error bound", value="1e-9")

# name: (changes, what the sentence must say after the key)
BAD = {
    "capital key": ({"key": "A.b"}, "key: breaks the grammar"),
    "underscore key": ({"key": "a_b"}, "key: breaks the grammar"),
    "trailing dot": ({"key": "a.b."}, "key: breaks the grammar"),
    "digit first": ({"key": "a.2b"}, "key: breaks the grammar"),
    "bengali key": ({"key": "a.১"}, "key: breaks the grammar"),
    "newline in key": ({"key": "a\n"}, "key: holds the character U\\+000A"),
    "long key": ({"key": "a" * 10_000}, "key: breaks the grammar"),
    "unknown kind": ({"kind": "guessed"}, "kind: got 'guessed', expected one of exact"),
    "unknown role": ({"role": "truth"}, "role: got 'truth', expected one of value"),
    "unknown dtype": ({"dtype": "float8"}, "dtype: got 'float8', expected one of float16"),
    "bad version": ({"since": "soon"}, "since: got 'soon'"),
    "no statement": ({"statement": "  "}, "statement: is empty"),
    "no digits": ({"digits": 0}, "digits: got 0, expected 1 to 50"),
    "no closed form": ({"exact": None}, "exact: kind exact needs a theorem or a closed form"),
    "exact with error": ({"uncertainty": ONE}, "uncertainty: an exact number has none"),
    "value nan": ({"value": "NaN"}, "value: not a number"),
    "value 1/0": ({"value": "1/0"}, "value: not a number"),
    "value endless": ({"value": "1e-30000000"}, "value: value out of range"),
    "value long": ({"value": "1" * 10_001}, "value: value out of range"),
    "value with comment end": ({"value": "1-->"}, "value: not a number"),
    "certified, open": (CERTIFIED, "enclosure: kind certified needs the two ends"),
    "ends swapped": ({**CERTIFIED, "enclosure": ("1", "0")}, "enclosure: the lower end is above"),
    "value outside": (
        {**CERTIFIED, "enclosure": ("0.3", "0.4")},
        "enclosure: the value '0.25' lies outside it",
    ),
    "end no number": ({**CERTIFIED, "enclosure": ("0", "x")}, "enclosure: not a number"),
    "computed, no error": (
        {"kind": "computed", "check": Check("relative", "1e-9")},
        "uncertainty: kind computed needs an error estimate",
    ),
    "estimated, no n": (
        {**ESTIMATED, "uncertainty": Uncertainty("standard error", value="1", method="m")},
        "uncertainty: kind estimated needs an uncertainty with n and method",
    ),
    "no seeds": (
        {**ESTIMATED, "uncertainty": Uncertainty("standard error", value="1", n=0, method="m")},
        "uncertainty.n: got 0, expected at least 1",
    ),
    "negative error": (
        {**ESTIMATED, "uncertainty": Uncertainty("standard error", value="-1", n=9, method="m")},
        "uncertainty.value: got -1, expected >= 0",
    ),
    "one end": (
        {**ESTIMATED, "uncertainty": Uncertainty("interval 95%", low="0", n=9, method="m")},
        "uncertainty: has one end only",
    ),
    "no size": (
        {**ESTIMATED, "uncertainty": Uncertainty("interval 95%", n=9, method="m")},
        "uncertainty: has neither a value nor the two ends",
    ),
    "strange type": (
        {**ESTIMATED, "uncertainty": Uncertainty("about", value="1", n=9, method="m")},
        "uncertainty.type: got 'about'",
    ),
    "reported, no source": (
        {"kind": "reported", "how": None, "check": None},
        "source: kind reported needs the citation",
    ),
    "reported, recomputed": (
        {"kind": "reported", "source": "A book."},
        "how: a reported number is never recomputed",
    ),
    "no how": ({"how": None}, "how: is missing"),
    "no check": ({"check": None}, "check: is missing"),
    "wrong rule": ({"check": Check("z", "4")}, "check.rule: got 'z', but kind exact has equality"),
    "no tolerance": (
        {**ESTIMATED, "check": Check("z")},
        "check.tolerance: is missing; rule z needs one",
    ),
    "negative tolerance": (
        {**ESTIMATED, "check": Check("z", "-4")},
        "check.tolerance: is negative",
    ),
    "arguments no json": (
        {"how": How("gradchain.certify.rational.power", "{")},
        "how.arguments: is not JSON text",
    ),
    "arguments a list": (
        {"how": How("gradchain.certify.rational.power", "[]")},
        "how.arguments: expected names with values",
    ),
    "arguments deep": (
        {"how": How("f", '{"a":' + "[" * 9 + "]" * 9 + "}")},
        "how.arguments: expected names with values, at most 8 deep",
    ),
    "arguments bottomless": (
        {"how": How("f", "[" * 9_000)},
        "how.arguments: is not JSON text",
    ),
    "bad successor": ({"superseded_by": "No Key"}, "superseded_by: 'No Key' is not a key"),
    "escape sequence": (
        {"statement": "\x1b]0;owned\x07"},
        "statement: holds the character U\\+001B",
    ),
    "bidi override": ({"conditions": "a\u202eb"}, "conditions: holds the character U\\+202E"),
    "bidi isolate": ({"tags": ("a\u2066b",)}, "tags: holds the character U\\+2066"),
    "lone surrogate": ({"exact": "\ud800"}, "exact: holds the character U\\+D800"),
    "null": ({"formula_text": "a\0"}, "formula_text: holds the character U\\+0000"),
    "endless text": ({"conditions": "x" * 10_001}, "conditions: value out of range"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_refused_with_key_and_field_in_one_sentence(name: str):
    changes, sentence = BAD[name]
    with pytest.raises(RegistryError, match=sentence) as caught:
        make(**changes)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(("a.good.key: ", "'"))
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 300


def test_what_may_not_be_stored_is_dropped_when_printed():
    assert printable("a\x1b]0;b\u202ec\u2066\ufeff") == "a]0;bc"


def test_a_reported_number_needs_only_its_source():
    number = make(kind="reported", how=None, check=None, source="A. Author, 1998.", exact=None)
    assert number.source == "A. Author, 1998."


LONG = "x" * 10_001
ERROR = {"type": "standard error", "value": "0.1", "n": 9, "method": "m"}


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        *((name, {name: LONG}) for name in ("statement", "exact", "unit", "device", "theorem")),
        ("tags", {"tags": (LONG,)}),
        ("how.function", {"how": How(LONG, "{}")}),
        ("how.arguments", {"how": How("f", LONG)}),
        ("check.rule", {"check": Check(LONG)}),
        ("check.tolerance", {"check": Check("equality", LONG)}),
        *(
            (
                f"uncertainty.{part}",
                {**ESTIMATED, "uncertainty": Uncertainty(**ERROR | {part: LONG})},
            )
            for part in ("type", "value", "low", "high", "method")
        ),
    ],
)
def test_a_text_too_long_is_refused_by_the_name_of_its_own_field(field: str, changes: dict):
    with pytest.raises(RegistryError, match=f": {field}: value out of range: 10001 characters"):
        make(**changes)


def test_the_longest_text_and_the_ends_of_the_digits_are_allowed():
    assert len(make(conditions="x" * 10_000).conditions) == 10_000
    assert [make(digits=digits).digits for digits in (1, 50)] == [1, 50]
    with pytest.raises(RegistryError, match="digits: got 51"):
        make(digits=51)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("uncertainty.value", {"value": "x"}),
        ("uncertainty.low", {"low": "x", "high": "1"}),
        ("uncertainty.high", {"low": "0", "high": "x"}),
    ],
)
def test_an_error_that_is_no_number_is_refused_by_the_name_of_its_part(field: str, changes: dict):
    with pytest.raises(RegistryError, match=f": {field}: not a number"):
        make(**ESTIMATED | {"uncertainty": Uncertainty(**ERROR | changes)})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("statement", 3, "got int, expected text"),
        ("tags", ["a"], "got list, expected a tuple of texts"),
        ("tags", (1,), "got tuple, expected a tuple of texts"),
        ("enclosure", ("0",), "got tuple, expected a tuple of texts"),
        ("digits", "3", "got str, expected a whole number"),
        ("how", "f", "got str, expected a How"),
        ("statement", None, "got NoneType, expected text"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_a_field_of_the_wrong_type_says_what_was_got_and_what_is_expected(field, value, words):
    with pytest.raises(RegistryError, match=f"{field}: {words}"):
        make(**{field: value})


def test_ends_that_touch_the_value_and_an_error_of_nothing_are_allowed():
    assert make(**CERTIFIED | {"enclosure": ("0.25", "0.25")}).enclosure == ("0.25", "0.25")
    none = Uncertainty("standard error", value="0", n=1, method="m")
    assert make(**ESTIMATED | {"uncertainty": none}).uncertainty == none
    assert make(**ESTIMATED | {"check": Check("z", "0")}).check == Check("z", "0")


def test_arguments_may_be_eight_deep_and_no_deeper():
    for depth, good in ((8, True), (9, False)):
        inside = "[" * (depth - 2) + "1" + "]" * (depth - 2)  # the names and the 1 are levels too
        how = How("f", f'{{"a":{inside}}}')
        if good:
            assert make(how=how).how == how
        else:
            with pytest.raises(RegistryError, match=r"how\.arguments: expected names with values"):
                make(how=how)


def test_what_is_at_its_default_is_not_written():
    assert set(to_json(make())) == {
        *("key", "kind", "statement", "value", "exact", "how", "check"),
    }


def test_parts_that_are_empty_are_not_written():
    error = Uncertainty("error bound", value="1e-9")
    computed = make(kind="computed", exact=None, uncertainty=error, check=Check("relative", "1e-6"))
    assert to_json(computed)["uncertainty"] == {"type": "error bound", "value": "1e-9"}
    assert to_json(computed)["check"] == {"rule": "relative", "tolerance": "1e-6"}
    assert to_json(make())["check"] == {"rule": "equality"}
    assert to_json(make(tags=("x", "y")))["tags"] == ["x", "y"]
