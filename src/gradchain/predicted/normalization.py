"""How fast do gradients grow through normalised layers, at initialisation?

Factors of the mean *squared* norm of the gradient per layer (the rms factor is the square root), at
infinite width, independent of the size of the weights:

    batch norm before phi, batch B    identity  (B - 2)/(B - 3),     relu  see `batch_norm_rate`
    batch norm, B to infinity         E phi'(Z)^2 / Var phi(Z)       >= 1, with equality iff phi is linear
    layer norm or RMS norm before phi E phi'(Z)^2 / E phi(Z)^2       Z ~ N(0, 1)

Sources: G. Yang, J. Pennington, V. Rao, J. Sohl-Dickstein, S. Schoenholz, ICLR 2019,
arXiv:1902.08129, theorems 7 to 9; Gaussian Poincare inequality (Chernoff 1981).
"""

import math

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import Approximate, in_short
from gradchain.activations.noun import Activation
from gradchain.gaussian import moment

_ROUNDING = 16 * 2.0**-53


def _batch(batch: object) -> int | None:
    """Return a whole number, or None for an infinite batch.

    Raises:
        UsageError: if it is neither.
    """
    if batch is None or (isinstance(batch, (float, np.floating)) and batch == math.inf):
        return None
    if isinstance(batch, (int, np.integer)) and not isinstance(batch, bool) and batch >= 2:
        return int(batch)
    raise UsageError(
        f"got batch={in_short(batch)}, expected a whole number of at least 2 (one sample has no "
        "variance), or None for an infinite batch"
    )


def _ratio(name: str, activation: Activation, centred: bool) -> Approximate:
    slope, square = moment(activation, "slope_square", 1.0), moment(activation, "square", 1.0)
    mean = moment(activation, "mean", 1.0)
    top, top_error = float(slope.value), float(slope.error)
    below, below_error = float(square.value), float(square.error)
    if centred:
        first, first_error = float(mean.value), float(mean.error)
        below, below_error = below - first**2, below_error + 2 * abs(first) * first_error
        below_error += 4e-16 * first**2
    if not math.isfinite(top_error + below_error):
        raise UsageError(
            f"got {activation}, whose Gaussian moments diverge; expected one that grows slower than "
            "exp(x^2 / 4)"
        )
    if below <= below_error:
        raise UsageError(
            f"got {activation}, which is constant under a normal input as far as can be told, so "
            f"that {name} divides by 0; expected one that varies"
        )
    value = top / below
    return Approximate(value, top_error / below + value * below_error / below + 4e-16 * value)


def _leaky_rate(slope: float, batch: int) -> float:
    # B/((B-1)(B-3)) E tr[P D G D] / (E phi_1^2 - E phi_1 phi_2): P projects off 1 and the output,
    # which is uniform on the sphere of radius sqrt(B) in the space orthogonal to 1; D holds the
    # slopes. All means are those of Gaussians of correlation c = -1/(B-1), by homogeneity.
    c = -1 / (batch - 1)
    both = 0.25 + math.asin(c) / (2 * math.pi)
    arc = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)
    bend = (1 - slope) ** 2
    square = (1 + slope**2) / 2  # E phi'^2 = E phi^2 = E phi'^2 h^2
    slopes = slope + bend * both  # E phi'_1 phi'_2, as a^2 + a (1 - a) = a
    product = slope * c + bend * arc  # E phi_1 phi_2 = E phi'_1 phi'_2 h_1 h_2
    pairs = batch - 1
    trace = batch * square * (1 - 1 / batch) - square
    ones = batch * square - (square + pairs * slopes) - (square + pairs * product)
    return batch / ((batch - 1) * (batch - 3)) * (trace - ones / batch) / (square - product)


def batch_norm_rate(activation: str | Activation, batch: int | float | None) -> Approximate:
    """Return the factor by which one layer with batch norm multiplies the mean squared gradient.

    At B above 3, with c = -1/(B-1) and J(c) = (sqrt(1-c^2) + c (pi - acos c))/pi:
    identity (B-2)/(B-3); relu [(pi - acos c)/pi + B - 1] / ((B-3)(1 - J(c))) - 1/(B-3), by the same
    argument leaky_relu. At B = None: E phi'^2 / Var phi at N(0, 1). At B = 2 the normalised values
    are +-1 and the gradient is exactly 0 for every activation; at B = 3 the mean of 1/chi^2_2
    diverges and so does the rate. *Exact* in the limit of infinite width (after many layers, at the
    fixed point); at finite width it needs depth * B / n small.

    Args:
        activation: at B above 3 identity, relu or leaky_relu (any slope); any at B = 2 or None.
        batch: B, or None (or math.inf) for an infinite batch.

    Returns:
        The rate, a float with `.error`; `math.inf` at B = 3.

    Raises:
        ActivationError: if the activation is not known.
        UsageError: if B is below 2, if there is no closed form for this activation at this B, or if
            its moments diverge.

    Example:
        >>> round(batch_norm_rate("relu", None), 12)
        1.466942206924
        >>> round(batch_norm_rate("identity", 8), 12)
        1.2
    """
    known, size = activations.get(activation), _batch(batch)
    if size is None:
        return _ratio("the rate of batch norm", known, centred=True)
    if size == 2:
        return Approximate(0.0)
    slopes = {"identity": 1.0, "relu": 0.0}
    if known.name in {"leaky_relu", "prelu"}:
        slopes[known.name] = float(known.parameters[0][1])
    if known.name not in slopes:
        raise UsageError(
            f"got {known} with batch {size}, expected identity, relu or leaky_relu: others have a "
            "closed rate only at batch=None; measure this one with gradchain.gradient_chain"
        )
    if size == 3:
        return Approximate(math.inf)
    value = _leaky_rate(slopes[known.name], size)
    return Approximate(value, 8 * _ROUNDING * value * (1 + size / (size - 3)))


def layer_norm_rate(activation: str | Activation) -> Approximate:
    """Return the factor of the mean squared gradient per layer with RMS or layer norm before phi.

    E phi'(Z)^2 / E phi(Z)^2, Z ~ N(0, 1): the normalisation feeds phi with N(0, 1) whatever the
    weights, and divides the gradient by the norm that E phi^2 makes. With zero-mean weights the mean
    over units that layer norm subtracts vanishes as the width grows, so both norms have this rate.
    Exactly 1 for relu and identity. *Exact* at infinite width.

    Args:
        activation: any.

    Returns:
        The rate, a float with `.error`.

    Raises:
        ActivationError: if the activation is not known.
        UsageError: if its moments diverge or vanish.

    Example:
        >>> round(layer_norm_rate("tanh"), 12)
        1.177807232304
    """
    return _ratio("the rate of layer norm", activations.get(activation), centred=False)
