"""The numbers of the phase diagram study, each as a function that computes it again.

Predictions come from mean field, with the error of their computation; measurements draw their networks
from `seed` alone. Cost: below a second, but for `trainable_depth`, which trains a few hundred networks.
"""

from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import lab, statistics
from gradchain.experiments import phase_diagram as own
from gradchain.experiments.setting import Setting, setting_of
from gradchain.predicted.mean_field import critical_sigma_w, mean_field

GRIDS = {
    "tanh": (0.6, 0.8, 1.0, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0, 2.5, 3.0, 4.0),
    "erf": (0.6, 0.8, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0, 2.5, 3.0, 4.0),
    "sigmoid": (2.0, 4.0, 6.0, 8.0, 9.0, 10.0, 11.0, 12.0, 14.0, 16.0, 20.0),
    "relu": (0.4, 0.7, 1.0, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0, 2.5, 3.0),
}
"""The weight scales at which slopes are measured."""
LEARNED = 0.8
"""The share of points from which a network counts as trained."""
_LARGEST = {"width": 1024, "depth": 500, "seeds": 10_000}
_NETS = {"activation": own.ACTIVATIONS, "sigma_b": float, "width": int, "depth": int}


def with_error(value: float, error: float) -> Result:
    """Write a computed value with a bound of its numerical error.

    Args:
        value: the value.
        error: the bound.

    Returns:
        The result.
    """
    method = "numerical error of the integrals and of rounding, not that of infinite width"
    size = statistics.plain(max(error, 1e-16), 3)
    return Result(
        statistics.plain(value, 12), uncertainty=Uncertainty("error bound", size, method=method)
    )


@recomputable(
    activation=own.ACTIVATIONS, sigma_w=float, sigma_b=float, quantity=("chi", "xi", "slope")
)
def mean_field_value(activation: str, sigma_w: float, sigma_b: float, quantity: str) -> Result:
    """Predict what an infinitely wide network does.

    Args:
        activation: its name.
        sigma_w: weight scale.
        sigma_b: bias scale.
        quantity: "chi", "xi" (xi_c, in layers) or "slope" ((1/2) log chi, in nats a layer).

    Returns:
        The prediction with its numerical error.

    Raises:
        UsageError: if xi is infinite there.
    """
    found = mean_field(activation, sigma_w, sigma_b)
    chi, error = float(found.chi), max(found.error.chi, 1e-14)
    if quantity == "chi":
        return with_error(chi, error)
    if quantity == "slope":
        return with_error(np.log(chi) / 2, error / (2 * chi))
    if not np.isfinite(found.xi_c):
        raise UsageError(
            "the depth scale is infinite there; expected a point off the critical line"
        )
    return with_error(float(found.xi_c), max(found.error.xi_c, 1e-14))


@recomputable(activation=("tanh", "erf", "sigmoid", "relu"), sigma_b=float, power=(1, 2))
def critical_scale(activation: str, sigma_b: float, power: int) -> Result:
    """Predict the weight scale at which gradients neither vanish nor explode.

    Args:
        activation: its name.
        sigma_b: bias scale.
        power: 1 for sigma_w, 2 for its square.

    Returns:
        The prediction with its numerical error.
    """
    if activation == "relu":
        return with_error(2.0 ** (power / 2), 4e-16)
    found = critical_sigma_w(activation, sigma_b)
    value = float(found)
    return with_error(value**power, max(found.error, 4e-16 * value) * power * value ** (power - 1))


@recomputable(**_NETS, sigma_w=float)
def slope_at_width(
    activation: str, sigma_b: float, width: int, depth: int, sigma_w: float
) -> Result:
    """Predict the slope of the log gradient norm with its correction of first order in 1/n.

    Args:
        activation: its name.
        sigma_b: bias scale.
        width: n.
        depth: L.
        sigma_w: weight scale.

    Returns:
        The prediction, nats a layer, with its numerical error.
    """
    found = own.expected(activation, (sigma_w,), sigma_b, width, depth)
    return with_error(float(found.at_width[0]), 1e-8)


@recomputable(**_NETS)
def critical_at_width(activation: str, sigma_b: float, width: int, depth: int) -> Result:
    """Predict where the slope at width n crosses 0, on the grid on which it is measured.

    Args:
        activation: its name.
        sigma_b: bias scale.
        width: n.
        depth: L.

    Returns:
        The weight scale, by a straight line between two points of the grid.
    """
    grid = GRIDS[activation]
    found = own.expected(activation, grid, sigma_b, width, depth)
    return with_error(own.crossing(grid, found.at_width), 1e-7)


@lru_cache(maxsize=16)
def _slopes(
    activation: str, sigma_b: float, width: int, depth: int, seeds: int, seed: int
) -> np.ndarray:
    for name, value in (("width", width), ("depth", depth), ("seeds", seeds)):
        if not 2 <= value <= _LARGEST[name]:
            raise UsageError(f"{name} {value}: expected 2 to {_LARGEST[name]}")
    return own.measured_slopes(activation, GRIDS[activation], sigma_b, width, depth, seeds, seed)


def slope_of(slopes: np.ndarray) -> Result:
    """Estimate the mean slope at one point of the plane.

    Args:
        slopes: (S,) nats a layer.

    Returns:
        The mean with its standard error over networks.
    """
    return statistics.mean(np.asarray(slopes, np.float64).tolist())


def critical_of(activation: str, slopes: np.ndarray, seed: int) -> Result:
    """Estimate where the mean slope crosses 0.

    Args:
        activation: its name.
        slopes: (S, K) at `GRIDS[activation]`.
        seed: seed of the resampling.

    Returns:
        The weight scale with a bootstrap standard error over networks.

    Raises:
        UsageError: if the mean slope does not cross 0.
    """
    grid = GRIDS[activation]
    value = own.crossing(grid, slopes.mean(axis=0))
    if np.isnan(value):
        raise UsageError("the mean slope does not cross 0 on the grid")
    source = np.random.default_rng(seed)
    picks = source.integers(0, len(slopes), (400, len(slopes)))
    found = [own.crossing(grid, slopes[rows].mean(axis=0)) for rows in picks]
    return Result(
        statistics.plain(value),
        uncertainty=Uncertainty(
            "standard error",
            statistics.plain(float(np.nanstd(found, ddof=1)), 3),
            n=len(slopes),
            method="zero of the mean over networks; standard deviation over 400 bootstrap resamples",
        ),
    )


@recomputable(**_NETS, seeds=int, seed=int, sigma_w=float)
def slope_measured(
    activation: str, sigma_b: float, width: int, depth: int, seeds: int, seed: int, sigma_w: float
) -> Result:
    """Measure the slope of the log gradient norm in random networks.

    Args:
        activation: its name.
        sigma_b: bias scale.
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        sigma_w: one of `GRIDS[activation]`.

    Returns:
        The mean slope, nats a layer.

    Raises:
        UsageError: if sigma_w is not on the grid.
    """
    if sigma_w not in GRIDS[activation]:
        raise UsageError(f"got sigma_w {sigma_w:g}, expected one of {GRIDS[activation]}")
    found = _slopes(activation, sigma_b, width, depth, seeds, seed)
    return slope_of(found[:, GRIDS[activation].index(sigma_w)])


@recomputable(**_NETS, seeds=int, seed=int)
def critical_measured(
    activation: str, sigma_b: float, width: int, depth: int, seeds: int, seed: int
) -> Result:
    """Measure the weight scale at which gradients neither vanish nor explode.

    Args:
        activation: its name.
        sigma_b: bias scale.
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate.
    """
    return critical_of(activation, _slopes(activation, sigma_b, width, depth, seeds, seed), seed)


def half_depth(depths: np.ndarray, shares: np.ndarray) -> float:
    """Return the depth at which the share of trained networks falls through one half.

    Args:
        depths: (D,) increasing.
        shares: (D,).

    Returns:
        By a straight line in log depth; NaN if the share is below one half from the start or never.

    Example:
        >>> round(half_depth(np.array([4, 16]), np.array([1.0, 0.0])), 9)
        8.0
    """
    return own.crossing(
        np.asarray(depths, np.float64).tolist(), 0.5 - np.asarray(shares, np.float64) - 1e-12
    )


def trainable_of(depths: list[int], learned: np.ndarray, seed: int) -> Result:
    """Estimate the depth down to which half of the networks train.

    Args:
        depths: D depths.
        learned: (S, D), True where a network trained.
        seed: seed of the resampling.

    Returns:
        The depth with an interval over networks.

    Raises:
        UsageError: if the share does not fall through one half.
    """
    value = half_depth(np.asarray(depths), np.mean(learned, axis=0))
    if np.isnan(value):
        raise UsageError("the share of trained networks does not fall through one half")
    hits, count = np.sum(learned, axis=0), len(learned)
    drawn = np.random.default_rng(seed).beta(
        hits + 0.5, count - hits + 0.5, size=(1000, len(depths))
    )
    found = [_drawn_depth(np.asarray(depths, np.float64), shares) for shares in drawn]
    low, high = np.quantile(found, (0.025, 0.975))
    method = (
        "share 1/2 interpolated in log depth; interval from 1000 draws of each depth's share, Beta with "
        "Jeffreys' prior"
    )
    return Result(
        statistics.plain(value),
        uncertainty=Uncertainty(
            "interval 95%",
            low=statistics.plain(min(low, value * (1 - 1e-4))),
            high=statistics.plain(max(high, value * (1 + 1e-4))),
            n=count,
            method=method,
        ),
    )


def _drawn_depth(depths: np.ndarray, shares: np.ndarray) -> float:
    found = half_depth(depths, shares)
    if np.isfinite(found):
        return found
    return float(depths[0] if shares[0] < 0.5 else depths[-1])


def trains(setting: Setting, depths: list[int], seeds: int, seed: int) -> np.ndarray:
    """Train networks of several depths and say which learned.

    Args:
        setting: all but the depth.
        depths: the depths.
        seeds: networks of each.
        seed: seed of the draws.

    Returns:
        (S, D) share of training points right at the end; NaN counts as 0.
    """
    found = [lab.run(setting.varied(depth=depth), seeds, seed).full_accuracy for depth in depths]
    return np.nan_to_num(np.stack([each[:, -1] for each in found], axis=1).astype(np.float64))


@recomputable(setting=str, depths=list, seeds=int, seed=int, xi=float)
def trainable_depth(setting: str, depths: list[int], seeds: int, seed: int, xi: float) -> Result:
    """Measure the depth down to which half of the networks train, in units of a depth scale.

    Args:
        setting: JSON of the fields that differ from `Setting()`, without the depth.
        depths: increasing depths.
        seeds: networks of each depth.
        seed: seed of the draws.
        xi: the unit in layers; 1 for the depth itself.

    Returns:
        The estimate.

    Raises:
        UsageError: if the setting is no JSON, depths do not increase, or xi is not positive.
    """
    fields = setting_of(setting)
    if list(depths) != sorted(set(depths)) or not 2 <= len(depths) <= 40 or not xi > 0:
        raise UsageError(f"got depths {depths} and xi {xi}, expected increasing depths and xi > 0")
    return in_units(trainable_of(depths, trains(fields, depths, seeds, seed) >= LEARNED, seed), xi)


def in_units(found: Result, unit: float) -> Result:
    """Divide an estimate with an interval by a unit.

    Args:
        found: the estimate.
        unit: above 0.

    Returns:
        The quotient.
    """
    if unit == 1 or found.uncertainty is None:
        return found
    old = found.uncertainty
    texts = (found.value, old.low or "0", old.high or "0")
    value, low, high = (statistics.plain(float(text) / unit, 7) for text in texts)
    return Result(
        value, uncertainty=Uncertainty(old.type, low=low, high=high, n=old.n, method=old.method)
    )
