r"""Escaping: text from a record, made harmless and readable in each place it may be pasted.

Which question it answers: how does the sentence `50 % of |w| <= 1 & {x}` read the same in LaTeX,
Typst, Markdown, HTML, BibTeX, CSV and plain ASCII? Only numbers of the registry's own grammar go
out unescaped; every other text passes through one of these functions, because a record may come
from a stranger (a statement `\input{/etc/hostname}` would otherwise typeset that file). Standard
library only; cost linear in the length of the text.

Reference: LaTeX2e font guide (text commands); CommonMark 0.31, 2.4 (backslash escapes); Typst
reference, syntax (escapes); RFC 4180 (CSV) with the formula guard of OWASP.
"""

import html
import re
import unicodedata

from gradchain._text import is_number

# What the terminal or a bidirectional renderer would obey instead of show.
_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
)
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")

_SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"
_PLAIN = "0123456789-+"
_RAISED = re.compile(f"[{_SUPERSCRIPT}]+")
_LOWERED = str.maketrans(_SUPERSCRIPT, _PLAIN)
_ASCII = {
    "×": "x", "·": "*", "−": "-", "–": "-", "—": "-", "±": "+-", "≤": "<=", "≥": ">=", "≠": "!=",
    "≈": "~", "∞": "inf", "√": "sqrt", "∏": "prod", "∑": "sum", "∈": "in", "→": "->", "←": "<-",
    "‖": "||", "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "′": "'", "″": "''", "µ": "mu",
    "∂": "d", "⋅": "*", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "ß": "ss", "ø": "o", "Ø": "O",
    "æ": "ae", "Æ": "AE", "ł": "l", "Ł": "L", "đ": "d",
}  # fmt: skip

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}",
    "`": r"\textasciigrave{}", "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}", "−": r"\ensuremath{-}", "±": r"\ensuremath{\pm}",
    "≤": r"\ensuremath{\le}", "≥": r"\ensuremath{\ge}", "≠": r"\ensuremath{\ne}",
    "≈": r"\ensuremath{\approx}", "∞": r"\ensuremath{\infty}", "∏": r"\ensuremath{\prod}",
    "∑": r"\ensuremath{\sum}", "∈": r"\ensuremath{\in}", "→": r"\ensuremath{\to}",
    "‖": r"\ensuremath{\|}", "√": r"\ensuremath{\surd}", "′": r"\ensuremath{'}", "\u00a0": "~",
}  # fmt: skip
# In BibTeX even an escaped brace counts, so braces go out by name.
_BIBTEX = _LATEX | {"{": r"\textbraceleft{}", "}": r"\textbraceright{}", "@": r"{\char64}"}
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi",
    "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip

_TYPST = frozenset("\\#$*_`<>@~=+-/[]'\":{}")
_MARKDOWN = frozenset("\\`*_{}[]<>#|$~^&@")


def clean(text: str) -> str:
    r"""Make text safe to print on a terminal: one line, nothing invisible.

    Args:
        text: any text, also from a stranger.

    Returns:
        The text with line ends and tabs as one space, and without control characters, lone
        surrogates, zero-width characters and bidirectional overrides.

    Example:
        >>> clean("a\x1b]0;title\x07b")
        'a]0;titleb'
    """
    return _INVISIBLE.sub("", _SPACES.sub(" ", text))


def ascii_text(text: str) -> str:
    """Write text in ASCII, keeping its line ends.

    Args:
        text: any text.

    Returns:
        Known signs by their usual spelling (`<=`, `x 10^-4`, `sigma`), letters without their
        accents, and `?` for what has no spelling.

    Example:
        >>> ascii_text("|w| \u2264 1: 9.77 \u00d7 10\u207b\u2074")
        '|w| <= 1: 9.77 x 10^-4'
    """
    if text.isascii():
        return text
    text = _RAISED.sub(lambda found: "^" + found[0].translate(_LOWERED), text)
    parts = []
    for sign in text:
        if sign.isascii():
            parts.append(sign)
        elif sign in _ASCII:
            parts.append(_ASCII[sign])
        elif sign in _GREEK:
            parts.append(_GREEK[sign])
        else:
            plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode("ascii")
            combining = unicodedata.combining(sign) or _INVISIBLE.match(sign)
            parts.append(plain or ("" if combining else "?"))
    return "".join(parts)


def latex_text(text: str) -> str:
    r"""Escape text for LaTeX's text mode; it typesets as it reads, and runs no command.

    Args:
        text: any text.

    Returns:
        LaTeX source in which every special character stands by name; signs and Greek letters that
        pdflatex lacks go through mathematics.

    Example:
        >>> latex_text(r"\input{x} 50%")
        '\\textbackslash{}input\\{x\\} 50\\%'
    """
    return _tex(text, _LATEX)


def bibtex_text(text: str) -> str:
    """Escape text for the inside of a braced BibTeX field, so that braces always balance.

    Args:
        text: any text.

    Returns:
        LaTeX source without a single unbalanced brace.
    """
    return _tex(text, _BIBTEX)


def _tex(text: str, table: dict[str, str]) -> str:
    """Return the text escaped by the table, without the ligatures that would change signs."""
    text = clean(text)
    text = _RAISED.sub(lambda found: "^" + found[0].translate(_LOWERED), text)
    text = text.replace("<=", "≤").replace(">=", "≥").replace("->", "→")
    parts = []
    for sign in text:
        if sign in table:
            parts.append(table[sign])
        elif sign in _GREEK:
            parts.append(rf"\ensuremath{{\{_GREEK[sign]}}}")
        else:
            parts.append(sign)
    return re.sub(r"([-,'])(?=\1)", r"\1{}", "".join(parts))


def typst_text(text: str) -> str:
    r"""Escape text for Typst markup.

    Args:
        text: any text.

    Returns:
        Typst source with a backslash before every character that could start markup.

    Example:
        >>> typst_text("#read $x$")
        '\\#read \\$x\\$'
    """
    escaped = "".join("\\" + sign if sign in _TYPST else sign for sign in clean(text))
    return re.sub(r"^([0-9]+)([.)])(?=\s|$)", r"\1\\\2", escaped)


def markdown_text(text: str) -> str:
    r"""Escape text for Markdown (CommonMark, GitHub, MyST, Pandoc), also inside a table.

    Args:
        text: any text.

    Returns:
        Markdown source on one line that renders as the text itself.

    Example:
        >>> markdown_text("a*b* | {{x}}")
        'a\\*b\\* \\| \\{\\{x\\}\\}'
    """
    escaped = "".join("\\" + sign if sign in _MARKDOWN else sign for sign in clean(text))
    escaped = escaped.replace("://", r"\://").replace("--", r"-\-")
    escaped = re.sub(r"\b(www)\.", r"\1\\.", escaped, flags=re.IGNORECASE)
    escaped = re.sub(r"^(\s*)([-+=:!])(?![0-9])", r"\1\\\2", escaped)
    return re.sub(r"^(\s*[0-9]+)([.)])(?=\s|$)", r"\1\\\2", escaped)


def markdown_code(text: str) -> str:
    """Write text as an inline code span of Markdown, also inside a table.

    Args:
        text: any text.

    Returns:
        The span, its fence one backtick longer than any run inside; a vertical bar is escaped as
        tables need, and doubled braces are parted so that no template engine reads them.

    Example:
        >>> markdown_code("(1/4)^5")
        '`(1/4)^5`'
    """
    text = clean(text).replace("|", r"\|")
    text = re.sub(r"\{(?=[{%#])", "{ ", text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def html_text(text: str) -> str:
    """Escape text for HTML, inside an element or a quoted attribute.

    Args:
        text: any text.

    Returns:
        The text with `& < > " '` as entities.

    Example:
        >>> html_text('<b onclick="x">')
        '&lt;b onclick=&quot;x&quot;&gt;'
    """
    return html.escape(clean(text), quote=True)


def csv_cell(text: str) -> str:
    """Guard a spreadsheet cell: what would be run as a formula becomes quoted text.

    Args:
        text: any text.

    Returns:
        The text, with an apostrophe in front where it starts with one of `= + - @` (after any
        space) and is not a number; negative numbers stay numbers.

    Example:
        >>> csv_cell("=1+1"), csv_cell("-0.25")
        ("'=1+1", '-0.25')
    """
    text = clean(text)
    if text.lstrip()[:1] in {"=", "+", "-", "@", "＝", "＋", "－", "＠"} and not is_number(text):
        return "'" + text
    return text
