"""How large is the gradient of each layer while an optax optimizer runs, before and after clipping?

    optimizer = monitored(optax.adam(1e-3), clip=optax.clip_by_global_norm(1.0))
    ...
    read_log_norms(state)["before"]["layer0/kernel"]       # natural log of the Frobenius norm

Norms are taken with the exponents apart, as in `gradchain.scaled`, so they neither underflow nor
overflow: entries of 1e-30 (whose squares are 0 in float32) and subnormals are read right, and -inf
means exactly zero. The records are part of the optimizer's state, with names as static structure:
they go through `jax.jit`, `lax.scan` and `jax.vmap` like any other state and never cause a second
trace. optax's optimizers need `with jax.numpy_dtype_promotion("standard"):` around init and update
where promotion is strict; these records do not.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gradchain._errors import DtypeError, UsageError
from gradchain._types import float_array, in_short, pytree, static
from gradchain.scaled import bits

Groups = Callable[[str], str | None]
# Counters and masks have no gradient and are left out.
_COUNTERS = (jnp.integer, jnp.bool_)
_LN2 = 0.6931471805599453094


@pytree
class LogNorms:
    """The record in an optimizer's state: log norms of the last update seen, and how many were.

    `values` (layers,) natural logarithms, float32 or (if some parameters are) float64, NaN before the
    first update; `count` int32; `label` the record's name; `layers` the names of the layers.
    """

    values: jax.Array
    count: jax.Array
    label: str = static()
    layers: tuple[str, ...] = static()


def _grouped(tree: Any, groups: Groups | None) -> dict[str, list[jax.Array]]:
    """Sort the float leaves of a tree into layers, in the order of the tree.

    Returns:
        {layer: its leaves}.

    Raises:
        DtypeError: for complex leaves.
        UsageError: if two leaves have the same name and no groups are given, or none is left.
    """
    layers: dict[str, list[jax.Array]] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        kind = getattr(leaf, "dtype", type(leaf))
        if jnp.issubdtype(kind, jnp.complexfloating):
            raise DtypeError(
                f"got a {kind} gradient, expected floats: take real and imaginary parts"
            )
        if kind == jax.dtypes.float0 or any(jnp.issubdtype(kind, k) for k in _COUNTERS):
            continue
        own = jax.tree_util.keystr(path, simple=True, separator="/") or "parameters"
        name = own if groups is None else groups(own)
        if name is None:
            continue
        if groups is None and name in layers:
            raise UsageError(f"got two parameters named {name}, expected names that differ")
        layers.setdefault(name, []).append(float_array(leaf, own))
    if not layers:
        raise UsageError("got no float parameters to record, expected at least one: see `groups`")
    return layers


@jax.jit
def _log_norm(leaves: list[jax.Array]) -> jax.Array:
    """Return the log of the norm of several arrays as one; NaN or inf where an entry is.

    The exponent e of the largest entry is read on the bits; entries are summed as (x 2**-e)**2, a
    subnormal one as its integer times a power of two, since XLA's arithmetic reads it as zero. Much
    fewer operations than `scaled.log_norm`, which a loop over small layers feels.
    """
    leaves = jax.lax.stop_gradient(leaves)
    wide = jnp.dtype(jnp.float64 if any(x.dtype == jnp.float64 for x in leaves) else jnp.float32)
    orders = [bits.magnitude_order(x) for x in leaves]
    exponent = jnp.stack([
        _exponent(order, x.dtype, wide) for order, x in zip(orders, leaves, strict=True)
    ]).max()
    # Two factors, since 2**-e itself may leave the range of the type.
    first = -exponent // 2
    down = [bits.power_of_two(part, wide) for part in (first, -exponent - first)]
    total = jnp.zeros((), wide)
    for order, x in zip(orders, leaves, strict=True):
        layout = bits.format_of(x.dtype)
        unit = layout.smallest_exponent - layout.precision
        subnormal = order < jnp.asarray(1 << (layout.precision - 1), order.dtype)
        small = order.astype(wide) * bits.power_of_two(unit - exponent, wide)
        scaled = jnp.where(subnormal, small, x.astype(wide) * down[0] * down[1])
        total += jnp.sum(scaled * scaled)
    return jnp.log(total) / 2 + exponent.astype(wide) * jnp.asarray(_LN2, wide)


def _exponent(order: jax.Array, dtype: Any, wide: Any) -> jax.Array:
    """Return e with every |x| < 2**e; if all are subnormal or zero, that of the last place.

    A zero array takes the last place of the wide type, so that it never hides another's entries.
    """
    layout, outer = bits.format_of(dtype), bits.format_of(wide)
    largest = jnp.max(order, initial=0)
    biased = (largest >> jnp.asarray(layout.precision - 1, order.dtype)).astype(jnp.int32)
    last = layout.smallest_exponent - layout.precision
    subnormal = jnp.where(largest == 0, outer.smallest_exponent - outer.precision, last)
    return jnp.where(biased == 0, subnormal, biased - layout.bias + 1)


def tree_log_norms(tree: Any, *, groups: Groups | None = None) -> dict[str, jax.Array]:
    """Return the natural log of the Frobenius norm of each layer of a tree of gradients.

    Args:
        tree: any pytree of arrays; whole numbers are left out.
        groups: from a parameter's name, such as "layer0/kernel", to the name of its layer, or None
            to leave it out; if not given, each parameter is a layer.

    Returns:
        {layer: scalar in at least float32}, in the order of the tree; -inf only for exact zero, NaN
        if an entry is. Error at most 4 eps (|log| + n + 1). Cost O(entries).

    Raises:
        DtypeError: for complex leaves.
        UsageError: if nothing is left to record.

    Example:
        >>> import jax.numpy as jnp
        >>> grads = {"first": jnp.full((4,), 1e-30), "last": jnp.array([3.0, 4.0])}
        >>> {name: round(float(log), 3) for name, log in tree_log_norms(grads).items()}
        {'first': -68.384, 'last': 1.609}
    """
    layers = _grouped(tree, groups)
    return {name: _log_norm(leaves) for name, leaves in layers.items()}


def record_log_norms(
    label: str = "gradients", *, groups: Groups | None = None
) -> optax.GradientTransformation:
    """Make a link of an `optax.chain` that passes updates on as they are and records their log norms.

    Put it before and after what you want to compare; read with `read_log_norms`.

    Args:
        label: name of the record; each link of a chain needs its own.
        groups: from a parameter's name to its layer's, or None to leave it out; see
            `tree_log_norms`.

    Returns:
        An optax transformation whose state is a `LogNorms`.

    Raises:
        UsageError: if the label is no text, groups cannot be called, or (in `update`) the gradients
            have other layers than the parameters given to `init`.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> chain = optax.chain(
        ...     record_log_norms("before"), optax.clip(0.5), record_log_norms("after"))
        >>> params = {"w": jnp.zeros(2)}
        >>> _, state = chain.update({"w": jnp.array([3.0, 4.0])}, chain.init(params))
        >>> {name: round(float(log["w"]), 3) for name, log in read_log_norms(state).items()}
        {'before': 1.609, 'after': -0.347}
    """
    if not isinstance(label, str) or not label:
        raise UsageError(f"got label={in_short(label)}, expected a name such as 'before'")
    if groups is not None and not callable(groups):
        raise UsageError(
            f"got groups={in_short(groups)}, expected a function from a parameter's name to its "
            "layer's name, or None"
        )

    def init(params: Any) -> Any:
        layers = _grouped(params, groups)
        wide = any(leaf.dtype == jnp.float64 for leaves in layers.values() for leaf in leaves)
        nothing = np.full(len(layers), np.nan, np.float64 if wide else np.float32)
        return LogNorms(jnp.asarray(nothing), jnp.zeros((), jnp.int32), label, tuple(layers))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        logs = tree_log_norms(updates, groups=groups)
        if tuple(logs) != state.layers:
            raise UsageError(
                f"got gradients of {in_short(tuple(logs))}, expected those of the parameters given to "
                f"init, {in_short(state.layers)}"
            )
        # The type chosen in init stays, so that a scan's carry keeps its type.
        values = jnp.stack([log.astype(state.values.dtype) for log in logs.values()])
        return updates, LogNorms(values, state.count + 1, state.label, state.layers)

    return optax.GradientTransformation(init, update)


def monitored(
    optimizer: optax.GradientTransformation,
    *,
    clip: optax.GradientTransformation | None = None,
    groups: Groups | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Wrap an optimizer so that its state tells the log norm of each layer's gradient and update.

    It is chain(record "before", clip, record "after", optimizer, record "updates"); without `clip`,
    "after" is left out. The updates are those of chain(clip, optimizer).

    Args:
        optimizer: any optax transformation.
        clip: an optax transformation to put in front, such as `optax.clip`,
            `optax.clip_by_global_norm` or `optax.adaptive_grad_clip`.
        groups: from a parameter's name to its layer's, or None to leave it out; see
            `tree_log_norms`.

    Returns:
        An optax transformation; read its state with `read_log_norms`.

    Raises:
        UsageError: if optimizer or clip is no optax transformation.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> optimizer = monitored(optax.sgd(0.1), clip=optax.clip_by_global_norm(1.0))
        >>> params = {"w": jnp.array([3.0, 4.0])}
        >>> def step(carry, _):
        ...     params, state = carry
        ...     updates, state = optimizer.update(params, state, params)  # the gradient of |w|^2/2
        ...     return (optax.apply_updates(params, updates), state), read_log_norms(state)
        >>> _, logs = jax.lax.scan(step, (params, optimizer.init(params)), length=3)
        >>> jnp.exp(logs["before"]["w"]).round(3).tolist(), jnp.exp(logs["after"]["w"]).tolist()
        ([5.0, 4.900000095367432, 4.800000190734863], [1.0, 1.0, 1.0])
    """
    parts = [record_log_norms("before", groups=groups)]
    if clip is not None:
        parts += [_transformation("clip", clip), record_log_norms("after", groups=groups)]
    parts += [_transformation("optimizer", optimizer), record_log_norms("updates", groups=groups)]
    return optax.with_extra_args_support(optax.chain(*parts))


def _transformation(name: str, value: object) -> Any:
    """Return an optax transformation, or say what it is instead.

    Raises:
        UsageError: if it has no `init` and `update`.
    """
    if not callable(getattr(value, "init", None)) or not callable(getattr(value, "update", None)):
        raise UsageError(
            f"got {name}={in_short(value)}, expected an optax transformation such as optax.adam(1e-3)"
        )
    return value


def read_log_norms(state: Any) -> dict[str, dict[str, jax.Array]]:
    """Return what the records in an optimizer's state hold.

    Works on a state that is traced, stacked by `lax.scan`, or batched by `jax.vmap`.

    Args:
        state: the state of any optax transformation that has `record_log_norms` in it.

    Returns:
        {label: {layer: natural log of the norm}}, both in order; the axes of a stacked or batched
        state come in front. NaN before the first update.

    Raises:
        UsageError: if there is no record, or two have the same label.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> read_log_norms(monitored(optax.adam(1e-3)).init({"w": jnp.zeros(3)}))["before"]
        {'w': Array(nan, dtype=float32)}
    """
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, LogNorms))
    found: dict[str, dict[str, jax.Array]] = {}
    for node in nodes:
        if not isinstance(node, LogNorms):
            continue
        if node.label in found:
            raise UsageError(
                f"got two records labelled {in_short(node.label)}, expected labels that differ: "
                "name them record_log_norms('...')"
            )
        found[node.label] = {name: node.values[..., i] for i, name in enumerate(node.layers)}
    if not found:
        raise UsageError(
            "got a state without a record, expected one of monitored(optimizer) or of a chain with "
            "record_log_norms in it"
        )
    return found
