"""Results folders: clocks that lie, archives of strangers, odd paths, chunks that do not fit."""

import importlib.util
import os
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradchain._errors import OutputError, UsageError
from gradchain.experiments import statistics
from gradchain.report import build
from gradchain.study import Cell, run
from gradchain.study.store import cell_path, load_cell, save_cell

TOY = Path(__file__).parents[1] / "study" / "data" / "toy_study.py"


@pytest.fixture
def study():
    spec = importlib.util.spec_from_file_location("toy_study", TOY)
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_study"] = module
    spec.loader.exec_module(module)
    return module.STUDY


@pytest.mark.parametrize("when", [0, 2**31 - 1], ids=["1970", "2038"])
def test_a_clock_set_back_or_forward_computes_nothing_again(study, tmp_path, when):
    assert run(study, out=tmp_path, say=lambda text: None) is True
    for path in tmp_path.rglob("*"):
        os.utime(path, (when, when))
    assert run(study, out=tmp_path, say=lambda text: None) is False


def test_a_changed_file_of_the_same_size_and_time_is_noticed(study, tmp_path):
    run(study, out=tmp_path, say=lambda text: None)
    table = tmp_path / "toy" / "left.csv"
    whole, facts = table.read_bytes(), table.stat()
    table.write_bytes(whole.replace(b"0.125", b"0.126"))
    os.utime(table, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert table.stat().st_size == facts.st_size
    assert run(study, out=tmp_path, say=lambda text: None) is True
    assert table.read_bytes() == whole


def test_a_cell_whose_archive_holds_paths_writes_nothing_and_is_refused(tmp_path):
    save_cell(tmp_path, "mine", {"a": np.ones(2)})
    path = cell_path(tmp_path, "mine")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../evil.npy", b"x" * 100)
    assert isinstance(load_cell(tmp_path, "mine"), str)
    assert not (tmp_path.parent / "evil.npy").exists()


def test_a_cell_that_does_not_fit_in_memory_is_told_the_chunk_to_use(study, tmp_path):
    def greedy(cell):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1e12 bytes")

    one = replace(study, cells=lambda config: [Cell("a", {"chunk": 64})], compute=greedy)
    with pytest.raises(OutputError, match="choose --chunk 32"):
        run(one, out=tmp_path, say=lambda text: None)


def test_the_report_is_written_and_opens_nothing_else_from_an_odd_path(study, tmp_path):
    folder = tmp_path / "mes r\u00e9sultats \u09ac & <b>"
    run(study, out=folder, say=lambda text: None)
    build(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "file:" not in page
    assert str(tmp_path) not in page
    assert page.count("data:image/svg+xml;base64,") == 1


def test_one_diverged_seed_never_becomes_a_silent_nan_in_a_number():
    for values in ([np.nan, -1.0, -2.0], [np.nan] * 3, [np.inf, -1.0, -2.0]):
        for number in (statistics.median, statistics.root_mean):
            with pytest.raises(UsageError, match="expected a finite one"):
                number(values)
