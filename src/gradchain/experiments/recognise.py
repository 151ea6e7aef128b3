"""How well do common signs recognise a vanishing gradient, in networks with one and without?

The truth does not look at gradients, losses or weight changes. For the weights as they are after
training, in float64, at points x of the training set,

    chain = sqrt(mean over x of ||dh_L/dh_1(x)||_F^2 / n),

what is left of a random error signal on its way from the last hidden layer to the first. A network
has a vanishing gradient if 0 < chain < 1e-3: one learning rate serves all layers, and a layer whose
error signal is a thousand times smaller learns a thousand times slower under plain gradient descent.
The limit is a convention; 1e-2 and 1e-4 are reported beside it. A chain of exactly 0 comes from dead
ReLU units, another illness, and does not count.

The signs, each smaller is worse, with the threshold in common use:

    plateau        relative improvement of the best loss over the last 10 epochs; < 1e-4 (the
                   defaults of PyTorch's ReduceLROnPlateau)
    flat           the same, not relative; < 1e-4 (the defaults of Keras' ReduceLROnPlateau)
    chance         |loss - log 2|; < 0.003 ("the loss sticks at 0.693")
    weight_change  median percent change of the first kernel since the start; < 1 %
    autotrainer    |g_first|/|g_last| < 1e-3 and |g_first| < 1e-4 (Zhang et al., ICSE 2021)
    sagemaker      smallest mean |g| of a kernel; < 1e-7 (SageMaker Debugger, VanishingGradient)
    karpathy       smallest ratio of a step to the weights; log10 < -4 (Karpathy's lectures, gradtop)
    slope          decades a layer of the log gradient norm; by gradchain's rule: the interval of the
                   change over the depth lies below -1 decade

Gradients are those of the mean loss on the whole training set, kernels only, in float64. Diverged
networks give no alarm and count as not vanishing. Cost: a training run a kind of network, and a second.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gradchain._errors import UsageError
from gradchain.experiments.lab import Outcome, Points, Setting, points_of, run
from gradchain.experiments.recognise_population import POPULATION

LIMIT = -3.0
LIMITS = (-2.0, -3.0, -4.0)
PATIENCE = 10
SIGNS = (
    "plateau",
    "flat",
    "chance",
    "weight_change",
    "autotrainer",
    "sagemaker",
    "karpathy",
    "slope",
)
THRESHOLDS = {
    "plateau": 1e-4,
    "flat": 1e-4,
    "chance": 0.003,
    "weight_change": 1.0,
    "autotrainer": -3.0,
    "sagemaker": -7.0,
    "karpathy": -4.0,
    "slope": -1.0,
}
_POINTS = 25
# t with P(|T| <= t) = 0.95 for 1, 2, ... degrees of freedom; a network has at most 21 kernels.
_STUDENT = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
    2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
)  # fmt: skip


class Signs(NamedTuple):
    """One value a network: (S,) each; smaller is worse.

    `log10_chain`: the truth (-inf for dead, NaN for diverged). The others as in the module's text;
    `autotrainer`, `sagemaker`, `karpathy` are logarithms to base 10. `log10_first`: of the first kernel's
    gradient norm. `slope_high`: upper end of the interval of the change over the depth, in decades, and
    `spread` the range of all kernels' norms, for gradchain's rule.
    """

    log10_chain: np.ndarray
    plateau: np.ndarray
    flat: np.ndarray
    chance: np.ndarray
    weight_change: np.ndarray
    autotrainer: np.ndarray
    sagemaker: np.ndarray
    karpathy: np.ndarray
    slope: np.ndarray
    log10_first: np.ndarray
    slope_high: np.ndarray
    spread: np.ndarray


def observe(name: str, seeds: int, seed: int) -> Signs:
    """Train the networks of one kind and read truth and signs.

    Args:
        name: a key of `POPULATION`.
        seeds: how many networks.
        seed: seed of the draws.

    Returns:
        `Signs`.

    Raises:
        UsageError: for an unknown kind.
    """
    if name not in POPULATION:
        raise UsageError(f"got kind {name!r}, expected one of {', '.join(POPULATION)}")
    setting = POPULATION[name][1]
    data = points_of(setting)
    return read(setting, run(setting, seeds, seed, data), data)


def _activation(name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return phi(z) and phi'(z) in float64."""
    if name == "sigmoid":
        h = np.exp(-np.logaddexp(0, -z))
        return h, h * np.exp(-np.logaddexp(0, z))
    if name == "tanh":
        h = np.tanh(z)
        return h, 1 / np.cosh(np.minimum(np.abs(z), 350)) ** 2
    on = (z > 0).astype(z.dtype)
    return z * on, on


def chain_and_gradients(
    setting: Setting, outcome: Outcome, data: Points
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Compute the chain and every kernel's gradient at the final weights, in float64.

    Args:
        setting: the setting; head keras_bce, no norm, no skip.
        outcome: its trained networks.
        data: its points.

    Returns:
        (S,) log10 of the chain (-inf where it is 0), and one (S, fan_out, fan_in) gradient a kernel.
    """
    layers = [(f.weight.astype(np.float64), f.bias.astype(np.float64)) for f in outcome.final]
    x, y = data.inputs.astype(np.float64), data.targets.astype(np.float64)
    h = np.broadcast_to(x, (len(layers[0][0]), *x.shape))
    kept = []
    for weight, bias in layers[:-1]:
        out, slope = _activation(setting.activation, weight @ h + bias[:, :, None])
        kept.append((h, slope))
        h = out
    z = layers[-1][0] @ h + layers[-1][1][:, :, None]
    p = np.exp(-np.logaddexp(0, -z))
    # Keras clips the probability: beyond, the loss is a constant.
    error = np.where((p > 1e-7) & (p < 1 - 1e-7), p - y, 0.0) / y.shape[1]
    gradients = [error @ np.swapaxes(h, 1, 2)]
    back = np.swapaxes(layers[-1][0], 1, 2) @ error
    for (weight, _), (before, slope) in zip(layers[-2::-1], kept[::-1], strict=True):
        error = back * slope
        gradients.append(error @ np.swapaxes(before, 1, 2))
        back = np.swapaxes(weight, 1, 2) @ error
    return _chain(layers, [slope for _, slope in kept], setting.units), gradients[::-1]


def _chain(layers: list, slopes: list[np.ndarray], units: int) -> np.ndarray:
    """Return log10 sqrt(mean ||dh_L/dh_1||_F^2 / n) over every so-manieth point."""
    step = max(1, slopes[0].shape[2] // _POINTS)
    count, points = len(slopes[0]), slopes[0][:, :, ::step].shape[2]
    product = np.broadcast_to(np.eye(units), (count, points, units, units))
    for (weight, _), slope in zip(layers[1:-1], slopes[1:], strict=True):
        own = np.swapaxes(slope[:, :, ::step], 1, 2)
        product = own[..., None] * (weight[:, None] @ product)
    mean = (product**2).sum(axis=(2, 3)).mean(axis=1) / units
    with np.errstate(divide="ignore"):
        return np.log10(mean) / 2


def read(setting: Setting, outcome: Outcome, data: Points) -> Signs:
    """Read truth and signs off trained networks.

    Args:
        setting: the setting.
        outcome: its networks.
        data: its points.

    Returns:
        `Signs`.
    """
    with np.errstate(all="ignore"):
        chain, gradients = chain_and_gradients(setting, outcome, data)
        norms = np.stack([np.log10(np.linalg.norm(g, axis=(1, 2))) for g in gradients], 1)
        means = np.stack([np.log10(np.abs(g).mean(axis=(1, 2))) for g in gradients], 1)
        loss = outcome.loss.astype(np.float64)
        before, last = loss[:, :-PATIENCE].min(axis=1), loss[:, -PATIENCE:].min(axis=1)
        steps = math.ceil(data.inputs.shape[1] / setting.batch)
        step = np.log10(outcome.update_ratio[:, -1].astype(np.float64) / steps)
        percent = outcome.percent_change[0].reshape(len(chain), -1)
        slope, high = _slopes(norms)
        found = Signs(
            log10_chain=chain,
            plateau=(before - last) / before,
            flat=before - last,
            chance=np.abs(loss[:, -1] - math.log(2.0)),
            weight_change=np.median(percent, axis=1).astype(np.float64),
            autotrainer=norms[:, 0] - norms[:, -1],
            sagemaker=means.min(axis=1),
            karpathy=step.min(axis=1),
            slope=slope,
            log10_first=norms[:, 0],
            slope_high=high,
            spread=norms.max(axis=1) - norms.min(axis=1),
        )
    # A diverged network shows nothing: NaN compares as no alarm.
    fine = outcome.nan_step < 0
    return Signs(*(np.where(fine, values, np.nan) for values in found))


def _slopes(log10_norms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return decades a layer towards the input, and the upper end of the change over the depth.

    As `gradchain.bridge.trend` fits them: least squares, interval for random-walk errors; layers whose
    gradient is 0 are left out.
    """
    slopes, highs = np.full((2, len(log10_norms)), np.nan)
    for row, all_norms in enumerate(log10_norms):
        known = np.isfinite(all_norms)
        x, y = np.flatnonzero(known).astype(float), all_norms[known]
        if len(y) < 2:
            continue
        centred = x - x.mean()
        pull = centred / (centred @ centred)
        slopes[row] = -(pull @ (y - y[0]))
        highs[row] = math.inf
        if len(y) > 2:
            gaps, rises = np.diff(x), np.diff(y)
            drift = (y[-1] - y[0]) / (x[-1] - x[0])
            variance = np.sum((rises - drift * gaps) ** 2 / gaps) / (len(y) - 2)
            weights = np.cumsum(pull[::-1])[::-1][1:]
            error = math.sqrt(variance * np.sum(weights**2 * gaps))
            highs[row] = (slopes[row] + _STUDENT[len(y) - 3] * error) * (len(all_norms) - 1)
    return slopes, highs


def vanishing(signs: Signs, limit: float = LIMIT) -> np.ndarray:
    """Say which networks have a vanishing gradient.

    Args:
        signs: what `observe` gave.
        limit: log10 of the chain below which it has vanished.

    Returns:
        (S,) bool; False for dead and for diverged networks.
    """
    return np.isfinite(signs.log10_chain) & (signs.log10_chain < limit)


def alarms(signs: Signs, sign: str) -> np.ndarray:
    """Apply a sign with its threshold in common use.

    Args:
        signs: what `observe` gave.
        sign: one of `SIGNS`.

    Returns:
        (S,) bool.

    Raises:
        UsageError: for an unknown sign.
    """
    if sign not in SIGNS:
        raise UsageError(f"got sign {sign!r}, expected one of {', '.join(SIGNS)}")
    if sign == "slope":
        # A gradient of exactly 0 is called dead by the rule, not vanishing.
        alive = np.isfinite(signs.log10_first)
        return alive & (signs.spread >= 1) & (signs.slope_high < THRESHOLDS["slope"])
    below = getattr(signs, sign) < THRESHOLDS[sign]
    return below & (signs.log10_first < -4) if sign == "autotrainer" else below


def joined(parts: Mapping[str, Signs]) -> Signs:
    """Put the networks of several kinds one after the other.

    Args:
        parts: by kind.

    Returns:
        All of them.
    """
    return Signs(*(np.concatenate(values) for values in zip(*parts.values(), strict=True)))


def curve(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Let a sign's threshold run, and return the shares of false alarms and hits.

    Args:
        scores: (S,), smaller is worse; NaN never raises an alarm.
        truth: (S,) bool.

    Returns:
        (false alarms, hits), both rising; the last point is what finite thresholds reach.

    Example:
        >>> false, hits = curve(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))
        >>> false.tolist(), hits.tolist()
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0])
    """
    known = ~np.isnan(scores)
    order = np.argsort(scores[known], kind="stable")
    values, hit = scores[known][order], truth[known][order]
    # Equal scores alarm together.
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else []
    hits = np.cumsum(hit)[ends] / max(1, np.count_nonzero(truth))
    false = np.cumsum(~hit)[ends] / max(1, np.count_nonzero(~truth))
    return np.append(0.0, false), np.append(0.0, hits)
