"""What do orthogonal and identity recurrent weights keep of a gradient, before any training?

    linear, W = g O          ||dh_T/dh_t||_F = g^(T-t) sqrt(n), every singular value g^(T-t)
    relu, W = I (IRNN)       dh_T/dh_t = diag of 0 and 1: a unit keeps 1 unless it was cut at 0 on the
                             way; E||dh_T/dh_t||_F^2 = n sum_{j <= t} u_j u_{T-j},  u_k = C(2k, k) / 4^k
    tanh, W = g O            `recurrent_field.time_field` with sigma_w = g (a mean-field prediction)

The second line is the arcsine law: without bias a unit's h_t = max(0, h_{t-1} + xi_t) is a random walk
reflected at 0, and it was last cut at the time of the walk's minimum. It holds for every number of
units, each for itself, where the increments xi_t = w . x_t of a unit are independent with a symmetric
continuous law: inputs N(0, C), fresh at every step. With inputs 0 and h_0 > 0 nothing is cut and the
Jacobian is I; at h_0 = 0 it is relu'(0) = 0.

Sources: Saxe, McClelland and Ganguli, ICLR 2014, arXiv:1312.6120; Le, Jaitly and Hinton,
arXiv:1504.00941; E. Sparre Andersen, Math. Scand. 1 (1953) 263; Feller, An Introduction to Probability
Theory II (1971), XII.8.
"""

import math

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Real, in_short, whole_number


def orthogonal_log_norms(width: int, steps: int, gain: Real = 1.0) -> np.ndarray:
    """Return log ||dh_T/dh_t||_F of a linear network with W = g O, t = 0 .. T.

    (1/2) log n + (T - t) log g.

    Args:
        width: n.
        steps: T.
        gain: g, above 0.

    Returns:
        (T+1,) float64, natural logarithms. *Exact*, whatever the inputs; for |phi'| <= 1 (tanh, relu) an
        *upper bound*. Cost O(T).

    Raises:
        UsageError: if a size is no whole number of at least 1 or gain not finite and above 0.

    Example:
        >>> np.exp(orthogonal_log_norms(4, 2)).round(12).tolist()
        [2.0, 2.0, 2.0]
    """
    n, steps = whole_number("width", width), whole_number("steps", steps)
    number = isinstance(gain, (int, float, np.integer, np.floating)) and not isinstance(gain, bool)
    if not number or not 0 < gain < math.inf:
        raise UsageError(f"got gain={in_short(gain)}, expected a finite number above 0")
    return math.log(n) / 2 + math.log(gain) * np.arange(steps, -1, -1, dtype=np.float64)


def irnn_kept_share(steps: int) -> np.ndarray:
    """Return the mean share of units that keep a gradient from step T to step t, t = 0 .. T.

    sum_{j <= t} u_j u_{T-j}, u_k = C(2k, k) / 4^k; about (2 / pi) arcsin sqrt(t / T).

    Args:
        steps: T.

    Returns:
        (T+1,) float64: E||dh_T/dh_t||_F^2 / n of a relu network with W = I, bias 0, h_0 = 0 and inputs as
        in the module's text; *exact* at every width. At t = 0 it is u_T, about 1 / sqrt(pi T): a power
        of T and no exponential. Cost O(T).

    Raises:
        UsageError: if steps is no whole number of at least 1.

    Example:
        >>> irnn_kept_share(2).tolist()
        [0.375, 0.625, 1.0]
    """
    steps = whole_number("steps", steps)
    k = np.arange(1, steps + 1)
    u = np.concatenate([[1.0], np.cumprod((2 * k - 1) / (2 * k))])
    share = np.cumsum(u * u[::-1])
    share[-1] = 1.0
    return share
