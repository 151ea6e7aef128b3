"""Mean field of plain recurrent networks against theory's values, closed forms and drawn networks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import UsageError
from gradchain.predicted.mean_field import mean_field
from gradchain.predicted.recurrent_field import (
    stationary_length,
    time_field,
    top_lyapunov_exponent,
)

# sigma_w: (1/2) log chi_1(q) of tanh without bias, from an independent computation of 25 digits.
EXPONENTS = {
    1.5: 0.0652172119,
    2.0: 0.1547242298,
    3.0: 0.3102493151,
    5.0: 0.5324279416,
    10.0: 0.8564351892,
}


@pytest.mark.parametrize("sigma_w", EXPONENTS)
def test_the_top_exponent_of_tanh_networks_has_its_known_value(sigma_w):
    found = top_lyapunov_exponent("tanh", sigma_w)
    assert abs(found - EXPONENTS[sigma_w]) < 5.1e-11
    assert 0 <= found.error < 1e-12


@given(st.floats(0.2, 3.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_linear_networks_have_geometric_sums_as_lengths(sigma_w, sigma_b, variance):
    found = time_field("identity", sigma_w, 6, sigma_b=sigma_b, input_variance=variance)
    start = sigma_b**2 + variance
    expected = [start * sum(sigma_w ** (2 * k) for k in range(t)) for t in range(1, 7)]
    np.testing.assert_allclose(found.lengths, expected, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(
        found.log_norms, math.log(sigma_w) * np.arange(6, -1, -1), rtol=1e-12, atol=1e-14
    )


def test_an_input_counts_as_a_bias_does_and_long_runs_settle_where_deep_networks_do():
    by_input = stationary_length("tanh", 1.7, input_variance=0.3)
    by_bias = stationary_length("tanh", 1.7, sigma_b=math.sqrt(0.3))
    deep = mean_field("tanh", 1.7, math.sqrt(0.3))
    assert abs(by_input - by_bias) < 1e-14
    assert abs(by_input - float(deep.q)) < 1e-14
    found = time_field("tanh", 1.7, 200, input_variance=0.3)
    assert abs(found.lengths[-1] - by_input) < 1e-12
    assert abs(found.factors[-1] - float(deep.chi)) < 1e-12


@pytest.mark.parametrize(("tied", "orthogonal"), [(True, False), (False, False), (True, True)])
def test_drawn_networks_keep_what_mean_field_says_tied_or_untied_gaussian_or_orthogonal(
    tied, orthogonal
):
    rng = np.random.default_rng(5 + tied + 2 * orthogonal)
    n, steps, sigma_w, variance, networks = 150, 12, 1.3, 0.5, 24
    found = time_field("tanh", sigma_w, steps, input_variance=variance)
    squares, lengths = np.empty((networks, steps + 1)), np.empty((networks, steps))

    def draw():
        weight = rng.normal(size=(n, n)) / math.sqrt(n)
        return sigma_w * (np.linalg.qr(weight)[0] if orthogonal else weight)

    for k in range(networks):
        weight, h, factors = draw(), np.zeros(n), []
        for t in range(steps):
            weight = weight if tied else draw()
            z = weight @ h + math.sqrt(variance) * rng.normal(size=n)
            h = np.tanh(z)
            lengths[k, t] = z @ z / n
            factors.append((1 - h * h)[:, None] * weight)
        product = np.eye(n)
        squares[k, -1] = 1.0
        for t in range(steps - 1, -1, -1):
            product = product @ factors[t]
            squares[k, t] = (product**2).sum() / n
    # Five standard errors (false alarm 6e-7 each), and a bias of T/n relative of finite width.
    for seen, theory in ((squares, np.exp(2 * found.log_norms)), (lengths, found.lengths)):
        error = seen.std(axis=0, ddof=1) / math.sqrt(networks)
        assert (np.abs(seen.mean(axis=0) - theory) < 5 * error + steps / n * theory).all()


def test_a_finite_width_lowers_the_top_exponent_as_it_does_in_newmans_law_and_for_relu():
    for n in (50, 500):
        linear = top_lyapunov_exponent("identity", 0.5, width=n)
        assert abs(linear - math.log(0.5) + 1 / (2 * n)) < 1e-12
        relu = top_lyapunov_exponent("relu", 1.0, input_variance=1.0, width=n)
        assert abs(relu - math.log(0.5) / 2 + 5 / (4 * n)) < 1e-12


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: time_field("tanh", 1.0, 0), "steps=0"),
        (lambda: time_field("tanh", -1.0, 3), "sigma_w=-1.0"),
        (lambda: time_field("tanh", 1.0, 3, input_variance=-0.1), "input_variance=-0.1"),
        (lambda: stationary_length("identity", 1.5, input_variance=1.0), "without bound"),
        (lambda: top_lyapunov_exponent("tanh", 0.0), "sigma_w=0"),
        (lambda: top_lyapunov_exponent("tanh", 2.0, width=0), "width=0"),
        (lambda: top_lyapunov_exponent("tanh", 2.0, sigma_b=math.nan), "sigma_b=nan"),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()
