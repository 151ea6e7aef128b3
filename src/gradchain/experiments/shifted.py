"""The logistic function moved down by one half, as a user would add it to the library.

    sigmoid(x) - 1/2 = tanh(x/2)/2

Its values lie around 0, its slope is that of the sigmoid, 1/4 at most. `half_tanh` is the same function
by its other name: a network of one is a network of the other, up to rounding.
"""

from functools import lru_cache

import jax
import jax.numpy as jnp

from gradchain import activations
from gradchain.activations import Activation

OWN = ("shifted_sigmoid", "half_tanh")


def _shifted(x: jax.Array) -> jax.Array:
    return activations.sigmoid(x) - 0.5


def _half_tanh(x: jax.Array) -> jax.Array:
    return jnp.tanh(0.5 * x) * 0.5


@lru_cache
def _own(name: str) -> Activation:
    function = {"shifted_sigmoid": _shifted, "half_tanh": _half_tanh}[name]
    slope = activations.sigmoid.derivative
    return activations.from_function(name, function, derivative=slope, derivative_sup=0.25)


def activation_of(name: str) -> Activation:
    """Return an activation of the library, or one of `OWN`.

    Args:
        name: its name.

    Returns:
        The activation.

    Example:
        >>> float(activation_of("shifted_sigmoid")(0.0))
        0.0
    """
    return _own(name) if name in OWN else activations.get(name)
