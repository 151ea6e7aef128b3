"""What does a finite width add to the slope of the log gradient over depth, for any activation?

To first order in 1/n, a layer of Gaussian weights adds to the mean of log |Ju|^2

    -(3 rho - 1)/2n                      log of a mean over n units, rho = E phi'^4/(E phi'^2)^2
    (log chi)' m_l + (log chi)'' s_l/2   the lengths fluctuate: q_l + d, m = E d, s = E d^2,
                                         s' = V'^2 s + sigma_w^4 Var(phi^2)/n,  m' = V' m + V'' s/2
    C_l (k - 1)                          u leans towards the state h: C = E cos^2(u, h), since the same
                                         weights carry both

    C' = (C a^2 + E phi^2 phi'^2/n) / (E phi^2 E phi'^2),   a = E phi phi' g,   k = E phi'^2 g^2/E phi'^2,

g = the part of z that the weights bring, scaled to variance 1. |Ju| and |J^T v| have the same law for
uniform unit u and v. A *prediction*; terms of order 1/n^2 are left out. First line: Hanin and Nica, CMP
2020; for ReLU and linear layers it is all there is, and `finite_width` has the exact law.
"""

from typing import Any, NamedTuple

import numpy as np

from gradchain.activations import Activation
from gradchain.gaussian import expectation, moment

# The square root of the float64 error of a moment, and so of a second difference.
_STEP = 1e-3


class WidthCorrections(NamedTuple):
    """What a width adds, (L, K): to log |Ju|^2 in each layer, and how far lengths scatter about q_l.

    `scatter` is sqrt(s_l) / q_l. The expansion needs it small: beyond some 0.3 (gelu with He weights,
    whose lengths leave an unstable fixed point) the sum of its terms says nothing.
    """

    added: np.ndarray
    scatter: np.ndarray


def _moments(phi: Activation, q: np.ndarray) -> dict[str, np.ndarray]:
    """Return the moments of the module's text at lengths (m,), for weights that bring all of q."""

    def over(function: Any) -> np.ndarray:
        return np.asarray(expectation(function, q, phi.kinks).value)

    square, slope = (np.asarray(moment(phi, m, q).value) for m in ("square", "slope_square"))
    found = {
        "square": square,
        "slope": slope,
        "rho": np.asarray(moment(phi, "slope_fourth", q).value) / slope**2,
        "fourth": over(lambda x: phi(x) ** 4),
        "cross": over(lambda x: (phi(x) * phi.derivative(x)) ** 2),
        "lean": over(lambda x: phi(x) * phi.derivative(x) * x) / np.sqrt(q),
        "tilt": over(lambda x: (phi.derivative(x) * x) ** 2) / q / slope - 1,
        "growth": np.asarray(moment(phi, "square_growth", q).value),
    }
    found["bend"] = _differences(phi, "square", q, log=False)[1]
    found["first"], found["second"] = _differences(phi, "slope_square", q, log=True)
    return found


def _differences(phi: Activation, name: str, q: np.ndarray, log: bool) -> tuple[Any, Any]:
    """Return first and second derivative of a moment, or of its logarithm, by the length."""
    values = [np.asarray(moment(phi, name, q * f).value) for f in (1 - _STEP, 1.0, 1 + _STEP)]
    low, middle, high = (np.log(v) if log else v for v in values)
    step = q * _STEP
    return (high - low) / (2 * step), (high - 2 * middle + low) / step**2


def width_corrections(
    phi: Activation,
    sigma_w: np.ndarray,
    sigma_b: float,
    q: np.ndarray,
    width: int,
    spread: float = 0.0,
) -> WidthCorrections:
    """Return what a width of n adds to the mean of log |Ju|^2 in each layer; see the module's text.

    Args:
        phi: the activation.
        sigma_w: (K,) weight scales, above 0.
        sigma_b: bias scale.
        q: (L, K) lengths of the pre-activations at infinite width, above 0.
        width: n.
        spread: variance of the first length over networks and inputs, relative to its square.

    Returns:
        Two arrays (L, K), *predictions* of first order in 1/n. Cost: a dozen integrals a distinct length.

    Example:
        >>> from gradchain import activations
        >>> q = np.ones((3, 1))
        >>> found = width_corrections(activations.relu, np.array([2**0.5]), 0.0, q, 100)
        >>> (400 * found.added).round(9)[:, 0].tolist()
        [-10.0, -10.0, -10.0]
    """
    distinct, places = np.unique(q, return_inverse=True)
    table = {
        name: column[places.reshape(q.shape)] for name, column in _moments(phi, distinct).items()
    }
    own = sigma_w**2 * table["square"]
    weight = own / (own + sigma_b**2)
    noise = sigma_w**4 * np.maximum(table["fourth"] - table["square"] ** 2, 0) / width
    shift, lean = np.zeros_like(q[0]), np.full_like(q[0], 1 / width)
    wide = spread * q[0] ** 2
    added, scatter = np.empty_like(q), np.empty_like(q)
    for layer in range(len(q)):
        scatter[layer] = np.sqrt(wide) / q[layer]
        m = {name: column[layer] for name, column in table.items()}
        bent = np.where(
            np.abs(m["first"]) * q[layer] < 1e-9, 0.0, m["first"] * shift + m["second"] * wide / 2
        )
        fluctuation = (3 * m["rho"] - 1) / 2 / width
        added[layer] = bent + lean * (weight[layer] * m["tilt"]) - fluctuation
        slope = sigma_w**2 * m["growth"]
        shift = slope * shift + sigma_w**2 * m["bend"] * wide / 2
        wide = slope**2 * wide + noise[layer]
        turned = lean * weight[layer] * m["lean"] ** 2 + m["cross"] / width
        lean = turned / (m["square"] * m["slope"])
    return WidthCorrections(added, scatter)
