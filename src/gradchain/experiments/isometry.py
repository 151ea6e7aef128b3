"""How do the singular values of real Jacobians lie beside the law of infinite width?

Networks at the critical point (chi_1 = 1) of one bias scale, Gaussian or orthogonal weights, a real
forward pass from an input of the length that is kept. Their layer Jacobians come from
`layer_jacobians`, singular values of products of any depth from `log_singular_values_of`.

Prediction: `gradchain.predicted.isometry` at infinite width, `second_moments` and Newman's exponents
(`gradchain.predicted.lyapunov`) at finite width. Cost: a QR or two of an n x n matrix a layer.
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gradchain import initializers
from gradchain._errors import UsageError
from gradchain.experiments.lanes import draw_inputs, draw_weights
from gradchain.measured.build import network_from_weights
from gradchain.measured.jacobian import layer_jacobians
from gradchain.measured.spectrum import log_singular_values_of, lyapunov_exponents_of
from gradchain.predicted.isometry import SingularValueLaw, singular_value_law
from gradchain.predicted.mean_field import critical_sigma_w

ACTIVATIONS = ("identity", "relu", "tanh")
WEIGHTS = ("gaussian", "orthogonal")
BIAS = {"identity": 0.0, "relu": 0.0, "tanh": 0.3}
"""The bias scale of each activation; tanh has a length to keep only with a bias."""
_DRAW = {"gaussian": "lecun_gaussian", "orthogonal": "orthogonal"}


@functools.lru_cache(maxsize=8)
def critical(activation: str) -> tuple[float, float]:
    """Return the weight scale with chi_1 = 1 at the activation's bias scale, and the length kept there.

    Args:
        activation: one of `ACTIVATIONS`.

    Returns:
        (sigma_w, q); q = 1 where any is kept.
    """
    found = critical_sigma_w(activation, BIAS[activation])
    return float(found), float(found.q) if math.isfinite(found.q) else 1.0


def jacobians(
    activation: str, weights: str, width: int, depth: int, seed: int, draw: int
) -> np.ndarray:
    """Return the layer Jacobians J_1 .. J_L of one random network at the critical point.

    Args:
        activation: one of `ACTIVATIONS`.
        weights: "gaussian" or "orthogonal".
        width: n.
        depth: L.
        seed: seed of the draws.
        draw: number of the network; the first layers do not depend on the depth.

    Returns:
        (L, n, n) float64, exact but for the rounding of float32 in each factor.

    Raises:
        UsageError: an unknown law, or sizes below 1.

    Example:
        >>> jacobians("relu", "orthogonal", 4, 3, seed=0, draw=0).shape
        (3, 4, 4)
    """
    if activation not in ACTIVATIONS or weights not in WEIGHTS:
        raise UsageError(
            f"got {activation!r}, {weights!r}: expected one of {ACTIVATIONS}, {WEIGHTS}"
        )
    if min(width, depth) < 1:
        raise UsageError(f"got width {width} and depth {depth}, expected at least 1 of each")
    keys = _key(seed, draw)
    law = initializers.get(_DRAW[weights])
    scale, q = critical(activation)
    drawn = np.asarray(draw_weights(keys, law, width, depth))[0] * np.float32(scale)
    bias = BIAS[activation]
    shifts = _biases(keys[0], depth, width) * np.float32(bias) if bias else [None] * depth
    x = np.asarray(draw_inputs(keys, width))[0]
    x = x * np.float32(math.sqrt((q - bias**2) * width) / scale / np.linalg.norm(x))
    network = network_from_weights(list(drawn), list(shifts), activation=activation)
    return np.concatenate([np.asarray(b, np.float64) for b in layer_jacobians(network, x).blocks])


def _key(seed: int, draw: int) -> jax.Array:
    # That of `lanes.draw_keys`, without a program for every number of draws.
    base = jax.random.key(np.uint32(seed), impl="threefry2x32")
    return jax.random.fold_in(base, np.uint32(draw))[None]


@functools.partial(jax.jit, static_argnames=("depth", "width"))
def _normal_rows(key: jax.Array, depth: int, width: int) -> jax.Array:
    # A layer's biases do not depend on how many layers there are.
    own = jax.vmap(lambda layer: jax.random.fold_in(key, layer))(
        jnp.arange(depth, dtype=jnp.uint32)
    )
    return jax.vmap(lambda k: jax.random.normal(k, (width,), jnp.float32))(own)


def _biases(key: jax.Array, depth: int, width: int) -> np.ndarray:
    return np.asarray(_normal_rows(jax.random.fold_in(key, 2**31), depth, width))


def spectra(
    activation: str, weights: str, width: int, depths: Sequence[int], draws: int, seed: int
) -> np.ndarray:
    """Measure all singular values of J = J_d ... J_1 at several depths.

    Args:
        activation: one of `ACTIVATIONS`.
        weights: "gaussian" or "orthogonal".
        width: n.
        depths: G increasing depths.
        draws: number of networks S.
        seed: seed of the draws.

    Returns:
        (S, G, n) natural logarithms, descending; -inf where dead units force a zero.

    Raises:
        UsageError: if depths do not increase.

    Example:
        >>> bool(abs(spectra("identity", "orthogonal", 4, (1, 50), 2, seed=0)).max() < 1e-4)
        True
    """
    if not depths or list(depths) != sorted(set(depths)) or depths[0] < 1:
        raise UsageError(f"got depths {list(depths)}, expected increasing numbers of at least 1")
    found = np.empty((draws, len(depths), width))
    for draw in range(draws):
        factors = jacobians(activation, weights, width, depths[-1], seed, draw)
        for place, depth in enumerate(depths):
            found[draw, place] = log_singular_values_of(factors[:depth]).log_values
    return found


def tops(
    activation: str, weights: str, width: int, depths: Sequence[int], draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the largest singular value and the mean fourth power of all, at several depths.

    Args:
        activation: one of `ACTIVATIONS`.
        weights: "gaussian" or "orthogonal".
        width: n.
        depths: G increasing depths; so few that the product does not overflow.
        draws: number of networks S.
        seed: seed of the draws.

    Returns:
        s_max and tr (J J^T)^2 / n, (S, G) each.
    """
    top, fourth = np.empty((draws, len(depths))), np.empty((draws, len(depths)))
    for draw in range(draws):
        factors = jacobians(activation, weights, width, depths[-1], seed, draw)
        product = np.eye(width)
        for depth, factor in enumerate(factors, 1):
            product = factor @ product
            if depth in depths:
                values = np.linalg.svd(product, compute_uv=False)
                place = list(depths).index(depth)
                top[draw, place] = values[0]
                fourth[draw, place] = (values**4).sum() / width
    return top, fourth


@functools.lru_cache(maxsize=32)
def law_of(activation: str, weights: str, depth: int) -> SingularValueLaw:
    """Return the law of infinite width; once, because finding its support takes a second.

    Args:
        activation: one of `ACTIVATIONS`.
        weights: "gaussian" or "orthogonal".
        depth: L.

    Returns:
        The law of the squared singular values.
    """
    return singular_value_law(activation, depth, weights, BIAS[activation])


def law_shares(activation: str, weights: str, depth: int, edges: np.ndarray) -> np.ndarray:
    """Predict which share of all singular values lies in each bin of log10 s.

    Args:
        activation: one of `ACTIVATIONS`.
        weights: "gaussian" or "orthogonal".
        depth: L.
        edges: (B + 1,) increasing decimal logarithms of s.

    Returns:
        (B,) shares, a *prediction* of infinite width; atoms at 0 lie in no bin. Error some 1e-6
        for bins of a tenth of a decade.
    """
    law = law_of(activation, weights, depth)
    found = np.zeros(len(edges) - 1)
    for square, share in law.atoms:
        if square > 0:
            found[
                np.clip(np.searchsorted(edges, math.log10(square) / 2) - 1, 0, len(found) - 1)
            ] += share
    if law.support is None:
        return found
    # Each bin by itself, by Gauss-Legendre in the root of the distance from its upper end: there the
    # density may end like a square root.
    nodes, weight = np.polynomial.legendre.leggauss(8)
    root, weight = (nodes + 1) / 2, weight / 2
    top = np.minimum(edges[1:], math.log10(law.support[1]) / 2)
    wide = np.maximum(top - edges[:-1], 0.0)
    s = 10.0 ** (top[:, None] - wide[:, None] * root**2)
    values = law.singular_value_density(s) * s * math.log(10)
    return found + (values * root * weight).sum(axis=1) * 2 * wide


def law_curve(activation: str, weights: str, depth: int, logs: np.ndarray) -> np.ndarray:
    """Predict the density of log10 s.

    Args:
        activation: one of `ACTIVATIONS`.
        weights: "gaussian" or "orthogonal".
        depth: L.
        logs: (m,) decimal logarithms of s.

    Returns:
        (m,) densities a decade, atoms left out; zeros where there are only atoms.
    """
    law = law_of(activation, weights, depth)
    if law.support is None:
        return np.zeros(len(logs))
    s = 10.0 ** np.asarray(logs)
    return law.singular_value_density(s) * s * math.log(10)


def exponents(width: int, depth: int, blocks: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Measure the Lyapunov exponents of products of Gaussian matrices with entries N(0, 1).

    Args:
        width: n.
        depth: how many factors.
        blocks: for the standard error.
        seed: seed of the draws.

    Returns:
        (n,) exponents in nats a factor, descending, and their standard errors.

    Example:
        >>> values, errors = exponents(2, 200, 20, seed=0)
        >>> bool(abs(values[0] - 0.057966) < 6 * errors[0])
        True
    """
    source = np.random.default_rng([seed, width])
    factors = source.normal(size=(depth, width, width))
    found = lyapunov_exponents_of(factors, blocks=blocks, discard=0)
    return found.values, found.standard_error
