"""The law of the statistics under the declared law, and their power, by simulation.

Every simulation below is seeded, so a run repeats; each bound is one that a right program passes
with probability at least 1 - 1e-6 over seeds.
"""

import math

import mpmath
import numpy as np
import pytest

from gradchain.testing.initializer import FEWEST, SHAPE
from gradchain.testing.statistics import (
    FALSE_ALARM_RATE,
    NOMINAL,
    POWER,
    Part,
    critical,
    detectable,
    examine,
    pieces_of,
    power_against,
    studentize,
    two_sided,
)

EPS = float(np.finfo(np.float32).eps)
KOLMOGOROV = 2.69  # P(D sqrt(N) > 2.69) = 2 exp(-2 * 2.69^2) = 1e-6


@pytest.mark.parametrize("freedom", [7, 31, 63])
def test_the_tail_of_student_is_relatively_accurate_where_decisions_are_made(freedom):
    t = np.array([0.0, 0.5, 2.0, 6.2, 8.5, 12.0])
    for at, got in zip(t, two_sided(t, freedom), strict=True):
        with mpmath.workdps(40):
            x = mpmath.mpf(freedom) / (freedom + mpmath.mpf(at) ** 2)
            true = mpmath.betainc(mpmath.mpf(freedom) / 2, 0.5, 0, x, regularized=True)
            assert abs(mpmath.mpf(float(got)) / true - 1) < 1e-9
    for rate in (0.05, NOMINAL / 7, NOMINAL / 7 / 8128):
        again = two_sided(np.array([critical(rate, freedom)]), freedom)[0]
        assert again == pytest.approx(rate, rel=1e-3)


def uniform(rng, size):
    return rng.uniform(-1, 1, size) * math.sqrt(3)


def normal(rng, size):
    return rng.standard_normal(size)


def cut(rng, size):
    # N(0, 1) kept to [-2, 2], by redrawing, rescaled to variance 1.
    x = rng.standard_normal(size)
    flat = x.reshape(-1)
    beyond = np.flatnonzero(np.abs(flat) > 2)
    while beyond.size:
        flat[beyond] = rng.standard_normal(beyond.size)
        beyond = beyond[np.abs(flat[beyond]) > 2]
    return x / math.sqrt(0.773741303549923)


def laplace(rng, size):
    return rng.laplace(0, math.sqrt(0.5), size)


def orthogonal(rng, size):
    # Orthonormal rows, times sqrt(columns): variance 1. Haar, as the Gaussian is invariant.
    q, r = np.linalg.qr(rng.standard_normal((*size[:-2], size[-1], size[-2])))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return np.swapaxes(q, -1, -2) * math.sqrt(size[-1])


LAWS = [uniform, normal, cut, laplace, orthogonal]


@pytest.mark.parametrize("law", LAWS)
def test_p_values_are_uniform_when_the_declared_law_holds(law):
    # Small matrices (16 x 24, 32 keys), where the approximation is worse than at the default size.
    replications, keys = 2000, 32
    rng = np.random.default_rng(17)
    sums, squares = {}, {}
    for _ in range(keys):
        pieces = pieces_of(law(rng, (replications, 16, 24)), 1.0)
        for name in ("variance", "mean", "rows", "columns"):
            sums[name] = sums.get(name, 0.0) + pieces[name]
            squares[name] = squares.get(name, 0.0) + np.square(pieces[name])
    for name in sums:
        _, _, t = studentize(sums[name], squares[name], keys, 16 * EPS)
        if law is orthogonal and name in ("variance", "rows"):
            assert not t.any()  # nothing is random here: never an alarm
            continue
        p = np.sort(two_sided(t, keys - 1))
        steps = np.arange(replications + 1) / replications
        gap = max(np.max(np.abs(p - steps[1:])), np.max(np.abs(p - steps[:-1])))
        assert gap * math.sqrt(replications) < KOLMOGOROV, name
        # The rate of alarms at 1 %: binomial, with 5 standard deviations, and a quarter for skewness.
        alarms = int(np.sum(p < 0.01))
        assert alarms < 1.25 * 20 + 5 * math.sqrt(20), (name, alarms)


def test_a_right_law_raises_alarms_at_the_stated_rate_in_all_parts_together():
    # At a rate of 5 % in place of 2.5e-7, the same code; pairs are Bonferroni-corrected, so fewer.
    rng = np.random.default_rng(5)
    replications, alarms = 400, 0
    for _ in range(replications):
        parts = examine(normal(rng, (16, 8, 12)), 1.0, EPS)
        assert len(parts) == 7
        alarms += any(part.p_value < 0.05 / len(parts) for part in parts)
    assert alarms < 0.05 * replications + 5 * math.sqrt(0.05 * replications)


def test_the_tail_at_the_real_threshold_keeps_below_the_stated_rate():
    # Student's t of values with skewness g: P(t < -c) is about exp(g c^3/(3 sqrt R)) times normal
    # theory (Edgeworth). At the default size the largest g is that of the mean square.
    c = critical(NOMINAL / 7, FEWEST - 1)
    # Fourth and sixth moments of the normal and of Laplace's law, at variance 1; the third central
    # moment of a square is m6 - 3 m4 + 2.
    for fourth, sixth in ((3.0, 15.0), (6.0, 90.0)):
        third = sixth - 3 * fourth + 2
        skewness = third / (fourth - 1) ** 1.5 / math.sqrt(math.prod(SHAPE))
        factor = math.exp(skewness * c**3 / (3 * math.sqrt(FEWEST)))
        # One side grows by the factor, the other shrinks; six other parts are not skew.
        assert NOMINAL * (6 + factor) / 7 < FALSE_ALARM_RATE


def wrong_gain(rng, size):
    return 0.98 * normal(rng, size)


def large_gain_of_laplace(rng, size):
    return 1.02 * laplace(rng, size)


def uncorrected(rng, size):
    return cut(rng, size) * math.sqrt(0.773741303549923)


def swapped(rng, size):
    return cut(rng, size) * math.sqrt(size[-1] / size[-2])


def shifted(rng, size):
    return math.sqrt(1 - 0.02**2) * normal(rng, size) + 0.02


def shared(rng, size):
    rho = 0.01
    common = normal(rng, (*size[:-2], 1, size[-1]))
    return math.sqrt(1 - rho) * normal(rng, size) + math.sqrt(rho) * common


def two_equal_rows(rng, size):
    weights = normal(rng, size)
    weights[..., 41, :] = weights[..., 7, :]
    return weights


def repeated_keys(rng, size):
    rho = 0.03
    return math.sqrt(1 - rho) * normal(rng, size) + math.sqrt(rho) * normal(
        np.random.default_rng(3), size[-2:]
    )


@pytest.mark.parametrize(
    ("law", "part"),
    [
        (swapped, "variance"),
        (uncorrected, "variance"),
        (wrong_gain, "variance"),
        (large_gain_of_laplace, "variance"),
        (shifted, "mean"),
        (shared, "rows"),
    ],
)
def test_each_alternative_is_detected_every_time_at_the_default_size(law, part):
    # 120 of 120: were the power 0.88 or less, that would happen with probability 2e-7 or less; that
    # it is above 0.999 is checked below, with the spread seen here.
    rng = np.random.default_rng(11)
    values = np.stack([pieces_of(law(rng, (120, *SHAPE)), 1.0)[part] for _ in range(FEWEST)])
    average, error, t = studentize(values.sum(0), np.square(values).sum(0), FEWEST, 16 * EPS)
    assert np.all(two_sided(t, FEWEST - 1) < NOMINAL / 7)
    # The same from the law of noncentral t: deviation and standard error as seen, over all draws.
    limit = critical(NOMINAL / 7, FEWEST - 1)
    deviation, spread = abs(float(np.mean(average))), float(np.sqrt(np.mean(np.square(error))))
    slack = 5 * spread / math.sqrt(120)
    assert deviation - slack > detectable(spread, limit, FEWEST - 1)


@pytest.mark.parametrize(
    ("law", "part", "where"),
    [(two_equal_rows, "row pairs", (7, 41)), (repeated_keys, "keys", None)],
)
def test_equal_rows_and_repeated_keys_are_detected_every_time(law, part, where):
    rng = np.random.default_rng(12)
    for _ in range(20):
        parts = {each.name: each for each in examine(law(rng, (FEWEST, *SHAPE)), 1.0, EPS)}
        assert parts[part].p_value < NOMINAL / 7
        assert parts[part].where == where


def test_the_stated_power_is_the_share_of_alarms():
    # At a weaker deviation and threshold, so that alarms are missed at times: 400 replications of
    # Student's t with a true mean of `detectable` at power 0.999, and of half of it.
    rng = np.random.default_rng(13)
    freedom, limit = 31, critical(1e-4, 31)
    part = Part("mean", 0.0, 1 / math.sqrt(32), 0.0, 32, 1.0, 0.0)
    full = detectable(part.error, limit, freedom)
    for deviation in (full, 0.75 * full, 0.5 * full):
        values = rng.standard_normal((32, 4000)) + deviation
        _, _, t = studentize(values.sum(0), np.square(values).sum(0), 32, 0.0)
        share, power = float(np.mean(np.abs(t) > limit)), power_against(part, deviation, limit)
        # The approximation is good to a hundredth, and the share to 5 of its standard errors.
        assert abs(share - power) < 0.01 + 5 * math.sqrt(power * (1 - power) / 4000)
    assert power_against(part, full, limit) == pytest.approx(POWER, abs=1e-6)
