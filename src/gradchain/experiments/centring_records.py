"""The words around the numbers of the centring study: key, statement, conditions.

Keys: `centring.start.scale<s>.<activation>.<what>` and `centring.<optimizer>.scale<s>.<what>`.
"""

from collections.abc import Mapping

import numpy as np

from gradchain.experiments import centring, lab_numbers
from gradchain.experiments.grids import tag
from gradchain.experiments.lab_numbers import number
from gradchain.experiments.measures import Kept
from gradchain.experiments.records import estimated, segment
from gradchain.experiments.setting import Setting
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.centring"
_NAMES = {"sigmoid": "sigmoid", "shifted_sigmoid": "sigmoid - 1/2", "tanh": "tanh"}
# Share of networks that may never get there.
_NEVER = 0.25
_START = {
    "sign_first": (
        "in the first hidden layer a share of {value} of the pairs (unit, point) has gradients of one "
        "sign for all weights of the unit",
        "mean P(all dE/dw_1i have one sign)",
        "\\overline{\\mathrm{P}}(\\mathrm{sign}\\,\\partial E/\\partial w_{1i}\\ \\mathrm{equal})",
    ),
    "sign_second": (
        "in the second layer a share of {value} of the pairs (unit, point) has gradients of one sign "
        "for all weights of the unit",
        "mean P(all dE/dw_2i have one sign)",
        "\\overline{\\mathrm{P}}(\\mathrm{sign}\\,\\partial E/\\partial w_{2i}\\ \\mathrm{equal})",
    ),
    "condition": (
        "the second moment of the inputs of the second layer has the condition number {value} (median)",
        "median lambda_max(E h h^T) / lambda_min(E h h^T)",
        "\\operatorname{median}\\ \\lambda_{\\max}/\\lambda_{\\min}(\\mathrm{E}hh^T)",
    ),
    "leading": (
        "the largest eigenvalue of the second moment of the inputs of the second layer is {value} "
        "times the next one (median)",
        "median lambda_1(E h h^T) / lambda_2(E h h^T)",
        "\\operatorname{median}\\ \\lambda_1/\\lambda_2(\\mathrm{E}hh^T)",
    ),
}


def _networks(setting: Setting) -> str:
    return (
        f"networks of {setting.depth} hidden layers of {setting.units} {_NAMES[setting.activation]} "
        f"units, Glorot weights times {setting.scale:g}"
    )


def _said(settings: list[Setting], seeds: int, extra: str = "") -> dict[str, object]:
    texts = dict.fromkeys(lab_numbers.conditions(setting, seeds) for setting in settings)
    return {
        "conditions": (" Against: ".join(texts) + f". {extra}").strip(),
        "study": "centring",
        "dtype": "float32",
        "tags": (settings[0].activation, "centring", "training"),
    }


def start_numbers(
    found: Mapping[str, np.ndarray], setting: Setting, scale: float, seed: int
) -> list[Number]:
    """Make signs and conditioning before training.

    Args:
        found: what `centring.at_start` gave.
        setting: the setting.
        scale: the sigmoid's weight scale that it belongs to.
        seed: seed of the draws.

    Returns:
        Four numbers.
    """
    made = []
    for what, (words, text, latex) in _START.items():
        seeds = len(found[what])
        how = How.of(
            f"{_HOME}.starting",
            setting=lab_numbers.text_of(setting),
            what=what,
            seeds=seeds,
            seed=seed,
        )
        name = f"{segment(setting.activation)}.{segment(what)}"
        made.append(
            estimated(
                f"centring.start.scale{tag(scale)}.{name}",
                centring.start_result(found[what], what),
                how,
                f"Before training of {_networks(setting)}, {words}.",
                formula_text=text,
                formula_latex=latex,
                **_said([setting], seeds) | {"dtype": "float64"},
            )
        )
    return made


def reached_number(stem: str, arrays: Kept, setting: Setting, seed: int) -> Number:
    """Make the share of networks that get 95 % of the training points right.

    Args:
        stem: first segments of the key.
        arrays: as from `grids.one`.
        setting: the setting.
        seed: seed of the draws.

    Returns:
        The number.
    """
    words = (
        f"a share of {{value}} of {_networks(setting)} classifies 95 % of its training points right"
    )
    return _trained(
        stem, "reached", "reached_95", f"Within {{span}} {words}.", arrays, setting, seed
    )


def loss_number(stem: str, arrays: Kept, setting: Setting, seed: int) -> Number:
    """Make the median loss after training.

    Args:
        stem: first segments of the key.
        arrays: as from `grids.one`.
        setting: the setting.
        seed: seed of the draws.

    Returns:
        The number.
    """
    words = f"the loss of {_networks(setting)} is {{value}} (median)"
    return _trained(stem, "loss", "loss", f"After {{span}} {words}.", arrays, setting, seed)


def _trained(
    stem: str, ending: str, measure: str, says: str, arrays: Kept, setting: Setting, seed: int
) -> Number:
    """Make a number of trained networks; "{span}" in its sentence is how long and at which rate."""
    rate = dict(setting.values)["learning_rate"]
    span = f"{setting.epochs} epochs at the learning rate {rate:g}"
    return number(
        f"{stem}.{segment(setting.activation)}.{ending}",
        arrays,
        setting,
        seed,
        measure,
        says.replace("{span}", span),
        **_said([setting], len(arrays["final_loss"])),
    )


def slowdown_number(
    key: str, slow: tuple[Kept, Setting], fast: tuple[Kept, Setting], seed: int
) -> list[Number]:
    """Make how many times as many epochs one kind of network needs as another.

    Args:
        key: its key.
        slow: arrays and setting of the one.
        fast: of the other.
        seed: seed of the draws.

    Returns:
        The number; none where too few networks get there.
    """
    never = np.isinf(slow[0]["epochs_to_95"])
    # With more of them the interval would have no upper end.
    if np.mean(never) > _NEVER:
        return []
    result = centring.slowdown_result(slow[0]["epochs_to_95"], fast[0]["epochs_to_95"])
    texts = [lab_numbers.text_of(setting) for _, setting in (slow, fast)]
    seeds = len(slow[0]["epochs_to_95"])
    how = How.of(f"{_HOME}.slowdown", slow=texts[0], fast=texts[1], seeds=seeds, seed=seed)
    extra = (
        "Learning rates: of those tried the one with the lowest median final loss, for each kind."
    )
    return [
        estimated(
            key,
            result,
            how,
            f"{_networks(slow[1])[0].upper()}{_networks(slow[1])[1:]}, need {{value}} times as many "
            f"epochs to 95 % accuracy as {_networks(fast[1])} (median over pairs of equal draws).",
            formula_text="median e_95 / e_95'",
            formula_latex="\\operatorname{median}\\ e_{95}/e_{95}'",
            **_said([slow[1], fast[1]], seeds, extra),
        )
    ]
