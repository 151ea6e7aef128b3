"""How does one take a float apart, and put it together, without the hardware's help?

A finite float is f * 2**e with 1/2 <= |f| < 1 (or 0). `jnp.frexp` is wrong on subnormals, `ldexp`
flushes them, `exp2` and `pow` are inexact, and XLA's CPU arithmetic reads a subnormal as zero. So
everything here works on the integer bit pattern, for float16, bfloat16, float32 and float64 alike:

    split(x)    -> (f, e)                     exact, subnormals included
    join(f, e)  -> f * 2**e                   half-even, gradual underflow, overflow to infinity
    scale(x, k) -> x * 2**k                   the same, for a plain array

Cost: a few integer operations an element. Format facts: IEEE 754-2019, table 3.5.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import DtypeError, UsageError
from gradchain._types import float_array, in_short


class Format(NamedTuple):
    """The layout of a binary float type: total bits, precision (with the hidden bit), bias."""

    bits: int
    precision: int
    bias: int

    @property
    def smallest_exponent(self) -> int:
        """Exponent e of the smallest normal number, written as 1/2 * 2**e."""
        return 2 - self.bias


FORMATS = {
    "float16": Format(16, 11, 15),
    "bfloat16": Format(16, 8, 127),
    "float32": Format(32, 24, 127),
    "float64": Format(64, 53, 1023),
}

_UNSIGNED = {16: jnp.uint16, 32: jnp.uint32, 64: jnp.uint64}


def format_of(dtype: object) -> Format:
    """Return the layout of a float type.

    Args:
        dtype: a float type or an array's dtype.

    Returns:
        Its `Format`.

    Raises:
        DtypeError: for anything but float16, bfloat16, float32 and float64.
    """
    try:
        # NumPy reads None as float64, which nobody meant.
        name = "None" if dtype is None else jnp.dtype(dtype).name  # type: ignore[arg-type]
    except TypeError:
        name = in_short(dtype)
    if name not in FORMATS:
        raise DtypeError(
            f"got dtype {name}, expected one of {', '.join(FORMATS)}: convert with .astype(...)"
        )
    return FORMATS[name]


def at_least_float32(dtype: object) -> np.dtype:
    """Return the type that sums accumulate in: float32 for the 16-bit types, else the type itself.

    Args:
        dtype: a float type.

    Returns:
        float32 or float64.
    """
    return jnp.dtype(dtype if format_of(dtype).bits > 16 else jnp.float32)  # type: ignore[arg-type]


def _whole(exponent: Any) -> jax.Array:
    """Return exponents as an array of a whole-number type.

    Raises:
        UsageError: if they are of another type.
    """
    kind = getattr(exponent, "dtype", type(exponent))
    try:
        if jnp.issubdtype(jnp.dtype(kind), jnp.integer):
            return jnp.asarray(exponent)
    except (TypeError, OverflowError):
        pass
    raise UsageError(f"got exponents of type {kind}, expected whole numbers: an int32 array")


def _constant(value: int, like: jax.Array) -> jax.Array:
    """Make an unsigned constant of the same integer type; a Python int would overflow int32."""
    return jnp.asarray(np.array(value, like.dtype))


def _bits(x: jax.Array) -> tuple[jax.Array, Format]:
    """Return the bit pattern of a float array as unsigned integers, with its format."""
    layout = format_of(x.dtype)
    return lax.bitcast_convert_type(x, _UNSIGNED[layout.bits]), layout


def _work(bits: jax.Array, layout: Format) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Split a bit pattern into sign bits, biased exponent (int32) and stored fraction."""
    fraction_bits = layout.precision - 1
    magnitude = bits & _constant((1 << (layout.bits - 1)) - 1, bits)
    sign = bits ^ magnitude
    biased = (magnitude >> _constant(fraction_bits, bits)).astype(jnp.int32)
    fraction = magnitude & _constant((1 << fraction_bits) - 1, bits)
    return sign, biased, fraction


def binary_exponent(x: jax.Array) -> jax.Array:
    """Return e with 2**(e-1) <= |x| < 2**e, elementwise, right for subnormals; 0 for 0, inf, nan.

    Args:
        x: float array of any shape.

    Returns:
        int32 array of the same shape. Exact.

    Example:
        >>> import jax.numpy as jnp
        >>> binary_exponent(jnp.array([1.0, 0.25, 1e-40, 0.0])).tolist()
        [1, -1, -132, 0]
    """
    x = lax.stop_gradient(float_array(x, "x"))
    bits, layout = _bits(x)
    _, biased, fraction = _work(bits, layout)
    leading = layout.bits - lax.clz(fraction).astype(jnp.int32)
    subnormal = layout.smallest_exponent - layout.precision + leading
    exponent = jnp.where(biased == 0, subnormal, biased - layout.bias + 1)
    special = ((biased == 0) & (fraction == 0)) | (biased == 2 * layout.bias + 1)
    return jnp.where(special, 0, exponent).astype(jnp.int32)


def magnitude_order(x: jax.Array) -> jax.Array:
    """Return integers that order like |x|, subnormals included (XLA's float maximum reads them as 0).

    Args:
        x: float array of any shape.

    Returns:
        Signed integers of the float's width, at least 0; `from_order` turns one back into |x|.
    """
    layout = format_of(x.dtype)
    signed = {16: jnp.int16, 32: jnp.int32, 64: jnp.int64}[layout.bits]
    raw = lax.bitcast_convert_type(lax.stop_gradient(x), signed)
    return raw & jnp.asarray(np.array((1 << (layout.bits - 1)) - 1, raw.dtype))


def from_order(order: jax.Array, dtype: object) -> jax.Array:
    """Turn what `magnitude_order` gave back into the float |x|.

    Args:
        order: integers from `magnitude_order`.
        dtype: the float type they came from.

    Returns:
        Non-negative floats. Exact.
    """
    return lax.bitcast_convert_type(order, jnp.dtype(dtype))  # type: ignore[arg-type]


def power_of_two(exponent: jax.Array, dtype: object) -> jax.Array:
    """Build 2**exponent from bits; exponents outside the normal range are clipped to its ends.

    Args:
        exponent: int32 array.
        dtype: the float type of the result.

    Returns:
        Float array of the same shape. Exact inside the normal range.

    Example:
        >>> import jax.numpy as jnp
        >>> power_of_two(jnp.array([-3, 10]), jnp.float32).tolist()
        [0.125, 1024.0]
    """
    layout = format_of(dtype)
    biased = jnp.clip(_whole(exponent) + layout.bias, 1, 2 * layout.bias)
    unsigned = _UNSIGNED[layout.bits]
    bits = biased.astype(unsigned) << jnp.asarray(np.array(layout.precision - 1, unsigned))
    return lax.bitcast_convert_type(bits, jnp.dtype(dtype))  # type: ignore[arg-type]


def _float_scale(x: jax.Array, exponent: jax.Array) -> jax.Array:
    """Multiply by 2**exponent with ordinary floats, in three steps so that no factor overflows.

    Linear in x, so it serves as the derivative of the integer routines.

    Returns:
        The product; exact unless a step leaves the normal range.
    """
    layout = format_of(x.dtype)
    limit = layout.bias - 1
    first = jnp.clip(exponent, -limit, limit)
    second = jnp.clip(exponent - first, -limit, limit)
    third = jnp.clip(exponent - first - second, -limit, limit)
    for part in (first, second, third):
        x = x * power_of_two(part, x.dtype)
    return x


def scale(x: jax.Array, exponent: jax.Array) -> jax.Array:
    """Return x * 2**exponent, correctly rounded (half-even) with gradual underflow.

    Args:
        x: float array.
        exponent: int32 array that broadcasts against x.

    Returns:
        Array of x's dtype. Exact whenever the result is representable; infinite past the top.

    Example:
        >>> import jax.numpy as jnp
        >>> float(scale(jnp.float32(3.0), jnp.int32(-2)))
        0.75
    """
    x = float_array(x, "x")
    return join(x, exponent, x.dtype)


def split(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Take floats apart: x = f * 2**e with 1/2 <= |f| < 1, on the bits.

    Args:
        x: float array of any shape.

    Returns:
        f, of x's dtype, and e, int32. Zero, infinities and NaN come back as they are with e = 0.
        Exact for every bit pattern. The derivative of f is 2**-e, e is a constant.

    Example:
        >>> import jax.numpy as jnp
        >>> f, e = split(jnp.float32(1e-40))
        >>> round(float(f), 4), int(e)
        (0.5444, -132)
    """
    return _split(float_array(x, "x"))


@jax.custom_jvp
def _split(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Do what `split` says, for a float array."""
    bits, layout = _bits(x)
    sign, biased, fraction = _work(bits, layout)
    fraction_bits = layout.precision - 1
    # A subnormal's leading bit moves to the hidden position: shift = zeros above it in the field.
    zeros = lax.clz(fraction).astype(jnp.int32) - (layout.bits - layout.precision)
    shift = jnp.clip(zeros, 0, fraction_bits).astype(fraction.dtype)
    mask = _constant((1 << fraction_bits) - 1, fraction)
    fraction = jnp.where(biased == 0, (fraction << shift) & mask, fraction)
    half = _constant((layout.bias - 1) << fraction_bits, bits)
    built = lax.bitcast_convert_type(sign | half | fraction, x.dtype)
    exponent = binary_exponent(x)
    _, original_biased, original_fraction = _work(bits, layout)
    zero = (original_biased == 0) & (original_fraction == 0)
    keep = zero | (original_biased == 2 * layout.bias + 1)
    return jnp.where(keep, x, built), exponent


@_split.defjvp
def _split_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    (x,), (dx,) = primals, tangents
    fraction, exponent = split(x)
    return (fraction, exponent), (_float_scale(dx, -exponent), _no_tangent(exponent))


def _no_tangent(integers: jax.Array) -> np.ndarray:
    """Return the tangent that JAX asks for beside an integer output."""
    return np.zeros(jnp.shape(integers), dtype=jax.dtypes.float0)


def join(x: jax.Array, exponent: jax.Array, dtype: object) -> jax.Array:
    """Return x * 2**exponent as a float of the given type: half-even, gradual underflow.

    Rounds once, straight from the exact value, on the bits; the same on every backend.

    Args:
        x: float array.
        exponent: int32 array that broadcasts against x.
        dtype: float type of the result; float64 needs 64-bit mode.

    Returns:
        Array of that type; infinite where the value is too large. Its derivative is 2**exponent,
        rounded like an ordinary product.

    Raises:
        DtypeError: if the type is none of the four, or float64 while JAX is in 32-bit mode.

    Example:
        >>> import jax.numpy as jnp
        >>> float(join(jnp.float32(0.5), jnp.int32(-1), jnp.float16))
        0.25
    """
    format_of(dtype)
    wanted = jnp.dtype(dtype)  # type: ignore[arg-type]
    if jax.dtypes.canonicalize_dtype(wanted) != wanted:
        raise DtypeError(
            f"got dtype {wanted} while JAX is in 32-bit mode: wrap the call in "
            "`with jax.enable_x64(True):`"
        )
    return _join(float_array(x, "x"), _whole(exponent), wanted)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _join(x: jax.Array, exponent: jax.Array, dtype: np.dtype) -> jax.Array:
    """Do what `join` says, for a dtype object."""
    target = format_of(dtype)
    fraction, own = split(x)
    source = format_of(fraction.dtype)
    width = max(source.bits, target.bits)
    unsigned = _UNSIGNED[width]

    def number(value: int) -> jax.Array:
        return jnp.asarray(np.array(value, unsigned))

    bits, _ = _bits(fraction)
    sign, biased, stored = _work(bits, source)
    stored = stored.astype(unsigned)
    exponent = own + exponent
    significand = stored | number(1 << (source.precision - 1))
    # The result is R units of its last place; R comes from shifting the significand right by `drop`.
    tiny = jnp.maximum(target.smallest_exponent - exponent, 0)
    drop = source.precision - target.precision + tiny
    left = jnp.maximum(-drop, 0).astype(unsigned)
    right = jnp.clip(drop, 0, source.precision + 1).astype(unsigned)
    kept = (significand << left) >> right
    half = (number(1) << right) >> number(1)
    rest = (significand << left) - (kept << right)
    odd = (kept & number(1)) == number(1)
    up = (right > number(0)) & ((rest > half) | ((rest == half) & odd))
    units = kept + up.astype(unsigned)
    # A carry out of the fraction runs into the exponent field by itself, as it should.
    place = jnp.clip(exponent - target.smallest_exponent, -1, 2 * target.bias + 1)
    base = jnp.where(place >= 0, place, 0).astype(unsigned) << number(target.precision - 1)
    infinity = number((2 * target.bias + 1) << (target.precision - 1))
    magnitude = jnp.where(place >= 2 * target.bias, infinity, jnp.minimum(base + units, infinity))
    target_unsigned = _UNSIGNED[target.bits]
    signed = (sign != 0).astype(target_unsigned) << jnp.asarray(
        np.array(target.bits - 1, target_unsigned)
    )
    built = lax.bitcast_convert_type(magnitude.astype(target_unsigned) | signed, dtype)
    zero = (biased == 0) & (stored == 0)
    special = zero | (biased == 2 * source.bias + 1)
    return jnp.where(special, fraction.astype(dtype), built)


@_join.defjvp
def _join_jvp(dtype: np.dtype, primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    x, exponent = primals
    out = _join(x, exponent, dtype)
    tangent = jnp.broadcast_to(tangents[0], out.shape)
    return out, _float_scale(tangent, jnp.broadcast_to(exponent, out.shape)).astype(dtype)
