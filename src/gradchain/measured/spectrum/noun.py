"""All singular values of the Jacobian of a chain of any depth, as natural logarithms.

A plain SVD of the product J_L ... J_1 loses every value 16 decades below the largest, and diagonals
of a QR recursion are not singular values. Here: `factors` (dead units dropped), `sweep` (graded QR),
`jacobi` (rotations with the scales kept apart).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import jax
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import is_concrete
from gradchain.measured.jacobian import layer_jacobians
from gradchain.measured.layers import Dense
from gradchain.measured.network import Network
from gradchain.measured.spectrum.factors import host_factors, live_factors
from gradchain.measured.spectrum.jacobi import log_norms_of_orthogonal_rows
from gradchain.measured.spectrum.sweep import EPS, sweep

_LOG2 = float(np.log(2.0))


@dataclass(frozen=True, eq=False)
class LogSingularValues(np.lib.mixins.NDArrayOperatorsMixin):
    """Natural logarithms of all singular values of a product, in decreasing order (float64).

    It acts as the array `log_values` in NumPy functions, arithmetic, indexing and len.

    `log_values` (min(n_0, n_L),): the logarithms; -inf where dead units force a zero, and
    `noise_floor` where `below_floor`. `rank`: the structural rank, how many are not -inf. `below_floor`
    (same shape): True where a layer is singular to rounding without a zero row, so that all that is
    known of the value is that it lies below exp(noise_floor); where nothing was lost, noise_floor is
    -inf. `error` (same shape): *estimate* of the error in each logarithm by float64 rounding in the
    computation, for the factors as they are; 0 at -inf, inf where `below_floor`.
    """

    log_values: np.ndarray
    rank: int
    noise_floor: float
    below_floor: np.ndarray
    error: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of logarithms."""
        return self.log_values.shape

    @property
    def ndim(self) -> int:
        """Number of axes: 1."""
        return self.log_values.ndim

    @property
    def dtype(self) -> np.dtype:
        """Type of the logarithms: float64."""
        return self.log_values.dtype

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        """Return the logarithms."""
        return np.array(self.log_values, dtype=dtype, copy=copy)  # type: ignore[call-overload]

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **named: object
    ) -> object:
        """Apply a NumPy function to the logarithms."""
        plain = [own.log_values if isinstance(own, LogSingularValues) else own for own in inputs]
        return getattr(ufunc, method)(*plain, **named)

    def __len__(self) -> int:
        """Return how many there are: min(n_0, n_L)."""
        return len(self.log_values)

    def __getitem__(self, place: object) -> np.ndarray | np.floating:
        """Return some of the logarithms."""
        return self.log_values[place]  # type: ignore[index]

    def __iter__(self) -> Iterator:
        """Iterate over the logarithms, largest first."""
        return iter(self.log_values)

    def __repr__(self) -> str:
        """Return a line that says what is inside."""
        some = np.array2string(self.log_values / np.log(10.0), precision=4, threshold=6)
        lost = int(self.below_floor.sum())
        floor = f", {lost} below 1e{self.noise_floor / np.log(10.0):.0f}" if lost else ""
        return f"LogSingularValues({len(self)} values, rank {self.rank}{floor}: log10 {some})"


def log_singular_values_of(
    factors: Iterable, roundings: Iterable[float] | None = None
) -> LogSingularValues:
    """Compute all singular values of a product J_L ... J_1 of any number of matrices.

    log_values[k] = log sigma_{k+1}(J_L ... J_1).

    Dead units dropped, one QR a factor with columns and rows sorted by size, the triangular factors
    kept as D U with D in logarithms, and one-sided Jacobi on the rows of D U. Values thousands of
    nats apart come out as accurately as equal ones.

    Args:
        factors: matrices (n_l, n_{l-1}) of a real type, J_1 first; a stack (L, n, n) will do.
        roundings: for each factor, how far its entries may be off relative to the largest of their
            row (2**-23 for a Jacobian computed in float32, say); decides what counts as lost to
            rounding. None: the factors are exact.

    Returns:
        A `LogSingularValues`. Exact but for rounding, `.error` estimates it (some 1e-12 at depth
        100). Time O(sum of n^3), about twice that of a plain QR sweep; memory that of the factors.

    Raises:
        UsageError: if there is no factor, one is traced, or the roundings do not fit.
        ShapeError: if a factor is no matrix, is empty, or does not fit the one before it.
        DtypeError: if one is not real.
        NonFiniteError: if one holds NaN or infinity.

    References:
        Demmel and Veselic (1992) and Drmac and Veselic (2008) on one-sided Jacobi; Cox and Higham
        (1998) on QR row by row.

    Example:
        >>> import numpy as np
        >>> both = log_singular_values_of([np.diag([2.0, 1e-100])] * 50)
        >>> (np.round(both / np.log(10.0), 6)).tolist()
        [15.0515, -5000.0]
    """
    matrices = host_factors(factors)
    return _spectrum(matrices, checked_roundings(roundings, len(matrices)))


def log_singular_values(
    network: Network, x: jax.Array | np.ndarray, how: str = "auto"
) -> LogSingularValues:
    """Compute all singular values of dh_L/dh_0 of a network of any depth.

    log_values[k] = log sigma_{k+1}(J_L ... J_1), J_l = dh_l/dh_{l-1} at x.

    The layer Jacobians are those of `layer_jacobians`, in the network's float type; from there on all
    is float64, whatever JAX's global flag says. Not for use inside jit or grad (an SVD has no useful
    derivative where values meet).

    Args:
        network: the network.
        x: one input (with batch norm the whole batch, which then is the state).
        how: as in `layer_jacobians`: "auto", "autodiff" or "analytic".

    Returns:
        A `LogSingularValues`, min(n_0, n_L) values. Exact for these layer Jacobians but for rounding
        (`.error`). Zeros forced by dead units are -inf. Values lost where a layer is singular without
        a zero row (batch norm, layer norm) are marked `below_floor`. Time O(sum of n^3).

    Raises:
        UsageError: for an unknown route, or inside jit or grad.
        ShapeError: if x does not fit.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity, or a layer overflows.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.eye(2, dtype=np.float32)] * 100, activation="sigmoid")
        >>> values = log_singular_values(net, np.zeros(2, np.float32))
        >>> values.shape, values.rank, bool(values[0] < 100 * np.log(0.25))
        ((2,), 2, True)
    """
    matrices, roundings = network_factors(network, x, how)
    return _spectrum(matrices, roundings)


def network_factors(
    network: Network, x: jax.Array | np.ndarray, how: str
) -> tuple[list[np.ndarray], list[float]]:
    """Return a network's layer Jacobians as float64 matrices, and how far their entries may be off.

    Args:
        network: the network.
        x: its input.
        how: the route.

    Returns:
        (J_1 .. J_L, relative roundings).

    Raises:
        UsageError: inside jit or grad.
    """
    if not is_concrete(network, x):
        raise UsageError(
            "got traced arrays: singular values are computed outside jit, vmap and grad"
        )
    jacobians = layer_jacobians(network, x, how)
    matrices, roundings = [], []
    for run, block in zip(network.runs, jacobians.blocks, strict=True):
        stack = np.asarray(block)
        # A dense layer's Jacobian is weights times slopes: each entry right to a few roundings, which
        # no cancellation turns into a singular value of its own.
        exact = isinstance(run.layer, Dense)
        rounding = EPS if exact else float(jax.numpy.finfo(block.dtype).eps)
        matrices += host_factors(stack)
        roundings += [rounding] * len(stack)
    return matrices, roundings


def checked_roundings(roundings: Iterable[float] | None, count: int) -> list[float] | None:
    """Return the roundings as floats, one a factor.

    Args:
        roundings: what was given, or None.
        count: how many factors there are.

    Returns:
        A list of floats, or None.

    Raises:
        UsageError: if they are not `count` numbers in [0, 1).
    """
    if roundings is None:
        return None
    given = [float(own) for own in roundings]
    if len(given) != count or not all(0 <= own < 1 for own in given):
        raise UsageError(f"got {len(given)} roundings, expected {count} numbers in [0, 1)")
    return given


def _spectrum(factors: list[np.ndarray], roundings: list[float] | None) -> LogSingularValues:
    """Return all singular values of the product of checked factors."""
    count = min(factors[0].shape[1], factors[-1].shape[0])
    live = live_factors(factors)
    rank = min(min(factor.shape) for factor in live)
    values = np.full(count, -np.inf)
    error = np.zeros(count)
    below = np.zeros(count, bool)
    if rank == 0:
        return LogSingularValues(values, 0, -np.inf, below, error)
    product = sweep(live, roundings)
    logs, origin, condition = log_norms_of_orthogonal_rows(product)
    values[:rank] = logs
    # An error in a row reaches the values below it, through directions that are not orthogonal.
    grown = np.sqrt(np.maximum.accumulate(product.squared[origin]))
    error[:rank] = (grown + EPS * rank) * condition + EPS * np.abs(logs)
    floor = -np.inf
    if product.lost.any():
        sizes = np.log(product.mantissa) + product.exponent * _LOG2
        # Without the lost rows the product would have so many values fewer, and each of the others
        # would be off by at most the lost rows' norm.
        floor = float(np.logaddexp.reduce(2 * sizes[product.lost]) / 2)
        below[:rank] = logs <= floor
        below[rank - int(product.lost.sum()) : rank] = True
        floor = max(floor, float(values[:rank][below[:rank]].max()))
        values[below] = floor
        error[:rank] += np.exp(floor - logs)
        error[below] = np.inf
    return LogSingularValues(values, rank, floor, below, error)
