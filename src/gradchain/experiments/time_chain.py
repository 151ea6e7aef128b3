"""How does a gradient fade with distance in recurrent networks, at the start and after training?

Networks differ by their weights and by the inputs they read. All start as in Keras: Glorot kernels,
orthogonal recurrent weights (but where the name says otherwise), zero biases but that of the gate that
keeps the state. What is followed is the root mean square over directions, ||ds_T/ds_{T-k}||_F / sqrt(N),
s the whole state of N entries, (h, c) for an LSTM. Inputs have four entries: at the start a direction
drawn afresh at each step with |x|^2 given (1 is that of a one-hot word), else the tokens of the task.
Cost: 3 to 6 s of compilation for each kind of cell, then some 10 ms a network of 32 units and 200 steps.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from gradchain._errors import UsageError
from gradchain._types import one_of
from gradchain.experiments.lanes import draw_keys
from gradchain.experiments.recall import recall_experiment
from gradchain.measured.recurrent import Cell, cells
from gradchain.measured.recurrent.chain import time_chain
from gradchain.predicted.recurrent import time_chain_upper
from gradchain.predicted.recurrent_bounds import gated_chain_upper
from gradchain.tasks import sequences
from gradchain.training.recurrent import trained_by

LN10 = math.log(10.0)
LARGEST = {"units": 128, "steps": 20_000, "seeds": 2000}
# Entries of an input: tokens of the task.
TOKENS = 4
# Name -> its cell, and the bias of the gate that keeps the state. The bias is a parameter: it is set
# after the draw, so that one program serves all biases.
_CELLS = {
    "rnn.orthogonal": (cells.simple_rnn, 0.0),
    "rnn.glorot": (partial(cells.simple_rnn, recurrent_initializer="glorot_uniform"), 0.0),
    "rnn.irnn": (
        partial(cells.simple_rnn, activation="relu", recurrent_initializer="identity"),
        0.0,
    ),
    "rnn.minimal": (cells.minimal, 0.0),
    "gru.bias0": (cells.gru, 0.0),
    "lstm.biasminus1": (partial(cells.lstm, forget_bias=0), -1.0),
    "lstm.bias0": (partial(cells.lstm, forget_bias=0), 0.0),
    "lstm.bias1": (partial(cells.lstm, forget_bias=0), 1.0),
    "lstm.bias2": (partial(cells.lstm, forget_bias=0), 2.0),
    "lstm.bias5": (partial(cells.lstm, forget_bias=0), 5.0),
}
NETWORKS = tuple(_CELLS)
# What a gradient of size 1 must not fall below: name -> decimal logarithm.
LIMITS = {
    "percent": -2.0,
    "float32.normal": -126 * math.log10(2.0),
    "float32": -149 * math.log10(2.0),
    "float64.normal": -1022 * math.log10(2.0),
    "float64": -1074 * math.log10(2.0),
}
# Limits are looked for up to this share of the steps: before, the start from zeros is felt.
_LOOKED = 0.9
# Adam's step size and the batch of the training runs.
LEARNING_RATE, BATCH = 0.005, 16


class Chains(NamedTuple):
    """Decimal logarithms by network and steps back k, (S, T+1), column 0 zero.

    `total`: ||ds_T/ds_{T-k}||_F / sqrt(N). `direct`: the root mean square over units of the product of
    the gates that multiply the old state; NaN without such gates. `upper`: what the weights alone allow.
    """

    total: np.ndarray
    direct: np.ndarray
    upper: np.ndarray


class Trained(NamedTuple):
    """`before`, `after` (S, T+1): as `Chains.total`, on sequences of tokens; `accuracy` (S,)."""

    before: np.ndarray
    after: np.ndarray
    accuracy: np.ndarray


def gate_bias(network: str) -> float:
    """Return the starting bias of the gate that keeps the state.

    Args:
        network: one of `NETWORKS`.

    Returns:
        The bias; 0 where there is no such gate.
    """
    return _CELLS[network][1]


def has_gate(network: str) -> bool:
    """Say whether a network has a gate that multiplies its old state.

    Args:
        network: one of `NETWORKS`.

    Returns:
        False for the plain ones.
    """
    return network not in {"rnn.orthogonal", "rnn.glorot", "rnn.irnn"}


def _checked(network: str, **sizes: int) -> None:
    one_of("network", network, NETWORKS)
    for name, value in sizes.items():
        if not 1 <= value <= LARGEST[name]:
            raise UsageError(f"got {name}={value}, expected 1 to {LARGEST[name]}")


@partial(jax.jit, static_argnames="cell")
def _weights(cell: Cell, keys: jax.Array) -> dict[str, jax.Array]:
    return jax.vmap(lambda key: cell.init(key, TOKENS, "float32"))(keys)


def drawn(network: str, units: int, keys: jax.Array) -> tuple[Cell, dict]:
    """Draw networks.

    Args:
        network: one of `NETWORKS`.
        units: n.
        keys: (S,) random keys.

    Returns:
        The cell that steps them (without initializers: it selects the program), and their parameters,
        networks first.
    """
    make, bias = _CELLS[network]
    cell = make(units)
    params = _weights(cell, keys)
    if cell.keeps is not None:
        start = cell.gates.index(cell.keeps[0]) * units
        params["bias"] = params["bias"].at[:, start : start + units].set(bias)
    return trained_by(cell), params


@partial(jax.jit, static_argnames="steps")
def _directed(keys: jax.Array, steps: int, square: Any) -> jax.Array:
    own = jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys)
    drawn = jax.vmap(lambda key: jax.random.normal(key, (steps, TOKENS), jnp.float32))(own)
    return drawn / jnp.linalg.norm(drawn, axis=-1, keepdims=True) * jnp.sqrt(square)


@partial(jax.jit, static_argnames=("cell", "direct"))
def _sizes(cell: Cell, params: dict, inputs: jax.Array, direct: str) -> tuple[jax.Array, jax.Array]:
    def one(network: tuple[dict, jax.Array]) -> tuple[jax.Array, jax.Array]:
        chain = time_chain(cell, *network, parameters=False)
        logs = chain.log_norms
        return logs, chain.block_log_norms.get(direct, jnp.full_like(logs, jnp.nan))

    return lax.map(one, (params, inputs), batch_size=32)


def _back(logs: Any) -> np.ndarray:
    """Turn natural logarithms by step into decimal ones by steps back, column 0 zero."""
    turned = np.asarray(logs, np.float64)[..., ::-1] / LN10
    return turned - turned[..., :1]


def _upper(cell: Cell, params: dict, steps: int) -> np.ndarray:
    """Return natural logarithms by step of what the weights of each network allow, (S, T+1)."""
    found = []
    for k in range(len(params["bias"])):
        own = np.asarray(params["recurrent"][k], np.float64)
        if cell.keeps is None:
            found.append(time_chain_upper(float(np.linalg.norm(own, 2)), 1.0, steps))
            continue
        gates = {"LSTM": "ifgo", "GRU": "zrh"}.get(type(cell).__name__, "u")
        parts = dict(zip(gates, np.split(own, len(gates)), strict=True))
        norms = {gate: float(np.linalg.norm(part, 2)) for gate, part in parts.items()}
        kind = {"u": "minimal", "ifgo": "lstm"}.get(gates, "gru")
        if kind == "gru":
            norms["rows"] = float(np.abs(parts["h"]).sum(axis=1).max())
        found.append(gated_chain_upper(kind, norms, steps))
    return np.stack(found)


@lru_cache(maxsize=2 * len(NETWORKS))
def chains(
    network: str, units: int, steps: int, seeds: int, seed: int, square: float = 1.0
) -> Chains:
    """Follow gradients back in networks at the start.

    Args:
        network: one of `NETWORKS`.
        units: n.
        steps: T.
        seeds: number of networks.
        seed: seed of the draws.
        square: |x|^2 of each input.

    Returns:
        `Chains`, float64 logarithms of float32 chains, exact up to rounding.

    Raises:
        UsageError: for another network or size.

    Example:
        >>> found = chains("rnn.irnn", 4, 5, 2, 0)
        >>> found.total.shape, bool((found.total <= found.upper).all())
        ((2, 6), True)
    """
    _checked(network, units=units, steps=steps, seeds=seeds)
    keys = draw_keys(seed, seeds)
    cell, params = drawn(network, units, keys)
    direct = f"{cell.keeps[1]}_direct" if cell.keeps else ""
    total, path = _sizes(cell, params, _directed(keys, steps, square), direct)
    return Chains(_back(total), _back(path), _back(_upper(cell, params, steps)))


def factors(
    network: str, units: int, steps: int, seeds: int, seed: int, squares: Sequence[float]
) -> np.ndarray:
    """Return the factor of a gradient a step against the size of the inputs.

    Args:
        network: one of `NETWORKS`.
        units: n.
        steps: T.
        seeds: number of networks.
        seed: seed of the draws.
        squares: |x|^2, K of them.

    Returns:
        (S, K) geometric means of the factors from T/4 to 3T/4 steps back.
    """
    first, last = steps // 4, 3 * steps // 4
    found = []
    for square in squares:
        total = chains(network, units, steps, seeds, seed, square).total
        found.append(10.0 ** ((total[:, last] - total[:, first]) / (last - first)))
    return np.stack(found, axis=1)


@partial(jax.jit, static_argnames="cell")
def _directions(cell: Cell, params: dict, inputs: jax.Array, keys: jax.Array) -> jax.Array:
    def one(own: dict, seen: jax.Array, key: jax.Array) -> jax.Array:
        flat, shape = ravel_pytree(cell.state0(seen.dtype))
        direction = jax.random.normal(jax.random.fold_in(key, 2), flat.shape, flat.dtype)
        cotangent = shape(direction / jnp.linalg.norm(direction))
        return time_chain(cell, own, seen, cotangent=cotangent, parameters=False).log_norms

    return jax.vmap(one)(params, inputs, keys)


@lru_cache(maxsize=2 * len(NETWORKS))
def lost(network: str, units: int, steps: int, seeds: int, seed: int) -> np.ndarray:
    """Find after how many steps a gradient of size 1 and random direction falls below each limit.

    Args:
        network: one of `NETWORKS`.
        units: n.
        steps: T; looked at are 0.9 T steps, before which the start from zeros would be felt.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        (S, 5) least k with |u^T ds_T/ds_{T-k}| below the limits of `LIMITS`; infinite if none. Inputs
        have |x| = 1.

    Raises:
        UsageError: for another network or size.
    """
    _checked(network, units=units, steps=steps, seeds=seeds)
    keys = draw_keys(seed, seeds)
    cell, params = drawn(network, units, keys)
    logs = _back(_directions(cell, params, _directed(keys, steps, 1.0), keys))
    below = logs[:, : int(_LOOKED * steps) + 1, None] < np.array(list(LIMITS.values()))
    return np.where(below.any(axis=1), below.argmax(axis=1), np.inf)


@partial(jax.jit, static_argnames="task")
def _tokens(task: sequences.FirstToken, keys: jax.Array) -> jax.Array:
    own = jax.vmap(lambda key: jax.random.fold_in(key, 3))(keys)
    return jax.vmap(lambda key: task.draw(key, 1, jnp.float32)[0][0])(own)


@lru_cache(maxsize=2 * len(NETWORKS))
def trained(
    network: str,
    units: int,
    distance: int,
    training_steps: int,
    steps: int,
    seeds: int,
    seed: int,
) -> Trained:
    """Train networks to name the first token, and follow gradients before and after.

    Args:
        network: one of `NETWORKS`.
        units: n.
        distance: steps from the first token to the answer in training.
        training_steps: steps of Adam, each on a fresh batch.
        steps: T, steps of the sequence of random tokens that gradients are followed through.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        `Trained`. A network that diverged has NaN after training.

    Raises:
        UsageError: for another network or size.
    """
    _checked(network, units=units, steps=max(distance, steps), seeds=seeds)
    make, bias = _CELLS[network]
    cell = replace(make(units), gate_bias=bias)
    found = recall_experiment(
        cell,
        distance,
        seeds,
        task=sequences.first_token(distance, TOKENS),
        steps=training_steps,
        every=training_steps,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        seed=seed,
        gradients=False,
    )
    tokens = _tokens(sequences.first_token(steps - 1, TOKENS), draw_keys(seed, seeds))
    direct = f"{cell.keeps[1]}_direct" if cell.keeps else ""
    # Before and after in one go: as many networks as `chains` mostly has, so one program does.
    own = jax.tree.map(
        lambda a, b: jnp.asarray(np.concatenate([a, b])), found.start["cell"], found.params["cell"]
    )
    both = _sizes(trained_by(cell), own, jnp.concatenate([tokens, tokens]), direct)[0]
    before, after = np.split(_back(both), 2)
    return Trained(before, after, found.accuracy[:, -1])
