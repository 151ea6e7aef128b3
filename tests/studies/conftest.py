"""How the tests of a study load its script and run it at its smallest."""

import csv
import importlib.util
import math
import sys
from pathlib import Path

import pytest

from gradchain.registry import read
from gradchain.study import keys_in, run
from gradchain.study.files import read_json

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(scope="session")
def load_study():
    """Return a function: name of a study -> its script, loaded once."""
    loaded = {}

    def load(name):
        if name not in loaded:
            spec = importlib.util.spec_from_file_location(f"study_{name}", STUDIES / f"{name}.py")
            loaded[name] = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = loaded[name]
            spec.loader.exec_module(loaded[name])
        return loaded[name]

    return load


@pytest.fixture(scope="session")
def run_small(load_study, tmp_path_factory):
    """Return a function: name of a study, changed settings -> the folder of its smoke results."""

    def ran(name, **changes):
        out = tmp_path_factory.mktemp("results")
        run(load_study(name).STUDY, scale="smoke", out=out, changes=changes, say=lambda text: None)
        return out / name

    return ran


@pytest.fixture(scope="session")
def assert_belongs_together():
    """Return a check: every number that a sentence cites is there, and so are the figures."""

    def check(folder, figures):
        summary, numbers = read_json(folder / "summary.json"), read(folder / "numbers.json")
        said = {key for sentence in summary["seen"] for key in keys_in(sentence)}
        assert said
        assert said <= set(numbers)
        assert len(summary["figures"]) == figures
        for number in numbers.values():
            assert number.conditions.endswith("."), number.key
            assert number.formula_text, number.key
            assert number.formula_latex, number.key
        return said, numbers

    return check


@pytest.fixture(scope="session")
def assert_sides_meet():
    """Return a check: predictions are called so, and the table shows the distance of a pair."""

    def check(folder, stem):
        numbers = read(folder / "numbers.json")
        for number in numbers.values():
            if number.key.endswith(".predicted"):
                assert (number.role, number.kind) == ("prediction", "computed"), number.key
        predicted, measured = (numbers[f"{stem}.{side}"] for side in ("predicted", "measured"))
        z = (float(measured.value) - float(predicted.value)) / float(measured.uncertainty.value)
        assert math.isfinite(z)
        rows = []
        for path in folder.glob("*.csv"):
            with open(path, newline="") as file:
                rows += csv.DictReader(file)
        said = [r["z"] for r in rows if r.get("predicted") == predicted.value and r.get("z")]
        assert f"{z:+.1f}" in said

    return check
