r"""Finding a number: by words, by its value, by an expression, or by a key spelt nearly right.

Which question it answers: I remember `0.25^5`, or "sigmoid bound"; what is its key? A file of the
user's own goes before the packaged reference only because the user named it, and is shown. Cost:
linear in the number of records.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from gradchain._errors import UnknownKeyError, UsageError
from gradchain._text import shorten, significant
from gradchain.registry.collection import Registry, hint_for, meant, order
from gradchain.registry.display import shown
from gradchain.registry.expression import MAX_QUERY, evaluate, plain_formula
from gradchain.registry.formats import ascii_text
from gradchain.registry.reading import read
from gradchain.registry.record import Number
from gradchain.registry.reference import load

_T = TypeVar("_T")


class Shelf(Mapping[str, Number]):
    """The packaged reference together with the registry files that the user named.

    A number of a named file goes before a packaged one with the same key, and is shown as coming
    from that file; two named files may not both hold a key.
    """

    def __init__(self, reference: Registry, *files: Registry) -> None:
        """Put the registries together.

        Args:
            reference: the packaged reference.
            *files: registries of the user's own.

        Raises:
            UsageError: two of the files hold the same key.
        """
        self.reference, self.files = reference, files
        self._home: dict[str, Registry] = dict.fromkeys(reference, reference)
        taken: dict[str, Registry] = {}
        for registry in files:
            for key in registry:
                if key in taken and taken[key].origin != registry.origin:
                    raise UsageError(
                        f"{key} stands in both {taken[key].origin} and {registry.origin}; "
                        "name one of the two files"
                    )
                taken[key] = registry
        self._home |= taken
        self._spelt: dict[tuple[Callable[[Number], Any], str], Any] = {}

    @classmethod
    def open(cls, *paths: str | os.PathLike[str]) -> "Shelf":
        """Read the packaged reference and these files.

        Args:
            *paths: registry files of the user's own.

        Returns:
            The shelf.

        Raises:
            RegistryError: a file is damaged.
            UsageError: a path is no path.
        """
        for path in paths:
            if not isinstance(path, (str, os.PathLike)):
                raise UsageError(f"got {type(path).__name__}, expected the path of a registry file")
        return cls(
            load(), *(read(path) for path in dict.fromkeys(os.fspath(path) for path in paths))
        )

    def __getitem__(self, key: str) -> Number:
        """Return the number of this very key, or say which keys are near."""
        if key not in self._home:
            raise self.unknown(key)
        return self._home[key][key]

    def __iter__(self) -> Iterator[str]:
        """Return the keys in natural order."""
        return iter(sorted(self._home, key=order) if self.files else self._home)

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._home)

    def origin(self, key: str) -> str | None:
        """Return the file a number comes from, None for the packaged reference.

        Args:
            key: a key of the shelf.

        Returns:
            The file's path as it was given, or None.
        """
        home = self._home[key]
        return None if home is self.reference else home.origin

    def current(self, key: str) -> tuple[Number, str | None]:
        """Follow replacements to the number that holds today.

        Args:
            key: a key, perhaps an old one.

        Returns:
            The number and the file it comes from (None: packaged).
        """
        self[key]
        return self._home[key].current(key), self.origin(key)

    def spelt(self, key: str, how: Callable[[Number], _T]) -> _T:
        """Return `how(number)`, computed once a shelf: a search asks it of every number.

        Args:
            key: a key of the shelf.
            how: a function of this module.

        Returns:
            Its result for the number of this key.
        """
        if (how, key) not in self._spelt:
            self._spelt[how, key] = how(self[key])
        return self._spelt[how, key]

    def unknown(self, key: str) -> UnknownKeyError:
        """Build the error for a key that is not here.

        Args:
            key: what was typed.

        Returns:
            The exception, with the nearest keys.
        """
        found = [near for home in (*self.files, self.reference) for near in home.nearest(key)]
        near = tuple(dict.fromkeys([*meant(key, self), *found]))[:5]
        hint = hint_for(key, self, near) or "to search: gradchain list WORDS"
        return UnknownKeyError(f"unknown key {shorten(key)}; {hint}", near)


def fold(text: str) -> str:
    """Bring text to the form in which words are compared.

    Args:
        text: any text.

    Returns:
        Compatibility-normalized, case-folded text.
    """
    return unicodedata.normalize("NFKC", text).casefold()


def haystack(number: Number) -> str:
    """Collect everything of a record that a search looks through.

    Args:
        number: the record.

    Returns:
        One folded text: key, kind, role, statement, conditions, formulas, tags and shown values.
    """
    values = {shown(number, "ascii"), shown(number, "text"), shown(number, "plain"), number.value}
    parts = (
        number.key, number.kind, number.role, number.statement, number.conditions,
        number.exact or "", number.formula_text, number.theorem or "", number.dtype or "",
        number.device or "", number.study or "", number.source or "", number.unit,
        *number.tags, *sorted(values),
    )  # fmt: skip
    joined = fold("\n".join(parts))
    return joined + "\n" + fold(ascii_text(joined))


def find(shelf: Shelf, words: tuple[str, ...]) -> list[str]:
    """List the keys whose record holds all the words, or has the value that a word spells.

    Args:
        shelf: the registries in use.
        words: words, shown values or expressions; none finds every key.

    Returns:
        Keys in natural order.

    Raises:
        UsageError: a word is empty or longer than 300 characters.
    """
    for word in words:
        if not word.strip() or len(word) > MAX_QUERY:
            raise UsageError(
                f"cannot search for {shorten(word)}; expected 1 to {MAX_QUERY} characters"
            )
    found = list(shelf)
    texts = {key: shelf.spelt(key, haystack) for key in found} if words else {}
    for word in words:
        valued = set(by_value(shelf, word)) if any(sign.isdigit() for sign in word) else set()
        needle = fold(word)
        found = [key for key in found if needle in texts[key] or key in valued]
    return found


def by_value(shelf: Shelf, query: str) -> list[str]:
    """List the keys of the numbers that an expression, closed form or shown value names.

    Args:
        shelf: the registries in use.
        query: `0.25^5`, `(1/4)^5`, `9.77e-4`, `log(2)`, `0.6931`.

    Returns:
        Keys in natural order. Where a closed form or formula is spelt just so, only its numbers; else
        those whose value the expression equals, or, for a decimal written with at least three
        significant digits, those that round to it.
    """
    if not query.strip() or len(query) > MAX_QUERY:
        return []
    wanted = plain_formula(query)
    try:
        value = evaluate(query)
    except UsageError:
        value = None
    digits = _digits(wanted)
    named, valued = [], []
    for key in shelf:
        number = shelf[key]
        # A plain decimal is a value, even where somebody's closed form is spelt `1`.
        if not digits and wanted in shelf.spelt(key, _names):
            named.append(key)
        elif (value is not None and _same(number, value, digits)) or (
            value is None and wanted == shelf.spelt(key, _plainly)
        ):
            valued.append(key)
    return named or valued


def _names(number: Number) -> set[str]:
    """Return the closed form and the formula of a record in their one spelling."""
    return {plain_formula(name) for name in (number.exact, number.formula_text) if name}


def _plainly(number: Number) -> str:
    """Return the shown value of a record in its one spelling."""
    return plain_formula(shown(number))


def one(shelf: Shelf, query: str) -> str:
    """Return the one key that a key, expression or value means.

    Args:
        shelf: the registries in use.
        query: what the reader typed.

    Returns:
        A key of the shelf.

    Raises:
        UnknownKeyError: nothing goes by this name, or several numbers with equally plain keys.
        UsageError: the query is not text.
    """
    if not isinstance(query, str):
        raise UsageError(f"got {type(query).__name__}, expected a key or an expression as text")
    if query in shelf:
        return query
    found = by_value(shelf, query)
    if found:
        # The plainest key is meant: (1/4)^5 is the bound itself before it is the bound of an average.
        found = sorted(found, key=lambda key: key.count("."))
        if len(found) == 1 or found[0].count(".") < found[1].count("."):
            return found[0]
        listed = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise UnknownKeyError(
            f"{shorten(query)} is the value of {len(found)} numbers; name one of: {listed}",
            tuple(found),
        )
    raise shelf.unknown(query)


def _same(number: Number, value: Fraction, digits: int) -> bool:
    """Return whether a number has this value, or rounds to it as far as it was written."""
    recorded = number.rational
    if recorded == value:
        return True
    if digits < 3 or not recorded or not value:
        return False
    short, typed = significant(recorded, digits), significant(value, digits)
    return (short.negative, short.exponent) == (typed.negative, typed.exponent) and (
        short.digits.rstrip("0") == typed.digits.rstrip("0")
    )


def _digits(text: str) -> int:
    """Return how many significant digits a plain decimal has, 0 for anything else."""
    found = re.fullmatch(r"[+-]?([0-9]+(?:\.[0-9]*)?)(?:e[+-]?[0-9]+)?", text)
    return len(found[1].replace(".", "").lstrip("0")) if found else 0
