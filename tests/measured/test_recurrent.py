"""The chain through time against jax.grad of the unrolled network, mpmath and closed forms."""

import hypothesis
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from gradchain.measured.recurrent import TimeChain, cells, time_chain
from gradchain.scaled import to_fraction

UNITS, INPUTS, STEPS = 3, 2, 3
CELLS = {
    "simple": cells.simple_rnn(UNITS),
    "lstm": cells.lstm(UNITS),
    "gru_after": cells.gru(UNITS, update_bias=0.5),
    "gru_before": cells.gru(UNITS, reset_after=False),
    "minimal": cells.minimal(UNITS, update_bias=1),
}
OF_LOSS = ("lstm", "user")  # each further program costs a compilation


def peephole(params, state, x):
    """A user's cell with a state of its own kind: a leaky trace beside a squashed sum."""
    trace = 0.9 * state["trace"] + 0.1 * jnp.tanh(params["into"] @ x)
    return {"sum": jnp.sin(params["back"] @ state["sum"] + trace), "trace": trace}


def plain(value):
    return np.ldexp(np.asarray(value.mantissa), np.asarray(value.exponent))


def drawn(name, seed=0):
    """Parameters with every entry random (biases too), inputs and a state; float64."""
    if name == "user":
        cell, shapes = peephole, {"into": (4, INPUTS), "back": (4, 4)}
        state = {"sum": np.zeros(4), "trace": np.zeros(4)}
    else:
        cell = CELLS[name]
        shapes, state = cell.shapes(INPUTS), jax.tree.map(np.asarray, cell.state0())
    draws = np.random.default_rng(seed)
    params = {part: jnp.asarray(0.7 * draws.normal(size=shapes[part])) for part in sorted(shapes)}
    state = jax.tree.map(lambda s: jnp.asarray(draws.normal(size=s.shape)), state)
    return cell, params, jnp.asarray(draws.normal(size=(STEPS, INPUTS))), state


def unrolled(cell, params, inputs, state, nudges):
    """Plain Python loop; step t has its own copy of the parameters and a nudge on each state."""
    step = getattr(cell, "step", cell)
    state = jax.tree.map(lambda s, e: s + e[0], state, nudges)
    for t, x in enumerate(inputs):
        own = jax.tree.map(lambda p, t=t: p[t], params)
        state = step(own, state, x)
        state = jax.tree.map(lambda s, e, t=t: s + e[t + 1], state, nudges)
    return state


def flat(tree, axes=1):
    return np.concatenate([np.asarray(a).reshape(*a.shape[:axes], -1) for a in tree], axis=-1)


@pytest.mark.parametrize("name", [*CELLS, "user"])
def test_every_size_is_that_of_the_unrolled_network_differentiated_by_jax(name):
    with jax.enable_x64(True):
        cell, params, inputs, state = drawn(name)
        tied = jax.tree.map(lambda p: np.stack([p] * STEPS), params)
        nudges = jax.tree.map(lambda s: np.zeros((STEPS + 1, *s.shape)), state)
        cotangent = jax.tree.map(lambda s: np.arange(1.0, s.size + 1).reshape(s.shape), state)

        @jax.jit
        def reference(nudges, tied):
            """Every derivative of s_T, one part of s_T an entry, and jax.grad of a loss."""
            end = lambda nudges, tied: unrolled(cell, tied, inputs, state, nudges)
            loss = lambda nudges, tied: sum(
                jnp.vdot(c, s)
                for c, s in zip(*map(jax.tree.leaves, (cotangent, end(nudges, tied))), strict=True)
            )
            rows = jax.tree.structure(state).flatten_up_to(jax.jacrev(end, (0, 1))(nudges, tied))
            return rows, jax.grad(loss, (0, 1))(nudges, tied) if name in OF_LOSS else None

        parts, of_loss = reference(nudges, tied)
        chain = time_chain(cell, params, inputs, state)
        whole = np.concatenate([flat(jax.tree.leaves(own), axes=2) for own, _ in parts])
        np.testing.assert_allclose(
            np.exp(chain.log_norms), np.linalg.norm(whole, axis=(0, 2)), rtol=1e-12
        )
        np.testing.assert_allclose(plain(chain.jacobian), whole[:, 0], atol=1e-13)
        for place, block in enumerate({"lstm": "hc", "user": ("sum", "trace")}.get(name, "h")):
            exact = np.linalg.norm(np.asarray(jax.tree.leaves(parts[place][0])[place]), axis=(0, 2))
            np.testing.assert_allclose(np.exp(chain.block_log_norms[block]), exact, rtol=1e-12)
        squares = sum(
            np.sum(np.square(np.moveaxis(leaf, 1, 0)).reshape(STEPS, -1), axis=1)
            for _, own in parts
            for leaf in jax.tree.leaves(own)
        )
        np.testing.assert_allclose(np.exp(chain.parameter_log_norms), squares**0.5, rtol=1e-12)

        if of_loss is None:
            return
        by_state, by_params = of_loss
        chain = time_chain(cell, params, inputs, state, cotangent=cotangent)
        exact = np.linalg.norm(flat(jax.tree.leaves(by_state)), axis=1)
        np.testing.assert_allclose(np.exp(chain.log_norms), exact, rtol=1e-12)
        exact = np.linalg.norm(flat(jax.tree.leaves(by_params)), axis=1)
        np.testing.assert_allclose(np.exp(chain.parameter_log_norms), exact, rtol=1e-12)
        assert chain.of_loss
        assert chain.jacobian.shape[0] == 1


def gate_values(cell, params, inputs):
    """The keeping gates by the equations of the docstring, in NumPy, step by step."""
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    w, u, b = (np.asarray(params[n], np.float64) for n in ("kernel", "recurrent", "bias"))
    h = c = np.zeros(cell.units)
    found = []
    for x in np.asarray(inputs, np.float64):
        i, f, g, o = np.split(w @ x + u @ h + b, 4)
        found.append(sigmoid(f))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return np.array(found)


@hypothesis.settings(max_examples=20)
@hypothesis.given(st.integers(0, 10_000))
def test_the_direct_cell_path_is_the_product_of_the_forget_gates(seed):
    with jax.enable_x64(True):
        cell, params, inputs, _ = drawn("lstm", seed)
        chain = time_chain(cell, params, inputs)
        gates = gate_values(cell, params, inputs)
        suffix = np.concatenate([np.cumprod(gates[::-1], axis=0)[::-1], np.ones((1, UNITS))])
        np.testing.assert_allclose(plain(chain.direct), suffix, rtol=1e-13)
        np.testing.assert_allclose(
            np.exp(chain.block_log_norms["c_direct"]), np.linalg.norm(suffix, axis=1), rtol=1e-13
        )
        assert np.linalg.norm(suffix[0]) != pytest.approx(np.exp(chain.block_log_norms["c"][0]))


def test_gates_of_one_half_multiply_exactly_over_ten_thousand_steps():
    for cell, block, dtype in [
        (cells.lstm(2, forget_bias=0), "c", "float16"),
        (cells.gru(2), "h", "float32"),
    ]:
        params = {part: np.zeros(shape, dtype) for part, shape in cell.shapes(1).items()}
        chain = time_chain(cell, params, np.zeros((10_000, 1), dtype), parameters=False)
        first = jax.tree.map(lambda a: a[0, 0], chain.direct)
        assert (
            to_fraction(first)
            == to_fraction(jax.tree.map(lambda a: a[9_999, 0], chain.direct)) / 2**9_999
        )
        # Nothing else leads from c_t to c_T, or h_t to h_T, with zero weights.
        direct, total = (chain.block_log_norms[n] for n in (f"{block}_direct", block))
        np.testing.assert_array_equal(np.asarray(direct), np.asarray(total))
        assert np.isfinite(np.asarray(chain.log_norms)).all()
        assert chain.parameter_log_norms is None


def test_mpmath_finds_the_same_chain_where_float32_has_long_underflowed():
    steps = 60
    with jax.enable_x64(True):
        cell = cells.lstm(1, forget_bias=-30)
        params = cell.init(jax.random.key(3), 1)
        inputs = jax.random.normal(jax.random.key(4), (steps, 1))
        found = np.asarray(time_chain(cell, params, inputs, parameters=False).log_norms)
    with mpmath.workdps(60):
        w, u, b = (
            [mpmath.mpf(float(v)) for v in np.ravel(params[n])]
            for n in ("kernel", "recurrent", "bias")
        )
        sigmoid = lambda z: 1 / (1 + mpmath.exp(-z))

        def step(h, c, x):
            i, f, g, o = (w[k] * x + u[k] * h + b[k] for k in range(4))
            c = sigmoid(f) * c + sigmoid(i) * mpmath.tanh(g)
            return sigmoid(o) * mpmath.tanh(c), c

        h = c = mpmath.mpf(0)
        factors = []
        for x in (mpmath.mpf(float(v)) for v in np.ravel(inputs)):
            # Central differences in 60 digits: right to about 38 of them.
            tiny = mpmath.mpf(10) ** -20
            factor = mpmath.matrix(2, 2)
            for j, (dh, dc) in enumerate([(tiny, 0), (0, tiny)]):
                up, down = step(h + dh, c + dc, x), step(h - dh, c - dc, x)
                for i in range(2):
                    factor[i, j] = (up[i] - down[i]) / (2 * tiny)
            factors.append(factor)
            h, c = step(h, c, x)
        product = mpmath.eye(2)
        exact = [mpmath.log(mpmath.mnorm(product, "f"))]
        for factor in reversed(factors):
            product *= factor
            exact.append(mpmath.log(mpmath.mnorm(product, "f")))
        exact = np.array([float(v) for v in reversed(exact)])
    assert exact[0] < np.log(np.finfo(np.float32).tiny) < 0
    np.testing.assert_allclose(found, exact, atol=1e-12, rtol=1e-13)


def test_ten_thousand_steps_neither_vanish_nor_explode_out_of_the_logarithm():
    # A linear network with an orthogonal matrix times g has ||S_t||_F = sqrt(n) g^(T-t) exactly.
    steps, units = 10_000, 3
    inputs = np.zeros((steps, 1), "float32")
    cell = cells.simple_rnn(units, activation="identity")
    drawn = cell.init(jax.random.key(1), 1, "float32")
    for gain in (0.5, 2.0):
        params = drawn | {"recurrent": gain * drawn["recurrent"]}
        chain = time_chain(cell, params, inputs)
        exact = np.log(gain) * np.arange(steps, -1, -1) + np.log(units) / 2
        np.testing.assert_allclose(np.asarray(chain.log_norms), exact, atol=chain.tolerance)
        # dz/dW = (x, h, 1) = (0, 0, 1): the share of step t is ||S_t||, being that of the bias.
        np.testing.assert_allclose(
            np.asarray(chain.parameter_log_norms), exact[1:], atol=chain.tolerance
        )
        assert f"{steps} steps" in repr(chain)


def test_a_batch_goes_by_vmap_and_truncation_cuts_the_chain_leaving_what_it_keeps():
    cell = CELLS["gru_after"]
    params = cell.init(jax.random.key(0), INPUTS, "float32")
    batch = np.random.default_rng(1).normal(size=(4, STEPS, INPUTS)).astype("float32")
    together = jax.vmap(lambda x: time_chain(cell, params, x))(jnp.asarray(batch))
    assert isinstance(together, TimeChain)
    assert "shape" in repr(together)
    chain = time_chain(cell, params, batch[2])
    logs = np.asarray(chain.log_norms)
    np.testing.assert_allclose(np.asarray(together.log_norms[2]), logs, atol=chain.tolerance)

    cut = chain.truncated(2)
    for name, whole in chain.block_log_norms.items():
        kept = np.asarray(cut.block_log_norms[name])
        np.testing.assert_array_equal(kept[-3:], np.asarray(whole)[-3:])
        assert np.isneginf(kept[:-3]).all()
    shares = np.asarray(cut.parameter_log_norms)
    np.testing.assert_array_equal(shares[-2:], np.asarray(chain.parameter_log_norms)[-2:])
    assert np.isneginf(shares[:-2]).all()
    for k in (STEPS, STEPS + 5):
        np.testing.assert_array_equal(np.asarray(chain.truncated(k).log_norms), logs)


@pytest.mark.parametrize("steps_back", [1, 3, 20])
def test_a_batch_is_truncated_along_time_and_not_along_networks(steps_back):
    cell = cells.lstm(3)
    params = cell.init(jax.random.key(0), 2)
    inputs = jax.random.normal(jax.random.key(1), (5, 8, 2))
    batch = jax.vmap(lambda x: time_chain(cell, params, x))(inputs).truncated(steps_back)
    for k in range(5):
        one = time_chain(cell, params, inputs[k]).truncated(steps_back)
        # Programs of one network and of five round differently; what is cut is exactly nothing.
        np.testing.assert_allclose(batch.log_norms[k], one.log_norms, rtol=0, atol=one.tolerance)
        np.testing.assert_allclose(
            batch.parameter_log_norms[k], one.parameter_log_norms, rtol=0, atol=one.tolerance
        )
        for name, logs in one.block_log_norms.items():
            np.testing.assert_allclose(
                batch.block_log_norms[name][k], logs, rtol=0, atol=one.tolerance
            )
        np.testing.assert_array_equal(
            batch.direct.mantissa[k] == 0, one.direct.mantissa == 0, strict=True
        )
