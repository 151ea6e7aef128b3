"""Tied and untied linear chains against counted pairings, drawn matrices and Newman's exponents."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from gradchain import UsageError
from gradchain.predicted.recurrent_tied import linear_chains, spectral_radius


def loops(links, size):
    """Number of connected groups of `size` indices."""
    parent = list(range(size))

    def find(x):
        while parent[x] != x:
            x = parent[x]
        return x

    count = size
    for a, b in links:
        a, b = find(a), find(b)
        if a != b:
            parent[a], count = b, count - 1
    return count


def complex_mean(width, steps):
    """E||G^t||_F^2 / n for complex entries of variance 1/n, by Wick's theorem over permutations."""
    total = Fraction(0)
    # Indices i_0 .. i_t of one copy, j_0 .. j_t of the other with the same two ends.
    for order in itertools.permutations(range(steps)):
        links = [(0, steps + 1), (steps, 2 * steps + 1)]
        for a, b in enumerate(order):
            links += [(a, steps + 1 + b), (a + 1, steps + 2 + b)]
        total += Fraction(width) ** loops(links, 2 * steps + 2)
    return total / Fraction(width) ** (steps + 1)


@pytest.mark.parametrize("width", [1, 2, 3, 10])
def test_the_complex_tied_mean_is_the_count_of_all_pairings(width):
    found = linear_chains(width, 5).tied_complex
    exact = [1.0] + [float(complex_mean(width, t)) for t in range(1, 6)]
    np.testing.assert_allclose(np.exp(found), exact, rtol=1e-13)


def test_the_leading_order_is_the_limit_of_the_exact_mean_at_a_fixed_ratio_to_the_root_of_n():
    for ratio in (0.5, 1.0, 2.0, 3.0):
        errors = []
        for n in (100, 10_000):
            t = round(ratio * math.sqrt(n))
            found = linear_chains(n, t)
            errors.append(abs(found.tied[t] - found.tied_complex[t]))
        # Corrections of order t / n = ratio / sqrt(n): ten times smaller.
        assert errors[1] < 0.15 * errors[0] < 0.15 * 3 * ratio**2 / 10 + 1e-3


def test_real_tied_chains_grow_like_the_leading_order_while_untied_ones_do_not():
    rng = np.random.default_rng(2)
    n, steps, networks = 120, 22, 80
    tied, untied, typical = (np.empty((networks, steps + 1)) for _ in range(3))
    for k in range(networks):
        weight = rng.normal(size=(n, n)) / math.sqrt(n)
        power, product = np.eye(n), np.eye(n)
        tied[k, 0] = untied[k, 0] = typical[k, 0] = 1.0
        for t in range(1, steps + 1):
            power = weight @ power
            product = rng.normal(size=(n, n)) @ product / math.sqrt(n)
            tied[k, t], untied[k, t] = (power**2).sum() / n, (product**2).sum() / n
            typical[k, t] = (product[:, 0] ** 2).sum()
    found = linear_chains(n, steps)
    error = tied.std(axis=0, ddof=1) / math.sqrt(networks)
    theory = np.exp(found.tied)
    # Five standard errors and the next order, some t^3 / (3 n^2) to t^3 / n^2, for real entries.
    t = np.arange(steps + 1)
    assert (np.abs(tied.mean(axis=0) - theory) <= 5 * error + t**3 / n**2 * theory).all()
    assert theory[-1] > 1.7  # and 1 for untied weights
    spread = untied.std(axis=0, ddof=1) / math.sqrt(networks)
    assert (np.abs(untied.mean(axis=0) - np.exp(found.untied)) <= 5 * spread).all()
    logs = np.log(typical)
    doubt = logs.std(axis=0, ddof=1) / math.sqrt(networks)
    assert (np.abs(logs.mean(axis=0) - found.untied_typical) <= 5 * doubt).all()


def test_a_scale_multiplies_all_chains_by_its_powers():
    plain, scaled = linear_chains(20, 9), linear_chains(20, 9, 0.5)
    for name in ("untied", "tied", "tied_complex", "untied_typical"):
        gap = getattr(plain, name) - getattr(scaled, name)
        np.testing.assert_allclose(gap, 2 * math.log(2) * np.arange(10), rtol=1e-12)


def test_long_tied_chains_stay_finite_in_logarithms():
    found = linear_chains(10, 3000)
    assert np.isfinite(found.tied).all()
    assert np.isfinite(found.tied_complex).all()
    assert found.tied_complex[-1] > 1000


def test_the_median_radius_of_drawn_complex_matrices_is_this_one_and_real_ones_lie_below():
    rng = np.random.default_rng(4)
    n, networks = 20, 1500
    parts = rng.normal(size=(2, networks, n, n))
    complex_ones = (parts[0] + 1j * parts[1]) / math.sqrt(2 * n)
    radius = np.abs(np.linalg.eigvals(complex_ones)).max(axis=1)
    for level in (0.1, 0.5, 0.9):
        share = float((radius < spectral_radius(n, level)).mean())
        # Five standard errors of a share: false alarm 6e-7.
        assert abs(share - level) < 5 * math.sqrt(level * (1 - level) / networks)
    real = np.abs(np.linalg.eigvals(parts[0] / math.sqrt(n))).max(axis=1)
    assert (real < spectral_radius(n)).mean() > 0.5 + 5 * 0.5 / math.sqrt(networks)
    assert (real > 1).mean() > 0.5 + 5 * 0.5 / math.sqrt(networks)
    assert abs(spectral_radius(4000) - 1) < 0.02


def test_mistakes_are_answered_by_a_sentence():
    for call, said in (
        (lambda: linear_chains(0, 3), "width=0"),
        (lambda: linear_chains(3, 0), "steps=0"),
        (lambda: linear_chains(3, 3, math.inf), "sigma=inf"),
        (lambda: spectral_radius(3, 1.0), "probability=1.0"),
    ):
        with pytest.raises(UsageError, match=said):
            call()
