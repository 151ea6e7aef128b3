"""The words around the numbers of the dying ReLU study: key, statement, conditions.

Keys: `<activation>.dying.<what>`. A unit is dead if its slope is 0 at every training point.
"""

from gradchain._result import Result
from gradchain.experiments import dead_units, lab_numbers
from gradchain.experiments.grids import tag
from gradchain.experiments.lab_numbers import number
from gradchain.experiments.measures import Kept
from gradchain.experiments.records import segment
from gradchain.experiments.setting import Setting
from gradchain.registry.record import Check, How, Number

_DEAD = "A unit is dead if its slope is 0 (in float32) at every training point."
# Share of the training points; a straight line through two moons gets 87 %.
LEARNED = 0.8
_SYMMETRIC = (
    "Hidden kernels independent, each unchanged in law when signs of its rows are flipped; biases "
    "0; the input is not 0; slope 0 at 0."
)


def _said(setting: Setting, arrays: Kept, seed: int) -> dict[str, object]:
    conditions = lab_numbers.conditions(setting, len(arrays["final_loss"]))
    return {
        "conditions": f"{conditions}. {_DEAD}",
        "study": "dying_relu",
        "dtype": "float32",
        "tags": (setting.activation, "dying", "training"),
    }


def _stem(setting: Setting) -> str:
    return f"{segment(setting.activation)}.dying"


def _nets(setting: Setting) -> str:
    layers = "hidden layer" + "s" * (setting.depth > 1)
    return f"{setting.activation.replace('_', ' ')} networks of {setting.depth} {layers}"


def rate_numbers(arrays: Kept, setting: Setting, rate: float, seed: int) -> list[Number]:
    """Make the share of dead units, and of networks that learn, at a learning rate.

    Args:
        arrays: as from `lab_numbers.kept`.
        setting: the setting.
        rate: its learning rate.
        seed: seed of the draws.

    Returns:
        Two numbers.
    """
    family = {"sgd": "sgd", "keras_adam": "adam"}[setting.optimizer]
    stem = f"{_stem(setting)}.{family}.rate{tag(rate)}"
    said = _said(setting, arrays, seed)
    return [
        number(
            f"{stem}.dead", arrays, setting, seed, "dead_end",
            f"After training by {family} at the learning rate {rate:g} a share of {{value}} of the "
            f"units in {_nets(setting)} is dead.",
            **said,
        ),
        number(
            f"{stem}.learned", arrays, setting, seed, "accuracy_from",
            f"By {family} at the learning rate {rate:g} a share of {{value}} of {_nets(setting)} "
            f"learns to classify {100 * LEARNED:g} % of the training points right.",
            at=LEARNED, **said,
        ),
    ]  # fmt: skip


def state_numbers(arrays: Kept, setting: Setting, seed: int, key: str, words: str) -> list[Number]:
    """Make the share of dead units before and after training.

    Args:
        arrays: as from `lab_numbers.kept`.
        setting: the setting.
        seed: seed of the draws.
        key: what stands behind `<activation>.dying.`.
        words: what the networks have in common, after "networks".

    Returns:
        Two numbers.
    """
    said = _said(setting, arrays, seed)
    nets = f"{_nets(setting)} {words}".rstrip()
    made = []
    for when, measure, text in (
        ("start", "dead_start", "Before training"),
        ("end", "dead_end", "After training"),
    ):
        made.append(
            number(
                f"{_stem(setting)}.{key}.{when}", arrays, setting, seed, measure,
                f"{text} a share of {{value}} of the units in {nets} is dead.",
                **said,
            )
        )  # fmt: skip
    return made


def start_numbers(arrays: Kept, setting: Setting, seed: int) -> list[Number]:
    """Make the shares of switched off pairs before training, measured and predicted.

    Args:
        arrays: as from `lab_numbers.kept`, of the deepest networks.
        setting: the setting.
        seed: seed of the draws.

    Returns:
        Measured share in the first and the last hidden layer, dead share in the last one; the exact
        predictions of the first two, and of silent points.
    """
    said = _said(setting, arrays, seed)
    stem, depth, width = f"{_stem(setting)}.start", setting.depth, setting.units
    words = f"of the pairs (unit, training point) in hidden layer {{}} of {_nets(setting)} are off."
    made = [
        number(
            f"{stem}.first.off", arrays, setting, seed, "inactive_first_start",
            "Before training a share of {value} " + words.format(1), **said,
        ),
        number(
            f"{stem}.layer{depth}.off", arrays, setting, seed, "inactive_last_start",
            "Before training a share of {value} " + words.format(depth), **said,
        ),
        number(
            f"{stem}.layer{depth}.dead", arrays, setting, seed, "dead_last_start",
            f"Before training a share of {{value}} of the units in hidden layer {depth} of "
            f"{_nets(setting)} is dead.", **said,
        ),
    ]  # fmt: skip
    for name, layer in (("first", 1), (f"layer{depth}", depth)):
        made.append(predicted(f"{stem}.{name}.predicted", width, layer))
    return [*made, silent(f"{stem}.silent.depth{depth}", width, depth)]


def predicted(key: str, width: int, layer: int) -> Number:
    """Make the exact probability that a unit is off at one point before training.

    Args:
        key: its key.
        width: units a layer.
        layer: hidden layer, from 1.

    Returns:
        The record, of kind exact.
    """
    share = f"{float(dead_units.off_share(width, layer)):.4g}"
    return _exact(
        key,
        f"A ReLU unit of hidden layer {layer} is off at a given point with the probability {share} "
        f"before training, in layers of {width} units.",
        dead_units.inactive_units(width, layer),
        How.of("gradchain.experiments.dead_units.inactive_units", width=width, layer=layer),
        ("1 - (1 - 2^-n)^(l-1)/2", "1 - \\tfrac{1}{2}(1 - 2^{-n})^{l-1}"),
        4,
    )


def silent(key: str, width: int, depth: int) -> Number:
    """Make the exact probability that a point reaches no output unit.

    Args:
        key: its key.
        width: units a layer.
        depth: hidden layers.

    Returns:
        The record, of kind exact.
    """
    share = f"{float(dead_units.silent_share(width, depth)):.3g}"
    return _exact(
        key,
        f"A given point finds some layer of a ReLU network with {depth} hidden layers of {width} units "
        f"wholly off, before training, with the probability {share}.",
        dead_units.silent_points(width, depth),
        How.of("gradchain.experiments.dead_units.silent_points", width=width, depth=depth),
        ("1 - (1 - 2^-n)^L", "1 - (1 - 2^{-n})^L"),
        3,
    )


def _exact(
    key: str, statement: str, found: Result, how: How, formulas: tuple[str, str], digits: int
) -> Number:
    """Make the record of an exact probability; formulas as ASCII and as LaTeX."""
    return Number(
        key=key,
        kind="exact",
        statement=statement,
        conditions=_SYMMETRIC,
        value=found.value,
        exact=found.exact,
        how=how,
        check=Check("equality"),
        formula_text=formulas[0],
        formula_latex=formulas[1],
        digits=digits,
        study="dying_relu",
        tags=("relu", "dying", "initialization"),
    )
