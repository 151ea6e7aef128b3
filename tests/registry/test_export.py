"""Exports read back by other programs to the same numbers, and a wrong key stops a LaTeX build."""

import csv
import io
import json
import re
from fractions import Fraction

import pytest

from gradchain._errors import UsageError
from gradchain.registry import Check, How, Number, Registry, load, shown
from gradchain.registry.export import TARGETS, export
from gradchain.registry.search import Shelf

NASTY = "=cmd|' /C calc'!A0 \\input{x} 50% | <script> {{x}} \"q\", a\u2264b"
MACRO = re.compile(r"\\expandafter\\def\\csname gch@([a-z0-9./]+)\\endcsname\{(.*)\}")


@pytest.fixture
def shelf():
    return Shelf.open()


@pytest.fixture
def nasty():
    number = Number(
        key="a.nasty", kind="exact", statement=NASTY, conditions=NASTY, value="-1/3", exact="=1+1",
        how=How.of("gradchain.x"), check=Check("equality"),
    )  # fmt: skip
    return Shelf(Registry([number], origin="x"))


def test_json_reads_back_to_the_same_exact_values(shelf):
    def no_floats(record):
        # A number's value is text; only the settings of the function that computes it may be floats.
        rest = {name: part for name, part in record.items() if name != "how"}
        json.loads(json.dumps(rest), parse_float=lambda text: pytest.fail(f"a float: {text}"))

    data = json.loads(export(shelf, "json"))
    for record in data["numbers"].values():
        no_floats(record)
    assert list(data["numbers"]) == list(load())
    for key, number in load().items():
        assert Fraction(data["numbers"][key]["value"]) == number.rational
        assert data["numbers"][key]["shown"]["latex"] == shown(number, "latex")


def test_csv_reads_back_row_by_row(shelf):
    rows = list(csv.DictReader(io.StringIO(export(shelf, "csv"))))
    assert [row["key"] for row in rows] == list(load())
    for row in rows:
        number = load()[row["key"]]
        assert Fraction(row["value"]) == number.rational
        assert row["statement"] == number.statement
        assert row["conditions"] == number.conditions


def test_a_spreadsheet_runs_nothing_of_a_stranger(nasty):
    (row,) = csv.DictReader(io.StringIO(export(nasty, "csv")))
    assert row["statement"] == "'" + NASTY
    assert row["exact"] == "'=1+1"
    assert row["value"] == "-1/3"


def test_latex_holds_one_macro_a_number_and_nothing_but_macros(shelf):
    text = export(shelf, "latex")
    body = [line for line in text.splitlines() if line.startswith(r"\expandafter")]
    head = text.splitlines()[: len(text.splitlines()) - len(body)]
    macros = dict(MACRO.fullmatch(line).groups() for line in body)
    assert {key for key in macros if "/" not in key} == set(load())
    for key, number in load().items():
        assert macros[key] == shown(number, "ascii")
        assert macros[f"{key}/latex"] == shown(number, "latex")
        assert macros[f"{key}/statement"]
    assert all(line.startswith(("%", r"\providecommand", r"  ")) for line in head)
    assert text.isascii()


def test_an_unknown_key_is_a_latex_error_and_not_a_hole(shelf):
    text = export(shelf, "latex")
    assert r"\else\gchUnknown{#1}\fi" in text
    assert r"\PackageError{gradchain}{Unknown number '#1'}" in text


def _braces(text):
    depth = 0
    for sign in re.sub(r"\\[{}]", "", text):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    return depth


def test_every_latex_line_is_whole_and_runs_nothing_of_a_stranger(shelf, nasty):
    for shelves in (shelf, nasty):
        for line in export(shelves, "latex").splitlines():
            found = MACRO.fullmatch(line)
            if found:
                assert _braces(found[2]) == 0
                assert not re.search(r"(?<!\\)[%#&$]", found[2])
    assert r"\input{" not in export(nasty, "latex").split("endcsname", 2)[2]


def test_markdown_rows_have_four_cells_whatever_the_text_holds(shelf, nasty):
    for shelves in (shelf, nasty):
        rows = [line for line in export(shelves, "markdown").splitlines() if line.startswith("| `")]
        assert len(rows) == len(shelves)
        for row in rows:
            assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert not re.search(r"(?<!\\)<script", export(nasty, "markdown"))
    assert "{{" not in export(nasty, "markdown")


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_numbers_always_give_the_same_bytes(shelf, target):
    assert export(shelf, target) == export(Shelf.open(), target)
    assert export(shelf, target).endswith("\n")


def test_an_unknown_target_is_named_with_the_known_ones(shelf):
    with pytest.raises(UsageError, match=r"docx.*latex"):
        export(shelf, "docx")
