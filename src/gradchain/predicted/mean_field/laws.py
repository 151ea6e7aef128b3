"""What does one layer do to lengths and correlations, in the limit of infinite width?

    V(q)  = sigma_w^2 E phi(sqrt(q) Z)^2 + sigma_b^2                      length map
    chi   = sigma_w^2 E phi'(sqrt(q) Z)^2                                 squared gradient, per layer
    V'(q) = sigma_w^2 E x phi(x) phi'(x) / q,  x = sqrt(q) Z              slope of the length map
    C(c)  = (sigma_w^2 E phi(u1) phi(u2) + sigma_b^2) / q                 correlation map at q = V(q)
    C'(c) = sigma_w^2 E phi'(u1) phi'(u2)

`Law` holds an activation and the two variances, checked; its methods return values with errors in
float64. All are *predictions* of the limit n -> infinity with L fixed. Sources: Poole et al., NeurIPS
2016; Schoenholz et al., ICLR 2017.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import in_short
from gradchain.activations import Activation
from gradchain.gaussian import Estimate, moment, pair_moment


def non_negative(name: str, value: object) -> float:
    """Return a finite number of at least 0.

    Args:
        name: what it is, for the message.
        value: what was given.

    Returns:
        The number.

    Raises:
        UsageError: if it is something else.
    """
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not 0 <= value < math.inf:  # type: ignore[operator]
        raise UsageError(f"got {name}={in_short(value)}, expected a finite number of at least 0")
    return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Law:
    """An activation with the variances of weights and biases; see the module's formulas."""

    activation: Activation
    sigma_w: float
    sigma_b: float

    def length(self, q: Any) -> Estimate:
        """Return V(q) for variances of any shape.

        Args:
            q: variances of at least 0.

        Returns:
            Value and error.
        """
        found = moment(self.activation, "square", q)
        scale = self.sigma_w**2
        return Estimate(scale * found.value + self.sigma_b**2, scale * found.error)

    def chi(self, q: Any) -> Estimate:
        """Return the factor of the squared gradient at lengths q.

        Args:
            q: variances of at least 0.

        Returns:
            Value and error.
        """
        return self._scaled(moment(self.activation, "slope_square", q))

    def length_slope(self, q: Any) -> Estimate:
        """Return V'(q).

        Args:
            q: variances of at least 0.

        Returns:
            Value and error.
        """
        return self._scaled(moment(self.activation, "square_growth", q))

    def correlation(self, q: float, c: float) -> Estimate:
        """Return C(c) at a length q above 0 that V keeps.

        Args:
            q: the length.
            c: a correlation.

        Returns:
            Value and error.
        """
        found = pair_moment(self.activation, "product", q, c)
        scale = self.sigma_w**2 / q
        return Estimate(scale * found.value + self.sigma_b**2 / q, scale * found.error)

    def correlation_slope(self, q: float, c: float) -> Estimate:
        """Return C'(c).

        Args:
            q: the length.
            c: a correlation.

        Returns:
            Value and error.
        """
        return self._scaled(pair_moment(self.activation, "slope_product", q, c))

    @property
    def through_origin(self) -> bool:
        """Whether q = 0 stays at 0: no bias, and phi(0) = 0."""
        return self.sigma_b**2 == 0 and (
            self.sigma_w == 0 or float(moment(self.activation, "square", 0.0).value) < 1e-50
        )

    def _scaled(self, found: Estimate) -> Estimate:
        scale = self.sigma_w**2
        return Estimate(scale * found.value, scale * found.error)


def law(activation: object, sigma_w: object, sigma_b: object) -> Law:
    """Check the parts of a law and put them together.

    Args:
        activation: a name or an `Activation`.
        sigma_w: standard deviation of weights times sqrt(fan_in), at least 0.
        sigma_b: standard deviation of biases, at least 0.

    Returns:
        The law.

    Raises:
        UsageError: a number that is negative or not finite, or an activation whose moments diverge
            already at variance 1.
    """
    phi = activations.get(activation)
    checked = Law(phi, non_negative("sigma_w", sigma_w), non_negative("sigma_b", sigma_b))
    for name in ("square", "slope_square"):
        value, error = moment(phi, name, 1.0)
        if not (np.isfinite(value) and np.isfinite(error)):
            raise UsageError(
                f"got {phi} as activation, whose moment {name} under a Gaussian of variance 1 "
                "diverges; expected one that grows more slowly than exp(x^2/4)"
            )
    return checked
