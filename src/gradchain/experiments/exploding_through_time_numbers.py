"""The estimates of the study of exploding gradients through time, as functions that compute them again.

Trained networks are kept in memory while numbers of one arm follow each other. Cost: 5 to 10 s for the
first number of an arm, most of it compilation.
"""

import math
from dataclasses import replace

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.exploding_through_time import (
    ACTIVATIONS,
    Arm,
    Trained,
    predicted,
    rate,
    start,
    train,
)
from gradchain.experiments.meeting import measured_result, predicted_result

MEASURES = ("lost", "learned", "turned", "peak")
KEPT = ("finite", "learned")


def _median(values: np.ndarray, what: str) -> Result:
    known = values[np.isfinite(values)]
    if not known.size:
        raise UsageError(f"got no network {what}, expected at least one")
    return statistics.median(known.tolist())


def measure(trained: Trained, name: str) -> Result:
    """Take a measure over the networks of an arm.

    Args:
        trained: the networks.
        name: "lost" or "learned" (shares of the networks), "turned" (median over networks of the median
            angle in degrees over their clipped steps) or "peak" (median over networks of the
            largest norm of their gradients over the first).

    Returns:
        The estimate with its 95 % interval.

    Raises:
        UsageError: if no network has what is asked for.
    """
    if name in {"lost", "learned"}:
        own = trained.lost if name == "lost" else trained.learned
        return statistics.share(int(own.sum()), len(own))
    if name == "peak":
        return _median(trained.peak, "with a finite gradient")
    with np.errstate(divide="ignore"):
        return _median(np.log10(trained.angle), "that was clipped")


@recomputable(arm=str, name=MEASURES, seeds=int, seed=int)
def trained(arm: str, name: str, seeds: int, seed: int) -> Result:
    """Train the networks of an arm and take a measure over them.

    Args:
        arm: JSON of the fields that differ from `Arm()`.
        name: one of `MEASURES`, see `measure`.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate.
    """
    return measure(train(Arm.from_text(arm), seeds, seed), name)


def rescued(bare: Trained, clipped: Trained, kept: str) -> Result:
    """Return the share of failing networks that clipping saves.

    Args:
        bare: the networks without clipping.
        clipped: the same networks with it.
        kept: "finite": of those whose loss becomes NaN the share that stays finite; "learned": of those
            that do not learn the share that does.

    Returns:
        The share with Wilson's 95 % interval.

    Raises:
        UsageError: if none fails without clipping.
    """
    failed, good = (
        (bare.lost, ~clipped.lost) if kept == "finite" else (~bare.learned, clipped.learned)
    )
    if not failed.any():
        raise UsageError("no network fails without clipping, expected at least one")
    return statistics.share(int((failed & good).sum()), int(failed.sum()))


@recomputable(arm=str, kept=KEPT, seeds=int, seed=int)
def saved(arm: str, kept: str, seeds: int, seed: int) -> Result:
    """Train networks with and without clipping; return the share of failing ones that it saves.

    Args:
        arm: JSON of the fields that differ from `Arm()`, with its clip.
        kept: one of `KEPT`, see `rescued`.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate.
    """
    own = Arm.from_text(arm)
    plain = replace(own, clip="none", limit=Arm.limit)
    return rescued(train(plain, seeds, seed), train(own, seeds, seed), kept)


def factor(logs: np.ndarray) -> Result:
    """Estimate the factor a step of the gradient's way back.

    Args:
        logs: (S, T+1) natural logarithms whose last is 0.

    Returns:
        exp of the mean over networks of the logarithm of their factor a step, with its standard error.
    """
    middle, error = statistics.mean_and_error(rate(logs).tolist())
    value = math.exp(middle)
    return measured_result(
        value,
        value * error,
        len(logs),
        "geometric mean over networks; standard error of its logarithm, delta method",
    )


@recomputable(cell=ACTIVATIONS, gain=float, distance=int, units=int, seeds=int, seed=int)
def factor_measured(
    cell: str, gain: float, distance: int, units: int, seeds: int, seed: int
) -> Result:
    """Estimate the factor a step by which a gradient shrinks or grows before training.

    Args:
        cell: "tanh" or "relu".
        gain: what the recurrent weights are multiplied by.
        distance: steps from the first token to the answer.
        units: n.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate.
    """
    return factor(start(cell, gain, distance, units, seeds, seed))


@recomputable(activation=ACTIVATIONS, gain=float, distance=int, units=int)
def factor_predicted(activation: str, gain: float, distance: int, units: int) -> Result:
    """Predict the factor a step by mean field: infinite width, weights drawn anew at every step.

    Args:
        activation: "tanh" or "relu".
        gain: g.
        distance: steps from the first token to the answer.
        units: n, for the size of the inputs alone.

    Returns:
        The geometric mean over the steps of sqrt(chi_t), chi_t = g^2 E phi'^2.
    """
    value = math.exp(float(rate(predicted(activation, gain, distance, units))))
    return predicted_result(value, 1e-9 * value)
