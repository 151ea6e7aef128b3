"""What is an activation, as a noun with its facts attached?

An `Activation` is a scalar function applied to every entry of an array, together with a derivative
that is right where the function saturates, and with what is known of that derivative: its supremum,
its kinks and the slope taken there. Calling it costs what the function costs; its derivative rule
is used by `jax.grad`, `jax.jacrev` and friends.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import ActivationError, DtypeError

FLOATS = ("float16", "bfloat16", "float32", "float64")
_Function = Callable[..., jax.Array]


@dataclass(frozen=True)
class Activation:
    """A function phi applied entrywise, its derivative, and the facts that bounds rest on.

    Equal and hashable by name and parameters (and, for one made by `from_function`, by the
    functions it was made from), so it can be a static field or a static argument of `jax.jit`.

    Attributes:
        name: as in `gradchain.activations.NAMES`, or the user's.
        parameters: pairs (name, value), such as (("negative_slope", 0.01),).
        function: phi with the derivative rule attached, on float arrays.
        slope: phi', on float arrays.
        kinks: points where phi is not differentiable.
        kink_slopes: the value that `slope` takes at each kink.
        convention: the name of the rule behind `kink_slopes`.
        derivative_sup: sup |phi'|, rounded up to a float64; None if nobody has stated it.
        derivative_sup_exact: closed form, or None.
        derivative_sup_enclosure: decimal texts (low, high), equal if the value is a short decimal.
        attained_at: where the supremum is met or approached.
        attained: whether it is met, by a true derivative (a convention at a kink does not count).
        derivative_inf: inf phi', rounded down to a float64; None if nobody has stated it.
        trainable: pairs (name, starting value) of what a layer trains (prelu's slope).
        theorem: id of the statement that backs the supremum, or None.
    """

    name: str
    parameters: tuple[tuple[str, float], ...]
    function: _Function = field(compare=False, repr=False)
    slope: _Function = field(compare=False, repr=False)
    kinks: tuple[float, ...] = field(default=(), compare=False, repr=False)
    kink_slopes: tuple[float, ...] = field(default=(), compare=False, repr=False)
    convention: str = field(default="", compare=False, repr=False)
    derivative_sup: float | None = field(default=None, compare=False)
    derivative_sup_exact: str | None = field(default=None, compare=False, repr=False)
    derivative_sup_enclosure: tuple[str, str] | None = field(
        default=None, compare=False, repr=False
    )
    attained_at: str = field(default="", compare=False, repr=False)
    attained: bool = field(default=False, compare=False, repr=False)
    derivative_inf: float | None = field(default=None, compare=False, repr=False)
    trainable: tuple[tuple[str, float], ...] = field(default=(), compare=False, repr=False)
    theorem: str | None = field(default=None, compare=False, repr=False)
    factory: Callable[[float], "Activation"] | None = field(default=None, compare=False, repr=False)
    origin: object = field(default=None, repr=False)

    def __call__(self, x: Any, *trainable: Any) -> Any:
        """Apply phi to every entry; dtype in is dtype out.

        `leaky_relu`, `prelu`, `elu` and `celu` of `gradchain.activations`, called with one plain
        Python number, return the activation with that parameter instead.

        Args:
            x: float array of any shape, or a Python number.
            *trainable: values for `trainable`, in order; left out, their starting values are used.

        Returns:
            phi(x), of the shape and dtype of x; or an `Activation`, see above.

        Raises:
            ActivationError: wrong number of trainable values, or a parameter out of range.
            DtypeError: x is not of a float type.
        """
        if self.factory is not None and not trainable and type(x) in (int, float):
            return self.factory(x)
        return self.function(*self._arguments(x, trainable))

    def derivative(self, x: Any, *trainable: Any) -> jax.Array:
        """Return phi'(x), exact to a few ulp for the activations of this package.

        Args:
            x: float array of any shape, or a Python number.
            *trainable: values for `trainable`, in order; left out, their starting values are used.

        Returns:
            phi'(x), of the shape and dtype of x; at a kink the value of `kink_slopes`.

        Raises:
            ActivationError: wrong number of trainable values.
            DtypeError: x is not of a float type.
        """
        return self.slope(*self._arguments(x, trainable))

    def _arguments(self, x: object, trainable: tuple[object, ...]) -> tuple[object, ...]:
        x = as_float_array(x, str(self))
        if trainable and len(trainable) != len(self.trainable):
            names = ", ".join(name for name, _ in self.trainable) or "none"
            raise ActivationError(
                f"{self} got {len(trainable)} trainable values, expected {len(self.trainable)} "
                f"({names}); pass all of them or none."
            )
        return (x, *(trainable or tuple(start for _, start in self.trainable)))

    def __str__(self) -> str:
        """Return the name with its parameters, a text that `get` reads back."""
        values = ", ".join(repr(value) for _, value in self.parameters)
        return f"{self.name}({values})" if values else self.name

    def __deepcopy__(self, memo: object) -> "Activation":
        """Return itself: it never changes, and its functions cannot be copied."""
        return self

    def __reduce__(self) -> tuple:
        """Pickle by name, so that other processes can be sent one of the library.

        Returns:
            `get` and the text it reads.

        Raises:
            ActivationError: for a user's own function, which has no name elsewhere.
        """
        if self.origin is not None:
            raise ActivationError(
                f"{self} was made by from_function and cannot be pickled; make it again there."
            )
        from gradchain.activations.library import get

        return get, (str(self),)


def as_float_array(x: Any, what: str) -> jax.Array:
    """Return x as a JAX array of one of the four float types, or say what to do.

    Args:
        x: array or number.
        what: who asks, for the message.

    Returns:
        The array, of the dtype of x; Python numbers become the default float type.

    Raises:
        DtypeError: x is not of a float type.
    """
    if type(x) in (int, float):
        return jnp.asarray(float(x))
    if not isinstance(x, (jax.Array, np.ndarray, np.generic)):
        raise DtypeError(f"{what} got {type(x).__name__}, expected a float array; use jnp.asarray.")
    try:
        array = jnp.asarray(x)
    except (TypeError, ValueError):
        raise DtypeError(f"{what} got dtype {x.dtype}, expected a float array.") from None
    if array.dtype.name not in FLOATS:
        raise DtypeError(
            f"{what} got dtype {x.dtype.name}, expected one of {', '.join(FLOATS)}; "
            f"{_advice(array.dtype)}."
        )
    return array


def _advice(dtype: Any) -> str:
    """Say what to do with an array of another type."""
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return "these are real numbers: use x.real if that is what is meant"
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return "this is a random key: pass the array that is drawn with it"
    return "cast with x.astype(jnp.float32)"


def in_working_type(formula: _Function) -> _Function:
    """Compute in float32 where the input is float16 or bfloat16, and round once at the end.

    Args:
        formula: function of a float32 or float64 array (and trainable values of that type).

    Returns:
        The function for all four float types.
    """

    def apply(x: jax.Array, *trainable: object) -> jax.Array:
        working = jnp.float32 if x.dtype.itemsize == 2 else x.dtype
        others = (jnp.asarray(value).astype(working) for value in trainable)
        return formula(x.astype(working), *others).astype(x.dtype)

    return apply


def with_slope(function: _Function, slope: _Function) -> _Function:
    """Attach a derivative rule: the tangent of function(x, *trainable) in x is slope * dx.

    Args:
        function: phi(x, *trainable), elementwise.
        slope: its derivative in x, same arguments, written in operations that JAX differentiates.

    Returns:
        A compiled function with the rule; derivatives in `trainable` are JAX's own.
    """

    @jax.custom_jvp
    def phi(x: jax.Array, *trainable: object) -> jax.Array:
        return function(x, *trainable)

    @phi.defjvp
    def rule(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
        x, *trainable = primals
        dx, *d_trainable = tangents
        out = phi(x, *trainable)
        tangent = slope(x, *trainable) * dx
        if trainable:
            _, extra = jax.jvp(
                lambda *values: function(x, *values), tuple(trainable), tuple(d_trainable)
            )
            tangent = tangent + extra
        return out, tangent

    return jax.jit(phi)
