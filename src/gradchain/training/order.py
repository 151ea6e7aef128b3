"""In which order does a network see its points? A fresh random one every epoch."""

import jax
import jax.numpy as jnp


def shuffled(key: jax.Array, count: int) -> jax.Array:
    """Draw a random order of 0 .. count - 1.

    Random bits are sorted with the number in their low bits: one sort of plain whole numbers, several
    times faster than sorting pairs. Two of them tie in the random bits with a chance of 2**-(32 - b),
    b bits for the number: with 250 points one pair of points in 16 million has its order fixed.

    Args:
        key: a random key.
        count: how many, at most 2**16.

    Returns:
        (count,) int32.
    """
    low = max(count - 1, 1).bit_length()
    bits = jax.random.bits(key, (count,), jnp.uint32)
    numbered = (bits >> low << low) | jnp.arange(count, dtype=jnp.uint32)
    return (jnp.sort(numbered) & jnp.uint32(2**low - 1)).astype(jnp.int32)
