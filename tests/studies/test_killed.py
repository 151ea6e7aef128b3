"""A training study killed (kill -9) at several points goes on to the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "studies" / "optimizers.py"
PATIENCE = 300  # seconds


def start(out, compiled):
    words = ["--scale", "smoke", "--epochs", "10", "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # One device, as a lecture on one of two cores has it; programs are compiled once.
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(compiled), "JAX_NUM_CPU_DEVICES": "1"},
    )


def finish(out, compiled):
    process = start(out, compiled)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said.decode()
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def killed_when(out, compiled, pattern, count):
    """Start, wait until so many files of a kind are there, kill."""
    process = start(out, compiled)
    end = time.monotonic() + PATIENCE
    while len(list(out.glob(pattern))) < count:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    return process.returncode


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    compiled = tmp_path_factory.mktemp("compiled")
    return finish(tmp_path_factory.mktemp("whole"), compiled), compiled


def test_training_killed_at_several_points_goes_on_to_the_same_bytes(whole, tmp_path):
    expected, compiled = whole
    out = tmp_path / "killed"
    points = [("optimizers/cells/*.npz", 1), ("optimizers/cells/*.npz", 3), ("optimizers/*.svg", 1)]
    for pattern, count in points:
        assert killed_when(out, compiled, pattern, count) == -signal.SIGKILL
        assert not (out / "optimizers" / "numbers.json").exists()
    found = finish(out, compiled)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
