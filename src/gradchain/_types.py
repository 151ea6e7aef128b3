"""One helper that makes a frozen dataclass a JAX pytree without running its checks inside JAX.

JAX rebuilds pytrees with placeholders (`None`, tracers, shape structs) as leaves. A dataclass that
checks its fields in `__init__` would refuse them, so unflattening here goes round `__init__`: shapes
are checked when a person builds the object and never when JAX does.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

import jax
import numpy as np
from typing_extensions import dataclass_transform

from gradchain._errors import DtypeError, UsageError

_T = TypeVar("_T")
_A = TypeVar("_A", bound="Approximate")
# Any real number that a person may write: Python alone takes 1 where 1.0 is meant.
Real = int | float | np.integer | np.floating


def static(default: Any = dataclasses.MISSING) -> Any:
    """Declare a dataclass field that is part of the tree's structure, not one of its leaves.

    Args:
        default: the field's default, if it has one; it must be hashable.

    Returns:
        A dataclass field.
    """
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata={"static": True})
    return dataclasses.field(default=default, metadata={"static": True})


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def pytree(cls: type[_T]) -> type[_T]:
    """Turn a class with annotated fields into a frozen dataclass registered with JAX.

    Args:
        cls: the class; fields made with `static` become structure, all others children.

    Returns:
        The same class as a frozen dataclass.

    Example:
        >>> import jax
        >>> @pytree
        ... class Pair:
        ...     left: object
        ...     right: object
        ...     name: str = static(default="pair")
        >>> jax.tree.leaves(Pair(1.0, 2.0))
        [1.0, 2.0]
    """
    frozen = dataclasses.dataclass(frozen=True, eq=False)(cls)
    fields = dataclasses.fields(frozen)  # type: ignore[arg-type]
    children = tuple(f.name for f in fields if not f.metadata.get("static"))
    statics = tuple(f.name for f in fields if f.metadata.get("static"))

    def flatten_with_keys(value: _T) -> tuple[tuple, tuple]:
        keyed = tuple((jax.tree_util.GetAttrKey(n), getattr(value, n)) for n in children)
        return keyed, tuple(getattr(value, n) for n in statics)

    def flatten(value: _T) -> tuple[tuple, tuple]:
        return tuple(getattr(value, n) for n in children), tuple(getattr(value, n) for n in statics)

    def unflatten(aux: tuple, leaves: Iterable) -> _T:
        value = object.__new__(frozen)
        for name, leaf in zip(children, leaves, strict=True):
            object.__setattr__(value, name, leaf)
        for name, item in zip(statics, aux, strict=True):
            object.__setattr__(value, name, item)
        return value

    jax.tree_util.register_pytree_with_keys(frozen, flatten_with_keys, unflatten, flatten)
    return frozen


def in_short(value: object) -> str:
    """Write any value on one line for a message.

    Args:
        value: what was given.

    Returns:
        Its `repr`, at most 80 characters of it.
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def whole_number(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number, or say what it is instead.

    Args:
        name: the argument's name, for the message.
        value: what was given.
        least: the smallest value taken.
        most: the largest value taken, if there is one.

    Returns:
        The value as an `int`.

    Raises:
        UsageError: if it is no whole number (True is none), too small, or too large.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        expected = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise UsageError(f"got {name}={in_short(value)}, expected a whole number {expected}")
    return int(value)  # type: ignore[arg-type]


def one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return a word of a list, or say which words there are.

    Args:
        name: the argument's name, for the message.
        value: what was given, of any type, hashable or not.
        allowed: the words.

    Returns:
        The value.

    Raises:
        UsageError: if it is none of them.
    """
    if not isinstance(value, str) or value not in allowed:
        raise UsageError(f"got {name}={in_short(value)}, expected one of {', '.join(allowed)}")
    return value


def random_key(key: object) -> jax.Array:
    """Return one JAX random key, or say how to make one.

    Args:
        key: a key of `jax.random.key` or `jax.random.PRNGKey`.

    Returns:
        The key.

    Raises:
        UsageError: if it is something else.
    """
    if isinstance(key, jax.Array):
        typed = jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0
        if typed or (key.dtype == np.uint32 and key.ndim == 1 and key.size in {2, 4}):
            return key
    got = f"shape {key.shape}, {key.dtype}" if isinstance(key, jax.Array) else type(key).__name__
    raise UsageError(f"got {got} as key, expected one JAX random key: use jax.random.key(seed)")


def checked_seed(name: str, value: object) -> int:
    """Return a seed, or say which there are: JAX keeps 32 bits of one and drops the rest in silence.

    Args:
        name: the argument's name, for the message.
        value: what was given.

    Returns:
        The seed, from 0 to 2**32 - 1.

    Raises:
        UsageError: if it is no whole number, negative, or would be taken for another seed.
    """
    return whole_number(name, value, least=0, most=2**32 - 1)


def key_or_seed(key: object) -> jax.Array:
    """Return one JAX random key, made from a seed if a whole number is given.

    Args:
        key: a JAX random key, or a seed from 0 to 2**32 - 1.

    Returns:
        The key.

    Raises:
        UsageError: if it is neither.
    """
    if isinstance(key, (int, np.integer)):
        return jax.random.key(checked_seed("key", key))
    return random_key(key)


def float_array(x: Any, what: str) -> jax.Array:
    """Return x as a JAX array of a float type, without narrowing it.

    Args:
        x: an array, a number, or nested lists of numbers.
        what: what it is, for the message.

    Returns:
        The array.

    Raises:
        DtypeError: if it is not numeric, not of a float type, or float64 while JAX is in 32-bit
            mode, which would narrow it in silence.
    """
    kind = getattr(x, "dtype", type(x).__name__)
    if isinstance(x, complex) and not isinstance(x, np.generic):
        raise DtypeError(f"got {what} of type {kind}, expected a float array of real numbers")
    known = isinstance(x, (jax.Array, np.ndarray, np.generic, int, float, list, tuple))
    if not known and not hasattr(x, "__array__"):
        raise DtypeError(f"got {what} of type {kind}, expected a float array")
    try:
        array = jax.numpy.asarray(x)
    except (TypeError, ValueError, OverflowError):
        raise DtypeError(f"got {what} of type {kind}, expected a float array") from None
    if not jax.numpy.issubdtype(array.dtype, jax.numpy.floating):
        given = getattr(x, "dtype", array.dtype)
        raise DtypeError(f"got {what} of type {given}, expected {_instead(array.dtype)}")
    if isinstance(x, np.ndarray) and x.dtype != array.dtype:
        raise DtypeError(
            f"got {what} of type {x.dtype} while JAX is in 32-bit mode: wrap the call in "
            "`with jax.enable_x64(True):`, or write x.astype('float32')"
        )
    return array


def _instead(dtype: Any) -> str:
    """Say what was expected in place of an array of this type, and what to do."""
    if jax.numpy.issubdtype(dtype, jax.numpy.complexfloating):
        return "a float array of real numbers: write x.real if that is what is meant"
    if jax.numpy.issubdtype(dtype, jax.dtypes.prng_key):
        return "a float array and not a random key: pass the arrays that are drawn with it"
    return "a float array: write x.astype('float32')"


def is_concrete(*trees: object) -> bool:
    """Say whether every array leaf holds values now, that is, none is a tracer.

    Args:
        *trees: any pytrees.

    Returns:
        True if values can be looked at without leaving a transformation.
    """
    return not any(_is_tracer(leaf) for tree in trees for leaf in jax.tree.leaves(tree))


def _is_tracer(leaf: object) -> bool:
    """Tell a traced array from a concrete one: only a concrete one knows where it lies."""
    if not isinstance(leaf, jax.Array):
        return False
    try:
        leaf.is_fully_addressable  # ruff: ignore[useless-expression]
    except jax.errors.ConcretizationTypeError:
        return True
    return False


class Approximate(float):
    """A float that carries how far it may be off, and one sentence on what it is.

    It computes, compares and prints as the float it is; what is computed from it is a plain float.

    Attributes:
        error: absolute, an *estimate* unless the function that gave it says more.
        explanation: one sentence, empty if the function's docstring says all.
    """

    error: float
    explanation: str

    def __new__(cls: type[_A], value: float, error: float = 0.0, explanation: str = "") -> _A:
        """Attach the error to the value.

        Returns:
            The number.
        """
        made = float.__new__(cls, value)
        made.error, made.explanation = float(error), explanation
        return made

    def __repr__(self) -> str:
        """Return the float and, where there is one, the sentence."""
        said = f" ({self.explanation})" if self.explanation else ""
        return f"{float(self)!r}{said}"

    def __reduce__(self) -> tuple:
        """Copy and pickle with everything attached."""
        return _approximate, (type(self), float(self), dict(self.__dict__))


def _approximate(kind: type, value: float, attached: dict[str, Any]) -> "Approximate":
    made = kind(value)
    made.__dict__.update(attached)
    return made
