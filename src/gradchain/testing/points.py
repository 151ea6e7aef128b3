"""On which numbers is an activation tried, and how is it evaluated there?

Three even grids (fine in the middle, coarser out to 100), steps that shrink towards every declared
kink, every power of two of the type with three numbers between, the ends of the range, and random
bit patterns from a fixed seed. Nothing depends on the run. Everything goes through one compiled
program a float type.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

CHUNK = 2**14
NEAR, FAR = 10.5, 100.0
_FAR_STEP = 2.0**-6
ArrayFunction = Callable[[jax.Array], jax.Array]


@dataclass(frozen=True)
class Samples:
    """phi, phi' and phi' once more by reverse mode (None if not asked for), at the points x."""

    x: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    reverse: np.ndarray | None


class Evaluator:
    """phi and phi' on NumPy arrays of one float type, compiled once for all of them."""

    def __init__(
        self,
        function: ArrayFunction,
        derivative: ArrayFunction | None,
        reverse: bool,
        dtype: str,
        largest: float,
    ) -> None:
        """Compile nothing yet.

        Args:
            function: phi.
            derivative: phi', or None for JAX's autodiff of phi.
            reverse: whether to compute phi' by reverse mode as well.
            dtype: name of the float type.
            largest: the largest |x| to try; `ends` leaves out what is beyond.
        """
        self.dtype = np.dtype(dtype)
        self.largest = largest
        self.count = 0
        self._reverse = reverse
        self._program = jax.jit(lambda x: _value_and_slopes(function, derivative, reverse, x))

    def ends(self, dtype: np.dtype) -> Samples:
        """Evaluate at numbers over the whole range of a float type, in this type.

        Args:
            dtype: the float type whose `extremes` to take.

        Returns:
            The samples.
        """
        x = extremes(dtype)
        return self(x[np.abs(x.astype(np.float64)) <= self.largest])

    def __call__(self, x: np.ndarray) -> Samples:
        """Evaluate at every x, in pieces of one size so that there is one compiled program.

        Returns:
            The samples, in the shape of x and in this type.
        """
        flat = np.asarray(x, self.dtype).ravel()
        self.count += flat.size
        padded = np.zeros(-(-max(flat.size, 1) // CHUNK) * CHUNK, self.dtype)
        padded[: flat.size] = flat
        columns: list[list[np.ndarray]] = []
        with jax.enable_x64(self.dtype == np.float64), jax.debug_nans(False):
            for start in range(0, padded.size, CHUNK):
                out = self._program(jnp.asarray(padded[start : start + CHUNK]))
                columns.append([np.asarray(each) for each in out])
        value, slope, *rest = (
            np.concatenate(parts)[: flat.size].reshape(np.shape(x))
            for parts in zip(*columns, strict=True)
        )
        return Samples(flat.reshape(np.shape(x)), value, slope, rest[0] if rest else None)


def _value_and_slopes(
    function: ArrayFunction, derivative: ArrayFunction | None, reverse: bool, x: jax.Array
) -> tuple[jax.Array, ...]:
    # An entrywise function has a diagonal Jacobian: multiplying by ones reads the diagonal off.
    value, slope = (function(x), derivative(x)) if derivative else forward(function, x)
    return (value, slope, backward(function, x)) if reverse else (value, slope)


def forward(function: ArrayFunction, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return phi and phi' by forward mode.

    Args:
        function: phi.
        x: float array.

    Returns:
        phi(x) and phi'(x).
    """
    return jax.jvp(function, (x,), (jnp.ones_like(x),))


def backward(function: ArrayFunction, x: jax.Array) -> jax.Array:
    """Return phi' by reverse mode.

    Args:
        function: phi.
        x: float array.

    Returns:
        phi'(x).
    """
    out, pull = jax.vjp(function, x)
    return pull(jnp.ones_like(out))[0]


def even_grids(finest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three even grids of dyadic numbers: left, middle and right.

    The middle one covers [-10.5, 10.5] with at least 8 steps to `finest`, the others reach 100 with
    steps of 1/64. Every length is 1 more than a multiple of 4, and 0 is a point.

    Args:
        finest: width of the narrowest feature to be seen.

    Returns:
        The grids, in float64.
    """
    step = 2.0 ** np.floor(np.log2(finest / 8))
    half = 4 * int(np.ceil(NEAR / step / 4))
    middle = step * np.arange(-half, half + 1)
    right = NEAR + _FAR_STEP * np.arange(4 * int((FAR - NEAR) / _FAR_STEP / 4) + 1)
    return -right[::-1], middle, right


def extremes(dtype: np.dtype) -> np.ndarray:
    """Return numbers over the whole range of a float type, both signs.

    Args:
        dtype: float32 or float64.

    Returns:
        Zeros, subnormals, every power of two times 1, 1.25, 1.5 and 1.75, powers of ten, the largest
        number, its neighbour, and 4096 random bit patterns.
    """
    kind = np.finfo(dtype)
    powers = np.arange(kind.minexp - kind.nmant, kind.maxexp)
    by_two = np.ldexp(np.array([[1.0], [1.25], [1.5], [1.75]]), powers).ravel()
    by_ten = 10.0 ** np.arange(-int(-np.log10(kind.tiny)), int(np.log10(kind.max)) + 1)
    largest = [float(kind.max), float(np.nextafter(kind.max, dtype.type(0))), float(kind.tiny)]
    positive = np.concatenate([[0.0], by_two, by_ten, largest]).astype(dtype)
    whole = np.dtype(f"uint{8 * dtype.itemsize}")
    limit = np.iinfo(whole).max
    patterns = np.random.default_rng(1991).integers(0, limit, 4096, whole, True).view(dtype)
    return np.concatenate([positive, -positive, patterns[np.isfinite(patterns)]])


def graded_cells(kink: float, others: tuple[float, ...], eps: float) -> np.ndarray:
    """Return cells of five even points that shrink towards a kink from both sides.

    Args:
        kink: the point.
        others: all kinks; cells that hold one are left out.
        eps: of the float type; cells end where five points can no longer be told apart.

    Returns:
        Array (cells, 5), rising in each row.
    """
    scale = max(1.0, abs(kink))
    widths = scale * 2.0 ** np.arange(-8, np.ceil(np.log2(eps)) + 8, -1)
    right = kink + widths[:, None] * (0.5 + np.arange(5) / 8)
    cells = np.concatenate([right, (2 * kink - right)[:, ::-1]])
    return cells[~holds_any(cells[:, 0], cells[:, -1], others)]


def holds_any(low: np.ndarray, high: np.ndarray, points: tuple[float, ...]) -> np.ndarray:
    """Say which closed intervals hold one of the points.

    Args:
        low: lower ends.
        high: upper ends.
        points: the points.

    Returns:
        Boolean array.
    """
    inside = np.zeros(np.shape(low), bool)
    for point in points:
        inside |= (low <= point) & (point <= high)
    return inside


def first(x: np.ndarray, bad: np.ndarray) -> int | None:
    """Return the place of the bad input nearest to 0 (the positive one of two), or None.

    Args:
        x: inputs.
        bad: which of them are bad.

    Returns:
        An index into x, or None if none is bad.
    """
    places = np.flatnonzero(bad)
    if not places.size:
        return None
    order = np.lexsort((np.signbit(x[places]), np.abs(x[places])))
    return int(places[order[0]])
