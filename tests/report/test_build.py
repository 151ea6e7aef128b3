"""The report is written once, is ours, and changes only when the results do."""

import re

import pytest

from gradchain._errors import OutputError
from gradchain.registry import read, shown
from gradchain.report import build


def test_an_unchanged_report_is_not_written_again(results):
    first = build(results)
    times = [path.stat().st_mtime_ns for path in (first.html, first.markdown)]
    again = build(results)
    assert [path.stat().st_mtime_ns for path in (again.html, again.markdown)] == times
    assert again.states == (("toy", "current"),)


def test_a_page_of_somebody_else_is_not_overwritten(results):
    (results / "report.html").write_text("<p>my own page</p>")
    with pytest.raises(OutputError, match=r"report\.html was not made by gradchain"):
        build(results)
    assert (results / "report.html").read_text() == "<p>my own page</p>"


def test_an_empty_folder_gives_a_report_that_says_so(tmp_path):
    report = build(tmp_path / "new")
    assert "0 numbers" in report.html.read_text()
    assert report.states == ()


def test_what_was_moved_aside_is_not_in_the_report(study, results):
    from gradchain.study import run

    run(study, out=results, seed=5, fresh=True, say=lambda text: None)
    assert build(results).states == (("toy", "current"),)


def test_the_markdown_holds_the_same_numbers_and_pictures(results):
    text = build(results).markdown.read_text(encoding="utf-8")
    number = read(results / "toy" / "numbers.json")["toy.half.n3"]
    assert text.count(shown(number, "text")) >= 4
    assert "`toy.half.n3`" in text
    assert "(toy/fall.svg)" in text
    # The only bare angle bracket opens the comment that says who wrote the file.
    assert re.findall(r"(?<!\\)<.{3}", text) == ["<!--"]
