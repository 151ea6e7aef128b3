"""The words around the numbers of the depth or width study: key, statement, conditions.

Keys: `depthorwidth.<activation>.<task>.depth<d>.<what>`.
"""

from gradchain.experiments import lab_numbers
from gradchain.experiments.lab_numbers import number
from gradchain.experiments.measures import Kept
from gradchain.experiments.setting import Setting
from gradchain.experiments.shapes import parameters
from gradchain.registry.record import Number

_WORDS = {
    "loss": ("loss", "end at the loss {value} (median)"),
    "accuracy": ("accuracy", "classify a share of {value} of the training points right (median)"),
    "testaccuracy": ("test_accuracy", "classify a share of {value} of new points right (median)"),
    "gradientstart": (
        "gradient_first_start",
        "start with a gradient of norm {value} at the first kernel (median)",
    ),
    "gradientend": (
        "gradient_first_end",
        "end with a gradient of norm {value} at the first kernel (median)",
    ),
    "ratiostart": (
        "gradient_ratio_start",
        "start with {value} of the last kernel's gradient at the first one (median)",
    ),
    "stuck": ("stuck", "end within 0.003 of the loss log 2 with the probability {value}"),
}


def numbers(
    stem: str, arrays: Kept, setting: Setting, seed: int, whats: tuple[str, ...]
) -> list[Number]:
    """Make what is said of networks of one shape on one task.

    Args:
        stem: first segments of the keys.
        arrays: as from `lab_numbers.kept`.
        setting: the setting.
        seed: seed of the draws.
        whats: some of loss, accuracy, testaccuracy, gradientstart, gradientend, ratiostart, stuck.

    Returns:
        The numbers.
    """
    seeds = len(arrays["final_loss"])
    count = parameters(setting.depth, setting.units)
    layers = f"{setting.depth} hidden layer" + "s" * (setting.depth > 1)
    nets = (
        f"{setting.activation.replace('_', ' ')} networks of {layers} of {setting.units} units "
        f"({count} parameters) on {setting.task}"
    )
    made = []
    for what in whats:
        measure, words = _WORDS[what]
        made.append(
            number(
                f"{stem}.{what}",
                arrays,
                setting,
                seed,
                measure,
                f"{nets[0].upper()}{nets[1:]} {words}.",
                conditions=lab_numbers.conditions(setting, seeds) + ".",
                study="depth_or_width",
                dtype="float32",
                tags=(setting.activation, "depth", "training"),
            )
        )
    return made
