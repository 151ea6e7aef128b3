"""Does a recurrent network learn to remember over a distance, and how large was its first gradient?

Seven cells, four tasks, all trained alike. A run succeeds if its final accuracy on fresh sequences is
more than a share `way` of the way from chance to 1. The start of a run is

    ||dL/dh_{T-d}|| / ||dL/dh_T|| at initialization, d steps before the answer

Cost of `train`: see `recall.recall_experiment`; of `start`: 2 to 4 s of compilation a cell.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradchain import tasks
from gradchain._errors import UsageError
from gradchain._types import Real, one_of, whole_number
from gradchain.experiments import recall
from gradchain.experiments.lab import network_keys
from gradchain.measured.recurrent import Cell, cells
from gradchain.predicted.recurrent_field import time_field
from gradchain.predicted.recurrent_gated import gated_field
from gradchain.tasks.sequences import SequenceTask
from gradchain.training import recurrent

# First tokens, and further symbols that follow them: what is to be remembered is never said again.
VOCABULARY = DISTRACTORS = 4
# The copy task: symbols to choose from, symbols to remember. With the usual 8 and 10 no cell learns
# anything in the steps of a lecture.
SYMBOLS, ITEMS = 4, 3
# Fresh sequences that an accuracy is judged on.
JUDGED = 256
_LARGEST = {"units": 512, "distance": 2000, "steps": 100_000, "batch": 4096, "seeds": 4096}


class Kind(NamedTuple):
    """One of the cells: family, what it is called, how it is made, and its prediction's scales.

    `gates` are the row blocks of the stacked weights; `recurrent` is n Var(U_ij) of one of them, None
    where the start of the gradient has no law here.
    """

    family: str
    says: str
    make: Callable[..., Cell]
    settings: dict[str, Any]
    gates: int
    recurrent: float | None

    @property
    def program(self) -> tuple[object, ...]:
        """What selects the compiled program; cells that differ by their start alone share it."""
        return self.make, self.settings.get("activation")


KINDS = {
    "tanh": Kind(
        "rnn", "tanh RNN with Glorot recurrent weights", cells.simple_rnn,
        {"recurrent_initializer": "glorot_uniform"}, 1, 1.0,
    ),
    "orthogonal": Kind(
        "rnn", "tanh RNN with orthogonal recurrent weights", cells.simple_rnn, {}, 1, 1.0
    ),
    "irnn": Kind(
        "rnn", "ReLU RNN with the identity as recurrent weights (IRNN)", cells.simple_rnn,
        {"activation": "relu", "recurrent_initializer": "identity"}, 1, None,
    ),
    "update0": Kind("gru", "GRU with update bias 0", cells.gru, {}, 3, 1 / 3),
    "forget0": Kind(
        "lstm", "LSTM with forget bias 0", cells.lstm, {"forget_bias": 0.0}, 4, 1 / 4
    ),
    "forget1": Kind(
        "lstm", "LSTM with forget bias 1", cells.lstm, {"forget_bias": 1.0}, 4, 1 / 4
    ),
    "forget5": Kind(
        "lstm", "LSTM with forget bias 5", cells.lstm, {"forget_bias": 5.0}, 4, 1 / 4
    ),
}  # fmt: skip

_MAKERS: dict[str, tuple[int, Callable[[int], SequenceTask]]] = {
    "first_token": (1, lambda d: tasks.first_token(d, VOCABULARY, DISTRACTORS)),
    "adding": (2, tasks.adding),
    "copy_memory": (ITEMS + 1, lambda d: tasks.copy_memory(d - ITEMS, SYMBOLS, ITEMS)),
    "sentence": (2, tasks.sentence),
}
TASKS = tuple(_MAKERS)


class Plan(NamedTuple):
    """How all networks are trained: Adam, `steps` steps of `batch` fresh sequences, no clipping."""

    units: int
    batch: int
    steps: int
    learning_rate: float

    def checked(self) -> "Plan":
        """Return the plan, or say what is out of range.

        Returns:
            The plan, with a learning rate that is a float.

        Raises:
            UsageError: naming the size.
        """
        for name in ("units", "batch", "steps"):
            _size(name, getattr(self, name))
        if not 0 < self.learning_rate <= 10:
            raise UsageError(f"got learning_rate {self.learning_rate}, expected above 0, to 10")
        return self._replace(learning_rate=float(self.learning_rate))


def _size(name: str, value: object) -> int:
    """Return a size that can be computed.

    Raises:
        UsageError: if it cannot.
    """
    number = whole_number(name, value)
    if number > _LARGEST[name]:
        raise UsageError(f"got {name} {number}, expected at most {_LARGEST[name]}")
    return number


def cell_of(kind: str, units: int) -> Cell:
    """Return the cell of a kind.

    Args:
        kind: a key of `KINDS`.
        units: n.

    Returns:
        The cell.
    """
    own = KINDS[one_of("kind", kind, tuple(KINDS))]
    return own.make(_size("units", units), **own.settings)


def task_of(task: str, distance: int) -> SequenceTask:
    """Return a task at a distance.

    Args:
        task: one of `TASKS`.
        distance: steps from the clue to its answer.

    Returns:
        The task.

    Raises:
        UsageError: if the task does not exist at this distance.

    Example:
        >>> task_of("copy_memory", 20).distance
        20
    """
    least, make = _MAKERS[one_of("task", task, TASKS)]
    if _size("distance", distance) < least:
        raise UsageError(f"got distance {distance}, expected at least {least} for {task}")
    return make(distance)


def threshold(task: SequenceTask, way: Real = 0.5) -> float:
    """Return the accuracy above which a run succeeds: chance + way (1 - chance).

    Args:
        task: the task.
        way: the share of the way.

    Returns:
        An accuracy.

    Raises:
        UsageError: if `way` is not between 0 and 1.

    Example:
        >>> threshold(task_of("first_token", 20))
        0.625
    """
    if not 0 < way < 1:
        raise UsageError(f"got way {way}, expected a number between 0 and 1")
    return task.chance + float(way) * (1.0 - task.chance)


@lru_cache(maxsize=1024)
def train(
    kind: str, task: str, distance: int, plan: Plan, seeds: int, seed: int
) -> dict[str, np.ndarray]:
    """Train the networks of one cell on one task.

    Args:
        kind: a key of `KINDS`.
        task: one of `TASKS`.
        distance: steps from the clue to its answer.
        plan: how they are trained.
        seeds: number of networks S.
        seed: seed of the draws.

    Returns:
        `accuracy`, `loss` (S,): on 256 fresh sequences after the last step, *estimates*; `nan_step`
        (S,): the first step whose loss was not finite, -1 if none. A network that diverged is one that
        guesses nothing right.
    """
    plan = plan.checked()
    own = task_of(task, distance)
    found = recall.recall_experiment(
        cell_of(kind, plan.units),
        own.distance,
        _size("seeds", seeds),
        task=own,
        steps=plan.steps,
        every=plan.steps,
        batch=plan.batch,
        learning_rate=plan.learning_rate,
        seed=seed,
        judged=JUDGED,
        gradients=False,
    )
    lost = ~np.isfinite(found.loss[:, -1])
    return {
        "accuracy": np.where(lost, 0.0, found.final_accuracy),
        "loss": found.loss[:, -1],
        "nan_step": found.nan_step,
    }


@lru_cache(maxsize=64)
def start(kind: str, distance: int, units: int, batch: int, seeds: int, seed: int) -> np.ndarray:
    """Return how much of the loss' gradient is left d steps before the answer, at initialization.

    The networks are those of `train` with the same seed. Sequences are those of the first-token task of
    the largest distance; a state d steps back stands for the clue of a task of distance d.

    Args:
        kind: a key of `KINDS`.
        distance: the largest d, T - 1.
        units: n.
        batch: sequences a network.
        seeds: number of networks S.
        seed: seed of the draws.

    Returns:
        (S, distance + 1) for d = 0 .. distance the decimal logarithm of
        mean_i ||dL_i/dh_{T-d}|| / mean_i ||dL_i/dh_T||, *exact* up to rounding for the sequences drawn.
    """
    cell, task = cell_of(kind, units), task_of("first_token", distance)
    count = _size("seeds", seeds)
    keys = network_keys(seed, jnp.arange(count, dtype=jnp.uint32)[None])[0]
    own = jax.vmap(lambda key: recurrent.draw(cell, task, None, jax.random.fold_in(key, 0)))(keys)
    logs = recall.gradients_by_distance(cell, task, own, keys, _size("batch", batch))
    # State t = T - d; the state before the first input is left out.
    back = logs[:, :0:-1].astype(np.float64)
    return (back - back[:, :1]) / math.log(10)


def predicted_start(kind: str, distance: int, units: int) -> np.ndarray | None:
    """Predict what `start` measures, by mean-field theory.

    Root mean square over units at infinite width with the scales of n units; a kernel's entry has the
    variance 2/(gates n + d), and inputs are one-hot.

    Args:
        kind: a key of `KINDS`.
        distance: the largest d.
        units: n.

    Returns:
        (distance + 1,) decimal logarithms, a *prediction*; None for the IRNN on tokens that come again.
    """
    own, task = KINDS[kind], task_of("first_token", distance)
    if own.recurrent is None:
        return None
    spread, scale = 2.0 / (own.gates * units + task.inputs), math.sqrt(own.recurrent)
    if own.gates == 1:
        logs = time_field("tanh", scale, task.length, input_variance=spread).log_norms
    else:
        field = gated_field(
            own.family,
            task.length,
            gate_bias=cell_of(kind, units).gate_bias,
            recurrent_scale=scale,
            input_variance=spread,
        )
        logs = field.block_log_norms["h"]
    back = np.asarray(logs)[:0:-1]
    return (back - back[0]) / math.log(10)
