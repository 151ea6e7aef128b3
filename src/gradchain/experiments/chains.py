"""How large are the Jacobians of random networks, depth by depth, beside the bounds that hold?

For an activation, an initializer, a width and many seeds: the exact spectral norm ||dh_l/dh_0||_2 at
chosen depths, its root mean square over directions at every depth, the weights' spectral norms and
the slopes, from which the bounds follow:

    sure bound    prod_k sup|phi'| ||W_k||_2          local bound  prod_k max_i |phi'(z_k,i)| ||W_k||_2

Inputs have independent N(0, 1) entries, biases are 0, float32. Cost at width 100, depth 100 and 100
seeds: 8 to 10 s on one core for five activations together, half of it SVDs.
"""

import math
from collections.abc import Sequence
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
    spectral_norms,
)
from gradchain.measured.build import network_from_weights
from gradchain.measured.factors import gradient_factors
from gradchain.measured.layers import Dense
from gradchain.measured.network import Network, Run

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "gelu")
INITIALIZERS = ("glorot_uniform", "he_normal", "lecun_normal", "orthogonal", "unit_spectral")
# Their square matrices have the 2-norm 1 by construction; a test holds them to it.
_UNIT_NORM = ("orthogonal", "unit_spectral")
_LN10 = math.log(10.0)


class Sweep(NamedTuple):
    """Decimal logarithms and slopes of S networks a lane, as NumPy arrays.

    `log10_norm` (S, A, G): ||dh_d/dh_0||_2 at the depths asked for. `log10_square` (S, A, L):
    ||dh_l/dh_0||_F^2 / n, the mean over directions v of |Jv|^2/|v|^2. `log10_weight` (S, L):
    ||W_l||_2. `mean_slope`, `top_slope` (S, A, L). A dead chain has -inf.
    """

    depths: np.ndarray
    log10_norm: np.ndarray
    log10_square: np.ndarray
    log10_weight: np.ndarray
    mean_slope: np.ndarray
    top_slope: np.ndarray


def sweep(
    activations: Sequence[str],
    initializer: str,
    width: int,
    depths: Sequence[int],
    seeds: int,
    seed: int,
    weight_norms: bool = True,
) -> Sweep:
    """Follow `seeds` networks for each activation, all sharing the same weights and inputs.

    Args:
        activations: names, A of them.
        initializer: name of the law of the weights.
        width: units a layer, n.
        depths: G increasing depths at which the spectral norm is taken; the last is L.
        seeds: number of networks S.
        seed: seed of the draws.
        weight_norms: whether ||W_l||_2 is taken too (what bounds need, and a third of the cost);
            if not, `log10_weight` holds NaN.

    Returns:
        A `Sweep`. Exact but for the rounding of float32, about l n eps in a logarithm.

    Raises:
        UsageError: if depths are not increasing positive numbers, or a count is not positive.

    Example:
        >>> found = sweep(("sigmoid", "relu"), "orthogonal", 4, (1, 3), seeds=2, seed=0)
        >>> found.log10_norm.shape, bool((found.log10_norm[:, 0, 1] <= 3 * np.log10(0.25)).all())
        ((2, 2, 2), True)
    """
    if list(depths) != sorted(set(depths)) or not depths or min(depths) < 1:
        raise UsageError(f"got depths {list(depths)}, expected increasing numbers of at least 1")
    if min(width, seeds) < 1:
        raise UsageError(f"got width {width} and {seeds} seeds, expected at least 1 of each")
    phis = tuple(library.get(name) for name in activations)
    law = initializers.get(initializer)
    keys, depth = draw_keys(seed, seeds), depths[-1]
    one, none = jnp.ones(1, jnp.float32), jnp.zeros(1, jnp.float32)
    stops = jnp.asarray(np.array(depths, np.int32))
    parts = []
    size = chunk_of(seeds, 4 * depth * width**2)
    for first in range(0, seeds, size):
        own = keys[first : first + size]
        weights, inputs = draw_weights(own, law, width, depth), draw_inputs(own, width)
        (mantissa, exponent), seen = follow(weights, inputs, stops, one, none, phis, False, True)
        norms = np.full((size, depth), 1.0 if weight_norms else np.nan)
        if weight_norms and law.name not in _UNIT_NORM:
            norms = np.asarray(spectral_norms(weights), np.float64)
        squares = log10_scaled(seen.square / width, 2 * seen.exponent)
        parts.append((
            np.swapaxes(log10_scaled(mantissa, exponent)[..., 0], 1, 2),
            np.swapaxes(squares[..., 0], 1, 2),
            np.log10(norms),
            np.swapaxes(np.asarray(seen.mean_slope)[..., 0], 1, 2),
            np.swapaxes(np.asarray(seen.top_slope)[..., 0], 1, 2),
        ))
    joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Sweep(np.asarray(depths), *joined)


def slope_sup(activation: str) -> float:
    """Return sup|phi'| of an activation, as a float64 rounded up.

    Args:
        activation: its name.

    Returns:
        The supremum.

    Raises:
        UsageError: if none is declared.
    """
    sup = library.get(activation).derivative_sup
    if sup is None:
        raise UsageError(
            f"activation {activation} declares no supremum of its slope; bounds need it"
        )
    return sup


def log10_upper(
    log10_weight: np.ndarray, activation: str, top_slope: np.ndarray | None = None
) -> np.ndarray:
    """Bound the spectral norm of the first l layers from above, for every l.

    Args:
        log10_weight: (..., L), log10 ||W_l||_2.
        activation: its name.
        top_slope: (..., L), max_i |phi'(z_l,i)| for the local bound; sup|phi'| if not given.

    Returns:
        (..., L) decimal logarithms, an *upper bound* at index l - 1 for depth l; -inf where a layer
        is dead.

    Example:
        >>> bool(np.isclose(log10_upper(np.zeros(2), "sigmoid")[1], 2 * np.log10(0.25)))
        True
    """
    slopes = slope_sup(activation) if top_slope is None else top_slope
    with np.errstate(divide="ignore"):
        logs = np.log10(np.asarray(slopes, np.float64))
    return np.cumsum(log10_weight + logs, axis=-1)


def drawn_network(
    activation: str, initializer: str, width: int, depth: int, seed: int, draw: int
) -> tuple[Network, jax.Array]:
    """Return one network of a sweep, with its input, as `gradchain.measured` knows networks.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: L.
        seed: the sweep's seed.
        draw: which of its networks, from 0.

    Returns:
        (network, x): what `sweep` followed at place `draw`.

    Example:
        >>> network, x = drawn_network("tanh", "he_normal", 3, 5, seed=0, draw=1)
        >>> network.depth, x.shape
        (5, (3,))
    """
    keys = draw_keys(seed, draw + 1)[draw:]
    weights = draw_weights(keys, initializers.get(initializer), width, depth)
    network = network_from_weights(list(np.asarray(weights[0])), activation=activation)
    return network, draw_inputs(keys, width)[0]


def factor_sweep(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int
) -> dict[str, np.ndarray]:
    """Split every layer's weight gradient into error signal, slope and input, for many networks.

    The error dE/dh_L at the output is a random direction of length 1.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: L.
        seeds: number of networks S.
        seed: as for `sweep`; the same networks.

    Returns:
        `error`, `slope`, `input`, `gradient`: (S, L) decimal logarithms of ||dE/dh_l||, of the root
        mean square of phi'(z_l), of ||h_{l-1}|| and of ||dE/dW_l||_F.

    Example:
        >>> found = factor_sweep("sigmoid", "glorot_uniform", 4, 20, seeds=2, seed=0)
        >>> bool((found["error"][:, 0] < -10).all()), bool((found["slope"] > -1).all())
        (True, True)
    """
    phi, law = library.get(activation), initializers.get(initializer)
    keys = draw_keys(seed, seeds)

    def one(weights: jax.Array, x: jax.Array, key: jax.Array) -> object:
        direction = jax.random.normal(jax.random.fold_in(key, 2**31), (width,), jnp.float32)
        cotangent = direction / jnp.linalg.norm(direction)
        layer = Dense(phi)
        network = Network((Run(layer, {"weight": weights}, depth),))  # type: ignore[arg-type]
        return gradient_factors(network, x, cotangent)

    split = jax.jit(jax.vmap(one))
    size, parts = chunk_of(seeds, 4 * depth * width**2), []
    for first in range(0, seeds, size):
        own = keys[first : first + size]
        found = split(draw_weights(own, law, width, depth), draw_inputs(own, width), own)
        parts.append((
            found.log_error_signal,
            found.log_slope,
            found.log_input,
            found.log_weight_gradient,
        ))
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    names = ("error", "slope", "input", "gradient")
    return {n: c.astype(np.float64) / _LN10 for n, c in zip(names, columns, strict=True)}
