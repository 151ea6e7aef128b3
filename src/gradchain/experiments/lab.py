"""What happens to a few hundred small networks trained alike but for their seed?

`Setting` says everything about a training experiment in plain values; `run` trains all its networks and
returns NumPy arrays.

A diverging network is a result: its loss is NaN from `nan_step` on, the others do not notice.
Cost: about 10 ms a network of 10 layers and 100 epochs on two cores, after 5 to 10 s of compilation for
the first setting of a kind.
"""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from gradchain import initializers, tasks
from gradchain._errors import ShapeError, UsageError
from gradchain.experiments.setting import LARGEST, Setting
from gradchain.training import program
from gradchain.training.optimizers import constants


class Layer(NamedTuple):
    """Weights (seeds, fan_out, fan_in) and biases (seeds, fan_out) of one layer."""

    weight: np.ndarray
    bias: np.ndarray


class Outcome(NamedTuple):
    """What training gave; S seeds, E epochs, R looks, K = depth + 1 kernels, L = depth hidden layers.

    `loss`, `accuracy` (S, E): means over each epoch's points while the weights move. At the looks,
    before epoch `epochs[r]` (0: the start), on the whole training set with the weights at rest:
    `log_gradient_norms` (S, R, K) natural log of the true gradient's Frobenius norm by kernel;
    `log_error_norms` (S, R, K) of the derivative by the state entering each kernel (NaN for the first);
    `weight_change` (S, R, K) ||W - W0||/||W0||; `update_ratio` (S, R, K) ||step||/||W|| of the last
    epoch before the look (NaN at the start); `activation_mean`, `activation_variance`, `saturated`,
    `dead` (S, R, L); `full_loss`, `full_accuracy`, and `infer_loss`, `infer_accuracy` with batch norm's
    memory (S, R). `test_loss`, `test_accuracy` (S,) after training. `nan_step` (S,): first step whose
    loss was not finite, -1 if none. `start`, `final`: one `Layer` a kernel. `first_kernel`,
    `last_kernel`: (8, E, ...) their weights after each epoch, for the first eight seeds.
    """

    loss: np.ndarray
    accuracy: np.ndarray
    epochs: np.ndarray
    log_gradient_norms: np.ndarray
    log_error_norms: np.ndarray
    weight_change: np.ndarray
    update_ratio: np.ndarray
    activation_mean: np.ndarray
    activation_variance: np.ndarray
    saturated: np.ndarray
    dead: np.ndarray
    full_loss: np.ndarray
    full_accuracy: np.ndarray
    infer_loss: np.ndarray
    infer_accuracy: np.ndarray
    test_loss: np.ndarray
    test_accuracy: np.ndarray
    nan_step: np.ndarray
    start: list[Layer]
    final: list[Layer]
    first_kernel: np.ndarray
    last_kernel: np.ndarray

    @property
    def percent_change(self) -> list[np.ndarray]:
        """|100 (old - new) / old| of every weight, one (S, fan_out, fan_in) array a kernel."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return [
                np.abs(100 * (new.weight - old.weight) / old.weight)
                for old, new in zip(self.start, self.final, strict=True)
            ]


class Points(NamedTuple):
    """Training and test points in columns: inputs (d, n), targets (k, n)."""

    inputs: np.ndarray
    targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray


def points_of(setting: Setting) -> Points:
    """Draw a setting's points; they depend on `task_seed` alone, not on the networks' seed.

    Args:
        setting: the setting.

    Returns:
        The points.
    """
    key = jax.random.key(setting.task_seed)
    draw_key, split_key = jax.random.split(key)
    if setting.task == "linear_teacher":
        whole = tasks.linear_teacher(draw_key, setting.points, noise=setting.noise)
    elif setting.task == "clusters":
        whole = tasks.clusters(draw_key, setting.points)
    elif setting.task == "spirals":
        whole = tasks.spirals(draw_key, setting.points, setting.noise, setting.turns)
    else:
        whole = getattr(tasks, setting.task)(draw_key, setting.points, setting.noise)
    if setting.test_share:
        train, test = tasks.split(split_key, whole, setting.test_share)
        both = train.inputs, train.targets, test.inputs, test.targets
    else:
        both = whole.inputs, whole.targets, None, None
    found = columns(*both, whole.classes)
    if setting.head == "softmax_ce" and whole.classes == 2:
        # Two classes are one row of labels, but for a softmax, which has an output for each.
        pair = (np.concatenate([1 - y, y]) for y in (found.targets, found.test_targets))
        found = Points(found.inputs, next(pair), found.test_inputs, next(pair))
    return found


def columns(
    inputs: Any, targets: Any, test_inputs: Any = None, test_targets: Any = None, classes: int = 0
) -> Points:
    """Bring points into columns; labels of more than two classes become one-hot.

    Args:
        inputs: (n, d).
        targets: (n,) labels or values, or (n, k).
        test_inputs: (m, d), or None.
        test_targets: as targets, or None.
        classes: number of classes, above 2 for one-hot targets.

    Returns:
        `Points`, float32; without test points the training points stand for them.

    Raises:
        ShapeError: if shapes do not fit.
        UsageError: if a value is NaN or infinite.
    """

    def one(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        x, y = np.asarray(x, np.float32), np.asarray(y)
        if x.ndim != 2 or len(x) == 0 or y.ndim not in (1, 2) or len(y) != len(x):
            raise ShapeError(
                f"got inputs of shape {x.shape} and targets of shape {y.shape}, expected (n, d) and "
                "(n,) or (n, k), n at least 1"
            )
        if classes > 2:
            y = np.eye(classes, dtype=np.float32)[y.astype(np.int64)]
        y = np.asarray(y, np.float32).reshape(len(x), -1)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise UsageError("got NaN or infinity among the points, expected finite values")
        return np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)

    train = one(inputs, targets)
    test = train if test_inputs is None else one(test_inputs, test_targets)
    return Points(*train, *test)


def use_all_cores(count: int | None = None) -> None:
    """Give JAX one CPU device a core, if it has not started; numbers do not depend on it.

    Args:
        count: how many devices; if not given, as many as JAX_NUM_CPU_DEVICES says, or cores.
    """
    import os

    if count is None and os.environ.get("JAX_NUM_CPU_DEVICES"):
        return  # JAX reads it by itself
    try:
        jax.config.update("jax_num_cpu_devices", count or min(os.cpu_count() or 1, 8))
    except RuntimeError:
        return  # started already: chunks then take turns


def run(
    setting: Setting,
    seeds: int,
    seed: int | jax.Array = 0,
    data: Points | None = None,
    every: int | None = None,
    record: Sequence[int] | None = None,
) -> Outcome:
    """Train all networks of a setting.

    Args:
        setting: the setting.
        seeds: number of networks; network number k depends on (seed, k) alone.
        seed: seed of the draws, a whole number or a JAX random key.
        data: points to train on; those of the setting's task if not given.
        every: epochs between two looks, a multiple of 10; a tenth of all epochs if not given.
        record: networks whose weights are followed; the first eight if not given.

    Returns:
        `Outcome`. Byte-identical for any number of devices or processes.

    Raises:
        UsageError: if seeds or every is no such number.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= LARGEST["seeds"]:
        raise UsageError(f"got seeds {seeds!r}, expected 1 to {LARGEST['seeds']}")
    data = points_of(setting) if data is None else data
    design = setting.design(data.inputs.shape[0], data.targets.shape[0])
    length = min(program.EPOCHS, setting.epochs)
    if setting.epochs % length:
        raise UsageError(
            f"got {setting.epochs} epochs, expected at most {length} or a multiple of {length}"
        )
    every = max(length, setting.epochs // 10 // length * length) if every is None else every
    if every < 1 or every % length:
        raise UsageError(f"got a look every {every} epochs, expected a multiple of {length}")
    grid = program.mesh()
    plan = program.Plan(design, setting.optimizer, setting.clip, setting.batch, length)
    chunks = -(-seeds // setting.chunk)
    parts = [
        _train_chunks(setting, plan, grid, data, seed, first, every)
        for first in range(0, chunks, grid.size)
    ]
    whole = jax.tree.map(lambda *a: np.concatenate(a)[:seeds], *parts)
    return _outcome(setting, plan, whole, every, tuple(range(8)) if record is None else record)


def _train_chunks(
    setting: Setting,
    plan: program.Plan,
    grid: Any,
    data: Points,
    seed: int | jax.Array,
    first: int,
    every: int,
) -> dict:
    """Train one chunk a device, from chunk number `first` on."""
    number = (np.arange(grid.size * setting.chunk) + first * setting.chunk).astype(np.uint32)
    number = program.placed(number.reshape(grid.size, setting.chunk), grid, True)
    keys = network_keys(seed, number)
    depth, scale = np.int32(setting.depth), np.float32(setting.scale)
    gain = np.float32(0.0 if setting.skip == "residual_zero" else 1.0)
    values = {
        k: np.float32(v) for k, v in constants(setting.optimizer, dict(setting.values)).items()
    }
    shared = (
        program.Knobs(values, np.float32(setting.limit), depth),
        program.Start(scale, np.float32(setting.bias), gain),
        data,
    )
    knobs, how, points = program.placed(shared, grid, False)
    lsuv = setting.initializer == "lsuv"
    law = initializers.get("orthogonal" if lsuv else setting.initializer)
    x, y = points.inputs, points.targets
    start = program.starter(plan.design, law, lsuv, grid)(keys, knobs.depth, how, x)
    if setting.last_bias:
        outputs = plan.design.outputs
        bias = start["last"]["bias"]
        start["last"]["bias"] = bias + np.broadcast_to(_last_bias(setting, outputs), bias.shape)
    nets = program.beginner(plan, grid)(keys, start, knobs)
    look = program.observer(plan.design, grid)
    step = program.segment(plan, grid)

    def looked(nets: Any) -> Any:
        return look(nets.params, start, nets.memory, knobs.depth, x, y), nets.ratio

    looks, curves = [looked(nets)], []
    for done in range(plan.epochs, setting.epochs + 1, plan.epochs):
        nets, found = step(nets, knobs, x, y)
        curves.append(found)
        if done % every == 0:
            looks.append(looked(nets))
    test = program.evaluator(plan.design, grid)(
        nets.params, nets.memory, knobs.depth, points.test_inputs, points.test_targets
    )
    host = program.gathered((looks, curves, start, nets.params, nets.nan_step, test), grid)
    looks, curves, start, final, nan_step, test = host
    return {
        "looks": jax.tree.map(lambda *a: np.stack(a, 1), *looks),
        "curves": jax.tree.map(lambda *a: np.concatenate(a, 1), *curves),
        "start": start,
        "final": final,
        "nan_step": nan_step,
        "test": test,
    }


def _last_bias(setting: Setting, outputs: int) -> np.ndarray:
    """Return what the setting adds to the bias of the outputs."""
    if setting.head == "softmax_ce" and outputs == 2:
        return np.array([-0.5, 0.5], np.float32) * np.float32(setting.last_bias)
    return np.full(outputs, setting.last_bias, np.float32)


def network_keys(seed: int | jax.Array, number: jax.Array) -> jax.Array:
    """Return the random key of each network of an experiment.

    Args:
        seed: seed of the draws, a whole number or a JAX random key.
        number: (devices, chunk) numbers of networks.

    Returns:
        (devices, chunk) keys.
    """
    key = jax.random.key(seed) if isinstance(seed, int) else seed
    return _keys(np.asarray(jax.random.key_data(key)), number, jax.random.key_impl(key))


@partial(jax.jit, static_argnames="kind")
def _keys(data: jax.Array, number: jax.Array, kind: Hashable) -> jax.Array:
    # Plain words go in: they are the same in all processes.
    key = jax.random.wrap_key_data(data, impl=kind)
    return jax.vmap(jax.vmap(lambda own: program.network_key(key, own)))(number)


def _outcome(
    setting: Setting, plan: program.Plan, whole: dict, every: int, record: Sequence[int]
) -> Outcome:
    depth, slots = setting.depth, plan.design.slots
    kernels = [*range(depth), slots + 1]
    seen, ratio = whole["looks"]
    curves = whole["curves"]
    rows = [row for row in record if row < len(whole["nan_step"])]
    ratio = ratio[:, :, kernels]
    ratio[:, 0] = np.nan
    units = [v[:, :, :depth] for v in (seen.mean, seen.variance, seen.saturated, seen.dead)]
    test_loss, test_accuracy = whole["test"]
    return Outcome(
        curves.loss,
        curves.accuracy,
        np.arange(0, setting.epochs + 1, every),
        seen.log_gradient[:, :, kernels],
        seen.log_error[:, :, kernels],
        seen.change[:, :, kernels],
        ratio,
        units[0],
        units[1],
        units[2],
        units[3],
        seen.loss,
        seen.accuracy,
        seen.infer_loss,
        seen.infer_accuracy,
        test_loss,
        test_accuracy,
        whole["nan_step"],
        _layers(whole["start"], depth),
        _layers(whole["final"], depth),
        curves.first[rows],
        curves.last[rows],
    )


def _layers(params: dict, depth: int) -> list[Layer]:
    first, hidden, last = (params[part] for part in ("first", "hidden", "last"))
    middle = [Layer(hidden["weight"][:, k], hidden["bias"][:, k]) for k in range(depth - 1)]
    return [Layer(first["weight"], first["bias"]), *middle, Layer(last["weight"], last["bias"])]
