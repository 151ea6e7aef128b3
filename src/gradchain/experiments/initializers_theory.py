"""What does mean-field theory say of many laws and activations at once, and what does a finite width add?

`Maps` tabulates Gaussian moments of an activation on a grid of log q and interpolates, so that all
recipes, layers and networks are looked up in no time. Infinite width:

    q_{l+1} = V(q_l),   log E|g_0|^2/|g_L|^2 = sum_l log chi(q_l).

First order in 1/n, a *prediction* for networks of their own lengths q_l (variance of z_l given h_{l-1}):

    fluctuations  E log r = log E r - (3 kappa - 1)/(2n), kappa = E phi'^4/(E phi'^2)^2, for the factor r
                  of a layer of independent entries; -(3 kappa - 3)/(2n) for orthogonal matrices
    the radius    W_l has been used: W_l h_{l-1} = z_l is known. The share of g_l along h_l, 1/n at first,
                  is multiplied by V'(q)^2 q_l/q_{l+1} and not by chi, which tells where V' > chi

For relu (kappa 2) and linear networks (1) it is the log-normal law's -5/(2n) and -1/n. Not in it: what
uniform biases do to the Gaussian law of z (softsign with PyTorch's default loses a little more), and
fluctuations of the radial part once it dominates (softplus with He's weights). The first term is that of
Hanin and Nica, Comm. Math. Phys. 376 (2020), there for relu; the second takes W given W h = z apart into
its action on h and on what is orthogonal to h.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gradchain import activations as library
from gradchain.experiments.initializers import RECIPES, Followed
from gradchain.gaussian import expectation, moment

_LOW, _HIGH, _POINTS = math.log(1e-10), math.log(1e8), 241


class Maps(NamedTuple):
    """Logarithms on the grid, (G,) each, x = sqrt(q) Z.

    `square` E phi^2, `slope` E phi'^2, `kappa` E phi'^4 / (E phi'^2)^2, `growth` d/dq E phi^2, `cross`
    E phi^2 phi'^2, `weighted` E x^2 phi'^2 / q.
    """

    square: np.ndarray
    slope: np.ndarray
    kappa: np.ndarray
    growth: np.ndarray
    cross: np.ndarray
    weighted: np.ndarray


@lru_cache(maxsize=64)
def maps(activation: str) -> Maps:
    """Tabulate an activation.

    Args:
        activation: its name.

    Returns:
        The table. Cost half a second, or nearly nothing where moments have closed forms.
    """
    phi, q = library.get(activation), np.exp(np.linspace(_LOW, _HIGH, _POINTS))
    square, slope, fourth, growth = (
        _log(moment(phi, name, q).value)
        for name in ("square", "slope_square", "slope_fourth", "square_growth")
    )
    cross, weighted = (
        _log(expectation(f, q, phi.kinks).value)
        for f in (
            lambda x: (phi(x) * phi.derivative(x)) ** 2,
            lambda x: (x * phi.derivative(x)) ** 2,
        )
    )
    return Maps(square, slope, fourth - 2 * slope, growth, cross, weighted - np.log(q))


def _log(values: np.ndarray) -> np.ndarray:
    # The moments of sin that vanish like exp(-2q) underflow; nothing depends on how small they are.
    return np.log(np.maximum(np.asarray(values, np.float64), 1e-300))


def look_up(table: np.ndarray, log_q: np.ndarray | float) -> np.ndarray:
    """Interpolate a table by cubics through four neighbours.

    Below the grid a moment is a whole power of q; above, tables go on along their last chord.

    Args:
        table: (G,) values on the grid of log q.
        log_q: any shape.

    Returns:
        Values, within some 1e-5 of the moments' own inside the grid.

    Example:
        >>> look_up(np.linspace(math.log(1e-10), math.log(1e8), 241), 0.0).round(9) + 0.0
        np.float64(0.0)
    """
    place = (np.asarray(log_q, np.float64) - _LOW) / (_HIGH - _LOW) * (_POINTS - 1)
    place = np.where(np.isfinite(place), place, 0.0)
    first = np.clip(np.floor(place).astype(int) - 1, 0, _POINTS - 4)
    t = np.clip(place, 0, _POINTS - 1) - first
    a, b, c, d = (table[first + k] for k in range(4))
    inside = (
        -a * (t - 1) * (t - 2) * (t - 3) / 6
        + b * t * (t - 2) * (t - 3) / 2
        - c * t * (t - 1) * (t - 3) / 2
        + d * t * (t - 1) * (t - 2) / 6
    )
    below, above = np.minimum(place, 0), np.maximum(place - (_POINTS - 1), 0)
    step = (_HIGH - _LOW) / (_POINTS - 1)
    power = round(float(table[1] - table[0]) / step) * step
    return np.asarray(inside + below * power + above * (table[-1] - table[-2]))


class Predicted(NamedTuple):
    """At infinite width, (L,) natural logarithms: `length` log q_l, `factor` log chi(q_l)."""

    length: np.ndarray
    factor: np.ndarray


def infinite(recipe: str, activation: str, width: int, depth: int) -> Predicted:
    """Predict what a recipe does at infinite width (n enters through the recipe's variances alone).

    Args:
        recipe: a name in `RECIPES`.
        activation: its name.
        width: n.
        depth: L.

    Returns:
        Lengths and factors of layers 1 to L, for an input of mean square 1.

    Example:
        >>> found = infinite("he_gaussian", "relu", 100, 10)
        >>> bool(np.abs(found.factor).max() < 1e-6)
        True
    """
    table, own = maps(activation), RECIPES[recipe]
    log_w, var_b = 2 * math.log(own.sigma_w(width)), own.sigma_b(width) ** 2
    log_q = math.log(math.exp(log_w) + var_b)
    lengths = np.empty(depth)
    for index in range(depth):
        lengths[index] = log_q
        log_q = log_w + float(look_up(table.square, log_q))
        if var_b:
            log_q = math.log(math.exp(log_q) + var_b)
    return Predicted(lengths, log_w + look_up(table.slope, lengths))


def finite(recipe: str, activation: str, width: int, state: np.ndarray) -> np.ndarray:
    """Predict log |g_0|^2/|g_L|^2 of networks from their own lengths, to first order in 1/n.

    Args:
        recipe: a name in `RECIPES`.
        activation: its name.
        width: n, at least 2.
        state: (S, L) log mean(h_{l-1}^2) of the networks.

    Returns:
        (S,) expected logarithms, for an isotropic g_L.
    """
    table, own, n = maps(activation), RECIPES[recipe], width
    w, var_b = own.sigma_w(n) ** 2, own.sigma_b(n) ** 2
    q_w = w * np.exp(np.asarray(state, np.float64))
    q = q_w + var_b
    with np.errstate(divide="ignore"):
        log_q = np.log(q)
    square, slope, kappa, growth, cross, weighted = (np.exp(look_up(each, log_q)) for each in table)
    chi, rho = w * slope, w * cross / square
    # How a gradient along h_l comes out along h_{l-1}, by the slope of the length map; how others do.
    keeps = w * growth**2 * q_w / square
    turns = w * (q_w / q * weighted + var_b / q * slope) - keeps
    radial, total = np.full(len(q), 1 / n), np.zeros(len(q))
    for index in range(q.shape[1] - 1, -1, -1):
        at = (slice(None), index)
        through = (n * chi[at] - rho[at]) / (n - 1) * (1 - radial) + rho[at] * radial
        along = np.maximum(turns[at] / (n - 1) * (1 - radial) + keeps[at] * radial, 0.0)
        left = through if own.base == "orthogonal" else through * (1 - 1 / n) + along
        total += np.log(left)
        radial = np.minimum(along / left, 1.0)
    spared = 3.0 if own.base == "orthogonal" else 1.0
    return total - ((3 * kappa - spared) / (2 * n)).sum(axis=1)


def kept(recipe: str, activations: tuple[str, ...], width: int, found: Followed) -> dict:
    """Reduce what was followed to what tables, numbers and figures need.

    Args:
        recipe: a name in `RECIPES`.
        activations: the A names.
        width: n.
        found: what `initializers.follow` gave.

    Returns:
        `length` and `factor` (S, L, A) as float32, `finite` (S, A): the sum over layers of the factors
        that each network's own lengths predict.
    """
    own = [finite(recipe, name, width, found.state[:, :, i]) for i, name in enumerate(activations)]
    return {
        "length": found.length.astype(np.float32),
        "factor": found.factor.astype(np.float32),
        "finite": np.stack(own, axis=1),
    }
