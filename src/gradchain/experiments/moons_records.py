"""The words around the numbers of the moons study: key, statement, conditions.

Keys: `moons.<activation>.hidden<depth>.<what>`, with `epochs<n>` before what after longer training, and
`moons.majority.share`. The notes' sentences are `SENTENCES`, each with the measure that decides it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gradchain.experiments import lab_numbers
from gradchain.experiments.lab import Setting
from gradchain.experiments.moons_cells import majority_of
from gradchain.experiments.records import computed, segment
from gradchain.registry.record import How, Number

Arrays = Mapping[str, np.ndarray]
NOTES = (("sigmoid", 10), ("sigmoid", 3), ("relu", 10))
RATE = 1e-3


class Sentence(NamedTuple):
    """A sentence of the notes: where it is said, what decides it for one seed, and how it reads."""

    activation: str
    depth: int
    key: str
    measure: str
    at: float
    label: str
    statement: str


SENTENCES = (
    Sentence(
        "sigmoid", 10, "stuck.share", "stuck", 0.0, "10 sigmoid layers: loss stays at 0.693",
        "After the notes' training, a share {value} of networks with ten sigmoid layers has a loss "
        "within 0.003 of log 2 = 0.693.",
    ),
    Sentence(
        "sigmoid", 7, "stuck.share", "stuck", 0.0, "7 sigmoid layers: loss stays at 0.693",
        "After the notes' training, a share {value} of networks with seven sigmoid layers has a loss "
        "within 0.003 of log 2 = 0.693.",
    ),
    Sentence(
        "sigmoid", 10, "half.share", "accuracy_near_half", 0.05,
        "10 sigmoid layers: accuracy within 0.05 of 1/2",
        "After the notes' training, a share {value} of networks with ten sigmoid layers has an "
        "accuracy within 0.05 of one half.",
    ),
    Sentence(
        "sigmoid", 10, "unmoved.share", "unmoved", 0.0,
        "10 sigmoid layers: no first-layer weight changes by 1 %",
        "In a share {value} of networks with ten sigmoid layers no first-layer weight changes by more "
        "than 1 percent in the notes' training.",
    ),
    Sentence(
        "sigmoid", 10, "smallpercent.share", "percent_below", 0.01,
        "10 sigmoid layers: weights change by less than 0.01 %",
        "In a share {value} of networks with ten sigmoid layers the median first-layer weight changes "
        "by less than 0.01 percent in the notes' training.",
    ),
    Sentence(
        "sigmoid", 10, "smallpseudo.share", "moved_below", RATE * 1e-5,
        '10 sigmoid layers: "gradient" of 1e-5 or less',
        "In a share {value} of networks with ten sigmoid layers (old weight - new weight) / learning "
        "rate, over the notes' training, is below 1e-5 for the median first-layer weight.",
    ),
    Sentence(
        "sigmoid", 3, "reached.share", "loss_below", 0.395, "3 sigmoid layers: loss falls to 0.39",
        "After the notes' training, a share {value} of networks with three sigmoid layers has a loss "
        "that reads 0.39 or lower (at most 0.395).",
    ),
    Sentence(
        "relu", 10, "reached.share", "loss_below", 1.5e-4, "10 ReLU layers: loss falls to 1e-4",
        "After the notes' training, a share {value} of networks with ten ReLU layers has a loss that "
        "reads 1e-4 or lower (at most 1.5e-4).",
    ),
    Sentence(
        "relu", 10, "percent.share", "percent_5_to_26", 0.0,
        "10 ReLU layers: weights change by 5 to 26 %",
        "In a share {value} of networks with ten ReLU layers the median first-layer weight changes by "
        "5 to 26 percent in the notes' training.",
    ),
)  # fmt: skip
"""The sentences of the notes that one seed either satisfies or not."""

_WHAT = {
    "loss.median": ("loss", 0.0, "the median loss of the last epoch is {value}"),
    "accuracy.mean": ("accuracy_mean", 0.0, "the mean accuracy of the last epoch is {value}"),
    "gradient.first.start": (
        "gradient_first_start", 0.0,
        "the median norm of the true gradient of the first kernel is {value} before training",
    ),
    "gradient.last.start": (
        "gradient_last_start", 0.0,
        "the median norm of the true gradient of the last kernel is {value} before training",
    ),
    "gradient.first.end": (
        "gradient_first_end", 0.0,
        "the median norm of the true gradient of the first kernel is {value} after training",
    ),
    "gradient.factor": (
        "gradient_factor_start", 0.0,
        "before training the gradient changes by a factor of {value} a layer on its way back (median)",
    ),
    "percent.median": (
        "percent_change_first", 0.0, "the median first-layer weight changes by {value} percent"
    ),
    "percent.last": (
        "percent_change_last", 0.0, "the median last-layer weight changes by {value} percent"
    ),
    "overone.share": (
        "over_1_first", 0.0, "a share {value} of first-layer weights changes by more than 1 percent"
    ),
    "pseudo.median": (
        "pseudo_first", RATE,
        "(old weight - new weight) / learning rate over the whole training is {value} for the median "
        "first-layer weight, and is no gradient",
    ),
    "epochs.mean": (
        "epochs_to_95_mean", 0.0,
        "networks that reach 95 percent accuracy take {value} epochs in the mean",
    ),
    "reached95.share": (
        "reached_95", 0.0, "a share {value} of networks reaches 95 percent accuracy at some epoch"
    ),
    "stuck.share": (
        "stuck", 0.0, "a share {value} of networks has a loss within 0.003 of log 2 = 0.693 at the end"
    ),
}  # fmt: skip


class Networks:
    """All networks of one cell of the grid; makes their numbers."""

    def __init__(self, arrays: Arrays, setting: Setting, seed: int) -> None:
        """Keep the arrays of a cell."""
        self.arrays, self.setting, self.seed = arrays, setting, seed
        longer = "" if setting.epochs == Setting().epochs else f".epochs{setting.epochs}"
        self.stem = f"moons.{segment(setting.activation)}.hidden{setting.depth}{longer}"

    @property
    def seeds(self) -> int:
        """How many networks."""
        return len(self.arrays["final_loss"])

    def number(self, what: str) -> Number:
        """Make one number.

        Args:
            what: how its key ends, a key of the table of statements.

        Returns:
            The number.
        """
        measure, at, words = _WHAT[what]
        setting = self.setting
        layers = f"{setting.depth} hidden layers of {setting.activation}"
        lead = f"Two moons, {layers}, {setting.epochs} epochs: "
        return self._record(what, measure, at, f"{lead}{words}.")

    def said(self, sentence: Sentence) -> Number:
        """Make the share of seeds for which a sentence of the notes holds.

        Args:
            sentence: one of `SENTENCES`.

        Returns:
            The number.
        """
        return self._record(sentence.key, sentence.measure, sentence.at, sentence.statement)

    def time(self) -> list[Number]:
        """Make the mean number of epochs to 95 percent accuracy, if at least half get there.

        Returns:
            The number, or nothing.
        """
        reached = np.isfinite(self.arrays["epochs_to_95"])
        return [self.number("epochs.mean")] if 2 * np.count_nonzero(reached) >= len(reached) else []

    def _record(self, what: str, measure: str, at: float, statement: str) -> Number:
        setting = self.setting
        return lab_numbers.number(
            f"{self.stem}.{what}",
            self.arrays,
            setting,
            self.seed,
            measure,
            statement,
            at,
            conditions=lab_numbers.conditions(setting, self.seeds) + ".",
            study="moons",
            tags=("moons", "training", setting.activation),
        )


def majority_number(targets: np.ndarray, setting: Setting) -> Number:
    """Make the share of the larger class among the training points.

    Args:
        targets: classes of the training points, 0 and 1.
        setting: a setting that they belong to.

    Returns:
        The number.
    """
    how = How.of(
        "gradchain.experiments.moons_cells.majority",
        points=setting.points,
        noise=setting.noise,
        test_share=setting.test_share,
        task_seed=setting.task_seed,
    )
    return computed(
        "moons.majority.share",
        majority_of(targets),
        how,
        "1e-5",
        "A network that always gives the same answer has an accuracy of {value} on the training points "
        "of the moons.",
        conditions=f"The {np.size(targets)} training points of {setting.points} (noise "
        f"{setting.noise:g}, drawn with the seed {setting.task_seed}).",
        formula_text="max_c n_c/n",
        formula_latex="\\max_c n_c/n",
        study="moons",
        tags=("moons", "training", "accuracy"),
    )
