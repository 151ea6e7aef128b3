r"""Comment marks in notes: where a number stands in a Markdown or HTML file.

Which question it answers: which `<!--gch:KEY-->...<!--/gch-->` of a text are marks, and which only
look like one because they stand in code, in an attribute or inside another comment? The form is
`<!--gch:KEY-->` or `<!--gch:KEY form=latex-->`. Cost: linear in the text; no pattern can run away.

Reference: CommonMark 0.31, 4.5 and 6.1 (fences, code spans); HTML, 13.1 (tags, comments, raw text).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradchain._text import shorten

FORMS = ("ascii", "plain", "text", "latex", "html", "typst", "speech", "exact", "value")
MAX_BETWEEN = 200
MAX_SPAN = 5_000

_OPEN = re.compile(r"\s*gch:\s*(\S*)(.*)", re.DOTALL)
_CLOSE = re.compile(r"\s*/gch\s*")
_LOOKS = re.compile(r"<!--\s*/?gch\b")
_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,}+|~{3,}+)([^\n]*)")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]|$)")
_TAG = re.compile(
    r"<([A-Za-z][A-Za-z0-9:-]{0,60})(?:[^<>\"']|\"[^\"]{0,20000}\"|'[^']{0,20000}'){0,20000}+>"
)
_RAW = ("script", "style", "textarea", "title", "xmp")
_RUN = re.compile(r"`+")
_BLANK = re.compile(r"\n[ \t\r]*\n")
_NEXT = re.compile(r"[<`]")


@dataclass(frozen=True)
class Mark:
    """One pair of marks: key, form, line, and where the text between them begins and ends."""

    key: str
    form: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Scan:
    """Good marks, problems (line, sentence), and marks that were left alone (line, where)."""

    marks: tuple[Mark, ...]
    problems: tuple[tuple[int, str], ...]
    ignored: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class _Comment:
    """A comment that is a mark: opening (with the text after `gch:`) or closing."""

    start: int
    end: int
    opening: tuple[str, str] | None


def scan(text: str, markdown: bool = True) -> Scan:
    """Find the marks of a text.

    Args:
        text: the whole file, line ends as they are.
        markdown: leave code fences, indented code and code spans alone.

    Returns:
        Marks, problems and ignored marks, in the order of the text.
    """
    ignored: list[tuple[int, str]] = []
    line = _Lines(text)
    comments = list(_comments(text, _code_blocks(text) if markdown else [], markdown, ignored))
    marks, problems = _pair(text, comments, line)
    lines = tuple((line.of(place), where) for place, where in sorted(ignored))
    return Scan(tuple(marks), tuple(sorted(problems)), lines)


class _Lines:
    """Line numbers of positions."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in re.finditer(r"\n", text)]

    def of(self, position: int) -> int:
        """Return the line number of a position, from 1."""
        from bisect import bisect_left

        return bisect_left(self._ends, position) + 1


def _code_blocks(text: str) -> list[tuple[int, int]]:
    """Return where fenced and indented code stands, as (start, end)."""
    blocks: list[tuple[int, int]] = []
    fence, began = "", 0
    blank, in_list, place, indented = True, False, 0, False
    for raw in text.splitlines(keepends=True):
        start, place = place, place + len(raw)
        content = raw.strip()
        found = _FENCE.match(raw)
        if fence:
            closing = content.lstrip("> \t")
            if closing.startswith(fence) and not closing.strip(fence[0]):
                blocks.append((began, place))
                fence, blank = "", True
            continue
        if found and not (found[1][0] == "`" and "`" in found[2]):
            fence, began, indented = found[1], start, False
            continue
        deep = raw.expandtabs(4).startswith("    ")
        if not content:
            blank = True
            continue
        if _ITEM.match(raw) and not (deep and not in_list):
            in_list = True
        elif blank and not raw.startswith((" ", "\t")):
            in_list = False
        indented = deep and not in_list and (blank or indented)
        if indented:
            blocks.append((start, place))
        blank = False
    if fence:
        blocks.append((began, len(text)))
    return blocks


def _comments(
    text: str,
    blocks: list[tuple[int, int]],
    markdown: bool,
    ignored: list[tuple[int, str]],
) -> Iterator[_Comment]:
    """Yield the comments that are marks, noting those that only look like one.

    Yields:
        Opening and closing marks, in order.
    """
    place, block = 0, 0
    hidden = False  # an opening mark inside a comment was left alone: so is its closing one
    while found := _NEXT.search(text, place):
        here = found.start()
        while block < len(blocks) and blocks[block][1] <= here:
            block += 1
        if block < len(blocks) and blocks[block][0] <= here:
            _note(text, here, blocks[block][1], "code", ignored)
            place = blocks[block][1]
        elif markdown and text[here - 1 : here] == "\\":
            place = here + 1
        elif text[here] == "`":
            place = _code_span(text, here, ignored) if markdown else here + 1
        elif text.startswith("<!--", here):
            place, mark = _comment(text, here)
            if mark is None:
                hidden = _note(text, here + 4, place, "a comment", ignored) or hidden
            elif hidden and mark.opening is None:
                hidden = False
            else:
                yield mark
        else:
            place = _tag(text, here, ignored)


def _note(text: str, start: int, end: int, where: str, ignored: list[tuple[int, str]]) -> bool:
    """Note the marks in a stretch that is left alone; return whether there was one."""
    places = [found.start() for found in _LOOKS.finditer(text, start, end)]
    openings = [place for place in places if "/gch" not in text[place : place + 12]]
    ignored.extend((place, where) for place in openings)
    return bool(openings)


def _code_span(text: str, here: int, ignored: list[tuple[int, str]]) -> int:
    """Return where a code span that opens here ends, or the end of its backticks if none does."""
    run = _RUN.match(text, here)
    after = run.end() if run else here + 1
    paragraph = _BLANK.search(text, after, after + MAX_SPAN)
    limit = paragraph.start() if paragraph else after + MAX_SPAN
    for other in _RUN.finditer(text, after, limit):
        if len(other[0]) == after - here:
            _note(text, here, other.end(), "code", ignored)
            return other.end()
    return after


def _comment(text: str, here: int) -> tuple[int, _Comment | None]:
    """Return the end of a comment, and its mark if it is one."""
    end = text.find("-->", here + 4)
    looks = _LOOKS.match(text, here) is not None
    # A mark that swallows the next comment lacks its own end.
    swallowed = looks and end >= 0 and "<!--" in text[here + 4 : end]
    if end < 0 or swallowed:
        # An unclosed mark is a problem to report; any other unclosed comment hides the rest.
        if not looks:
            return len(text), None
        line = re.compile(r"[\r\n]|$").search(text, here)
        stop = line.start() if line else len(text)
        stop = min(stop, text.find("<!--", here + 4)) if swallowed else stop
        return stop, _Comment(here, stop, ("", "unclosed"))
    inside = text[here + 4 : end]
    if _CLOSE.fullmatch(inside):
        return end + 3, _Comment(here, end + 3, None)
    found = _OPEN.fullmatch(inside)
    if found:
        return end + 3, _Comment(here, end + 3, (found[1], found[2].strip()))
    return end + 3, None


def _tag(text: str, here: int, ignored: list[tuple[int, str]]) -> int:
    """Return the end of a tag that begins here (with its raw text), or the next position."""
    found = _TAG.match(text, here)
    if not found:
        return here + 1
    _note(text, here + 1, found.end(), "an attribute", ignored)
    name = found[1].lower()
    if name not in _RAW:
        return found.end()
    closing = re.compile(rf"</{name}\b", re.IGNORECASE).search(text, found.end())
    end = closing.start() if closing else len(text)
    _note(text, found.end(), end, f"<{name}>", ignored)
    return end


def _pair(
    text: str, comments: list[_Comment], line: _Lines
) -> tuple[list[Mark], list[tuple[int, str]]]:
    """Return opening and closing marks put together, and what is wrong with the others."""
    marks: list[Mark] = []
    problems: list[tuple[int, str]] = []
    open_mark: _Comment | None = None
    for comment in comments:
        here = line.of(comment.start)
        if comment.opening is not None:
            if open_mark is not None:
                problems.append((here, f"mark inside the mark of line {line.of(open_mark.start)}"))
            open_mark = comment
        elif open_mark is None:
            problems.append((here, "<!--/gch--> closes nothing"))
        else:
            found = _mark(text, open_mark, comment, line)
            if isinstance(found, Mark):
                marks.append(found)
            else:
                problems.append((line.of(open_mark.start), found))
            open_mark = None
    if open_mark is not None:
        problems.append((line.of(open_mark.start), "mark is not closed by <!--/gch-->"))
    return marks, problems


def _mark(text: str, opening: _Comment, closing: _Comment, line: _Lines) -> Mark | str:
    """Return the mark of a pair, or what is wrong with it."""
    key, rest = opening.opening or ("", "")
    if rest == "unclosed":
        return "mark without its -->"
    form = "ascii"
    if rest:
        found = re.fullmatch(r"form\s*=\s*([\"']?)([a-z]+)\1", rest)
        if not found or found[2] not in FORMS:
            return f"got {shorten(rest)}, expected form= and one of {', '.join(FORMS)}"
        form = found[2]
    between = text[opening.end : closing.start]
    if len(between) > MAX_BETWEEN or re.search(r"\n[ \t\r]*\n|\r[ \t]*\r", between):
        return (
            f"more than one number's text ({len(between)} characters) before the closing mark; "
            "is a <!--/gch--> missing?"
        )
    return Mark(key, form, line.of(opening.start), opening.end, closing.start)
