"""Citations: everything a reader needs, in every place a lecturer pastes it."""

import html.parser
import json
import re

import pytest

from gradchain._errors import UnknownKeyError, UsageError
from gradchain._result import Uncertainty
from gradchain.registry import Check, How, Number, load, read, shown, write
from gradchain.registry.cite import FORMATS, Citation, cite
from gradchain.registry.reading import from_json

KEY = "sigmoid.chain.bound.n5"
NASTY = "\\input{/etc/hostname} 50% #read $x$ <script>alert(1)</script> {{x}} a_b ~ @me [l](u) `c` --> |"


def _nasty(**more):
    fields = {
        "key": "a.nasty", "kind": "exact", "statement": NASTY, "conditions": NASTY, "value": "1/3",
        "exact": "a}b{c", "how": How.of("gradchain.x.y", text=NASTY), "check": Check("equality"),
        "unit": "5% {units}",
    }  # fmt: skip
    return Citation(Number(**(fields | more)))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_value_key_and_version(name):
    text = cite(KEY).form(name)
    assert KEY in text.replace("\\", "")
    assert "gradchain 0.1.0" in text
    assert re.search(r"9\.77", text)
    assert "upper bound, value exact" in text.lower()


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "bibtex"])
def test_every_format_but_bibtex_gives_the_command_that_recomputes(name):
    assert f"gradchain check {KEY}" in cite(KEY).form(name)


def test_conditions_are_never_left_out():
    for number in load().values():
        citation = Citation(number)
        if number.conditions:
            assert number.conditions in citation.text
            assert number.conditions in json.loads(citation.json)["conditions"]


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_fails_on_any_packaged_number(name):
    for number in load().values():
        text = Citation(number).form(name)
        assert text.strip() == text
        if name in {"ascii", "latex", "typst", "bibtex", "json"}:
            assert text.isascii(), number.key


def test_printing_a_citation_gives_its_text_and_the_forms_are_attributes():
    citation = cite(KEY)
    assert str(citation) == citation.text
    assert citation.form("latex") == citation.latex
    assert citation.shown() == shown(citation.number)
    assert citation.shown("latex") == r"9.77 \times 10^{-4}"


def test_json_holds_the_record_itself_and_no_float():
    data = json.loads(cite(KEY).json, parse_float=lambda text: pytest.fail(f"a float: {text}"))
    record = {
        name: data[name]
        for name in data
        if name not in {"shown", "nature", "cite", "command", "id", "from"}
    }
    assert from_json(record) == load()[KEY]
    assert data["id"] == load()[KEY].id


def test_a_strangers_text_runs_nothing_in_latex():
    text = _nasty().latex
    assert r"\input" not in text
    assert not re.search(r"(?<!\\)[%#&]", text)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_a_strangers_text_runs_nothing_in_bibtex():
    text = _nasty().bibtex
    assert text.count("{") == text.count("}")
    assert r"\input" not in text
    assert text.count("@") == 1


def test_a_strangers_text_runs_nothing_in_typst():
    inside = _nasty().typst.split("#footnote[", 1)[1][:-1]
    assert not re.search(r"(?<!\\)[#$\[\]<@`*_]", re.sub(r"\\\\", "", inside))


class _Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)


def test_a_strangers_text_makes_no_tag_in_html_or_a_notebook():
    for text in (_nasty().html, _nasty()._repr_html_()):
        tags = _Tags()
        tags.feed(text)
        assert "script" not in tags.seen
        assert tags.seen <= {"span", "small", "sup", "code", "table", "caption", "tr", "th", "td"}


def test_a_strangers_text_makes_no_markup_in_markdown():
    text = re.sub(r"`[^`]*`\.\)$", "", _nasty().markdown)
    assert not re.search(r"(?<!\\)[<\[*]", text.replace("\\\\", ""))
    assert "{{" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_an_estimate_never_goes_without_its_uncertainty_and_sample_size(name):
    number = Number(
        key="a.b", kind="estimated", statement="S.", value="0.12345", check=Check("z", "4.5"),
        how=How.of("gradchain.x", seed=0),
        uncertainty=Uncertainty("standard error", "0.0123", n=100, method="seeds 0 to 99"),
    )  # fmt: skip
    text = Citation(number).form(name).replace("\\", "")
    assert "standard error" in text
    assert "100" in text
    assert "estimate" in text.lower()


def test_an_unknown_format_is_named_with_the_known_ones():
    with pytest.raises(UsageError, match=r"pdf.*typst"):
        cite(KEY).form("pdf")


def test_an_expression_of_one_number_is_enough():
    assert cite("log(2)").number.key == "ln2"
    with pytest.raises(UnknownKeyError):
        cite("no.such.key")


def test_a_number_of_a_users_file_says_so_and_its_command_reads_that_file(tmp_path):
    path = write(tmp_path / "my file.json", [load()[KEY], _nasty().number])
    citation = cite("a.nasty", path)
    assert citation.origin == str(path)
    assert f"from {path}" in citation.reference
    assert citation.command == f"gradchain check a.nasty --registry '{path}'"
    assert str(path) in cite(KEY, path).text
    assert read(path)["a.nasty"] == _nasty().number


def test_a_replaced_number_leads_to_the_one_that_holds_today(tmp_path):
    new = _nasty(key="a.young").number
    old = _nasty(key="a.old", superseded_by="a.young").number
    path = write(tmp_path / "n.json", [new, old])
    citation = cite("a.old", path)
    assert citation.number == new
    assert "a.old" in citation.text


def _drawn(**more):
    """An estimate with every field that a citation can show."""
    fields = {
        "key": "a.mean", "kind": "estimated", "statement": "The mean of a draw.", "value": "0.12345",
        "conditions": "Width 8.", "how": How.of("gradchain.x", seed=0), "check": Check("z", "4.5"),
        "uncertainty": Uncertainty("standard error", "0.0123", n=100, method="seeds 0 to 99"),
        "unit": "nat", "dtype": "float32", "device": "cpu", "theorem": "t1",
    }  # fmt: skip
    return Number(**(fields | more))


def _bound():
    return Number(
        key="a.bound", kind="exact", role="upper bound", statement="A bound", value="1/1024",
        exact="(1/4)^5", how=How.of("gradchain.y", base="1/4"), check=Check("equality"),
    )  # fmt: skip


def test_a_citation_reads_line_by_line_as_the_page_of_formats_says():
    number = _drawn()
    citation = Citation(number, "my.json")
    rows = [
        "  what it is  estimate",
        "  says        The mean of a draw.",
        "  conditions  In float32 on cpu. Width 8.",
        "  obtained    random draws, standard error 0.0123, n = 100 (seeds 0 to 99), theorem t1; "
        "gradchain.x(seed=0)",
        "  from        my.json (not the packaged reference)",
        f"  cite as     gradchain 0.1.0, number a.mean (id {number.id}) from my.json",
        "  recompute   gradchain check a.mean --level full --registry my.json",
    ]
    assert citation.text.splitlines() == ["a.mean = 0.123 \u00b1 0.012 nat", *rows]
    assert citation.ascii.splitlines() == ["a.mean = 0.123(12) nat", *rows]
    cells = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td></tr>', citation._repr_html_())
    assert [f"  {label:<10}  {text}" for label, text in cells] == rows
    assert "  replaces    a.old" in Citation(_bound(), None, "a.old").text.splitlines()
    assert "  conditions  none" in Citation(_bound()).text.splitlines()


def test_a_note_says_nature_unit_statement_error_conditions_and_source_in_this_order():
    number = _drawn()
    note = (
        "Estimate.{unit} The mean of a draw. Uncertainty: standard error 0.0123, n = 100 "
        "(seeds 0 to 99). Conditions: In float32 on cpu. Width 8. "
        f"Cited from gradchain 0.1.0, number a.mean (id {number.id}). Recompute: "
    )
    plain, noted = note.format(unit=""), note.format(unit=" Unit: nat.")
    command = "gradchain check a.mean --level full"
    citation = Citation(number)
    assert citation.markdown == f"0.123(12) nat ({plain}`{command}`.)"
    assert citation.html == (
        '<span data-key="a.mean">0.123 &plusmn; 0.012 nat</span> '
        f"<small>({plain}<code>{command}</code>.)</small>"
    )
    escaped = command.replace("--", "-{}-")
    assert citation.latex == rf"$0.123 \pm 0.012$\footnote{{{noted}\texttt{{{escaped}}}.}}"
    typst = citation.typst.replace("\\", "")
    assert typst == f"$0.123 plus.minus 0.012$#footnote[{noted}{command}.]"


def test_a_note_without_error_or_conditions_has_no_hole_in_it():
    number = _bound()
    whole = (
        r"9.77e-4 (Upper bound, value exact ((1/4)\^5 = 1/1024). A bound. Cited from gradchain "
        f"0.1.0, number a.bound (id {number.id}). Recompute: `gradchain check a.bound`.)"
    )
    assert Citation(number).markdown == whole
    said = Number(key="b.c", kind="reported", statement="So!", value="0.5", source="A. Author")
    assert Citation(said).markdown == (
        "0.500 (Reported value. So! Source: A. Author. "
        f"Cited from gradchain 0.1.0, number b.c (id {said.id}).)"
    )
    assert "Recompute" not in Citation(said).html + Citation(said).latex + Citation(said).typst


def test_a_bibtex_entry_has_these_fields_and_its_note_these_parts():
    number = _drawn()
    entry = "\n".join([
        "@misc{gradchain.a.mean,",
        "  author = {{The gradchain authors}},",
        "  title = {{The mean of a draw}},",
        "  howpublished = {gradchain 0.1.0, number a.mean},",
        "  version = {0.1.0},",
        "  note = {0.123(12) nat; estimate; conditions: In float32 on cpu. Width 8; standard error "
        f"0.0123, n = 100 (seeds 0 to 99); id {number.id}}}",
        "}",
    ])
    assert Citation(number).bibtex == entry
    said = Number(key="b.c", kind="reported", statement="So.", value="0.5", source="A. Author")
    assert (
        f"note = {{0.500; reported value; id {said.id}; source: A. Author}}"
        in Citation(said).bibtex
    )


def test_json_says_where_the_number_is_from():
    data = json.loads(Citation(_bound()).json)
    assert data["from"] == "packaged reference"
    assert data["nature"] == "upper bound, value exact"
    assert data["command"] == "gradchain check a.bound"
    assert data["cite"] == Citation(_bound()).reference
    assert data["shown"]["text"] == shown(_bound(), "text")
    assert json.loads(Citation(_bound(), "my.json").json)["from"] == "my.json"


def test_an_old_key_is_named_only_where_another_number_is_given():
    assert cite(KEY).asked is None
