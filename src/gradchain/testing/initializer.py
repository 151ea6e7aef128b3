"""Does an initializer draw the law that it declares, and are its draws independent?

`check_initializer` draws R = 64 matrices of shape (64, 128), N = 524 288 entries, with independent
keys. First what needs no statistics (`draws`), then seven parts (`statistics`), each a Student t
over matrices at a seventh of a nominal 2.5e-7; the stated total false-alarm rate is 1e-6.

Why this size. With t the critical value, 6.2, and 3.09 spreads of 1.14 for a power of 0.999, a
deviation is detected from 9.7 standard errors on. A mean of 0.02 standard deviations is 0.02 sqrt(N)
standard errors: N >= 236 000. A gain 2 % off changes the variance by 4 %: the standard error of a
mean square is sqrt((kurtosis - 1)/N), so N >= 60 300 (kurtosis - 1): the default serves kurtosis up
to 9.6 (uniform 1.8, truncated normal 2.4, normal 3, Laplace 6). Swapped fans (a factor 2 in variance
at the default shape) and a truncated normal that was not rescaled (a factor 0.774) are far beyond
that. Rows that share a component with correlation rho move "rows" by rho 32 sqrt(128 R) standard
errors: rho = 0.01 has power 0.999 with much to spare; two equal rows, or any two rows with
correlation 0.14, show in "row pairs".
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from gradchain import initializers
from gradchain._errors import InitializerError
from gradchain._types import checked_seed
from gradchain.initializers import Initializer
from gradchain.initializers.noun import checked_dtype
from gradchain.testing.draws import Source, check_draws, try_half_precision
from gradchain.testing.failure import CheckFailedError
from gradchain.testing.statistics import (
    FALSE_ALARM_RATE,
    NOMINAL,
    Part,
    critical,
    examine,
    power_against,
)

SHAPE = (64, 128)
ENTRIES = 2**19
FEWEST, MOST = 64, 4096
# What the stated power is about: the least of the alternatives, in the unit of each part.
GAIN, MEAN, SHARED = 0.02, 0.02, 0.01
_CUT_VARIANCE = 1.0 - 4.0 * math.exp(-2.0) / math.sqrt(2.0 * math.pi) / math.erf(math.sqrt(2.0))


@dataclass(frozen=True)
class InitializerReport:
    """What was checked, on how much, and what would have been detected.

    Attributes:
        name: of the initializer.
        checked: the checks that were made, in words.
        shape: of the weights, (fan_out, fan_in) or (out, in, *spatial).
        dtype: of the weights.
        draws: how many matrices, each with its own key.
        sample_size: how many entries in all.
        variance: the declared variance, or None.
        variance_found: mean square of all entries.
        parts: the statistics; `detects` of each is what it finds with probability 0.999.
        false_alarm_rate: probability that a right initializer fails, over seeds; at most.
        power: the least probability, by the spread seen, of detecting a gain off by 2 %, a mean of
            0.02 standard deviations, or rows that share a component with correlation 0.01 (those of
            the three that are looked at); 1 where nothing is random.
        notes: what is odd but not wrong, and what could not be checked.
    """

    name: str
    checked: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    draws: int
    sample_size: int
    variance: float | None
    variance_found: float
    parts: tuple[Part, ...]
    false_alarm_rate: float
    power: float
    notes: tuple[str, ...]


def check_initializer(
    init: Any,
    variance: Any = None,
    *,
    shape: tuple[int, ...] = SHAPE,
    dtype: Any = "float32",
    seed: int = 0,
    draws: int | None = None,
    layout: str = "in_out",
) -> InitializerReport:
    """Check an initializer, for a property test of your own.

    A statistical test: over seeds, a right initializer (entries symmetric about 0) fails with
    probability at most 1e-6, all parts together. With the default draws and a kurtosis up to 9 it
    detects each of these with probability at least 0.999: swapped fans (of a law that is not
    symmetric in them), a truncated normal that was not rescaled, a gain off by 2 %, a mean of 0.02
    standard deviations, rows (or columns) sharing a component with correlation 0.01, two equal
    rows, draws of different keys with correlation 0.03. Without statistics it detects a wrong
    shape or dtype, weights that are not finite, constants, a state, and keys that are ignored. For
    one seed the outcome is always the same.

    Args:
        init: an `Initializer`, the name of one, or a callable (key, shape, dtype) that follows
            `jax.nn.initializers`: it is asked for (fan_in, fan_out), or (*spatial, in, out), and
            what it returns is transposed. That fits JAX's default axes in_axis=-2, out_axis=-1; for
            a callable made with in_axis=1, out_axis=0 pass layout="out_in".
        variance: the declared variance of an entry: a number, or a function of (fan_in, fan_out);
            None for what an `Initializer` declares, and for a callable no check of the variance.
        shape: of the weights, (fan_out, fan_in) or (out, in, *spatial); not square, or swapped fans
            do not show.
        dtype: of the weights.
        seed: of the keys, from 0 to 2**32 - 1.
        draws: how many matrices, at least 8; None: 64, or as many as make 2^19 entries, up to 4096.
            What is detected shrinks as 1/sqrt(draws), cost grows as draws.
        layout: of what a callable is asked for: "in_out" or "out_in".

    Returns:
        What was checked, on how many entries, with which power.

    Raises:
        CheckFailedError: (an AssertionError) a check does not hold; says what was expected, what
            was found, and the first key that shows it.
        InitializerError: the arguments make no sense.
        UsageError: the seed is no whole number in its range.

    Example:
        >>> import jax
        >>> he = jax.nn.initializers.he_normal()
        >>> report = check_initializer(he, variance=lambda fan_in, fan_out: 2 / fan_in)
        >>> report.sample_size, report.false_alarm_rate, report.power > 0.999
        (524288, 1e-06, True)
    """
    init = initializers.get(init) if isinstance(init, str) else init
    shape, draws = _checked_arguments(shape, draws, layout)
    seed = checked_seed("seed", seed)
    name, declared, notes = _declared(init, variance, shape)
    with jax.enable_x64(True):
        kind = checked_dtype("float32" if dtype is None else dtype)
    source = Source(init, name, shape, kind, seed, draws, layout)
    with jax.enable_x64(kind == np.float64):
        matrices = check_draws(source, declared == 0)
    note = try_half_precision(source)
    notes += (note,) if note else ()
    mean_square = float(np.mean([np.mean(np.square(each)) for each in matrices]))
    parts: tuple[Part, ...] = ()
    power = 1.0
    if declared != 0:
        eps = float(jax.numpy.finfo(kind).eps)
        parts = examine(matrices, declared, eps)
        rate = NOMINAL / len(parts)
        for part in parts:
            if part.p_value < rate:
                hint = _hint(part, declared, variance, init, shape)
                expected, found = _words(part, declared, mean_square)
                what = f"{name} of shape {shape}: {part.name}"
                raise CheckFailedError(what, expected, found, source.key_text(), hint)
        power = _least_power(parts, rate, shape)
        if power < 0.999:
            notes += (f"the power is only {power:.3g}; pass more draws than {draws}.",)
    words = ["shape and dtype", "finite", "key alone decides", "no constants"]
    return InitializerReport(
        name=name,
        checked=(*words, *(part.name for part in parts)),
        shape=shape,
        dtype=kind.name,
        draws=draws,
        sample_size=draws * math.prod(shape),
        variance=declared,
        variance_found=mean_square,
        parts=parts,
        false_alarm_rate=FALSE_ALARM_RATE,
        power=power,
        notes=notes,
    )


def _declared(
    init: Any, variance: Any, shape: tuple[int, ...]
) -> tuple[str, float | None, tuple[str, ...]]:
    square = shape[0] == shape[1]
    notes = ("the shape is square, so swapped fans do not show.",) if square else ()
    if isinstance(init, Initializer):
        name = str(init)
        own = init.variance_of(shape) if variance is None else None
    elif callable(init):
        name, own = getattr(init, "__name__", type(init).__name__), None
    else:
        raise InitializerError(
            f"got {type(init).__name__}, expected an Initializer, a name, or a callable "
            "(key, shape, dtype)."
        )
    if variance is None:
        missing = ("no variance is declared, so it was not checked.",) if own is None else ()
        return name, own, notes + missing
    value: Any = variance(*fans_of(shape)) if callable(variance) else variance
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise InitializerError(f"the variance of {name} is {value!r}, expected a number >= 0.")
    return name, number, notes


def fans_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of weights (fan_out, fan_in) or (out, in, *spatial).

    Args:
        shape: of the weights.

    Returns:
        The fans, both times the receptive field.

    Example:
        >>> fans_of((16, 8, 3, 3))
        (72, 144)
    """
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _checked_arguments(
    shape: tuple[int, ...], draws: int | None, layout: str
) -> tuple[tuple[int, ...], int]:
    shape = tuple(int(n) for n in shape)
    if len(shape) < 2 or min(shape) < 1:
        raise InitializerError(f"shape is {shape}, expected (fan_out, fan_in) or (out, in, ...).")
    if layout not in ("in_out", "out_in"):
        raise InitializerError(f"layout is {layout!r}, expected 'in_out' or 'out_in'.")
    if draws is None:
        draws = min(MOST, max(FEWEST, -(-ENTRIES // math.prod(shape))))
    if draws < 8:
        raise InitializerError(f"draws is {draws}, expected at least 8.")
    return shape, draws


def _least_power(parts: tuple[Part, ...], rate: float, shape: tuple[int, ...]) -> float:
    deviations = {"variance": 1 - (1 - GAIN) ** 2, "mean": MEAN, "rows": SHARED}
    # A shared component widens the products of sums of rows by about 1 + rho rows/2.
    widening = {"rows": 1 + SHARED * shape[0] / 2}
    least = 1.0
    for part in parts:
        if part.name in deviations:
            limit = critical(rate, part.matrices - 1)
            wide = widening.get(part.name, 1.0)
            least = min(least, power_against(part, deviations[part.name], limit, wide))
    return least


def _words(part: Part, declared: float | None, mean_square: float) -> tuple[str, str]:
    # What was expected and found.
    first, second = part.where or (0, 0)
    kind = part.name.split()[0].rstrip("s")
    expected, found = {
        "variance": (
            f"a variance of {declared:.6g}" if declared else "a variance",
            f"{mean_square:.6g}, {1 + part.found:.5f} times as much",
        ),
        "mean": ("a mean of 0", f"{part.found:.4g} standard deviations"),
        "keys": (
            "independent draws from different keys",
            f"a correlation of {part.found:.4g} between successive keys",
        ),
    }.get(
        part.name,
        (
            f"uncorrelated {kind}s",
            f"a correlation of {part.found:.4g} "
            + (f"between {kind}s {first} and {second}" if part.where else f"shared by all {kind}s"),
        ),
    )
    error = f"standard error {part.error:.2g} over {part.matrices} values"
    return expected, f"{found} ({error}; p = {part.p_value:.1e})"


def _hint(
    part: Part, declared: float | None, variance: Any, init: Any, shape: tuple[int, ...]
) -> str:
    if part.name != "variance" or not declared:
        return ""
    law: Any = variance if callable(variance) else None
    if variance is None and isinstance(init, Initializer):
        law = init.law
    ratio = 1 + part.found
    if law is not None:
        fan_in, fan_out = fans_of(shape)
        swapped = float(law(fan_out, fan_in) or 0.0) / declared
        if abs(ratio - swapped) < 0.02 * swapped and abs(swapped - 1) > 0.05:
            return "That is the law with fan_in and fan_out swapped."
    if abs(ratio - _CUT_VARIANCE) < 0.02:
        return "That is a normal cut off at 2 standard deviations and not rescaled."
    return ""
