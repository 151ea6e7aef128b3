"""Our laws of weights beside real draws of PyTorch, Keras, JAX, Flax and Equinox.

Three tests a law. Variance: the mean square of N independent entries lies within 5 standard errors of
our `variance(fan_in, fan_out)`, with sqrt(kurtosis - 1) <= sqrt(2) for all of these laws; the mean
within 5 as well: normal tails leave a false-alarm rate of 6e-7 each. Law: Kolmogorov and Smirnov's
two-sample distance to our own sampler, p < 1e-6 (only where the two are said to be the same law).
Matrices are 512 x 128, so that He weights with the fans swapped would be off by a factor 4.
"""

import equinox as eqx
import flax.linen
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from scipy import stats

from gradchain import initializers

FAN_IN, FAN_OUT = 128, 512
ENTRIES = FAN_IN * FAN_OUT
SIGMAS, ALARM = 5.0, 1e-6


def torch_draw(fill, **options):
    def draw(shape):
        generator = torch.Generator().manual_seed(5)
        return fill(torch.empty(*shape), generator=generator, **options).numpy()

    return draw


def keras_draw(kind, **options):
    # Keras and JAX ask for (fan_in, fan_out).
    return lambda shape: np.asarray(kind(seed=5, **options)(shape[::-1], dtype="float32")).T


def jax_draw(law):
    return lambda shape: np.asarray(law(jax.random.key(5), shape[::-1], jnp.float32)).T


def layer_draw(make):
    return lambda shape: make(*shape)


def torch_linear(fan_out, fan_in):
    torch.manual_seed(5)
    return torch.nn.Linear(fan_in, fan_out).weight.detach().numpy()


def equinox_linear(fan_out, fan_in):
    return np.asarray(eqx.nn.Linear(fan_in, fan_out, key=jax.random.key(5)).weight, np.float32)


def flax_dense(fan_out, fan_in):
    params = flax.linen.Dense(fan_out).init(jax.random.key(5), jnp.zeros(fan_in, jnp.float32))
    return np.asarray(params["params"]["kernel"]).T


def keras_dense(fan_out, fan_in):
    keras.utils.set_random_seed(5)
    layer = keras.layers.Dense(fan_out)
    layer.build((None, fan_in))
    return np.asarray(layer.kernel).T


_t, _k, _j = torch.nn.init, keras.initializers, jax.nn.initializers
# ours, library, their draw, whether it is the same law or only the same variance.
CASES = [
    ("glorot_uniform", "torch", torch_draw(_t.xavier_uniform_), True),
    ("glorot_uniform", "keras", keras_draw(_k.GlorotUniform), True),
    ("glorot_uniform", "jax", jax_draw(_j.glorot_uniform()), True),
    ("glorot_uniform", "keras Dense", layer_draw(keras_dense), True),
    # PyTorch's normal laws are not cut at two deviations; Keras' and JAX's are, and rescaled.
    ("glorot_normal", "torch", torch_draw(_t.xavier_normal_), False),
    ("glorot_normal", "keras", keras_draw(_k.GlorotNormal), True),
    ("glorot_normal", "jax", jax_draw(_j.glorot_normal()), True),
    ("he_uniform", "torch", torch_draw(_t.kaiming_uniform_, nonlinearity="relu"), True),
    ("he_uniform", "keras", keras_draw(_k.HeUniform), True),
    ("he_uniform", "jax", jax_draw(_j.he_uniform()), True),
    ("he_normal", "torch", torch_draw(_t.kaiming_normal_, nonlinearity="relu"), False),
    ("he_normal", "keras", keras_draw(_k.HeNormal), True),
    ("he_normal", "jax", jax_draw(_j.he_normal()), True),
    ("lecun_uniform", "torch", torch_draw(_t.kaiming_uniform_, nonlinearity="linear"), True),
    ("lecun_uniform", "keras", keras_draw(_k.LecunUniform), True),
    ("lecun_uniform", "jax", jax_draw(_j.lecun_uniform()), True),
    ("lecun_normal", "keras", keras_draw(_k.LecunNormal), True),
    ("lecun_normal", "jax", jax_draw(_j.lecun_normal()), True),
    ("lecun_normal", "flax Dense", layer_draw(flax_dense), True),
    ("torch_uniform", "torch Linear", layer_draw(torch_linear), True),
    ("torch_uniform", "equinox Linear", layer_draw(equinox_linear), True),
    ("normal(0.02)", "torch", torch_draw(_t.normal_, std=0.02), True),
    ("normal(0.02)", "keras", keras_draw(_k.RandomNormal, stddev=0.02), True),
    ("normal(0.02)", "jax", jax_draw(_j.normal(0.02)), True),
    # PyTorch cuts at absolute ends, which are two deviations only if told so.
    ("truncated_normal(0.5)", "torch", torch_draw(_t.trunc_normal_, std=0.5, a=-1.0, b=1.0), True),
    ("truncated_normal(0.5)", "keras", keras_draw(_k.TruncatedNormal, stddev=0.5), True),
    ("truncated_normal(0.5)", "jax", jax_draw(_j.truncated_normal(0.5)), True),
]


@pytest.mark.parametrize(
    ("name", "library", "draw", "same"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
def test_draws_of_the_library_have_our_variance_and_law(name, library, draw, same):
    law = initializers.get(name)
    matrix = draw((FAN_OUT, FAN_IN)).astype(np.float64)
    assert matrix.shape == (FAN_OUT, FAN_IN)
    variance = law.variance(FAN_IN, FAN_OUT)
    z = (np.mean(matrix**2) / variance - 1) / np.sqrt(2 / ENTRIES)
    assert abs(z) <= SIGMAS, (library, z)
    z_mean = np.mean(matrix) / np.sqrt(variance / ENTRIES)
    assert abs(z_mean) <= SIGMAS, (library, z_mean)
    ours = np.asarray(law.sample(jax.random.key(6), (FAN_OUT, FAN_IN), "float32"), np.float64)
    p_value = stats.ks_2samp(matrix.ravel(), ours.ravel(), method="asymp").pvalue
    # The laws said to differ do so by a distance that 65 536 draws show every time.
    assert (p_value >= ALARM) == same, (library, p_value)


def test_a_variance_with_the_fans_swapped_would_be_found():
    # The power of the test above: the smallest wrong factor among laws, 2, stands out by far.
    for name in ("he_normal", "lecun_uniform", "torch_uniform", "glorot_uniform"):
        law = initializers.get(name)
        right = law.variance(FAN_IN, FAN_OUT)
        for wrong in (law.variance(FAN_OUT, FAN_IN), 2 * right, right / 2):
            if wrong != right:
                assert abs(right / wrong - 1) / np.sqrt(2 / ENTRIES) > 4 * SIGMAS


@pytest.mark.parametrize("shape", [(64, 64), (96, 32), (32, 96)])
def test_orthogonal_matrices_have_our_variance_without_any_spread(shape):
    draws = {
        "torch": torch_draw(_t.orthogonal_)(shape),
        "keras": keras_draw(_k.Orthogonal)(shape),
        "jax": jax_draw(_j.orthogonal())(shape),
    }
    variance = initializers.get("orthogonal").variance(shape[1], shape[0])
    room = 4 * max(shape) * np.finfo(np.float32).eps
    for library, matrix in draws.items():
        small = matrix if shape[0] <= shape[1] else matrix.T
        assert np.abs(small @ small.T - np.eye(min(shape))).max() <= room, library
        assert abs(np.mean(matrix.astype(np.float64) ** 2) / variance - 1) <= room, library


def test_a_convolution_kernel_counts_its_window_as_torch_and_keras_do():
    law, kernel = initializers.get("he_uniform"), (64, 32, 3, 3)
    theirs = {
        "torch": torch_draw(_t.kaiming_uniform_, nonlinearity="relu")(kernel),
        "keras": np.asarray(_k.HeUniform(seed=5)((3, 3, 32, 64), dtype="float32")),
    }
    for library, weights in theirs.items():
        square = np.mean(weights.astype(np.float64) ** 2)
        z = (square / law.variance_of(kernel) - 1) / np.sqrt(2 / weights.size)
        assert abs(z) <= SIGMAS, (library, z)
