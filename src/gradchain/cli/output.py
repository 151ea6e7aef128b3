"""Printing that never fails in a surprising way.

Which question it answers: how does a sentence reach a terminal that knows only ASCII, a pipe that was
closed, or a disk that is full? Data are printed plainly: markup languages eat brackets, and control
characters of a stranger's file must not reach the terminal.
"""

import contextlib
import os
import shutil
import sys

from gradchain._errors import OutputError
from gradchain.registry.formats import ascii_text, clean


def only_ascii(encoding: str | None) -> bool:
    """Say whether a stream may be given ASCII only.

    Args:
        encoding: that of standard output or error.

    Returns:
        True for an encoding other than UTF-8 and for the C locale set by LC_ALL (where Python
        itself would write UTF-8 that such a terminal cannot show).
    """
    name = (encoding or "ascii").lower().replace("-", "")
    return name != "utf8" or os.environ.get("LC_ALL") in {"C", "POSIX"}


def emit(text: str) -> None:
    """Print text on standard output, in ASCII where that is all it can show.

    Args:
        text: one or more lines, already clean.

    Raises:
        OutputError: standard output is closed.
    """
    stream = sys.stdout
    if stream is None:
        raise OutputError("cannot write: standard output is closed")
    stream.write((ascii_text(text) if only_ascii(stream.encoding) else text) + "\n")


def complain(text: str) -> None:
    """Print a message on standard error, if there is one to print on.

    Args:
        text: the message, perhaps several lines, perhaps with a stranger's text in it.
    """
    stream = sys.stderr
    if stream is None:
        return
    lines = [clean(line)[:2000] for line in text.splitlines()] or ["unknown error"]
    joined = "gradchain: " + "\n  ".join(lines)
    # There is nowhere left to say that standard error itself is full or closed.
    with contextlib.suppress(OSError, ValueError):
        stream.write((ascii_text(joined) if only_ascii(stream.encoding) else joined) + "\n")
        stream.flush()


def forget_output() -> None:
    """Point standard output at nothing, so that Python's last flush cannot fail again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        handle = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, handle)
        os.close(nowhere)


def cut(text: str, width: int | None) -> str:
    """Shorten a line to a width.

    Args:
        text: one line.
        width: columns, at least 4; None leaves it whole.

    Returns:
        The line, or its beginning and three dots.

    Example:
        >>> cut("one two three", 10)
        'one two...'
    """
    return text if width is None or len(text) <= width else text[: width - 3] + "..."


def line_width() -> int | None:
    """Return the width of the terminal, or None where output is not one.

    Returns:
        Columns, at least 20, or None: then nothing is shortened.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return max(20, shutil.get_terminal_size().columns)
