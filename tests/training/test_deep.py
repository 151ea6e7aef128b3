"""The lab's network: gradients of a loop of traced depth against plain code and against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gradchain import activations, initializers
from gradchain._errors import UsageError
from gradchain.training import blocks, deep
from gradchain.training.telemetry import observe

EPS = float(np.finfo(np.float32).eps)
POINTS = 12


def points(design, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(design.inputs, POINTS)).astype(np.float32)
    y = rng.integers(0, 2, (design.outputs, POINTS)).astype(np.float32)
    if design.head == "softmax_ce":
        y = np.eye(design.outputs, dtype=np.float32)[rng.integers(0, design.outputs, POINTS)].T
    counts = np.ones(POINTS, np.float32)
    counts[-3:] = 0
    return blocks.Batch(jnp.asarray(x), jnp.asarray(y), jnp.asarray(counts))


def unrolled(design, params, depth, batch):
    """The same network in one plain expression, differentiated as a whole."""
    h, _ = blocks.block(design, params["first"], batch.inputs, batch.counts, None, False)
    for place in range(depth - 1):
        own = jax.tree.map(lambda a, place=place: a[place], params["hidden"])
        h, _ = blocks.block(design, own, h, batch.counts, None, design.skip)
    losses, _ = blocks.head(design, blocks.dense(params["last"], h), batch.targets)
    return jnp.sum(losses * batch.counts) / jnp.sum(batch.counts)


CASES = [
    {"activation": "tanh"},
    {"activation": "prelu", "head": "sigmoid_ce"},
    {"activation": "sigmoid", "norm": "batch_before"},
    {"activation": "relu", "norm": "batch_after", "head": "sigmoid_mse"},
    {"activation": "gelu", "norm": "layer", "head": "linear_mse"},
    {"activation": "sigmoid", "skip": True, "head": "softmax_ce", "outputs": 3},
]


def drawn(design, depth, seed=3):
    law = initializers.get("glorot_normal")
    params = deep.draw(design, law, jax.random.key(seed), jnp.asarray(depth))
    # Biases that are not 0, so that their gradients are seen.
    return jax.tree.map(lambda a: jnp.where((a == 0) & (a.ndim == 1), 0.1, a), params)


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(str(v) for v in c.values()))
def test_the_loop_of_traced_depth_gives_the_gradients_of_the_plain_network(case):
    kind = dict(case)
    design = blocks.Design(activations.get(kind.pop("activation")), units=4, slots=5, **kind)
    batch = points(design)
    pass_ = jax.jit(lambda p, d: deep.gradients(design, p, d, batch, deep.fresh_memory(design)))
    for depth in (1, 4):
        params = drawn(design, depth)
        found = pass_(params, jnp.asarray(depth))
        loss, wanted = jax.value_and_grad(lambda p, d=depth: unrolled(design, p, d, batch))(params)
        assert abs(float(found.loss - loss)) <= 64 * EPS * float(loss)
        # Next to the largest gradient: before a batch norm a bias' own is 0 but for rounding.
        size = max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(wanted))
        for ours, theirs in zip(
            jax.tree.leaves(found.gradients), jax.tree.leaves(wanted), strict=True
        ):
            # A sum of POINTS terms through at most depth + 1 layers of 4 units.
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=256 * EPS * size)


def test_points_that_do_not_count_change_nothing():
    design = blocks.Design(activations.get("sigmoid"), units=4, slots=3, norm="batch_before")
    batch = points(design)
    params = drawn(design, 3)
    wild = batch._replace(inputs=batch.inputs.at[:, -3:].set(50.0))
    for other in (batch, wild):
        short = blocks.Batch(*(a[..., :-3] for a in other))
        full = deep.gradients(design, params, jnp.asarray(3), other, deep.fresh_memory(design))
        part = deep.gradients(design, params, jnp.asarray(3), short, deep.fresh_memory(design))
        assert abs(float(full.loss - part.loss)) <= 16 * EPS
        assert float(full.right) == float(part.right)


def backprop64(weights, biases, x, y):
    """Hand-written back-propagation of a sigmoid network in float64: the second channel."""
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    states = [x]
    for w, b in zip(weights, biases, strict=True):
        states.append(sigmoid(w @ states[-1] + b[:, None]))
    delta = (states[-1] - y) / x.shape[1]
    found = []
    for layer in range(len(weights) - 1, -1, -1):
        found.append(np.linalg.norm(delta @ states[layer].T))
        delta = (weights[layer].T @ delta) * states[layer] * (1 - states[layer])
    return np.array(found[::-1])


@pytest.mark.parametrize("depth", [3, 30])
def test_log_gradient_norms_agree_with_float64_at_any_depth(depth):
    design = blocks.Design(activations.get("sigmoid"), slots=49)
    law = initializers.get("glorot_uniform")
    # At scale 0.01 and 30 layers the first gradient is near 1e-80: float32 training sees exactly 0.
    scale = 0.01 if depth == 30 else 1.0
    params = deep.draw(design, law, jax.random.key(1), jnp.asarray(depth))
    params = jax.tree.map(lambda a: a * jnp.asarray(scale, a.dtype), params)
    batch = points(design, 5)
    seen = observe(design, params, params, (), jnp.asarray(depth), batch.inputs, batch.targets)
    places = [*range(depth), design.slots + 1]
    parts = [params["first"], *_slots(params, depth), params["last"]]
    exact = backprop64(
        [np.asarray(p["weight"], np.float64) for p in parts],
        [np.asarray(p["bias"], np.float64) for p in parts],
        np.asarray(batch.inputs, np.float64),
        np.asarray(batch.targets, np.float64),
    )
    ours = np.asarray(seen.log_gradient, np.float64)[places]
    # depth products of 10 terms each, and a logarithm of size up to 200 in float32.
    tolerance = 32 * EPS * (depth + np.abs(np.log(exact)))
    assert (np.abs(ours - np.log(exact)) <= tolerance).all()
    if depth == 30:
        plain = deep.gradients(design, params, jnp.asarray(depth), batch, ())
        assert float(jnp.max(jnp.abs(plain.gradients["first"]["weight"]))) == 0
        assert ours[0] < -150


def _slots(params, depth):
    return [jax.tree.map(lambda a, k=k: a[k], params["hidden"]) for k in range(depth - 1)]


def test_unit_variances_leave_pre_activations_with_variance_one():
    design = blocks.Design(activations.get("sigmoid"), slots=9)
    law = initializers.get("orthogonal")
    params = deep.draw(design, law, jax.random.key(2), jnp.asarray(8))
    batch = points(design)
    new = deep.unit_variances(design, params, jnp.asarray(8), batch.inputs)
    h = batch.inputs
    for own in [new["first"], *_slots(new, 8)]:
        z = blocks.dense(own, h)
        # Later layers hardly vary, so that the mean takes digits: the spread is a small difference.
        assert abs(float(jnp.std(z)) - 1) <= 1e-4
        h = activations.sigmoid(z)


def test_the_keras_loss_is_the_plain_one_but_for_the_clip():
    design = blocks.Design(activations.get("tanh"))
    z = jnp.linspace(-30.0, 30.0, 61)[None, :]
    y = jnp.ones_like(z)
    ours = np.asarray(blocks.head(design, z, y)[0], np.float64)
    plain = np.asarray(optax.sigmoid_binary_cross_entropy(z, y)[0], np.float64)
    inside = np.abs(np.asarray(z[0])) < 8
    np.testing.assert_allclose(ours[inside], plain[inside], rtol=1e3 * EPS, atol=2 * EPS)
    # Clipped: log(1e-7) below, log(1 - 1e-7) above, as far as float32 holds them.
    assert abs(ours[0] + np.log(1e-7)) <= 4 * EPS * 17
    assert 0 <= ours[-1] <= 2 * EPS


@pytest.mark.parametrize("wrong", [{"norm": "group"}, {"head": "hinge"}, {"units": 0}])
def test_a_design_that_cannot_be_built_is_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        blocks.Design(activations.get("relu"), **wrong)


@pytest.mark.parametrize("shape", [(3, 5), (17, 20)])
def test_the_product_of_a_layer_has_the_two_gradients_of_a_product(shape):
    rng = np.random.default_rng(0)
    weight, dz = rng.normal(size=shape), rng.normal(size=(shape[0], 7))
    h = rng.normal(size=(shape[1], 7))
    single = [jnp.asarray(a, jnp.float32) for a in (weight, h, dz)]
    z, back = jax.vjp(blocks.product, *single[:2])
    found = (z, *back(single[2]))
    # Rounding: at most 20 terms of order 1.
    for own, other in zip(found, (weight @ h, dz @ h.T, weight.T @ dz), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=20 * 8 * 2.0**-23)
