"""The words around the numbers of normalization in training: key, statement, conditions.

Keys: `normalization.<kind>.<what>` with kind none, batch or layer, and `normalization.<place>.epoch<n>.
<what>` for the two modes of batch norm, place before or after the activation.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from gradchain.experiments.lab_numbers import conditions, number, text_of
from gradchain.experiments.measures import Kept
from gradchain.experiments.normalization import TRAINED, taken
from gradchain.experiments.records import estimated
from gradchain.experiments.setting import Setting
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.normalization"
WORDS = {"none": "without normalization", "batch": "with batch norm", "layer": "with layer norm"}
_SAID = {
    "decades": "Networks {words} train over {{value}} decades of the learning rate of {optimizer} "
    "(mean).",
    "highest": "The highest learning rate of {optimizer} at which networks {words} train is {{value}} "
    "(geometric mean).",
    "spread": "Weights at the start scaled from {low:g} to {high:g} times change the final loss of "
    "networks {words} by a factor of {{value}} (median).",
    "gap_loss": "After training the test loss of networks {words} exceeds the training loss by "
    "{{value}} (mean over data sets).",
    "gap_accuracy": "After training the test accuracy of networks {words} lies {{value}} below the "
    "training accuracy (mean over data sets).",
}
_FORMULAS = {
    "decades": (
        "mean of #{rates with right/n >= 0.95} / steps a decade",
        "\\overline{\\#\\{\\eta : \\mathrm{right}/n \\ge 0.95\\}} / m",
    ),
    "highest": (
        "geometric mean of max{rate : right/n >= 0.95}",
        "\\operatorname{gmean} \\max\\{\\eta : \\mathrm{right}/n \\ge 0.95\\}",
    ),
    "spread": (
        "median max_s E(s) / min_s E(s)",
        "\\operatorname{median} \\max_s E(s) / \\min_s E(s)",
    ),
    "gap_loss": ("mean of E_test - E", "\\overline{E_{\\rm test} - E}"),
    "gap_accuracy": (
        "mean of right/n - right_test/n_test",
        "\\overline{\\mathrm{right}/n - \\mathrm{right}_{\\rm test}/n_{\\rm test}}",
    ),
}


def sweep_number(
    key: str,
    arrays: dict,
    setting: Setting,
    kind: str,
    field: str,
    grid: Sequence[float],
    a_decade: int,
    seed: int,
    what: str,
) -> Number:
    """Make the record of one number of a sweep.

    Args:
        key: its key.
        arrays: what `sweep` gave.
        setting: what was trained.
        kind: a key of `WORDS`.
        field: as in `sweep`.
        grid: the values.
        a_decade: steps a decade.
        seed: seed of the draws.
        what: see `taken`.

    Returns:
        The record, of kind estimated.
    """
    seeds = arrays["loss"].shape[1]
    optimizer = {"sgd": "SGD", "keras_adam": "Adam"}.get(setting.optimizer, setting.optimizer)
    statement = _SAID[what].format(
        words=WORDS[kind], optimizer=optimizer, low=min(grid), high=max(grid)
    )
    extra = {
        "rate": f" Learning rates {grid[0]:g} to {grid[-1]:g}, {a_decade} a decade. A network trains if "
        f"it has 95 % of the points right in the last of {setting.epochs} epochs.",
        "scale": " Kernels of all hidden layers multiplied by "
        f"{', '.join(f'{value:g}' for value in grid)}; within a network; a diverged loss counts as the "
        "largest that the clipped probability allows.",
        "data": f" {len(grid)} data sets, {seeds} networks on each; weights at rest, batch norm in "
        "inference mode; every data set's mean is one draw.",
    }[field]
    text, latex = _FORMULAS[what]
    return estimated(
        key,
        taken(arrays, grid, a_decade, what),
        How.of(
            f"{_HOME}.swept",
            setting=text_of(setting),
            field=field,
            grid=[float(value) for value in grid],
            a_decade=a_decade,
            seeds=seeds,
            seed=seed,
            what=what,
        ),
        statement,
        conditions=conditions(setting, seeds) + "." + extra,
        formula_text=text,
        formula_latex=latex,
        dtype="float32",
        study="normalization_in_training",
        tags=("normalization", field),
    )


_MODES = {
    "trainmode": ("batch_mode_loss", "with the statistics of the batch is {value}"),
    "inference": ("inference_loss", "with the running averages is {value}"),
    "excess": (
        "inference_excess",
        "with the running averages is {value} times that with the statistics of the batch",
    ),
}


def mode_numbers(place: str, arrays: Kept, setting: Setting, seed: int, epoch: int) -> list[Number]:
    """Make the records of batch norm's two modes after an epoch.

    Args:
        place: "before" or "after" (the activation).
        arrays: what `kept` gave.
        setting: what was trained.
        seed: seed of the draws.
        epoch: which.

    Returns:
        The loss in training mode, in inference mode, and their ratio.
    """
    said = conditions(setting, len(arrays["final_loss"]))
    return [
        number(
            f"normalization.{place}.epoch{epoch}.{what}",
            arrays,
            setting,
            seed,
            measure,
            f"After {epoch} epochs the loss of networks with batch norm {place} the activation "
            f"{words} (median).",
            at=float(epoch),
            conditions=f"{said}. On all training points, weights at rest; running averages with Keras' "
            "momentum 0.99.",
            dtype="float32",
            study="normalization_in_training",
            tags=("normalization", "inference"),
        )
        for what, (measure, words) in _MODES.items()
    ]


def grid_rows(cells: Iterable[tuple[str, Sequence[float], Kept]]) -> list[tuple]:
    """Return every point of every grid, for the data table.

    Args:
        cells: name, grid and arrays of each sweep.

    Returns:
        (name, value, median loss, share that trains, mean gap of loss, mean gap of accuracy).
    """
    return [
        (
            name,
            float(value),
            float(np.median(arrays["loss"][place])),
            float(np.mean(arrays["accuracy"][place] >= TRAINED)),
            *(float(np.mean(arrays[gap][place])) for gap in ("gap_loss", "gap_accuracy")),
        )
        for name, grid, arrays in cells
        for place, value in enumerate(grid)
    ]


def epoch_rows(name: str, arrays: Kept) -> list[tuple]:
    """Return both modes of batch norm at every look, for the data table.

    Args:
        name: of the cell.
        arrays: what `kept` gave.

    Returns:
        (name, epoch, median loss and loss in inference mode, median accuracy likewise).
    """
    names = ("full_loss", "infer_loss", "full_accuracy", "infer_accuracy")
    return [
        (name, int(epoch), *(float(np.median(arrays[n][:, place])) for n in names))
        for place, epoch in enumerate(arrays["epochs"])
    ]
