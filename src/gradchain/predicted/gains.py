"""By which factor must unit weights be multiplied, so that an activation neither shrinks nor blows up?

For weights of variance g^2 / fan_in and pre-activations N(0, q), zero biases, width to infinity:

    forward    g^2 E phi(sqrt(q) Z)^2 = q    g = 1/sqrt(E phi^2 / q)    the length q of the state stays
    backward   g^2 E phi'(sqrt(q) Z)^2 = 1   g = 1/sqrt(E phi'^2)       the mean square of a gradient
                                                                        stays (chi = 1)

The two agree at every q for ReLU and its leaky kin. For an odd activation forward is at least backward
(Poincare: Var phi <= q E phi'^2), so "the gain" is one of two things; libraries hold a third, from a
table. For tanh at q = 1 the three are 1.59, 1.47 and 5/3. Both gains are *predictions* of mean-field
theory, exact for Gaussian pre-activations, with an error that the integration reports. Cost: two
integrals, about 2 000 values of phi each, or none where a closed form is known.

Sources: He et al., ICCV 2015, arXiv:1502.01852 (ReLU and leaky ReLU); Schoenholz et al., ICLR 2017,
arXiv:1611.01232 (E phi^2 and E phi'^2); for libraries the `source` of each row of `LIBRARY_GAINS`.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradchain import activations, gaussian
from gradchain._errors import UsageError
from gradchain._types import Approximate, in_short
from gradchain.activations import Activation

_TORCH = "torch/nn/init.py, calculate_gain (PyTorch 2.13)"


@dataclass(frozen=True)
class LibraryGain:
    """A gain that a library holds for an activation, as a fact about that library.

    Attributes:
        library: its name.
        activation: name of the activation in gradchain.
        formula: closed form, in ASCII.
        value: from the activation's parameter (0 where it has none).
        source: file and function, with what is said there of its origin.
    """

    library: str
    activation: str
    formula: str
    value: Callable[[float], float]
    source: str

    def __str__(self) -> str:
        """Return one line: library, activation, formula, source."""
        return f"{self.library}: {self.activation} {self.formula} ({self.source})"


LIBRARY_GAINS: tuple[LibraryGain, ...] = (
    LibraryGain("torch", "identity", "1", lambda a: 1.0, _TORCH),
    LibraryGain("torch", "sigmoid", "1", lambda a: 1.0, _TORCH),
    LibraryGain("torch", "tanh", "5/3", lambda a: 5.0 / 3.0, _TORCH),
    LibraryGain("torch", "relu", "sqrt(2)", lambda a: math.sqrt(2.0), _TORCH),
    LibraryGain(
        "torch", "leaky_relu", "sqrt(2/(1+a^2))", lambda a: math.sqrt(2.0 / (1.0 + a * a)), _TORCH
    ),
    LibraryGain("torch", "selu", "3/4", lambda a: 0.75, f"{_TORCH}; called empirical there"),
)
"""Keras, JAX, Flax, Equinox and Haiku hold no gains: their laws (`he_normal`, ...) name a variance."""

LINEAR_DEFAULT_GAIN = LibraryGain(
    "torch",
    "leaky_relu(sqrt 5)",
    "sqrt(2/(1+5)) = sqrt(1/3)",
    lambda a: math.sqrt(1.0 / 3.0),
    "torch/nn/modules/linear.py, Linear.reset_parameters: kaiming_uniform_(weight, a=sqrt(5))",
)
"""What PyTorch's Linear is multiplied by when nothing is said, whatever activation follows."""


@dataclass(frozen=True)
class Gain:
    """The gains of one activation at one length q; a *prediction*, with its error.

    Attributes:
        activation: the activation, in text.
        q: variance of the pre-activations.
        forward: 1/sqrt(E phi^2 / q), a float with its own `.error`.
        backward: 1/sqrt(E phi'^2), likewise.
        library: what PyTorch's `calculate_gain` says, or None where it refuses the activation; it
            knows neither q nor the two meanings.
        error: of `forward` and `backward`, the larger; an *estimate*, from the integration.
    """

    activation: str
    q: float
    forward: Approximate
    backward: Approximate
    library: float | None
    error: float

    def __str__(self) -> str:
        """Return the three answers in one line."""
        held = "none" if self.library is None else f"{self.library:.6g}"
        return (
            f"{self.activation} at q = {self.q:g}: forward {self.forward:.6g}, "
            f"backward {self.backward:.6g}, library {held}"
        )


def library_gain(activation: str | Activation) -> float | None:
    """Return what PyTorch's `calculate_gain` says of an activation.

    Args:
        activation: name or `Activation`.

    Returns:
        The gain in its table, or None if it has none for it.

    Raises:
        ActivationError: an unknown activation.

    Example:
        >>> library_gain("selu"), library_gain("gelu")
        (0.75, None)
    """
    phi = activations.get(activation)
    for row in LIBRARY_GAINS:
        own = activations.get(row.activation)
        # A user's function of the same name is another activation.
        if own.name == phi.name and own.origin == phi.origin:
            return row.value(dict(phi.parameters).get("negative_slope", 0.0))
    return None


def gain(activation: str | Activation, q: float | int = 1.0) -> Gain:
    """Return the gains that keep length (forward) and gradients (backward), beside the library's.

    With weights of variance gain^2 / fan_in, that is `lecun_normal.scaled(gain)`.

    Args:
        activation: name or `Activation`.
        q: variance of the pre-activations, above 0.

    Returns:
        `Gain` with `.forward`, `.backward`, `.library` and `.error`; a *prediction* for wide layers.

    Raises:
        ActivationError: an unknown activation.
        UsageError: q is not a finite number above 0 (or is subnormal), or a moment of the activation is
            infinite or too close to 0 for a gain to exist.

    Example:
        >>> found = gain("tanh")
        >>> round(found.forward, 2), round(found.backward, 2), round(found.library, 2)
        (1.59, 1.47, 1.67)
        >>> print(gain("relu"))
        relu at q = 1: forward 1.41421, backward 1.41421, library 1.41421
    """
    phi = activations.get(activation)
    number = isinstance(q, (int, float, np.integer, np.floating)) and not isinstance(q, bool)
    # XLA takes a subnormal number for 0.
    if not number or not sys.float_info.min <= q <= sys.float_info.max:
        raise UsageError(f"got q={in_short(q)}, expected a finite number above 2.3e-308")
    length = float(q)
    forward = _inverse_root(phi, "square", "E phi(z)^2", length, length)
    backward = _inverse_root(phi, "slope_square", "E phi'(z)^2", length, 1.0)
    return Gain(
        str(phi), length, forward, backward, library_gain(phi), max(forward.error, backward.error)
    )


def _inverse_root(phi: Activation, name: str, words: str, q: float, target: float) -> Approximate:
    """Return sqrt(target / moment) with its error."""
    found = gaussian.moment(phi, name, q)
    value, error = float(found.value), float(found.error)
    if not math.isfinite(value) or not math.isfinite(error):
        raise UsageError(
            f"{words} of {phi} is infinite or not a number at q = {q:g}, so no gain exists; expected an "
            "activation that grows more slowly than exp(z^2 / (4 q)): try a smaller q"
        )
    if value <= error:
        raise UsageError(
            f"{words} of {phi} is {value:.3g} at q = {q:g}, which cannot be told from 0 (error "
            f"{error:.2g}), so no finite gain exists; expected an activation that is not constant "
            "where z is likely"
        )
    # The exact change over the moment's error, larger on the low side.
    best, room = math.sqrt(target / value), math.sqrt(target / (value - error))
    return Approximate(best, room - best + 4 * 2.0**-53 * best)
