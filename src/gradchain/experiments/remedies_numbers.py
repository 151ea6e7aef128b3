"""What do the remedies of a vanishing gradient bring, alone and together, with intervals?

A fix and the ReLU are the two factors of a 2 x 2 design: sigmoid or ReLU, without or with the fix. The
four networks of a seed start from the same random draws and see the same batches, so effects are
contrasts within a seed, averaged over seeds. With y the decimal logarithm of what is measured:

    relu          (y_10 + y_11)/2 - (y_00 + y_01)/2
    fix           (y_01 + y_11)/2 - (y_00 + y_10)/2
    interaction   (y_11 - y_10) - (y_01 - y_00)

y_ab: a is 1 for ReLU, b is 1 with the fix. Seeds in which a logarithm is infinite or undefined (a
gradient that is exactly 0, a diverged network) are left out. Estimates; cost: four training runs.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import remedies, statistics, step_cost
from gradchain.experiments.lab import run
from gradchain.experiments.lab_numbers import conditions, kept, number
from gradchain.experiments.measures import MEASURES, Kept
from gradchain.experiments.records import computed, estimated
from gradchain.experiments.setting import Setting
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.remedies_numbers"
EFFECTS = ("relu", "fix", "interaction")
RESPONSES = {"loss": "loss", "start": "gradient_ratio_start", "end": "gradient_ratio_end"}
_Z95 = 1.959963984540054
_SAID = {
    "loss": "the final loss",
    "start": "the ratio of the first layer's gradient to the last one's at the start",
    "end": "the ratio of the first layer's gradient to the last one's after training",
}


class Effect(NamedTuple):
    """An effect in decades: mean over seeds, half a 95 % interval, how many seeds.

    `standardized` is the effect divided by the standard deviation of a network about its cell's mean.
    """

    mean: float
    half: float
    seeds: int
    standardized: float


def student(freedom: int) -> float:
    """Return the 97.5 % point of Student's t, by its expansion about the normal law's.

    Args:
        freedom: degrees of freedom, at least 3.

    Returns:
        The quantile; right to 0.5 % from 5 degrees of freedom on.

    Example:
        >>> round(student(10), 2), round(student(63), 3)
        (2.23, 1.998)
    """
    z, n = _Z95, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def effects(cells: tuple[np.ndarray, ...]) -> dict[str, Effect]:
    """Estimate the effects of a 2 x 2 design from the logarithms of its four cells.

    Args:
        cells: (y_00, y_01, y_10, y_11), each (seeds,), seeds in the same order.

    Returns:
        The effects by name.

    Raises:
        UsageError: if fewer than 4 seeds are finite in all four.
    """
    table = np.stack([np.asarray(cell, np.float64) for cell in cells])
    table = table[:, np.isfinite(table).all(axis=0)]
    count = table.shape[1]
    if count < 4:
        raise UsageError(f"got {count} seeds with finite logarithms, expected at least 4")
    y00, y01, y10, y11 = table
    contrasts = {
        "relu": (y10 + y11 - y00 - y01) / 2,
        "fix": (y01 + y11 - y00 - y10) / 2,
        "interaction": (y11 - y10) - (y01 - y00),
    }
    spread = float(np.sqrt(np.mean(np.var(table, axis=1, ddof=1))))
    found = {}
    for name, values in contrasts.items():
        mean, error = statistics.mean_and_error(values.tolist())
        unit = mean / spread if spread > 0 else float("nan")
        found[name] = Effect(mean, student(count - 1) * error, count, unit)
    return found


def response(arrays: Kept, name: str) -> np.ndarray:
    """Return the decimal logarithm of a response, one a seed.

    Args:
        arrays: what `kept` gave.
        name: a key of `RESPONSES`.

    Returns:
        (seeds,).

    Raises:
        UsageError: for an unknown response.
    """
    if name not in RESPONSES:
        raise UsageError(f"got response {name!r}, expected one of {', '.join(RESPONSES)}")
    return MEASURES[RESPONSES[name]].take(arrays, 0.0)


def as_result(found: Effect) -> Result:
    """Write an effect as value and interval.

    Args:
        found: the effect.

    Returns:
        Decades, with a 95 % interval.
    """
    value, low, high = (
        statistics.plain(end)
        for end in (found.mean, found.mean - found.half, found.mean + found.half)
    )
    method = "mean over seeds of the contrast within a seed; Student's t interval"
    return Result(
        value,
        uncertainty=Uncertainty("interval 95%", low=low, high=high, n=found.seeds, method=method),
    )


@lru_cache(maxsize=12)
def _trained(slug: str, depth: int, epochs: int, slots: int, seeds: int, seed: int) -> Kept:
    setting = Setting(**remedies.get(slug).setting(depth, epochs, slots))
    return kept(run(setting, seeds, seed))


@recomputable(fix=str, which=str, name=str, depth=int, epochs=int, slots=int, seeds=int, seed=int)
def effect(
    fix: str, which: str, name: str, depth: int, epochs: int, slots: int, seeds: int, seed: int
) -> Result:
    """Train the four cells of ReLU x fix and estimate one effect.

    Args:
        fix: a key of `remedies.FIXES`.
        which: one of `EFFECTS`.
        name: a key of `RESPONSES`.
        depth: hidden layers.
        epochs: length of the training.
        slots: room of the compiled program.
        seeds: number of networks a cell.
        seed: seed of the draws.

    Returns:
        Decades with a 95 % interval.

    Raises:
        UsageError: for an unknown fix, effect or response.
    """
    if which not in EFFECTS:
        raise UsageError(f"got effect {which!r}, expected one of {', '.join(EFFECTS)}")
    rows = [_trained(slug, depth, epochs, slots, seeds, seed) for slug in remedies.square(fix)]
    return as_result(effects(tuple(response(row, name) for row in rows))[which])


@recomputable(remedy=str, depth=int)
def relative_cost(remedy: str, depth: int) -> Result:
    """Count the operations of a training step, relative to the baseline of that depth.

    Args:
        remedy: slug of the remedy.
        depth: hidden layers of the baseline.

    Returns:
        The ratio of two exact counts, rounded to six digits.
    """
    own, base = (
        step_cost.operations(Setting(**remedies.get(slug).setting(depth, 10)))
        for slug in (remedy, "baseline")
    )
    method = "both counts are exact; rounded to six digits"
    return Result(
        statistics.plain(own / base),
        uncertainty=Uncertainty("error bound", value="1e-5", method=method),
    )


def cost_number(slug: str, depth: int) -> Number:
    """Make the record of a remedy's cost.

    Args:
        slug: of the remedy.
        depth: hidden layers of the baseline.

    Returns:
        The record, of kind computed.
    """
    own = remedies.get(slug)
    return computed(
        f"remedies.{slug}.depth{own.changes.get('depth', depth)}.cost",
        relative_cost(slug, depth),
        How.of(f"{_HOME}.relative_cost", remedy=slug, depth=depth),
        "0.05",
        f"A training step of networks {own.says} takes {{value}} times the arithmetic of a step of "
        f"the sigmoid network with {depth} hidden layers.",
        formula_text="operations a step / operations a step of the baseline",
        formula_latex="N_{\\rm step} / N_{\\rm step}^{\\rm baseline}",
        conditions=f"Against {depth} hidden layers of 10 sigmoid units, batches of 32, Adam. Floating-"
        "point operations of one step counted in its program: a multiply-add counts 2, every other "
        "function of a number 1, moving data 0; activations as gradchain computes them, forward and "
        "backward pass without recomputation, optimizer included.",
        study="remedies",
        tags=("remedies", "cost"),
    )


_MEASURED = {
    "ratio": (
        "gradient_ratio_start",
        "the gradient at the first layer is {value} times that at the last layer at the start",
    ),
    "ratioend": (
        "gradient_ratio_end",
        "the gradient at the first layer is {value} times that at the last layer after training",
    ),
    "loss": ("loss", "the training loss ends at {value}"),
}


def has_median(arrays: Kept, measure: str) -> bool:
    """Say whether a measure is finite for more than half of the networks, or 0 for them.

    Args:
        arrays: what `kept` gave.
        measure: a measure whose law is the median.

    Returns:
        False where diverged networks are the majority, or the value is 0.
    """
    values = np.sort(np.asarray(MEASURES[measure].take(arrays, 0.0), np.float64))
    return bool(np.isfinite(values[[(len(values) - 1) // 2, len(values) // 2]]).all())


def remedy_numbers(slug: str, arrays: Kept, setting: Setting, seed: int) -> list[Number]:
    """Make the records of one remedy at one depth: gradient ratio at start and end, final loss.

    Args:
        slug: of the remedy.
        arrays: what `kept` gave.
        setting: the setting that was trained.
        seed: seed of the draws.

    Returns:
        The records, of kind estimated; a median that is infinite has none.
    """
    own, found = remedies.get(slug), []
    said = conditions(setting, len(arrays["final_loss"])) + "."
    for what, (measure, words) in _MEASURED.items():
        statement = f"In networks {own.says}, {setting.depth} hidden layers, {words} (median)."
        if not has_median(arrays, measure):
            continue
        record = number(
            f"remedies.{slug}.depth{setting.depth}.{what}",
            arrays,
            setting,
            seed,
            measure,
            statement,
            conditions=said,
            digits=2,
            dtype="float32",
            study="remedies",
            tags=("remedies", own.group),
        )
        found.append(record)
    return found


def effect_number(
    fix: str, which: str, name: str, cells: tuple[Kept, ...], setting: Setting, seed: int
) -> Number:
    """Make the record of one effect of ReLU x fix.

    Args:
        fix: a key of `remedies.FIXES`.
        which: one of `EFFECTS`.
        name: a key of `RESPONSES`.
        cells: what `kept` gave for the four rows of `remedies.square`.
        setting: the setting of one of them, for depth, epochs and slots.
        seed: seed of the draws.

    Returns:
        The record, of kind estimated.
    """
    found = effects(tuple(response(cell, name) for cell in cells))[which]
    words = remedies.FIXES[fix][2]
    told = {
        "relu": f"Replacing sigmoid by ReLU changes {_SAID[name]} by {{value}} decades, averaged over "
        f"networks with and without {words}",
        "fix": f"Giving networks {words} changes {_SAID[name]} by {{value}} decades, averaged over "
        "sigmoid and ReLU networks",
        "interaction": f"The change that {words} bring{'' if words[-1] == 's' else 's'} to "
        f"{_SAID[name]}, in ReLU networks minus in sigmoid networks, is {{value}} decades",
    }[which]
    seeds = len(cells[0]["final_loss"])
    formulas = {
        "relu": "mean of (y_10 + y_11)/2 - (y_00 + y_01)/2",
        "fix": "mean of (y_01 + y_11)/2 - (y_00 + y_10)/2",
        "interaction": "mean of (y_11 - y_10) - (y_01 - y_00)",
    }
    return estimated(
        f"remedies.relu{fix}.depth{setting.depth}.{name}.{which}",
        as_result(found),
        How.of(
            f"{_HOME}.effect",
            fix=fix,
            which=which,
            name=name,
            depth=setting.depth,
            epochs=setting.epochs,
            slots=setting.slots,
            seeds=seeds,
            seed=seed,
        ),
        f"{told} ({setting.depth} hidden layers).",
        formula_text=formulas[which] + ", y = log10",
        formula_latex="\\overline{"
        + formulas[which].removeprefix("mean of ")
        + "},\\ y = \\log_{10}",
        unit="decades",
        conditions=f"2 x 2 design: sigmoid or ReLU, without or with {words}; the four networks of a "
        f"seed share their random draws and batches. {setting.depth} hidden layers of 10 units, two "
        f"moons, Keras' defaults otherwise, {setting.epochs} epochs; {seeds} seeds, of which "
        f"{found.seeds} have finite logarithms in all four; float32.",
        dtype="float32",
        study="remedies",
        tags=("remedies", "factorial"),
    )
