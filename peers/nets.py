"""One drawn network, built from the same float64 weights in every library.

`weights` act on columns, (fan_out, fan_in), as in PyTorch and Equinox; Keras and Flax get the
transposes. Every layer but the last has the activation; the last is linear.
"""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import keras
import numpy as np
import torch

import gradchain as gch

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}
JAX = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "silu": jax.nn.silu,
}
NAMES = tuple(TORCH)


def draw(seed, widths, gain=1.0):
    """Draw weights of variance gain^2/fan_in and biases of deviation 0.1, as float64 arrays."""
    rng = np.random.default_rng(seed)
    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    weights = [rng.normal(size=pair) * gain / np.sqrt(pair[1]) for pair in pairs]
    return weights, [0.1 * rng.normal(size=out) for out, _ in pairs]


def ours(weights, biases, name):
    """Build the `gradchain` network."""
    kinds = [name] * (len(weights) - 1) + ["identity"]
    return gch.network_from_weights(weights, biases, activation=kinds)


def in_torch(weights, biases, name):
    """Build the function in PyTorch, for one example or rows of examples."""
    pairs = [
        (torch.from_numpy(w), torch.from_numpy(b)) for w, b in zip(weights, biases, strict=True)
    ]

    def apply(h):
        for weight, bias in pairs[:-1]:
            h = TORCH[name](torch.nn.functional.linear(h, weight, bias))
        return torch.nn.functional.linear(h, *pairs[-1])

    return apply


class TorchModule(torch.nn.Module):
    """The same as a module with parameters, as users write them; `states` keeps h_0 .. h_L."""

    def __init__(self, weights, biases, name):
        super().__init__()
        layers = [torch.nn.Linear(*w.shape[::-1], dtype=torch.float64) for w in weights]
        for layer, weight, bias in zip(layers, weights, biases, strict=True):
            layer.weight.data = torch.from_numpy(weight.copy())
            layer.bias.data = torch.from_numpy(bias.copy())
        self.layers, self.name, self.states = torch.nn.ModuleList(layers), name, []

    def forward(self, h):
        self.states = [h]
        for number, layer in enumerate(self.layers, start=1):
            h = layer(h)
            h = TORCH[self.name](h) if number < len(self.layers) else h
            h.retain_grad()
            self.states.append(h)
        return h


class EquinoxModule(eqx.Module):
    """The same as an Equinox module."""

    layers: list
    name: str = eqx.field(static=True)

    def __call__(self, h):
        for layer in self.layers[:-1]:
            h = JAX[self.name](layer(h))
        return self.layers[-1](h)


def in_equinox(weights, biases, name):
    """Build the Equinox module with these weights in it."""
    layers = []
    for weight, bias in zip(weights, biases, strict=True):
        blank = eqx.nn.Linear(*weight.shape[::-1], key=jax.random.key(0))
        pair = (jnp.asarray(weight), jnp.asarray(bias))
        layers.append(eqx.tree_at(lambda own: (own.weight, own.bias), blank, pair))
    return EquinoxModule(layers, name)


class FlaxModule(nn.Module):
    """The same in Flax."""

    widths: tuple
    name_of_phi: str

    @nn.compact
    def __call__(self, h):
        for width in self.widths[:-1]:
            h = JAX[self.name_of_phi](nn.Dense(width, param_dtype=jnp.float64)(h))
        return nn.Dense(self.widths[-1], param_dtype=jnp.float64)(h)


def in_flax(weights, biases, name):
    """Build the Flax module, and its parameters with these weights in them."""
    module = FlaxModule(tuple(len(w) for w in weights), name)
    params = {
        f"Dense_{l}": {"kernel": jnp.asarray(w.T), "bias": jnp.asarray(b)}
        for l, (w, b) in enumerate(zip(weights, biases, strict=True))
    }
    expected = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros(weights[0].shape[1]))
    assert jax.tree.map(jnp.shape, {"params": params}) == jax.tree.map(jnp.shape, dict(expected))
    return module, {"params": params}


def in_keras(weights, biases, name):
    """Build the Keras model with these weights in it."""
    kinds = [name] * (len(weights) - 1) + ["linear"]
    layers = [
        keras.layers.Dense(len(w), activation=kind, dtype="float64", name=f"layer{l}")
        for l, (w, kind) in enumerate(zip(weights, kinds, strict=True))
    ]
    model = keras.Sequential([keras.Input((weights[0].shape[1],), dtype="float64"), *layers])
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        layer.set_weights([weight.T, bias])
    return model
