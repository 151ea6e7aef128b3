"""Several processes compute one study: the same bytes, and a plain sentence for a wrong flag."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.study.distributed import Processes, parse

SCRIPT = """
from dataclasses import dataclass
from gradchain.study import Cell, Study, Summary, main

@dataclass(frozen=True)
class Config:
    depth: int = 2

def cells(config):
    return [Cell(f"d{d}", {"depth": d}) for d in (1, config.depth)]

def compute(cell):
    from gradchain.experiments import lab
    found = lab.run(lab.Setting(depth=cell["depth"], epochs=2), 70, cell.seed)
    return {"loss": found.loss, "gradients": found.log_gradient_norms}

def summarize(config, results):
    return Summary(seen=["It was computed."])

SCALES = {name: Config() for name in ("smoke", "lecture", "paper")}
STUDY = Study("pair", "A pair", "Do two processes agree?", SCALES, cells, compute, summarize)
if __name__ == "__main__":
    main(STUDY)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("pair") / "pair.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def started(script, out, *flags):
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "1"}
    return subprocess.Popen(
        [sys.executable, str(script), "--out", str(out), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def kept(out):
    """The arrays of all cells, as bytes."""
    found = set()
    for path in (out / "pair" / "cells").iterdir():
        with np.load(path) as file:
            names = [name for name in file.files if not name.startswith("__")]
            found.add(tuple((name, file[name].tobytes()) for name in sorted(names)))
    return found


def test_two_processes_on_loopback_give_the_bytes_of_one(script, tmp_path):
    alone = started(script, tmp_path / "one")
    _, complaint = alone.communicate(timeout=300)
    assert alone.returncode == 0, complaint
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    both = [
        started(script, tmp_path / "two", "--processes", f"{address},2,{number}")
        for number in (0, 1)
    ]
    for process in both:
        _, complaint = process.communicate(timeout=300)
        assert process.returncode == 0, complaint
    assert kept(tmp_path / "two") == kept(tmp_path / "one")


@pytest.mark.parametrize(
    "text", ["", "host,2,0", "host:1,2,2", "host:99999,2,0", "host:1,0,0", "host:1,2,-1", "a:1,b,0"]
)
def test_a_wrong_flag_is_one_sentence(text):
    with pytest.raises(UsageError, match="HOST:PORT,COUNT,NUMBER"):
        parse(text)


def test_number_zero_writes():
    assert parse("localhost:80, 3, 0") == Processes("localhost:80", 3, 0)
    assert not parse("localhost:80,3,2").writes
