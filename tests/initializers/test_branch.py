"""A block whose branch ends in zero weights is the identity, exactly; biases of libraries."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradchain as gch
from gradchain import initializers
from gradchain._errors import InitializerError, ShapeError, UsageError

KEY = jax.random.key(5)


def test_zero_branches_keep_every_state_and_every_gradient_to_the_bit():
    law = initializers.zero_branch("he_normal", branches=6)
    block = gch.residual(
        gch.network_from_weights(
            law.sample(KEY, [(12, 9), (9, 12)]), activation=["relu", "identity"]
        )
    )
    net = gch.concatenate(*[block] * 6)
    x = jax.random.normal(KEY, (9,))
    np.testing.assert_array_equal(net(x), x)
    np.testing.assert_array_equal(np.asarray(jax.jacrev(net)(x)), np.eye(9, dtype=np.float32))
    assert (law.forward_factor, law.backward_factor) == (1.0, 1.0)
    # Not dead: the last weight gets a gradient.
    grads = jax.grad(lambda n: jnp.sum(n(x)))(net)
    assert any(np.asarray(leaf).any() for leaf in jax.tree.leaves(grads))


def test_fixup_scales_the_other_weights_by_the_papers_power():
    # theory.md, section 3: m = 2: L = 54 gives 0.13608; m = 3, L = 100 gives 0.31623.
    for layers, branches, scale in ((2, 54, 0.13608), (2, 100, 0.1), (3, 100, 0.31623)):
        law = initializers.zero_branch("he_gaussian", layers, branches)
        assert [str(each) for each in law.laws[-1:]] == ["zeros"]
        for each in law.laws[:-1]:
            found = math.sqrt(each.variance(8, 8) / initializers.he_gaussian.variance(8, 8))
            assert found == pytest.approx(scale, abs=5e-6)
    assert initializers.zero_branch(layers=1, branches=7).laws == (initializers.zeros,)
    assert initializers.zero_branch(branches=1).laws[0] == initializers.he_normal


@pytest.mark.usefixtures("as_a_user")
def test_bad_branches_are_named():
    for bad in (0, 1.5, "2", True):
        with pytest.raises(UsageError, match="expected a whole number"):
            initializers.zero_branch(layers=bad)
        with pytest.raises(UsageError, match="expected a whole number"):
            initializers.zero_branch(branches=bad)
    with pytest.raises(InitializerError, match="nearest are"):
        initializers.zero_branch("he_norml")
    with pytest.raises(ShapeError, match="expected 2, one a layer"):
        initializers.zero_branch().sample(KEY, [(3, 3)])
    with pytest.raises(InitializerError, match=r"jax\.random\.key"):
        initializers.zero_branch().sample(0, [(3, 3)] * 2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_biases_have_their_declared_law(dtype):
    # 40 000 entries: |z| < 5.6 leaves a false-alarm rate of 2e-8; the range is sure.
    with jax.enable_x64(dtype == "float64"):
        bias = initializers.torch_bias.sample(KEY, (40_000, 25), dtype)
        assert (bias.dtype, bias.shape) == (jnp.dtype(dtype), (40_000,))
        b = np.asarray(bias, np.float64)
    variance = initializers.torch_bias.variance(25, 40_000)
    assert variance == pytest.approx(1 / 75, rel=1e-15)
    assert initializers.torch_bias.bound(25, 1) == 0.2
    # The end itself is rounded to the type.
    assert np.abs(b).max() <= 0.2 * (1 + float(jnp.finfo(dtype).eps))
    assert abs((b**2).mean() / variance - 1) < 5.6 * math.sqrt(0.8 / b.size)
    assert abs(b.mean()) < 5.6 * math.sqrt(variance / b.size)
    assert not initializers.zero_bias.sample(KEY, (3, 4, 2)).any()
    assert initializers.zero_bias.variance(3, 4) == initializers.zero_bias.bound(3, 4) == 0
    assert str(initializers.torch_bias) == "torch_bias"
    assert "bias" not in " ".join(initializers.NAMES)
    with pytest.raises(ShapeError, match="expected"):
        initializers.torch_bias.sample(KEY, (4,))
    with pytest.raises(InitializerError, match=r"jax\.random\.key"):
        initializers.torch_bias.sample(3, (4, 4))
