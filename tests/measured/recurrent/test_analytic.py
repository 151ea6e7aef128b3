"""The two routes back through time share no derivative code: what one finds, the other must find.

Room: both round a product of T factors in another order, so logarithms may differ by the chain's own
`tolerance`, 8 T n eps.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain.measured.recurrent import analytic, cells, time_chain

UNITS, INPUTS, STEPS = 5, 3, 30
CELLS = {
    "simple": cells.simple_rnn(UNITS),
    "relu": cells.simple_rnn(UNITS, activation="relu"),
    "lstm": cells.lstm(UNITS, forget_bias=2),
    "gru_after": cells.gru(UNITS, update_bias=0.5),
    "gru_before": cells.gru(UNITS, reset_after=False),
    "minimal": cells.minimal(UNITS),
}


def drawn(name, dtype, scale):
    draws = np.random.default_rng(0)
    cell = CELLS[name]
    params = {k: (scale * draws.normal(size=s)).astype(dtype) for k, s in cell.shapes(3).items()}
    return cell, params, draws.normal(size=(STEPS, INPUTS)).astype(dtype)


def furthest(left, right):
    """How far two trees of logarithms are apart; where both are -inf, nothing."""

    def gap(a, b):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        with np.errstate(invalid="ignore"):
            return np.max(np.where(a == b, 0.0, np.abs(a - b)))

    return max(jax.tree.leaves(jax.tree.map(gap, left, right)))


def logs(chain):
    return chain.log_norms, chain.block_log_norms, chain.parameter_log_norms


# Tiny weights: rows that shrink by e^-6 a step; large ones: gates saturated to the last bit, where
# 1 - z of the other gated cells has lost its digits on either route.
@pytest.mark.parametrize(
    ("name", "scale"), [*((name, 0.7) for name in CELLS), ("gru_after", 1e-3), ("lstm", 30.0)]
)
def test_equations_and_differentiation_give_the_same_chain(name, scale):
    with jax.enable_x64(True):
        cell, params, inputs = drawn(name, "float64", scale)
        ours, other = (
            time_chain(cell, params, inputs, how=how) for how in ("analytic", "autodiff")
        )
        assert furthest(logs(ours), logs(other)) <= ours.tolerance
        assert ours.norms.dtype == other.norms.dtype == np.float64
        size = lambda chain: np.asarray(chain.jacobian.mantissa)
        np.testing.assert_array_equal(ours.jacobian.exponent, other.jacobian.exponent)
        assert np.abs(size(ours) - size(other)).max() <= ours.tolerance


def test_a_wrong_slope_would_be_found(monkeypatch):
    # The room is no wider than it has to be: a diagonal off by a part in a million is outside.
    rule = analytic.RULES[cells.SimpleRNN]

    def off(*given):
        return {"h": rule.slopes(*given)["h"] * (1 + 1e-6)}

    monkeypatch.setitem(analytic.RULES, cells.SimpleRNN, rule._replace(slopes=off))
    with jax.enable_x64(True):
        # Of a width of its own: a program compiled before would not see the change.
        cell = cells.simple_rnn(4)
        params, inputs = cell.init(jax.random.key(0), 2), jnp.ones((STEPS, 2))
        ours, other = (
            time_chain(cell, params, inputs, how=how) for how in ("analytic", "autodiff")
        )
        assert furthest(logs(ours), logs(other)) > 100 * ours.tolerance


def test_narrow_types_stay_within_the_tolerance_that_is_said():
    cell, params, inputs = drawn("simple", "float16", 0.7)
    ours, other = (time_chain(cell, params, inputs, how=how) for how in ("analytic", "autodiff"))
    assert ours.jacobian.dtype == other.jacobian.dtype == "float16"
    assert ours.tolerance == 8 * STEPS * UNITS * 2.0**-10
    assert furthest(logs(ours), logs(other)) <= ours.tolerance


def test_dead_rows_are_exactly_nothing_on_both_routes():
    cell, params, inputs = drawn("relu", "float32", 0.7)
    params = params | {"bias": np.full(UNITS, -1e3, "float32")}
    for how in ("analytic", "autodiff"):
        chain = time_chain(cell, params, inputs, how=how)
        assert np.isneginf(np.asarray(chain.log_norms[:-1])).all()
        assert np.isneginf(np.asarray(chain.parameter_log_norms)).all()
