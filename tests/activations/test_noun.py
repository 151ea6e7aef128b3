"""An Activation as a function: dtypes, transformations, equality, what it refuses."""

import copy
import pickle

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gradchain import activations
from gradchain._errors import ActivationError, DtypeError


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    with jax.enable_x64(dtype == "float64"):
        x = jax.ShapeDtypeStruct((2, 3), dtype)
        for name in activations.NAMES:
            phi = activations.get(name)
            outputs = jax.eval_shape(
                lambda x, phi=phi: (phi(x), phi.derivative(x), *jax.jvp(phi, (x,), (x,))), x
            )
            for out in outputs:
                assert (out.shape, out.dtype) == (x.shape, x.dtype), name


def test_jit_vmap_and_jacrev_tell_the_same_slope():
    x = jnp.asarray([-9.0, -3.0, -1.1, -0.2, 0.0, 0.4, 1.0, 3.0, 20.0], jnp.float32)
    every = [activations.get(name) for name in activations.NAMES]
    # One program for all of them: a compile costs more than everything else here.
    transformed = jax.jit(
        lambda x: [
            (jax.jacrev(phi)(x), jax.jacfwd(phi)(x), jax.vmap(phi.derivative)(x)) for phi in every
        ]
    )(x)
    for phi, (reverse, forward, mapped) in zip(every, transformed, strict=True):
        slope = phi.derivative(x)
        for jacobian in (reverse, forward):
            assert np.all(jacobian == np.diag(np.diagonal(jacobian))), f"{phi} mixes entries"
        for other in (np.diagonal(reverse), np.diagonal(forward), mapped):
            # Fusion may round differently by a few ulp of the terms, which are below 4 in size.
            room = 8 * np.finfo(np.float32).eps
            np.testing.assert_allclose(other, slope, rtol=room, atol=4e-7, err_msg=str(phi))


def test_a_saturated_tanh_chain_is_not_rounded_to_zero():
    # Five scalar tanh layers with weight 10 from x = 0.9: plain jacrev gives exactly 0 in float32.
    def chain(x, layer):
        for _ in range(5):
            x = layer(10.0 * x)
        return x

    with mpmath.workdps(60):
        state, true = mpmath.mpf(float(np.float32(0.9))), mpmath.mpf(1)
        for _ in range(5):
            true *= 10 * mpmath.sech(10 * state) ** 2
            state = mpmath.tanh(10 * state)
    start = jnp.float32(0.9)
    assert_array_equal(jax.jacrev(lambda x: chain(x, jnp.tanh))(start), 0.0)
    # A state off by half an ulp moves log tanh' at 10 by 10 * eps, so five layers allow 100 eps.
    got = float(jax.jacrev(lambda x: chain(x, activations.tanh))(start))
    assert abs(got / float(true) - 1) <= 100 * np.finfo(np.float32).eps


def test_prelu_trains_its_slope():
    x = jnp.asarray([-2.0, -0.5, 0.0, 3.0], jnp.float32)
    slope = jnp.float32(0.3)
    prelu = activations.prelu
    assert prelu.trainable == (("slope", 0.25),)
    assert_array_equal(prelu(x, slope), jax.nn.leaky_relu(x, slope))
    assert_array_equal(prelu(x), jax.nn.leaky_relu(x, 0.25))
    assert_array_equal(jax.grad(lambda a: prelu(x, a).sum())(slope), -2.5)
    assert_array_equal(prelu.derivative(x, slope), np.float32([0.3, 0.3, 1.0, 1.0]))
    per_unit = jnp.asarray([0.1, 0.2, 0.3, 0.4], jnp.float32)
    expected = np.float32([-2.0, -0.5, 0.0, 0.0])
    assert_array_equal(jax.grad(lambda a: prelu(x, a).sum())(per_unit), expected)
    assert prelu(0.1).trainable == (("slope", 0.1),)
    with pytest.raises(ActivationError, match=r"got 2 trainable values, expected 1 \(slope\)"):
        prelu(x, slope, slope)
    with pytest.raises(ActivationError, match="expected 0"):
        activations.relu(x, slope)


def test_an_activation_is_a_static_argument_and_traces_once():
    traces = []

    def layer(x, phi):
        traces.append(phi)
        return phi(x)

    compiled = jax.jit(layer, static_argnums=1)
    x = jnp.ones(3)
    for phi in (activations.leaky_relu(0.2), activations.get("leaky_relu(0.2)"), activations.tanh):
        compiled(x, phi)
    assert len(traces) == 2
    assert len({activations.elu, activations.get("elu"), activations.celu}) == 2


def test_it_can_be_copied_and_sent_to_another_process():
    for phi in (activations.tanh, activations.leaky_relu(0.2), activations.prelu):
        assert copy.deepcopy(phi) == phi == pickle.loads(pickle.dumps(phi))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.arange(3), "got dtype int64"),
        (np.zeros(2, bool), "got dtype bool"),
        (np.zeros(2, np.complex128), "got dtype complex128"),
        (np.zeros(2, np.complex64), "these are real numbers: use x.real"),
        (jax.random.key(0), "this is a random key"),
        ([1.0, 2.0], "got list"),
        (None, "got NoneType"),
        ("1", "got str"),
    ],
)
def test_what_is_not_a_float_array_is_refused_with_the_cast_to_write(x, words):
    for call in (activations.tanh, activations.leaky_relu, activations.tanh.derivative):
        with pytest.raises(DtypeError, match=r"\.$") as caught:
            call(x)
        assert words in str(caught.value)


def test_an_array_of_no_numbers_is_refused_with_its_dtype():
    with pytest.raises(DtypeError, match=r"sigmoid got dtype <U1, expected a float array\."):
        activations.sigmoid(np.array(["a"]))
