"""The packaged numbers: complete, true where theory knows them, and the same as what is computed."""

import math
import re
from fractions import Fraction

import mpmath
import pytest

from gradchain import recompute, registry
from gradchain.certify.facts import FACTS
from gradchain.registry import catalogue, draft
from gradchain.registry.catalogue_activations import CLOSED_FORMS, segment
from gradchain.registry.catalogue_chains import DEPTHS, FACTORS

TYPES = ("float16", "bfloat16", "float32", "float64")


@pytest.fixture(scope="module")
def numbers() -> registry.Registry:
    return registry.load()


def test_the_packaged_reference_holds_the_catalogue_as_it_is_built_today(
    numbers: registry.Registry,
):
    built = draft.build(catalogue.drafts(FACTS), recompute.run)
    packaged = {key: numbers.get(key, None) for key in (number.key for number in built)}
    assert packaged == {number.key: number for number in built}


def test_every_key_that_the_issue_names_is_there(numbers: registry.Registry):
    wanted = [f"{segment(name)}.derivative.sup" for name in FACTS]
    wanted += [f"{segment(name)}.derivative.meansquare" for name in FACTS]
    wanted += [f"sigmoid.chain.bound.n{n}" for n in (*range(1, 11), 20, 50, 100)]
    wanted += [f"underflow.quarter.{dtype}" for dtype in TYPES]
    wanted += [f"underflow.flushed.quarter.{dtype}" for dtype in TYPES]
    wanted += [f"sigmoid.one.{dtype}" for dtype in TYPES]
    wanted += ["tenth.chain.n50", "ln2", "sigmoid.slope.onepercent.x", "product.half.limit"]
    wanted += ["whisper.ninetenths.n50", "whisper.half.n50"]
    assert [key for key in wanted if key not in numbers] == []
    assert len(FACTS) == 20


SHOWN = {
    "sigmoid.chain.bound.n4": "0.00391",
    "sigmoid.chain.bound.n5": "9.77e-4",
    "sigmoid.chain.bound.n10": "9.54e-7",
    "sigmoid.chain.bound.n50": "7.89e-31",
    "tenth.chain.n50": "1e-50",
    "underflow.quarter.float16": "13",
    "underflow.quarter.bfloat16": "67",
    "underflow.quarter.float32": "75",
    "underflow.quarter.float64": "538",
    "underflow.flushed.quarter.float16": "13",
    "underflow.flushed.quarter.bfloat16": "64",
    "underflow.flushed.quarter.float32": "64",
    "underflow.flushed.quarter.float64": "512",
    "ln2": "0.6931",
    "sigmoid.one.float16": "7.62",
    "sigmoid.one.bfloat16": "5.55",
    "sigmoid.one.float32": "16.6",
    "sigmoid.one.float64": "36.7",
    "sigmoid.slope.onepercent.x": "5.99",
    "product.half.limit": "0.289",
    "sigmoid.derivative.sup": "0.25",
    "tanh.derivative.sup": "1",
    "gelu.derivative.sup": "1.13",
    "silu.derivative.sup": "1.10",
    "selu.derivative.sup": "1.76",
    "he.square.edge": "2.83",
    "truncatednormal.std": "0.8796",
}


@pytest.mark.parametrize("key", SHOWN)
def test_numbers_read_as_the_literature_and_the_issue_state_them(
    key: str, numbers: registry.Registry
):
    assert registry.shown(numbers[key]) == SHOWN[key]


@pytest.mark.parametrize("n", DEPTHS)
def test_the_chain_bound_is_a_bound_with_its_conditions(n: int, numbers: registry.Registry):
    number = numbers[f"sigmoid.chain.bound.n{n}"]
    assert number.rational == Fraction(1, 4**n)
    assert (number.kind, number.role) == ("exact", "upper bound")
    assert "||W_l||_2 <= 1" in number.conditions
    assert "|w| <= 1" in number.conditions


@pytest.mark.parametrize("name", FACTORS)
def test_whispers_fall_as_their_logarithms_say(name: str, numbers: registry.Registry):
    factor = Fraction(FACTORS[name])
    for n in (10, 50, 100):
        # A float channel with the error of a logarithm: n roundings of relative size 2^-52.
        value = numbers[f"whisper.{name}.n{n}"].rational
        assert math.isclose(math.log(value), n * math.log(factor), rel_tol=1e-12)
    if factor < 1:
        count = int(numbers[f"whisper.{name}.below.onepercent"].value)
        assert count == math.floor(math.log(0.01) / math.log(factor) + 1e-9) + 1


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_a_stated_closed_form_is_the_certified_value(name: str, numbers: registry.Registry):
    mp = mpmath.mp.clone()
    mp.dps = 40
    names = {word: getattr(mp, word) for word in ("erf", "sqrt", "exp", "pi", "asin")}
    names["Phi"] = mp.ncdf
    names["alpha"] = mp.mpf(numbers["selu.alpha"].value)
    names["scale"] = mp.mpf(numbers["selu.lambda"].value)
    names["mpf"] = mp.mpf
    text = CLOSED_FORMS[name].replace("^", "**").replace("lambda", "scale")
    truth = eval(re.sub(r"[0-9]+(?:\.[0-9]+)?", lambda found: f"mpf('{found[0]}')", text), names)
    number = numbers[f"{segment(name)}.derivative.meansquare"]
    assert number.exact == CLOSED_FORMS[name]
    assert abs(mp.mpf(number.value) - truth) < mp.mpf(10) ** -19


def test_every_record_is_a_sentence_with_conditions_and_both_formulas(
    numbers: registry.Registry,
):
    for number in numbers.values():
        assert number.statement[0].isupper(), number.key
        assert number.statement.endswith("."), number.key
        assert "{" not in number.statement, number.key
        assert number.conditions.endswith("."), number.key
        assert number.formula_text.isascii(), number.key
        assert number.formula_text, number.key
        assert number.formula_latex, number.key
        assert number.formula_latex.count("{") == number.formula_latex.count("}"), number.key


def test_certified_values_are_known_to_25_digits(numbers: registry.Registry):
    for number in numbers.values():
        if number.enclosure is not None:
            low, high = (Fraction(end) for end in number.enclosure)
            assert high - low <= Fraction(1, 10**25) * max(abs(low), abs(high)), number.key


def test_keys_say_what_and_never_the_value(numbers: registry.Registry):
    for key, number in numbers.items():
        for form in ("ascii", "plain"):
            digits = registry.shown(number, form).replace(".", "").lstrip("0")
            if len(digits) > 2:
                assert digits not in key
