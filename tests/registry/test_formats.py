"""Escaping: text of a stranger must read as it is, and run nothing."""

import csv
import html.parser
import io
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain.registry.formats import (
    ascii_text,
    bibtex_text,
    clean,
    csv_cell,
    html_text,
    latex_text,
    markdown_code,
    markdown_text,
    typst_text,
)

PUNCTUATION = st.text(st.sampled_from(string.punctuation + " ab19.\n" + "σ≤×⁻⁴é"), max_size=30)

# The only commands that escaped text may hold.
LATEX_ALLOWED = re.compile(
    r"\\(?:text(?:backslash|asciicircum|asciitilde|less|greater|bar|asciigrave|braceleft|braceright)\{\}"
    r"|[{}$&#%_]|ensuremath\{(?:\\[A-Za-z]+|\\\||-|')\}|char(?:34|64))"
)


@pytest.mark.parametrize("sign", list(string.punctuation))
def test_no_ascii_sign_reaches_latex_as_markup(sign):
    escaped = latex_text(f"a{sign}b")
    rest = LATEX_ALLOWED.sub("", escaped)
    assert not set(rest) & set('\\$&#%_^~<>|"`'), escaped


@given(PUNCTUATION)
def test_escaped_latex_holds_only_harmless_commands_and_balanced_braces(text):
    rest = LATEX_ALLOWED.sub("", latex_text(text))
    assert not set(rest) & set('\\$&#%_^~<>|"`')
    assert rest.replace("{}", "").replace("{", "").replace("}", "") == re.sub(r"[{}]", "", rest)
    depth = 0
    for sign in re.sub(r"\\[{}]", "", latex_text(text)):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0


def test_an_input_command_in_a_statement_is_typeset_not_obeyed():
    assert latex_text(r"\input{/etc/hostname} 50%") == (
        r"\textbackslash{}input\{/etc/hostname\} 50\%"
    )


def test_latex_makes_no_dash_of_two_hyphens_and_no_quote_of_two_apostrophes():
    assert "--" not in latex_text("check --level full ---")
    assert "''" not in latex_text("f''")


@given(PUNCTUATION)
def test_bibtex_braces_always_balance_even_escaped_ones(text):
    escaped = bibtex_text(text)
    depth = 0
    for sign in escaped:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert "@" not in escaped


@pytest.mark.parametrize("sign", list("\\#$*_`<>@~[]=/"))
def test_no_sign_starts_markup_in_typst(sign):
    assert typst_text(f"a{sign}b") == f"a\\{sign}b"


@given(PUNCTUATION)
def test_typst_text_reads_back_by_dropping_one_backslash(text):
    assert re.sub(r"\\(.)", r"\1", typst_text(text)) == clean(text)


@pytest.mark.parametrize("sign", list("\\`*_{}[]<>#|$~^&@"))
def test_no_sign_starts_markup_in_markdown(sign):
    assert f"\\{sign}" in markdown_text(f"a{sign}b")


@given(PUNCTUATION)
def test_markdown_text_reads_back_by_dropping_one_backslash(text):
    escaped = markdown_text(text)
    assert re.sub(r"\\(.)", r"\1", escaped) == clean(text)
    assert "\n" not in escaped
    assert "{{" not in escaped


@pytest.mark.parametrize("text", ["- item", "+ item", "1. item", "2) item", "=====", "---"])
def test_a_statement_cannot_begin_a_list_or_a_heading(text):
    assert markdown_text(text)[0] == "\\" or re.match(r"\d+\\[.)]", markdown_text(text))


def test_markdown_leaves_numbers_alone():
    assert [markdown_text(text) for text in ("9.77e-4", "-0.25", "13")] == [
        "9.77e-4",
        "-0.25",
        "13",
    ]


def test_a_code_span_is_fenced_by_more_backticks_than_it_holds():
    assert markdown_code("a``b") == "```a``b```"
    assert markdown_code("`x`") == "`` `x` ``"
    assert "{{" not in markdown_code("{{ config }}")


class _Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


@given(PUNCTUATION)
def test_html_text_is_read_back_as_text_in_element_and_attribute(text):
    reader = _Reader()
    reader.feed(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    reader.close()
    assert reader.tags == ["p"]
    assert reader.attributes == [("title", clean(text))]
    assert reader.text == clean(text)


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", " =x", "＝1", "\t=1"]
)
def test_a_spreadsheet_runs_no_cell(text):
    assert csv_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["-0.25", "-1/4", "-9.77e-4", "0.25", "x = 1", ""])
def test_negative_numbers_and_words_stay_as_they_are_in_a_cell(text):
    assert csv_cell(text) == text


@given(PUNCTUATION)
def test_a_cell_survives_writing_and_reading(text):
    file = io.StringIO()
    csv.writer(file).writerow([csv_cell(text)])
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    assert rows[0][0].removeprefix("'") == clean(text).removeprefix("'")


def test_control_and_direction_characters_are_stripped():
    assert clean("a\x1b]0;t\x07\u202eb\u200bc\ud800\x00d") == "a]0;tbcd"
    assert clean("one\r\ntwo\tthree") == "one two three"


def test_scripts_that_need_joiners_keep_them():
    word = "\u0995\u09cd\u200c\u09b7"
    assert clean(word) == word


@given(st.text(max_size=40))
def test_ascii_text_is_ascii_and_leaves_ascii_alone(text):
    assert ascii_text(text).isascii()
    if text.isascii():
        assert ascii_text(text) == text


def test_signs_are_spelt_in_ascii():
    assert (
        ascii_text("|w| ≤ 1, σ′, 9.77 × 10⁻⁴ ± 1, Xavier é")
        == "|w| <= 1, sigma', 9.77 x 10^-4 +- 1, Xavier e"
    )


def test_an_address_is_not_made_a_link():
    assert markdown_text("see www.x.org") == r"see www\.x.org"
    assert markdown_text("WWW.x") == r"WWW\.x"
    assert markdown_text("http://x") == r"http\://x"
    assert markdown_text("awww.x") == "awww.x"


def test_a_sign_without_an_ascii_spelling_becomes_one_question_mark():
    assert ascii_text("a\u6f22b") == "a?b"
