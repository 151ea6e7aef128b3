"""What is written agrees with the numbers, and opens safely anywhere."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain.registry import Check, How, Number
from gradchain.study import Cell, Study, Summary, Table
from gradchain.study.identity import identify
from gradchain.study.outputs import check_summary, csv_bytes, state_of

NUMBER = Number(
    key="a.b",
    kind="exact",
    statement="A quarter.",
    value="1/4",
    exact="1/4",
    how=How.of("gradchain.certify.rational.power", base="1/4", exponent=1),
    check=Check("equality"),
)


@dataclass(frozen=True)
class Config:
    factor: str = "0.9"


STUDY = Study(
    "a",
    "A",
    "A?",
    {"smoke": Config(), "lecture": Config(), "paper": Config()},
    lambda config: [],
    lambda cell: {},
    lambda config, results: Summary(),
)


@dataclass(frozen=True)
class Drawing:
    name: str = "d"
    title: str = "D"
    caption: str = ""
    alt: str = "Line chart of something against something else, which falls."

    def render(self, alt):
        return {}


def check(**changes):
    parts = {"numbers": [NUMBER], "seen": ["It is {a.b}."]} | changes
    identity = identify(STUDY, Config(), "lecture", 0)
    check_summary(STUDY, identity, [Cell("c0.25", {"c": "0.75"})], Summary(**parts))


def test_settings_may_be_written_and_results_may_not():
    check(seen=["With 0.9 and 0.75 and c0.25 it is {a.b}."])
    with pytest.raises(UsageError, match=r"holds 0\.8, typed by hand"):
        check(seen=["With 0.8 it is {a.b}."])
    with pytest.raises(UsageError, match="typed by hand"):
        check(figures=[Drawing(caption="It is 0.123.")])


def test_every_text_may_cite_only_numbers_of_the_run():
    for changes in (
        {"seen": ["{a.c}"]},
        {"figures": [Drawing(caption="{a.c}")]},
        {"figures": [Drawing(alt="{a.c} " + "x" * 40)]},
        {"tables": [Table("t", "T", ("x",), [("{a.c}",)])]},
    ):
        with pytest.raises(UnknownKeyError, match=r"cites a\.c"):
            check(**changes)


def test_a_study_says_something_and_a_figure_has_words():
    with pytest.raises(UsageError, match="no sentence"):
        check(seen=[])
    with pytest.raises(UsageError, match="no alt text worth reading"):
        check(figures=[Drawing(alt="a chart")])


@pytest.mark.parametrize("bad", [0.25, True, object()])
def test_a_shown_table_holds_no_bare_float(bad):
    with pytest.raises(UsageError, match="show=False"):
        check(tables=[Table("t", "T", ("x",), [(bad,)])])
    check(tables=[Table("t", "T", ("x",), [(bad,)], show=False)])


def test_two_tables_of_one_name_and_two_numbers_of_one_key_are_refused():
    table = Table("t", "T", ("x",), [])
    with pytest.raises(UsageError, match="t names two tables"):
        check(tables=[table, table])
    with pytest.raises(RegistryError, match="stands twice"):
        check(numbers=[NUMBER, NUMBER])


def test_csv_holds_decimals_and_nothing_that_a_spreadsheet_runs():
    rows = [
        ("{a.b}", -1.5, None),
        ("=1+1", "@x", "-0.25"),
        ("a,b", 'say "x"', "two\nlines"),
        (float("inf"), float("nan"), 10**30),
    ]
    text = csv_bytes(Table("t", "T", ("=a", "b", "c"), rows), {"a.b": NUMBER}).decode()
    read = list(csv.reader(io.StringIO(text)))
    assert read[0] == ["'=a", "b", "c"]
    assert read[1] == ["0.25", "-1.5", ""]
    assert read[2] == ["'=1+1", "'@x", "-0.25"]
    assert read[3][:2] == ["a,b", 'say "x"']
    assert read[4] == ["inf", "nan", str(10**30)]


def test_floats_in_csv_come_back_exactly():
    values = [0.1, 5e-324, 1.7976931348623157e308, 1 / 3]
    text = csv_bytes(Table("t", "T", ("x",), [(v,) for v in values], show=False), {}).decode()
    assert [float(line) for line in text.splitlines()[1:]] == values


def test_a_folder_that_does_not_exist_is_missing(tmp_path):
    assert state_of(tmp_path / "nothing") == "missing"
    assert state_of(Path(tmp_path)) == "missing"


@pytest.mark.parametrize("name", ["a\x00", "\ud800"])
def test_a_file_name_that_no_file_can_have_is_damage(tmp_path, name):
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "numbers.json").write_text("{}")
    (tmp_path / "provenance.json").write_text(json.dumps({"files": {name: "0"}}))
    assert state_of(tmp_path) == "damaged"
