"""Filling notes: all or nothing, only between the marks, idempotent."""

import os
import stat

import pytest

from gradchain._errors import OutputError, RegistryError, UnknownKeyError, UsageError
from gradchain.registry import Check, How, Number, load, shown
from gradchain.registry.fill import fill, report_lines, value_text
from gradchain.registry.marks import FORMS
from gradchain.registry.search import Shelf

KEY = "sigmoid.chain.bound.n5"
CLOSE = "<!--/gch-->"


def mark(text="", key=KEY, form=""):
    return f"<!--gch:{key}{form}-->{text}{CLOSE}"


@pytest.fixture
def shelf():
    return Shelf.open()


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.md"
    path.write_text(f"0.25^5 = {mark()}, {mark('old', 'ln2')}\n")
    return path


def test_numbers_are_written_between_their_marks(shelf, note):
    (report,) = fill(shelf, [str(note)])
    assert note.read_text() == f"0.25^5 = {mark('9.77e-4')}, {mark('0.6931', 'ln2')}\n"
    assert [(change.old, change.new) for change in report.changes] == [
        ("", "9.77e-4"),
        ("old", "0.6931"),
    ]


def test_a_second_run_writes_nothing(shelf, note):
    fill(shelf, [str(note)])
    os.utime(note, ns=(1, 1))
    (report,) = fill(shelf, [str(note)])
    assert not report.changes
    assert note.stat().st_mtime_ns == 1


def test_a_dry_run_writes_nothing_and_shows_hand_edited_text(shelf, note):
    before = note.read_bytes()
    (report,) = fill(shelf, [str(note)], dry_run=True)
    assert note.read_bytes() == before
    assert any("'old' -> '0.6931'" in line for line in report_lines(report, True))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_asked_for(shelf, tmp_path, form):
    path = tmp_path / "n.md"
    path.write_text(mark(form=f" form={form}"))
    fill(shelf, [str(path)])
    assert path.read_text() == mark(value_text(load()[KEY], form), form=f" form={form}")


def test_a_formula_stands_whole_between_its_marks():
    assert value_text(load()[KEY], "latex") == r"$9.77 \times 10^{-4}$"
    assert value_text(load()[KEY], "latex", html=True) == r"\(9.77 \times 10^{-4}\)"


def test_no_value_of_any_number_in_any_form_ends_a_comment_or_opens_one():
    for number in load().values():
        for form in FORMS:
            for html in (True, False):
                text = value_text(number, form, html)
                assert "-->" not in text
                assert "<!--" not in text


def test_a_closed_form_of_a_stranger_is_escaped():
    number = Number(
        key="a", kind="exact", statement="S.", value="1", exact="--><script>", check=Check("equality"),
        how=How.of("gradchain.x"),
    )  # fmt: skip
    for html in (True, False):
        assert "-->" not in value_text(number, "exact", html)
        assert "<script" not in value_text(number, "exact", html).replace("\\<", "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\r\n{}\r\nb\r\n", None), ("{}", None), ("\ufeff{}\n", None), ("{}  \n\n\n \t", None),
        ("a\n\n{}\n\x0c\x0bz", None), ("\r{}\r", None), ("caf\u00e9 \u09a7 {}\u2028x", None),
    ],
)  # fmt: skip
def test_every_byte_outside_the_marks_stays(shelf, tmp_path, before, after):
    path = tmp_path / "n.md"
    path.write_bytes(before.format(mark("x")).encode())
    fill(shelf, [str(path)])
    assert path.read_bytes() == before.format(mark("9.77e-4")).encode()


def test_one_unknown_key_stops_the_whole_call_and_all_are_listed_with_lines(shelf, note, tmp_path):
    bad = tmp_path / "bad.md"
    bad.write_text(f"\n{mark(key='sigmoid.chain.bond.n5')}\n\n{mark(key='no.such')}\n")
    before = note.read_bytes()
    with pytest.raises(UnknownKeyError) as caught:
        fill(shelf, [str(note), str(bad)])
    said = str(caught.value)
    assert "line 2" in said
    assert "line 4" in said
    assert "sigmoid.chain.bound.n5" in said
    assert "nothing was written" in said
    assert note.read_bytes() == before


@pytest.mark.parametrize("text", ["<!--gch:ln2-->", CLOSE, f"<!--gch:ln2--><!--gch:ln2-->{CLOSE}"])
def test_marks_that_do_not_pair_leave_every_file_untouched(shelf, note, tmp_path, text):
    bad = tmp_path / "bad.md"
    bad.write_text(text)
    before = note.read_bytes()
    with pytest.raises(UsageError, match="line 1"):
        fill(shelf, [str(note), str(bad)])
    assert note.read_bytes() == before
    assert bad.read_text() == text


def test_a_closed_form_that_does_not_exist_is_refused(shelf, tmp_path):
    key = next(key for key, number in load().items() if not number.exact)
    path = tmp_path / "n.md"
    path.write_text(mark(key=key, form=" form=exact"))
    with pytest.raises(UsageError, match="no closed form"):
        fill(shelf, [str(path)])


def test_marks_left_alone_are_said(shelf, tmp_path):
    path = tmp_path / "n.md"
    path.write_text(f"`{mark()}`\n{mark()}\n")
    (report,) = fill(shelf, [str(path)])
    assert any("line 1" in line and "code" in line for line in report_lines(report, False))
    assert path.read_text() == f"`{mark()}`\n{mark('9.77e-4')}\n"


def test_code_in_markdown_is_text_in_html(shelf, tmp_path):
    path = tmp_path / "n.HTML"
    path.write_text(f"<code>`{mark()}`</code>")
    fill(shelf, [str(path)])
    assert mark("9.77e-4") in path.read_text()


@pytest.mark.parametrize(
    ("data", "page"),
    [("caf\u00e9 \u2265".encode("utf-16"), "UTF-16"), ("caf\u00e9 na\u00efve".encode("cp1252"), "cp1252"),
     ("\u0434\u043e\u043c".encode("cp866"), "cp866")],
)  # fmt: skip
def test_a_file_that_is_not_utf8_is_never_rewritten(shelf, tmp_path, data, page):
    path = tmp_path / "n.md"
    path.write_bytes(data)
    with pytest.raises(RegistryError, match=page):
        fill(shelf, [str(path)])
    assert path.read_bytes() == data


def test_a_symbolic_link_stays_a_link_and_its_target_is_filled(shelf, note, tmp_path):
    link = tmp_path / "sub" / "link.md"
    link.parent.mkdir()
    link.symlink_to(note)
    fill(shelf, [str(link)])
    assert link.is_symlink()
    assert "9.77e-4" in note.read_text()


def test_the_target_of_a_link_decides_whether_it_is_html(shelf, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f"`{mark()}`")
    (tmp_path / "link.md").symlink_to(page)
    fill(shelf, [str(tmp_path / "link.md")])
    assert "9.77e-4" in page.read_text()


def test_a_hard_link_is_said(shelf, note, tmp_path):
    os.link(note, tmp_path / "other.md")
    (report,) = fill(shelf, [str(note)])
    assert any("hard links" in line for line in report.notes)


def test_mode_bits_are_kept(shelf, note):
    note.chmod(0o754)
    fill(shelf, [str(note)])
    assert stat.S_IMODE(note.stat().st_mode) == 0o754


def test_a_read_only_file_is_refused_even_for_root(shelf, note):
    note.chmod(0o444)
    before = note.read_bytes()
    with pytest.raises(OutputError, match="read-only"):
        fill(shelf, [str(note)])
    assert note.read_bytes() == before
    assert [path.name for path in note.parent.iterdir()] == ["note.md"]


def test_folders_pipes_and_missing_files_are_one_sentence(shelf, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in (
        tmp_path,
        tmp_path / "pipe",
        tmp_path / "none.md",
        tmp_path / "*.rst",
        "a\x00b",
        "/dev/null",
    ):
        with pytest.raises(UsageError) as caught:
            fill(shelf, [str(name)])
        assert "\n" not in str(caught.value)


def test_a_huge_file_is_refused_before_it_is_read(shelf, tmp_path):
    path = tmp_path / "n.md"
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(UsageError, match="1073741824 bytes"):
        fill(shelf, [str(path)])


def test_the_same_file_by_two_names_is_filled_once(shelf, note, tmp_path):
    (tmp_path / "link.md").symlink_to(note)
    reports = fill(shelf, [str(note), str(tmp_path / "link.md"), f"{tmp_path}/./note.md"])
    assert len(reports) == 1


def test_a_pattern_that_the_shell_left_alone_is_expanded(shelf, note, tmp_path):
    assert len(fill(shelf, [str(tmp_path / "*.md")])) == 1


def test_a_number_of_a_users_file_and_a_replaced_one_are_said(tmp_path):
    from gradchain.registry import write

    number = Number(
        key="a.old", kind="exact", statement="S.", value="1", exact="1", check=Check("equality"),
        how=How.of("gradchain.x"), superseded_by="a.young",
    )  # fmt: skip
    young = Number(**{**vars(number), "key": "a.young", "superseded_by": None})
    path = write(tmp_path / "mine.json", [number, young])
    page = tmp_path / "n.md"
    page.write_text(mark(key="a.old"))
    (report,) = fill(Shelf.open(path), [str(page)])
    assert any("replaced by a.young" in note for note in report.notes)
    assert any(str(path) in note for note in report.notes)
    assert shown(number) in page.read_text()


def test_a_report_counts_names_and_quotes(shelf, tmp_path):
    path = tmp_path / "n.md"
    long = "y" * 60
    path.write_text(f"{mark('x')}\n{mark(long)}\n{mark('z' * 61)}\n`{mark()}`\n")
    (report,) = fill(shelf, [str(path)], dry_run=True)
    assert report_lines(report, True) == [
        f"{path}: 3 numbers, would change 3",
        f"  line 1: {KEY}: 'x' -> '9.77e-4'",
        f"  line 2: {KEY}: '{long}' -> '9.77e-4'",
        f"  line 3: {KEY}: '{'z' * 57}...' -> '9.77e-4'",
        "  line 4: a mark inside code, left alone",
    ]
    path.write_text(mark("x"))
    (report,) = fill(shelf, [str(path)])
    assert report_lines(report, False)[0] == f"{path}: 1 number, changed 1"
    (report,) = fill(shelf, [str(path)])
    assert report_lines(report, False) == [f"{path}: 1 number, up to date"]
    assert report.marks == 1


def test_a_file_of_one_name_says_nothing_about_hard_links(shelf, note, tmp_path):
    (report,) = fill(shelf, [str(note)], dry_run=True)
    assert report.notes == ()
    os.link(note, tmp_path / "other.md")
    (report,) = fill(shelf, [str(note)], dry_run=True)
    assert report.notes == ("has 2 hard links; the other names keep the old text",)


def test_the_line_of_bytes_that_are_no_utf8_is_counted_from_the_start(shelf, tmp_path):
    path = tmp_path / "n.md"
    path.write_bytes(b"a\nb\nc caf\xe9\nd\n")
    with pytest.raises(
        RegistryError, match=r"line 3: not UTF-8 \(it looks like cp1252\); save it as"
    ):
        fill(shelf, [str(path)])


def test_marks_and_keys_that_are_wrong_are_told_one_a_line_and_nothing_is_written(shelf, tmp_path):
    path = tmp_path / "n.md"
    path.write_text(f"{mark(key='no.such')}\n{mark(key='zz.zz')}\n")
    with pytest.raises(UnknownKeyError) as caught:
        fill(shelf, [str(path)])
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines[:-1]] == [f"{path}, line {n}" for n in (1, 2)]
    assert lines[-1] == "nothing was written"
    path.write_text(f"{CLOSE}\n{mark(key='no.such')}\n")
    with pytest.raises(UsageError) as caught:
        fill(shelf, [str(path)])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{path}, line 1: ")
    assert lines[1].startswith(f"{path}, line 2: unknown key")
    assert lines[-1] == "nothing was written"
