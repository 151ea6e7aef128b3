"""The compiled training program: fair shuffles, and updates in blocks of slots."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gradchain import activations, initializers
from gradchain.training import blocks, deep, program


@pytest.mark.parametrize("count", [1, 2, 200, 250, 1000])
def test_a_shuffle_is_a_permutation(count):
    order = np.asarray(program.shuffled(jax.random.key(0), count))
    assert sorted(order.tolist()) == list(range(count))


def test_every_order_of_four_is_equally_likely():
    draws = 24_000
    orders = jax.vmap(lambda key: program.shuffled(key, 4))(
        jax.random.split(jax.random.key(1), draws)
    )
    _, counts = np.unique(np.asarray(orders), axis=0, return_counts=True)
    assert len(counts) == 24
    # Chi-square with 23 degrees of freedom: above 70 once in a million.
    expected = draws / 24
    assert ((counts - expected) ** 2 / expected).sum() < 70


@pytest.mark.parametrize("depth", [1, 2, 10, 11, 12, 20, 21])
def test_updates_in_blocks_are_the_optimizers_own_and_leave_empty_slots_alone(depth):
    design = blocks.Design(activations.get("sigmoid"), units=3, slots=20)
    rng = np.random.default_rng(depth)
    params = deep.draw(
        design, initializers.get("glorot_uniform"), jax.random.key(0), jnp.int32(depth)
    )

    def noise(a):
        values = rng.normal(size=a.shape).astype(np.float32)
        if a.ndim and a.shape[0] == 20:
            values[max(depth - 1, 0) :] = 0  # no gradient where there is no layer
        return values

    tx = optax.adam(1e-2)
    ends = {part: tx.init(params[part]) for part in ("first", "last")}
    state = ends | {"hidden": jax.vmap(tx.init)(params["hidden"])}

    def update(gradient, kept, own):
        with jax.numpy_dtype_promotion("standard"):
            steps, kept = tx.update(gradient, kept, own)
        return optax.apply_updates(own, steps), kept

    turn = jax.jit(lambda p, s, g: deep.updated(design, p, s, g, jnp.int32(depth), update))
    whole, kept = params, tx.init(params)
    for _ in range(3):
        gradient = jax.tree.map(noise, params)
        params, state = turn(params, state, gradient)
        whole, kept = update(gradient, kept, whole)
    # The same arithmetic in another program: a few roundings of steps near 1e-2.
    for own, other in zip(jax.tree.leaves(params), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=8 * 2.0**-23)
    assert not np.asarray(params["hidden"]["weight"])[max(depth - 1, 0) :].any()
