"""Is an activation what it is declared to be: its supremum, its derivative, its kinks?

`check_activation` tries phi and phi' on some 50 000 numbers of float64 and float32, the same ones
every time, and looks closer where something stands out. It is no proof: it finds what shows on
those numbers. Cost: three or four small compilations, about a second.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradchain import activations
from gradchain._errors import ActivationError
from gradchain.activations.noun import Activation
from gradchain.testing.failure import CheckFailedError
from gradchain.testing.form import check_form, modes_of
from gradchain.testing.points import FAR, ArrayFunction, Evaluator, even_grids
from gradchain.testing.ranges import Claim, check_ranges, check_single, steepest_of
from gradchain.testing.slopes import (
    check_features,
    check_increments,
    check_jumps,
    check_kinks,
    simpson_cells,
)

_FLOATS = ("float32", "float64")
_TIGHT = 1e-3


@dataclass(frozen=True)
class ActivationReport:
    """What was checked, and what was seen on the way.

    Attributes:
        name: of the activation.
        checked: the checks that were made, in words.
        dtypes: float types it was tried in.
        points: how many numbers it was tried on, all types together.
        derivative_sup: the declared supremum of |phi'|, or None.
        derivative_sup_found: the largest |phi'| seen, a lower bound of the supremum.
        derivative_sup_at: where it was seen.
        derivative_error: the largest difference between phi' and central differences of phi, beyond
            rounding and truncation.
        tolerance: the largest such difference allowed.
        finest: width of the narrowest feature that is not taken for a spike.
        false_alarm_rate: 0.0, the numbers tried are always the same.
        notes: what is odd but not wrong.
    """

    name: str
    checked: tuple[str, ...]
    dtypes: tuple[str, ...]
    points: int
    derivative_sup: float | None
    derivative_sup_found: float
    derivative_sup_at: float
    derivative_error: float
    tolerance: float
    finest: float
    false_alarm_rate: float
    notes: tuple[str, ...]


def check_activation(
    fn: Any,
    derivative_sup: Any = None,
    derivative: Any = None,
    kinks: Any = (),
    *,
    kink_slopes: Any = None,
    tight: bool = False,
    finest: float = 0.01,
    largest: float = math.inf,
    dtypes: tuple[str, ...] = _FLOATS,
) -> ActivationReport:
    """Check an activation, for a property test of your own.

    It must act entrywise, keep shape and dtype, be pure, traceable and vmappable; phi and phi' must
    not be NaN anywhere between the ends of the float type, nor infinite where they need not;
    |phi'| must not exceed `derivative_sup` (by more than 256 eps, relatively); phi must be
    continuous, and phi' its derivative: over cells of 1/256 in [-10.5, 10.5] and of 1/16 to +-100
    central differences of phi must agree with it to sqrt(eps) of the largest |phi'|, beyond the
    measured truncation; phi' may jump at declared kinks only (jumps above sqrt(eps) of the largest
    |phi'| are seen) and have no feature narrower than `finest` in [-10.5, 10.5]; at a kink it must
    be the declared slope, or between the slopes of the two sides. eps is float64's, 2.2e-16, unless
    `dtypes` leaves float64 out. Without `derivative`, JAX's forward and reverse mode must agree.

    Args:
        fn: phi, a function of an array; or an `Activation` or the name of one, whose facts are used
            for what is not given here. jax.nn.gelu, as it stands, fails: its slope at 1e30 is NaN.
        derivative_sup: the declared supremum of |phi'|, or None to leave it unchecked.
        derivative: phi', a function likewise; None for JAX's autodiff of `fn`.
        kinks: points where phi' jumps.
        kink_slopes: the value phi' takes at each kink; None: anything between its two sides.
        tight: whether to fail if no |phi'| comes within 1e-3, relatively, of `derivative_sup`;
            otherwise that is a note in the report.
        finest: width of the narrowest feature that is meant; a narrower one is a spike. Make it
            smaller for steep functions: tanh(30 x) passes at 0.01, tanh(300 x) at 0.001. Cost grows
            as 1/finest.
        largest: the largest |x| that is tried, at least 100; by default the ends of the float type.
        dtypes: float types to try, of "float32" and "float64".

    Returns:
        What was checked and seen.

    Raises:
        CheckFailedError: (an AssertionError) a check does not hold; says what was expected, what
            was found, and the first input that shows it.
        ActivationError: the arguments make no sense.

    Example:
        >>> import jax.numpy as jnp
        >>> report = check_activation(lambda x: x / (1 + jnp.abs(x)), derivative_sup=1.0)
        >>> report.derivative_sup_found, report.notes
        (1.0, ())
        >>> try:
        ...     check_activation(jnp.tanh, derivative_sup=0.999)
        ... except AssertionError as error:
        ...     print(error.expected, "; found", error.found, "at", error.first_input)
        |phi'| <= 0.999 ; found |phi'| = 1.0 at 0.0
    """
    claim, function, slope, reverse = _claimed(fn, derivative_sup, derivative, kinks, kink_slopes)
    kinds = _checked_dtypes(dtypes)
    if not 1e-5 <= finest <= 1:
        raise ActivationError(f"finest is {finest!r}, expected a width between 1e-5 and 1.")
    if not largest >= FAR:
        raise ActivationError(f"largest is {largest!r}, expected a number of at least {FAR}.")
    check_form(claim.name, "fn", function, kinds)
    if slope is not None:
        check_form(claim.name, "derivative", slope, kinds)
    if reverse or slope is None:
        with_mode, reverse = modes_of(claim.name, function, slope, kinds[-1])
    else:
        with_mode = slope
    evaluators = [Evaluator(function, with_mode, reverse, kind, largest) for kind in kinds]
    evaluate = evaluators[-1]
    left, middle, right = (evaluate(grid) for grid in even_grids(finest))
    grids = (middle, left, right)
    found, at = check_ranges(claim, grids, evaluate)
    steepest = steepest_of(middle)
    error, notes = check_kinks(claim.name, claim.kinks, claim.kink_slopes, steepest, evaluate)
    for grid in grids:
        steep = max(steepest, steepest_of(grid))
        cells = simpson_cells(grid)
        new = check_increments(claim.name, cells, claim.kinks, steep, evaluate)
        error = max(error, new)
        check_jumps(claim.name, grid, claim.kinks, steep, evaluate)
    check_features(claim.name, middle, claim.kinks, steepest, finest)
    if len(evaluators) > 1:
        check_single(claim, middle, steepest, evaluators[0], evaluate)
    notes += _supremum_notes(claim, found, at, tight)
    return ActivationReport(
        name=claim.name,
        checked=_what_was_checked(claim, slope is None, kinds),
        dtypes=kinds,
        points=sum(each.count for each in evaluators),
        derivative_sup=claim.sup,
        derivative_sup_found=found,
        derivative_sup_at=at,
        derivative_error=error,
        tolerance=float(np.sqrt(np.finfo(kinds[-1]).eps) * steepest),
        finest=float(finest),
        false_alarm_rate=0.0,
        notes=notes,
    )


def _claimed(
    fn: Any, derivative_sup: Any, derivative: Any, kinks: Any, kink_slopes: Any
) -> tuple[Claim, ArrayFunction, ArrayFunction | None, bool]:
    # What is declared, phi, phi' (None: autodiff), and whether reverse mode must agree with it.
    reverse, infimum = derivative is None, None
    if isinstance(fn, (str, Activation)):
        phi = activations.get(fn)
        name, function = str(phi), phi.function
        starts = tuple(start for _, start in phi.trainable)
        if starts:
            function = _with_starts(phi)
        infimum = phi.derivative_inf if derivative is None else None
        derivative_sup = phi.derivative_sup if derivative_sup is None else derivative_sup
        derivative = phi.derivative if derivative is None else derivative
        if not len(kinks):
            kinks, kink_slopes = phi.kinks, phi.kink_slopes if kink_slopes is None else kink_slopes
    elif callable(fn):
        user: Any = fn
        name, function = getattr(fn, "__name__", type(fn).__name__), user
    else:
        raise ActivationError(
            f"got {type(fn).__name__}, expected a function of an array, an Activation or a name."
        )
    slope: Any = derivative
    if derivative is not None and not callable(derivative):
        raise ActivationError(f"derivative is {derivative!r}, expected a function of an array.")
    points = _numbers("kinks", kinks)
    slopes = None if kink_slopes is None else _numbers("kink_slopes", kink_slopes)
    if slopes is not None and len(slopes) != len(points):
        raise ActivationError(f"got {len(slopes)} kink_slopes for {len(points)} kinks.")
    supremum = None if derivative_sup is None else _numbers("derivative_sup", [derivative_sup])[0]
    if supremum is not None and supremum < 0:
        raise ActivationError(f"derivative_sup is {derivative_sup!r}, expected a number >= 0.")
    return Claim(name, supremum, infimum, points, slopes), function, slope, reverse


def _with_starts(phi: Activation) -> ArrayFunction:
    return lambda x: phi.function(x, *(start for _, start in phi.trainable))


def _numbers(label: str, values: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise ActivationError(f"{label} got {values!r}, expected finite numbers.") from None
    if not np.all(np.isfinite(numbers)):
        raise ActivationError(f"{label} got {values!r}, expected finite numbers.")
    return numbers


def _checked_dtypes(dtypes: tuple[str, ...]) -> tuple[str, ...]:
    # Narrow before wide: the last one is where derivatives are looked at.
    kinds = tuple(kind for kind in _FLOATS if kind in dtypes)
    if not kinds or set(dtypes) - set(_FLOATS):
        raise ActivationError(f"dtypes are {dtypes!r}, expected some of {', '.join(_FLOATS)}.")
    return kinds


def _supremum_notes(claim: Claim, found: float, at: float, tight: bool) -> tuple[str, ...]:
    if claim.sup is None or found >= claim.sup * (1 - _TIGHT):
        return ()
    if tight:
        raise CheckFailedError(
            f"{claim.name}: derivative_sup",
            f"some |phi'| within {_TIGHT} of the supremum {claim.sup}, relatively",
            f"at most {found:.9g}",
            at,
            "An upper bound is not the supremum; without tight=True it is let pass.",
        )
    return (
        f"derivative_sup={claim.sup} is an upper bound but hardly the supremum: the largest |phi'| "
        f"seen is {found:.9g}, at {at}.",
    )


def _what_was_checked(claim: Claim, autodiff: bool, kinds: tuple[str, ...]) -> tuple[str, ...]:
    words = ["shape, dtype and purity", "entries do not mix", "no NaN from end to end"]
    if claim.sup is not None:
        words.append("supremum of |phi'|")
    words.append("central differences against " + ("autodiff" if autodiff else "the derivative"))
    words.append("value and slope at kinks" if claim.kinks else "no kinks")
    words += ["no jump of phi", "no undeclared kink", "no spike"]
    if len(kinds) == 2:
        words.append("float32 agrees with float64")
    return tuple(words)
