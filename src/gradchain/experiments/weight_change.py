"""What does (old weights - new weights)/learning rate measure, which is often read as the gradient?

optimizer           after one step                        after many steps
sgd                 the gradient                          the sum of the gradients along the way
momentum (plain)    the gradient                          a weighted sum of them
adam, keras_adam    the sign of the gradient,             a signed count of steps
                    g/(|g| + floor)

floor is the size of a gradient at which Adam's first step is half of its full size: epsilon in optax
(update m^/(sqrt(v^) + epsilon)), epsilon/sqrt(1 - b2) in Keras ("epsilon hat": its epsilon stands
beside the uncorrected sqrt(v)). Below it a vanished gradient really stops the weights; above it Adam
hides how small the gradient is. Plain SGD stops where the step is lost in rounding: below half an ulp
of the weight nothing changes at all.

References: Kingma and Ba, Adam (2015), section 2 and its remark on epsilon hat; IEEE 754-2019.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain._types import in_short, is_concrete, one_of, whole_number

# Epsilon that each optimizer has by itself; None where it has none.
EPSILON = {"sgd": None, "momentum": None, "adam": 1e-8, "keras_adam": 1e-7}
MEANINGS = {
    "gradient": "One step of {optimizer}: (old - new)/learning_rate is the gradient, up to the "
    "rounding of the weights (gradient_floor).",
    "gradient_sum": "{steps} steps of sgd: (old - new)/learning_rate is the sum of {steps} gradients, "
    "each at other weights, and not the gradient anywhere.",
    "weighted_sum": "{steps} steps of momentum: (old - new)/learning_rate is a sum of {steps} "
    "gradients, each counted up to 1/(1 - momentum) times, and not the gradient anywhere.",
    "sign": "One step of {optimizer}: (old - new)/learning_rate is the sign of the gradient, not its "
    "size; it falls below 1/2 only where the gradient is below {floor:.3g}.",
    "count": "{steps} steps of {optimizer}: (old - new)/learning_rate is a signed count of steps, up "
    "to {steps} and beyond where gradients grow, and says nothing about the size of the gradient.",
}
FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, eq=False)
class LayerChange:
    """What one array of weights did; every array has its shape, in float64.

    Attributes:
        name: its path in the tree, such as "layer0/kernel".
        pseudo_gradient: (old - new)/learning_rate; the difference is exact, so its error is that of
            the stored weights, at most half_ulp/learning_rate (of the larger weight).
        percent_change: 100 |old - new|/|old|; unbounded near zero weights, inf for a zero weight
            that moved, 0 for one that did not.
        half_ulp: half the smaller gap beside each old weight: a step below it changes nothing.
        gradient_floor: half_ulp/learning_rate: one step of sgd loses gradients below it.
        median_percent_change: median of percent_change.
        share_above_one_percent: share of weights with a percent_change above 1.
        largest_percent_change: largest percent_change; inf if a zero weight moved.
        share_unchanged: share of weights that are the same to the last bit: those whose update was
            zero or lost below half an ulp.
        share_below_floor: after one step of Adam, share of weights with |pseudo_gradient| below 1/2,
            that is, with a gradient under the floor of epsilon; else None.
        zero_weights: number of old weights that are zero.
    """

    name: str
    pseudo_gradient: np.ndarray = field(repr=False)
    percent_change: np.ndarray = field(repr=False)
    half_ulp: np.ndarray = field(repr=False)
    gradient_floor: np.ndarray = field(repr=False)
    median_percent_change: float
    share_above_one_percent: float
    largest_percent_change: float
    share_unchanged: float
    share_below_floor: float | None
    zero_weights: int


@dataclass(frozen=True, eq=False)
class WeightChange:
    """What a change of weights says about the gradient, layer by layer.

    Attributes:
        measures: what the pseudo gradient is: "gradient", "gradient_sum", "weighted_sum", "sign" or
            "count".
        meaning: the same as a sentence.
        layers: one `LayerChange` for each array, in the order of the tree.
        optimizer: its name.
        learning_rate: as given.
        steps: number of steps between old and new.
        epsilon: Adam's epsilon, or None.
        epsilon_floor: gradient size at which Adam's first step is half of its full size, or None.
    """

    measures: str
    meaning: str
    layers: tuple[LayerChange, ...]
    optimizer: str
    learning_rate: float
    steps: int
    epsilon: float | None
    epsilon_floor: float | None

    def __getitem__(self, name: str) -> LayerChange:
        """Return the layer of that name.

        Returns:
            The layer.

        Raises:
            UsageError: if there is none; the names there are is said.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = in_short([layer.name for layer in self.layers])
        raise UsageError(f"got layer {in_short(name)}, expected one of {names}")

    @property
    def pseudo_gradient(self) -> dict[str, np.ndarray]:
        """(old - new)/learning_rate by layer."""
        return {layer.name: layer.pseudo_gradient for layer in self.layers}

    @property
    def percent_change(self) -> dict[str, np.ndarray]:
        """100 |old - new|/|old| by layer."""
        return {layer.name: layer.percent_change for layer in self.layers}

    @property
    def is_gradient(self) -> bool:
        """Whether the pseudo gradient is the gradient."""
        return self.measures == "gradient"


def epsilon_floor(optimizer: str, epsilon: float | None = None, b2: float = 0.999) -> float | None:
    """Return the size of a gradient at which Adam's first step is half of its full size.

    The first step is learning_rate g/(|g| + floor), floor = epsilon in optax and
    epsilon/sqrt(1 - b2) in Keras: 3.2e-6 for Keras's own 1e-7.

    Args:
        optimizer: "sgd", "momentum", "adam" or "keras_adam".
        epsilon: its epsilon, at least 0; its library's own if not given.
        b2: decay of the second moment.

    Returns:
        The floor, or None for an optimizer without epsilon. Exact up to rounding.

    Raises:
        UsageError: if the optimizer is unknown, or epsilon or b2 cannot be used.

    Example:
        >>> f"{epsilon_floor('keras_adam'):.3g}", epsilon_floor("adam"), epsilon_floor("sgd")
        ('3.16e-06', 1e-08, None)
    """
    own = EPSILON[one_of("optimizer", optimizer, tuple(EPSILON))]
    if own is None:
        if epsilon is not None:
            raise UsageError(f"got epsilon={in_short(epsilon)} for {optimizer}, which has none")
        return None
    chosen = own if epsilon is None else _number("epsilon", epsilon, zero=True)
    if _number("b2", b2, zero=True) >= 1:
        raise UsageError(f"got b2={b2}, expected a number from 0 and below 1")
    return chosen if optimizer == "adam" else chosen / float(np.sqrt(1 - b2))


def weight_change(
    old: Any,
    new: Any,
    learning_rate: float | int | np.number | jax.Array,
    optimizer: str,
    *,
    steps: int = 1,
    epsilon: float | None = None,
    b2: float = 0.999,
) -> WeightChange:
    """Say what the weights before and after training tell about the gradient, and what they hide.

    Args:
        old: the weights before, as a pytree of float arrays (a dict, a list, a flax or equinox tree,
            Keras's `model.get_weights()`); whole numbers and random keys are left out.
        new: the weights after, of the same structure, shapes and types.
        learning_rate: of the optimizer, above 0.
        optimizer: "sgd", "momentum", "adam" (as in optax) or "keras_adam".
        steps: number of steps taken between the two.
        epsilon: Adam's epsilon; if not given 1e-8 for "adam", 1e-7 for "keras_adam".
        b2: Adam's decay of the second moment.

    Returns:
        A `WeightChange` of NumPy arrays in float64. Exact up to rounding. Cost O(weights).

    Raises:
        UsageError: if the learning rate, the optimizer or the steps cannot be used, or the weights
            are traced.

    Example:
        >>> import numpy as np
        >>> old, gradient = {"w": np.array([0.5, -1.0])}, np.array([2.0**-10, -(2.0**-60)])
        >>> change = weight_change(old, {"w": old["w"] - 2.0**-3 * gradient}, 2.0**-3, "sgd")
        >>> change.measures, (change["w"].pseudo_gradient * 1024).tolist()
        ('gradient', [1.0, 0.0])
        >>> change["w"].share_unchanged, bool(change["w"].gradient_floor[1] > 2.0**-60)
        (0.5, True)
    """
    rate = _number("learning_rate", learning_rate)
    steps = whole_number("steps", steps)
    floor = epsilon_floor(optimizer, epsilon, b2)
    if floor is not None:
        measures = "sign" if steps == 1 else "count"
        epsilon = EPSILON[optimizer] if epsilon is None else float(epsilon)
    elif steps == 1:
        measures = "gradient"
    else:
        measures = "gradient_sum" if optimizer == "sgd" else "weighted_sum"
    if not is_concrete(old, new):
        raise UsageError("got traced weights, expected values: call this outside of jit")
    layers = tuple(
        _layer(name, before, after, rate, measures == "sign")
        for name, before, after in _pairs(old, new)
    )
    words = MEANINGS[measures].format(optimizer=optimizer, steps=steps, floor=floor)
    return WeightChange(measures, words, layers, optimizer, rate, steps, epsilon, floor)


def _number(name: str, value: Any, zero: bool = False) -> float:
    """Return a finite number above 0 (or at least 0) as a float.

    Raises:
        UsageError: if it is something else.
    """
    scalar = getattr(value, "shape", None) == () and is_concrete(value)
    number = isinstance(value, (int, float)) or (scalar and value.dtype.kind in "iuf")
    fits = number and not isinstance(value, bool) and np.isfinite(float(value))
    if not fits or (float(value) < 0 if zero else float(value) <= 0):
        bound = "of at least 0" if zero else "above 0"
        raise UsageError(f"got {name}={in_short(value)}, expected a finite number {bound}")
    return float(value)


def _leaves(tree: Any, which: str) -> dict[str, np.ndarray]:
    """Return the arrays of a tree by name.

    Raises:
        DtypeError: if one holds no numbers.
        UsageError: if two have the same name.
    """
    found: dict[str, np.ndarray] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name = jax.tree_util.keystr(path, simple=True, separator="/") or "weights"
        if isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            continue
        array = np.asarray(leaf)
        if array.dtype.kind in "biu":
            continue
        if array.dtype.name not in FLOATS:
            raise DtypeError(f"got {which} {name} of type {array.dtype}, expected a float array")
        if name in found:
            raise UsageError(f"got two arrays named {name} in {which}, expected names that differ")
        found[name] = array
    return found


def _pairs(old: Any, new: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Match the arrays of two trees.

    Returns:
        (name, old array, new array) for each.

    Raises:
        ShapeError: if structures or shapes differ, or there is nothing in them.
        DtypeError: if types differ.
        NonFiniteError: if a weight is NaN or infinite.
    """
    before, after = _leaves(old, "old"), _leaves(new, "new")
    if list(before) != list(after):
        raise ShapeError(
            f"got old weights {in_short(list(before))} and new weights {in_short(list(after))}, "
            "expected the same structure"
        )
    if not before:
        raise ShapeError("got no float arrays, expected at least one array of weights")
    for name, first in before.items():
        second = after[name]
        if first.shape != second.shape or first.size == 0:
            raise ShapeError(
                f"got {name} of shape {first.shape} in old and {second.shape} in new, expected the "
                "same shape with at least one weight"
            )
        if first.dtype != second.dtype:
            raise DtypeError(
                f"got {name} of type {first.dtype} in old and {second.dtype} in new, expected the same"
            )
        for which, array in (("old", first), ("new", second)):
            if not np.isfinite(array.astype(np.float64)).all():
                raise NonFiniteError(
                    f"got NaN or infinity in {which} {name}: the run diverged, take weights from before"
                )
    return [(name, first, after[name]) for name, first in before.items()]


def _half_gap(weights: np.ndarray) -> np.ndarray:
    """Return half the smaller of the two gaps beside each float, in float64.

    At a power of two the gap towards zero is half of the other; beside zero and subnormals it is the
    smallest subnormal. float64's own smallest half gap, 2**-1075, is rounded up to 2**-1074.
    """
    info = jax.numpy.finfo(weights.dtype)
    fraction, exponent = np.frexp(np.abs(weights.astype(np.float64)))
    lowest = info.minexp + 1
    # frexp gives [1/2, 1), and (0, 0) for zero, which has the gap of the subnormals.
    below = np.where(fraction <= 0.5, exponent - 1, exponent)
    place = np.where(fraction > 0, np.maximum(below, lowest), lowest)
    return np.maximum(np.ldexp(1.0, place - info.nmant - 2), 5e-324)


def _layer(
    name: str, old: np.ndarray, new: np.ndarray, rate: float, first_adam_step: bool
) -> LayerChange:
    """Measure one array."""
    half = _half_gap(old)
    start = old.astype(np.float64)
    moved = start - new.astype(np.float64)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        pseudo, floor = moved / rate, half / rate
        percent = np.where(moved == 0, 0.0, 100 * (np.abs(moved) / np.abs(start)))
        median = float(np.median(percent))
    return LayerChange(
        name=name,
        pseudo_gradient=pseudo,
        percent_change=percent,
        half_ulp=half,
        gradient_floor=floor,
        median_percent_change=median,
        share_above_one_percent=float(np.mean(percent > 1)),
        largest_percent_change=float(percent.max()),
        share_unchanged=float(np.mean(old == new)),
        share_below_floor=float(np.mean(np.abs(pseudo) < 0.5)) if first_adam_step else None,
        zero_weights=int(np.sum(start == 0)),
    )
