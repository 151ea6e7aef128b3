"""Why a number may be believed: nothing that backs it is left out."""

import pytest

from gradchain.registry import load
from gradchain.registry.cite import Citation, cite
from gradchain.registry.why import explain, rule


def test_statement_conditions_both_formulas_and_command_are_shown():
    for number in load().values():
        text = explain(Citation(number))
        for part in (
            number.statement,
            number.conditions,
            number.formula_text,
            number.formula_latex,
        ):
            assert part in text, number.key
        assert f"gradchain check {number.key}" in text
        assert number.how is None or number.how.function in text


def test_a_certified_number_shows_both_ends_of_its_enclosure():
    number = next(number for number in load().values() if number.kind == "certified")
    text = explain(Citation(number))
    assert "enclosure    [" in text


@pytest.mark.parametrize(
    ("key", "words"),
    [("sigmoid.chain.bound.n5", "must equal"), ("gelu.derivative.sup", "enclosure must meet")],
)
def test_the_rule_of_the_kind_is_said_in_words(key, words):
    assert words in rule(cite(key).number)
