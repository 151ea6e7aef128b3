"""How large is dh_L/dh_0 when it is too large to form: the top singular value and the Frobenius norm?

Golub-Kahan bidiagonalization builds, from one product with J and one with J^T a step, bases with
J V = U B, B bidiagonal; the largest singular value theta of B approaches that of J from below, and

    ||J^T p - theta q|| = beta |last entry of B's left vector| = r

for the pair (p, q) belonging to it says that J has a singular value within r of theta, and, if
gap is how far the others are off, within r^2 / gap. The Frobenius norm is estimated by random probes,
E |J g|^2 = ||J||_F^2 for Gaussian g. Cost: passes over the weights, some tens; memory: the states.

References: Golub and Kahan, SIAM J. Numer. Anal. B 2 (1965) 205-224; Parlett, The Symmetric Eigenvalue
Problem (1980), ch. 11; Hutchinson, Commun. Stat. 18 (1989) 1059-1076; Wilson and Hilferty, PNAS 17
(1931) 684-688.
"""

import math
from dataclasses import dataclass

import jax
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import in_short, random_key, whole_number
from gradchain.measured.network import Network
from gradchain.measured.spectrum.products import Products

_LOG2 = math.log(2.0)
_Z95 = 1.959963984540054
_ROWS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class TopSingularValue:
    """The largest singular value of dh_L/dh_0 and its direction, without dh_L/dh_0.

    `log_value`: *estimate*, natural logarithm, -inf for a dead chain. `error`: *estimate* of the error
    in the logarithm; the true value is not smaller (but for rounding), and larger by more than that
    only if the random start happened to miss the top direction. `right` (n_0,) and `left` (n_L,):
    unit vectors, J right = value left. `products`: how many passes over the weights it took.
    """

    log_value: float
    error: float
    right: np.ndarray
    left: np.ndarray
    products: int

    def __float__(self) -> float:
        """Return the logarithm."""
        return self.log_value


@dataclass(frozen=True, eq=False)
class FrobeniusEstimate:
    """The Frobenius norm of dh_L/dh_0, estimated with random probes.

    `log_value`: *estimate*, natural logarithm, -inf for a dead chain. `error`: its standard error.
    `low`, `high`: an interval of at least 95 % for Gaussian probes, as wide as for a Jacobian of rank
    one, which spreads most.
    """

    log_value: float
    error: float
    low: float
    high: float
    probes: int

    def __float__(self) -> float:
        """Return the logarithm."""
        return self.log_value


def top_log_singular_value(
    network: Network,
    x: jax.Array | np.ndarray,
    tolerance: float = 1e-6,
    *,
    seed: int = 0,
    most: int = 300,
) -> TopSingularValue:
    """Compute the logarithm of the largest singular value of dh_L/dh_0 without forming a Jacobian.

    log ||dh_L/dh_0||_2 by Golub-Kahan bidiagonalization, every basis vector made orthogonal to all.

    Args:
        network: the network.
        x: one input (with batch norm the whole batch).
        tolerance: the relative error at which to stop.
        seed: of the random start.
        most: steps after which to stop all the same; the error then says how far it got.

    Returns:
        A `TopSingularValue` with its error. *Estimate* from below. Time two passes over the weights a
        step, some 10 to 50 steps; memory a few vectors, the states and one layer in float64.

    Raises:
        UsageError: for a tolerance outside (0, 1), a seed or a number of steps that is none, or
            inside jit or grad.
        ShapeError: if x does not fit.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity, or a layer overflows.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> weights = [np.diag(np.float32([0.5, 0.25]))] * 2000
        >>> net = network_from_weights(weights, activation="identity")
        >>> top = top_log_singular_value(net, np.ones(2, np.float32))
        >>> bool(abs(top.log_value - 2000 * np.log(0.5)) < 1e-9)
        True
    """
    if not isinstance(tolerance, (int, float)) or not 0 < tolerance < 1:
        raise UsageError(f"got tolerance={in_short(tolerance)}, expected a number between 0 and 1")
    seed, most = whole_number("seed", seed, least=0), whole_number("most", most)
    return _golub_kahan(Products(network, x), float(tolerance), seed, most)


def _golub_kahan(products: Products, tolerance: float, seed: int, most: int) -> TopSingularValue:
    """Run the bidiagonalization until the top value stands still."""
    rng = np.random.default_rng(seed)
    right, left = [_unit(rng.normal(size=products.before))], []
    mantissa, power = products.forward(right[0][None])
    if not mantissa.any():
        nothing = np.zeros(products.after)
        return TopSingularValue(-math.inf, 0.0, right[0], nothing, 1)
    unit = int(power[0])  # all sizes are in units of 2**unit
    image = mantissa[0]
    diagonal, beside = [], []
    size, error, pair = 0.0, 1.0, (np.ones(1), np.ones(1))
    # What no iteration can mend: the products' own rounding, layer by layer.
    floor = 4 * products.rounding * math.sqrt(products.depth)
    while True:
        image = _orthogonal(image, left)
        if not image.any():
            # No other output comes out: the basis of outputs is complete.
            size, error, pair = _top(diagonal, beside, 0.0)
            break
        diagonal.append(float(np.linalg.norm(image)))
        left.append(_unit(image))
        mantissa, power = products.backward(left[-1][None])
        back = _orthogonal(_sized(mantissa, power, unit), right)
        rest = float(np.linalg.norm(back))
        size, error, pair = _top(diagonal, beside, rest)
        steps = len(left)
        if error <= max(tolerance / 2, floor) or steps >= most or rest == 0:
            break
        if steps >= products.before:
            error = 0.0  # the basis spans all inputs
            break
        if steps >= products.after:
            # The basis spans all outputs, and the last part of J^T completes that of the inputs.
            right.append(_unit(back))
            size, error, pair = _top(diagonal, [*beside, rest], 0.0)
            break
        beside.append(rest)
        right.append(_unit(back))
        mantissa, power = products.forward(right[-1][None])
        image = _sized(mantissa, power, unit)
    return TopSingularValue(
        math.log(size) + unit * _LOG2,
        error + floor,
        _unit(pair[1] @ np.stack(right)),
        _unit(pair[0] @ np.stack(left)),
        2 * len(left),
    )


def _top(
    diagonal: list[float], beside: list[float], rest: float
) -> tuple[float, float, tuple[np.ndarray, np.ndarray]]:
    """Return the largest singular value of the bidiagonal matrix, its relative error, and its pair."""
    count = len(diagonal)
    matrix = np.zeros((count, len(beside) + 1))
    matrix[np.arange(count), np.arange(count)] = diagonal
    matrix[np.arange(len(beside)), np.arange(len(beside)) + 1] = beside
    u, values, v = np.linalg.svd(matrix, full_matrices=False)
    residual = rest * abs(u[-1, 0]) / values[0]
    if len(values) == 1:
        return float(values[0]), min(float(residual), 1.0), (u[:, 0], v[0])
    gap = 1 - values[1] / values[0] - residual
    error = residual * residual / gap if gap > residual else residual
    return float(values[0]), float(error), (u[:, 0], v[0])


def _sized(mantissa: np.ndarray, power: np.ndarray, unit: int) -> np.ndarray:
    """Return the only row in units of 2**unit."""
    return np.ldexp(mantissa[0], int(np.clip(power[0] - unit, -2000, 1000)))


def _unit(vector: np.ndarray) -> np.ndarray:
    """Return a vector of norm 1; a zero one stays."""
    size = np.linalg.norm(vector)
    return vector / size if size > 0 else vector


def _orthogonal(vector: np.ndarray, basis: list[np.ndarray]) -> np.ndarray:
    """Take out all parts along a basis, twice, so that rounding leaves none."""
    if basis:
        rows = np.stack(basis)
        for _ in range(2):
            vector = vector - (rows @ vector) @ rows
    return vector


def log_frobenius_norm_estimate(
    network: Network,
    x: jax.Array | np.ndarray,
    probes: int = 64,
    *,
    key: jax.Array | None = None,
) -> FrobeniusEstimate:
    """Estimate the logarithm of the Frobenius norm of dh_L/dh_0 from random probes.

    ||J||_F^2 = E |J g|^2, g Gaussian: the mean over probes, without forming a Jacobian.

    Args:
        network: the network.
        x: one input (with batch norm the whole batch).
        probes: how many, at least 2.
        key: a JAX random key.

    Returns:
        A `FrobeniusEstimate` with standard error and a 95 % interval. Time one pass over the weights
        for 32 probes; memory 32 states beside the states.

    Raises:
        UsageError: for fewer than 2 probes, no key, or inside jit or grad.
        ShapeError: if x does not fit.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity, or a layer overflows.

    Example:
        >>> import jax, numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.eye(9, dtype=np.float32)] * 5, activation="identity")
        >>> found = log_frobenius_norm_estimate(net, np.ones(9, np.float32), key=jax.random.key(0))
        >>> bool(found.low < np.log(3.0) < found.high)
        True
    """
    probes = whole_number("probes", probes, least=2)
    seeds = np.asarray(jax.random.key_data(_typed(random_key(key)))).astype(np.uint32).tolist()
    rng = np.random.default_rng(seeds)
    products = Products(network, x)
    logs = []
    for start in range(0, probes, _ROWS_AT_ONCE):
        rows = rng.normal(size=(min(_ROWS_AT_ONCE, probes - start), products.before))
        mantissa, power = products.forward(rows)
        with np.errstate(divide="ignore"):
            logs.append(np.log(np.einsum("ij,ij->i", mantissa, mantissa)) + 2 * power * _LOG2)
    squares = np.concatenate(logs)
    top = squares.max()
    if top == -np.inf:
        return FrobeniusEstimate(-math.inf, 0.0, -math.inf, -math.inf, probes)
    shares = np.exp(squares - top)
    mean = float(shares.mean())
    value = (math.log(mean) + float(top)) / 2
    error = float(shares.std(ddof=1)) / mean / math.sqrt(probes) / 2
    low, high = (value - math.log(_chi_square(probes, z) / probes) / 2 for z in (_Z95, -_Z95))
    return FrobeniusEstimate(value, error, low, high, probes)


def _typed(key: jax.Array) -> jax.Array:
    """Return a key of the new kind, so that its data can be read."""
    typed = jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key)
    return key if typed else jax.random.wrap_key_data(key)


def _chi_square(count: int, z: float) -> float:
    """Return the quantile of the chi-square law that a normal variable has at z (Wilson, Hilferty)."""
    share = 2 / (9 * count)
    return count * max(1 - share + z * math.sqrt(share), 1e-3) ** 3
