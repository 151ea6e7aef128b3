"""Orthogonal and identity starts against drawn networks, random walks and fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from gradchain import UsageError
from gradchain.predicted.recurrent_start import irnn_kept_share, orthogonal_log_norms


def test_an_orthogonal_linear_network_keeps_every_direction_at_gain_to_the_steps():
    rng = np.random.default_rng(0)
    weight = 1.1 * np.linalg.qr(rng.normal(size=(7, 7)))[0]
    found = orthogonal_log_norms(7, 30, 1.1)
    for t in (0, 12, 30):
        power = np.linalg.matrix_power(weight, 30 - t)
        assert abs(math.log(np.linalg.norm(power)) - found[t]) < 1e-13
        np.testing.assert_allclose(np.linalg.svd(power)[1], 1.1 ** (30 - t), rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 9, 40])
def test_the_kept_share_is_the_discrete_arcsine_law_in_fractions(steps):
    u = [Fraction(math.comb(2 * k, k), 4**k) for k in range(steps + 1)]
    exact = [sum(u[j] * u[steps - j] for j in range(t + 1)) for t in range(steps + 1)]
    assert exact[-1] == 1
    np.testing.assert_allclose(irnn_kept_share(steps), [float(e) for e in exact], rtol=1e-14)


def test_long_irnns_keep_the_arcsine_of_the_distance_and_a_root_of_the_whole():
    steps = 20_000
    share = irnn_kept_share(steps)
    t = np.arange(1000, 19_000)
    arcsine = 2 / math.pi * np.arcsin(np.sqrt(t / steps))
    assert np.abs(share[t] - arcsine).max() < 1e-3
    assert abs(share[0] * math.sqrt(math.pi * steps) - 1) < 1e-4


def test_drawn_irnns_keep_that_share_of_their_units():
    rng = np.random.default_rng(1)
    n, d, steps, networks = 30, 4, 25, 3000
    kernel = rng.uniform(-1, 1, size=(networks, n, d))
    h, alive = np.zeros((networks, n)), []
    for _ in range(steps):
        z = h + np.einsum("knd,kd->kn", kernel, rng.normal(size=(networks, d)))
        alive.append(z > 0)
        h = np.maximum(z, 0)
    kept, shares = np.ones((networks, n), bool), np.ones((networks, steps + 1))
    for t in range(steps - 1, -1, -1):
        kept &= alive[t]
        shares[:, t] = kept.mean(axis=1)
    error = shares.std(axis=0, ddof=1) / math.sqrt(networks)
    # Units of one network share their inputs: networks are the independent draws. Five of 25
    # standard errors: false alarm 1.5e-5.
    gap = np.abs(shares.mean(axis=0) - irnn_kept_share(steps))
    assert (gap <= 5 * error).all()


def test_mistakes_are_answered_by_a_sentence():
    for call, said in (
        (lambda: orthogonal_log_norms(0, 3), "width=0"),
        (lambda: orthogonal_log_norms(3, 3, 0.0), "gain=0.0"),
        (lambda: irnn_kept_share(0), "steps=0"),
    ):
        with pytest.raises(UsageError, match=said):
            call()
