"""How are thousands of orthogonal matrices drawn at once without LAPACK?

jaxlib's LAPACK kernels hand the matrices of a batch to the threads of their device and wait for them, and
the waiting takes a thread itself: two devices on two cores, both drawing, wait for each other forever
(jaxlib 0.10.2). So the lab orthogonalizes by elementary operations: column after column, each made
orthogonal to those before it twice (classical Gram-Schmidt; twice is enough).

    z ~ N(0, 1), z = Q R with R_ii > 0

The decomposition is unique, so Q is that of `jax.random.orthogonal` but for rounding. Exact but for
rounding; cost O(n^2 m) for m columns.

Reference: Giraud, Langou, Rozloznik, van den Eshof, Numerische Mathematik 101 (2005) 87-100.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from gradchain.initializers import Initializer


def gram_schmidt(z: jax.Array) -> jax.Array:
    """Return Q of z = Q R, R upper triangular with a positive diagonal.

    Args:
        z: (n, m), n >= m, columns linearly independent.

    Returns:
        (n, m) with orthonormal columns.
    """

    def column(place: jax.Array, q: jax.Array) -> jax.Array:
        own = lax.dynamic_index_in_dim(z, place, axis=1, keepdims=False)
        # Columns not yet found are 0 and take nothing away.
        for _ in range(2):
            parts = jnp.matmul(q.T, own, precision=lax.Precision.HIGHEST)
            own = own - jnp.matmul(q, parts, precision=lax.Precision.HIGHEST)
        own = own * lax.rsqrt(jnp.sum(own * own))
        return lax.dynamic_update_index_in_dim(q, own, place, axis=1)

    return lax.fori_loop(0, z.shape[1], column, jnp.zeros_like(z))


def without_lapack(law: Initializer) -> Initializer:
    """Return an initializer that can be drawn on several devices of one machine at a time.

    Args:
        law: any initializer.

    Returns:
        The same law; for `orthogonal` with a sampler that gives the same matrices but for rounding.
    """
    if law.name != "orthogonal":
        return law
    scale = dict(law.parameters).get("scale", 1.0)

    def sampler(key: jax.Array, shape: tuple[int, ...], dtype: object) -> jax.Array:
        rows, columns = max(shape), min(shape)
        q = gram_schmidt(jax.random.normal(key, (rows, columns), dtype))  # type: ignore[arg-type]
        # Shapes are (fan_out, fan_in), and JAX draws (fan_in, fan_out).
        q = q.T if shape[1] >= shape[0] else q
        return q * jnp.asarray(scale, q.dtype)

    return replace(law, sampler=sampler)
