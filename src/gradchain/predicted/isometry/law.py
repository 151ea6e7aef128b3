"""Which law do the squared singular values of J = D_L W_L ... D_1 W_1 follow at infinite width?

At chi_1 = 1 their mean is 1 and their variance L (rho - 1 - s_1), rho = E phi'^4 / (E phi'^2)^2, s_1 = -1
for Gaussian and 0 for orthogonal weights. Moments are exact functions of the moments of the slopes,
the density solves an equation; a share of the law may sit in atoms (dead units at 0).

Sources: J. Pennington, S. Schoenholz, S. Ganguli, NeurIPS 2017, arXiv:1711.04735, and AISTATS 2018,
arXiv:1802.09979; S. Belinschi, Probab. Theory Relat. Fields 2003 (atoms of free products).
"""

import functools
import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import Approximate, in_short, one_of, whole_number
from gradchain.activations.noun import Activation
from gradchain.gaussian import Estimate
from gradchain.predicted.isometry.critical import critical_slopes
from gradchain.predicted.isometry.density import Equation, intervals, rule
from gradchain.predicted.isometry.edge import WEIGHTS, edge_of
from gradchain.predicted.isometry.moments import jacobian_moments
from gradchain.predicted.isometry.slopes import SlopeLaw, compressed

_KEPT = 128  # values of the slopes' law that the equation works with
_MOST_MOMENTS = 40


@dataclass(frozen=True, eq=False)
class SingularValueLaw:
    """The limiting law of the squared singular values of J. Made by `singular_value_law`.

    Attributes:
        activation: its name with parameters.
        depth: L.
        weights: "gaussian" or "orthogonal".
        sigma_w: for which chi_1 = 1.
        q: the length of the pre-activations; NaN where it does not matter.
        atoms: (squared singular value, share) pairs; dead units sit at 0.
        variance: of the squared singular values, whose mean is 1.
        edge: the largest singular value s (not s^2); None if sup|phi'| is not known.
    """

    activation: str
    depth: int
    weights: str
    sigma_w: float
    q: float
    atoms: tuple[tuple[float, float], ...]
    variance: Approximate
    edge: Approximate | None
    slopes: tuple[SlopeLaw, SlopeLaw, SlopeLaw | None, float] = field(repr=False)

    def exact_moments(self, count: int) -> tuple[Fraction, ...] | None:
        """Return m_1 .. m_K as fractions, where the slopes are rational: identity, (leaky) relu.

        Args:
            count: K, 1 to 40.

        Returns:
            Moments of s^2, or None for other activations. Linear Gaussian: Fuss-Catalan numbers
            C((L+1)k, k) / (L k + 1).

        Raises:
            UsageError: if K is out of range.

        Example:
            >>> [str(m) for m in singular_value_law("identity", 2).exact_moments(4)]
            ['1', '3', '12', '55']
        """
        count = _count(count)
        exact = self.slopes[0].exact
        if not exact:
            return None
        mu = [sum((m * v**k for v, m in exact), Fraction(0)) for k in range(1, count + 1)]
        return tuple(jacobian_moments(mu, self.depth, self.weights == "orthogonal"))

    def moments(self, count: int) -> Estimate:
        """Return m_1 .. m_K, the limits of E tr (J J^T)^k / n, for any activation.

        Args:
            count: K, 1 to 40.

        Returns:
            Values and errors, (K,) float64. O(K^3) operations on fractions.

        Raises:
            UsageError: if K is out of range.

        Example:
            >>> singular_value_law("relu", 3).moments(2).value.tolist()
            [1.0, 7.0]
        """
        count = _count(count)
        exact = self.exact_moments(count)
        if exact is not None:
            value = np.array([_number(each) for each in exact])
            return Estimate(value, np.spacing(value) / 2)
        law, coarse, moved, length_error = self.slopes
        value = self._from(law, count)
        # The last digit of the slopes' moments, and the digits that their rule leaves open.
        error = np.abs(value - self._from(coarse, count)) + 1e-14 * np.arange(1, count + 1) * value
        if moved is not None:
            error = error + np.abs(self._from(moved, count) - value) * 1e4 * length_error
        return Estimate(value, error)

    def _from(self, law: SlopeLaw, count: int) -> np.ndarray:
        mu = [Fraction(float(law.weights @ law.values**k)) for k in range(1, count + 1)]
        mu = [each / mu[0] ** k for k, each in enumerate(mu, 1)]
        found = jacobian_moments(mu, self.depth, self.weights == "orthogonal")
        return np.array([_number(each) for each in found])

    @functools.cached_property
    def _equation(self) -> Equation:
        if self.edge is None:
            raise UsageError(
                f"got {self.activation}, whose largest slope nobody has stated, expected one with "
                "derivative_sup for a density; .moments(k) gives the moments of any"
            )
        if self._is_slopes:
            raise UsageError(
                "got depth 1 with orthogonal weights, where the law is that of the squared slopes "
                "themselves and has no equation, expected depth 2 or more; .quadrature and .moments hold"
            )
        values, weights = compressed(self.slopes[0], _KEPT)
        return Equation(values, weights, self.depth, self.weights == "orthogonal")

    @property
    def _is_slopes(self) -> bool:
        return self.depth == 1 and self.weights == "orthogonal" and not self.slopes[0].atoms

    def density(self, x: object) -> np.ndarray:
        """Return the density of the squared singular values, atoms aside.

        Args:
            x: squared singular values, numbers or an array, at least 0.

        Returns:
            float64 of the shape of x; 0 outside the support, inf at 0 where the density diverges
            there. Relative error some 1e-9 inside, less near an edge. About 10 microseconds a value
            and more for smooth activations.

        Raises:
            UsageError: if x is negative or NaN, or if there is no equation (see `singular_value_law`).

        Example:
            >>> law = singular_value_law("identity", 1)
            >>> bool(np.isclose(law.density(1.0), math.sqrt(3) / (2 * math.pi)))
            True
        """
        given = _squares(x)
        found = np.zeros(given.shape)
        flat, result = given.ravel(), found.ravel()
        inside = (flat > 0) & (flat < math.inf)
        if not self._intervals:
            return found
        logs = np.log(flat[inside])
        within = logs <= self._intervals[0][1]
        if not self._reaches_zero:
            within &= logs >= self._intervals[-1][0]
        values = np.zeros(logs.shape)
        values[within] = self._equation.solve(logs[within]) / flat[inside][within]
        result[inside] = values
        if self._reaches_zero and self.slopes[0].atoms:
            result[flat == 0] = math.inf
        return result.reshape(given.shape)

    def singular_value_density(self, s: object) -> np.ndarray:
        """Return the density of the singular values themselves, 2 s rho(s^2), for histograms.

        Args:
            s: singular values, at least 0.

        Returns:
            float64 of the shape of s; see `density`.

        Raises:
            UsageError: if s is negative or NaN, or if there is no equation.
        """
        given = _squares(s)
        safe = np.where(given == 0, np.finfo(np.float64).tiny ** 0.25, given)
        return 2 * safe * self.density(safe**2)

    @functools.cached_property
    def _intervals(self) -> tuple[tuple[float, float], ...]:
        """Where the continuous part lies, from the top, in logarithms of s^2."""
        if sum(mass for _, mass in self.atoms) > 1 - 1e-12:
            return ()
        top = 2 * math.log(self.edge or math.nan)
        # Down to where a Gaussian layer's density has thinned out, and as far as the slopes reach.
        law = self.slopes[0]
        order = np.argsort(law.values)
        place = np.searchsorted(np.cumsum(law.weights[order]), law.zero + 1e-9)
        least = max(float(law.values[order][min(int(place), order.size - 1)]), 1e-300)
        reach = 32.0 * (self.depth + 2) + self.depth * max(0.0, -math.log(least))
        return intervals(self._equation, top, reach)

    @property
    def support(self) -> tuple[float, float] | None:
        """The smallest and largest squared singular value outside the atoms; None if there are none.

        The upper end is `edge` squared unless an atom sits there; the lower end is 0 where the density
        reaches down to it. There may be gaps between.
        """
        if self._is_slopes:
            return float(self.slopes[0].values.min()), self.slopes[0].top
        if not self._intervals:
            return None
        (low, _), (_, high) = self._intervals[-1], self._intervals[0]
        top = self.edge**2 if self.edge else math.nan
        atom = any(abs(value - top) <= 1e-12 * top for value, _ in self.atoms)
        return 0.0 if self._reaches_zero else math.exp(low), math.exp(high) if atom else top

    @functools.cached_property
    def _reaches_zero(self) -> bool:
        # Slopes of a continuous law come as near to 0 as one likes (all of this package do). Of atoms,
        # the density stops at a definite place, like a square root, unless it thins out without end.
        if not self.slopes[0].atoms:
            return True
        inside = self._intervals[-1][0] + 0.01
        return bool(self._equation.solve(np.array([inside]))[0] < 1e-8)

    def quadrature(self, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
        """Return logarithms of squared singular values and shares: sums over them are means.

        sum(shares * f(exp(logs))) + (f at the atoms) approximates the mean of f(s^2).

        Args:
            points: how many on each interval of the support, at least 8.

        Returns:
            Two float64 arrays, ascending logs. The shares sum to 1 minus the atoms' up to some 1e-8; to
            1e-3 for orthogonal weights and smooth activations whose slopes have a thin tail (tanh at
            small sigma_b), which is resolved in lumps; what is missing shows the error. Slopes below
            1e-145 count as none.

        Raises:
            UsageError: if points is below 8, or if there is no equation.
        """
        points = whole_number("points", points, 8)
        if self._is_slopes:
            law = self.slopes[0]
            kept = law.values > 0
            order = np.argsort(law.values[kept])
            return np.log(law.values[kept][order]), law.weights[kept][order]
        parts = [rule(self._equation, *ends, points) for ends in reversed(self._intervals)]
        if not parts:
            return np.zeros(0), np.zeros(0)
        logs, shares = zip(*parts, strict=True)
        return np.concatenate(logs), np.concatenate(shares)


def _squares(x: object) -> np.ndarray:
    try:
        given = np.asarray(x, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"got {in_short(x)}, expected numbers of at least 0") from None
    if not (given >= 0).all():
        raise UsageError(f"got {in_short(x)}, expected numbers of at least 0")
    return given


def _count(count: object) -> int:
    number = whole_number("count", count)
    if number > _MOST_MOMENTS:
        raise UsageError(
            f"got count={in_short(number)}, expected at most {_MOST_MOMENTS} moments: later ones say "
            "no more than the edge does"
        )
    return number


def _number(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _atoms(law: SlopeLaw, depth: int, weights: str) -> tuple[tuple[float, float], ...]:
    found = {0.0: law.zero} if law.zero else {}
    if weights == "orthogonal":
        for value, mass in law.atoms:
            kept = mass if depth == 1 else 1 - depth * (1 - mass)
            if value and kept > 1e-15:
                found[value**depth] = kept
    return tuple(sorted(found.items()))


def singular_value_law(
    activation: str | Activation,
    depth: int,
    weights: str = "gaussian",
    sigma_b: int | float = 0.0,
    q: int | float | None = None,
) -> SingularValueLaw:
    """Return the law of the squared singular values at chi_1 = 1, in the limit of infinite width.

    Args:
        activation: any; density and edge need a known sup|phi'|.
        depth: L, the number of factors D W.
        weights: "gaussian", or "orthogonal" (Haar).
        sigma_b: standard deviation of the biases; it sets the length q at the critical point.
        q: a length to take instead: slopes phi'(sqrt(q) Z), sigma_w such that chi_1 = 1 there. At
            another sigma_w multiply squared singular values by chi_1^L.

    Returns:
        Moments, variance, atoms, edge, density; a *prediction* of infinite width at fixed L (finite
        width: `second_moments`, `log_norm_law`).

    Raises:
        ActivationError: if the activation is not known.
        UsageError: if no stable critical point exists at this sigma_b, or a number is out of range.

    Example:
        >>> law = singular_value_law("relu", 10, "orthogonal")
        >>> law.atoms, round(law.variance, 9), round(law.edge**2, 9)
        (((0.0, 0.5),), 10.0, 25.811747917)
    """
    known, depth = activations.get(activation), whole_number("depth", depth)
    weights = one_of("weights", weights, WEIGHTS)
    slopes = critical_slopes(known, sigma_b, q)
    law, coarse, moved, length_error = slopes

    def variance(each: SlopeLaw) -> float:
        return depth * (float(each.weights @ each.values**2) - (weights == "orthogonal"))

    value = variance(law)
    error = abs(value - variance(coarse)) + 4e-15 * (depth + abs(value))
    if moved is not None:
        error += abs(variance(moved) - value) * 1e4 * length_error
    return SingularValueLaw(
        activation=str(known),
        depth=depth,
        weights=weights,
        sigma_w=law.sigma_w,
        q=law.q,
        atoms=_atoms(law, depth, weights),
        variance=Approximate(value, error),
        edge=edge_of(slopes, depth, weights) if math.isfinite(law.top) else None,
        slopes=slopes,
    )
