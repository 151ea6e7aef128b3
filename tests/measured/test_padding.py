"""Layers of many widths joined into one run: the same states and chains, in one program."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain.measured.build import concatenate, mlp, network_from_weights
from gradchain.measured.jacobian import jacobian_chain
from gradchain.measured.network import run_forward
from gradchain.measured.padding import merged, narrowed, widened

EPS = 2.0**-23
WIDTHS = (7, 12, 5, 9, 3, 11, 8, 6, 10)


def drawn(widths, seed=0, bias=0.0):
    rng = np.random.default_rng(seed)
    weights = [(rng.normal(size=(o, i)) / i**0.5).astype(np.float32) for i, o in pairwise(widths)]
    biases = [np.full(len(w), bias, np.float32) for w in weights]
    return weights, biases


def by_hand(weights, biases, x, function, slope):
    """All suffix products in NumPy float64."""
    h, slopes = np.asarray(x, np.float64), []
    for w, b in zip(weights, biases, strict=True):
        z = w.astype(np.float64) @ h + b
        slopes.append(slope(z))
        h = function(z)
    products = [np.eye(len(h))]
    for w, s in zip(reversed(weights), reversed(slopes), strict=True):
        products.append(products[-1] @ (s[:, None] * w.astype(np.float64)))
    return h, products[::-1]


def close(got, expected, layers, width, slope=0.0):
    # Rounding of L products of at most n terms, and a few ulp for every slope.
    np.testing.assert_allclose(got, expected, rtol=0, atol=layers * (4 * width + 8) * EPS + slope)


@pytest.mark.parametrize(
    ("norm", "how"), [("frobenius", "analytic"), ("spectral", "autodiff"), ("max", "analytic")]
)
def test_layers_of_many_widths_have_the_norms_of_their_products(norm, how):
    weights, biases = drawn(WIDTHS)
    x = np.linspace(-1, 1, WIDTHS[0]).astype(np.float32)
    net = network_from_weights(weights, biases, activation="tanh")
    (filled,) = merged(net, jnp.asarray(x)).runs
    assert len(net.runs) == len(weights)
    out, products = by_hand(weights, biases, x, np.tanh, lambda z: 1 / np.cosh(z) ** 2)
    chain = jacobian_chain(net, x, norm, how=how)
    sizes = {
        "frobenius": np.linalg.norm,
        "spectral": lambda m: np.linalg.norm(m, 2),
        "max": lambda m: np.abs(m).max(),
    }
    close(chain.log_norms, [np.log(sizes[norm](m)) for m in products], len(weights), 12)
    close(chain.jacobian.to_float(), products[0], len(weights), 12)
    state, _ = run_forward(filled, widened(filled, jnp.asarray(x)))
    close(narrowed(filled, state, at_start=False), out, len(weights), 12)


def test_units_that_do_not_exist_hide_no_small_slope():
    # Every real slope is about exp(-80); squares of such sizes are lost in float32.
    weights, biases = drawn(WIDTHS, bias=-80.0)
    x = np.linspace(-1, 1, WIDTHS[0]).astype(np.float32)
    net = network_from_weights(weights, biases, activation="sigmoid")
    _, products = by_hand(
        weights,
        biases,
        x,
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.exp(z + 80) / (1 + np.exp(z)) ** 2,
    )
    taken = 80 * np.arange(len(weights), -1, -1)
    expected = np.array([np.log(np.linalg.norm(m)) for m in products]) - taken
    # A float32 near 80 is rounded by 40 eps, twice a layer; logs near -640 by 320 eps.
    close(jacobian_chain(net, x).log_norms, expected, len(weights), 12, 8 * 80 * EPS + 320 * EPS)


def test_a_chain_that_dies_between_other_layers_is_dead_and_the_ends_keep_their_shapes():
    weights, biases = drawn(WIDTHS, seed=1)
    biases = [b + 1 for b in biases]
    biases[4] -= 100
    net = concatenate(
        mlp(jax.random.key(0), depth=3, width=7, activation="sigmoid"),
        network_from_weights(weights, biases, activation="relu"),
        mlp(jax.random.key(1), depth=2, width=10, activation="sigmoid"),
    )
    chain = jacobian_chain(net, np.linspace(-1, 1, 7).astype(np.float32), chunk=3)
    logs = np.asarray(chain.log_norms)
    assert np.isneginf(logs[: 3 + 5]).all()  # the fifth of the middle ones is dead
    assert np.isfinite(logs[3 + 5 :]).all()
    assert chain.jacobian.shape == (10, 7)


def test_probes_through_many_widths_estimate_the_exact_norms():
    weights, biases = drawn(WIDTHS)
    x = np.linspace(-1, 1, WIDTHS[0]).astype(np.float32)
    net = network_from_weights(weights, biases, activation="tanh")
    exact = np.asarray(jacobian_chain(net, x).log_norms)
    probed = jacobian_chain(net, x, probes=256, key=jax.random.key(2))
    # 6 standard errors, nine norms: a false alarm in 1e-7 of all draws, were they drawn anew.
    error = np.abs(np.asarray(probed.log_norms) - exact)
    assert (error <= 6 * np.asarray(probed.log_norms_error)).all()


def test_the_work_grows_at_most_fourfold():
    widths = (100, 2, 2, 2, 2, 2, 2, 2, 90, 95, 100, 90, 95, 100, 3)
    weights, biases = drawn(widths)
    net = network_from_weights(weights, biases, activation="tanh")
    x = jnp.ones(100)
    runs = merged(net, x).runs
    assert len(runs) < len(net.runs)
    work = sum(run.params["weight"].size for run in runs)
    assert work <= 4 * sum(w.size for w in weights)


def test_layers_with_their_own_activation_or_parameters_are_left_alone():
    weights, _ = drawn(WIDTHS)
    names = ["tanh", "sigmoid"] * 4
    net = network_from_weights(weights, activation=names)
    assert merged(net, jnp.ones(7)).runs == net.runs
    trainable = network_from_weights(weights, activation="prelu")
    assert merged(trainable, jnp.ones(7)).runs == trainable.runs
