"""Which activations come with the package, and which facts stand behind them?

The twenty are built from three tables: function values from `jax.nn`, slopes from
`gradchain.activations.slopes`, facts from `gradchain.certify.facts`. Adding one is a line in each.
"""

import difflib
import functools
import math
import re
from collections.abc import Callable
from fractions import Fraction

import jax
import jax.numpy as jnp

from gradchain._errors import ActivationError
from gradchain.activations import slopes
from gradchain.activations.noun import Activation, in_working_type, with_slope
from gradchain.certify.facts import FACTS, SELU_ALPHA, SELU_LAMBDA, fact

_SELU_LEFT = float(Fraction(SELU_LAMBDA) * Fraction(SELU_ALPHA))
_SELU_RIGHT = float(SELU_LAMBDA)

# name -> (function, slope); those of `_FAMILIES` take their parameter as a second argument.
_PLAIN = {
    "sigmoid": (jax.nn.sigmoid, slopes.sigmoid),
    "tanh": (jnp.tanh, slopes.tanh),
    "relu": (jax.nn.relu, slopes.relu),
    "selu": (jax.nn.selu, lambda x: slopes.scaled_exponential(x, _SELU_LEFT, _SELU_RIGHT)),
    "gelu": (lambda x: jax.nn.gelu(x, approximate=False), slopes.gelu),
    "gelu_tanh": (lambda x: jax.nn.gelu(x, approximate=True), slopes.gelu_tanh),
    "silu": (jax.nn.silu, slopes.silu),
    "mish": (jax.nn.mish, slopes.mish),
    "softplus": (jax.nn.softplus, slopes.softplus),
    "softsign": (jax.nn.soft_sign, slopes.softsign),
    "erf": (jax.scipy.special.erf, slopes.erf),
    "sin": (jnp.sin, slopes.sin),
    "hard_tanh": (jax.nn.hard_tanh, slopes.hard_tanh),
    "hard_sigmoid": (jax.nn.hard_sigmoid, slopes.hard_sigmoid),
    "hard_silu": (jax.nn.hard_silu, slopes.hard_silu),
    "identity": (jax.nn.identity, slopes.identity),
}
_FAMILIES = {
    "leaky_relu": (jax.nn.leaky_relu, slopes.leaky),
    "prelu": (jax.nn.leaky_relu, slopes.leaky),
    "elu": (jax.nn.elu, lambda x, alpha: slopes.scaled_exponential(x, alpha, 1.0)),
    "celu": (jax.nn.celu, slopes.celu),
}


def _fixed(formula: Callable[..., jax.Array], value: float) -> Callable[[jax.Array], jax.Array]:
    # The formula with its parameter filled in, as a Python number (so it takes the dtype of x).
    return lambda x: formula(x, value)


def _rounded(text: str, up: bool) -> float:
    # The float64 next to a decimal on the safe side of it.
    value = float(text)
    if (Fraction(value) < Fraction(text)) if up else (Fraction(value) > Fraction(text)):
        value = math.nextafter(value, math.inf if up else -math.inf)
    return value


@functools.lru_cache(maxsize=256)
def build(name: str, parameter: float | None = None) -> Activation:
    """Build an activation of the library.

    Args:
        name: one of `NAMES`.
        parameter: negative slope or alpha; None means the default.

    Returns:
        The activation; with the default parameter, a factory for others.
    """
    facts = fact(name, parameter)
    if name in _FAMILIES:
        raw, raw_slope = _FAMILIES[name]
        value = facts.parameters[0][1]
        if name == "prelu":
            function, slope = raw, raw_slope
        else:
            function, slope = _fixed(raw, value), _fixed(raw_slope, value)
    else:
        function, slope = _PLAIN[name]
    function, slope = in_working_type(function), in_working_type(slope)
    return Activation(
        name=name,
        parameters=facts.parameters,
        function=with_slope(function, slope),
        slope=jax.jit(slope),
        kinks=facts.kinks,
        kink_slopes=facts.kink_slopes,
        convention=facts.kink_convention,
        derivative_sup=_rounded(facts.sup_enclosure[1], up=True),
        derivative_sup_exact=facts.sup_exact,
        derivative_sup_enclosure=facts.sup_enclosure,
        attained_at=facts.attained_at,
        attained=facts.attained,
        derivative_inf=_rounded(facts.inf_enclosure[0], up=False),
        trainable=(("slope", facts.parameters[0][1]),) if name == "prelu" else (),
        theorem=facts.theorem,
        factory=(lambda p: build(name, float(p)))
        if name in _FAMILIES and parameter is None
        else None,
    )


NAMES: tuple[str, ...] = tuple(FACTS)
LIBRARY: dict[str, Activation] = {name: build(name) for name in NAMES}
# Letter case and underscores do not matter: LeakyReLU. JAX and Keras say swish for silu.
_SPELLINGS = {name.replace("_", ""): name for name in NAMES} | {
    "swish": "silu",
    "hardswish": "hard_silu",
}

_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\(\s*([^()]*?)\s*\))?\s*")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def get(activation: object) -> Activation:
    """Return the activation of that name.

    Args:
        activation: a name of `NAMES`, with or without a parameter, such as "leaky_relu(0.2)", in
            any letter case, with or without underscores ("LeakyReLU"; "swish" is silu); or an
            `Activation`, which is returned as it is.

    Returns:
        The activation.

    Raises:
        ActivationError: not a known name (the message gives the nearest ones), or a parameter that
            is not a number or out of range.

    Example:
        >>> from gradchain import activations
        >>> activations.get("sigmoid").derivative_sup
        0.25
        >>> print(activations.get("leaky_relu(0.2)"))
        leaky_relu(0.2)
    """
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str):
        raise ActivationError(
            f"got {type(activation).__name__} as activation, expected a name or an Activation; "
            "wrap a function of your own in activations.from_function(name, fn)."
        )
    match = _CALL.fullmatch(activation)
    name = match.group(1) if match else activation
    name = _SPELLINGS.get(name.lower().replace("_", ""), name)
    if match is None or name not in LIBRARY:
        wanted = name.lower().replace("-", "_").strip()[:100]
        nearest = difflib.get_close_matches(wanted, NAMES, n=3, cutoff=0.5)
        hint = f"nearest are {', '.join(nearest)}" if nearest else f"known are {', '.join(NAMES)}"
        raise ActivationError(f"unknown activation {activation[:100]!r}; {hint}.")
    if match.group(2) is None:
        return LIBRARY[name]
    if not _NUMBER.fullmatch(match.group(2)):
        raise ActivationError(
            f"{activation[:100]!r} needs one number in the brackets, such as leaky_relu(0.2)."
        )
    return build(name, float(match.group(2)))
