"""How are a network's weights scaled so that every layer's pre-activations have variance 1 on data?

    W_l <- g_l W_l,   g_l > 0 such that Var(g_l W_l h_{l-1} + b_l) = 1,   l = 1 .. L in turn,

the variance taken over examples and units together, h_{l-1} being what the layers already scaled give.
As z is linear in g_l, one pass is exact: g_l = 1/std(W_l h_{l-1}) without biases, else the positive root
of g^2 Var(W h) + 2 g Cov(W h, b) + Var(b) = 1. (The paper iterates, since its layers may be anything.)

This makes the state keep its size and says nothing of the gradient: with tanh the square of a gradient
then grows by E phi'^2 / E phi^2 = 1.18 a layer. Cost: one forward pass over the data.

Source: Mishkin and Matas, All you need is a good init, ICLR 2016, arXiv:1511.06422; they start from
orthogonal weights.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain._types import is_concrete
from gradchain.measured.layers import BatchNorm, Chained, Layer, Residual, Stack
from gradchain.measured.network import Network, Run, check_finite, check_network, forward


def lsuv(network: Network, data: jax.Array | np.ndarray) -> Network:
    """Scale weights, first layer to last, to pre-activations of variance 1 on data (LSUV).

    Weights of dense layers and convolutions are scaled, also inside residual branches; biases, norms
    and custom layers stay as they are. Exact but for rounding.

    Args:
        network: any network; orthogonal weights are the paper's start. To leave a last, linear layer
            alone, scale the layers before it and `concatenate`.
        data: (examples, ...), a batch of inputs, of the weights' dtype; with batch norm in the network
            the batch as the state that it is.

    Returns:
        A network with the same layers.

    Raises:
        UsageError: it is no network, or the pre-activations of a layer cannot be given variance 1:
            they do not vary on these data, or the biases alone vary by more.
        ShapeError: data without an axis of examples, or that do not fit.
        DtypeError: data of another type than the weights.
        NonFiniteError: data hold NaN or infinity, or a state overflows.

    Example:
        >>> import jax
        >>> from gradchain.measured.build import mlp
        >>> from gradchain.measured.network import forward
        >>> net = mlp(jax.random.key(0), depth=5, width=16, activation="tanh", initializer="orthogonal")
        >>> x = jax.random.normal(jax.random.key(1), (100, 16))
        >>> z = jax.vmap(lambda row: forward(lsuv(net, x), row).z[5])(x)
        >>> abs(float(z.std()) - 1) < 1e-5
        True
    """
    check_network(network)
    given = getattr(data, "dtype", None)
    if given is None or (network.dtype is not None and given != network.dtype):
        raise DtypeError(
            f"got data of type {given or type(data).__name__}, expected an array of {network.dtype} "
            "like the weights: convert with .astype(...)"
        )
    if np.ndim(data) < 2 or np.size(data) == 0:
        raise ShapeError(
            f"got data of shape {np.shape(data)}, expected (examples, ...) with at least one example"
        )
    if is_concrete(data):
        check_finite(data, "the data")
    h, whole = jnp.asarray(data), any(_has_batch_norm(run.layer) for run in network.runs)
    # Shapes that do not fit are named by the network itself, before anything is computed.
    jax.eval_shape(lambda x: forward(network, x).output, h if whole else h[0])
    runs, found = [], []
    for run in network.runs:
        params, h, variances = _scaled_run(run, h, whole)
        runs.append((run, params))
        found.append(variances)
    if is_concrete(found):
        _check(found)
    return Network(tuple(Run(run.layer, params, run.length) for run, params in runs))


def _has_batch_norm(layer: Any) -> bool:
    parts = getattr(layer, "layers", ()) or [
        part for part in (getattr(layer, "branch", None), getattr(layer, "layer", None)) if part
    ]
    return isinstance(layer, BatchNorm) or any(_has_batch_norm(part) for part in parts)


_Passed = tuple[Any, jax.Array, jax.Array]
"""New parameters, states after the layer, variances of its pre-activations (see `_factor`)."""


def _scaled_run(run: Run, h: jax.Array, whole: bool) -> _Passed:
    if run.length == 1:
        own = jax.tree.map(lambda leaf: leaf[0], run.params)
        params, h, variances = _scaled(run.layer, own, h, whole)
        return jax.tree.map(lambda leaf: leaf[None], params), h, variances
    return _scaled_stack(run.layer, run.params, h, whole)


def _scaled_stack(layer: Layer, params: Any, h: jax.Array, whole: bool) -> _Passed:
    def step(state: jax.Array, own: Any) -> tuple[jax.Array, tuple[Any, jax.Array]]:
        new, state, variances = _scaled(layer, own, state, whole)
        return state, (new, variances)

    h, (params, variances) = lax.scan(step, h, params)
    return params, h, variances.reshape(-1)


def _scaled(layer: Any, params: Any, h: jax.Array, whole: bool) -> _Passed:
    if isinstance(layer, Residual):
        params, out, variances = _scaled(layer.branch, params, h, whole)
        return params, h + out, variances
    if isinstance(layer, Stack):
        return _scaled_stack(layer.layer, params, h, whole)
    if isinstance(layer, Chained):
        own, parts = [], []
        for each, given in zip(layer.layers, params, strict=True):
            new, h, variances = _scaled(each, given, h, whole)
            own.append(new)
            parts.append(variances)
        return tuple(own), h, jnp.concatenate(parts)

    def over_examples(call: Any) -> jax.Array:
        return call(h) if whole else jax.vmap(call)(h)

    if not hasattr(layer, "preactivation") or "weight" not in params:
        return params, over_examples(lambda each: layer(params, each)), _none(h)
    bare = {name: value for name, value in params.items() if name != "bias"}
    z = over_examples(lambda each: layer.preactivation(bare, each))
    # What is left at h = 0 is the bias; (z + b) - z would be rounding where z is large.
    rest = jnp.zeros_like(h if whole else h[0])
    b = jnp.broadcast_to(layer.preactivation(params, rest), z.shape)
    g, variance = _factor(z, b)
    params = params | {"weight": params["weight"] * g.astype(h.dtype)}
    return params, over_examples(lambda each: layer(params, each)), variance[None]


def _none(h: jax.Array) -> jax.Array:
    return jnp.zeros((0,), _wide(h))


def _wide(h: jax.Array) -> np.dtype:
    # Half precision is too short for sums of squares.
    return jnp.dtype(jnp.float32) if h.dtype.itemsize == 2 else h.dtype


def _factor(z: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return g, and the variance of g z + b: 0 where z does not vary, inf where b varies too much."""
    z, b = z.astype(_wide(z)), b.astype(_wide(z))
    # Unit scale first, so that squares and sums of tiny or huge z stay in range.
    size = jnp.max(jnp.abs(z))
    unit = z / jnp.where(size > 0, size, 1)
    unit, b = unit - jnp.mean(unit), b - jnp.mean(b)
    square, cross, rest = jnp.mean(unit * unit), jnp.mean(unit * b), jnp.mean(b * b) - 1
    root = jnp.sqrt(jnp.maximum(cross * cross - square * rest, 0))
    # The positive root, of its two forms the one that does not cancel.
    g = jnp.where(cross > 0, -rest / (cross + root), (root - cross) / square)
    fine = (square > 0) & (rest < 0)
    g = jnp.where(fine, g, 1)
    failed = jnp.where(jnp.isnan(square), jnp.nan, jnp.where(square > 0, jnp.inf, 0))
    variance = jnp.where(fine, jnp.mean((g * unit + b) ** 2), failed)
    return jnp.where(fine, g / jnp.where(size > 0, size, 1), 1), variance


def _check(found: list) -> None:
    """Refuse layers that could not be scaled, naming the first.

    Raises:
        UsageError: if the pre-activations of a layer do not vary, or its biases vary too much.
        NonFiniteError: if a state overflowed.
    """
    for place, value in enumerate(np.concatenate([np.asarray(each) for each in found]), start=1):
        if value == 0:
            raise UsageError(
                f"W h of weight {place} does not vary over these data and units, expected a variance "
                "above 0: the data are constant or a layer before it is dead"
            )
        if np.isposinf(value):
            raise UsageError(
                f"the biases of weight {place} alone have variance 1 or more, expected less: no factor "
                "on the weights makes the variance of z equal to 1"
            )
        if np.isnan(value):
            raise NonFiniteError(
                f"the pre-activations of weight {place} overflow on these data: scale the weights down"
            )
