"""The words of the registry: which keys, kinds, roles and characters a record may hold.

Which question it answers: is this text a key, and may it be printed? Keys are dotted lower-case
segments, so that the same key works in LaTeX, Jinja, Typst and an address. Standard library only.
"""

import json
import re
from typing import NoReturn

from gradchain._errors import RegistryError, UsageError
from gradchain._text import shorten

KINDS = ("exact", "certified", "computed", "estimated", "reported")
ROLES = ("value", "upper bound", "lower bound", "prediction", "chance level")
RULES = {"exact": "equality", "certified": "enclosure", "computed": "relative", "estimated": "z"}
DTYPES = ("float16", "bfloat16", "float32", "float64")
MAX_TEXT = 10_000
MAX_DEPTH = 8

KEY = re.compile(r"[a-z][a-z0-9]*(?:\.[a-z][a-z0-9]*)*")
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:[a-z0-9.+-]*)")
# Control characters, lone surrogates, bidirectional overrides, byte order marks and odd line ends:
# a statement that holds one can rewrite a terminal or read differently from what it says.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)


def canonical(value: object) -> str:
    """Write JSON in the one form that is hashed and compared: sorted keys, ASCII, no spaces.

    Args:
        value: dictionaries, lists, text, numbers, booleans or None.

    Returns:
        The JSON text.

    Raises:
        UsageError: the value is not JSON (NaN and infinity are not).

    Example:
        >>> canonical({"b": 1, "a": "x"})
        '{"a":"x","b":1}'
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}; use text, numbers, lists and dictionaries") from error


def refuse(key: str, field: str, sentence: str) -> NoReturn:
    """Raise the error of a bad record.

    Args:
        key: the record's key, quoted safely whatever it holds.
        field: the field at fault.
        sentence: what was got and what was expected.

    Raises:
        RegistryError: always.
    """
    name = key if KEY.fullmatch(key) and len(key) <= 200 else shorten(key)
    raise RegistryError(f"{name}: {field}: {sentence}")


def check_key(key: str) -> None:
    """Refuse a key that breaks the grammar `[a-z][a-z0-9]*(.[a-z][a-z0-9]*)*`.

    Args:
        key: the key.

    Raises:
        RegistryError: the key breaks the grammar or is longer than 200 characters.
    """
    if len(key) > 200 or not KEY.fullmatch(key):
        refuse(
            key,
            "key",
            "breaks the grammar: lower-case letters and digits in segments joined by dots",
        )


def printable(text: str) -> str:
    """Drop the characters that could move a cursor or turn the reading direction.

    Args:
        text: any text.

    Returns:
        The text without them.
    """
    return UNPRINTABLE.sub("", text)
