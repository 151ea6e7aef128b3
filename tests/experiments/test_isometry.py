"""Singular values measured are those of the product; laws, exponents and moments agree with them."""

import math

import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import isometry as own
from gradchain.experiments import isometry_numbers as numbers
from gradchain.experiments.isometry_records import (
    Measured,
    exponent_numbers,
    paper_numbers,
    span_numbers,
)

WIDTH, DEPTH, DRAWS = 24, 3, 12


def test_spectra_are_singular_values_of_the_product_and_tops_the_first_of_them():
    for activation, weights in (("relu", "gaussian"), ("tanh", "orthogonal")):
        logs = own.spectra(activation, weights, WIDTH, (1, DEPTH), 2, seed=5)
        top, fourth = own.tops(activation, weights, WIDTH, (1, DEPTH), 2, seed=5)
        for draw in range(2):
            factors = own.jacobians(activation, weights, WIDTH, DEPTH, 5, draw)
            values = np.linalg.svd(factors[2] @ factors[1] @ factors[0], compute_uv=False)
            large = values > 1e-6 * values[0]
            assert np.allclose(np.exp(logs[draw, 1])[large], values[large], rtol=1e-9)
            assert math.isclose(top[draw, 1], values[0], rel_tol=1e-12)
            assert math.isclose(fourth[draw, 1], (values**4).mean(), rel_tol=1e-11)


def test_the_first_layers_do_not_depend_on_how_many_follow():
    short, long = (own.jacobians("tanh", "gaussian", 6, depth, 1, 2) for depth in (2, 5))
    assert np.array_equal(short, long[:2])


def test_linear_orthogonal_networks_have_only_ones_and_relu_layers_drop_to_zero():
    logs = own.spectra("identity", "orthogonal", 8, (100,), 1, seed=0)
    # Each factor is orthogonal to a few eps of float32.
    assert np.abs(logs).max() <= 100 * 8 * 6e-8
    relu = own.spectra("relu", "orthogonal", 8, (1,), 4, seed=0)
    alive = relu[np.isfinite(relu)]
    assert np.isneginf(relu).any()
    assert np.allclose(alive, math.log(2) / 2, atol=1e-6)


def test_networks_are_critical_the_mean_square_of_a_singular_value_is_one():
    for activation in own.ACTIVATIONS:
        logs = own.spectra(activation, "gaussian", 48, (1,), 24, seed=2)[:, 0]
        squares = np.exp(2 * logs).mean(axis=1)
        error = squares.std(ddof=1) / math.sqrt(len(squares))
        # E|J|_F^2/n = chi = 1 at the length started from; 4.5 sigma is 7e-6.
        assert abs(squares.mean() - 1) <= 4.5 * error, activation


def test_marchenko_pastur_is_the_law_of_one_linear_layer():
    edges = np.linspace(-2.0, 0.4, 13)
    found = own.law_shares("identity", "gaussian", 1, edges)
    s = np.linspace(0, 2, 2_000_001)
    cumulated = np.concatenate([[0], np.cumsum(np.sqrt(4 - s**2))]) * (s[1] - s[0]) / math.pi
    exact = np.interp(np.minimum(10.0**edges, 2.0), np.append(s, 2.0), cumulated)
    # Two million rectangles: 1e-6. The last bin holds the edge, where the density ends like a root.
    assert np.abs(found - np.diff(exact)).max() <= 1e-6
    curve = own.law_curve("identity", "gaussian", 1, np.array([0.0]))
    assert math.isclose(curve[0], math.sqrt(3) / math.pi * math.log(10), rel_tol=1e-6)


def test_histograms_agree_with_the_law_within_their_errors():
    # s = 1 lies inside a bin; the spectrum of one network has far smaller fluctuations than n draws.
    edges = np.array([-1.0, -0.6, -0.2, 0.2])
    for activation, weights in (("relu", "orthogonal"), ("identity", "gaussian")):
        logs = own.spectra(activation, weights, 96, (4,), 10, seed=1)[:, 0] / math.log(10)
        shares = np.stack([np.histogram(row, edges)[0] / row.size for row in logs])
        error = shares.std(axis=0, ddof=1) / math.sqrt(len(shares))
        gap = shares.mean(axis=0) - own.law_shares(activation, weights, 4, edges)
        # Ten draws: Student's 1e-4 point with 9 degrees of freedom is 6.6; 1/n for finite width.
        assert (np.abs(gap) <= 6.6 * error + 1 / 96).all()


@pytest.mark.parametrize(
    ("law", "quantity", "known"),
    [(("identity", "gaussian", 10), "edge", math.sqrt(11**11 / 10**10)),
     (("relu", "orthogonal", 10), "edge", math.sqrt(10**10 / 9**9)),
     (("tanh", "orthogonal", 10), "edge", 3.628855),
     (("relu", "gaussian", 10), "fourth", 21.0)],
)  # fmt: skip
def test_predicted_values_are_those_of_closed_forms_and_tables(law, quantity, known):
    assert math.isclose(
        float(numbers.law_value(law[0], law[1], law[2], quantity).value), known, rel_tol=2e-7
    )


def test_the_share_above_one_is_what_the_histogram_says():
    found = float(numbers.law_value("identity", "gaussian", 1, "aboveone").value)
    # Quarter circle: (1/pi) int_1^2 sqrt(4 - s^2) ds.
    assert abs(found - (2 / 3 - math.sqrt(3) / (2 * math.pi))) < 2e-6


def test_exact_moments_at_a_width_are_those_of_the_table():
    assert abs(float(numbers.fourth_at_width("relu", 50, 10).value) - 31.61268013) < 1e-7


def test_measured_exponents_agree_with_newman():
    for width, depth in ((2, 4000), (10, 1500)):
        values, errors = own.exponents(width, depth, 50, seed=7)
        exact = [float(numbers.exponent(width, place).value) for place in ("top", "bottom")]
        # Blocks of 50: Student's 1e-6 point with 49 degrees of freedom is 5.6.
        assert (np.abs(values[[0, -1]] - exact) <= 5.6 * errors[[0, -1]]).all()
    assert math.isclose(exact[1], -(np.euler_gamma + math.log(2)) / 2, rel_tol=1e-12)


def test_the_critical_bias_of_the_paper_is_theirs_and_that_of_high_precision():
    found = float(numbers.critical_bias("tanh", 1.05).value)
    assert math.isclose(found, 2.01052133882671e-5, rel_tol=1e-8)
    with pytest.raises(UsageError, match="no critical length"):
        numbers.critical_bias("tanh", 0.9)


def test_recorded_numbers_come_out_again_and_agree_with_fresh_seeds():
    made = []
    for activation, weights in (("relu", "gaussian"), ("tanh", "orthogonal")):
        top, fourth = own.tops(activation, weights, WIDTH, (DEPTH,), DRAWS, 0)
        logs = own.spectra(activation, weights, WIDTH, (DEPTH,), DRAWS, 0)[:, 0]
        found = Measured(activation, weights, WIDTH, DEPTH, top[:, 0], fourth[:, 0], logs, 0)
        for what in numbers.QUANTITIES:
            made += found.numbers(what)
    made += span_numbers(own.spectra("identity", "gaussian", 6, (40,), 20, 0)[:, 0], 40, 0)
    made += exponent_numbers(3, *own.exponents(3, 1000, 50, 0), 1000, 50, 0)
    made += paper_numbers()
    registry = {number.key: number for number in made}
    assert len(registry) == len(made)
    findings = recompute.check(registry, "full")
    assert [f.sentence for f in findings if f.verdict not in ("agrees", "reported")] == []


def test_impossible_questions_are_refused():
    with pytest.raises(UsageError, match="expected one of"):
        own.jacobians("gelu", "gaussian", 4, 2, 0, 0)
    with pytest.raises(UsageError, match="increasing"):
        own.spectra("relu", "gaussian", 4, (3, 2), 1, 0)
    with pytest.raises(UsageError, match="expected 1 to"):
        numbers.law_value("relu", "gaussian", 10**6, "edge")
    with pytest.raises(UsageError, match="fewer or smaller"):
        numbers.exponent_measured(1000, "top", 10**5, 50, 0)
