"""How much of a gradient is left 50 words back, in real recurrent networks at initialization?

Networks differ by their weights and by the sentence they read. All start as in Keras: Glorot kernels,
orthogonal recurrent weights, zero biases but for the forget gate's. Cost: 2 to 4 s of compilation for
each kind of cell, then some 10 ms a network of 64 units.
"""

from functools import lru_cache, partial
from typing import NamedTuple

import jax
import numpy as np
from jax import lax

from gradchain import tasks
from gradchain._errors import UsageError
from gradchain._types import one_of
from gradchain.experiments.lanes import draw_keys
from gradchain.measured.recurrent import Cell, cells
from gradchain.measured.recurrent.chain import time_chain

WORDS = 50
LARGEST = {"units": 256, "seeds": 2000}
# Name -> its cell, and the bias of the gate that keeps the state. The bias is a parameter: it is set
# after the draw, so that one program serves all biases.
_CELLS = {
    "rnn.sigmoid": (partial(cells.simple_rnn, activation="sigmoid"), 0.0),
    "rnn.tanh": (cells.simple_rnn, 0.0),
    "lstm.bias0": (partial(cells.lstm, forget_bias=0), 0.0),
    "lstm.bias1": (partial(cells.lstm, forget_bias=0), 1.0),
    "lstm.bias5": (partial(cells.lstm, forget_bias=0), 5.0),
    "gru.bias0": (cells.gru, 0.0),
}
NETWORKS = tuple(_CELLS)
PATHS = ("total", "direct", "share")
_TASK = tasks.sentence(WORDS)


class Walk(NamedTuple):
    """Decimal logarithms of what is left, by network and words back: each (S, 51), column 0 zero.

    `total`: ||dm_T/dm_(T-k)||_F / sqrt(n), with m the n entries of state that carry the memory, h or
    an LSTM's c: the root mean square of |J u| over directions u. `direct`: the same along the product
    of the gates that multiply the old state; all NaN where there is no such gate. `share`: what a word
    adds to the gradient of the shared weights, relative to the last word: the ratio of
    ||ds_T/dW through step T-k alone||_F, s the whole state.
    """

    total: np.ndarray
    direct: np.ndarray
    share: np.ndarray


def has_gate(network: str) -> bool:
    """Say whether a network has a gate that multiplies its old state.

    Args:
        network: one of `NETWORKS`.

    Returns:
        False for the plain ones.
    """
    return not network.startswith("rnn.")


@partial(jax.jit, static_argnames="cell")
def _weights(cell: Cell, keys: jax.Array) -> dict[str, jax.Array]:
    return jax.vmap(lambda key: cell.init(key, _TASK.inputs, "float32"))(keys)


@jax.jit
def _sentences(keys: jax.Array) -> jax.Array:
    own = jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys)
    return jax.vmap(lambda key: _TASK.draw(key, 1, "float32")[0][0])(own)


@partial(jax.jit, static_argnames=("cell", "memory"))
def _sizes(
    cell: Cell, params: dict[str, jax.Array], inputs: jax.Array, memory: str
) -> tuple[jax.Array, jax.Array, jax.Array]:
    def one(network: tuple[dict, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        chain = time_chain(cell, *network)
        logs, shares = chain.block_log_norms, chain.parameter_log_norms
        none = jax.numpy.full_like(logs[memory], np.nan)
        # Step t's share is entry t - 1: a place before it, so that all three end with the last word.
        shares = none if shares is None else jax.numpy.concatenate([none[:1], shares])
        return logs[memory], logs.get(f"{memory}_direct", none), shares

    return lax.map(one, (params, inputs), batch_size=32)


@lru_cache(maxsize=len(NETWORKS))
def walk(network: str, units: int, seeds: int, seed: int) -> Walk:
    """Follow the gradient 50 words back in networks that read a sentence.

    Args:
        network: one of `NETWORKS`.
        units: n.
        seeds: number of networks, each with its own sentence.
        seed: seed of the draws.

    Returns:
        `Walk`, float64 logarithms of float32 chains (exact up to rounding, some 1e-2 in the natural
        logarithm at most).

    Raises:
        UsageError: for another network or size.

    Example:
        >>> found = walk("rnn.sigmoid", 4, 2, 0)
        >>> found.total.shape, bool(found.total[:, 50].max() < 50 * np.log10(0.25))
        ((2, 51), True)
    """
    make, bias = _CELLS[one_of("network", network, NETWORKS)]
    for name, value in (("units", units), ("seeds", seeds)):
        if not 1 <= value <= LARGEST[name]:
            raise UsageError(f"got {name}={value}, expected 1 to {LARGEST[name]}")
    cell, keys = make(units), draw_keys(seed, seeds)
    params = _weights(cell, keys)
    if cell.keeps is not None:
        start = cell.gates.index(cell.keeps[0]) * units
        params["bias"] = params["bias"].at[:, start : start + units].set(bias)
    memory = "c" if network.startswith("lstm") else "h"
    found = _sizes(cell, params, _sentences(keys), memory)
    # Step 1 reads the country; from the last step 50 words are gone back to it.
    logs = (np.asarray(each, np.float64)[:, :0:-1] / np.log(10.0) for each in found)
    return Walk(*(each - each[:, :1] for each in logs))
