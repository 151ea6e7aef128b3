"""A direction followed block by block grows as the product of the blocks' Jacobians says."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.experiments.tangents import block_keys, follow


@dataclass(frozen=True)
class Toy:
    """Two lanes on a batch of 3 inputs of 4 entries: h -> c M h, with c = 1 and c = 1e-20."""

    centred: bool

    def start(self, key):
        both = jax.random.normal(key, (2, 2, 3, 4), jnp.float32)
        return both[0], both[1]

    def draw(self, key):
        return jax.random.normal(key, (4, 4), jnp.float32)

    def __call__(self, params, h):
        scale = jnp.asarray(np.array([1.0, 1e-10], np.float32))
        return scale[:, None, None] * jnp.matmul(h, params.T)


@pytest.mark.parametrize("centred", [False, True])
def test_growth_is_that_of_the_product_of_matrices_in_float64(centred):
    toy, depth = Toy(centred), 12
    found = follow(toy, depth, seeds=2, seed=5)
    for network in range(2):
        keys = block_keys(2, depth, 5)[network]
        u = np.asarray(toy.start(keys[0])[1], np.float64)
        if centred:
            u = u - u.mean(axis=1, keepdims=True)
        first = (u**2).sum(axis=(1, 2))
        for layer in range(depth):
            u = u @ np.asarray(toy.draw(keys[layer + 1]), np.float64).T
        expected = np.log((u**2).sum(axis=(1, 2)) / first) + np.array([
            0,
            2 * depth * np.log(1e-10),
        ])
        # A few roundings of float32 a block.
        np.testing.assert_allclose(found.log_step[network].sum(axis=1), expected, atol=1e-4)


def test_no_direction_underflows_where_the_states_do():
    found = follow(Toy(False), 40, seeds=1, seed=0)
    assert np.isfinite(found.log_step).all()
    assert found.log_step[0, 1].sum() < np.log(1e-300)


def test_networks_and_first_blocks_do_not_depend_on_how_many_there_are():
    few, many = follow(Toy(False), 3, 2, seed=1), follow(Toy(False), 6, 4, seed=1)
    np.testing.assert_allclose(few.log_step, many.log_step[:2, :, :3], rtol=1e-5)
    assert not np.allclose(few.log_step, follow(Toy(False), 3, 2, seed=2).log_step)


@pytest.mark.parametrize("size", [(0, 1), (1, 0)])
def test_nothing_to_follow_is_refused(size):
    with pytest.raises(UsageError, match="expected at least 1"):
        follow(Toy(False), *size, seed=0)
