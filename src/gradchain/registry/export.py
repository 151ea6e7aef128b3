r"""All numbers at once, as a file for LaTeX, JSON, a spreadsheet or Markdown.

Which question it answers: how do I use many numbers in one document, so that a mis-spelt key stops
the build instead of leaving a hole? In LaTeX `\gch{KEY}` is expandable (it works in `\num`,
captions and headings), reads keys with dots and digits through `\csname`, and raises a package
error for an unknown key. Numbers are text in every format; nothing here is a float. Cost: linear.

Reference: The TeXbook, chapters 7 and 20 (`\csname`, expansion); RFC 4180 (CSV); RFC 8259 (JSON).
"""

import csv
import io
import json

from gradchain._errors import UsageError
from gradchain._text import shorten
from gradchain._version import VERSION
from gradchain.registry.cite import as_data, of
from gradchain.registry.display import shown
from gradchain.registry.formats import csv_cell, latex_text, markdown_code, markdown_text
from gradchain.registry.search import Shelf
from gradchain.registry.wording import exactly, holds_if, nature

TARGETS = ("latex", "json", "csv", "markdown")

_LATEX_HEAD = r"""% gradchain {version}: {count} numbers, by: gradchain export --to latex
% Preamble: \input this file. Text: \gch{{KEY}} gives a number such as 9.77e-4, also inside \num{{}}.
% Also \gch{{KEY/latex}} inside a formula, and \gch{{KEY/exact}}, \gch{{KEY/nature}},
% \gch{{KEY/statement}}, \gch{{KEY/conditions}} as text. An unknown key is an error.
\providecommand*\gchUnknown[1]{{%
  \PackageError{{gradchain}}{{Unknown number '#1'}}{{See: gradchain list}}}}
\providecommand*\gch[1]{{%
  \ifcsname gch@#1\endcsname\csname gch@#1\endcsname\else\gchUnknown{{#1}}\fi}}
"""
_COLUMNS = (
    "key", "shown", "value", "exact", "unit", "kind", "role", "statement", "conditions", "dtype",
    "device", "citation", "from",
)  # fmt: skip


def export(shelf: Shelf, target: str) -> str:
    """Write every number of the shelf in one format.

    Args:
        shelf: the registries in use.
        target: `latex`, `json`, `csv` or `markdown`.

    Returns:
        The text of the file, with a final line end.

    Raises:
        UsageError: the target is unknown.

    Example:
        >>> export(Shelf.open(), "csv").splitlines()[0].split(",")[:3]
        ['key', 'shown', 'value']
    """
    writers = {"latex": _latex, "json": _json, "csv": _csv, "markdown": _markdown}
    if target not in writers:
        raise UsageError(
            f"target {shorten(target)} is unknown; expected one of {', '.join(TARGETS)}"
        )
    return writers[target](shelf)


def _latex(shelf: Shelf) -> str:
    """Return a file of macros."""
    lines = [_LATEX_HEAD.format(version=VERSION, count=len(shelf))]
    for key, number in shelf.items():
        entries = {
            "": shown(number, "ascii"),
            "/latex": shown(number, "latex"),
            "/exact": latex_text(number.exact or ""),
            "/nature": latex_text(nature(number)),
            "/statement": latex_text(number.statement),
            "/conditions": latex_text(holds_if(number)),
        }
        lines += [
            rf"\expandafter\def\csname gch@{key}{part}\endcsname{{{text}}}" + "\n"
            for part, text in entries.items()
            if text
        ]
    return "".join(lines)


def _json(shelf: Shelf) -> str:
    """Return one object: key -> record with shown forms and citation."""
    numbers = {key: as_data(of(shelf, key, follow=False)) for key in shelf}
    tree = {"writer": f"gradchain {VERSION}", "numbers": numbers}
    return json.dumps(tree, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _csv(shelf: Shelf) -> str:
    """Return one row a number; no cell starts a formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for key, number in shelf.items():
        citation = of(shelf, key, follow=False)
        row = (
            key, shown(number, "ascii"), number.value, number.exact or "", number.unit, number.kind,
            number.role, number.statement, number.conditions, number.dtype or "",
            number.device or "", citation.reference, citation.origin or "packaged reference",
        )  # fmt: skip
        writer.writerow([csv_cell(cell) for cell in row])
    return file.getvalue()


def _markdown(shelf: Shelf) -> str:
    """Return a page with one table for each first segment of the keys."""
    lines = [f"# Numbers of gradchain {VERSION}", ""]
    group = None
    for key, number in shelf.items():
        first = key.split(".", 1)[0]
        if first != group:
            group = first
            lines += ["", f"## {first}", "", "| key | value | what it is | statement |"]
            lines += ["|---|---|---|---|"]
        unit = "" if number.unit == "1" else f" {number.unit}"
        exact = f": {markdown_code(exactly(number))}" if exactly(number) else ""
        origin = f" (from {shelf.origin(key)})" if shelf.origin(key) else ""
        words = f"{number.statement} Conditions: {holds_if(number) or 'none'}"
        cells = (
            markdown_code(key) + markdown_text(origin),
            markdown_text(shown(number, "ascii") + unit),
            markdown_text(nature(number)) + exact,
            markdown_text(words),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
