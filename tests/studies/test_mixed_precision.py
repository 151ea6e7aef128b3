"""The mixed precision study at smoke scale: what it draws, says and records belongs together."""

import importlib.util
import sys
from pathlib import Path

import pytest

from gradchain.registry import read
from gradchain.study import UsageError, keys_in, run
from gradchain.study.files import read_json

SCRIPT = Path(__file__).parents[2] / "studies" / "mixed_precision.py"


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("study_mixed_precision", SCRIPT)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def folder(module, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    changes = {"width": 10, "depth": 24, "batch": 4, "seeds": 8}
    run(module.STUDY, scale="smoke", out=out, changes=changes, say=lambda text: None)
    return out / "mixed_precision"


def test_sentences_tables_and_numbers_belong_together(folder):
    summary = read_json(folder / "summary.json")
    numbers = read(folder / "numbers.json")
    said = {key for sentence in summary["seen"] for key in keys_in(sentence)}
    assert said <= set(numbers)
    assert len(summary["figures"]) == 3
    assert {key.split(".")[0] for key in numbers} == {"mixedprecision"}
    for number in numbers.values():
        assert number.conditions
        assert number.formula_text
        assert number.formula_latex


def test_a_network_too_shallow_for_float32_gets_no_count_of_lost_layers(folder):
    numbers = read(folder / "numbers.json")
    assert "mixedprecision.sigmoid.float16.measured.layers" in numbers
    assert "mixedprecision.sigmoid.float32.measured.layers" not in numbers


@pytest.mark.parametrize("changes", [{"width": 1}, {"depth": 5}, {"batch": 0}, {"seeds": 3}])
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
