"""How long is a plain recurrent network's state, and what does one step do to a gradient?

h_t = phi(z_t), z_t = W h_{t-1} + (input) + b, W_ij of variance sigma_w^2 / n, the input's part of z with
variance v over units, drawn afresh at every step:

    q_1 = sigma_b^2 + v  (h_0 = 0),     q_{t+1} = sigma_w^2 E phi(sqrt(q_t) Z)^2 + sigma_b^2 + v
    chi_t = sigma_w^2 E phi'(sqrt(q_t) Z)^2,     E||dh_T/dh_t||_F^2 / n = prod_{t < s <= T} chi_s

That is the mean field of a feed-forward network whose layers all receive an input: the *untied* chain,
new weights at every step. At infinite width and fixed T the *tied* chain, one W for all steps, has the
same lengths and factors; where they differ at finite width is in `recurrent_tied`. Orthogonal
W = g O has sigma_w = g and the same values.

Everything is a *prediction* of infinite width in float64. Sources: Chen, Pennington and Schoenholz, ICML
2018, arXiv:1806.05394; Sompolinsky, Crisanti and Sommers, PRL 61 (1988) 259 (without input).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Approximate, Real, whole_number
from gradchain.gaussian import moment
from gradchain.predicted.mean_field.fixed_points import lengths
from gradchain.predicted.mean_field.laws import Law, law, non_negative

# Lengths that move by less, relatively, stand still but for rounding.
_SETTLED = 1e-14


@dataclass(frozen=True, eq=False)
class TimeField:
    """Lengths, factors and the chain of a plain recurrent network, float64.

    Attributes:
        lengths: (T,) variances q_t of the pre-activations, t = 1 .. T.
        factors: (T,) chi_t, what step t does to the squared size of a gradient.
        log_norms: (T+1,) natural logarithms of the root mean square of ||dh_T/dh_t||_F / sqrt(n),
            t = 0 .. T; the last is 0.
    """

    lengths: np.ndarray
    factors: np.ndarray
    log_norms: np.ndarray


def with_input(activation: Any, sigma_w: Real, sigma_b: Real, input_variance: Real) -> Law:
    """Return the law whose bias stands for bias and input together.

    Args:
        activation: a name or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / n.
        sigma_b: standard deviation of biases.
        input_variance: v, as in `time_field`.

    Returns:
        The law.

    Raises:
        UsageError: if a size is negative or not finite, or a moment diverges.
    """
    spread = non_negative("sigma_b", sigma_b) ** 2
    spread += non_negative("input_variance", input_variance)
    return law(activation, sigma_w, math.sqrt(spread))


def time_field(
    activation: Any,
    sigma_w: Real,
    steps: int,
    *,
    sigma_b: Real = 0.0,
    input_variance: Real = 0.0,
) -> TimeField:
    """Follow lengths and gradients through time, from h_0 = 0.

    log_norms[t] = (1/2) sum_{s > t} log chi_s.

    Args:
        activation: a name or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / n; for orthogonal W = g O it is g.
        steps: T.
        sigma_b: standard deviation of biases.
        input_variance: v, the variance over units of the input's part of z: for inputs x of d entries
            and a kernel of entries of variance s^2 it is s^2 E|x|^2.

    Returns:
        A `TimeField`, a *prediction* of infinite width. Cost: an integral a step until the
        lengths settle, and one for each distinct length.

    Raises:
        UsageError: if a size is negative or not finite, or a moment diverges.
        ActivationError: for an unknown activation.

    Example:
        >>> found = time_field("identity", 0.5, 3, input_variance=1.0)
        >>> np.exp(found.log_norms).round(12).tolist(), found.lengths.tolist()
        ([0.125, 0.25, 0.5, 1.0], [1.0, 1.25, 1.3125])
    """
    steps = whole_number("steps", steps)
    own = with_input(activation, sigma_w, sigma_b, input_variance)
    q = [own.sigma_b**2]
    while len(q) < steps:
        q.append(min(float(own.length(q[-1]).value), 1e300))
        if abs(q[-1] - q[-2]) <= _SETTLED * q[-1]:
            q += [q[-1]] * (steps - len(q))
    distinct, places = np.unique(q, return_inverse=True)
    factors = own.chi(distinct).value[places]
    with np.errstate(divide="ignore"):
        logs = np.log(factors) / 2
    chain = np.concatenate([np.cumsum(logs[::-1])[::-1], [0.0]])
    return TimeField(np.array(q), factors, chain)


def stationary_length(
    activation: Any, sigma_w: Real, *, sigma_b: Real = 0.0, input_variance: Real = 0.0
) -> Approximate:
    """Return the variance q of the pre-activations that a long run settles at.

    q = sigma_w^2 E phi(sqrt(q) Z)^2 + sigma_b^2 + v, the root reached from q = 1 (a network without
    input and bias that starts at h = 0 stays there).

    Args:
        activation: a name or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / n.
        sigma_b: standard deviation of biases.
        input_variance: v, as in `time_field`.

    Returns:
        q with an *estimate* of its numerical error; a *prediction* of infinite width.

    Raises:
        UsageError: if a size is out of range or the lengths grow without bound.
        ActivationError: for an unknown activation.

    Example:
        >>> round(float(stationary_length("tanh", 2.0)), 10)
        2.1214735682
    """
    own = with_input(activation, sigma_w, sigma_b, input_variance)
    found = lengths(own)
    if not math.isfinite(found.reached):
        raise UsageError(
            f"got {own.activation} with sigma_w={own.sigma_w:g}, whose states grow without bound; "
            "expected a smaller sigma_w, or use time_field for a finite number of steps"
        )
    return Approximate(found.reached, found.error)


def top_lyapunov_exponent(
    activation: Any,
    sigma_w: Real,
    *,
    sigma_b: Real = 0.0,
    input_variance: Real = 0.0,
    width: int | None = None,
) -> Approximate:
    """Return the top Lyapunov exponent of a random recurrent network, in nats a step.

    lambda_1 = (1/2) log chi(q) at the stationary length q; with a width, minus (3 rho - 1) / (4 n),
    rho = E phi'^4 / (E phi'^2)^2.

    Args:
        activation: a name or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / n.
        sigma_b: standard deviation of biases.
        input_variance: v, as in `time_field`; 0 is the autonomous network h' = phi(W h).
        width: n, for the first-order correction; infinite if not given.

    Returns:
        The exponent with an *estimate* of its numerical error. At infinite width a *prediction* of
        mean field. The correction is that of independent Gaussian weights at every step (exact to
        order 1/n for slopes of the stationary law), an *approximation* for one W: a network without
        input at sigma_w near 1 is off by a few times as much, since its length settles above q.

    Raises:
        UsageError: if a size is out of range or the lengths grow without bound.
        ActivationError: for an unknown activation.

    Source: Sompolinsky, Crisanti and Sommers, PRL 61 (1988) 259; Hanin and Nica, CMP 376 (2020) 287 for
    the correction.

    Example:
        >>> round(float(top_lyapunov_exponent("tanh", 2.0)), 10)
        0.1547242298
    """
    own = with_input(activation, sigma_w, sigma_b, input_variance)
    if own.sigma_w == 0:
        raise UsageError(
            "got sigma_w=0, expected a number above 0: without weights nothing is kept"
        )
    q = stationary_length(activation, sigma_w, sigma_b=sigma_b, input_variance=input_variance)
    chi, doubt = (float(each) for each in own.chi(float(q)))
    if chi == 0:
        raise UsageError(f"got {own.activation}, whose slope is 0 at the length q={float(q):g}")
    sides = own.chi(np.array([max(q - q.error, 0.0), q + q.error])).value
    value = math.log(chi) / 2
    error = (doubt + float(np.ptp(sides)) / 2) / (2 * chi)
    if width is None:
        return Approximate(value, error)
    n = whole_number("width", width)
    mean = chi / own.sigma_w**2
    rho = float(moment(own.activation, "slope_fourth", float(q)).value) / mean**2
    return Approximate(value - (3 * rho - 1) / (4 * n), error)
