"""Log norms at finite width: exact laws against tables, mpmath, closed forms and drawn networks."""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain import activations
from gradchain._errors import ActivationError, ShapeError, UsageError
from gradchain.predicted.finite_width import log_norm_law
from gradchain.predicted.finite_width_moments import second_moments

# (width, depth): E log |Ju|^2 and Var log |Ju|^2 of He-ReLU, to 16 digits, from 36-digit sums.
TABLE = {
    (10, 50): (-15.373050534592859, 43.336712652630163),
    (20, 50): (-6.8593362384514875, 15.587903750000855),
    (50, 10): (-0.51738780849765974, 1.0816813334827630),
    (100, 50): (-1.2710442811378388, 2.5969996074362668),
    (200, 50): (-0.63018084004897289, 1.2736707446545602),
    (500, 50): (-0.25082150874704718, 0.50373432268763376),
    (1000, 50): (-0.12520476928135915, 0.25092926583261035),
}


@pytest.mark.parametrize("case", TABLE)
def test_he_relu_keeps_neither_the_typical_gradient_nor_its_spread(case):
    law = log_norm_law("relu", *case)
    mean, variance = TABLE[case]
    assert abs(law.mean - mean) <= law.error + abs(mean) * 4e-16
    assert abs(law.variance - variance) <= law.error + variance * 4e-16
    # 17 digits were kept of mean and variance, so the geometric mean is as good.
    assert math.isclose(law.typical_norm, math.exp(mean / 2), rel_tol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 40])
def test_relu_layers_lose_length_as_thirty_digit_sums_say(width):
    with mp.workdps(30):
        alive = 1 - mp.mpf(2) ** -width
        weights = [mp.binomial(width, k) / mp.mpf(2) ** width / alive for k in range(1, width + 1)]
        psi = [mp.psi(0, mp.mpf(k) / 2) + mp.log(mp.mpf(4) / width) for k in range(1, width + 1)]
        mean = mp.fsum(w * p for w, p in zip(weights, psi, strict=True))
        square = mp.fsum(w * (p - mean) ** 2 for w, p in zip(weights, psi, strict=True))
        square += mp.fsum(w * mp.psi(1, mp.mpf(k) / 2) for k, w in enumerate(weights, 1))
    law = log_norm_law("relu", width, 3)
    assert abs(law.mean - 3 * float(mean)) <= law.error
    assert abs(law.variance - 3 * float(square)) <= law.error


@pytest.mark.parametrize("width", [1, 2, 50, 10**6])
def test_linear_layers_lose_length_as_the_digamma_function_says(width):
    law = log_norm_law("identity", width, 2)
    with mp.workdps(30):
        mean = 2 * (mp.psi(0, mp.mpf(width) / 2) + mp.log(mp.mpf(2) / width))
        variance = 2 * mp.psi(1, mp.mpf(width) / 2)
    assert abs(law.mean - float(mean)) <= law.error
    assert abs(law.variance - float(variance)) <= law.error


@pytest.mark.parametrize(("slope", "width"), [(0.01, 3), (0.3, 5), (0.25, 1)])
def test_leaky_layers_lose_length_as_frullanis_integral_says(slope, width):
    # E log Y = int (exp(-t) - E exp(-t Y)) / t dt, another route than the one taken in the package.
    with mp.workdps(20):

        def gap(t):
            one, other = 1 / mp.sqrt(1 + 2 * t), 1 / mp.sqrt(1 + 2 * mp.mpf(slope) ** 2 * t)
            return (mp.exp(-t) - ((one + other) / 2) ** width) / t

        steps = [0, *(mp.mpf(10) ** k for k in range(-2, 13, 2))]
        mean = mp.quad(gap, [*steps, mp.inf]) + mp.log(2 / (1 + mp.mpf(slope) ** 2) / width)
    law = log_norm_law(activations.leaky_relu(slope), width, 1)
    assert abs(law.mean - float(mean)) < 1e-9


def test_one_leaky_unit_is_a_coin_and_a_normal_variable():
    slope = 1e-3
    law = log_norm_law(activations.leaky_relu(slope), 1, 1)
    psi = float(mp.psi(0, 0.5)) + math.log(2 * 2 / (1 + slope**2))
    assert math.isclose(law.mean, psi + math.log(slope), rel_tol=1e-13)
    assert math.isclose(law.variance, math.pi**2 / 2 + math.log(slope) ** 2, rel_tol=1e-13)


@given(st.integers(1, 400), st.floats(-12, -9))
def test_a_slope_of_nearly_one_is_a_linear_layer(width, small):
    slope = 1 - 10**small
    leaky = log_norm_law(activations.leaky_relu(slope), width, 1)
    linear = log_norm_law("identity", width, 1)
    assert abs(leaky.mean - linear.mean) < 1e-8
    assert abs(leaky.variance - linear.variance) < 1e-8


@given(st.integers(2, 2000), st.integers(1, 100))
def test_mean_falls_and_spread_grows_with_depth_and_less_in_wider_networks(width, depth):
    law = log_norm_law("relu", width, depth)
    deeper, wider = log_norm_law("relu", width, depth + 1), log_norm_law("relu", width + 1, depth)
    assert deeper.mean < law.mean < wider.mean < 0
    assert deeper.variance > law.variance > wider.variance
    # The two leading orders in 1/n; the next is about 20 / n^3 and 60 / n^3 a layer.
    if width >= 20:
        expansion = -5 / (2 * width) - 49 / (12 * width**2)
        assert abs(law.mean / depth - expansion) < 30 / width**3 + 1e-14
        expansion = 5 / width + 37 / (2 * width**2)
        assert abs(law.variance / depth - expansion) < 200 / width**3 + 1e-14


def drawn(slope, widths, networks, seed):
    """Log |Ju|^2 of true networks with input x, u another vector; -inf where a layer died."""
    rng = np.random.default_rng(seed)
    x = np.ones((networks, widths[0])) / math.sqrt(widths[0])
    u = np.zeros_like(x)
    u[:, 0] = 1.0
    gain = 2 / (1 + slope**2)
    for fan_in, fan_out in pairwise(widths):
        weights = rng.normal(0, math.sqrt(gain / fan_in), (networks, fan_out, fan_in))
        z = np.einsum("noi,ni->no", weights, x)
        d = np.where(z > 0, 1.0, slope)
        x, u = d * z, d * np.einsum("noi,ni->no", weights, u)
    with np.errstate(divide="ignore"):
        return np.log((u**2).sum(axis=1))


@pytest.mark.parametrize(
    ("name", "slope", "widths", "seed"),
    [
        ("relu", 0.0, (6,) * 5, 1),
        ("relu", 0.0, (4, 9, 3, 7), 2),
        ("leaky_relu(0.2)", 0.2, (4,) * 4, 3),
        ("identity", 1.0, (3,) * 4, 4),
    ],
)
def test_drawn_networks_follow_the_law_given_that_no_layer_is_dead(name, slope, widths, seed):
    networks = 40_000
    logs = drawn(slope, widths, networks, seed)
    alive = np.sort(logs[np.isfinite(logs)])
    law = log_norm_law(name, widths, len(widths) - 1)
    # Five standard errors: false alarm once in 2e6 for each of the three.
    spread = math.sqrt(law.variance)
    assert abs(alive.mean() - law.mean) < 5 * spread / math.sqrt(alive.size)
    fourth = ((alive - alive.mean()) ** 4).mean()
    assert abs(alive.var() - law.variance) < 5 * math.sqrt((fourth - alive.var() ** 2) / alive.size)
    dead = 1 - alive.size / networks
    p = law.dead_probability
    assert abs(dead - p) <= 5 * math.sqrt(p * (1 - p) / networks)
    # Dvoretzky-Kiefer-Wolfowitz: the empirical law is farther off with probability 1e-6 at the most.
    allowed = math.sqrt(math.log(2e6) / (2 * alive.size))
    for p in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99):
        assert abs(np.searchsorted(alive, law.quantile(p)) / alive.size - p) < allowed + 1e-9
    # And the normal law of same mean and variance would be caught where it is wrong.
    if slope == 1.0:
        off = np.searchsorted(alive, law.normal_quantile(0.9)) / alive.size - 0.9
        assert abs(off) > allowed


def test_short_chains_have_the_law_of_their_chi_squared_variables():
    one, two = log_norm_law("identity", 1, 1), log_norm_law("identity", 2, 1)
    for x in (-40.0, -5.0, -1.0, 0.0, 0.5, 2.0, 3.0):
        # |Ju|^2 is the square of one normal variable; half the sum of two: exponential.
        assert abs(one.cdf(x) - math.erf(math.exp(x / 2) / math.sqrt(2))) < 1e-12
        assert abs(two.cdf(x) + math.expm1(-math.exp(x))) < 1e-12
        assert abs(two.density(x) - math.exp(x - math.exp(x))) < 1e-12
    # relu, width 1, alive: twice the square of a normal variable.
    relu = log_norm_law("relu", 1, 1)
    assert abs(relu.cdf(0.3) - math.erf(math.exp(0.15) / 2)) < 1e-12


@settings(max_examples=15)
@given(st.sampled_from(["relu", "identity", "leaky_relu"]), st.integers(1, 300), st.integers(1, 60))
def test_quantiles_invert_the_distribution_and_rise(name, width, depth):
    law = log_norm_law(name, width, depth)
    found = [law.quantile(p) for p in (1e-6, 0.05, 0.5, 0.95, 1 - 1e-6)]
    assert found == sorted(found)
    for p, x in zip((1e-6, 0.05, 0.5, 0.95, 1 - 1e-6), found, strict=True):
        assert abs(law.cdf(x) - p) < 1e-10


def test_the_mean_and_spread_are_those_of_the_density():
    law = log_norm_law("relu", 8, 12)
    step = 0.05
    x = law.mean + np.arange(-70 / step, 40 / step) * step
    density = np.array([law.density(float(each)) for each in x])
    assert abs(step * density.sum() - 1) < 1e-9
    assert abs(step * (density * x).sum() - law.mean) < 1e-7
    assert abs(step * (density * (x - law.mean) ** 2).sum() - law.variance) < 1e-5


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_ranks_and_dead_layers_are_those_of_coins(widths):
    law = log_norm_law("relu", widths, len(widths) - 1)
    alive = math.prod((1 - Fraction(1, 2**n) for n in widths[1:]), start=Fraction(1))
    assert math.isclose(law.dead_probability, float(1 - alive), rel_tol=1e-13)
    rank = sum(
        (
            math.prod(
                (sum(Fraction(math.comb(n, k), 2**n) for k in range(j, n + 1)) for n in widths[1:]),
                start=Fraction(1),
            )
            for j in range(1, min(widths) + 1)
        ),
        Fraction(0),
    )
    assert math.isclose(law.expected_rank, float(rank), rel_tol=1e-12)


def test_expected_ranks_of_wide_networks_are_those_of_the_literature_check():
    for case, rank in {
        (100, 10): 42.322,
        (100, 100): 37.524,
        (50, 10): 19.582,
        (50, 100): 16.222,
    }.items():
        assert abs(log_norm_law("relu", *case).expected_rank - rank) < 6e-4
    assert log_norm_law("leaky_relu", (5, 3, 9), 2).expected_rank == 3


def test_fourth_moments_grow_as_one_plus_five_over_n():
    assert math.isclose(log_norm_law("relu", 100, 100).fourth_moment, 1.05**100, rel_tol=1e-12)
    assert math.isclose(log_norm_law("identity", 10, 7).fourth_moment, 1.2**7, rel_tol=1e-12)
    assert log_norm_law("relu", (4, 8), 1).second_moment == 2.0
    assert log_norm_law("relu", 1, 10_000).fourth_moment == math.inf


def test_a_layer_is_dead_with_probability_two_to_the_minus_n():
    assert log_norm_law("relu", 1, 3).dead_probability == 7 / 8
    assert log_norm_law("relu", 60, 2).dead_probability == pytest.approx(2**-59, rel=1e-12)
    assert log_norm_law("leaky_relu", 1, 3).dead_probability == 0


# E tr (J J^T)^2 / n of He-ReLU by (width, depth), to ten digits.
SECOND = {
    (50, 10): 31.61268013,
    (50, 50): 2028.826678,
    (50, 100): 238861.7811,
    (100, 10): 25.53780884,
    (100, 50): 369.9263925,
    (100, 100): 4458.963700,
}


@pytest.mark.parametrize("case", SECOND)
def test_second_moments_of_the_spectrum_grow_beyond_the_free_value(case):
    found = second_moments("relu", *case)
    assert abs(found.trace_of_square / SECOND[case] - 1) < 1e-9
    assert found.trace_of_square > 1 + 2 * case[1]


@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([0, 1]))
def test_second_moments_obey_the_recursion_in_fractions(width, depth, linear):
    n, k = Fraction(width), Fraction(1 if linear else 2)
    a, b = n, n**2
    for _ in range(depth):
        mixed = n * k * (b + 2 * a)
        a, b = (n * (n - 1) * a + mixed) / n**2, (n * (n - 1) * b + mixed) / n**2
    found = second_moments("identity" if linear else "relu", width, depth)
    assert math.isclose(found.trace_of_square, float(a / n), rel_tol=1e-12)
    assert math.isclose(found.square_of_trace, float(b / n**2), rel_tol=1e-12)


def test_second_moments_are_those_of_drawn_networks():
    rng = np.random.default_rng(5)
    networks, n, depth, slope = 60_000, 4, 2, 0.3
    jacobian = np.broadcast_to(np.eye(n), (networks, n, n))
    x = np.ones((networks, n))
    for _ in range(depth):
        weights = rng.normal(0, math.sqrt(2 / (1 + slope**2) / n), (networks, n, n))
        z = np.einsum("noi,ni->no", weights, x)
        d = np.where(z > 0, 1.0, slope)
        x, jacobian = d * z, d[:, :, None] * (weights @ jacobian)
    square = jacobian @ jacobian.transpose(0, 2, 1)
    found = second_moments("leaky_relu(0.3)", n, depth)
    for draws, exact in (
        ((square**2).sum(axis=(1, 2)) / n, found.trace_of_square),
        (square.trace(axis1=1, axis2=2) ** 2 / n**2, found.square_of_trace),
    ):
        assert abs(draws.mean() - exact) < 5 * draws.std() / math.sqrt(networks)


def test_a_steep_left_side_is_a_shallow_right_one():
    # The slopes 5 and 1 are, up to the gain, 1 and 1/5.
    steep, shallow = (log_norm_law(activations.leaky_relu(a), 3, 2) for a in (5.0, 0.2))
    assert abs(steep.mean - shallow.mean) < 1e-13
    assert abs(steep.variance - shallow.variance) < 1e-13
    assert abs(steep.quantile(0.1) - shallow.quantile(0.1)) < 1e-9
    with pytest.raises(ActivationError, match="1e-6"):
        log_norm_law(activations.leaky_relu(1e-9), 3, 2)
    assert log_norm_law(activations.leaky_relu(0.0), 3, 2).mean == log_norm_law("relu", 3, 2).mean


@pytest.mark.parametrize("arguments", [("tanh", 10, 5), ("gelu", 10, 5)])
def test_activations_without_a_law_are_sent_to_what_holds_for_them(arguments):
    with pytest.raises(ActivationError, match=r"gradchain\.compare"):
        log_norm_law(*arguments)
    with pytest.raises(ActivationError, match="expected one of identity, relu, leaky_relu"):
        second_moments(*arguments)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    "arguments",
    [("relu", 0, 5), ("relu", 10, 0), ("relu", 2.5, 3), ("relu", True, 3), ("relu", 10**10, 1)],
)
def test_sizes_that_no_network_has_are_refused(arguments):
    with pytest.raises(UsageError, match=r"got (width|depth)"):
        log_norm_law(*arguments)


def test_widths_and_depth_must_agree_and_probabilities_be_such():
    with pytest.raises(ShapeError, match="expected 4"):
        log_norm_law("relu", (3, 4, 5), 3)
    law = log_norm_law("relu", 5, 2)
    for p in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="probability"):
            law.quantile(p)
    with pytest.raises(UsageError, match="1e-9"):
        law.quantile(1e-12)
    for ask in (law.cdf, law.density):
        with pytest.raises(UsageError, match="NaN"):
            ask(math.nan)
