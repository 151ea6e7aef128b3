"""The largest singular value and the moments, against closed forms, tables, mpmath and matrices."""

import math
from fractions import Fraction

import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import activations
from gradchain._errors import ActivationError, UsageError
from gradchain.predicted.finite_width_moments import second_moments
from gradchain.predicted.isometry import (
    critical_length,
    singular_value_edge,
    singular_value_law,
)

WEIGHTS = ("gaussian", "orthogonal")


def close(found, exact, digits):
    # Agreement up to the stated error and the digits that the reference has.
    return abs(found - exact) <= found.error + abs(exact) * 10.0**-digits


@given(st.integers(1, 3000))
def test_linear_and_relu_edges_have_their_closed_forms_at_every_depth(depth):
    gaussian = (depth + 1) * math.log(depth + 1) - depth * math.log(depth)
    assert close(singular_value_edge("identity", depth), math.exp(gaussian / 2), 12)
    assert close(singular_value_edge("identity", depth, "orthogonal"), 1.0, 15)
    relu = depth * math.log(depth) - (depth - 1) * math.log(depth - 1) if depth > 1 else math.log(2)
    assert close(singular_value_edge("relu", depth, "orthogonal"), math.exp(relu / 2), 12)
    # relu, Gaussian: z solves L z (1 + z) = z + 1/2.
    z = (-(depth - 1) + math.sqrt((depth - 1) ** 2 + 2 * depth)) / (2 * depth)
    exact = math.exp((math.log1p(1 / z) + depth * math.log((z + 0.5) / 0.5)) / 2)
    assert close(singular_value_edge("relu", depth), exact, 12)


def test_edges_of_a_few_depths_are_those_of_the_table():
    for depth, linear, relu, orthogonal in (
        (1, 2.0, 2.414213562373095, 1.414213562373095),
        (5, 3.863925465119637, 5.222334094573280, 3.493856214843421),
        (100, 16.52834525206846, 23.31653696582037, 16.44590841566599),
    ):
        assert close(singular_value_edge("identity", depth), linear, 15)
        assert close(singular_value_edge("relu", depth), relu, 15)
        assert close(singular_value_edge("relu", depth, "orthogonal"), orthogonal, 15)


# activation, sigma_b, depth: orthogonal and Gaussian edge at the critical point.
CRITICAL = {
    ("hard_tanh", 0.05, 50): (1.55383512, 11.8179746),
    ("hard_tanh", 0.1, 50): (2.64669120, 12.0115482),
    ("hard_tanh", 0.3, 50): (5.75067888, 13.0516898),
    ("tanh", 0.05, 10): (1.824184, 5.525709),
    ("tanh", 0.05, 50): (3.381700, 12.13374),
    ("tanh", 0.3, 10): (3.628855, 6.382926),
    ("tanh", 0.3, 50): (7.917562, 14.10615),
}


@pytest.mark.parametrize("case", CRITICAL)
def test_edges_at_the_critical_point_are_those_of_the_table(case):
    name, sigma_b, depth = case
    for weights, exact in zip(("orthogonal", "gaussian"), CRITICAL[case], strict=True):
        found = singular_value_edge(name, depth, weights, sigma_b)
        assert abs(found / exact - 1) < (6e-7 if name == "tanh" else 5e-9)
        assert found.error < 1e-11


def test_the_tanh_edge_solves_its_equation_to_twenty_digits():
    depth, sigma_b = 10, 0.3
    with mp.workdps(25):

        def mean(f, q):
            def weighted(z):
                return f(mp.sqrt(q) * z) * mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)

            return 2 * mp.quad(weighted, [0, 1, 2, 4, 7, 12])

        def excess(q):
            square, slope = mean(lambda x: mp.tanh(x) ** 2, q), mean(lambda x: mp.sech(x) ** 4, q)
            return square / slope + mp.mpf("0.09") - q

        q = mp.findroot(excess, (0.76, 0.77), tol=1e-18)
        scale = mean(lambda x: mp.sech(x) ** 4, q)

        def log_chi(x):
            y = mean(lambda u: mp.sech(u) ** 4 * x / (scale - mp.sech(u) ** 4 * x), q)
            return depth * mp.log(x) + (depth - 1) * mp.log((1 + y) / y)

        # The maximum, by the golden section: flat, so 10 digits of x give 20 of the value.
        low, high = mp.mpf("0.05") * scale, mp.mpf("0.999") * scale
        ratio = (mp.sqrt(5) - 1) / 2
        for _ in range(40):
            one, two = high - ratio * (high - low), low + ratio * (high - low)
            low, high = (one, high) if log_chi(one) < log_chi(two) else (low, two)
        edge = float(mp.exp(-log_chi((low + high) / 2) / 2))
    found = singular_value_edge("tanh", depth, "orthogonal", sigma_b)
    length, error = critical_length(activations.tanh, sigma_b)
    assert abs(length - float(q)) <= error
    assert abs(found - edge) <= found.error + 1e-13
    assert found.error < 1e-11


def test_an_edge_says_how_far_an_ill_known_length_may_move_it():
    # At tiny biases q is the root of a nearly flat function: q^3 against rounding.
    sigma_b = 1e-6
    with mp.workdps(40):

        def excess(q):
            def mean(f):
                def weighted(z):
                    return f(mp.sqrt(q) * z) * mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)

                return 2 * mp.quad(weighted, [0, 2, 5, 14])

            ratio = mean(lambda x: mp.tanh(x) ** 2) / mean(lambda x: mp.sech(x) ** 4)
            return ratio + mp.mpf(sigma_b) ** 2 - q

        guess = (mp.mpf(3) / 4 * sigma_b**2) ** (mp.mpf(1) / 3)
        q = float(mp.findroot(excess, (guess, guess * 1.01), tol=1e-30))
    found = singular_value_edge("tanh", 10, "orthogonal", sigma_b)
    exact = singular_value_law("tanh", 10, "orthogonal", q=q).edge
    assert abs(found - exact) <= found.error + exact.error
    assert abs(found - exact) > exact.error
    assert found.error < 1e-8


def test_erf_edges_follow_from_moments_alone():
    # s_max^2 = lim (m_k)^(1/k): the ratio of late moments comes near it from below.
    law = singular_value_law("erf", 3, "gaussian", 0.3)
    moments = law.moments(40).value
    ratio = moments[39] / moments[38]
    # A square-root edge: m_k ~ C edge^k k^(-3/2).
    assert abs(ratio * (40 / 39) ** 1.5 / law.edge**2 - 1) < 2e-3
    assert ratio < law.edge**2


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "sin"])
def test_orthogonal_weights_and_small_biases_give_isometry_and_gaussian_ones_never(name):
    edges = [singular_value_edge(name, 10, "orthogonal", s) for s in (0.5, 0.1, 1e-3, 0.0)]
    assert all(np.diff(edges) < 0)
    assert edges[-2] < 1.3
    assert close(edges[-1], 1.0, 14)
    linear = singular_value_edge("identity", 10)
    assert close(singular_value_edge(name, 10, "gaussian", 0.0), linear, 14)
    assert singular_value_edge(name, 10, "gaussian", 0.5) > linear


@given(st.floats(0, 1), st.integers(1, 200))
def test_edges_rise_with_depth_and_gaussian_ones_lie_above(slope, depth):
    name = activations.leaky_relu(slope)
    orthogonal, gaussian = (
        [singular_value_edge(name, depth + more, weights) for more in (0, 1)]
        for weights in ("orthogonal", "gaussian")
    )
    assert orthogonal[1] > orthogonal[0] or slope > 0.999999
    assert gaussian[1] > gaussian[0] > orthogonal[0]
    # Between those of relu and of a linear network.
    assert orthogonal[0] <= singular_value_edge("relu", depth, "orthogonal") * (1 + 1e-12)
    assert gaussian[0] >= singular_value_edge("identity", depth) * (1 - 1e-12)


@given(st.integers(1, 30))
def test_linear_moments_are_fuss_catalan_numbers(depth):
    moments = singular_value_law("identity", depth).exact_moments(8)
    assert moments == tuple(
        Fraction(math.comb((depth + 1) * k, k), depth * k + 1) for k in range(1, 9)
    )
    assert singular_value_law("identity", depth, "orthogonal").exact_moments(5) == (1,) * 5


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(
    "case", [("relu", 0), ("leaky_relu(0.2)", 0), ("hard_tanh", 0.4), ("erf", 0.3), ("sigmoid", 1)]
)
def test_the_second_moment_is_the_known_variance(case, weights):
    name, sigma_b = case
    law = singular_value_law(name, 7, weights, sigma_b)
    moments = law.moments(2)
    assert abs(moments.value[0] - 1) < 1e-12
    assert abs(moments.value[1] - 1 - law.variance) < law.variance.error + moments.error[1]
    if name == "relu":
        assert law.variance == (14 if weights == "gaussian" else 7)
    if name == "hard_tanh":
        p = math.erf(1 / math.sqrt(2 * law.q))
        exact = 7 / p - (weights == "orthogonal") * 7
        assert abs(law.variance - exact) < 1e-12


def test_free_moments_are_those_of_finite_networks_as_they_widen():
    for name in ("relu", "identity", "leaky_relu(0.3)"):
        free = singular_value_law(name, 6).moments(2).value[1]
        off = [second_moments(name, n, 6).trace_of_square - free for n in (10**5, 10**6)]
        assert 0 < off[1] < off[0] * 0.11 < 1e-3


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_moments_are_those_of_drawn_matrices(name, weights):
    rng = np.random.default_rng(7)
    n, depth, draws, q = 200, 3, 12, 0.8
    law = singular_value_law(name, depth, weights, q=q)
    found = np.zeros((draws, 4))
    for draw in range(draws):
        jacobian = np.eye(n)
        for _ in range(depth):
            w = rng.normal(size=(n, n))
            if weights == "orthogonal":
                frame, upper = np.linalg.qr(w)
                w = frame * np.sign(np.diag(upper))
            else:
                w = w / math.sqrt(n)
            z = math.sqrt(q) * rng.normal(size=(n, 1))
            slope = (z > 0) * 1.0 if name == "relu" else 1 / np.cosh(z) ** 2
            jacobian = law.sigma_w * slope * (w @ jacobian)
        squares = np.linalg.svd(jacobian, compute_uv=False) ** 2
        found[draw] = [(squares**k).mean() for k in range(1, 5)]
    exact = law.moments(4).value
    # Five standard errors and a bias of order 1/n: about k^2 L rho / n of the value.
    allowed = 5 * found.std(axis=0) / math.sqrt(draws)
    bias = exact * depth * np.arange(1, 5) ** 2 * 2 / n
    assert (np.abs(found.mean(axis=0) - exact) < allowed + bias).all()


def test_a_user_activation_without_a_known_bound_has_moments_and_no_edge():
    def softer(x):
        return jnp.tanh(x) + x / 10

    mine = activations.from_function("softer", softer)
    with pytest.raises(UsageError, match="moments"):
        singular_value_edge(mine, 5, "orthogonal", 0.3)
    law = singular_value_law(mine, 5, "orthogonal", q=1.0)
    assert law.edge is None
    assert law.moments(3).value[0] == pytest.approx(1.0)
    with pytest.raises(UsageError, match="moments"):
        law.density(1.0)
    bounded = activations.from_function("softer", softer, derivative_sup=1.1)
    edge = singular_value_edge(bounded, 5, "orthogonal", 0.3)
    assert 1 < edge < singular_value_edge("relu", 5, "orthogonal")
    # Without biases all slopes are the one at 0, and that one is known.
    assert singular_value_edge(mine, 5, "orthogonal") == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "softplus"])
def test_activations_without_a_stable_critical_point_are_refused_in_words(name):
    with pytest.raises(UsageError, match=r"stable critical point.*moments"):
        singular_value_edge(name, 10)
    assert singular_value_law(name, 10, q=1.0).edge > 3


@pytest.mark.usefixtures("as_a_user")
def test_wrong_arguments_are_named():
    with pytest.raises(UsageError, match="expected one of gaussian, orthogonal"):
        singular_value_edge("relu", 3, "uniform")
    for depth in (0, -1, 2.5, True):
        with pytest.raises(UsageError, match="depth"):
            singular_value_edge("relu", depth)
    for sigma_b in (-0.1, math.nan, math.inf, "0.1", None):
        with pytest.raises(UsageError, match="sigma_b"):
            singular_value_edge("tanh", 3, "gaussian", sigma_b)
    with pytest.raises(ActivationError):
        singular_value_edge("tahn", 3)
    law = singular_value_law("relu", 3)
    for count in (0, 41, 1.5):
        with pytest.raises(UsageError, match="count"):
            law.moments(count)
