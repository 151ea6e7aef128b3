"""What does a recurrent cell cost: parameters, arithmetic, and time on this machine?

parameters   counted in the arrays that `init` draws; the formulas are in `two_sentences_exact`
arithmetic   operations of one step for one input, forward and backward, counted in its program by
`step_cost.count`; exact, and the same on every machine
time         of a compiled scan over a batch of sequences, divided by that of the simple RNN in the
same round; a measurement of one machine, another each time it is taken
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._types import one_of
from gradchain.experiments import step_cost
from gradchain.experiments.two_sentences_exact import CELLS
from gradchain.measured.recurrent import Cell, cells
from gradchain.training.recurrent import shown

TIMED = ("rnn", "lstm", "gru")
PASSES = ("forward", "both")


def cell_of(cell: str, units: int) -> Cell:
    """Return a cell of a kind.

    Args:
        cell: one of `two_sentences_exact.CELLS`.
        units: n.

    Returns:
        The cell.
    """
    kind = one_of("cell", cell, CELLS)
    if kind == "grubefore":
        return cells.gru(units, reset_after=False)
    make: dict[str, Callable[[int], Cell]] = {
        "rnn": cells.simple_rnn,
        "lstm": cells.lstm,
        "gru": cells.gru,
        "minimal": cells.minimal,
    }
    return make[kind](units)


def counted(cell: str, units: int, inputs: int) -> int:
    """Count the parameters in the arrays of a cell.

    Args:
        cell: one of `two_sentences_exact.CELLS`.
        units: n.
        inputs: d.

    Returns:
        Their entries in all. Nothing is drawn.
    """
    own = cell_of(cell, units)
    arrays = jax.eval_shape(lambda: own.init(jax.random.key(0), inputs))
    return sum(leaf.size for leaf in jax.tree.leaves(arrays))


@lru_cache(maxsize=64)
def operations(cell: str, units: int, inputs: int) -> int:
    """Count the operations of one step, forward and backward, for one input.

    Args:
        cell: one of `two_sentences_exact.CELLS`.
        units: n.
        inputs: d.

    Returns:
        The number, exact: the next state, and the gradients of parameters and of the state before.
    """
    own = cell_of(cell, units)

    def step(params: Any, state: Any, x: jax.Array, slope: Any) -> Any:
        after, back = jax.vjp(lambda p, s: own.step(p, s, x), params, state)
        return after, back(slope)

    def given() -> tuple:
        state = own.state0(jnp.float32)
        params = own.init(jax.random.key(0), inputs, jnp.float32)
        return params, state, jnp.zeros(inputs, jnp.float32), state

    return step_cost.count(jax.make_jaxpr(step)(*jax.eval_shape(given)))


def times(units: int, inputs: int, batch: int, length: int, rounds: int, seed: int) -> np.ndarray:
    """Measure seconds a step of a batch, cell after cell in each round.

    Args:
        units: n.
        inputs: d.
        batch: sequences at a time.
        length: steps of a sequence.
        rounds: how often.
        seed: seed of parameters and inputs.

    Returns:
        (rounds, cells, passes) seconds for `TIMED` and `PASSES`: forward, and forward with backward.
        The first round of each, which compiles, is not among them.
    """
    keys = jax.random.split(jax.random.key(seed), 2)
    sequence = jax.random.normal(keys[0], (length, batch, inputs), jnp.float32)
    calls = []
    for name in TIMED:
        own = cell_of(name, units)
        params = own.init(keys[1], inputs, jnp.float32)
        forward = _mean_state(own, batch)
        calls += [(jax.jit(forward), params), (jax.jit(jax.value_and_grad(forward)), params)]
    for call, params in calls:
        jax.block_until_ready(call(params, sequence))
    found = np.empty((rounds, len(calls)))
    for turn in range(rounds):
        for place, (call, params) in enumerate(calls):
            begun = time.perf_counter()
            jax.block_until_ready(call(params, sequence))
            found[turn, place] = time.perf_counter() - begun
    return found.reshape(rounds, len(TIMED), len(PASSES)) / length


def _mean_state(cell: Cell, batch: int) -> Callable:
    """Return a function: parameters, sequences -> mean of the last states."""

    def mean(params: Any, sequence: jax.Array) -> jax.Array:
        step = jax.vmap(lambda state, x: cell.step(params, state, x))
        state = jax.tree.map(
            lambda a: jnp.broadcast_to(a, (batch, *a.shape)), cell.state0(sequence.dtype)
        )
        state, _ = jax.lax.scan(lambda own, x: (step(own, x), None), state, sequence)
        return jnp.mean(shown(state))

    return mean


def ratios(seconds: np.ndarray) -> np.ndarray:
    """Divide by the simple RNN's time of the same round.

    Args:
        seconds: what `times` returned.

    Returns:
        Of the same shape; 1 for the simple RNN.
    """
    return seconds / seconds[:, :1]
