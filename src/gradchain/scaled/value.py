"""How can a product of 10 000 matrices be held in floats? As mantissa * 2**exponent.

A `Scaled` value is a mantissa array and an int32 exponent that broadcasts against it: one exponent
for the whole array, one a row, or one an element (a *group* is what shares an exponent). Rescaling is
by powers of two only, so it does not round. Canonical form: the largest |mantissa| of each group lies
in [1/2, 1); a zero group has exponent 0.

Guarantee: norms, logarithms and the largest entries are those of the plain products, at any depth,
in float16, bfloat16, float32 and float64, subnormal inputs included.
Limit: an entry smaller than its group's largest by more than the range of its type (2**-125 in
float32) is lost. Small singular values therefore never come from here.

Sums accumulate in at least float32. Reference for scaled norms: Blue, ACM TOMS 4 (1978) 15-23.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import DtypeError, ShapeError
from gradchain._types import float_array, one_of, pytree, whole_number
from gradchain.scaled import bits

NORMS = ("frobenius", "spectral", "max")
# Far below any real exponent, yet safe to subtract in int32: the exponent of nothing.
_NOTHING = -(1 << 29)
_LN2 = 0.6931471805599453094
_SQRT_HALF = 0.7071067811865475244


@pytree
class Scaled:
    """The value mantissa * 2**exponent.

    `mantissa` is a float array of any shape; `exponent` is int32, of shape () for one exponent in
    all, or of the mantissa's rank with 1 along every axis that shares an exponent.

    Example:
        >>> import jax.numpy as jnp
        >>> quarter = from_array(jnp.float32(0.25))
        >>> product = quarter
        >>> for _ in range(999):
        ...     product = multiply(product, quarter)
        >>> from gradchain.scaled import to_decimal
        >>> to_decimal(product, digits=4)
        '8.710e-603'
    """

    mantissa: jax.Array
    exponent: jax.Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.mantissa.shape

    @property
    def dtype(self) -> np.dtype:
        """Float type of the mantissa."""
        return self.mantissa.dtype

    def to_float(self, dtype: object = None) -> jax.Array:
        """Round to an ordinary float array: half-even, gradual underflow, overflow to infinity.

        Args:
            dtype: float type of the result; the mantissa's own if not given.

        Returns:
            Array of the value's shape. The same bits on every backend.
        """
        exponent = jnp.broadcast_to(self.exponent, self.shape)
        return bits.join(self.mantissa, exponent, self.dtype if dtype is None else dtype)

    def log_abs(self) -> jax.Array:
        """Return the natural logarithm of the absolute value, elementwise; -inf for zero."""
        return log_abs(self)

    def log_norm(self, kind: str = "frobenius") -> jax.Array:
        """Return the natural logarithm of a norm of the whole array; see `norm`."""
        return log_norm(self, kind)

    def __matmul__(self, other: "jax.Array | Scaled") -> "Scaled":
        """Return the matrix product; see `matmul`."""
        return matmul(self, other)


def from_array(x: jax.Array | np.ndarray, axis: int | tuple[int, ...] | None = None) -> Scaled:
    """Read a float array, subnormals included, as a canonical `Scaled` value.

    Args:
        x: float16, bfloat16, float32 or float64 array of any shape.
        axis: the axes that share an exponent: None for all, -1 for one exponent a row, () for one
            an element.

    Returns:
        The value, exactly, but for entries lost to the stated limit. NaN and infinity are kept.

    Raises:
        DtypeError: if x is not of a float type.

    Example:
        >>> import jax.numpy as jnp
        >>> s = from_array(jnp.array([3.0, -1.0], jnp.float32))
        >>> s.mantissa.tolist(), int(s.exponent)
        ([0.75, -0.25], 2)
    """
    fraction, own = bits.split(float_array(x, "x"))
    present = jnp.where(x_is_zero(fraction), _NOTHING, own)
    if axis is None:
        group = jnp.max(present) if fraction.size else jnp.int32(0)
    else:
        group = jnp.max(present, axis=axis, keepdims=True, initial=_NOTHING)
    group = jnp.where(group == _NOTHING, 0, group).astype(jnp.int32)
    shift = jnp.where(present == _NOTHING, 0, own - group)
    return Scaled(_down(fraction, shift), group)


def x_is_zero(x: jax.Array) -> jax.Array:
    """Say where a float array is exactly zero, on the bits (XLA calls a subnormal equal to 0)."""
    order = bits.magnitude_order(x)
    return order == jnp.zeros_like(order)


def _down(mantissa: jax.Array, shift: jax.Array) -> jax.Array:
    """Multiply by 2**shift for shift <= 0; below the type's range the entry is lost."""
    factor = bits.power_of_two(shift, mantissa.dtype)
    # power_of_two clips at the smallest normal number: below it the entry must vanish, not grow.
    floor = 2 - bits.format_of(mantissa.dtype).bias
    # Infinity and NaN stay, whatever stands beside them.
    lost = (shift < floor) & jnp.isfinite(mantissa)
    return jnp.where(lost, jnp.zeros_like(mantissa), mantissa * factor)


def _aligned_exponent(value: Scaled) -> jax.Array:
    """Return the exponents with those of zero groups pushed out of the way."""
    axes = _group_axes(value)
    zero = jnp.all(x_is_zero(value.mantissa), axis=axes, keepdims=value.exponent.ndim > 0)
    return jnp.where(zero, _NOTHING, value.exponent)


def _group_axes(value: Scaled) -> tuple[int, ...]:
    """Return the axes along which entries share an exponent."""
    if value.exponent.ndim == 0:
        return tuple(range(value.mantissa.ndim))
    return tuple(
        a
        for a in range(value.mantissa.ndim)
        if value.exponent.shape[a] == 1 and value.mantissa.shape[a] != 1
    )


def _require(*values: object) -> None:
    """Refuse what is not a `Scaled` value.

    Raises:
        DtypeError: for anything else, a plain array among them.
    """
    for value in values:
        if not isinstance(value, Scaled):
            raise DtypeError(
                f"got {type(value).__name__}, expected a Scaled value: write from_array(x)"
            )


def rescale(value: Scaled) -> Scaled:
    """Bring a value to canonical form without rounding it.

    Args:
        value: any `Scaled` value.

    Returns:
        The same value, its groups' largest |mantissa| in [1/2, 1).
    """
    _require(value)
    fraction, own = bits.split(value.mantissa)
    present = jnp.where(x_is_zero(fraction), _NOTHING, own)
    keep = value.exponent.ndim > 0
    group = jnp.max(present, axis=_group_axes(value), keepdims=keep, initial=_NOTHING)
    dead = group == _NOTHING
    group = jnp.where(dead, 0, group)
    shift = jnp.where(present == _NOTHING, 0, own - group)
    exponent = jnp.where(dead, 0, value.exponent + group).astype(jnp.int32)
    return Scaled(_down(fraction, shift), exponent)


def multiply(a: Scaled, b: Scaled) -> Scaled:
    """Return the elementwise product, rounded once an element.

    Args:
        a: a value.
        b: a value of a shape that broadcasts against it.

    Returns:
        The product, in canonical form.

    Raises:
        ShapeError: if the shapes do not broadcast.
    """
    _require(a, b)
    try:
        jnp.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ShapeError(f"got shapes {a.shape} and {b.shape}, which do not broadcast") from None
    return rescale(Scaled(a.mantissa * b.mantissa, a.exponent + b.exponent))


def add(a: Scaled, b: Scaled) -> Scaled:
    """Return the elementwise sum, each group at the larger of the two exponents.

    Args:
        a: a value.
        b: a value of the same shape.

    Returns:
        The sum, in canonical form. Error at most one rounding of the larger term.

    Raises:
        ShapeError: if the shapes differ.
    """
    _require(a, b)
    if a.shape != b.shape:
        raise ShapeError(f"got shapes {a.shape} and {b.shape}, expected the same")
    ea, eb = _aligned_exponent(a), _aligned_exponent(b)
    top = jnp.maximum(ea, eb)
    shift_a, shift_b = (jnp.where(e == _NOTHING, 0, e - top) for e in (ea, eb))
    mantissa = _down(a.mantissa, shift_a) + _down(b.mantissa, shift_b)
    return rescale(Scaled(mantissa, jnp.where(top == _NOTHING, 0, top)))


def _common(value: Scaled) -> tuple[jax.Array, jax.Array]:
    """Put a whole array under one exponent, in at least float32."""
    exponent = _aligned_exponent(value)
    top = jnp.max(exponent)
    shift = jnp.where(exponent == _NOTHING, 0, exponent - top)
    wide = value.mantissa.astype(bits.at_least_float32(value.dtype))
    return _down(wide, jnp.broadcast_to(shift, value.shape)), jnp.where(top == _NOTHING, 0, top)


def total(value: Scaled) -> Scaled:
    """Return the sum of all entries, accumulated in at least float32.

    Args:
        value: any value.

    Returns:
        A scalar value.
    """
    _require(value)
    mantissa, exponent = _common(value)
    return rescale(Scaled(jnp.sum(mantissa), exponent))


def norm(value: Scaled, kind: str = "frobenius") -> Scaled:
    """Return a norm of the whole array, as a scalar `Scaled` value.

    frobenius: sqrt(sum x_ij**2) (also the Euclidean norm of a vector); spectral: the largest
    singular value of a matrix; max: the largest |x_ij|.

    Args:
        value: any value.
        kind: one of "frobenius", "spectral", "max".

    Returns:
        The norm, in at least float32. Exact up to rounding (about n eps). At zero its derivative is
        taken to be 0.

    Raises:
        UsageError: if the kind is unknown.
        ShapeError: if a spectral norm is asked of something that is not a matrix.

    Example:
        >>> import jax.numpy as jnp
        >>> tiny = from_array(jnp.full((16,), 1e-19, jnp.float32))
        >>> from gradchain.scaled import to_decimal
        >>> to_decimal(norm(tiny), digits=3), float(jnp.linalg.norm(jnp.full((16,), 1e-19)))
        ('4.00e-19', 0.0)
    """
    _require(value)
    one_of("norm", kind, NORMS)
    if kind == "spectral" and value.mantissa.ndim != 2:
        raise ShapeError(f"got shape {value.shape}, a spectral norm needs a matrix (rows, columns)")
    mantissa, exponent = _common(value)
    if value.mantissa.size == 0:
        return Scaled(jnp.zeros((), mantissa.dtype), jnp.int32(0))
    largest = jnp.max(jnp.abs(mantissa))
    if kind == "max":
        return rescale(Scaled(largest, exponent))
    # At zero sqrt and svd have no derivative; a unit stand-in keeps NaN out of reverse mode.
    dead = lax.stop_gradient(largest) == 0
    safe = jnp.where(dead, jnp.ones_like(mantissa), mantissa)
    if kind == "frobenius":
        size = jnp.sqrt(jnp.sum(safe * safe))
    else:
        size = jnp.linalg.svd(safe, compute_uv=False)[0]
    return rescale(Scaled(jnp.where(dead, jnp.zeros_like(size), size), exponent))


def log_abs(value: Scaled) -> jax.Array:
    """Return log|x| elementwise, natural, right to a few ulp also where |x| is near 1.

    Args:
        value: any value.

    Returns:
        Array of the value's shape in at least float32; -inf where the value is zero, with
        derivative 0 there.
    """
    _require(value)
    wide = value.mantissa.astype(bits.at_least_float32(value.dtype))
    fraction, own = bits.split(wide)
    exponent = own + jnp.broadcast_to(value.exponent, value.shape)
    dead = x_is_zero(fraction)
    size = jnp.where(dead, jnp.ones_like(fraction), jnp.abs(fraction))
    # Centre the fraction on 1, so that log does not cancel against exponent * log 2.
    low = size < _SQRT_HALF
    size = jnp.where(low, 2 * size, size)
    exponent = jnp.where(low, exponent - 1, exponent)
    natural = jnp.log(size) + exponent.astype(wide.dtype) * jnp.asarray(_LN2, wide.dtype)
    return jnp.where(dead, jnp.full_like(natural, -jnp.inf), natural)


def log_norm(value: Scaled, kind: str = "frobenius") -> jax.Array:
    """Return the natural logarithm of a norm; -inf only where the norm is exactly 0.

    Args:
        value: any value.
        kind: as for `norm`.

    Returns:
        Scalar in at least float32; derivative 0 where it is -inf.
    """
    return log_abs(norm(value, kind))


def matmul(a: Scaled, b: "Scaled | jax.Array") -> Scaled:
    """Return the matrix product a @ b; `a` may hold one exponent a row.

    Args:
        a: matrix (n, k), with one exponent in all or one a row.
        b: matrix (k, m) or vector (k,), an array or a value with one exponent in all.

    Returns:
        The product in canonical form, grouped like `a`. Rounded like the plain product.

    Raises:
        ShapeError: if b has more than one exponent, or the shapes do not fit.
    """
    _require(a)
    right = b if isinstance(b, Scaled) else from_array(b)
    if right.exponent.ndim:
        raise ShapeError("the right factor of a product must have one exponent in all")
    shapes = a.shape, right.shape
    if not all(1 <= len(own) <= 2 for own in shapes) or a.shape[-1] != right.shape[0]:
        raise ShapeError(f"got shapes {a.shape} and {right.shape}, expected (n, k) and (k, m)")
    product = jnp.matmul(a.mantissa, right.mantissa, precision=lax.Precision.HIGHEST)
    left = a.exponent
    if left.ndim and product.ndim < left.ndim:
        left = left.reshape(left.shape[: product.ndim])
    return rescale(Scaled(product, left + right.exponent))


def identity(size: int, dtype: object = jnp.float32) -> Scaled:
    """Return the identity matrix with one exponent a row, in canonical form.

    Args:
        size: number of rows.
        dtype: float type.

    Returns:
        The value; exact.
    """
    size, _ = whole_number("size", size), bits.format_of(dtype)
    half = jnp.asarray(0.5, dtype)  # type: ignore[arg-type]
    return Scaled(jnp.eye(size, dtype=half.dtype) * half, jnp.ones((size, 1), jnp.int32))
