"""What is a task through time, as a noun: steps, inputs, and which of the last steps are judged.

Time runs t = 1 .. T. Of T steps the last `answers` are judged; the clue lies `distance` steps before
its answer, where `distance = T - answers`. Draws are pure functions of a key.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, UsageError
from gradchain._types import in_short, random_key, whole_number

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def _float_type(dtype: Any) -> np.dtype:
    """Return the float type asked for; JAX's default for None.

    Raises:
        DtypeError: if it is no float type, or float64 while JAX is in 32-bit mode.
    """
    try:
        wanted = jnp.dtype(float if dtype is None else dtype)
    except TypeError:
        wanted = None
    if dtype is None:
        return jax.dtypes.canonicalize_dtype(float)
    if wanted is None or wanted.name not in _FLOATS:
        raise DtypeError(f"got dtype={in_short(dtype)}, expected one of {', '.join(_FLOATS)}")
    if jax.dtypes.canonicalize_dtype(wanted) != wanted:
        raise DtypeError(
            f"got dtype {wanted.name} while JAX is in 32-bit mode: wrap the call in "
            "`with jax.enable_x64(True):`"
        )
    return wanted


def one_hot(tokens: jax.Array, size: int, dtype: np.dtype) -> jax.Array:
    """Write tokens as inputs.

    Args:
        tokens: whole numbers (..., T).
        size: number of different tokens.
        dtype: float type.

    Returns:
        Rows (..., T, size) of one 1 and zeros; a token below 0 is a row of zeros.
    """
    return jax.nn.one_hot(tokens, size, dtype=dtype)


@dataclass(frozen=True)
class SequenceTask:
    """One task through time: hashable, equal by its settings, holding no arrays.

    `length` is T, `inputs` the entries of one step's input, `outputs` the units of an output layer,
    `kind` "classes" or "regression", `answers` how many of the last steps are judged. Make one with
    `first_token`, `adding`, `copy_memory` or `sentence`; a task of your own is a frozen dataclass that
    derives from this one and overrides `drawn`.

    Example:
        >>> import jax
        >>> from gradchain import tasks
        >>> task = tasks.first_token(20)
        >>> inputs, targets = task.draw(jax.random.key(0), 8)
        >>> inputs.shape, targets.shape
        ((8, 21, 4), (8,))
    """

    name: str
    length: int
    inputs: int
    outputs: int
    kind: str = "classes"
    answers: int = 1

    # An answer in numbers counts as right within this much; answers in classes are right or wrong.
    tolerance: ClassVar[float] = 0.0

    @property
    def distance(self) -> int:
        """Steps between a clue and its answer; where a clue may stand nearer, the most it can be."""
        return self.length - self.answers

    @property
    def chance(self) -> float:
        """Share of answers that the best guess without memory has right, exactly."""
        return 1.0 / self.outputs

    @property
    def baseline_loss(self) -> float:
        """Loss of the best predictor without memory (one that sees the present input only), exactly.

        Cross-entropy in nats for classes, mean square for a regression; the mean over the judged
        answers, not over all T steps.
        """
        return math.log(self.outputs)

    def draw(self, key: jax.Array, n: int, dtype: Any = None) -> tuple[jax.Array, jax.Array]:
        """Draw n independent sequences.

        Works under `jax.jit` and `jax.vmap`, with n a Python number.

        Args:
            key: a JAX random key.
            n: number of sequences.
            dtype: float type of the inputs; JAX's default if not given.

        Returns:
            Inputs (n, T, inputs) and targets: int32 (n,), or (n, answers) if several steps are
            judged; of the inputs' type (n,) for a regression. Cost O(n T inputs).

        Raises:
            UsageError: if key is no key or n no whole number of at least 1.
            DtypeError: if dtype is no float type, or float64 while JAX is in 32-bit mode.
        """
        n = whole_number("n", n)
        return self.drawn(random_key(key), n, _float_type(dtype))

    def drawn(self, key: jax.Array, n: int, dtype: np.dtype) -> tuple[jax.Array, jax.Array]:
        """Return what `draw` returns, from arguments already checked: a task of your own has this.

        Args:
            key: a JAX random key.
            n: number of sequences.
            dtype: float type of the inputs.

        Raises:
            UsageError: if a task does not say how it is drawn.
        """
        raise UsageError(
            f"got a task {in_short(self.name)} without a law, expected one of first_token, adding, "
            "copy_memory, sentence, or a class of your own with a method drawn(key, n, dtype)"
        )
