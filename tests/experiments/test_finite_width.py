"""Measured log norms are those of real networks, and their law is the exact one, not a near one."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.experiments import finite_width, finite_width_numbers
from gradchain.experiments.lanes import draw_keys
from gradchain.initializers import get
from gradchain.measured.build import network_from_weights
from gradchain.measured.jacobian import layer_jacobians


def drawn_again(width, depth, seed, place):
    """The weights, the input and the direction that network `place` was drawn with."""
    key = draw_keys(seed, place + 1)[place]
    start = jax.random.fold_in(key, 0)
    x, u = (jax.random.normal(jax.random.fold_in(start, k), (width,), jnp.float32) for k in (0, 1))
    law = get("lecun_gaussian")
    own = [jax.random.fold_in(key, np.uint32(layer)) for layer in range(1, depth + 1)]
    return [np.asarray(law.sample(k, (width, width), jnp.float32)) for k in own], x, np.asarray(u)


@pytest.mark.parametrize(("activation", "gain"), [("relu", math.sqrt(2)), ("identity", 1.0)])
def test_log_norms_are_those_of_the_jacobian_of_the_network_with_these_weights(activation, gain):
    width, depth, place = 6, 8, 2
    found = finite_width.log_squares(finite_width.NETWORKS, width, depth, 3, seed=5)
    weights, x, u = drawn_again(width, depth, 5, place)
    network = network_from_weights([w * np.float32(gain) for w in weights], activation=activation)
    layers = [np.asarray(each, np.float64) for each in layer_jacobians(network, x)]
    vector = u.astype(np.float64) / np.linalg.norm(u.astype(np.float64))
    for depth_now, matrix in enumerate(layers):
        vector = matrix @ vector
        own = found[place, finite_width.NETWORKS.index(activation), depth_now]
        allowed = 32 * depth * width * np.finfo(np.float32).eps
        assert abs(own - 2 * math.log(np.linalg.norm(vector))) <= allowed


def test_the_first_networks_and_layers_do_not_depend_on_how_many_there_are():
    few = finite_width.log_squares(("relu",), 5, 4, 6, seed=1)
    many = finite_width.log_squares(("relu",), 5, 7, 9, seed=1)
    allowed = 64 * 7 * np.finfo(np.float32).eps
    alive = np.isfinite(few)
    assert (alive == np.isfinite(many[:6, :, :4])).all()
    assert np.abs(few[alive] - many[:6, :, :4][alive]).max() <= allowed


def test_networks_follow_the_exact_law_and_not_its_leading_order():
    width, depth, seeds = 8, 20, 6000
    found = finite_width.log_squares(("relu", "identity"), width, depth, seeds, seed=11)[:, :, -1]
    for place, name in enumerate(finite_width.NETWORKS):
        for quantity in ("mean", "variance", "band"):
            z = finite_width_numbers.z_score(found[:, place], name, width, depth, quantity)
            # 4.5 standard errors: a false alarm in 150 000 such comparisons.
            assert abs(z) < 4.5, (name, quantity)
    assert abs(finite_width_numbers.z_score(found[:, 0], "relu", width, depth, "dead")) < 4.5
    # Hanin and Nica's leading orders, -5L/(2n) and 5L/n, are ruled out at this width.
    relu = finite_width.moments(found[:, 0])
    assert abs(relu.mean + 2.5 * depth / width) > 6 * relu.mean_error
    assert abs(relu.variance - 5 * depth / width) > 6 * relu.variance_error


def test_a_dead_layer_leaves_nothing_at_any_later_depth():
    found = finite_width.log_squares(("relu", "identity"), 2, 12, 200, seed=3)
    dead = np.isneginf(found[:, 0])
    assert 0 < dead[:, 0].sum() < dead[:, -1].sum()
    assert (dead[:, 1:] >= dead[:, :-1]).all()
    assert np.isfinite(found[:, 1]).all()


def test_moments_leave_dead_networks_out_and_know_their_errors():
    values = np.array([0.0, 1.0, 2.0, 5.0, -np.inf])
    found = finite_width.moments(values)
    assert (found.mean, found.alive, found.drawn) == (2.0, 4, 5)
    assert math.isclose(found.variance, np.var(values[:4], ddof=1))
    assert math.isclose(found.mean_error, np.std(values[:4], ddof=1) / 2)
    rng = np.random.default_rng(0)
    estimates = [finite_width.moments(row) for row in rng.normal(size=(2000, 200))]
    true = np.std([each.variance for each in estimates])
    told = np.mean([each.variance_error for each in estimates])
    # 2000 draws know a standard deviation to 1.6 %; m_4 - v^2 is biased by some percent at S = 200.
    assert abs(told / true - 1) < 0.1
    with pytest.raises(UsageError, match="at least 3"):
        finite_width.moments(np.array([1.0, -np.inf, 2.0]))


def test_numbers_come_out_again_and_agree_with_the_law():
    settings = {"activation": "relu", "width": 6, "depth": 10}
    law = finite_width.law_of(**settings)
    for quantity, value in (
        ("mean", law.mean),
        ("variance", law.variance),
        ("typical", math.exp(law.mean / 2)),
        ("dead", -math.expm1(10 * math.log1p(-(2.0**-6)))),
    ):
        told = finite_width_numbers.predicted(**settings, quantity=quantity)
        assert math.isclose(float(told.value), value, rel_tol=1e-11)
    for quantity in finite_width_numbers.MEASURED:
        told = [
            finite_width_numbers.measured(**settings, seeds=300, seed=s, quantity=quantity).value
            for s in (1, 1, 2)
        ]
        assert told[0] == told[1] != told[2]
    exact = {"mean": law.mean, "variance": law.variance, "typical": math.exp(law.mean / 2)}
    for quantity, value in exact.items():
        found = finite_width_numbers.measured(**settings, seeds=300, seed=1, quantity=quantity)
        assert abs(float(found.value) - value) < 4.5 * float(found.uncertainty.value)


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(UsageError, match="expected relu"):
        finite_width.log_squares(("tanh",), 5, 5, 2, 0)
    with pytest.raises(UsageError, match="expected one of"):
        finite_width.law_of("leaky_relu", 5, 5)
    with pytest.raises(UsageError, match="expected 1 to"):
        finite_width_numbers.predicted("relu", 5000, 5, "mean")
    with pytest.raises(UsageError, match="more than ten minutes"):
        finite_width_numbers.measured("relu", 1000, 1000, 1000, 0, "mean")
