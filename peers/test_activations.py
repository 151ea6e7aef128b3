"""Our twenty activations beside PyTorch's, Keras' and JAX's own: values, slopes, conventions.

PyTorch shares no code with ours. Keras and Flax call `jax.nn` as ours do for values, so there the
second channel is the slope, which they take by autodiff and ours by formula.
"""

import flax.linen
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gradchain import activations

# PyTorch's softplus is x itself above its threshold of 20 unless told otherwise.
TORCH = {
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x: F.prelu(x, torch.full((1,), 0.25, dtype=x.dtype)),
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softplus": lambda x: F.softplus(x, threshold=80.0),
    "softsign": F.softsign,
    "erf": torch.erf,
    "sin": torch.sin,
    "hard_tanh": F.hardtanh,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "identity": torch.nn.Identity(),
}
# Keras' default negative slope of leaky_relu is 0.2; it has no erf, sin or trained PReLU function.
KERAS = {
    "sigmoid": keras.activations.sigmoid,
    "tanh": keras.activations.tanh,
    "relu": keras.activations.relu,
    "leaky_relu": lambda x: keras.activations.leaky_relu(x, negative_slope=0.01),
    "prelu": lambda x: keras.activations.leaky_relu(x, negative_slope=0.25),
    "elu": keras.activations.elu,
    "selu": keras.activations.selu,
    "celu": keras.activations.celu,
    "gelu": keras.activations.gelu,
    "gelu_tanh": lambda x: keras.activations.gelu(x, approximate=True),
    "silu": keras.activations.silu,
    "mish": keras.activations.mish,
    "softplus": keras.activations.softplus,
    "softsign": keras.activations.softsign,
    "hard_tanh": keras.activations.hard_tanh,
    "hard_sigmoid": keras.activations.hard_sigmoid,
    "hard_silu": keras.activations.hard_silu,
    "identity": keras.activations.linear,
}
# Flax re-exports jax.nn; its gelu is the tanh form unless told otherwise.
FLAX = {
    "sigmoid": flax.linen.sigmoid,
    "tanh": flax.linen.tanh,
    "relu": flax.linen.relu,
    "leaky_relu": flax.linen.leaky_relu,
    "prelu": lambda x: flax.linen.leaky_relu(x, 0.25),
    "elu": flax.linen.elu,
    "selu": flax.linen.selu,
    "celu": flax.linen.celu,
    "gelu": lambda x: flax.linen.gelu(x, approximate=False),
    "gelu_tanh": flax.linen.gelu,
    "silu": flax.linen.silu,
    "softplus": flax.linen.softplus,
    "softsign": flax.linen.soft_sign,
    "hard_tanh": flax.linen.hard_tanh,
    "hard_sigmoid": flax.linen.hard_sigmoid,
    "hard_silu": flax.linen.hard_silu,
    "identity": lambda x: x,
}
LIBRARIES = {"torch": TORCH, "keras": KERAS, "flax": FLAX}
CASES = [(library, name) for library, table in LIBRARIES.items() for name in table]
# PyTorch keeps constants of these two backward formulas (1/6, 1/alpha) in single precision.
SINGLE_INSIDE = {("torch", "hard_sigmoid"), ("torch", "celu")}
# Keras on JAX computes tanh of double precision in single precision.
KINDS = [
    (*case, dtype)
    for case in CASES
    for dtype in ("float32", "float64")
    if (*case, dtype) != ("keras", "tanh", "float64")
]


def theirs(library, function, x):
    """Return a library's values and its autodiff slopes at the points, as NumPy arrays."""
    if library == "torch":
        at = torch.from_numpy(x.copy()).requires_grad_()
        value = function(at)
        value.sum().backward()
        return value.detach().numpy(), at.grad.numpy()
    value, pull = jax.vjp(function, jnp.asarray(x))
    return np.asarray(value), np.asarray(pull(jnp.ones_like(value))[0])


def points(name, dtype):
    """Where to look: a grid that leaves out the kinks by more than rounding, and far out."""
    grid = np.linspace(-30, 30, 6001) + 1 / 1024
    far = np.array([-1e4, -100.0, -0.0, 1e-6, 100.0, 1e4])
    x = np.concatenate([grid, far[far != 0] if activations.get(name).kinks else far])
    return x.astype(dtype)


def sizes(name, x):
    """Bound the terms that cancel in a slope by autodiff: |x| times the slope of what is inside.

    Far out those terms have saturated, and what is left is the rounding of numbers about 1.
    """
    inside = 1.0
    if name == "gelu_tanh":  # the cubic under the tanh
        inside = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * np.minimum(np.abs(x), 8.0) ** 2)
    return 1.0 + np.minimum(np.abs(x), 32.0) * inside


@pytest.mark.parametrize(("library", "name", "dtype"), KINDS)
def test_values_and_slopes_agree_to_rounding(library, name, dtype):
    x = points(name, dtype)
    phi = activations.get(name)
    value, slope = theirs(library, LIBRARIES[library][name], x)
    eps = np.finfo(dtype).eps
    assert value.dtype == slope.dtype == dtype
    assert np.all(np.abs(np.asarray(phi(x)) - value) <= 8 * eps * np.maximum(1.0, np.abs(x)))
    eps = np.finfo("float32").eps if (library, name) in SINGLE_INSIDE else eps
    assert np.all(np.abs(np.asarray(phi.derivative(x)) - slope) <= 8 * eps * sizes(name, x))


def test_every_activation_of_ours_has_an_independent_peer():
    assert set(TORCH) == set(activations.NAMES)


@pytest.mark.parametrize(
    ("library", "name", "alpha"),
    [
        (library, name, alpha)
        for library in ("torch", "keras")
        for name in ("leaky_relu", "elu", "celu")
        for alpha in (0.3, 2.0)
        if (name, alpha) != ("leaky_relu", 2.0)
    ],
)
def test_a_parameter_means_the_same_elsewhere(library, name, alpha):
    x = points(name, "float64")
    modules = {"torch": F, "keras": keras.activations}
    value, slope = theirs(library, lambda h: getattr(modules[library], name)(h, alpha), x)
    phi = activations.get(f"{name}({alpha})")
    eps = np.finfo(np.float64).eps
    assert np.all(np.abs(np.asarray(phi(x)) - value) <= 8 * eps * np.maximum(1, np.abs(x)))
    eps = np.finfo("float32").eps if (library, name) in SINGLE_INSIDE else eps
    assert np.all(np.abs(np.asarray(phi.derivative(x)) - slope) <= 8 * eps * sizes(name, x))


def test_the_trained_slope_of_prelu_has_the_gradient_that_torch_gives_it():
    x = points("prelu", "float64")[:4000]
    slope = torch.full((1,), 0.1, dtype=torch.float64, requires_grad=True)
    (F.prelu(torch.from_numpy(x), slope) ** 2).sum().backward()
    ours = jax.grad(lambda a: jnp.sum(activations.prelu(jnp.asarray(x), a) ** 2))(jnp.float64(0.1))
    eps = np.finfo(np.float64).eps
    assert abs(float(ours) - float(slope.grad)) <= len(x) * eps * abs(float(slope.grad))


# What stands at the kinks: (library, activation) -> slope at each kink of ours, where it differs.
DIFFERENT_AT_KINKS = {
    ("torch", "leaky_relu"): (0.01,),
    ("torch", "prelu"): (0.25,),
    ("torch", "hard_tanh"): (0.0, 0.0),
}


@pytest.mark.parametrize(
    ("library", "name"), [case for case in CASES if activations.get(case[1]).kinks]
)
def test_the_slope_at_a_kink_differs_only_where_the_table_says(library, name):
    phi = activations.get(name)
    _, slope = theirs(library, LIBRARIES[library][name], np.array(phi.kinks))
    expected = DIFFERENT_AT_KINKS.get((library, name), phi.kink_slopes)
    room = 4 * np.finfo(np.float64).eps
    assert np.all(np.abs(slope - expected) <= room * np.maximum(1, np.abs(expected))), slope


def test_defaults_that_differ_between_libraries_are_the_ones_we_know():
    x = np.array([-1.0])
    ours = float(activations.leaky_relu(jnp.asarray(x))[0])
    assert ours == float(F.leaky_relu(torch.from_numpy(x))[0]) == -0.01
    assert float(keras.activations.leaky_relu(x)[0]) == -0.2
    # GELU: torch and Keras mean the erf form, JAX and Flax the tanh form.
    gelu, gelu_tanh = (float(activations.get(n)(jnp.asarray(x))[0]) for n in ("gelu", "gelu_tanh"))
    room = 4 * np.finfo(np.float64).eps
    assert abs(gelu - gelu_tanh) > 1e-5
    for value in (F.gelu(torch.from_numpy(x))[0], keras.activations.gelu(x)[0]):
        assert abs(float(value) - gelu) <= room
    for value in (jax.nn.gelu(jnp.asarray(x))[0], flax.linen.gelu(jnp.asarray(x))[0]):
        assert abs(float(value) - gelu_tanh) <= room


def test_torch_softplus_is_linear_above_twenty_and_ours_is_not():
    x = np.array([19.5, 20.5])
    gap = np.asarray(activations.softplus(x)) - F.softplus(torch.from_numpy(x)).numpy()
    room = 4 * np.finfo(np.float64).eps * x
    assert abs(gap[0]) <= room[0]
    assert abs(gap[1] - np.log1p(np.exp(-20.5))) <= room[1] < gap[1]


def test_keras_on_jax_rounds_tanh_of_double_precision_to_single():
    # If this changes, take the exception out of KINDS.
    assert keras.activations.tanh(jnp.ones(1, "float64")).dtype == "float32"


def test_starting_slopes_of_prelu_layers_differ_between_libraries():
    layer = keras.layers.PReLU()
    layer.build((None, 3))
    flax_start = flax.linen.PReLU().init(jax.random.key(0), jnp.zeros(1))["params"]
    starts = {
        "torch": float(torch.nn.PReLU().weight.detach()[0]),
        "keras": float(layer.get_weights()[0].max()),
        "flax": float(flax_start["negative_slope"]),
    }
    assert activations.prelu.trainable == (("slope", 0.25),)
    assert starts == {"torch": 0.25, "keras": 0.0, "flax": float(np.float32(0.01))}
