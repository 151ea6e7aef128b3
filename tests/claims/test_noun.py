"""A claim that could not be printed, cited or checked is never built."""

import pytest

from gradchain._errors import RegistryError
from gradchain.claims.evidence import Support
from gradchain.claims.noun import VERDICTS, Claim, check_together

GOOD = {
    "id": "C01",
    "topic": "Topic",
    "sentence": "Sentence.",
    "verdict": "holds if",
    "condition": "If {a.b} is {c}[[, as {d.e} says]].",
    "say_instead": "Say {a.b}.",
    "supports": (Support("a.b < x.y"),),
}


def test_its_numbers_are_those_of_its_checks_and_texts():
    claim = Claim(**GOOD)
    assert claim.numbers == ("a.b", "x.y", "c", "d.e")
    assert claim.text("condition") == "If {a.b} is {c}, as {d.e} says."


def test_while_evidence_is_pending_it_has_no_number_and_its_clauses_are_out():
    fields = GOOD | {"condition": "Now[[ {a.b}]].", "say_instead": "Say.", "pending": "a study"}
    claim = Claim(**fields)
    assert claim.numbers == ()
    assert claim.wanted == ("a.b", "x.y")
    assert claim.text("condition") == "Now."
    settled = Claim(**{**fields, "pending": ""})
    assert settled.text("condition") == "Now {a.b}."
    assert settled.numbers == claim.wanted


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_four_verdicts_are_words(verdict):
    assert Claim(**GOOD | {"verdict": verdict}).verdict == verdict


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("id", "c1", "expected C and at least two digits"),
        ("verdict", "true", "expected holds, holds if, misleading, false"),
        ("sentence", " ", "is empty"),
        ("sentence", "It is {a.b}.", "holds no key"),
        ("condition", "at most 0.25", r"'0\.2' typed by hand"),
        ("say_instead", "about 1e-5", "'1e-5' typed by hand"),
        ("condition", "{A.B}", "is not a key"),
        ("condition", "a\x1bb", "does not print"),
        ("supports", (), "no evidence"),
        ("theorems", ("T1",), "expected an id such as T01b"),
        ("tests", ("test_x",), "expected tests/file.py::test_name"),
        ("pending", "a study", r"put its numbers into \[\[...\]\]"),
    ],
)
def test_a_bad_field_is_named_with_its_claim(field, value, words):
    with pytest.raises(RegistryError, match=words) as caught:
        Claim(**GOOD | {field: value})
    assert str(caught.value).startswith("claim '")


def test_ids_run_on_without_gaps_or_repeats():
    first, second = Claim(**GOOD), Claim(**GOOD | {"id": "C02"})
    assert check_together([second, first]) == (first, second)
    for wrong in ([first, first], [second], [first, Claim(**GOOD | {"id": "C03"})]):
        with pytest.raises(RegistryError, match="without gaps"):
            check_together(wrong)
