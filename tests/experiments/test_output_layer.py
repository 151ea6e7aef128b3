"""Closed forms of the error signal against mpmath and autodiff, and against networks of the lab."""

import math

import mpmath
import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.experiments import lab, output_layer
from gradchain.experiments import output_layer_exact as closed
from gradchain.experiments.output_layer_records import exact_numbers, measured_numbers
from gradchain.registry.collection import validate_all

LOSSES = {
    "sigmoid_ce": lambda z: mpmath.log1p(mpmath.exp(-z)),
    "sigmoid_mse": lambda z: (1 / (1 + mpmath.exp(-z)) - 1) ** 2,
    "linear_mse": lambda z: (z - 1) ** 2,
    "softmax_ce": lambda z: mpmath.log1p(mpmath.exp(-z)),
}


@pytest.mark.parametrize("head", LOSSES)
@pytest.mark.parametrize("logit", ["-10", "-2.5", "0", "3"])
def test_the_closed_form_is_the_derivative_of_the_loss(head, logit):
    with mpmath.workdps(60):
        slope = abs(mpmath.diff(LOSSES[head], mpmath.mpf(logit)))
        ours = parse(closed.error_signal(head, logit).value)
        gap = abs(slope - mpmath.mpf(ours.numerator) / ours.denominator)
        assert gap <= mpmath.mpf(10) ** -20


@pytest.mark.parametrize("head", closed.HEADS)
def test_float32_autodiff_of_the_lab_gives_the_closed_form(head):
    logits = [-20.0, -10.0, -1.0, 0.0, 2.0]
    found = np.abs(output_layer.signals(head, logits)).astype(float)
    exact = [float(parse(closed.error_signal(head, f"{z:g}").value)) for z in logits]
    # Some twenty rounded operations, and 1 - p where p is near 1 is known to eps only.
    allowed = [
        32 * np.finfo(np.float32).eps * (e + (z > 0)) for z, e in zip(logits, exact, strict=True)
    ]
    assert (np.abs(found - exact) <= allowed).all()


def test_the_clipped_loss_is_silent_exactly_where_it_is_most_wrong():
    edge = float(parse(closed.clip_edge().value))
    assert closed.error_signal("keras_bce", "-17").value == "0"
    assert float(closed.error_signal("keras_bce", "-16").value) > 0.99
    inside, outside = np.abs(output_layer.signals("keras_bce", [-edge + 0.1, -edge - 0.1]))
    assert inside > 0.99
    assert outside == 0


@pytest.mark.parametrize("head", closed.HEADS[:4])
def test_the_time_to_turn_a_wrong_answer_is_what_quadrature_gives(head):
    def pace(z):
        signal = abs(mpmath.diff(LOSSES[head], z))
        return 1 / (2 * signal if head == "softmax_ce" else signal)

    with mpmath.workdps(30):
        end = 0.5 if head == "linear_mse" else 0
        slow = mpmath.quad(pace, mpmath.linspace(-6, end, 13))
        ours = parse(closed.recovery_time(head, "-6").value)
        assert (
            abs(slow / (mpmath.mpf(ours.numerator) / ours.denominator) - 1) < mpmath.mpf(10) ** -12
        )


def test_squared_error_on_a_sigmoid_never_sends_more_than_8_27():
    top = float(parse(closed.largest_squared_signal("signal").value))
    at = math.log(1 / 3) - math.log(2 / 3)
    signals = [
        float(closed.error_signal("sigmoid_mse", f"{z}").value) for z in np.linspace(-9, 9, 73)
    ]
    assert max(signals) <= top
    assert math.isclose(
        float(closed.error_signal("sigmoid_mse", repr(at)).value), top, rel_tol=1e-12
    )


def test_the_output_moves_the_gradients_of_all_layers_by_the_same_factor():
    # All points of class 1 and nearly the same logit: what one example says holds for the batch.
    runs = {}
    for head in ("sigmoid_ce", "sigmoid_mse"):
        setting = output_layer.setting(head, -10.0, 6, 10)
        points = lab.points_of(setting)
        same = np.zeros_like(points.inputs) + points.inputs[:, :1]
        ones = np.ones_like(points.targets)
        data = lab.Points(same, ones, same, ones)
        runs[head] = lab.run(setting, 4, 0, data).log_gradient_norms[:, 0]
    shift = runs["sigmoid_ce"] - runs["sigmoid_mse"]
    assert np.isfinite(shift).all()
    assert np.ptp(shift, axis=1).max() <= 1e-4
    assert (np.abs(shift.mean(axis=1) - math.log(11014.2)) < 3).all()


def test_softmax_has_one_target_a_class_and_starts_from_the_same_difference_of_logits():
    setting = output_layer.setting("softmax_ce", -10.0, 2, 10)
    points = lab.points_of(setting)
    assert points.targets.shape[0] == points.test_targets.shape[0] == 2
    assert (points.targets.sum(axis=0) == 1).all()
    plain = lab.points_of(setting.varied(head="sigmoid_ce"))
    assert (points.targets[1] == plain.targets[0]).all()
    assert lab._last_bias(setting, 2).tolist() == [5.0, -5.0]


def test_records_are_valid_and_come_out_of_their_functions_again():
    numbers = validate_all([*exact_numbers(), *measured_numbers()])
    assert len(numbers) == 28
    findings = recompute.check(numbers, "full")
    assert [found.sentence for found in findings if found.verdict != "agrees"] == []


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: closed.error_signal("sigmoid_ce", "1e9"), "expected -10000"),
        (lambda: closed.recovery_time("sigmoid_ce", "0"), "expected a negative"),
    ],
)
def test_impossible_logits_are_refused(call, text):
    with pytest.raises(UsageError, match=text):
        call()
