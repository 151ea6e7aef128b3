"""Does a recurrent network learn to remember over a distance, and what gradient did it start with?

`recall_experiment` trains many networks that differ by their seed alone and returns NumPy arrays. A
network that diverges is a result: its loss is NaN from `nan_step` on, the others do not notice. Cost:
for an LSTM of 32 units some 5 ms a network, step and 50 positions on one core, after a few seconds of
compilation for each length of the sequence.
"""

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Real, checked_seed, in_short, one_of, whole_number
from gradchain.experiments.lab import network_keys
from gradchain.measured.recurrent import Cell
from gradchain.measured.recurrent.chain import time_chain
from gradchain.tasks import sequences
from gradchain.tasks.sequences import SequenceTask
from gradchain.training import program, recurrent
from gradchain.training.optimizers import CLIPS, FAMILIES, constants

# Networks that one device trains at a time.
CHUNK = 8
LARGEST = 100_000


class Recall(NamedTuple):
    """What training gave; S seeds, R looks, N optimizer steps, T steps of the sequence.

    `accuracy`, `loss` (S, R): on fresh sequences after `recorded_steps` (R,) optimizer steps (0: the
    start). `gradient_log_norms` (S, T+1): at the start, natural log of the mean over sequences of
    ||dL_i/dh_t||_2, h_t the hidden state after t steps and L_i the loss of one sequence (for several
    answers: of its last one). `step_loss`, `norm_before`, `turned`, `clipped` (S, N): each step's loss,
    global norm of its gradient before clipping, angle in degrees by which clipping turned it, and
    whether it was clipped. `nan_step` (S,): first step whose loss was not finite, -1 if none. `start`,
    `params`: parameters before and after, (S, ...) each.
    """

    accuracy: np.ndarray
    loss: np.ndarray
    recorded_steps: np.ndarray
    gradient_log_norms: np.ndarray | None
    step_loss: np.ndarray
    norm_before: np.ndarray
    turned: np.ndarray
    clipped: np.ndarray
    nan_step: np.ndarray
    start: Any
    params: Any

    @property
    def final_accuracy(self) -> np.ndarray:
        """Share of right answers at the end, (S,)."""
        return self.accuracy[:, -1]

    def __repr__(self) -> str:
        """Return a line that says what is inside."""
        if np.ndim(self.nan_step) != 1 or np.ndim(self.accuracy) != 2:
            return f"Recall(accuracy of shape {np.shape(self.accuracy)})"
        found = (name for name in self._fields if getattr(self, name) is not None)
        lost = int((np.asarray(self.nan_step) >= 0).sum())
        return (
            f"Recall({len(self.nan_step)} networks, {int(self.recorded_steps[-1])} steps: median "
            f"final accuracy {np.median(self.final_accuracy):.4g}, {lost} diverged; "
            f"{', '.join(f'.{name}' for name in found)})"
        )


def the_task(task: str | SequenceTask, distance: int) -> SequenceTask:
    """Return the task of a name at a distance.

    Args:
        task: "first_token", "adding", "copy_memory", "sentence", or a `SequenceTask`, whose own
            distance then counts.
        distance: steps from the clue to the answer.

    Returns:
        The task.

    Raises:
        UsageError: for an unknown name, or a task of another distance.
    """
    makers = {
        "first_token": sequences.first_token,
        "adding": sequences.adding,
        "copy_memory": sequences.copy_memory,
        "sentence": sequences.sentence,
    }
    if isinstance(task, SequenceTask):
        if task.distance != distance:
            raise UsageError(
                f"got distance {in_short(distance)} with a task of distance {task.distance}, expected "
                "the task's own"
            )
        return task
    if not isinstance(task, str) or task not in makers:
        raise UsageError(
            f"got task {in_short(task)}, expected one of {', '.join(makers)} or a SequenceTask"
        )
    return makers[task](whole_number("distance", distance))


def recall_experiment(
    cell: Cell,
    distance: int,
    seeds: int = 32,
    *,
    task: str | SequenceTask = "first_token",
    steps: int = 1000,
    batch: int = 64,
    learning_rate: Real | None = None,
    optimizer: str = "keras_adam",
    clip: str = "none",
    limit: Real = 1.0,
    embedding: int | None = None,
    recurrent_scale: Real = 1.0,
    seed: int = 0,
    every: int = 50,
    judged: int = 256,
    gradients: bool = True,
) -> Recall:
    """Train recurrent networks to remember over a distance, one a seed.

    Args:
        cell: a cell of `gradchain.cells`.
        distance: steps between the clue and the answer.
        seeds: how many networks; they are trained in groups of 8 a device.
        task: a name or a `SequenceTask`; see `gradchain.tasks.sequences`.
        steps: optimizer steps, each on a fresh batch.
        batch: sequences a step.
        learning_rate: step size; the optimizer's default if not given.
        optimizer: a name of `gradchain.training.optimizers.FAMILIES`.
        clip: "none", "value", "norm" (each array) or "global".
        limit: the clipping threshold.
        embedding: length of the vectors that inputs are embedded to, drawn as Keras does; None for none.
        recurrent_scale: what the recurrent weights are multiplied by at the start.
        seed: seed of the whole experiment, 0 to 2**32 - 1.
        every: steps between two looks; must divide `steps`.
        judged: fresh sequences a look.
        gradients: also compute `gradient_log_norms`.

    Returns:
        A `Recall`; its accuracies and losses are *estimates* on `judged` sequences.

    Raises:
        UsageError: for a cell that is none, an unknown name, or a number out of range.

    Example:
        >>> from gradchain import cells
        >>> found = recall_experiment(cells.gru(4), 2, seeds=2, steps=4, every=2, batch=8, judged=8)
        >>> found.accuracy.shape, found.gradient_log_norms.shape, found.recorded_steps.tolist()
        ((2, 3), (2, 4), [0, 2, 4])
    """
    if not isinstance(cell, Cell):
        raise UsageError(
            f"got cell {in_short(cell)}, expected a cell of gradchain.cells: write "
            "gradchain.cells.lstm(32)"
        )
    own = the_task(task, distance)
    if own.length > LARGEST:
        raise UsageError(f"got sequences of {own.length} steps, expected at most {LARGEST}")
    seed = checked_seed("seed", seed)
    for name, value in (("seeds", seeds), ("steps", steps), ("batch", batch), ("judged", judged)):
        if whole_number(name, value) > LARGEST:
            raise UsageError(f"got {name} {value}, expected at most {LARGEST}")
    if steps % whole_number("every", every):
        raise UsageError(f"got {steps} steps and a look every {every}, expected a divisor")
    if embedding is not None:
        whole_number("embedding", embedding)
    one_of("optimizer", optimizer, tuple(FAMILIES))
    one_of("clip", clip, tuple(CLIPS))
    if not isinstance(gradients, bool):
        raise UsageError(f"got gradients={in_short(gradients)}, expected True or False")
    above = {"limit": limit, "recurrent_scale": recurrent_scale}
    for name, value in {**above, "learning_rate": learning_rate}.items():
        if value is None and name == "learning_rate":
            continue
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0 or (name in above and value == 0):  # type: ignore[arg-type]
            bound = "above 0" if name in above else "of at least 0"
            raise UsageError(f"got {name}={in_short(value)}, expected a finite number {bound}")
    given = {} if learning_rate is None else {"learning_rate": float(learning_rate)}
    values = {k: np.float32(v) for k, v in constants(optimizer, given).items()}
    plan = recurrent.Plan(recurrent.trained_by(cell), own, optimizer, clip, batch, judged, every)
    grid = program.mesh()
    shared = program.placed((values, np.float32(limit)), grid, False)
    beginning = partial(_start, cell, own, embedding, float(recurrent_scale))
    parts = [
        _train_chunks(plan, grid, shared, beginning, seed, first, steps // every)
        for first in range(0, -(-seeds // CHUNK), grid.size)
    ]
    whole = jax.tree.map(lambda *a: np.concatenate(a)[:seeds], *parts)
    sizes = None
    if gradients:
        keys = network_keys(seed, jnp.arange(seeds, dtype=jnp.uint32)[None])[0]
        sizes = gradients_by_distance(cell, own, whole["start"], keys, batch)
    return _recall(whole, steps, every, sizes)


def _train_chunks(
    plan: recurrent.Plan,
    grid: Any,
    shared: tuple,
    beginning: Any,
    seed: int,
    first: int,
    looks: int,
) -> dict[str, Any]:
    """Train one chunk a device, from chunk number `first` on."""
    number = np.arange(grid.size * CHUNK, dtype=np.uint32) + np.uint32(first * CHUNK)
    keys = network_keys(seed, program.placed(number.reshape(grid.size, CHUNK), grid, True))
    # Drawn on one device: orthogonal matrices drawn by two at once wait for each other.
    plain = network_keys(seed, jnp.asarray(number[None]))[0]
    start = jax.tree.map(np.asarray, beginning()(plain))
    split = jax.tree.map(lambda a: a.reshape(grid.size, CHUNK, *a.shape[1:]), start)
    learners = recurrent.starter(plan, grid)(keys, program.placed(split, grid, True), *shared)
    first_look = recurrent.judge(plan, grid)(learners)
    step = recurrent.segment(plan, grid)
    found = []
    for _ in range(looks):
        learners, look = step(learners, *shared)
        found.append(look)
    host = program.gathered((first_look, found, learners.params, learners.nan_step), grid)
    (loss, accuracy), found, params, nan_step = host
    steps = {
        name: np.concatenate([getattr(look, name) for look in found], axis=1)
        for name in ("step_loss", "norm", "turned", "clipped")
    }
    return {
        "loss": np.stack([loss, *(look.loss for look in found)], axis=1),
        "accuracy": np.stack([accuracy, *(look.accuracy for look in found)], axis=1),
        "start": start,
        "params": params,
        "nan_step": nan_step,
        **steps,
    }


@lru_cache(maxsize=64)
def _start(cell: Cell, task: SequenceTask, embedding: int | None, scale: float) -> Any:
    """Compile the drawing of networks: keys (n,) -> parameters with the networks in front."""

    def one(key: jax.Array) -> dict[str, Any]:
        params = recurrent.draw(cell, task, embedding, jax.random.fold_in(key, 0))
        params["cell"]["recurrent"] = params["cell"]["recurrent"] * scale
        return params

    return jax.jit(jax.vmap(one))


def gradients_by_distance(
    cell: Cell, task: SequenceTask, params: Any, keys: jax.Array, count: int = 64
) -> np.ndarray:
    """Return how large the loss' gradient is at each hidden state, for given networks.

    Args:
        cell: the cell.
        task: the task.
        params: parameters with the networks in front, as `Recall.start` or `Recall.params`.
        keys: (S,) random keys of the sequences.
        count: how many sequences a network.

    Returns:
        (S, T+1) natural log of mean_i ||dL_i/dh_t||_2, *exact* up to rounding for the sequences drawn,
        an *estimate* for the task; -inf only where the gradient is exactly 0.
    """
    found = [
        np.asarray(_gradients(recurrent.trained_by(cell), task, count)(own, key))
        for own, key in zip(_rows(params), keys, strict=True)
    ]
    return np.stack(found)


def _rows(params: Any) -> list[Any]:
    """Return the networks one by one."""
    leaves, tree = jax.tree.flatten(params)
    return [tree.unflatten([leaf[i] for leaf in leaves]) for i in range(len(leaves[0]))]


@lru_cache(maxsize=64)
def _gradients(cell: Cell, task: SequenceTask, count: int) -> Any:
    def loss_of(params: Any, h: jax.Array, target: jax.Array) -> jax.Array:
        outputs = params["head"]["weight"] @ h + params["head"]["bias"]
        return recurrent.judged(task, outputs[None, None], target[None])[0][0]

    def one(params: Any, inputs: jax.Array, target: jax.Array) -> jax.Array:
        seen = recurrent.embedded(params, inputs)
        state, _ = jax.lax.scan(
            lambda own, x: (cell.step(params["cell"], own, x), None), cell.state0(seen.dtype), seen
        )
        last = target[-1:] if task.answers > 1 else target
        slope = jax.grad(loss_of, argnums=1)(params, recurrent.shown(state), last)
        cotangent = (
            slope
            if state is recurrent.shown(state)
            else type(state)(slope, *(jnp.zeros_like(part) for part in state[1:]))
        )
        chain = time_chain(
            cell,
            params["cell"],
            seen,
            cell.state0(seen.dtype),
            cotangent=cotangent,
            parameters=False,
        )
        return chain.block_log_norms["h"]

    def mean(params: Any, key: jax.Array) -> jax.Array:
        inputs, targets = task.draw(jax.random.fold_in(key, 2), count, jnp.float32)
        logs = jax.vmap(partial(one, params))(inputs, targets)
        return jax.scipy.special.logsumexp(logs, axis=0) - jnp.log(float(count))

    return jax.jit(mean)


def _recall(whole: dict[str, Any], steps: int, every: int, sizes: np.ndarray | None) -> Recall:
    return Recall(
        accuracy=whole["accuracy"],
        loss=whole["loss"],
        recorded_steps=np.arange(0, steps + 1, every),
        gradient_log_norms=sizes,
        step_loss=whole["step_loss"],
        norm_before=whole["norm"],
        turned=whole["turned"],
        clipped=whole["clipped"],
        nan_step=whole["nan_step"],
        start=whole["start"],
        params=whole["params"],
    )
