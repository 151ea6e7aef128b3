"""Mean field of gated cells, tied and untied, against drawn cells, enumerated paths and Keras' rates."""

import math

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from gradchain import UsageError
from gradchain.measured.recurrent import cells
from gradchain.predicted.recurrent import gate_product
from gradchain.predicted.recurrent_gated import gated_field
from gradchain.predicted.recurrent_gated_steps import first_state, path_step

N, D, T = 48, 16, 20


def settings(cell):
    """What gated_field is told of a cell of the library with inputs N(0, 1)."""
    gates = {"LSTM": 4, "GRU": 3, "MinimalRNN": 1}[type(cell).__name__]
    names = {"LSTM": "lstm", "GRU": "gru", "MinimalRNN": "minimal"}
    name = names[type(cell).__name__]
    if name == "gru" and not cell.reset_after:
        name = "gru_before"
    variance = 2 * D / (cell.shapes(D)["kernel"][0] + D)
    return name, {
        "gate_bias": cell.gate_bias,
        "recurrent_scale": gates**-0.5,
        "input_variance": variance,
    }


def drawn(cell, networks, rng):
    """Parameters by Keras' laws: Glorot's kernels, one semi-orthogonal recurrent matrix."""
    found = {}
    for name, shape in cell.shapes(D).items():
        own = rng.normal(size=(networks, *shape))
        if len(shape) == 1:
            own = np.zeros((networks, *shape))
        elif name == "recurrent":
            own = np.linalg.qr(own)[0]
        else:
            own *= math.sqrt(2 / sum(shape))
        found[name] = own.astype(np.float32)
    start = cell.gates.index(cell.keeps[0]) * N
    found["bias"][:, start : start + N] = cell.gate_bias
    return found


def measured(cell, networks):
    """Squares of the chain over the entries, mean and standard error over networks, by block."""
    _, shape = ravel_pytree(cell.state0())

    def one(params, inputs):
        def forward(flat, x):
            def after(own):
                return ravel_pytree(cell.step(params, shape(own), x))[0]

            return after(flat), (jax.jacfwd(after)(flat), cell.kept(params, shape(flat), x))

        return jax.lax.scan(forward, ravel_pytree(cell.state0())[0], inputs)[1]

    rng = np.random.default_rng(9)
    inputs = rng.normal(size=(networks, T, D)).astype(np.float32)
    factors, gates = jax.jit(jax.vmap(one))(drawn(cell, networks, rng), inputs)
    factors, gates = np.asarray(factors, np.float64), np.asarray(gates, np.float64)
    size = factors.shape[-1]
    parts = {"": slice(0, size), "h": slice(0, N)}
    parts |= {"c": slice(N, size)} if size > N else {}
    squares = {name: np.ones((networks, T + 1)) for name in parts}
    product = np.broadcast_to(np.eye(size), (networks, size, size))
    direct = np.ones((networks, T + 1))
    path = np.ones((networks, N))
    for t in range(T - 1, -1, -1):
        product, path = product @ factors[:, t], path * gates[:, t]
        for name, part in parts.items():
            squares[name][:, t] = (product[:, part, part] ** 2).mean(axis=1).sum(axis=1)
        direct[:, t] = (path**2).mean(axis=1)
    squares[f"{cell.keeps[1]}_direct"] = direct
    error = {name: own.std(axis=0, ddof=1) / math.sqrt(networks) for name, own in squares.items()}
    return {name: (own.mean(axis=0), error[name]) for name, own in squares.items()}


@pytest.mark.parametrize(
    "cell",
    [
        cells.lstm(N, forget_bias=1.0),
        cells.gru(N, update_bias=0.0),
        cells.gru(N, update_bias=2.0, reset_after=False),
        cells.minimal(N, update_bias=1.0),
    ],
    ids=["lstm", "gru", "gru_before", "minimal"],
)
def test_cells_of_the_library_keep_what_the_tied_mean_field_says(cell):
    name, given = settings(cell)
    found = gated_field(name, T, **given)
    seen = measured(cell, 16)
    predictions = {"": found.log_norms, **found.block_log_norms}
    for block, (squares, error) in seen.items():
        theory = np.exp(2 * predictions[block])
        # Five standard errors, and (T - t)/N a step of finite width in the square.
        band = 5 * error + np.arange(T, -1, -1) / N * theory
        assert (np.abs(squares - theory) <= band + 1e-12).all(), block


def test_untied_weights_keep_far_less_than_tied_ones_but_for_the_minimal_cell():
    for name, gain in (("gru", 1.15), ("lstm", 1.1)):
        given = {"gate_bias": 0.0, "recurrent_scale": 0.5, "input_variance": 0.1}
        tied, untied = (gated_field(name, 60, tied=tied, **given) for tied in (True, False))
        assert tied.rate - untied.rate > math.log(gain)
        assert (tied.log_norms[:-3] > untied.log_norms[:-3]).all()
        # The last step is the same: one step's Jacobian knows no other.
        np.testing.assert_allclose(tied.log_norms[-2:], untied.log_norms[-2:], atol=1e-12)
    tied, untied = (
        gated_field("minimal", 60, tied=tied, input_variance=0.5) for tied in (True, False)
    )
    np.testing.assert_array_equal(tied.log_norms, untied.log_norms)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_drawn_untied_cells_keep_what_the_untied_mean_field_says(name):
    # One step at a time: new weights at each, the state carried over.
    rng = np.random.default_rng(6)
    n, steps, networks, variance, s = 120, 15, 10, 0.3, 0.8
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    squares = np.empty((networks, steps + 1))
    for k in range(networks):
        h, c, factors = np.zeros(n), np.zeros(n), []
        for _ in range(steps):
            u = s * rng.normal(size=(4, n, n)) / math.sqrt(n)
            x = math.sqrt(variance) * rng.normal(size=(4, n))
            if name == "gru":
                z, r, y = sigmoid(x[0] + u[0] @ h), sigmoid(x[1] + u[1] @ h), u[2] @ h
                new = np.tanh(x[2] + r * y)
                slope = (1 - z) * (1 - new**2)
                factor = np.diag(z) + ((h - new) * z * (1 - z))[:, None] * u[0]
                factor += (slope * r)[:, None] * u[2] + (slope * y * r * (1 - r))[:, None] * u[1]
                h = z * h + (1 - z) * new
            else:
                f, i, o = (sigmoid(x[j] + u[j] @ h) for j in range(3))
                g = np.tanh(x[3] + u[3] @ h)
                to_c = (c * f * (1 - f))[:, None] * u[0] + (g * i * (1 - i))[:, None] * u[1]
                to_c += (i * (1 - g * g))[:, None] * u[3]
                c = f * c + i * g
                out = o * (1 - np.tanh(c) ** 2)
                to_h = out[:, None] * to_c + (np.tanh(c) * o * (1 - o))[:, None] * u[2]
                factor = np.block([[to_h, np.diag(out * f)], [to_c, np.diag(f)]])
                h = o * np.tanh(c)
            factors.append(factor)
        product = np.eye(len(factors[0]))
        squares[k, -1] = 1.0
        for t in range(steps - 1, -1, -1):
            product = product @ factors[t]
            squares[k, t] = (product**2).sum() / len(product)
    found = gated_field(name, steps, recurrent_scale=s, input_variance=variance, tied=False)
    error = squares.std(axis=0, ddof=1) / math.sqrt(networks)
    theory = np.exp(2 * found.log_norms)
    band = 5 * error + 2 * np.arange(steps, -1, -1) / n * theory
    assert (np.abs(squares.mean(axis=0) - theory) <= band).all()


def test_the_sum_over_tied_paths_is_that_of_powers_of_a_leak_and_a_gaussian_matrix():
    # Without input and far from saturation a GRU's step is z I + (1 - z) r U: E||(a I + b U)^k||_F^2 / n
    # = sum_j C(k, j)^2 a^(2k - 2j) (b s)^(2j).
    s, steps = 0.7, 25
    found = gated_field("gru", steps, gate_bias=1.0, recurrent_scale=s)
    a = 1 / (1 + math.exp(-1.0))
    b = (1 - a) / 2 * s
    for k in (1, 7, 25):
        exact = sum(
            math.comb(k, j) ** 2 * a ** (2 * k - 2 * j) * b ** (2 * j) for j in range(k + 1)
        )
        assert abs(found.log_norms[steps - k] - math.log(exact) / 2) < 1e-12
    assert abs(found.rate - math.log(a + b)) < 1e-12
    untied = gated_field("gru", steps, gate_bias=1.0, recurrent_scale=s, tied=False)
    np.testing.assert_allclose(
        untied.log_norms, math.log(a * a + b * b) / 2 * np.arange(steps, -1, -1), atol=1e-12
    )


def test_the_rate_is_where_the_chain_tends_to():
    for name in ("gru", "lstm", "minimal"):
        found = gated_field(name, 400, gate_bias=0.5, recurrent_scale=0.6, input_variance=0.2)
        slope = (found.log_norms[100] - found.log_norms[200]) / 100
        assert abs(slope - found.rate) < 0.01


def test_kerass_rates_at_initialization_are_those_of_the_tied_field_not_of_the_gate():
    # Real Keras 3 cells of 32 units, small embedded tokens, distance 50 and 200: least and largest
    # factor a step over 10 seeds. The forget gate alone says 0.731, the update gate 0.5.
    for name, bias, gates, low, high in (
        ("lstm", 1.0, 4, 0.828, 0.865),
        ("gru", 0.0, 3, 0.608, 0.661),
    ):
        rate = gated_field(
            name, 200, gate_bias=bias, recurrent_scale=gates**-0.5, input_variance=1e-4
        ).rate
        assert low < math.exp(rate) < high
        assert math.exp(rate) > 1.1 * math.exp(gate_product(bias, 1)[0])


def test_a_wide_open_gate_keeps_all_and_a_shut_one_leaves_the_candidates_way():
    found = gated_field("minimal", 50, gate_bias=40.0, input_variance=0.3)
    assert np.abs(found.log_norms).max() < 1e-12
    shut = gated_field("gru", 10, gate_bias=-40.0, recurrent_scale=0.5)
    np.testing.assert_allclose(
        shut.log_norms, math.log(0.25) * np.arange(10, -1, -1), rtol=1e-12, atol=1e-12
    )


def test_long_chains_stay_finite():
    found = gated_field("lstm", 3000, gate_bias=-3.0, recurrent_scale=0.5, input_variance=0.1)
    assert np.isfinite(found.log_norms).all()
    assert found.log_norms[0] < -2000


def test_joint_moments_are_at_least_products_of_means():
    for name in ("minimal", "gru", "gru_before", "lstm"):
        step = path_step(name, 0.7, 0.5, 0.3, first_state(name))
        step = path_step(name, 0.7, 0.5, 0.3, step.state)
        assert (step.both_stay >= np.kron(step.stay, step.stay) - 1e-15).all()
        assert (step.both_jump >= np.kron(step.jump, step.jump) - 1e-15).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gated_field("rnn", 5), "minimal, gru"),
        (lambda: gated_field("gru", 0), "steps=0"),
        (lambda: gated_field("gru", 5, gate_bias=math.nan), "gate_bias=nan"),
        (lambda: gated_field("gru", 5, recurrent_scale=-1.0), "recurrent_scale=-1.0"),
        (lambda: gated_field("gru", 5, input_variance=math.inf), "input_variance=inf"),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()
