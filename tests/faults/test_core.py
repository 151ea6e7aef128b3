"""Bad input to the numerical core gets one sentence, and no result holds a silent NaN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradchain as gch
from gradchain import scaled
from gradchain.predicted import bounds

F32 = np.float32
EPS = 2.0**-23
X = np.full(2, 2, F32)


@pytest.fixture(scope="module")
def network():
    """Two layers of two units: one run, so that little is compiled."""
    return gch.network_from_weights(
        [np.eye(2, dtype=F32), -np.eye(2, dtype=F32)], activation="tanh"
    )


STRANGE = {
    "nothing": None,
    "text": "A!",
    "list": [1.0, 2.0],
    "dictionary": {},
    "complex": np.ones(2, complex),
    "objects": np.array([None, 1]),
    "integers": np.ones(2, int),
    "long double": np.ones(2, np.longdouble),
    "float64 in 32-bit mode": np.ones(2),
    "not finite": np.array([np.nan, np.inf], F32),
    "empty": np.ones(0, F32),
    "a number": 1.0,
}


def calls(network, bad):
    """Every public function of the core with one argument replaced; each must refuse it."""
    key = jax.random.key(0)
    value = scaled.from_array(X)
    weights = [np.eye(2, dtype=F32)]
    return [
        lambda: gch.forward(network, bad),
        lambda: gch.jacobian_chain(network, bad),
        lambda: gch.layer_jacobians(network, bad),
        lambda: gch.chain_bounds(network, bad),
        lambda: gch.gradient_chain(network, X, bad),
        lambda: gch.gradient_factors(network, bad, X),
        lambda: gch.forward(bad, X),
        lambda: gch.jacobian_chain(bad, X),
        lambda: gch.jacobian_chain(network, X, bad),
        lambda: gch.jacobian_chain(network, X, how=bad),
        lambda: gch.gradient_chain(network, X, X, how=bad),
        lambda: gch.layer_jacobians(network, X, bad),
        lambda: gch.jacobian_chain(network, X, probes=4, key=bad),
        lambda: gch.network_from_weights([bad]),
        lambda: gch.network_from_weights(weights, activation=[bad]),
        lambda: gch.concatenate(bad),
        lambda: gch.residual(bad),
        lambda: gch.Network(bad),
        lambda: gch.Dense(bad),
        lambda: gch.Custom(bad),
        lambda: gch.mlp(bad),
        lambda: gch.mlp(key, bad, 2),
        lambda: gch.mlp(key, 1, 2, bad),
        lambda: gch.mlp(key, 1, 2, initializer=bad),
        lambda: gch.activations.get(bad),
        lambda: gch.activations.from_function(bad, jnp.tanh),
        lambda: gch.initializers.get(bad),
        lambda: gch.initializers.get("he_normal").sample(bad, (2, 2)),
        lambda: gch.initializers.get("he_normal").sample(key, bad),
        lambda: scaled.rescale(bad),
        lambda: scaled.log_abs(bad),
        lambda: scaled.total(bad),
        lambda: scaled.norm(bad),
        lambda: scaled.norm(value, bad),
        lambda: scaled.multiply(value, bad),
        lambda: scaled.add(value, bad),
        lambda: scaled.identity(bad),
        lambda: bounds.power_upper(0.25, bad),
        lambda: gch.cite(bad),
    ]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_arguments_get_a_sentence_of_gradchain_and_not_a_traceback_of_jax(
    as_a_user, network, name
):
    bad = STRANGE[name]
    for call in calls(network, bad):
        with pytest.raises(gch.GradchainError) as caught:
            call()
        assert 10 < len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "name", ["nothing", "text", "dictionary", "complex", "objects", "integers"]
)
def test_what_is_no_float_array_is_not_read_as_one(as_a_user, name):
    bad = STRANGE[name]
    for call in (scaled.from_array, scaled.split, scaled.binary_exponent, scaled.to_decimal):
        if (name, call) == ("integers", scaled.to_decimal):
            continue
        with pytest.raises(gch.DtypeError, match="expected a float array"):
            call(bad)
    with pytest.raises(gch.UsageError, match="expected whole numbers"):
        scaled.scale(jnp.ones(2), bad) if name != "integers" else scaled.scale(jnp.ones(2), 0.5)


def test_float64_is_never_narrowed_in_silence():
    with pytest.raises(gch.DtypeError, match="enable_x64"):
        scaled.from_array(np.full(2, 0.1))
    with jax.enable_x64(True):
        assert scaled.to_fraction(scaled.from_array(np.array(0.1))) == scaled.to_fraction(
            np.array(0.1)
        )


def test_shapes_that_do_not_fit_are_named():
    a, b = scaled.from_array(np.ones((2, 3), F32)), scaled.from_array(np.ones((2, 2), F32))
    for call in (scaled.multiply, scaled.add, scaled.matmul):
        with pytest.raises(gch.ShapeError, match=r"\(2, 3\)"):
            call(a, b)


def test_views_in_any_order_of_memory_give_the_same_chain(network):
    weight = np.arange(8, dtype=F32).reshape(2, 4)[:, ::2]
    assert not weight.flags.c_contiguous
    one = gch.jacobian_chain(gch.network_from_weights([weight, weight.T]), X)
    two = gch.jacobian_chain(
        gch.network_from_weights([weight.copy(), weight.T.copy()]), X[::-1][::-1]
    )
    assert (one.log_norms == two.log_norms).all()


def overflowing():
    """0 * inf in the second layer: 3e38 * 4 is too large for float32."""
    cross = np.array([[1, -1], [1, -1]], F32)
    weights = [np.full((2, 2), 3e38, F32), np.eye(2, dtype=F32), cross]
    return gch.network_from_weights(weights, activation="identity")


@pytest.mark.parametrize(
    "call",
    [
        lambda network: gch.forward(network, X),
        lambda network: network(X),
        lambda network: gch.gradient_chain(network, X, X),
        lambda network: gch.gradient_chain(network, X, X, how="autodiff"),
        lambda network: gch.gradient_factors(network, X, X),
    ],
    ids=["forward", "call", "gradient_chain", "gradient_chain autodiff", "gradient_factors"],
)
def test_an_overflow_on_the_way_is_said_and_not_returned_as_nan(call):
    with pytest.raises(gch.NonFiniteError, match="NaN"):
        call(overflowing())


def test_the_first_state_that_is_nan_is_named():
    with pytest.raises(gch.NonFiniteError, match="state h_2 holds NaN"):
        gch.forward(overflowing(), X)


def test_probes_through_a_dead_chain_say_minus_infinity_without_doubt_and_no_nan():
    dead = gch.network_from_weights([-np.eye(2, dtype=F32)] * 3, activation="relu")
    chain = gch.jacobian_chain(dead, X, probes=4, key=jax.random.key(0))
    assert np.isneginf(chain.log_norms[0])
    assert float(chain.log_norms_error[0]) == 0
    assert np.isfinite(chain.log_norms_error).all()


def looks(params, h):
    return h if h.sum() > 0 else -h


def by_numpy(params, h):
    return np.tanh(np.asarray(h))


def nothing(params, h):
    return None


def narrower(params, h):
    return h.astype(jnp.float16)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (looks, "looks at the values of h"),
        (by_numpy, "looks at the values of h"),
        (nothing, "gave NoneType, expected one array of float32"),
        (narrower, "gave float16, expected one array of float32"),
    ],
)
def test_a_users_layer_that_cannot_be_compiled_or_gives_no_state_is_named(function, words):
    layer = gch.single(gch.Custom(function, name="mine"), {"a": np.ones(2, F32)})
    for call in (gch.forward, gch.jacobian_chain):
        with pytest.raises(gch.UsageError, match=f"layer mine {words}"):
            call(layer, X)


@pytest.mark.parametrize(
    ("layer", "params", "words"),
    [
        (gch.LayerNorm(), {"gain": np.ones(3, F32)}, r"gain of shape \(3,\)"),
        (gch.Dense(gch.activations.tanh), {"w": np.ones((2, 2), F32)}, r'needs params \{"weight"'),
        (
            gch.Convolution(gch.activations.tanh),
            {"weight": np.ones((2, 2, 3), F32)},
            r"expected \(channels, \*space\)",
        ),
        (gch.Chained((gch.LayerNorm(),)), ({}, {"gain": np.ones(2, F32)}), "2 params for 1 layers"),
        (
            gch.Residual(gch.Dense(gch.activations.tanh)),
            {"weight": np.ones((3, 2), F32)},
            "must keep the shape",
        ),
    ],
    ids=["gain", "no weight", "kernel", "chained", "residual"],
)
def test_parameters_that_do_not_fit_their_layer_are_named(layer, params, words):
    with pytest.raises(gch.UsageError, match=words):
        gch.forward(gch.single(layer, params), X)


def test_transformations_of_public_functions_change_nothing(network):
    """jit and vmap give the chain of the plain call, and grad its derivative along a direction."""
    chain = lambda n, x: gch.jacobian_chain(n, x).log_norms[0]
    plain = float(chain(network, X))
    assert abs(float(jax.jit(chain)(network, X)) - plain) <= 4 * EPS * abs(plain)
    batch = jnp.stack([X, -X])
    assert np.abs(np.asarray(jax.vmap(lambda x: chain(network, x))(batch)) - plain).max() <= 8 * EPS
    slope = jax.grad(lambda x: chain(network, x))(jnp.asarray(X))
    step = 2.0**-8
    moved = [float(chain(network, X + F32(s * step))) for s in (1, -1)]
    # Central difference: error step^2 / 6 times a third derivative below 30, and rounding eps / step.
    assert (
        abs(float(slope.sum()) - (moved[0] - moved[1]) / (2 * step))
        <= 5 * step**2 + 64 * EPS / step
    )
    into = jax.jit(lambda n, x, g: gch.gradient_chain(n, x, g).log_state_norms)(network, X, X)
    plain = gch.gradient_chain(network, X, X).log_state_norms
    assert np.abs(np.asarray(into - plain)).max() <= 16 * EPS
