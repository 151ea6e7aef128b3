"""Which initializers come with the package, and how are a user's own taken in?

`jax.nn.initializers` draws, called with `in_axis=1, out_axis=0` on (fan_out, fan_in) shapes: with
its own default axes, He on a 512 x 128 matrix would be off by 4. float16 and bfloat16 weights are
drawn in float32 and rounded once, because JAX's half-precision draws take few distinct values and
its QR and SVD do not exist there.
"""

import dataclasses
import difflib
import math
import re
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import GradchainError, InitializerError
from gradchain.initializers.noun import Initializer, Sampler


def _in_working_type(draw: Sampler) -> Sampler:
    # JAX's half-precision draws have few distinct values and no QR: draw in float32, round once.
    def sampler(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
        working = jnp.dtype("float32") if dtype.itemsize == 2 else dtype
        return draw(key, shape, working).astype(dtype)

    return sampler


def _scaling(
    name: str,
    scale: float,
    mode: Literal["fan_in", "fan_avg"],
    distribution: Literal["uniform", "truncated_normal"],
) -> Initializer:
    draw = jax.nn.initializers.variance_scaling(scale, mode, distribution, in_axis=1, out_axis=0)

    def law(fan_in: int, fan_out: int) -> float:
        return scale / (fan_in if mode == "fan_in" else (fan_in + fan_out) / 2)

    return Initializer(name, (), law, _in_working_type(draw))


def _family(
    name: str,
    label: str,
    default: float,
    law: Callable[[float, int, int], float],
    draw: Callable[[float], Sampler],
    flattens: bool = False,
) -> Initializer:
    # An initializer with one parameter; the default one makes the others when called with a number.
    def build(value: float) -> Initializer:
        if not 0 < value < math.inf:
            raise InitializerError(
                f"{label} of {name} is {value!r}, expected a positive finite number."
            )
        return Initializer(
            name,
            ((label, value),),
            lambda fan_in, fan_out: law(value, fan_in, fan_out),
            _in_working_type(draw(value)),
            flattens,
        )

    return dataclasses.replace(build(default), factory=build)


def _draw_unit_spectral(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
    matrix = jax.random.normal(key, (shape[0], math.prod(shape[1:])), dtype)
    return (matrix / jnp.linalg.norm(matrix, ord=2)).reshape(shape)


# Variance of N(0, 1) kept to [-2, 2]: 1 - 4 pdf(2)/(Phi(2) - Phi(-2)) = 0.773741303549923. JAX's
# fan-scaled truncated laws divide it out, its plain truncated_normal does not.
_CUT_VARIANCE = 1.0 - 4.0 * math.exp(-2.0) / math.sqrt(2.0 * math.pi) / math.erf(math.sqrt(2.0))

glorot_uniform = _scaling("glorot_uniform", 1.0, "fan_avg", "uniform")
glorot_normal = _scaling("glorot_normal", 1.0, "fan_avg", "truncated_normal")
he_uniform = _scaling("he_uniform", 2.0, "fan_in", "uniform")
he_normal = _scaling("he_normal", 2.0, "fan_in", "truncated_normal")
lecun_uniform = _scaling("lecun_uniform", 1.0, "fan_in", "uniform")
lecun_normal = _scaling("lecun_normal", 1.0, "fan_in", "truncated_normal")
# U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what PyTorch's nn.Linear draws by default.
torch_uniform = _scaling("torch_uniform", 1.0 / 3.0, "fan_in", "uniform")
# Orthonormal rows or columns, whichever are fewer, times scale; a kernel is one matrix (out, rest).
orthogonal = _family(
    "orthogonal",
    "scale",
    1.0,
    lambda scale, fan_in, fan_out: scale**2 / max(fan_in, fan_out),
    lambda scale: jax.nn.initializers.orthogonal(scale, column_axis=0),
    flattens=True,
)
normal = _family(
    "normal", "std", 0.01, lambda std, fan_in, fan_out: std**2, jax.nn.initializers.normal
)
# N(0, std^2) kept to [-2 std, 2 std], not rescaled: its variance is 0.7737 std^2.
truncated_normal = _family(
    "truncated_normal",
    "std",
    0.01,
    lambda std, fan_in, fan_out: std**2 * _CUT_VARIANCE,
    jax.nn.initializers.truncated_normal,
)
# A Gaussian matrix divided by its own 2-norm; the variance of its entries has no closed form.
unit_spectral = Initializer(
    "unit_spectral", (), None, _in_working_type(_draw_unit_spectral), flattens=True
)
zeros = Initializer(
    "zeros", (), lambda fan_in, fan_out: 0.0, lambda key, shape, dtype: jnp.zeros(shape, dtype)
)

LIBRARY: dict[str, Initializer] = {
    each.name: each
    for each in (
        glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal,
        torch_uniform, orthogonal, unit_spectral, normal, truncated_normal, zeros,
    )
}  # fmt: skip
NAMES: tuple[str, ...] = tuple(LIBRARY)
_OTHER_NAMES = {
    "xavier_uniform": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
}
# Letter case and underscores do not matter: HeNormal.
_SPELLINGS = {name.replace("_", ""): name for name in NAMES} | {
    other.replace("_", ""): name for other, name in _OTHER_NAMES.items()
}
# Half a name: two laws have it.
_FAMILIES = {
    "he": ("he_normal", "he_uniform"),
    "kaiming": ("he_normal", "he_uniform"),
    "glorot": ("glorot_normal", "glorot_uniform"),
    "xavier": ("glorot_normal", "glorot_uniform"),
    "lecun": ("lecun_normal", "lecun_uniform"),
}
_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\(\s*([^()]*?)\s*\))?\s*")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def get(initializer: object) -> Initializer:
    """Return the initializer of that name, or take in a user's callable.

    Args:
        initializer: a name of `NAMES` (or JAX's xavier and kaiming names), with or without a
            parameter, such as "orthogonal(2.0)", in any letter case ("HeNormal"); an `Initializer`,
            returned as it is; or a callable that follows `jax.nn.initializers`: (key, shape, dtype)
            with shape (fan_in, fan_out), or (*spatial, in, out) for kernels. What it returns is
            transposed, and its variance is unknown (None).

    Returns:
        The initializer.

    Raises:
        InitializerError: not a known name (the message gives the nearest ones), or a parameter that
            is not a number or out of range.

    Example:
        >>> from gradchain import initializers
        >>> initializers.get("he_normal").variance(fan_in=128, fan_out=512)
        0.015625
        >>> print(initializers.get("orthogonal(2.0)"))
        orthogonal(2.0)
    """
    if isinstance(initializer, Initializer):
        return initializer
    if callable(initializer):
        return _from_callable(initializer)
    if not isinstance(initializer, str):
        raise InitializerError(
            f"got {type(initializer).__name__} as initializer, expected a name, an Initializer or "
            "a callable (key, shape, dtype)."
        )
    match = _CALL.fullmatch(initializer)
    name = match.group(1) if match else initializer
    name = _SPELLINGS.get(name.lower().replace("_", ""), name)
    if match is None or name not in LIBRARY:
        wanted = name.lower().replace("-", "_").strip()[:100]
        if wanted in _FAMILIES:
            raise InitializerError(
                f"initializer {initializer[:100]!r} is half a name; expected "
                f"{' or '.join(_FAMILIES[wanted])}."
            )
        nearest = difflib.get_close_matches(wanted, (*NAMES, *_OTHER_NAMES), n=3, cutoff=0.5)
        hint = f"nearest are {', '.join(nearest)}" if nearest else f"known are {', '.join(NAMES)}"
        raise InitializerError(f"unknown initializer {initializer[:100]!r}; {hint}.")
    if match.group(2) is None:
        return LIBRARY[name]
    if not _NUMBER.fullmatch(match.group(2)):
        raise InitializerError(
            f"{initializer[:100]!r} needs one number in the brackets, such as orthogonal(2.0)."
        )
    return LIBRARY[name](float(match.group(2)))


def _from_callable(call: Callable[..., Any]) -> Initializer:
    name = getattr(call, "__name__", type(call).__name__)

    def sampler(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
        theirs = (*shape[2:], shape[1], shape[0])
        try:
            drawn = call(key, theirs, dtype)
        except GradchainError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:200] or "no message"
            raise InitializerError(
                f"{name} as initializer raised {type(error).__name__} ({said}); expected a function "
                "of (key, shape, dtype)."
            ) from error
        if not isinstance(drawn, (jax.Array, np.ndarray)) or drawn.shape != theirs:
            raise InitializerError(
                f"{name} was asked for shape {theirs} (fan_in, fan_out last) and returned "
                f"{getattr(drawn, 'shape', type(drawn).__name__)}; return an array of that shape."
            )
        if drawn.dtype != dtype:
            raise InitializerError(
                f"{name} was asked for {dtype.name} and returned {drawn.dtype.name}; "
                "return the dtype asked for."
            )
        last = len(theirs) - 1
        return jnp.transpose(jnp.asarray(drawn), (last, last - 1, *range(last - 1)))

    return Initializer(name, (), None, sampler, origin=call)
