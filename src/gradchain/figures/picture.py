"""A picture: a drawing, its words, and its bytes in three formats, the same at every call."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from matplotlib.figure import Figure

from gradchain._errors import UsageError
from gradchain.figures.style import house_style

FORMATS = ("svg", "pdf", "png")
_SVG_TAG = re.compile(r"<svg\b[^>]*>")


@dataclass(frozen=True)
class Picture:
    """One figure of a study.

    Args:
        name: file name without ending, such as `chain_by_depth`.
        title: what the picture shows, in one line.
        draw: makes the `matplotlib.figure.Figure`; called when the files are written, in the house
            style. Values come in through the closure; it draws and does not compute.
        alt: text that stands for the picture; may cite numbers as `{key}`. See `alt_text`.
        caption: what to look at, in one or two sentences; may cite numbers as `{key}`.
    """

    name: str
    title: str
    draw: Callable[[], Figure]
    alt: str
    caption: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", self.name):
            raise UsageError(
                f"figure name {self.name!r}: expected up to 60 lower-case letters, digits and _"
            )

    def render(self, alt: str) -> dict[str, bytes]:
        """Draw the picture once and save it as SVG, PDF and PNG.

        Args:
            alt: the finished alt text; it goes into all three files.

        Returns:
            The bytes by ending. Equal drawings give equal bytes with one version of matplotlib.
        """
        with house_style():
            figure = self.draw()
            return {form: self._save(figure, form, alt) for form in FORMATS}

    def _save(self, figure: Figure, form: str, alt: str) -> bytes:
        out = io.BytesIO()
        metadata: dict[str, str | None] = {
            "svg": {"Date": None, "Creator": None, "Title": self.title, "Description": alt},
            "pdf": {"CreationDate": None, "Producer": None, "Creator": None, "Title": self.title},
            "png": {"Software": None, "Title": self.title, "Description": alt},
        }[form]
        figure.savefig(out, format=form, metadata=metadata)
        data = out.getvalue()
        return self._described(data, alt) if form == "svg" else data

    def _described(self, svg: bytes, alt: str) -> bytes:
        # matplotlib writes no role and no description, so a screen reader would find nothing.
        text = svg.decode("utf-8")
        tag = _SVG_TAG.search(text)
        if tag is None:
            raise UsageError(f"figure {self.name}: matplotlib wrote no SVG; update matplotlib")
        title, description = f"{self.name}-title", f"{self.name}-desc"
        labels = quoteattr(f"{title} {description}")
        opening = tag.group()[:-1] + f' role="img" aria-labelledby={labels}>'
        words = (
            f"\n <title id={quoteattr(title)}>{escape(self.title)}</title>"
            f"\n <desc id={quoteattr(description)}>{escape(alt)}</desc>"
        )
        return (text[: tag.start()] + opening + words + text[tag.end() :]).encode("utf-8")
