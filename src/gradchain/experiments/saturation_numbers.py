"""The numbers of the saturation study, each as a function that computes it again.

Every estimate draws its networks from `seed` alone. Sweeps over weight scales are kept in memory
while numbers of one width follow each other. Cost: 1 to 4 s for the first number of a width.
"""

from functools import lru_cache, partial

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.saturation import (
    Scales,
    autodiff_zero_from,
    crossing,
    peak,
    resampled,
    scale_sweep,
)

NETWORKS = ("sigmoid", "tanh")
_DECADE = (1.0, 1.25, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.3, 8.0)
SCALES = (*(step * 10.0**k for k in (-1, 0, 1, 2) for step in _DECADE), 1000.0)
"""The weight scales sigma_w that are swept, 0.1 to 1000."""
FEATURES = ("best.scale", "best.factor", "critical.scale")
_LARGEST = {"width": 300, "depth": 200, "seeds": 2000}


def scale_grid() -> np.ndarray:
    """Return the decimal logarithms of `SCALES`.

    Returns:
        (K,) float64.
    """
    return np.log10(np.array(SCALES))


@lru_cache(maxsize=16)
def _sweep(width: int, depth: int, seeds: int, seed: int) -> Scales:
    for name, value in (("width", width), ("depth", depth), ("seeds", seeds)):
        if not 1 <= value <= _LARGEST[name]:
            raise UsageError(f"{name} {value}: expected 1 to {_LARGEST[name]}")
    return scale_sweep(NETWORKS, SCALES, (0.0,) * len(SCALES), width, depth, seeds, seed)


def feature_of(curves: np.ndarray, feature: str, seed: int) -> Result:
    """Estimate where the typical factor is largest, how large, or where it first reaches 1.

    Args:
        curves: (S, K) decimal logarithms of the factor at `SCALES`.
        feature: one of `FEATURES`.
        seed: seed of the resampling.

    Returns:
        The feature of the median curve, with a bootstrap 95 % interval over networks.

    Raises:
        UsageError: if the factor never reaches 1.
    """
    grid = scale_grid()
    measure = {
        "best.scale": lambda curve: peak(grid, curve)[0],
        "best.factor": lambda curve: peak(grid, curve)[1],
        "critical.scale": partial(crossing, grid),
    }[feature]
    value, low, high = resampled(curves, measure, seed)
    if np.isnan(value):
        raise UsageError("the factor stays below 1 at every scale: there is no critical one")
    method = "feature of the median curve; percentile bootstrap over networks, 400 resamples"
    return Result(
        statistics.decimal_text(value),
        uncertainty=Uncertainty(
            "interval 95%",
            low=statistics.decimal_text(low),
            high=statistics.decimal_text(high),
            n=len(curves),
            method=method,
        ),
    )


def reaches_one(curves: np.ndarray) -> bool:
    """Say whether the median curve reaches 1.

    Args:
        curves: (S, K) decimal logarithms of the factor.

    Returns:
        True if it does at some scale.
    """
    return bool((np.median(curves, axis=0) >= 0).any())


def share_of(saturated: np.ndarray) -> Result:
    """Estimate the share of saturated units.

    Args:
        saturated: (S,), one share a network.

    Returns:
        The mean with its standard error over networks.
    """
    return statistics.mean(np.asarray(saturated, np.float64).tolist())


_NETS = {"activation": NETWORKS, "width": int, "depth": int, "seeds": int, "seed": int}


@recomputable(**_NETS, feature=FEATURES)
def weight_scale(
    activation: str, width: int, depth: int, seeds: int, seed: int, feature: str
) -> Result:
    """Estimate the weight scale at which networks pass the most gradient, or first keep it.

    Args:
        activation: "sigmoid" or "tanh".
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        feature: "best.scale" (sigma_w where the median factor a layer is largest), "best.factor"
            (that factor) or "critical.scale" (sigma_w where it first reaches 1).

    Returns:
        The estimate with a bootstrap 95 % interval.
    """
    found = _sweep(width, depth, seeds, seed)
    return feature_of(found.log10_factor[:, NETWORKS.index(activation)], feature, seed)


@recomputable(**_NETS, sigma_w=float, bias=float)
def factor_median(
    activation: str, width: int, depth: int, seeds: int, seed: int, sigma_w: float, bias: float
) -> Result:
    """Estimate the median over networks of the gradient factor a layer.

    Args:
        activation: "sigmoid" or "tanh".
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        sigma_w: weight scale, Var(W_ij) = sigma_w^2 / n.
        bias: the bias of every unit.

    Returns:
        The median with its 95 % interval.
    """
    place = NETWORKS.index(activation)
    if bias == 0 and sigma_w in SCALES:
        found = _sweep(width, depth, seeds, seed)
        return statistics.median(found.log10_factor[:, place, SCALES.index(sigma_w)])
    found = scale_sweep((activation,), (sigma_w,), (bias,), width, depth, seeds, seed)
    return statistics.median(found.log10_factor[:, 0, 0])


@recomputable(**_NETS, sigma_w=float)
def saturated_share(
    activation: str, width: int, depth: int, seeds: int, seed: int, sigma_w: float
) -> Result:
    """Estimate the share of units whose slope is below 1 percent of its largest value.

    Args:
        activation: "sigmoid" or "tanh".
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        sigma_w: one of `SCALES`.

    Returns:
        The mean over layers and networks, with its standard error over networks.

    Raises:
        UsageError: for another scale.
    """
    if sigma_w not in SCALES:
        raise UsageError(f"got sigma_w {sigma_w}, expected one of the scales swept")
    found = _sweep(width, depth, seeds, seed)
    return share_of(found.saturated[:, NETWORKS.index(activation), SCALES.index(sigma_w)])


@recomputable(activation=NETWORKS, quantity=("x", "slope"))
def autodiff_zero(activation: str, quantity: str) -> Result:
    """Find from which x plain float32 autodiff is exactly 0, or the true slope there.

    Args:
        activation: "sigmoid" or "tanh".
        quantity: "x" or "slope".

    Returns:
        The value, with the distance to the next float32 (x) or the float64 error (slope) as error
        bound. It depends on how the backend computes the function: a measurement, not a law.
    """
    x, slope = autodiff_zero_from(activation)
    return zero_result(x, slope, quantity)


def zero_result(x: float, slope: float, quantity: str) -> Result:
    """Put what `autodiff_zero_from` found into a result.

    Args:
        x: from where autodiff is 0.
        slope: the true slope there.
        quantity: "x" or "slope".

    Returns:
        The value with its error bound.
    """
    step = float(np.spacing(np.float32(x)))
    if quantity == "x":
        doubt = Uncertainty("error bound", value=f"{step:.3g}", method="one step of float32")
        return Result(f"{x:.9g}", uncertainty=doubt)
    method = "float64 derivative at an x known to one step of float32"
    doubt = Uncertainty("error bound", value=f"{4 * step * slope:.3g}", method=method)
    return Result(f"{slope:.9g}", uncertainty=doubt)
