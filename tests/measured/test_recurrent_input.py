"""Recurrent cells and chains refuse what they cannot use in one sentence; equal cells are equal."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import ShapeError, UsageError
from gradchain.measured.recurrent import LSTMState, cells, time_chain

CELL = cells.lstm(3)
INPUTS = jnp.ones((4, 2), "float32")


@functools.cache
def params(cell=CELL, dtype="float32"):
    return cell.init(jax.random.key(0), 2, dtype)


def grows(own, state, x):
    return jnp.concatenate([state, state])


def widens(own, state, x):
    return state.astype("float16")


def counts(own, state, x):
    return state.astype(int)


def pairs(own, state, x):
    return state, state


def forgets(own, state):
    return state


def meets(own, state, x):
    return own @ state


def overflows(own, state, x):
    return state * own


ONE = jnp.ones(1, "float32")
BAD = {
    "no array": (lambda: time_chain(CELL, params(), [[1.0, 2.0]]), "one float array"),
    "nothing": (lambda: time_chain(CELL, params(), None), "NoneType"),
    "no entries": (lambda: time_chain(CELL, params(), INPUTS[:, :0]), "at least one entry"),
    "empty": (lambda: time_chain(CELL, params(), INPUTS[:0]), "at least one step"),
    "vector": (lambda: time_chain(CELL, params(), INPUTS[0]), r"\(T, input_dim\)"),
    "batch": (lambda: time_chain(CELL, params(), INPUTS[None]), "jax.vmap"),
    "input width": (
        lambda: time_chain(CELL, params(), INPUTS[:, :1]),
        r"\(4, 1\) for a kernel of shape \(12, 2\), expected inputs of 2 entries",
    ),
    "state width": (lambda: time_chain(cells.lstm(4), params(), INPUTS), "cell.init"),
    "half inputs": (lambda: time_chain(CELL, params(), INPUTS.astype("float16")), "float16"),
    "state type": (
        lambda: time_chain(CELL, params(), INPUTS, LSTMState(*jnp.ones((2, 3), int))),
        "state0.h of type int32",
    ),
    "state nan": (
        lambda: time_chain(CELL, params(), INPUTS, LSTMState(*jnp.full((2, 3), jnp.nan))),
        "state0.h",
    ),
    "other cell": (lambda: time_chain(cells.gru(3), params(), INPUTS), "cell.init"),
    "nan input": (lambda: time_chain(CELL, params(), INPUTS.at[2, 1].set(jnp.nan)), r"\(2, 1\)"),
    "nan weight": (
        lambda: time_chain(CELL, params() | {"bias": jnp.full(12, jnp.inf)}, INPUTS),
        "bias",
    ),
    "tokens": (
        lambda: time_chain(CELL, params(), np.zeros((4, 2), np.int64)),
        r"the inputs of type int64, expected a float array: write x\.astype",
    ),
    "complex": (
        lambda: time_chain(CELL, params(), np.zeros((4, 2), np.complex128)),
        "the inputs of type complex128, expected a float array of real numbers",
    ),
    "key as parameters": (
        lambda: time_chain(CELL, jax.random.key(0), INPUTS),
        "the parameters of type key.*, expected a float array and not a random key",
    ),
    "types": (lambda: time_chain(CELL, params(dtype="float16"), INPUTS), "expected the same"),
    "state size": (
        lambda: time_chain(CELL, params(), INPUTS, LSTMState(jnp.ones(2), jnp.ones(3))),
        "cell.state0",
    ),
    "state kind": (lambda: time_chain(CELL, params(), INPUTS, jnp.ones(3)), "cell.state0"),
    "no state": (lambda: time_chain(grows, {}, INPUTS), "no state0"),
    "empty state": (lambda: time_chain(grows, {}, INPUTS, {}), "without entries"),
    "grows": (lambda: time_chain(grows, {}, INPUTS, ONE), r"\(2,\)"),
    "type changes": (lambda: time_chain(widens, {}, INPUTS, ONE), "float16"),
    "becomes whole": (lambda: time_chain(counts, {}, INPUTS, ONE), "int32, expected float32"),
    "other structure": (lambda: time_chain(pairs, {}, INPUTS, ONE), "the form of state0"),
    "two arguments": (lambda: time_chain(forgets, {}, INPUTS, ONE), "takes 2 positional"),
    "own width": (
        lambda: time_chain(meets, jnp.ones((3, 3), "float32"), INPUTS, ONE),
        r"fails on a state of shapes \(1,\) and an input of shape \(2,\)",
    ),
    "kind": (lambda: time_chain(cells.LSTM, params(), INPUTS), "got LSTM as cell"),
    "maker": (lambda: time_chain(cells.lstm, params(), INPUTS), "got lstm as cell"),
    "route": (lambda: time_chain(CELL, params(), INPUTS, how="fast"), "auto, analytic, autodiff"),
    "no rule": (lambda: time_chain(grows, {}, INPUTS, ONE, how="analytic"), "use how='auto'"),
    "no rule for one row": (
        lambda: time_chain(CELL, params(), INPUTS, cotangent=CELL.state0(), how="analytic"),
        "use how='auto'",
    ),
    "no cell": (lambda: time_chain(3, {}, INPUTS), "hashable function"),
    "cotangent": (lambda: time_chain(CELL, params(), INPUTS, cotangent=ONE), "the state's"),
    "flag": (lambda: time_chain(CELL, params(), INPUTS, parameters=1), "True or False"),
    "overflow": (
        lambda: time_chain(overflows, jnp.float32(1e20), INPUTS, ONE),
        "after step 2 holds NaN",
    ),
    "cut": (lambda: time_chain(CELL, params(), INPUTS).truncated(0), "at least 1"),
    "units": (lambda: cells.lstm(0), "units"),
    "bias": (lambda: cells.lstm(2, forget_bias=float("nan")), "finite number"),
    "reset": (lambda: cells.gru(2, reset_after=1), "reset_after"),
    "identity": (lambda: cells.gru(2, recurrent_initializer="identity"), "stacked gates"),
    "activation": (lambda: cells.simple_rnn(2, activation="tahn"), "tanh"),
    "initializer": (lambda: cells.simple_rnn(2, recurrent_initializer="ortho"), "orthogonal"),
    "key": (lambda: cells.simple_rnn(2).init(0, 2), "random key"),
    "input_dim": (lambda: cells.simple_rnn(2).init(jax.random.key(0), 0), "input_dim"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.usefixtures("as_a_user")
def test_a_mistake_is_answered_by_a_sentence(name):
    call, said = BAD[name]
    with pytest.raises(Exception, match=said) as caught:
        call()
    assert isinstance(caught.value, UsageError) or name in {"activation", "initializer"}
    assert str(caught.value).startswith(("got ", "the state ")) or name in {
        "activation",
        "initializer",
    }


def test_cells_are_values_and_draw_what_keras_draws():
    assert cells.lstm(3) == CELL
    assert hash(cells.lstm(3)) == hash(CELL)
    assert cells.lstm(3, forget_bias=0) != CELL
    assert cells.gru(3) != cells.gru(3, reset_after=False)
    drawn = CELL.init(jax.random.key(0), 2, "float32")
    # One orthogonal matrix of all gates, unit forget bias, Glorot limit of the stacked kernel.
    square = np.asarray(drawn["recurrent"]).T @ np.asarray(drawn["recurrent"])
    np.testing.assert_allclose(square, np.eye(3), atol=1e-6)
    assert drawn["bias"].tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 6
    assert np.abs(drawn["kernel"]).max() <= (6 / (2 + 12)) ** 0.5
    irnn = cells.simple_rnn(3, activation="relu", recurrent_initializer="identity")
    np.testing.assert_array_equal(irnn.init(jax.random.key(0), 2)["recurrent"], np.eye(3))
    assert cells.minimal(2, update_bias=3).init(jax.random.key(0), 1)["bias"].tolist() == [
        3,
        3,
        0,
        0,
    ]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("reset_after", [True, False])
def test_one_step_of_a_gru_is_that_of_its_equations(reset_after):
    with jax.enable_x64(True):
        cell = cells.gru(2, reset_after=reset_after)
        draws = np.random.default_rng(0)
        own = {name: draws.normal(size=shape) for name, shape in cell.shapes(3).items()}
        h, x = draws.normal(size=2), draws.normal(size=3)
        after = cell.step(jax.tree.map(jnp.asarray, own), jnp.asarray(h), jnp.asarray(x))
    (wz, wr, wh), (uz, ur, uh) = np.split(own["kernel"], 3), np.split(own["recurrent"], 3)
    bz, br, bh = np.split(own["bias"], 3)
    sz, sr, sh = np.split(own.get("recurrent_bias", np.zeros(6)), 3)
    z, r = sigmoid(wz @ x + uz @ h + bz + sz), sigmoid(wr @ x + ur @ h + br + sr)
    back = r * (uh @ h + sh) if reset_after else uh @ (r * h)
    exact = z * h + (1 - z) * np.tanh(wh @ x + bh + back)
    np.testing.assert_allclose(np.asarray(after), exact, rtol=1e-13)


def test_one_step_of_a_minimal_cell_is_that_of_its_equations():
    with jax.enable_x64(True):
        cell = cells.minimal(2)
        draws = np.random.default_rng(1)
        own = {name: draws.normal(size=shape) for name, shape in cell.shapes(3).items()}
        h, x = draws.normal(size=2), draws.normal(size=3)
        after = cell.step(jax.tree.map(jnp.asarray, own), jnp.asarray(h), jnp.asarray(x))
    gate_bias, bias = np.split(own["bias"], 2)
    e = np.tanh(own["kernel"] @ x + bias)
    u = sigmoid(own["recurrent"] @ h + own["embedded"] @ e + gate_bias)
    np.testing.assert_allclose(np.asarray(after), u * h + (1 - u) * e, rtol=1e-13)


def misses(own, state, x):
    return own["W"] * state


def reads_beyond(own, state, x):
    return [state][1]


def has_no_such(own, state, x):
    return state.nothing


def divides(own, state, x):
    return state * (1 / 0)


def is_unnamed(own, state, x):
    return missing * state


def gives_up(own, state, x):
    raise RuntimeError


@pytest.mark.parametrize(
    ("cell", "kind", "said"),
    [
        (misses, KeyError, "KeyError: 'W'"),
        (reads_beyond, IndexError, "IndexError: list index"),
        (has_no_such, AttributeError, "AttributeError: .*nothing"),
        (divides, ZeroDivisionError, "ZeroDivisionError: division by zero"),
        (is_unnamed, NameError, "NameError: name 'missing'"),
        (gives_up, RuntimeError, "RuntimeError$"),
        (forgets, TypeError, "TypeError: .*2 positional"),
    ],
)
def test_whatever_a_users_cell_raises_is_said_in_a_sentence_with_its_cause(cell, kind, said):
    with pytest.raises(UsageError, match=f"got a cell that fails on .*{said}") as caught:
        time_chain(cell, {}, INPUTS, ONE)
    assert type(caught.value.__cause__) is kind
    assert "\n" not in str(caught.value)


def test_a_sentence_of_gradchain_from_inside_a_cell_and_a_stop_pass_as_they_are():
    def refuses(own, state, x):
        raise ShapeError("got this, expected that")

    def stops(own, state, x):
        raise KeyboardInterrupt

    with pytest.raises(ShapeError) as caught:
        time_chain(refuses, {}, INPUTS, ONE)
    assert str(caught.value) == "got this, expected that"
    assert caught.value.__cause__ is None
    with pytest.raises(KeyboardInterrupt):
        time_chain(stops, {}, INPUTS, ONE)
