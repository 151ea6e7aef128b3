"""How does a small change of the input grow through randomly drawn blocks, block by block?

    h_l = F_l(h_{l-1}),    u_l = F_l'(h_{l-1}) u_{l-1},    u_0 a random direction

followed forward for several *lanes* (designs that share their weights) at once. Over directions the
mean of |u_l|^2 / |u_0|^2 is ||J||_F^2 / n, J = dh_l/dh_0, and so is the mean of what a random gradient
keeps on its way back: |J^T v|^2. Forward, the weights of a block are independent of all that came
before, so that where theory gives the mean growth of a block, the mean over networks and blocks has
exactly that mean, at every width. The direction is brought back to length 1 after each block and its
logarithm kept: nothing overflows at any depth.

Cost: per network and block one draw of the weights, one forward pass and its derivative.
"""

from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import UsageError


@runtime_checkable
class Blocks(Protocol):
    """A stack of blocks of one shape: hashable, no arrays inside.

    `centred`: whether only differences within a batch (axis -2 of the state) count, as where every
    block subtracts the batch's mean anyway.
    """

    @property
    def centred(self) -> bool:
        """Whether a change common to the whole batch counts as none."""
        ...

    def start(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the inputs and the random directions of all lanes, each (lanes, ...)."""
        ...

    def draw(self, key: jax.Array) -> Any:
        """Return the weights of one block, a pytree."""
        ...

    def __call__(self, params: Any, h: jax.Array) -> jax.Array:
        """Return the next states of all lanes."""
        ...


class Growth(NamedTuple):
    """Arrays (networks, lanes, L), float64.

    `log_step`: natural log of |u_l|^2 / |u_{l-1}|^2 (-inf where a change dies out). `log_size`: natural
    log of the mean square of the entries of the state.
    """

    log_step: np.ndarray
    log_size: np.ndarray


def follow(blocks: Blocks, depth: int, seeds: int, seed: int) -> Growth:
    """Draw networks and follow one random direction through each.

    Args:
        blocks: what is stacked.
        depth: number of blocks L.
        seeds: number of networks.
        seed: seed of the draws; network k is the same however many are drawn, and its first blocks
            however deep.

    Returns:
        `Growth`.

    Raises:
        UsageError: if depth or seeds is below 1.
    """
    if depth < 1 or seeds < 1:
        raise UsageError(f"got depth {depth} and {seeds} seeds, expected at least 1 of each")
    steps, sizes = _follow(block_keys(seeds, depth, seed), blocks)
    found = (np.asarray(array, np.float64).transpose(0, 2, 1) for array in (steps, sizes))
    return Growth(*found)


def block_keys(seeds: int, depth: int, seed: int) -> jax.Array:
    """Return one key a network and block, and one for its start.

    Args:
        seeds: number of networks.
        depth: number of blocks L.
        seed: seed of the draws.

    Returns:
        (seeds, L + 1) keys; entry [k, l] depends on k, l and the seed only.
    """
    base = jax.random.key(np.uint32(seed), impl="threefry2x32")
    rows, columns = (jnp.arange(count, dtype=jnp.uint32) for count in (seeds, depth + 1))

    def one(row: jax.Array) -> jax.Array:
        own = jax.random.fold_in(base, row)
        return jax.vmap(lambda column: jax.random.fold_in(own, column))(columns)

    return jax.vmap(one)(rows)


@partial(jax.jit, static_argnames=("blocks",))
def _follow(keys: jax.Array, blocks: Blocks) -> tuple[jax.Array, jax.Array]:
    # Every draw in the source is a second of compilation, so keys are made outside.
    def one(own: jax.Array) -> tuple[jax.Array, jax.Array]:
        h, u = blocks.start(own[0])
        u, _ = _unit(blocks, u)

        def step(carry: tuple[jax.Array, jax.Array], key: jax.Array) -> tuple:
            h, u = carry
            params = blocks.draw(key)
            h, u = jax.jvp(lambda state: blocks(params, state), (h,), (u,))
            u, square = _unit(blocks, u)
            size = jnp.mean(h * h, axis=tuple(range(1, h.ndim)))
            return (h, u), (jnp.log(square), jnp.log(size))

        _, noted = lax.scan(step, (h, u), own[1:])
        return noted

    return lax.map(one, keys)


def _unit(blocks: Blocks, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the directions with length 1 a lane, and their squared lengths before."""
    if blocks.centred:
        u = u - jnp.broadcast_to(jnp.mean(u, axis=-2, keepdims=True), u.shape)
    square = jnp.sum(u * u, axis=tuple(range(1, u.ndim)))
    safe = jnp.where(square > 0, square, jnp.ones_like(square))
    sides = jnp.sqrt(safe).reshape(-1, *([1] * (u.ndim - 1)))
    return u / jnp.broadcast_to(sides, u.shape), square
