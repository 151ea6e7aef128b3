"""The words around the numbers of the exploding gradient study: key, statement, conditions.

Keys: `exploding.<optimizer>.scale<s>.rate<r>.<what>` and `exploding.clip.<kind>.scale<s>.<what>`.
"""

from collections.abc import Mapping

import numpy as np

from gradchain.experiments import exploding, lab_numbers
from gradchain.experiments.grids import tag
from gradchain.experiments.lab_numbers import number
from gradchain.experiments.measures import Kept
from gradchain.experiments.records import estimated
from gradchain.experiments.setting import Setting
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.exploding"
_KINDS = {
    "value": "clipping every entry of the gradient at {:g}",
    "norm": "clipping the norm of every kernel's and bias' gradient at {:g}",
    "global": "clipping the norm of the whole gradient at {:g}",
}
_LOSS = {
    "linear_mse": "squared error",
    "keras_bce": "cross-entropy, probability clipped as in Keras",
}


def _said(setting: Setting, seeds: int) -> dict[str, object]:
    return {
        "conditions": f"{lab_numbers.conditions(setting, seeds)}. Loss: {_LOSS[setting.head]}.",
        "study": "exploding",
        "dtype": "float32",
        "tags": ("relu", "exploding", "training"),
    }


def _networks(setting: Setting) -> str:
    family = {"sgd": "SGD", "keras_adam": "Adam"}[setting.optimizer]
    rate = dict(setting.values)["learning_rate"]
    return (
        f"ReLU networks of {setting.depth} hidden layers with He weights times {setting.scale:g}, "
        f"{family} at the learning rate {rate:g}"
    )


def grid_numbers(arm: str, arrays: Kept, setting: Setting, seed: int) -> list[Number]:
    """Make the share of networks whose loss becomes NaN, and after how many steps it does.

    Args:
        arm: sgd, adam or kerasbce.
        arrays: as from `grids.one`.
        setting: the setting.
        seed: seed of the draws.

    Returns:
        One number, or two where most networks diverge.
    """
    rate = dict(setting.values)["learning_rate"]
    stem = f"exploding.{arm}.scale{tag(setting.scale)}.rate{tag(rate)}"
    said = _said(setting, len(arrays["final_loss"]))
    words = _networks(setting) + (", cross-entropy" if setting.head == "keras_bce" else "")
    made = [
        number(
            f"{stem}.diverged", arrays, setting, seed, "diverged",
            f"{words}: the loss of a share of {{value}} becomes infinite or NaN.", **said,
        )
    ]  # fmt: skip
    if np.mean(arrays["nan_step"] >= 0) > 0.75:
        made.append(
            number(
                f"{stem}.steps", arrays, setting, seed, "steps_to_nan",
                f"{words}: the loss is first infinite or NaN at step {{value}} (median).", **said,
            )
        )  # fmt: skip
    return made


def saved_numbers(
    clip: str, limit: float, below: float, bare: Kept, arrays: Kept, setting: Setting, seed: int
) -> list[Number]:
    """Make the share of lost networks that clipping keeps finite, and that learn with it.

    Args:
        clip: kind of clipping.
        limit: its limit.
        below: a loss that counts as learned.
        bare: arrays without clipping.
        arrays: arrays with it.
        setting: the setting without clipping.
        seed: seed of the draws.

    Returns:
        Two numbers; none if no network is lost.
    """
    if not np.any(bare["nan_step"] >= 0):
        return []
    rate = dict(setting.values)["learning_rate"]
    seeds = len(bare["nan_step"])
    stem = f"exploding.clip.{clip}.scale{tag(setting.scale)}.rate{tag(rate)}"
    said = _said(setting, seeds)
    made = []
    kind = _KINDS[clip].format(limit)
    for name, floor, words, text in (
        ("finite", 0.0, "stays finite", "P(E finite with clipping | E = NaN without)"),
        ("learned", below, f"ends at a loss below {below:g}",
         f"P(E < {below:g} with clipping | E = NaN without)"),
    ):  # fmt: skip
        result = exploding.rescued(
            bare["nan_step"], arrays["nan_step"], arrays["final_loss"], floor
        )
        how = How.of(
            f"{_HOME}.saved",
            setting=lab_numbers.text_of(setting),
            clip=clip,
            limit=float(limit),
            below=float(floor),
            seeds=seeds,
            seed=seed,
        )
        statement = (
            f"{_networks(setting)}: of those whose loss becomes NaN, a share of {{value}} {words} "
            f"with {kind}."
        )
        latex = text.replace("P(", "\\mathrm{P}(").replace("<", "<").replace("|", "\\mid")
        formula = {"formula_text": text, "formula_latex": latex}
        made.append(estimated(f"{stem}.{name}", result, how, statement, **formula, **said))
    return made


def cosine_numbers(
    found: Mapping[str, np.ndarray], limit: float, setting: Setting, seed: int
) -> list[Number]:
    """Make the median cosine between raw and clipped gradient at the start, one a kind.

    Args:
        found: what `exploding.direction` gave.
        limit: the limit.
        setting: the setting.
        seed: seed of the draws.

    Returns:
        Three numbers.
    """
    made = []
    for clip in exploding.CLIPS:
        values = found[f"cosine_{clip}"]
        how = How.of(
            f"{_HOME}.clipped_cosine",
            setting=lab_numbers.text_of(setting),
            clip=clip,
            limit=float(limit),
            seeds=len(values),
            seed=seed,
        )
        said = _said(setting, len(values)) | {"dtype": "float64"}
        made.append(
            estimated(
                f"exploding.clip.{clip}.scale{tag(setting.scale)}.cosine",
                exploding.median_cosine(values),
                how,
                f"At the start of ReLU networks of {setting.depth} hidden layers with He weights times "
                f"{setting.scale:g}, {_KINDS[clip].format(limit)} leaves the cosine {{value}} (median) "
                "to the raw gradient.",
                formula_text="median g.clip(g) / (|g| |clip(g)|)",
                formula_latex="\\operatorname{median}\\ g\\cdot\\mathrm{clip}(g) / "
                "(|g|\\,|\\mathrm{clip}(g)|)",
                **said,
            )
        )
    return made
