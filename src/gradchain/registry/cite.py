r"""A number ready to be cited: with its role, its kind, its conditions and the way it was obtained.

Which question it answers: what do I paste into my notes so that a reader can see what this number
means, trust it as far as it deserves, and recompute it? (1/4)^5 is cited as "upper bound, value
exact", never as "exact". Nothing is computed here and JAX is not imported. Cost: reading the
packaged reference once, some milliseconds.
"""

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from gradchain._errors import UsageError
from gradchain._version import VERSION
from gradchain.registry.display import shown
from gradchain.registry.formats import (
    ascii_text,
    bibtex_text,
    clean,
    html_text,
    latex_text,
    markdown_code,
    markdown_text,
    typst_text,
)
from gradchain.registry.record import Number, to_json
from gradchain.registry.search import Shelf, one
from gradchain.registry.wording import doubt, enclosure, exactly, holds_if, nature, obtained

FORMATS = ("text", "ascii", "markdown", "html", "latex", "typst", "bibtex", "json")
SHOWN_FORMS = ("ascii", "plain", "text", "latex", "html", "typst", "speech")
_QUICK = ("exact", "certified")


@dataclass(frozen=True)
class Citation:
    r"""A number with everything around it, in every form it may be pasted in.

    `text`, `ascii`, `markdown`, `html`, `latex`, `typst`, `bibtex` and `json` are whole citations;
    `shown(form)` is the bare value. `origin` names the file of a number that did not come with
    gradchain; `asked` is the old key by which a replaced number was found. Printing gives `text`.

    Example:
        >>> citation = cite("sigmoid.chain.bound.n5")
        >>> citation.shown("latex")
        '9.77 \\times 10^{-4}'
        >>> citation.number.conditions != ""
        True
    """

    number: Number
    origin: str | None = None
    asked: str | None = None

    def shown(self, form: str = "ascii") -> str:
        """Write the bare value, with its unit.

        Args:
            form: `ascii`, `plain`, `text`, `latex`, `html`, `typst` or `speech`.

        Returns:
            The value; the inside of a formula for latex and typst, which carry no unit.
        """
        value = shown(self.number, form)
        if self.number.unit == "1" or form in {"latex", "typst"}:
            return value
        unit = html_text(self.number.unit) if form == "html" else clean(self.number.unit)
        return f"{value} {unit}"

    @property
    def reference(self) -> str:
        """The ready citation: program, version, key and the record's own fingerprint."""
        number = self.number
        where = f" from {clean(self.origin)}" if self.origin else ""
        return f"gradchain {VERSION}, number {number.key} (id {number.id}){where}"

    @property
    def command(self) -> str:
        """The command that recomputes the number; empty for a reported one."""
        if self.number.how is None:
            return ""
        level = "" if self.number.kind in _QUICK else " --level full"
        file = f" --registry {shlex.quote(clean(self.origin))}" if self.origin else ""
        return f"gradchain check {self.number.key}{level}{file}"

    @property
    def text(self) -> str:
        """The whole citation for a person to read, several lines."""
        return self._lines("text")

    @property
    def ascii(self) -> str:
        """The same in ASCII, which survives any editor."""
        return ascii_text(self._lines("ascii"))

    def _rows(self) -> list[tuple[str, str]]:
        """Return what a reader needs, label and text, in the order of reading."""
        number = self.number
        exact = exactly(number)
        rows = [
            ("what it is", nature(number) + (f": {exact}" if exact else "")),
            ("says", number.statement),
            ("conditions", holds_if(number) or "none"),
            ("obtained", obtained(number)),
            ("enclosure", enclosure(number)),
            ("replaces", self.asked or ""),
            ("from", f"{self.origin} (not the packaged reference)" if self.origin else ""),
            ("cite as", self.reference),
            ("recompute", self.command),
        ]
        return [(label, clean(text)) for label, text in rows if text]

    def _lines(self, form: str) -> str:
        """Return the citation as aligned lines."""
        head = f"{self.number.key} = {self.shown(form)}"
        return "\n".join([head, *(f"  {label:<10}  {text}" for label, text in self._rows())])

    def _sentences(self, escape: Callable[[str], str], unit: bool = False) -> str:
        """Return what stands beside the value in a note, escaped for its place."""
        number = self.number
        exact = exactly(number)
        first = nature(number) + (f" ({exact})" if exact else "")
        parts = [
            _sentence(f"{first[0].upper()}{first[1:]}"),
            f"Unit: {number.unit}." if unit and number.unit != "1" else "",
            _sentence(number.statement),
            _sentence(f"Uncertainty: {doubt(number.uncertainty)}") if number.uncertainty else "",
            _sentence(f"Conditions: {holds_if(number)}") if holds_if(number) else "",
            _sentence(f"Source: {number.source}") if number.source else "",
        ]
        return escape(" ".join(part for part in parts if part))

    @property
    def markdown(self) -> str:
        """The value and its citation as one paragraph of Markdown."""
        again = f" Recompute: {markdown_code(self.command)}." if self.command else ""
        value = markdown_text(self.shown("ascii"))
        cited = markdown_text(self.reference)
        return f"{value} ({self._sentences(markdown_text)} Cited from {cited}.{again})"

    @property
    def html(self) -> str:
        """The value and its citation as HTML; `data-key` lets a program find it again."""
        again = f" Recompute: <code>{html_text(self.command)}</code>." if self.command else ""
        return (
            f'<span data-key="{self.number.key}">{self.shown("html")}</span> '
            f"<small>({self._sentences(html_text)} Cited from {html_text(self.reference)}.{again})"
            "</small>"
        )

    @property
    def latex(self) -> str:
        """The value in mathematics with its citation as a footnote."""
        again = f" Recompute: \\texttt{{{latex_text(self.command)}}}." if self.command else ""
        return (
            f"${self.shown('latex')}$\\footnote{{{self._sentences(latex_text, unit=True)} "
            f"Cited from {latex_text(self.reference)}.{again}}}"
        )

    @property
    def typst(self) -> str:
        """The value in mathematics with its citation as a footnote."""
        again = f" Recompute: {typst_text(self.command)}." if self.command else ""
        return (
            f"${self.shown('typst')}$#footnote[{self._sentences(typst_text, unit=True)} "
            f"Cited from {typst_text(self.reference)}.{again}]"
        )

    @property
    def bibtex(self) -> str:
        """A BibTeX entry; every field is braced and every brace balances."""
        number = self.number
        fields = [
            ("author", "{The gradchain authors}"),
            ("title", "{" + bibtex_text(number.statement.rstrip(".")) + "}"),
            ("howpublished", bibtex_text(f"gradchain {VERSION}, number {number.key}")),
            ("version", VERSION),
            (
                "note",
                bibtex_text(
                    f"{self.shown('ascii')}; {nature(number)}; "
                    + (f"conditions: {holds_if(number).rstrip('.')}; " if holds_if(number) else "")
                    + (f"{doubt(number.uncertainty)}; " if number.uncertainty else "")
                    + f"id {number.id}"
                    + (f"; source: {number.source}" if number.source else "")
                ),
            ),
        ]
        body = ",\n".join(f"  {name} = {{{text}}}" for name, text in fields)
        return f"@misc{{gradchain.{number.key},\n{body}\n}}"

    @property
    def json(self) -> str:
        """The whole record with its shown forms, its citation and its command, as ASCII JSON."""
        return json.dumps(as_data(self), indent=1, ensure_ascii=True, allow_nan=False)

    def form(self, name: str) -> str:
        """Return the citation in the format of this name.

        Args:
            name: one of `FORMATS`.

        Returns:
            The text, without a final newline.

        Raises:
            UsageError: the format is unknown.
        """
        if name not in FORMATS:
            raise UsageError(f"format {name!r} is unknown; expected one of {', '.join(FORMATS)}")
        return getattr(self, name)

    def __str__(self) -> str:
        """Return the citation for a person to read."""
        return self.text

    def _repr_html_(self) -> str:
        """Return the citation as a small table, for notebooks."""
        rows = "".join(
            f'<tr><th scope="row">{html_text(label)}</th><td>{html_text(text)}</td></tr>'
            for label, text in self._rows()
        )
        return (
            f"<table><caption><code>{self.number.key}</code> = {self.shown('html')}</caption>"
            f"{rows}</table>"
        )


def _sentence(text: str) -> str:
    """Return the text with a full stop."""
    return text if text.endswith((".", "!", "?")) else text + "."


def as_data(citation: Citation) -> dict[str, object]:
    """Turn a citation into plain JSON data; all numbers are text.

    Args:
        citation: the citation.

    Returns:
        The record's fields, its shown forms, `nature`, `cite`, `command`, `id` and `from`.
    """
    number = citation.number
    return {
        **to_json(number),
        "shown": {form: shown(number, form) for form in SHOWN_FORMS},
        "nature": nature(number),
        "cite": citation.reference,
        "command": citation.command,
        "id": number.id,
        "from": citation.origin or "packaged reference",
    }


def cite(key: str, *registries: str | os.PathLike[str]) -> Citation:
    """Look up a number and return it ready to be cited.

    Args:
        key: a key, or an expression (`0.25^5`), closed form or shown value of only one number.
        *registries: registry files of the user's own; their numbers go before the packaged ones and
            say which file they come from.

    Returns:
        The citation.

    Raises:
        UnknownKeyError: no number, or more than one, goes by this name; `.nearest` names some.
        RegistryError: a registry file is damaged.

    Example:
        >>> cite("sigmoid.chain.bound.n5").shown()
        '9.77e-4'
    """
    shelf = Shelf.open(*registries)
    return of(shelf, one(shelf, key))


def of(shelf: Shelf, key: str, follow: bool = True) -> Citation:
    """Build the citation of a key that is on the shelf.

    Args:
        shelf: the registries in use.
        key: a key.
        follow: give the number that replaced it, where one did.

    Returns:
        The citation of the number that holds today, or of this very key.
    """
    number, origin = shelf.current(key) if follow else (shelf[key], shelf.origin(key))
    return Citation(number, origin, key if number.key != key else None)
