"""What do libraries draw for a bias, when nothing is said?

Zeros nearly everywhere; PyTorch and Equinox draw U(-1/sqrt(fan_in), 1/sqrt(fan_in)), variance
1/(3 fan_in), so sigma_b^2 = 1/(3 fan_in) shrinks with the width while sigma_w^2 = 1/3 does not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from gradchain._errors import InitializerError, UsageError
from gradchain._types import random_key
from gradchain.initializers.checks import checked_dtype, checked_shape
from gradchain.initializers.noun import Sampler


@dataclass(frozen=True)
class BiasLaw:
    """A law of biases: entries independent, of mean 0; equal and hashable by name.

    Attributes:
        name: as in the library.
        distribution: "zeros" or "uniform".
        variance: exact variance of an entry, from (fan_in, fan_out).
        bound: largest |b_i| that can be drawn, from (fan_in, fan_out).
        sampler: (key, shape of the weight, dtype) -> (fan_out,), without checks.
    """

    name: str
    distribution: str
    variance: Callable[[int, int], float] = field(compare=False, repr=False)
    bound: Callable[[int, int], float] = field(compare=False, repr=False)
    sampler: Sampler = field(compare=False, repr=False)

    def sample(self, key: Any, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        """Draw the bias of a layer.

        Args:
            key: a JAX random key, not the one that the weight was drawn with.
            shape: of the layer's weight, (fan_out, fan_in) or (out, in, *spatial).
            dtype: float16, bfloat16, float32 or float64; None means JAX's default float.

        Returns:
            (fan_out,), or (out,) for a kernel.

        Raises:
            InitializerError: key is not a JAX key.
            ShapeError: not such a shape.
            DtypeError: not such a dtype, or float64 while 64-bit types are off.

        Example:
            >>> import jax
            >>> torch_bias.sample(jax.random.key(0), (3, 5)).shape
            (3,)
        """
        try:
            key = random_key(key)
        except UsageError as error:
            raise InitializerError(f"{error}.") from None
        return self.sampler(key, checked_shape(shape), checked_dtype(dtype))

    def __str__(self) -> str:
        """Return the name."""
        return self.name


def _draw_torch(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    working = jnp.dtype("float32") if dtype.itemsize == 2 else dtype
    end = math.prod(shape[1:]) ** -0.5
    return jax.random.uniform(key, shape[:1], working, -end, end).astype(dtype)


zero_bias = BiasLaw(
    "zero_bias",
    "zeros",
    lambda fan_in, fan_out: 0.0,
    lambda fan_in, fan_out: 0.0,
    lambda key, shape, dtype: jnp.zeros(shape[:1], dtype),
)
torch_bias = BiasLaw(
    "torch_bias",
    "uniform",
    lambda fan_in, fan_out: 1.0 / (3.0 * fan_in),
    lambda fan_in, fan_out: fan_in**-0.5,
    _draw_torch,
)
