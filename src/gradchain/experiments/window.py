"""At which weight does a single sigmoid neuron pass the most gradient?

For one neuron with weight w, z = w a + b. Two exact answers, from the same equation 2 u tanh(u) = 1,
u = 0.7717...:

    window   the inputs a with |w sigma'(w a + b)| >= 1 fill an interval of length
             4 arccosh(sqrt(w)/2)/w, which needs w >= 4 and is longest, u/cosh(u)^2 = 0.4477, at
             w = 4 cosh(u)^2 = 6.894.
    factor   with b = 0 and a = 1/2 (the output of a sigmoid at rest), w sigma'(w/2) is largest,
             again u/cosh(u)^2 = 0.4477, at w = 4 u = 3.09.

Reference: the window is a problem in Nielsen, Neural Networks and Deep Learning (2015), ch. 5.
Standard library only; cost: microseconds.
"""

import math

from gradchain._result import Result, Uncertainty, recomputable

QUANTITIES = ("window.weight", "window.length", "factor.weight", "factor.size")
_ERROR = "1e-14"


def root() -> float:
    """Solve 2 u tanh(u) = 1 for u > 0.

    Returns:
        u, right to a few ulp (Newton's method; the function is convex and rising).

    Example:
        >>> round(root(), 6)
        0.771702
    """
    u = 0.75
    for _ in range(8):
        value = 2 * u * math.tanh(u) - 1
        u -= value / (2 * math.tanh(u) + 2 * u / math.cosh(u) ** 2)
    return u


@recomputable(quantity=QUANTITIES)
def best_weight(quantity: str) -> Result:
    """Compute where one sigmoid neuron passes the most gradient.

    Args:
        quantity: "window.weight", "window.length", "factor.weight" or "factor.size", see above.

    Returns:
        The value in float64, error at most 1e-14 relative.

    Example:
        >>> best_weight("window.weight").value[:6], best_weight("window.length").value[:6]
        ('6.8941', '0.4477')
    """
    u = root()
    value = {
        "window.weight": 4 * math.cosh(u) ** 2,
        "window.length": u / math.cosh(u) ** 2,
        "factor.weight": 4 * u,
        "factor.size": u / math.cosh(u) ** 2,
    }[quantity]
    doubt = Uncertainty("error bound", value=_ERROR, method="Newton's method in float64")
    return Result(f"{value:.15g}", uncertainty=doubt)
