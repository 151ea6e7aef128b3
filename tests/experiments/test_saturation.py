"""Slopes die as mathematics says, autodiff dies earlier, and weight scales act as the laws say."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.experiments import saturation
from gradchain.experiments.lanes import draw_inputs, draw_keys, draw_weights
from gradchain.initializers import get
from gradchain.measured.build import network_from_weights
from gradchain.measured.jacobian import jacobian_chain

SLOPES = {
    "sigmoid": lambda x: 1 / (4 * mpmath.cosh(x / 2) ** 2),
    "tanh": lambda x: mpmath.sech(x) ** 2,
    "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
    "erf": lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-(x**2)),
}


@pytest.mark.parametrize("activation", SLOPES)
def test_slope_curves_are_the_slopes_however_small(activation):
    x = [0.0, 0.5, 3.0, 8.0, 20.0]
    ours = saturation.slope_curves((activation,), x)[0]
    with mpmath.workdps(30):
        exact = [float(mpmath.log10(SLOPES[activation](mpmath.mpf(v)))) for v in x]
    # A slope is right to 6.5 ulp; its logarithm to that over ln 10, and to its own rounding.
    assert np.abs(ours - exact).max() <= 8 * np.finfo(float).eps * (1 + np.abs(exact).max())


def test_hard_activations_have_no_slope_beyond_their_edges():
    for name, edge in (("hard_sigmoid", 3.0), ("hard_tanh", 1.0)):
        logs = saturation.slope_curves((name,), [0.0, edge - 0.01, edge + 0.01])[0]
        assert np.isfinite(logs).tolist() == [True, True, False]


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_autodiff_is_zero_from_there_on_although_the_slope_is_far_from_too_small(activation):
    x, slope = saturation.autodiff_zero_from(activation)
    grad = jax.vmap(jax.grad(saturation.PLAIN[activation]))
    before = float(np.nextafter(np.float32(x), np.float32(0)))
    points = jnp.asarray(np.array([before, x, x + 0.01, 20.0, 50.0, 1000.0], np.float32))
    assert (np.asarray(grad(points)) != 0).tolist() == [True] + [False] * 5
    with mpmath.workdps(30):
        exact = float(SLOPES[activation](mpmath.mpf(x)))
    assert math.isclose(slope, exact, rel_tol=8 * np.finfo(float).eps)
    assert slope > 1e20 * np.finfo(np.float32).tiny


def test_softsign_is_never_rounded_to_no_slope():
    assert saturation.autodiff_zero_from("softsign") == (math.inf, 0.0)


def test_an_activation_that_does_not_saturate_is_refused():
    with pytest.raises(UsageError, match="expected one of"):
        saturation.autodiff_zero_from("relu")


def test_factors_with_scale_and_bias_are_those_of_the_network_with_these_weights():
    scales, biases, width, depth = (0.5, 4.0), (0.0, -1.5), 5, 6
    found = saturation.scale_sweep(("sigmoid", "tanh"), scales, biases, width, depth, 3, seed=9)
    keys = draw_keys(9, 3)
    weights = draw_weights(keys, get("normal")(width**-0.5), width, depth)[2]
    x = draw_inputs(keys, width)[2]
    for k, (scale, bias) in enumerate(zip(scales, biases, strict=True)):
        own = [np.asarray(w) * np.float32(scale) for w in weights]
        shift = [np.full(width, bias, np.float32)] * depth
        network = network_from_weights(own, shift, activation="sigmoid")
        log_norm = float(jacobian_chain(network, x).log_norms[0]) - math.log(width) / 2
        allowed = 2 * 4 * depth * width * np.finfo(np.float32).eps
        assert abs(found.log10_factor[2, 0, k] * depth * math.log(10) - log_norm) <= allowed


def test_small_weights_make_tanh_a_linear_network_with_factor_sigma_w():
    sigma_w, depth = 0.02, 3
    found = saturation.scale_sweep(("tanh",), (sigma_w,), (0.0,), 10, depth, 400, seed=1)
    square = 10 ** (2 * depth * found.log10_factor[:, 0, 0]) / sigma_w ** (2 * depth)
    error = square.std(ddof=1) / math.sqrt(len(square))
    # E|Jv|^2 = sigma_w^(2L) |v|^2 for linear layers; tanh' is within z^2 of 1, z^2 near sigma_w^2.
    assert abs(square.mean() - 1) <= 4.5 * error + 2 * depth * sigma_w**2


def test_saturated_units_of_one_layer_are_the_tail_of_a_gaussian():
    sigma_w, width, draws = 8.0, 20, 500
    found = saturation.scale_sweep(("sigmoid",), (sigma_w,), (0.0,), width, 1, draws, seed=2)
    lengths = np.linalg.norm(np.asarray(draw_inputs(draw_keys(2, draws), width)), axis=1)
    # Given x, every z is N(0, sigma_w^2 |x|^2/n); its slope is below 1 % beyond |z| = 2 acosh(10).
    edge = 2 * math.acosh(10)
    expected = [math.erfc(edge / (sigma_w * r) * math.sqrt(width / 2)) for r in lengths]
    gap = found.saturated[:, 0, 0] - expected
    assert abs(gap.mean()) <= 4.5 * gap.std(ddof=1) / math.sqrt(draws)


def test_the_critical_scale_of_wide_sigmoid_networks_comes_near_the_law_of_infinite_width():
    # chi = 1 at sigma_w = 10.149 for n -> infinity; at finite n the typical factor lies below its
    # root mean square, so the scale must be larger, and the nearer the wider.
    grid = np.linspace(9.0, 14.0, 6)
    crossings = []
    for width, draws in ((30, 60), (120, 10)):
        zeros = (0.0,) * len(grid)
        found = saturation.scale_sweep(("sigmoid",), grid.tolist(), zeros, width, 20, draws, 0)
        curves = found.log10_factor[:, 0]
        value, low, high = saturation.resampled(
            curves, lambda curve: saturation.crossing(np.log10(grid), curve), seed=0
        )
        crossings.append(10 ** np.array([value, low, high]))
    (_, narrow_low, _), (wide, _, wide_high) = crossings
    assert 10.149 < wide < 12.0
    assert wide_high < narrow_low


def test_a_curve_without_top_or_crossing_says_so():
    grid = np.linspace(-1.0, 1.0, 9)
    assert math.isnan(saturation.crossing(grid, np.full(9, -0.5)))
    assert math.isclose(saturation.crossing(grid, np.full(9, 0.5)), -1.0)
    # A rising line has its top at the end of the grid, and no parabola moves it beyond.
    assert np.allclose(saturation.peak(grid, grid), (1.0, 1.0), rtol=1e-12)
    dying = np.where(grid > 0.2, -np.inf, grid)
    assert np.allclose(saturation.peak(grid, dying), (0.0, 0.0), atol=1e-12)


def test_resampling_keeps_the_value_inside_its_interval_and_narrows_with_more_networks():
    source = np.random.default_rng(0)
    widths = []
    for count in (25, 400):
        curves = source.normal(0.0, 1.0, (count, 1))
        value, low, high = saturation.resampled(curves, lambda curve: float(curve[0]), seed=0)
        assert low <= value <= high
        widths.append(high - low)
    # Four times the root of the count: the interval of a median shrinks like 1/sqrt(n).
    assert 2 < widths[0] / widths[1] < 8


@pytest.mark.parametrize("scales", [(), (0.0,), (-1.0,), (1.0, 2.0)])
def test_scales_that_are_none_are_refused(scales):
    with pytest.raises(UsageError, match="scales above 0"):
        saturation.scale_sweep(("tanh",), scales, (0.0,), 3, 2, 2, 0)
