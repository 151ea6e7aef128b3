"""A record before its value is known.

Which question it answers: how can a recorded number never differ from the function that recomputes
it? The catalogue writes everything but the value; `build` asks the function that the draft names.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from gradchain._result import Result
from gradchain._text import parse
from gradchain.registry.display import rounded, shown
from gradchain.registry.grammar import RULES
from gradchain.registry.record import Check, How, Number

# Certified values are enclosed far more tightly; this is where a recomputation would be refused.
MAX_RELATIVE_WIDTH = "1e-25"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A record without its value; the fields are those of `Number`.

    In the statement `{value}` stands for the value as it is shown, with "about" where that rounds.
    """

    key: str
    how: How
    statement: str
    conditions: str
    kind: str = "exact"
    role: str = "value"
    exact: str | None = None
    formula_text: str = ""
    formula_latex: str = ""
    unit: str = "1"
    dtype: str | None = None
    device: str | None = None
    theorem: str | None = None
    source: str | None = None
    digits: int = 3
    tags: tuple[str, ...] = ()

    def fill(self, result: Result) -> Number:
        """Put in what the function gives.

        Args:
            result: the value, with its enclosure if it has one.

        Returns:
            The complete record.

        Raises:
            RegistryError: the result does not carry what the kind needs.
        """
        rule = RULES[self.kind]
        value, enclosure = _together(result, self.kind)
        number = Number(**{
            **vars(self),
            "exact": self.exact or result.exact,
            "value": value,
            "enclosure": enclosure,
            "uncertainty": result.uncertainty,
            "check": Check(rule, None if rule == "equality" else MAX_RELATIVE_WIDTH),
        })
        about = "" if rounded(number).exact else "about "
        told = self.statement.replace("{value}", about + shown(number, uncertainty=False))
        return replace(number, statement=told)


def _together(result: Result, kind: str) -> tuple[str, tuple[str, str] | None]:
    """Return value and enclosure such that the value, as written, lies inside.

    A value written with fewer digits than its enclosure may fall just outside it. A certified value
    is then written with more digits; an exact one, which is compared as text, stays as it is and the
    enclosure is widened to hold it.
    """
    value, enclosure = result.value, result.enclosure
    if enclosure is None or parse(enclosure[0]) <= parse(value) <= parse(enclosure[1]):
        return value, enclosure
    if kind == "certified":
        return enclosure[0], enclosure
    ends = sorted((value, *enclosure), key=parse)
    return value, (ends[0], ends[-1])


def build(drafts: Iterable[Draft], run: Callable[[How, str], Result]) -> list[Number]:
    """Compute every draft.

    Args:
        drafts: the records without values.
        run: runs the function of a record, `gradchain.recompute.run`.

    Returns:
        The complete records.
    """
    return [draft.fill(run(draft.how, draft.key)) for draft in drafts]
