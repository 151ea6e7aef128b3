"""How large or small can a chain's spectral norm be, given only the sizes of its factors?

With J_l = D_l W_l, D_l = diag(phi'(z_l)), and S_l = J_L ... J_{l+1}:

    upper        ||S_l||_2 <= prod_{k>l} sup|phi'| ||W_k||_2
    local upper  the same with max_i |phi'(z_{k,i})| instead of the supremum
    lower        ||S_l||_2 >= (smallest stretch of the layers above k) ||J_k|| (... below k), any k
    rms          E|Jv|^2 <= prod_k (sup|phi'|^2 sigma_w^2 n_k / n_{k-1}) |v|^2

Everything is in natural logarithms, in the spectral norm, in float64. Values computed here are upper
or lower bounds up to float rounding; none is *certified*. Bounds take numbers, not networks; for a
network see `gradchain.bridge.chain_bounds`. Cost O(L).

Sources: submultiplicativity of operator norms; Hochreiter 1991; for the rms chain theorem see
theorem T07e (independent zero-mean weights of variance sigma_w^2/fan_in, condition layer by layer).
"""

import math
from collections.abc import Sequence

import numpy as np

from gradchain._errors import ShapeError, UsageError
from gradchain._types import in_short, whole_number

Logs = Sequence[float] | np.ndarray


def _numbers(name: str, values: object) -> np.ndarray:
    """Return numbers as a float64 array.

    Raises:
        UsageError: if they are something else.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind in "fiu" or array.dtype.name == "bfloat16":
            return array.astype(np.float64)
    except ValueError:
        pass
    raise UsageError(f"got {type(values).__name__} as {name}, expected numbers")


def _positive(**given: object) -> tuple[float, ...]:
    """Return finite numbers above zero.

    Raises:
        UsageError: if one is something else.
    """
    for name, value in given.items():
        number = isinstance(value, (int, float, np.integer, np.floating))
        if not number or isinstance(value, bool) or not 0 < value < math.inf:
            raise UsageError(f"got {name}={in_short(value)}, expected a finite number above 0")
    return tuple(float(value) for value in given.values())  # type: ignore[arg-type]


def _logs(name: str, values: Logs) -> np.ndarray:
    """Return logarithms of sizes as a float64 vector.

    Raises:
        ShapeError: if there is not one number a layer.
        UsageError: if one is NaN or +inf.
    """
    array = _numbers(name, values)
    if array.ndim != 1 or array.size == 0:
        raise ShapeError(f"got {name} of shape {array.shape}, expected (L,) with L at least 1")
    if (np.isnan(array) | np.isposinf(array)).any():
        raise UsageError(
            f"got NaN or +inf in {name}, expected natural logarithms (or -inf for zero)"
        )
    return array


def _suffix_sums(logs: np.ndarray) -> np.ndarray:
    """Return s_l = sum_{k>l} logs_k, l = 0 .. L."""
    return np.concatenate([np.cumsum(logs[::-1])[::-1], [0.0]])


def chain_upper(log_weight_norms: Logs, log_slope_bounds: Logs | float) -> np.ndarray:
    """Bound every suffix product from above: log prod_{k>l} s_k ||W_k||_2.

    Args:
        log_weight_norms: (L,) natural logarithms of spectral norms ||W_l||_2.
        log_slope_bounds: (L,) or one number: log sup|phi'| (sure bound), or log max_i |phi'(z_i)|
            of the actual pre-activations (local bound).

    Returns:
        (L+1,) float64, an *upper bound* on log ||dh_L/dh_l||_2, l = 0 .. L; the last is 0.

    Raises:
        ShapeError: if the lengths differ.
        UsageError: if a value is NaN.

    Example:
        >>> chain_upper([0.0, 0.0], math.log(0.25)).tolist() == [2 * math.log(0.25), math.log(0.25), 0.0]
        True
    """
    weights = _logs("log_weight_norms", log_weight_norms)
    slopes = _numbers("log_slope_bounds", log_slope_bounds)
    slopes = _logs(
        "log_slope_bounds", np.full(weights.shape, slopes) if slopes.ndim == 0 else slopes
    )
    if slopes.shape != weights.shape:
        raise ShapeError(
            f"got {weights.size} weight norms and {slopes.size} slopes, expected as many"
        )
    return _suffix_sums(weights + slopes)


def chain_lower(
    log_stretch: Logs, log_transposed_stretch: Logs, log_norm_lower: Logs
) -> np.ndarray:
    """Bound every suffix product from below.

    For each layer three numbers: a_l = inf |J v|/|v|, t_l = inf |J^T u|/|u|, n_l <= ||J||. For any
    k > l, ||S_l|| >= (prod_{j>k} a_j) n_k (prod_{l<j<k} t_j); the best k is taken.

    Args:
        log_stretch: (L,) log a_l; -inf where the layer has fewer outputs than inputs.
        log_transposed_stretch: (L,) log t_l; -inf where it has more.
        log_norm_lower: (L,) log n_l, any lower bound of the layer's norm.

    Returns:
        (L+1,) float64, a *lower bound* on log ||dh_L/dh_l||_2; -inf where nothing can be said.

    Raises:
        ShapeError: if the lengths differ.
        UsageError: if a value is NaN.

    Example:
        >>> chain_lower([-1.0, -1.0], [-1.0, -1.0], [0.0, 0.0]).tolist()
        [-1.0, 0.0, 0.0]
    """
    stretch = _logs("log_stretch", log_stretch)
    transposed = _logs("log_transposed_stretch", log_transposed_stretch)
    norms = _logs("log_norm_lower", log_norm_lower)
    if not stretch.shape == transposed.shape == norms.shape:
        raise ShapeError(
            f"got {stretch.size}, {transposed.size} and {norms.size} values, expected as many"
        )
    best = np.zeros(stretch.size + 1)
    # `above`: product of a_j over all layers seen; `used`: best product with its k already chosen.
    above, used = 0.0, -math.inf
    for layer in range(stretch.size - 1, -1, -1):
        used = max(used + transposed[layer], above + norms[layer])
        above += stretch[layer]
        best[layer] = max(used, above)
    return best


def rms_chain_upper(widths: Sequence[int], sigma_w: float, derivative_sup: float) -> np.ndarray:
    """Bound the root mean square of |S_l v| / |v| over independent random weights.

    E|S_l v|^2 <= prod_{k>l} (L_phi^2 sigma_w^2 n_k / n_{k-1}) |v|^2 at every width, for weights that
    are independent across layers, with independent zero-mean entries of variance
    sigma_w^2 / n_{k-1}. So (1/4)^n does bound the root mean square of a square Glorot sigmoid
    network, though not its norm. This is a statement about an average: a single network may exceed it.

    Args:
        widths: n_0 .. n_L.
        sigma_w: standard deviation of W_ij times sqrt(fan_in).
        derivative_sup: L_phi = sup|phi'|.

    Returns:
        (L+1,) float64, natural logarithms, an *upper bound* on the root mean square.

    Raises:
        UsageError: if a width or a size is not positive.

    Example:
        >>> bool(np.isclose(rms_chain_upper([100] * 11, 1.0, 0.25)[0], 10 * math.log(0.25)))
        True
    """
    sizes = _numbers("widths", widths)
    if sizes.ndim != 1 or sizes.size < 2 or not ((sizes >= 1) & (sizes < math.inf)).all():
        raise UsageError(f"got widths {in_short(widths)}, expected n_0 .. n_L, each at least 1")
    sigma_w, derivative_sup = _positive(sigma_w=sigma_w, derivative_sup=derivative_sup)
    factor = math.log(sigma_w) + math.log(derivative_sup)
    return _suffix_sums(factor + (np.log(sizes[1:]) - np.log(sizes[:-1])) / 2)


def power_upper(
    base: float, depth: int, log_weight_norms: Logs | None = None
) -> tuple[np.ndarray, bool]:
    """Return n log(base), the bound of folklore, and whether it *is* one for these weights.

    base**n bounds a chain of n layers with sup|phi'| <= base only if the weights do not stretch:
    |w| <= 1 for a scalar chain, ||W_l||_2 <= 1 for matrices (more precisely, if every product of
    norms of the layers above any l is at most 1). Square Glorot weights have ||W||_2 near 2.

    Args:
        base: sup|phi'|, 1/4 for sigmoid.
        depth: number of layers L.
        log_weight_norms: (L,) log ||W_l||_2, if known.

    Returns:
        (L+1,) float64 with (L - l) log(base), and True if it is an *upper bound* for these weights,
        False if they do not grant it (or are not given).

    Raises:
        UsageError: if base or depth is not positive.
        ShapeError: if there is not one norm a layer.

    Example:
        >>> power_upper(0.25, 2, [0.0, -0.1])[1], power_upper(0.25, 2, [0.69, 0.69])[1]
        (True, False)
    """
    (base,), depth = _positive(base=base), whole_number("depth", depth)
    values = np.arange(depth, -1, -1) * math.log(base)
    if log_weight_norms is None:
        return values, False
    weights = _logs("log_weight_norms", log_weight_norms)
    if weights.size != depth:
        raise ShapeError(f"got {weights.size} weight norms for depth {depth}, expected as many")
    return values, bool((_suffix_sums(weights) <= 0).all())
