"""Named optimizers against formulas in float64, and Keras' Adam against optax's."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gradchain._errors import UsageError
from gradchain.training import optimizers

EPS = float(np.finfo(np.float32).eps)


def path(tx, gradients):
    """The updates an optimizer gives to a sequence of gradients."""
    state, found = tx.init(jnp.zeros(gradients.shape[1])), []
    import jax

    with jax.numpy_dtype_promotion("standard"):
        for g in gradients:
            update, state = tx.update(jnp.asarray(g), state)
            found.append(np.asarray(update, np.float64))
    return np.array(found)


GRADIENTS = (np.random.default_rng(0).normal(size=(20, 4)) * [1, 1e-3, 1e-6, 1e-9]).astype(
    np.float32
)


def adam64(epsilon, outside):
    m = v = np.zeros(4)
    found = []
    for t, g in enumerate(GRADIENTS.astype(np.float64), start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        if outside:
            step = 1e-3 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + epsilon)
        else:
            step = 1e-3 * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + epsilon)
        found.append(-step)
    return np.array(found)


@pytest.mark.parametrize(("name", "outside"), [("keras_adam", True), ("adam", False)])
def test_adam_is_its_formula(name, outside):
    values = optimizers.constants(name)
    ours = path(optimizers.build(name, values), GRADIENTS)
    wanted = adam64(values["epsilon"], outside)
    # 1 - 0.999**t loses three digits of float32 at t = 1; halved by the root.
    np.testing.assert_allclose(ours, wanted, rtol=2000 * EPS, atol=1e-12)


def test_the_two_adams_differ_where_a_gradient_has_vanished():
    keras, plain = adam64(1e-7, True), adam64(1e-8, False)
    assert np.abs(keras[0, 0] / plain[0, 0] - 1) < 1e-4
    assert np.abs(keras[0, 2] / plain[0, 2]) < 0.5


def test_keras_epsilon_is_felt_below_epsilon_over_the_root():
    floor = 1e-7 / np.sqrt(0.001)
    tx = optimizers.keras_adam()
    update, _ = tx.update(jnp.asarray([floor], jnp.float32), tx.init(jnp.zeros(1)))
    assert abs(float(update[0]) + 0.5e-3) <= 1e-3 * 100 * EPS


def test_sgd_rmsprop_and_adagrad_are_their_formulas():
    g64 = GRADIENTS.astype(np.float64)
    sgd = path(optimizers.build("sgd", {"learning_rate": 0.1, "momentum": 0.9}), GRADIENTS)
    trace, wanted = np.zeros(4), []
    for g in g64:
        trace = g + 0.9 * trace
        wanted.append(-0.1 * trace)
    np.testing.assert_allclose(sgd, wanted, rtol=64 * EPS, atol=1e-12)
    rms = path(optimizers.build("rmsprop", optimizers.constants("rmsprop")), GRADIENTS)
    v, wanted = np.zeros(4), []
    for g in g64:
        v = 0.9 * v + 0.1 * g * g
        wanted.append(-1e-3 * g / np.sqrt(v + 1e-7))
    np.testing.assert_allclose(rms, wanted, rtol=64 * EPS, atol=1e-12)
    ada = path(optimizers.build("adagrad", optimizers.constants("adagrad")), GRADIENTS)
    total, wanted = np.full(4, 0.1), []
    for g in g64:
        total = total + g * g
        wanted.append(-1e-3 * g / np.sqrt(total + 1e-7))
    np.testing.assert_allclose(ada, wanted, rtol=64 * EPS, atol=1e-12)


def tree(scale):
    rng = np.random.default_rng(1)
    draw = lambda *shape: jnp.asarray(scale * rng.normal(size=shape), jnp.float32)
    return {
        "first": {"weight": draw(3, 2)},
        "hidden": {"weight": draw(4, 3, 3), "bias": draw(4, 3)},
        "last": {"weight": draw(1, 3)},
    }


def test_clipping_each_array_keeps_directions_and_bounds_every_layer():
    import jax

    grads = tree(10.0)
    clipped, _ = optimizers.clip_each(1.0).update(grads, optax.EmptyState())
    for old, new in zip(jax.tree.leaves(grads), jax.tree.leaves(clipped), strict=True):
        stacked = old.shape[0] == 4
        for a, b in zip(old if stacked else old[None], new if stacked else new[None], strict=True):
            a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
            assert np.linalg.norm(b) <= 1 + 16 * EPS
            cosine = (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)
            assert cosine >= 1 - 64 * EPS
    small, _ = optimizers.clip_each(1e9).update(grads, optax.EmptyState())
    for old, new in zip(jax.tree.leaves(grads), jax.tree.leaves(small), strict=True):
        assert (old == new).all()


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("lion", {}),
        ("sgd", {"epsilon": 1.0}),
        ("sgd", {"momentum": -1.0}),
        ("adam", {"b1": float("nan")}),
    ],
)
def test_unknown_optimizers_and_constants_are_refused(family, values):
    with pytest.raises(UsageError, match="got"):
        optimizers.constants(family, values)


def test_an_unknown_clip_is_refused():
    with pytest.raises(UsageError, match="clip"):
        optimizers.build("sgd", optimizers.constants("sgd"), "median")
