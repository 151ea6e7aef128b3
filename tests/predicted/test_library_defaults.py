"""What follows from the declared defaults of five libraries; `peers/` holds them against real draws."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradchain as gch
from gradchain import activations
from gradchain._errors import ActivationError, ShapeError, UsageError
from gradchain.predicted import library_defaults

# fan_in Var(W) of a square layer, and whether there is a bias, from the libraries' sources.
SQUARE = {
    "torch": (1 / 3, True),
    "keras": (1.0, False),
    "flax": (1.0, False),
    "equinox": (1 / 3, True),
    "haiku": (0.773741303549923, False),
}


@pytest.mark.parametrize("name", SQUARE)
def test_a_square_relu_layer_loses_the_gradient_at_the_rate_of_its_variance(name):
    each, (scale, biased) = library_defaults.get(name), SQUARE[name]
    assert each is library_defaults.LIBRARY[name]
    for n in (1, 10, 1000):
        assert each.sigma_w(n, n) == pytest.approx(math.sqrt(scale), rel=1e-14)
        bias = math.sqrt(1 / (3 * n)) if biased else 0.0
        assert each.sigma_b(n, n) == pytest.approx(bias, rel=1e-14)
    found = each.gradient_factor("relu")
    assert abs(found - math.sqrt(scale / 2)) <= found.error + 1e-15
    assert each.gradient_factor("identity") == pytest.approx(math.sqrt(scale), rel=1e-14)


def test_the_factors_of_theory_stand_at_their_lengths():
    # theory.md, section 3, zero bias, q at its fixed point (given there to six digits).
    for name, activation, q, factor in (
        ("torch", "relu", 3.0, 0.4082482905),
        ("torch", "tanh", 0.0, 0.5773502692),
        ("torch", "sigmoid", 0.0850338, 0.1414490344),
        ("keras", "sigmoid", 0.264687, 0.2360523390),
        ("flax", "selu", 1.0, 1.035169065),
        ("flax", "gelu", 0.0, 0.5),
        ("torch", "erf", 0.0, 0.6514700159),
        ("keras", "erf", 0.141924, 1.008415847),
    ):
        found = library_defaults.get(name).gradient_factor(activation, 100, 100, q)
        assert found == pytest.approx(factor, rel=1e-6)


def test_keras_looks_at_both_fans_and_the_others_at_one():
    for name, each in library_defaults.LIBRARY.items():
        wide, narrow = each.sigma_w(100, 900), each.sigma_w(100, 100)
        assert (wide == narrow) == (name != "keras")
    # A layer that widens: fan_out Var(W) grows with fan_out / fan_in but for Glorot's.
    assert library_defaults.keras.gradient_factor("relu", 100, 300) == pytest.approx(
        math.sqrt(0.75), rel=1e-14
    )
    assert library_defaults.torch.gradient_factor("relu", 100, 300) == pytest.approx(
        math.sqrt(0.5), rel=1e-14
    )


@pytest.mark.parametrize("name", SQUARE)
def test_deep_relu_networks_drawn_from_the_law_lose_gradients_at_that_rate(name):
    """E |J|_F^2 / n = rate^(2 L) exactly at every width, bias or not.

    256 networks, width 24, 3 layers; their mean lies within 6 standard errors of it (heavy tails: 1e-6
    allowed by the spread found; seeds fixed).
    """
    each, n, depth, draws = library_defaults.get(name), 24, 3, 256
    x = jnp.ones(n)

    def squared(key):
        keys = jax.random.split(key, 2 * depth)
        weights = [each.weight.sample(k, (n, n)) for k in keys[:depth]]
        biases = [each.bias.sample(k, (n, n)) for k in keys[depth:]]

        def net(h):
            for w, b in zip(weights, biases, strict=True):
                h = activations.relu(w @ h + b)
            return h

        return jnp.sum(jax.jacrev(net)(x) ** 2) / n

    found = np.asarray(jax.jit(jax.vmap(squared))(jax.random.split(jax.random.key(6), draws)))
    rate = float(each.gradient_factor("relu")) ** (2 * depth)
    assert abs(found.mean() - rate) < 6 * found.std(ddof=1) / math.sqrt(draws)
    # Power: a law off by a factor 1.3 in variance would be seen.
    assert 6 * found.std(ddof=1) / math.sqrt(draws) < (1.3**depth - 1) * rate


def test_names_and_sentences():
    assert library_defaults.NAMES == ("torch", "keras", "flax", "equinox", "haiku")
    assert library_defaults.get("PyTorch") is library_defaults.torch
    assert library_defaults.get(library_defaults.flax) is library_defaults.flax
    for each in library_defaults.LIBRARY.values():
        assert each.source.split(",")[0].split(" ")[0].endswith(".py")
        assert str(each).startswith(each.library)
        assert hash(each) == hash(library_defaults.get(each.library))
    assert library_defaults.torch.weight == library_defaults.equinox.weight
    net = gch.mlp(jax.random.key(0), 2, 4, initializer=library_defaults.haiku.weight)
    assert net.depth == 2


@pytest.mark.usefixtures("as_a_user")
def test_what_makes_no_sense_is_named():
    for bad in ("troch", "", 3, None):
        with pytest.raises(UsageError, match="expected one of torch, keras"):
            library_defaults.get(bad)
    with pytest.raises(UsageError, match="perhaps torch"):
        library_defaults.get("troch")
    torch = library_defaults.torch
    for q in (-1.0, math.nan, math.inf, "1", True):
        with pytest.raises(UsageError, match="expected"):
            torch.gradient_factor("tanh", q=q)
    for call in (torch.sigma_w, torch.sigma_b, lambda i, o: torch.gradient_factor("relu", i, o)):
        for fans in ((0, 3), (3, -1), (2.5, 3)):
            with pytest.raises(ShapeError, match="expected a positive whole number"):
                call(*fans)
    with pytest.raises(ActivationError):
        torch.gradient_factor("rleu")
    wild = activations.from_function("wild", lambda x: jnp.exp(x * x))
    with pytest.raises(UsageError, match="try a smaller q"):
        torch.gradient_factor(wild)
