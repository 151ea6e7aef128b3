"""Four studies of training at their smallest: sentences, tables and numbers belong together."""

import jax
import pytest

from gradchain import recompute
from gradchain.experiments.shapes import parameters
from gradchain.registry import read
from gradchain.study import UsageError

# Few programs to compile: exploding and dying_relu share one design (ReLU, room for 6 layers).
SMALL = {
    "exploding": {"scales": (1.0, 2.0), "rates": (0.01, 1.0), "depth": 6, "seeds": 32, "epochs": 10},
    "dying_relu": {
        "rates": (0.01, 1.0), "depths": (1, 6), "depth": 3, "seeds": 32, "epochs": 10,
        "relatives": (), "initializers": ("he_normal", "glorot_uniform"),
    },
    "depth_or_width": {"depths": (1, 3), "seeds": 32, "epochs": 10, "parameters": 141},
    "centring": {"depth": 2, "seeds": 32, "epochs": 50},
}  # fmt: skip
WRONG = {
    "dying_relu": [{"rates": (1.0, 0.1)}, {"depth": 0}, {"seeds": 3}, {"epochs": 15},
                   {"relatives": ("gelu",)}, {"rates": (0.1,)}, {"initializers": ("he_normal",)},
                   {"initializers": ("he_normal", "glorot_uniform", "zeros")}],
    "exploding": [{"scales": (1.0, 3.0)}, {"scales": (0.5, 2.0)}, {"rates": (-1.0, 0.01)},
                  {"rates": (0.1, 1.0)}, {"limit": 0.0}, {"depth": 1}, {"learned": 0.3}],
    "depth_or_width": [{"parameters": 100}, {"depths": (3, 9)}, {"tasks": ("moons",)},
                       {"rates": ()}, {"depths": (1, 60)}, {"epochs": 7}],
    "centring": [{"depth": 1}, {"scales": (1.0,)}, {"adam": (0.0,)}, {"epochs": 5}, {"seeds": 4}],
}  # fmt: skip


@pytest.fixture(scope="module")
def quickly_compiled():
    """Compile carelessly: these networks train for a second, and compiling them took minutes."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module", params=SMALL)
def ran(request, run_small, quickly_compiled):
    return request.param, run_small(request.param, **SMALL[request.param])


def test_sentences_tables_and_numbers_belong_together(ran, assert_belongs_together):
    name, folder = ran
    _, numbers = assert_belongs_together(folder, figures=3)
    assert all(number.kind in ("estimated", "exact") for number in numbers.values())
    assert {number.study for number in numbers.values()} == {name}
    assert 10 <= len(numbers) <= 40


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
        assert value("relu.dying.start.first.predicted") == 0.5
        # One layer of 10 units at 200 points: none is off at all of them but by a miracle.
        assert value("relu.dying.depth1.start") < value("relu.dying.depth6.start")
        assert value("relu.dying.bias1.start") < value("relu.dying.biasm1.start")
    elif name == "exploding":
        assert value("exploding.sgd.scale1.rate1em2.diverged") < 0.2
        assert value("exploding.sgd.scale2.rate1em2.diverged") > 0.5
        assert value("exploding.sgd.scale1.rate1.diverged") > 0.5
        assert value("exploding.kerasbce.scale2.rate1em2.diverged") == 0
        # Seventy steps no longer than 0.01 cannot carry weights out of float32.
        assert value("exploding.clip.global.scale2.rate1em2.finite") == 1
        assert value("exploding.clip.global.scale2.cosine") == 1
        assert value("exploding.clip.value.scale2.cosine") < 0.99
    elif name == "depth_or_width":
        keys = [f"depthorwidth.sigmoid.moons.depth{d}.gradientstart" for d in (1, 3)]
        assert value(keys[1]) < value(keys[0]) / 4
    else:
        # Outputs of sigmoids are positive: every point gives all weights of a unit one sign.
        assert value("centring.start.scale4.sigmoid.signsecond") == 1
        assert value("centring.start.scale4.shiftedsigmoid.signsecond") < 0.5
        first = {value(f"centring.start.scale4.{n}.signfirst") for n in ("sigmoid", "tanh")}
        assert len(first) == 1
        leading = [
            value(f"centring.start.scale4.{n}.leading") for n in ("sigmoid", "shiftedsigmoid")
        ]
        assert leading[1] < leading[0]


NUMBER = {
    "dying_relu": "relu.dying.start.layer6.dead",
    "exploding": "exploding.clip.value.scale2.cosine",
    "depth_or_width": "depthorwidth.sigmoid.moons.depth3.loss",
    "centring": "centring.start.scale4.sigmoid.condition",
}


def test_a_number_comes_out_again(ran):
    name, folder = ran
    number = read(folder / "numbers.json")[NUMBER[name]]
    assert recompute.run(number.how).value == number.value


@pytest.mark.parametrize("name", SMALL)
def test_lecture_scale_asks_what_the_study_is_for(name, load_study):
    study = load_study(name).STUDY
    cells = {cell.name: cell for cell in study.cells(study.config("lecture", {}))}
    runs = [run for cell in cells.values() for run in cell.settings.get("runs", ())]
    assert all(cell["seeds"] >= 64 for cell in cells.values())
    if name == "dying_relu":
        assert {run["activation"] for run in runs} == {"relu", "leaky_relu", "prelu", "elu"}
        assert len({run["initializer"] for run in runs}) >= 3
        assert len({run["depth"] for run in runs}) >= 5
        assert len({run.get("bias", 0.0) for run in runs}) >= 5
        assert len({tuple(map(tuple, run["values"])) for run in runs}) >= 5
    elif name == "exploding":
        assert {run.get("clip") for run in runs} == {None, "value", "norm", "global"}
        assert len({run["scale"] for run in runs}) >= 4
        assert {"direction_1", "direction_2"} <= set(cells)
    elif name == "depth_or_width":
        sizes = {parameters(run["depth"], run["units"]) for run in runs}
        assert max(sizes) <= 1.02 * min(sizes)
        assert {run["task"] for run in runs} == {"spirals", "moons"}
        assert {run["activation"] for run in runs} == {"relu", "sigmoid"}
    else:
        # Slope times weights: 1/4 times s for the sigmoids, 1 times s/4 for tanh.
        slope = {"sigmoid": 0.25, "shifted_sigmoid": 0.25, "tanh": 1.0}
        found = {(run["activation"], run["scale"] * slope[run["activation"]]) for run in runs}
        assert found == {(name, s / 4) for name in slope for s in (1.0, 4.0)}


@pytest.mark.parametrize(
    ("name", "changes"), [(name, changes) for name, many in WRONG.items() for changes in many]
)
def test_impossible_settings_are_refused_before_anything_is_computed(name, changes, load_study):
    with pytest.raises(UsageError, match="expected"):
        load_study(name).STUDY.config("lecture", changes)
