"""How is any small model trained from many seeds at once, with its gradients written down?

`train` takes two pure functions, init(key) -> params and loss(params, batch) -> scalar, and any optax
transformation. All seeds are mapped by `vmap` in chunks of 32 over all devices; steps run in `lax.scan`.
Telemetry is part of the result: natural logarithms of per-leaf gradient norms (no square underflows),
update-to-weight ratios, weight change since the start, and, for a gradchain `Network`, mean, variance,
saturated and dead shares of every layer.

Cost: that of the steps; a record costs about one forward pass more.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from gradchain._errors import ShapeError, UsageError
from gradchain._types import key_or_seed, pytree, static, whole_number
from gradchain.measured.layers import Dense
from gradchain.measured.network import Network, forward
from gradchain.scaled import from_array, log_abs
from gradchain.scaled.value import norm
from gradchain.training import optimizers
from gradchain.training.program import CHUNK, gathered, mesh, placed, spread_chunks

SATURATED = 0.01
UNITS = ("activation_mean", "activation_variance", "saturated", "dead")


@pytree
class TrainResult:
    """What training gave; S seeds, R records, K leaves of the parameters. NumPy arrays.

    `steps` (R,): how many steps were taken at each record. `loss` (S, R) of the record's batch;
    `log_gradient_norms` (S, R, K) natural log of the Frobenius norm of each leaf's gradient (the one the
    step used), `update_ratio` (S, R, K) ||step|| / ||leaf||, `weight_change` (S, R, K)
    ||leaf - start|| / ||start|| (NaN or infinite for leaves that start at 0). `nan_step` (S,): the first
    step whose loss was not finite, -1 if none. `params`: the final parameters, seeds in front. `aux`:
    what the loss returned beside its value, (S, R, ...). For a `Network` with analytic layers
    `activation_mean`, `activation_variance`, `saturated`, `dead` are (S, R, L), else None. `layers`
    names the leaves, in the order of K.
    """

    steps: Any
    loss: Any
    log_gradient_norms: Any
    update_ratio: Any
    weight_change: Any
    nan_step: Any
    params: Any
    aux: Any
    activation_mean: Any
    activation_variance: Any
    saturated: Any
    dead: Any
    layers: tuple[str, ...] = static(default=())

    def __repr__(self) -> str:
        """Return a line that says what is inside."""
        shape = np.shape(self.loss)
        if len(shape) != 2:
            return f"TrainResult(loss of shape {shape})"
        lost = int((np.asarray(self.nan_step) >= 0).sum())
        middle = float(np.median(np.asarray(self.loss)[:, -1]))
        return (
            f"TrainResult({shape[0]} seeds, {shape[1]} records up to step {int(self.steps[-1])}: "
            f"median loss {middle:.4g}, {lost} diverged; .loss, .log_gradient_norms (natural), "
            f".update_ratio, .weight_change, .params; layers {', '.join(self.layers[:4])}"
            f"{', ...' if len(self.layers) > 4 else ''})"
        )


def _log_norm(leaf: jax.Array) -> jax.Array:
    return log_abs(norm(from_array(leaf.reshape(1, -1)), "frobenius"))


def _log_norms(tree: Any) -> jax.Array:
    return jnp.stack([_log_norm(leaf) for leaf in jax.tree.leaves(tree)])


def _units(params: Any, batch: Any) -> tuple:
    """Return the units' statistics of a `Network` made of dense layers on a batch of inputs."""
    if not isinstance(params, Network) or not all(type(r.layer) is Dense for r in params.runs):
        return ()
    inputs = jax.tree.leaves(batch)[0]
    trace = jax.vmap(lambda x: forward(params, x))(inputs)
    rows = []
    for place, (run, z) in enumerate(zip(params.runs, trace.z.blocks, strict=True)):
        layer: Any = run.layer
        slopes = jax.vmap(lambda own, f=layer, p=run.params: jax.vmap(f.slopes)(p, own))(z)
        # A user's activation may come without a supremum: 1 stands for it.
        out = jnp.abs(slopes) < SATURATED * (layer.activation.derivative_sup or 1.0)
        gone = jnp.all(slopes == 0, axis=0)
        # States lie by run as the inputs of its layers: its outputs are those but the first, and the
        # first of the next run (of the last run: the output).
        inner, last = trace.h.blocks[place][:, 1:], trace.h.blocks[place + 1][:, :1]
        h = last if run.length == 1 else jnp.concatenate([inner, last], axis=1)
        rows.append(
            jnp.stack([
                jnp.mean(h, axis=(0, 2)),
                jnp.var(h, axis=(0, 2)),
                jnp.mean(out.astype(h.dtype), axis=(0, 2)),
                jnp.mean(gone.astype(h.dtype), axis=1),
            ])
        )
    return tuple(jnp.concatenate(rows, axis=1))


def _points(data: Any) -> int:
    """Return how many examples the data hold.

    Raises:
        ShapeError: if the leaves do not agree, or there is none.
    """
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(data)}
    if len(sizes) != 1 or () in sizes or (0,) in sizes:
        raise ShapeError(
            f"got data whose leading axes are {sorted(sizes)}, expected arrays with one example a row, "
            "as many in each"
        )
    return sizes.pop()[0]


def train(
    init: Callable[[jax.Array], Any],
    loss: Callable[[Any, Any], Any],
    data: Any,
    *,
    optimizer: str | optax.GradientTransformation = "adam",
    steps: int,
    batch_size: int | None = None,
    seeds: int = 1,
    key: jax.Array | int = 0,
    record_every: int = 1,
) -> TrainResult:
    """Train a model from many seeds at once.

    Args:
        init: random key -> parameters, any pytree of float arrays (a `Network`, too).
        loss: (parameters, batch) -> scalar, or (scalar, auxiliary pytree of arrays).
        data: pytree of arrays with the examples in front; for a `Network`, its first leaf is the inputs.
        optimizer: any optax transformation, schedules included, or a name: keras_adam, adam, sgd,
            rmsprop, adagrad with their default constants.
        steps: number of optimizer steps.
        batch_size: examples a step, in a fresh random order every epoch, the last partial batch kept;
            all examples at every step if not given.
        seeds: number of independent runs; run k depends on the key and k alone.
        key: a JAX random key, or a seed from 0 to 2**32 - 1.
        record_every: steps between two records.

    Returns:
        `TrainResult`. A run that diverges is recorded (`nan_step`) and leaves the others alone.

    Raises:
        UsageError: if a number is out of range, or a name unknown.
        ShapeError: if the data do not hold as many examples in each leaf.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> x = jnp.linspace(-1.0, 1.0, 20)
        >>> found = train(
        ...     lambda key: {"w": jax.random.normal(key)},
        ...     lambda params, batch: jnp.mean((params["w"] * batch - 2 * batch) ** 2),
        ...     x, optimizer=optax.sgd(0.5), steps=100, seeds=3, record_every=50,
        ... )
        >>> found.loss.shape, bool((found.loss[:, -1] < 1e-6).all())
        ((3, 2), True)
    """
    steps, seeds = whole_number("steps", steps), whole_number("seeds", seeds)
    every = whole_number("record_every", record_every)
    if every > steps:
        raise UsageError(f"got record_every={every} for {steps} steps: nothing would be recorded")
    count = _points(data)
    size = count if batch_size is None else whole_number("batch_size", batch_size)
    if size > count:
        raise UsageError(f"got batch_size={size} for {count} examples, expected at most {count}")
    if isinstance(optimizer, str):
        optimizer = optimizers.build(optimizer, optimizers.constants(optimizer))
    if not isinstance(optimizer, optax.GradientTransformation):
        kind = type(optimizer).__name__
        raise UsageError(f"got {kind} as optimizer, expected an optax transformation or a name")
    key = key_or_seed(key)
    grid = mesh()
    one = _run(init, loss, optimizer, steps, size, every)
    program = spread_chunks(one, 1, grid)
    host = jax.tree.map(np.asarray, data)
    shared = placed(host, grid, False)
    keys = jax.jit(jax.vmap(jax.vmap(lambda number: jax.random.fold_in(key, number))))
    parts = []
    for first in range(0, -(-seeds // CHUNK), grid.size):
        numbers = np.arange(grid.size * CHUNK, dtype=np.uint32) + np.uint32(first * CHUNK)
        own = keys(placed(numbers.reshape(grid.size, CHUNK), grid, True))
        parts.append(gathered(program(own, shared), grid))
    whole = jax.tree.map(lambda *a: np.concatenate(a)[:seeds], *parts)
    example = jax.eval_shape(init, key)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(example)]
    units = whole["units"] or (None,) * len(UNITS)
    return TrainResult(
        np.arange(every, steps + 1, every),
        whole["loss"],
        whole["gradient"],
        whole["ratio"],
        whole["change"],
        whole["nan_step"],
        whole["params"],
        whole["aux"],
        *units,  # type: ignore[call-arg]
        layers=tuple(names),
    )


def _run(init: Callable, loss: Callable, tx: Any, steps: int, size: int, every: int) -> Callable:
    """Return the training of one seed as a pure function of its key and the data."""

    def valued(params: Any, batch: Any) -> tuple[jax.Array, Any]:
        found = loss(params, batch)
        return found if isinstance(found, tuple) else (found, ())

    def one(key: jax.Array, data: Any) -> dict:
        start = init(jax.random.fold_in(key, 0))
        shuffle = jax.random.fold_in(key, 1)
        count = jax.tree.leaves(data)[0].shape[0]
        turns = -(-count // size)
        rest = count - (turns - 1) * size

        def gradient(params: Any, number: jax.Array) -> tuple:
            both = jax.value_and_grad(valued, has_aux=True)
            if turns == 1:
                return both(params, data)
            order = jax.random.permutation(jax.random.fold_in(shuffle, number // turns), count)
            place = number % turns

            def of(length: int) -> Callable:
                def batch() -> tuple:
                    rows = lax.dynamic_slice_in_dim(order, place * size, length)
                    return both(params, jax.tree.map(lambda a: a[rows], data))

                return batch

            if rest == size:
                return of(size)()
            return lax.cond(place == turns - 1, of(rest), of(size))

        def step(carry: tuple, _: object) -> tuple[tuple, tuple]:
            params, state, number, nan_step = carry
            (value, aux), slope = gradient(params, number)
            with jax.numpy_dtype_promotion("standard"):
                updates, state = tx.update(slope, state, params)
            new = optax.apply_updates(params, updates)
            bad = ~jnp.isfinite(value) & (nan_step < 0)
            nan_step = jnp.where(bad, number, nan_step)
            return (new, state, number + 1, nan_step), (value, aux, slope, updates, params)

        def steps_to_record(carry: tuple, _: object) -> tuple[tuple, dict]:
            carry, _ = lax.scan(lambda c, x: (step(c, x)[0], None), carry, None, length=every - 1)
            carry, (value, aux, slope, updates, params) = step(carry, None)
            sizes = _log_norms(params)
            new = carry[0]
            moved = jax.tree.map(jnp.subtract, new, start)
            record = {
                "loss": value,
                "gradient": _log_norms(slope),
                "ratio": jnp.exp(_log_norms(updates) - sizes),
                "change": jnp.exp(_log_norms(moved) - _log_norms(start)),
                "aux": aux,
                "units": _units(new, data),
            }
            return carry, record

        with jax.numpy_dtype_promotion("standard"):
            state = tx.init(start)
        carry = (start, state, jnp.zeros((), jnp.int32), -jnp.ones((), jnp.int32))
        carry, record = lax.scan(steps_to_record, carry, None, length=steps // every)
        if steps % every:
            carry, _ = lax.scan(
                lambda c, x: (step(c, x)[0], None), carry, None, length=steps % every
            )
        return record | {"params": carry[0], "nan_step": carry[3]}

    return one
