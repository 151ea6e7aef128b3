"""What is an initializer, as a noun: a name, the variance it declares, and a sampler.

Weights are (fan_out, fan_in), kernels (out, in, *spatial) with fan_in = in * prod(spatial) and
fan_out = out * prod(spatial). `predicted` reads the law, `measured` calls the sampler, and a test
holds one against the other.

For entries of mean 0, uncorrelated, of variance v, a linear layer z = W h + b, b = 0, has

    E mean(z^2)           = (fan_in v)  mean(h^2)           forward factor
    E mean((W^T delta)^2) = (fan_out v) mean(delta^2)       backward factor

the two quantities that Glorot and Bengio (AISTATS 2010) ask to be 1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import InitializerError, ShapeError, UsageError
from gradchain._types import in_short, random_key
from gradchain.initializers.checks import checked_dtype, checked_shape

Sampler = Callable[[jax.Array, tuple[int, ...], Any], jax.Array]
# 2 pdf(2)/(Phi(2) - Phi(-2)), the probability density at the cut over the mass kept.
_DENSITY = 2.0 * math.exp(-2.0) / math.sqrt(2.0 * math.pi) / math.erf(math.sqrt(2.0))
# Variance of N(0, 1) kept to [-2, 2], 0.773741303549923, by integrating by parts. JAX's fan-scaled
# truncated laws divide it out, its plain truncated_normal does not.
CUT_VARIANCE = 1.0 - 2.0 * _DENSITY
# Kurtosis, and largest entry in standard deviations, of each distribution with independent entries.
_KURTOSIS = {
    "uniform": 1.8,
    "normal": 3.0,
    "truncated_normal": (3.0 - 14.0 * _DENSITY) / CUT_VARIANCE**2,
}
_REACH = {
    "uniform": math.sqrt(3.0),
    "normal": math.inf,
    "truncated_normal": 2.0 / math.sqrt(CUT_VARIANCE),
}


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
        distribution: "uniform", "normal" or "truncated_normal" (at two standard deviations of the
            normal) if entries are independent and of that form; None for everything else.
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
    distribution: str | None = field(default=None, compare=False, repr=False)

    @property
    def kurtosis(self) -> float | None:
        """E W^4 / (E W^2)^2 of an entry, exact: 9/5 uniform, 3 normal, 2.37 cut; None if unknown."""
        return _KURTOSIS.get(self.distribution or "")

    def variance(self, fan_in: int, fan_out: int) -> float | None:
        """Return the variance of one entry of a (fan_out, fan_in) matrix.

        Args:
            fan_in: number of inputs (times the window's size).
            fan_out: number of outputs (times the window's size).

        Returns:
            The exact variance, or None where no closed form is known. Where entries differ
            (`delta_orthogonal`), that of one picked at random.

        Raises:
            ShapeError: a fan that is not a positive whole number.
        """
        for label, fan in (("fan_in", fan_in), ("fan_out", fan_out)):
            if not isinstance(fan, (int, np.integer)) or isinstance(fan, bool) or fan < 1:
                raise ShapeError(f"{label} is {in_short(fan)}, expected a positive whole number.")
        return None if self.law is None else float(self.law(int(fan_in), int(fan_out)))

    def forward_factor(self, fan_in: int, fan_out: int) -> float | None:
        """Return fan_in Var(W): the factor on the mean square of a signal going through W.

        Args:
            fan_in: number of inputs.
            fan_out: number of outputs.

        Returns:
            The factor, exact on average over draws, at every width; None where Var(W) is unknown.
            1 is what LeCun's and orthogonal square weights have, 2 what He's have (ReLU halves it).

        Raises:
            ShapeError: a fan that is not a positive whole number.

        Example:
            >>> from gradchain import initializers
            >>> initializers.he_normal.forward_factor(128, 512)
            2.0
        """
        variance = self.variance(fan_in, fan_out)
        return None if variance is None else fan_in * variance

    def backward_factor(self, fan_in: int, fan_out: int) -> float | None:
        """Return fan_out Var(W): the factor on the mean square of a gradient going back through W.

        Args:
            fan_in: number of inputs.
            fan_out: number of outputs.

        Returns:
            The factor, exact on average over draws, at every width; None where Var(W) is unknown.

        Raises:
            ShapeError: a fan that is not a positive whole number.

        Example:
            >>> from gradchain import initializers
            >>> initializers.he_normal.backward_factor(128, 512)
            8.0
        """
        variance = self.variance(fan_in, fan_out)
        return None if variance is None else fan_out * variance

    def factors_of(self, shape: tuple[int, ...]) -> tuple[float, float] | None:
        """Return (forward, backward) factors of weights of that shape.

        A kernel is taken with stride 1 and circular padding (zeros at the edges take some away).

        Args:
            shape: (fan_out, fan_in) or (out, in, *spatial).

        Returns:
            (in * window * Var, out * window * Var), or None where the variance is unknown.

        Raises:
            ShapeError: not such a shape.

        Example:
            >>> from gradchain import initializers
            >>> initializers.delta_orthogonal.factors_of((16, 8, 3, 3))
            (0.5, 1.0)
        """
        shape = checked_shape(shape)
        variance, window = self.variance_of(shape), math.prod(shape[2:])
        return (
            None
            if variance is None
            else (shape[1] * window * variance, shape[0] * window * variance)
        )

    def bound(self, fan_in: int, fan_out: int) -> float | None:
        """Return the largest |W_ij| that can be drawn.

        Args:
            fan_in: number of inputs.
            fan_out: number of outputs.

        Returns:
            The end of the range, infinite for a whole Gaussian; None if the distribution is unknown.

        Raises:
            ShapeError: a fan that is not a positive whole number.

        Example:
            >>> from gradchain import initializers
            >>> round(initializers.torch_uniform.bound(16, 8), 12)
            0.25
        """
        variance, reach = self.variance(fan_in, fan_out), _REACH.get(self.distribution or "")
        return None if variance is None or reach is None else reach * math.sqrt(variance)

    def scaled(self, gain: float | int) -> "Initializer":
        """Return the law of gain * W; its variance is gain^2 times as large.

        Args:
            gain: a positive finite number, such as `gch.gain("tanh").forward`.

        Returns:
            The law; its text, "1.5 * he_normal", is read by `get`. One with a scale of its own
            (orthogonal, normal) takes the gain into that.

        Raises:
            InitializerError: not such a number, or a user's callable.

        Example:
            >>> from gradchain import initializers
            >>> print(initializers.glorot_uniform.scaled(1.5), initializers.orthogonal.scaled(1.5))
            1.5 * glorot_uniform orthogonal(1.5)
        """
        number = isinstance(gain, (int, float, np.integer, np.floating))
        if not number or isinstance(gain, bool) or not 0 < gain < math.inf:
            raise InitializerError(f"gain is {in_short(gain)}, expected a positive finite number.")
        if self.origin is not None:
            raise InitializerError(
                f"{self} wraps a callable, expected a law of gradchain; multiply inside the callable."
            )
        gain, law, sampler = float(gain), self.law, self.sampler
        if self.parameters and self.parameters[0][0] in ("scale", "std"):
            from gradchain.initializers.library import get

            return get(f"{self.name}({self.parameters[0][1] * gain!r})")

        def draw(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
            # Half-precision weights are rounded once, after the multiplication.
            working = jnp.dtype("float32") if dtype.itemsize == 2 else dtype
            drawn = sampler(key, shape, working)
            return (drawn * jnp.asarray(gain, working)).astype(dtype)

        return replace(
            self,
            name=f"{gain!r} * {self}",
            parameters=(),
            law=None if law is None else lambda fan_in, fan_out: gain**2 * law(fan_in, fan_out),
            sampler=draw,
            factory=None,
        )

    def variance_of(self, shape: tuple[int, ...]) -> float | None:
        """Return the variance of one entry of weights of that shape.

        Args:
            shape: (fan_out, fan_in) or (out, in, *spatial).

        Returns:
            The exact variance, or None where no closed form is known.

        Raises:
            ShapeError: not such a shape.
        """
        shape = checked_shape(shape)
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
        return self.sampler(key, checked_shape(shape), checked_dtype(dtype))

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
