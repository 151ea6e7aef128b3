"""What is the gradient of a network before its first step, weight by weight, in float64?

The weights are those that `lab.run` starts from; all else is plain NumPy in float64, written apart from
the compiled programs: neither overflow of float32 nor its rounding plays a part. Only networks without
normalization and without skips. Cost: one pass forward and back, on the host.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gradchain import initializers
from gradchain._errors import UsageError
from gradchain.experiments.lab import Layer, Points, _layers, network_keys, points_of
from gradchain.experiments.setting import Setting
from gradchain.training import program


def _logistic(z: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * z)


# Value, and slope given pre-activation and value.
_PHI: dict[str, tuple[Callable, Callable]] = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z, h: (z > 0).astype(np.float64)),
    "tanh": (np.tanh, lambda z, h: 1 - h * h),
    "sigmoid": (_logistic, lambda z, h: h * (1 - h)),
    "shifted_sigmoid": (lambda z: 0.5 * np.tanh(0.5 * z), lambda z, h: 0.25 - h * h),
}


class Passes(NamedTuple):
    """One pass of S networks over n points; everything float64.

    `states`: what enters each kernel, (S, fan_in, n), the inputs first. `deltas`: derivative of each
    point's own loss by each kernel's output, (S, fan_out, n). `loss` (S,): mean over the points.
    """

    states: list[np.ndarray]
    deltas: list[np.ndarray]
    loss: np.ndarray

    @property
    def gradients(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Gradient of the mean loss by each kernel (S, fan_out, fan_in) and bias (S, fan_out)."""
        count = self.states[0].shape[2]
        pairs = zip(self.deltas, self.states, strict=True)
        return [(d @ h.transpose(0, 2, 1) / count, d.mean(axis=2)) for d, h in pairs]


def weights(setting: Setting, seeds: int, seed: int) -> list[Layer]:
    """Draw the weights that `lab.run` starts from.

    Args:
        setting: the setting.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        One `Layer` of float64 arrays a kernel, first to last.

    Raises:
        UsageError: for a setting with normalization or skips.
    """
    plain = setting.norm == setting.skip == "none" and not setting.last_bias
    if not plain or setting.initializer == "lsuv":
        raise UsageError("expected a setting without normalization, skips, LSUV and last bias")
    grid, data = program.mesh(), points_of(setting)
    design = setting.design(data.inputs.shape[0], data.targets.shape[0])
    start = program.starter(design, initializers.get(setting.initializer), False, grid)
    how = program.Start(np.float32(setting.scale), np.float32(setting.bias), np.float32(1.0))
    how, depth, x = program.placed((how, np.int32(setting.depth), data.inputs), grid, False)
    size = grid.size * setting.chunk
    parts = []
    for first in range(0, seeds, size):
        number = (np.arange(size) + first).astype(np.uint32).reshape(grid.size, setting.chunk)
        drawn = start(network_keys(seed, program.placed(number, grid, True)), depth, how, x)
        parts.append(program.gathered(drawn, grid))
    whole = jax.tree.map(lambda *a: np.concatenate(a)[:seeds].astype(np.float64), *parts)
    return _layers(whole, setting.depth)


def passes(layers: list[Layer], activation: str, head: str, data: Points) -> Passes:
    """Run networks forward and back over the training points.

    Args:
        layers: as from `weights`.
        activation: relu, tanh, sigmoid or shifted_sigmoid.
        head: "linear_mse", or one of the cross-entropies of a sigmoid (without the clip of Keras).
        data: the points.

    Returns:
        `Passes`.

    Raises:
        UsageError: for another activation or head.
    """
    if activation not in _PHI or head not in ("linear_mse", "keras_bce", "sigmoid_ce"):
        raise UsageError(
            f"got {activation[:60]} with {head}, expected {', '.join(_PHI)} with linear_mse, "
            "keras_bce or sigmoid_ce"
        )
    value, slope = _PHI[activation]
    seeds = len(layers[0].weight)
    h = np.broadcast_to(data.inputs.astype(np.float64), (seeds, *data.inputs.shape))
    states, slopes, z = [h], [], h
    for place, layer in enumerate(layers):
        z = layer.weight @ h + layer.bias[:, :, None]
        if place < len(layers) - 1:
            h = value(z)
            states.append(h)
            slopes.append(slope(z, h))
    targets = data.targets.astype(np.float64)
    if head == "linear_mse":
        each, delta = (z - targets) ** 2, 2 * (z - targets) / len(targets)
    else:
        each = np.logaddexp(0.0, z) - targets * z
        delta = (_logistic(z) - targets) / len(targets)
    deltas = [delta]
    for layer, own in zip(layers[:0:-1], slopes[::-1], strict=True):
        delta = layer.weight.transpose(0, 2, 1) @ delta * own
        deltas.append(delta)
    return Passes(states, deltas[::-1], each.mean(axis=(1, 2)))


def start_of(setting: Setting, seeds: int, seed: int) -> Passes:
    """Draw the networks of a setting and run them over its training points once.

    Args:
        setting: the setting.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        `Passes`.
    """
    layers = weights(setting, seeds, seed)
    return passes(layers, setting.activation, setting.head, points_of(setting))
