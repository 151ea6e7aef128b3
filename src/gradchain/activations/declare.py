"""How does a user add an activation, and how are wrong declarations caught?

What is declared is tried out on a few hundred float32 numbers: that catches slips (a wrong sign, a
forgotten kink, a function that mixes entries), and is no proof.
"""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import ActivationError
from gradchain._types import in_short
from gradchain.activations.library import NAMES
from gradchain.activations.noun import Activation, in_working_type, with_slope

_Function = Callable[[jax.Array], jax.Array]
_PYTHON_ON_TRACERS = (
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
)


def from_function(
    name: str,
    fn: _Function,
    derivative: Any = None,
    derivative_sup: Any = None,
    kinks: Any = (),
) -> Activation:
    """Make an activation of your own.

    Without `derivative`, phi' is JAX's forward-mode autodiff of `fn`, with autodiff's accuracy
    (which may be poor where `fn` saturates). Without `derivative_sup`, bounds that need it will
    refuse. float16 and bfloat16 inputs reach `fn` as float32. Declarations are tried out on a few
    hundred numbers, which takes a fraction of a second.

    Args:
        name: lower case letters, digits and underscores; not one of the library's.
        fn: phi, entrywise and in JAX operations: the array it returns has the shape and dtype of
            the one it gets.
        derivative: phi', a function likewise; it replaces autodiff. None to do without.
        derivative_sup: a number that |phi'| never exceeds, or None if unknown.
        kinks: tuple of the points where phi is not differentiable; phi' there is what `derivative` (or
            autodiff) gives.

    Returns:
        The activation; it equals another one only if name, `fn` and `derivative` are the same.

    Raises:
        ActivationError: what is declared does not hold, with the point where it fails.

    Example:
        >>> import jax.numpy as jnp
        >>> cube = from_function("cube", lambda x: x**3, derivative=lambda x: 3 * x**2)
        >>> float(cube.derivative(2.0))
        12.0
    """
    derivative_sup, kinks = _checked_words(name, fn, derivative, derivative_sup, kinks)
    _check_shape(name, "fn", fn)
    slope = _slope_of(name, fn, derivative)
    _check_values(name, fn, slope, derivative is not None, derivative_sup, kinks)
    function, slope = in_working_type(fn), in_working_type(slope)
    kink_slopes = tuple(float(v) for v in slope(jnp.asarray(kinks, jnp.float32)))
    return Activation(
        name=name,
        parameters=(),
        function=with_slope(function, slope),
        slope=jax.jit(slope),
        kinks=kinks,
        kink_slopes=kink_slopes,
        convention=f"what {'autodiff' if derivative is None else 'derivative'} gives",
        derivative_sup=derivative_sup,
        attained_at="not stated",
        origin=(fn, derivative),
    )


def _checked_words(
    name: str, fn: Any, derivative: Any, derivative_sup: Any, kinks: Any
) -> tuple[float | None, tuple[float, ...]]:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name):
        raise ActivationError(
            f"name is {in_short(name)}, expected up to 100 lower case letters, digits and underscores."
        )
    if name in NAMES:
        raise ActivationError(f"{name} is an activation of the library; choose another name.")
    for label, each in (("fn", fn), ("derivative", derivative)):
        if not callable(each) and not (label == "derivative" and each is None):
            raise ActivationError(
                f"{label} of {name} is {in_short(each)}, expected a function of an array."
            )
        try:
            hash(each)
        except TypeError:
            raise ActivationError(
                f"{label} of {name} is not hashable; wrap it in a plain function."
            ) from None
    real = (int, float, np.integer, np.floating)
    if derivative_sup is not None and not (
        isinstance(derivative_sup, real) and 0 <= derivative_sup < np.inf
    ):
        raise ActivationError(
            f"derivative_sup of {name} is {in_short(derivative_sup)}, expected a finite number >= 0, or "
            "None if unknown."
        )
    if not isinstance(kinks, (tuple, list)) or not all(
        isinstance(kink, real) and np.isfinite(kink) for kink in kinks
    ):
        raise ActivationError(
            f"kinks of {name} are {in_short(kinks)}, expected a tuple of finite numbers."
        )
    sup = None if derivative_sup is None else float(derivative_sup)
    return sup, tuple(sorted(float(kink) for kink in kinks))


def _check_shape(name: str, label: str, fn: _Function) -> None:
    for expected in ((), (2, 3)):
        _check_one_shape(name, label, fn, expected)


def _check_one_shape(name: str, label: str, fn: _Function, expected: tuple[int, ...]) -> None:
    given = jax.ShapeDtypeStruct(expected, jnp.float32)
    try:
        out = jax.eval_shape(fn, given)
    except _PYTHON_ON_TRACERS:
        raise ActivationError(
            f"{label} of {name} looks at the values of x in Python or NumPy; use jnp.where and "
            "jnp functions, so that it can be compiled."
        ) from None
    except Exception as error:
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
        raise ActivationError(
            f"{label} of {name} failed on a float32 array of shape {expected}: "
            f"{type(error).__name__}: {first}"
        ) from error
    shape, dtype = getattr(out, "shape", None), getattr(out, "dtype", None)
    if shape != given.shape or dtype != given.dtype:
        raise ActivationError(
            f"{label} of {name} turned float32 of shape {expected} into {dtype} of shape {shape}; "
            "an activation keeps shape and dtype."
        )


def _slope_of(name: str, fn: _Function, derivative: _Function | None) -> _Function:
    def by_autodiff(x: jax.Array) -> jax.Array:
        return jax.jvp(fn, (x,), (jnp.ones_like(x),))[1]

    if derivative is not None:
        _check_shape(name, "derivative", derivative)
        return derivative
    try:
        by_autodiff(jnp.zeros((2, 3), jnp.float32))  # traced, a custom_vjp would not refuse yet
    except Exception as error:
        raise ActivationError(
            f"JAX cannot differentiate fn of {name} in forward mode ({type(error).__name__}); "
            "pass derivative=."
        ) from error
    return by_autodiff


def _autodiff(fn: _Function, x: jax.Array) -> np.ndarray | None:
    try:
        return np.asarray(jax.jvp(fn, (x,), (jnp.ones_like(x),))[1])
    except Exception:  # fn has no forward rule: then there is nothing to hold `derivative` against
        return None


def _check_values(
    name: str,
    fn: _Function,
    slope: _Function,
    has_derivative: bool,
    derivative_sup: float | None,
    kinks: tuple[float, ...],
) -> None:
    grid = (np.linspace(-8, 8, 129) + 0.0123).astype(np.float32)  # off the usual kinks
    mixed = grid.copy()
    mixed[1::2] = 0.5
    values = np.asarray(fn(jnp.asarray(grid)))
    _refuse_non_finite(name, "phi", grid, values)
    again = np.asarray(fn(jnp.asarray(mixed)))[::2]
    room = 64 * np.finfo(np.float32).eps * np.maximum(1.0, np.abs(values[::2]))
    if not np.all(np.abs(again - values[::2]) <= room):
        raise ActivationError(
            f"fn of {name} mixes entries: phi(x)[i] changed when only other entries of x did; an "
            "activation acts on each entry alone."
        )
    slopes = np.asarray(slope(jnp.asarray(grid)))
    _refuse_non_finite(name, "phi'", grid, slopes)
    if kinks:
        at = np.asarray(kinks, np.float32)
        _refuse_non_finite(name, "phi'", at, np.asarray(slope(jnp.asarray(at))))
    if has_derivative:
        _check_derivative(name, fn, grid, slopes, kinks)
    _check_kinks(name, slope, kinks, float(np.max(np.abs(slopes))))
    if derivative_sup is not None:
        powers = 2.0 ** np.arange(-20, 21)
        wide = np.concatenate([grid, powers, -powers, np.asarray(kinks)]).astype(np.float32)
        steep = np.abs(np.asarray(slope(jnp.asarray(wide))))
        worst = int(np.nanargmax(steep))
        if steep[worst] > derivative_sup * (1 + 4 * np.finfo(np.float32).eps):
            raise ActivationError(
                f"derivative_sup of {name} is {derivative_sup}, but |phi'({wide[worst]})| = "
                f"{steep[worst]}; declare a number that |phi'| never exceeds."
            )


def _refuse_non_finite(name: str, what: str, x: np.ndarray, y: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(y))
    if bad.size:
        raise ActivationError(
            f"{what} of {name} is {y[bad[0]]} at x = {x[bad[0]]}, expected a finite number; "
            "guard both branches of jnp.where, or pass derivative=."
        )


def _check_derivative(
    name: str, fn: _Function, grid: np.ndarray, slopes: np.ndarray, kinks: tuple[float, ...]
) -> None:
    auto = _autodiff(fn, jnp.asarray(grid))
    if auto is None:
        return
    room = np.sqrt(np.finfo(np.float32).eps) * max(1.0, float(np.nanmax(np.abs(auto))))
    # A comparison with NaN (autodiff may give one) is False, as it should be here.
    apart = np.abs(auto - slopes) > room
    for kink in kinks:
        apart &= np.abs(grid - kink) > 0.01
    if apart.any():
        i = int(np.flatnonzero(apart)[0])
        raise ActivationError(
            f"derivative of {name} is {slopes[i]} at x = {grid[i]}, but autodiff of fn gives "
            f"{auto[i]}; correct it, or leave it out."
        )


def _check_kinks(name: str, slope: _Function, kinks: tuple[float, ...], steepest: float) -> None:
    at = np.arange(-8, 8.5, 0.5)
    at = at[~np.isin(at, kinks)]
    steps = 2.0 ** np.array([[-9.0], [-13.0]])
    above, below = (
        np.asarray(slope(jnp.asarray((at + side * steps).astype(np.float32)))) for side in (1, -1)
    )
    wide, narrow = above - below
    # A smooth slope differs 16 times less over the narrow gap; a jump differs equally over both.
    jumps = (np.abs(narrow) > 1e-3 * max(1.0, steepest)) & (
        np.abs(wide - narrow) <= 0.1 * np.abs(narrow)
    )
    if jumps.any():
        i = int(np.flatnonzero(jumps)[0])
        raise ActivationError(
            f"phi' of {name} jumps from {below[1][i]} to {above[1][i]} at x = {at[i]}, which is "
            f"not among its kinks {kinks}; declare kinks=({at[i]}, ...)."
        )
