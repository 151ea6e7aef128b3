"""Replacing a person's files: the old one or the new one, never half, never someone else's edit."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradchain._errors import OutputError
from gradchain.registry import replacing
from gradchain.registry.replacing import read_source, write_all


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_editors_change_is_never_overwritten(tmp_path):
    path = tmp_path / "n.md"
    path.write_text("old")
    source = read_source(str(path))
    path.write_text("edited")
    with pytest.raises(OutputError, match="changed while this ran"):
        write_all([(source, b"new")])
    assert path.read_text() == "edited"
    assert _names(tmp_path) == ["n.md"]


def test_an_edit_with_the_same_size_and_time_is_noticed(tmp_path):
    path = tmp_path / "n.md"
    path.write_text("old")
    source = read_source(str(path))
    path.write_text("eld")
    os.utime(path, ns=(source.status.st_atime_ns, source.status.st_mtime_ns))
    with pytest.raises(OutputError):
        write_all([(source, b"new")])
    assert path.read_text() == "eld"


def test_a_failure_at_the_second_file_leaves_the_first_untouched(tmp_path):
    first, second = tmp_path / "a.md", tmp_path / "b.md"
    for path in (first, second):
        path.write_text("old")
    second.chmod(0o400)
    with pytest.raises(OutputError):
        write_all([(read_source(str(path)), b"new") for path in (first, second)])
    assert first.read_text() == second.read_text() == "old"
    assert _names(tmp_path) == ["a.md", "b.md"]


def test_a_full_disk_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "n.md"
    path.write_text("old")
    source = read_source(str(path))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replacing.os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_all([(source, b"new")])
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["n.md"]


KILLED = """
import os, signal, sys
from gradchain.registry import replacing
replacing.os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
replacing.write_all([(replacing.read_source(sys.argv[1]), b"new")])
"""


def test_killed_before_the_rename_the_old_file_stands_and_the_next_run_cleans_up(tmp_path):
    path = tmp_path / "n.md"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(_names(tmp_path)) == 2
    write_all([(read_source(str(path)), b"new")])
    assert path.read_text() == "new"
    assert _names(tmp_path) == ["n.md"]


def test_the_temporary_file_of_a_run_that_is_still_alive_is_left_alone(tmp_path):
    path = tmp_path / "n.md"
    path.write_text("old")
    source = read_source(str(path))
    mine = Path(replacing._beside(source, b"half"))
    alive = mine.with_name(mine.name.rsplit("-", 1)[0] + f"-{os.getppid()}")
    mine.rename(alive)
    write_all([(source, b"new")])
    assert path.read_text() == "new"
    assert alive.exists()


def test_a_file_of_another_owner_keeps_its_owner_or_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / "n.md"
    path.write_text("old")
    source = read_source(str(path))
    fields = list(source.status)
    fields[4:6] = [12_345, 54_321]
    source = replace(source, status=os.stat_result(fields))
    asked = []
    monkeypatch.setattr(replacing, "_refuse_changed", lambda source: None)
    monkeypatch.setattr("os.fchown", lambda handle, *owner: asked.append(owner))
    write_all([(source, b"new")])
    assert (asked, path.read_bytes()) == ([(12_345, 54_321)], b"new")

    def refuse(handle, *owner):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.fchown", refuse)
    with pytest.raises(OutputError, match="Operation not permitted"):
        write_all([(source, b"newer")])
    assert path.read_bytes() == b"new"
    assert _names(tmp_path) == ["n.md"]
