"""How are hundreds of networks followed at once, exactly and without underflow?

One *draw* is a stack of weights W_1 .. W_L and an input; one *lane* is what an activation, a weight
scale s and a bias b make of them:

    z_l = s W_l h_{l-1} + b,   h_l = phi(z_l),   P_l = dh_l/dh_0 = diag(s phi'(z_l)) W_l P_{l-1}.

All lanes of a draw share the weights (common random numbers), so a layer is one product of W_l with
all their matrices side by side. P_l is kept as float32 mantissas with one power of two a lane
(exact), so norms are right at any depth up to rounding, about l n eps in the logarithm. A network of
depth d is the first d layers of the deepest one. States of a ReLU network can underflow too, and a
state rounded to 0 would look like dead units; without biases such an activation only cares for signs,
so its states are rescaled by powers of two as well (exact).

Cost: 2 n^3 operations a lane and layer, and an SVD of an n x n matrix a lane where asked. Draws go
one after the other (`lax.map`), so that a lane's matrices stay in the processor's cache: four times
faster at n = 100 than batching them.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain.activations import Activation
from gradchain.initializers import Initializer
from gradchain.scaled import bits

SATURATED = 0.01
# phi(c z) = c phi(z) for c > 0, so the size of a state without biases does not matter.
_HOMOGENEOUS = ("relu", "leaky_relu", "identity")
_HOT_BYTES = 2**26


class Layers(NamedTuple):
    """What is noted at every layer and lane: arrays (draws, L, activations, scales).

    `square` and `exponent`: ||P_l||_F^2 = square * 4**exponent. `mean_slope`, `top_slope`: mean and
    largest |phi'(z_l)|. `saturated`: share of units with |phi'(z)| below 1 % of its supremum.
    """

    square: jax.Array
    exponent: jax.Array
    mean_slope: jax.Array
    top_slope: jax.Array
    saturated: jax.Array


def draw_keys(seed: int, draws: int) -> jax.Array:
    """Return one key a draw.

    Args:
        seed: from 0 to 2**32 - 1.
        draws: how many.

    Returns:
        (draws,) keys; the first k are the same however many are asked for.
    """
    base = jax.random.key(np.uint32(seed), impl="threefry2x32")
    return jax.vmap(lambda number: jax.random.fold_in(base, number))(
        jnp.arange(draws, dtype=jnp.uint32)
    )


@partial(jax.jit, static_argnames=("initializer", "width", "depth"))
def draw_weights(keys: jax.Array, initializer: Initializer, width: int, depth: int) -> jax.Array:
    """Draw square weights in float32.

    Args:
        keys: (draws,).
        initializer: the law.
        width: n.
        depth: L. Layer l of a draw does not depend on L.

    Returns:
        (draws, L, n, n), index [:, l - 1] being W_l.
    """
    layers = jnp.arange(1, depth + 1, dtype=jnp.uint32)

    def one(key: jax.Array) -> jax.Array:
        own = jax.vmap(lambda layer: jax.random.fold_in(key, layer))(layers)
        return jax.vmap(lambda k: initializer.sample(k, (width, width), jnp.float32))(own)

    return lax.map(one, keys)


def draw_inputs(keys: jax.Array, width: int) -> jax.Array:
    """Draw inputs with independent N(0, 1) entries.

    Args:
        keys: (draws,).
        width: n.

    Returns:
        (draws, n) float32.
    """
    return jax.vmap(lambda k: jax.random.normal(jax.random.fold_in(k, 0), (width,), jnp.float32))(
        keys
    )


def chunk_of(draws: int, bytes_each: int) -> int:
    """Return how many draws to hold at once: a divisor of all of them, so that one program serves.

    Args:
        draws: how many in all.
        bytes_each: memory of one draw.

    Returns:
        The largest divisor of `draws` that stays within 64 MB and 50 draws, at least 1.

    Example:
        >>> chunk_of(100, 4_000_000), chunk_of(100, 40_000)
        (10, 50)
    """
    limit = min(50, max(1, _HOT_BYTES // bytes_each))
    return max(size for size in range(1, min(limit, draws) + 1) if draws % size == 0)


@jax.jit
def spectral_norms(matrices: jax.Array) -> jax.Array:
    """Return the largest singular value of each matrix, by LAPACK's SVD.

    Args:
        matrices: (draws, layers, n, n).

    Returns:
        (draws, layers), exact up to a few eps relative.
    """
    return lax.map(lambda one: jnp.linalg.svd(one, compute_uv=False)[:, 0], matrices)


@partial(jax.jit, static_argnames=("activations", "biased", "spectral"))
def follow(
    weights: jax.Array,
    inputs: jax.Array,
    stops: jax.Array,
    scales: jax.Array,
    biases: jax.Array,
    activations: tuple[Activation, ...],
    biased: bool,
    spectral: bool,
) -> tuple[tuple[jax.Array, jax.Array], Layers]:
    """Follow all lanes of all draws through all layers.

    Args:
        weights: (draws, L, n, n) float32.
        inputs: (draws, n) float32.
        stops: (G,) int32, increasing depths, the last being L.
        scales: (K,) float32, the factors s.
        biases: (K,) float32, the biases b that go with them.
        activations: the A activations phi.
        biased: False only if all biases are 0.
        spectral: whether the 2-norm is taken at each stop.

    Returns:
        Mantissas and exponents of ||P_l||_2 at the stops, each (draws, G, A, K) (zeros unless
        asked for), and the `Layers`.
    """
    width, depth = weights.shape[-1], weights.shape[1]
    lanes = (len(activations), scales.shape[0])
    noted = jnp.zeros((depth, *lanes), jnp.float32)
    sups = [activation.derivative_sup for activation in activations]
    limits = jnp.asarray(np.array(sups, np.float32) * np.float32(SATURATED))

    def layer(index: jax.Array, carry: tuple, stack: jax.Array) -> tuple:
        h, p, exponent, seen = carry
        weight = lax.dynamic_index_in_dim(stack, index, keepdims=False)
        z = _times(weight, h.reshape(width, -1)).reshape(h.shape)
        z = z * scales[None, None] + biases[None, None]
        slopes = _by_activation(activations, z, slope=True)
        h = _by_activation(activations, z, slope=False)
        if not biased:
            h = _rescale_homogeneous(activations, h)
        p = _times(weight, p.reshape(width, -1)).reshape(p.shape)
        p = p * (slopes * scales[None, None])[..., None]
        top = jnp.max(jnp.abs(p), axis=(0, 3))
        own = bits.binary_exponent(top)
        p = p * bits.power_of_two(-own, p.dtype)[None, :, :, None]
        exponent = jnp.where(top == 0, 0, exponent + own)
        size = jnp.abs(slopes)
        values = Layers(
            jnp.sum(p * p, axis=(0, 3)),
            exponent,
            jnp.mean(size, axis=0),
            jnp.max(size, axis=0),
            jnp.mean((size < limits[None, :, None]).astype(jnp.float32), axis=0),
        )
        seen = jax.tree.map(
            lambda all_layers, own_value: all_layers.at[index].set(own_value), seen, values
        )
        return h, p, exponent, Layers(*seen)

    def one(draw: tuple[jax.Array, jax.Array]) -> tuple:
        stack, x = draw

        def block(state: tuple, stop: jax.Array) -> tuple:
            start, carry = state
            carry = lax.fori_loop(start, stop, lambda i, c: layer(i, c, stack), carry)
            exponent = carry[2]
            if not spectral:
                return (stop, carry), (jnp.zeros(lanes, jnp.float32), exponent)
            matrices = jnp.moveaxis(carry[1], 0, 2)
            largest = jnp.linalg.svd(matrices, compute_uv=False)[..., 0]
            return (stop, carry), (largest, exponent)

        h = jnp.broadcast_to(x[:, None, None], (width, *lanes))
        eye = jnp.eye(width, dtype=jnp.float32)[:, None, None, :]
        p = jnp.broadcast_to(eye, (width, *lanes, width))
        integers = jnp.zeros(noted.shape, jnp.int32)
        seen = Layers(noted, integers, noted, noted, noted)
        start = (h, p, jnp.zeros(lanes, jnp.int32), seen)
        (_, carry), sizes = lax.scan(block, (jnp.int32(0), start), stops)
        return sizes, carry[3]

    return lax.map(one, (weights, inputs))


def _times(weight: jax.Array, columns: jax.Array) -> jax.Array:
    return jnp.matmul(weight, columns, precision=lax.Precision.HIGHEST)


def _by_activation(activations: tuple[Activation, ...], z: jax.Array, slope: bool) -> jax.Array:
    """Apply each activation, or its slope, to its own lanes of z (n, A, K)."""
    parts = [
        activation.derivative(z[:, i]) if slope else activation(z[:, i])
        for i, activation in enumerate(activations)
    ]
    return jnp.stack(parts, axis=1)  # type: ignore[arg-type]


def _rescale_homogeneous(activations: tuple[Activation, ...], h: jax.Array) -> jax.Array:
    """Bring the states (n, A, K) of homogeneous activations to a largest entry in [1/2, 1)."""
    free = np.array([activation.name in _HOMOGENEOUS for activation in activations])
    own = bits.binary_exponent(jnp.max(jnp.abs(h), axis=0))
    own = jnp.where(free[:, None], own, jnp.zeros_like(own))
    return h * bits.power_of_two(-own, h.dtype)[None]


def log10_scaled(mantissa: jax.Array | np.ndarray, exponent: jax.Array | np.ndarray) -> np.ndarray:
    """Return log10(mantissa * 2**exponent) in float64; -inf where the mantissa is 0.

    Args:
        mantissa: non-negative floats.
        exponent: whole numbers of the same shape.

    Returns:
        float64 array.

    Example:
        >>> log10_scaled(np.array([0.5]), np.array([-999])).round(3).tolist()
        [-301.03]
    """
    wide = np.asarray(mantissa, np.float64)
    dead = wide == 0
    logs = np.log10(np.where(dead, 1.0, wide)) + np.asarray(exponent) * np.log10(2.0)
    return np.where(dead, -np.inf, logs)
