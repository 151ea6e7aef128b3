"""The report opens from disk, loads and runs nothing, and its numbers are the registry's."""

import base64
import json
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from gradchain.registry import read, shown
from gradchain.report import Expected, build
from gradchain.report import html as module

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Collects tags, attributes, text, and the text of every element with a data-key."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.cited, self.text, self.ids = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag not in VOID:
            self.open.append((tag, attrs))
        if "data-key" in attrs:
            self.cited.append([attrs["data-key"], ""])

    def handle_endtag(self, tag):
        assert self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1]}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)
        if any("data-key" in attrs for _, attrs in self.open):
            self.cited[-1][1] += data


def parsed(results, expected=()):
    return Page(build(results, expected).html.read_text(encoding="utf-8"))


def plain(html):
    return "".join(Page(html).text)


@pytest.fixture
def page(results):
    return parsed(results)


def test_every_tag_is_closed_and_every_id_is_there_once(page):
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links
    assert all(link.startswith("#") and link[1:] in page.ids for link in links)


def test_nothing_is_loaded_and_nothing_runs(page):
    for tag, attrs in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form", "svg"}
        for name, value in attrs.items():
            assert not name.startswith("on")
            if name in {"src", "srcset", "data", "action", "background", "poster"}:
                assert value.startswith("data:image/")
            assert "javascript:" not in value.lower()
    policies = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_hostile_words_are_shown_and_not_obeyed(page):
    text = "".join(page.text)
    for words in ("A toy </title>", "<img src=x onerror=y>", "<script>alert(1)</script>", "<b>in"):
        assert words in text
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 1
    assert images[0]["alt"].startswith("Line chart of nothing in particular & its <end>")


def test_every_number_in_the_text_is_the_registrys(page, results):
    numbers = read(results / "toy" / "numbers.json")
    assert {key for key, _ in page.cited} == set(numbers)
    for key, text in page.cited:
        assert text == plain(shown(numbers[key], "html"))
    # once in the sentence, in the caption, in the table, and in the list of all numbers
    assert len(page.cited) == 4


def test_every_figure_is_inside_with_its_alt_text(page, results):
    (image,) = [attrs for tag, attrs in page.tags if tag == "img"]
    kind, data = image["src"].split(",", 1)
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data) == (results / "toy" / "fall.svg").read_bytes()
    assert image["alt"] == (results / "toy" / "fall.alt.txt").read_text().strip()


def test_a_report_beyond_its_size_leaves_pictures_out_and_says_where_they_are(results, monkeypatch):
    monkeypatch.setattr(module, "SIZE_LIMIT", 2**20)
    page = parsed(results)
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert "The picture is in toy/" in "".join(page.text)


def test_a_missing_a_stopped_and_a_stale_study_are_said_in_their_places(results):
    expected = [
        Expected("first", "The <first>", "Is it there?", 1),
        Expected("toy", "Toy", "Is it?", 2, "stale"),
    ]
    (results / "second").mkdir()
    (results / "second" / "settings.json").write_text("{}")
    page = parsed(results, expected)
    text = "".join(page.text)
    assert "The <first>" in text
    assert "This study has not been run. Run: python studies/first.py" in text
    assert "made by another version of the program" in text
    assert "This study was stopped before it finished" in text
    assert [i for i in page.ids if i in {"first", "toy", "second"}] == ["first", "toy", "second"]


@pytest.mark.parametrize("name", ["summary.json", "fall.svg", "left.csv", "numbers.json"])
def test_a_changed_file_is_said_and_none_of_it_is_shown(results, name):
    path = results / "toy" / name
    path.write_bytes(path.read_bytes() + b" ")
    page = parsed(results)
    assert "is not what the study wrote" in "".join(page.text)
    assert page.cited == []


def test_a_summary_from_a_stranger_cannot_reach_other_files(results):
    folder = results / "toy"
    summary = json.loads((folder / "summary.json").read_text())
    summary["figures"][0]["name"] = "../secret"
    summary["figures"][0]["files"] = ["../secret.svg"]
    (results / "secret.svg").write_text("<svg>secret</svg>")
    data = json.dumps(summary).encode()
    (folder / "summary.json").write_bytes(data)
    provenance = json.loads((folder / "provenance.json").read_text())
    import hashlib

    provenance["files"]["summary.json"] = hashlib.sha256(data).hexdigest()
    (folder / "provenance.json").write_text(json.dumps(provenance))
    page = parsed(results)
    assert "not a plain file name" in "".join(page.text)
    assert not [tag for tag, _ in page.tags if tag == "img"]


def test_two_studies_with_different_values_of_a_key_are_said(results):
    import shutil

    shutil.copytree(results / "toy", results / "twin")
    folder = results / "twin"
    text = (folder / "numbers.json").read_text().replace('"0.125"', '"0.25"')
    (folder / "numbers.json").write_text(text)
    provenance = json.loads((folder / "provenance.json").read_text())
    import hashlib

    provenance["files"]["numbers.json"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "provenance.json").write_text(json.dumps(provenance))
    words = "".join(parsed(results).text)
    assert "Two studies hold different values of: toy.half.n3." in words


def test_reading_and_reporting_import_no_jax_and_no_numpy(results):
    code = (
        "import sys; from pathlib import Path; from gradchain.report import build\n"
        f"build(Path({str(results)!r}))\n"
        "print(sorted({'jax', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
