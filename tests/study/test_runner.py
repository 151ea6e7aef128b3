"""A study that is stopped loses nothing, and results of different settings never meet."""

import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradchain._errors import OutputError, RegistryError, UsageError
from gradchain.study import Estimate, FigureFailed, Stopped, run, state_of, status
from gradchain.study.runner import default_out

DATA = Path(__file__).parent / "data"
TOY = DATA / "toy_study.py"


def load():
    """Load the toy study anew."""
    spec = importlib.util.spec_from_file_location("toy_study", TOY)
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_study"] = module
    spec.loader.exec_module(module)
    return module.STUDY


@pytest.fixture
def study():
    return load()


@pytest.fixture
def said():
    return []


@pytest.fixture
def go(study, said, tmp_path):
    def call(**changes):
        return run(study, **{"out": tmp_path / "out", "say": said.append} | changes)

    return call


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def toy(*words, env=None, cwd=None):
    return subprocess.run(
        [sys.executable, str(TOY), *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        timeout=60,
        check=False,
    )


def test_killed_at_any_write_it_goes_on_to_the_same_bytes(tmp_path):
    ended = subprocess.run(
        [sys.executable, str(DATA / "kill_everywhere.py"), str(TOY), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # settings, two cells, two tables, four files of a figure, summary, provenance, numbers
    assert int(ended.stdout.split()[-1]) >= 12


def test_a_finished_run_is_recognised_without_jax_numpy_or_matplotlib(tmp_path):
    assert toy("--out", str(tmp_path)).returncode == 0
    code = (
        f"import runpy, sys; sys.argv = ['toy', '--out', {str(tmp_path)!r}]\n"
        f"try: runpy.run_path({str(TOY)!r}, run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(sorted({'jax', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "up to date" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_second_run_changes_nothing(go, tmp_path, said):
    assert go() is True
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert go() is False
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times
    assert "up to date" in said[-1]


def test_the_lock_of_a_run_killed_after_its_last_file_does_not_stay(go, tmp_path, said):
    go()
    whole = content(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock = tmp_path / "out/.toy.lock"
    lock.write_text(json.dumps({"pid": dead.pid, "boot": "", "host": platform.node()}))
    assert go() is False
    assert content(tmp_path) == whole
    assert "up to date" in said[-1]
    lock.write_text(json.dumps({"pid": 1, "boot": "x", "host": "another machine"}))
    assert go() is False
    assert lock.exists()


def test_a_stopped_run_keeps_its_cells_and_does_not_compute_them_twice(
    go, tmp_path, monkeypatch, said
):
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    monkeypatch.setenv("TOY_STOP", "c0.5")
    with pytest.raises(Stopped, match=r"1 of 2 cells kept; the same command continues") as caught:
        go()
    assert caught.value.exit_code == 130
    monkeypatch.delenv("TOY_STOP")
    go()
    assert log.read_text().split() == ["c0.25", "c0.5", "c0.5"]
    assert any("1 kept, 1 to compute" in text for text in said)


@pytest.mark.parametrize("kind", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_polite_signal_ends_with_130_and_one_sentence(tmp_path, kind):
    code = (
        f"import os, signal, runpy, sys; sys.argv = ['toy', '--out', {str(tmp_path)!r}]\n"
        "import numpy as np\nreal = np.savez\n"
        f"np.savez = lambda *a, **k: os.kill(os.getpid(), signal.{kind})\n"
        f"runpy.run_path({str(TOY)!r}, run_name='__main__')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 130
    assert ended.stderr.strip().endswith("the same command continues")
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / ".toy.lock").exists()
    assert signal.Signals[kind]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
    ],
    ids=["empty", "truncated", "one bit flipped"],
)
def test_a_damaged_cell_is_computed_again_and_said(go, tmp_path, said, damage):
    go()
    whole = content(tmp_path)
    cell = sorted((tmp_path / "out/toy/cells").iterdir())[0]
    cell.write_bytes(damage(cell.read_bytes()))
    (tmp_path / "out/toy/numbers.json").unlink()
    go()
    assert content(tmp_path) == whole
    assert any("is damaged" in text and "computing it again" in text for text in said)


def test_a_cell_of_another_run_is_not_taken(go, tmp_path, said):
    go()
    first, second = sorted((tmp_path / "out/toy/cells").iterdir())
    first.write_bytes(second.read_bytes())
    (tmp_path / "out/toy/numbers.json").unlink()
    whole = content(tmp_path / "out/toy/cells")
    go()
    assert any("from another run" in text for text in said)
    assert content(tmp_path / "out/toy/cells") != whole


def test_a_changed_output_file_is_written_again(go, tmp_path):
    go()
    whole = content(tmp_path)
    (tmp_path / "out/toy/left.csv").write_text("made up\n")
    assert state_of(tmp_path / "out/toy") == "damaged"
    assert go() is True
    assert content(tmp_path) == whole


def test_other_settings_are_named_and_never_mixed(go, tmp_path):
    go()
    whole = content(tmp_path)
    with pytest.raises(UsageError, match=r"scale lecture there, smoke here; depth 3 there, 2 here"):
        go(scale="smoke")
    with pytest.raises(UsageError, match=r"seed 0 there, 7 here"):
        go(seed=7)
    with pytest.raises(UsageError, match=r"factors \['0.25', '0.5'\] there"):
        go(changes={"factors": ("0.5",)})
    assert content(tmp_path) == whole


def test_another_version_of_jax_is_named(go, monkeypatch):
    go()
    monkeypatch.setattr("gradchain.study.identity.installed", lambda package: "99.0")
    with pytest.raises(UsageError, match=r"jax version .* there, 99\.0 here"):
        go()


def test_fresh_moves_older_results_aside_and_loses_nothing(go, tmp_path, said):
    go()
    old = content(tmp_path / "out/toy")
    (tmp_path / "out/toy/my notes.txt").write_text("mine")
    go(seed=7, fresh=True)
    aside = content(tmp_path / "out/aside/toy-1")
    assert aside == old | {"my notes.txt": b"mine"}
    assert any("moved to" in text for text in said)
    go(seed=8, fresh=True)
    assert (tmp_path / "out/aside/toy-2").is_dir()


def test_a_changed_program_computes_again_in_the_same_folder(study, go, tmp_path, monkeypatch):
    go()
    monkeypatch.setattr("gradchain.study.identity.source_hash", lambda script, skip=(): "0" * 64)
    assert status(study, tmp_path / "out") == "stale"
    assert go() is True
    assert status(study, tmp_path / "out") == "current"


def test_a_file_that_is_not_made_any_more_goes_unless_somebody_changed_it(
    study, tmp_path, monkeypatch
):
    run(study, out=tmp_path, say=lambda text: None)
    monkeypatch.setattr("gradchain.study.identity.source_hash", lambda script, skip=(): "1" * 64)

    def fewer(config, results):
        summary = study.summarize(config, results)
        return replace(summary, tables=[], figures=[])

    (tmp_path / "toy/left.csv").write_text("my own edit\n")
    run(replace(study, summarize=fewer), out=tmp_path, say=lambda text: None)
    left = {path.name for path in (tmp_path / "toy").iterdir()}
    assert "data.csv" not in left
    assert "fall.svg" not in left
    assert "left.csv" in left


def test_a_folder_with_files_of_others_is_refused_and_untouched(go, tmp_path):
    folder = tmp_path / "out/toy"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(OutputError, match=r"thesis\.tex.*nothing was touched"):
        go()
    with pytest.raises(OutputError, match=r"thesis\.tex"):
        go(fresh=True)
    assert content(tmp_path) == {"out/toy/thesis.tex": b"precious"}


def test_folders_that_cannot_be_used_are_refused_before_computing(go, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    (tmp_path / "file").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/toy").symlink_to(tmp_path / "elsewhere")
    for out, words in [
        (tmp_path / "file", "is a file; expected a folder"),
        (
            tmp_path / "file/below",
            "cannot make the folder|is a file|cannot be used|Not a directory",
        ),
        (Path("/"), "is not a folder for results"),
        (Path.home(), "is not a folder for results"),
        (tmp_path / "a\nb", "does not print"),
        (tmp_path / ("n" * 300), "File name too long"),
        (tmp_path / "linked", "is a symbolic link to"),
        (Path("/proc/nowhere"), "cannot make the folder"),
    ]:
        with pytest.raises(OutputError, match=words) as caught:
            go(out=out)
        assert caught.value.exit_code == 1
    assert not log.exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_full_disk_is_said_before_computing(go, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match=r"only 0 MB free"):
        go()
    assert not (tmp_path / "out/toy/cells").exists()


def test_a_full_disk_while_writing_keeps_what_was_there(go, tmp_path, monkeypatch):
    go()
    whole = content(tmp_path)
    real = os.fsync

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        go(scale="lecture", fresh=False, changes={}, seed=0, out=tmp_path / "out2")
    monkeypatch.setattr(os, "fsync", real)
    assert {name: data for name, data in content(tmp_path).items() if name in whole} == whole


@pytest.mark.parametrize("seed", [-1, 2**32, 2**64, True])
def test_impossible_seeds_are_refused(go, seed, tmp_path):
    with pytest.raises(UsageError, match=r"expected a whole number from 0 to 4294967295"):
        go(seed=seed)
    assert not (tmp_path / "out").exists()


def test_settings_beyond_the_memory_are_refused_with_an_estimate(study, tmp_path):
    huge = replace(study, estimate=lambda config: Estimate(seconds=1e9, memory=1e18))
    with pytest.raises(UsageError, match=r"GB of memory and \d+ minutes"):
        run(huge, out=tmp_path)


def test_a_figure_that_fails_leaves_the_numbers_and_is_tried_again(
    study, go, tmp_path, monkeypatch, said
):
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    monkeypatch.setenv("TOY_FIGURE", "broken")
    with pytest.raises(
        FigureFailed, match=r"figure fall could not be drawn \(RuntimeError: no"
    ) as e:
        go()
    assert e.value.exit_code == 1
    folder = tmp_path / "out/toy"
    assert json.loads((folder / "numbers.json").read_text())["numbers"]
    assert status(study, tmp_path / "out") == "unfinished"
    monkeypatch.delenv("TOY_FIGURE")
    assert go() is True
    assert (folder / "fall.svg").exists()
    assert log.read_text().split() == ["c0.25", "c0.5"]


def test_an_error_in_a_cell_names_the_cell_and_keeps_the_others(go, monkeypatch, tmp_path):
    monkeypatch.setenv("TOY_FAIL", "c0.5")
    with pytest.raises(UsageError, match=r"toy: cell c0\.5: this cell cannot be computed"):
        go()
    assert len(list((tmp_path / "out/toy/cells").iterdir())) == 1


def test_running_out_of_memory_is_one_sentence(study, tmp_path):
    def greedy(cell):
        raise MemoryError

    with pytest.raises(OutputError, match=r"does not fit in memory.*cells that are done are kept"):
        run(replace(study, compute=greedy), out=tmp_path, say=lambda text: None)


def test_damaged_settings_are_said_and_fresh_moves_them_aside(go, tmp_path):
    go()
    settings = tmp_path / "out/toy/settings.json"
    settings.write_bytes(settings.read_bytes()[:20])
    (tmp_path / "out/toy/numbers.json").unlink()
    with pytest.raises(RegistryError, match=r"settings\.json"):
        go()
    assert go(fresh=True) is True


def test_files_of_others_in_a_finished_folder_stay(go, tmp_path):
    go()
    note = tmp_path / "out/toy/note.txt"
    note.write_text("mine")
    (tmp_path / "out/toy/numbers.json").unlink()
    go()
    assert note.read_text() == "mine"


def test_leftovers_of_a_killed_run_are_removed_but_nothing_else(go, tmp_path):
    go()
    cells = tmp_path / "out/toy/cells"
    (cells / ".gradchain-tmp-123-abc").write_bytes(b"half")
    (cells / ".mine").write_bytes(b"whole")
    (tmp_path / "out/toy/numbers.json").unlink()
    go()
    assert not (cells / ".gradchain-tmp-123-abc").exists()
    assert (cells / ".mine").exists()


def test_scales_never_share_a_default_folder():
    assert len({default_out(scale) for scale in ("smoke", "lecture", "paper")}) == 3


def test_two_cells_of_one_name_are_refused(study, tmp_path):
    twice = replace(study, cells=lambda config: [*study.cells(config), *study.cells(config)])
    with pytest.raises(UsageError, match=r"4 cells, 2 names"):
        run(twice, out=tmp_path)
