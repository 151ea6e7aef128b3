"""No gated network exceeds its bound, however its weights and inputs are drawn."""

import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gradchain import UsageError
from gradchain.measured.recurrent import cells, time_chain
from gradchain.predicted.recurrent_bounds import gated_chain_upper

T, D = 6, 3
CELLS = {
    "minimal": cells.minimal(4),
    "gru": cells.gru(4),
    "gru_before": cells.gru(4, reset_after=False),
    "lstm": cells.lstm(4),
}


def norms_of(name, params):
    """||U_g||_2 by gate."""
    gates = {"minimal": "u", "lstm": "ifgo"}.get(name, "zrh")
    parts = np.split(np.asarray(params["recurrent"], np.float64), len(gates))
    found = {gate: float(np.linalg.norm(part, 2)) for gate, part in zip(gates, parts, strict=True)}
    if name == "gru":
        rows = np.abs(parts[2]).sum(axis=1) + np.abs(np.asarray(params["recurrent_bias"])[8:])
        found["rows"] = float(rows.max())
    return found


@pytest.mark.parametrize("name", CELLS)
@hypothesis.settings(max_examples=12)
@hypothesis.given(
    st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 5.0]), st.sampled_from([0.1, 1.0, 10.0])
)
def test_no_gated_network_exceeds_the_bound(name, seed, scale, reach):
    cell = CELLS[name]
    keys = jax.random.split(jax.random.key(seed), 3)
    params = {
        part: scale * jax.random.normal(key, shape)
        for key, (part, shape) in zip(
            jax.random.split(keys[0], 8), cell.shapes(D).items(), strict=False
        )
    }
    inputs = reach * jax.random.normal(keys[1], (T, D))
    chain = time_chain(cell, params, inputs, parameters=False)
    upper = gated_chain_upper(name, norms_of(name, params), T)
    # The Frobenius norm of the chain is at most sqrt(N) times its spectral norm.
    entries = chain.jacobian.shape[-1]
    tolerance = float(chain.tolerance) + 1e-5
    assert (np.asarray(chain.log_norms) <= upper + math.log(entries) / 2 + tolerance).all()


def test_an_lstm_without_weights_may_keep_its_cell_and_no_more():
    found = gated_chain_upper("lstm", dict.fromkeys("ifgo", 0.0), 5)
    # dh'/dc and dc'/dc: both at most 1.
    np.testing.assert_allclose(found, math.log(2) / 2 * np.arange(5, -1, -1), atol=1e-14)
    assert float(jnp.asarray(found)[-1]) == 0.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gated_chain_upper("rnn", {}, 5), "minimal, gru"),
        (lambda: gated_chain_upper("gru", {"z": 1.0}, 5), "expected z, r, h, rows"),
        (lambda: gated_chain_upper("minimal", {"u": -1.0}, 5), "got -1.0 as norm of u"),
        (lambda: gated_chain_upper("minimal", {"u": 1.0}, 0), "steps=0"),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()
