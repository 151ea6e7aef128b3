"""What do batch and layer norm change besides the gradient?

    rates    learning rates at which a network still trains (right/n >= 0.95 in the last epoch)
    scales   the final loss when all hidden kernels are multiplied by 0.1 to 10
    gap      test loss minus training loss after training, both in inference mode
    modes    loss with batch norm's running averages against loss with the batch's own statistics

Networks of one number start from the same random draws at every rate, scale and kind of norm: spreads
over a grid are taken within a network. Estimates; cost: one training run a point of a grid.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.lab import run
from gradchain.experiments.setting import Setting, setting_of

TRAINED = 0.95
# A diverged network counts as one that is wrong with certainty: Keras clips probabilities at 1e-7.
WORST = float(np.float32(-math.log(1e-7)))
_Z95 = 1.959963984540054


def sweep(setting: Setting, field: str, values: Sequence[float], seeds: int, seed: int) -> dict:
    """Train the same networks at every value of a field.

    Args:
        setting: what is trained.
        field: "rate" (the learning rate), "scale" or "data" (seed of the points).
        values: the grid.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        Arrays (values, seeds): `loss` and `accuracy` of the last epoch (a diverged loss is `WORST`),
        `gap_loss` and `gap_accuracy` of test against training points after training, in inference
        mode.

    Raises:
        UsageError: for another field.
    """
    if field not in ("rate", "scale", "data"):
        raise UsageError(f"got field {field!r}, expected rate, scale or data")
    rows: dict[str, list] = {"loss": [], "accuracy": [], "gap_loss": [], "gap_accuracy": []}
    for value in values:
        if field == "rate":
            others = tuple(pair for pair in setting.values if pair[0] != "learning_rate")
            own = replace(setting, values=(*others, ("learning_rate", float(value))))
        elif field == "scale":
            own = replace(setting, scale=float(value))
        else:
            # Other seeds of the networks bring other data, so that fresh seeds check both.
            own = replace(setting, task_seed=int(value) + 1000 * (seed % 1_000_000))
        # Only the ends are looked at.
        outcome = run(own, seeds, seed, every=own.epochs)
        loss = outcome.loss[:, -1].astype(np.float64)
        rows["loss"].append(np.where(np.isfinite(loss), loss, WORST))
        rows["accuracy"].append(np.where(np.isfinite(loss), outcome.accuracy[:, -1], 0.0))
        rows["gap_loss"].append(outcome.test_loss - outcome.infer_loss[:, -1])
        rows["gap_accuracy"].append(outcome.infer_accuracy[:, -1] - outcome.test_accuracy)
    return {name: np.stack(found).astype(np.float64) for name, found in rows.items()}


def decades_trained(accuracy: np.ndarray, a_decade: int) -> np.ndarray:
    """Return over how many decades of the learning rate each network trains.

    Args:
        accuracy: (rates, seeds).
        a_decade: steps a decade.

    Returns:
        (seeds,), in decades: rates that train, divided by the steps a decade.
    """
    return (accuracy >= TRAINED).sum(axis=0) / a_decade


def highest_trained(accuracy: np.ndarray, grid: Sequence[float]) -> np.ndarray:
    """Return the decimal logarithm of the highest rate at which each network trains.

    Args:
        accuracy: (rates, seeds).
        grid: the rates.

    Returns:
        (seeds,); -inf where none trains.
    """
    logs = np.log10(np.asarray(grid))[:, None]
    return np.where(accuracy >= TRAINED, logs, -np.inf).max(axis=0)


def spread(loss: np.ndarray) -> np.ndarray:
    """Return by which factor, as a decimal logarithm, the loss varies over a grid.

    Args:
        loss: (values, seeds).

    Returns:
        (seeds,): log10 of the largest over the smallest.
    """
    return np.log10(loss.max(axis=0) / loss.min(axis=0))


def geometric(logs: np.ndarray, step: float | int = 0.0) -> Result:
    """Estimate a geometric mean from decimal logarithms; infinite ones are left out.

    Args:
        logs: (seeds,).
        step: distance of the values of the grid that they lie on; each is known to a step only.

    Returns:
        The geometric mean with a 95 % interval.

    Raises:
        UsageError: if fewer than two are finite.
    """
    found = logs[np.isfinite(logs)]
    middle, error = statistics.mean_and_error(found.tolist())
    # A grid that is the same for all hides how far the networks differ: a uniform law within a step.
    error = math.hypot(error, step / math.sqrt(12 * len(found)))
    value, low, high = (
        statistics.decimal_text(end)
        for end in (middle, middle - _Z95 * error, middle + _Z95 * error)
    )
    method = "geometric mean over seeds; 1.96 standard errors of the logarithm, grid included"
    return Result(
        value,
        uncertainty=Uncertainty("interval 95%", low=low, high=high, n=len(found), method=method),
    )


def taken(arrays: dict, grid: Sequence[float], a_decade: int, what: str) -> Result:
    """Take one number from a sweep.

    Args:
        arrays: what `sweep` gave.
        grid: the values.
        a_decade: steps a decade, for rates.
        what: "decades", "highest", "spread", "gap_loss" or "gap_accuracy".

    Returns:
        The estimate.

    Raises:
        UsageError: for another name.
    """
    if what == "decades":
        return statistics.mean(decades_trained(arrays["accuracy"], a_decade).tolist(), "seeds")
    if what == "highest":
        return geometric(highest_trained(arrays["accuracy"], grid), 1 / a_decade)
    if what == "spread":
        return statistics.median(spread(arrays["loss"]).tolist())
    if what in ("gap_loss", "gap_accuracy"):
        # Networks of one data set are not independent: its mean is one draw.
        return statistics.mean(np.nanmean(arrays[what], axis=1).tolist(), "data sets")
    raise UsageError(f"got {what!r}, expected decades, highest, spread, gap_loss or gap_accuracy")


@lru_cache(maxsize=6)
def _again(setting: str, field: str, grid: tuple[float, ...], seeds: int, seed: int) -> dict:
    return sweep(setting_of(setting), field, grid, seeds, seed)


@recomputable(
    setting=str, field=str, grid=list, a_decade=int, seeds=int, seed=int, what=str
)  # fmt: skip
def swept(
    setting: str, field: str, grid: list, a_decade: int, seeds: int, seed: int, what: str
) -> Result:
    """Train the networks of a setting at every value of a grid and take one number.

    Args:
        setting: JSON of the fields that differ from `Setting()`.
        field: "rate", "scale" or "data".
        grid: the values.
        a_decade: steps a decade, for rates.
        seeds: number of networks.
        seed: seed of the draws.
        what: see `taken`.

    Returns:
        The estimate.
    """
    values = tuple(float(value) for value in grid)
    return taken(_again(setting, field, values, seeds, seed), values, a_decade, what)
