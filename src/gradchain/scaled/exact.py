"""Which real number does a `Scaled` value hold, exactly, and how is it written?

Every mantissa is a fraction with a power of two below, so the value is a `fractions.Fraction` and its
decimal text is rounded from that, half-even, at any exponent. Concrete values only. Cost: exact
integer arithmetic, a few microseconds an entry.
"""

from fractions import Fraction

import jax
import numpy as np

from gradchain._errors import NonFiniteError, UsageError
from gradchain._text import form_of, significant
from gradchain._types import float_array, in_short, is_concrete, whole_number
from gradchain.scaled.bits import format_of
from gradchain.scaled.value import Scaled

# A float64 is written out in full with 767; nobody needs more than this.
MOST_DIGITS = 10_000


def _entries(value: "Scaled | jax.Array | np.ndarray") -> tuple[list[float], list[int], tuple]:
    """Read mantissas and exponents out of a concrete value."""
    if not is_concrete(value):
        raise UsageError("got a traced value, expected a concrete one: call this outside of jit")
    if isinstance(value, Scaled):
        mantissa = np.asarray(value.mantissa).astype(np.float64)
        exponent = np.broadcast_to(np.asarray(value.exponent), mantissa.shape)
    else:
        mantissa = np.asarray(float_array(value, "a value")).astype(np.float64)
        exponent = np.zeros(mantissa.shape, np.int32)
    if not np.isfinite(mantissa).all():
        raise NonFiniteError("got NaN or infinity, expected finite values: it has no exact text")
    return mantissa.ravel().tolist(), exponent.ravel().tolist(), mantissa.shape


def to_fraction(value: "Scaled | jax.Array | np.ndarray") -> "Fraction | np.ndarray":
    """Return the exact value as a fraction.

    Args:
        value: a `Scaled` value or a float array of any shape.

    Returns:
        A `Fraction` for a scalar, else an object array of them. Exact.

    Raises:
        UsageError: if the value is traced.
        NonFiniteError: if it holds NaN or infinity.

    Example:
        >>> import jax.numpy as jnp
        >>> to_fraction(jnp.float32(0.375))
        Fraction(3, 8)
    """
    mantissas, exponents, shape = _entries(value)
    fractions = np.empty(len(mantissas), object)
    for i, (m, e) in enumerate(zip(mantissas, exponents, strict=True)):
        power = Fraction(2**e) if e >= 0 else Fraction(1, 2**-e)
        fractions[i] = Fraction(m) * power
    return fractions[0] if shape == () else fractions.reshape(shape)


def to_decimal(value: "Scaled | jax.Array", digits: int | None = None) -> "str | np.ndarray":
    """Write the value as decimal text such as `7.888609052210118e-31` or `3.1e-602`.

    Args:
        value: a `Scaled` value or a float array of any shape.
        digits: significant digits, half-even; if not given, the fewest that identify the mantissa
            in its type, as Python's `repr` does for floats.

    Returns:
        A string for a scalar, else an object array of strings.

    Raises:
        UsageError: if the value is traced, or digits is below 1 or above 10 000.
        NonFiniteError: if it holds NaN or infinity.

    Example:
        >>> import jax.numpy as jnp
        >>> to_decimal(jnp.float32(2.0**-100))
        '7.888609e-31'
        >>> to_decimal(jnp.float32(2.0**-100), digits=16)
        '7.888609052210118e-31'
    """
    digits = None if digits is None else whole_number("digits", digits)
    if digits is not None and digits > MOST_DIGITS:
        raise UsageError(f"got digits={in_short(digits)}, expected at most {MOST_DIGITS}")
    if not isinstance(value, Scaled):
        value = float_array(value, "a value")
    exact = to_fraction(value)
    precision = format_of(value.dtype).precision
    if isinstance(exact, Fraction):
        return _write(exact, digits, precision)
    texts = np.empty(exact.size, object)
    for i, fraction in enumerate(exact.ravel()):
        texts[i] = _write(fraction, digits, precision)
    return texts.reshape(exact.shape)


def _write(exact: Fraction, digits: int | None, precision: int) -> str:
    """Round to the digits asked for, or to the fewest within a quarter ulp below the mantissa."""
    if digits is not None or exact == 0:
        return form_of(significant(exact, digits or 1), "ascii")
    spacing = abs(exact) / 2**precision
    text = ""
    for count in range(1, 18):
        text = form_of(significant(exact, count), "ascii")
        if abs(Fraction(text) - exact) * 2 < spacing:
            break
    return text
