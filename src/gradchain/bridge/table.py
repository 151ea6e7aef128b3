"""How does a diagnosis read? As plain aligned text, Markdown, HTML or JSON.

Plain text is ASCII (names are escaped), at most some 25 rows with the middle left out and said, and
shows decimal logarithms, so that no layer reads 0.0000000000.
"""

import html
import json
import math
from collections.abc import Sequence

from gradchain.bridge.presets import LayerRow

HEADER = ("layer", "log10 |g|", "log10 |g|/|w|", "parameters", "zero %", "tiny %")
_LONGEST_NAME = 48


def _log(value: float) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "-inf" if value < 0 else "inf"
    return f"{value:.2f}"


def _share(value: float) -> str:
    """Return a share in per cent; a share that is not 0 or 1 never reads as 0 or 100."""
    if 0 < value < 0.001:
        return "<0.1"
    if 0.999 < value < 1:
        return ">99.9"
    return f"{100 * value:.1f}".removesuffix(".0")


def ascii_text(text: str) -> str:
    """Escape what is not printable ASCII.

    Args:
        text: any text.

    Returns:
        ASCII text on one line.

    Example:
        >>> ascii_text("W\u03c6") == "W" + chr(92) + "u03c6"
        True
    """
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain)


def _cells(row: LayerRow) -> tuple[str, ...]:
    name = ascii_text(row.name)
    if len(name) > _LONGEST_NAME:
        half = _LONGEST_NAME // 2
        name = f"{name[: half - 2]}...{name[1 - half :]}"
    norm = "not finite" if row.wrong else _log(row.log10_norm)
    return (
        name,
        norm + ("*" if row.lost else ""),
        _log(row.log10_ratio),
        str(row.size),
        _share(row.zeros),
        _share(row.tiny),
    )


def shown_rows(rows: Sequence[LayerRow], most: int) -> tuple[list, int, list]:
    """Choose the rows to show.

    Args:
        rows: all rows.
        most: how many may be shown.

    Returns:
        Cells of the first rows, how many are left out, and cells of the last rows.
    """
    if len(rows) <= most:
        return [_cells(row) for row in rows], 0, []
    head = (most + 1) // 2
    tail = most - head
    last = rows[len(rows) - tail :] if tail else []
    return [_cells(r) for r in rows[:head]], len(rows) - most, [_cells(r) for r in last]


def plain(rows: Sequence[LayerRow], most: int) -> list[str]:
    """Write the table as aligned lines.

    Args:
        rows: the layers.
        most: how many rows to show.

    Returns:
        Lines, header first.
    """
    head, hidden, tail = shown_rows(rows, most)
    widths = [max(map(len, column)) for column in zip(HEADER, *head, *tail, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = (c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))
        return "  ".join((first, *rest)).rstrip()

    lines = [line(HEADER), *map(line, head)]
    if hidden:
        lines.append(f"... {hidden} layers not shown ...")
    return lines + [line(cells) for cells in tail]


def markdown(lines: Sequence[str], rows: Sequence[LayerRow], most: int) -> str:
    """Write text lines and the table in Markdown.

    Args:
        lines: sentences above the table.
        rows: the layers.
        most: how many rows to show.

    Returns:
        Markdown text.
    """

    def escape(text: str) -> str:
        return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!~&$" else c for c in text)

    head, hidden, tail = shown_rows(rows, most)
    out = [*(escape(ascii_text(line)) + "  " for line in lines), ""]
    out.append(f"| {' | '.join(map(escape, HEADER))} |")
    out.append("|:---" + "|---:" * (len(HEADER) - 1) + "|")
    gap = [(f"... {hidden} layers not shown ...", *[""] * (len(HEADER) - 1))] if hidden else []
    out += [f"| {' | '.join(map(escape, cells))} |" for cells in [*head, *gap, *tail]]
    return "\n".join(out) + "\n"


def web(lines: Sequence[str], rows: Sequence[LayerRow], most: int) -> str:
    """Write text lines and the table as an HTML fragment, for notebooks.

    Args:
        lines: sentences above the table.
        rows: the layers.
        most: how many rows to show.

    Returns:
        HTML text, all names escaped.
    """
    head, hidden, tail = shown_rows(rows, most)
    gap = [(f"... {hidden} layers not shown ...", *[""] * (len(HEADER) - 1))] if hidden else []
    top = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in HEADER)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
        for cells in [*head, *gap, *tail]
    )
    text = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return f"<div>{text}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _finite(value: object) -> object:
    """Replace what JSON cannot hold by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(summary: dict, rows: Sequence[LayerRow]) -> str:
    """Write a summary and all rows as strict JSON.

    Args:
        summary: what stands above the table.
        rows: the layers.

    Returns:
        ASCII JSON; NaN and infinities are null.
    """
    tree = {**summary, "rows": [row._asdict() for row in rows]}
    return json.dumps(_finite(tree), allow_nan=False, indent=2)
