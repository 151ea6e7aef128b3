"""What is the gradient of a user's loss, also where the float type loses part of it?

One backward pass by `jax.vjp`, jitted once per loss function. If a layer's gradient comes near the
bottom of its type (or is all 0), the pass is run again with the loss multiplied by 2**k, the device
of loss scaling: a power of two rounds nothing, so the norms, with k log 2 taken off again, are those
of the loss as given, down to some 57 decades in float32 instead of 38.

Reference: Micikevicius et al., Mixed precision training (2018), arXiv:1710.03740, section 3.2.
Cost: one or two backward passes, and one compilation per loss function and shapes.
"""

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, GradchainError, ShapeError, UsageError
from gradchain.bridge.reading import DeviceReading, Reading, read_leaf, to_host
from gradchain.scaled import bits

# A layer whose largest entry is within 2**24 of the smallest normal number may have lost entries.
_NEAR_FLOOR = 24


class Held:
    """Wraps any object so that it can be a static argument: equal only to the same object."""

    def __init__(self, value: object) -> None:
        """Keep the object, so that its identity is not reused."""
        self.value = value

    def __hash__(self) -> int:
        """Hash by identity."""
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        """Compare by identity."""
        return isinstance(other, Held) and other.value is self.value


def is_array(value: object) -> bool:
    """Say whether a leaf is an array JAX can trace (Python numbers and texts are held constant)."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind not in "OUSMm"
    return isinstance(value, jax.Array)


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _static(value: object) -> Hashable:
    """Return something hashable that stands for the value."""
    if not _hashable(value):
        return Held(value)
    # 1, 1.0 and True are equal as dictionary keys but not as arguments.
    return (type(value), value)


def _dynamic(value: object) -> object:
    return value.value if isinstance(value, Held) else value[1]  # type: ignore[index]


@dataclass(frozen=True)
class Call:
    """Everything about a loss that is not an array: function, tree structures, constants.

    `roles` says of each leaf of the parameters whether it is differentiated ("float"), handed over
    as it is ("array"), or a constant.
    """

    loss_fn: Hashable
    tree: Hashable
    roles: tuple
    batch_tree: Hashable
    batch_roles: tuple
    has_aux: bool


def prepare(
    loss_fn: Callable, params: object, batch: object, numbers: Sequence[int], has_aux: bool
) -> tuple[Call, tuple, tuple, tuple]:
    """Take arguments apart into what is differentiated, other arrays, and constants.

    Args:
        loss_fn: (params, batch) -> scalar.
        params: pytree.
        batch: pytree.
        numbers: which leaves of params are parameters.
        has_aux: whether loss_fn returns (scalar, anything).

    Returns:
        The call, the parameters, the other arrays of params, the arrays of the batch.
    """
    leaves, tree = jax.tree.flatten(params)
    chosen = set(numbers)
    roles = tuple(
        "float" if i in chosen else "array" if is_array(leaf) else _static(leaf)
        for i, leaf in enumerate(leaves)
    )
    batch_leaves, batch_tree = jax.tree.flatten(batch)
    batch_roles = tuple("array" if is_array(leaf) else _static(leaf) for leaf in batch_leaves)
    call = Call(_static(loss_fn), tree, roles, batch_tree, batch_roles, has_aux)
    return (
        call,
        tuple(leaf for leaf, role in zip(leaves, roles, strict=True) if role == "float"),
        tuple(leaf for leaf, role in zip(leaves, roles, strict=True) if role == "array"),
        tuple(
            leaf for leaf, role in zip(batch_leaves, batch_roles, strict=True) if role == "array"
        ),
    )


def _rebuild(tree: object, roles: tuple, floats: Sequence, arrays: Sequence) -> object:
    """Put a tree together again."""
    sources = {"float": iter(floats), "array": iter(arrays)}
    leaves = [next(sources[role]) if isinstance(role, str) else _dynamic(role) for role in roles]
    return jax.tree.unflatten(tree, leaves)


def _scalar(loss: object, has_aux: bool) -> jax.Array:
    """Return the loss as a float scalar, refusing anything else."""
    if has_aux:
        if not isinstance(loss, tuple) or len(loss) != 2:
            raise UsageError(
                f"loss_fn returned {type(loss).__name__}, expected (loss, anything) for has_aux=True"
            )
        loss = loss[0]
    if isinstance(loss, tuple):
        raise UsageError(
            "loss_fn returned a tuple, expected a scalar: pass has_aux=True for (loss, aux)"
        )
    if not is_array(loss) and not isinstance(loss, (int, float)):
        raise UsageError(f"loss_fn returned {type(loss).__name__}, expected a float scalar")
    loss = jnp.asarray(loss)
    if loss.shape != ():
        raise ShapeError(
            f"loss_fn returned an array of shape {loss.shape}, expected a scalar: take its mean or sum"
        )
    if not jnp.issubdtype(loss.dtype, jnp.floating):
        raise DtypeError(f"loss_fn returned a scalar of type {loss.dtype}, expected a real float")
    return loss


def _pull(
    call: Call, floats: tuple, arrays: tuple, batch_arrays: tuple, exponent: jax.Array
) -> tuple[jax.Array, tuple]:
    """Return the loss, and its gradient times 2**exponent."""

    def objective(own: tuple) -> jax.Array:
        params = _rebuild(call.tree, call.roles, own, arrays)
        batch = _rebuild(call.batch_tree, call.batch_roles, (), batch_arrays)
        return _scalar(_dynamic(call.loss_fn)(params, batch), call.has_aux)  # type: ignore[operator]

    loss, back = jax.vjp(objective, floats)
    return loss, back(bits.power_of_two(exponent, loss.dtype))[0]


_compiled = functools.partial(jax.jit, static_argnums=(0,))(_pull)


def gradient(parts: tuple, exponent: int, jit: bool) -> tuple[jax.Array, tuple]:
    """Run one backward pass.

    Args:
        parts: from `prepare`.
        exponent: k; the gradient comes multiplied by 2**k.
        jit: compile it.

    Returns:
        The loss and the gradients of the parameters.

    Raises:
        UsageError: if loss_fn raises.
        GradchainError: if the loss is not a float scalar, or one that loss_fn raised itself.
    """
    call, floats, arrays, batch_arrays = parts
    rest = (floats, arrays, batch_arrays, jnp.int32(exponent))
    try:
        if not jit:
            return _pull(call, *rest)
        if _hashable(call):
            return _compiled(call, *rest)
        return jax.jit(functools.partial(_pull, call))(*rest)
    except GradchainError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines()
        hint = (
            "; it looks at values while being traced, so pass jit=False"
            if isinstance(error, jax.errors.JAXTypeError)
            else ": call loss_fn(params, batch) by itself to see where"
        )
        raise UsageError(
            f"loss_fn raised {type(error).__name__} ({said[0] if said else 'no message'}){hint}"
        ) from error


def read_all(arrays: Sequence, axes: Sequence[int | None]) -> list[list[Reading]]:
    """Read arrays on the device and fetch the scalars in one copy.

    Args:
        arrays: float arrays.
        axes: the axis each is stacked along, or None.

    Returns:
        For each array its readings, one a layer.
    """
    found: list[DeviceReading] = jax.device_get([
        read_leaf(array, axis) for array, axis in zip(arrays, axes, strict=True)
    ])
    out = []
    for array, axis, reading in zip(arrays, axes, found, strict=True):
        shape = tuple(int(n) for n in np.shape(array))
        if axis is not None:
            axis %= len(shape)
            shape = shape[:axis] + shape[axis + 1 :]
        out.append(to_host(reading, shape, jax.dtypes.canonicalize_dtype(array.dtype).name))
    return out


def near_floor(reading: Reading, shift: int = _NEAR_FLOOR) -> bool:
    """Say whether an array may have lost entries to underflow.

    Args:
        reading: of the array.
        shift: how many powers of two above the smallest number count as near.

    Returns:
        True if its largest entry is that near to the bottom of its type, or 0.
    """
    layout = bits.format_of(reading.dtype)
    # float16 is computed in float32 and keeps its subnormals; in the others they are flushed to 0.
    kept = layout.precision - 1 if reading.dtype == "float16" else 0
    return reading.top is None or reading.top <= layout.smallest_exponent - kept + shift


def lifted(
    first: list[list[Reading]], parts: tuple, axes: Sequence[int | None], loss_type: str, jit: bool
) -> tuple[list[list[Reading]], int]:
    """Read the gradients again, multiplied by a power of two, if some came near the floor.

    Args:
        first: readings of the plain pass.
        parts: from `prepare`.
        axes: the axis each parameter is stacked along.
        loss_type: float type of the loss, which must hold 2**k.
        jit: compile.

    Returns:
        Readings of gradients times 2**k, and k; the first ones and 0 if nothing is to be gained.
    """
    every = [reading for readings in first for reading in readings]
    if any(r.wrong for r in every) or not any(near_floor(r) for r in every):
        return first, 0
    tops = [r.top for r in every if r.top is not None]
    bias = min(bits.format_of(r.dtype).bias for r in every)
    # Half of the upper range is left for what the backward pass holds in between.
    k = min((bias + 1) // 2 - max(tops, default=0), bits.format_of(loss_type).bias - 1)
    while k >= 4:
        readings = read_all(gradient(parts, k, jit)[1], axes)
        if not any(r.wrong for group in readings for r in group):
            return readings, k
        k //= 2
    return first, 0
