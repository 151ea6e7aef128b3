"""What a change of weights measures, against real optax steps and against closed forms in float64.

Tolerances: stored weights are rounded, so (old - new)/lr is off by at most half an ulp of the larger
weight over lr; optimizers of float32 add a few eps of the step itself (8 eps with the bias
corrections).
"""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest

from gradchain._errors import DtypeError, GradchainError, NonFiniteError, ShapeError, UsageError
from gradchain.experiments.weight_change import epsilon_floor, weight_change

DTYPES = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
}


def weights_and_gradients(dtype=np.float32, seed=0):
    """Two layers of weights, with gradients from 1e-12 to 10 of both signs."""
    rng = np.random.default_rng(seed)
    weights = {"first": {"kernel": rng.normal(size=(7, 5))}, "last": rng.normal(size=(5,))}
    sizes = {
        "first": {"kernel": 10 ** rng.uniform(-12, 1, (7, 5)) * rng.choice([-1, 1], (7, 5))},
        "last": 10 ** rng.uniform(-12, 1, 5) * rng.choice([-1, 1], 5),
    }
    return jax.tree.map(lambda a: a.astype(dtype), (weights, sizes))


def one_step(optimizer, weights, gradients):
    """Take a real step of optax and give NumPy weights back."""
    weights, gradients = jax.tree.map(jnp.asarray, (weights, gradients))
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = optimizer.update(gradients, optimizer.init(weights), weights)
    return jax.tree.map(np.asarray, optax.apply_updates(weights, updates))


def flat(tree):
    return {"first/kernel": tree["first"]["kernel"], "last": tree["last"]}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "make"),
    [("sgd", lambda lr: optax.sgd(lr)), ("momentum", lambda lr: optax.sgd(lr, momentum=0.9))],
)
def test_one_step_of_sgd_or_momentum_gives_the_gradient_back(name, make, dtype):
    with jax.enable_x64(dtype == "float64"):
        weights, gradients = weights_and_gradients(dtype)
        new = one_step(make(0.03), weights, gradients)
    change = weight_change(weights, new, 0.03, name)
    assert (change.measures, change.is_gradient, change.epsilon_floor) == ("gradient", True, None)
    eps = float(np.finfo(dtype).eps)
    for layer, gradient in flat(gradients).items():
        half = np.maximum(np.abs(flat(weights)[layer]), np.abs(flat(new)[layer])) * eps
        wrong = np.abs(change[layer].pseudo_gradient - gradient)
        assert (wrong <= half / 0.03 + 8 * eps * np.abs(gradient)).all()
        # Gradients under the floor leave no trace; those four times above always do.
        lost = np.abs(gradient) < change[layer].gradient_floor * (1 - 8 * eps)
        moved = flat(weights)[layer] != flat(new)[layer]
        assert not moved[lost].any()
        assert moved[np.abs(gradient) > 4 * change[layer].gradient_floor].all()
        assert change[layer].share_unchanged == np.mean(~moved)
    if dtype == "float32":
        assert 0 < change["first/kernel"].share_unchanged < 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "epsilon"),
    [("adam", None), ("adam", 1e-3), ("keras_adam", None), ("keras_adam", 1e-5)],
)
def test_one_step_of_adam_gives_the_sign_and_shrinks_under_the_floor(name, epsilon, dtype):
    own = epsilon or {"adam": 1e-8, "keras_adam": 1e-7}[name]
    with jax.enable_x64(dtype == "float64"):
        weights, gradients = weights_and_gradients(dtype)
        if name == "adam":
            optimizer = optax.adam(1e-3, eps=own)
            new = one_step(optimizer, weights, gradients)
        else:
            new = keras_first_step(weights, gradients, 1e-3, own)
    change = weight_change(weights, new, 1e-3, name, epsilon=epsilon)
    assert (change.measures, change.is_gradient, change.epsilon) == ("sign", False, own)
    floor = own if name == "adam" else own / math.sqrt(0.001)
    assert change.epsilon_floor == pytest.approx(floor, rel=1e-12)
    eps = float(np.finfo(dtype).eps)
    for layer, gradient in flat(gradients).items():
        g = gradient.astype(np.float64)
        exact = g / (np.abs(g) + floor)
        half = np.maximum(np.abs(flat(weights)[layer]), np.abs(flat(new)[layer])) * eps
        # 1 - b2 = 0.001 is formed from a float32 b2 near 1: off by 1000 eps, half of it in the root.
        slack = half / 1e-3 + 1000 * eps
        assert (np.abs(change[layer].pseudo_gradient - exact) <= slack).all()
        clear = np.abs(np.abs(exact) - 0.5) > slack
        below = np.abs(change[layer].pseudo_gradient) < 0.5
        assert (below == (np.abs(g) < floor))[clear].all()
        assert change[layer].share_below_floor == np.mean(below)
        # Far above the floor nothing is left of the gradient but its sign.
        loud = np.abs(g) > 1e3 * floor
        signs = np.sign(g[loud])
        assert (
            np.abs(change[layer].pseudo_gradient - np.sign(g))[loud] <= 1e-3 + slack[loud]
        ).all()
        assert (np.sign(change[layer].pseudo_gradient[loud]) == signs).all()


def keras_first_step(weights, gradients, rate, epsilon, b1=0.9, b2=0.999):
    """Keras's update rule, written out: epsilon stands beside the uncorrected root."""

    def step(w, g):
        w, g, kind = w.astype(np.float64), g.astype(np.float64), w.dtype
        alpha = rate * np.sqrt(1 - b2) / (1 - b1)
        return (w - alpha * (1 - b1) * g / (np.sqrt((1 - b2) * g * g) + epsilon)).astype(kind)

    return jax.tree.map(step, weights, gradients)


def test_kerass_floor_is_the_3_microunits_where_its_first_step_is_half():
    floor = epsilon_floor("keras_adam")
    # Exact rational arithmetic of the rule at g = floor: the step is half a learning rate.
    assert floor == pytest.approx(math.sqrt(1e-14 / 1e-3), rel=1e-12)
    half = math.sqrt(1e-3) * floor / (math.sqrt(1e-3) * floor + 1e-7)
    assert half == pytest.approx(0.5, rel=1e-12)
    assert epsilon_floor("adam", 1e-5) == 1e-5
    assert epsilon_floor("keras_adam", 1e-7, b2=0.0) == 1e-7


def test_many_steps_of_adam_are_counted_and_of_sgd_summed():
    # A constant gradient: n steps of sgd give n g; n of Adam give n sign(g), whatever the size of g.
    old = np.zeros(3)
    gradient = np.array([1e-3, -1.0, 1e3])
    with jax.enable_x64(True):
        for name, make in (("sgd", optax.sgd), ("adam", optax.adam)):
            optimizer = make(1e-3)
            weights, state = jnp.asarray(old), None
            with jax.numpy_dtype_promotion("standard"):
                state = optimizer.init(weights)
                for _ in range(20):
                    updates, state = optimizer.update(jnp.asarray(gradient), state, weights)
                    weights = optax.apply_updates(weights, updates)
            change = weight_change([old], [np.asarray(weights)], 1e-3, name, steps=20)
            expected = 20 * (gradient if name == "sgd" else np.sign(gradient))
            # Adam: each step g/(|g| + 1e-8), 1e-5 short at g = 1e-3; float64 roundings beside it.
            np.testing.assert_allclose(change["0"].pseudo_gradient, expected, rtol=1.1e-5)
            assert change.measures == {"sgd": "gradient_sum", "adam": "count"}[name]
            assert not change.is_gradient
            assert "20 steps" in change.meaning
            assert change["0"].share_below_floor is None
    assert weight_change(old, old, 1.0, "momentum", steps=2).measures == "weighted_sum"


@pytest.mark.parametrize("dtype", DTYPES)
def test_half_an_ulp_is_half_the_way_to_the_nearest_float(dtype):
    kind = DTYPES[dtype]
    info = jnp.finfo(dtype)
    draw = np.random.default_rng(2).normal(size=40) * 2.0 ** np.arange(-10, 10).repeat(2)
    special = [1.0, 2.0, 0.5, -0.25, 1 + float(info.eps), 0.0, -0.0]
    edge = [float(info.tiny), float(info.smallest_subnormal), 3 * float(info.smallest_subnormal)]
    weights = np.array([*draw, *special, *edge, 2 * float(info.tiny)], np.float64).astype(kind)
    change = weight_change(weights, weights, 1.0, "sgd")["weights"]
    # Channel two: the neighbours themselves, from the bits, in exact fractions.
    signed = weights.view({2: np.int16, 4: np.int32, 8: np.int64}[weights.dtype.itemsize])
    magnitude = signed & np.array(2 ** (8 * weights.dtype.itemsize - 1) - 1, signed.dtype)

    def value(order):
        return Fraction(float(np.array(order, signed.dtype).view(kind).astype(np.float64)))

    for order, half in zip(magnitude.tolist(), change.half_ulp.tolist(), strict=True):
        gaps = [value(order + 1) - value(order)]
        if order:
            gaps.append(value(order) - value(order - 1))
        exact = min(gaps) / 2
        smallest = Fraction(1, 2**1075)
        assert Fraction(half) == (exact if exact > smallest else 2 * smallest)
    assert change.share_unchanged == 1.0


def test_a_step_just_under_half_an_ulp_changes_nothing_and_one_just_over_it_does():
    weights = np.array([1.0, 1.5, -1.0, -0.75, 3.0], np.float32)
    half = weight_change(weights, weights, 1.0, "sgd")["weights"].half_ulp.astype(np.float32)
    for sign in (1, -1):
        step = np.float32(sign) * half
        np.testing.assert_array_equal(weights + step * np.float32(0.99), weights)
    # Towards zero, where the gap beside a power of two is the smaller one.
    inwards = weights - np.sign(weights) * half * np.float32(1.01)
    assert (inwards != weights).all()


def test_percent_change_is_unbounded_near_zero_weights_while_its_median_is_not():
    old = np.array([1.0, 2.0, 1e-6, 0.0, 0.0], np.float32)
    new = np.array([1.005, 1.9, 0.1, 0.1, 0.0], np.float32)
    layer = weight_change({"w": old}, {"w": new}, 1e-3, "keras_adam", steps=700)["w"]
    wide = [float(a) for a in old[:3]], [float(a) for a in new[:3]]
    exact = [100 * abs(a - b) / a for a, b in zip(*wide, strict=True)]
    np.testing.assert_allclose(layer.percent_change[:3], exact, rtol=4 * 2.0**-52)
    assert layer.percent_change[3:].tolist() == [math.inf, 0.0]
    assert layer.largest_percent_change == math.inf
    assert layer.median_percent_change == pytest.approx(exact[1], rel=1e-14)
    assert layer.share_above_one_percent == 3 / 5
    assert (layer.zero_weights, layer.share_unchanged) == (2, 1 / 5)


def test_any_tree_of_arrays_is_read_layer_by_layer_in_its_order():
    tree = [
        {"bias": jnp.ones(2), "kernel": np.ones((2, 3), np.float16)},
        (jnp.ones(1, jnp.bfloat16), None, jnp.int32(3), jax.random.key(0)),
    ]
    moved = jax.tree.map(lambda a: a, tree)
    moved[0]["kernel"] = np.full((2, 3), 0.5, np.float16)
    change = weight_change(tree, moved, np.float32(0.5), "sgd")
    names = ["0/bias", "0/kernel", "1/0"]
    assert [layer.name for layer in change.layers] == names == list(change.pseudo_gradient)
    assert change.percent_change["0/kernel"].tolist() == [[50.0] * 3] * 2
    assert change["0/kernel"].pseudo_gradient.tolist() == [[1.0] * 3] * 2
    assert all(layer.pseudo_gradient.dtype == np.float64 for layer in change.layers)
    assert (
        weight_change(jnp.ones(3), jnp.ones(3), jnp.float32(1), "sgd").layers[0].name == "weights"
    )
    assert "[" not in repr(change["0/kernel"])
    with pytest.raises(UsageError, match="expected one of"):
        change["2/kernel"]


W = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: weight_change(W, W, 0.0, "sgd"), UsageError, "got learning_rate=0.0, expected a"),
        (lambda: weight_change(W, W, -1, "sgd"), UsageError, "expected a finite number above 0"),
        (lambda: weight_change(W, W, math.nan, "sgd"), UsageError, "got learning_rate=nan"),
        (lambda: weight_change(W, W, "1e-3", "sgd"), UsageError, "got learning_rate='1e-3'"),
        (lambda: weight_change(W, W, True, "sgd"), UsageError, "got learning_rate=True"),
        (lambda: weight_change(W, W, W, "sgd"), UsageError, "got learning_rate="),
        (
            lambda: weight_change(W, W, 1.0, "adagrad"),
            UsageError,
            "got optimizer='adagrad', expected one of sgd, momentum, adam, keras_adam",
        ),
        (lambda: weight_change(W, W, 1.0, optax.sgd(1.0)), UsageError, "expected one of sgd"),
        (lambda: weight_change(W, W, 1.0, "sgd", steps=0), UsageError, "got steps=0"),
        (lambda: weight_change(W, W, 1.0, "sgd", epsilon=1e-8), UsageError, "which has none"),
        (lambda: weight_change(W, W, 1.0, "adam", epsilon=-1.0), UsageError, "got epsilon=-1.0"),
        (lambda: weight_change(W, W, 1.0, "adam", b2=1.0), UsageError, "got b2=1.0"),
        (lambda: weight_change(W, W.T, 1.0, "sgd"), ShapeError, "(2, 3) in old and (3, 2) in new"),
        (lambda: weight_change({"a": W}, {"b": W}, 1.0, "sgd"), ShapeError, "the same structure"),
        (lambda: weight_change([W], [W, W], 1.0, "sgd"), ShapeError, "the same structure"),
        (lambda: weight_change([], [], 1.0, "sgd"), ShapeError, "at least one array"),
        (lambda: weight_change(W[:0], W[:0], 1.0, "sgd"), ShapeError, "at least one weight"),
        (
            lambda: weight_change(W, W.astype(np.float64), 1.0, "sgd"),
            DtypeError,
            "float32 in old and float64 in new",
        ),
        (lambda: weight_change(W * 1j, W, 1.0, "sgd"), DtypeError, "expected a float array"),
        (
            lambda: weight_change({"a": "x"}, {"a": "y"}, 1.0, "sgd"),
            DtypeError,
            "got old a of type",
        ),
        (
            lambda: weight_change(W, W * np.float32("nan"), 1.0, "sgd"),
            NonFiniteError,
            "got NaN or infinity in new weights: the run diverged",
        ),
        (
            lambda: jax.jit(lambda w: weight_change(w, w, 1.0, "sgd"))(W),
            UsageError,
            "call this outside of jit",
        ),
    ],
)
def test_a_wrong_argument_gets_one_sentence_with_what_to_do(call, error, words, as_a_user):
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, GradchainError)
    assert words in str(caught.value)
