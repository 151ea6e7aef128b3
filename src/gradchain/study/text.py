"""Sentences whose numbers come from records: `{key}` stands for the shown form of a number.

A sentence may hold counts and settings as plain integers; any other numeral must be a placeholder,
so that no result is ever typed by hand. Standard library only.
"""

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from gradchain._errors import UnknownKeyError, UsageError
from gradchain._text import shorten

_BRACES = re.compile(r"\{([^{}]*)\}")
_KEY = re.compile(r"[a-z][a-z0-9]*(?:\.[a-z][a-z0-9]*)+\Z")
_BY_HAND = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)(?!\w)", re.IGNORECASE)


def keys_in(text: str) -> list[str]:
    """List the keys that a text cites.

    Args:
        text: any text with `{key}` placeholders.

    Returns:
        The keys, in order of appearance, repeats included.

    Raises:
        UsageError: for braces that hold no key.

    Example:
        >>> keys_in("at most {sigmoid.derivative.sup}, so it shrinks")
        ['sigmoid.derivative.sup']
    """
    found = _BRACES.findall(text)
    for key in found:
        if not _KEY.match(key):
            raise UsageError(
                f"{{{shorten(key)}}} in a text is not a key; expected lower-case segments joined by dots"
            )
    return found


def check_text(
    text: str, numbers: Mapping[str, Any], where: str, settings: Collection[str] = ()
) -> None:
    """Refuse a text that cites an unknown number, or holds a result typed by hand.

    Args:
        text: the text.
        numbers: the numbers of the run, by key.
        where: what the text is, for the sentence of the error.
        settings: decimal numerals that are settings of the run, and may be written.

    Raises:
        UnknownKeyError: for a key that is not among the numbers.
        UsageError: for a decimal numeral outside a placeholder.
    """
    for key in keys_in(text):
        if key not in numbers:
            nearest = tuple(get_close_matches(key, list(numbers), 3))
            hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
            raise UnknownKeyError(
                f"{where} cites {key}, which is not among the numbers of this run{hint}", nearest
            )
    for found in _BY_HAND.findall(_BRACES.sub("", text)):
        if found.lstrip("+-") not in settings:
            raise UsageError(
                f"{where} holds {found}, typed by hand; make it a number and cite its key"
            )


def numerals_in(text: str) -> set[str]:
    """List the decimal numerals in a text, such as the canonical text of some settings.

    Args:
        text: any text.

    Returns:
        The numerals without sign.

    Example:
        >>> sorted(numerals_in('{"c":["0.9","-1.1"],"n":3}'))
        ['0.9', '1.1']
    """
    return {found.lstrip("+-") for found in _BY_HAND.findall(text)}


def fill(text: str, show: Callable[[str], str], plain: Callable[[str], str] = str) -> str:
    """Replace every placeholder.

    Args:
        text: the text.
        show: turns a key into what stands in its place.
        plain: applied to the text between placeholders, for instance to escape it.

    Returns:
        The text with nothing left in braces.

    Example:
        >>> fill("at most {a.b}!", lambda key: "<b>1/4</b>", str.upper)
        'AT MOST <b>1/4</b>!'
    """
    parts = _BRACES.split(text)
    return "".join(show(part) if index % 2 else plain(part) for index, part in enumerate(parts))
