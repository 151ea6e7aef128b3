"""Exploding gradients through time: the wall, the start, the training, against other channels."""

import json
from dataclasses import replace

import jax
import mpmath
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.experiments import exploding_through_time as through
from gradchain.experiments import exploding_through_time_closed as closed
from gradchain.experiments import exploding_through_time_exact as exact
from gradchain.experiments import exploding_through_time_numbers as numbers
from gradchain.experiments import exploding_through_time_records as records
from gradchain.experiments import exploding_through_time_wall as walls
from gradchain.experiments.recall import Recall

EPS = float(np.finfo(np.float64).eps)
PHI = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh}
SLOPE = {"sigmoid": lambda y: y * (1 - y), "tanh": lambda y: 1 - y * y}
ARM = through.Arm("relu", 3.0, distance=6, units=4, batch=8, steps=10)


@pytest.fixture(scope="module")
def quickly_compiled():
    """Compile carelessly: these networks take a few steps."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def forward(name, weight, bias, steps):
    """The state and its derivatives by weight, bias and first state, carried along forwards."""
    x, by_weight, by_bias, by_start = np.full_like(weight, 0.5), 0.0, 0.0, 1.0
    for _ in range(steps):
        y = PHI[name](x)
        slope = weight * SLOPE[name](y)
        by_weight, by_bias, by_start = y + slope * by_weight, 1 + slope * by_bias, slope * by_start
        x = weight * y + bias
    return x, by_weight, by_bias, by_start


@pytest.mark.parametrize("name", walls.ACTIVATIONS)
def test_the_walls_slope_is_that_of_derivatives_carried_forwards(name):
    rng = np.random.default_rng(0)
    weight, bias = rng.uniform(0.5, 7, 40), rng.uniform(-4, 1, 40)
    found = walls.wall(weight, bias, 12, name)
    x, by_weight, by_bias, by_start = forward(name, weight, bias, 12)
    output = PHI[name](x)
    np.testing.assert_allclose(found.output, output, rtol=1e-10)
    # A relative error of a state grows with the chain; a saturated slope is 1 - y^2 of y near 1.
    error = 2 * (output - walls.GOAL) * SLOPE[name](output)
    np.testing.assert_allclose(found.by_weight, error * by_weight, rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(found.by_bias, error * by_bias, rtol=1e-6, atol=1e-13)
    keen = np.abs(by_start) > 1e-9
    np.testing.assert_allclose(
        found.log10_chain[keen], np.log10(np.abs(by_start[keen])), rtol=0, atol=1e-6
    )


def test_on_the_ridge_the_wall_is_as_steep_as_the_closed_form():
    for steps, weight in ((10, 7.0), (20, 6.0), (40, 5.0)):
        bias = walls.ridge_bias(weight)
        # Two points, so that the program is that of `width`.
        found = walls.wall(np.full(2, weight), np.full(2, bias), steps)
        closed_form = {
            name: float(exact.ridge(f"{weight:g}", steps, name).value) for name in exact.RIDGES
        }
        assert bias == pytest.approx(closed_form["bias"], rel=8 * EPS)
        # The rounding of b, at most eps |b|, moves x by the chain, and the slope by as much again.
        room = 100 * EPS * closed_form["chain"]
        assert found.steepness[0] == pytest.approx(closed_form["gradient"], rel=room)
        assert 10 ** found.log10_chain[0] == pytest.approx(closed_form["chain"], rel=room)


def test_the_closed_forms_of_the_ridge_are_derivatives_by_mpmath():
    with mpmath.workdps(60):
        sigmoid = lambda x: 1 / (1 + mpmath.exp(-x))
        b0 = mpmath.mpf(1) / 2 - 5 * sigmoid(mpmath.mpf(1) / 2)

        def last(weight, bias, x):
            for _ in range(15):
                x = weight * sigmoid(x) + bias
            return x

        error = lambda w, b: (sigmoid(last(w, b, mpmath.mpf(1) / 2)) - mpmath.mpf(7) / 10) ** 2
        slopes = [mpmath.diff(error, (5, b0), order) for order in ((1, 0), (0, 1))]
        chain = mpmath.diff(lambda x: last(5, b0, x), mpmath.mpf(1) / 2)
        gradient = mpmath.hypot(*slopes)
        assert abs(gradient / mpmath.mpf(exact.ridge("5", 15, "gradient").value) - 1) < 1e-15
        assert abs(chain / mpmath.mpf(exact.ridge("5", 15, "chain").value) - 1) < 1e-15


def test_the_wall_gets_thinner_as_its_slope_grows():
    widths = [walls.width(6.0, steps) for steps in (10, 20, 40)]
    chains = [float(exact.ridge("6", steps, "chain").value) for steps in (10, 20, 40)]
    products = np.array(widths) * np.array(chains)
    # In the limit the jump has one shape, stretched: width times slope is a constant.
    assert products[1] == pytest.approx(products[2], rel=0.01)
    assert widths[0] > 10 * widths[1] > 100 * widths[2]


def test_value_and_norm_clips_turn_by_less_than_the_bound_and_come_near_it():
    rng = np.random.default_rng(1)
    for count in (2, 5):
        bound = float(exact.largest_turn(count).value)
        for _ in range(20):
            flat = [f"{x:.6f}" for x in rng.standard_cauchy(count)]
            assert float(exact.clip_angle(flat, "0.25", "value").value) < bound
        near = ["1000000", *["1.1"] * (count - 1)]
        for clip in ("value", "norm"):
            assert float(exact.clip_angle(near, "1", clip).value) > bound - 0.01
    assert exact.clip_angle(["3", "-4"], "1", "global").value == "0"
    assert exact.clip_angle(["0.5", "-0.25"], "1", "value").value == "0"
    textbook = float(exact.clip_angle(["1", "10"], "1", "value").value)
    assert textbook == pytest.approx(np.degrees(np.arctan(10.0)) - 45.0, rel=4 * EPS)


def test_the_edge_of_overflow_is_where_the_square_of_a_float_is_infinite():
    edge = np.float32(float(exact.largest_clipped_norm("float32").value))
    below, above = (np.nextafter(edge, np.float32(goal)) for goal in (0.0, np.inf))
    with np.errstate(over="ignore"):
        assert np.isfinite(below * below)
        assert np.isinf(above * above)


@pytest.mark.usefixtures("quickly_compiled")
@pytest.mark.parametrize("name", through.ACTIVATIONS)
def test_no_gradient_before_training_exceeds_its_bound_and_mean_field_is_near(name):
    for gain in (0.5, 1.0, 3.0):
        logs = through.start(name, gain, 12, 32, 6, 0)
        assert logs.shape == (6, 14)
        assert (logs[:, -1] == 0).all()
        # 12 products of 32 terms in float32.
        assert (logs <= through.upper(gain, 12) + 1e-4).all()
        predicted = through.predicted(name, gain, 12, 32)
        assert (predicted <= through.upper(gain, 12) + 1e-12).all()
        # Finite width takes about 1/n from a step's log factor; networks scatter by some 0.5/sqrt(n).
        middle, error = through.rate(logs).mean(), through.rate(logs).std(ddof=1) / np.sqrt(6)
        assert abs(middle - through.rate(predicted)) < 5 * error + 1 / 32


def test_relu_networks_lose_the_root_of_two_a_step_in_mean_field():
    # Slopes of ReLU are 0 or 1, each half of the time, whatever the size of the state.
    logs = through.predicted("relu", 3.0, 20, 16)
    np.testing.assert_allclose(through.rate(logs), np.log(3 / np.sqrt(2)), rtol=1e-9)


@pytest.fixture(scope="module")
def trained(quickly_compiled):
    return {clip: through.train(replace(ARM, clip=clip), 3, 0) for clip in ("none", "global")}


def test_arms_see_the_same_networks_and_sequences(trained):
    bare, clipped = trained["none"], trained["global"]
    np.testing.assert_allclose(bare.log10_norm[:, 0], clipped.log10_norm[:, 0], atol=1e-5)
    assert bare.log10_norm.shape == (3, 10)
    assert np.isnan(bare.angle).all()
    known = clipped.angle[np.isfinite(clipped.angle)]
    assert known.size
    assert (known < 1e-3).all()


def test_a_number_of_trained_networks_comes_out_again(trained):
    arm = replace(ARM, clip="global")
    made = records.trained_number(arm, trained["global"], "learned", 0)
    again = numbers.trained(**made.how.kwargs)
    assert again.value == made.value
    assert through.Arm.from_text(made.how.kwargs["arm"]) == arm


def test_what_is_noted_of_a_run_leaves_out_what_was_not_finite_or_has_no_direction():
    norm = np.array([[2.0, 200.0, 2.0], [1.0, np.inf, np.nan], [1.0, 3e19, 4.0]])
    found = Recall(
        accuracy=np.array([[0.2, 0.95], [0.3, 0.99], [0.2, 0.3]]),
        loss=np.zeros((3, 2)),
        recorded_steps=np.array([0, 3]),
        gradient_log_norms=None,
        step_loss=np.zeros((3, 3)),
        norm_before=norm,
        turned=np.array([[0.0, 30.0, 40.0], [10.0, 60.0, 60.0], [5.0, 60.0, 7.0]]),
        clipped=np.array([[0, 1, 1], [1, 1, 1], [1, 1, 1]]),
        nan_step=np.array([-1, 2, -1]),
        start=None,
        params=None,
    )
    seen = through._summed_up(replace(ARM, clip="norm", steps=3), found)
    assert seen.lost.tolist() == [False, True, False]
    assert seen.learned.tolist() == [True, False, False]
    assert seen.angle.tolist() == [35.0, 10.0, 6.0]
    np.testing.assert_allclose(seen.peak, [2.0, 0.0, np.log10(3e19)], atol=1e-6)
    assert np.isnan(seen.log10_norm).tolist() == [[False] * 3, [False, True, True], [False] * 3]


def outcome(nan_step, accuracy):
    none = np.full(len(nan_step), np.nan)
    return through.Trained(
        np.array(accuracy), np.array(nan_step), none, none, np.empty((len(nan_step), 0))
    )


def test_who_is_saved_is_counted_among_those_who_fail():
    bare = outcome([3, 5, -1, -1], [0.2, 0.2, 0.4, 0.95])
    clipped = outcome([-1, 7, -1, -1], [0.99, 0.2, 0.92, 0.1])
    kept = {name: numbers.rescued(bare, clipped, name) for name in numbers.KEPT}
    assert kept["finite"].value == "0.5"
    assert float(kept["learned"].value) == pytest.approx(2 / 3, abs=1e-5)
    made = records.saved_number(replace(ARM, clip="value"), bare, clipped, "finite", 0)
    assert made is not None
    assert made.key == "clip.value.relu.gain3.finite"
    fine = outcome([-1, -1], [0.95, 0.95])
    assert records.saved_number(replace(ARM, clip="value"), fine, fine, "learned", 0) is None
    with pytest.raises(UsageError, match="no network fails"):
        numbers.rescued(fine, fine, "finite")


def test_closed_numbers_carry_what_their_kind_needs():
    made = closed.clip_numbers() + closed.wall_numbers(6.0, 40)
    assert len({number.key for number in made}) == len(made)
    assert {number.kind for number in made} == {"certified", "computed"}
    steep, beside = (
        float(n.rational)
        for key in ("gradient", "beside")
        for n in made
        if n.key == f"rnn.exploding.wall.{key}"
    )
    assert steep > 1e4 * beside


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: through.Arm(activation="sigmoid"), "activation"),
        (lambda: through.Arm(gain=0.0), "gain 0, expected a number above 0"),
        (lambda: through.Arm(rate=float("nan")), "rate"),
        (lambda: through.Arm(limit=True), "limit True"),
        (lambda: through.Arm(steps=10**6), "expected at most 10000"),
        (lambda: through.Arm(clip="hard"), "clip"),
        (lambda: through.Arm.from_text("{"), "expected JSON"),
        (lambda: through.Arm.from_text(json.dumps({"depth": 3})), "expected fields of an Arm"),
        (lambda: through.train(ARM, 0, 0), "seeds"),
        (lambda: through.start("mlp", 1.0, 3, 4, 6, 0), "cell"),
        (lambda: walls.wall(np.array([-1.0]), np.zeros(1)), "weights above 0"),
        (lambda: walls.wall(np.ones(1), np.array([np.nan])), "biases from"),
        (lambda: walls.wall(np.ones(1), np.zeros(1), 300), "expected at most 200"),
        (lambda: walls.wall(np.ones(1), np.zeros(1), 3, "relu"), "activation"),
        (lambda: walls.width(4.0, 50), "makes no wall"),
        (lambda: walls.beside(6.0, 1e-6, 50, "gradient"), "expected at least 0.001"),
        (lambda: exact.ridge("4", 50, "chain"), "expected a weight of 4.26"),
        (lambda: exact.clip_angle(["0"], "1", "value"), "not all 0"),
        (lambda: exact.clip_angle(["1"], "0", "value"), "expected a number above 0"),
        (lambda: exact.clip_angle([], "1", "value"), "got 0 entries"),
        (lambda: exact.largest_turn(1), "expected 2"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_impossible_questions_are_refused(call, words):
    with pytest.raises(UsageError, match=words):
        call()
