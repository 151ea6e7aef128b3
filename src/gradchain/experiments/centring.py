"""Does it matter that a sigmoid's outputs are not centred? Signs, conditioning, speed.

For one unit of a layer with inputs h, a point's gradient by the unit's weights is delta h^T: if all
entries of h are positive, all its entries have the sign of delta. After a sigmoid that is every point
and unit, after a centred activation few of them. The first layer sees the data: there the share is that
of points whose coordinates share a sign, whatever the activation.

With inputs of mean m and variance s^2, independent among n entries, their second moment s^2 I + m^2 11^T
has the condition number 1 + n m^2/s^2 (LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998): it is
that of the Gauss-Newton matrix of a linear unit on these inputs. All of it is exact for the networks at
the start, in float64.
"""

from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.initial import Passes, start_of
from gradchain.experiments.lab import run
from gradchain.experiments.lab_numbers import kept
from gradchain.experiments.setting import Setting, setting_of

WHATS = ("sign_first", "sign_second", "condition", "leading")
# Gradients of a unit that has none at a point have no sign.
_NONE = 0.0


def sign_share(states: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Return the share of (unit, point) whose weights' gradients all have one sign.

    Args:
        states: (S, fan_in, n), what enters the kernel.
        deltas: (S, fan_out, n), derivative by what leaves it; pairs with 0 are left out.

    Returns:
        (S,) shares; NaN if there is no gradient at all.
    """
    same = np.all(states > 0, axis=1) | np.all(states < 0, axis=1)
    live = deltas != _NONE
    with np.errstate(invalid="ignore"):
        return np.sum(live & same[:, None], axis=(1, 2)) / np.sum(live, axis=(1, 2))


def spectrum(states: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the second moment of a layer's inputs, largest first.

    Args:
        states: (S, fan_in, n).

    Returns:
        (S, fan_in), from singular values of the states: small ones keep their digits.
    """
    return np.linalg.svd(states, compute_uv=False) ** 2 / states.shape[2]


def at_start(passes: Passes) -> dict[str, np.ndarray]:
    """Measure signs and conditioning of one pass.

    Args:
        passes: what `initial.passes` gave; at least two hidden layers' kernels.

    Returns:
        (S,) each: `sign_first`, `sign_second` of the first and second kernel; `condition`, largest
        over smallest eigenvalue, and `leading`, largest over second, of the second moment of what
        enters the second kernel; `one_sided`: points whose coordinates share a sign.
    """
    values = spectrum(passes.states[1])
    x = passes.states[0]
    sided = np.all(x > 0, axis=1) | np.all(x < 0, axis=1)
    return {
        "sign_first": sign_share(passes.states[0], passes.deltas[0]),
        "sign_second": sign_share(passes.states[1], passes.deltas[1]),
        "condition": values[:, 0] / values[:, -1],
        "leading": values[:, 0] / values[:, 1],
        "one_sided": sided.mean(axis=1),
    }


def start_result(values: np.ndarray, what: str) -> Result:
    """Turn one measure of `at_start` into an estimate.

    Args:
        values: (S,).
        what: one of `WHATS`.

    Returns:
        The mean of a share, the median of a ratio.
    """
    if what.startswith("sign"):
        return statistics.mean(np.asarray(values, np.float64).tolist(), "seeds")
    return statistics.median(np.log10(values).tolist())


@lru_cache(maxsize=8)
def _started(setting: Setting, seeds: int, seed: int) -> dict[str, np.ndarray]:
    return at_start(start_of(setting, seeds, seed))


@recomputable(setting=str, what=WHATS, seeds=int, seed=int)
def starting(setting: str, what: str, seeds: int, seed: int) -> Result:
    """Measure signs or conditioning of networks before their first step.

    Args:
        setting: JSON of the fields that differ from `Setting()`.
        what: one of `WHATS`.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate.
    """
    return start_result(_started(setting_of(setting), seeds, seed)[what], what)


def slowdown_result(slow: np.ndarray, fast: np.ndarray) -> Result:
    """Compare epochs network by network.

    Args:
        slow: (S,) epochs of one kind; inf if never.
        fast: (S,) of the other, from the same draws.

    Returns:
        The median of slow/fast. A network that only the one kind reaches counts as infinite or 0; one
        that neither reaches counts as 1.

    Raises:
        UsageError: if the median is infinite, or most networks of both kinds never get there.
    """
    neither = np.isinf(slow) & np.isinf(fast)
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.where(neither, 0.0, np.log10(slow) - np.log10(fast))
    if np.isposinf(np.sort(logs)[len(logs) // 2]) or 2 * np.count_nonzero(neither) > len(logs):
        raise UsageError("more than half of the networks of the first kind never get there")
    return statistics.median(np.where(np.isposinf(logs), 300.0, logs).tolist())


@lru_cache(maxsize=8)
def _until(setting: Setting, seeds: int, seed: int) -> np.ndarray:
    return kept(run(setting, seeds, seed))["epochs_to_95"]


@recomputable(slow=str, fast=str, seeds=int, seed=int)
def slowdown(slow: str, fast: str, seeds: int, seed: int) -> Result:
    """Train two settings from the same draws; return how many times as many epochs one needs.

    Args:
        slow: JSON of the one setting.
        fast: JSON of the other.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate, for the first epoch with 95 % of the training points right.
    """
    return slowdown_result(*(_until(setting_of(text), seeds, seed) for text in (slow, fast)))
