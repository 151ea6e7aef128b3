"""What is an initializer, as a noun: a name, the variance it declares, and a sampler.

Weights are (fan_out, fan_in), kernels (out, in, *spatial) with fan_in = in * prod(spatial) and
fan_out = out * prod(spatial). `predicted` reads the law, `measured` calls the sampler, and a test
holds one against the other.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, InitializerError, ShapeError, UsageError
from gradchain._types import in_short, random_key

Sampler = Callable[[jax.Array, tuple[int, ...], Any], jax.Array]
_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Initializer:
    """A law of weights: its declared variance and its sampler.

    Equal and hashable by name and parameters (and, for a user's callable, by that callable).

    Attributes:
        name: as in `NAMES`, or the user's.
        parameters: pairs (name, value), such as (("scale", 1.0),).
        law: variance of an entry from (fan_in, fan_out), or None where no closed form is known.
        sampler: (key, shape, dtype) -> weights, without checks.
        flattens: whether a kernel is drawn as one matrix (out, in * spatial), so that its rows, and
            not its fan_out, count.
    """

    name: str
    parameters: tuple[tuple[str, float], ...]
    law: Callable[[int, int], float] | None = field(compare=False, repr=False)
    sampler: Sampler = field(compare=False, repr=False)
    flattens: bool = field(default=False, compare=False, repr=False)
    factory: Callable[[float], "Initializer"] | None = field(
        default=None, compare=False, repr=False
    )
    origin: object = field(default=None, repr=False)

    def variance(self, fan_in: int, fan_out: int) -> float | None:
        """Return the variance of one entry of a (fan_out, fan_in) matrix.

        Args:
            fan_in: number of inputs.
            fan_out: number of outputs.

        Returns:
            The exact variance, or None where no closed form is known.

        Raises:
            ShapeError: a fan that is not a positive whole number.
        """
        for label, fan in (("fan_in", fan_in), ("fan_out", fan_out)):
            if not isinstance(fan, (int, np.integer)) or isinstance(fan, bool) or fan < 1:
                raise ShapeError(f"{label} is {in_short(fan)}, expected a positive whole number.")
        return None if self.law is None else float(self.law(int(fan_in), int(fan_out)))

    def variance_of(self, shape: tuple[int, ...]) -> float | None:
        """Return the variance of one entry of weights of that shape.

        Args:
            shape: (fan_out, fan_in) or (out, in, *spatial).

        Returns:
            The exact variance, or None where no closed form is known.

        Raises:
            ShapeError: not such a shape.
        """
        shape = _checked_shape(shape)
        field_size = math.prod(shape[2:])
        fan_out = shape[0] if self.flattens else shape[0] * field_size
        return self.variance(shape[1] * field_size, fan_out)

    def sample(self, key: Any, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        """Draw weights.

        Args:
            key: a JAX random key.
            shape: (fan_out, fan_in) or (out, in, *spatial), all positive.
            dtype: float16, bfloat16, float32 or float64; None means JAX's default float.

        Returns:
            Weights of that shape and dtype.

        Raises:
            InitializerError: key is not a JAX key.
            ShapeError: not such a shape.
            DtypeError: not such a dtype, or float64 while 64-bit types are off.
        """
        try:
            key = random_key(key)
        except UsageError as error:
            raise InitializerError(f"{error}.") from None
        return self.sampler(key, _checked_shape(shape), checked_dtype(dtype))

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Draw weights as `sample` does; `orthogonal(2.0)`, `normal(0.05)` set the parameter.

        Returns:
            Weights, or an `Initializer` if the only argument is a plain Python number.

        Raises:
            InitializerError: a number for an initializer that has no parameter.
        """
        if len(arguments) == 1 and not keywords and type(arguments[0]) in (int, float):
            if self.factory is None:
                raise InitializerError(f"{self} takes no number; use {self}.sample(key, shape).")
            return self.factory(float(arguments[0]))
        return self.sample(*arguments, **keywords)

    def __str__(self) -> str:
        """Return the name with its parameters, a text that `get` reads back."""
        values = ", ".join(repr(value) for _, value in self.parameters)
        return f"{self.name}({values})" if values else self.name

    def __deepcopy__(self, memo: object) -> "Initializer":
        """Return itself: it never changes."""
        return self

    def __reduce__(self) -> tuple:
        """Pickle by name, so that other processes can be sent one of the library.

        Returns:
            `get` and the text it reads.

        Raises:
            InitializerError: for a user's own callable, which has no name elsewhere.
        """
        if self.origin is not None:
            raise InitializerError(
                f"{self} wraps a callable and cannot be pickled; call initializers.get there."
            )
        from gradchain.initializers.library import get

        return get, (str(self),)


def _checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
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
