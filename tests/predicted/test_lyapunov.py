"""Exponents of Gaussian products: Newman's formula against mpmath, determinants and QR sweeps."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import UsageError
from gradchain.predicted.lyapunov import (
    gaussian_lyapunov_exponents,
    gaussian_lyapunov_variances,
    relu_lyapunov_exponents,
)

# width: top exponent and sum of all at sigma = 1; top of masked He-ReLU.
TABLE = {
    2: (0.05796575782920622440536002, -0.57721566490153286061, -0.40413236254409064854),
    3: (0.3648185772692609149881279, -0.21239708763227194562, -0.39799375654484471482),
    10: (1.099632424495872891072027, 5.8651121516828118874, -0.15373050534592858640),
    100: (2.297568426993918753185596, 179.03920521266691614, -0.012710442811378388426),
}


@pytest.mark.parametrize("width", TABLE)
def test_newmans_exponents_have_their_known_values(width):
    top, total, relu = TABLE[width]
    exponents = gaussian_lyapunov_exponents(width)
    assert abs(exponents[0] - top) < 4e-15
    assert abs(exponents[-1] + (np.euler_gamma + math.log(2)) / 2) < 4e-15
    assert abs(exponents.sum() - total) < 4e-15 * width
    assert abs(relu_lyapunov_exponents(width)[0] - relu) < 4e-15
    scaled = gaussian_lyapunov_exponents(width, width**-0.5)
    assert abs(scaled[0] - top + math.log(width) / 2) < 4e-15


@given(st.integers(1, 60), st.floats(1e-3, 1e3))
def test_exponents_fall_and_are_digammas_to_thirty_digits(width, sigma):
    exponents = gaussian_lyapunov_exponents(width, sigma)
    variances = gaussian_lyapunov_variances(width)
    assert (np.diff(exponents) < 0).all()
    assert (np.diff(variances) > 0).all()
    for k in {0, width // 2, width - 1}:
        x = mp.mpf(width - k) / 2
        exact = mp.log(sigma) + (mp.log(2) + mp.psi(0, x)) / 2
        assert abs(exponents[k] - float(exact)) < 1e-14
        assert abs(variances[k] - float(mp.psi(1, x) / 4)) < 1e-14


def test_wide_matrices_have_the_triangular_law():
    # n to infinity: exp(2 lambda) is uniform on [0, 1] at variance 1/n.
    n = 20_000
    squares = np.exp(2 * gaussian_lyapunov_exponents(n, n**-0.5))
    expected = (n - np.arange(n) - 0.5) / n
    assert np.abs(squares - expected).max() < 1 / n


@pytest.mark.parametrize(("width", "seed"), [(2, 11), (3, 12), (10, 13)])
def test_qr_sweeps_of_drawn_matrices_grow_at_these_rates(width, seed):
    rng = np.random.default_rng(seed)
    chains, steps = 50, 400
    frame = np.broadcast_to(np.eye(width), (chains, width, width))
    logs = np.zeros((steps, chains, width))
    for step in range(steps):
        frame, upper = np.linalg.qr(rng.normal(size=(chains, width, width)) @ frame)
        logs[step] = np.log(np.abs(np.diagonal(upper, axis1=1, axis2=2)))
    draws = chains * steps
    error = np.sqrt(gaussian_lyapunov_variances(width) / draws)
    # Five standard errors for each of 2 n numbers: false alarm below 2e-5 for n = 10.
    assert (np.abs(logs.mean(axis=(0, 1)) - gaussian_lyapunov_exponents(width)) < 5 * error).all()
    flat = logs.reshape(draws, width)
    fourth = ((flat - flat.mean(axis=0)) ** 4).mean(axis=0)
    allowed = 5 * np.sqrt((fourth - flat.var(axis=0) ** 2) / draws)
    assert (np.abs(flat.var(axis=0) - gaussian_lyapunov_variances(width)) < allowed).all()


def test_masked_products_grow_volumes_at_these_rates_while_enough_units_live():
    rng = np.random.default_rng(14)
    n, rank, draws = 7, 3, 40_000
    # One step suffices: Gaussian rows look the same from every plane of dimension `rank`.
    rows = rng.normal(0, math.sqrt(2 / n), (draws, n, rank)) * (rng.random((draws, n, 1)) < 0.5)
    alive = (np.abs(rows[:, :, 0]) > 0).sum(axis=1) >= rank
    square = rows[alive].transpose(0, 2, 1) @ rows[alive]
    logs = np.linalg.slogdet(square)[1] / 2
    exact = relu_lyapunov_exponents(n, rank).sum()
    assert abs(logs.mean() - exact) < 5 * logs.std() / math.sqrt(logs.size)


def test_exponents_need_a_width_a_size_and_units_that_live():
    for width in (0, -3):
        with pytest.raises(UsageError, match="width"):
            gaussian_lyapunov_exponents(width)
    for sigma in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="sigma"):
            gaussian_lyapunov_exponents(3, sigma)
    with pytest.raises(UsageError, match="at most the width"):
        relu_lyapunov_exponents(3, 4)
    with pytest.raises(UsageError, match="smaller rank"):
        relu_lyapunov_exponents(1000, 900)
