"""Recomputing finds what drifted, runs only what the table names, and states its false alarms."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import DriftError, UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain._text import rounded_text
from gradchain.registry import Check, How, Number, recheck
from gradchain.registry.recheck import Entry


@recomputable(value=str)
def say(value: str) -> Result:
    return Result(value=value)


@recomputable(low=str, high=str)
def enclose(low: str, high: str) -> Result:
    return Result(value=low, enclosure=(low, high))


@recomputable(seed=int, mean=float)
def draw(seed: int, mean: float) -> Result:
    """The mean of 400 normal draws around `mean`, with its standard error."""
    source = random.Random(seed)
    draws = [source.gauss(mean, 1.0) for _ in range(400)]
    size = statistics.stdev(draws) / 20
    return Result(
        value=repr(statistics.fmean(draws)),
        uncertainty=Uncertainty("standard error", value=repr(size), n=400, method="mean"),
    )


@recomputable(seed=int)
def spread(seed: int) -> Result:
    low = "0.1" if seed % 2 else "0.2"
    doubt = Uncertainty("range over seeds", low=low, high="0.5", n=4, method="runs")
    return Result(value="0.3", uncertainty=doubt)


@recomputable(value=str)
def fall(value: str) -> Result:
    raise UsageError(f"no {value} today")


@recomputable()
def absent() -> Result:
    raise ModuleNotFoundError("No module named 'jax'", name="jax")


def unmarked(value: str) -> Result:
    return Result(value=value)


TABLE = {
    "gradchain.say": Entry(lambda: say),
    "gradchain.enclose": Entry(lambda: enclose),
    "gradchain.draw": Entry(lambda: draw),
    "gradchain.spread": Entry(lambda: spread),
    "gradchain.fall": Entry(lambda: fall),
    "gradchain.absent": Entry(lambda: absent, needs_jax=True),
    "gradchain.unmarked": Entry(lambda: unmarked),
}


def exact(value: str, function: str = "gradchain.say", /, **arguments: object) -> Number:
    return Number(
        key="a.b", kind="exact", statement="S.", value=value, exact="x",
        how=How.of(function, **(arguments or {"value": value})), check=Check("equality"),
    )  # fmt: skip


def certified(value: str, ends: tuple[str, str], low: str, high: str) -> Number:
    return Number(
        key="a.b", kind="certified", statement="S.", value=value, enclosure=ends,
        how=How.of("gradchain.enclose", low=low, high=high), check=Check("enclosure", "1e-3"),
    )  # fmt: skip


def computed(value: str, again: str) -> Number:
    return Number(
        key="a.b", kind="computed", statement="S.", value=value,
        uncertainty=Uncertainty("error bound", value="1e-9"),
        how=How.of("gradchain.say", value=again), check=Check("relative", "1e-6"),
    )  # fmt: skip


def estimated(mean: float, shift: str = "0", limit: str = "4.5", seed: int = 7) -> Number:
    result = draw(seed, mean)
    return Number(
        key="a.b", kind="estimated", statement="S.",
        value=rounded_text(recheck.parse(result.value) + recheck.parse(shift), 20),
        uncertainty=result.uncertainty,
        how=How.of("gradchain.draw", seed=seed, mean=mean), check=Check("z", limit),
    )  # fmt: skip


REPORTED = Number(key="a.b", kind="reported", statement="S.", value="3", source="A book")

CASES = {
    "equal": (exact("0.25", value="1/4"), "agrees", "exact values are equal"),
    "not equal": (exact("0.25", value="0.2500000000000000001"), "drifted", "not equal"),
    "enclosures meet": (certified("0.5", ("0.4", "0.6"), "0.59995", "0.6001"), "agrees", "meet"),
    "touch": (certified("0.5", ("0.4", "0.6"), "0.6", "0.6"), "agrees", "meet"),
    "apart": (certified("0.5", ("0.4", "0.6"), "0.61", "0.61"), "drifted", "do not meet"),
    "too wide": (certified("0.5", ("0.4", "0.6"), "0.4", "0.6"), "drifted", "0.2 wide, above"),
    "no enclosure": (
        Number(
            key="a.b", kind="certified", statement="S.", value="1", enclosure=("1", "1"),
            how=How.of("gradchain.say", value="1"), check=Check("enclosure", "1"),
        ),
        "drifted",
        "gave no enclosure",
    ),
    "close": (computed("1", "1.0000009"), "agrees", "relative difference"),
    "not close": (computed("1", "1.0000011"), "drifted", "relative difference 0.0000011"),
    "close to zero": (computed("0", "0"), "agrees", "relative difference 0"),
    "far from zero": (computed("0", "1e-30"), "drifted", "1e-30"),
    "same law": (estimated(3.0), "agrees", "z = "),
    "other law": (estimated(3.0, shift="0.5"), "drifted", "limit 4.5 (false alarms: 7e-06"),
    "reported": (REPORTED, "reported", "reported by A book; never recomputed"),
    "foreign": (exact("1", "os.system", command="true"), "refused", "'os.system' is not a grad"),
    "private": (exact("1", "gradchain.say.__globals__"), "refused", "is not a gradchain function"),
    "unmarked": (exact("1", "gradchain.unmarked"), "refused", "is not marked recomputable"),
    "no argument": (exact("1", "gradchain.say", other="1"), "refused", "expected value; not run"),
    "one more": (exact("1", "gradchain.say", value="1", x=1), "refused", "'value, x' do not fit"),
    "wrong type": (exact("1", "gradchain.say", value=1), "refused", "value = '1' does not fit"),
    "true as int": (exact("1", "gradchain.spread", seed=True), "refused", "seed = 'true' does"),
    "no number": (exact("1", "gradchain.say", value="x"), "refused", "not a number"),
    "fails": (exact("1", "gradchain.fall"), "refused", "could not be recomputed: no 1 today"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_rule_says_what_became_of_a_number(name: str):
    number, verdict, sentence = CASES[name]
    finding = recheck.check_one(number, "full", TABLE)
    assert finding.verdict == verdict
    assert sentence in finding.sentence
    assert finding.sentence.startswith("a.b: ")
    assert "\n" not in finding.sentence
    assert finding.bad == (verdict in {"drifted", "refused"})


def test_a_number_that_needs_jax_is_left_for_the_full_level_and_says_what_to_install():
    number = Number(
        key="a.b", kind="exact", statement="S.", value="1", exact="x",
        how=How.of("gradchain.absent"), check=Check("equality"),
    )  # fmt: skip
    quick = recheck.check({"a.b": number}, "quick", TABLE)
    assert [(item.verdict, item.sentence) for item in quick] == [
        ("skipped", "a.b: needs JAX; use --level full")
    ]
    full = recheck.check_one(number, "full", TABLE)
    assert (full.verdict, full.bad) == ("skipped", False)
    assert "cannot import jax; install jax" in full.sentence


def test_ranges_over_seeds_are_compared_as_ranges_since_they_have_no_standard_error():
    def number(low: str, high: str, value: str) -> Number:
        doubt = Uncertainty("range over seeds", low=low, high=high, n=4, method="runs")
        return Number(
            key="a.b", kind="estimated", statement="S.", value=value, uncertainty=doubt,
            how=How.of("gradchain.spread", seed=1), check=Check("z", "4"),
        )  # fmt: skip

    assert recheck.check_one(number("0.4", "0.6", "0.5"), "full", TABLE).verdict == "agrees"
    finding = recheck.check_one(number("0.6", "0.8", "0.7"), "full", TABLE)
    assert finding.verdict == "drifted"
    assert "do not meet" in finding.sentence


def test_an_estimate_without_a_seed_is_refused_instead_of_being_called_reproduced():
    number = Number(
        key="a.b", kind="estimated", statement="S.", value="1",
        uncertainty=Uncertainty("standard error", value="1", n=9, method="m"),
        how=How.of("gradchain.say", value="1"), check=Check("z", "4"),
    )  # fmt: skip
    finding = recheck.check_one(number, "full", TABLE)
    assert (finding.verdict, "no whole-number seed" in finding.sentence) == ("refused", True)


@given(seed=st.integers(0, 2**31 - 1))
def test_fresh_seeds_are_new_and_the_same_every_time(seed: int):
    fresh = recheck.fresh_seeds(seed)
    assert fresh == recheck.fresh_seeds(seed)
    assert len({seed, *fresh}) == recheck.DRAWS + 1
    assert all(0 <= item < 2**31 for item in fresh)


def test_false_alarms_come_as_often_as_stated():
    # 100 independent re-checks of right numbers at a limit that fails one in twenty: the count is
    # binomial, and five of its standard deviations on either side fail once in a million.
    limit = 1.959964
    assert abs(recheck.false_alarm_rate(limit) - 0.05) < 1e-7
    findings = [
        recheck.check_one(estimated(0.0, limit="1.959964", seed=10**7 * k), "full", TABLE)
        for k in range(100)
    ]
    alarms = sum(item.bad for item in findings)
    spread_of_count = (100 * 0.05 * 0.95) ** 0.5
    assert abs(alarms - 100 * 0.05) < 5 * spread_of_count


def test_one_number_is_run_only_if_the_table_names_it():
    with pytest.raises(DriftError, match=r"^ln2: 'os.system' is not a gradchain function; not run"):
        recheck.run(How.of("os.system", command="true"), TABLE, "ln2")
    assert recheck.run(How.of("gradchain.say", value="3"), TABLE).value == "3"
    assert DriftError.exit_code == 4


def test_an_unknown_level_is_refused():
    with pytest.raises(UsageError, match="level 'slow' is unknown; expected quick or full"):
        recheck.check({}, "slow", TABLE)


@pytest.mark.parametrize("text", ["NaN", "true", "[1]", '"x"', "{", ""])
def test_arguments_that_are_no_names_with_values_are_refused(as_a_user, text: str):
    with pytest.raises(DriftError, match="not run"):
        recheck.run(How("gradchain.say", text), TABLE, "a.b")


@recomputable(seed=int)
def steady(seed: int) -> Result:
    return Result(value="2", uncertainty=Uncertainty("standard error", value="0", n=4, method="m"))


@recomputable(seed=int)
def between(seed: int) -> Result:
    doubt = Uncertainty("interval 95%", low="-1.959964", high="1.959964", n=4, method="m")
    return Result(value="0", uncertainty=doubt)


@recomputable(seed=int)
def bare(seed: int) -> Result:
    return Result(value="2")


@recomputable(x=float, word=str, choice=("a", 1))
def many(x: float, word: str, choice: object) -> Result:
    return Result(value=repr(float(x)))


MORE = {
    "gradchain.steady": Entry(lambda: steady),
    "gradchain.between": Entry(lambda: between),
    "gradchain.bare": Entry(lambda: bare),
    "gradchain.many": Entry(lambda: many),
}


def _estimate(name: str, value: str, doubt: Uncertainty, limit: str = "3") -> Number:
    return Number(
        key="a.b", kind="estimated", statement="S.", value=value, uncertainty=doubt,
        how=How.of(f"gradchain.{name}", seed=1), check=Check("z", limit),
    )  # fmt: skip


def test_without_any_spread_only_the_same_value_agrees():
    none = Uncertainty("standard error", value="0", n=4, method="m")
    for value, verdict in (("2", "agrees"), ("2.0000000001", "drifted")):
        finding = recheck.check_one(_estimate("steady", value, none), "full", MORE)
        assert (finding.verdict, finding.recomputed) == (verdict, "2")
        assert "no spread at all" in finding.sentence


def test_z_counts_both_errors_and_the_mean_of_all_draws():
    # Every draw has standard error 1, so has the record: z = 3 / sqrt(1 / DRAWS + 1).
    interval = Uncertainty("interval 95%", low="1.040036", high="4.959964", n=4, method="m")
    z = 3 / (1 / recheck.DRAWS + 1) ** 0.5
    for limit, verdict in ((z + 0.01, "agrees"), (z - 0.01, "drifted")):
        number = _estimate("between", "3", interval, f"{limit:.4f}")
        finding = recheck.check_one(number, "full", MORE)
        assert finding.verdict == verdict
        assert f"z = {-z:.2f}, limit {limit:.4f}"[:12] in finding.sentence
        assert (finding.recorded, finding.recomputed) == ("3", "0")


def test_an_estimate_whose_function_gives_no_error_is_not_called_reproduced():
    doubt = Uncertainty("standard error", value="1", n=4, method="m")
    finding = recheck.check_one(_estimate("bare", "2", doubt), "full", MORE)
    assert finding.verdict == "drifted"
    assert finding.sentence == "a.b: the function gave neither standard error nor range"


def test_an_argument_fits_by_type_value_and_length():
    good = {"x": 1, "word": "w" * recheck.MAX_LENGTH, "choice": "a"}
    for changes in ({}, {"x": 1.5}, {"choice": 1}):
        assert recheck.run(How.of("gradchain.many", **good | changes), MORE).value
    for name, value in {"x": "1", "word": good["word"] + "w", "choice": True}.items():
        with pytest.raises(DriftError, match=f"a number: argument {name} = .* does not fit"):
            recheck.run(How.of("gradchain.many", **good | {name: value}), MORE)
    with pytest.raises(DriftError, match=r"arguments 'none' do not fit; expected choice, word, x;"):
        recheck.run(How.of("gradchain.many"), MORE)


def test_a_refusal_begins_with_the_key_and_tells_the_reason(as_a_user):
    with pytest.raises(DriftError, match=r"a\.b: its arguments are not JSON text; not run"):
        recheck.run(How("gradchain.many", "{"), MORE, "a.b")
    with pytest.raises(DriftError, match=r"a\.b: arguments are a list, expected names with values"):
        recheck.run(How("gradchain.many", "[]"), MORE, "a.b")
    assert recheck.check_one(CASES["equal"][0], "full", TABLE).recomputed == "1/4"
    assert recheck.check_one(CASES["equal"][0], "full", TABLE).recorded == "0.25"


def test_only_the_asked_keys_are_checked_in_the_asked_order():
    numbers = {"x": CASES["equal"][0], "y": REPORTED}
    assert [f.verdict for f in recheck.check(numbers, "quick", TABLE, ["y", "x"])] == [
        "reported",
        "agrees",
    ]
    assert len(recheck.check(numbers, "full", TABLE)) == 2


def test_an_error_bound_is_no_standard_error():
    doubt = Uncertainty("error bound", value="1", n=4, method="m")
    finding = recheck.check_one(_estimate("steady", "2", doubt), "full", MORE)
    assert (finding.verdict, finding.recomputed) == ("drifted", "2")
    assert "neither standard error nor range" in finding.sentence
