"""Which maps h -> f(params, h) can a network be made of?

A layer is a hashable noun with no arrays in it; its parameters are a pytree handed in. One layer with
parameters stacked along a leading axis is a *run* (see `gradchain.measured.network`). Every layer is
called as `layer(params, h)` and returns the next state, one array of any shape.

    Dense        h -> phi(W h + b)             h (n,) or, with batch norm about, (batch, n)
    Residual     h -> h + F(h)                 F any layer or stack
    Stack        h -> F_k(... F_1(h))          one layer, parameters stacked
    Chained      h -> G(F(h))                  different layers after each other
    LayerNorm    h -> gain (h - mean)/sd + shift   over the last axis
    BatchNorm    the same over the batch axis, training mode: the Jacobian is over the whole batch
    Convolution  h -> phi(K * h + b)           h (channels, *space)
    Custom       any function (params, h) -> h
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import ActivationError, DtypeError, ShapeError, UsageError
from gradchain._types import in_short, one_of
from gradchain.activations import Activation

_PYTHON_ON_TRACERS = (
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
)

Params = Any
"""A pytree of arrays."""


@runtime_checkable
class Layer(Protocol):
    """Anything that maps a state to the next: hashable, and pure in (params, h)."""

    @property
    def name(self) -> str:
        """Short name for tables and messages."""
        ...

    def __call__(self, params: Params, h: jax.Array) -> jax.Array:
        """Return the next state."""
        ...


def _activate(activation: Activation, z: jax.Array, params: dict) -> jax.Array:
    """Apply the activation, with its trained slope where it has one (PReLU)."""
    return activation(z, *(params[name] for name, _ in activation.trainable))


def _require_activation(given: object) -> None:
    """Refuse what is not an `Activation`, a name among them.

    Raises:
        ActivationError: for anything else.
    """
    if not isinstance(given, Activation):
        raise ActivationError(
            f"got {in_short(given)} as a layer's activation, expected an Activation: "
            "activations.get(name)"
        )


def _weight(params: object, layer: str) -> jax.Array:
    """Return params["weight"].

    Raises:
        UsageError: if there is none.
    """
    weight = params.get("weight") if isinstance(params, dict) else None
    if weight is None:
        raise UsageError(f'layer {layer} needs params {{"weight": ...}}, and got none')
    return weight


def _spread(params: dict, name: str, shape: tuple[int, ...]) -> jax.Array:
    """Spread a layer's own vector over a state.

    Returns:
        An array of the state's shape.

    Raises:
        ShapeError: if it does not fit.
    """
    try:
        return jnp.broadcast_to(params[name], shape)
    except ValueError:
        raise ShapeError(
            f"got {name} of shape {params[name].shape} for a state of shape {shape}, expected "
            f"{shape[-1:]}"
        ) from None


@dataclass(frozen=True)
class Dense:
    """h -> phi(z), z = W h + b; params {"weight": (fan_out, fan_in), "bias": (fan_out,) or absent}.

    A trainable activation (PReLU) finds its own parameters in params by name. A state of shape
    (batch, n) is mapped row by row.
    """

    activation: Activation

    def __post_init__(self) -> None:
        """Check the activation."""
        _require_activation(self.activation)

    @property
    def name(self) -> str:
        """Short name for tables and messages."""
        return f"dense({self.activation.name})"

    def preactivation(self, params: dict, h: jax.Array) -> jax.Array:
        """Return z = W h + b, shape (..., fan_out)."""
        weight = _weight(params, self.name)
        if h.ndim == 0 or h.shape[-1] != weight.shape[1]:
            raise ShapeError(
                f"got a state of shape {h.shape} for a weight of shape {weight.shape} "
                f"(fan_out, fan_in), expected {weight.shape[1]} entries along the last axis"
            )
        z = jnp.matmul(h, weight.T, precision=lax.Precision.HIGHEST)
        if "bias" not in params:
            return z
        return z + _spread(params, "bias", z.shape)

    def slopes(self, params: dict, z: jax.Array) -> jax.Array:
        """Return phi'(z), of z's shape."""
        extra = (params[name] for name, _ in self.activation.trainable)
        return self.activation.derivative(z, *extra)

    def __call__(self, params: dict, h: jax.Array) -> jax.Array:
        """Return phi(W h + b)."""
        return _activate(self.activation, self.preactivation(params, h), params)


@dataclass(frozen=True)
class Stack:
    """h -> F_k(... F_1(h)): one layer, its parameters stacked along a leading axis of length k."""

    layer: Layer

    @property
    def name(self) -> str:
        """Short name for tables and messages."""
        return f"stack({self.layer.name})"

    def __call__(self, params: Params, h: jax.Array) -> jax.Array:
        """Return the state after all k layers."""
        out, _ = lax.scan(lambda state, p: (self.layer(p, state), None), h, params)
        return out


@dataclass(frozen=True)
class Chained:
    """h -> F_m(... F_1(h)) with different layers; params is a tuple with one entry a layer."""

    layers: tuple[Layer, ...]

    @property
    def name(self) -> str:
        """Short name for tables and messages."""
        return "+".join(layer.name for layer in self.layers)

    def __call__(self, params: tuple, h: jax.Array) -> jax.Array:
        """Return the state after the last layer."""
        if len(params) != len(self.layers):
            raise UsageError(f"got {len(params)} params for {len(self.layers)} layers in a chain")
        for layer, own in zip(self.layers, params, strict=True):
            h = layer(own, h)
        return h


@dataclass(frozen=True)
class Residual:
    """h -> h + F(h): an identity skip around any layer or stack; its params are those of F."""

    branch: Layer

    @property
    def name(self) -> str:
        """Short name for tables and messages."""
        return f"residual({self.branch.name})"

    def __call__(self, params: Params, h: jax.Array) -> jax.Array:
        """Return h + F(h)."""
        out = self.branch(params, h)
        if out.shape != h.shape:
            raise ShapeError(
                f"got {out.shape} out of {self.branch.name} for a state of shape {h.shape}: a skip "
                "adds the two, so the branch must keep the shape"
            )
        return h + out


def _standardize(params: dict, h: jax.Array, axis: int, epsilon: float) -> jax.Array:
    """Subtract the mean and divide by sqrt(variance + epsilon) along one axis; then gain, shift."""
    mean = jnp.mean(h, axis=axis, keepdims=True)
    centred = h - jnp.broadcast_to(mean, h.shape)
    variance = jnp.mean(centred * centred, axis=axis, keepdims=True)
    out = centred / jnp.broadcast_to(jnp.sqrt(variance + epsilon), h.shape)
    if "gain" in params:
        out = out * _spread(params, "gain", out.shape)
    if "shift" in params:
        out = out + _spread(params, "shift", out.shape)
    return out


@dataclass(frozen=True)
class LayerNorm:
    """Layer normalization over the last axis; params {"gain": (n,), "shift": (n,)}, both optional.

    Source: Ba, Kiros, Hinton 2016, arXiv:1607.06450 (variance without Bessel's correction).
    """

    epsilon: float = 1e-5
    name: str = "layer_norm"

    def __call__(self, params: dict, h: jax.Array) -> jax.Array:
        """Return the normalized state."""
        return _standardize(params, h, -1, self.epsilon)


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalization in training mode: the state is the whole batch (batch, n).

    Its Jacobian couples all examples, so a network with this layer is never vmapped over examples.
    Source: Ioffe, Szegedy 2015, arXiv:1502.03167.
    """

    epsilon: float = 1e-5
    name: str = "batch_norm"

    def __call__(self, params: dict, h: jax.Array) -> jax.Array:
        """Return the normalized batch."""
        if h.ndim < 2:
            raise _batch_error(h.shape)
        return _standardize(params, h, 0, self.epsilon)


def _batch_error(shape: tuple[int, ...]) -> Exception:
    """Build the error for a batch norm that got a single example."""
    return ShapeError(
        f"batch norm in training mode got a state of shape {shape}, expected (batch, features): "
        "hand the whole batch over as the state instead of one example"
    )


@dataclass(frozen=True)
class Convolution:
    """h -> phi(K * h + b), stride 1; h (channels, *space), params {"weight", "bias"}.

    `weight` is (out, in, *window), `bias` (out,) and optional. `padding` is "SAME" (zeros), "VALID"
    or "CIRCULAR". As in all of deep learning this is cross-correlation.
    """

    activation: Activation
    padding: str = "SAME"

    def __post_init__(self) -> None:
        """Check activation and padding."""
        _require_activation(self.activation)
        one_of("padding", self.padding, ("SAME", "VALID", "CIRCULAR"))

    @property
    def name(self) -> str:
        """Short name for tables and messages."""
        return f"convolution({self.activation.name})"

    def linear(self, params: dict, h: jax.Array) -> jax.Array:
        """Return K * h, the linear part."""
        kernel = _weight(params, self.name)
        if h.ndim < 2 or kernel.ndim != h.ndim + 1 or kernel.shape[1] != h.shape[0]:
            raise ShapeError(
                f"got a state of shape {h.shape} for a kernel of shape {kernel.shape}, expected "
                "(channels, *space) and (out, channels, *window)"
            )
        padding = self.padding
        if padding == "CIRCULAR":
            widths = [((k - 1) // 2, k // 2) for k in kernel.shape[2:]]
            h = jnp.pad(h, [(0, 0), *widths], mode="wrap")
            padding = "VALID"
        return lax.conv_general_dilated(
            h[None], kernel, (1,) * (kernel.ndim - 2), padding, precision=lax.Precision.HIGHEST
        )[0]

    def preactivation(self, params: dict, h: jax.Array) -> jax.Array:
        """Return z = K * h + b, shape (out, *space)."""
        z = self.linear(params, h)
        if "bias" not in params:
            return z
        bias = params["bias"].reshape(-1, *([1] * (z.ndim - 1)))
        return z + jnp.broadcast_to(bias, z.shape)

    def slopes(self, params: dict, z: jax.Array) -> jax.Array:
        """Return phi'(z), of z's shape."""
        extra = (params[name] for name, _ in self.activation.trainable)
        return self.activation.derivative(z, *extra)

    def __call__(self, params: dict, h: jax.Array) -> jax.Array:
        """Return phi(K * h + b)."""
        return _activate(self.activation, self.preactivation(params, h), params)


@dataclass(frozen=True)
class Custom:
    """Any pure function (params, h) -> h that a user brings.

    Two custom layers are the same only if they hold the same function object, so define the function
    once (a new lambda each time compiles each time).
    """

    function: Callable[[Params, jax.Array], jax.Array]
    name: str = "custom"

    def __post_init__(self) -> None:
        """Check that it is a function."""
        if not callable(self.function):
            raise UsageError(f"got {in_short(self.function)}, expected a function (params, h) -> h")

    def __call__(self, params: Params, h: jax.Array) -> jax.Array:
        """Return function(params, h)."""
        try:
            out = self.function(params, h)
        except _PYTHON_ON_TRACERS:
            raise UsageError(
                f"layer {self.name} looks at the values of h in Python or NumPy; use jnp.where, "
                "lax.cond and jnp functions, so that it can be compiled"
            ) from None
        if not isinstance(out, (jax.Array, np.ndarray)) or out.dtype != h.dtype:
            got = getattr(out, "dtype", type(out).__name__)
            raise DtypeError(
                f"layer {self.name} gave {got}, expected one array of {h.dtype} like h"
            )
        return jnp.asarray(out)
