"""The numbers of the normalization study: rates and growths, predicted and measured.

Keys: `batchnorm.<activation>.batch<B>.predicted` and `.measured`, `layernorm.<activation>....`.
Networks of one norm, batch and width share their draws and are kept while numbers follow each other.
"""

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import normalized, statistics
from gradchain.experiments.meeting import measured_result, predicted_result
from gradchain.predicted.normalization import batch_norm_rate, layer_norm_rate

NAMES = {"batch": ("identity", "relu"), "layer": ("relu", "tanh", "selu")}
"""The activations that are measured, for each norm."""
DESIGNS = ("plain", "residual")
_HOME = "gradchain.experiments.normalized_numbers"
_LIMITS = {"batch": 1024, "width": 1024, "depth": 200, "seeds": 2000}
_SKIPPED = 1  # the first layer's direction is not yet that of the others
_EVERY = ("batch", "width", "depth", "seeds")


@lru_cache(maxsize=16)
def log_steps(
    norm: str, batch: int, width: int, depth: int, seeds: int, seed: int, skips: bool = True
) -> np.ndarray:
    """Follow networks of all activations of a norm.

    Args:
        norm: "batch" or "layer".
        batch: B.
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        skips: whether residual networks are followed, too.

    Returns:
        (seeds, lanes, L) natural logs of the factor of the squared length, see `normalized`.

    Raises:
        UsageError: for a size out of range.
    """
    for name, value in zip(_EVERY, (batch, width, depth, seeds), strict=True):
        if not 1 <= value <= _LIMITS[name]:
            raise UsageError(f"{name} {value}: expected 1 to {_LIMITS[name]}")
    return normalized.measured(NAMES[norm], norm, batch, width, depth, seeds, seed, skips).log_step


def rates(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean factor a layer of the squared length, over networks, and its standard error.

    Args:
        steps: (seeds, lanes, L) natural logs.

    Returns:
        Two arrays (lanes,); layers after the first, averaged within each network first.
    """
    own = np.exp(steps[:, :, _SKIPPED:]).mean(axis=2)
    return own.mean(axis=0), own.std(axis=0, ddof=1) / math.sqrt(len(own))


def extrapolated_rate(
    steps: Mapping[int, np.ndarray], lane: int
) -> tuple[Result, list[tuple[int, float, float]]]:
    """Extrapolate the mean factor a layer to infinite width.

    Args:
        steps: for each width (seeds, lanes, L) natural logs.
        lane: which lane.

    Returns:
        The value at 1/n = 0 with its standard error, and (width, mean, standard error) of each width.
    """
    rows = []
    for width, own in steps.items():
        mean, error = rates(own)
        rows.append((width, float(mean[lane]), float(error[lane])))
    columns = (np.array(column) for column in zip(*rows, strict=True))
    value, error = normalized.extrapolated(*columns)
    count = sum(len(own) for own in steps.values())
    method = (
        "mean over networks and layers at each width, straight line in 1/width by weighted least "
        "squares, its value at 1/width = 0"
    )
    return measured_result(value, error, count, method), rows


@recomputable(activation=str, norm=normalized.NORMS, batch=int)
def rate_predicted(activation: str, norm: str, batch: int) -> Result:
    """Compute the factor a layer of the mean squared gradient.

    Args:
        activation: phi.
        norm: "batch" or "layer".
        batch: B; 0 for an infinite batch.

    Returns:
        The rate with its error.
    """
    rate = (
        layer_norm_rate(activation)
        if norm == "layer"
        else batch_norm_rate(activation, batch or None)
    )
    return predicted_result(float(rate), rate.error)


@recomputable(
    activation=str, norm=normalized.NORMS, batch=int, widths=list, depth=int, seeds=int, seed=int
)
def rate_measured(
    activation: str, norm: str, batch: int, widths: list, depth: int, seeds: int, seed: int
) -> Result:
    """Estimate the factor a layer from networks of several widths.

    Args:
        activation: one of `NAMES` of that norm.
        norm: "batch" or "layer".
        batch: B.
        widths: at least two.
        depth: L.
        seeds: networks of each width.
        seed: seed of the draws.

    Returns:
        The factor at infinite width with its standard error.
    """
    steps = {int(n): log_steps(norm, batch, int(n), depth, seeds, seed, False) for n in widths}
    return extrapolated_rate(steps, _lane(norm, activation))[0]


def _lane(norm: str, activation: str, design: str = "plain") -> int:
    """Return the lane of an activation and design.

    Raises:
        UsageError: if it is not measured.
    """
    if activation not in NAMES[norm]:
        raise UsageError(f"got {activation!r}, expected one of {', '.join(NAMES[norm])}")
    return NAMES[norm].index(activation) + len(NAMES[norm]) * DESIGNS.index(design)


def log_growth(activation: str, norm: str, batch: int, depth: int, design: str) -> np.ndarray:
    """Predict how the mean square of a gradient grows.

    Args:
        activation: phi.
        norm: "batch" or "layer".
        batch: B.
        depth: L.
        design: "plain" or "residual".

    Returns:
        (L,) natural logs for l = 1 .. L.
    """
    rate = normalized.exact_rate(activation, norm, batch)
    if design == "plain":
        return math.log(rate) * np.arange(1, depth + 1)
    return normalized.residual_log_growth(rate, depth)


@recomputable(activation=str, norm=normalized.NORMS, batch=int, depth=int, design=DESIGNS)
def growth_predicted(activation: str, norm: str, batch: int, depth: int, design: str) -> Result:
    """Compute the growth of the root mean square of a gradient through all layers.

    Args:
        activation: phi.
        norm: "batch" or "layer".
        batch: B.
        depth: L.
        design: "plain" (R^(L/2)) or "residual" (prod (1 + R/l)^(1/2)).

    Returns:
        The growth.
    """
    total = float(log_growth(activation, norm, batch, depth, design)[-1])
    return predicted_result(math.exp(total / 2))


@recomputable(
    activation=str, norm=normalized.NORMS, batch=int, width=int, depth=int, seeds=int, seed=int,
    design=DESIGNS,
)  # fmt: skip
def growth_measured(
    activation: str,
    norm: str,
    batch: int,
    width: int,
    depth: int,
    seeds: int,
    seed: int,
    design: str,
) -> Result:
    """Estimate the growth of the root mean square of a gradient through all layers.

    Args:
        activation: one of `NAMES` of that norm.
        norm: "batch" or "layer".
        batch: B.
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        design: "plain" or "residual".

    Returns:
        The root mean square over networks with its standard error.
    """
    steps = log_steps(norm, batch, width, depth, seeds, seed)
    return growth_of(steps[:, _lane(norm, activation, design)])


def growth_of(steps: np.ndarray) -> Result:
    """Take the root mean square growth of some networks.

    Args:
        steps: (seeds, L) natural logs of the factors of the square.

    Returns:
        The growth with its standard error.
    """
    return statistics.root_mean((steps.sum(axis=1) / math.log(10)).tolist())


def lane_of(norm: str, activation: str, design: str) -> int:
    """Return the lane of an activation and design in the arrays of `log_steps`.

    Args:
        norm: "batch" or "layer".
        activation: one of `NAMES` of that norm.
        design: "plain" or "residual".

    Returns:
        The index.
    """
    return _lane(norm, activation, design)


@recomputable(activation=str)
def trainable_depth(activation: str) -> Result:
    """Compute 16 depth scales of the explosion, 16 / log R at an infinite batch.

    Args:
        activation: phi.

    Returns:
        The depth in layers.
    """
    rate = batch_norm_rate(activation, None)
    error = 16 * rate.error / (float(rate) * math.log(rate) ** 2)
    return predicted_result(16 / math.log(rate), error)
