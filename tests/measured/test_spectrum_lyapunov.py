"""Lyapunov exponents: against Newman's exact ones for Gaussian matrices, with k-sigma tolerances."""

import mpmath
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.measured.build import network_from_weights
from gradchain.measured.spectrum import (
    log_singular_values_of,
    lyapunov_exponents,
    lyapunov_exponents_of,
)

# 115 exponents are tested at 5.5 standard errors each: a false alarm in 2e-5 of all seeds, allowing
# for the skewed logarithm of a chi-square; the seeds are fixed.
SIGMA = 5.5


def newman(width, sigma=1.0):
    """lambda_k = log sigma + (log 2 + psi((n - k + 1) / 2)) / 2, and the variance psi' / 4 of a step."""
    places = [mpmath.mpf(width - k) / 2 for k in range(width)]
    values = [mpmath.log(sigma) + (mpmath.log(2) + mpmath.digamma(p)) / 2 for p in places]
    spreads = [mpmath.psi(1, p) / 4 for p in places]
    return np.array(values, np.float64), np.array(spreads, np.float64)


def drawn(width, depth, sigma=1.0, seed=12):
    return sigma * np.random.default_rng(seed).normal(size=(depth, width, width))


@pytest.mark.parametrize(("width", "depth"), [(2, 4000), (3, 4000), (10, 2000), (100, 600)])
def test_gaussian_products_have_newmans_exponents(width, depth):
    found = lyapunov_exponents_of(drawn(width, depth), blocks=40, discard=0)
    values, spreads = newman(width)
    true_error = np.sqrt(spreads / depth)
    z = (found.values - values) / true_error
    assert np.abs(z).max() < SIGMA
    # The reported errors are those of 40 blocks: a chi with 39 degrees of freedom, 0.4 and 1.7 are
    # beyond 5.5 sigma.
    assert (found.standard_error > 0.4 * true_error).all()
    assert (found.standard_error < 1.7 * true_error).all()
    assert not found.upper_bound.any()


def test_the_test_would_see_a_law_that_is_two_percent_off():
    found = lyapunov_exponents_of(drawn(100, 600, 1.02), blocks=40, discard=0)
    values, spreads = newman(100)
    assert np.abs((found.values - values) / np.sqrt(spreads / 600)).max() > SIGMA


def test_the_reference_values_are_those_of_the_literature():
    # Width 2: (log 2 - gamma) / 2; the last exponent is -(gamma + log 2) / 2 for every width.
    values, _ = newman(2)
    assert abs(values[0] - float((mpmath.log(2) - mpmath.euler) / 2)) < 1e-15
    for width in (3, 10, 100):
        last = newman(width)[0][-1]
        assert abs(last + float((mpmath.log(2) + mpmath.euler) / 2)) < 1e-14


def test_singular_values_of_a_deep_chain_grow_at_the_exponents():
    # log sigma_k / L tends to lambda_k: 8 chains of depth 300 estimate it with a bias of order 1 / L.
    rates = np.array([
        log_singular_values_of(drawn(3, 300, seed=seed)).log_values / 300 for seed in range(8)
    ])
    values, spreads = newman(3)
    error = np.sqrt(spreads / 300 / 8)
    assert (np.abs(rates.mean(axis=0) - values) < SIGMA * error + 2 / 300).all()


def test_the_start_is_forgotten_for_a_diagonal_chain():
    found = lyapunov_exponents_of([np.diag([0.5, 4.0, 1.0])] * 200)
    assert np.abs(found.values / np.log(2.0) - [2, 0, -1]).max() < 1e-9
    assert found.discarded == 20


def test_dead_units_leave_exponents_of_minus_infinity_and_batch_norm_like_layers_a_bound():
    factors = drawn(4, 60)
    factors[7, 2] = 0
    found = lyapunov_exponents_of(factors)
    assert np.isneginf(found.values).tolist() == [False, False, False, True]
    assert found.standard_error[3] == 0
    centred = drawn(4, 60)
    centred -= centred.mean(axis=1, keepdims=True)
    found = lyapunov_exponents_of(centred)
    assert found.upper_bound.tolist() == [False, False, False, True]
    assert found.values[3] < -30


def test_a_network_of_scaled_rotations_has_equal_exponents_without_error():
    q = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    weights = [(0.5 * q).astype(np.float32)] * 100
    found = lyapunov_exponents(
        network_from_weights(weights, activation="identity"), np.ones(4, "f4")
    )
    assert np.abs(found.values - np.log(0.5)).max() < 1e-6
    assert found.standard_error.max() < 1e-6
    assert "100" not in repr(found)
    assert "20 blocks" in repr(found)


@pytest.mark.parametrize(
    ("named", "words"),
    [({"blocks": 1}, "at least 2"), ({"blocks": 30}, "30 blocks"), ({"discard": -1}, "at least 0")],
)
def test_too_few_layers_for_the_blocks_are_refused(named, words):
    with pytest.raises(UsageError, match=words):
        lyapunov_exponents_of(drawn(2, 25), **named)
