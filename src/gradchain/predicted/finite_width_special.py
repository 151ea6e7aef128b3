"""Digamma, trigamma and the complex logarithm of Gamma, in NumPy float64.

Each is shifted to the right by the recurrence until Stirling's series holds to the last digits:

    psi(x) = psi(x + N) - sum_{j<N} 1/(x + j),   psi(y) ~ log y - 1/(2y) - sum_k B_2k / (2k y^2k)

Absolute error some 1e-15 (relative where the value is above 1). Source: DLMF 5.5.2, 5.11.1, 5.11.2,
5.15.8.
"""

import numpy as np

_SHIFT = 15
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def digamma(x: np.ndarray) -> np.ndarray:
    """Return psi(x), the derivative of log Gamma, for x > 0.

    Args:
        x: float64 array above 0.

    Returns:
        float64 array of the same shape.
    """
    steps = np.arange(_SHIFT)
    y = x + _SHIFT
    series = sum(b / (2 * k * y ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1))
    small = (1 / (2 * y) + series) + (1 / (np.expand_dims(x, -1) + steps)).sum(axis=-1)
    return np.log(y) - small


def trigamma(x: np.ndarray) -> np.ndarray:
    """Return psi'(x) for x > 0.

    Args:
        x: float64 array above 0.

    Returns:
        float64 array of the same shape.
    """
    steps = np.arange(_SHIFT)
    y = x + _SHIFT
    series = sum(b / y ** (2 * k + 1) for k, b in enumerate(_BERNOULLI, 1))
    return 1 / y + 1 / (2 * y * y) + series + (1 / (np.expand_dims(x, -1) + steps) ** 2).sum(-1)


def log_gamma(s: np.ndarray) -> np.ndarray:
    """Return a logarithm of Gamma(s) for complex s with real part above 0.

    Args:
        s: complex array.

    Returns:
        complex array whose exponential is Gamma(s).
    """
    y = s + _SHIFT
    series = sum(b / (2 * k * (2 * k - 1) * y ** (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1))
    stirling = (y - 0.5) * np.log(y) - y + 0.5 * np.log(2 * np.pi) + series
    return stirling - np.log(np.expand_dims(s, -1) + np.arange(_SHIFT)).sum(axis=-1)
