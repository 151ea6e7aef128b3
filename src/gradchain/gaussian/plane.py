"""E f(U1) g(U2) for two correlated Gaussians, with the error of the rule.

    U1 = sqrt(q1) Z1,   U2 = sqrt(q2) (c Z1 + r Z2),   r = sqrt((1 - c)(1 + c))

The inner integral over Z2 is cut where g changes, (k / sqrt(q2) - c z1) / r for each kink k; the outer
one where f changes, and around the places where the inner cut comes past: k / (c sqrt(q2)) + m r / c,
m = -8, -3, 0, 3, 8, since an inner kink leaves a layer of that width in the outer integrand (without
these cuts the error at c = 0.9999 is 7e-6). c = 1 and c = -1 are integrals over one Gaussian. Cost:
about 2e5 values of g a pair. The error is an *estimate*, see `line`: of the outer rule, with the
inner errors carried along.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain.gaussian.line import COARSE, FINE, Estimate, around, error_of, expect, pieces

END = 12.0  # exp(-72) = 5e-32
_IN_Z = (0.0, 1.513, 3.027, 4.541, 6.053, 8.071, END)
_IN_X = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_LAYER = np.array([-8.0, -3.0, 0.0, 3.0, 8.0])


def _cut(points: Any, xp: Any) -> Any:
    # The fixed points and these, along the last axis.
    fixed = np.unique(np.concatenate([-np.array(_IN_Z), _IN_Z])).astype(points.dtype)
    lead = (1,) * (points.ndim - 1)
    everywhere = xp.broadcast_to(
        xp.asarray(fixed).reshape((*lead, -1)), (*points.shape[:-1], fixed.size)
    )
    return xp.sort(xp.concatenate([everywhere, xp.clip(points, -END, END)], axis=-1), axis=-1)


def apart(f: Callable, g: Callable, q1, q2, c, kinks_f, kinks_g, xp: Any = jnp) -> Estimate:
    """Integrate for |c| < 1, q1 and q2 above 0; all scalars.

    Args:
        f: entry by entry; with `xp` NumPy it takes and returns NumPy arrays.
        g: likewise.
        q1: variance of U1.
        q2: variance of U2.
        c: correlation.
        kinks_f: points where f or a derivative of it jumps.
        kinks_g: likewise for g.
        xp: `jax.numpy`, or `numpy` to stay on the host without compilation.

    Returns:
        Value and error.
    """
    s1, s2 = xp.sqrt(q1), xp.sqrt(q2)
    r = xp.sqrt((1 - c) * (1 + c))
    dtype = s1.dtype
    inner_x = xp.asarray(around(kinks_g, _IN_X), dtype) / s2
    # Where c = 0 the inner integral does not depend on z1: any cut will do.
    bent = xp.abs(c) > 1e-3
    steep = xp.where(bent, c, 1.0)
    centres = xp.asarray(sorted({0.0, *(float(kink) for kink in kinks_g)}), dtype) / (s2 * steep)
    layers = (centres[:, None] + xp.asarray(_LAYER, dtype)[None, :] * (r / steep)).ravel()
    own = xp.asarray(around(kinks_f, _IN_X), dtype) / s1
    edges = _cut(xp.concatenate([own, inner_x / steep, xp.where(bent, layers, 0.0)]), xp)

    def inner(z1: Any) -> tuple[Any, Any]:
        # Nodes z1 of any shape: the mean of g given each, and the error of that mean.
        lead = (1,) * z1.ndim
        within = _cut((inner_x.reshape((*lead, -1)) - c * z1[..., None]) / r, xp)
        z, weights, _ = pieces(within, FINE, xp)
        values = g(s2 * (c * z1[..., None, None] + r * z))
        parts = (weights * values).sum(axis=-1)
        size = (weights * xp.abs(values)).sum(axis=-1)
        z, weights, _ = pieces(within, COARSE, xp)
        coarse = (weights * g(s2 * (c * z1[..., None, None] + r * z))).sum(axis=-1)
        return parts.sum(axis=-1), error_of(parts, coarse, size, xp).sum(axis=-1)

    def outer(points: int) -> tuple[Any, Any, Any]:
        z, weights, _ = pieces(edges, points, xp)
        mean, error = jax.lax.map(inner, z) if xp is jnp else inner(z)
        weighted = weights * f(s1 * z)
        carried = (xp.abs(weighted) * error).sum()
        return (weighted * mean).sum(axis=-1), xp.abs(weighted * mean).sum(axis=-1), carried

    parts, size, carried = outer(FINE)
    coarse, _, _ = outer(COARSE)
    rounding = 32 * float(np.finfo(dtype).eps) * size.sum()
    error = error_of(parts, coarse, size, xp).sum() + carried + rounding
    total = parts.sum()
    return Estimate(total, xp.where(xp.isfinite(total), error, xp.inf))


def expect_pair(
    f: Callable,
    g: Callable,
    q1: jax.Array,
    q2: jax.Array,
    c: jax.Array,
    kinks_f: Sequence[float] = (),
    kinks_g: Sequence[float] = (),
) -> Estimate:
    """Return E f(U1) g(U2) with an estimate of its error, in the type of q1.

    Args:
        f: a function of arrays, entry by entry, of `jnp` operations.
        g: likewise.
        q1: variance of U1, a float scalar of at least 0.
        q2: variance of U2, likewise.
        c: correlation, from -1 to 1.
        kinks_f: points where f or a derivative of it jumps (static).
        kinks_g: likewise for g.

    Returns:
        Value and error, scalars. Differentiable in q1, q2 and c inside (-1, 1).

    Example:
        >>> value, error = expect_pair(jnp.abs, jnp.abs, *map(jnp.float32, (1.0, 1.0, 0.0)))
        >>> bool(abs(value - 2 / jnp.pi) <= error)
        True
    """
    q1, q2, c = (jnp.asarray(each) for each in (q1, q2, c))
    least = jnp.asarray(1e-60 if q1.dtype.itemsize == 8 else 1e-30, q1.dtype)
    safe1, safe2 = jnp.maximum(q1, least), jnp.maximum(q2, least)
    together, opposed = c >= 1, c <= -1
    safe_c = jnp.where(together | opposed, jnp.asarray(0.5, c.dtype), c)
    ratio = jnp.sqrt(safe2 / safe1)
    sign = jnp.where(opposed, -1.0, 1.0).astype(q1.dtype)
    # On the lines c = 1 and c = -1 both arguments are multiples of one Gaussian. The kinks of g lie
    # where sign * ratio * x = k; all equal q share ratio 1, other ratios are left to the rule.
    mirrored = tuple({*kinks_f, *kinks_g, *(-kink for kink in kinks_g)})
    line = expect(lambda x: f(x) * g(sign * ratio * x), safe1, mirrored)
    plane = apart(f, g, safe1, safe2, safe_c, kinks_f, kinks_g)
    on_line = together | opposed
    error = jnp.where(on_line, line.error, plane.error)
    return Estimate(jnp.where(on_line, line.value, plane.value), jax.lax.stop_gradient(error))
