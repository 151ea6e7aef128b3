"""What must be known of one gradient array? Its norm without underflow, and how much of it is 0.

    norm = sqrt(sum g_i^2),  mean size = sum |g_i| / n,  shares of exact zeros, of entries at or below
    the type's smallest normal number (zeros included), count of NaN and infinities.

Two routes that share no arithmetic: `read_leaf` on the device (jitted, `gradchain.scaled`, usable
inside a user's own jit) and `read_array` in NumPy. A test holds one against the other. Cost: one
pass over the array; a few scalars come back.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError
from gradchain.scaled import Scaled, bits, from_array, norm, total
from gradchain.scaled.value import x_is_zero

LOG10_2 = math.log10(2.0)


class DeviceReading(NamedTuple):
    """What `read_leaf` finds, as arrays of shape () or (length,) for stacked leaves.

    Norm and sum of |g| as mantissa * 2**exponent; `top` is e with max|g| in [2**(e-1), 2**e).
    """

    norm: jax.Array
    norm_exponent: jax.Array
    sum: jax.Array
    sum_exponent: jax.Array
    top: jax.Array
    zeros: jax.Array
    tiny: jax.Array
    wrong: jax.Array


class Reading(NamedTuple):
    """The same on the host, for one array: `log10_norm`, `log10_sum` are -inf where all is 0.

    `top` is None for an array of zeros; `wrong` counts NaN and infinities.
    """

    log10_norm: float
    log10_sum: float
    top: int | None
    zeros: int
    tiny: int
    wrong: int
    size: int
    dtype: str


def _read(x: jax.Array) -> DeviceReading:
    """Read one array."""
    layout = bits.format_of(x.dtype)
    order = bits.magnitude_order(x)
    normal = np.array(1 << (layout.precision - 1), order.dtype)
    infinity = np.array((2 * layout.bias + 1) << (layout.precision - 1), order.dtype)

    def count(where: jax.Array) -> jax.Array:
        return jnp.sum(where, dtype=jnp.int32)

    # 16-bit entries are widened on the bits: one exponent for all would lose the small ones.
    wide = bits.join(x, jnp.int32(0), bits.at_least_float32(x.dtype))
    value = from_array(wide)
    size = norm(value)
    sizes = total(Scaled(jnp.abs(value.mantissa), value.exponent))
    return DeviceReading(
        size.mantissa,
        size.exponent,
        sizes.mantissa,
        sizes.exponent,
        value.exponent,
        count(x_is_zero(x)),
        count(order <= jnp.full_like(order, normal)),
        count(order >= jnp.full_like(order, infinity)),
    )


@functools.partial(jax.jit, static_argnames=("axis",))
def read_leaf(x: jax.Array | np.ndarray, axis: int | None = None) -> DeviceReading:
    """Read a float array on the device.

    Args:
        x: float16, bfloat16, float32 or float64 array.
        axis: the axis along which layers are stacked, or None.

    Returns:
        Scalars, or arrays of shape (length,). Exact up to the rounding of a sum of n terms.

    Raises:
        DtypeError: if x is not of a float type.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.full((16,), 1e-19, jnp.float32)
        >>> round(to_host(read_leaf(x), (16,), "float32")[0].log10_norm, 5)
        -18.39794
    """
    x = jnp.asarray(x)
    return _read(x) if axis is None else jax.vmap(_read, in_axes=axis)(x)


def to_host(found: DeviceReading, shape: tuple[int, ...], dtype: str) -> list[Reading]:
    """Turn a device reading into one `Reading` a layer.

    Args:
        found: what `read_leaf` gave.
        shape: shape of one layer's array.
        dtype: its float type.

    Returns:
        One entry, or one a stacked layer. Logarithms in double precision.
    """
    columns = [np.atleast_1d(np.asarray(part)) for part in found]
    size = math.prod(shape)
    out = []
    for row in zip(*(column.tolist() for column in columns), strict=True):
        number, exponent, mass, mass_exponent, top, zeros, tiny, wrong = row
        logs = _log10(number, exponent), _log10(mass, mass_exponent)
        out.append(Reading(*logs, None if zeros == size else top, zeros, tiny, wrong, size, dtype))
    return out


def _log10(mantissa: float, exponent: int) -> float:
    """Return log10 of mantissa * 2**exponent, as a double."""
    if not mantissa > 0:
        return -math.inf if mantissa == 0 else math.nan
    return math.log10(mantissa) + exponent * LOG10_2


def read_array(x: np.ndarray) -> Reading:
    """Read a float array in NumPy.

    Args:
        x: float16, bfloat16, float32 or float64 array.

    Returns:
        Its `Reading`. Exact up to the rounding of a sum of n terms in double precision.

    Raises:
        DtypeError: if x is not of a float type.

    Example:
        >>> import numpy as np
        >>> read_array(np.full(16, 1e-300)).log10_norm
        -299.3979400086...
    """
    layout = bits.format_of(x.dtype)
    wide = np.abs(x.astype(np.float64)).ravel()
    wrong = int(np.count_nonzero(~np.isfinite(wide)))
    top_value = float(wide.max()) if x.size and not wrong else 0.0
    exponent = math.frexp(top_value)[1]
    small = np.ldexp(wide, -exponent)
    zeros = int(np.count_nonzero(wide == 0))
    return Reading(
        math.nan if wrong else _log10(math.sqrt(float(small @ small)), exponent),
        math.nan if wrong else _log10(float(small.sum()), exponent),
        exponent if zeros < x.size else None,
        zeros,
        int(np.count_nonzero(wide <= math.ldexp(1.0, 1 - layout.bias))),
        wrong,
        int(x.size),
        jnp.dtype(x.dtype).name,
    )


def as_real_array(value: object, what: str) -> np.ndarray:
    """Return anything array-like as a NumPy array, torch tensors included.

    Args:
        value: what `np.asarray` takes.
        what: its name, for the message.

    Returns:
        A NumPy array of a float or integer type.

    Raises:
        DtypeError: if it cannot be read, or is complex or not numeric.
    """
    # A torch tensor that requires grad, or lies on a GPU, refuses np.asarray; nobody is imported.
    for step in ("detach", "cpu"):
        method = getattr(value, step, None)
        value = method() if callable(method) else value
    try:
        array = np.asarray(value)
    except Exception as error:
        raise DtypeError(
            f"{what} of type {type(value).__name__} could not be read as an array "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}): hand over a "
            "NumPy array (of a torch bfloat16 tensor: tensor.float().numpy())"
        ) from error
    if array.dtype.kind == "c":
        raise DtypeError(
            f"{what} is complex ({array.dtype}), expected real gradients: take real and imaginary "
            "parts as parameters of their own"
        )
    if array.dtype.kind in "OUSMm":
        raise DtypeError(f"{what} is of type {array.dtype}, expected an array of floats")
    return array
