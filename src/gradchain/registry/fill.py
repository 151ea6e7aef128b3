"""Writing numbers into notes, between comment marks, in place.

Which question it answers: how do the numbers in my Markdown or HTML notes stay those of the
registry? `0.25^5 = <!--gch:sigmoid.chain.bound.n5-->9.77e-4<!--/gch-->` renders everywhere as the
number alone. All files of a call are read and checked before the first is written; each is replaced
whole (a file beside it, flushed, renamed), and every byte outside the marks stays. A second run
writes nothing.
"""

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass

from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain.registry.display import shown
from gradchain.registry.formats import clean, html_text, markdown_text
from gradchain.registry.marks import Mark, Scan, scan
from gradchain.registry.record import Number
from gradchain.registry.replacing import Source, read_source, write_all
from gradchain.registry.search import Shelf

_HTML = (".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class Change:
    """One number that differs from what the file holds."""

    line: int
    key: str
    old: str
    new: str


@dataclass(frozen=True)
class Filled:
    """What `fill` does to one file: its changes, the marks it left alone, and things to know."""

    path: str
    changes: tuple[Change, ...]
    ignored: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]
    marks: int


def fill(shelf: Shelf, names: Iterable[str], dry_run: bool = False) -> list[Filled]:
    """Bring the numbers in these files up to date.

    Args:
        shelf: the registries in use.
        names: files, or patterns such as `notes/*.md`.
        dry_run: say what would change and write nothing.

    Returns:
        One report a file, in order; a file named twice is filled once.

    Raises:
        UsageError: no such file, marks that do not pair, or not a regular file.
        UnknownKeyError: a key that is in no registry; nothing was written.
        RegistryError: a file is not UTF-8.
        OutputError: a file cannot be written, or changed while this ran.
    """
    sources = [read_source(path) for path in _paths(names)]
    plans = [_plan(shelf, source) for source in sources]
    _refuse_bad(shelf, list(zip(sources, plans, strict=True)))
    filled, pending = [], []
    for source, (found, text) in zip(sources, plans, strict=True):
        report, data = _apply(shelf, source, found, text)
        filled.append(report)
        if data is not None:
            pending.append((source, data))
    if not dry_run:
        write_all(pending)
    return filled


def _paths(names: Iterable[str]) -> list[str]:
    """Return the files that the names and patterns mean, each once.

    Raises:
        UsageError: a name or pattern without a file.
    """
    paths: dict[str, str] = {}
    for name in names:
        matches = [name]
        if glob.has_magic(name) and not os.path.lexists(name):
            matches = sorted(glob.glob(name, recursive=True))
        if not matches or not os.path.lexists(matches[0]):
            kind = "no file matches" if glob.has_magic(name) else "no such file:"
            raise UsageError(f"{kind} {clean(name)[:300]}; nothing was written")
        for match in matches:
            paths.setdefault(os.path.realpath(match), match)
    return list(paths.values())


def _plan(shelf: Shelf, source: Source) -> tuple[Scan, str]:
    """Return the marks of a file and its text.

    Raises:
        RegistryError: it is not UTF-8.
    """
    try:
        text = source.data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = source.data.count(b"\n", 0, error.start) + 1
        raise RegistryError(
            f"{clean(source.path)}, line {line}: not UTF-8 (it looks like "
            f"{_code_page(source.data)}); save it as UTF-8 first; nothing was written"
        ) from error
    return scan(text, not source.target.lower().endswith(_HTML)), text


def _code_page(data: bytes) -> str:
    """Return the likely encoding of bytes that are not UTF-8; a guess, named as one."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    if data[:2000].count(0) > len(data[:2000]) // 4:
        return "UTF-16 without a byte order mark"
    # Letters stand from 0xC0 on in cp1252, below 0xB0 in the older pages; quotes and dashes between.
    low = sum(0x80 <= byte <= 0x90 or 0x98 <= byte <= 0xAF for byte in data)
    if low > sum(byte >= 0xC0 for byte in data):
        return "cp866, cp437 or Mac Roman"
    return "cp1252"


def _refuse_bad(shelf: Shelf, plans: list[tuple[Source, tuple[Scan, str]]]) -> None:
    """Refuse the whole call if one mark is wrong or one key unknown, naming every one.

    Raises:
        UsageError: marks that do not pair.
        UnknownKeyError: keys that are in no registry.
    """
    problems, unknown, near = [], [], []
    for source, (found, _) in plans:
        name = clean(source.path)
        problems += [f"{name}, line {line}: {sentence}" for line, sentence in found.problems]
        for mark in found.marks:
            if mark.key not in shelf:
                error = shelf.unknown(mark.key)
                near += error.nearest
                unknown.append(f"{name}, line {mark.line}: {error}")
            elif mark.form == "exact" and not shelf[mark.key].exact:
                problems.append(f"{name}, line {mark.line}: {mark.key} has no closed form")
    if problems:
        raise UsageError("\n".join([*problems, *unknown, "nothing was written"]))
    if unknown:
        raise UnknownKeyError(
            "\n".join([*unknown, "nothing was written"]), tuple(dict.fromkeys(near))
        )


def value_text(number: Number, form: str, html: bool = False) -> str:
    """Write what stands between the marks.

    Args:
        number: the record.
        form: a form of `shown` (`latex` with its formula signs), `exact` (the closed form) or
            `value` (all recorded digits).
        html: write for HTML, else for Markdown.

    Returns:
        Text without `--` or `>`-ended comments: by the grammar of numbers it cannot end a comment.
    """
    if form == "value":
        return number.value
    if form == "latex":
        # A comment inside a formula would break it, so the formula stands between the marks.
        return rf"\({shown(number, form)}\)" if html else f"${shown(number, form)}$"
    if form == "exact":
        return (html_text if html else markdown_text)(number.exact or number.value)
    return shown(number, form)


def _apply(shelf: Shelf, source: Source, found: Scan, text: str) -> tuple[Filled, bytes | None]:
    """Return the report of a file and its new bytes, None where nothing changes."""
    html = source.target.lower().endswith(_HTML)
    parts, changes, notes, place = [], [], [], 0
    for mark in found.marks:
        number = shelf[mark.key]
        old, new = text[mark.start : mark.end], value_text(number, mark.form, html)
        parts += [text[place : mark.start], new]
        place = mark.end
        if old != new:
            changes.append(Change(mark.line, mark.key, old, new))
        notes += _about(shelf, mark, number)
    if source.status.st_nlink > 1 and changes:
        notes.append(f"has {source.status.st_nlink} hard links; the other names keep the old text")
    report = Filled(
        source.path, tuple(changes), found.ignored, tuple(dict.fromkeys(notes)), len(found.marks)
    )
    data = ("".join(parts) + text[place:]).encode("utf-8") if changes else None
    return report, data


def _about(shelf: Shelf, mark: Mark, number: Number) -> list[str]:
    """Return what a reader should know about the number of a mark."""
    notes = []
    if number.superseded_by:
        notes.append(f"line {mark.line}: {mark.key} was replaced by {number.superseded_by}")
    if shelf.origin(mark.key):
        notes.append(f"line {mark.line}: {mark.key} from {clean(shelf.origin(mark.key) or '')}")
    return notes


def report_lines(filled: Filled, dry_run: bool) -> list[str]:
    """Say what was done to a file.

    Args:
        filled: the report of one file.
        dry_run: nothing was written.

    Returns:
        Lines to print: the summary, then every old and new text, marks left alone, notes.
    """
    name, count = clean(filled.path), len(filled.changes)
    verb = "would change" if dry_run else "changed"
    marks = f"{filled.marks} number" + "s" * (filled.marks != 1)
    lines = [f"{name}: {marks}, {verb} {count}" if count else f"{name}: {marks}, up to date"]
    lines += [
        f"  line {change.line}: {change.key}: {_quoted(change.old)} -> {_quoted(change.new)}"
        for change in filled.changes
    ]
    lines += [f"  line {line}: a mark inside {where}, left alone" for line, where in filled.ignored]
    return lines + [f"  {note}" for note in filled.notes]


def _quoted(text: str) -> str:
    """Return the text between marks on one line, at most 60 characters."""
    text = clean(text)
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"
