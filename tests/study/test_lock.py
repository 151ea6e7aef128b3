"""Two runs never write into one folder, and a dead run never blocks a living one."""

import json
import os
import subprocess
import sys

import pytest

from gradchain._errors import OutputError
from gradchain.study import lock

HOLD = """
import sys, time
from pathlib import Path
from gradchain.study.lock import hold
with hold(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".toy.lock"


@pytest.fixture
def said():
    return []


def write(path, **changes):
    mine = {"pid": 2**30, "boot": lock._boot_id(), "host": os.uname().nodename}
    path.write_text(json.dumps(mine | changes))


def test_a_second_run_is_told_who_holds_the_lock(path, said):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        words = rf"process {other.pid} on .* is running this study"
        with pytest.raises(OutputError, match=words), lock.hold(path, said.append):
            pass
        other.stdin.write("\n")
        other.stdin.close()
        other.wait(timeout=20)
    with lock.hold(path, said.append):
        assert path.exists()
    assert not path.exists()
    assert said == []


def test_the_lock_of_a_killed_run_is_taken_over_and_said(path, said):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        other.kill()
    assert path.exists()
    with lock.hold(path, said.append):
        pass
    assert said == [f"took over the lock of a run that ended early (process {other.pid})"]


def test_a_lock_from_before_a_restart_is_taken_over(path, said):
    write(path, pid=os.getpid(), boot="another boot")
    with lock.hold(path, said.append):
        pass
    assert len(said) == 1


def test_a_lock_of_another_machine_is_respected(path, said):
    write(path, boot="another boot", host="another-machine")
    words = r"on another-machine .* delete \.toy\.lock"
    with pytest.raises(OutputError, match=words), lock.hold(path, said.append):
        pass
    assert path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00" * 50])
def test_a_lock_that_says_nothing_is_taken_over(path, said, text):
    path.write_text(text)
    with lock.hold(path, said.append):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_without_kernel_locks_the_text_decides(path, said, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    write(path, pid=os.getppid())
    words = rf"process {os.getppid()} "
    with pytest.raises(OutputError, match=words), lock.hold(path, said.append):
        pass
    write(path)
    with lock.hold(path, said.append):
        pass
    assert len(said) == 1


def test_the_lock_is_released_when_the_work_fails(path, said):
    with pytest.raises(ZeroDivisionError), lock.hold(path, said.append):
        raise ZeroDivisionError
    assert not path.exists()
