"""What do bounds and constant gates say of gradients through time, before any network is run?

For a plain recurrent network h_t = phi(W h_{t-1} + ...), gamma = sup|phi'|:

    ||dh_T/dh_t||_2 <= (gamma ||W||_2)^(T-t)

so gamma ||W||_2 < 1 is *sufficient* for vanishing, and gamma ||W||_2 > 1 *necessary* for exploding,
not sufficient. The norm cannot be replaced by the spectral radius: phi = tanh and
W = [[8, 8], [-8, -8]] is nilpotent, yet its products can grow like 2^(T-t).

With a gate that stands still at f = sigmoid(b), the direct path is f^T, and

    time constant -1/log f = 1/softplus(-b),   b that keeps p of it: log(p^(1/T) / (1 - p^(1/T))).

Everything in float64; cost O(T). Sources: Pascanu, Mikolov and Bengio, arXiv:1211.5063 (which says
eigenvalue where it must say singular value); Gers, Schmidhuber and Cummins, Neural Comput. 12 (2000)
2451; Tallec and Ollivier, arXiv:1804.11188.
"""

import math
from fractions import Fraction

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Real, in_short, whole_number


def _number(
    name: str, value: object, above: float, below: float = math.inf, closed: bool = False
) -> float:
    """Return a float strictly between two ends, or, if closed, at the lower one.

    Raises:
        UsageError: if it is something else.
    """
    number = isinstance(value, (int, float, np.integer, np.floating))
    inside = number and (above < value < below or (closed and value == above))  # type: ignore[operator]
    if not inside or isinstance(value, bool):
        least = "of at least" if closed else "above"
        raise UsageError(
            f"got {name}={in_short(value)}, expected a number {least} {above:g} and below {below:g}"
        )
    return float(value)  # type: ignore[arg-type]


def _log_gate(bias: float) -> float:
    """Return log sigmoid(b) = -softplus(-b) without cancellation."""
    return -math.log1p(math.exp(-bias)) if bias > 0 else bias - math.log1p(math.exp(bias))


def _factor(recurrent_norm: Real, derivative_sup: Real) -> Fraction:
    """Return gamma ||W||_2 without rounding, so that the edge itself is told apart."""
    norm = _number("recurrent_norm", recurrent_norm, 0.0, closed=True)
    return Fraction(norm) * Fraction(_number("derivative_sup", derivative_sup, 0.0))


def time_chain_upper(recurrent_norm: Real, derivative_sup: Real, steps: int) -> np.ndarray:
    """Bound dh_T/dh_t of a plain recurrent network: log (gamma ||W||_2)^(T-t), t = 0 .. T.

    Args:
        recurrent_norm: ||W||_2 of the recurrent weights, the largest singular value.
        derivative_sup: gamma = sup|phi'| (1 for tanh and relu, 1/4 for sigmoid).
        steps: T.

    Returns:
        (T+1,) float64, natural logarithms, an *upper bound* on the spectral norm; the last is 0, the
        others -inf for a matrix of zeros. It holds for every input, bias and state.

    Raises:
        UsageError: if a size is not a finite number above 0 (the norm: at least 0) or steps no whole
            number of at least 1.

    Example:
        >>> np.exp(time_chain_upper(2.0, 0.25, 3)).round(12).tolist()
        [0.125, 0.25, 0.5, 1.0]
    """
    steps = whole_number("steps", steps)
    norm = _number("recurrent_norm", recurrent_norm, 0.0, closed=True)
    log_sup = math.log(_number("derivative_sup", derivative_sup, 0.0))
    if norm == 0:
        return np.append(np.full(steps, -np.inf), 0.0)
    return (math.log(norm) + log_sup) * np.arange(steps, -1, -1, dtype=np.float64)


def vanishing_is_sure(recurrent_norm: Real, derivative_sup: Real) -> bool:
    """Say whether gamma ||W||_2 < 1: *sufficient* for dh_T/dh_t -> 0, not necessary.

    Args:
        recurrent_norm: ||W||_2.
        derivative_sup: gamma = sup|phi'|.

    Returns:
        True if every gradient vanishes exponentially in T - t; False says nothing.

    Raises:
        UsageError: if a size is not a finite number above 0 (the norm: at least 0).

    Example:
        >>> vanishing_is_sure(3.9, 0.25), vanishing_is_sure(4.0, 0.25)
        (True, False)
    """
    return _factor(recurrent_norm, derivative_sup) < 1


def explosion_is_possible(recurrent_norm: Real, derivative_sup: Real) -> bool:
    """Say whether gamma ||W||_2 > 1: *necessary* for exploding, not sufficient.

    Args:
        recurrent_norm: ||W||_2.
        derivative_sup: gamma = sup|phi'|.

    Returns:
        False if no gradient can exceed 1, whatever the inputs; True says nothing sure.

    Raises:
        UsageError: if a size is not a finite number above 0 (the norm: at least 0).

    Example:
        >>> explosion_is_possible(1.0, 1.0), explosion_is_possible(1.1, 1.0)
        (False, True)
    """
    return _factor(recurrent_norm, derivative_sup) > 1


def gate_product(bias: Real, steps: int) -> np.ndarray:
    """Return log f^(T-t), t = 0 .. T, for a gate that stands still at f = sigmoid(b).

    Args:
        bias: b: the forget gate's (LSTM) or the update gate's (GRU, minimal).
        steps: T.

    Returns:
        (T+1,) float64, natural logarithms. *Exact* for a constant gate, a *prediction* for a network
        at initialization, whose gates move about f.

    Raises:
        UsageError: if bias is not a finite number or steps no whole number of at least 1.

    Example:
        >>> np.exp(gate_product(0, 3)).round(15).tolist()
        [0.125, 0.25, 0.5, 1.0]
    """
    steps = whole_number("steps", steps)
    log_gate = _log_gate(_number("bias", bias, -math.inf))
    return log_gate * np.arange(steps, -1, -1, dtype=np.float64)


def gate_time_constant(bias: Real) -> float:
    """Return -1/log f, the steps in which a gate at f = sigmoid(b) keeps 1/e.

    Args:
        bias: b.

    Returns:
        The time constant in steps, *exact* for a constant gate, e^b for large b; infinite where it is
        past the float range (b above 709.7).

    Raises:
        UsageError: if bias is not a finite number.

    Example:
        >>> round(gate_time_constant(1), 8)
        3.19221928
    """
    bias = _number("bias", bias, -math.inf)
    # Past 700 log f = -exp(-b) to the last bit and may be subnormal.
    if bias > 700:
        return math.exp(bias) if bias < 709.7 else math.inf
    return -1.0 / _log_gate(bias)


def gate_bias_for(steps: int, kept: Real = 0.5) -> float:
    """Return the bias b with sigmoid(b)^T = p.

    Args:
        steps: T.
        kept: p, above 0 and below 1.

    Returns:
        The bias, *exact* for a constant gate.

    Raises:
        UsageError: if kept is not between 0 and 1 or steps no whole number of at least 1.

    Example:
        >>> round(gate_bias_for(100), 5)
        4.96822
    """
    steps = whole_number("steps", steps)
    log_gate = math.log(_number("kept", kept, 0.0, 1.0)) / steps
    return log_gate - math.log(-math.expm1(log_gate))
