"""Lyapunov spectra of random networks against Newman, exact sums, and measured spectra."""

import math

import mpmath
import numpy as np
import pytest

from gradchain import UsageError
from gradchain.measured.spectrum import lyapunov_exponents_of
from gradchain.predicted.lyapunov import gaussian_lyapunov_exponents, relu_lyapunov_exponents
from gradchain.predicted.recurrent_field import stationary_length, top_lyapunov_exponent
from gradchain.predicted.recurrent_spectrum import lyapunov_spectrum


def drawn(n, sigma_w, steps, rng, *, tied, q=0.0, variance=0.0, transient=100):
    """Factors D_t W of one network after a transient, or with the stated length and fresh weights."""
    weight = rng.normal(size=(n, n)) * sigma_w / math.sqrt(n)
    h, factors = rng.normal(size=n), []
    for t in range(steps + transient if tied else steps):
        if tied:
            h = np.tanh(weight @ h + math.sqrt(variance) * rng.normal(size=n))
        else:
            weight = rng.normal(size=(n, n)) * sigma_w / math.sqrt(n)
            h = np.tanh(math.sqrt(q) * rng.normal(size=n))
        if not tied or t >= transient:
            factors.append((1 - h * h)[:, None] * weight)
    return factors


def test_a_linear_network_has_newmans_exponents_also_where_tanh_is_linear():
    expected = gaussian_lyapunov_exponents(30, 0.7 / math.sqrt(30))
    np.testing.assert_array_equal(lyapunov_spectrum("identity", 0.7, 30), expected)
    # tanh at sigma_w < 1 forgets: q = 0, where every slope is 1.
    np.testing.assert_allclose(lyapunov_spectrum("tanh", 0.7, 30), expected, rtol=1e-12)


@pytest.mark.parametrize("sigma_w", [1.5, 3.0, 10.0])
def test_exponents_fall_and_their_sum_is_that_of_the_determinant(sigma_w):
    n = 40
    found = lyapunov_spectrum("tanh", sigma_w, n)
    assert (np.diff(found) < 0).all()
    q = mpmath.mpf(float(stationary_length("tanh", sigma_w)))
    slope = mpmath.quad(
        lambda z: -2 * mpmath.log(mpmath.cosh(mpmath.sqrt(q) * z)) * mpmath.npdf(z), [-12, 0, 12]
    )
    total = gaussian_lyapunov_exponents(n, sigma_w / math.sqrt(n)).sum() + n * float(slope)
    assert abs(found.sum() - total) < 1e-9 * abs(total)


def test_the_top_exponent_tends_to_mean_field_as_the_first_order_in_one_over_n_says():
    limit = top_lyapunov_exponent("tanh", 2.0)
    for n in (60, 120):
        first_order = top_lyapunov_exponent("tanh", 2.0, width=n)
        found = lyapunov_spectrum("tanh", 2.0, n)[0]
        assert abs(found - first_order) < 10 / n**2
        assert abs(found - limit) > 5 * abs(found - first_order)


def test_relu_gates_give_the_exact_exponents_of_masked_products_up_to_one_over_n_squared():
    n = 100
    found = lyapunov_spectrum("relu", 1.0, n, input_variance=1.0)
    for rank in (1, 10, 25):
        exact = relu_lyapunov_exponents(n, rank, sigma=n**-0.5)[-1]
        live = 0.5 - rank / n
        assert abs(found[rank - 1] - exact) < 1 / (n * live) ** 2
    assert np.isneginf(found[n // 2 :]).all()


def test_independent_weights_have_this_spectrum_at_every_position():
    n, sigma_w, networks, steps = 40, 2.0, 6, 200
    rng = np.random.default_rng(3)
    q = float(stationary_length("tanh", sigma_w))
    seen = np.array([
        lyapunov_exponents_of(drawn(n, sigma_w, steps, rng, tied=False, q=q), discard=20).values
        for _ in range(networks)
    ])
    error = seen.std(axis=0, ddof=1) / math.sqrt(networks)
    pooled = np.sqrt(np.convolve(error**2, np.ones(5) / 5, mode="same") + 1e-6)
    theory = lyapunov_spectrum("tanh", sigma_w, n)
    # Six pooled standard errors at 40 positions; the lowest four, which are off by more, 0.3.
    gap = np.abs(seen.mean(axis=0) - theory)
    assert (gap[:-4] < 6 * pooled[:-4]).all()
    assert (gap[-4:] < 0.3).all()


@pytest.mark.parametrize(("sigma_w", "variance"), [(3.0, 0.0), (1.0, 0.25)])
def test_one_weight_matrix_for_all_steps_has_this_spectrum_within_one_over_n(sigma_w, variance):
    n, networks, steps = 80, 6, 250
    rng = np.random.default_rng(7)
    seen = np.array([
        lyapunov_exponents_of(
            drawn(n, sigma_w, steps, rng, tied=True, variance=variance), discard=0
        ).values
        for _ in range(networks)
    ])
    error = seen.std(axis=0, ddof=1) / math.sqrt(networks)
    theory = lyapunov_spectrum("tanh", sigma_w, n, input_variance=variance)
    # The band: five standard errors of the mean over networks and 2/n for the three approximations.
    upper = slice(0, n // 2)
    gap = np.abs(seen.mean(axis=0) - theory)[upper]
    assert (gap < 5 * error[upper] + 2 / n).all()
    # The band is narrow beside what it is about.
    assert theory[0] - theory[n // 2] > 15 * 2 / n


def test_mistakes_are_answered_by_a_sentence():
    with pytest.raises(UsageError, match="width=0"):
        lyapunov_spectrum("tanh", 2.0, 0)
    with pytest.raises(UsageError, match="sigma_w=0"):
        lyapunov_spectrum("tanh", 0.0, 10)
    with pytest.raises(UsageError, match="without bound"):
        lyapunov_spectrum("relu", 2.0, 10, input_variance=1.0)
