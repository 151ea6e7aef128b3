"""Recomputing recorded numbers, each by the rule of its kind.

Which question it answers: does the number still come out? exact: equal fractions. certified: the
two enclosures meet and the new one is no wider than stated. computed: equal within a relative
tolerance. estimated: a z-score of fresh draws, whose false-alarm rate is stated. reported: never.

Only functions that a table names are run, with arguments that fit their schema; the table is
handed in by `gradchain.recompute`, so that nothing here can reach code by a dotted name from a
file.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from gradchain._errors import DriftError, GradchainError, UsageError
from gradchain._result import Result, Uncertainty
from gradchain._text import MAX_LENGTH, parse, rounded_text, shorten
from gradchain.registry.grammar import canonical
from gradchain.registry.record import How, Number

LEVELS = ("quick", "full")
DRAWS = 3
# A 95 % interval of a normal estimate is 2 * 1.96 standard errors wide.
_HALF_WIDTH_95 = Fraction(196, 100)
_BAD = ("drifted", "refused")


@dataclass(frozen=True)
class Entry:
    """One line of the table of recomputable functions: its loader, and whether it needs JAX."""

    load: Callable[[], Callable[..., Result]]
    needs_jax: bool = False


@dataclass(frozen=True)
class Finding:
    """What became of one number: `agrees`, `drifted`, `refused`, `skipped` or `reported`."""

    key: str
    verdict: str
    sentence: str
    recorded: str = ""
    recomputed: str = ""

    @property
    def bad(self) -> bool:
        """True where a user has to act: the number drifted, or its function may not be run."""
        return self.verdict in _BAD


def false_alarm_rate(limit: float) -> float:
    """Return how often a correct estimate fails a z limit, by chance alone (normal law).

    Args:
        limit: the largest |z| allowed.

    Returns:
        The two-sided tail probability erfc(limit / sqrt(2)).

    Example:
        >>> round(1e6 * false_alarm_rate(4.5), 1)
        6.8
    """
    return math.erfc(limit / math.sqrt(2.0))


def run(how: How, table: Mapping[str, Entry], key: str = "a number") -> Result:
    """Run a recomputable function, if the table holds it and the arguments fit.

    Args:
        how: the function and its arguments, perhaps from a stranger's file.
        table: dotted name -> entry.
        key: the number's key, for messages.

    Returns:
        What the function gives.

    Raises:
        DriftError: the function is not in the table, an argument does not fit, or the function
            could not compute it.
        ImportError: a package that the function needs is not installed.
    """
    entry = _entry(how, table, key)
    function = entry.load()
    schema = getattr(function, "__recomputable__", None)
    if schema is None:
        raise DriftError(f"{key}: {shorten(how.function)} is not marked recomputable; not run")
    try:
        arguments = how.kwargs
    except ValueError:
        raise DriftError(f"{key}: its arguments are not JSON text; not run") from None
    _check_arguments(key, schema, arguments)
    try:
        return function(**arguments)
    except ImportError:
        raise
    except (GradchainError, ArithmeticError, ValueError, TypeError, LookupError) as error:
        raise DriftError(f"{key}: could not be recomputed: {error}") from error


def _entry(how: How, table: Mapping[str, Entry], key: str) -> Entry:
    """Return the table's entry.

    Raises:
        DriftError: the table does not hold the function.
    """
    if how.function not in table:
        raise DriftError(f"{key}: {shorten(how.function)} is not a gradchain function; not run")
    return table[how.function]


def _check_arguments(key: str, schema: Mapping[str, object], arguments: object) -> None:
    """Refuse arguments that do not fit the schema.

    Raises:
        DriftError: a name is missing or unknown, or a value is of another type.
    """
    if not isinstance(arguments, Mapping):
        got = type(arguments).__name__
        raise DriftError(f"{key}: arguments are a {got}, expected names with values; not run")
    if set(arguments) != set(schema):
        wanted, got = (", ".join(sorted(names)) or "none" for names in (schema, arguments))
        raise DriftError(f"{key}: arguments {shorten(got)} do not fit; expected {wanted}; not run")
    for name, wanted in schema.items():
        if not _fits(arguments[name], wanted):
            value = shorten(canonical(arguments[name]))
            raise DriftError(f"{key}: argument {name} = {value} does not fit its schema; not run")


def _fits(value: object, wanted: object) -> bool:
    """Return whether a JSON value is of the type, or among the values, that a schema allows."""
    if isinstance(wanted, tuple):
        return any(type(value) is type(item) and value == item for item in wanted)
    if wanted is float:
        return type(value) in {int, float}
    if type(value) is not wanted:
        return False
    return not isinstance(value, str) or len(value) <= MAX_LENGTH


def check(
    registry: Mapping[str, Number],
    level: str,
    table: Mapping[str, Entry],
    keys: Iterable[str] | None = None,
) -> list[Finding]:
    """Recompute numbers and compare each by the rule of its kind.

    Args:
        registry: the numbers.
        level: `quick` (only functions that need no JAX) or `full`.
        table: the recomputable functions, `gradchain.recompute.TABLE`.
        keys: which numbers; all if not given.

    Returns:
        One finding a number, in order.

    Raises:
        UsageError: the level is unknown.
    """
    if level not in LEVELS:
        raise UsageError(f"level {shorten(level)} is unknown; expected {' or '.join(LEVELS)}")
    chosen = list(registry) if keys is None else list(keys)
    return [check_one(registry[key], level, table) for key in chosen]


def check_one(number: Number, level: str, table: Mapping[str, Entry]) -> Finding:
    """Recompute one number.

    Args:
        number: the record.
        level: `quick` or `full`.
        table: the recomputable functions.

    Returns:
        What became of it; never an exception, however bad the record's function is.
    """
    key = number.key
    if number.how is None:
        sentence = f"{key}: reported by {number.source}; never recomputed"
        return Finding(key, "reported", sentence, number.value)
    try:
        entry = _entry(number.how, table, key)
        if level == "quick" and entry.needs_jax:
            return Finding(key, "skipped", f"{key}: needs JAX; use --level full", number.value)
        if number.kind == "estimated":
            return _compare_z(number, table)
        return _compare(number, run(number.how, table, key))
    except GradchainError as error:
        told = str(error)
        sentence = told if told.startswith(f"{key}: ") else f"{key}: {told}"
        return Finding(key, "refused", sentence, number.value)
    except ImportError as error:
        sentence = f"{key}: cannot import {error.name or 'a module'}; install jax and try again"
        return Finding(key, "skipped", sentence, number.value)


def _finding(number: Number, good: bool, sentence: str, new: str) -> Finding:
    """Return a finding that says agrees or drifted."""
    verdict = "agrees" if good else "drifted"
    return Finding(number.key, verdict, f"{number.key}: {sentence}", number.value, new)


def _compare(number: Number, result: Result) -> Finding:
    """Return the finding of a number without randomness."""
    match number.kind:
        case "exact":
            good = parse(result.value) == number.rational
            word = "equal" if good else "not equal"
            return _finding(number, good, f"exact values are {word}", result.value)
        case "certified":
            return _compare_enclosures(number, result)
        case _:
            return _compare_relative(number, result)


def _tolerance(number: Number) -> Fraction:
    """Return the tolerance of a record's rule."""
    return parse(number.check.tolerance or "0") if number.check else Fraction(0)


def _compare_enclosures(number: Number, result: Result) -> Finding:
    """Return whether two enclosures meet and the new one is narrow enough."""
    if result.enclosure is None or number.enclosure is None:
        return _finding(number, False, "the function gave no enclosure", result.value)
    low, high = (parse(end) for end in result.enclosure)
    old_low, old_high = (parse(end) for end in number.enclosure)
    if low > old_high or old_low > high:
        return _finding(number, False, "enclosures do not meet", result.value)
    width, allowed = high - low, _tolerance(number) * max(abs(low), abs(high))
    if width > allowed:
        sentence = f"new enclosure is {rounded_text(width, 2)} wide, above the limit"
        return _finding(number, False, sentence, result.value)
    return _finding(number, True, "enclosures meet", result.value)


def _compare_relative(number: Number, result: Result) -> Finding:
    """Return whether two values agree relatively."""
    old, new = number.rational, parse(result.value)
    allowed = _tolerance(number) * abs(old)
    good = abs(new - old) <= allowed
    gap = rounded_text(abs(new - old) / abs(old) if old else abs(new), 2)
    return _finding(number, good, f"relative difference {gap}", result.value)


def fresh_seeds(seed: int, draws: int = DRAWS) -> tuple[int, ...]:
    """Return seeds that were not used for the recorded number, the same ones every time.

    Args:
        seed: the recorded seed.
        draws: how many.

    Returns:
        The seeds, each from 0 to 2^31 - 1 and different from the recorded one.
    """
    return tuple((seed + 1_000_003 * (step + 1)) % 2**31 for step in range(draws))


def _compare_z(number: Number, table: Mapping[str, Entry]) -> Finding:
    """Return the finding of an estimate: the mean of fresh draws against the recorded value.

    Raises:
        DriftError: the record has no seed to change.
    """
    how = number.how
    seed = how.kwargs.get("seed") if how else None
    if how is None or type(seed) is not int:
        raise DriftError(f"{number.key}: has no whole-number seed to change; not run")
    results = []
    for fresh in fresh_seeds(seed):
        arguments = canonical({**how.kwargs, "seed": fresh})
        results.append(run(replace(how, arguments=arguments), table, number.key))
    mean = sum((parse(result.value) for result in results), Fraction(0)) / len(results)
    errors = [_standard_error(result.uncertainty) for result in results]
    recorded = _standard_error(number.uncertainty)
    text = rounded_text(mean, 8)
    if recorded is None or None in errors:
        return _compare_ranges(number, results, text)
    variance = sum((error**2 for error in errors if error), Fraction(0)) / len(errors) ** 2
    variance += recorded**2
    gap = mean - number.rational
    if variance == 0:
        return _finding(number, gap == 0, "no spread at all; values compared as they are", text)
    z = float(gap) / math.sqrt(float(variance))
    limit = float(_tolerance(number))
    rate = f"{false_alarm_rate(limit):.1g}"
    sentence = f"z = {z:.2f}, limit {limit:g} (false alarms: {rate} a number)"
    return _finding(number, abs(z) <= limit, sentence, text)


def _standard_error(uncertainty: Uncertainty | None) -> Fraction | None:
    """Return the standard error that an uncertainty states, if it states one."""
    if uncertainty is None:
        return None
    if uncertainty.type == "interval 95%" and uncertainty.low and uncertainty.high:
        return (parse(uncertainty.high) - parse(uncertainty.low)) / 2 / _HALF_WIDTH_95
    if uncertainty.type == "standard error" and uncertainty.value:
        return parse(uncertainty.value)
    return None


def _compare_ranges(number: Number, results: list[Result], text: str) -> Finding:
    """Return whether ranges over seeds meet; a range has no standard error, so there is no z."""
    ranges = [result.uncertainty for result in results] + [number.uncertainty]
    ends = [(parse(u.low), parse(u.high)) for u in ranges if u and u.low and u.high]
    if len(ends) != len(ranges):
        return _finding(number, False, "the function gave neither standard error nor range", text)
    low, high = ends[-1]
    good = all(other_low <= high and low <= other_high for other_low, other_high in ends[:-1])
    word = "meet" if good else "do not meet"
    return _finding(number, good, f"ranges over seeds {word} (no standard error, so no z)", text)
