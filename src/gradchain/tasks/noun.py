"""What is a task, as a noun: inputs, what to answer, and which kind of answer that is.

kind            targets                          an output layer has
"binary"        int32 (n,), 0 or 1               1 unit
"classes"       int32 (n,), 0 .. classes - 1     `classes` units
"regression"    float32 (n, k)                   k units
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain._types import in_short, is_concrete, one_of, pytree, random_key, static

# A scale may be a Python number, or a JAX scalar that is data of a compiled program.
Real = float | int | jax.Array
KINDS = ("binary", "classes", "regression")


@pytree
class Task:
    """Points to learn from: `inputs` (n, d) float32 and `targets` as the kind has them (see above).

    `classes` is the number of classes, 0 for a regression. Makers of this package and `from_arrays`
    check what they put in; after `jax.vmap` both arrays carry the batch axes in front.

    Example:
        >>> import jax
        >>> from gradchain import tasks
        >>> tasks.moons(jax.random.key(0))
        Task(moons, binary, inputs (250, 2), targets (250,))
    """

    inputs: jax.Array
    targets: jax.Array
    name: str = static(default="given")
    kind: str = static(default="binary")
    classes: int = static(default=2)

    @property
    def size(self) -> int:
        """Number of points n."""
        return self.inputs.shape[-2]

    @property
    def dim(self) -> int:
        """Number of inputs d of one point."""
        return self.inputs.shape[-1]

    @property
    def outputs(self) -> int:
        """Number of units that an output layer for this task has."""
        if self.kind == "regression":
            return self.targets.shape[-1]
        return 1 if self.kind == "binary" else self.classes

    def __repr__(self) -> str:
        """Return one line with the name, the kind and the shapes, and not the values."""
        shapes = f"inputs {self.inputs.shape}, targets {self.targets.shape}"
        return f"Task({self.name}, {self.kind}, {shapes})"


def _the_task(task: object) -> None:
    """Refuse what is not a task.

    Raises:
        UsageError: for anything else.
    """
    if not isinstance(task, Task):
        raise UsageError(
            f"got {type(task).__name__}, expected a Task: write tasks.from_arrays(inputs, labels)"
        )


def amount(name: str, value: Any, low: float = 0.0, *, above: bool = False) -> Any:
    """Return a finite real number of at least `low`, or say what it is instead.

    A JAX scalar passes (a traced one unlooked at), so that a scale can be data of a program.

    Args:
        name: the argument's name, for the message.
        value: what was given.
        low: the smallest value taken.
        above: whether `low` itself is refused.

    Returns:
        The value as it came.

    Raises:
        UsageError: if it is no number, not finite, or too small.
    """
    if isinstance(value, jax.Array) and value.ndim == 0:
        real = bool(jnp.issubdtype(value.dtype, jnp.floating))
        known = float(value) if real and is_concrete(value) else None
    else:
        real = isinstance(value, (int, float, np.integer, np.floating))
        real = real and not isinstance(value, bool)
        known = float(value) if real else None
    fits = known is None or (math.isfinite(known) and (known > low if above else known >= low))
    if not real or not fits:
        bound = f"above {low:g}" if above else f"of at least {low:g}"
        raise UsageError(f"got {name}={in_short(value)}, expected a finite number {bound}")
    return value


def _numeric(name: str, values: Any) -> np.ndarray:
    """Return concrete numbers as a NumPy array.

    Raises:
        UsageError: if they are traced.
        ShapeError: if their rows differ in length.
        DtypeError: if they are no numbers.
        NonFiniteError: if one is NaN or infinite.
    """
    if not is_concrete(values):
        raise UsageError(f"got traced {name}, expected values: call from_arrays outside of jit")
    try:
        array = np.asarray(values)
    except ValueError:
        raise ShapeError(f"got ragged {name}, expected rows of equal length") from None
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise DtypeError(f"got {name} of type {array.dtype}, expected numbers")
    wide = array.astype(np.float64)
    with np.errstate(over="ignore"):
        if not np.isfinite(wide.astype(np.float32)).all():
            raise NonFiniteError(
                f"got NaN, infinity or a number beyond float32 in {name}: drop those rows or rescale"
            )
    return wide


def from_arrays(inputs: Any, labels: Any, *, kind: str | None = None, name: str = "given") -> Task:
    """Make a task of arrays that you have.

    Args:
        inputs: (n, d) numbers; stored as float32.
        labels: (n,) whole numbers from 0 (classes), or (n, k) numbers to be predicted; (n,) numbers
            that are not whole are read as (n, 1).
        kind: "binary", "classes" or "regression"; if not given, whole labels (n,) are classes
            (binary if there are at most two) and everything else is a regression.
        name: what to call it.

    Returns:
        The task.

    Raises:
        ShapeError: if inputs are not (n, d) with n and d at least 1, or labels do not fit them.
        UsageError: if labels do not number classes from 0, or are rows of 0 and 1 (one-hot) and no
            kind is given.

    Example:
        >>> from_arrays([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1])
        Task(given, binary, inputs (3, 2), targets (3,))
    """
    points, answers = _numeric("inputs", inputs), _numeric("labels", labels)
    if points.ndim != 2 or 0 in points.shape:
        raise ShapeError(
            f"got inputs of shape {points.shape}, expected (n, d): one row for each point"
        )
    if answers.ndim not in {1, 2} or 0 in answers.shape or len(answers) != len(points):
        raise ShapeError(
            f"got labels of shape {answers.shape} for {len(points)} points, expected "
            f"({len(points)},) classes or ({len(points)}, k) numbers"
        )
    if kind is None:
        kind = _kind_of(answers)
    x = jnp.asarray(points.astype(np.float32))
    if one_of("kind", kind, KINDS) == "regression":
        columns = answers.reshape(len(points), -1).astype(np.float32)
        return Task(x, jnp.asarray(columns), name, kind, 0)
    if answers.ndim != 1 or (answers != np.round(answers)).any() or answers.min() < 0:
        raise UsageError(
            f"got labels of shape {answers.shape} from {answers.min():g} to {answers.max():g}, "
            "expected (n,) whole numbers from 0: number the classes 0, 1, ..., or say "
            "kind='regression'"
        )
    classes = max(2, int(answers.max()) + 1)
    if classes > max(2, len(points)):
        raise UsageError(
            f"got labels up to {classes - 1} for {len(points)} points, expected classes numbered "
            "0, 1, ... without large gaps, or say kind='regression'"
        )
    if kind == "binary" and classes > 2:
        raise UsageError(f"got labels up to {classes - 1}, expected 0 and 1: say kind='classes'")
    return Task(x, jnp.asarray(answers.astype(np.int32)), name, kind, classes)


def _kind_of(answers: np.ndarray) -> str:
    """Tell the kind from the labels.

    Returns:
        One of `KINDS`.

    Raises:
        UsageError: if the rows are one-hot, which could be meant either way.
    """
    if answers.ndim == 1:
        if (answers != np.round(answers)).any():
            return "regression"
        return "binary" if answers.max() <= 1 else "classes"
    hot = np.isin(answers, (0.0, 1.0)).all() and (answers.sum(axis=1) == 1).all()
    if answers.shape[1] > 1 and hot:
        raise UsageError(
            "got labels with a single 1 in each row (one-hot), expected class numbers: write "
            "labels.argmax(axis=1), or say kind='regression'"
        )
    return "regression"


def split(key: jax.Array, task: Task, test_share: float = 0.2) -> tuple[Task, Task]:
    """Divide a task at random into a training and a test part.

    The test part has ceil(test_share n) points, as in scikit-learn's `train_test_split`.

    Args:
        key: a JAX random key.
        task: a task of n points.
        test_share: share of points to test on, between 0 and 1.

    Returns:
        (train, test); every point is in exactly one of them.

    Raises:
        UsageError: if the share is not between 0 and 1, or leaves a part without points.

    Example:
        >>> import jax
        >>> from gradchain import tasks
        >>> split(jax.random.key(1), tasks.moons(jax.random.key(0)))[0]
        Task(moons, binary, inputs (200, 2), targets (200,))
    """
    _the_task(task)
    key = random_key(key)
    real = isinstance(test_share, (float, np.floating)) and 0 < test_share < 1
    n = task.inputs.shape[0]
    tested = math.ceil(test_share * n) if real else n
    if tested >= n:
        raise UsageError(
            f"got test_share={in_short(test_share)} of {n} points, expected a number between 0 and 1 "
            "that leaves points on both sides"
        )
    order = jax.random.permutation(key, n)

    def take(places: jax.Array) -> Task:
        chosen = task.inputs[places], task.targets[places]
        return Task(*chosen, task.name, task.kind, task.classes)

    return take(order[tested:]), take(order[:tested])


def majority_share(task: Task) -> float:
    """Return the share of the largest class: the accuracy of always giving the same answer.

    Args:
        task: a classification task with values (not traced).

    Returns:
        A number between 1/classes and 1. Exact up to one rounding.

    Raises:
        UsageError: if the task is a regression, or traced.

    Example:
        >>> majority_share(from_arrays([[0.0], [1.0], [2.0]], [0, 1, 1])) == 2 / 3
        True
    """
    _the_task(task)
    if task.kind == "regression":
        raise UsageError("got a regression, expected classes: a number has no majority")
    if not is_concrete(task):
        raise UsageError("got a traced task, expected values: call this outside of jit")
    labels = np.asarray(task.targets).ravel()
    return float(np.bincount(labels).max() / labels.size)
