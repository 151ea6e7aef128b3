"""The rules of the house, checked by tools: floors, style, types, forbidden words."""

import ast
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "gradchain"
BIN = pathlib.Path(sys.executable).parent
MODULES = sorted(SRC.rglob("*.py"))


def run(*command):
    env = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--no-cache", "--check", "."),
        ("lint-imports", "--no-cache"),
        ("pyright",),
    ],
    ids=lambda c: "-".join(c[:2]),
)
def test_the_tool_has_nothing_to_say(command):
    code, said = run(str(BIN / command[0]), *command[1:])
    assert code == 0, said[-4000:]


def test_no_module_but_the_root_imports_the_package_by_its_bare_name_or_by_text():
    # A bare `import gradchain` would reach every floor through the lazy root, unseen by the linter.
    for path in MODULES:
        if path == SRC / "__init__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
                assert not names & {"gradchain", "importlib"}, path
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] != "importlib" or node.module in {
                    "importlib.resources",
                    "importlib.metadata",
                }, path


def test_no_file_is_longer_than_a_reader_bears():
    for path in [*MODULES, *(ROOT / "studies").glob("*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def tracked_text():
    # Environments lie beside the sources (.venv, .venv-peers, ...); 1e5 files are not walked through.
    skip = {
        ".git",
        "results",
        "mutants",
        "dist",
        "__pycache__",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
    }
    for folder, inside, files in os.walk(ROOT):
        inside[:] = [d for d in inside if d not in skip and not d.startswith(".venv")]
        for path in (pathlib.Path(folder, name) for name in files):
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_nothing_records_a_download_address_or_a_machines_path():
    # The patterns are put together here so that this file does not match itself.
    index = re.compile(
        "|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "/wo" + "rk/", "/ro" + "ot/"])
    )
    for path, text in tracked_text():
        assert not index.search(text), path


def test_no_source_is_left_unfinished():
    marks = re.compile("TO" + "DO|FIX" + "ME|XX" + "X|NotImplemented" + "Error")
    for path, text in tracked_text():
        if path.suffix == ".py":
            assert not marks.search(text), path


def test_nothing_is_skipped():
    mark = re.compile(r"pytest\.(mark\.)?(sk" + r"ip|xf" + r"ail)|import" + "orskip")
    for path in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "peers").rglob("*.py")]:
        assert not mark.search(path.read_text(encoding="utf-8")), path
