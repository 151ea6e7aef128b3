"""How far apart are the gradients of networks that differ only in their draw?

Square chains of width n, real weights and a real forward pass, no biases:

    z_l = W_l h_{l-1},  h_l = phi(z_l),  t_l = phi'(z_l) * (W_l t_{l-1}),   W_ij ~ N(0, gain/n),

with t_0 a unit vector drawn independently of everything; gain 2 for relu (He), 1 for identity. The
logarithm of |t_l|^2 = |J_l u|^2 is noted at every depth: exact up to float32 rounding, some
l eps sqrt(n). States and vectors are brought to length 1 in each layer (these activations are
homogeneous, J u is linear in u), so nothing underflows. All activations share the weights of a draw.

Prediction: `gradchain.predicted.finite_width.log_norm_law`. Cost: n^2 normal draws a layer and network.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations as library
from gradchain import initializers
from gradchain._errors import UsageError
from gradchain._types import whole_number
from gradchain.activations import Activation
from gradchain.experiments.lanes import draw_keys
from gradchain.predicted.finite_width import LogNormLaw, log_norm_law
from gradchain.predicted.gains import gain

NETWORKS = ("relu", "identity")
"""The activations with an exact law that the study follows."""


def log_squares(
    activations: Sequence[str], width: int, depth: int, seeds: int, seed: int
) -> np.ndarray:
    """Measure log |J_l u|^2 of many networks at every depth.

    Args:
        activations: names among relu, leaky_relu, prelu and identity, A of them.
        width: n.
        depth: L.
        seeds: number of networks S.
        seed: seed of the draws.

    Returns:
        (S, A, L) float64, natural logarithms, index l - 1 for the first l layers; -inf from a dead
        layer on.

    Raises:
        UsageError: an activation that is not homogeneous, or a size that is no whole number.

    Example:
        >>> found = log_squares(("relu", "identity"), 4, 3, seeds=5, seed=0)
        >>> found.shape, bool(np.isfinite(found[:, 1]).all())
        ((5, 2, 3), True)
    """
    phis = tuple(library.get(name) for name in activations)
    for phi in phis:
        if phi.name not in {"relu", "leaky_relu", "prelu", "identity"}:
            raise UsageError(f"got {phi}, expected relu, leaky_relu, prelu or identity")
    sizes = {"width": width, "depth": depth, "seeds": seeds}
    n, layers, count = (whole_number(name, value) for name, value in sizes.items())
    scales = np.array([float(gain(phi).backward) for phi in phis], np.float32)
    steps = _follow(draw_keys(seed, count), jnp.asarray(scales), phis, n, layers)
    totals = np.cumsum(2 * np.asarray(steps, np.float64), axis=1)
    return np.ascontiguousarray(np.moveaxis(totals, 1, 2))


@partial(jax.jit, static_argnames=("phis", "width", "depth"))
def _follow(
    keys: jax.Array, scales: jax.Array, phis: tuple[Activation, ...], width: int, depth: int
) -> jax.Array:
    """Return the logarithm of |t_l| / |t_{l-1}|, (draws, L, A)."""
    law = initializers.get("lecun_gaussian")
    count = len(phis)

    def one(key: jax.Array) -> jax.Array:
        start = jax.random.fold_in(key, 0)
        h = jax.random.normal(jax.random.fold_in(start, 0), (width,), jnp.float32)
        u = jax.random.normal(jax.random.fold_in(start, 1), (width,), jnp.float32)
        ends, _ = _unit(jnp.stack([h, u], axis=1))
        both = jnp.repeat(ends, count, axis=1)

        def layer(columns: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
            weight = law.sample(jax.random.fold_in(key, index), (width, width), jnp.float32)
            product = jnp.matmul(weight, columns, precision=lax.Precision.HIGHEST)
            z = product[:, :count] * scales[None]
            own = [phi.derivative(z[:, i]) for i, phi in enumerate(phis)]
            t = product[:, count:] * scales[None] * jnp.stack(own, axis=1)
            states = [phi(z[:, i]) for i, phi in enumerate(phis)]
            h, _ = _unit(jnp.stack(states, axis=1))  # type: ignore[arg-type]
            t, size = _unit(t)
            return jnp.concatenate([h, t], axis=1), jnp.log(size)

        return lax.scan(layer, both, jnp.arange(1, depth + 1, dtype=jnp.uint32))[1]

    return lax.map(one, keys)


def _unit(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Bring columns to length 1; columns of 0 stay 0."""
    size = jnp.sqrt(jnp.sum(x * x, axis=0))
    return x / jnp.where(size > 0, size, jnp.ones_like(size))[None], size


class Moments(NamedTuple):
    """Mean and variance over the networks without a dead layer, with their standard errors.

    `alive` of all `drawn` networks have none.
    """

    mean: float
    mean_error: float
    variance: float
    variance_error: float
    alive: int
    drawn: int


def moments(log_square: np.ndarray) -> Moments:
    """Estimate mean and variance of log |Ju|^2, given no dead layer.

    Args:
        log_square: (S,) natural logarithms; -inf for a dead chain.

    Returns:
        The estimates. The standard error of the variance is sqrt((m_4 - v^2)/S), right for any law
        with four moments and many networks.

    Raises:
        UsageError: if fewer than three networks are alive.

    Example:
        >>> moments(np.array([1.0, 2.0, 3.0, -np.inf])).mean
        2.0
    """
    own = log_square[np.isfinite(log_square)]
    count = own.size
    if count < 3:
        raise UsageError(f"got {count} networks without a dead layer, expected at least 3")
    mean = math.fsum(own) / count
    centred = own - mean
    variance = math.fsum(centred**2) / (count - 1)
    fourth = math.fsum(centred**4) / count
    doubt = math.sqrt(max(fourth - variance**2, 0.0) / count)
    return Moments(mean, math.sqrt(variance / count), variance, doubt, count, int(log_square.size))


def law_of(activation: str, width: int, depth: int) -> LogNormLaw:
    """Return the exact law of the chains that `log_squares` draws.

    Args:
        activation: one of `NETWORKS`.
        width: n.
        depth: L.

    Returns:
        The law.

    Raises:
        UsageError: another activation.
    """
    if activation not in NETWORKS:
        raise UsageError(f"got {activation!r}, expected one of {', '.join(NETWORKS)}")
    return log_norm_law(activation, width, depth)


def inside(log_square: np.ndarray, law: LogNormLaw, share: float) -> tuple[int, int]:
    """Count the networks inside the law's central band.

    Args:
        log_square: (S,) natural logarithms; -inf for a dead chain.
        law: the exact law.
        share: of the probability in the band, such as 0.9.

    Returns:
        (inside, alive): how many of the networks without a dead layer.
    """
    own = log_square[np.isfinite(log_square)]
    low, high = law.quantile((1 - share) / 2), law.quantile((1 + share) / 2)
    return int(((own >= low) & (own <= high)).sum()), int(own.size)
