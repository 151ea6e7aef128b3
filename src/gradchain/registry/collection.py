"""A collection of numbers, looked up by key.

Which question it answers: do these records stand together (unique keys, no key inside another, no
circle of replacements), and which number did the reader mean? Cost: linear in the number of
records.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, overload

from gradchain._errors import UnknownKeyError, UsageError
from gradchain._text import shorten
from gradchain.registry.grammar import refuse
from gradchain.registry.record import Number

SCHEMA = 1
MAX_REPLACEMENTS = 10
_MISSING = object()
_T = TypeVar("_T")


def validate_all(numbers: Iterable[Number]) -> dict[str, Number]:
    """Check what only the whole collection can show, and return it by key.

    Args:
        numbers: the records.

    Returns:
        The records by key, in the order given.

    Raises:
        RegistryError: two records share a key, one key is the leading segments of another, or a
            `superseded_by` names no key or runs in a circle.
        UsageError: what was given are no records.
    """
    by_key: dict[str, Number] = {}
    for number in _records(numbers):
        if number.key in by_key:
            refuse(number.key, "key", "stands twice; keys are unique")
        by_key[number.key] = number
    for key in by_key:
        parts = key.split(".")
        for count in range(1, len(parts)):
            shorter = ".".join(parts[:count])
            if shorter in by_key:
                refuse(key, "key", f"begins with the whole key {shorter}; rename one of them")
    for key, number in by_key.items():
        seen, follow = {key}, number
        while follow.superseded_by is not None:
            target = follow.superseded_by
            if target not in by_key:
                refuse(follow.key, "superseded_by", f"{target} is not a key of this registry")
            if target in seen:
                refuse(key, "superseded_by", f"runs in a circle through {target}")
            seen.add(target)
            follow = by_key[target]
    return by_key


def _records(numbers: object) -> list[Number]:
    """Return what must be records as a list.

    Raises:
        UsageError: what was given are no records.
    """
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        raise UsageError(
            f"got {type(numbers).__name__} as numbers, expected records (gradchain.registry.Number); "
            "put them in a list"
        )
    found = list(numbers)
    for item in found:
        if not isinstance(item, Number):
            raise UsageError(
                f"got {type(item).__name__} among the numbers, expected gradchain.registry.Number; "
                "to read a registry file use gradchain.registry.read"
            )
    return found


def order(key: str) -> tuple[tuple[str, int, str], ...]:
    """Sort keys as a person would: n2 before n10.

    Args:
        key: a valid key.

    Returns:
        A sort key.

    Example:
        >>> sorted(["a.n10", "a.n2", "a.b"], key=order)
        ['a.b', 'a.n2', 'a.n10']
    """
    parts = []
    for segment in key.split("."):
        stem = segment.rstrip("0123456789")
        digits = segment[len(stem) :]
        parts.append((stem, int(digits or -1), digits))
    return tuple(parts)


def _as_key(typed: str) -> str:
    """Return what was typed in the letters of a key."""
    return typed[:100].lower().replace("_", "").strip(". ")


def meant(typed: str, keys: Iterable[str]) -> list[str]:
    """List the keys that differ from what was typed in capitals alone, or begin with it at a dot.

    Args:
        typed: what was typed.
        keys: the keys there are.

    Returns:
        Keys in the order given, the very key first.

    Example:
        >>> meant("A.B", ["a.b.n1", "a.b.n2", "a.bc"])
        ['a.b.n1', 'a.b.n2']
    """
    plain, found = _as_key(typed), list(keys)
    own = typed.strip().lower()
    exact = [key for key in dict.fromkeys((own, plain)) if key in found]
    return exact + [key for key in found if plain and key.startswith(plain + ".")]


def hint_for(typed: str, keys: Iterable[str], near: tuple[str, ...]) -> str:
    """Say which keys might be meant by one that is not there.

    Args:
        typed: what was typed.
        keys: the keys there are.
        near: the keys most like it.

    Returns:
        The second half of a sentence, empty if nothing is like it.
    """
    begun = meant(typed, keys)
    plain = _as_key(typed)
    if not begun or not begun[0].startswith(plain + "."):
        return f"nearest: {', '.join(near)}" if near else ""
    more = f", and {len(begun) - 5} more" if len(begun) > 5 else ""
    return f"keys that begin so: {', '.join(begun[:5])}{more}; all: gradchain list {plain}"


class Registry(Mapping[str, Number]):
    """Numbers by key, in natural order, with where they came from.

    Attributes:
        schema: version of the file format they were read from.
        writer: the program and version that wrote the file.
        origin: the file's name, or "packaged reference"; shown beside a number that is not ours.
    """

    def __init__(
        self,
        numbers: Iterable[Number] = (),
        *,
        schema: int = SCHEMA,
        writer: str = "",
        origin: str = "",
    ) -> None:
        """Check the records together and sort them."""
        self._by_key: Mapping[str, Number] = validate_all(
            sorted(_records(numbers), key=lambda number: order(number.key))
        )
        self.schema, self.writer, self.origin = schema, writer, origin

    @classmethod
    def of_proven(
        cls, by_key: Mapping[str, Number], *, schema: int, writer: str, origin: str
    ) -> "Registry":
        """Build without a check, from records in order that were checked before they were sealed."""
        made = cls.__new__(cls)
        made._by_key = by_key
        made.schema, made.writer, made.origin = schema, writer, origin
        return made

    def __getitem__(self, key: str) -> Number:
        """Return the number of this very key, or say which keys are near.

        Raises:
            UnknownKeyError: no such key; `.nearest` holds the keys most like it.
        """
        try:
            return self._by_key[key]
        except KeyError:
            near = self.nearest(key)
            hint = hint_for(key, self, near) or "see: gradchain list"
            raise UnknownKeyError(f"unknown key {shorten(key)}; {hint}", near) from None

    def __contains__(self, key: object) -> bool:
        """Say whether there is such a key, without looking for near ones."""
        return isinstance(key, str) and key in self._by_key

    def __iter__(self) -> Iterator[str]:
        """Return an iterator over the keys in natural order."""
        return iter(self._by_key)

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self._by_key)

    @overload
    def get(self, key: str) -> Number: ...
    @overload
    def get(self, key: str, default: _T) -> Number | _T: ...
    def get(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, key: str, default: object = _MISSING
    ) -> object:
        """Return the number of this key; without a default, an unknown key is an error.

        Args:
            key: the key.
            default: what to return instead of raising.

        Returns:
            The number, or the default.

        Raises:
            UnknownKeyError: no such key and no default; `.nearest` holds the keys most like it.
        """
        if default is not _MISSING and key not in self._by_key:
            return default
        return self[key]

    def current(self, key: str) -> Number:
        """Follow `superseded_by` to the number that holds today (at most 10 steps).

        Args:
            key: a key, perhaps an old one.

        Returns:
            The number that replaces it, or the number itself.

        Raises:
            UnknownKeyError: no such key.
        """
        number = self[key]
        for _ in range(MAX_REPLACEMENTS):
            if number.superseded_by is None:
                break
            number = self[number.superseded_by]
        return number

    def nearest(self, key: str, count: int = 5) -> tuple[str, ...]:
        """Find the keys most like a mis-spelt one; bounded in time however long it is.

        Args:
            key: what was typed.
            count: at most how many.

        Returns:
            Keys, best first.
        """
        from difflib import get_close_matches

        typed = _as_key(key)
        inside = [known for known in self if typed and typed in known][:count]
        close = get_close_matches(typed, list(self), n=count, cutoff=0.6)
        return tuple(dict.fromkeys([*meant(key, self), *close, *inside]))[:count]
