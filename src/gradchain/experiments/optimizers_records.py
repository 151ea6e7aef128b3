"""The words around the numbers of the optimizers study: key, statement, conditions.

Keys: `optimizers.<optimizer>.hidden<depth>.<what>`; the optimizer is two segments for Adam, `adam.eps<k>`
with epsilon 10^-k.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gradchain.experiments import lab_numbers
from gradchain.experiments.lab import Setting
from gradchain.registry.record import Number
from gradchain.training.optimizers import constants


class Way(NamedTuple):
    """One optimizer with its constants: how keys and figures call it."""

    stem: str
    label: str
    family: str
    values: tuple[tuple[str, float], ...]

    @property
    def rate(self) -> float:
        """The learning rate."""
        return constants(self.family, dict(self.values))["learning_rate"]


WAYS: dict[str, Way] = {
    "sgd": Way("sgd", "SGD, rate 0.01", "sgd", ()),
    "sgd_large": Way("sgdlarge", "SGD, rate 1", "sgd", (("learning_rate", 1.0),)),
    "momentum": Way("momentum", "momentum 0.9, rate 0.01", "sgd", (("momentum", 0.9),)),
    "adam_eps8": Way("adam.eps8", "Adam, epsilon 1e-8", "keras_adam", (("epsilon", 1e-8),)),
    "adam_eps7": Way("adam.eps7", "Adam, epsilon 1e-7", "keras_adam", ()),
    "adam_eps3": Way("adam.eps3", "Adam, epsilon 1e-3", "keras_adam", (("epsilon", 1e-3),)),
    "rmsprop": Way("rmsprop", "RMSprop", "rmsprop", ()),
    "adagrad": Way("adagrad", "Adagrad", "adagrad", ()),
}
"""Name of a cell -> optimizer. Adam is Keras' form: epsilon beside the uncorrected sqrt(v)."""

_WHAT = {
    "loss.median": ("loss", "the median loss of the last epoch is {value}"),
    "stuck.share": (
        "stuck", "a share {value} of networks has a loss within 0.003 of log 2 = 0.693 at the end"
    ),
    "percent.median": (
        "percent_change_first", "the median first-layer weight changes by {value} percent"
    ),
    "pseudo.median": (
        "pseudo_first",
        "(old weight - new weight) / learning rate over the whole training is {value} for the median "
        "first-layer weight",
    ),
    "same.share": (
        "same_first",
        "a share {value} of first-layer weights is the same to the last bit after the training",
    ),
    "gradient.start": (
        "gradient_first_start",
        "the median norm of the true gradient of the first kernel is {value} before training",
    ),
    "gradient.end": (
        "gradient_first_end",
        "the median norm of the true gradient of the first kernel is {value} after training",
    ),
}  # fmt: skip


def number(
    arrays: Mapping[str, np.ndarray], name: str, setting: Setting, seed: int, what: str
) -> Number:
    """Make one number of one optimizer.

    Args:
        arrays: what the study keeps of the cell.
        name: a key of `WAYS`.
        setting: what was trained.
        seed: seed of the draws.
        what: how the key ends.

    Returns:
        The number.
    """
    measure, words = _WHAT[what]
    way, seeds = WAYS[name], len(arrays["final_loss"])
    return lab_numbers.number(
        f"optimizers.{way.stem}.hidden{setting.depth}.{what}",
        arrays,
        setting,
        seed,
        measure,
        f"{way.label[0].upper()}{way.label[1:]}, {setting.depth} hidden layers of "
        f"{setting.activation} on two moons, {setting.epochs} epochs: {words}.",
        way.rate if measure == "pseudo_first" else 0.0,
        conditions=lab_numbers.conditions(setting, seeds) + ".",
        study="optimizers",
        tags=("optimizers", "training", setting.activation, name),
    )
