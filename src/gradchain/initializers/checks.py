"""Is what was asked for a shape of weights, and a float type that can be had?"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, ShapeError
from gradchain._types import in_short

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of weights as whole numbers, or say what is wrong with it.

    Args:
        shape: what was given.

    Returns:
        (fan_out, fan_in) or (out, in, *spatial).

    Raises:
        ShapeError: not such a shape.
    """
    if not isinstance(shape, (tuple, list)):
        raise ShapeError(f"got {type(shape).__name__} as shape, expected (fan_out, fan_in).")
    shape = tuple(shape)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in shape)
    if len(shape) < 2 or not whole or min(shape) < 1:
        raise ShapeError(
            f"weights of shape {shape}, expected (fan_out, fan_in) or (out, in, *spatial) with "
            "positive whole numbers."
        )
    return tuple(int(n) for n in shape)


def checked_dtype(dtype: Any) -> np.dtype:
    """Return the float type asked for, or say why it cannot be had.

    Args:
        dtype: anything that names a float type, or None for JAX's default.

    Returns:
        The dtype.

    Raises:
        DtypeError: not one of the four float types, or float64 while 64-bit types are off.
    """
    try:
        wanted = jnp.dtype(float if dtype is None else dtype)
    except TypeError:
        raise DtypeError(
            f"dtype {in_short(dtype)} is not known; use one of {', '.join(_FLOATS)}."
        ) from None
    if dtype is None or dtype is float:
        return jax.dtypes.canonicalize_dtype(wanted)
    if wanted.name not in _FLOATS:
        raise DtypeError(
            f"dtype {wanted.name} is not a float type; use one of {', '.join(_FLOATS)}."
        )
    if jax.dtypes.canonicalize_dtype(wanted) != wanted:
        raise DtypeError(
            f"dtype {wanted.name} asked for while 64-bit types are off; "
            "wrap the call in `with jax.enable_x64(True):`."
        )
    return wanted
