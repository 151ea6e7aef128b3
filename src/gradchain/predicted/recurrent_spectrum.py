"""All Lyapunov exponents of a random recurrent network: how fast does each direction grow or shrink?

The Jacobians of h' = phi(W h + ...) are D_t W with D_t = diag phi'(z_t). *Random-matrix approximation*,
three steps that are not exact at finite width:

    1  the slopes D_t are independent of W, of each other and from unit to unit,
    2  with the law of phi'(sqrt(q) Z) at the stationary length q of mean field,
    3  W may be drawn anew at every step (at infinite width powers of one Gaussian matrix have the same
       singular values as products of independent ones: Haagerup and Schultz).

Then a QR sweep sees fresh Gaussian vectors, 2 (lambda_1 + .. + lambda_k) = E log det(X^T D^2 X) with X an
(n, k) Gaussian matrix, and with y = k/n, v = phi'^2 / E phi'^2, g = delta v / (1 + delta v):

    E g = y  fixes delta;   e^{2 lambda(y)} = chi y / delta          (chi - log S-transform at -y)
    sum = n [E log(1 + delta v) - y log delta + y log y - y]
          + (1/2) log(E g(1 - g) / y) - (1/2) (E g^2 - y^2) / E g(1 - g) + O(1/n)

The last line is computed as a difference to D = 1, for which Newman's exponents are exact at every n. For
D = 1, a linear network, e^{2 lambda} is uniform on [0, sigma_w^2] (the triangular law), and so are the
squared moduli of the eigenvalues of one W (circular law): tied and untied agree at infinite width.

Sources: Newman, Comm. Math. Phys. 103 (1986) 121; Isopi and Newman, Comm. Math. Phys. 143 (1992) 591;
Kargin, J. Funct. Anal. 255 (2008) 1874 (exponents of free products by the S-transform); Haagerup and
Schultz, Publ. IHES 109 (2009) 19; Bai and Silverstein, Ann. Probab. 32 (2004) 553 (the 1/2 log);
Vogt et al., arXiv:2006.14123, and Engelken et al., arXiv:2006.02427, for measured spectra.
"""

import math
from typing import Any

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Real, whole_number
from gradchain.activations import Activation
from gradchain.predicted.isometry.slopes import slope_law
from gradchain.predicted.lyapunov import gaussian_lyapunov_exponents
from gradchain.predicted.recurrent_field import stationary_length, with_input

# Slopes below this are lost in float64; their share is below 1e-20.
_LEAST = 1e-300


def _slopes(activation: Activation, q: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return log v and weights of the slopes that are not 0, and the share of those that are."""
    law = slope_law(activation, q)
    flat = math.fsum(mass for value, mass in law.atoms if value == 0)
    live = law.weights > 0
    if law.atoms:
        live &= law.values > 0
    return np.log(np.maximum(law.values[live], _LEAST)), law.weights[live], flat


def _log_delta(logs: np.ndarray, weights: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Solve E g = y for log delta by bisection, (k,)."""
    low = np.full(y.shape, -logs.max() + np.log(y) - 2.0)
    high = np.full(y.shape, -logs.min() + 60.0)
    for _ in range(90):
        middle = (low + high) / 2
        short = _gate(middle, logs) @ weights < y
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return (low + high) / 2


def _gate(log_delta: np.ndarray, logs: np.ndarray) -> np.ndarray:
    # delta v / (1 + delta v), (k, m), without overflow.
    x = log_delta[:, None] + logs[None, :]
    small = np.exp(-np.abs(x))
    return np.where(x > 0, 1.0, small) / (1.0 + small)


def _volumes(logs: np.ndarray, weights: np.ndarray, width: int, count: int) -> np.ndarray:
    """Return E log det(X^T D^2 X) beyond that of D = 1, for k = 1 .. count < width."""
    found = np.empty(count)
    for start in range(0, count, 64):
        k = np.arange(start + 1, min(start + 64, count) + 1)
        y = k / width
        log_delta = _log_delta(logs, weights, y)
        g = _gate(log_delta, logs)
        spread = (g * (1 - g)) @ weights
        rest = ((g - y[:, None]) ** 2) @ weights + (1 - weights.sum()) * y**2
        leading = np.logaddexp(0, log_delta[:, None] + logs) @ weights
        leading = leading - y * log_delta + y * np.log(y) + (1 - y) * np.log1p(-y)
        with np.errstate(divide="ignore", invalid="ignore"):
            second = np.log(spread / (y * (1 - y))) / 2 - rest / (2 * spread)
        found[k - 1] = width * leading + np.where(np.isfinite(second), second, 0.0)
    return found


def lyapunov_spectrum(
    activation: Any,
    sigma_w: Real,
    width: int,
    *,
    sigma_b: Real = 0.0,
    input_variance: Real = 0.0,
) -> np.ndarray:
    """Return all Lyapunov exponents of h' = phi(W h + input + b), W_ij ~ N(0, sigma_w^2 / n).

    The random-matrix approximation of the module's text, with its terms of order 1/n.

    Args:
        activation: a name or an `Activation`.
        sigma_w: standard deviation of weights times sqrt(n), above 0.
        width: n.
        sigma_b: standard deviation of biases.
        input_variance: v, the variance over units of the input's part of z, drawn afresh at each step.

    Returns:
        (n,) float64, descending, in nats a step; -inf from position (1 - p) n on if a share p of slopes
        is 0. *Exact* for linear networks with new Gaussian weights at every step; for other activations
        with such weights an *approximation* of relative order 1/n^2 (the lowest few exponents less);
        for one W an *approximation* with a bias of some 1/n. Their sum is exact for independent
        slopes: E log|det W| + n E log|phi'|. Cost: n times the nodes of a quadrature, 0.1 s for 100.

    Raises:
        UsageError: if a size is out of range or the states grow without bound.
        ActivationError: for an unknown activation.

    Example:
        >>> found = lyapunov_spectrum("tanh", 2.0, 100)
        >>> round(float(found[0]), 3), int((found > 0).sum())
        (0.141, 13)
    """
    n = whole_number("width", width)
    own = with_input(activation, sigma_w, sigma_b, input_variance)
    if own.sigma_w == 0:
        raise UsageError(
            "got sigma_w=0, expected a number above 0: without weights nothing is kept"
        )
    if own.activation.name == "identity":
        return gaussian_lyapunov_exponents(n, own.sigma_w / math.sqrt(n))
    q = stationary_length(activation, sigma_w, sigma_b=sigma_b, input_variance=input_variance)
    chi = float(own.chi(float(q)).value)
    logs, weights, flat = _slopes(own.activation, float(q))
    linear = gaussian_lyapunov_exponents(n, math.sqrt(chi / n))
    count = min(n - 1, math.ceil((1 - flat) * n) - 1)
    volumes = np.concatenate([[0.0], _volumes(logs, weights, n, count)])
    if flat == 0:
        volumes = np.append(volumes, n * float(weights @ logs))
    found = np.full(n, -np.inf)
    found[: volumes.size - 1] = linear[: volumes.size - 1] + np.diff(volumes) / 2
    return found
