"""The words around a number: a bound is never called exact, an estimate never goes alone."""

from fractions import Fraction

from gradchain._result import Uncertainty
from gradchain.registry import Check, How, Number, load
from gradchain.registry.wording import call, doubt, enclosure, exactly, holds_if, nature, obtained

HOW = How.of("gradchain.certify.rational.power", base="1/4", exponent=5)


def _exact(**more):
    fields = {
        "key": "a.b", "kind": "exact", "statement": "S.", "value": "0.0009765625",
        "exact": "(1/4)^5", "how": HOW, "check": Check("equality"),
    }  # fmt: skip
    return Number(**(fields | more))


def _estimate(**more):
    fields = {
        "key": "a.c", "kind": "estimated", "statement": "S.", "value": "0.5", "how": HOW,
        "check": Check("z", "4.5"),
        "uncertainty": Uncertainty("standard error", "0.01", n=100, method="seeds 0 to 99"),
    }  # fmt: skip
    return Number(**(fields | more))


def test_a_bound_is_never_called_an_exact_value():
    assert nature(_exact(role="upper bound")) == "upper bound, value exact"
    for number in load().values():
        if number.role != "value":
            assert nature(number).startswith(f"{number.role}, value "), number.key


def test_an_estimate_is_called_one_and_shows_its_error_and_sample_size():
    number = _estimate()
    assert nature(number) == "estimate"
    assert "standard error 0.01, n = 100 (seeds 0 to 99)" in obtained(number)


def test_no_rounded_decimal_stands_behind_an_equals_sign():
    assert exactly(_exact()) == "(1/4)^5 = 0.0009765625"
    assert exactly(_exact(exact="log(2)", value="0.6931471805599453")) == "log(2)"
    assert exactly(_exact(exact=None, theorem="t1")) == "0.0009765625"
    assert exactly(_exact(exact="min{n : x}", value="64")) == "min{n : x} = 64"
    assert exactly(_estimate()) == ""


def test_float_type_and_device_stand_with_the_conditions():
    number = _exact(dtype="float32", device="cpu", conditions="Flushed.")
    assert holds_if(number) == "In float32 on cpu. Flushed."
    assert holds_if(_exact()) == ""


def test_the_call_can_be_read_as_python():
    assert call(_exact()) == 'gradchain.certify.rational.power(base="1/4", exponent=5)'


def test_an_interval_is_written_with_both_ends():
    assert (
        doubt(Uncertainty("interval 95%", low="0.1", high="0.2", n=3))
        == "interval 95% [0.1, 0.2], n = 3"
    )


def test_a_reported_number_names_its_source_and_is_not_recomputed():
    number = Number(key="a.r", kind="reported", statement="S.", value="0.1", source="Somebody 1991")
    assert obtained(number) == "reported by Somebody 1991; not recomputed here"
    assert call(number) == ""


def test_each_kind_says_how_its_number_was_obtained():
    error = Uncertainty("error bound", "1e-9")
    cases = {
        "exact arithmetic": _exact(),
        "rigorous enclosure, ends rounded outward": _exact(
            kind="certified", exact=None, enclosure=("0", "1"), check=Check("enclosure", "1e-20")
        ),
        "floating-point computation, error bound 1e-9": _exact(
            kind="computed", exact=None, uncertainty=error, check=Check("relative", "1e-9")
        ),
        "exact arithmetic, theorem t1": _exact(theorem="t1"),
    }
    for words, number in cases.items():
        assert obtained(number) == f"{words}; {call(number)}"
    assert obtained(_estimate()).startswith("random draws, standard error")


def test_a_short_enclosure_is_whole_and_a_long_one_is_rounded_outward():
    low, high = "0." + "1" * 60, "0." + "2" * 60
    more = {"kind": "certified", "exact": None, "check": Check("enclosure", "1e-20")}
    assert enclosure(_exact()) == ""
    assert enclosure(_exact(**more, value="0.5", enclosure=("0.25", "0.75"))) == "[0.25, 0.75]"
    kept = ("0." + "1" * 46, "0." + "2" * 46)
    assert enclosure(_exact(**more, value="0.2", enclosure=kept)) == f"[{kept[0]}, {kept[1]}]"
    one_more = ("0." + "1" * 47, "0.2")
    assert enclosure(_exact(**more, value="0.2", enclosure=one_more)) != f"[{one_more[0]}, 0.2]"
    text = enclosure(_exact(**more, value="0.2", enclosure=(low, high)))
    ends = [Fraction(end) for end in text.strip("[]").split(", ")]
    assert ends[0] <= Fraction(low) < Fraction(high) <= ends[1]
    assert ends[1] - ends[0] < Fraction(high) - Fraction(low) + Fraction(2, 10**40)


def test_a_value_too_long_to_read_is_not_repeated_after_the_closed_form():
    for digits, whole in ((60, True), (61, False)):
        value = "1" * digits
        assert exactly(_exact(value=value, exact="x")) == (f"x = {value}" if whole else "x")
    assert exactly(_exact(value="1" * 61, exact=None, theorem="t1")) == ""


def test_a_device_alone_makes_a_sentence_of_its_own():
    assert holds_if(_exact(dtype=None, device="cpu")) == "On cpu."
    assert holds_if(_exact(dtype="float16")) == "In float16."
