"""One record a number: what it says, how it was obtained, how it is checked.

Which question it answers: when may a number be cited? When its record holds a statement that is
true by itself, the conditions, a value as exact text, the kind of knowledge behind it, and the
function that recomputes it. A `Number` checks itself when it is built, so that no half-true
record exists. Standard library only. Cost: some 20 microseconds a record.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from fractions import Fraction

from gradchain._errors import UsageError
from gradchain._result import UNCERTAINTY_TYPES, Uncertainty
from gradchain._text import parse, shorten
from gradchain.registry.grammar import (
    DTYPES,
    KEY,
    KINDS,
    MAX_DEPTH,
    MAX_TEXT,
    ROLES,
    RULES,
    UNPRINTABLE,
    VERSION,
    canonical,
    check_key,
    refuse,
)


@dataclass(frozen=True)
class How:
    """The function that recomputes a number, and its arguments as canonical JSON text."""

    function: str
    arguments: str = "{}"

    @classmethod
    def of(cls, function: str, **arguments: object) -> "How":
        """Build from keyword arguments.

        Args:
            function: the dotted name, as in `gradchain.certify.rational.power`.
            **arguments: JSON values.

        Returns:
            The reference.

        Example:
            >>> How.of("gradchain.certify.rational.power", base="1/4", exponent=5).arguments
            '{"base":"1/4","exponent":5}'
        """
        return cls(function, canonical(arguments))

    @property
    def kwargs(self) -> dict[str, object]:
        """The arguments as a new dictionary."""
        return json.loads(self.arguments)


@dataclass(frozen=True)
class Check:
    """How a recomputed value is compared with the recorded one.

    `tolerance` is decimal text: for `enclosure` the largest width relative to the value, for
    `relative` the largest relative difference, for `z` the largest |z|; none for `equality`.
    """

    rule: str
    tolerance: str | None = None


@dataclass(frozen=True, kw_only=True)
class Number:
    """A citable number.

    `value` is exact text (`0.25`, `9.77e-4`, `1/1024`), never a float. `exact` is a closed form in
    ASCII (`(1/4)^5`, `log(2)`). `enclosure` holds two decimal texts, rounded outward. `dtype` and
    `device` are set where they are part of what the number means. `source` is a literature citation
    (kind `reported` needs one). `digits` is how many significant digits are shown.

    Raises:
        RegistryError: a field is missing, malformed, or contradicts another; the text names the key
            and the field.
    """

    key: str
    kind: str
    role: str = "value"
    statement: str
    conditions: str = ""
    value: str
    how: How | None = None
    check: Check | None = None
    exact: str | None = None
    enclosure: tuple[str, str] | None = None
    uncertainty: Uncertainty | None = None
    formula_text: str = ""
    formula_latex: str = ""
    unit: str = "1"
    dtype: str | None = None
    device: str | None = None
    theorem: str | None = None
    digits: int = 3
    source: str | None = None
    since: str = "0.1.0"
    superseded_by: str | None = None
    study: str | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a record that could not be cited."""
        _check_types(self)
        _check_texts(self)
        _check_names(self)
        _check_values(self)
        _check_kind(self)

    @property
    def rational(self) -> Fraction:
        """The value as an exact fraction."""
        return parse(self.value)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that change whenever any field does (SHA-256 of the record)."""
        return hashlib.sha256(canonical(to_json(self)).encode("ascii")).hexdigest()[:12]


_TYPES: dict[str, type | tuple[type, ...]] = {
    "how": How, "check": Check, "uncertainty": Uncertainty, "enclosure": tuple, "tags": tuple,
    "digits": int,
}  # fmt: skip


def _check_types(number: Number) -> None:
    """Refuse fields of the wrong type, before anything is done with them."""
    for field in fields(number):
        value, wanted = getattr(number, field.name), _TYPES.get(field.name, str)
        good = isinstance(value, wanted) or (value is None and field.default is None)
        if isinstance(value, tuple) and good:
            good = all(isinstance(item, str) for item in value)
            good = good and (field.name != "enclosure" or len(value) == 2)
        if not good:
            key = number.key if isinstance(number.key, str) else ""
            refuse(key, field.name, f"got {type(value).__name__}, expected {_words(wanted)}")


def _words(wanted: object) -> str:
    return {str: "text", tuple: "a tuple of texts", int: "a whole number"}.get(
        wanted,  # type: ignore[arg-type]
        f"a {getattr(wanted, '__name__', wanted)}",
    )


def _texts(number: Number) -> Iterator[tuple[str, str]]:
    """Yield every text of a record with the name of its field."""
    for field in fields(number):
        value = getattr(number, field.name)
        match value:
            case str():
                yield field.name, value
            case tuple():
                yield from ((field.name, item) for item in value)
            case How():
                yield "how.function", value.function
                yield "how.arguments", value.arguments
            case Check():
                yield "check.rule", value.rule
                yield "check.tolerance", value.tolerance or ""
            case Uncertainty():
                for part in ("type", "value", "low", "high", "method"):
                    yield f"uncertainty.{part}", getattr(value, part) or ""


def _check_texts(number: Number) -> None:
    """Refuse texts that are too long or hold characters that do not print."""
    for field, text in _texts(number):
        if len(text) > MAX_TEXT:
            refuse(
                number.key,
                field,
                f"value out of range: {len(text)} characters, expected at most {MAX_TEXT}",
            )
        found = UNPRINTABLE.search(text)
        if found:
            refuse(
                number.key,
                field,
                f"holds the character U+{ord(found[0]):04X}, which does not print; remove it",
            )


def _check_names(number: Number) -> None:
    """Refuse keys, kinds, roles and other words outside their lists."""
    check_key(number.key)
    for field, allowed in (("kind", KINDS), ("role", ROLES)):
        if getattr(number, field) not in allowed:
            got = shorten(getattr(number, field))
            refuse(number.key, field, f"got {got}, expected one of {', '.join(allowed)}")
    if number.dtype is not None and number.dtype not in DTYPES:
        refuse(
            number.key,
            "dtype",
            f"got {shorten(number.dtype)}, expected one of {', '.join(DTYPES)}",
        )
    if number.superseded_by is not None and not KEY.fullmatch(number.superseded_by):
        refuse(number.key, "superseded_by", f"{shorten(number.superseded_by)} is not a key")
    if not VERSION.fullmatch(number.since):
        refuse(
            number.key, "since", f"got {shorten(number.since)}, expected a version such as 0.1.0"
        )
    for field in ("statement", "unit"):
        if not getattr(number, field).strip():
            refuse(number.key, field, "is empty")
    if not 1 <= number.digits <= 50:
        refuse(number.key, "digits", f"got {number.digits}, expected 1 to 50")


def _number(number: Number, field: str, text: str) -> Fraction:
    """Return the exact value of a numeric field, naming the field if it has none."""
    try:
        return parse(text)
    except UsageError as error:
        refuse(number.key, field, str(error))


def _check_values(number: Number) -> None:
    """Refuse numbers outside the grammar, and ends or errors that contradict the value."""
    value = _number(number, "value", number.value)
    if number.enclosure is not None:
        low, high = (_number(number, "enclosure", end) for end in number.enclosure)
        _check_ends(number, "enclosure", low, high, value)
    uncertainty = number.uncertainty
    if uncertainty is None:
        return
    if uncertainty.type not in UNCERTAINTY_TYPES:
        expected = ", ".join(UNCERTAINTY_TYPES)
        got = shorten(uncertainty.type)
        refuse(number.key, "uncertainty.type", f"got {got}, expected one of {expected}")
    if uncertainty.n is not None and uncertainty.n < 1:
        refuse(number.key, "uncertainty.n", f"got {uncertainty.n}, expected at least 1 draw")
    if uncertainty.value is not None:
        size = _number(number, "uncertainty.value", uncertainty.value)
        if size < 0:
            refuse(number.key, "uncertainty.value", f"got {uncertainty.value}, expected >= 0")
    if (uncertainty.low is None) != (uncertainty.high is None):
        refuse(number.key, "uncertainty", "has one end only; give both low and high")
    if uncertainty.low is not None and uncertainty.high is not None:
        low = _number(number, "uncertainty.low", uncertainty.low)
        high = _number(number, "uncertainty.high", uncertainty.high)
        _check_ends(number, "uncertainty", low, high, value)
    elif uncertainty.value is None:
        refuse(number.key, "uncertainty", "has neither a value nor the two ends low and high")


def _check_ends(number: Number, field: str, low: Fraction, high: Fraction, value: Fraction) -> None:
    """Refuse ends in the wrong order, or a value outside them."""
    if low > high:
        refuse(number.key, field, "the lower end is above the upper end")
    if not low <= value <= high:
        refuse(number.key, field, f"the value {shorten(number.value)} lies outside it")


def _check_kind(number: Number) -> None:
    """Refuse a kind whose backing is missing: what is claimed must be carried by a field."""
    uncertainty = number.uncertainty
    problem = None
    match number.kind:
        case "exact":
            if not (number.theorem or number.exact):
                problem = "exact", "kind exact needs a theorem or a closed form"
            elif uncertainty is not None:
                problem = "uncertainty", "an exact number has none; choose another kind"
        case "certified":
            if number.enclosure is None:
                problem = "enclosure", "kind certified needs the two ends of an enclosure"
        case "computed":
            if uncertainty is None or uncertainty.value is None:
                problem = "uncertainty", "kind computed needs an error estimate"
        case "estimated":
            if uncertainty is None or uncertainty.n is None or not uncertainty.method:
                problem = "uncertainty", "kind estimated needs an uncertainty with n and method"
        case _:
            if not number.source:
                problem = "source", "kind reported needs the citation of its source"
            elif number.how or number.check:
                problem = "how", "a reported number is never recomputed; drop how and check"
    if problem:
        refuse(number.key, *problem)
    if number.kind != "reported":
        _check_how(number)


def _check_how(number: Number) -> None:
    """Refuse a record that cannot be recomputed, or whose rule is not that of its kind."""
    if number.how is None or number.check is None:
        field = "how" if number.how is None else "check"
        refuse(number.key, field, f"is missing; kind {number.kind} is recomputed and needs it")
    expected = RULES[number.kind]
    if number.check.rule != expected:
        got = shorten(number.check.rule)
        refuse(number.key, "check.rule", f"got {got}, but kind {number.kind} has {expected}")
    if number.check.tolerance is None:
        if expected != "equality":
            refuse(number.key, "check.tolerance", f"is missing; rule {expected} needs one")
    elif _number(number, "check.tolerance", number.check.tolerance) < 0:
        refuse(number.key, "check.tolerance", "is negative")
    try:
        arguments = json.loads(number.how.arguments)
    except (ValueError, RecursionError):
        refuse(number.key, "how.arguments", "is not JSON text")
    if not isinstance(arguments, dict) or _depth(arguments) > MAX_DEPTH:
        refuse(number.key, "how.arguments", f"expected names with values, at most {MAX_DEPTH} deep")


def _depth(value: object, level: int = 1) -> int:
    """Return how deeply lists and dictionaries are nested, counting no further than needed."""
    if level > MAX_DEPTH or not isinstance(value, (dict, list)) or not value:
        return level
    inside = value.values() if isinstance(value, dict) else value
    return max(_depth(item, level + 1) for item in inside)


_DEFAULTS = {field.name: field.default for field in fields(Number)}


def to_json(number: Number) -> dict[str, object]:
    """Turn a record into plain JSON data; fields at their default are left out.

    Args:
        number: the record.

    Returns:
        A dictionary in the order of the record's fields.
    """
    data: dict[str, object] = {}
    for name, default in _DEFAULTS.items():
        value = getattr(number, name)
        if default is not MISSING and value == default:
            continue
        match value:
            case How():
                data[name] = {"function": value.function, "arguments": value.kwargs}
            case Check() | Uncertainty():
                data[name] = {k: v for k, v in vars(value).items() if v not in {None, ""}}
            case tuple():
                data[name] = list(value)
            case _:
                data[name] = value
    return data
