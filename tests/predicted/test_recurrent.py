"""Bounds and gates through time against mpmath, NumPy products and a counterexample."""

import math

import hypothesis
import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from gradchain import UsageError
from gradchain.predicted import recurrent


@hypothesis.given(st.integers(0, 10_000), st.floats(0.1, 3.0), st.integers(1, 12))
def test_no_tanh_network_exceeds_the_bound(seed, scale, steps):
    draws = np.random.default_rng(seed)
    weight = scale * draws.normal(size=(4, 4)) / 2
    h, factors = draws.normal(size=4), []
    for x in draws.normal(size=(steps, 4)):
        h = np.tanh(weight @ h + x)
        factors.append((1 - h**2)[:, None] * weight)
    product, norms = np.eye(4), [1.0]
    for factor in reversed(factors):
        product = product @ factor
        norms.append(np.linalg.norm(product, 2))
    norm = float(np.linalg.norm(weight, 2))
    upper = recurrent.time_chain_upper(norm, 1.0, steps)
    assert (np.log(np.maximum(norms[::-1], 1e-300)) <= upper + 1e-12 * steps).all()
    assert recurrent.vanishing_is_sure(norm, 1) == (norm < 1)
    assert recurrent.explosion_is_possible(norm, 1) == (norm > 1)


def test_a_spectral_radius_of_zero_does_not_make_a_gradient_vanish():
    # tanh' = (1, 3/4), W nilpotent: J = [[8, 8], [-6, -6]] has J^2 = 2 J.
    weight = np.array([[8.0, 8.0], [-8.0, -8.0]])
    np.testing.assert_array_equal(weight @ weight, np.zeros((2, 2)))
    jacobian = np.diag([1.0, 0.75]) @ weight
    product = np.linalg.matrix_power(jacobian, 30)
    np.testing.assert_array_equal(product, 2.0**29 * jacobian)
    norm = float(np.linalg.norm(weight, 2))
    assert not recurrent.vanishing_is_sure(norm, 1.0)
    assert np.log(np.linalg.norm(product, 2)) < recurrent.time_chain_upper(norm, 1.0, 30)[0]


@pytest.mark.parametrize("bias", [-700.0, -40.0, -1, 0, 1, 2, 5, 30.0, 40.0, 600.0, 705.0])
def test_gates_and_time_constants_are_right_where_sigmoid_rounds_to_0_or_1(bias):
    with mpmath.workdps(700):
        log_gate = -mpmath.log1p(mpmath.exp(-mpmath.mpf(bias)))
        exact = np.array([float((100 - t) * log_gate) for t in range(101)])
        constant = float(-1 / log_gate)
    np.testing.assert_allclose(recurrent.gate_product(bias, 100), exact, rtol=1e-14)
    assert math.isclose(recurrent.gate_time_constant(bias), constant, rel_tol=1e-14)


@pytest.mark.parametrize("zero", [0.0, -0.0, 0])
def test_a_recurrent_matrix_of_zeros_passes_no_gradient_at_all(zero):
    assert recurrent.time_chain_upper(zero, 1, 3).tolist() == [-math.inf] * 3 + [0.0]
    assert recurrent.vanishing_is_sure(zero, 1.0)
    assert not recurrent.explosion_is_possible(zero, 1.0)


def test_the_ends_of_the_range_are_named():
    assert recurrent.gate_time_constant(800) == math.inf
    assert recurrent.gate_time_constant(-1e6) == 1e-6


@hypothesis.given(st.integers(1, 10**6), st.floats(1e-6, 0.999))
def test_the_bias_for_a_share_keeps_that_share(steps, kept):
    bias = recurrent.gate_bias_for(steps, kept)
    with mpmath.workdps(40):
        share = (1 / (1 + mpmath.exp(-mpmath.mpf(bias)))) ** steps
    assert math.isclose(float(share), kept, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: recurrent.time_chain_upper(-1.0, 1.0, 5), "recurrent_norm=-1.0"),
        (lambda: recurrent.time_chain_upper(False, 1.0, 5), "recurrent_norm=False"),
        (lambda: recurrent.time_chain_upper(1.0, 0.0, 5), "derivative_sup=0.0"),
        (lambda: recurrent.time_chain_upper(1.0, float("nan"), 5), "derivative_sup=nan"),
        (lambda: recurrent.time_chain_upper(1.0, 1.0, 0), "steps=0"),
        (lambda: recurrent.gate_product(float("inf"), 5), "bias=inf"),
        (lambda: recurrent.gate_time_constant(True), "bias=True"),
        (lambda: recurrent.gate_bias_for(10, 1.0), "below 1"),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(call, said):
    with pytest.raises(UsageError, match=f"got {said}|{said}"):
        call()
