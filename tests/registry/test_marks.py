"""Which marks count: pairs in running text, never those in code, attributes or comments."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain.registry.marks import scan

OPEN, CLOSE = "<!--gch:a.b-->", "<!--/gch-->"
PAIR = OPEN + "1" + CLOSE


def _keys(text, markdown=True):
    found = scan(text, markdown)
    assert not found.problems, found.problems
    return [(mark.key, mark.line, text[mark.start : mark.end]) for mark in found.marks]


@pytest.mark.parametrize(
    "text",
    [
        PAIR,
        f"x {PAIR} y",
        f"| a | {PAIR} |",
        f"> {PAIR}",
        f"- {PAIR}",
        f"# {PAIR}",
        f"**{PAIR}**",
        f"$0.25^5$ = {PAIR}",
        f"<p>{PAIR}</p>",
        f"<td class='x > y'>{PAIR}</td>",
        f"a < b and {PAIR}",
        f"one ` backtick {PAIR}",
        f'it\'s <b>"{PAIR}"</b>',
        f"\\` {PAIR} \\`",
        f"  - deep\n\n    - deeper {PAIR}",
        f"1. item\n\n       {PAIR}",
        "<!-- gch:a.b -->1<!-- /gch -->",
        "<!--gch: a.b-->1<!--/gch-->",
    ],
)
def test_a_mark_in_running_text_counts(text):
    assert [(key, inside) for key, _, inside in _keys(text)] == [("a.b", "1")]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"```\n{PAIR}\n```\n", "code"),
        (f"~~~html\n{PAIR}\n~~~\n", "code"),
        (f"````\n```\n{PAIR}\n```\n````\n", "code"),
        (f"> ```\n> {PAIR}\n> ```\n", "code"),
        (f"- ```\n  {PAIR}\n  ```\n", "code"),
        (f"```\n{PAIR}\nnever closed", "code"),
        (f"text\n\n    {PAIR}\n", "code"),
        (f"\t{PAIR}\n", "code"),
        (f"`{PAIR}`", "code"),
        (f"`` ` {PAIR} ``", "code"),
        (f'<img alt="{PAIR}">', "an attribute"),
        (f"<a title='{PAIR}'>x</a>", "an attribute"),
        (f"<!-- draft {PAIR} -->", "a comment"),
        (f"<!--\n{PAIR}\n-->", "a comment"),
        (f"<script>\n'{PAIR}'\n</script>", "<script>"),
        (f"<style>{PAIR}</style>", "<style>"),
    ],
)
def test_a_mark_that_readers_see_as_something_else_is_left_alone_and_said(text, where):
    found = scan(text)
    assert not found.marks
    assert not found.problems
    assert [reason for _, reason in found.ignored] == [where]


def test_what_follows_left_alone_marks_is_still_found():
    text = f"```\n{PAIR}\n```\n\n`{PAIR}` <!-- {PAIR} -->\n{PAIR}\n"
    assert _keys(text) == [("a.b", 6, "1")]


def test_markdown_code_is_running_text_in_html():
    assert len(_keys(f"    {PAIR} `{PAIR}`", markdown=False)) == 2


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (OPEN, [1]),
        (f"\n{CLOSE}", [2]),
        (f"{OPEN}\n{OPEN}1{CLOSE}", [2]),
        (f"{OPEN}1{CLOSE}\n{CLOSE}", [2]),
        (f"{OPEN}1\n\n2{CLOSE}", [1]),
        (f"{OPEN}1\r\n\r\n2{CLOSE}", [1]),
        (OPEN + "x" * 201 + CLOSE, [1]),
        ("<!--gch:a.b form=fancy-->1" + CLOSE, [1]),
        ("<!--gch:a.b latex-->1" + CLOSE, [1]),
        ("x <!--gch:a.b\ny", [1]),
    ],
)
def test_marks_that_do_not_pair_are_problems_with_their_line(text, lines):
    assert [line for line, _ in scan(text).problems] == lines


def test_forms_are_read_with_or_without_quotes():
    text = "".join(
        f"<!--gch:a.b {form}-->1{CLOSE}"
        for form in ("form=latex", 'form="latex"', "form = 'latex'")
    )
    assert [mark.form for mark in scan(text).marks] == ["latex"] * 3
    assert scan(PAIR).marks[0].form == "ascii"


@given(st.text(st.sampled_from("<!->`~ \n\"'a=/gch:\\>"), max_size=60))
def test_no_text_makes_the_scanner_fail(text):
    for markdown in (True, False):
        found = scan(text, markdown)
        for mark in found.marks:
            assert 0 <= mark.start <= mark.end <= len(text)


@pytest.mark.parametrize(
    "unit", ['<a "', "`", "<!--", "```\n", "<a '", "<b ", "> ", "<!--gch:a-->", "<script>", "`a "]
)
def test_the_scanner_takes_linear_time(unit):
    text = unit * (200_000 // len(unit))
    start = time.perf_counter()
    scan(text)
    assert time.perf_counter() - start < 20


def test_raw_text_ends_at_its_own_closing_tag_that_follows_it():
    text = f"</script> <script>\n{PAIR}\n</SCRIPT> {PAIR} <style>x</style> {PAIR}"
    found = scan(text)
    assert [mark.line for mark in found.marks] == [3, 3]
    assert found.ignored == ((2, "<script>"),)


def test_a_mark_right_after_a_comment_or_a_mark_is_found():
    text = f"<!--x-->{PAIR}{PAIR}<!-- {PAIR} -->"
    assert len(scan(text).marks) == 2


def test_the_parts_of_a_mark_are_where_the_text_says():
    text = f"ab\n{PAIR}"
    (mark,) = scan(text).marks
    assert (mark.key, mark.form, mark.line, text[mark.start : mark.end]) == ("a.b", "ascii", 2, "1")
    assert text[: mark.start] == f"ab\n{OPEN}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{OPEN}\n{OPEN}1{CLOSE}", "mark inside the mark of line 1"),
        (CLOSE, "<!--/gch--> closes nothing"),
    ],
)
def test_a_problem_says_which_marks_do_not_pair(text, sentence):
    assert sentence in scan(text).problems[0][1]


@pytest.mark.parametrize("block", ["```\nx\n```\n", "    x\n", "~~~\nx\n~~~\n", "text\n\n\tx\n"])
def test_a_mark_right_below_a_code_block_counts(block):
    assert _keys(block + PAIR) == [("a.b", block.count("\n") + 1, "1")]
    assert _keys(PAIR + "\n\n" + block) == [("a.b", 1, "1")]


def test_a_mark_that_never_closes_on_its_line_says_so():
    assert scan("x\n<!--gch:a.b\ny").problems == ((2, "mark is not closed by <!--/gch-->"),)


@pytest.mark.parametrize("between", [" x", "\nmore ", ""])
def test_a_mark_that_lacks_its_own_end_is_reported_not_passed_over(between):
    found = scan(f"a <!--gch:a.b{between}<!--/gch--> c")
    assert not found.marks
    assert [text for _, text in found.problems] == ["mark without its -->"]
