"""The command line says one clear sentence and gives the right exit code."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from gradchain._errors import DriftError, OutputError, RegistryError, UsageError
from gradchain.study import guarded, main

TOY = Path(__file__).parent / "data" / "toy_study.py"


@pytest.fixture
def study():
    spec = importlib.util.spec_from_file_location("toy_study", TOY)
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_study"] = module
    spec.loader.exec_module(module)
    return module.STUDY


def call(study, *words):
    with pytest.raises(SystemExit) as ended:
        main(study, list(words))
    return ended.value.code


def test_a_run_its_repetition_and_its_refusals(study, tmp_path, capsys):
    out = ("--out", str(tmp_path / "out"))
    assert call(study, *out) == 0
    assert call(study, *out) == 0
    assert "up to date" in capsys.readouterr().out
    assert call(study, *out, "--depth", "5") == 2
    assert "depth 3 there, 5 here" in capsys.readouterr().err
    assert call(study, *out, "--depth", "5", "--factors", "0.5", "0.75", "--fresh") == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--seed", "-1"),
        ("--seed", "18446744073709551616"),
        ("--seed", "abc"),
        ("--scale", "huge"),
        ("--depth", "0"),
        ("--depth", "1000000000"),
        ("--depht", "3"),
        ("stray",),
    ],
)
def test_impossible_words_end_with_2_and_write_nothing(study, tmp_path, capsys, words):
    assert call(study, "--out", str(tmp_path / "out"), *words) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err + printed.out
    assert not (tmp_path / "out").exists()


def test_help_names_every_knob_with_its_usual_value(study, capsys):
    assert call(study, "--help") == 0
    printed = capsys.readouterr().out
    for word in ("--scale", "--out", "--seed", "--fresh", "--depth", "--factors", "lecture: 3"):
        assert word in printed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("u"), 2),
        (RegistryError("r"), 3),
        (DriftError("d"), 4),
        (OutputError("o"), 1),
        (OSError(28, "No space left on device", "f"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_one_sentence_and_their_exit_code(capsys, error, code):
    def work(say):
        raise error

    assert guarded(work) == code
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_reader_who_leaves_does_not_stop_the_study(tmp_path):
    ended = subprocess.run(
        f"{sys.executable} {TOY} --out '{tmp_path}' | head -0",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "toy" / "numbers.json").exists()


def test_a_poor_locale_and_no_home_are_enough(tmp_path):
    ended = subprocess.run(
        [sys.executable, str(TOY), "--out", str(tmp_path / "r\u00e9sultats \u09ac")],
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "HOME": "/none"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
