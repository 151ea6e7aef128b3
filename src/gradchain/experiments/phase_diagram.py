"""How fast do gradients change with depth at a point of the (sigma_w, sigma_b) plane: theory, and nets?

Networks start at the length q that mean field says they keep, so the prediction of infinite width is the
same in every layer: (1/2) log chi nats of the norm. What a width n adds is in
`gradchain.predicted.width_slope`. With Gaussian weights |Ju| and |J^T v| have the same law for uniform
unit u and v, so the forward product is followed: no states are kept. Infinite width: Schoenholz et al.,
ICLR 2017.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations
from gradchain._errors import UsageError
from gradchain.activations import Activation
from gradchain.experiments.lanes import draw_keys
from gradchain.gaussian import moment
from gradchain.predicted.mean_field import critical_sigma_w, mean_field, phase_diagram
from gradchain.predicted.width_slope import width_corrections

ACTIVATIONS = ("tanh", "erf", "sigmoid", "relu")
# Their slopes do not depend on the length, so any will do.
_SCALE_FREE = ("relu", "leaky_relu", "identity")


class Expected(NamedTuple):
    """Slopes of the log gradient norm in nats a layer, (K,) each: at infinite width, and at width n."""

    infinite: np.ndarray
    at_width: np.ndarray


def lengths(activation: str, sigma_w: Sequence[float], sigma_b: float) -> np.ndarray:
    """Return the lengths q that networks keep, 1 where any will do (relu), or none is kept.

    Args:
        activation: its name.
        sigma_w: (K,) weight scales.
        sigma_b: bias scale.

    Returns:
        (K,) *predictions* of infinite width.

    Raises:
        UsageError: if a length is 0: such networks have no state to start from.

    Example:
        >>> lengths("relu", (1.0, 2.0), 0.3).round(12).tolist()
        [0.18, 1.0]
    """
    found = phase_diagram(activation, np.asarray(sigma_w, np.float64), [sigma_b]).q[:, 0]
    if activation in _SCALE_FREE:
        found = np.where(found == 0, 1.0, found)
    if (found == 0).any():
        raise UsageError(
            f"got {activation} with sigma_b {sigma_b:g}, where all states shrink to 0 at some sigma_w; "
            "expected a larger sigma_b"
        )
    return np.where(np.isfinite(found), found, 1.0)


def expected(
    activation: str, sigma_w: Sequence[float], sigma_b: float, width: int, depth: int
) -> Expected:
    """Predict the slope of the log gradient norm over the first `depth` layers.

    Args:
        activation: its name.
        sigma_w: (K,) weight scales, above 0.
        sigma_b: bias scale.
        width: n, for the correction of first order in 1/n.
        depth: L; what the correction accumulates.

    Returns:
        *Predictions* in nats a layer.

    Example:
        >>> found = expected("relu", (2.0**0.5,), 0.0, 100, 50)
        >>> float(found.infinite[0].round(12)), float((found.at_width[0] * 400).round(9))
        (0.0, -5.0)
    """
    phi, scale = activations.get(activation), np.asarray(sigma_w, np.float64)
    q = lengths(activation, sigma_w, sigma_b)
    infinite = np.log(scale**2 * np.asarray(moment(phi, "slope_square", q).value)) / 2
    stays = np.broadcast_to(q, (depth, len(q)))
    total = width_corrections(phi, scale, sigma_b, stays, width).added.sum(axis=0)
    return Expected(infinite, infinite + total / (2 * depth))


@partial(jax.jit, static_argnames=("phi", "width", "depth"))
def _followed(
    keys: jax.Array,
    sigma_w: jax.Array,
    sigma_b: jax.Array,
    start: jax.Array,
    phi: Activation,
    width: int,
    depth: int,
) -> jax.Array:
    """Return log |Ju| for each key and lane; all lanes of a key share the drawn numbers."""

    def one(key: jax.Array) -> jax.Array:
        inside, outside, inner = jax.random.split(key, 3)
        x = jax.random.normal(inside, (width,), jnp.float32)
        u = jax.random.normal(outside, (width,), jnp.float32)
        h = (x / jnp.linalg.norm(x))[:, None] * start[None]
        u = jnp.broadcast_to((u / jnp.linalg.norm(u))[:, None], h.shape)

        def layer(carry: tuple, place: jax.Array) -> tuple:
            h, u, log = carry
            weight_key, bias_key = jax.random.split(jax.random.fold_in(inner, place))
            weight = jax.random.normal(weight_key, (width, width), jnp.float32)
            bias = jax.random.normal(bias_key, (width,), jnp.float32)
            both = jnp.matmul(
                weight, jnp.concatenate([h, u], axis=1), precision=lax.Precision.HIGHEST
            ) * np.float32(width**-0.5)
            moved, turned = jnp.split(both, 2, axis=1)
            z = moved * sigma_w[None] + bias[:, None] * sigma_b
            u = turned * sigma_w[None] * phi.derivative(z)
            size = jnp.sqrt(jnp.sum(u * u, axis=0))
            safe = jnp.where(size == 0, jnp.ones_like(size), size)
            return (phi(z), u / safe[None], log + jnp.log(size)), None

        zero = jnp.zeros_like(start)
        (_, _, log), _ = lax.scan(layer, (h, u, zero), jnp.arange(depth, dtype=jnp.uint32))
        return log

    return lax.map(one, keys)


def measured_slopes(
    activation: str,
    sigma_w: Sequence[float],
    sigma_b: float,
    width: int,
    depth: int,
    seeds: int,
    seed: int,
) -> np.ndarray:
    """Measure (1/L) log |Ju| in random networks, u a random unit vector; |J^T v| has the same law.

    Args:
        activation: its name.
        sigma_w: (K,) weight scales, above 0; all see the same drawn numbers.
        sigma_b: bias scale.
        width: n.
        depth: L.
        seeds: number of networks S.
        seed: seed of the draws.

    Returns:
        (S, K) float64, nats a layer; -inf for a network with a dead layer. Inputs have the length that
        mean field says is kept. Cost 4 n^2 K L operations a network.

    Raises:
        UsageError: a width below 2, a sigma_w that is not positive, or states that shrink to 0.

    Example:
        >>> measured_slopes("relu", (1.0, 2.0), 0.0, 16, 5, 3, seed=0).shape
        (3, 2)
    """
    if width < 2 or depth < 1 or seeds < 1:
        raise UsageError(
            f"got width {width}, depth {depth}, {seeds} seeds: expected at least 2, 1, 1"
        )
    scale = np.asarray(sigma_w, np.float64)
    if scale.ndim != 1 or not scale.size or not (scale > 0).all():
        raise UsageError(f"got sigma_w {list(sigma_w)}, expected positive numbers")
    q = lengths(activation, sigma_w, sigma_b)
    start = np.sqrt(np.maximum(q - sigma_b**2, 0) * width) / scale
    logs = _followed(
        draw_keys(seed, seeds),
        jnp.asarray(scale.astype(np.float32)),
        jnp.asarray(np.float32(sigma_b)),
        jnp.asarray(start.astype(np.float32)),
        activations.get(activation),
        width,
        depth,
    )
    return np.asarray(logs, np.float64) / depth


def crossing(sigma_w: Sequence[float], slopes: np.ndarray) -> float:
    """Return where a curve of slopes first rises through 0, by a straight line in log sigma_w.

    Args:
        sigma_w: (K,) increasing.
        slopes: (K,).

    Returns:
        The weight scale; NaN if the curve does not cross.

    Example:
        >>> round(crossing((1.0, 4.0), np.array([-1.0, 1.0])), 12)
        2.0
    """
    rises = np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] >= 0))
    if not rises.size:
        return math.nan
    k = int(rises[0])
    logs = np.log(np.asarray(sigma_w, np.float64))
    share = -slopes[k] / (slopes[k + 1] - slopes[k])
    return float(np.exp(logs[k] + share * (logs[k + 1] - logs[k])))


def plane(activation: str, sigma_w: np.ndarray, sigma_b: np.ndarray) -> dict[str, np.ndarray]:
    """Compute chi, depth scales and the critical line of an activation.

    Args:
        activation: its name.
        sigma_w: (m,) weight scales.
        sigma_b: (k,) bias scales.

    Returns:
        `sigma_w`, `sigma_b`, `chi` and `xi` = xi_c (m, k), and `line` (k,), the critical sigma_w for
        each sigma_b (for relu sqrt 2 throughout: with a bias no length is kept there, but chi = 1).
    """
    found = phase_diagram(activation, sigma_w, sigma_b)
    if activation == "relu":
        line = np.full(len(sigma_b), math.sqrt(2))
    else:
        line = np.array([float(critical_sigma_w(activation, float(b))) for b in sigma_b])
    return {
        "sigma_w": np.asarray(sigma_w),
        "sigma_b": np.asarray(sigma_b),
        "chi": found.chi,
        "xi": found.xi_c,
        "line": line,
    }


def depth_scales(activation: str, sigma_b: float) -> dict[str, np.ndarray]:
    """Compute the depth scale around the critical line, the denser the nearer.

    Args:
        activation: its name.
        sigma_b: bias scale.

    Returns:
        `ratio` (m,), sigma_w over its critical value, and `ratio_xi` (m,), xi_c there in layers; NaN
        where no length is kept (relu in the chaotic phase).
    """
    step = np.geomspace(1e-4, 1.2, 60)
    ratio = np.concatenate([1 - step[step < 0.8][::-1], 1 + step])
    critical = (
        math.sqrt(2) if activation == "relu" else float(critical_sigma_w(activation, sigma_b))
    )
    found = phase_diagram(activation, ratio * critical, [sigma_b])
    return {"ratio": ratio, "ratio_xi": found.xi_c[:, 0]}


def depth_scale(activation: str, sigma_w: float, sigma_b: float = 0.0) -> float:
    """Return xi_c, the depth over which two inputs remember their correlation.

    Args:
        activation: its name.
        sigma_w: weight scale.
        sigma_b: bias scale.

    Returns:
        Layers; infinite at the critical point.
    """
    return float(mean_field(activation, sigma_w, sigma_b).xi_c)
