"""The numbers of the isometry study, each as a function that computes it again.

Predictions come from free probability (infinite width), Wick's formula and Newman's exponents (exact at
finite width); measurements draw their networks from `seed` alone. Cost: seconds.
"""

import math
from functools import lru_cache

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import isometry as own
from gradchain.experiments import statistics
from gradchain.experiments.phase_diagram_numbers import with_error
from gradchain.gaussian import moment
from gradchain.predicted.finite_width_moments import second_moments
from gradchain.predicted.isometry import singular_value_edge
from gradchain.predicted.lyapunov import gaussian_lyapunov_exponents

QUANTITIES = ("edge", "aboveone", "fourth")
_LARGEST = {"width": 1024, "depth": 2000, "draws": 1000}
_LAW = {"activation": own.ACTIVATIONS, "weights": own.WEIGHTS, "depth": int}


def _within(**sizes: int) -> None:
    for name, value in sizes.items():
        if not 1 <= value <= _LARGEST[name]:
            raise UsageError(f"{name} {value}: expected 1 to {_LARGEST[name]}")


@recomputable(**_LAW, quantity=QUANTITIES)
def law_value(activation: str, weights: str, depth: int, quantity: str) -> Result:
    """Predict the largest singular value, the share above 1, or the mean fourth power.

    Args:
        activation: one of the study's.
        weights: "gaussian" or "orthogonal".
        depth: L.
        quantity: "edge", "aboveone" or "fourth".

    Returns:
        The prediction for infinite width with its numerical error.
    """
    _within(depth=depth)
    bias = own.BIAS[activation]
    if quantity == "edge":
        found = singular_value_edge(activation, depth, weights, bias)
        return with_error(float(found), max(float(found.error), 1e-15 * found))
    if quantity == "fourth":
        moments = own.law_of(activation, weights, depth).moments(2)
        return with_error(float(moments.value[1]), max(float(moments.error[1]), 1e-14))
    top = math.log10(float(singular_value_edge(activation, depth, weights, bias)))
    shares = own.law_shares(activation, weights, depth, np.linspace(0.0, top + 1e-9, 41))
    finer = own.law_shares(activation, weights, depth, np.linspace(0.0, top + 1e-9, 81))
    error = abs(float(finer.sum() - shares.sum()))
    return with_error(float(finer.sum()), max(2 * error, 1e-6))


@recomputable(activation=("identity", "relu"), width=int, depth=int)
def fourth_at_width(activation: str, width: int, depth: int) -> Result:
    """Compute the mean fourth power of the singular values at finite width, Gaussian weights.

    Args:
        activation: "identity" or "relu".
        width: n.
        depth: L.

    Returns:
        E tr (J J^T)^2 / n, exact but for rounding.
    """
    _within(width=width, depth=depth)
    value = second_moments(activation, width, depth).trace_of_square
    return with_error(value, 1e-13 * value * depth)


def value_of(top: np.ndarray, fourth: np.ndarray, logs: np.ndarray, quantity: str) -> Result:
    """Estimate a quantity from what was measured at one depth.

    Args:
        top: (S,) largest singular values.
        fourth: (S,) mean fourth powers.
        logs: (S, n) natural logarithms of all singular values.
        quantity: one of `QUANTITIES`.

    Returns:
        The mean with its standard error over networks.
    """
    found = {"edge": top, "fourth": fourth, "aboveone": (logs > 0).mean(axis=1)}[quantity]
    return statistics.mean(np.asarray(found, np.float64).tolist())


@lru_cache(maxsize=8)
def _measured(
    activation: str, weights: str, width: int, depth: int, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    _within(width=width, depth=depth, draws=draws)
    top, fourth = own.tops(activation, weights, width, (depth,), draws, seed)
    logs = own.spectra(activation, weights, width, (depth,), draws, seed)
    return top[:, 0], fourth[:, 0], logs[:, 0]


@recomputable(**_LAW, width=int, draws=int, seed=int, quantity=QUANTITIES)
def measured_value(
    activation: str, weights: str, depth: int, width: int, draws: int, seed: int, quantity: str
) -> Result:
    """Measure the largest singular value, the share above 1, or the mean fourth power.

    Args:
        activation: one of the study's.
        weights: "gaussian" or "orthogonal".
        depth: L.
        width: n.
        draws: number of networks.
        seed: seed of the draws.
        quantity: one of `QUANTITIES`.

    Returns:
        The mean over networks.
    """
    return value_of(*_measured(activation, weights, width, depth, draws, seed), quantity)


@recomputable(width=int, depth=int)
def span_predicted(width: int, depth: int) -> Result:
    """Predict how far the singular values of a deep linear Gaussian chain lie apart.

    Args:
        width: n.
        depth: L.

    Returns:
        L (lambda_1 - lambda_n), in nats, by Newman's exponents: leading order in L.
    """
    _within(width=width, depth=depth)
    found = gaussian_lyapunov_exponents(width)
    value = depth * float(found[0] - found[-1])
    return with_error(value, 1e-13 * value)


def span_of(logs: np.ndarray) -> Result:
    """Estimate how far singular values lie apart.

    Args:
        logs: (S, n) natural logarithms, descending.

    Returns:
        Mean of log s_1 - log s_n over networks, in nats.
    """
    return statistics.mean((logs[:, 0] - logs[:, -1]).tolist())


@recomputable(width=int, depth=int, draws=int, seed=int)
def span_measured(width: int, depth: int, draws: int, seed: int) -> Result:
    """Measure how far the singular values of a deep linear Gaussian chain lie apart.

    Args:
        width: n.
        depth: L.
        draws: number of networks.
        seed: seed of the draws.

    Returns:
        The mean, in nats.
    """
    _within(width=width, depth=depth, draws=draws)
    return span_of(own.spectra("identity", "gaussian", width, (depth,), draws, seed)[:, 0])


@recomputable(width=int, place=("top", "bottom"))
def exponent(width: int, place: str) -> Result:
    """Compute the first or last Lyapunov exponent of products of Gaussian matrices.

    Args:
        width: n.
        place: "top" or "bottom".

    Returns:
        Newman's exact value, entries N(0, 1), in nats a factor.
    """
    _within(width=width)
    found = gaussian_lyapunov_exponents(width)
    return with_error(float(found[0 if place == "top" else -1]), 2e-15)


def exponent_of(values: np.ndarray, errors: np.ndarray, place: str, depth: int) -> Result:
    """Return one measured exponent.

    Args:
        values: (n,) exponents, descending.
        errors: (n,) standard errors.
        place: "top" or "bottom".
        depth: how many factors.

    Returns:
        The estimate.
    """
    k = 0 if place == "top" else -1
    return Result(
        statistics.plain(float(values[k])),
        uncertainty=Uncertainty(
            "standard error",
            statistics.plain(float(errors[k]), 3),
            n=depth,
            method="mean of log |R_kk| over the factors of one product; error from block means",
        ),
    )


@recomputable(width=int, place=("top", "bottom"), depth=int, blocks=int, seed=int)
def exponent_measured(width: int, place: str, depth: int, blocks: int, seed: int) -> Result:
    """Measure the first or last Lyapunov exponent of products of Gaussian matrices.

    Args:
        width: n.
        place: "top" or "bottom".
        depth: how many factors.
        blocks: for the standard error.
        seed: seed of the draws.

    Returns:
        The estimate, in nats a factor.

    Raises:
        UsageError: if there is more than a minute's work.
    """
    _within(width=width)
    if not 1 <= depth <= 10**6 or depth * width**2 > 2 * 10**8:
        raise UsageError(f"{depth} factors of width {width}: expected fewer or smaller ones")
    return exponent_of(*own.exponents(width, depth, blocks, seed), place, depth)


@recomputable(activation=("tanh", "erf"), square=float)
def critical_bias(activation: str, square: float) -> Result:
    """Predict the bias variance for which a weight variance is critical.

    Args:
        activation: "tanh" or "erf".
        square: sigma_w^2.

    Returns:
        sigma_b^2 = q - sigma_w^2 E phi^2 at the length q with sigma_w^2 E phi'^2 = 1.

    Raises:
        UsageError: if no length is critical at this weight variance.
    """
    phi, low, high = activations.get(activation), 1e-12, 1e3
    slopes = [float(moment(phi, "slope_square", q).value) for q in (low, high)]
    if not slopes[1] < 1 / square < slopes[0]:
        raise UsageError(f"sigma_w^2 {square:g}: there is no critical length")
    for _ in range(200):
        middle = math.sqrt(low * high)
        slope = float(moment(phi, "slope_square", middle).value)
        low, high = (middle, high) if slope * square > 1 else (low, middle)
        if high - low <= 4e-16 * high:
            break
    q = (low + high) / 2
    value = q - square * float(moment(phi, "square", q).value)
    return with_error(value, 1e-13 * q)
