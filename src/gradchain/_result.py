"""What a recomputable function gives back, and the mark that lets the registry run it.

Standard library only. A registry record names a function under `gradchain.` and JSON arguments; only
functions that carry the mark set here, and stand in the table of `gradchain.recompute`, are ever run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

UNCERTAINTY_TYPES = ("standard error", "interval 95%", "range over seeds", "error bound")

_F = TypeVar("_F", bound=Callable[..., object])


@dataclass(frozen=True)
class Uncertainty:
    """How far a value may be off: never shown without its type, its method and its sample size.

    `value` is a standard error or an error bound; `low` and `high` are the ends of an interval or
    of a range. All are decimal text. `n` counts the draws behind an estimate.
    """

    type: str
    value: str | None = None
    low: str | None = None
    high: str | None = None
    n: int | None = None
    method: str = ""


@dataclass(frozen=True)
class Result:
    """A recomputed number: decimal text or `p/q`, with enclosure or uncertainty where it has one."""

    value: str
    enclosure: tuple[str, str] | None = None
    uncertainty: Uncertainty | None = None
    exact: str | None = None


def recomputable(**schema: type | tuple[object, ...]) -> Callable[[_F], _F]:
    """Mark a function as one that a registry record may name.

    Args:
        **schema: for each argument its JSON type (`str`, `int`, `float`, `bool`, `list`) or a tuple
            of the values allowed.

    Returns:
        A decorator that stores the schema as `__recomputable__` and changes nothing else.
    """

    def mark(function: _F) -> _F:
        function.__recomputable__ = dict(schema)  # type: ignore[attr-defined]
        return function

    return mark
