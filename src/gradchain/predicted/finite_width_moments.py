"""How large are the second moments of the whole spectrum of J J^T at finite width?

Free probability gives E tr (J J^T)^2 / n = 1 + L k at infinite width; at finite width both this and
E (tr J J^T)^2 / n^2 grow exponentially in L/n. A recursion of two numbers is exact (Wick's formula).

Source: derived; compare B. Hanin and M. Nica, Comm. Math. Phys. 376 (2020), arXiv:1812.05994.
"""

import math
from dataclasses import dataclass

from gradchain._types import whole_number
from gradchain.activations.noun import Activation
from gradchain.predicted.finite_width_gates import gates_of


@dataclass(frozen=True)
class SecondMoments:
    """Exact second moments of M = J J^T at finite width, as natural logarithms and as numbers.

    Attributes:
        log_trace_of_square: log(E tr(M^2) / n).
        log_square_of_trace: log(E (tr M)^2 / n^2).
    """

    log_trace_of_square: float
    log_square_of_trace: float

    @property
    def trace_of_square(self) -> float:
        """E tr(M^2) / n, the mean fourth power of a singular value; inf if above float64."""
        return math.exp(self.log_trace_of_square) if self.log_trace_of_square < 709 else math.inf

    @property
    def square_of_trace(self) -> float:
        """E (tr M)^2 / n^2 = E |J|_F^4 / n^2; inf if above float64."""
        return math.exp(self.log_square_of_trace) if self.log_square_of_trace < 709 else math.inf


def second_moments(activation: str | Activation, width: int, depth: int) -> SecondMoments:
    """Return E tr(M^2)/n and E (tr M)^2/n^2, M = J J^T, of a square chain; *exact* at every width.

    With a = E tr M^2, b = E (tr M)^2 and k = E d^4/(E d^2)^2 (2 for relu, 1 for identity) one layer
    maps a' = [n(n-1) a + n k (b + 2a)] / n^2, b' = [n(n-1) b + n k (b + 2a)] / n^2; M_0 = I.

    Args:
        activation: "identity", "relu" or "leaky_relu" (with any slope).
        width: n.
        depth: L.

    Returns:
        Both moments. As n grows at fixed L the first tends to 1 + L k (`singular_value_law`). O(L).

    Raises:
        ActivationError: if the activation has no such law.
        UsageError: if width or depth is not a whole number of at least 1.

    Example:
        >>> round(second_moments("relu", 50, 10).trace_of_square, 8)
        31.61268013
    """
    k = gates_of(activation).kurtosis
    n, depth = whole_number("width", width), whole_number("depth", depth)
    # u = a/n, v = b/n^2, rescaled by v at every layer.
    u, log_v = 1.0, 0.0
    for _ in range(depth):
        mixed = k * (n + 2 * u) / n  # k (b + 2a) / n over v n
        new_u = (n - 1) / n * u + mixed
        new_v = (n - 1) / n + k * (n + 2 * u) / n**2
        u, log_v = new_u / new_v, log_v + math.log(new_v)
    return SecondMoments(log_v + math.log(u), log_v)
