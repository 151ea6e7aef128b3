"""Every example that a reader sees is run: docstrings, README, and the other pages with code."""

import doctest
import importlib
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
BIN = pathlib.Path(sys.executable).parent
MODULES = sorted(
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")
    for path in SRC.rglob("*.py")
    if path.name != "__main__.py"
)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("proofs/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_show_what_happens(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def blocks(language):
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, match in enumerate(
            re.finditer(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
        ):
            yield pytest.param(match.group(1), id=f"{page.name}-{number}")


@pytest.mark.parametrize("code", [*blocks("python")])
def test_python_blocks_of_the_pages_run(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "page", "exec"), {"__name__": "page"})


@pytest.mark.parametrize("code", [*blocks("console")])
def test_commands_of_the_pages_print_what_the_pages_show(code, tmp_path):
    """A console block holds `$ command` lines, each followed by what it prints, `...` for anything."""
    env = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "100",
    }
    for part in re.split(r"^\$ ", code, flags=re.M)[1:]:
        command, _, expected = part.partition("\n")
        done = subprocess.run(
            command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        pattern = ".*".join(re.escape(piece) for piece in expected.strip().split("..."))
        assert re.fullmatch(pattern, done.stdout.strip(), re.S), done.stdout


def test_every_page_of_the_house_exists():
    for name in ("README", "CONTRIBUTING", "CHANGELOG", "NUMBERS"):
        assert (ROOT / f"{name}.md").stat().st_size > 500, name
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
    assert "cff-version" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md"])
def test_every_number_between_marks_is_that_of_the_registry(page):
    done = subprocess.run(
        [BIN / "gradchain", "fill", "--dry-run", ROOT / page],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "changed 0" in done.stdout or "->" not in done.stdout, done.stdout


def test_the_picture_of_the_readme_says_in_words_what_the_data_say():
    alt = (ROOT / "docs" / "jacobian_chain.alt.txt").read_text(encoding="utf-8").strip()
    shown = re.search(
        r"!\[(.*)\]\(docs/jacobian_chain.png\)", (ROOT / "README.md").read_text("utf-8")
    )
    assert shown.group(1).replace("\\[", "[").replace("\\]", "]") == alt


def test_every_row_of_figures_in_the_readme_stands_in_the_pages_of_the_benchmarks():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## How fast, and how hard to break")[1].split("\n## ")[0]
    quoted = [line for line in section.splitlines() if re.match(r"\| .*[0-9]", line)]
    pages = [(ROOT / "benchmarks" / f"{name}.md").read_text(encoding="utf-8")
             for name in ("RESULTS", "ROBUSTNESS", "MUTANTS")]  # fmt: skip
    known = {line for page in pages for line in page.splitlines()}
    assert len(quoted) >= 12
    assert [line for line in quoted if line not in known] == []
    kills = "100 of 100 ended with the same bytes in every file"
    assert kills in section
    assert kills in pages[1]
