"""What does a gate that moves do to a gradient on the path that it keeps?

Along the direct path of an LSTM's cell (dc_T/dc_t), of a GRU and of a minimal network (the leak) a
gradient is multiplied by one gate u = sigmoid(b + sqrt(s) Z) a unit and step, b the gate's bias and s the
variance of the rest of its pre-activation over units and steps:

    typical unit        E log u a step, so that a unit keeps e^{(T-t) E log u}
    root mean square    over units: sqrt(E u^2)^(T-t) if each step draws Z afresh,
                        sqrt(E u^{2(T-t)}) if a unit's Z stays the same: larger, a few units keep most
    mixed               a share r of s stays: sqrt(E_A [E_B u^2]^(T-t)), A of variance r s, B (1 - r) s

By Jensen sigmoid(b)^(T-t) >= typical (log sigmoid is concave). Chrono initialization draws b = log U for
each unit, U uniform on [1, L - 1]: the time constant -1/log u = 1/log(1 + 1/U) is U + 1/2 - O(1/U), so
that the units cover all of 1 .. L. Of a layer sqrt(E_2(2 (T-t)/L)) is left, about, E_2 the generalized
exponential integral: it falls exponentially only beyond L steps.

*Exact* for Gaussian pre-activations of these moments, a *prediction* for a network; float64, errors are
*estimates* of the quadrature. Sources: Gers, Schmidhuber and Cummins, Neural Comput. 12 (2000) 2451;
Tallec and Ollivier, ICLR 2018, arXiv:1804.11188; Chen et al., arXiv:1806.05394; Gilboa et al.,
arXiv:1901.08987.
"""

import math
from dataclasses import dataclass

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Real, in_short, whole_number
from gradchain.gaussian import Estimate
from gradchain.gaussian.line import integral
from gradchain.predicted.mean_field.laws import non_negative

_NODES, _RULE = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class GateMoments:
    """Moments of u = sigmoid(b + sqrt(s) Z), each a value with its error (float64 scalars).

    `log_mean` E log u, `mean` E u, `square` E u^2, `rest_square` E (1 - u)^2, `slope_square`
    E (u (1 - u))^2.
    """

    log_mean: Estimate
    mean: Estimate
    square: Estimate
    rest_square: Estimate
    slope_square: Estimate


@dataclass(frozen=True, eq=False)
class GateChain:
    """What the direct path keeps from step T back to step t = 0 .. T, natural logarithms (T+1,).

    `typical`: of the geometric mean over units, (T - t) E log u. `rms`: of the root mean square over
    units, what the Frobenius norm over sqrt(n) measures.
    """

    typical: np.ndarray
    rms: np.ndarray


def _log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0.0, -x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-x), right to a few ulp for every x.

    Args:
        x: float64 array.

    Returns:
        The same shape.
    """
    return np.exp(_log_sigmoid(x))


def finite(name: str, value: object) -> float:
    """Return a finite number.

    Args:
        name: what it is, for the message.
        value: what was given.

    Returns:
        The number.

    Raises:
        UsageError: if it is something else.
    """
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not math.isfinite(value):  # type: ignore[arg-type]
        raise UsageError(f"got {name}={in_short(value)}, expected a finite number")
    return float(value)  # type: ignore[arg-type]


def _mean(function, variance: float, bias: float) -> Estimate:
    # So small a deviation that the function is at its value of 0.
    deviation = np.array(math.sqrt(variance) if variance > 0 else 1e-30)
    # Where the gate's sigmoid bends, the rule is cut.
    value, error = integral(lambda x: function(bias + x), deviation, (-bias,), np)
    return Estimate(np.float64(value), np.float64(error))


def gate_moments(bias: Real, variance: Real = 0.0) -> GateMoments:
    """Return the moments of a gate with Gaussian pre-activation.

    Args:
        bias: b: of the forget gate (LSTM) or the update gate (GRU, minimal).
        variance: s, of the rest of the pre-activation.

    Returns:
        `GateMoments`, *exact* up to the stated errors. Cost: five integrals.

    Raises:
        UsageError: if bias is not finite or variance not finite and at least 0.

    Example:
        >>> found = gate_moments(0.0, 1.0)
        >>> round(float(found.mean.value), 12), round(float(np.exp(found.log_mean.value)), 4)
        (0.5, 0.4466)
    """
    b, s = finite("bias", bias), non_negative("variance", variance)
    functions = (
        _log_sigmoid,
        sigmoid,
        lambda x: np.exp(2 * _log_sigmoid(x)),
        lambda x: np.exp(2 * _log_sigmoid(-x)),
        lambda x: np.exp(2 * (_log_sigmoid(x) + _log_sigmoid(-x))),
    )
    return GateMoments(*(_mean(function, s, b) for function in functions))


def _squares(places: np.ndarray, variance: float) -> np.ndarray:
    """Return E sigmoid(a + sqrt(s) Z)^2 for places a (m,)."""
    found = np.empty_like(places)
    for start in range(0, places.size, 64):
        own = places[start : start + 64, None, None]
        deviation = np.full(own.size, math.sqrt(variance))
        found[start : start + 64] = integral(
            lambda x, own=own: np.exp(2 * _log_sigmoid(own + x)), deviation, (), np
        ).value
    return found


def _open_side(bias: float, spread: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes z and log weights of a rule for N(0, 1) times sigmoid(bias + spread z)^2k.

    k up to `steps` moves the weight of the integrand to units whose gate is open: z is followed to
    where that ends.
    """
    opened = (math.log(4.0 * steps) + 40.0 - bias) / spread
    worth = math.sqrt(-4.0 * steps * float(_log_sigmoid(np.array([bias]))[0]))
    grid = np.linspace(0.0, max(min(opened, worth), 0.0), 4001)
    top = float(grid[np.argmax(2 * steps * _log_sigmoid(bias + spread * grid) - grid**2 / 2)])
    count = math.ceil((top + 18.0) / min(1.0, 2.0 / spread))
    edges = np.linspace(-9.0, top + 9.0, count + 1)
    half = np.diff(edges)[:, None] / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * _NODES).ravel()
    log_weights = np.log((half * _RULE).ravel()) - z * z / 2 - math.log(2 * math.pi) / 2
    return z, log_weights


def gate_chain(bias: Real, steps: int, variance: Real = 0.0, frozen: Real = 0.0) -> GateChain:
    """Return what the direct path keeps, typically and in root mean square over units.

    Args:
        bias: b.
        steps: T.
        variance: s.
        frozen: the share r of s that a unit keeps at all steps: 0 for gates driven by fresh inputs, 1 for
            gates that do not move.

    Returns:
        A `GateChain`; *exact* for Gaussian pre-activations that are independent from step to step but
        for the share r. Cost O(T) times some 300 nodes and, if r is not 0 or 1, as many integrals.

    Raises:
        UsageError: if a value is out of range.

    Example:
        >>> found = gate_chain(1.0, 100, variance=1.0, frozen=1.0)
        >>> bool(found.typical[0] < found.rms[0]), found.rms[-1].tolist()
        (True, 0.0)
    """
    steps, b = whole_number("steps", steps), finite("bias", bias)
    s, share = non_negative("variance", variance), non_negative("frozen", frozen)
    if share > 1:
        raise UsageError(f"got frozen={in_short(frozen)}, expected a share from 0 to 1")
    back = np.arange(steps, -1, -1, dtype=np.float64)
    typical = back * float(_mean(_log_sigmoid, s, b).value)
    if s * share == 0:
        squares = float(_mean(lambda x: np.exp(2 * _log_sigmoid(x)), s, b).value)
        return GateChain(typical, back * math.log(squares) / 2)
    spread = math.sqrt(s * share)
    z, log_weights = _open_side(b, spread, steps)
    places = b + spread * z
    fresh = s * (1 - share)
    logs = 2 * _log_sigmoid(places) if fresh == 0 else np.log(_squares(places, fresh))
    rms = np.logaddexp.reduce(log_weights[:, None] + logs[:, None] * back[None, :], axis=0) / 2
    rms[-1] = 0.0
    return GateChain(typical, rms)


def chrono_bias(longest: int, level: Real = 0.5) -> float:
    """Return a quantile of the chrono biases b = log U, U uniform on [1, L - 1].

    Args:
        longest: L, the longest dependency expected, at least 3.
        level: 0 is the smallest bias (0), 0.5 the median, 1 the largest (log(L - 1)).

    Returns:
        The bias, *exact*. For its time constant see `gate_time_constant`.

    Raises:
        UsageError: if longest is no whole number of at least 3 or level not from 0 to 1.

    Example:
        >>> round(chrono_bias(100, 1.0), 4), chrono_bias(100, 0.0)
        (4.5951, 0.0)
    """
    longest, level = whole_number("longest", longest, 3), non_negative("level", level)
    if level > 1:
        raise UsageError(f"got level={in_short(level)}, expected a number from 0 to 1")
    return math.log1p(level * (longest - 2))


def chrono_chain(longest: int, steps: int) -> GateChain:
    """Return what chrono-initialized gates keep that stand still at their biases.

    typical: (T - t) E log(U / (1 + U)); rms: sqrt(E (U / (1 + U))^{2(T-t)}), U uniform on [1, L - 1].

    Args:
        longest: L, at least 3.
        steps: T.

    Returns:
        A `GateChain` over the units of a layer; *exact* for constant gates (quadrature to 1e-12), a
        *prediction* for a network at initialization. Slow units carry the rms.

    Raises:
        UsageError: if longest is no whole number of at least 3 or steps of at least 1.

    Example:
        >>> found = chrono_chain(100, 100)
        >>> bool(found.rms[0] > 10 * found.typical[0]), round(float(np.exp(found.rms[0])), 3)
        (True, 0.194)
    """
    longest, steps = whole_number("longest", longest, 3), whole_number("steps", steps)
    back = np.arange(steps, -1, -1, dtype=np.float64)
    nodes, rule = np.polynomial.legendre.leggauss(24)
    edges = np.linspace(0.0, math.log(longest - 1), 2 + 2 * math.ceil(math.log(longest)))
    half = np.diff(edges)[:, None] / 2
    bias = ((edges[1:] + edges[:-1])[:, None] / 2 + half * nodes).ravel()
    # dU = e^b db.
    weights = (half * rule).ravel() * np.exp(bias) / (longest - 2)
    logs = _log_sigmoid(bias)
    typical = back * float(weights @ logs)
    powers = np.log(weights)[:, None] + 2 * logs[:, None] * back[None, :]
    rms = np.logaddexp.reduce(powers, axis=0) / 2
    rms[-1] = 0.0
    return GateChain(typical, rms)
