"""What does a recurrent gain above 1 do to a gradient, before and in training; whom does clipping save?

Plain recurrent networks h_t = phi(g O h_{t-1} + W x_t + b) with orthogonal O, so that ||g O||_2 = g,
asked to name the first token of a sequence after `distance` further ones:

    start      ||dL/dh_t||_2 <= (g sup|phi'|)^(T-t) ||dL/dh_T||_2, by step: bound, measured, predicted
    training   the share whose loss becomes NaN, the share that learns, with and without clipping; the
               angle by which clipping turned the gradient; how far its norm rises above the first one

All arms see the same networks and sequences, so that who is saved can be said network by network. Cost: 2
to 4 s of compilation for each activation, kind of clip and optimizer, then 0.05 ms a network of 16 units,
step and ten positions on one core.
"""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradchain import tasks
from gradchain._errors import UsageError
from gradchain._types import one_of, whole_number
from gradchain.experiments import recall
from gradchain.experiments.lab import network_keys
from gradchain.experiments.setting import fields_of
from gradchain.measured.recurrent import Cell, cells
from gradchain.predicted.recurrent import time_chain_upper
from gradchain.predicted.recurrent_field import time_field
from gradchain.training import recurrent

ACTIVATIONS = ("tanh", "relu")
CELLS = (*ACTIVATIONS, "lstm", "gru")
CLIPS = ("value", "norm", "global")
OPTIMIZERS = ("sgd", "keras_adam")
VOCABULARY = 4
# Chance is 1/4; the best loss without memory is log 4.
LEARNED = 0.9
# Fresh sequences that an accuracy is judged on, and that a gradient at the start is averaged over.
JUDGED, READ = 256, 64
# Kernel, recurrent weights and bias of the cell, weight and bias of the head.
ARRAYS = 5
_LARGEST = {"units": 256, "distance": 1000, "steps": 10_000, "batch": 1000, "seeds": 1000}


def cell_of(name: str, units: int) -> Cell:
    """Return a cell with Keras' defaults.

    Args:
        name: one of `CELLS`.
        units: n.

    Returns:
        The cell.
    """
    if name in ACTIVATIONS:
        return cells.simple_rnn(units, activation=name)
    return cells.lstm(units) if name == "lstm" else cells.gru(units)


def _sizes(**given: int) -> None:
    """Refuse sizes that say nothing, or take days.

    Raises:
        UsageError: naming the size.
    """
    for name, value in given.items():
        if whole_number(name, value) > _LARGEST[name]:
            raise UsageError(f"got {name} {value}, expected at most {_LARGEST[name]}")


@dataclass(frozen=True)
class Arm:
    """One training experiment in plain values; `gain` multiplies the recurrent weights at the start."""

    activation: str = "tanh"
    gain: float = 1.0
    optimizer: str = "sgd"
    rate: float = 0.1
    clip: str = "none"
    limit: float = 1.0
    distance: int = 20
    units: int = 16
    batch: int = 32
    steps: int = 400

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is computed.

        Raises:
            UsageError: naming the field.
        """
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("clip", self.clip, ("none", *CLIPS))
        _sizes(units=self.units, distance=self.distance, steps=self.steps, batch=self.batch)
        for name in ("gain", "rate", "limit"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise UsageError(f"got {name} {value!r}, expected a number above 0")
            if not 0 < value <= 1e6:
                raise UsageError(f"got {name} {value:g}, expected a number above 0, to 1e6")
            # One spelling of a number, one key of the cache.
            object.__setattr__(self, name, float(value))

    @classmethod
    def from_text(cls, text: str) -> "Arm":
        """Read an arm from JSON.

        Args:
            text: the fields that differ from `Arm()`.

        Returns:
            The arm.

        Raises:
            UsageError: if it is none.
        """
        return cls(**fields_of(text, cls, "an Arm"))

    @property
    def text(self) -> str:
        """The fields that differ from the default, as JSON."""
        plain = asdict(type(self)())
        changed = {name: value for name, value in asdict(self).items() if value != plain[name]}
        return json.dumps(changed, sort_keys=True)


class Trained(NamedTuple):
    """What became of S networks of an arm over N steps.

    `accuracy` (S,): share of right answers at the end. `nan_step` (S,): the first step whose loss was not
    finite, -1 if none. `angle` (S,): a network's median angle in degrees by which clipping turned the
    gradient, over its clipped steps; NaN if there was none. `peak` (S,): log10 of its largest gradient
    norm before clipping over that of its first step. `log10_norm` (S, N): those norms; NaN from
    `nan_step` on, and where one was not finite.
    """

    accuracy: np.ndarray
    nan_step: np.ndarray
    angle: np.ndarray
    peak: np.ndarray
    log10_norm: np.ndarray

    @property
    def lost(self) -> np.ndarray:
        """Whether a network's loss became infinite or NaN, (S,)."""
        return self.nan_step >= 0

    @property
    def learned(self) -> np.ndarray:
        """Whether a network stayed finite and ends with nine answers in ten right, (S,)."""
        return ~self.lost & (self.accuracy >= LEARNED)


@lru_cache(maxsize=16)
def train(arm: Arm, seeds: int, seed: int) -> Trained:
    """Train the networks of an arm.

    Args:
        arm: the arm.
        seeds: how many.
        seed: seed of networks and sequences; the k-th network starts the same in every arm of one gain
            and activation, and reads the same sequences.

    Returns:
        `Trained`.
    """
    _sizes(seeds=seeds)
    found = recall.recall_experiment(
        cell_of(arm.activation, arm.units),
        arm.distance,
        seeds,
        task=tasks.first_token(arm.distance, VOCABULARY),
        steps=arm.steps,
        batch=arm.batch,
        learning_rate=arm.rate,
        optimizer=arm.optimizer,
        clip=arm.clip,
        limit=arm.limit,
        recurrent_scale=arm.gain,
        seed=seed,
        every=arm.steps,
        judged=JUDGED,
        gradients=False,
    )
    return _summed_up(arm, found)


def _summed_up(arm: Arm, found: recall.Recall) -> Trained:
    steps = np.arange(arm.steps)[None]
    gone = (found.nan_step[:, None] >= 0) & (steps >= found.nan_step[:, None])
    norm = np.where(gone | ~np.isfinite(found.norm_before), np.nan, found.norm_before)
    # Where the square of the norm overflows, clipping by norm leaves 0, which has no direction.
    whole = np.isfinite(norm) & ((arm.clip == "value") | (norm < np.sqrt(np.finfo("f4").max)))
    turned = np.where(whole & (found.clipped > 0), found.turned, np.nan)
    with np.errstate(divide="ignore"):
        logs = np.log10(norm, dtype=np.float32)
    tops = np.max(np.where(np.isnan(logs), -np.inf, logs), axis=1)
    return Trained(found.final_accuracy, found.nan_step, _middles(turned), tops - logs[:, 0], logs)


def _middles(rows: np.ndarray) -> np.ndarray:
    """Return the median of each row's numbers, NaN where it has none."""
    known = [row[~np.isnan(row)] for row in rows.astype(np.float64)]
    return np.array([np.median(row) if row.size else np.nan for row in known])


@lru_cache(maxsize=32)
def start(cell: str, gain: float, distance: int, units: int, seeds: int, seed: int) -> np.ndarray:
    """Return how large the loss' gradient is at each hidden state before training, relative to the last.

    Args:
        cell: one of `CELLS`.
        gain: what the recurrent weights are multiplied by.
        distance: steps from the first token to the answer.
        units: n.
        seeds: how many networks.
        seed: seed of networks and sequences.

    Returns:
        (S, T+1) natural logarithms of mean_i ||dL_i/dh_t||_2 over 64 sequences, t = 0 .. T, minus the
        last, so that each network ends at 0. Exact up to rounding for the sequences drawn. Of an LSTM
        with c_t held.
    """
    one_of("cell", cell, CELLS)
    _sizes(units=units, distance=distance, seeds=seeds)
    task, law = tasks.first_token(distance, VOCABULARY), cell_of(cell, units)
    keys = network_keys(seed, jnp.arange(seeds, dtype=jnp.uint32)[None])[0]
    drawn = _drawn(law, task)(keys)
    own = drawn["cell"] | {"recurrent": drawn["cell"]["recurrent"] * jnp.float32(gain)}
    params = jax.tree.map(np.asarray, drawn | {"cell": own})
    logs = recall.gradients_by_distance(law, task, params, keys, READ).astype(np.float64)
    return logs - logs[:, -1:]


@lru_cache(maxsize=8)
def _drawn(law: Cell, task: tasks.SequenceTask):
    def one(key: jax.Array) -> dict:
        return recurrent.draw(law, task, None, jax.random.fold_in(key, 0))

    return jax.jit(jax.vmap(one))


def predicted(activation: str, gain: float, distance: int, units: int) -> np.ndarray:
    """Predict the gradient at each hidden state, relative to the last, by mean field.

    Args:
        activation: one of `ACTIVATIONS`.
        gain: g.
        distance: T - 1.
        units: n; only the input's part of the pre-activations depends on it.

    Returns:
        (T+1,) natural logarithms of the root mean square of ||dL/dh_t||/||dL/dh_T||: a *prediction* of
        infinite width, for a head drawn independently of the rest.
    """
    # One-hot inputs; Glorot kernels of n rows and one column a token.
    variance = 2.0 / (units + VOCABULARY)
    return time_field(activation, gain, distance + 1, input_variance=variance).log_norms


def upper(gain: float, distance: int) -> np.ndarray:
    """Bound the gradient at each hidden state of a plain network, relative to the last.

    Args:
        gain: g = ||g O||_2.
        distance: T - 1.

    Returns:
        (T+1,) natural logarithms (T - t) log g, since sup|phi'| = 1 for tanh and relu: an *upper bound*
        of what `start` gives, in the same norm.
    """
    return time_chain_upper(gain, 1.0, distance + 1)


def rate(logs: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of the factor a step, from the last state back to the first.

    Args:
        logs: (..., T+1) natural logarithms whose last is 0.

    Returns:
        (...,) log of the geometric mean factor a step.
    """
    return np.asarray(logs[..., 0] / (logs.shape[-1] - 1))
