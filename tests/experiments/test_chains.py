"""Many networks followed at once are the networks that `measured` knows, and obey what is proved."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gradchain import initializers
from gradchain._errors import UsageError
from gradchain.bridge.bounds import chain_bounds
from gradchain.experiments import chains
from gradchain.experiments.lanes import draw_keys, draw_weights, spectral_norms
from gradchain.measured.build import network_from_weights
from gradchain.measured.factors import gradient_factors
from gradchain.measured.jacobian import jacobian_chain
from gradchain.predicted.bounds import chain_upper

EPS = float(np.finfo(np.float32).eps)
WIDTH, DEPTH = 6, 9


def rounding(depth, width):
    """What float32 products of `depth` matrices may do to log10 of a norm, on each of two sides."""
    return 2 * 4 * depth * width * EPS / np.log(10)


@pytest.fixture(scope="module")
def found():
    return chains.sweep(chains.ACTIVATIONS, "glorot_uniform", WIDTH, (1, 4, DEPTH), 20, seed=3)


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "gelu"])
def test_norms_and_bounds_are_those_of_the_bridge(found, activation):
    place = chains.ACTIVATIONS.index(activation)
    network, x = chains.drawn_network(activation, "glorot_uniform", WIDTH, DEPTH, 3, draw=13)
    bounds = chain_bounds(network, x)
    allowed = rounding(DEPTH, WIDTH)
    exact = float(bounds.log_exact[0]) / np.log(10)
    assert abs(found.log10_norm[13, place, 2] - exact) <= allowed
    sure = chains.log10_upper(found.log10_weight[13], activation)
    local = chains.log10_upper(found.log10_weight[13], activation, found.top_slope[13, place])
    assert abs(sure[-1] - bounds.log_upper[0] / np.log(10)) <= allowed
    assert abs(local[-1] - bounds.log_upper_local[0] / np.log(10)) <= allowed


def test_a_shorter_network_is_the_first_layers_of_a_longer_one(found):
    network, x = chains.drawn_network("tanh", "glorot_uniform", WIDTH, 4, 3, draw=0)
    exact = float(jacobian_chain(network, x, norm="spectral").log_norms[0]) / np.log(10)
    assert abs(found.log10_norm[0, 1, 1] - exact) <= rounding(4, WIDTH)


@pytest.mark.parametrize("activation", chains.ACTIVATIONS)
def test_no_network_exceeds_its_local_bound_nor_that_its_sure_bound(found, activation):
    place = chains.ACTIVATIONS.index(activation)
    sure = chains.log10_upper(found.log10_weight, activation)
    local = chains.log10_upper(found.log10_weight, activation, found.top_slope[:, place])
    at = np.asarray(found.depths) - 1
    assert (found.log10_norm[:, place] <= local[:, at] + rounding(DEPTH, WIDTH)).all()
    assert (local <= sure + rounding(DEPTH, WIDTH)).all()


def test_bounds_are_running_sums_of_what_predicted_adds_up(found):
    logs = found.log10_weight[0] * np.log(10)
    for depth in (1, 5, DEPTH):
        whole = chain_upper(logs[:depth], np.log(0.25))[0] / np.log(10)
        ours = chains.log10_upper(found.log10_weight[0], "sigmoid")[depth - 1]
        assert np.isclose(ours, whole, rtol=1e-13)


def test_sixty_sigmoid_layers_agree_with_50_digit_arithmetic():
    depth, width = 60, 3
    swept = chains.sweep(("sigmoid",), "he_normal", width, (depth,), 2, seed=8)
    network, x = chains.drawn_network("sigmoid", "he_normal", width, depth, 8, draw=1)
    with mpmath.workdps(50):
        h = mpmath.matrix([float(value) for value in x])
        product = mpmath.eye(width)
        for _, params in network.layers():
            weight = mpmath.matrix(np.asarray(params["weight"], np.float64).tolist())
            z = weight * h
            h = z.apply(lambda v: 1 / (1 + mpmath.exp(-v)))
            product = mpmath.diag([v * (1 - v) for v in h]) * weight * product
        # The largest eigenvalue of the Gram matrix: its trace of squares would lose nothing here.
        values = mpmath.eigsy(product * product.T, eigvals_only=True)
        exact = float(mpmath.log10(max(values)) / 2)
    assert abs(swept.log10_norm[1, 0, 0] - exact) <= rounding(depth, width)
    assert exact < -20


def test_states_that_underflow_do_not_kill_a_chain():
    # At depth 150 float32 states of these networks lie below 1e-45; float64 still holds them.
    depth, width = 150, 4
    swept = chains.sweep(("leaky_relu",), "unit_spectral", width, (depth,), 2, seed=0)
    network, x = chains.drawn_network("leaky_relu", "unit_spectral", width, depth, 0, draw=1)
    weights = [np.asarray(params["weight"], np.float64) for _, params in network.layers()]
    with jax.enable_x64(True):
        wide = network_from_weights(weights, activation="leaky_relu")
        start = jnp.asarray(np.asarray(x, np.float64))
        exact = float(jacobian_chain(wide, start, norm="spectral").log_norms[0]) / np.log(10)
        assert float(jnp.abs(wide(start)).max()) < 1e-45
    assert abs(swept.log10_norm[1, 0, 0] - exact) <= rounding(depth, width)


@pytest.mark.parametrize("law", ["orthogonal", "unit_spectral"])
def test_weights_called_of_norm_1_have_norm_1(law):
    width = 30
    weights = draw_weights(draw_keys(0, 2), initializers.get(law), width, 5)
    norms = np.asarray(spectral_norms(weights), np.float64)
    assert np.abs(norms - 1).max() <= 4 * width * EPS


@pytest.mark.parametrize(("law", "kept"), [("he_normal", 1.0), ("glorot_uniform", 0.5)])
def test_relu_keeps_the_mean_square_that_the_exact_law_says_at_width_8(law, kept):
    # E|Jv|^2 = prod sigma_w^2/2 |v|^2 exactly, at every width (theory 2.6).
    depth = 3
    swept = chains.sweep(("relu",), law, 8, (depth,), 2000, 1, weight_norms=False)
    ratio = 10 ** swept.log10_square[:, 0, -1] / kept**depth
    error = ratio.std(ddof=1) / np.sqrt(len(ratio))
    assert abs(ratio.mean() - 1) <= 4.5 * error


def test_glorot_sigmoid_networks_of_width_300_are_what_theory_says():
    swept = chains.sweep(("sigmoid",), "glorot_uniform", 300, (10,), 12, 5, weight_norms=False)
    square = 10 ** swept.log10_square[:, 0, -1]
    error = square.std(ddof=1) / np.sqrt(len(square))
    mean_field = 2.29539e-13  # prod chi, infinite width; a bias of order L/n is left
    assert abs(square.mean() - mean_field) <= 4.5 * error + mean_field * 10 / 300
    # (1/4)^10 bounds the root mean square, and no network's norm (theory 2.8).
    assert square.mean() + 4.5 * error < 16.0**-10
    assert (swept.log10_norm > 10 * np.log10(0.25)).all()
    weights = draw_weights(draw_keys(5, 1), initializers.get("glorot_uniform"), 300, 10)
    norms = np.asarray(spectral_norms(weights), np.float64)
    spread = norms.std(ddof=1) / np.sqrt(norms.size)
    assert abs(norms.mean() - 1.975) <= 4.5 * spread + 0.0005  # given to three decimals


def test_the_share_of_narrow_networks_above_a_power_of_a_quarter_is_what_theory_found():
    draws = 1000
    swept = chains.sweep(("sigmoid",), "glorot_uniform", 10, (5, 10), draws, 2, weight_norms=False)
    above = (swept.log10_norm[:, 0] > swept.depths * np.log10(0.25)).mean(axis=0)
    for ours, theirs in zip(above, (0.94, 0.58), strict=True):
        # Theirs is a Monte-Carlo value too, of at least 200 networks, given to two digits.
        error = np.sqrt(theirs * (1 - theirs) * (1 / draws + 1 / 200))
        assert abs(ours - theirs) <= 4.5 * error + 0.005


def test_the_split_of_many_networks_is_the_split_of_each():
    split = chains.factor_sweep("sigmoid", "glorot_uniform", 5, 7, seeds=3, seed=4)
    network, x = chains.drawn_network("sigmoid", "glorot_uniform", 5, 7, 4, draw=2)
    cotangent = np.zeros(5, np.float32)
    cotangent[0] = 1
    alone = gradient_factors(network, x, cotangent)
    # Slope and input do not depend on the error at the output; its length is 1 at the last layer.
    allowed = rounding(7, 5)
    assert np.abs(split["slope"][2] - np.asarray(alone.log_slope) / np.log(10)).max() <= allowed
    assert np.abs(split["input"][2] - np.asarray(alone.log_input) / np.log(10)).max() <= allowed
    assert np.abs(split["error"][:, -1]).max() <= allowed


@pytest.mark.parametrize(
    "change", [{"depths": ()}, {"depths": (3, 2)}, {"depths": (0, 1)}, {"width": 0}, {"seeds": 0}]
)
def test_sizes_that_make_no_network_are_refused(change):
    given = {"width": 3, "depths": (1, 2), "seeds": 2, "seed": 0} | change
    with pytest.raises(UsageError, match="at least 1"):
        chains.sweep(("relu",), "he_normal", **given)
