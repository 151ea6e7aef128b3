"""Norms without matrices: against all singular values, adjointness, and coverage of the intervals."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import activations
from gradchain._errors import NonFiniteError, ShapeError, UsageError
from gradchain.measured.build import concatenate, mlp, network_from_weights, residual, single
from gradchain.measured.layers import BatchNorm, Convolution, LayerNorm
from gradchain.measured.spectrum import (
    log_frobenius_norm_estimate,
    log_singular_values,
    top_log_singular_value,
)
from gradchain.measured.spectrum.products import Products


def dense(name="tanh", depth=40, width=24, sigma_w=1.5, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    weights = sigma_w * rng.normal(size=(depth, width, width)) / np.sqrt(width)
    network = network_from_weights(list(weights.astype(dtype)), activation=name)
    return network, rng.normal(size=width).astype(dtype)


@pytest.mark.parametrize(
    ("name", "sigma_w", "depth"), [("tanh", 1.0, 40), ("tanh", 5.0, 300), ("sigmoid", 1.0, 300)]
)
def test_the_top_value_is_the_first_of_all_values_in_float64(name, sigma_w, depth):
    with jax.enable_x64(True):
        network, x = dense(name, depth, sigma_w=sigma_w, dtype=np.float64)
        true = log_singular_values(network, x)[0]
        top = top_log_singular_value(network, x)
    assert abs(top.log_value - true) <= top.error
    assert top.error <= 1e-6
    # From below, but for rounding.
    assert top.log_value <= true + 1e-9


def test_a_tighter_tolerance_is_kept():
    with jax.enable_x64(True):
        network, x = dense("tanh", 10, 60, 0.9, np.float64)
        true = log_singular_values(network, x)[0]
        loose = top_log_singular_value(network, x, 0.01)
        tight = top_log_singular_value(network, x, 1e-11)
        stopped = top_log_singular_value(network, x, 1e-11, most=2)
    assert loose.products < tight.products
    assert abs(tight.log_value - true) <= tight.error <= 1e-11
    assert abs(loose.log_value - true) <= loose.error
    assert stopped.products == 4
    assert stopped.error > 1e-6


def test_the_directions_belong_to_the_value():
    network, x = dense()
    top = top_log_singular_value(network, x)
    products = Products(network, x)
    mantissa, power = products.forward(top.right[None])
    image = mantissa[0] * np.exp(power[0] * np.log(2.0) - top.log_value)
    # A value right to 1e-6 leaves its direction right to about 1e-3.
    assert np.abs(image - top.left).max() < 3e-3
    assert abs(np.linalg.norm(top.right) - 1) < 1e-12
    assert abs(np.linalg.norm(image) - 1) < 1e-5


@functools.cache
def other_layers():
    key = jax.random.key(4)
    weight = 0.5 * jax.random.normal(key, (3, 4, 4))
    parts = mlp(key, 3, 4, "tanh")
    image = jnp.linspace(-1, 1, 2 * 5).reshape(2, 5)
    kernel = 0.4 * jax.random.normal(key, (2, 2, 3))
    return {
        "residual": (residual(parts), jnp.linspace(-1, 1, 4)),
        "layer_norm": (concatenate(parts, single(LayerNorm(), {}), parts), jnp.linspace(-1, 1, 4)),
        "batch_norm": (
            concatenate(parts, single(BatchNorm(), {}), parts),
            jnp.sin(jnp.arange(12.0)).reshape(3, 4),
        ),
        "convolution": (
            concatenate(*[single(Convolution(activations.tanh), {"weight": kernel})] * 2),
            image,
        ),
        "widths": (
            network_from_weights(
                [np.asarray(weight[0, :, :3]), np.asarray(weight[1]), np.asarray(weight[2, :2])],
                activation="sigmoid",
            ),
            jnp.ones(3),
        ),
    }


@pytest.mark.parametrize("name", ["residual", "layer_norm", "batch_norm", "convolution", "widths"])
def test_every_kind_of_layer_gives_the_top_of_its_spectrum(name):
    network, x = other_layers()[name]
    true = log_singular_values(network, x)
    top = top_log_singular_value(network, x)
    # Layer Jacobians of float32 on both sides: each right to some roundings of its largest entry.
    assert abs(top.log_value - true[0]) < 1e-5
    assert top.error < 1e-4
    estimate = log_frobenius_norm_estimate(network, x, 200, key=jax.random.key(1))
    frobenius = np.log(np.exp(2 * true.log_values).sum()) / 2
    assert abs(estimate.log_value - frobenius) < 6 * estimate.error
    # J^T is the transpose of J.
    products, rng = Products(network, x), np.random.default_rng(2)
    u, v = rng.normal(size=(1, products.before)), rng.normal(size=(1, products.after))
    (there, up), (back, down) = products.forward(u), products.backward(v)
    left, right = (there * 2.0**up) @ v.T, (back * 2.0**down) @ u.T
    assert abs(left - right).item() < 1e-5 * np.linalg.norm(there * 2.0**up) * np.linalg.norm(v)


def test_sizes_no_float_holds_are_no_hindrance():
    # The second value is 0.01**400 of the first, which no float holds either.
    weights = [np.float32(1e-30) * np.diag(np.float32([1.0, 0.01]))] * 400
    network = network_from_weights(weights, activation="identity")
    top = top_log_singular_value(network, np.zeros(2, np.float32))
    true = 400 * np.log(np.float64(np.float32(1e-30)))
    assert abs(top.log_value - true) < 1e-9
    frobenius = log_frobenius_norm_estimate(network, np.zeros(2, np.float32), key=jax.random.key(3))
    assert frobenius.low < true < frobenius.high


def test_a_dead_chain_has_minus_infinity():
    network = network_from_weights([-np.eye(3, dtype=np.float32)] * 4, activation="relu")
    x = np.ones(3, np.float32)
    assert top_log_singular_value(network, x).log_value == -np.inf
    found = log_frobenius_norm_estimate(network, x, key=jax.random.key(0))
    assert (found.log_value, found.low, found.high) == (-np.inf, -np.inf, -np.inf)


def test_the_interval_of_the_frobenius_norm_holds_what_it_says_where_it_is_hardest():
    # Rank one: |J g|^2 is a chi-square with one degree of freedom. 200 intervals of 95 %: fewer than
    # 172 hold in 1e-7 of all draws.
    network = network_from_weights([np.full((4, 4), 0.5, np.float32)], activation="identity")
    x = np.ones(4, np.float32)
    held = spread = 0
    for seed in range(200):
        found = log_frobenius_norm_estimate(network, x, 16, key=jax.random.key(seed))
        held += found.low < np.log(2.0) < found.high
        spread += ((found.log_value - np.log(2.0)) / found.error) ** 2 / 200
    assert held >= 172
    # Nor does it hold always: 200 of 200 in 4e-5 of all draws.
    assert held < 200
    assert 0.5 < spread < 4


@pytest.mark.usefixtures("as_a_user")
def test_what_cannot_be_is_refused_in_a_sentence():
    network, x = dense(depth=3, width=4)
    with pytest.raises(UsageError, match="between 0 and 1"):
        top_log_singular_value(network, x, 0.0)
    with pytest.raises(UsageError, match="most=0"):
        top_log_singular_value(network, x, most=0)
    with pytest.raises(UsageError, match=r"jax.random.key"):
        log_frobenius_norm_estimate(network, x)
    with pytest.raises(UsageError, match="at least 2"):
        log_frobenius_norm_estimate(network, x, 1, key=jax.random.key(0))
    with pytest.raises(ShapeError, match="shape"):
        top_log_singular_value(network, x[:2])
    with pytest.raises(NonFiniteError, match="finite"):
        top_log_singular_value(network, np.full(4, np.nan, np.float32))
    with pytest.raises(UsageError, match="outside jit"):
        jax.jit(lambda h: top_log_singular_value(network, h).log_value)(x)
