"""A near and a far clue: what reaches the clue's word, and which gates carry it?

"France ... I speak fluent" with few and with many words between. Six networks: a simple RNN, an LSTM
and a GRU, each with the start that libraries give it and with one that keeps more.

    ratio     E_i ||dL_i/dh_1|| / E_i ||dL_i/dh_T||, h_1 the state after the clue's word: what is left of
              the gradient at the clue, relative to the last word
    direct    E_i ||dL_i/dm_1 along the direct path|| / E_i ||dL_i/dm_1||, m the cell content c (LSTM) or
              the state h (GRU). The direct path multiplies each unit by its own forget or update gate
              at every word; all other ways go through the recurrent weights.
    carriers  the units k with the largest E_i |dL_i/dm_1k along the direct path| |m_1k - E m_1k|. The
              second factor is what the clue moved: to first order the product is what the loss would
              change by, were the unit's share of the clue wiped out on this path.

Cost of `train`: see `recall.recall_experiment`; gradients and gates some seconds of compilation.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradchain.experiments import recall
from gradchain.experiments.lab import network_keys
from gradchain.measured.recurrent import Cell, LSTMState, cells
from gradchain.predicted.recurrent_field import time_field
from gradchain.predicted.recurrent_gated import gated_field
from gradchain.tasks.sequences import Sentence, sentence
from gradchain.training import recurrent

# A network that has this share of answers right has learned.
LEARNED = 0.9
CARRIERS = 4
# Sentences over which gates and gradients are averaged.
SENTENCES = 64


class Network(NamedTuple):
    """One of the networks: how it is called, its cell, and the scales that its prediction needs."""

    says: str
    make: Callable[..., Cell]
    settings: dict[str, Any]
    gates: int
    # n Var(U_ij) of one gate's recurrent weights.
    recurrent: float


NETWORKS = {
    "rnn.torch": Network(
        "simple RNN with PyTorch's recurrent weights",
        cells.simple_rnn,
        {"recurrent_initializer": "torch_uniform"},
        1,
        1 / 3,
    ),
    "rnn.orthogonal": Network(
        "simple RNN with orthogonal recurrent weights", cells.simple_rnn, {}, 1, 1.0
    ),
    "lstm.bias1": Network("LSTM with forget bias 1", cells.lstm, {"forget_bias": 1.0}, 4, 1 / 4),
    "lstm.bias3": Network("LSTM with forget bias 3", cells.lstm, {"forget_bias": 3.0}, 4, 1 / 4),
    "gru.bias0": Network("GRU with update bias 0", cells.gru, {"update_bias": 0.0}, 3, 1 / 3),
    "gru.bias3": Network("GRU with update bias 3", cells.gru, {"update_bias": 3.0}, 3, 1 / 3),
}
GATED = tuple(name for name, network in NETWORKS.items() if network.gates > 1)


def cell_of(network: str, units: int) -> Cell:
    """Return the cell of a network.

    Args:
        network: a key of `NETWORKS`.
        units: n.

    Returns:
        The cell.
    """
    own = NETWORKS[network]
    return own.make(units, **own.settings)


@lru_cache(maxsize=64)
def predicted_logs(network: str, distance: int, units: int) -> np.ndarray:
    """Predict the gradient at each word relative to the last, at the start.

    Root mean square over units at infinite width, with the scales of weights of n units; inputs are
    one-hot, so that their part of a pre-activation has the variance of a kernel's entry.

    Args:
        network: a key of `NETWORKS`.
        distance: T - 1.
        units: n.

    Returns:
        (T,) natural logarithms for words 1 .. T; the last is 0. A *prediction* of infinite width.
    """
    own, task = NETWORKS[network], sentence(distance)
    spread = 2.0 / (own.gates * units + task.inputs)
    scale = own.recurrent**0.5
    if own.gates == 1:
        return time_field("tanh", scale, task.length, input_variance=spread).log_norms[1:]
    field = gated_field(
        network.split(".", maxsplit=1)[0],
        task.length,
        gate_bias=cell_of(network, units).gate_bias,
        recurrent_scale=scale,
        input_variance=spread,
    )
    return field.block_log_norms["h"][1:]


def keys_of(seed: int, seeds: int) -> jax.Array:
    """Return the random keys of networks, those of `recall_experiment`.

    Args:
        seed: seed of the experiment.
        seeds: how many.

    Returns:
        (S,) keys.
    """
    return network_keys(seed, jnp.arange(seeds, dtype=jnp.uint32)[None])[0]


def start_logs(network: str, distance: int, units: int, seeds: int, seed: int) -> np.ndarray:
    """Measure the gradient at each word of networks at their start.

    Args:
        network: a key of `NETWORKS`.
        distance: T - 1.
        units: n.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        (S, T) natural logarithms of the mean over sentences of ||dL/dh_t||, t = 1 .. T.
    """
    cell, task, keys = cell_of(network, units), sentence(distance), keys_of(seed, seeds)
    draw = partial(recurrent.draw, cell, task, None)
    start = jax.jit(jax.vmap(lambda key: draw(jax.random.fold_in(key, 0))))(keys)
    return recall.gradients_by_distance(cell, task, start, keys, SENTENCES)[:, 1:]


def log_ratio(logs: np.ndarray) -> np.ndarray:
    """Return what is left at the first word, relative to the last.

    Args:
        logs: (..., T) natural logarithms.

    Returns:
        (...) natural logarithms.
    """
    return logs[..., 0] - logs[..., -1]


def train(
    network: str,
    distance: int,
    *,
    units: int,
    seeds: int,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
    follow: bool = True,
) -> dict[str, np.ndarray]:
    """Train networks on sentences; measure gradients before and after, and gates.

    Args:
        network: a key of `NETWORKS`.
        distance: words from the country to the last one.
        units: n.
        seeds: number of networks.
        steps: optimizer steps of Adam as in Keras.
        batch: sentences a step.
        rate: learning rate.
        seed: seed of the draws.
        follow: also follow the gates of gated networks.

    Returns:
        `accuracy` (S, R) at `looks` (R,); `start`, `trained` (S, T) as `start_logs`; what `gates`
        returns.
    """
    cell, task = cell_of(network, units), sentence(distance)
    found = recall.recall_experiment(
        cell,
        distance,
        seeds,
        task=task,
        steps=steps,
        batch=batch,
        learning_rate=rate,
        every=max(1, steps // 8),
        seed=seed,
        gradients=False,
    )
    keys = keys_of(seed, seeds)
    sizes = [
        recall.gradients_by_distance(cell, task, params, keys, SENTENCES)[:, 1:]
        for params in (found.start, found.params)
    ]
    arrays = {
        "accuracy": found.accuracy,
        "looks": found.recorded_steps,
        "start": sizes[0],
        "trained": sizes[1],
    }
    if follow and network in GATED:
        arrays |= gates(cell, task, found.params, keys, seed)
    return arrays


def example(task: Sentence, seed: int) -> tuple[np.ndarray, list[str]]:
    """Draw the sentence that is shown: it begins with France.

    Args:
        task: the task.
        seed: seed of the draw.

    Returns:
        Its inputs (T, d) and its words.
    """
    drawn, _ = task.draw(jax.random.key(seed), 1, jnp.float32)
    inputs = np.array(drawn[0])
    inputs[0] = 0
    inputs[0, 0] = 1
    return inputs, task.words(inputs)


def gates(
    cell: Cell, task: Sentence, params: Any, keys: jax.Array, seed: int
) -> dict[str, np.ndarray]:
    """Follow the keeping gates (forget, update) along sentences.

    Args:
        cell: an LSTM or a GRU.
        task: the task.
        params: parameters with the networks in front.
        keys: (S,) random keys of the sentences.
        seed: seed of the sentence that is shown.

    Returns:
        `shown_carriers`, `shown_all` (S, T): mean gate of the carriers and of all units at each word of
        the sentence shown; `carriers`, `all` (S,): means over words 2 .. T of random sentences;
        `log_kept`, `log_kept_all` (S,): log of the geometric mean of the gates' product over words
        2 .. T; `log_direct` (S,): log of what the direct path passes, relative to all; `units` (S, 4)
        the carriers, the most important first.
    """
    shown = jnp.asarray(example(task, seed)[0])
    return {
        name: np.asarray(value)
        for name, value in _gates(recurrent.trained_by(cell), task)(params, keys, shown).items()
    }


@lru_cache(maxsize=16)
def _gates(cell: Cell, task: Sentence) -> Callable:
    def follow(params: Any, state: Any, inputs: jax.Array) -> tuple[Any, tuple]:
        """Return the last state, and for each word its gates, the state before and after."""

        def turn(own: Any, x: jax.Array) -> tuple[Any, tuple]:
            after = cell.step(params["cell"], own, x)
            return after, (cell.kept(params["cell"], own, x), own, after)

        return jax.lax.scan(turn, state, inputs)

    def loss(params: Any, h: jax.Array, target: jax.Array) -> jax.Array:
        outputs = params["head"]["weight"] @ h + params["head"]["bias"]
        return recurrent.judged(task, outputs[None, None], target[None])[0][0]

    def passed(params: Any, inputs: jax.Array, target: jax.Array) -> tuple[jax.Array, ...]:
        """Return gates (T, n); content after word 1, its gradient on the direct path, and in all."""
        last, (kept, before, after) = follow(params, cell.state0(inputs.dtype), inputs)
        slope = jax.grad(loss, argnums=1)(params, recurrent.shown(last), target)
        first = jax.tree.map(lambda a: a[0], after)

        def from_first(content: jax.Array) -> jax.Array:
            own = LSTMState(first.h, content) if isinstance(first, LSTMState) else content
            return loss(params, recurrent.shown(follow(params, own, inputs[1:])[0]), target)

        whole = jax.grad(from_first)
        if not isinstance(after, LSTMState):
            return kept, first, slope * jnp.prod(kept[1:], axis=0), whole(first)
        # With h_(T-1) held, c_(T-1) acts on h_T through the forget gate alone.
        h, c = (part[-1] for part in before)
        _, back = jax.vjp(lambda own: cell.step(params["cell"], LSTMState(h, own), inputs[-1]).h, c)
        return kept, first.c, back(slope)[0] * jnp.prod(kept[1:-1], axis=0), whole(first.c)

    def one(params: Any, key: jax.Array, shown: jax.Array) -> dict[str, jax.Array]:
        drawn = task.draw(jax.random.fold_in(key, 3), SENTENCES, jnp.float32)
        kept, content, direct, whole = jax.vmap(partial(passed, params))(*drawn)
        moved = jnp.abs(content - jnp.mean(content, axis=0)[None])
        units = jax.lax.top_k(jnp.mean(jnp.abs(direct) * moved, axis=0), CARRIERS)[1]
        seen = follow(params, cell.state0(shown.dtype), shown)[1][0]
        words = kept[:, 1:]
        log_kept = jnp.mean(jnp.sum(jnp.log(words), axis=1), axis=0)
        sizes = [jnp.mean(jnp.linalg.norm(each, axis=1)) for each in (direct, whole)]
        return {
            "shown_carriers": jnp.mean(seen[:, units], axis=1),
            "shown_all": jnp.mean(seen, axis=1),
            "carriers": jnp.mean(words[:, :, units]),
            "all": jnp.mean(words),
            "log_kept": jnp.mean(log_kept[units]),
            "log_kept_all": jnp.mean(log_kept),
            "log_direct": jnp.log(sizes[0] / sizes[1]),
            "units": units,
        }

    return jax.jit(jax.vmap(one, (0, 0, None)))
