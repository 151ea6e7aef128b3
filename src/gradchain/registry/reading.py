"""Reading a registry file that may come from a stranger, or be damaged.

Which question it answers: is this file a registry, and if not, where and why? The size is checked
before the file is opened, the text before it is parsed, every record before it is believed.
Nothing in a file is ever run. Cost: linear in the file, some 50 microseconds a record.
"""

import json
import math
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import NoReturn

from gradchain._errors import RegistryError
from gradchain._result import Uncertainty
from gradchain._text import shorten
from gradchain.registry.collection import SCHEMA, Registry
from gradchain.registry.formats import clean
from gradchain.registry.grammar import canonical, refuse
from gradchain.registry.record import Check, How, Number

MAX_BYTES = 64 * 2**20

_NESTED: dict[str, type] = {"check": Check, "uncertainty": Uncertainty}
_LISTS = ("tags", "enclosure")
_WHOLE = ("digits",)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+')


class _Problem(ValueError):
    """A fault found by a JSON hook, which does not know its place; `word` is where to look."""

    def __init__(self, sentence: str, word: str = "") -> None:
        """Keep the sentence and the word; no word stands for a repeated name."""
        super().__init__(sentence)
        self.word = word


def read(path: str | os.PathLike[str]) -> Registry:
    """Read a registry file.

    Args:
        path: a JSON file written by `write`.

    Returns:
        The numbers. A file of a newer schema is read as far as it is understood; it has
        `.schema` above ours, and `write` refuses to replace it.

    Raises:
        RegistryError: the file is not a registry, or holds a record that may not be cited; the text
            names the file and the line.
    """
    try:
        path = Path(path)
    except TypeError as error:
        raise RegistryError(f"got {type(path).__name__}, expected the path of a file") from error
    return parse_registry(_bytes_of(path), clean(path.name), str(path))


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a regular file that is not too large.

    Raises:
        RegistryError: it cannot be read, is no regular file, or is too large.
    """
    name = clean(path.name)[:200]
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise RegistryError(f"{name}: not a registry: not a regular file")
        if facts.st_size > MAX_BYTES:
            raise RegistryError(
                f"{name}: not a registry: {facts.st_size} bytes, expected at most {MAX_BYTES}"
            )
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise RegistryError(f"{name}: cannot read it: {reason}") from error
    except RegistryError:
        raise
    except ValueError as error:
        raise RegistryError(f"{shorten(path.name)}: cannot read it: {error}") from error


def parse_registry(data: bytes, name: str, origin: str = "") -> Registry:
    """Build a registry from the bytes of a file.

    Args:
        data: UTF-8 without a byte order mark.
        name: the file's name, for messages.
        origin: where the numbers come from; the name if empty.

    Returns:
        The numbers.

    Raises:
        RegistryError: not a registry, or a bad record; the text names file and line.
    """
    text = _decode(data, name)
    tree = _json(text, name)
    if not isinstance(tree, dict) or not isinstance(tree.get("numbers"), list):
        raise RegistryError(f'{name}: not a registry: expected an object with a list "numbers"')
    schema, writer = tree.get("schema"), str(tree.get("writer", "an unknown program"))
    if type(schema) is not int or schema < 1:
        raise RegistryError(f'{name}: not a registry: "schema" must be a whole number from 1')
    newer = schema > SCHEMA
    extra = set(tree) - {"schema", "writer", "numbers"}
    if extra and not newer:
        raise RegistryError(f"{name}: not a registry: unknown field {shorten(min(extra))}")
    key = "a record"
    try:
        numbers = []
        for record in tree["numbers"]:
            key = str(record.get("key", "")) if isinstance(record, dict) else ""
            numbers.append(from_json(record, lenient=newer))
        return Registry(numbers, schema=schema, writer=writer, origin=origin or name)
    except RegistryError as error:
        place = _line_of(text, key if error.args[0].startswith(key) else _first_word(error))
        note = f" (written by {shorten(writer)}, schema {schema})" if newer else ""
        raise RegistryError(f"{name}: {place}{error}{note}") from error


def _first_word(error: RegistryError) -> str:
    """Return the key with which an error of a collection begins."""
    return str(error).split(":", 1)[0]


def _line_of(text: str, key: str) -> str:
    """Return `line N: ` of the record with this key, or nothing."""
    found = re.search(r'"key"\s*:\s*' + re.escape(json.dumps(key)), text)
    return f"line {text.count(chr(10), 0, found.start()) + 1}: " if found and key else ""


def _decode(data: bytes, name: str) -> str:
    """Return the text, or say what kind of file this is instead.

    Raises:
        RegistryError: not UTF-8.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RegistryError(f"{name}: not a registry: it is UTF-16; save it as UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        raise RegistryError(
            f"{name}: not a registry (line 1, column 1): it begins with a byte order mark; "
            "save it as UTF-8 without one"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RegistryError(
            f"{name}: not a registry (line {line}): byte {error.start} is not UTF-8"
        ) from error


def _json(text: str, name: str) -> object:
    """Return JSON that has no repeated keys, no NaN, no overflow and no deep nesting.

    Raises:
        RegistryError: not such JSON; the text names line and column.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_no_repeats, parse_constant=_no_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise RegistryError(
            f"{name}: not a registry (line {error.lineno}, column {error.colno}): {error.msg}"
        ) from error
    except RecursionError as error:
        raise RegistryError(f"{name}: not a registry: nested too deeply") from error
    except _Problem as error:
        raise RegistryError(f"{name}: not a registry{_place(text, error.word)}: {error}") from error
    except ValueError as error:
        raise RegistryError(f"{name}: not a registry: {error}") from error


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object, or refuse one in which a name stands twice (JSON would keep the last).

    Raises:
        _Problem: a name stands twice.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Problem("a name stands twice in one object")
    return found


def _no_constant(word: str) -> NoReturn:
    """Refuse NaN and infinities.

    Raises:
        _Problem: always.
    """
    raise _Problem(f"{word} is not a number", word)


def _finite(word: str) -> float:
    """Return the float, or refuse one that overflows.

    Raises:
        _Problem: it overflows.
    """
    value = float(word)
    if not math.isfinite(value):
        raise _Problem(f"{shorten(word)} is out of range", word)
    return value


def _place(text: str, word: str) -> str:
    """Return ` (line N, column M)` of the fault that a hook reported."""
    if word:
        position = next((mark.start() for mark in _TOKEN.finditer(text) if mark[0] == word), -1)
    else:
        position = _repeat(text)
    if position < 0:
        return ""
    line = text.count("\n", 0, position) + 1
    return f" (line {line}, column {position - text.rfind(chr(10), 0, position)})"


def _repeat(text: str) -> int:
    """Return where a name stands for the second time in one object."""
    stack: list[set[object] | None] = []
    last: object = ""
    start = -1
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "{[":
            stack.append(set() if mark == "{" else None)
        elif mark in "}]":
            if stack:
                stack.pop()
        elif mark == ":":
            names = stack[-1] if stack else None
            if names is not None:
                if last in names:
                    return start
                names.add(last)
        elif mark.startswith('"'):
            last, start = json.loads(mark, strict=False), token.start()
    return -1


_FIELDS = {field.name: field for field in fields(Number)}
_REQUIRED = {name for name, field in _FIELDS.items() if field.default is MISSING}


def from_json(data: object, lenient: bool = False) -> Number:
    """Build a record from JSON data, strictly.

    Args:
        data: the dictionary of one record.
        lenient: leave out fields that this version does not know (a file of a newer version).

    Returns:
        The record.

    Raises:
        RegistryError: a field is missing, unknown or of the wrong type, or the record contradicts
            itself.
    """
    if not isinstance(data, dict):
        raise RegistryError(f"a record is {type(data).__name__}, expected an object")
    key = data.get("key")
    key = key if isinstance(key, str) else ""
    unknown = sorted(set(data) - set(_FIELDS))
    if unknown and not lenient:
        refuse(key, shorten(unknown[0]), "is an unknown field; check its spelling")
    missing = sorted(_REQUIRED - set(data))
    if missing:
        refuse(key, missing[0], "is missing")
    return Number(**{
        name: _shaped(key, name, data[name], lenient) for name in data if name in _FIELDS
    })  # type: ignore[arg-type]


def _shaped(key: str, name: str, value: object, lenient: bool) -> object:
    """Return the value in the type of its field, or name what is wrong."""
    if name in _NESTED:
        return _nested(key, name, value, lenient)
    if name == "how":
        wanted = {"function", "arguments"}
        if not isinstance(value, dict) or (set(value) != wanted and not lenient):
            refuse(key, name, "expected an object with function and arguments")
        arguments = value.get("arguments")
        if not isinstance(arguments, dict):
            refuse(key, "how.arguments", "expected an object of names with values")
        return How(_text(key, "how.function", value.get("function")), canonical(arguments))
    if name in _LISTS:
        if not isinstance(value, list) or (name == "enclosure" and len(value) != 2):
            refuse(key, name, "expected a list of texts" + " (two)" * (name == "enclosure"))
        return tuple(_text(key, name, item) for item in value)
    if name in _WHOLE:
        return _whole(key, name, value)
    return _text(key, name, value)


def _text(key: str, name: str, value: object) -> str:
    """Return the value if it is text."""
    if not isinstance(value, str):
        refuse(key, name, f"got {type(value).__name__}, expected text (numbers are text too)")
    return value


def _whole(key: str, name: str, value: object) -> int:
    """Return the value if it is a whole number."""
    if type(value) is not int:
        refuse(key, name, f"got {type(value).__name__}, expected a whole number")
    return value


def _nested(key: str, name: str, value: object, lenient: bool) -> object:
    """Return a `Check` or an `Uncertainty`."""
    parts = {field.name: field for field in fields(_NESTED[name])}
    if not isinstance(value, Mapping):
        refuse(key, name, "expected an object")
    unknown = sorted(set(value) - set(parts))
    if unknown and not lenient:
        refuse(key, f"{name}.{shorten(unknown[0])}", "is an unknown field")
    first = next(iter(parts))
    if first not in value:
        refuse(key, f"{name}.{first}", "is missing")
    return _NESTED[name](**{
        part: (_whole if part == "n" else _text)(key, f"{name}.{part}", value[part])
        for part in value
        if part in parts
    })
