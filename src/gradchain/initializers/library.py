"""How is an initializer found by its name, and how is a user's own taken in?

The laws themselves are in `gradchain.initializers.laws`. A text may hold a parameter,
"orthogonal(2.0)", and a gain before it, "1.5 * he_normal".
"""

import difflib
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import GradchainError, InitializerError
from gradchain.initializers.laws import LIBRARY, NAMES
from gradchain.initializers.noun import Initializer

_OTHER_NAMES = {
    "xavier_uniform": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
    # What JAX and Keras call normal is cut; whoever says so means the same law.
    "glorot_truncated_normal": "glorot_normal",
    "he_truncated_normal": "he_normal",
    "lecun_truncated_normal": "lecun_normal",
    "equinox_uniform": "torch_uniform",
}
# Letter case and underscores do not matter: HeNormal.
_SPELLINGS = {name.replace("_", ""): name for name in NAMES} | {
    other.replace("_", ""): name for other, name in _OTHER_NAMES.items()
}
# Half a name: three laws have it.
_FAMILIES = {
    half: tuple(f"{name}_{kind}" for kind in ("normal", "uniform", "gaussian"))
    for half, name in (
        ("he", "he"), ("kaiming", "he"), ("glorot", "glorot"), ("xavier", "glorot"),
        ("lecun", "lecun"), ("he_fan_out", "he_fan_out"), ("he_leaky", "he_leaky"),
    )
}  # fmt: skip
_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\(\s*([^()]*?)\s*\))?\s*")
_DIGITS = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NUMBER = re.compile(_DIGITS)
_GAIN = re.compile(rf"\s*({_DIGITS})\s*\*(.*)", re.DOTALL)


def get(initializer: object) -> Initializer:
    """Return the initializer of that name, or take in a user's callable.

    Args:
        initializer: a name of `NAMES` (or JAX's xavier and kaiming names), with or without a
            parameter, such as "orthogonal(2.0)", with or without a gain before it, such as
            "1.5 * he_normal", in any letter case ("HeNormal"); an `Initializer`, returned as it
            is; or a callable that follows `jax.nn.initializers`: (key, shape, dtype)
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
    gain = _GAIN.fullmatch(initializer)
    if gain is not None:
        return get(gain.group(4)).scaled(float(gain.group(1)))
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
