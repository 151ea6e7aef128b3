"""How long is a gradient in a network of finite width, before any training?

For square He-ReLU (or leaky ReLU) and Gaussian linear chains J = D_L W_L ... D_1 W_1, u fixed:

    log |Ju|^2 = sum_l log(gain Y_l / n_{l-1}),   Y_l independent, laws of their own in closed form
    relu:      E = sum E[psi(K/2) | K >= 1] + log(4/n),  Var = sum E psi'(K/2) + Var psi(K/2)
    identity:  E = sum psi(n/2) + log(2/n),              Var = sum psi'(n/2)

given that no layer is dead, so about N(-beta/2, beta) with beta = 5 sum 1/n (2 sum 1/n if linear).
The mean of |Ju|^2 itself is 1. All is *exact* for Gaussian weights and symmetric biases of the law of
random signs (T: the gates of J are as independent coins), at every width; the backward |J^T v|^2 has
the same law up to the outermost layers.

Sources: B. Hanin and M. Nica, Comm. Math. Phys. 376 (2020), arXiv:1812.05994; B. Hanin, NeurIPS
2018, arXiv:1801.03744 (the orders in 1/n); exact forms derived from chi-squared laws.
"""

import functools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import NormalDist

import numpy as np

from gradchain import activations
from gradchain._errors import ShapeError, UsageError
from gradchain._types import in_short, whole_number
from gradchain.activations.noun import Activation
from gradchain.predicted.finite_width_gates import (
    Gates,
    decay_rate,
    gates_of,
    live_units,
    log_moments,
    negative_moments,
)

WIDEST = 10**7
_Layers = tuple[tuple[int, int, int], ...]  # (fan_in, fan_out, how often)


def _layers(width: object, depth: object) -> tuple[_Layers, tuple[int, ...]]:
    """Return the layers counted by their two widths, and all widths that occur.

    Raises:
        ShapeError: if a tuple of widths does not have depth + 1 entries.
        UsageError: if a number is out of range.
    """
    depth = whole_number("depth", depth)
    if isinstance(width, (tuple, list, np.ndarray)):
        sizes = [whole_number("width", each) for each in width]
        if len(sizes) != depth + 1:
            raise ShapeError(
                f"got {len(sizes)} widths for depth {depth}, expected {depth + 1}: n_0 .. n_L"
            )
        counted = Counter(pairwise(sizes))
    else:
        sizes = [whole_number("width", width)]
        counted = Counter({(sizes[0], sizes[0]): depth})
    if max(sizes) > WIDEST:
        raise UsageError(
            f"got width {in_short(max(sizes))}, expected at most {WIDEST}; there the infinite-width "
            "law (gradchain.mean_field) is exact to six digits"
        )
    return tuple((a, b, times) for (a, b), times in sorted(counted.items())), tuple(sizes)


def _kept(gates: Gates, fan_in: int, fan_out: int) -> tuple[float, float]:
    mean, variance = log_moments(gates, fan_out)
    return mean + math.log(fan_out / fan_in), variance


@dataclass(frozen=True)
class LogNormLaw:
    """The law of log |Ju|^2, natural logarithm, given that no layer is dead. Made by `log_norm_law`.

    Attributes:
        activation: its name with parameters.
        widths: n_0 .. n_L, or the one width of a square chain.
        depth: L, the number of factors D W.
        mean: E log |Ju|^2; *exact*.
        variance: Var log |Ju|^2; *exact*.
        dead_probability: that some layer is dead (J = 0), 1 - prod (1 - 2^-n_l); 0 but for relu.
        error: bound on the rounding of mean and variance.
    """

    activation: str
    widths: tuple[int, ...]
    depth: int
    mean: float
    variance: float
    dead_probability: float
    error: float
    layers: _Layers = field(repr=False)
    gates: Gates = field(repr=False)

    @property
    def typical_norm(self) -> float:
        """exp(mean / 2), the geometric mean of |Ju|."""
        return math.exp(self.mean / 2)

    @property
    def second_moment(self) -> float:
        """E |Ju|^2 = n_L / n_0, dead layers included; *exact*, 1 for a square chain."""
        return self.widths[-1] / self.widths[0]

    @property
    def fourth_moment(self) -> float:
        """E |Ju|^4 = (n_L/n_0)^2 prod (1 + (3 k - 1)/n_l), k = 2 for relu, 1 for identity; *exact*.

        Dead layers are included. Infinite if above the largest float64.
        """
        excess = 3 * self.gates.kurtosis - 1
        log = sum(times * math.log1p(excess / out) for _, out, times in self.layers)
        log += 2 * math.log(self.second_moment)
        return math.exp(log) if log < 709 else math.inf

    @property
    def expected_rank(self) -> float:
        """E rank J = E min_l K_l for relu (0 if a layer is dead), else min_l n_l; *exact*."""
        least = min(self.widths)
        if self.gates.slope:
            return float(least)
        laws = [(*live_units(out), out, times) for out, times in self._outputs()]
        # P(K >= j) is 1 (but for a dead layer) below `low` and 0 above `high`.
        low = min([least, *(int(k[0]) for k, _, _, _ in laws)])
        high = min([least, *(int(k[-1]) for k, _, _, _ in laws)])
        tails = np.ones(max(high - low + 1, 0))
        for k, weights, _, times in laws:
            above = np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])
            place = np.clip(np.arange(low, high + 1) - int(k[0]), 0, k.size)
            tails = tails * above[place] ** times
        return (low - 1 + math.fsum(tails)) * (1 - self.dead_probability)

    def _outputs(self) -> list[tuple[int, int]]:
        counted: Counter[int] = Counter()
        for _, out, times in self.layers:
            counted[out] += times
        return list(counted.items())

    def normal_quantile(self, p: float) -> float:
        """Return the quantile of the normal law of the same mean and variance, a *prediction*.

        Args:
            p: probability strictly between 0 and 1.

        Returns:
            mean + z_p sqrt(variance).

        Raises:
            UsageError: if p is not between 0 and 1.
        """
        return self.mean + NormalDist().inv_cdf(_probability(p)) * math.sqrt(self.variance)

    def cdf(self, x: int | float) -> float:
        """Return P(log |Ju|^2 <= x), given no dead layer; *exact* to some 1e-11 absolute.

        The characteristic function is inverted along a line (trapezoid rule, whose error decays
        exponentially). The first call of a law takes milliseconds to a second, others microseconds.

        Args:
            x: natural logarithm.

        Returns:
            Probability.

        Raises:
            UsageError: if x is NaN.
        """
        if math.isnan(x):
            raise UsageError("got x=NaN, expected a natural logarithm")
        s, transform = _transform(self.gates, self.layers)
        offset = x - self.mean
        if abs(offset) > 100 * math.sqrt(self.variance) + 100:
            return float(offset > 0)
        inside = float(_sum(s, transform / s, offset))
        return min(max(inside, 0.0), 1.0)

    def density(self, x: int | float) -> float:
        """Return the density of log |Ju|^2 at x, given no dead layer; *exact* like `cdf`.

        Args:
            x: natural logarithm.

        Returns:
            Density per nat.

        Raises:
            UsageError: if x is NaN.
        """
        if math.isnan(x):
            raise UsageError("got x=NaN, expected a natural logarithm")
        s, transform = _transform(self.gates, self.layers)
        offset = x - self.mean
        if abs(offset) > 100 * math.sqrt(self.variance) + 100:
            return 0.0
        return max(float(_sum(s, transform, offset)), 0.0)

    def quantile(self, p: float) -> float:
        """Return x with P(log |Ju|^2 <= x) = p, given no dead layer; *exact* like `cdf`.

        Args:
            p: probability from 1e-9 to 1 - 1e-9.

        Returns:
            Natural logarithm of |Ju|^2.

        Raises:
            UsageError: if p is out of range.

        Example:
            >>> law = log_norm_law("relu", 50, 50)
            >>> band = law.quantile(0.05), law.quantile(0.95)
            >>> round(law.cdf(band[1]) - law.cdf(band[0]), 9)
            0.9
        """
        p = _probability(p)
        if not 1e-9 <= p <= 1 - 1e-9:
            raise UsageError(
                f"got p={p:g}, expected 1e-9 to 1 - 1e-9, what the inversion resolves; "
                "normal_quantile takes any p"
            )
        spread = math.sqrt(self.variance)
        low, high = self.mean - 2 * spread, self.mean + 2 * spread
        while self.cdf(low) > p:
            low -= 2 * spread
        while self.cdf(high) < p:
            high += 2 * spread
        x = min(max(self.normal_quantile(p), low), high)
        for _ in range(100):
            excess, slope = self.cdf(x) - p, self.density(x)
            low, high = (low, x) if excess > 0 else (x, high)
            new = x - excess / slope if slope > 0 else math.nan
            new = new if low < new < high else (low + high) / 2
            if abs(new - x) <= 1e-13 * (1 + abs(x)):
                return new
            x = new
        return x


def _probability(p: object) -> float:
    if isinstance(p, (int, float, np.floating)) and 0 < p < 1:
        return float(p)
    raise UsageError(f"got p={in_short(p)}, expected a probability strictly between 0 and 1")


def _sum(s: np.ndarray, values: np.ndarray, offset: float) -> float:
    # (1 / pi) int Re(...) d omega; the first point counts half.
    terms = np.real(np.exp(s * offset) * values)
    return (terms.sum() - terms[0] / 2) * np.imag(s[1] - s[0]) / math.pi


@functools.lru_cache(maxsize=32)
def _transform(gates: Gates, layers: _Layers) -> tuple[np.ndarray, np.ndarray]:
    """Return s on a line Re s = c and E exp(-s (log |Ju|^2 - mean)) there."""
    moments = {(a, b): _kept(gates, a, b) for a, b, _ in layers}
    variance = math.fsum(times * moments[a, b][1] for a, b, times in layers)
    rate = min(decay_rate(gates, b) for _, b, _ in layers)
    spread = math.sqrt(variance)

    def logs(s: np.ndarray) -> np.ndarray:
        total = np.zeros(s.shape, complex)
        for a, b, times in layers:
            each = negative_moments(gates, b, s) * np.exp(s * math.log(a / b))
            with np.errstate(divide="ignore"):
                total = total + times * (np.log(each) + s * moments[a, b][0])
        return total

    c = min(1 / spread, rate / 2)
    while logs(np.array([c + 0j]))[0].real > 5:
        c /= 2
    period = 40 / c + 40 / (rate - c) + 24 * spread
    step = 2 * math.pi / period
    points, values = [], []
    for block in range(10_000):
        s = c + 1j * step * (64 * block + np.arange(64))
        new = np.exp(logs(s))
        points.append(s)
        values.append(new)
        if np.abs(new).max() < 1e-17:
            break
    return np.concatenate(points), np.concatenate(values)


def log_norm_law(
    activation: str | Activation, width: int | Sequence[int], depth: int
) -> LogNormLaw:
    """Return the law of log |Ju|^2 for a chain of `depth` factors D W, u a fixed unit vector.

    Weights are Gaussian of variance gain / fan_in, gain = 2 / (1 + a^2) (He; 1 for identity), so
    that E |Ju|^2 = n_L / n_0. The law is conditional on no layer being dead.

    Args:
        activation: "identity", "relu" or "leaky_relu" (with any slope), or such an `Activation`.
        width: n of a square chain, or the widths n_0 .. n_L.
        depth: L.

    Returns:
        Mean, variance, probability of a dead layer; quantiles; *exact* for Gaussian weights.
        Cost O(sqrt(n)) for each different width.

    Raises:
        ActivationError: if the activation has no such law; the message says what has.
        ShapeError: if there are not depth + 1 widths.
        UsageError: if width or depth is not a whole number of at least 1, or the width too large.

    Example:
        >>> law = log_norm_law("relu", 100, 50)
        >>> round(law.mean, 12), round(law.variance, 12)
        (-1.271044281138, 2.596999607436)
        >>> print(f"{log_norm_law('relu', 10, 50).dead_probability:.4f}")
        0.0477
    """
    gates = gates_of(activation)
    layers, sizes = _layers(width, depth)
    each = [(_kept(gates, a, b), times) for a, b, times in layers]
    alive = sum(
        times * math.log1p(-math.ldexp(1.0, -min(out, 1100))) if out > 0 else 0.0
        for _, out, times in layers
    )
    mean = math.fsum(times * moments[0] for moments, times in each)
    variance = math.fsum(times * moments[1] for moments, times in each)
    size = math.log(max(sizes)) + 4
    return LogNormLaw(
        activation=str(activations.get(activation)),
        widths=sizes,
        depth=int(depth),
        mean=mean,
        variance=variance,
        dead_probability=abs(math.expm1(alive)) if gates.slope == 0 else 0.0,
        error=(4e-15 * size + 1e-15) * int(depth),
        layers=layers,
        gates=gates,
    )
