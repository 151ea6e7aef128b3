"""One command runs every study, survives one that fails, and ends with one page."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STUDIES = Path(__file__).parents[2] / "studies"
TOY = Path(__file__).parents[1] / "study" / "data" / "toy_study.py"


@pytest.fixture
def folder(tmp_path):
    """Two toy studies beside a copy of run_all."""
    place = tmp_path / "studies"
    place.mkdir()
    shutil.copy(STUDIES / "run_all.py", place)
    text = TOY.read_text()
    (place / "toy.py").write_text(text)
    (place / "other.py").write_text(
        text.replace('Study("toy"', 'Study("other"').replace("TOY_FAIL", "OTHER_FAIL")
    )
    (place / "helper.py").write_text("raise SystemExit('not a study')\n")
    return place


def call(folder, *words, env=None):
    return subprocess.run(
        [sys.executable, str(folder / "run_all.py"), "--out", str(folder / "out"), *words],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=120,
        check=False,
    )


def test_all_studies_run_once_and_the_page_is_named(folder):
    ended = call(folder)
    assert ended.returncode == 0, ended.stderr
    assert "2 of 2 studies done" in ended.stdout
    assert ended.stdout.splitlines()[-1] == f"open {folder / 'out' / 'report.html'}"
    again = call(folder)
    assert again.stdout.count("up to date") == 2
    assert "to compute" not in again.stdout


def test_one_failing_study_does_not_stop_the_others(folder):
    ended = call(folder, env={"OTHER_FAIL": "c0.5"})
    assert ended.returncode == 1
    assert "other failed with exit code 2" in ended.stdout
    assert (folder / "out" / "toy" / "numbers.json").exists()
    assert "stopped before it finished" in (folder / "out" / "report.html").read_text()
    assert "Traceback" not in ended.stderr


def test_only_named_studies_run_and_a_wrong_name_is_said(folder):
    assert call(folder, "--only", "toy").returncode == 0
    assert not (folder / "out" / "other").exists()
    wrong = call(folder, "--only", "toys")
    assert wrong.returncode == 2
    assert "no study 'toys'; expected among other, toy" in wrong.stderr


def test_a_stop_in_a_study_stops_the_whole(folder):
    ended = call(folder, env={"TOY_STOP": "c0.5"})
    assert ended.returncode == 130
    assert "the same command continues" in ended.stderr


def test_the_seed_reaches_the_studies_and_a_bad_one_is_refused(folder):
    assert call(folder, "--seed", "-3").returncode == 2
    assert not (folder / "out" / "toy").exists()


def test_the_real_studies_are_found_without_importing_jax():
    code = (
        "import sys, importlib.util as u\n"
        f"spec = u.spec_from_file_location('run_all', {str(STUDIES / 'run_all.py')!r})\n"
        "m = u.module_from_spec(spec); spec.loader.exec_module(m)\n"
        "names = [study.name for study in m.find_studies()]\n"
        "print(names, sorted({'jax', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'activation_derivatives', 'whisper_chain'" in ended.stdout
    assert ended.stdout.strip().endswith("[]")
    assert importlib.util.find_spec("gradchain")
