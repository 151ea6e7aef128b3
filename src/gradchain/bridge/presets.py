"""When is a gradient called vanishing? By a named rule, said with the verdict.

slope (the default). Let D be the change of the log10 gradient norm from the last layer to the first
    along the fitted line, with its 95 % interval (`gradchain.bridge.trend`), and R the range of all
    layers' log10 norms. Threshold: 1 decade over the network's own depth (`decades=`).
        dead        a layer's gradient is exactly 0, and not by underflow of a vanishing gradient
        healthy     R < 1, or the interval of D inside (-1, 1); R comes first
        vanishing   the interval of D below -1           exploding   above 1
        undecided   otherwise
    One decade, because one learning rate serves all layers: a layer whose gradient is ten times
    smaller learns ten times slower under plain gradient descent. It is a convention. Nothing here
    changes when the loss is multiplied by a constant. With three layers the interval is so wide
    (t = 12.7) that noise is never called vanishing but in 1 case of 20.
sagemaker    vanishing: mean |g| < 1e-7 in a layer. SageMaker Debugger, rule VanishingGradient.
autotrainer  vanishing: |g_first|/|g_last| < 1e-3 and |g_first| < 1e-4; exploding: ratio > 70; dead:
    at least 70 % of all entries exactly 0. Zhang et al., AutoTrainer, ICSE 2021 (whose norms leave
    out the biases that stand in these rows).
karpathy     log10 of update to weight, learning_rate |g|/|w|: below -4 in a layer vanishing, above -2
    exploding, about -3 right. Karpathy's lectures, with the limits of gradtop. Needs the learning
    rate of plain gradient descent, and weights.
neuroscope   a unit is dead if more than 90 % of its activations are 0. Needs activations, which
    neither a loss nor its gradients show: it is named here and refused. So are SageMaker's DeadRelu,
    SaturatedActivation and the other rules about activations.

What the slope cannot see: gradients that are equally small in all layers. (A layer's gradient is the
product of what comes back to it and what went forward into it; in a linear chain with small weights
the two balance, and the whole is the same as a small loss.) The columns of the table show it, and the
other rules, all of which depend on the scale of the loss. NaN and infinity come first under every rule.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import in_short, one_of
from gradchain.bridge.grouping import some
from gradchain.bridge.trend import Trend

PRESETS = ("slope", "sagemaker", "autotrainer", "karpathy")
_ACTIVATIONS_NEEDED = ("neuroscope",)
LN10 = math.log(10.0)


class LayerRow(NamedTuple):
    """One layer of a diagnosis.

    `log10_norm`: log10 of the Euclidean norm of the gradient of all its parameters together (-inf
    for exactly 0, NaN if not finite). `log10_ratio`: the same minus that of the weights (NaN without
    weights, inf where they are all 0). `log10_mean`: log10 of the mean |g|. `size`: number of
    parameters. `zeros`, `tiny`: shares of entries that are exactly 0, and at or below the smallest
    normal number of `dtype` (zeros included), in the gradient as the float type holds it. `floored`:
    its entries come so near the bottom of the type that some may be lost, so it is not fitted.
    `lost`: it is exactly 0 as it stands, and was measured with a scaled loss.
    """

    name: str
    log10_norm: float
    log10_ratio: float
    log10_mean: float
    size: int
    zeros: float
    tiny: float
    wrong: int
    dtype: str
    floored: bool = False
    lost: bool = False


class Verdict(NamedTuple):
    """`kind` is vanishing, exploding, healthy, undecided, dead or not finite; `text` names the rule."""

    kind: str
    text: str


def check_preset(preset: str, learning_rate: float | None, decades: float) -> None:
    """Refuse a rule that is unknown or cannot be applied.

    Args:
        preset: its name.
        learning_rate: for karpathy.
        decades: threshold of the slope rule.

    Raises:
        UsageError: if it is unknown, needs what is not there, or a number makes no sense.
    """
    if isinstance(preset, str) and preset in _ACTIVATIONS_NEEDED:
        raise UsageError(
            f"preset {preset!r} needs the activations of every unit, which gradients do not show: "
            f"expected one of {', '.join(PRESETS)}"
        )
    one_of("preset", preset, PRESETS)
    if preset == "karpathy" and learning_rate is None:
        raise UsageError(
            "preset 'karpathy' compares updates with weights, so it needs learning_rate="
        )
    for name, value in (("learning_rate", learning_rate), ("decades", decades)):
        if name == "learning_rate" and value is None:
            continue
        number = isinstance(value, (int, float, np.integer, np.floating))
        if not number or isinstance(value, bool) or not 0 < value < math.inf:
            raise UsageError(f"got {name}={in_short(value)}, expected a positive number")


def judge(
    rows: Sequence[LayerRow],
    trend: Trend,
    preset: str = "slope",
    decades: float = 1.0,
    learning_rate: float | None = None,
) -> Verdict:
    """Judge a diagnosis by a named rule.

    Args:
        rows: the layers, first to last.
        trend: their fitted trend in nats a layer towards the input.
        preset: name of the rule.
        decades: threshold of the slope rule, over the network's depth.
        learning_rate: of plain gradient descent, for karpathy.

    Returns:
        The verdict.

    Raises:
        UsageError: if the rule is unknown or cannot be applied.
    """
    check_preset(preset, learning_rate, decades)
    wrong = [row.name for row in rows if row.wrong]
    if wrong:
        return Verdict("not finite", f"not finite (NaN or infinite gradient in {some(wrong)})")
    if preset == "sagemaker":
        return _sagemaker(rows)
    if preset == "autotrainer":
        return _autotrainer(rows)
    if preset == "karpathy":
        return _karpathy(rows, learning_rate or 0.0)
    return _slope(rows, trend, decades)


def _slope(rows: Sequence[LayerRow], trend: Trend, decades: float) -> Verdict:
    """Apply the scale-free rule."""
    zero = [row.log10_norm == -math.inf for row in rows]
    lead = zero.index(False) if False in zero else len(rows)
    kind, reason = _by_trend(rows, trend, decades)
    if any(zero):
        # A run of zeros at the input, next to a layer at the bottom of its type, has underflowed.
        by_underflow = 0 < lead < len(rows) and not any(zero[lead:]) and rows[lead].floored
        if not (by_underflow and kind == "vanishing"):
            names = some(row.name for row, none in zip(rows, zero, strict=True) if none)
            return Verdict("dead", f"dead (rule: slope, gradient exactly 0 in {names})")
        reason += f"; the first {lead} layers have underflowed to exactly 0"
    return Verdict(kind, f"{kind} (rule: slope, {reason})")


def _by_trend(rows: Sequence[LayerRow], trend: Trend, decades: float) -> tuple[str, str]:
    """Decide from the fitted line alone."""
    norms = [row.log10_norm for row in rows]
    if trend.used < 2:
        return "undecided", f"{trend.used} layer with a gradient to fit: no slope"
    spread = max(norms) - min(norms)
    if spread < decades:
        return "healthy", (
            f"all {len(rows)} layers within {spread:.2f} decades of each other; "
            f"threshold {decades:g} over the depth"
        )
    # Over the whole depth, also where layers at the bottom of the type were not fitted.
    span = len(rows) - 1
    low, middle, high = (s * span / LN10 for s in (trend.low, trend.slope, trend.high))
    slope, bottom, top = (s / LN10 for s in (trend.slope, trend.low, trend.high))
    kind = "undecided"
    if high < -decades:
        kind = "vanishing"
    elif low > decades:
        kind = "exploding"
    elif -decades < low and high < decades:
        kind = "healthy"
    return kind, (
        f"{signed(slope)} decades a layer [{signed(bottom)}, {signed(top)}], {middle:+.1f} over "
        f"{len(rows)} layers; threshold {decades:g} over the depth"
    )


def signed(value: float) -> str:
    """Write a slope to two decimals, or to two digits where those would be 0.

    Args:
        value: any number.

    Returns:
        Text with its sign.

    Example:
        >>> signed(-0.612), signed(-0.000193), signed(12.3)
        ('-0.61', '-0.00019', '+12.30')
    """
    return f"{value:+.2g}" if 0 < abs(value) < 0.1 else f"{value:+.2f}"


def _sagemaker(rows: Sequence[LayerRow]) -> Verdict:
    """Mean |g| < 1e-7."""
    small = [row.name for row in rows if row.log10_mean < -7]
    kind = "vanishing" if small else "healthy"
    found = f"in {some(small)}" if small else "in no layer"
    return Verdict(
        kind,
        f"{kind} (rule: sagemaker, mean |g| < 1e-7 {found}; SageMaker Debugger VanishingGradient)",
    )


def _autotrainer(rows: Sequence[LayerRow]) -> Verdict:
    """Ratio of first to last, and share of zeros."""
    entries = sum(row.size for row in rows)
    zeros = sum(row.zeros * row.size for row in rows) / entries
    first, last = rows[0].log10_norm, rows[-1].log10_norm
    # The original takes the ratio as 1 where the last norm is 0.
    ratio = 0.0 if last == -math.inf else first - last
    if zeros >= 0.7:
        kind = "dead"
    elif ratio < -3 and first < -4:
        kind = "vanishing"
    elif ratio > math.log10(70):
        kind = "exploding"
    else:
        kind = "healthy"
    return Verdict(
        kind,
        f"{kind} (rule: autotrainer, first/last norm 1e{ratio:+.1f}, first norm 1e{first:+.1f}, "
        f"{100 * zeros:.0f} % zeros; vanishing below 1e-3 and 1e-4, exploding above 70, dead from "
        "70 %; ICSE 2021)",
    )


def _karpathy(rows: Sequence[LayerRow], learning_rate: float) -> Verdict:
    """Compare the size of updates with that of weights.

    Returns:
        The verdict.

    Raises:
        UsageError: if no layer has weights to compare with.
    """
    shift = math.log10(learning_rate)
    # Weights that start at 0 have no size to compare with.
    sizes = [(row.log10_ratio + shift, row.name) for row in rows if row.log10_ratio < math.inf]
    if not sizes:
        raise UsageError(
            "preset 'karpathy' compares updates with weights: hand over weights that are not 0"
        )
    low = [name for size, name in sizes if size < -4]
    high = [name for size, name in sizes if size > -2]
    kind = "vanishing" if low else "exploding" if high else "healthy"
    found = f"{len(low)} layers below 1e-4, {len(high)} above 1e-2"
    if low or high:
        found += f": {some(low or high)}"
    return Verdict(
        kind,
        f"{kind} (rule: karpathy, update/weight from 1e{min(sizes)[0]:+.1f} to 1e{max(sizes)[0]:+.1f}"
        f" at learning rate {learning_rate:g}, {found})",
    )
