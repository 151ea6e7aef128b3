"""What each command says to a lecturer, and with which exit code."""

import json

import pytest

from gradchain import theorems
from gradchain.cli import run
from gradchain.registry import load, write
from gradchain.registry.cite import FORMATS, cite

KEY = "sigmoid.chain.bound.n5"


@pytest.fixture
def said(capsys):
    """Run a command and return (exit code, standard output, standard error)."""

    def call(*words):
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize("name", FORMATS)
def test_cite_prints_the_citation_in_the_format_asked_for(said, name):
    assert said("cite", KEY, "--format", name) == (0, cite(KEY).form(name) + "\n", "")


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (("cite", KEY, "tanh"), "tanh"),
        (("why", KEY, "a", "b"), "a b"),
        (("diff", "x", "y", "z"), "z"),
    ],
)
def test_a_word_too_many_is_named_in_plain_words(said, words, more):
    code, out, error = said(*words)
    assert (code, out) == (2, "")
    assert error.splitlines()[0] == f"gradchain: got more words than the command takes: {more}"


def test_an_expression_means_the_plainest_number_and_names_the_others(said):
    code, out, _ = said("cite", "0.25^5")
    assert code == 0
    assert KEY in out
    assert "same value  sigmoid.chain.rms.bound.n5" in out
    assert said("cite", "0.25^5", "--format", "latex") == said("cite", KEY, "--format", "latex")


def test_an_expression_of_one_number_is_cited_at_once(said):
    assert said("cite", "log(2)", "-f", "ascii")[1].startswith("ln2 = 0.6931 nat\n")


def test_why_takes_keys_and_expressions(said):
    assert said("why", "ln2")[1] == said("why", "log(2)")[1]


@pytest.mark.parametrize(
    "key",
    [
        "sigmoid.chain.bond.n5",
        "Sigmoid.Chain.Bound.N5",
        "sigmoid.chain.bound.n5.",
        "sigmoid_chain_bound_n5",
    ],
)
def test_an_unknown_key_names_the_right_one_and_exits_2(said, key):
    for command in ("cite", "why", "check"):
        code, out, err = said(command, key)
        assert (code, out) == (2, "")
        assert KEY in err


@pytest.mark.parametrize(
    "key", ["", " ", "a" * 10_000, "১.২", "\x1b]0;x\x07", "a\nb", "9^9^9", "("]
)
def test_weird_keys_get_one_printable_sentence(said, key):
    code, out, err = said("cite", key)
    assert (code, out) == (2, "")
    assert err.startswith("gradchain: unknown key")
    assert err.count("\n") == 1
    assert err.isascii()
    assert "\x1b" not in err


def test_list_finds_all_words_and_prints_one_plain_line_a_number(said):
    code, out, _ = said("list", "sigmoid", "bound", "n5")
    assert code == 0
    assert out.splitlines()[0].startswith(f"{KEY} ")
    assert len(said("list")[1].splitlines()) == len(load())


def test_list_prints_brackets_and_markup_as_they_are(said, tmp_path):
    number = type(load()[KEY])(**{
        **vars(load()[KEY]),
        "key": "a.b",
        "statement": "J[l] [/] [red] :smile:",
    })
    path = write(tmp_path / "n.json", [number])
    assert "J[l] [/] [red] :smile:" in said("list", "a.b", "--registry", path)[1]


def test_list_without_a_match_exits_2(said):
    code, out, err = said("list", "no", "such", "number")
    assert (code, out) == (2, "")
    assert "fewer words" in err
    code, out, err = said("list", "zzz")
    assert (code, out, err) == (
        2,
        "",
        "gradchain: no number matches zzz; all numbers: gradchain list\n",
    )


def test_the_beginning_of_keys_leads_to_them_and_to_the_list_of_all(said):
    begun = [key for key in load() if key.startswith("lstm.chain.bias1.")]
    for command in ("cite", "why", "check"):
        code, out, err = said(command, "lstm.chain.bias1")
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert all(key in err for key in begun[:5])
        assert err.endswith("gradchain list lstm.chain.bias1\n")


def test_several_theorems_are_shown_one_after_the_other_and_each_once(said):
    code, out, _ = said("proof", "T06b", "T09", "t06b")
    assert code == 0
    heads = [said("proof", name)[1].strip() for name in ("T06b", "T09")]
    assert out.strip() == "\n\n".join(heads)
    ids = [item["id"] for item in json.loads(said("proof", "T06b", "T09", "-f", "json")[1])]
    assert ids == ["T06b", *(item.id for item in theorems.find("T09"))]
    assert said("proof", "T06", "T99")[::2] == (2, said("proof", "T99")[2])


def test_a_narrow_terminal_shows_whole_keys_and_values(said, monkeypatch):
    monkeypatch.setattr("gradchain.cli.commands.line_width", lambda: 20)
    lines = said("list", "sigmoid.chain.bound")[1].splitlines()
    assert f"{KEY}  9.77e-4" in lines
    monkeypatch.setattr("gradchain.cli.commands.line_width", lambda: 80)
    assert all(len(line) <= 80 for line in said("list", "sigmoid.chain.bound")[1].splitlines())


def test_export_prints_or_writes_the_same_text(said, tmp_path):
    printed = said("export", "--to", "json")[1]
    path = tmp_path / "n.json"
    assert said("export", "--to", "json", "--output", path)[0] == 0
    assert path.read_text() == printed
    assert set(json.loads(printed)["numbers"]) == set(load())
    assert "up to date" in said("export", "--to", "json", "-o", path)[1]


def test_export_into_nowhere_is_one_sentence_and_exit_1(said, tmp_path):
    for where in (tmp_path, tmp_path / "no" / "n.tex", "/dev/null", "", "a\x00b"):
        code, out, err = said("export", "--to", "latex", "-o", where)
        assert (code, out) == (1, "")
        assert err.startswith("gradchain: cannot write")
        assert err.count("\n") == 1


def test_a_users_own_numbers_are_exported_and_named_as_theirs(said, tmp_path):
    number = type(load()[KEY])(**{**vars(load()[KEY]), "key": "my.number"})
    path = write(tmp_path / "mine.json", [number])
    code, out, _ = said("export", "--to", "csv", "--registry", path)
    assert code == 0
    assert out.splitlines()[-len(load()) :] != []
    assert any(line.startswith("my.number,") and str(path) in line for line in out.splitlines())
    assert f"from         {path}" in said("why", "my.number", "--registry", path)[1]


def test_a_damaged_registry_file_exits_3(said, tmp_path):
    path = tmp_path / "n.json"
    path.write_text('{"schema": 1,')
    code, out, err = said("list", "--registry", path)
    assert (code, out) == (3, "")
    assert "n.json" in err
    assert said("list", "--registry", tmp_path / "none.json")[0] == 3
    assert said("diff", path, path)[0] == 3


def test_fill_changes_notes_and_a_second_time_nothing(said, tmp_path):
    path = tmp_path / "note.md"
    path.write_text(f"<!--gch:{KEY}--><!--/gch-->")
    assert "would change 1" in said("fill", path, "--dry-run")[1]
    assert "changed 1" in said("fill", path)[1]
    assert "up to date" in said("fill", path)[1]
    assert path.read_text() == f"<!--gch:{KEY}-->9.77e-4<!--/gch-->"


def test_fill_without_files_or_with_an_unknown_key_exits_2(said, tmp_path):
    path = tmp_path / "note.md"
    path.write_text("<!--gch:no.such--><!--/gch-->")
    assert said("fill")[0] == 2
    code, out, err = said("fill", path)
    assert (code, out) == (2, "")
    assert "line 1" in err


def test_diff_exits_4_only_where_a_citable_number_moved(said, tmp_path):
    number = load()[KEY]
    moved = type(number)(**{**vars(number), "value": "0.001", "exact": "1/1000"})
    old, new = write(tmp_path / "a.json", [number]), write(tmp_path / "b.json", [moved])
    assert said("diff", old, old)[0] == 0
    code, out, _ = said("diff", old, new)
    assert code == 4
    assert "changed" in out


def test_no_command_shows_the_help_with_examples_and_exit_codes(said):
    code, out, _ = said()
    assert code == 0
    assert out == said("--help")[1]
    for part in ("gradchain cite", "Exit codes", "130"):
        assert part in out


def test_the_version_is_one_line(said):
    assert said("--version")[:2] == (0, "0.1.0\n")


@pytest.mark.parametrize(
    "words",
    [("frob",), ("cite",), ("cite", KEY, "--format", "pdf"), ("cite", KEY, "more"), ("--frob",),
     ("export",), ("export", "--to", "docx"), ("check", "--level", "deep"), ("diff", "one")],
)  # fmt: skip
def test_wrong_usage_is_one_plain_sentence_with_a_way_on(said, words):
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert err.startswith("gradchain: ")
    assert "gradchain --help" in err
    assert "Traceback" not in err
    assert "─" not in err


def test_claims_are_listed_shown_and_given_as_data(said):
    everything = said("claims")
    assert everything[0] == 0
    assert len(everything[1].splitlines()) >= 64
    code, out, _ = said("claims", "c3")
    assert code == 0
    for part in ("C03  ", "false", "say instead", "tanh.derivative.sup = 1", "theorems"):
        assert part in out
    found = json.loads(said("claims", "C03", "C02", "--format", "json")[1])
    assert [claim["id"] for claim in found] == ["C02", "C03"]
    assert said("claims", "-f", "markdown")[1].startswith("# Claims\n")
    assert said("claims", "C03", "-f", "markdown")[1].startswith("## Derivatives\n")


def test_a_claim_that_is_not_there_exits_2_and_names_the_nearest(said):
    for word, hint in (("C999", "nearest: C"), ("sigmod", "nearest words: sigmoid"), ("", "empty")):
        code, out, err = said("claims", word)
        assert (code, out) == (2, "")
        assert hint in err
        assert err.count("\n") == 1


def test_the_list_of_claims_fits_a_narrow_terminal(said, monkeypatch):
    monkeypatch.setattr("gradchain.cli.commands.line_width", lambda: 60)
    assert all(len(line) <= 60 for line in said("claims")[1].splitlines())
