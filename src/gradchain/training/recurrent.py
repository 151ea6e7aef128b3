"""How is a recurrent network trained to answer at the end of a sequence?

One network is: inputs (embedded by a matrix, if asked for) -> cell -> dense layer, read after each of the
last `answers` steps. Written for one network and a batch of sequences, and mapped over networks by
`gradchain.training.program`. Every step sees a fresh batch, so that nothing can be learnt by heart.

    loss = mean over batch and answers of -log softmax(A h + a)[target]      (classes)
           mean over the batch of (A h + a - target)^2                       (regression)

Settings of a cell that only its start depends on (biases of gates, initializers) are no part of the
compiled program: an LSTM with forget bias 0 is trained by the program of one with bias 5.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree

from gradchain import initializers
from gradchain.measured.recurrent import Cell
from gradchain.tasks.sequences import Adding, SequenceTask
from gradchain.training.optimizers import build, clipping
from gradchain.training.program import spread_chunks

# Keras draws embeddings from U(-0.05, 0.05).
EMBEDDING = 0.05
# A step counts as clipped if it is shorter by more than rounding.
CLIPPED = 1e-5


class Plan(NamedTuple):
    """What selects a compiled program; `every` optimizer steps are taken between two looks."""

    cell: Cell
    task: SequenceTask
    family: str = "keras_adam"
    clip: str = "none"
    batch: int = 64
    judged: int = 256
    every: int = 50


class Learner(NamedTuple):
    """A network between two looks."""

    params: Any
    optimizer: Any
    step: jax.Array
    nan_step: jax.Array
    key: jax.Array


class Look(NamedTuple):
    """What is seen after a segment.

    `loss` and `accuracy`, the share of right answers, are of fresh sequences; of each step, (every,):
    its loss, the global norm of its gradient before clipping, the angle in degrees by which clipping
    turned it, and whether it was clipped.
    """

    loss: jax.Array
    accuracy: jax.Array
    step_loss: jax.Array
    norm: jax.Array
    turned: jax.Array
    clipped: jax.Array


def draw(cell: Cell, task: SequenceTask, embedding: int | None, key: jax.Array) -> dict[str, Any]:
    """Draw a network's parameters in float32.

    Args:
        cell: the cell.
        task: its task.
        embedding: length of the vectors that inputs are embedded to; None for no embedding.
        key: random key.

    Returns:
        `cell` (its parameters), `head` (`weight` (outputs, units) by glorot_uniform, `bias` zeros), and
        `embedding` (embedding, inputs), uniform in +-0.05, if there is one.
    """
    keys = jax.random.split(key, 3)
    law = initializers.get("glorot_uniform")
    weight = law.sample(keys[1], (task.outputs, cell.units), jnp.float32)
    head = {"weight": weight, "bias": jnp.zeros(task.outputs, jnp.float32)}
    params: dict[str, Any] = {
        "cell": cell.init(keys[0], embedding or task.inputs, jnp.float32),
        "head": head,
    }
    if embedding is not None:
        shape = (embedding, task.inputs)
        params["embedding"] = jax.random.uniform(keys[2], shape, jnp.float32, -EMBEDDING, EMBEDDING)
    return params


def embedded(params: dict[str, Any], inputs: jax.Array) -> jax.Array:
    """Return what the cell sees: the inputs, or their embedding.

    Args:
        params: from `draw`.
        inputs: (..., d).

    Returns:
        (..., embedding) or the inputs.
    """
    return inputs @ params["embedding"].T if "embedding" in params else inputs


def shown(state: Any) -> jax.Array:
    """Return the part of a state that a layer above sees: h.

    Args:
        state: of a cell of `gradchain.cells`.

    Returns:
        h.
    """
    return state if isinstance(state, jax.Array) else state[0]


def answers(cell: Cell, params: dict[str, Any], inputs: jax.Array, count: int) -> jax.Array:
    """Return the outputs after each of the last `count` steps.

    Args:
        cell: the cell.
        params: from `draw`.
        inputs: (batch, T, d).
        count: how many steps at the end are read.

    Returns:
        (batch, count, outputs).
    """
    seen = jnp.swapaxes(embedded(params, inputs), 0, 1)
    batch = inputs.shape[0]
    step = jax.vmap(lambda state, x: cell.step(params["cell"], state, x))
    state = jax.tree.map(
        lambda a: jnp.broadcast_to(a, (batch, *a.shape)), cell.state0(inputs.dtype)
    )
    read = inputs.shape[1] - count
    state, _ = lax.scan(lambda own, x: (step(own, x), None), state, seen[:read])

    def turn(own: Any, x: jax.Array) -> tuple[Any, jax.Array]:
        after = step(own, x)
        return after, shown(after)

    _, last = lax.scan(turn, state, seen[read:])
    head = params["head"]
    return jnp.swapaxes(last, 0, 1) @ head["weight"].T + head["bias"][None, None]


def judged(task: SequenceTask, outputs: jax.Array, targets: jax.Array) -> tuple[Any, Any]:
    """Return the loss and whether the answer is right, sequence by sequence.

    Args:
        task: the task.
        outputs: (batch, answers, outputs).
        targets: as `task.draw` gives them.

    Returns:
        (loss (batch,), right (batch,)): means over the answers. A regression is right within 0.04.
    """
    if task.kind == "regression":
        error = outputs[:, 0, 0] - targets
        return error * error, (jnp.abs(error) < Adding.tolerance).astype(outputs.dtype)
    labels = targets.reshape(outputs.shape[:2])
    losses = optax.softmax_cross_entropy_with_integer_labels(outputs, labels)
    right = (jnp.argmax(outputs, axis=-1) == labels).astype(outputs.dtype)
    return jnp.mean(losses, axis=1), jnp.mean(right, axis=1)


def trained_by(cell: Cell) -> Cell:
    """Return the cell that selects the program: what only the start depends on is left at one value.

    Args:
        cell: a cell.

    Returns:
        A cell with the same step.
    """
    law = initializers.get("zeros")
    return replace(cell, kernel_initializer=law, recurrent_initializer=law, gate_bias=0.0)


@lru_cache(maxsize=64)
def starter(plan: Plan, grid: Any) -> Callable:
    """Compile what sets up the optimizers.

    Args:
        plan: the plan; its cell from `trained_by`.
        grid: devices.

    Returns:
        (keys, parameters, constants, limit) -> `Learner`.
    """

    def one(key: jax.Array, params: Any, constants: Any, limit: Any) -> Learner:
        with jax.numpy_dtype_promotion("standard"):
            state = build(plan.family, constants, plan.clip, limit).init(params)
        zero = jnp.zeros((), jnp.int32)
        return Learner(params, state, zero, zero - 1, key)

    return spread_chunks(one, 2, grid)


@lru_cache(maxsize=64)
def segment(plan: Plan, grid: Any) -> Callable:
    """Compile `plan.every` optimizer steps and a look at fresh sequences after them.

    Args:
        plan: the plan; its cell from `trained_by`.
        grid: devices.

    Returns:
        (learners, constants, limit) -> (learners, `Look`).
    """
    task = plan.task

    def mean_loss(params: Any, inputs: jax.Array, targets: jax.Array) -> jax.Array:
        return jnp.mean(_losses(plan, params, inputs, targets)[0])

    def one(learner: Learner, constants: Any, limit: Any) -> tuple[Learner, Look]:
        tx = build(plan.family, constants, plan.clip, limit)
        clip = clipping(plan.clip, limit)

        def step(own: Learner, _: object) -> tuple[Learner, tuple]:
            data = jax.random.fold_in(own.key, own.step)
            loss, gradient = jax.value_and_grad(mean_loss)(
                own.params, *task.draw(data, plan.batch, jnp.float32)
            )
            with jax.numpy_dtype_promotion("standard"):
                updates, state = tx.update(gradient, own.optimizer, own.params)
                clipped, _ = clip.update(gradient, clip.init(own.params))
            bad = ~jnp.isfinite(loss) & (own.nan_step < 0)
            params = jax.tree.map(jnp.add, own.params, updates)
            after = Learner(
                params, state, own.step + 1, jnp.where(bad, own.step, own.nan_step), own.key
            )
            return after, (loss, *_sizes(gradient, clipped))

        learner, steps = lax.scan(step, learner, length=plan.every)
        return learner, Look(*_judge(plan, learner), *steps)

    return spread_chunks(one, 1, grid)


@lru_cache(maxsize=64)
def judge(plan: Plan, grid: Any) -> Callable:
    """Compile a look at networks that have not moved.

    Args:
        plan: the plan; its cell from `trained_by`.
        grid: devices.

    Returns:
        learners -> (loss, share of right answers) on fresh sequences.
    """
    return spread_chunks(partial(_judge, plan), 1, grid)


def _judge(plan: Plan, learner: Learner) -> tuple[jax.Array, jax.Array]:
    """Return the mean loss and the share of right answers on sequences of a stream of their own."""
    fresh = jax.random.fold_in(jax.random.fold_in(learner.key, learner.step), 1)
    drawn = plan.task.draw(fresh, plan.judged, jnp.float32)
    loss, right = _losses(plan, learner.params, *drawn)
    return jnp.mean(loss), jnp.mean(right)


def _losses(plan: Plan, params: Any, inputs: jax.Array, targets: jax.Array) -> tuple[Any, Any]:
    return judged(plan.task, answers(plan.cell, params, inputs, plan.task.answers), targets)


def _sizes(gradient: Any, clipped: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the global norm, the angle by which clipping turns it, and whether it was clipped."""
    before, after = (ravel_pytree(tree)[0] for tree in (gradient, clipped))
    size, before = _unit(before)
    shrunk, after = _unit(after)
    # From the difference of unit vectors: the cosine of a small angle rounds to 1.
    gap = before - after
    angle = 2 * jnp.degrees(jnp.arcsin(jnp.minimum(jnp.sqrt(jnp.sum(gap * gap)) / 2, 1.0)))
    return size, angle, (shrunk < size * (1 - CLIPPED)).astype(jnp.float32)


def _unit(vector: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a vector's length and direction; squares of entries of any size do not underflow."""
    biggest = jnp.max(jnp.abs(vector))
    scale = jnp.where(biggest > 0, biggest, 1.0)
    scaled = vector / scale
    length = jnp.sqrt(jnp.sum(scaled * scaled))
    return scale * length, scaled / jnp.where(length > 0, length, 1.0)
