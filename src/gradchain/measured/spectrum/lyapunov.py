"""How fast, per layer, do the singular values of a chain grow or shrink, and how sure is that?

The Lyapunov exponents are lambda_k = lim (1/L) log sigma_k(J_L ... J_1). Here they come from the QR
recursion J_l Q_{l-1} = Q_l R_l: lambda_k is the mean over layers of log |R_l|_kk. (At any finite
depth these diagonals are not the singular values, only their rates agree.) Layers are cut into
blocks, and the standard error is that of the mean of the blocks, which counts the correlation
between neighbouring layers as long as it is shorter than a block. Cost one QR a layer.

References: Benettin, Galgani, Giorgilli, Strelcyn, Meccanica 15 (1980) 9-20; Newman, Commun. Math.
Phys. 103 (1986) 121-126, for the exact exponents of Gaussian matrices.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import jax
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import whole_number
from gradchain.measured.network import Network
from gradchain.measured.spectrum.factors import host_factors, live_factors, moderate
from gradchain.measured.spectrum.noun import checked_roundings, network_factors
from gradchain.measured.spectrum.sweep import EPS, LOST

_LOG2 = float(np.log(2.0))


@dataclass(frozen=True, eq=False)
class LyapunovExponents:
    """Natural logarithms of growth per layer, in decreasing order of position (float64).

    `values` (min(n_0, n_L),): *estimates*, -inf beyond the structural rank. `standard_error` (same
    shape): of each value, from `blocks` means over consecutive layers; 0 at -inf. `upper_bound`
    (same shape): True where a layer is singular to rounding (batch norm), so that the value is only
    an upper bound. `discarded`: how many first layers were left out.
    """

    values: np.ndarray
    standard_error: np.ndarray
    upper_bound: np.ndarray
    blocks: int
    discarded: int

    def __len__(self) -> int:
        """Return how many exponents there are."""
        return len(self.values)

    def __repr__(self) -> str:
        """Return a line that says what is inside."""
        top, error = self.values[0], self.standard_error[0]
        return (
            f"LyapunovExponents({len(self)} values, the first {top:.4g} +- {error:.1g} a layer, "
            f"{self.blocks} blocks)"
        )


def lyapunov_exponents_of(
    factors: Iterable,
    blocks: int = 20,
    discard: int | None = None,
    roundings: Iterable[float] | None = None,
) -> LyapunovExponents:
    """Estimate the Lyapunov exponents of a product J_L ... J_1 with standard errors.

    lambda_k = mean over layers of log |R_l|_kk, J_l Q_{l-1} = Q_l R_l.

    Args:
        factors: matrices (n_l, n_{l-1}) of a real type, J_1 first; a stack (L, n, n) will do.
        blocks: into how many runs of consecutive layers the chain is cut for the standard error.
        discard: how many first layers to leave out, while the directions settle; None: a tenth.
        roundings: as in `log_singular_values_of`.

    Returns:
        A `LyapunovExponents`. *Estimates*: for independent Gaussian factors unbiased at any depth,
        else with a bias that falls as 1 / depth. Time O(sum of n^3).

    Raises:
        UsageError: if fewer layers are left than blocks, or something is no whole number.
        ShapeError: if a factor is no matrix, is empty, or does not fit the one before it.
        DtypeError: if one is not real.
        NonFiniteError: if one holds NaN or infinity.

    Example:
        >>> import numpy as np
        >>> found = lyapunov_exponents_of([np.diag([0.5, 2.0])] * 300)
        >>> np.round(found.values / np.log(2.0), 9).tolist()
        [1.0, -1.0]
    """
    matrices = host_factors(factors)
    return _exponents(matrices, blocks, discard, checked_roundings(roundings, len(matrices)))


def lyapunov_exponents(
    network: Network,
    x: jax.Array | np.ndarray,
    blocks: int = 20,
    discard: int | None = None,
    how: str = "auto",
) -> LyapunovExponents:
    """Estimate the Lyapunov exponents of a network's chain with standard errors.

    lambda_k = lim (1/L) log sigma_k(dh_L/dh_0), from the layer Jacobians at x.

    Args:
        network: the network.
        x: one input (with batch norm the whole batch).
        blocks: into how many runs of consecutive layers the chain is cut for the standard error.
        discard: how many first layers to leave out, while states and directions settle; None: a
            tenth.
        how: as in `layer_jacobians`.

    Returns:
        A `LyapunovExponents`. *Estimates* from one network and input; the bias falls as 1 / depth.
        Time O(sum of n^3).

    Raises:
        UsageError: if fewer layers are left than blocks, for an unknown route, or inside jit or grad.
        ShapeError: if x does not fit.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity, or a layer overflows.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.eye(2, dtype=np.float32)] * 40, activation="sigmoid")
        >>> bool(lyapunov_exponents(net, np.zeros(2, np.float32)).values[0] < np.log(0.25))
        True
    """
    matrices, roundings = network_factors(network, x, how)
    return _exponents(matrices, blocks, discard, roundings)


def _exponents(
    factors: list[np.ndarray], blocks: int, discard: int | None, roundings: list[float] | None
) -> LyapunovExponents:
    """Estimate the exponents of checked factors.

    Returns:
        The exponents with their errors.

    Raises:
        UsageError: if fewer layers are left than blocks.
    """
    blocks = whole_number("blocks", blocks, least=2)
    first = len(factors) // 10 if discard is None else whole_number("discard", discard, least=0)
    if len(factors) - first < blocks:
        raise UsageError(
            f"got {len(factors)} layers of which {first} are discarded, for {blocks} blocks: expected "
            "at least one layer a block"
        )
    count = min(factors[0].shape[1], factors[-1].shape[0])
    live = live_factors(factors)
    rank = min(min(factor.shape) for factor in live)
    values, error = np.full(count, -np.inf), np.zeros(count)
    bound = np.zeros(count, bool)
    if rank:
        growth, lost = _growth(live, rank, roundings)
        parts = np.array_split(growth[first:], blocks)
        means = np.stack([part.mean(axis=0) for part in parts])
        weights = np.array([len(part) for part in parts]) / (len(factors) - first)
        values[:rank] = weights @ means
        spread = ((means - values[:rank]) ** 2 * weights[:, None]).sum(axis=0)
        error[:rank] = np.sqrt(spread / (blocks - 1))
        bound[:rank] = lost
    return LyapunovExponents(values, error, bound, blocks, first)


def _growth(
    factors: list[np.ndarray], rank: int, roundings: list[float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return log |R_l|_kk, (L, rank), and which positions are a bound in some layer."""
    # A fixed start in general position: aligned with nothing, and the same every time.
    start = np.random.default_rng(0).normal(size=(factors[0].shape[1], rank))
    basis = np.linalg.qr(start)[0]
    growth, lost = np.empty((len(factors), rank)), np.zeros(rank, bool)
    for place, factor in enumerate(factors):
        noise = EPS if roundings is None else max(EPS, roundings[place])
        factor, shift = moderate(factor)
        moved = factor @ basis
        heights = np.abs(moved).max(axis=1)
        rows = np.argsort(-heights, kind="stable")
        q, upper = np.linalg.qr(moved[rows])
        pivots = np.abs(np.diagonal(upper))
        doubt = LOST * np.sqrt(rank) * noise * heights[rows[:rank]]
        growth[place] = np.log(np.maximum(pivots, doubt)) + shift * _LOG2
        lost |= pivots <= doubt
        basis = np.empty_like(q)
        basis[rows] = q
    return growth, lost
