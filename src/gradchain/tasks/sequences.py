"""Tasks through time: what was said at the start is asked for at the end.

The clue lies `distance` steps before its answer; see `SequenceTask`.

task            the clue                              the answer
first_token     the first token                       that token, at the last step
adding          two marked numbers                    their sum, at the last step
copy_memory     `items` symbols at the start          the same symbols at the last `items` steps
sentence        a country, the first word             its language, at the last step

Sources: Hochreiter and Schmidhuber, Neural Comput. 9 (1997) 1735 (adding; long time lags); Arjovsky,
Shah and Bengio, arXiv:1511.06464 (adding and copy memory as they are used since).
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._types import whole_number
from gradchain.tasks.sentences import Sentence, sentence
from gradchain.tasks.sequence_noun import SequenceTask, one_hot

__all__ = [
    "Adding",
    "CopyMemory",
    "FirstToken",
    "Sentence",
    "SequenceTask",
    "adding",
    "copy_memory",
    "first_token",
    "sentence",
]


@dataclass(frozen=True, kw_only=True)
class FirstToken(SequenceTask):
    """Name the first token after `distance` further ones; made by `first_token`."""

    distractors: int | None = None

    def drawn(self, key: jax.Array, n: int, dtype: np.dtype) -> tuple[jax.Array, jax.Array]:
        """Draw; see `SequenceTask.draw`."""
        first_key, later_key = jax.random.split(key)
        first = jax.random.randint(first_key, (n,), 0, self.outputs, jnp.int32)
        shape = n, self.distance
        if self.distractors is None:
            later = jax.random.randint(later_key, shape, 0, self.outputs, jnp.int32)
        elif self.distractors:
            later = jax.random.randint(later_key, shape, self.outputs, self.inputs, jnp.int32)
        else:
            later = jnp.full(shape, -1, jnp.int32)
        return one_hot(jnp.column_stack([first, later]), self.inputs, dtype), first


def first_token(distance: int, vocabulary: int = 4, distractors: int | None = None) -> FirstToken:
    """Make the task to name the first token: T = distance + 1 steps, label = token 1.

    The first token is uniform over the vocabulary. So is every later one, independently, if
    `distractors` is not given; with a whole number k they are uniform over k further symbols, which
    cannot be mistaken for the clue; with 0 the later inputs are zero.

    Args:
        distance: steps from the first token to the answer, T - 1.
        vocabulary: number of first tokens V, at least 2.
        distractors: None, or the number of further symbols.

    Returns:
        The task: V classes; inputs are one-hot, of V entries and one more for each further symbol.
        Without memory: accuracy 1/V, loss ln V.

    Raises:
        UsageError: if an argument is no whole number or too small.

    Example:
        >>> task = first_token(50, vocabulary=4, distractors=3)
        >>> task.length, task.inputs, task.chance, round(task.baseline_loss, 6)
        (51, 7, 0.25, 1.386294)
    """
    distance = whole_number("distance", distance)
    vocabulary = whole_number("vocabulary", vocabulary, 2)
    if distractors is not None:
        distractors = whole_number("distractors", distractors, 0)
    inputs = vocabulary + (distractors or 0)
    return FirstToken("first_token", distance + 1, inputs, vocabulary, distractors=distractors)


@dataclass(frozen=True, kw_only=True)
class Adding(SequenceTask):
    """Add two marked numbers; made by `adding`."""

    # Hochreiter and Schmidhuber 1997 count an answer as right within this much.
    tolerance: ClassVar[float] = 0.04

    @property
    def chance(self) -> float:
        """P(|u + v - 1| < 0.04) = 1 - (1 - 0.04)^2 for uniform u, v: that of always saying 1."""
        return 1.0 - (1.0 - self.tolerance) ** 2

    @property
    def baseline_loss(self) -> float:
        """Var(u + v) = 1/6, the mean square error of always saying 1; mean over sequences."""
        return 1.0 / 6.0

    def drawn(self, key: jax.Array, n: int, dtype: np.dtype) -> tuple[jax.Array, jax.Array]:
        """Draw; see `SequenceTask.draw`."""
        value_key, first_key, second_key = jax.random.split(key, 3)
        half, last = self.distance // 2, self.distance
        values = jax.random.uniform(value_key, (n, self.length), dtype)
        first = jax.random.randint(first_key, (n, 1), 0, half, jnp.int32)
        second = jax.random.randint(second_key, (n, 1), half, last, jnp.int32)
        places = jnp.arange(self.length, dtype=jnp.int32)[None]
        marked = ((places == first) | (places == second)).astype(dtype)
        return jnp.stack([values, marked], axis=-1), jnp.sum(values * marked, axis=1)


def adding(distance: int) -> Adding:
    """Make the adding problem: T = distance + 1 steps, answer = the sum of the two marked numbers.

    One step's input is (u, m) with u uniform on [0, 1) and m = 1 at two steps, else 0. The first mark
    is uniform over steps 1 .. floor(distance/2), the second over the later steps but the last, which
    is never marked. So the earlier number is asked for after `distance` steps at most and after more
    than half of them always. In the usual statement (Arjovsky et al. 2015) the last step may be marked
    too; without it a network without memory knows nothing at all, and its loss of 1/6 is exact.

    Args:
        distance: T - 1, at least 2.

    Returns:
        The task: a regression with one output. Without memory: loss 1/6, and 0.0784 of all answers
        within `tolerance` = 0.04, which Hochreiter and Schmidhuber count as right.

    Raises:
        UsageError: if distance is no whole number of at least 2.

    Example:
        >>> task = adding(99)
        >>> task.length, task.kind, task.baseline_loss
        (100, 'regression', 0.16666666666666666)
    """
    distance = whole_number("distance", distance, 2)
    return Adding("adding", distance + 1, 2, 1, "regression")


@dataclass(frozen=True, kw_only=True)
class CopyMemory(SequenceTask):
    """Repeat symbols after a delay; made by `copy_memory`."""

    def drawn(self, key: jax.Array, n: int, dtype: np.dtype) -> tuple[jax.Array, jax.Array]:
        """Draw; see `SequenceTask.draw`."""
        items, blank = self.answers, self.outputs
        said = jax.random.randint(key, (n, items), 0, self.outputs, jnp.int32)
        rest = np.full((n, self.distance), blank, np.int32)
        rest[:, -items - 1] = blank + 1
        tokens = jnp.concatenate([said, jnp.asarray(rest)], axis=1)
        return one_hot(tokens, self.inputs, dtype), said


def copy_memory(delay: int, symbols: int = 8, items: int = 10) -> CopyMemory:
    """Make the copy memory task: `items` symbols, to be repeated after a delay.

    T = delay + 2 items: the symbols, uniform and independent; delay - 1 blanks; one sign to begin;
    `items` blanks, during which the symbols are asked for in order. Arjovsky et al. 2015 with symbols 8
    and items 10. Only the last `items` steps are judged here; the literature takes the mean over all T
    steps, where the loss without memory is items ln(symbols)/T instead of ln(symbols).

    Args:
        delay: steps from the end of the symbols to the first answer, at least 1.
        symbols: number of different symbols, at least 2.
        items: symbols to remember.

    Returns:
        The task: targets (n, items); distance delay + items for each of them; inputs one-hot over the
        symbols, the blank and the sign. Without memory: accuracy 1/symbols, loss ln(symbols).

    Raises:
        UsageError: if an argument is no whole number or too small.

    Example:
        >>> task = copy_memory(100)
        >>> task.length, task.distance, task.inputs, task.answers
        (120, 110, 10, 10)
    """
    delay = whole_number("delay", delay)
    symbols, items = whole_number("symbols", symbols, 2), whole_number("items", items)
    return CopyMemory("copy_memory", delay + 2 * items, symbols + 2, symbols, answers=items)
