"""The output layer study at smoke scale: what it draws, says and records belongs together."""

import importlib.util
import sys
from pathlib import Path

import pytest

from gradchain.registry import read
from gradchain.study import UsageError, keys_in, run
from gradchain.study.files import read_json

SCRIPT = Path(__file__).parents[2] / "studies" / "output_layer.py"


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("study_output_layer", SCRIPT)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def folder(module, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    changes = {"seeds": 8, "epochs": 10}
    run(module.STUDY, scale="smoke", out=out, changes=changes, say=lambda text: None)
    return out / "output_layer"


def test_sentences_tables_and_numbers_belong_together(folder):
    summary = read_json(folder / "summary.json")
    numbers = read(folder / "numbers.json")
    said = {key for sentence in summary["seen"] for key in keys_in(sentence)}
    assert said <= set(numbers)
    assert len(summary["figures"]) == 3
    assert {key.split(".")[0] for key in numbers} == {"outputlayer"}
    for number in numbers.values():
        assert number.conditions
        assert number.formula_text
        assert number.formula_latex


def test_a_wrong_start_silences_squared_error_on_a_sigmoid_and_leaves_the_ratio_alone(folder):
    numbers = read(folder / "numbers.json")
    ends = {}
    for head in ("sigmoidce", "sigmoidmse"):
        stem = f"outputlayer.{head}.deep.wrong"
        ends[head] = [numbers[f"{stem}.{what}"].uncertainty for what in ("first", "ratio")]
    # Thousands of times less gradient, while the intervals of the ratio overlap.
    assert float(ends["sigmoidmse"][0].high) < float(ends["sigmoidce"][0].low)
    assert float(ends["sigmoidmse"][1].low) < float(ends["sigmoidce"][1].high)
    assert float(ends["sigmoidce"][1].low) < float(ends["sigmoidmse"][1].high)


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 3},
        {"epochs": 15},
        {"epochs": 0},
        {"heads": ("sigmoid_ce",)},
        {"heads": ("linear_mse", "softmax_ce")},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
