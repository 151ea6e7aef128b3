"""Why a number may be believed: nothing that backs it is left out."""

import pytest

from gradchain._result import Uncertainty
from gradchain.registry import Check, How, Number, load
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
        again = "never recomputed" if number.kind == "reported" else f"gradchain check {number.key}"
        assert again in text
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


def _drawn(**more):
    fields = {
        "key": "a.mean", "kind": "estimated", "statement": "The mean of a draw.", "value": "0.12345",
        "conditions": "Width 8.", "how": How.of("gradchain.x", seed=0), "check": Check("z", "4.5"),
        "uncertainty": Uncertainty("standard error", "0.0123", n=100, method="seeds 0 to 99"),
        "formula_text": "E[x]", "formula_latex": "\\mathbb E[x]", "theorem": "t1", "study": "demo",
    }  # fmt: skip
    return Number(**(fields | more))


def test_all_that_backs_a_number_stands_under_its_label():
    rows = explain(Citation(_drawn(), "my.json", "a.old")).splitlines()
    assert rows == [
        "a.mean = 0.123 \u00b1 0.012",
        "  what it is   estimate",
        "  statement    The mean of a draw.",
        "  conditions   Width 8.",
        "  formula      E[x]",
        "  in LaTeX     \\mathbb E[x]",
        "  theorem      t1",
        "  uncertainty  standard error 0.0123, n = 100 (seeds 0 to 99)",
        "  value        0.12345",
        "  computed by  gradchain.x(seed=0)",
        "  checked by   fresh draws may differ by 4.5 standard errors",
        "  recompute    gradchain check a.mean --level full --registry my.json",
        "  recorded     since 0.1.0, study demo",
        "  replaces     a.old",
        "  from         my.json (not the packaged reference)",
    ]
    assert explain(Citation(_drawn()), "ascii").startswith("a.mean = 0.123(12)\n")


def test_what_a_number_lacks_has_no_line():
    said = Number(key="b.c", kind="reported", statement="So.", value="0.5", source="A. Author")
    assert explain(Citation(said)).splitlines() == [
        "b.c = 0.500",
        "  what it is   reported value",
        "  statement    So.",
        "  conditions   none",
        "  source       A. Author",
        "  value        0.5",
        "  checked by   never recomputed: it is reported from the literature",
        "  recorded     since 0.1.0",
    ]


def test_a_long_value_is_cut_and_a_value_of_200_digits_is_not():
    for digits, whole in ((200, True), (201, False)):
        text = explain(Citation(_drawn(value="1" * digits)))
        assert ("1" * digits in text) is whole
        assert "1" * 150 in text or whole is False


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("computed", Check("relative", "1e-9"), "may differ by a relative 1e-9"),
        (
            "certified",
            Check("enclosure", "1e-20"),
            "must meet this one, relative width at most 1e-20",
        ),
    ],
)
def test_a_rule_names_its_tolerance(kind, given, words):
    number = _drawn(kind=kind, check=given, enclosure=("0.1", "0.2"))
    assert rule(number).endswith(words)
