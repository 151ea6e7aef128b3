"""What does a finite depth see on its way to the fixed point?

    q_{l+1} = V(q_l),   chi_l = sigma_w^2 E phi'(sqrt(q_l) Z)^2,   E|J|_F^2 / n = prod_l chi_l

The product of the chi_l is what a network of that depth meets, not chi*^L: tanh at sigma_w = 1 has
chi* = 1 and yet loses gradient like 0.71 / L. The same recursions with an identity skip and with
normalized branches:

    residual     x + a phi(W x + b):   p' = p + 2 a m E phi + a^2 E phi^2,  m' = m + a E phi,
                                       q = sigma_w^2 p + sigma_b^2,  factor 1 + a^2 chi(q)
    layer norm   z -> z / rms(z) before phi: q = 1 in every layer, factor E phi'^2 / E phi^2
    batch norm   (infinite batch) the same about the mean: factor E phi'^2 / Var phi

All are *predictions* of infinite width. Sources: Schoenholz et al., ICLR 2017; Yang and Schoenholz,
NeurIPS 2017; Yang et al., ICLR 2019. Cost: one integral of each kind a layer.
"""

from typing import Any

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import Real, one_of, pytree, static, whole_number
from gradchain.activations import Activation
from gradchain.gaussian import moment, pair_moment
from gradchain.predicted.mean_field.laws import law, non_negative


@pytree
class Trajectory:
    """Lengths and factors, layer by layer.

    Attributes:
        q: (depth + 1,) variances of the pre-activations, q[0] the start.
        chi: (depth,) factor of the squared gradient in each layer; chi[l] is taken at q[l].
        log_product: (depth + 1,) natural log of the product of the first l factors.
        error: (depth + 1,) *estimates* of the error of `q`, carried along.
        activation: the activation.
    """

    q: Any
    chi: Any
    log_product: Any
    error: Any
    activation: Activation = static()


def _made(phi: Activation, q: list, chi: list, error: list) -> Trajectory:
    factors = np.array(chi, np.float64)
    with np.errstate(divide="ignore"):  # log 0 is -inf, as it should be
        logs = np.concatenate([[0.0], np.cumsum(np.log(factors))])
    return Trajectory(np.array(q), factors, logs, np.array(error), activation=phi)


def length_trajectory(
    activation: Any, sigma_w: Real, sigma_b: Real, q0: Real, depth: int
) -> Trajectory:
    """Follow a length through the layers.

    Args:
        activation: a name of `gradchain.activations.NAMES`, or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / fan_in.
        sigma_b: Var(b_i) = sigma_b^2.
        q0: variance of the first pre-activations, at least 0.
        depth: number of layers, at least 1.

    Returns:
        Lengths (depth + 1,) and factors (depth,). The lengths may grow to infinity; that is the
        answer, not an error.

    Raises:
        UsageError: a number out of range, or an activation whose moments diverge.
        ActivationError: an unknown activation.

    Example:
        >>> found = length_trajectory("tanh", 1.0, 0.0, q0=1.0, depth=10)
        >>> round(float(found.chi.prod()), 6)
        0.07137
    """
    own = law(activation, sigma_w, sigma_b)
    length, count = non_negative("q0", q0), whole_number("depth", depth)
    q, error, chi = [length], [0.0], []
    for _ in range(count):
        chi.append(float(own.chi(length).value))
        value, doubt = (float(each) for each in own.length(length))
        carried = abs(float(own.length_slope(length).value)) * error[-1]
        length = min(value, 1e300)
        q.append(length)
        error.append(doubt + carried)
    return _made(own.activation, q, chi, error)


def correlation_trajectory(
    activation: Any, sigma_w: Real, sigma_b: Real, q0: Real, c0: Real, depth: int
) -> np.ndarray:
    """Follow the correlation of two inputs of equal length through the layers.

    Args:
        activation: a name or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / fan_in.
        sigma_b: Var(b_i) = sigma_b^2.
        q0: variance of the first pre-activations of either input, above 0.
        c0: their correlation, from -1 to 1.
        depth: number of layers.

    Returns:
        (depth + 1,) correlations, c0 first.

    Raises:
        UsageError: a number out of range.

    Example:
        >>> correlation_trajectory("relu", 2.0**0.5, 0.0, 1.0, 0.0, 1).round(6).tolist()
        [0.0, 0.31831]
    """
    own = law(activation, sigma_w, sigma_b)
    q, count = non_negative("q0", q0), whole_number("depth", depth)
    if q == 0 or not -1 <= c0 <= 1:
        raise UsageError(f"got q0={q0}, c0={c0}, expected q0 above 0 and c0 from -1 to 1")
    path = [float(c0)]
    for _ in range(count):
        value = float(own.length(q).value)
        product = float(pair_moment(own.activation, "product", q, path[-1]).value)
        joint = own.sigma_w**2 * product + own.sigma_b**2
        path.append(min(max(joint / value, -1.0), 1.0) if value > 0 else 1.0)
        q = value
    return np.array(path)


def residual_trajectory(
    activation: Any,
    sigma_w: Real,
    sigma_b: Real,
    q0: Real,
    depth: int,
    branch_scale: Real = 1.0,
) -> Trajectory:
    """Follow length and gradient through x + branch_scale * phi(W x + b).

    Args:
        activation: a name or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / fan_in.
        sigma_b: Var(b_i) = sigma_b^2.
        q0: second moment of the input's entries, E x^2 (their mean is taken as 0).
        depth: number of blocks.
        branch_scale: factor of each branch; 0 gives the identity.

    Returns:
        q: second moments E x_l^2 of the states (not of the pre-activations); chi: the factors
        1 + branch_scale^2 sigma_w^2 E phi'^2 of the squared Jacobian norm, E|J|_F^2 / n.

    Raises:
        UsageError: a number out of range.

    Example:
        >>> found = residual_trajectory("tanh", 1.0, 0.0, q0=1.0, depth=50)
        >>> bool(1300 < found.chi.prod() < 1400)
        True
    """
    own = law(activation, sigma_w, sigma_b)
    power, count = non_negative("q0", q0), whole_number("depth", depth)
    scale = non_negative("branch_scale", branch_scale)
    mean, p, error, chi = 0.0, [power], [0.0], []
    for _ in range(count):
        length = own.sigma_w**2 * p[-1] + own.sigma_b**2
        chi.append(1 + scale**2 * float(own.chi(length).value))
        step = float(moment(own.activation, "mean", length).value)
        square, doubt = (float(each) for each in moment(own.activation, "square", length))
        p.append(p[-1] + 2 * scale * mean * step + scale**2 * square)
        mean += scale * step
        slope = own.sigma_w**2 * float(moment(own.activation, "square_growth", length).value)
        error.append(error[-1] * (1 + scale**2 * abs(slope)) + scale**2 * doubt)
    return _made(own.activation, p, chi, error)


def normalized_trajectory(activation: Any, depth: int, kind: str = "layer") -> Trajectory:
    """Follow the gradient through layers whose pre-activations are normalized.

    Args:
        activation: a name or an `Activation`.
        depth: number of layers.
        kind: "layer" (each input by itself, width to infinity) or "batch" (batch to infinity). For
            batch norm at a finite batch see `batch_norm_rate`.

    Returns:
        q = 1 in every layer; chi: E phi'^2 / E phi^2 or E phi'^2 / Var phi, whatever sigma_w is.

    Raises:
        UsageError: an unknown kind, or an activation whose output does not vary.

    Example:
        >>> bool(abs(normalized_trajectory("relu", 3).chi - 1).max() < 1e-14)
        True
    """
    phi, count = activations.get(activation), whole_number("depth", depth)
    kind = one_of("kind", kind, ("layer", "batch"))
    slope, square = (float(moment(phi, name, 1.0).value) for name in ("slope_square", "square"))
    mean = float(moment(phi, "mean", 1.0).value) if kind == "batch" else 0.0
    spread = square - mean * mean
    if not spread > 1e-14 * square:
        raise UsageError(f"got {phi}, whose output does not vary; there is nothing to normalize")
    return _made(phi, [1.0] * (count + 1), [slope / spread] * count, [0.0] * (count + 1))
