"""The words around the numbers of the normalization study: key, statement, conditions."""

from collections.abc import Mapping, Sequence

import numpy as np

from gradchain.experiments import normalized_numbers as own
from gradchain.experiments.meeting import Pairs
from gradchain.experiments.records import computed, segment
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.normalized_numbers"
STEMS = {"batch": "batchnorm", "layer": "layernorm"}
_RATE = ("E|J^T v|^2 = R^L", "\\mathrm{E}|J^T v|^2 = R^L")
_RESIDUAL = (
    "prod_{l=1..L} (1 + R/l)^(1/2)",
    "\\prod_{l=1}^{L} (1 + R/l)^{1/2}",
)
_YANG = (
    "G. Yang, J. Pennington, V. Rao, J. Sohl-Dickstein, S. Schoenholz, A Mean Field Theory of Batch "
    "Normalization, ICLR 2019, arXiv:1902.08129"
)
_THEORY = (
    "Infinite width, W_ij ~ N(0, s^2/n) of any size s, at initialization, after layers that have "
    "reached their fixed point; R is the factor of the mean squared norm of the gradient."
)


def _norm_words(norm: str, batch: int) -> str:
    if norm == "layer":
        return "layer norm"
    return f"batch norm over a batch of {batch}" if batch else "batch norm over an infinite batch"


def _stem(norm: str, activation: str, batch: int) -> str:
    stem = f"{STEMS[norm]}.{segment(activation)}"
    if norm == "layer":
        return stem
    return f"{stem}.batch{batch}" if batch else f"{stem}.infinite"


def add_rate(
    pairs: Pairs,
    activation: str,
    norm: str,
    batch: int,
    steps: Mapping[int, np.ndarray] | None,
    depth: int,
    seed: int,
) -> str:
    """Add the rate of one activation and batch, predicted and measured.

    Args:
        pairs: where to.
        activation: phi.
        norm: "batch" or "layer".
        batch: B; 0 for infinite.
        steps: for each width the logarithms of `normalized_numbers.log_steps`; None if not measured.
        depth: L.
        seed: seed of the draws.

    Returns:
        The stem of the keys.
    """
    stem, name = _stem(norm, activation, 0 if norm == "layer" else batch), _norm_words(norm, batch)
    layers = f"{activation} layers with {name}"
    theory = {"activation": activation, "norm": norm, "batch": 0 if norm == "layer" else batch}
    measured, conditions = None, ""
    if steps is not None:
        widths, seeds = list(steps), len(next(iter(steps.values())))
        lane = own.lane_of(norm, activation, "plain")
        given = {
            "activation": activation, "norm": norm, "batch": batch, "widths": widths, "depth": depth,
            "seeds": seeds, "seed": seed,
        }  # fmt: skip
        measured = (
            own.extrapolated_rate(steps, lane)[0],
            "rate_measured",
            given,
            f"Through {layers} the mean square of a gradient is multiplied by {{value}} a layer "
            "(measured).",
        )
        conditions = (
            f"{seeds} networks of each of the widths {', '.join(map(str, widths))}, {depth} layers "
            f"h -> phi(N(W h)), batches of {batch} normal inputs at the layers' fixed point, epsilon 0, "
            "at initialization; layers after the first; extrapolated to infinite width by a straight "
            "line in 1/width. Measured forward along a random direction (with batch norm: of "
            "differences within the batch), which has the same mean square as a gradient sent back."
        )
    pairs.add(
        stem,
        (
            own.rate_predicted,
            theory,
            f"Through {layers} the mean square of a gradient is multiplied by {{value}} a layer "
            "(prediction).",
        ),
        measured,
        (_THEORY, conditions),
        _RATE,
        (activation, STEMS[norm], "explosion"),
        6,
    )
    return stem


def add_growth(
    pairs: Pairs,
    activation: str,
    norm: str,
    batch: int,
    width: int,
    steps: np.ndarray,
    design: str,
    seed: int,
) -> str:
    """Add the growth through all layers of one network design, predicted and measured.

    Args:
        pairs: where to.
        activation: phi.
        norm: "batch" or "layer".
        batch: B.
        width: n.
        steps: (seeds, L) natural logs of this lane.
        design: "plain" or "residual".
        seed: seed of the draws.

    Returns:
        The stem of the keys.
    """
    seeds, depth = steps.shape
    stem = f"{_stem(norm, activation, batch)}.{design}.layers{depth}"
    form = "h + V phi(N(W h))" if design == "residual" else "phi(N(W h))"
    theory = {
        "activation": activation, "norm": norm, "batch": batch, "depth": depth, "design": design,
    }  # fmt: skip
    given = theory | {"width": width, "seeds": seeds, "seed": seed}
    said = (
        f"Through {depth} {'residual blocks' if design == 'residual' else 'layers'} {form}, phi "
        f"{activation} and N {_norm_words(norm, batch)}, the root mean square of a gradient grows "
        "{value} times"
    )
    if design == "residual":
        start = "The input varies as much as what one branch adds."
    else:
        start = "The inputs are at the layers' fixed point."
    where = (
        f"{seeds} networks of width {width}, {depth} deep, independent N(0, 1/n) weights, batches of "
        f"{batch} normal inputs, epsilon 0, at initialization. {start} Measured forward along a random "
        "direction, which has the same mean square as a gradient sent back."
    )
    pairs.add(
        stem,
        (own.growth_predicted, theory, f"{said} (prediction)."),
        (own.growth_of(steps), "growth_measured", given, f"{said} (measured)."),
        (f"Infinite width, independent N(0, 1/n) weights, at initialization. {start}", where),
        _RESIDUAL if design == "residual" else ("R^(L/2)", "R^{L/2}"),
        (activation, STEMS[norm], "explosion", design),
    )
    return stem


def depth_numbers() -> list[Number]:
    """Make the paper's depth beyond which nothing trains, as reported and from the exact rate.

    Returns:
        Two numbers.
    """
    ours = computed(
        "batchnorm.relu.trainable.depth.predicted",
        own.trainable_depth("relu"),
        How.of(f"{_HOME}.trainable_depth", activation="relu"),
        "1e-9",
        "Sixteen depth scales of the gradient explosion of relu layers with batch norm are {value} "
        "layers.",
        role="prediction",
        conditions="16 / log R, R = pi/(pi - 1): infinite width and batch, fully connected, no skips. "
        "Sixteen depth scales as the limit of training are the guide of Yang et al. (2019), not a law.",
        formula_text="16/log(pi/(pi-1))",
        formula_latex="16/\\log(\\pi/(\\pi-1))",
        digits=4,
        study="normalization",
        tags=("relu", "batchnorm", "depth"),
    )
    reported = Number(
        key="batchnorm.relu.trainable.depth.reported",
        kind="reported",
        statement="Fully connected networks with batch norm deeper than about 50 layers are "
        "untrainable, whatever the batch size.",
        conditions="As the paper says it, of fully connected networks without skip connections.",
        value="50",
        source=_YANG,
        formula_text="L",
        formula_latex="L",
        digits=2,
        study="normalization",
        tags=("relu", "batchnorm", "depth"),
    )
    return [ours, reported]


def start_pairs() -> Pairs:
    """Start an empty collection of the study's pairs.

    Returns:
        The collection.
    """
    return Pairs(_HOME, "normalization")


def all_predicted(pairs: Pairs, names: Sequence[str]) -> list[str]:
    """Add the rates of an infinite batch for some activations.

    Args:
        pairs: where to.
        names: activations.

    Returns:
        The stems.
    """
    return [add_rate(pairs, name, "batch", 0, None, 0, 0) for name in names]
