"""Printing: ASCII where that is all there is, nothing of a stranger's control characters."""

import io
import sys

import pytest

from gradchain._errors import OutputError
from gradchain.cli.output import complain, emit, line_width, only_ascii


def _stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "UTF-8", "utf-16"])
def test_every_encoding_can_be_printed_on(monkeypatch, encoding):
    monkeypatch.delenv("LC_ALL", raising=False)
    stream = _stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    emit("9.77 × 10⁻⁴ ≤ σ")
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    assert text == ("9.77 × 10⁻⁴ ≤ σ\n" if encoding == "UTF-8" else "9.77 x 10^-4 <= sigma\n")


def test_the_c_locale_gets_ascii_although_python_would_write_utf8(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    assert only_ascii("utf-8")


def test_a_closed_standard_output_is_an_error_and_a_closed_standard_error_is_not(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(OutputError):
        emit("x")
    complain("x")
    assert line_width() is None


def test_a_message_cannot_move_the_cursor(monkeypatch):
    stream = _stream("utf-8")
    monkeypatch.setattr(sys, "stderr", stream)
    complain("bad \x1b[2J key\nsecond\u202e line")
    assert stream.buffer.getvalue() == b"gradchain: bad [2J key\n  second line\n"
