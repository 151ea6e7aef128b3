"""Factors, ranges and gains of a law, against products with drawn weights.

False alarms: means over fresh draws are compared with 6 standard errors taken from those draws (64
matrices; Student's t with 63 degrees: 1e-7 each, 40 comparisons: 4e-6 over fresh seeds; seeds are fixed).
"""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradchain as gch
from gradchain import initializers
from gradchain._errors import InitializerError, ShapeError

LAWS = [
    "glorot_uniform", "he_normal", "he_fan_out_gaussian", "he_leaky_normal(0.3)", "lecun_gaussian",
    "torch_uniform", "haiku_truncated_normal", "orthogonal(1.3)", "delta_orthogonal", "2 * lecun_uniform",
]  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("shape", [(40, 100), (100, 40)])
def test_factors_are_what_a_signal_and_a_gradient_are_multiplied_by(name, shape):
    law = initializers.get(name)
    keys = jax.random.split(jax.random.key(1), 64)
    weights = np.stack([np.asarray(law.sample(key, shape), np.float64) for key in keys])
    # A fixed signal, far from an average one.
    h, delta = np.linspace(-1, 3, shape[1]), np.cos(np.arange(shape[0]))
    forward = np.mean((weights @ h) ** 2, axis=1) / np.mean(h**2)
    backward = np.mean((delta @ weights) ** 2, axis=1) / np.mean(delta**2)
    fan_in, fan_out = shape[1], shape[0]
    for found, declared in (
        (forward, law.forward_factor(fan_in, fan_out)),
        (backward, law.backward_factor(fan_in, fan_out)),
    ):
        error = found.std(ddof=1) / np.sqrt(len(found)) + 1e-6 * declared
        assert abs(found.mean() - declared) < 6 * error
    assert law.factors_of(shape) == (law.forward_factor(100, 40), law.backward_factor(100, 40)) or (
        shape[0] == 100
    )


@pytest.mark.parametrize("name", ["orthogonal", "delta_orthogonal"])
def test_factors_of_a_kernel_are_those_of_a_circular_convolution(name):
    law, shape = initializers.get(name), (12, 6, 3, 3)
    forward, backward = law.factors_of(shape)
    image = jax.random.normal(jax.random.key(7), (6, 5, 5))
    cotangent = jax.random.normal(jax.random.key(8), (12, 5, 5))

    def both(key):
        layer = gch.Convolution(gch.activations.identity, "CIRCULAR")
        out, back = jax.vjp(lambda h: layer({"weight": law.sample(key, shape)}, h), image)
        return jnp.mean(out**2), jnp.mean(back(cotangent)[0] ** 2)

    found = jax.vmap(both)(jax.random.split(jax.random.key(9), 64))
    for values, given_, declared in zip(
        found, (image, cotangent), (forward, backward), strict=True
    ):
        ratios = np.asarray(values, np.float64) / float(jnp.mean(given_**2))
        error = ratios.std(ddof=1) / 8 + 1e-6 * declared
        assert abs(ratios.mean() - declared) < 6 * error


def test_unknown_variances_give_no_factor():
    law = initializers.unit_spectral
    assert law.forward_factor(3, 4) is None
    assert law.backward_factor(3, 4) is None
    assert law.factors_of((3, 4)) is None
    assert law.bound(3, 4) is None
    assert law.kurtosis is None
    assert initializers.orthogonal.bound(3, 4) is None
    assert initializers.zeros.factors_of((3, 4)) == (0.0, 0.0)
    with pytest.raises(ShapeError, match="expected a positive whole number"):
        initializers.he_normal.forward_factor(0, 4)


@given(
    fan_in=st.integers(1, 5000),
    fan_out=st.integers(1, 5000),
    name=st.sampled_from([n for n in initializers.NAMES if n not in ("unit_spectral", "zeros")]),
    gain=st.floats(1e-3, 1e3),
)
def test_a_gain_multiplies_factors_by_its_square_and_the_range_by_itself(
    fan_in, fan_out, name, gain
):
    law = initializers.get(name)
    more = law.scaled(gain)
    for part in ("variance", "forward_factor", "backward_factor"):
        once, then = (getattr(each, part)(fan_in, fan_out) for each in (law, more))
        assert then == pytest.approx(gain**2 * once, rel=1e-14)
    assert law.forward_factor(fan_in, fan_out) * fan_out == pytest.approx(
        law.backward_factor(fan_in, fan_out) * fan_in, rel=1e-14
    )
    if law.bound(fan_in, fan_out) is not None:
        assert more.bound(fan_in, fan_out) == pytest.approx(
            gain * law.bound(fan_in, fan_out), rel=1e-14
        )
    assert initializers.get(str(more)) == more


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_scaled_weights_are_the_weights_times_the_gain_rounded_once(dtype):
    for law in (
        initializers.he_normal,
        initializers.orthogonal,
        initializers.he_leaky_uniform(0.2),
    ):
        drawn = law.scaled(1.7).sample(jax.random.key(2), (6, 9), dtype)
        exact = np.asarray(law.sample(jax.random.key(2), (6, 9), "float32"), np.float64) * 1.7
        room = float(jnp.finfo(dtype).eps) / 2 + 2 * np.finfo(np.float32).eps
        assert drawn.dtype == jnp.dtype(dtype)
        assert np.abs(np.asarray(drawn, np.float64) / exact - 1).max() <= room


@pytest.mark.usefixtures("as_a_user")
def test_scaled_laws_are_nouns_too():
    law = initializers.glorot_uniform.scaled(5 / 3)
    assert str(law) == "1.6666666666666667 * glorot_uniform"
    assert pickle.loads(pickle.dumps(law)) == law == initializers.get(str(law))
    assert law != initializers.glorot_uniform.scaled(1.5)
    assert initializers.get("2 * 3 * he_normal").variance(4, 4) == 36 * 0.5
    assert initializers.orthogonal(2.0).scaled(0.5) == initializers.orthogonal
    assert law.kurtosis == 1.8
    weights = gch.mlp(jax.random.key(0), 2, 6, initializer=law).runs[0].params["weight"]
    plain = gch.mlp(jax.random.key(0), 2, 6, initializer="glorot_uniform").runs[0].params["weight"]
    np.testing.assert_allclose(weights, np.asarray(plain) * np.float32(5 / 3), rtol=1e-6)
    for gain in (0, -1.0, float("nan"), float("inf"), True, "2"):
        with pytest.raises(InitializerError, match="expected a positive finite number"):
            initializers.he_normal.scaled(gain)
    theirs = initializers.get(jax.nn.initializers.he_normal())
    with pytest.raises(InitializerError, match="multiply inside"):
        theirs.scaled(2.0)
