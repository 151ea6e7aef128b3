"""What can the gradient of no gated recurrent network exceed, whatever its inputs?

With phi = tanh, gates in (0, 1) with s(u) = u (1 - u) <= 1/4, states |h| <= 1 (as they are from h_0 = 0
on), N_g = ||U_g||_2 of gate g and R the largest sum of |entries| + |bias| in a row of U_h:

    minimal    ||J_t||_2 <= 1 + N_u / 2                       |h - e| <= 2
    GRU        ||J_t||_2 <= 1 + N_z / 2 + N_h + R N_r / 4     reset after; before: N_h (1 + N_r / 4)
    LSTM       ||J_t||_2 <= ||[[N_o / 4 + m_t, 1], [m_t, 1]]||_2,  m_t = (t - 1) N_f / 4 + N_i / 4 + N_g,
               since |c_t| <= t from c_0 = 0 on

All are above 1: of a gated cell the weights alone never say that gradients vanish, as gamma ||W||_2 < 1
does of a plain one. The direct path alone, a product of gates, is below 1.

*Upper bounds*, float64. Source: submultiplicativity of the operator norm; each step's Jacobian as in
`gradchain.cells`.
"""

import math
from collections.abc import Mapping

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import in_short, one_of, whole_number

_NEEDED = {
    "minimal": ("u",),
    "gru": ("z", "r", "h", "rows"),
    "gru_before": ("z", "r", "h"),
    "lstm": ("i", "f", "g", "o"),
}


def gated_chain_upper(cell: str, norms: Mapping[str, float], steps: int) -> np.ndarray:
    """Bound ds_T/ds_t of a gated network from its weights alone, t = 0 .. T.

    log prod_{s > t} (bound of ||J_s||_2), by the module's formulas.

    Args:
        cell: "minimal", "gru" (reset after), "gru_before" or "lstm".
        norms: ||U_g||_2 by gate: minimal u; GRU z, r, h and, reset after, `rows`: the largest sum of
            absolute values of a row of U_h and its bias; LSTM i, f, g, o.
        steps: T.

    Returns:
        (T+1,) float64, natural logarithms, an *upper bound* on the spectral norm of ds_T/ds_t for every
        input and bias, started at zeros; the last is 0. Times sqrt(N) it bounds the Frobenius norm. Cost
        O(T).

    Raises:
        UsageError: if a norm is missing, negative or not finite, or steps no whole number of at least 1.

    Example:
        >>> np.exp(gated_chain_upper("minimal", {"u": 1.0}, 3)).round(6).tolist()
        [3.375, 2.25, 1.5, 1.0]
    """
    cell, steps = one_of("cell", cell, tuple(_NEEDED)), whole_number("steps", steps)
    if set(norms) != set(_NEEDED[cell]):
        raise UsageError(
            f"got norms of {sorted(norms)} for {cell}, expected {', '.join(_NEEDED[cell])}"
        )
    for name, value in norms.items():
        number = isinstance(value, (int, float, np.integer, np.floating))
        if not number or isinstance(value, bool) or not 0 <= value < math.inf:
            raise UsageError(f"got {in_short(value)} as norm of {name}, expected at least 0")
    if cell == "lstm":
        before = np.arange(steps, dtype=np.float64)
        m = before * norms["f"] / 4 + norms["i"] / 4 + norms["g"]
        one = np.ones_like(m)
        parts = np.stack([np.stack([norms["o"] / 4 + m, one]), np.stack([m, one])])
        logs = np.log(np.linalg.norm(parts.transpose(2, 0, 1), 2, axis=(1, 2)))
    else:
        if cell == "minimal":
            factor = 1 + norms["u"] / 2
        elif cell == "gru":
            factor = 1 + norms["z"] / 2 + norms["h"] + norms["rows"] * norms["r"] / 4
        else:
            factor = 1 + norms["z"] / 2 + norms["h"] * (1 + norms["r"] / 4)
        logs = np.full(steps, math.log(factor))
    return np.concatenate([np.cumsum(logs[::-1])[::-1], [0.0]])
