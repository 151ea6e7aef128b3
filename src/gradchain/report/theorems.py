"""The pages of the theorems, as HTML with their formulas as MathML: readable offline, no script.

The pages are Markdown with LaTeX between dollar signs. markdown-it reads the Markdown (raw HTML in it
stays text), formulas are set by latex2mathml.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradchain._errors import OutputError
from gradchain.registry.formats import html_text

# Where a tool fills in statements of the formal proof; nobody is to read these marks.
_MARK = re.compile(r"^<!--.*-->\n?", re.MULTILINE)
_TITLE = re.compile(r"# (T[0-9]{2})\b[:. ]*(.*)")
# A page of the report begins with h1, a section with h2.
_DEEPER = 2


@dataclass(frozen=True)
class TheoremPage:
    """One page: its id such as T01, its title, and its text as HTML."""

    id: str
    title: str
    html: str


def read_theorems(folder: Path | None) -> list[TheoremPage]:
    """Read the pages of the theorems.

    Args:
        folder: the folder `proofs` of the project; None for no pages.

    Returns:
        The pages, by id; none if the folder is not there (gradchain was installed without it).

    Raises:
        OutputError: if a page cannot be read, or does not begin with its id and title.
    """
    if folder is None or not folder.is_dir():
        return []
    pages = []
    for path in sorted(folder.glob("T[0-9][0-9].md")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OutputError(f"cannot read {path}: {error}") from error
        title = _TITLE.match(text)
        if not title or title[1] != path.stem:
            raise OutputError(f"{path}: expected a first line such as '# {path.stem} Title'")
        pages.append(TheoremPage(title[1], title[2], as_html(_MARK.sub("", text))))
    return pages


def as_html(text: str) -> str:
    """Turn a page into HTML.

    Args:
        text: Markdown with `$...$` and `$$...$$`.

    Returns:
        HTML without scripts or addresses to load from; headings two levels deeper.
    """
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.use(dollarmath_plugin, renderer=_mathml, double_inline=True)
    tokens = parser.parse(text)
    for token in tokens:
        if token.tag in {"h1", "h2", "h3", "h4"}:
            token.tag = f"h{min(int(token.tag[1]) + _DEEPER, 6)}"
    return parser.renderer.render(tokens, parser.options, {})


def _mathml(formula: str, options: dict[str, Any]) -> str:
    from latex2mathml.converter import convert

    return convert(formula, display="block" if options["display_mode"] else "inline")


def theorem_sections(pages: Sequence[TheoremPage]) -> tuple[str, str]:
    """Write the part of the report that shows the theorems.

    Args:
        pages: the pages.

    Returns:
        (entry for the list of contents, section); two empty texts if there are no pages.
    """
    if not pages:
        return "", ""
    entries = "".join(
        f'<li><a href="#theorem-{page.id}">{page.id} {html_text(page.title)}</a></li>\n'
        for page in pages
    )
    sections = "".join(
        f'<section id="theorem-{page.id}">\n{page.html}</section>\n' for page in pages
    )
    return (
        '<li><a href="#theorems">Theorems</a>: what is proved, for people and by a machine</li>\n',
        f'<section id="theorems">\n<h2>Theorems</h2>\n<ul>\n{entries}</ul>\n</section>\n{sections}',
    )
