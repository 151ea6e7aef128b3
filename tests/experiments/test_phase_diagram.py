"""Slopes of gradients are those of real networks and of theory; critical scales are those of tables."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import activations, recompute
from gradchain._errors import UsageError
from gradchain.experiments import phase_diagram as own
from gradchain.experiments import phase_diagram_numbers as numbers
from gradchain.experiments.lanes import draw_keys
from gradchain.experiments.phase_diagram_records import Row, depth_numbers, paper_numbers
from gradchain.measured.build import network_from_weights
from gradchain.measured.jacobian import layer_jacobians
from gradchain.predicted.finite_width import log_norm_law

WIDTH, DEPTH, SEEDS = 24, 6, 400


def test_the_slope_followed_is_that_of_the_product_of_layer_jacobians():
    sigma_w, sigma_b, width, depth = 1.7, 0.3, 7, 5
    found = own.measured_slopes("tanh", (0.9, sigma_w), sigma_b, width, depth, 2, seed=3)[1, 1]
    inside, outside, inner = jax.random.split(draw_keys(3, 2)[1], 3)
    x, u = (np.asarray(jax.random.normal(k, (width,), jnp.float32)) for k in (inside, outside))
    weights, biases = [], []
    for layer in range(depth):
        keys = jax.random.split(jax.random.fold_in(inner, layer))
        scale = np.float32(sigma_w * width**-0.5)
        weights.append(np.asarray(jax.random.normal(keys[0], (width, width), jnp.float32)) * scale)
        biases.append(
            np.asarray(jax.random.normal(keys[1], (width,), jnp.float32)) * np.float32(0.3)
        )
    q = own.lengths("tanh", (sigma_w,), sigma_b)[0]
    x = x / np.linalg.norm(x) * np.float32(math.sqrt((q - sigma_b**2) * width) / sigma_w)
    network = network_from_weights(weights, biases, activation="tanh")
    vector = (u / np.linalg.norm(u)).astype(np.float64)
    for factor in np.asarray(layer_jacobians(network, x).blocks[0], np.float64):
        vector = factor @ vector
    # Each layer's rounding, a few eps sqrt(n) in the logarithm.
    assert abs(found * depth - math.log(np.linalg.norm(vector))) <= 20 * depth * width * 6e-8


def test_relu_and_linear_corrections_are_the_leading_terms_of_the_exact_laws():
    for name, sigma_w in (("relu", math.sqrt(2)), ("identity", 1.0)):
        errors = []
        for width in (100, 200):
            exact = log_norm_law(name, width, 30).mean / 60
            errors.append(own.expected(name, (sigma_w,), 0.0, width, 30).at_width[0] - exact)
        # What is left out is of second order: half the width, four times the error.
        assert 3.5 < errors[0] / errors[1] < 4.5, name


@pytest.mark.parametrize(
    ("activation", "sigma_w", "sigma_b"),
    [("tanh", (0.8, 1.4, 2.5), 0.3), ("sigmoid", (4.0, 9.0), 0.8)],
)
def test_networks_have_the_slope_predicted_for_their_width_and_not_that_of_infinite_width(
    activation, sigma_w, sigma_b
):
    found = own.measured_slopes(activation, sigma_w, sigma_b, 64, 8, SEEDS, seed=1)
    theory = own.expected(activation, sigma_w, sigma_b, 64, 8)
    error = found.std(axis=0, ddof=1) / math.sqrt(SEEDS)
    gap = found.mean(axis=0) - theory.at_width
    shift = np.abs(theory.at_width - theory.infinite)
    # 4.5 sigma: 7e-6 a point; what the first order leaves out is below a fifth of it at this width.
    assert (np.abs(gap) <= 4.5 * error + 0.2 * shift).all()
    assert (np.abs(found.mean(axis=0) - theory.infinite) >= 4 * error).all()


def test_at_infinite_width_the_correction_vanishes_like_one_over_n():
    near, far = (own.expected("erf", (1.5,), 0.3, n, 10) for n in (50, 5000))
    assert near.infinite[0] == far.infinite[0]
    ratio = (near.at_width - near.infinite) / (far.at_width - far.infinite)
    assert abs(ratio[0] - 100) < 1e-6


@pytest.mark.parametrize(
    ("activation", "sigma_b", "known"),
    # Critical lines, from an independent computation of high precision; sqrt 2 is He's.
    [("tanh", 0.3, 1.39558397515490221169), ("erf", 0.3, 1.23367250583902066896),
     ("sigmoid", 1.0, 10.26499293605278683), ("relu", 0.0, math.sqrt(2))],
)  # fmt: skip
def test_critical_scales_are_those_of_the_tables(activation, sigma_b, known):
    found = numbers.critical_scale(activation, sigma_b, 1)
    assert abs(float(found.value) / known - 1) <= 1e-11
    square = numbers.critical_scale(activation, sigma_b, 2)
    assert abs(float(square.value) / known**2 - 1) <= 1e-11


def test_the_plane_is_critical_on_its_line_and_depth_scales_grow_towards_it():
    found = own.plane("tanh", np.linspace(0.5, 3.0, 26), np.array([0.1, 0.5]))
    for k in range(2):
        chi = np.interp(found["line"][k], found["sigma_w"], found["chi"][:, k])
        assert abs(chi - 1) < 0.02
    scales = own.depth_scales("tanh", 0.3)
    below = scales["ratio_xi"][scales["ratio"] < 1]
    assert (np.diff(below) > 0).all()
    assert below[-1] > 1000


def test_sigmoid_of_four_times_the_weights_is_as_far_from_tanh_as_its_mean_says():
    # sigma(x) = (1 + tanh(x/2))/2: slopes of the one are those of the other at half the input.
    phi = activations.get("sigmoid")
    q = own.lengths("sigmoid", (4.0,), 0.0)[0]
    nodes = np.linspace(-12.0, 12.0, 24_001)
    weights = np.exp(-(nodes**2) / 2)
    slopes = 1 / (4 * np.cosh(np.sqrt(q) * nodes / 2) ** 2)
    chi = 16 * (weights @ slopes**2) / weights.sum()
    assert abs(own.expected(phi.name, (4.0,), 0.0, 100, 1).infinite[0] - math.log(chi) / 2) < 1e-9


def test_half_depth_is_where_the_share_crosses_and_units_scale_it():
    found = numbers.trainable_of([2, 8, 32], np.array([[1, 1, 0]] * 6 + [[1, 0, 0]] * 2) == 1, 0)
    # From 3/4 at 8 to 0 at 32: one third of the way in the logarithm.
    assert abs(float(found.value) - 8 * 4 ** (1 / 3)) < 1e-4
    assert float(found.uncertainty.low) < float(found.value) < float(found.uncertainty.high)
    scaled = numbers.in_units(found, 2.0)
    assert abs(float(scaled.uncertainty.high) * 2 - float(found.uncertainty.high)) < 1e-4
    with pytest.raises(UsageError, match="one half"):
        numbers.trainable_of([2, 8], np.ones((4, 2), bool), 0)


def test_recorded_numbers_come_out_again_and_agree_with_fresh_seeds():
    slopes = own.measured_slopes("tanh", numbers.GRIDS["tanh"], 0.3, WIDTH, DEPTH, 40, seed=0)
    row = Row("tanh", 0.3, slopes, WIDTH, DEPTH, 0)
    made = [*row.critical(), *row.slope(2.0), *paper_numbers()]
    registry = {number.key: number for number in made}
    findings = recompute.check(registry, "full")
    assert [f.sentence for f in findings if f.verdict not in ("agrees", "reported")] == []
    assert len(registry) == len(made) == 9


def test_depths_that_all_train_give_no_number():
    fields = {"activation": "tanh", "scale": 0.5, "depth": 3, "task": "moons"}
    assert depth_numbers("moons", fields, np.ones((8, 2), bool), [3, 6], 0) == []


def test_impossible_questions_are_refused():
    with pytest.raises(UsageError, match="shrink to 0"):
        own.measured_slopes("tanh", (0.5,), 0.0, 8, 3, 2, 0)
    with pytest.raises(UsageError, match="positive"):
        own.measured_slopes("tanh", (-1.0,), 0.3, 8, 3, 2, 0)
    with pytest.raises(UsageError, match="expected at least 2"):
        own.measured_slopes("tanh", (1.0,), 0.3, 1, 3, 2, 0)
    with pytest.raises(UsageError, match="infinite there"):
        numbers.mean_field_value("tanh", 1.0, 0.0, "xi")
    with pytest.raises(UsageError, match="expected one of"):
        numbers.slope_measured("tanh", 0.3, 8, 4, 6, 0, 0.123)
    with pytest.raises(UsageError, match="JSON"):
        numbers.trainable_depth("nonsense", [3, 6], 8, 0, 1.0)
