"""What does one layer of random gates do to the length of a vector, exactly, at any width?

|D W u|^2 = (gain / fan_in) Y for a fixed unit vector u, Gaussian W and gates d_i of 1 or a (one half
each, independent of W: for symmetric weights the signs of the units are), with

    Y = sum_{i<=n} d_i^2 g_i^2,     E exp(-lambda Y) = f(lambda)^n,
    f(lambda) = (1/2) (1 + 2 lambda)^(-1/2) + (1/2) (1 + 2 a^2 lambda)^(-1/2).

relu (a = 0): Y is chi^2 of K degrees of freedom, K ~ Bin(n, 1/2), and is taken given K >= 1.
identity (a = 1): chi^2 of n. In between, with X = log Y and E an independent exponential variable,
V = log E - X has P(V > v) = f(e^v)^n; so X has mean -gamma - E V and variance Var V - pi^2/6.
The whole law follows from E Y^-s = (1/Gamma(s)) int lambda^(s-1) f^n dlambda, taken along a ray.

Source: theorem of section "log-normal gradient norms" made exact, after Hanin and Nica, Comm. Math.
Phys. 376 (2020), arXiv:1812.05994.
"""

import math
from dataclasses import dataclass

import numpy as np

from gradchain import activations
from gradchain._errors import ActivationError
from gradchain.predicted.finite_width_special import digamma, log_gamma, trigamma

EXACT = ("identity", "relu", "leaky_relu")
_EXPONENT = 40.0  # exp(-40) is below the rounding of 1
_EULER = 0.5772156649015328606


@dataclass(frozen=True)
class Gates:
    """The slopes of a layer's units: 1 and `slope`, one half each; both 1 for identity.

    Attributes:
        slope: a, the slope on the left; 0 for relu, 1 for identity.
    """

    slope: float

    @property
    def gain(self) -> float:
        """The n Var W for which the mean square is kept: 2 / (1 + a^2)."""
        return 2 / (1 + self.slope**2)

    @property
    def kurtosis(self) -> float:
        """E d^4 / (E d^2)^2: 2 for relu, 1 for identity."""
        return 2 * (1 + self.slope**4) / (1 + self.slope**2) ** 2


def gates_of(activation: object) -> Gates:
    """Return the slopes of an activation with an exact law.

    Args:
        activation: a name or an `Activation`.

    Returns:
        Its slopes.

    Raises:
        ActivationError: if it has none, or its slope is out of range.
    """
    known = activations.get(activation)
    if known.name == "identity":
        return Gates(1.0)
    if known.name == "relu":
        return Gates(0.0)
    if known.name in {"leaky_relu", "prelu"}:
        slope = abs(float(known.parameters[0][1]))
        if slope and not 1e-6 <= slope <= 1e6:
            raise ActivationError(
                f"got {known}, expected a slope of 0 or from 1e-6 to 1e6; take relu for smaller ones"
            )
        return Gates(slope)
    raise ActivationError(
        f"got {known}, expected one of {', '.join(EXACT)}: only these have a law of log norms in "
        "closed form; gradchain.compare measures any other, gradchain.mean_field gives its mean "
        "at infinite width"
    )


def live_units(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the law of K ~ Bin(width, 1/2) given K >= 1.

    Args:
        width: n.

    Returns:
        The values that matter (all but 1e-30 of the probability) and their probabilities.
    """
    spread = 6 * math.sqrt(width) + 40
    low, high = max(1, math.floor(width / 2 - spread)), min(width, math.ceil(width / 2 + spread))
    k = np.arange(low, high + 1, dtype=np.float64)
    # Ratios of neighbours, summed from the middle: no log-factorials, whose rounding grows with n.
    steps = np.concatenate([[0.0], np.log((width - k[:-1]) / (k[:-1] + 1))])
    logs = np.cumsum(steps)
    weights = np.exp(logs - logs.max())
    return k, weights / weights.sum()


def log_moments(gates: Gates, width: int) -> tuple[float, float]:
    """Return mean and variance of log(gain Y / n), given Y > 0.

    Args:
        gates: the slopes.
        width: n, the number of units.

    Returns:
        Two numbers, *exact* up to rounding (some 1e-15 absolute).
    """
    shift = math.log(2 * gates.gain / width)
    if gates.slope == 1:
        half = np.array([width / 2])
        return float(digamma(half)[0]) + shift, float(trigamma(half)[0])
    if gates.slope == 0:
        k, weights = live_units(width)
        psi = digamma(k / 2) + shift
        mean = math.fsum(weights * psi)
        spread = math.fsum(weights * (psi - mean) ** 2)
        return mean, math.fsum(weights * trigamma(k / 2)) + spread
    # V's density on a grid; it is analytic and decays, so that the plain sum is exact.
    low = _left_end(gates, width) - _EXPONENT
    v = np.arange(low, _right_end(gates, width), 0.2)
    log_power, log_slope = _log_power(gates, width, np.exp(v).astype(complex))
    density = np.exp(np.real(log_power)) * np.real(log_slope)
    density /= density.sum()
    middle = math.fsum(density * v)
    spread = math.fsum(density * (v - middle) ** 2)
    return math.log(gates.gain / width) - _EULER - middle, spread - math.pi**2 / 6


def _left_end(gates: Gates, width: int) -> float:
    """Return a v below which 1 - f(e^v)^n falls like e^v."""
    return -math.log(width) - 2 * math.log(max(gates.slope, 1.0)) - 5


def _right_end(gates: Gates, width: int) -> float:
    """Return a v beyond which f(e^v)^n is below exp(-40), its smallest value aside."""
    far = -math.log(2 * gates.slope**2) if gates.slope else 0.0
    return far + 2 * (_EXPONENT + 5) / width


def _log_power(gates: Gates, width: int, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log f^n and -n lambda f'/f, at complex lambda off the negative axis."""
    one = 1 / np.sqrt(1 + 2 * point)
    square = gates.slope**2
    other = 1 / np.sqrt(1 + 2 * square * point)
    f = (one + other) / 2
    slope = (one**3 + square * other**3) * point / 2
    return width * np.log(f), width * slope / f


def decay_rate(gates: Gates, width: int) -> float:
    """Return r such that P(Y < y) falls like y^r, as far as probabilities above 1e-17 go.

    Args:
        gates: the slopes.
        width: n.

    Returns:
        Half of the least number of live units that matters.
    """
    return float(_likely_units(width)[0][0]) / 2 if gates.slope == 0 else width / 2


def _likely_units(width: int) -> tuple[np.ndarray, np.ndarray]:
    k, weights = live_units(width)
    kept = np.cumsum(weights) > 1e-17
    return k[kept], weights[kept]


def negative_moments(gates: Gates, width: int, s: np.ndarray) -> np.ndarray:
    """Return E (gain Y / n)^-s, given Y > 0, for complex s with 0 < Re s < r (`decay_rate`).

    identity and relu: Gamma(k/2 - s) / Gamma(k/2) 2^-s, for relu averaged over K. Else the integral
    over lambda, on the ray through (about) the saddle point, so that nothing cancels.

    Args:
        gates: the slopes.
        width: n.
        s: (m,) complex, all of one real part c.

    Returns:
        (m,) complex, absolute error some 1e-13 E (gain Y / n)^-c. Cost m times some 500 points.
    """
    c = float(s[0].real)
    result = np.empty(s.shape, complex)
    if gates.slope in {0.0, 1.0}:
        whole = (np.array([float(width)]), np.ones(1))
        k, weights = _likely_units(width) if gates.slope == 0 else whole
        below, scale = log_gamma(k / 2 + 0j), math.log(2 * gates.gain / width)
        for part in _blocks(s.size, k.size):
            ratio = log_gamma(k / 2 - s[part, None]) - below - s[part, None] * scale
            result[part] = np.exp(ratio) @ weights.astype(complex)
        return result
    # The saddle: s = -lambda d/dlambda log f^n, with log f to second order in lambda.
    mean = (1 + gates.slope**2) / 2
    variance = 3 * (1 + gates.slope**4) / 2 - mean**2
    angle = np.minimum(np.angle(s / (width * mean - variance / mean * s)), 0.7 * math.pi)
    scale = math.log(gates.gain / width)
    v = _path(gates, width, c, float(angle.max()), float(np.abs(s).max()))
    for part in _blocks(s.size, v.size):
        w = v[None, :] + 1j * angle[part, None]
        log_power, _ = _log_power(gates, width, np.exp(w))
        exponent = s[part, None] * (w - scale) - log_gamma(s[part])[:, None]
        result[part] = (v[1] - v[0]) * np.exp(exponent + log_power).sum(axis=1)
    return result


def _blocks(rows: int, columns: int) -> list[slice]:
    # As many rows at a time as fit in the cache and in memory.
    size = max(1, 100_000 // columns)
    return [slice(start, start + size) for start in range(0, rows, size)]


def _path(gates: Gates, width: int, c: float, turn: float, largest: float) -> np.ndarray:
    """Return the grid of v = log |lambda| on which all integrands live."""
    far = max(_right_end(gates, width), 0.0) + _EXPONENT / (width / 2 - c)
    v = np.arange(_left_end(gates, width) - _EXPONENT / c - 5, far, 0.05)
    inside = np.zeros(v.shape, bool)
    for angle in (0.0, turn / 2, turn):
        power = np.real(_log_power(gates, width, np.exp(v + 1j * angle))[0])
        size = c * v + power
        inside |= size > size.max() - _EXPONENT
    kept = np.flatnonzero(inside)
    low, high = v[kept[0]], v[kept[-1]]
    step = min(0.1, 0.6 / math.sqrt(largest))
    return np.linspace(low, high, 2 + math.ceil((high - low) / step))
