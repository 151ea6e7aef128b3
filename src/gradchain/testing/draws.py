"""Does an initializer draw at all what it is asked for: shape, dtype, from the key and only from it?

What can be seen without statistics: an array of the shape and dtype asked for, finite, the same for
the same key, another for another key, and no entry that all keys share.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain.initializers import Initializer
from gradchain.testing.failure import CheckFailedError


class Source:
    """Draws of one initializer, for one shape and dtype and a row of keys."""

    def __init__(
        self,
        initializer: Any,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype,
        seed: int,
        draws: int,
        layout: str,
    ) -> None:
        """Keep what to ask for; keys are jax.random.split(jax.random.key(seed), draws)."""
        self.name, self.dtype, self.draws = name, dtype, draws
        self._keys = jax.random.split(jax.random.key(seed), draws)
        self._keys_text = f"jax.random.split(jax.random.key({seed}), {draws})"
        self._call: Any = initializer
        self._transposed = layout == "in_out"
        if isinstance(initializer, Initializer):
            # What `initializers.get` made of a callable transposes; ask the callable itself.
            self._transposed = initializer.origin is not None
            self._call = initializer.origin or initializer.sampler
        self.shape = shape
        self.asked = (*shape[2:], shape[1], shape[0]) if self._transposed else shape

    def key_text(self, index: int | None = None) -> str:
        """Return the Python text that makes the keys, or one of them.

        Args:
            index: which one, or None for all.

        Returns:
            The text.
        """
        return self._keys_text if index is None else f"{self._keys_text}[{index}]"

    def draw(self, index: int, dtype: np.dtype | None = None) -> np.ndarray:
        """Draw with one key and check shape, dtype and that all entries are finite.

        Args:
            index: of the key.
            dtype: another dtype to ask for.

        Returns:
            The weights, as (fan_out, fan_in) or (out, in, *spatial).

        Raises:
            CheckFailedError: something else than was asked for.
        """
        dtype = dtype or self.dtype
        drawn = self.drawn_as_is(index, dtype)
        what = f"{self.name} asked for {dtype.name}{list(self.asked)}"
        text = self.key_text(index)
        if not isinstance(drawn, (jax.Array, np.ndarray)):
            raise CheckFailedError(what, "an array", type(drawn).__name__, text)
        if drawn.shape != self.asked:
            hint = (
                "A callable is asked for (fan_in, fan_out), as in jax.nn.initializers; pass "
                "layout='out_in' if yours takes (fan_out, fan_in)."
                if self._transposed and drawn.shape == self.shape
                else ""
            )
            raise CheckFailedError(f"{what}: shape", f"{self.asked}", f"{drawn.shape}", text, hint)
        if drawn.dtype != dtype:
            raise CheckFailedError(f"{what}: dtype", dtype.name, drawn.dtype.name, text)
        weights = np.asarray(drawn)
        wide = weights.astype(np.float64)
        if not np.isfinite(wide).all():
            bad = tuple(int(i) for i in np.argwhere(~np.isfinite(wide))[0])
            raise CheckFailedError(what, "finite weights", f"{wide[bad]} at entry {bad}", text)
        if self._transposed:
            last = wide.ndim - 1
            return np.transpose(wide, (last, last - 1, *range(last - 1)))
        return wide

    def drawn_as_is(self, index: int, dtype: np.dtype) -> Any:
        """Call the initializer and say what it raised.

        Args:
            index: of the key.
            dtype: to ask for.

        Returns:
            Whatever it returned.

        Raises:
            CheckFailedError: it raised something.
        """
        try:
            return self._call(self._keys[index], self.asked, dtype)
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            raise CheckFailedError(
                f"{self.name} asked for {dtype.name}{list(self.asked)}",
                "an array",
                f"{type(error).__name__}: {lines[0][:200]}",
                self.key_text(index),
            ) from error


def check_draws(source: Source, zero: bool) -> list[np.ndarray]:
    """Draw with every key and check what needs no statistics.

    Args:
        source: the draws.
        zero: whether the declared variance is 0, so that every entry must be 0.

    Returns:
        The draws, each as a float64 matrix (rows, columns).

    Raises:
        CheckFailedError: a state, an ignored key, constants.
    """
    first = source.draw(0)
    if not np.array_equal(first, source.draw(0)):
        raise CheckFailedError(
            source.name,
            "the same weights from two calls with one key",
            "different ones: it keeps a state, or has its own randomness",
            source.key_text(0),
        )
    draws = [first, *(source.draw(index) for index in range(1, source.draws))]
    if zero:
        _check_zero(source, draws)
    else:
        _check_random(source, draws)
    return [each.reshape(each.shape[0], -1) for each in draws]


def _check_zero(source: Source, draws: list[np.ndarray]) -> None:
    for index, weights in enumerate(draws):
        if weights.any():
            at = tuple(int(i) for i in np.argwhere(weights)[0])
            found = f"{weights[at]} at entry {at}"
            expected = "zeros everywhere, as the declared variance is 0"
            raise CheckFailedError(source.name, expected, found, source.key_text(index))


def _check_random(source: Source, draws: list[np.ndarray]) -> None:
    first = draws[0]
    if first.size > 1 and np.all(first == first.flat[0]):
        raise CheckFailedError(
            source.name,
            "random weights",
            f"the constant {first.flat[0]}",
            source.key_text(0),
            "Declare variance=0 if zeros are meant." if not first.any() else "",
        )
    seen: dict[bytes, int] = {}
    for index, weights in enumerate(draws):
        before = seen.setdefault(weights.tobytes(), index)
        if before != index:
            raise CheckFailedError(
                source.name,
                f"weights other than those of {source.key_text(before)}",
                "the same ones: it ignores its key",
                source.key_text(index),
            )
    fixed = (np.ptp(np.stack(draws), axis=0) == 0) & (first != 0)
    if fixed.any():
        at = tuple(int(i) for i in np.argwhere(fixed)[0])
        raise CheckFailedError(
            source.name,
            "another value for another key, at every entry",
            f"{first[at]} at entry {at} for all {len(draws)} keys "
            f"({int(fixed.sum())} such entries)",
            source.key_text(1),
        )


def try_half_precision(source: Source) -> str | None:
    """Ask once for bfloat16: an initializer that ignores its dtype gives another one.

    Args:
        source: the draws.

    Returns:
        A note if the initializer refuses bfloat16 (which is no fault), else None.
    """
    half = jnp.dtype(jnp.bfloat16)
    if source.dtype == half:
        return None
    try:
        source.drawn_as_is(0, half)
    except CheckFailedError as error:
        return f"it does not draw bfloat16: {error.found}"
    source.draw(0, half)
    return None
