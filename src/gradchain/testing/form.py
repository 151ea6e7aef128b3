"""Is a function an activation at all: entrywise, of one shape and dtype, pure, and traceable?

It must give shape and dtype back on arrays of every rank, act on every entry alone (so that
`jax.vmap` of it on numbers is the function itself), give the same bits when called twice, keep no
tracer, and never look at values in Python. Cost: a few traces and one small compilation.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gradchain.testing.failure import CheckFailedError
from gradchain.testing.points import ArrayFunction, backward, forward

_SHAPES = ((), (5,), (2, 3))
_PYTHON_ON_TRACERS = (
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
)
# 96 numbers of all sizes below 10, none of them twice, that no symmetry maps to themselves.
_TRIAL = np.concatenate([np.linspace(-9.7, 9.9, 64), np.geomspace(1e-6, 8.0, 32)])


def check_form(name: str, label: str, function: ArrayFunction, dtypes: tuple[str, ...]) -> None:
    """Check shapes, dtypes, tracing, purity and that entries do not mix.

    Args:
        name: whose function it is, for the message.
        label: which function, such as "fn" or "derivative".
        function: the function.
        dtypes: names of the float types it must keep.
    """
    what = f"{name}: {label}"
    for dtype in dtypes:
        with jax.enable_x64(dtype == "float64"), jax.debug_nans(False):
            for shape in _SHAPES:
                _check_trace(what, function, jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)))
    with jax.enable_x64(dtypes[-1] == "float64"), jax.debug_nans(False):
        _check_calls(what, function, _TRIAL.astype(dtypes[-1]))


def modes_of(
    name: str, function: ArrayFunction, derivative: ArrayFunction | None, dtype: str
) -> tuple[ArrayFunction | None, bool]:
    """Choose what to take for phi', and whether reverse mode can be held against it.

    Args:
        name: of the activation, for the message.
        function: phi.
        derivative: phi', if it is declared.
        dtype: name of a float type that phi takes.

    Returns:
        phi' as a function, or None for forward mode; and whether reverse mode is another channel.

    Raises:
        CheckFailedError: JAX can differentiate in neither mode.
    """
    given = jax.ShapeDtypeStruct((4,), jnp.dtype(dtype))
    works = []
    with jax.enable_x64(dtype == "float64"), jax.debug_nans(False):
        for mode in (forward, backward):
            try:
                # Lowering, because JAX refuses a missing rule only there.
                jax.jit(lambda x, mode=mode: mode(function, x)).lower(given)
                works.append(True)
            except Exception:
                works.append(False)
    if derivative is None and not any(works):
        raise CheckFailedError(
            f"{name}: fn", "a function that JAX can differentiate", "none", dtype,
            "Pass derivative=.",
        )  # fmt: skip
    if derivative is None and not works[0]:
        return (lambda x: backward(function, x)), False
    return derivative, works[1]


def _check_trace(what: str, function: ArrayFunction, given: jax.ShapeDtypeStruct) -> None:
    asked = f"{given.dtype.name}{list(given.shape)}"
    try:
        out = jax.eval_shape(lambda x: function(x), given)
    except _PYTHON_ON_TRACERS as error:
        raise CheckFailedError(
            what,
            "JAX operations only",
            "a look at the values of x in Python or NumPy",
            asked,
            "Use jnp.where and jnp functions, so that it can be compiled.",
        ) from error
    except Exception as error:
        raise CheckFailedError(what, "an array", _of(error), asked) from error
    got = f"{getattr(out, 'dtype', type(out).__name__)}{list(getattr(out, 'shape', []))}"
    if got != asked:
        raise CheckFailedError(what, f"the shape and dtype of x, {asked}", got, asked)


def _check_calls(what: str, function: ArrayFunction, x: np.ndarray) -> None:
    once, again = (_eager(what, function, x) for _ in range(2))
    _compare(what, "the same bits from two calls", x, once, again, 0.0, "It keeps a state.")
    _check_leaks(what, function, x)
    alone = _eager(what, jax.vmap(function), x, "jax.vmap to work on it")
    room = 64 * float(np.finfo(x.dtype).eps)
    mixes = "An activation acts on each entry alone."
    _compare(what, "phi(x)[i] = phi(x[i])", x, alone, once, room, mixes)
    square = _eager(what, lambda x: function(x.reshape(8, -1)).reshape(-1), x)
    _compare(what, "the same in a matrix as alone", x, alone, square, room, mixes)


def _eager(
    what: str,
    function: Callable[[jax.Array], jax.Array],
    x: np.ndarray,
    wanted: str = "an array",
) -> np.ndarray:
    try:
        return np.asarray(function(jnp.asarray(x)))
    except Exception as error:
        raise CheckFailedError(
            what, wanted, _of(error), f"{x.dtype.name}{list(x.shape)}"
        ) from error


def _check_leaks(what: str, function: ArrayFunction, x: np.ndarray) -> None:
    given = jax.ShapeDtypeStruct(x.shape, x.dtype)
    try:
        with jax.checking_leaks():
            jax.eval_shape(lambda x: function(x), given)
    except Exception as error:
        if "leak" not in str(error).lower():
            raise
        raise CheckFailedError(
            what,
            "no side effects",
            "a value kept from inside the call (a leaked tracer)",
            f"{x.dtype.name}{list(x.shape)}",
        ) from error


def _compare(
    what: str,
    expected: str,
    x: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    room: float,
    hint: str,
) -> None:
    apart = np.abs(left - right) > room * np.maximum(1.0, np.abs(left))
    apart |= np.isnan(left) != np.isnan(right)
    if apart.any():
        i = int(np.flatnonzero(apart)[0])
        raise CheckFailedError(what, expected, f"{left[i]} and {right[i]}", x[i], hint)


def _of(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
