"""Where do the squared singular values lie? The S-transform equation, solved in the complex plane.

For z = 1/lambda on the real axis, reached from above, one looks for w in the upper half plane with
chi_J(psi(w)) = z (see `edge`); then lambda times the density at lambda is Im psi(w) / pi. The path
begins at z = -1/lambda, where w is real and unique, and turns z by half a circle; Newton's method in
log w follows it. psi keeps the upper half plane, so principal logarithms are the right ones.
"""

import math

import numpy as np

_TURNS = 24
_LAST = 80
_BLOCK = 40_000
_NOISE = 1e-12
_LARGEST = 690.0
_SEEN = 1e-11  # a density of log lambda below this counts as none
_SCALE = 12.0


class Equation:
    """The equation of one law.

    Attributes:
        values: (m,) squared slopes above 0.
        weights: (m,) their probabilities.
        zero: probability of slope 0.
        depth: L.
        orthogonal: whether the weights are (else Gaussian).
    """

    def __init__(
        self, values: np.ndarray, weights: np.ndarray, depth: int, orthogonal: bool
    ) -> None:
        """Keep the law."""
        live = values > 0
        self.values, self.weights = values[live], weights[live]
        self.zero = float(weights[~live].sum())
        self.depth, self.orthogonal = depth, orthogonal

    def _chi(self, log_w: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return log chi_J, its derivative in log w, psi, and the derivative of psi."""
        above = 1 / (1 - self.values * np.exp(log_w)[..., None])  # 1 / (1 - v w)
        below = 1 / (np.exp(-log_w)[..., None] / self.values - 1)  # v w / (1 - v w)
        psi = (self.weights * below).sum(axis=-1)
        # Of its own, since psi tends to -1 where lambda tends to 0.
        more = (self.weights * above).sum(axis=-1) + self.zero
        growth = (self.weights * above * below).sum(axis=-1)
        depth = self.depth
        if self.orthogonal:
            value = depth * log_w + (depth - 1) * (np.log(more) - np.log(psi))
            return value, depth - (depth - 1) * growth / (psi * more), psi, growth
        value = depth * log_w - (depth - 1) * np.log(psi) - np.log(more)
        return value, depth - growth * ((depth - 1) / psi + 1 / more), psi, growth

    def _start(self, log_value: np.ndarray) -> np.ndarray:
        # log |w| for z = -1/lambda: chi_J falls from 0 as w goes from 0 to minus infinity.
        high = np.minimum(60 + np.abs(log_value), _LARGEST)
        low = -high
        for _ in range(60):
            middle = (low + high) / 2
            value = np.real(self._chi(middle + 1j * math.pi)[0])
            above = value > -log_value
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return (low + high) / 2

    def solve(self, log_value: np.ndarray) -> np.ndarray:
        """Return Im psi / pi = lambda rho(lambda) at lambda = exp(log_value).

        Args:
            log_value: (m,) natural logarithms of squared singular values.

        Returns:
            (m,) density of log lambda; 0 outside the support. Cost some 150 sums over the law each.
        """
        rows = max(1, _BLOCK // self.values.size)
        parts = [
            self._turn(log_value[start : start + rows]) for start in range(0, log_value.size, rows)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _turn(self, log_value: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            log_w = self._start(log_value) + 1j * math.pi
            angle = math.pi
            for turn in range(1, _TURNS + 1):
                new = math.pi * (1 - turn / _TURNS) ** 2
                target = -log_value + 1j * new
                _, slope, *_ = self._chi(log_w)
                log_w = self._kept(log_w + 1j * (new - angle) / slope, log_w)
                log_w = self._newton(log_w, target, _LAST if turn == _TURNS else 4)
                angle = new
            _, _, psi, growth = self._chi(log_w)
        found = np.imag(psi) / math.pi
        # What the last digits of log w do to psi; much beside an atom, where psi has a pole.
        noise = _NOISE * (1 + np.abs(growth))
        return np.where(np.isfinite(found) & (found > noise), found, 0.0)

    def _newton(self, log_w: np.ndarray, target: np.ndarray, most: int) -> np.ndarray:
        # Outside the support the root is real: the angle is halved until it is nothing.
        log_w = log_w.copy()
        active = np.arange(log_w.size)
        for _ in range(most):
            here = log_w[active]
            value, slope, *_ = self._chi(here)
            new = self._kept(here - (value - target[active]) / slope, here)
            log_w[active] = new
            active = active[~(np.abs(new - here) <= 1e-15 * (1 + np.abs(new)))]
            if not active.size:
                break
        return log_w

    @staticmethod
    def _kept(new: np.ndarray, old: np.ndarray) -> np.ndarray:
        # A step that would leave the half plane goes half of the way to its border.
        angle = np.where(np.imag(new) <= 0, np.imag(old) / 2, np.imag(new))
        angle = np.where(angle >= math.pi, (np.imag(old) + math.pi) / 2, angle)
        step = np.clip(np.real(new) - np.real(old), -2.0, 2.0)
        return np.clip(np.real(old) + step, -_LARGEST, _LARGEST) + 1j * angle


def intervals(equation: Equation, top: float, reach: float) -> tuple[tuple[float, float], ...]:
    """Return the intervals on which the density lives, from the top down.

    Args:
        equation: of the law.
        top: logarithm of the largest squared singular value.
        reach: how far below to look.

    Returns:
        (low, high) pairs, logarithms; what lies below 1e-11 in the density of log lambda is left out.
    """
    steps = (np.zeros(1), np.geomspace(1e-6, reach, 200), np.linspace(0, reach, 600)[1:-1])
    grid = top - np.unique(np.concatenate(steps))
    seen = equation.solve(grid) > _SEEN
    jumps = np.flatnonzero(seen[1:] != seen[:-1])
    ends = [top] if seen[0] else []
    for place in jumps:
        inside, outside = (place, place + 1) if seen[place] else (place + 1, place)
        ends.append(_end(equation, grid[inside], grid[outside]))
    if seen[-1]:
        ends.append(float(grid[-1]))
    return tuple((low, high) for high, low in zip(ends[::2], ends[1::2], strict=True))


def _end(equation: Equation, inside: float, outside: float) -> float:
    # Where the density vanishes, between a place with one and a place without.
    for _ in range(9):
        grid = np.linspace(inside, outside, 34)
        without = np.flatnonzero(equation.solve(grid) <= _SEEN)
        place = max(int(without[0]), 1) if without.size else 33
        inside, outside = float(grid[place - 1]), float(grid[place])
    return (inside + outside) / 2


def rule(equation: Equation, low: float, high: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places and shares of one interval of the support.

    Args:
        equation: of the law.
        low: its lower end, a logarithm.
        high: its upper end.
        points: how many.

    Returns:
        Ascending logarithms of squared singular values, and the probability that each stands for.
    """
    # Square roots at both ends are smooth in this angle; a long interval is stretched towards its
    # lower end, since the density varies on a scale of 1 near the upper.
    angle = math.pi * (np.arange(points) + 0.5) / points
    place, width = (1 + np.cos(angle)) / 2, high - low
    pull = 1e-3
    for _ in range(40):
        pull = math.asinh(max(width * pull / _SCALE, math.sinh(1e-3)))
    logs = high - width * np.sinh(pull * place) / math.sinh(pull)
    speed = width * pull * np.cosh(pull * place) / math.sinh(pull) * np.sin(angle) / 2
    return logs, equation.solve(logs) * speed * math.pi / points
