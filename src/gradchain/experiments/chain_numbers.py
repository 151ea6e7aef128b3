"""The numbers of the Jacobian chain study, each as a function that computes it again.

Every function draws its networks from `seed` alone, so fresh seeds give fresh, independent estimates.
Sweeps are kept in memory while numbers of one cell follow each other. Cost of one: a second at depth
10, some 10 s at width 100 and depth 100, then nothing for the other numbers of that cell.
"""

from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.chains import (
    ACTIVATIONS,
    INITIALIZERS,
    Sweep,
    factor_sweep,
    log10_upper,
    slope_sup,
    sweep,
)

BOUNDS = ("sure", "local")
FACTORS = ("error", "slope", "input")
# Numbers of one law share a sweep to the next of these depths.
_GRID = (5, 10, 20, 30, 50, 100)
_TOPS = (10, 30, 100)
_LARGEST = {"width": 300, "depth": 200, "seeds": 2000}


def _checked(**counts: int) -> None:
    """Refuse counts that would take more than minutes.

    Raises:
        UsageError: if one is out of range.
    """
    for name, value in counts.items():
        if not 1 <= value <= _LARGEST[name]:
            raise UsageError(f"{name} {value}: expected 1 to {_LARGEST[name]}")


@lru_cache(maxsize=64)
def _sweep(
    activations: tuple[str, ...],
    initializer: str,
    width: int,
    depths: tuple[int, ...],
    seeds: int,
    seed: int,
    weight_norms: bool,
) -> Sweep:
    return sweep(activations, initializer, width, depths, seeds, seed, weight_norms)


def _cell(
    activation: str,
    initializer: str,
    width: int,
    depth: int,
    seeds: int,
    seed: int,
    bounds: bool = False,
) -> tuple[Sweep, int]:
    """Return a sweep that holds the activation at that depth, and the activation's place in it.

    The five activations of the study are swept together: one costs little less than all.

    Raises:
        UsageError: if a count is out of range.
    """
    _checked(width=width, depth=depth, seeds=seeds)
    group = ACTIVATIONS if activation in ACTIVATIONS else (activation,)
    top = min((t for t in _TOPS if t >= depth), default=depth)
    depths = tuple(sorted({depth, *(d for d in _GRID if d <= top), top}))
    found = _sweep(group, initializer, width, depths, seeds, seed, bounds)
    return found, group.index(activation)


def norm_of(found: Sweep, place: int, depth: int) -> Result:
    """Estimate the median of ||dh_d/dh_0||_2 from a sweep.

    Args:
        found: the sweep.
        place: the activation's place in it.
        depth: one of its depths.

    Returns:
        The median with its 95 % interval.
    """
    return statistics.median(_norms(found, place, depth))


def _norms(found: Sweep, place: int, depth: int) -> np.ndarray:
    return found.log10_norm[:, place, list(found.depths).index(depth)]


def _uppers(found: Sweep, place: int, depth: int, activation: str, bound: str) -> np.ndarray:
    top = found.top_slope[:, place] if bound == "local" else None
    return log10_upper(found.log10_weight, activation, top)[:, depth - 1]


def bound_of(found: Sweep, place: int, depth: int, activation: str, bound: str) -> Result:
    """Estimate the median of an upper bound on ||dh_d/dh_0||_2 from a sweep.

    Args:
        found: the sweep.
        place: the activation's place in it.
        depth: d.
        activation: its name.
        bound: "sure" or "local".

    Returns:
        The median with its 95 % interval.
    """
    return statistics.median(_uppers(found, place, depth, activation, bound))


def slack_of(found: Sweep, place: int, depth: int, activation: str, bound: str) -> Result:
    """Estimate the median of bound / exact norm from a sweep.

    Args:
        found: the sweep.
        place: the activation's place in it.
        depth: one of its depths.
        activation: its name.
        bound: "sure" or "local".

    Returns:
        The median with its 95 % interval; both must not be 0.
    """
    upper = _uppers(found, place, depth, activation, bound)
    return statistics.median(upper - _norms(found, place, depth))


def above_of(found: Sweep, place: int, depth: int, activation: str) -> Result:
    """Estimate the share of networks whose norm lies above sup|phi'|**d from a sweep.

    Args:
        found: the sweep.
        place: the activation's place in it.
        depth: one of its depths.
        activation: its name.

    Returns:
        The share with Wilson's interval.
    """
    power = depth * np.log10(slope_sup(activation))
    norms = _norms(found, place, depth)
    return statistics.share(int(np.sum(norms > power)), len(norms))


def rms_of(found: Sweep, place: int, depth: int, activation: str) -> Result:
    """Estimate sqrt(E|Jv|^2/|v|^2) / sup|phi'|**d from a sweep.

    Args:
        found: the sweep.
        place: the activation's place in it.
        depth: d.
        activation: its name.

    Returns:
        The ratio with its standard error.
    """
    power = 2 * depth * np.log10(slope_sup(activation))
    return statistics.root_mean(found.log10_square[:, place, depth - 1] - power)


def slope_of(found: Sweep, place: int, layer: int) -> Result:
    """Estimate the mean of |phi'(z)| over the units of one layer from a sweep.

    Args:
        found: the sweep.
        place: the activation's place in it.
        layer: from 1.

    Returns:
        The mean with its standard error over networks.
    """
    return statistics.mean(found.mean_slope[:, place, layer - 1].astype(np.float64).tolist())


def split_of(split: dict[str, np.ndarray], factor: str) -> Result:
    """Estimate the median of (factor at layer 1) / (factor at the last layer).

    Args:
        split: what `factor_sweep` gave.
        factor: "error", "slope" or "input".

    Returns:
        The median with its 95 % interval.
    """
    return statistics.median(split[factor][:, 0] - split[factor][:, -1])


_CELL = {
    "activation": str,
    "initializer": INITIALIZERS,
    "width": int,
    "depth": int,
    "seeds": int,
    "seed": int,
}


@recomputable(**_CELL)
def norm_median(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int
) -> Result:
    """Estimate the median over networks of the exact spectral norm ||dh_depth/dh_0||_2.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: number of layers.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The median with its 95 % interval. Each norm is exact up to float32 rounding.
    """
    found, place = _cell(activation, initializer, width, depth, seeds, seed)
    return norm_of(found, place, depth)


@recomputable(**_CELL, bound=BOUNDS)
def bound_median(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int, bound: str
) -> Result:
    """Estimate the median over networks of an upper bound on that norm.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: number of layers.
        seeds: number of networks.
        seed: seed of the draws.
        bound: "sure" (sup|phi'|) or "local" (largest slope at this input).

    Returns:
        The median with its 95 % interval.
    """
    found, place = _cell(activation, initializer, width, depth, seeds, seed, bounds=True)
    return bound_of(found, place, depth, activation, bound)


@recomputable(**_CELL, bound=BOUNDS)
def slack_median(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int, bound: str
) -> Result:
    """Estimate the median over networks of bound / exact norm.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: number of layers.
        seeds: number of networks.
        seed: seed of the draws.
        bound: "sure" or "local".

    Returns:
        The median with its 95 % interval.
    """
    found, place = _cell(activation, initializer, width, depth, seeds, seed, bounds=True)
    return slack_of(found, place, depth, activation, bound)


@recomputable(**_CELL)
def share_above(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int
) -> Result:
    """Estimate the share of networks whose spectral norm lies above sup|phi'|**depth.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: number of layers.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The share with Wilson's interval.
    """
    found, place = _cell(activation, initializer, width, depth, seeds, seed)
    return above_of(found, place, depth, activation)


@recomputable(**_CELL)
def rms_ratio(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int
) -> Result:
    """Estimate sqrt(E|Jv|^2/|v|^2) / sup|phi'|**depth, over networks and directions v.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: number of layers.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The ratio with its standard error; the mean over v is exact (||J||_F^2 / n).
    """
    found, place = _cell(activation, initializer, width, depth, seeds, seed)
    return rms_of(found, place, depth, activation)


@recomputable(**_CELL)
def mean_slope(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int
) -> Result:
    """Estimate the mean of |phi'(z)| over the units of layer number `depth`.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: the layer, from 1.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The mean with its standard error over networks.
    """
    found, place = _cell(activation, initializer, width, depth, seeds, seed)
    return slope_of(found, place, depth)


@recomputable(**_CELL, factor=FACTORS)
def factor_ratio(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int, factor: str
) -> Result:
    """Estimate (factor of dE/dW_1) / (the same factor of dE/dW_depth), median over networks.

    Args:
        activation: name.
        initializer: name.
        width: n.
        depth: number of layers.
        seeds: number of networks.
        seed: seed of the draws.
        factor: "error" (||dE/dh_l||), "slope" (rms of phi'(z_l)) or "input" (||h_(l-1)||).

    Returns:
        The median with its 95 % interval.
    """
    _checked(width=width, depth=depth, seeds=seeds)
    return split_of(_split(activation, initializer, width, depth, seeds, seed), factor)


@lru_cache(maxsize=16)
def _split(
    activation: str, initializer: str, width: int, depth: int, seeds: int, seed: int
) -> dict[str, np.ndarray]:
    return factor_sweep(activation, initializer, width, depth, seeds, seed)
