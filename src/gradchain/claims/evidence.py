"""Checks that a claim leans on: `KEY < 1/4`, decided exactly and to the worse side.

Which question it answers: do the numbers of the registry still support this verdict? A side is a
product of keys and literals, `1000 * a.b / c.d`, joined by ` * ` and ` / ` with spaces. A key stands
for everything its number may be: the enclosure, the interval, the value plus or minus an error bound
or three standard errors. A check holds only if it holds for all of it (interval arithmetic on exact
fractions, so that no rounding decides). Cost: some microseconds a check.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from gradchain._errors import UsageError
from gradchain._text import parse, shorten
from gradchain.registry.expression import evaluate
from gradchain.registry.grammar import KEY
from gradchain.registry.record import Number

RELATIONS = ("<", "<=", ">", ">=", "==")
STANDARD_ERRORS = 3
_SIDES = re.compile(r"(.+?) (<=|>=|==|<|>) (.+)")

Ends = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Support:
    """A check on numbers of the registry.

    Raises:
        UsageError: the text is no check.

    Example:
        >>> from gradchain.registry.reference import load
        >>> Support("sigmoid.derivative.sup == 1/4").holds(load())
        True
        >>> Support("1000 * a.b < c.d / e.f").keys
        ('a.b', 'c.d', 'e.f')
    """

    text: str

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        for side in self._sides():
            for _, term in _terms(side):
                if not KEY.fullmatch(term):
                    evaluate(term)

    def _sides(self) -> tuple[str, str]:
        """Return the left and the right side.

        Raises:
            UsageError: there is no relation between two sides.
        """
        found = _SIDES.fullmatch(self.text)
        if not found:
            raise UsageError(
                f"not a check: {shorten(self.text)}; expected KEY {'|'.join(RELATIONS)} VALUE, with "
                "spaces around the relation"
            )
        return found[1], found[3]

    @property
    def relation(self) -> str:
        """The relation: `<`, `<=`, `>`, `>=` or `==`."""
        found = _SIDES.fullmatch(self.text)
        return found[2] if found else ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of both sides, each once, in order."""
        terms = (term for side in self._sides() for _, term in _terms(side))
        return tuple(dict.fromkeys(term for term in terms if KEY.fullmatch(term)))

    def holds(self, numbers: Mapping[str, Number]) -> bool:
        """Decide the check.

        Args:
            numbers: a registry; it must hold all keys of the check.

        Returns:
            True only if it holds for every value that the numbers may have.

        Raises:
            UsageError: a division by a number that may be 0.
        """
        left, right = (_product(side, numbers) for side in self._sides())
        match self.relation:
            case "<":
                return left[1] < right[0]
            case "<=":
                return left[1] <= right[0]
            case ">":
                return left[0] > right[1]
            case ">=":
                return left[0] >= right[1]
            case _:
                return left[0] == left[1] == right[0] == right[1]


def ends(number: Number) -> Ends:
    """Return the smallest and the largest value that a number may have.

    Args:
        number: the record.

    Returns:
        The ends of its interval or enclosure; its value plus or minus an error bound or three
        standard errors; for an exact number its value twice.
    """
    doubt, value = number.uncertainty, number.rational
    if doubt is not None and doubt.low is not None and doubt.high is not None:
        return parse(doubt.low), parse(doubt.high)
    if doubt is not None and doubt.value is not None:
        size = parse(doubt.value) * (STANDARD_ERRORS if doubt.type == "standard error" else 1)
        return value - size, value + size
    if number.enclosure is not None:
        return parse(number.enclosure[0]), parse(number.enclosure[1])
    return value, value


def _terms(side: str) -> list[tuple[str, str]]:
    """Return the factors of a side, each with `*` or `/`."""
    parts = re.split(r" ([*/]) ", side)
    return list(zip(["*", *parts[1::2]], parts[::2], strict=True))


def _product(side: str, numbers: Mapping[str, Number]) -> Ends:
    """Return between which ends a side lies.

    Raises:
        UsageError: a division by what may be 0.
    """
    low = high = Fraction(1)
    for operator, term in _terms(side):
        factor = ends(numbers[term]) if KEY.fullmatch(term) else (evaluate(term),) * 2
        if operator == "/":
            if factor[0] <= 0 <= factor[1]:
                raise UsageError(f"{shorten(side)}: {shorten(term)} may be 0; do not divide by it")
            factor = (1 / factor[1], 1 / factor[0])
        corners = [math.prod(pair) for pair in ((low, factor[0]), (low, factor[1]),
                                                (high, factor[0]), (high, factor[1]))]  # fmt: skip
        low, high = Fraction(min(corners)), Fraction(max(corners))
    return low, high
