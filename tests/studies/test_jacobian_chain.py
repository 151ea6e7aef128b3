"""The Jacobian chain study at smoke scale: what it draws, says and records belongs together."""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from gradchain.experiments.chains import drawn_network
from gradchain.measured.jacobian import jacobian_chain
from gradchain.registry import read
from gradchain.study import UsageError, keys_in, run
from gradchain.study.files import read_json

SCRIPT = Path(__file__).parents[2] / "studies" / "jacobian_chain.py"


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("study_jacobian_chain", SCRIPT)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def folder(module, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    # Few small networks: the widths, depths and words are what is tested, not the precision.
    changes = {"widths": (8,), "depth": 12, "seeds": 8}
    run(module.STUDY, scale="smoke", out=out, changes=changes, say=lambda text: None)
    return out / "jacobian_chain"


def test_every_law_activation_width_and_depth_is_in_the_table(module, folder):
    with open(folder / "chains.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {(r["activation"], r["initializer"], r["width"], r["n"]) for r in rows}
    assert len(kinds) == len(rows) == 5 * 5 * 7
    assert {r["n"] for r in rows} == {"1", "2", "3", "5", "7", "10", "12"}
    for row in rows:
        assert float(row["low"]) <= float(row["median"]) <= float(row["high"])


def test_the_recorded_median_is_that_of_networks_followed_one_by_one(folder):
    number = read(folder / "numbers.json")["chain.sigmoid.glorotuniform.width8.depth12.norm.median"]
    logs = []
    for draw in range(8):
        network, x = drawn_network("sigmoid", "glorot_uniform", 8, 12, seed=0, draw=draw)
        logs.append(float(jacobian_chain(network, x, norm="spectral").log_norms[0]))
    allowed = 2 * 4 * 12 * 8 * np.finfo(np.float32).eps
    # The record has six digits.
    assert abs(np.log(float(number.rational)) - np.median(logs)) <= allowed + 1e-5


def test_every_number_is_said_shown_or_drawn_from_and_every_word_has_its_number(folder):
    summary = read_json(folder / "summary.json")
    numbers = read(folder / "numbers.json")
    said = {key for sentence in summary["seen"] for key in keys_in(sentence)}
    assert said <= set(numbers)
    assert len(said) >= 12
    assert len(summary["seen"]) == 8
    assert len(summary["figures"]) == 5
    for figure in summary["figures"]:
        assert all(
            (folder / name).stat().st_size > 1000 for name in figure["files"] if name[-3:] != "txt"
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": ()},
        {"widths": (10, 10)},
        {"widths": (1,)},
        {"widths": (10**6,)},
        {"depth": 10},
        {"depth": 10**6},
        {"seeds": 5},
        {"seeds": 10**7},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
