"""What is the law of the squared slopes of a layer at infinite width, and where is it critical?

v = sigma_w^2 phi'(sqrt(q) Z)^2 with sigma_w^2 = 1 / E phi'^2, so that E v = chi_1 = 1, held as a law of
finitely many values: exact atoms where phi' takes finitely many values, else the nodes of a
Gauss-Legendre rule cut at the kinks and towards the place of the largest slope. The slopes of
identity and (leaky) relu do not depend on the length q.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import UsageError
from gradchain.activations.noun import Activation

_NEAR = 1e-30
_LEAST = 1e-290
_ZEROS = 8
_END = 9.5  # beyond, the normal law holds 2e-21
FINE, COARSE = 16, 12
_SCALE_FREE = {"identity": 1.0, "relu": 0.0}
_BOX = {"hard_tanh": 1, "hard_sigmoid": 3}  # slope constant on |x| < this, else 0


@dataclass(frozen=True, eq=False)
class SlopeLaw:
    """Values v of sigma_w^2 phi'^2 and their probabilities, scaled to E v = 1.

    Attributes:
        values: (m,) float64.
        weights: (m,) float64 of sum 1.
        top: the least upper bound of v; infinite or NaN if unknown.
        exact: (value, probability) pairs as fractions, if the law has finitely many rational ones.
        atoms: (value, probability) of all its atoms.
        q: the length it belongs to, NaN if it does not depend on it.
        sigma_w: 1 / sqrt(E phi'^2).
    """

    values: np.ndarray
    weights: np.ndarray
    top: float
    q: float
    sigma_w: float
    atoms: tuple[tuple[float, float], ...] = ()
    exact: tuple[tuple[Fraction, Fraction], ...] = field(default=(), repr=False)

    @property
    def zero(self) -> float:
        """The probability of v = 0."""
        return math.fsum(mass for value, mass in self.atoms if value == 0)


def _of_atoms(
    pairs: list[tuple[Fraction, Fraction]], q: float, sigma_w: float, rational: bool
) -> SlopeLaw:
    merged: dict[Fraction, Fraction] = {}
    for value, mass in pairs:
        if mass:
            merged[value] = merged.get(value, Fraction(0)) + mass
    atoms = tuple((float(value), float(mass)) for value, mass in merged.items())
    values, weights = (np.array(each) for each in zip(*atoms, strict=True))
    exact = tuple(merged.items()) if rational else ()
    return SlopeLaw(values, weights, float(values.max()), q, sigma_w, atoms, exact)


def scale_free(activation: Activation) -> bool:
    """Say whether the slopes do not depend on the length of their input.

    Args:
        activation: any.

    Returns:
        True for identity, relu and leaky_relu.
    """
    return activation.name in {*_SCALE_FREE, "leaky_relu", "prelu"}


def slope_law(activation: Activation, q: float, points: int = FINE) -> SlopeLaw:
    """Return the law of v = phi'(sqrt(q) Z)^2 / E phi'(sqrt(q) Z)^2.

    Args:
        activation: any with a bounded slope.
        q: length, at least 0; at 0 the limit from above.
        points: nodes of the rule on each piece.

    Returns:
        The law. Cost some 2 000 slopes.

    Raises:
        UsageError: if every slope is 0 or one is not finite.
    """
    if scale_free(activation):
        left = _SCALE_FREE.get(activation.name)
        a = Fraction(repr(left if left is not None else float(activation.parameters[0][1])))
        gain = 2 / (1 + a * a)
        half = Fraction(1, 2)
        return _of_atoms([(gain, half), (gain * a * a, half)], math.nan, math.sqrt(gain), True)
    if activation.name in _BOX:
        size = _BOX[activation.name]
        inside = math.erf(size / math.sqrt(2 * q)) if q > 0 else 1.0
        slope = 1.0 if activation.name == "hard_tanh" else 1 / 6
        outside = math.erfc(size / math.sqrt(2 * q)) if q > 0 else 0.0
        pairs = [
            (Fraction(1) / Fraction(inside), Fraction(inside)),
            (Fraction(0), Fraction(outside)),
        ]
        return _of_atoms(pairs, q, 1 / (slope * math.sqrt(inside)), False)
    if q == 0:
        # phi' beside 0: two values where 0 is a kink, one else.
        sides = [
            Fraction(float(each)) ** 2 for each in _slopes(activation, np.array([-_NEAR, _NEAR]))
        ]
        mean = sum(sides, Fraction(0)) / 2
        if mean == 0:
            raise UsageError(
                f"got {activation} at length q=0, where its slope is 0; expected q above 0"
            )
        half = Fraction(1, 2)
        pairs = [(side / mean, half) for side in sides]
        return _of_atoms(pairs, q, 1 / math.sqrt(mean), False)
    return _by_quadrature(activation, q, points)


def _slopes(activation: Activation, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(activation.derivative(jnp.asarray(x)), np.float64)


def _by_quadrature(activation: Activation, q: float, points: int) -> SlopeLaw:
    deviation = math.sqrt(q)
    kinks = [kink / deviation for kink in activation.kinks]
    far = np.linspace(-_END, _END, 2001)
    steep = np.abs(_slopes(activation, deviation * far))
    peaks = {float(far[steep.argmax()]), float(-far[steep[::-1].argmax()])}
    steps = np.array([0.0, 0.5, 1, 2, 3, 4.5, 6, 8, _END])
    near = 0.5 ** np.arange(1, 13)
    zeros = _crossings(activation, deviation, far)
    nearer = 0.5 ** np.arange(1, 40)
    cuts = [steps, -steps, np.array(kinks)]
    cuts += [peak + side * near for peak in peaks for side in (1, -1)]
    cuts += [(kink + np.array([-1.0, 1.0])) / deviation for kink in (0.0, *activation.kinks)]
    cuts += [zero + side * nearer for zero in zeros for side in (1, -1)]
    # In x as well as in z: for slopes that vary on a scale of 1, or oscillate.
    cuts.append(np.arange(-60.0, 61.0, 2.0) / deviation)
    edges = np.unique(np.clip(np.concatenate(cuts), -_END, _END))
    nodes, rule = np.polynomial.legendre.leggauss(points)
    half = np.diff(edges)[:, None] / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * nodes).ravel()
    weights = (half * rule).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    values = _slopes(activation, deviation * z) ** 2
    weights /= weights.sum()
    mean = float(weights @ values)
    if not 0 < mean < math.inf:
        raise UsageError(
            f"got {activation} at length q={q:g}, whose mean squared slope is {mean}; expected a "
            "finite one above 0"
        )
    bound = activation.derivative_sup
    top = math.nan if bound is None else max(bound**2, float(values.max()))
    return SlopeLaw(values / mean, weights, top / mean, q, 1 / math.sqrt(mean))


def _crossings(activation: Activation, deviation: float, z: np.ndarray) -> list[float]:
    # Where phi' changes sign, so that v has a tail down to 0; not for slopes that do so without end.
    signs = np.signbit(_slopes(activation, deviation * z))
    places = np.flatnonzero(signs[1:] != signs[:-1])
    if places.size > _ZEROS:
        return []
    found = []
    for place in places:
        low, high = z[place], z[place + 1]
        for _ in range(4):
            fine = np.linspace(low, high, z.size)
            turn = int(np.signbit(_slopes(activation, deviation * fine)).argmax())
            turn = turn or int((~np.signbit(_slopes(activation, deviation * fine))).argmax())
            low, high = fine[max(turn - 1, 0)], fine[turn]
        found.append(float((low + high) / 2))
    return found


def compressed(law: SlopeLaw, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gauss rule of the law of log v: few values that stand for all.

    In log v, not in v, whose rule would leave small slopes in one lump.

    Args:
        law: any.
        size: number of values kept, at most, 0 aside.

    Returns:
        Values and weights, by Lanczos with full re-orthogonalisation. Cost O(size^2 m).
    """
    if law.values.size <= size:
        return law.values, law.weights
    live = law.values > _LEAST
    logs, weights = np.log(law.values[live]), law.weights[live]
    basis = np.zeros((size, logs.size))
    diagonal, off = np.zeros(size), np.zeros(size)
    basis[0] = np.sqrt(weights / weights.sum())
    for k in range(size):
        new = logs * basis[k]
        diagonal[k] = new @ basis[k]
        for _ in range(2):
            new = new - basis[: k + 1].T @ (basis[: k + 1] @ new)
        norm = math.sqrt(new @ new)
        if k + 1 == size or norm < 1e-13:
            size = k + 1
            break
        off[k], basis[k + 1] = norm, new / norm
    matrix = np.diag(diagonal[:size])
    matrix += np.diag(off[: size - 1], 1) + np.diag(off[: size - 1], -1)
    places, vectors = np.linalg.eigh(matrix)
    values, shares = np.minimum(np.exp(places), law.top), vectors[0] ** 2 * weights.sum()
    none = law.weights[~live].sum()
    return np.append(values, 0.0), np.append(shares, none)
