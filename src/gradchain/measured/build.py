"""How is a network made: from a law, from given weights, from other networks?

`mlp` draws one, `network_from_weights` takes arrays of any shapes, `residual` puts an identity skip
round a network, `concatenate` sets networks after each other, `with_layer` adds any other layer.
Equal neighbouring layers are stacked into one run, so that they compile as one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain import activations, initializers
from gradchain._errors import DtypeError, ShapeError, UsageError
from gradchain._types import float_array, is_concrete, random_key, whole_number
from gradchain.activations import Activation
from gradchain.initializers import Initializer
from gradchain.initializers.noun import checked_dtype
from gradchain.measured.layers import Chained, Dense, Layer, Residual, Stack
from gradchain.measured.network import Network, Run, check_finite, check_network


def _listed(name: str, value: Any) -> list:
    """Return the entries of a sequence.

    Raises:
        UsageError: if it is none.
    """
    try:
        return list(value)
    except TypeError:
        kind = type(value).__name__
        raise UsageError(f"got {kind} as {name}, expected a sequence, one entry a layer") from None


def mlp(
    key: jax.Array,
    depth: int = 50,
    width: int = 128,
    activation: str | Activation = "sigmoid",
    initializer: str | Initializer | Callable = "glorot_uniform",
    input_dim: int | None = None,
    output_dim: int | None = None,
    use_bias: bool = True,
    dtype: Any = None,
) -> Network:
    """Draw a fully connected network; `depth` counts all maps.

    Args:
        key: a JAX random key.
        depth: number of layers L, at least 1.
        width: units a layer.
        activation: name or `Activation`.
        initializer: name, `Initializer`, or a callable that follows `jax.nn.initializers`.
        input_dim: entries of the input; `width` if not given.
        output_dim: if given, the last of the `depth` layers is linear with that many outputs.
        use_bias: zero biases if True, none if False.
        dtype: float type; JAX's default if not given.

    Returns:
        A `Network`. The same key gives the same weights.

    Raises:
        UsageError: if depth, width or a dimension is not a positive integer, or a name is unknown.
        DtypeError: if dtype is no float type.

    Example:
        >>> import jax
        >>> net = mlp(jax.random.key(0), depth=50, width=8, activation="tanh", input_dim=2)
        >>> net.depth, [run.length for run in net.runs]
        (50, [1, 49])
    """
    depth, width = whole_number("depth", depth), whole_number("width", width)
    into = width if input_dim is None else whole_number("input_dim", input_dim)
    phi, law = activations.get(activation), initializers.get(initializer)
    float_type, key = checked_dtype(dtype), random_key(key)
    plan = [(phi, width, into)] + [(phi, width, width)] * (depth - 1)
    if output_dim is not None:
        fan_in = into if depth == 1 else width
        plan[-1] = (activations.get("identity"), whole_number("output_dim", output_dim), fan_in)
    keys = jax.random.split(key, depth)
    runs, start = [], 0
    while start < depth:
        stop = start + 1
        while stop < depth and plan[stop] == plan[start]:
            stop += 1
        own, fan_out, fan_in = plan[start]
        runs.append(
            Run(
                Dense(own),
                _draw(keys[start:stop], law, (fan_out, fan_in), float_type, own, use_bias),
                stop - start,
            )
        )
        start = stop
    return Network(tuple(runs))


def _draw(
    keys: jax.Array,
    law: Initializer,
    shape: tuple[int, int],
    dtype: Any,
    activation: Activation,
    use_bias: bool,
) -> dict:
    """Draw the stacked parameters of a run, one key a layer."""
    length = keys.shape[0]
    params = {"weight": jax.vmap(lambda k: law.sample(k, shape, dtype))(keys)}
    if use_bias:
        params["bias"] = jnp.zeros((length, shape[0]), dtype)  # type: ignore[arg-type]
    for name, start in activation.trainable:
        params[name] = jnp.full((length,), start, dtype)  # type: ignore[arg-type]
    return params


def network_from_weights(
    weights: Sequence[jax.Array | np.ndarray],
    biases: Sequence[jax.Array | np.ndarray | None] | None = None,
    activation: str | Activation | Sequence[str | Activation] = "sigmoid",
) -> Network:
    """Build a network from weight matrices of any shapes.

    Args:
        weights: L arrays (fan_out, fan_in), each fan_in equal to the fan_out before it.
        biases: L arrays (fan_out,), or None entries, or None for no biases at all.
        activation: one for all layers, or a sequence of L.

    Returns:
        A `Network`; equal neighbouring layers are stacked into runs.

    Raises:
        UsageError: if there is no weight, or counts differ.
        ShapeError: if a weight is no matrix, is empty, or does not fit its neighbour or its bias.
        DtypeError: if types are mixed or not float.
        NonFiniteError: if a value is NaN or infinite.

    Example:
        >>> import numpy as np
        >>> w = [np.ones((3, 2), np.float32), np.eye(3, dtype=np.float32), np.ones((1, 3), np.float32)]
        >>> network_from_weights(w, activation=["tanh", "tanh", "identity"]).depth
        3
    """
    weights = _listed("weights", weights)
    depth = len(weights)
    if depth == 0:
        raise UsageError("got no weights (depth 0), expected at least one (fan_out, fan_in) array")
    given = [None] * depth if biases is None else _listed("biases", biases)
    if callable(activation) and not isinstance(activation, Activation):
        raise UsageError(
            f"got the function {getattr(activation, '__name__', activation)!r} as activation, expected "
            "a name or an Activation: wrap it by gch.activations.from_function('name', function)"
        )
    named = isinstance(activation, (str, Activation))
    kinds = [activation] * depth if named else _listed("activation", activation)
    if len(given) != depth or len(kinds) != depth:
        raise UsageError(
            f"got {depth} weights, {len(given)} biases and {len(kinds)} activations, "
            "expected as many of each"
        )
    phis = [activations.get(kind) for kind in kinds]
    _check_weights(weights, given)
    runs, start = [], 0
    while start < depth:
        stop = start + 1
        while stop < depth and _same(start, stop, weights, given, phis):
            stop += 1
        params = {"weight": _stack(weights[start:stop])}
        if given[start] is not None:
            params["bias"] = _stack(given[start:stop])
        for name, value in phis[start].trainable:
            params[name] = jnp.full((stop - start,), value, params["weight"].dtype)
        runs.append(Run(Dense(phis[start]), params, stop - start))
        start = stop
    return Network(tuple(runs))


def _same(a: int, b: int, weights: list, biases: list, phis: list) -> bool:
    """Say whether layers a and b can share a run."""
    return (
        np.shape(weights[a]) == np.shape(weights[b])
        and phis[a] == phis[b]
        and (biases[a] is None) == (biases[b] is None)
    )


def _check_weights(weights: list, biases: list) -> None:
    """Refuse weights and biases that do not make a network, naming the layer.

    Raises:
        ShapeError: for a shape that does not fit.
        DtypeError: for a type that is not a float, or mixed types.
    """
    before, kind = None, None
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        try:
            shape = np.shape(weight)
        except ValueError:
            raise ShapeError(
                f"weight {number} has rows of different lengths, expected a matrix (fan_out, fan_in)"
            ) from None
        if len(shape) != 2 or 0 in shape:
            raise ShapeError(
                f"weight {number} has shape {shape}, expected a non-empty matrix (fan_out, fan_in)"
            )
        if before is not None and shape[1] != before:
            raise ShapeError(
                f"weight {number} has shape {shape}, but layer {number - 1} gives {before} units: "
                f"expected (fan_out, {before}); weights act on columns, so transpose Keras kernels"
            )
        if bias is not None and np.shape(bias) != shape[:1]:
            raise ShapeError(
                f"bias {number} has shape {np.shape(bias)}, expected {shape[:1]} like its weight"
            )
        for what, array in (("weight", weight), ("bias", bias)):
            if array is None:
                continue
            own = getattr(array, "dtype", None)
            if own is None or not jnp.issubdtype(own, jnp.floating) or own == np.longdouble:
                raise DtypeError(
                    f"{what} {number} has type {own or type(array).__name__}, expected a NumPy or "
                    "JAX array of float32 or float64 (or float16, bfloat16)"
                )
            kind = own if kind is None else kind
            if own != kind:
                raise DtypeError(
                    f"{what} {number} has type {own}, but earlier ones have {kind}: "
                    f"convert with .astype('{kind}')"
                )
            if is_concrete(array):
                check_finite(array, f"{what} {number}")
        before = shape[0]


def _stack(arrays: list) -> jax.Array:
    """Stack arrays; concrete ones on the host, since a stack of 10 000 operands compiles for ages.

    Returns:
        One array with the stacked axis first.

    Raises:
        DtypeError: if JAX would silently narrow float64.
    """
    if not is_concrete(arrays):
        return jnp.stack(arrays)
    stacked = np.stack([np.asarray(a) for a in arrays])
    if jax.dtypes.canonicalize_dtype(stacked.dtype) != stacked.dtype:
        raise DtypeError(
            f"got {stacked.dtype} weights while JAX is in 32-bit mode: wrap the calls in "
            "`with jax.enable_x64(True):`, or convert with .astype('float32')"
        )
    return jnp.asarray(stacked)


def concatenate(*networks: Network) -> Network:
    """Set networks after each other.

    Args:
        *networks: at least one network; each one's output is the next one's input.

    Returns:
        One network with all their layers; equal neighbouring runs are merged.

    Raises:
        UsageError: if there is none.
    """
    for network in networks:
        check_network(network)
    runs: list[Run] = []
    for run in (r for network in networks for r in network.runs):
        last = runs[-1] if runs else None
        if last is not None and last.layer == run.layer and _alike(last.params, run.params):
            params = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), last.params, run.params)
            runs[-1] = Run(last.layer, params, last.length + run.length)
        else:
            runs.append(run)
    return Network(tuple(runs))


def _alike(a: object, b: object) -> bool:
    """Say whether two stacked parameter trees differ in values only."""
    shapes = [
        (jax.tree.structure(tree), [leaf.shape[1:] for leaf in jax.tree.leaves(tree)])
        for tree in (a, b)
    ]
    return shapes[0] == shapes[1]


def residual(network: Network) -> Network:
    """Put one identity skip round a whole network: h -> h + F(h), a network of one layer.

    Args:
        network: F; it must keep its input's shape.

    Returns:
        A network of depth 1. `concatenate` several for a residual network; equal blocks then share
        one run.

    Example:
        >>> import jax
        >>> block = residual(mlp(jax.random.key(0), depth=2, width=4))
        >>> concatenate(block, block, block).depth
        3
    """
    check_network(network)
    parts = [
        (Stack(run.layer), run.params)
        if run.length > 1
        else (run.layer, jax.tree.map(lambda a: a[0], run.params))
        for run in network.runs
    ]
    layer: Layer = parts[0][0] if len(parts) == 1 else Chained(tuple(p[0] for p in parts))
    params = parts[0][1] if len(parts) == 1 else tuple(p[1] for p in parts)
    return single(Residual(layer), params)


def single(layer: Layer, params: object) -> Network:
    """Make a network of one layer from the layer and its own (unstacked) parameters.

    Args:
        layer: any layer, for instance `Custom(function)`, `LayerNorm()` or `Convolution(...)`.
        params: its parameters.

    Returns:
        A network of depth 1, to be joined with others by `concatenate`.

    Example:
        >>> import jax.numpy as jnp
        >>> from gradchain.measured.layers import Custom
        >>> single(Custom(lambda p, h: h * p), jnp.float32(2.0))(jnp.ones(3)).tolist()
        [2.0, 2.0, 2.0]
    """
    stacked = jax.tree.map(lambda leaf: float_array(leaf, "a parameter")[None], params)
    return Network((Run(layer, stacked, 1),))
