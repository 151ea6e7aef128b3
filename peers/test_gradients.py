"""Gradient norms layer by layer beside PyTorch, Keras, Flax, Equinox and scikit-learn.

Room in a logarithm: about L n B eps, the rounding of a backward pass over L layers of n units and a
batch of B, times the cancellation that a gradient of this size has seen (4 is plenty here: all
gradients are of the size of their terms). Where a library computes in float32, its eps counts.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import nets
import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPRegressor

import gradchain as gch

WIDTHS = (5, 8, 8, 8, 8, 3)
DEPTH, BATCH = len(WIDTHS) - 1, 16
RNG = np.random.default_rng(31)
X, Y = RNG.normal(size=(BATCH, WIDTHS[0])), RNG.normal(size=(BATCH, WIDTHS[-1]))
ROOM = 4 * DEPTH * max(WIDTHS) * BATCH


def log_room(dtype):
    """Return the room in a natural logarithm."""
    return ROOM * float(np.finfo(dtype).eps)


def squared_error(outputs):
    return jnp.mean((outputs - jnp.asarray(Y)) ** 2)


def network_loss(network, x):
    return squared_error(jax.vmap(network)(x))


def diagnose_ours(name, widths=WIDTHS, gain=1.0):
    weights, biases = nets.draw(32, widths, gain)
    network = nets.ours(weights, biases, name)
    return weights, biases, gch.diagnose(network_loss, network, jnp.asarray(X))


def torch_gradients(weights, biases, name):
    module = nets.TorchModule(weights, biases, name)
    x = torch.from_numpy(X).requires_grad_()
    torch.mean((module(x) - torch.from_numpy(Y)) ** 2).backward()
    return module, {key: value.grad for key, value in module.named_parameters()}


def assert_same_diagnosis(theirs, ours, dtype="float64"):
    """Compare two diagnoses row by row, and their slope and verdict."""
    # Where gradients grow on the way back, the rounding of states grows as much on the way forward.
    growth = 10.0 ** max(0.0, ours.rows[0].log10_norm - ours.rows[-1].log10_norm)
    room = log_room(dtype) * len(ours.rows) / DEPTH * growth
    assert len(theirs.rows) == len(ours.rows)
    for their, our in zip(theirs.rows, ours.rows, strict=True):
        assert their.size == our.size
        assert abs(their.log10_norm - our.log10_norm) * np.log(10) <= room, (their, our)
        assert abs(their.log10_mean - our.log10_mean) * np.log(10) <= room, (their, our)
    assert abs(theirs.slope - ours.slope) <= room
    assert theirs.kind == ours.kind


@pytest.mark.parametrize("name", nets.NAMES)
def test_a_diagnosis_of_torch_gradients_is_that_of_our_loss(name):
    weights, biases, ours = diagnose_ours(name)
    module, gradients = torch_gradients(weights, biases, name)
    values = {key: value.detach() for key, value in module.named_parameters()}
    theirs = gch.diagnose_arrays(gradients, values)
    assert_same_diagnosis(theirs, ours)
    for their, our in zip(theirs.rows, ours.rows, strict=True):
        assert abs(their.log10_ratio - our.log10_ratio) * np.log(10) <= log_room("float64")


@pytest.mark.parametrize(
    ("name", "gain", "kind"), [("sigmoid", 1.0, "vanishing"), ("tanh", 6.0, "exploding")]
)
def test_torch_gradients_get_the_verdict_of_ours_where_it_is_bad(name, gain, kind):
    weights, biases, ours = diagnose_ours(name, (5, *[24] * 14, 3), gain)
    _, gradients = torch_gradients(weights, biases, name)
    theirs = gch.diagnose_arrays(gradients)
    assert theirs.kind == ours.kind == kind
    assert_same_diagnosis(theirs, ours)


@pytest.mark.parametrize("name", nets.NAMES)
def test_a_diagnosis_of_keras_gradients_is_that_of_our_loss(name):
    weights, biases, ours = diagnose_ours(name)
    model = nets.in_keras(weights, biases, name)
    kept = [v.value for v in model.non_trainable_variables]

    def loss(values, x):
        return squared_error(model.stateless_call(values, kept, x)[0])

    start = [v.value for v in model.trainable_variables]
    gradients = jax.grad(loss)(start, jnp.asarray(X))
    paths = [v.path for v in model.trainable_variables]
    # Keras on JAX computes tanh, and with it every gradient, in single precision.
    dtype = "float32" if name == "tanh" else "float64"
    assert_same_diagnosis(
        gch.diagnose_arrays(dict(zip(paths, gradients, strict=True))), ours, dtype
    )
    direct = gch.diagnose(loss, start, jnp.asarray(X), layers=lambda path: f"layer{int(path) // 2}")
    assert_same_diagnosis(direct, ours, dtype)
    assert abs(direct.loss - ours.loss) <= log_room(dtype) * ours.loss


@pytest.mark.parametrize("name", nets.NAMES)
def test_flax_and_equinox_parameters_are_diagnosed_as_our_networks_are(name):
    weights, biases, ours = diagnose_ours(name)
    module, params = nets.in_flax(weights, biases, name)
    flax_report = gch.diagnose(
        lambda p, x: squared_error(module.apply(p, x)), params, jnp.asarray(X)
    )
    assert_same_diagnosis(flax_report, ours)
    tree = nets.in_equinox(weights, biases, name)
    assert_same_diagnosis(gch.diagnose(network_loss, tree, jnp.asarray(X)), ours)
    assert isinstance(tree, eqx.Module)


@pytest.mark.parametrize("name", nets.NAMES)
def test_the_gradient_chain_is_torchs_backward_pass(name):
    weights, biases = nets.draw(34, WIDTHS)
    module = nets.TorchModule(weights, biases, name)
    x = torch.from_numpy(X[0]).requires_grad_()
    cotangent = Y[0]
    module(x).backward(torch.from_numpy(cotangent))
    chain = gch.gradient_chain(nets.ours(weights, biases, name), X[0], cotangent)
    room = log_room("float64")
    states = [float(torch.log(torch.linalg.norm(h.grad))) for h in module.states]
    assert np.abs(np.asarray(chain.log_state_norms) - states).max() <= room
    together = [
        float(torch.log(torch.sqrt(sum(torch.sum(p.grad**2) for p in layer.parameters()))))
        for layer in module.layers
    ]
    assert np.abs(np.asarray(chain.log_parameter_norms) - together).max() <= room
    parts = gch.gradient_factors(nets.ours(weights, biases, name), X[0], cotangent)
    own = [float(torch.log(torch.linalg.norm(layer.weight.grad))) for layer in module.layers]
    assert np.abs(np.asarray(parts.log_weight_gradient) - own).max() <= room


@pytest.mark.parametrize(
    ("theirs", "name"), [("tanh", "tanh"), ("logistic", "sigmoid"), ("relu", "relu")]
)
def test_a_step_of_scikit_learn_goes_along_the_gradient_that_we_find(theirs, name):
    # Its public interface gives no gradients: one plain step of known length shows them. Its loss
    # is half the squared error; it reports the mean over all entries, and steps along the gradient
    # of the mean over examples of the sum over outputs. It draws the weights itself.
    model = MLPRegressor(
        hidden_layer_sizes=WIDTHS[1:-1], activation=theirs, solver="sgd", alpha=0.0, batch_size=BATCH,
        learning_rate_init=1.0, momentum=0.0, nesterovs_momentum=False, random_state=0,
    )  # fmt: skip
    model.partial_fit(X, Y)
    before = [a.copy() for a in (*model.coefs_, *model.intercepts_)]
    weights, biases = [w.T for w in model.coefs_], list(model.intercepts_)
    network = nets.ours([w.copy() for w in weights], [b.copy() for b in biases], name)
    outputs = np.asarray(jax.vmap(network)(jnp.asarray(X)))
    size = max(1.0, np.abs(outputs).max())
    assert np.abs(outputs - model.predict(X)).max() <= ROOM * np.finfo(np.float64).eps * size
    model.partial_fit(X, Y)
    steps = [a - b for a, b in zip(before, (*model.coefs_, *model.intercepts_), strict=True)]
    names = [f"layer{l}/{part}" for part in ("weight", "bias") for l in range(DEPTH)]
    order = [f"layer{l}" for l in range(DEPTH)]
    found = gch.diagnose_arrays(dict(zip(names, steps, strict=True)), order=order)
    outputs = WIDTHS[-1]
    ours = gch.diagnose(lambda n, x: network_loss(n, x) * outputs / 2, network, jnp.asarray(X))
    for their, our, weight in zip(found.rows, ours.rows, weights, strict=True):
        # The difference of two weights holds the gradient to within their rounding.
        lost = np.finfo(np.float64).eps * np.linalg.norm(weight) / 10**our.log10_norm
        assert abs(their.log10_norm - our.log10_norm) * np.log(10) <= log_room("float64") + lost
