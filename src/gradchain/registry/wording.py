"""The words around a number: what it is, when it holds, how it was obtained.

Which question it answers: how is a record said in one line each, with the reserved words in their
places? (1/4)^5 is "upper bound, value exact": a bound is never called exact, and an estimate never
goes without its uncertainty. Nothing is computed here.
"""

import json
from fractions import Fraction

from gradchain._errors import UsageError
from gradchain._result import Uncertainty
from gradchain._text import outward, parse
from gradchain.registry.expression import evaluate
from gradchain.registry.formats import clean
from gradchain.registry.record import Number


def nature(number: Number) -> str:
    """Say what the number is and how well it is known.

    Args:
        number: the record.

    Returns:
        Role and kind, as in `upper bound, value exact` or `exact value`.

    Example:
        >>> from gradchain.registry.reference import load
        >>> nature(load()["sigmoid.chain.bound.n5"])
        'upper bound, value exact'
    """
    if number.role != "value":
        return f"{number.role}, value {number.kind}"
    return "estimate" if number.kind == "estimated" else f"{number.kind} value"


def exactly(number: Number) -> str:
    """Write the closed form of a record, and its decimal where that is exact too.

    Args:
        number: the record.

    Returns:
        ASCII text such as `(1/4)^5 = 0.0009765625` or `log(2)`; empty where there is neither.
    """
    if number.kind != "exact" or len(number.value) > 60:
        return number.exact or ""
    if number.exact is None:
        return number.value
    try:
        same = number.rational.denominator == 1 or evaluate(number.exact) == number.rational
    except UsageError:
        same = False
    # The recorded decimal of log(2) is rounded: it may not stand behind an equals sign.
    return (
        f"{number.exact} = {number.value}"
        if same and number.exact != number.value
        else number.exact
    )


def holds_if(number: Number) -> str:
    """Write the conditions, with the float type and the device where they are part of the meaning.

    Args:
        number: the record.

    Returns:
        One line of text, empty if there is none.
    """
    where = [f"in {number.dtype}"] if number.dtype else []
    where += [f"on {number.device}"] if number.device else []
    place = " ".join(where)
    return " ".join(
        part
        for part in (f"{place[:1].upper()}{place[1:]}." if place else "", number.conditions)
        if part
    )


def doubt(uncertainty: Uncertainty) -> str:
    """Write an uncertainty with its type, its method and its sample size.

    Args:
        uncertainty: the record's uncertainty.

    Returns:
        One line such as `standard error 0.003, n = 100 (seeds 0 to 99)`.
    """
    if uncertainty.low is not None and uncertainty.high is not None:
        size = f"[{uncertainty.low}, {uncertainty.high}]"
    else:
        size = str(uncertainty.value)
    draws = f", n = {uncertainty.n}" if uncertainty.n is not None else ""
    method = f" ({uncertainty.method})" if uncertainty.method else ""
    return f"{uncertainty.type} {size}{draws}{method}"


def enclosure(number: Number) -> str:
    """Write the enclosure of a certified number, at most 40 digits an end, rounded outward.

    Args:
        number: the record.

    Returns:
        `[low, high]`, or nothing if it has none.
    """
    if number.enclosure is None:
        return ""
    low, high = number.enclosure
    if max(len(low), len(high)) > 48:
        ends = (Fraction(parse(low)), Fraction(parse(high)))
        low, high = outward(*ends, 40)
    return f"[{low}, {high}]"


def call(number: Number) -> str:
    """Write the function call that recomputes a number.

    Args:
        number: the record.

    Returns:
        `gradchain.certify.rational.power(base="1/4", exponent=5)`, or nothing for kind reported.
    """
    if number.how is None:
        return ""
    arguments = number.how.kwargs.items()
    inside = ", ".join(f"{name}={json.dumps(value)}" for name, value in arguments)
    return clean(f"{number.how.function}({inside})")


def obtained(number: Number) -> str:
    """Say in one line how the number was obtained.

    Args:
        number: the record.

    Returns:
        The method of its kind, the theorem if there is one, and the function.
    """
    match number.kind:
        case "exact":
            how = "exact arithmetic"
        case "certified":
            how = "rigorous enclosure, ends rounded outward"
        case "computed":
            how = "floating-point computation"
        case "estimated":
            how = "random draws"
        case _:
            return f"reported by {number.source}; not recomputed here"
    if number.uncertainty is not None:
        how += f", {doubt(number.uncertainty)}"
    if number.theorem:
        how += f", theorem {number.theorem}"
    return f"{how}; {call(number)}"
