"""The moments that one step of a gated cell has at infinite width; see `recurrent_gated`."""

import math
from dataclasses import dataclass

import numpy as np

from gradchain.gaussian.line import integral
from gradchain.predicted.recurrent_gates import gate_moments, sigmoid

CELLS = ("minimal", "gru", "gru_before", "lstm")
# Of the reset gate, whose moments are smooth and of moderate variance.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
_WEIGHTS = _WEIGHTS / math.sqrt(2 * math.pi)


@dataclass(frozen=True, eq=False)
class PathStep:
    """One step: E h^2 (and E c^2) after it, and what it multiplies a path by, back in time.

    A path stays at its unit or jumps to another by U; its kinds are the parts of the state. `stay` and
    `jump` (kinds, kinds) are mean factors, s in those of a jump. `both_stay`, `both_jump`, `first_jumps`
    and `second_jumps` (kinds^2, kinds^2) are the joint moments of two copies at one unit, rows from,
    columns to. `direct` is E u^2 of the keeping gate.
    """

    state: tuple[float, ...]
    stay: np.ndarray
    jump: np.ndarray
    both_stay: np.ndarray
    both_jump: np.ndarray
    first_jumps: np.ndarray
    second_jumps: np.ndarray
    direct: float


def first_state(cell: str) -> tuple[float, ...]:
    """Return the squares of the state before the first input: zeros.

    Args:
        cell: one of `CELLS`.

    Returns:
        (E h^2,), and E c^2 for "lstm".
    """
    return (0.0, 0.0) if cell == "lstm" else (0.0,)


def path_step(
    cell: str, bias: float, weight: float, own: float, state: tuple[float, ...]
) -> PathStep:
    """Return the moments of one step.

    Args:
        cell: one of `CELLS`.
        bias: of the keeping gate.
        weight: s^2.
        own: v, the variance that the input brings.
        state: squares of the state before it.

    Returns:
        A `PathStep`.
    """
    if cell == "lstm":
        return _lstm(bias, weight, own, *state)
    if cell == "minimal":
        return _minimal(bias, weight, own, *state)
    return _gru(bias, weight, own, *state, after=cell == "gru")


def _slope(x: np.ndarray) -> np.ndarray:
    # tanh' = 1 / cosh^2, without overflow.
    return np.cosh(np.minimum(np.abs(x), 170.0)) ** -2.0


def _tanh_moments(variance: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return E tanh^2, E tanh', E tanh'^2 and E x^2 tanh'^2 at variances (m,)."""
    deviation = np.sqrt(np.maximum(variance, 1e-60))
    functions = (
        lambda x: np.tanh(x) ** 2,
        _slope,
        lambda x: _slope(x) ** 2,
        lambda x: (x * _slope(x)) ** 2,
    )
    return tuple(np.asarray(integral(f, deviation, (), np).value) for f in functions)


def _one_part(
    state: float, gate: tuple[float, float], way: tuple[float, float, float], rest: float
) -> PathStep:
    """Put a cell of one part together: E D, E D^2; s E B, s^2 E B^2, s E B D; all other ways."""
    (stay, square), (jump, both, mixed) = gate, way
    a, b, c, d, e = (np.array([[each]]) for each in (stay, jump, square, both + rest, mixed))
    return PathStep((state,), a, b, c, d, e, e, square)


def _minimal(bias: float, weight: float, own: float, p: float) -> PathStep:
    # V e: V is drawn as a square kernel, of variance 1/n. h - e and with it B have mean 0.
    e = float(_tanh_moments(np.array([own]))[0][0])
    u = gate_moments(bias, weight * p + e)
    state = float(u.square.value * p + u.rest_square.value * e)
    rest = float(weight * u.slope_square.value * (p + e))
    return _one_part(state, (float(u.mean.value), float(u.square.value)), (0.0, 0.0, 0.0), rest)


def _gru(bias: float, weight: float, own: float, p: float, *, after: bool) -> PathStep:
    tau = weight * p
    z, reset = gate_moments(bias, own + tau), gate_moments(0.0, own + tau)
    if after:
        # Given r, (x + r y, y) is Gaussian: y has a part along x + r y and a rest.
        r = sigmoid(math.sqrt(own + tau) * _NODES)
        total = own + r**2 * tau
        square, slope, steep, tilt = _tanh_moments(total)
        lean = np.divide(r * tau, total, out=np.zeros_like(r), where=total > 0)
        turned = (tau - r * tau * lean) * steep + lean**2 * tilt
        k, mean = float(_WEIGHTS @ square), float(_WEIGHTS @ (r * slope))
        both = float(_WEIGHTS @ (r**2 * steep))
        through_reset = float(_WEIGHTS @ ((r * (1 - r)) ** 2 * turned))
    else:
        square, slope, steep, _ = _tanh_moments(np.array([own + tau * reset.square.value]))
        k, mean = float(square[0]), float(slope[0] * reset.mean.value)
        both = float(steep[0] * reset.square.value)
        through_reset = float(steep[0] * tau * reset.slope_square.value)
    closed = 1.0 - float(z.mean.value)
    mixed = float(z.mean.value - z.square.value)
    scale, open_square = math.sqrt(weight), float(z.rest_square.value)
    rest = weight * (float(z.slope_square.value) * (p + k) + open_square * through_reset)
    return _one_part(
        float(z.square.value * p + open_square * k),
        (float(z.mean.value), float(z.square.value)),
        (scale * closed * mean, weight * open_square * both, scale * mixed * mean),
        rest,
    )


def _lstm(bias: float, weight: float, own: float, p: float, cell: float) -> PathStep:
    variance, scale = own + weight * p, math.sqrt(weight)
    f, other = gate_moments(bias, variance), gate_moments(0.0, variance)
    g, slope, steep, _ = (float(each[0]) for each in _tanh_moments(np.array([variance])))
    after = float(f.square.value * cell + other.square.value * g)
    shown, bent, bent_square, _ = (float(each[0]) for each in _tanh_moments(np.array([after])))
    half, square = float(other.mean.value), float(other.square.value)
    keep, keep_square = float(f.mean.value), float(f.square.value)
    # From h to c the factor a = o phi'(c'); from c to c none. Moments of (a, 1) by kinds (h, c).
    a, a_square = half * bent, square * bent_square
    mean = np.array([a, 1.0])
    pair = np.array([a_square, a, a, 1.0])
    way = half * slope  # E i phi'(g)
    own_ways = float(f.slope_square.value) * cell + float(other.slope_square.value) * g
    to_c, to_h = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    jumps = weight * (square * steep + own_ways) * pair
    jumps[0] += weight * float(other.slope_square.value) * shown
    crossed = scale * way * keep * pair
    return PathStep(
        (square * shown, after),
        np.outer(keep * mean, to_c),
        np.outer(scale * way * mean, to_h),
        np.outer(keep_square * pair, np.kron(to_c, to_c)),
        np.outer(jumps, np.kron(to_h, to_h)),
        np.outer(crossed, np.kron(to_h, to_c)),
        np.outer(crossed, np.kron(to_c, to_h)),
        keep_square,
    )
