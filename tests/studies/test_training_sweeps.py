"""Four studies of training at their smallest: sentences, tables and numbers belong together."""

import importlib.util
import sys
from pathlib import Path

import pytest

from gradchain.registry import read
from gradchain.study import UsageError, keys_in, run
from gradchain.study.files import read_json

STUDIES = Path(__file__).parents[2] / "studies"
SMALL = {
    "dying_relu": {
        "rates": (0.01, 1.0), "depths": (1, 6), "depth": 3, "seeds": 32, "epochs": 10,
        "relatives": (),
    },
    "exploding": {"scales": (1.0, 2.0, 50.0), "depth": 8, "seeds": 32, "epochs": 10},
    "depth_or_width": {"seeds": 8, "epochs": 10, "parameters": 141},
    "centring": {"seeds": 16, "epochs": 10},
}  # fmt: skip
WRONG = {
    "dying_relu": [{"rates": (1.0, 0.1)}, {"depth": 0}, {"seeds": 3}, {"epochs": 15},
                   {"relatives": ("gelu",)}, {"rates": (0.1,)}],
    "exploding": [{"scales": (1.0, 3.0)}, {"rates": (-1.0, 0.01)}, {"limit": 0.0}, {"depth": 1}],
    "depth_or_width": [{"parameters": 100}, {"depths": (3, 9)}, {"tasks": ("moons",)},
                       {"rates": ()}],
    "centring": [{"depth": 4}, {"scales": (1.0,)}, {"adam": (0.0,)}, {"epochs": 5}],
}  # fmt: skip
_LOADED = {}


def load(name):
    if name not in _LOADED:
        spec = importlib.util.spec_from_file_location(f"study_{name}", STUDIES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        _LOADED[name] = module
    return _LOADED[name]


@pytest.fixture(scope="module", params=SMALL)
def ran(request, tmp_path_factory):
    name = request.param
    out = tmp_path_factory.mktemp(name)
    study = load(name).STUDY
    run(study, scale="smoke", out=out, changes=SMALL[name], say=lambda text: None)
    return name, out / name


def test_sentences_tables_and_numbers_belong_together(ran):
    name, folder = ran
    summary, numbers = read_json(folder / "summary.json"), read(folder / "numbers.json")
    said = {key for sentence in summary["seen"] for key in keys_in(sentence)}
    assert said
    assert said <= set(numbers)
    assert all(number.kind in ("estimated", "exact") for number in numbers.values())
    assert all(number.formula_text and number.conditions for number in numbers.values())
    assert {number.study for number in numbers.values()} == {name}
    assert len(summary["figures"]) == 3


def test_the_world_is_as_the_study_says(ran):
    name, folder = ran
    numbers = read(folder / "numbers.json")

    def value(key):
        return float(numbers[key].rational)

    if name == "dying_relu":
        measured, predicted = (
            numbers[f"relu.dying.start.layer6.{w}"] for w in ("off", "predicted")
        )
        error = float(measured.uncertainty.value)
        assert abs(float(measured.rational - predicted.rational)) < 5 * error
        assert value("relu.dying.bias1.start") < value("relu.dying.biasm1.start")
        assert value("relu.dying.depth1.start") < value("relu.dying.depth6.start")
    elif name == "exploding":
        assert value("exploding.sgd.scale1.rate1em2.diverged") < 0.2
        assert value("exploding.sgd.scale50.rate1em2.diverged") > 0.8
        assert value("exploding.kerasbce.scale2.rate1em2.diverged") == 0
        assert value("exploding.clip.global.scale2.cosine") == 1
        assert value("exploding.clip.value.scale2.cosine") < 0.99
    elif name == "depth_or_width":
        keys = [f"depthorwidth.sigmoid.moons.depth{d}.gradientstart" for d in (1, 3)]
        assert value(keys[1]) < value(keys[0])
    else:
        assert value("centring.start.scale4.sigmoid.signsecond") == 1
        assert value("centring.start.scale4.shiftedsigmoid.signsecond") < 0.5
        first = {value(f"centring.start.scale1.{n}.signfirst") for n in ("sigmoid", "tanh")}
        assert len(first) == 1


@pytest.mark.parametrize(
    ("name", "changes"), [(name, changes) for name, many in WRONG.items() for changes in many]
)
def test_impossible_settings_are_refused_before_anything_is_computed(name, changes):
    with pytest.raises(UsageError, match="expected"):
        load(name).STUDY.config("lecture", changes)
