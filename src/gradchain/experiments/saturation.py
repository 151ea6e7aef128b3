"""How does a saturating activation lose its gradient: with |x|, with the weights, with the bias?

Three computations:
    slope curves     phi'(x) itself, and the |x| from which plain float32 autodiff gives exactly 0
    weight scale     networks with W_ij ~ N(0, sigma_w^2/n): the gradient factor a layer against sigma_w
    bias             the same with one constant bias in every unit

The *gradient factor a layer* of one network of depth L is (||dh_L/dh_0||_F / sqrt(n))^(1/L): the
geometric mean over layers of what is left of a random direction (root mean square over directions).
Its median over networks says what is typical. Inputs have independent N(0, 1) entries, float32.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradchain import activations as library
from gradchain import initializers
from gradchain._errors import UsageError
from gradchain.experiments.lanes import (
    chunk_of,
    draw_inputs,
    draw_keys,
    draw_weights,
    follow,
    log10_scaled,
)

SATURATING = ("sigmoid", "tanh", "softsign", "erf", "hard_sigmoid", "hard_tanh")
PLAIN: dict[str, Callable[[jax.Array], jax.Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "softsign": jax.nn.soft_sign,
    "erf": jax.scipy.special.erf,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_tanh": jax.nn.hard_tanh,
}
"""What people write without this package; `jax.grad` of these is plain autodiff."""


class Scales(NamedTuple):
    """What S networks make of K weight scales (or biases), for A activations.

    `log10_factor` (S, A, K): decimal logarithm of the gradient factor a layer; -inf for a dead
    chain. `saturated` (S, A, K): share of units, over all layers, whose slope is below 1 % of its
    largest value.
    """

    log10_factor: np.ndarray
    saturated: np.ndarray


def scale_sweep(
    activations: Sequence[str],
    sigma_w: Sequence[float],
    bias: Sequence[float],
    width: int,
    depth: int,
    seeds: int,
    seed: int,
) -> Scales:
    """Follow networks at several weight scales and biases; all share the same Gaussian draws.

    Args:
        activations: names, A of them.
        sigma_w: K scales, Var(W_ij) = sigma_w^2 / n.
        bias: K biases that go with them; every unit of every layer has it.
        width: n.
        depth: L.
        seeds: number of networks S.
        seed: seed of the draws.

    Returns:
        `Scales`. Exact but for float32 rounding. Cost: 2 n^3 operations a network, layer, scale and
        activation.

    Raises:
        UsageError: if scales are not positive, or there is not one bias a scale.

    Example:
        >>> found = scale_sweep(("sigmoid",), (0.1, 30.0), (0.0, 0.0), 8, 5, seeds=2, seed=0)
        >>> bool((found.log10_factor[:, 0, 0] < -1).all())
        True
    """
    if len(bias) != len(sigma_w) or not sigma_w or min(sigma_w) <= 0:
        raise UsageError(
            f"got {len(sigma_w)} scales and {len(bias)} biases, expected as many, scales above 0"
        )
    phis = tuple(library.get(name) for name in activations)
    law = initializers.get("normal")(float(width) ** -0.5)
    keys = draw_keys(seed, seeds)
    scales = jnp.asarray(np.array(sigma_w, np.float32))
    biases = jnp.asarray(np.array(bias, np.float32))
    stops = jnp.asarray(np.array([depth], np.int32))
    parts, size = [], chunk_of(seeds, 4 * depth * width**2)
    for first in range(0, seeds, size):
        own = keys[first : first + size]
        weights, inputs = draw_weights(own, law, width, depth), draw_inputs(own, width)
        biased = any(bias)
        _, seen = follow(weights, inputs, stops, scales, biases, phis, biased, False)
        squares = log10_scaled(seen.square[:, -1] / width, 2 * np.asarray(seen.exponent[:, -1]))
        parts.append((squares / (2 * depth), np.asarray(seen.saturated).mean(axis=1)))
    return Scales(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def slope_curves(activations: Sequence[str], x: Sequence[float] | np.ndarray) -> np.ndarray:
    """Compute log10 |phi'(x)| in float64, whatever JAX's flag.

    Args:
        activations: names, A of them.
        x: (n,) points.

    Returns:
        (A, n) decimal logarithms; -inf where the slope is exactly 0.

    Example:
        >>> float(slope_curves(("sigmoid",), [0.0])[0, 0].round(4))
        -0.6021
    """
    with jax.enable_x64(True):
        points = jnp.asarray(np.asarray(x, np.float64))
        slopes = [np.abs(np.asarray(library.get(n).derivative(points))) for n in activations]
    with np.errstate(divide="ignore"):
        return np.log10(np.stack(slopes))


def autodiff_zero_from(activation: str) -> tuple[float, float]:
    """Find the x from which `jax.grad` of the plain function is exactly 0 in float32.

    Args:
        activation: a key of `PLAIN`.

    Returns:
        (x, true slope there): the smallest float32 x such that plain autodiff gives 0 at x and at
        every float32 of a fine grid above it, up to 1000; and the derivative in float64. (inf, 0) if
        there is none. Bisection over the floats: plain autodiff's rounding is taken to change from
        not 0 to 0 once.

    Raises:
        UsageError: for an activation that is not saturating.

    Example:
        >>> x, slope = autodiff_zero_from("tanh")
        >>> 7.9 < x < 8.1, slope > 1e-7
        (True, True)
    """
    if activation not in PLAIN:
        raise UsageError(f"got {activation!r}, expected one of {', '.join(PLAIN)}")
    slope = jax.jit(jax.vmap(jax.grad(PLAIN[activation])))
    grid = np.arange(0.0, 1000.0, 1 / 64, dtype=np.float32)
    alive = np.flatnonzero(np.asarray(slope(jnp.asarray(grid))) != 0)
    last = int(alive[-1]) if alive.size else -1
    if last + 1 == len(grid):
        return float("inf"), 0.0
    # Between two grid points there are few enough floats to look at every one.
    low, high = (grid[max(last, 0)].view(np.int32), grid[last + 1].view(np.int32))
    floats = np.arange(low, high + 1, dtype=np.int32).view(np.float32)
    values = np.asarray(slope(jnp.asarray(floats)))
    first = int(np.flatnonzero(values != 0)[-1]) + 1
    x = float(floats[first])
    return x, float(10.0 ** slope_curves((activation,), [x])[0, 0])


def crossing(log10_sigma: np.ndarray, log10_factor: np.ndarray) -> float:
    """Return the scale at which the factor first reaches 1, by linear interpolation of logarithms.

    Args:
        log10_sigma: (K,) increasing.
        log10_factor: (K,).

    Returns:
        log10 of the scale; NaN if the factor stays below 1.

    Example:
        >>> crossing(np.array([0.0, 1.0]), np.array([-1.0, 1.0]))
        0.5
    """
    reached = np.flatnonzero(log10_factor >= 0)
    if not reached.size:
        return float("nan")
    k = int(reached[0])
    if k == 0:
        return float(log10_sigma[0])
    low, high = log10_factor[k - 1], log10_factor[k]
    part = -low / (high - low)
    return float(log10_sigma[k - 1] + part * (log10_sigma[k] - log10_sigma[k - 1]))


def peak(log10_sigma: np.ndarray, log10_factor: np.ndarray) -> tuple[float, float]:
    """Return where a curve is highest, and how high, by a parabola through five points.

    Args:
        log10_sigma: (K,) increasing, K at least 5.
        log10_factor: (K,); -inf counts as very low.

    Returns:
        (log10 of the scale, log10 of the factor) of the parabola's top, kept between the five points.

    Example:
        >>> x = np.linspace(-1, 1, 9)
        >>> [round(v, 3) for v in peak(x, 2 - (x - 0.1) ** 2)]
        [0.1, 2.0]
    """
    top = int(np.argmax(log10_factor))
    first = min(max(top - 2, 0), len(log10_sigma) - 5)
    x, y = log10_sigma[first : first + 5], log10_factor[first : first + 5]
    if not np.isfinite(y).all():
        return float(log10_sigma[top]), float(log10_factor[top])
    middle = x[2]
    a, b, c = np.polyfit(x - middle, y, 2)
    if a >= 0:
        return float(log10_sigma[top]), float(log10_factor[top])
    shift = float(np.clip(-b / (2 * a), x[0] - middle, x[-1] - middle))
    return float(middle + shift), float(a * shift**2 + b * shift + c)


def resampled(
    curves: np.ndarray, measure: Callable[[np.ndarray], float], seed: int, rounds: int = 400
) -> tuple[float, float, float]:
    """Take a feature of the median curve, with a bootstrap interval over networks.

    Args:
        curves: (S, K), one curve a network.
        measure: feature of a (K,) curve.
        seed: seed of the resampling (it does not change the value).
        rounds: how many resamples.

    Returns:
        (value, low, high): the feature of the median curve, and the 2.5 and 97.5 % quantiles over
        resamples of the networks, widened to hold the value. Resamples without the feature (NaN) are
        left out.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap (1993), 13.3.
    """
    value = measure(np.median(curves, axis=0))
    source = np.random.default_rng(seed)
    picks = source.integers(0, len(curves), (rounds, len(curves)))
    found = np.array([measure(np.median(curves[pick], axis=0)) for pick in picks])
    found = found[~np.isnan(found)]
    if np.isnan(value) or not found.size:
        return value, value, value
    low, high = np.quantile(found, [0.025, 0.975])
    return value, float(min(low, value)), float(max(high, value))
