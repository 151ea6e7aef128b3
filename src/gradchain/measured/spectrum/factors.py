"""Which factors does the spectrum of a chain really have, once units that carry nothing are gone?

The Jacobian of a chain is J = J_L ... J_1. A unit of layer l carries something only if a path of
nonzero entries leads from an input to it and from it to an output; all others (dead ReLU units,
pruned ones) are dropped, the row of J_l and the column of J_{l+1}, which leaves every nonzero
singular value of the product unchanged. What is left are rectangular factors without a zero row,
and the structural rank min_l k_l, k_l the units left in layer l. Cost O(sum of n_l n_{l-1}).
"""

from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain._types import in_short, is_concrete

# Beyond these powers of two a factor is scaled as a whole, so that no row is subnormal.
_LOW, _HIGH = -900, 900
_TOP = 400


def host_factors(factors: Iterable) -> list[np.ndarray]:
    """Return the factors J_1 .. J_L as float64 matrices after checking that they form a chain.

    Args:
        factors: matrices (n_l, n_{l-1}) of any real type, J_1 first; a stack (L, n, n) will do.

    Returns:
        A list of float64 matrices. Values of float16, bfloat16 and float32 are taken exactly.

    Raises:
        UsageError: if there is none, or one is still traced.
        ShapeError: if one is no matrix, is empty, or does not fit the one before it.
        DtypeError: if one is not real.
        NonFiniteError: if one holds NaN or infinity.
    """
    if isinstance(factors, (str, bytes)) or not isinstance(factors, Iterable):
        raise UsageError(f"got {in_short(factors)} as factors, expected matrices J_1 .. J_L")
    if not is_concrete(factors):
        raise UsageError("got traced factors: singular values are computed outside jit and grad")
    found: list[np.ndarray] = []
    for number, factor in enumerate(factors, 1):
        matrix = _matrix(factor, number)
        if found and matrix.shape[1] != found[-1].shape[0]:
            raise ShapeError(
                f"got J_{number} of shape {matrix.shape} after {found[-1].shape}, expected "
                f"{found[-1].shape[0]} columns: J_1 comes first, (fan_out, fan_in) each"
            )
        found.append(matrix)
    if not found:
        raise UsageError("got 0 factors, expected at least one layer Jacobian")
    return found


def _matrix(factor: object, number: int) -> np.ndarray:
    """Return one factor as a float64 matrix.

    Raises:
        ShapeError: if it is none.
        DtypeError: if it is not real.
        NonFiniteError: if it holds NaN or infinity.
        UsageError: if it is traced.
    """
    if not is_concrete(factor):
        raise UsageError("got traced factors: singular values are computed outside jit and grad")
    try:
        matrix = np.asarray(factor)
    except ValueError:
        raise ShapeError(f"got {in_short(factor)} as J_{number}, expected a matrix") from None
    real = matrix.dtype.kind in "fiub" or jnp.issubdtype(matrix.dtype, jnp.floating)
    if not real:
        raise DtypeError(f"got J_{number} of type {matrix.dtype}, expected real numbers")
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ShapeError(f"got J_{number} of shape {matrix.shape}, expected (n_l, n_(l-1))")
    matrix = matrix.astype(np.float64, copy=False)
    # A sum is finite only if all entries are, and quicker to see.
    if not np.isfinite(matrix.sum()) and not np.isfinite(matrix).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(matrix))[0])
        raise NonFiniteError(
            f"got {matrix[place]} at index {place} of J_{number}, expected finite entries"
        )
    return matrix


def live_factors(factors: list[np.ndarray]) -> list[np.ndarray]:
    """Drop the units that no path of nonzero entries joins to both an input and an output.

    Args:
        factors: what `host_factors` gave.

    Returns:
        Factors (k_l, k_{l-1}) without zero rows or columns; some may be empty if nothing gets
        through.
    """
    if all(factor.all() for factor in factors):
        return factors
    patterns = [factor != 0 for factor in factors]
    alive = [np.ones(factors[0].shape[1], bool)]
    for pattern in patterns:
        alive.append(pattern[:, alive[-1]].any(axis=1))
    for place in range(len(patterns) - 1, -1, -1):
        alive[place] &= patterns[place][alive[place + 1]].any(axis=0)
    return [
        np.ascontiguousarray(factor[np.ix_(alive[place + 1], alive[place])])
        for place, factor in enumerate(factors)
    ]


def moderate(factor: np.ndarray) -> tuple[np.ndarray, int]:
    """Scale a factor by a power of two if it nears the ends of the float range.

    Args:
        factor: a matrix without zero rows.

    Returns:
        (scaled, k) with factor = scaled * 2**k, exact unless it spans more than 1 400 powers of two.
    """
    sizes = np.abs(factor).max(axis=1)
    low, high = np.frexp(sizes.min())[1], np.frexp(sizes.max())[1]
    if low > _LOW and high < _HIGH:
        return factor, 0
    shift = int(high) - _TOP
    return np.ldexp(factor, -shift), shift
