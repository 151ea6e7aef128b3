"""What is said about all networks of a training setting: medians, shares, means, each with its interval.

`kept` reduces an `Outcome` to the arrays that numbers and figures need; a *measure* turns them into one
value a seed; `trained` trains a setting again and takes a measure, so that every number of the training
studies can be recomputed by name. Medians carry the interval between order statistics, shares Wilson's.

Cost of `trained`: one training run of the setting; kept in memory while its numbers follow each other.
"""

import json
from functools import lru_cache
from typing import Any

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.lab import Outcome, run
from gradchain.experiments.measures import BANDS, MEASURES, Kept
from gradchain.experiments.records import estimated
from gradchain.experiments.setting import Setting, setting_of
from gradchain.registry.record import How, Number


def kept(outcome: Outcome) -> dict[str, np.ndarray]:
    """Reduce an outcome to what numbers and figures need.

    Args:
        outcome: what `run` gave.

    Returns:
        Arrays by name: `final_loss`, `final_accuracy` (S,) of the last epoch; `loss_bands`,
        `accuracy_bands` (5, E) quantiles over seeds; `epochs_to_95` (S,), inf if never;
        `percent_median`, `percent_over_1` (S, K) of each kernel's percent change; `moved_median`
        (S, K) median |new - old|, `same_share` (S, K) share of weights without a changed bit; and of
        `Outcome`:
        `epochs`, `log_gradient_norms`, `log_error_norms`, `weight_change`, `update_ratio`,
        `activation_mean`, `activation_variance`, `saturated`, `dead`, `full_loss`, `full_accuracy`,
        `infer_loss`, `infer_accuracy`, `test_loss`, `test_accuracy`, `nan_step`.
    """
    named = outcome._asdict()
    same = (
        "epochs log_gradient_norms log_error_norms weight_change update_ratio activation_mean "
        "activation_variance saturated dead full_loss full_accuracy infer_loss infer_accuracy "
        "test_loss test_accuracy nan_step"
    )
    found = {name: np.asarray(named[name]) for name in same.split()}
    reached = outcome.accuracy >= 0.95
    first = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
    percent = outcome.percent_change
    flat = [np.asarray(p, np.float64).reshape(len(p), -1) for p in percent]
    return found | {
        "final_loss": outcome.loss[:, -1],
        "final_accuracy": outcome.accuracy[:, -1],
        "loss_bands": _bands(outcome.loss),
        "accuracy_bands": _bands(outcome.accuracy),
        "epochs_to_95": first,
        "percent_median": np.stack([_median(p) for p in flat], 1),
        "percent_over_1": np.stack([(p > 1).mean(axis=1) for p in flat], 1),
        **_moved(outcome),
    }


def _median(rows: np.ndarray) -> np.ndarray:
    """Return the median of each row, NaN left out; infinite for a row of a diverged network."""
    lost = np.isnan(rows).all(axis=1, keepdims=True)
    return np.nanmedian(np.where(lost, np.inf, rows), axis=1)


def _moved(outcome: Outcome) -> dict[str, np.ndarray]:
    """Return how far weights moved, and the share of them that did not move at all."""
    pairs = zip(outcome.start, outcome.final, strict=True)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = [np.abs(new.weight - old.weight).reshape(len(old.weight), -1) for old, new in pairs]
    return {
        "moved_median": np.stack([np.median(m, axis=1) for m in moved], 1),
        "same_share": np.stack([(m == 0).mean(axis=1) for m in moved], 1),
    }


def _bands(curves: np.ndarray) -> np.ndarray:
    """Return quantiles over seeds; a diverged network counts as infinitely high."""
    high = np.where(np.isnan(curves), np.inf, curves).astype(np.float64)
    return np.quantile(high, BANDS, axis=0, method="inverted_cdf")


def measured(arrays: Kept, measure: str, at: float = 0.0) -> Result:
    """Take a measure of the networks of one setting.

    Args:
        arrays: what `kept` gave.
        measure: a key of `MEASURES`.
        at: the threshold, for measures that have one.

    Returns:
        A median with its order-statistic interval, a share with Wilson's, or a mean with its standard
        error; diverged networks (NaN) count as infinite in medians.

    Raises:
        UsageError: for an unknown measure, or a median that is infinite or NaN.
    """
    if measure not in MEASURES:
        raise UsageError(f"got measure {measure!r}, expected one of {', '.join(MEASURES)}")
    take, law, _, _ = MEASURES[measure]
    values = np.asarray(take(arrays, at))
    if law == "share":
        return statistics.share(int(np.count_nonzero(values)), len(values))
    if law == "mean":
        return statistics.mean(values.astype(np.float64).tolist(), "seeds")
    finite = np.where(np.isnan(values), np.inf, values)
    found = statistics.median(np.where(np.isposinf(finite), 300.0, finite))
    if np.isposinf(np.sort(finite)[len(finite) // 2]):
        raise UsageError(f"{measure}: more than half of the networks never get there")
    return found


@lru_cache(maxsize=8)
def _again(setting: str, seeds: int, seed: int) -> dict[str, np.ndarray]:
    return kept(run(setting_of(setting), seeds, seed))


@recomputable(setting=str, seeds=int, seed=int, measure=str, at=float)
def trained(setting: str, seeds: int, seed: int, measure: str, at: float) -> Result:
    """Train the networks of a setting and take a measure.

    Args:
        setting: JSON of the fields that differ from `Setting()`.
        seeds: number of networks.
        seed: seed of the draws.
        measure: a key of `MEASURES`.
        at: its threshold; 0 where it has none.

    Returns:
        The estimate with its interval.
    """
    return measured(_again(setting, seeds, seed), measure, at)


def text_of(setting: Setting) -> str:
    """Write a setting as JSON, only what differs from the default.

    Args:
        setting: the setting.

    Returns:
        Canonical JSON text.

    Example:
        >>> text_of(Setting(depth=3))
        '{"depth":3}'
    """
    plain = Setting().as_json()
    fields = {name: value for name, value in setting.as_json().items() if value != plain[name]}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def number(
    key: str,
    arrays: Kept,
    setting: Setting,
    seed: int,
    measure: str,
    statement: str,
    at: Any = 0.0,
    **fields: Any,
) -> Number:
    """Build the record of an estimate over the networks of a setting.

    Args:
        key: its key.
        arrays: what `kept` gave for the setting.
        setting: the setting.
        seed: seed of the draws.
        measure: a key of `MEASURES`.
        statement: a sentence in which `{value}` stands for the value as shown.
        at: the measure's threshold.
        **fields: further fields of `Number`, `conditions` among them.

    Returns:
        The record, of kind estimated.
    """
    result = measured(arrays, measure, at)
    how = How.of(
        "gradchain.experiments.lab_numbers.trained",
        setting=text_of(setting),
        seeds=len(arrays["final_loss"]),
        seed=seed,
        measure=measure,
        at=float(at),
    )
    _, _, text, latex = MEASURES[measure]
    given: dict[str, object] = {"formula_text": text, "formula_latex": latex, **fields}
    return estimated(key, result, how, statement, **given)


def conditions(setting: Setting, seeds: int) -> str:
    """Say in one sentence under which conditions a setting's numbers hold.

    Args:
        setting: the setting.
        seeds: number of networks.

    Returns:
        Plain text.
    """
    values = constants_text(setting)
    extra = [f"{setting.norm} normalization"] if setting.norm != "none" else []
    extra += [f"{setting.skip} connections"] if setting.skip != "none" else []
    extra += [f"gradient clipped by {setting.clip} at {setting.limit:g}"] * (setting.clip != "none")
    extra += [f"weights times {setting.scale:g}"] * (setting.scale != 1)
    extra += [f"bias {setting.bias:g}"] * (setting.bias != 0)
    extra += [f"arms of {setting.turns:g} turns"] * (setting.task == "spirals")
    extra += [f"last bias {setting.last_bias:g}"] * (setting.last_bias != 0)
    layers = f"{setting.depth} hidden layer{'s' if setting.depth > 1 else ''}"
    return ", ".join([
        f"{setting.task}, {setting.points} points, {round(100 * (1 - setting.test_share))} % to "
        f"train on; {layers} of {setting.units} {setting.activation} units",
        f"{setting.initializer}",
        *extra,
        f"{setting.optimizer} ({values}), batches of {setting.batch}, {setting.epochs} epochs; "
        f"{seeds} seeds, float32",
    ])


def constants_text(setting: Setting) -> str:
    """Write the optimizer's constants.

    Args:
        setting: the setting.

    Returns:
        Such as "learning_rate 0.001, epsilon 1e-07".
    """
    from gradchain.training.optimizers import constants

    found = constants(setting.optimizer, dict(setting.values))
    return ", ".join(
        f"{name} {value:g}" for name, value in found.items() if name not in ("b1", "b2")
    )
