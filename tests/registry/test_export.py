"""Exports read back by other programs to the same numbers, and a wrong key stops a LaTeX build."""

import csv
import io
import json
import re
from fractions import Fraction

import pytest

from gradchain._errors import UsageError
from gradchain._result import Uncertainty
from gradchain.registry import Check, How, Number, Registry, load, shown, write
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


def test_a_long_unknown_target_gets_a_short_sentence(shelf):
    with pytest.raises(UsageError, match="is unknown") as caught:
        export(shelf, "a" * 9000)
    assert len(str(caught.value)) < 200


@pytest.fixture
def three():
    drawn = Number(
        key="a.mean", kind="estimated", statement="The mean of a draw.", value="0.12345",
        conditions="Width 8.", how=How.of("gradchain.x", seed=0), check=Check("z", "4.5"),
        uncertainty=Uncertainty("standard error", "0.0123", n=100, method="seeds 0 to 99"),
        unit="nat", dtype="float32", device="cpu",
    )  # fmt: skip
    bound = Number(
        key="a.bound", kind="exact", role="upper bound", statement="A bound.", value="1/1024",
        exact="(1/4)^5", how=How.of("gradchain.y", base="1/4"), check=Check("equality"),
    )  # fmt: skip
    said = Number(key="b.said", kind="reported", statement="So.", value="0.5", source="A. Author")
    return Shelf(Registry([drawn, bound, said], origin="x"))


def test_markdown_has_one_table_for_each_first_word_of_the_keys(three):
    head = ["| key | value | what it is | statement |", "|---|---|---|---|"]
    rows = [line for line in export(three, "markdown").splitlines() if line]
    assert rows == [
        "# Numbers of gradchain 0.1.0",
        "## a",
        *head,
        "| `a.bound` | 9.77e-4 | upper bound, value exact: `(1/4)^5 = 1/1024` | "
        "A bound. Conditions: none |",
        "| `a.mean` | 0.123(12) nat | estimate | "
        "The mean of a draw. Conditions: In float32 on cpu. Width 8. |",
        "## b",
        *head,
        "| `b.said` | 0.500 | reported value | So. Conditions: none |",
    ]


def test_a_users_number_says_its_file_in_every_table(tmp_path):
    said = Number(key="zzz.said", kind="reported", statement="So.", value="0.5", source="A. Author")
    path = write(tmp_path / "mine.json", [said])
    shelf = Shelf.open(path)
    row = next(line for line in export(shelf, "markdown").splitlines() if "zzz.said" in line)
    assert f"(from {path})" in row.replace("\\", "")
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(export(shelf, "csv")))}
    assert rows["zzz.said"]["from"] == str(path)
    assert json.loads(export(shelf, "json"))["numbers"]["zzz.said"]["from"] == str(path)


def test_csv_holds_every_field_under_its_name(three):
    rows = list(csv.DictReader(io.StringIO(export(three, "csv"))))
    expected = [
        {
            "key": number.key, "shown": shown(number, "ascii"), "value": number.value,
            "exact": number.exact or "", "unit": number.unit, "kind": number.kind,
            "role": number.role, "statement": number.statement, "conditions": number.conditions,
            "dtype": number.dtype or "", "device": number.device or "",
            "citation": f"gradchain 0.1.0, number {number.key} (id {number.id})",
            "from": "packaged reference",
        }
        for number in three.values()
    ]  # fmt: skip
    assert rows == expected


def test_latex_has_a_macro_for_each_part_that_a_number_has(three):
    text = export(three, "latex")
    parts = {
        "a.bound": "9.77e-4", "a.bound/latex": r"9.77 \times 10^{-4}",
        "a.bound/exact": r"(1/4)\textasciicircum{}5",
        "a.bound/nature": "upper bound, value exact", "a.bound/statement": "A bound.",
        "a.mean": "0.123(12)", "a.mean/latex": r"0.123 \pm 0.012", "a.mean/nature": "estimate",
        "a.mean/statement": "The mean of a draw.",
        "a.mean/conditions": "In float32 on cpu. Width 8.",
        "b.said": "0.500", "b.said/latex": "0.500", "b.said/nature": "reported value",
        "b.said/statement": "So.",
    }  # fmt: skip
    assert dict(MACRO.findall(text)) == parts
    assert "3 numbers" in text


def test_json_names_its_writer(three):
    data = json.loads(export(three, "json"))
    assert data["writer"] == "gradchain 0.1.0"
    assert set(data) == {"writer", "numbers"}


def test_a_replaced_number_is_exported_as_itself(three):
    old = Number(
        key="a.old", kind="reported", statement="Old.", value="7", source="A. Author",
        superseded_by="b.said",
    )  # fmt: skip
    shelf = Shelf(Registry([old, three["b.said"]], origin="x"))
    assert json.loads(export(shelf, "json"))["numbers"]["a.old"]["value"] == "7"
    row = next(csv.DictReader(io.StringIO(export(shelf, "csv"))))
    assert (row["key"], row["value"], row["citation"]) == (
        *("a.old", "7"),
        f"gradchain 0.1.0, number a.old (id {old.id})",
    )
