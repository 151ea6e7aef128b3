"""Which Gaussian moments does theory ask of an activation, and what are they?

    of one Gaussian x of variance q              of two, of variance q and correlation c
    mean           E phi(x)                      product        E phi(x) phi(y)
    square         E phi(x)^2                    slope_product  E phi'(x) phi'(y)
    slope_mean     E phi'(x)
    slope_square   E phi'(x)^2
    slope_fourth   E phi'(x)^4
    square_growth  d/dq E phi(x)^2 = E x phi(x) phi'(x) / q   (Stein's lemma: no phi'' at a kink)

A closed form is used where one is known, else the integral is cut at the activation's kinks. All is
computed in float64, whatever the global flag, and comes with its error. Cost: a closed form is a few
operations, one integral about 2 000 values of phi, a double one about 2e5.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import in_short, one_of
from gradchain.gaussian.closed import LINE, PLANE
from gradchain.gaussian.line import Estimate, integral
from gradchain.gaussian.plane import apart

MOMENTS = ("mean", "square", "slope_mean", "slope_square", "slope_fourth", "square_growth")
PAIR_MOMENTS = ("product", "slope_product")
# A closed form is a dozen operations of a few ulp each.
_ROUNDING = 64 * 2.0**-53


def _parts(activation: Any) -> dict[str, tuple[Callable, int]]:
    # moment -> (phi or phi', its power)
    phi, slope = activation, activation.derivative
    return {
        "mean": (phi, 1),
        "square": (phi, 2),
        "slope_mean": (slope, 1),
        "slope_square": (slope, 2),
        "slope_fourth": (slope, 4),
    }


def _on_host(function: Callable) -> Callable[[np.ndarray], np.ndarray]:
    # One program of one operation instead of one of the whole integral: compiled in no time. Blocks
    # of one size share it.
    def apply(x: np.ndarray) -> np.ndarray:
        flat = x.ravel()
        block = 2048 if flat.size <= 16384 else 32768
        padded = np.zeros(-(-flat.size // block) * block)
        padded[: flat.size] = flat
        rows = [np.asarray(function(jnp.asarray(row))) for row in padded.reshape(-1, block)]
        return np.concatenate(rows)[: flat.size].reshape(x.shape)

    return apply


def _line(activation: Any, name: str, q: np.ndarray) -> Estimate:
    """Return a moment for variances (m,), float64 on the host; 64-bit types are on."""
    closed = LINE.get(activation.name, {}).get(name)
    if closed is not None:
        value = closed(q, activation.parameters)
        return Estimate(value, _ROUNDING * np.abs(value))
    phi, slope = _on_host(activation), _on_host(activation.derivative)
    if name == "square_growth":
        # At q = 0 the quotient is the limit: phi'(0)^2, for every phi with phi(0) = 0.
        safe = np.maximum(q, 1e-40)
        found = _many(lambda x: x * phi(x) * slope(x), safe, activation.kinks)
        return Estimate(found.value / safe, found.error / safe)
    part, power = _parts(activation)[name]
    own = phi if part is activation else slope
    return _many(lambda x: own(x) ** power, q, activation.kinks)


def _many(f: Callable, q: np.ndarray, kinks: tuple[float, ...]) -> Estimate:
    # At q = 0 so near to 0 that f is at its limits there. A few at a time, for memory.
    deviation = np.where(q > 0, np.sqrt(q), 1e-30)
    with np.errstate(all="ignore"):  # what overflows is reported by an infinite error
        found = [
            integral(f, deviation[start : start + 64], kinks, np) for start in range(0, q.size, 64)
        ]
    return Estimate(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _plane(activation: Any, name: str, q: float, c: float) -> Estimate:
    """Return a moment of one pair, float64 on the host; 64-bit types are on."""
    closed = PLANE.get(activation.name, {}).get(name)
    if closed is not None:
        x, y = np.float64(q), np.float64(c)
        value = closed(x, x, y, activation.parameters)
        return Estimate(value, _ROUNDING * np.abs(value))
    part = _on_host(activation if name == "product" else activation.derivative)
    if abs(c) >= 1:
        found = _many(
            lambda x: part(x) * part(np.sign(c) * x),
            np.array([q]),
            (*activation.kinks, *(-kink for kink in activation.kinks)),
        )
        return Estimate(found.value[0], found.error[0])
    variance = np.float64(max(q, 1e-60))
    kinks = activation.kinks
    return apart(part, part, variance, variance, np.float64(c), kinks, kinks, np)


def _reals(name: str, values: object, low: float, high: float) -> np.ndarray:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"got {in_short(values)} as {name}, expected numbers") from None
    if array.size and not (np.isfinite(array) & (array >= low) & (array <= high)).all():
        most = "finite" if high == np.inf else f"at most {high:g}"
        raise UsageError(f"got {in_short(values)} as {name}, expected at least {low:g} and {most}")
    return array


def _shaped(found: Estimate, shape: tuple[int, ...]) -> Estimate:
    value, error = (np.asarray(each, np.float64).reshape(shape) for each in found)
    return Estimate(value, error)


def moment(activation: Any, name: str, q: Any) -> Estimate:
    """Return a moment of an activation under a Gaussian of variance q; see the module's table.

    Args:
        activation: an `Activation`.
        name: one of `MOMENTS`.
        q: variances, numbers or an array of at least 0.

    Returns:
        Value and *estimate* of the error, float64 arrays of the shape of q; infinite error where
        the mean diverges.

    Raises:
        UsageError: an unknown name, or a variance that is negative or not finite.

    Example:
        >>> from gradchain import activations
        >>> moment(activations.relu, "slope_square", 1.0).value.tolist()
        0.5
    """
    name = one_of("moment", name, MOMENTS)
    variances = _reals("q", q, 0.0, np.inf)
    with jax.enable_x64(True):
        if not variances.size:
            return Estimate(variances, variances)
        return _shaped(_line(activation, name, variances.ravel()), variances.shape)


def pair_moment(activation: Any, name: str, q: Any, c: Any) -> Estimate:
    """Return a moment of an activation at two Gaussians of variance q and correlation c.

    Args:
        activation: an `Activation`.
        name: one of `PAIR_MOMENTS`.
        q: variances, numbers or an array of at least 0.
        c: correlations from -1 to 1, of a shape that broadcasts with q.

    Returns:
        Value and *estimate* of the error, float64 arrays of the common shape.

    Raises:
        UsageError: an unknown name, a variance that is negative, a correlation out of range.

    Example:
        >>> from gradchain import activations
        >>> round(float(pair_moment(activations.relu, "slope_product", 1.0, 0.0).value), 12)
        0.25
    """
    name = one_of("moment", name, PAIR_MOMENTS)
    variances, correlations = np.broadcast_arrays(
        _reals("q", q, 0.0, np.inf), _reals("c", c, -1.0, 1.0)
    )
    with jax.enable_x64(True):
        found = [
            _plane(activation, name, float(each), float(other))
            for each, other in zip(variances.ravel(), correlations.ravel(), strict=True)
        ]
        columns = zip(*found, strict=True) if found else ((), ())
        return _shaped(Estimate(*(np.array(each) for each in columns)), variances.shape)


def expectation(f: Callable, q: Any = 1.0, kinks: tuple[float, ...] = ()) -> Estimate:
    """Return E f(sqrt(q) Z) for any function, in float64.

    Args:
        f: a function of arrays, entry by entry, of `jnp` operations.
        q: variances, numbers or an array of at least 0.
        kinks: points where f or a derivative of it jumps.

    Returns:
        Value and *estimate* of the error, float64 arrays of the shape of q; infinite error where
        the mean diverges.

    Raises:
        UsageError: a variance that is negative or not finite.

    Example:
        >>> value, error = expectation(jnp.square, 2.0)
        >>> bool(abs(value - 2.0) <= error)
        True
    """
    variances = _reals("q", q, 0.0, np.inf)
    with jax.enable_x64(True):
        if not variances.size:
            return Estimate(variances, variances)
        places = tuple(float(kink) for kink in kinks)
        return _shaped(_many(_on_host(f), variances.ravel(), places), variances.shape)
