"""At which length do the slopes of a critical network live, and how well is it known?

The critical point is that of `gradchain.predicted.mean_field.critical`: chi_1 = 1 at a length q that
stays. What is needed of it here is the law of slopes at q, and how much an error of q moves results.
"""

import functools
import math

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import in_short
from gradchain.activations.noun import Activation
from gradchain.gaussian import moment
from gradchain.predicted.isometry.slopes import COARSE, SlopeLaw, scale_free, slope_law
from gradchain.predicted.mean_field.critical import critical_sigma_w


@functools.lru_cache(maxsize=256)
def critical_length(activation: Activation, sigma_b: float) -> tuple[float, float]:
    """Return the length q* at which chi_1 = 1 for this bias, where it is a stable fixed point.

    Args:
        activation: one whose slopes depend on the length.
        sigma_b: standard deviation of the biases, at least 0.

    Returns:
        q* and an *estimate* of its error. Cost some 1 000 Gaussian integrals.

    Raises:
        UsageError: if there is no such length, or only unstable ones.
    """
    found = critical_sigma_w(activation, sigma_b)
    if found.status != "stable":
        raise UsageError(
            f"got {activation} with sigma_b={sigma_b:g}, expected a stable critical point: "
            f"{found.explanation} singular_value_law(..., q=...) gives the moments at any length q"
        )
    if found.q == 0:
        return 0.0, 0.0
    # q solves q - E phi^2 / E phi'^2 = sigma_b^2: the noise of the left side over its slope.
    q = found.q * np.array([1 - 1e-4, 1.0, 1 + 1e-4])
    square, slope = moment(activation, "square", q), moment(activation, "slope_square", q)
    ratio = np.asarray(square.value / slope.value)
    noise = np.asarray(square.error / slope.value + ratio * slope.error / slope.value)[1]
    rise = abs(1 - (ratio[2] - ratio[0]) / (q[2] - q[0]))
    return found.q, float((noise + 4e-16 * q[1]) / max(rise, 1e-12))


def critical_slopes(
    activation: Activation, sigma_b: object, q: object = None
) -> tuple[SlopeLaw, SlopeLaw, SlopeLaw | None, float]:
    """Return the law of slopes at the critical point (or at length q), and what its error is seen by.

    Args:
        activation: any.
        sigma_b: at least 0.
        q: a length to use instead of the critical one, or None.

    Returns:
        The law; the same by a coarser rule; the same at a length 1e-4 larger (None where the length
        has no error); the relative error of the length.

    Raises:
        UsageError: if sigma_b or q is not a finite number of at least 0, or no critical point exists.
    """
    for name, value in (("sigma_b", sigma_b), ("q", 0.0 if q is None else q)):
        number = isinstance(value, (int, float, np.floating, np.integer))
        if not number or isinstance(value, bool) or not 0 <= value < math.inf:  # type: ignore[operator]
            raise UsageError(
                f"got {name}={in_short(value)}, expected a finite number of at least 0"
            )
    if scale_free(activation):
        law = slope_law(activation, 1.0)
        return law, law, None, 0.0
    if q is None:
        length, error = critical_length(activation, float(sigma_b))  # type: ignore[arg-type]
    else:
        length, error = float(q), 0.0  # type: ignore[arg-type]
    law, coarse = slope_law(activation, length), slope_law(activation, length, COARSE)
    moved = slope_law(activation, length * 1.0001) if error > 0 else None
    return law, coarse, moved, error / length if length > 0 else 0.0
