"""E f(sqrt(q) Z) for one Gaussian Z, with the error of the rule.

    E f(sqrt(q) Z) = integral over z of f(sqrt(q) z) exp(-z^2/2) / sqrt(2 pi)

The line is cut where the density changes (fixed points in z) and where f changes: at 0, at each
declared kink k, and at k +- 1, 2, 4, ... 64, all divided by sqrt(q). Each piece takes a
Gauss-Legendre rule of 24 points, and one of 16 beside it for the error. Gauss-Hermite would be wrong
by percents on a kink. Cost: some 60 to 90 pieces of 40 values of f.

The error is an *estimate*: for each piece min(a, a (200 d / a)^(3/2)) with d the difference of the two
rules and a the integral of |f| over the piece (Piessens et al., QUADPACK, 1983), plus the rounding of
the sum. A piece that still matters at the end of the line makes the error infinite: the mean
diverges, or is met too far out.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

END = 38.0  # exp(-38^2/2) is the last normal float64
# Odd numbers on purpose: a cut at k / sqrt(q) that falls on one of these has no derivative in q.
# Half a unit a piece follows sin(sqrt(q) z) up to q of some thousands.
_IN_Z = (*(0.5063 * step for step in range(17)), 10.07, 13.09, 17.11, 22.13, 29.17, END)
_IN_X = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
FINE, COARSE = 24, 16
_NODES = {points: np.polynomial.legendre.leggauss(points) for points in (FINE, COARSE)}
# The share of the whole that the outermost pieces may hold before the mean counts as diverging.
_TAIL = 1e-9


class Estimate(NamedTuple):
    """A value and how far it may be off, both of the shape of the input; a pytree.

    `error` is an *estimate* of the absolute error, infinite where the mean diverges.
    """

    value: Any
    error: Any


def cuts(kinks: Sequence[float], deviation: Any, xp: Any = jnp) -> Any:
    """Return the sorted points where the line is cut, END at the most.

    Args:
        kinks: points x where f or a derivative of it jumps; 0 is added.
        deviation: sqrt(q), an array of any shape, above 0.
        xp: `jax.numpy`, or `numpy` to stay on the host without compilation.

    Returns:
        (..., m) points in z, from -END to END; pieces of no length cost work and nothing else.
    """
    dtype = deviation.dtype
    in_z = np.unique(np.concatenate([-np.array(_IN_Z), _IN_Z])).astype(dtype)
    in_x = xp.asarray(around(kinks, _IN_X), dtype)
    shape = (*deviation.shape, -1)
    lead = (1,) * deviation.ndim
    scaled = xp.clip(in_x.reshape((*lead, -1)) / deviation[..., None], -END, END)
    fixed = xp.broadcast_to(xp.asarray(in_z).reshape((*lead, -1)), (*deviation.shape, in_z.size))
    return xp.sort(xp.concatenate([fixed, scaled.reshape(shape)], axis=-1), axis=-1)


def around(kinks: Sequence[float], steps: Sequence[float]) -> np.ndarray:
    """Return 0 and the kinks, each with a ladder of points on both sides.

    Args:
        kinks: points x.
        steps: distances of the ladder.

    Returns:
        Sorted points x, without doubles.
    """
    centres = np.array(sorted({0.0, *(float(kink) for kink in kinks)}))
    offsets = np.concatenate([[0.0], steps, -np.asarray(steps)])
    return np.unique((centres[:, None] + offsets[None, :]).ravel())


def pieces(edges: Any, points: int, xp: Any = jnp) -> tuple[Any, Any, Any]:
    """Return nodes and weights of a Gauss-Legendre rule on each piece.

    The cuts are differentiated too: the mean of a step changes with q only because its cut moves.

    Args:
        edges: (..., m) sorted.
        points: 24 or 16.
        xp: `jax.numpy` or `numpy`.

    Returns:
        Three arrays (..., m - 1, points): nodes z, weights with the Gaussian density in them, and
        whether the density is above 0: where it underflowed, f may overflow, and 0 * inf is NaN.
    """
    lead = (1,) * edges.ndim
    nodes, weights = (xp.asarray(each.reshape((*lead, -1)), edges.dtype) for each in _NODES[points])
    half = (edges[..., 1:] - edges[..., :-1])[..., None] / 2
    middle = (edges[..., 1:] + edges[..., :-1])[..., None] / 2
    z = middle + half * nodes
    density = xp.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return z, half * weights * density, density > 0


def error_of(fine: Any, coarse: Any, size: Any, xp: Any = jnp) -> Any:
    """Estimate the error of the fine rule on each piece; see the module's text.

    Args:
        fine: integrals by the finer rule.
        coarse: by the coarser.
        size: integrals of |f|.
        xp: `jax.numpy` or `numpy`.

    Returns:
        Estimates, of the same shape.
    """
    tiny = np.finfo(fine.dtype).tiny
    safe = xp.maximum(size, tiny)
    ratio = xp.minimum(200.0 * xp.abs(fine - coarse) / safe, 1.0)
    return safe * ratio * xp.sqrt(xp.maximum(ratio, tiny))


def integral(f: Callable, deviation: Any, kinks: Sequence[float], xp: Any = jnp) -> Estimate:
    """Return E f(deviation Z) for deviations above 0, as many as given.

    Args:
        f: entry by entry; with `xp` NumPy it takes and returns NumPy arrays.
        deviation: an array of any shape.
        kinks: points x where f or a derivative of it jumps.
        xp: `jax.numpy` or `numpy`.

    Returns:
        Value and error, of the shape of `deviation`.
    """
    edges = cuts(kinks, deviation, xp)
    scale = deviation[..., None, None]
    z, weights, known = pieces(edges, FINE, xp)
    values = xp.where(known, f(scale * z), 0.0)
    parts = (weights * values).sum(axis=-1)
    size = (weights * xp.abs(values)).sum(axis=-1)
    z, weights, known = pieces(edges, COARSE, xp)
    coarse = (weights * xp.where(known, f(scale * z), 0.0)).sum(axis=-1)
    total = size.sum(axis=-1)
    rounding = 16 * float(np.finfo(edges.dtype).eps) * total
    outer = xp.abs((edges[..., 1:] + edges[..., :-1]) / 2) > 29.0
    last = xp.where(outer, size, 0.0).sum(axis=-1)
    lost = (last > _TAIL * total) | ~xp.isfinite(total)
    error = error_of(parts, coarse, size, xp).sum(axis=-1) + rounding
    mean = parts.sum(axis=-1)
    # Where f overflowed on the way the mean is beyond the type: infinite, not "not a number".
    return Estimate(xp.where(xp.isnan(mean), xp.inf, mean), xp.where(lost, xp.inf, error))


def expect(f: Callable, q: jax.Array, kinks: Sequence[float] = ()) -> Estimate:
    """Return E f(sqrt(q) Z) with an estimate of its error, in the type of q.

    At q = 0 the value is f(0) where f is continuous there, and the limit from above where f jumps.

    Args:
        f: a function of arrays, entry by entry, of `jnp` operations; its own parameters may be traced.
        q: a float scalar of at least 0; use `jax.vmap` for more.
        kinks: points x where f or a derivative of it jumps (static).

    Returns:
        Value and error, scalars. Differentiable in q and in parameters of f.

    Example:
        >>> value, error = expect(jnp.abs, jnp.float32(1.0))
        >>> bool(abs(value - math.sqrt(2 / math.pi)) <= error)
        True
    """
    q = jnp.asarray(q)
    at_zero = q <= 0
    # So small that f is at its limits of 0.
    deviation = jnp.where(at_zero, 1e-30, jnp.sqrt(jnp.where(at_zero, 1.0, q)))
    value, error = integral(f, deviation.astype(q.dtype), kinks)
    error = jax.lax.stop_gradient(error)
    # Large enough that the slope in q is not lost to rounding.
    least = jnp.asarray(1e-12 if q.dtype.itemsize == 8 else 1e-6, q.dtype)
    shift = jnp.where(at_zero, q - jax.lax.stop_gradient(q), 0.0)
    near = integral(f, jnp.sqrt(least + shift), kinks).value
    return Estimate(value + (near - jax.lax.stop_gradient(near)), error)
