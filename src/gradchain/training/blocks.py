"""What is a layer of a lab network: dense, normalized, skipped, and what stands at its end?

Arrays of one network lie in columns: states are (units, batch). That is the layout in which XLA's batched
small products are fastest.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gradchain._errors import UsageError
from gradchain.activations import Activation, sigmoid

NORMS = ("none", "batch_before", "batch_after", "layer")
HEADS = ("keras_bce", "sigmoid_ce", "sigmoid_mse", "linear_mse", "softmax_ce")
# Keras' own constants: the clip of a probability, the epsilon of a normalization, its memory.
PROBABILITY_CLIP, NORM_EPSILON, NORM_MEMORY = 1e-7, 1e-3, 0.99


@dataclass(frozen=True)
class Design:
    """What of a lab network is fixed when its program is compiled.

    `norm` is "none", "batch_before" or "batch_after" (the activation) or "layer" (before it); with
    `skip`, hidden layers are h + gain * block(h), the gain learned. `head` names output and loss:
    keras_bce (sigmoid, probability clipped as Keras does), sigmoid_ce (the same from logits),
    sigmoid_mse, linear_mse, softmax_ce.
    """

    activation: Activation
    inputs: int = 2
    units: int = 10
    outputs: int = 1
    slots: int = 30
    norm: str = "none"
    skip: bool = False
    head: str = "keras_bce"

    def __post_init__(self) -> None:
        """Refuse a design that cannot be built.

        Raises:
            UsageError: for an unknown norm or head, or a size below 1.
        """
        for name, value, known in (("norm", self.norm, NORMS), ("head", self.head, HEADS)):
            if value not in known:
                raise UsageError(f"got {name} {value!r}, expected one of {', '.join(known)}")
        for name, least in (("inputs", 1), ("units", 1), ("outputs", 1), ("slots", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"got {name} {getattr(self, name)}, expected at least {least}")

    @property
    def batch_norm(self) -> bool:
        """Whether a layer sees the batch."""
        return self.norm.startswith("batch")


class Batch(NamedTuple):
    """Points in columns: inputs (d, b), targets (k, b), and which columns count, (b,) of 0 and 1."""

    inputs: jax.Array
    targets: jax.Array
    counts: jax.Array


FEW = 16  # units


@jax.custom_vjp
def product(weight: jax.Array, h: jax.Array) -> jax.Array:
    """Return W h; the three small products of training each have the form that is fast.

    Args:
        weight: (fan_out, fan_in).
        h: (fan_in, batch).

    Returns:
        (fan_out, batch).
    """
    return jnp.matmul(weight, h, precision=lax.Precision.HIGHEST)


def _product_back(kept: tuple, dz: jax.Array) -> tuple[jax.Array, jax.Array]:
    weight, h = kept
    # XLA takes four times as long for a small product by a transpose as for one by its copy, and
    # drops a copy that it recognizes as one.
    few = weight.shape[1] <= FEW
    turned = jnp.stack([weight[:, k] for k in range(weight.shape[1])]) if few else weight.T
    return (
        jnp.matmul(dz, h.T, precision=lax.Precision.HIGHEST),
        jnp.matmul(turned, dz, precision=lax.Precision.HIGHEST),
    )


product.defvjp(lambda weight, h: (product(weight, h), (weight, h)), _product_back)


def dense(params: dict, h: jax.Array) -> jax.Array:
    """Return W h + b for states in columns.

    Args:
        params: weight (fan_out, fan_in), bias (fan_out,).
        h: (fan_in, batch).

    Returns:
        (fan_out, batch).
    """
    z = product(params["weight"], h)
    return z + jnp.broadcast_to(params["bias"][:, None], z.shape)


def block(
    design: Design, params: dict, h: jax.Array, counts: jax.Array, kept: Any, skip: bool
) -> tuple[jax.Array, tuple[jax.Array, Any]]:
    """Apply one hidden layer.

    Args:
        design: the design.
        params: the layer's parameters.
        h: (fan_in, batch).
        counts: (batch,) which columns count, for batch norm.
        kept: None to normalize by the batch (training), or (mean, variance) to normalize by
            (inference); ignored without batch norm.
        skip: add the input.

    Returns:
        (new state, (what the activation acts on, (mean, variance) of the batch or ())).
    """
    z = dense(params, h)
    seen: Any = ()
    if design.norm == "batch_before":
        z, seen = _batch_norm(params, z, counts, kept)
    elif design.norm == "layer":
        z = _layer_norm(params, z)
    trainable = [params[name] for name, _ in design.activation.trainable]
    out = design.activation(z, *trainable)
    if design.norm == "batch_after":
        out, seen = _batch_norm(params, out, counts, kept)
    if skip:
        out = h + params["gain"] * out
    return out, (z, seen)


def _batch_norm(params: dict, z: jax.Array, counts: jax.Array, kept: Any) -> tuple:
    if kept is None:
        share = counts / jnp.sum(counts)
        mean = jnp.matmul(z, share, precision=lax.Precision.HIGHEST)
        centred = z - mean[:, None]
        variance = jnp.matmul(centred * centred, share, precision=lax.Precision.HIGHEST)
        seen = (lax.stop_gradient(mean), lax.stop_gradient(variance))
    else:
        mean, variance = seen = kept
        centred = z - mean[:, None]
    factor = params["scale"] * lax.rsqrt(variance + NORM_EPSILON)
    return centred * factor[:, None] + params["shift"][:, None], seen


def _layer_norm(params: dict, z: jax.Array) -> jax.Array:
    centred = z - jnp.mean(z, axis=0, keepdims=True)
    variance = jnp.mean(centred * centred, axis=0, keepdims=True)
    unit = centred * lax.rsqrt(variance + NORM_EPSILON)
    return unit * params["scale"][:, None] + params["shift"][:, None]


def head(design: Design, z: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return each point's loss, and whether it is classified right.

    Args:
        design: the design.
        z: (outputs, batch), the last layer's linear output.
        targets: (outputs, batch).

    Returns:
        (losses (batch,), right (batch,) of 0 and 1; for a regression all 0).
    """
    if design.head == "softmax_ce":
        losses = optax.softmax_cross_entropy(z.T, targets.T)
        right = jnp.argmax(z, axis=0) == jnp.argmax(targets, axis=0)
    elif design.head == "linear_mse":
        losses = jnp.mean(optax.squared_error(z, targets), axis=0)
        right = jnp.all((z > 0.5) == (targets > 0.5), axis=0)
    else:
        right = jnp.all((z > 0) == (targets > 0.5), axis=0)
        if design.head == "keras_bce":
            p = jnp.clip(sigmoid(z), PROBABILITY_CLIP, 1 - PROBABILITY_CLIP)
            each = -(targets * jnp.log(p) + (1 - targets) * jnp.log(1 - p))
        elif design.head == "sigmoid_ce":
            each = optax.sigmoid_binary_cross_entropy(z, targets)
        else:
            each = optax.squared_error(sigmoid(z), targets)
        losses = jnp.mean(each, axis=0)
    return losses, right.astype(z.dtype)
