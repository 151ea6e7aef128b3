"""What do the lab's networks look like between two segments of training, without underflow?

`observe` takes the whole training set through one network and back: the true gradient of every kernel
(natural logarithm of its Frobenius norm, the cotangent rescaled by a power of two at every layer, so that
depth does not underflow although training itself does), mean and variance of the activations, saturated
and dead units, how far the weights moved.

    saturated   |phi'(z)| below 1 % of sup |phi'|, share over units and points
    dead        phi'(z) is 0 at every point, share over units

Layers are listed first to last: first kernel, hidden kernels, last kernel. Exact but for float32
rounding. Cost: about that of one training step on the whole set.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gradchain.scaled import bits, from_array, log_abs
from gradchain.scaled.value import norm
from gradchain.training.blocks import Batch, Design, block, dense, head
from gradchain.training.deep import _put, _take, backward, forward

LN2 = 0.6931471805599453
SATURATED = 0.01


class Seen(NamedTuple):
    """One look at one network; arrays over slots + 2 kernels hold NaN where there is no layer.

    `log_gradient` (slots + 2,): natural log of the Frobenius norm of each kernel's gradient of the
    mean loss on the whole set. `log_error` (slots + 2,): likewise of the derivative of that loss by the
    state that enters the kernel (all points together); NaN for the first. `change`: relative change
    since the start, ||W - W0||_F / ||W0||_F. `mean`, `variance`, `saturated`, `dead`: (slots + 1,), of
    the hidden layers. `loss`, `accuracy`: scalars, weights at rest; `infer_loss`, `infer_accuracy` with
    batch norm's memory.
    """

    log_gradient: jax.Array
    log_error: jax.Array
    change: jax.Array
    mean: jax.Array
    variance: jax.Array
    saturated: jax.Array
    dead: jax.Array
    loss: jax.Array
    accuracy: jax.Array
    infer_loss: jax.Array
    infer_accuracy: jax.Array


def log_frobenius(values: jax.Array) -> jax.Array:
    """Return log ||values||_F, right where squares would underflow.

    Args:
        values: any array.

    Returns:
        A scalar; -inf for zero.
    """
    return log_abs(norm(from_array(values.reshape(1, -1)), "frobenius"))


def _kernels(design: Design, params: Any) -> list[jax.Array]:
    """Return (first, hidden stacked, last)."""
    return [params[part]["weight"] for part in ("first", "hidden", "last")]


def change(design: Design, before: Any, after: Any) -> jax.Array:
    """Return ||W' - W||_F / ||W||_F of every kernel.

    Args:
        design: the design.
        before: parameters.
        after: parameters.

    Returns:
        (slots + 2,), first to last; NaN for slots without a layer (their kernels are 0).
    """

    def one(old: jax.Array, new: jax.Array) -> jax.Array:
        difference = new - old
        return jnp.sqrt(jnp.sum(difference * difference) / jnp.sum(old * old))

    olds, news = _kernels(design, before), _kernels(design, after)
    hidden = jax.vmap(one)(olds[1], news[1])
    return jnp.concatenate([one(olds[0], news[0])[None], hidden, one(olds[2], news[2])[None]])


def observe(
    design: Design,
    params: Any,
    start: Any,
    memory: Any,
    depth: jax.Array,
    inputs: jax.Array,
    targets: jax.Array,
) -> Seen:
    """Look at one network on a whole set of points.

    Args:
        design: the design.
        params: its parameters now.
        start: its parameters at the start.
        memory: batch norm's memory, or ().
        depth: hidden layers.
        inputs: (d, n).
        targets: (k, n).

    Returns:
        `Seen`.
    """
    batch = Batch(inputs, targets, jnp.ones(inputs.shape[1], inputs.dtype))
    states = forward(design, params, depth, batch, None)
    slots = design.slots
    missing = jnp.full(slots + 2, jnp.nan, jnp.float32)

    def visit(carry: tuple, place: Any, gradient: Any, dh: jax.Array) -> tuple[tuple, jax.Array]:
        logs, errors, exponent = carry
        at = slots + 1 if isinstance(place, int) and place < 0 else place
        size = exponent.astype(jnp.float32) * LN2
        logs = _put(logs, log_frobenius(gradient["weight"]) + size, at)
        if isinstance(place, int) and place == 0:
            return (logs, errors, exponent), dh
        errors = _put(errors, log_frobenius(dh) + size, at)
        own = bits.binary_exponent(jnp.max(jnp.abs(dh)))
        # Half at a time: a single power of two may lie outside the type.
        half = own // 2
        tamed = dh * bits.power_of_two(-half, dh.dtype) * bits.power_of_two(half - own, dh.dtype)
        return (logs, errors, exponent + own), tamed

    carry = (missing, missing, jnp.zeros((), jnp.int32))
    loss, right, (logs, errors, _) = backward(design, params, depth, batch, states, visit, carry)
    stats = _units(design, params, depth, batch, states.h)
    count = inputs.shape[1]
    infer_loss, infer_accuracy = loss, right / count
    if design.batch_norm:
        inferred = forward(design, params, depth, batch, memory)
        losses, good = head(design, dense(params["last"], inferred.last), targets)
        infer_loss, infer_accuracy = jnp.mean(losses), jnp.mean(good)
    moved = change(design, start, params)
    rest = (moved, *stats, loss, right / count, infer_loss, infer_accuracy)
    return Seen(logs, errors, *rest)  # type: ignore[call-arg]


def _units(
    design: Design, params: Any, depth: jax.Array, batch: Batch, states: jax.Array
) -> tuple[jax.Array, ...]:
    """Return mean, variance, saturated and dead shares of every hidden layer."""
    phi = design.activation
    # A user's activation may come without a supremum: 1 stands for it.
    limit = SATURATED * (phi.derivative_sup or 1.0)

    def look(own: dict, h: jax.Array, skip: bool) -> jax.Array:
        out, (z, _) = block(design, own, h, batch.counts, None, skip)
        slope = jnp.abs(phi.derivative(z, *[own[name] for name, _ in phi.trainable]))
        return jnp.stack([
            jnp.mean(out),
            jnp.var(out),
            jnp.mean((slope < limit).astype(out.dtype)),
            jnp.mean(jnp.all(slope == 0, axis=1).astype(out.dtype)),
        ])

    rows = jnp.full((design.slots + 1, 4), jnp.nan, jnp.float32)
    rows = rows.at[0].set(look(params["first"], batch.inputs, False))

    def layer(place: jax.Array, rows: jax.Array) -> jax.Array:
        own = _take(params["hidden"], place)
        return _put(rows, look(own, _take(states, place), design.skip), place + 1)

    if design.slots:
        rows = lax.fori_loop(0, depth - 1, layer, rows)
    return tuple(rows[:, k] for k in range(4))
