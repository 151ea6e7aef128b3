"""The declared defaults of five libraries beside what their linear layers really draw, and a gain table.

A layer of 512 x 128 and one of 128 x 512 from each library; the bias of a layer with 200 000 outputs.
For a law with standard deviation s and kurtosis k, over N independent entries, asymptotically normal:

    variance   (mean w^2 / s^2 - 1) / sqrt((k - 1)/N)                             |z| <= 5.7
    mean       mean w / (s / sqrt(N))                                             |z| <= 5.7
    kurtosis   (mean w^4 / s^4 - k) / sqrt((m8 - k^2)/N), m8 = E w^8 / s^8        |z| <= 5.7
    range      max |w| <= bound always; max |w| > (1 - 30/N) bound if uniform     1 - e^-30
    law        Kolmogorov's distance to the declared distribution function        sqrt(N) D <= 3.1

A normal |z| > 5.7 has probability 1.2e-8 and sqrt(N) D > 3.1 has 9e-9, so the 60 comparisons below fail
for right laws with probability below 1e-6 over seeds. Seeds are fixed, so a run repeats.
"""

import math

import equinox as eqx
import flax.linen
import flax.nnx
import haiku as hk
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from scipy import stats

from gradchain.predicted import library_defaults
from gradchain.predicted.gains import LINEAR_DEFAULT_GAIN, library_gain

Z, KOLMOGOROV = 5.7, 3.1
SHAPES = [(512, 128), (128, 512)]


def torch_layer(fan_out, fan_in):
    torch.manual_seed(11)
    layer = torch.nn.Linear(fan_in, fan_out)
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def keras_layer(fan_out, fan_in):
    keras.utils.set_random_seed(11)
    layer = keras.layers.Dense(fan_out)
    layer.build((None, fan_in))
    return np.asarray(layer.kernel).T, np.asarray(layer.bias)


def linen_layer(fan_out, fan_in):
    params = flax.linen.Dense(fan_out).init(jax.random.key(11), jnp.zeros(fan_in, jnp.float32))
    return np.asarray(params["params"]["kernel"]).T, np.asarray(params["params"]["bias"])


def nnx_layer(fan_out, fan_in):
    layer = flax.nnx.Linear(fan_in, fan_out, rngs=flax.nnx.Rngs(11))
    return np.asarray(layer.kernel[...]).T, np.asarray(layer.bias[...])


def equinox_layer(fan_out, fan_in):
    layer = eqx.nn.Linear(fan_in, fan_out, key=jax.random.key(11), dtype=jnp.float32)
    return np.asarray(layer.weight), np.asarray(layer.bias)


def haiku_layer(fan_out, fan_in):
    layer = hk.transform(lambda x: hk.Linear(fan_out)(x))
    params = layer.init(jax.random.key(11), jnp.zeros((1, fan_in), jnp.float32))["linear"]
    return np.asarray(params["w"]).T, np.asarray(params["b"])


LAYERS = {
    "torch": ("torch", torch_layer),
    "keras": ("keras", keras_layer),
    "flax.linen": ("flax", linen_layer),
    "flax.nnx": ("flax", nnx_layer),
    "equinox": ("equinox", equinox_layer),
    "haiku": ("haiku", haiku_layer),
}
# Distributions of variance 1, by SciPy.
CUT = stats.truncnorm(-2, 2)
UNIT = {
    "uniform": stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)),
    "truncated_normal": stats.truncnorm(-2, 2, scale=1 / CUT.std()),
}


def comparisons(values, variance, distribution):
    """Return z of variance, mean and kurtosis, and Kolmogorov's sqrt(N) D."""
    unit, w = UNIT[distribution], np.asarray(values, np.float64).ravel() / math.sqrt(variance)
    n, fourth, eighth = w.size, unit.moment(4), unit.moment(8)
    return {
        "variance": (np.mean(w**2) - 1) / math.sqrt((fourth - 1) / n),
        "mean": np.mean(w) * math.sqrt(n),
        "kurtosis": (np.mean(w**4) - fourth) / math.sqrt((eighth - fourth**2) / n),
        "law": stats.kstest(w, unit.cdf).statistic * math.sqrt(n),
    }


def holds(found):
    return all(abs(found[name]) <= Z for name in ("variance", "mean", "kurtosis")) and (
        found["law"] <= KOLMOGOROV
    )


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_of_a_real_layer_follow_the_declared_law(name, shape):
    library, make = LAYERS[name]
    law = library_defaults.get(library).weight
    weight, bias = make(*shape)
    assert (weight.shape, bias.shape) == (shape, shape[:1])
    found = comparisons(weight, law.variance(shape[1], shape[0]), law.distribution)
    assert holds(found), found
    assert law.kurtosis == pytest.approx(UNIT[law.distribution].moment(4), rel=1e-9)
    bound = law.bound(shape[1], shape[0])
    # The end itself may be rounded up in float32.
    assert np.abs(weight).max() <= bound * (1 + 1e-6)
    if law.distribution == "uniform":
        assert np.abs(weight).max() > bound * (1 - 30 / weight.size)


@pytest.mark.parametrize("name", LAYERS)
def test_biases_of_a_real_layer_follow_the_declared_law(name):
    library, make = LAYERS[name]
    law, shape = library_defaults.get(library).bias, (200_000, 3)
    bias = make(*shape)[1]
    assert bias.shape == shape[:1]
    if law.distribution == "zeros":
        assert not bias.any()
        return
    found = comparisons(bias, law.variance(shape[1], shape[0]), law.distribution)
    assert holds(found), found
    bound = law.bound(shape[1], shape[0])
    assert bound * (1 - 30 / bias.size) < np.abs(bias).max() <= bound * (1 + 1e-6)


def test_the_law_of_any_other_library_would_be_found():
    # Power: each law's draws, held against each other law, fail; so do fans that are swapped.
    for name, (library, make) in LAYERS.items():
        weight, right = make(512, 128)[0], library_defaults.get(library).weight
        for other in library_defaults.LIBRARY.values():
            if other.weight != right:
                wrong = other.weight
                found = comparisons(weight, wrong.variance(128, 512), wrong.distribution)
                assert not holds(found), (name, other.library)
        if library != "keras":
            found = comparisons(weight, right.variance(512, 128), right.distribution)
            assert not holds(found), name
    # The least that is found with probability 0.999: 5.7 + 3.1 standard errors of 65 536 entries.
    for distribution, unit in UNIT.items():
        error = math.sqrt((unit.moment(4) - 1) / 65_536)
        assert (Z + 3.1) * error < 0.05, distribution


def test_a_normal_that_is_not_cut_or_not_rescaled_would_be_found():
    rng = np.random.default_rng(0)
    whole = rng.normal(size=65_536)
    assert not holds(comparisons(whole, 1.0, "truncated_normal"))
    cut = CUT.rvs(65_536, random_state=rng)
    assert not holds(comparisons(cut, 1.0, "truncated_normal"))
    assert holds(comparisons(cut, CUT.var(), "truncated_normal"))
    assert not holds(comparisons(cut, CUT.var(), "uniform"))


def test_gains_of_the_table_are_those_of_calculate_gain():
    theirs = torch.nn.init.calculate_gain
    names = {
        "identity": "linear",
        "sigmoid": "sigmoid",
        "tanh": "tanh",
        "relu": "relu",
        "selu": "selu",
    }
    for name, their_name in names.items():
        assert library_gain(name) == pytest.approx(theirs(their_name), rel=1e-15)
    for slope in (0.01, 0.2, -1.5, math.sqrt(5)):
        assert library_gain(f"leaky_relu({slope!r})") == pytest.approx(
            theirs("leaky_relu", slope), rel=1e-15
        )
    assert LINEAR_DEFAULT_GAIN.value(0.0) == pytest.approx(
        theirs("leaky_relu", math.sqrt(5)), rel=1e-15
    )
    for name in ("gelu", "silu", "mish", "softplus", "elu"):
        assert library_gain(name) is None
        with pytest.raises(ValueError, match="Unsupported nonlinearity"):
            theirs(name)
