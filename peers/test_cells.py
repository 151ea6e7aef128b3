"""Recurrent cells with the same weights in Keras, Flax, Haiku, Equinox and PyTorch.

The order of the gates' rows, what is transposed and what is negated stands in one place below, `HOLD`.
Room: each step adds one rounding of a sum of n + d + 2 terms on either side, and the weights are drawn
so that steps hardly enlarge what came before (||U||_2 = 1), so states may differ by

    2 T (n + d + 2) eps max(1, largest |state|) = 1 440 eps,   1.7e-4 in float32, 3.2e-13 in float64.

Worst seen: 5 eps. A gate in the place of another moves states by more than 1e-2 (tested).
"""

from functools import partial

import equinox as eqx
import flax.linen
import haiku as hk
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx

from gradchain import cells

UNITS, INPUTS, STEPS, BATCH = 16, 6, 30, 3
CELLS = {
    "simple_rnn": cells.simple_rnn(UNITS),
    "irnn": cells.simple_rnn(UNITS, activation="relu", recurrent_initializer="identity"),
    "lstm": cells.lstm(UNITS),
    "gru": cells.gru(UNITS),
    "gru_before": cells.gru(UNITS, reset_after=False),
}
DTYPES = ("float32", "float64")


def room(dtype, states):
    terms = 2 * STEPS * (UNITS + INPUTS + 2)
    return terms * float(np.finfo(dtype).eps) * max(1.0, np.abs(states).max())


def draw(name, dtype):
    """Every entry random, biases too; U of largest singular value 1, the identity for the IRNN."""
    rng = np.random.default_rng(5)
    cell = CELLS[name]
    params = {part: rng.normal(size=shape) for part, shape in cell.shapes(INPUTS).items()}
    params["kernel"] /= np.sqrt(INPUTS)
    params["recurrent"] /= np.linalg.norm(params["recurrent"], 2)
    if name == "irnn":
        params["recurrent"], params["bias"] = np.eye(UNITS), 0.1 * params["bias"]
    inputs = rng.normal(size=(BATCH, STEPS, INPUTS))
    return cell, {part: value.astype(dtype) for part, value in params.items()}, inputs.astype(dtype)


def ours(cell, params, inputs):
    """All states (BATCH, STEPS, n), for an LSTM h and c side by side."""

    def run(sequence):
        def step(state, x):
            after = cell.step(params, state, x)
            return after, jnp.concatenate(after) if isinstance(after, tuple) else after

        return jax.lax.scan(step, cell.state0(sequence.dtype), sequence)[1]

    return np.asarray(jax.jit(jax.vmap(run))(inputs))


def gates(array, order, count):
    """Reorder row blocks: `order` holds places in our matrix."""
    blocks = np.split(array, count)
    return np.concatenate([blocks[place] for place in order])


def scanned(step, state0, inputs):
    """Run a JAX library's step (state, x) -> state over a batch; h first in what it returns."""

    def run(sequence):
        def turn(state, x):
            after = step(state, x)
            return after, jnp.concatenate(after) if isinstance(after, tuple) else after

        return jax.lax.scan(turn, state0, sequence)[1]

    return np.asarray(jax.jit(jax.vmap(run))(inputs))


def keras_layer(name, dtype):
    settings = {"dtype": dtype, "return_sequences": True}
    if dtype == "float64" and name != "irnn":
        # Keras on JAX computes its own tanh in single precision.
        settings["activation"] = jnp.tanh
    if name == "lstm":
        return keras.layers.LSTM(UNITS, **settings)
    if name in {"gru", "gru_before"}:
        return keras.layers.GRU(UNITS, reset_after=name == "gru", **settings)
    if name == "irnn":
        start = {"activation": "relu", "recurrent_initializer": "identity"}
        return keras.layers.SimpleRNN(UNITS, **start, **settings)
    return keras.layers.SimpleRNN(UNITS, **settings)


def for_keras(params):
    """Keras: the transposes; both biases of a GRU as two rows."""
    bias = params["bias"]
    if "recurrent_bias" in params:
        bias = np.stack([bias, params["recurrent_bias"]])
    return [params["kernel"].T, params["recurrent"].T, bias]


def in_keras(name, params, inputs):
    layer = keras_layer(name, inputs.dtype.name)
    layer.build(inputs.shape)
    layer.set_weights(for_keras(params))
    if name != "lstm":
        return np.asarray(layer(inputs))
    # The layer shows h; the cell, step by step, c too.
    zero = np.zeros((BATCH, UNITS), inputs.dtype)
    h, c, found = zero, zero, []
    for t in range(STEPS):
        _, (h, c) = layer.cell(inputs[:, t], [h, c])
        found.append(np.concatenate([h, c], axis=1))
    states = np.stack(found, axis=1)
    shown = np.asarray(layer(inputs))
    assert np.abs(shown - states[..., :UNITS]).max() <= room(inputs.dtype, shown)
    return states


def in_linen(name, params, inputs, lstm=flax.linen.OptimizedLSTMCell):
    """Flax: a layer a gate; of the biases only one where two would be added, b_U of the gate h alone."""
    n, dtype = UNITS, inputs.dtype
    blocks = {part: np.split(value, len(CELLS[name].gates)) for part, value in params.items()}
    zero = jnp.zeros(n, dtype)
    if name in {"simple_rnn", "irnn"}:
        phi = jax.nn.relu if name == "irnn" else jnp.tanh
        cell = flax.linen.SimpleCell(n, activation_fn=phi, param_dtype=dtype)
        own = {
            "i": {"kernel": params["kernel"].T, "bias": params["bias"]},
            "h": {"kernel": params["recurrent"].T},
        }
        return scanned(lambda h, x: cell.apply({"params": own}, h, x)[0], zero, inputs)
    if name == "lstm":
        cell = lstm(n, param_dtype=dtype)
        own = {}
        for place, gate in enumerate("ifgo"):
            own[f"i{gate}"] = {"kernel": blocks["kernel"][place].T}
            bias = blocks["bias"][place]
            own[f"h{gate}"] = {"kernel": blocks["recurrent"][place].T, "bias": bias}
        # Its carry is (c, h).
        step = lambda state, x: cell.apply({"params": own}, state[::-1], x)[0][::-1]
        return scanned(step, (zero, zero), inputs)
    cell = flax.linen.GRUCell(n, param_dtype=dtype)
    own = {}
    for place, (gate, theirs) in enumerate(zip("zrh", "zrn", strict=True)):
        ahead, back = blocks["bias"][place], blocks["recurrent_bias"][place]
        own[f"h{theirs}"] = {"kernel": blocks["recurrent"][place].T}
        if gate == "h":
            own[f"h{theirs}"]["bias"] = back
        else:
            ahead = ahead + back
        own[f"i{theirs}"] = {"kernel": blocks["kernel"][place].T, "bias": ahead}
    return scanned(lambda h, x: cell.apply({"params": own}, h, x)[0], zero, inputs)


def plain_rnn(x, state):
    return hk.VanillaRNN(UNITS, double_bias=False)(x, state)


def in_haiku(name, params, inputs):
    """Haiku: kernels side by side [W U], gates i g f o with 1 added to f in the step; GRU with 1 - z."""
    n, dtype = UNITS, inputs.dtype
    zero = jnp.zeros(n, dtype)
    if name == "lstm":
        order = (0, 2, 1, 3)
        weight = np.concatenate([params["kernel"], params["recurrent"]], axis=1)
        bias = gates(params["bias"] - np.repeat([0, 1, 0, 0], n).astype(dtype), order, 4)
        own = {"lstm/linear": {"w": gates(weight, order, 4).T, "b": bias}}
        cell = hk.without_apply_rng(hk.transform(lambda x, s: hk.LSTM(n)(x, s)[1]))
        step = lambda state, x: tuple(cell.apply(own, x, hk.LSTMState(*state)))
        return scanned(step, (zero, zero), inputs)
    if name == "irnn":
        cell = hk.without_apply_rng(hk.transform(lambda x, s: plain_rnn(x, s)[1]))
        own = {
            "vanilla_rnn/linear": {"w": params["kernel"].T, "b": params["bias"]},
            "vanilla_rnn/linear_1": {"w": params["recurrent"].T},
        }
        return scanned(lambda h, x: cell.apply(own, x, h), zero, inputs)
    cell = hk.without_apply_rng(hk.transform(lambda x, s: hk.GRU(n)(x, s)[1]))
    # Its z is 1 - ours, and sigmoid(-a) = 1 - sigmoid(a).
    sign = np.repeat([-1, 1, 1], n).astype(dtype)
    kernel, recurrent = (sign[:, None] * params[part] for part in ("kernel", "recurrent"))
    own = {"gru": {"w_i": kernel.T, "w_h": recurrent.T, "b": sign * params["bias"]}}
    return scanned(lambda h, x: cell.apply(own, x, h), zero, inputs)


def in_equinox(name, params, inputs):
    """Equinox: as PyTorch, with one bias an LSTM, and of a GRU's second bias the gate h alone."""
    n, key = UNITS, jax.random.key(0)
    zero = jnp.zeros(n, inputs.dtype)
    if name == "lstm":
        cell = eqx.nn.LSTMCell(INPUTS, n, key=key)
        own = (params["kernel"], params["recurrent"], params["bias"])
        cell = eqx.tree_at(lambda c: (c.weight_ih, c.weight_hh, c.bias), cell, own)
        return scanned(lambda state, x: cell(x, state), (zero, zero), inputs)
    order = (1, 0, 2)
    kernel, recurrent = (gates(params[part], order, 3) for part in ("kernel", "recurrent"))
    ahead, back = (np.split(params[part], 3) for part in ("bias", "recurrent_bias"))
    bias = np.concatenate([ahead[1] + back[1], ahead[0] + back[0], ahead[2]])
    cell = eqx.nn.GRUCell(INPUTS, n, key=key)
    own = (kernel, recurrent, bias, back[2])
    cell = eqx.tree_at(lambda c: (c.weight_ih, c.weight_hh, c.bias, c.bias_n), cell, own)
    return scanned(lambda h, x: cell(x, h), zero, inputs)


def torch_module(name, dtype):
    settings = {"batch_first": True, "dtype": getattr(torch, dtype)}
    if name == "lstm":
        return torch.nn.LSTM(INPUTS, UNITS, **settings)
    if name == "gru":
        return torch.nn.GRU(INPUTS, UNITS, **settings)
    kind = "relu" if name == "irnn" else "tanh"
    return torch.nn.RNN(INPUTS, UNITS, nonlinearity=kind, **settings)


def in_torch(name, params, inputs):
    """PyTorch: our matrices as they are, GRU in order r, z, h; a second bias everywhere."""
    module = torch_module(name, inputs.dtype.name)
    count = len(CELLS[name].gates)
    order = (1, 0, 2) if name == "gru" else range(count)
    second = params.get("recurrent_bias", np.zeros_like(params["bias"]))
    values = (params["kernel"], params["recurrent"], params["bias"], second)
    with torch.no_grad():
        for theirs, value in zip(module.parameters(), values, strict=True):
            theirs.copy_(torch.from_numpy(gates(value, order, count)))
        shown, last = module(torch.from_numpy(inputs))
        if name != "lstm":
            return shown.numpy()
        # Only the last c is shown: run to every step.
        zero = torch.zeros(1, BATCH, UNITS, dtype=shown.dtype)
        state, found = (zero, zero), []
        for t in range(STEPS):
            _, state = module(torch.from_numpy(inputs[:, t : t + 1]), state)
            found.append(torch.cat([part[0] for part in state], dim=1).numpy())
        assert np.abs(last[1][0].numpy() - found[-1][:, UNITS:]).max() <= room(inputs.dtype, 1.0)
        return np.stack(found, axis=1)


HOLD = {
    "keras": (in_keras, tuple(CELLS)),
    "flax": (in_linen, ("simple_rnn", "irnn", "lstm", "gru")),
    "flax plain": (partial(in_linen, lstm=flax.linen.LSTMCell), ("lstm",)),
    "haiku": (in_haiku, ("irnn", "lstm", "gru_before")),
    "equinox": (in_equinox, ("lstm", "gru")),
    "torch": (in_torch, ("simple_rnn", "irnn", "lstm", "gru")),
}
PAIRS = [(library, name) for library, (_, names) in HOLD.items() for name in names]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("library", "name"), PAIRS)
def test_states_are_those_of_the_librarys_cell_with_the_same_weights(library, name, dtype):
    cell, params, inputs = draw(name, dtype)
    found = ours(cell, params, inputs)
    theirs = HOLD[library][0](name, params, inputs)
    assert found.dtype == dtype
    assert found.shape == theirs.shape
    assert np.abs(found - theirs).max() <= room(dtype, found)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_minimal_gated_unit_of_flax_is_a_gru_whose_two_gates_are_one(dtype):
    cell, params, inputs = draw("gru", dtype)
    blocks = {part: np.split(value, 3) for part, value in params.items()}
    for own in blocks.values():
        own[1] = own[0]
    found = ours(cell, {part: np.concatenate(own) for part, own in blocks.items()}, inputs)
    bias = blocks["bias"][0] + blocks["recurrent_bias"][0]
    own = {
        "if": {"kernel": blocks["kernel"][0].T, "bias": bias},
        "hf": {"kernel": blocks["recurrent"][0].T},
        "in": {"kernel": blocks["kernel"][2].T, "bias": blocks["bias"][2]},
        "hn": {"kernel": blocks["recurrent"][2].T, "bias": blocks["recurrent_bias"][2]},
    }
    flax_cell = flax.linen.MGUCell(UNITS, param_dtype=inputs.dtype)
    step = lambda h, x: flax_cell.apply({"params": own}, h, x)[0]
    theirs = scanned(step, jnp.zeros(UNITS, inputs.dtype), inputs)
    assert np.abs(found - theirs).max() <= room(dtype, found)


@pytest.mark.parametrize("name", ["lstm", "gru", "gru_before"])
def test_gates_in_any_other_order_would_be_found(name):
    cell, params, inputs = draw(name, "float64")
    right = ours(cell, params, inputs)
    count = len(cell.gates)
    for place in range(count - 1):
        order = list(range(count))
        order[place], order[place + 1] = order[place + 1], order[place]
        wrong = {part: gates(value, order, count) for part, value in params.items()}
        assert np.abs(ours(cell, wrong, inputs) - right).max() > 1e-2


def size(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", CELLS)
def test_keras_has_as_many_parameters_and_others_as_many_as_documented(name):
    shapes = CELLS[name].shapes(INPUTS)
    own = sum(int(np.prod(shape)) for shape in shapes.values())
    layer = keras_layer(name, "float32")
    layer.build((1, STEPS, INPUTS))
    assert layer.count_params() == own
    n = UNITS
    if name in HOLD["torch"][1]:
        theirs = sum(p.numel() for p in torch_module(name, "float32").parameters())
        # A second bias, which adds to the first but for the gate h of a GRU.
        assert theirs == own + (0 if name == "gru" else len(CELLS[name].gates) * n)
    if name in {"lstm", "gru"}:
        linen = {"lstm": flax.linen.OptimizedLSTMCell, "gru": flax.linen.GRUCell}[name](n)
        carry = linen.initialize_carry(jax.random.key(0), (INPUTS,))
        flax_size = size(linen.init(jax.random.key(0), carry, jnp.zeros(INPUTS)))
        kind = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}[name]
        equinox_size = size(eqx.filter(kind(INPUTS, n, key=jax.random.key(0)), eqx.is_array))
        kind = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[name]
        nnx_size = size(nnx.state(kind(INPUTS, n, rngs=nnx.Rngs(0)), nnx.Param))
        # Of a GRU's second bias the gate h alone.
        gone = 2 * n if name == "gru" else 0
        assert flax_size == equinox_size == own - gone
        # Flax nnx has no second bias at all.
        assert nnx_size == own - gone * 3 // 2


def drawn_by_keras(name):
    keras.utils.set_random_seed(3)
    layer = keras_layer(name, "float32")
    layer.build((1, STEPS, INPUTS))
    kernel, recurrent, bias = (np.asarray(w) for w in layer.get_weights())
    return kernel.T, recurrent.T, bias


@pytest.mark.parametrize("name", CELLS)
def test_our_defaults_start_as_keras_does(name):
    cell = CELLS[name]
    params = {k: np.asarray(v) for k, v in cell.init(jax.random.key(3), INPUTS, "float32").items()}
    kernel, recurrent, bias = drawn_by_keras(name)
    own_bias = params["bias"]
    if "recurrent_bias" in params:
        own_bias = np.stack([own_bias, params["recurrent_bias"]])
    np.testing.assert_array_equal(own_bias, bias)
    # Uniform within the bound of the stacked matrix' fans: the largest of N entries is within
    # 30/N of it but for a chance of e^-30.
    bound = np.sqrt(6 / (INPUTS + len(cell.gates) * UNITS))
    for drawn in (kernel, params["kernel"]):
        assert bound * (1 - 30 / drawn.size) < np.abs(drawn).max() <= bound * (1 + 1e-6)
    for drawn in (recurrent, params["recurrent"]):
        np.testing.assert_allclose(drawn.T @ drawn, np.eye(UNITS), atol=1e-5)


def test_forget_biases_are_those_that_the_docstrings_name():
    rows = slice(UNITS, 2 * UNITS)
    forget = lambda cell: np.asarray(cell.init(jax.random.key(0), INPUTS)["bias"])[rows]
    assert np.all(forget(cells.lstm(UNITS)) == 1.0)
    assert np.all(drawn_by_keras("lstm")[2][rows] == 1.0)
    flax_cell = flax.linen.OptimizedLSTMCell(UNITS)
    carry = flax_cell.initialize_carry(jax.random.key(0), (INPUTS,))
    drawn = flax_cell.init(jax.random.key(0), carry, jnp.zeros(INPUTS))["params"]
    np.testing.assert_array_equal(drawn["hf"]["bias"], forget(cells.lstm(UNITS, forget_bias=0)))
    nnx_cell = nnx.OptimizedLSTMCell(INPUTS, UNITS, rngs=nnx.Rngs(0))
    biases = [p for path, p in jax.tree_util.tree_leaves_with_path(nnx.state(nnx_cell, nnx.Param))
              if "bias" in jax.tree_util.keystr(path)]  # fmt: skip
    assert biases
    assert not any(np.any(np.asarray(b)) for b in biases)
    # Haiku: zeros as parameters, 1 added in the step (`in_haiku` takes it away again).
    cell = hk.without_apply_rng(hk.transform(lambda x, s: hk.LSTM(UNITS)(x, s)[1]))
    state = hk.LSTMState(jnp.zeros(UNITS), jnp.ones(UNITS))
    blank = cell.init(jax.random.key(0), jnp.zeros(INPUTS), state)
    assert not np.any(blank["lstm/linear"]["b"])
    after = cell.apply(jax.tree.map(jnp.zeros_like, blank), jnp.zeros(INPUTS), state)
    np.testing.assert_allclose(after.cell, 1 / (1 + np.exp(-1.0)), rtol=1e-6)
    # PyTorch: two biases, each uniform in +-1/sqrt(n).
    torch.manual_seed(0)
    for part in ("bias_ih_l0", "bias_hh_l0"):
        drawn = getattr(torch.nn.LSTM(3, 2000), part).detach().numpy()
        assert (1 - 30 / drawn.size) / np.sqrt(2000) < np.abs(drawn).max() <= 1.0001 / np.sqrt(2000)
