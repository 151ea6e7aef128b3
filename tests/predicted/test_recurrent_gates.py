"""Moving gates and chrono biases against mpmath and drawn gates."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain import UsageError
from gradchain.predicted.recurrent import gate_product, gate_time_constant
from gradchain.predicted.recurrent_gates import (
    chrono_bias,
    chrono_chain,
    gate_chain,
    gate_moments,
)


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


FUNCTIONS = {
    "log_mean": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "mean": sigmoid,
    "square": lambda x: sigmoid(x) ** 2,
    "rest_square": lambda x: sigmoid(-x) ** 2,
    "slope_square": lambda x: (sigmoid(x) * sigmoid(-x)) ** 2,
}


@pytest.mark.parametrize(("bias", "variance"), [(0.0, 1.0), (5.0, 0.1), (-3.0, 9.0)])
def test_moments_of_a_gate_have_the_values_of_mpmath_within_their_own_errors(bias, variance):
    found = gate_moments(bias, variance)
    for name, function in FUNCTIONS.items():
        exact = mpmath.quad(
            lambda z, f=function: f(bias + math.sqrt(variance) * z) * mpmath.npdf(z),
            [-12, -6, -3, 0, 3, 6, 12],
        )
        value, error = getattr(found, name)
        assert abs(value - float(exact)) <= error + 1e-15
        assert error < 1e-10


@given(st.floats(-5, 8), st.integers(1, 300))
def test_a_gate_that_stands_still_is_the_constant_gate(bias, steps):
    for found in (gate_chain(bias, steps), gate_chain(bias, steps, 0.0, 1.0)):
        exact = gate_product(bias, steps)
        np.testing.assert_allclose(found.rms, exact, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.typical, exact, rtol=1e-9, atol=1e-12)


@settings(max_examples=8)
@given(st.floats(-2, 4), st.floats(0.1, 9.0), st.floats(0.1, 0.9))
def test_units_that_stand_still_keep_more_and_the_typical_unit_less_than_the_mean_gate(
    bias, variance, share
):
    fresh, mixed, still = (gate_chain(bias, 40, variance, r) for r in (0.0, share, 1.0))
    slack = 1e-9 * np.abs(fresh.rms) + 1e-12
    assert (fresh.typical <= fresh.rms + slack).all()
    assert (fresh.rms <= mixed.rms + slack).all()
    assert (mixed.rms <= still.rms + slack).all()
    assert (fresh.typical <= gate_product(bias, 40) + slack).all()


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_drawn_gates_keep_what_the_chain_says(share):
    rng = np.random.default_rng(8)
    units, steps, bias, variance = 200_000, 12, 1.0, 1.5
    still = math.sqrt(variance * share) * rng.normal(size=units)
    logs = np.zeros(units)
    for _ in range(steps):
        x = bias + still + math.sqrt(variance * (1 - share)) * rng.normal(size=units)
        logs -= np.logaddexp(0, -x)
    found = gate_chain(bias, steps, variance, share)
    # Five standard errors: false alarm 6e-7 each.
    assert abs(logs.mean() - found.typical[0]) < 5 * logs.std() / math.sqrt(units)
    squares = np.exp(2 * logs)
    error = squares.std() / math.sqrt(units)
    assert abs(squares.mean() - math.exp(2 * found.rms[0])) < 5 * error


@pytest.mark.parametrize(("bias", "variance", "steps"), [(0.0, 25.0, 500), (-20.0, 4.0, 3000)])
def test_gates_that_hardly_ever_open_are_still_integrated_right(bias, variance, steps):
    found = gate_chain(bias, steps, variance, 1.0)
    # Divided by what is claimed, since mpmath's tolerance is absolute: 1 is left.
    claimed = 2 * float(found.rms[0])
    left = mpmath.quad(
        lambda z: mpmath.exp(
            2 * steps * FUNCTIONS["log_mean"](bias + math.sqrt(variance) * z)
            - z * z / 2
            - mpmath.log(2 * mpmath.pi) / 2
            - claimed
        ),
        [-4, 0, *range(1, 26)],
    )
    assert abs(left - 1) < 1e-9


def test_chrono_biases_spread_the_time_constants_over_all_distances():
    for level in (0.0, 0.5, 1.0):
        u = 1 + level * 98
        assert abs(chrono_bias(100, level) - math.log(u)) < 1e-14
        assert abs(gate_time_constant(chrono_bias(100, level)) - (u + 0.5)) < 0.06


@pytest.mark.parametrize("longest", [3, 100, 2000])
def test_what_chrono_gates_keep_has_the_value_of_mpmath(longest):
    found = chrono_chain(longest, 150)
    for back in (1, 20, 150):
        claimed = 2 * float(found.rms[150 - back])
        points = [1 + (longest - 2) * k / 16 for k in range(17)]
        left = mpmath.quad(
            lambda u, k=back, own=claimed: mpmath.exp(2 * k * mpmath.log(u / (1 + u)) - own), points
        )
        assert abs(left / (longest - 2) - 1) < 1e-11 * (1 + abs(claimed))
    # E log(U / (1 + U)) in closed form: u log u - (1 + u) log(1 + u).
    ends = [u * math.log(u) - (1 + u) * math.log(1 + u) for u in (1, longest - 1)]
    assert abs(found.typical[149] - (ends[1] - ends[0]) / (longest - 2)) < 1e-12


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gate_moments(math.inf), "bias=inf"),
        (lambda: gate_moments(0.0, -1.0), "variance=-1.0"),
        (lambda: gate_chain(0.0, 0), "steps=0"),
        (lambda: gate_chain(0.0, 5, 1.0, 1.5), "frozen=1.5"),
        (lambda: chrono_bias(2), "longest=2"),
        (lambda: chrono_bias(9, 2.0), "level=2.0"),
        (lambda: chrono_chain(9, 0), "steps=0"),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()
