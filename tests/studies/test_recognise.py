"""The recognise study at smoke scale: what it draws, says and records belongs together."""

import importlib.util
import sys
from pathlib import Path

import pytest

from gradchain.registry import read
from gradchain.study import UsageError, keys_in, run
from gradchain.study.files import read_json

SCRIPT = Path(__file__).parents[2] / "studies" / "recognise.py"


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("study_recognise", SCRIPT)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def folder(module, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    changes = {"seeds": 8}
    run(module.STUDY, scale="smoke", out=out, changes=changes, say=lambda text: None)
    return out / "recognise"


def test_sentences_tables_and_numbers_belong_together(folder):
    summary = read_json(folder / "summary.json")
    numbers = read(folder / "numbers.json")
    said = {key for sentence in summary["seen"] for key in keys_in(sentence)}
    assert said <= set(numbers)
    assert len(summary["figures"]) == 2
    assert {key.split(".")[0] for key in numbers} == {"recognise"}
    for number in numbers.values():
        assert number.conditions
        assert number.formula_text
        assert number.formula_latex


def test_a_slow_learner_fools_weight_change_but_not_the_slope(folder):
    numbers = read(folder / "numbers.json")
    assert float(numbers["recognise.weightchange.slow.alarms"].value) > 0.9
    assert float(numbers["recognise.slope.falsealarms"].value) == 0


@pytest.mark.parametrize("changes", [{"seeds": 3}, {"population": "none"}])
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
