"""The sentence task: a country at the start, and which language is spoken at the end?

What is to be remembered is said once, at the first word; all words between are filler.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, ShapeError, UsageError
from gradchain._types import in_short, is_concrete
from gradchain.tasks.sequence_noun import SequenceTask, one_hot

# Words of the sentence task. A filler word at place k before the end is one of `FILLERS[k % 6]`.
LANGUAGES = {
    "France": "French",
    "Spain": "Spanish",
    "Italy": "Italian",
    "Germany": "German",
    "Japan": "Japanese",
    "Poland": "Polish",
    "Turkey": "Turkish",
    "China": "Chinese",
}
FILLERS = (
    ("rivers", "houses", "markets", "mountains"),
    ("old", "small", "green", "quiet"),
    ("saw", "liked", "painted", "remembered"),
    ("often", "never", "always", "sometimes"),
    ("we", "they", "people", "friends"),
    ("and", "then", "so", "but"),
)
ENDING = ("I", "speak", "fluent")
WORDS = (*LANGUAGES, *(word for group in FILLERS for word in group), *ENDING)
_FARTHEST = 200


@dataclass(frozen=True, kw_only=True)
class Sentence(SequenceTask):
    """Say which language is spoken; made by `sentence`."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages, in the order of the targets."""
        return tuple(LANGUAGES.values())

    def drawn(self, key: jax.Array, n: int, dtype: np.dtype) -> tuple[jax.Array, jax.Array]:
        """Draw; see `SequenceTask.draw`."""
        country_key, filler_key = jax.random.split(key)
        country = jax.random.randint(country_key, (n,), 0, self.outputs, jnp.int32)
        ending = ENDING[-min(self.distance, len(ENDING)) :]
        # Groups of filler words are counted from the end, so that the sentence ends in good order.
        group = np.arange(self.distance - len(ending), dtype=np.int32)[::-1] % len(FILLERS)
        size = len(FILLERS[0])
        start = jnp.asarray(len(LANGUAGES) + size * group)
        fillers = start[None] + jax.random.randint(filler_key, (n, group.size), 0, size, jnp.int32)
        end = np.array([WORDS.index(word) for word in ending], np.int32)
        end = jnp.broadcast_to(jnp.asarray(end)[None], (n, end.size))
        tokens = jnp.concatenate([country[:, None], fillers, end], axis=1)
        return one_hot(tokens, self.inputs, dtype), country

    def words(self, row: jax.Array | np.ndarray) -> list[str]:
        """Read a drawn sequence back.

        Args:
            row: the inputs of one sequence (T, inputs), with values (not traced).

        Returns:
            Its T words; what the network is to say next is `languages[target]`.

        Raises:
            UsageError: if the row is traced, or a step is not one word.
            ShapeError: if it is of another shape.
            DtypeError: if it is no array.
        """
        if not is_concrete(row):
            raise UsageError("got a traced row, expected values: call this outside of jit")
        try:
            known = isinstance(row, (jax.Array, np.ndarray, list, tuple))
            values = np.asarray(row) if known else None
        except (TypeError, ValueError):
            # Rows of several lengths, or a random key.
            values = None
        if values is None:
            raise DtypeError(
                f"got a row of type {getattr(row, 'dtype', type(row).__name__)}, expected an array "
                f"{(self.length, self.inputs)}: pass the inputs of one sequence"
            )
        if values.shape != (self.length, self.inputs):
            raise ShapeError(
                f"got a row of shape {values.shape}, expected {(self.length, self.inputs)}: pass "
                "the inputs of one sequence"
            )
        if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
            raise UsageError("got a row that is not one-hot, expected a single 1 in each step")
        return [WORDS[place] for place in values.argmax(axis=1)]


def sentence(distance: int) -> Sentence:
    """Make the sentence task: a country, filler words, "I speak fluent" - and which language?

    T = distance + 1 words: one of 8 countries, distance - 3 filler words, and the ending. Countries are
    uniform; a filler word is uniform over four of its kind (and, we, often, saw, old, rivers, in this
    order), all independent of the country. At distance 2 the ending is "speak fluent".

    Args:
        distance: steps from the country to the last word, whose answer is asked for; 2 to 200.

    Returns:
        The task: 8 classes, inputs one-hot over 35 words. Without memory: accuracy 1/8, loss ln 8.

    Raises:
        UsageError: if distance is no whole number from 2 to 200.

    Example:
        >>> import jax
        >>> task = sentence(7)
        >>> inputs, targets = task.draw(jax.random.key(0), 1)
        >>> " ".join(task.words(inputs[0])).split(maxsplit=1)[1][-14:]
        'I speak fluent'
    """
    number = isinstance(distance, (int, np.integer)) and not isinstance(distance, bool)
    if not number or not 2 <= distance <= _FARTHEST:
        raise UsageError(
            f"got distance={in_short(distance)}, expected a whole number from 2 to {_FARTHEST}"
        )
    return Sentence("sentence", int(distance) + 1, len(WORDS), len(LANGUAGES))
