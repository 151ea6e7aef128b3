"""How are thousands of lab networks trained by one compiled program, in chunks that never change?

Networks are trained in chunks of 32 (the last one padded); a chunk is mapped by `vmap` and lies whole on
one device, since other batch sizes change float results. Chunks go to all devices that JAX sees, one each
at a time (`jax.shard_map`), so the numbers are the same to the bit for one device, two or three, and for
one process or several.

A program trains a segment of `EPOCHS` epochs at a call; depth, constants of the optimizer, scales and
thresholds are data. Between segments the host may look at the networks (`telemetry`), stop, or go on.
"""

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gradchain.activations import identity
from gradchain.initializers import Initializer
from gradchain.training.blocks import Batch, Design, dense, head
from gradchain.training.deep import (
    draw,
    forward,
    fresh_memory,
    gradients,
    unit_variances,
    updated,
)
from gradchain.training.optimizers import build
from gradchain.training.order import shuffled
from gradchain.training.orthogonal import without_lapack
from gradchain.training.telemetry import Seen, change, observe

CHUNK = 32
EPOCHS = 10


class Plan(NamedTuple):
    """What selects a compiled program: design, optimizer family, clip, batch size, epochs a call."""

    design: Design
    family: str = "keras_adam"
    clip: str = "none"
    batch: int = 32
    epochs: int = EPOCHS

    @property
    def layerwise(self) -> bool:
        """Whether each layer's update needs that layer's gradient alone."""
        return self.clip in {"none", "value"}


class Knobs(NamedTuple):
    """What is data: optimizer constants, clip limit, number of hidden layers."""

    constants: dict
    limit: Any
    depth: Any


class Networks(NamedTuple):
    """A chunk of networks between two segments; every leaf has the seeds in front."""

    params: Any
    optimizer: Any
    memory: Any
    step: jax.Array
    nan_step: jax.Array
    ratio: jax.Array
    key: jax.Array


class Curves(NamedTuple):
    """Epoch by epoch: mean loss and accuracy while the weights move; kernels of the two ends."""

    loss: jax.Array
    accuracy: jax.Array
    first: jax.Array
    last: jax.Array


def mesh() -> Mesh:
    """Return a mesh over all devices that JAX sees, in all processes.

    Returns:
        A mesh with one axis, "chunks".
    """
    return jax.make_mesh((len(jax.devices()),), ("chunks",), axis_types=(AxisType.Auto,))


def network_key(key: jax.Array, number: jax.Array) -> jax.Array:
    """Return the random key of one network: it depends on the experiment's key and its number alone.

    Args:
        key: random key of the experiment.
        number: which network, from 0.

    Returns:
        A random key.
    """
    return jax.random.fold_in(key, number)


def spread_chunks(function: Any, over: int, grid: Mesh) -> Any:
    """Map a one-network function over (devices, networks) and compile it.

    Args:
        function: of one network.
        over: how many of its first arguments have networks in front; the rest are shared.
        grid: devices.

    Returns:
        The compiled function; its first `over` arguments and its results are (devices, networks, ...).
    """

    def chunk(*args: Any) -> Any:
        own, shared = args[:over], args[over:]
        squeezed = jax.tree.map(lambda a: a[0], own)
        found = jax.vmap(function, in_axes=(*([0] * over), *([None] * len(shared))))(
            *squeezed, *shared
        )
        return jax.tree.map(lambda a: a[None], found)

    def spread(*args: Any) -> Any:
        specs = tuple(
            PartitionSpec("chunks") if place < over else PartitionSpec()
            for place in range(len(args))
        )
        mapped = jax.shard_map(
            chunk, mesh=grid, in_specs=specs, out_specs=PartitionSpec("chunks"), check_vma=False
        )
        return mapped(*args)

    return jax.jit(spread, compiler_options=_options())


def _options() -> dict[str, Any] | None:
    """Return XLA's options for programs of the lab.

    On a CPU a low level of optimization compiles the drawing of weights four times faster and the
    rest a little, and trains up to a fifth faster; results agree to rounding.
    """
    return {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None


class Start(NamedTuple):
    """How the drawn parameters are changed before training; all data.

    `scale` multiplies the hidden kernels, `bias` is added to the hidden biases, `gain` is the start of
    a skip's learned gain.
    """

    scale: Any
    bias: Any
    gain: Any


def _shapes_of(design: Design) -> Design:
    """Return the design with what the shapes of its parameters do not depend on left at one value."""
    plain = design if design.activation.trainable else replace(design, activation=identity)
    return replace(plain, head="linear_mse")


def starter(design: Design, law: Initializer, unit_variance: bool, grid: Mesh) -> Any:
    """Compile what draws chunks of networks; designs with equal shapes share it.

    Args:
        design: the design.
        law: the initializer.
        unit_variance: divide each hidden kernel by the standard deviation of its layer's
            pre-activations on the data (LSUV; exact in one pass, since biases start at 0).
        grid: devices.

    Returns:
        (keys (devices, 32), depth, `Start`, inputs) -> parameters.
    """
    # Unit variances are those of the activation's own states.
    return _starter(design if unit_variance else _shapes_of(design), law, unit_variance, grid)


@lru_cache(maxsize=64)
def _starter(design: Design, law: Initializer, unit_variance: bool, grid: Mesh) -> Any:
    law = without_lapack(law)

    def one(key: jax.Array, depth: jax.Array, how: Start, inputs: jax.Array) -> dict:
        params = draw(design, law, jax.random.fold_in(key, 0), depth)
        used = (jnp.arange(design.slots) < depth - 1).astype(jnp.float32)
        if unit_variance:
            params = unit_variances(design, params, depth, inputs)
        for part, share in (("first", jnp.ones(())), ("hidden", used[:, None])):
            params[part]["weight"] = params[part]["weight"] * how.scale
            params[part]["bias"] = params[part]["bias"] + how.bias * share
        if design.skip:
            params["hidden"]["gain"] = params["hidden"]["gain"] * how.gain
        return params

    return spread_chunks(one, 1, grid)


def _optimizer(plan: Plan, knobs: Knobs) -> Any:
    return build(plan.family, knobs.constants, plan.clip, knobs.limit)


def beginner(plan: Plan, grid: Mesh) -> Any:
    """Compile what sets up the optimizers; plans with equal shapes share it.

    Args:
        plan: the plan.
        grid: devices.

    Returns:
        (keys, parameters, knobs) -> `Networks` that have taken no step.
    """
    return _beginner(Plan(_shapes_of(plan.design), plan.family, plan.clip), grid)


@lru_cache(maxsize=64)
def _beginner(plan: Plan, grid: Mesh) -> Any:
    def one(key: jax.Array, params: Any, knobs: Knobs) -> Networks:
        with jax.numpy_dtype_promotion("standard"):
            init = _optimizer(plan, knobs).init
            if plan.layerwise:
                ends = {part: init(params[part]) for part in ("first", "last")}
                state = ends | {"hidden": jax.vmap(init)(params["hidden"])}
            else:
                state = init(params)
        minus = -jnp.ones((), jnp.int32)
        kernels = jnp.zeros(plan.design.slots + 2, jnp.float32)
        shuffle = jax.random.fold_in(key, 1)
        zero = jnp.zeros((), jnp.int32)
        memory = fresh_memory(plan.design)
        return Networks(params, state, memory, zero, minus, kernels, shuffle)

    return spread_chunks(one, 2, grid)


@lru_cache(maxsize=64)
def segment(plan: Plan, grid: Mesh) -> Any:
    """Compile a segment of `plan.epochs` epochs.

    Args:
        plan: the plan.
        grid: devices.

    Returns:
        (networks, knobs, inputs (d, n), targets (k, n)) -> (networks, `Curves`).
    """
    return spread_chunks(partial(_train, plan), 1, grid)


def _train(
    plan: Plan, networks: Networks, knobs: Knobs, inputs: jax.Array, targets: jax.Array
) -> tuple[Networks, Curves]:
    """Train one network for a segment."""
    count = inputs.shape[1]
    size = min(plan.batch, count)
    steps = -(-count // size)
    counts = (jnp.arange(steps * size) < count).astype(inputs.dtype)
    tx = _optimizer(plan, knobs)

    def update(gradient: Any, state: Any, params: Any) -> tuple[Any, Any]:
        with jax.numpy_dtype_promotion("standard"):
            updates, state = tx.update(gradient, state, params)
        return jax.tree.map(jnp.add, params, updates), state

    def epoch(networks: Networks, _: object) -> tuple[Networks, Curves]:
        # A fresh order every epoch; the last partial batch is kept, filled up with points that do
        # not count.
        own = jax.random.fold_in(networks.key, networks.step)
        order = shuffled(own, count)
        order = jnp.concatenate([order, jnp.broadcast_to(order[:1], (steps * size - count,))])
        columns = jnp.take(inputs, order, axis=1), jnp.take(targets, order, axis=1)

        def step(networks: Networks, place: jax.Array) -> tuple[Networks, tuple]:
            x, y = (lax.dynamic_slice_in_dim(a, place * size, size, 1) for a in columns)
            batch = Batch(x, y, lax.dynamic_slice_in_dim(counts, place * size, size))
            found = gradients(plan.design, networks.params, knobs.depth, batch, networks.memory)
            old = networks.params, networks.optimizer, found.gradients
            if plan.layerwise:
                params, state = updated(plan.design, *old, knobs.depth, update)
            else:
                params, state = update(found.gradients, networks.optimizer, networks.params)
            bad = ~jnp.isfinite(found.loss) & (networks.nan_step < 0)
            networks = networks._replace(
                params=params,
                optimizer=state,
                memory=found.memory,
                step=networks.step + 1,
                nan_step=jnp.where(bad, networks.step, networks.nan_step),
            )
            members = jnp.sum(batch.counts)
            return networks, (found.loss * members, found.right)

        before = networks.params
        networks, (losses, right) = lax.scan(step, networks, jnp.arange(steps))
        networks = networks._replace(ratio=change(plan.design, before, networks.params))
        params = networks.params
        curves = Curves(
            jnp.sum(losses) / count,
            jnp.sum(right) / count,
            params["first"]["weight"],
            params["last"]["weight"],
        )
        return networks, curves

    return lax.scan(epoch, networks, None, length=plan.epochs)


@lru_cache(maxsize=64)
def observer(design: Design, grid: Mesh) -> Any:
    """Compile the look at networks between segments.

    Args:
        design: the design.
        grid: devices.

    Returns:
        (parameters, first parameters, memory, depth, inputs, targets) -> `Seen`.
    """

    def one(
        params: Any, start: Any, memory: Any, depth: jax.Array, x: jax.Array, y: jax.Array
    ) -> Seen:
        return observe(design, params, start, memory, depth, x, y)

    return spread_chunks(one, 3, grid)


@lru_cache(maxsize=64)
def evaluator(design: Design, grid: Mesh) -> Any:
    """Compile the loss on points that the networks were not trained on.

    Args:
        design: the design.
        grid: devices.

    Returns:
        (parameters, memory, depth, inputs, targets) -> (mean loss, accuracy); batch norm infers.
    """

    def one(
        params: Any, memory: Any, depth: jax.Array, x: jax.Array, y: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        batch = Batch(x, y, jnp.ones(x.shape[1], x.dtype))
        last = forward(design, params, depth, batch, memory if design.batch_norm else None).last
        losses, right = head(design, dense(params["last"], last), y)
        return jnp.mean(losses), jnp.mean(right)

    return spread_chunks(one, 2, grid)


@lru_cache(maxsize=64)
def _gatherer(grid: Mesh) -> Any:
    return jax.jit(lambda tree: tree, out_shardings=NamedSharding(grid, PartitionSpec()))


def gathered(tree: Any, grid: Mesh) -> Any:
    """Bring arrays that lie on several devices, perhaps of several processes, to this host.

    Args:
        tree: pytree of arrays with the devices in front.
        grid: devices.

    Returns:
        The same tree of NumPy arrays, (devices * 32, ...).
    """
    if grid.size > 1 and jax.process_count() > 1:
        tree = _gatherer(grid)(tree)
        tree = jax.tree.map(lambda a: a.addressable_data(0), tree)
    # The product and not -1: a leaf may be empty.
    return jax.tree.map(
        lambda a: np.asarray(a).reshape(a.shape[0] * a.shape[1], *a.shape[2:]), tree
    )


def placed(tree: Any, grid: Mesh, spread: bool) -> Any:
    """Put host arrays on the devices.

    Args:
        tree: pytree of NumPy arrays; with the devices in front if they are to be spread.
        grid: devices.
        spread: one row a device, or the whole on each.

    Returns:
        Arrays on the devices of all processes.
    """
    sharding = NamedSharding(grid, PartitionSpec("chunks") if spread else PartitionSpec())

    def put(a: Any) -> jax.Array:
        values = np.asarray(a)
        return jax.make_array_from_callback(values.shape, sharding, lambda place: values[place])

    return jax.tree.map(put, tree)
