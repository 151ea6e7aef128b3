"""Words for figures: alt text from the data, and numbers as a person says them.

Alt text follows one pattern: what kind of chart, of what, where the data come from, what it shows.
"""

import math
from typing import Any, SupportsFloat

from gradchain._errors import UsageError


def alt_text(chart: str, of: str, source: str, takeaway: str) -> str:
    """Write the text that stands for a picture.

    Args:
        chart: the kind of chart, such as "Line chart" or "Two panels".
        of: what is drawn against what.
        source: where the data come from, such as "100 seeds, width 100".
        takeaway: what it shows, with values; one or two sentences. May cite numbers as `{key}`.

    Returns:
        The text.

    Raises:
        UsageError: if a part is missing.

    Example:
        >>> alt_text("Line chart", "the product against depth", "exact powers", "It falls.")
        'Line chart of the product against depth (exact powers). It falls.'
    """
    for name, part in (("chart", chart), ("of", of), ("source", source), ("takeaway", takeaway)):
        if not part.strip():
            raise UsageError(f"alt text without {name}: say it in a few words")
    end = "" if takeaway.rstrip()[-1] in ".!?" else "."
    return f"{chart.strip()} of {of.strip()} ({source.strip()}). {takeaway.strip()}{end}"


def power_of_ten(log10: SupportsFloat) -> str:
    """Write 10**log10 as text with two digits, also where a float would underflow.

    Args:
        log10: the decimal logarithm; -inf gives 0.

    Returns:
        Text such as `0.42`, `1.5e-12` or `3.1e-602`.

    Example:
        >>> power_of_ten(-601.51), power_of_ten(-0.3767507), power_of_ten(-math.inf)
        ('3.1e-602', '0.42', '0')
    """
    log10 = float(log10)
    if log10 == -math.inf:
        return "0"
    if not math.isfinite(log10):
        return "not a number" if math.isnan(log10) else "infinity"
    exponent = math.floor(log10)
    mantissa = round(10 ** (log10 - exponent), 1)
    if mantissa >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    if -3 <= exponent < 4:
        return f"{mantissa * 10.0**exponent:.{max(0, 1 - exponent)}f}"
    return f"{mantissa:.1f}e{exponent}"


def trend(name: str, x: Any, log10_y: Any, x_name: str = "depth") -> str:
    """Say how a curve runs, from its data: where it starts, where it ends, how fast.

    Args:
        name: the curve's name.
        x: where it was taken, increasing, shape (n,).
        log10_y: decimal logarithms of its values, shape (n,).
        x_name: what x is.

    Returns:
        One clause without a full stop.

    Raises:
        UsageError: without points, or with x and y of different lengths.

    Example:
        >>> trend("sigmoid", [1, 20], [-0.6, -12.0])
        'sigmoid falls from 0.25 at depth 1 to 1.0e-12 at depth 20 (0.60 decades a step)'
    """
    if len(x) != len(log10_y) or not len(x):
        raise UsageError(
            f"got {len(x)} x and {len(log10_y)} values of {name[:60]!r}, expected as many, at least 1"
        )
    first, last = float(log10_y[0]), float(log10_y[-1])
    start, end = float(x[0]), float(x[-1])
    verb = "falls" if last < first else "rises" if last > first else "stays"
    text = f"{name} {verb} from {power_of_ten(first)} at {x_name} {start:g}"
    text += f" to {power_of_ten(last)} at {x_name} {end:g}"
    if math.isfinite(last - first) and end > start:
        text += f" ({abs(last - first) / (end - start):.2f} decades a step)"
    return text
