"""Our Jacobians beside `torch.func.jacrev`, Equinox and Flax networks of the same weights, in float64.

Room: a product of L matrices of side n rounds to at most about L n eps times the product of their
norms; the states behind the slopes add as much again. So 4 L n eps prod ||J_l||.
"""

import jax
import jax.numpy as jnp
import nets
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import gradchain as gch

WIDTHS = (5, 7, 7, 7, 6, 3)
X = np.random.default_rng(7).normal(size=WIDTHS[0])


def dense(scaled):
    """Return a `Scaled` matrix as plain numbers."""
    return np.ldexp(np.asarray(scaled.mantissa), np.asarray(scaled.exponent))


def room(network, x):
    """Return the most that two computations of the same Jacobian may differ by."""
    factors = [np.asarray(j) for j in gch.layer_jacobians(network, x)]
    largest = max(side for j in factors for side in j.shape)
    product = np.prod([np.linalg.norm(j) for j in factors])
    return 4 * len(factors) * largest * np.finfo(np.float64).eps * product


@pytest.mark.parametrize("name", nets.NAMES)
def test_the_whole_jacobian_is_that_of_every_other_library(name):
    weights, biases = nets.draw(11, WIDTHS)
    network = nets.ours(weights, biases, name)
    found = dense(gch.jacobian_chain(network, X).jacobian)
    module, params = nets.in_flax(weights, biases, name)
    theirs = {
        "torch": torch.func.jacrev(nets.in_torch(weights, biases, name))(torch.from_numpy(X)),
        "equinox": jax.jacrev(nets.in_equinox(weights, biases, name))(jnp.asarray(X)),
        "flax": jax.jacrev(lambda h: module.apply(params, h))(jnp.asarray(X)),
    }
    for library, jacobian in theirs.items():
        gap = np.linalg.norm(found - np.asarray(jacobian))
        assert gap <= room(network, X), (library, gap, room(network, X))


@pytest.mark.parametrize(("norm", "order"), [("frobenius", "fro"), ("spectral", 2), ("max", None)])
def test_the_norm_of_every_suffix_is_that_of_torch(norm, order):
    weights, biases = nets.draw(12, WIDTHS)
    chain = gch.jacobian_chain(nets.ours(weights, biases, "tanh"), X, norm)
    h, states = torch.from_numpy(X), []
    for l in range(len(weights)):
        states.append(h)
        pair = torch.from_numpy(weights[l]), torch.from_numpy(biases[l])
        h = torch.tanh(F.linear(h, *pair)) if l < len(weights) - 1 else F.linear(h, *pair)
    for l, state in enumerate(states):
        suffix = nets.in_torch(weights[l:], biases[l:], "tanh")
        jacobian = torch.func.jacrev(suffix)(state).numpy()
        size = np.abs(jacobian).max() if order is None else np.linalg.norm(jacobian, order)
        # A relative error: the room of the product over the product's own size.
        rest = nets.ours(weights[l:], biases[l:], "tanh")
        assert abs(float(chain.log_norms[l]) - np.log(size)) <= room(rest, state.numpy()) / size


def test_a_float32_chain_of_200_layers_keeps_the_size_that_torch_finds_in_double_precision():
    # 1e-100 and less: far below the smallest float32, which plain single precision turns into 0.
    weights, biases = nets.draw(13, [8] * 201, gain=1.3)
    single = [[a.astype(np.float32) for a in arrays] for arrays in (weights, biases)]
    double = [[a.astype(np.float64) for a in arrays] for arrays in single]
    x = np.linspace(-1, 1, 8, dtype=np.float32)
    chain = gch.jacobian_chain(nets.ours(*single, "sigmoid"), x)
    wide = torch.func.jacrev(nets.in_torch(*double, "sigmoid"))(torch.from_numpy(x.astype(float)))
    size = np.log(np.linalg.norm(wide.numpy()))
    assert size < -230
    assert abs(float(chain.log_norms[0]) - size) <= chain.tolerance
    narrow = torch.func.jacrev(nets.in_torch(*single, "sigmoid"))(torch.from_numpy(x))
    assert float(narrow.abs().max()) == 0.0


def conv(weight, bias, mode):
    if mode == "CIRCULAR":
        return lambda h: F.conv2d(F.pad(h[None], (1, 1, 1, 1), "circular"), weight, bias)[0]
    return lambda h: F.conv2d(h[None], weight, bias, padding=mode.lower())[0]


@pytest.mark.parametrize("padding", ["SAME", "VALID", "CIRCULAR"])
def test_a_convolution_is_torchs(padding):
    rng = np.random.default_rng(21)
    weight, bias = rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
    x = rng.normal(size=(2, 5, 4))
    layer = gch.Convolution(gch.activations.tanh, padding)
    network = gch.single(layer, {"weight": jnp.asarray(weight), "bias": jnp.asarray(bias)})
    apply = conv(torch.from_numpy(weight), torch.from_numpy(bias), padding)
    theirs = torch.func.jacrev(lambda h: torch.tanh(apply(h)))(torch.from_numpy(x)).numpy()
    found = dense(gch.jacobian_chain(network, x).jacobian)
    gap = np.linalg.norm(found - theirs.reshape(found.shape))
    assert gap <= room(network, x)
    value = torch.tanh(apply(torch.from_numpy(x))).numpy()
    assert np.abs(np.asarray(network(x)) - value).max() <= 4 * 18 * np.finfo(np.float64).eps


@pytest.mark.parametrize("kind", ["layer", "batch"])
def test_a_normalization_is_torchs(kind):
    rng = np.random.default_rng(22)
    gain, shift = 1 + 0.3 * rng.normal(size=6), rng.normal(size=6)
    x = rng.normal(size=6) if kind == "layer" else rng.normal(size=(4, 6))
    layer = gch.LayerNorm() if kind == "layer" else gch.BatchNorm()
    network = gch.single(layer, {"gain": jnp.asarray(gain), "shift": jnp.asarray(shift)})
    pair = torch.from_numpy(gain), torch.from_numpy(shift)

    def apply(h):
        if kind == "layer":
            return F.layer_norm(h, (6,), *pair)
        return F.batch_norm(h, None, None, *pair, training=True)

    theirs = torch.func.jacrev(apply)(torch.from_numpy(x)).numpy()
    found = dense(gch.jacobian_chain(network, x).jacobian)
    # Centring cancels within the layer, whose own size is about gain over the deviation.
    most = np.abs(gain).max() / x.std(axis=-1 if kind == "layer" else 0).min()
    gap = np.linalg.norm(found - theirs.reshape(found.shape))
    assert gap <= room(network, x) + 4 * x.size * np.finfo(np.float64).eps * most


def test_residual_blocks_are_torchs():
    weights, biases = nets.draw(23, (6,) * 7)
    blocks = [
        gch.residual(gch.network_from_weights(weights[i : i + 2], biases[i : i + 2], "gelu"))
        for i in (0, 2, 4)
    ]
    network = gch.concatenate(*blocks)
    pairs = [
        (torch.from_numpy(w), torch.from_numpy(b)) for w, b in zip(weights, biases, strict=True)
    ]

    def apply(h):
        for i in (0, 2, 4):
            h = h + F.gelu(F.linear(F.gelu(F.linear(h, *pairs[i])), *pairs[i + 1]))
        return h

    x = np.random.default_rng(24).normal(size=6)
    theirs = torch.func.jacrev(apply)(torch.from_numpy(x)).numpy()
    assert np.linalg.norm(dense(gch.jacobian_chain(network, x).jacobian) - theirs) <= room(
        network, x
    )
