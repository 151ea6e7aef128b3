"""One matrix for all steps, or a new one at each: what do gradients through time do at equal gain?

A simple RNN h_t = phi(W_t h_{t-1} + x_t), W_ij ~ N(0, g^2/n), unrolled over T steps, once with one W
(tied, a recurrent network) and once with independent W_t (untied, a deep network that gets an input at
each layer). A random direction u of length 1 is pulled back from the end:

    log ||J_{T-k+1}^T ... J_T^T u||,  k = 0 .. T,   J_t = diag(phi'(z_t)) W_t

    linear    phi(z) = z, g = 1            untied: exactly Newman's law; tied: powers of one matrix, whose
                                           growth a step is log of its spectral radius for k >> sqrt(n)
    tanh      g = 1.5, no input            untied: mean field with its 1/n; tied: the network may settle
    driven    g = 1.5, inputs N(0, 1/4) fresh at each step

States start at the length where mean field settles. Time O(T n^2) a network: some 5 ms
for n = 64, T = 100.
"""

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import one_of
from gradchain.predicted.lyapunov import gaussian_lyapunov_exponents
from gradchain.predicted.recurrent_field import stationary_length, top_lyapunov_exponent
from gradchain.predicted.recurrent_tied import linear_chains


class Kind(NamedTuple):
    """phi, the gain g, and the variance v of the inputs."""

    activation: str
    gain: float
    input_variance: float


KINDS = {
    "linear": Kind("identity", 1.0, 0.0),
    "tanh": Kind("tanh", 1.5, 0.0),
    "driven": Kind("tanh", 1.5, 0.25),
}
# Networks drawn at a time; untied ones hold T matrices each.
_BATCH = 8
MOST = 3e11


class Chains(NamedTuple):
    """Natural logarithms of sizes by distance k = 0 .. T, (S, T+1) each.

    `radius` (S,) is the log of the spectral radius of each tied network's W, for linear networks.
    """

    tied: np.ndarray
    untied: np.ndarray
    radius: np.ndarray


def chains(kind: str, width: int, steps: int, seeds: int, seed: int) -> Chains:
    """Draw tied and untied networks and pull a random direction back through each.

    Args:
        kind: a key of `KINDS`.
        width: n.
        steps: T.
        seeds: number of networks of each sort.
        seed: seed of the draws.

    Returns:
        `Chains`.

    Raises:
        UsageError: for an unknown kind, or sizes that take hours.
    """
    own = KINDS[one_of("kind", kind, tuple(KINDS))]
    if min(width, steps, seeds) < 2 or 1.0 * width**2 * steps * seeds > MOST:
        raise UsageError(
            f"got width {width}, {steps} steps, {seeds} networks, expected at least 2 of each, and in "
            f"all at most {MOST:g} weights"
        )
    length = 1.0
    if own.activation != "identity":
        length = float(
            stationary_length(own.activation, own.gain, input_variance=own.input_variance)
        )
    keys = jax.random.split(jax.random.key(seed), seeds)
    scales = np.array(
        [own.gain / math.sqrt(width), math.sqrt(own.input_variance), math.sqrt(length)], np.float32
    )
    logs = {
        tied: np.asarray(_pulled(own.activation, width, steps, tied)(keys, scales))
        for tied in (True, False)
    }
    weights = jax.vmap(partial(_weights, width))(keys, jnp.full(seeds, scales[0]))
    radius = np.full(seeds, np.nan)
    if own.activation == "identity":
        radius = np.log(np.abs(np.linalg.eigvals(np.asarray(weights, np.float64))).max(axis=1))
    return Chains(logs[True], logs[False], radius)


def _weights(width: int, key: jax.Array, scale: jax.Array) -> jax.Array:
    """Return the W of a tied network."""
    return jax.random.normal(jax.random.fold_in(key, 0), (width, width)) * scale


@lru_cache(maxsize=8)
def _pulled(name: str, width: int, steps: int, tied: bool) -> Any:
    """Compile: keys (S,), scales of weights, inputs and first state (3,) -> (S, T+1) logarithms."""
    activation = activations.get(name)

    def one(key: jax.Array, scales: jax.Array) -> jax.Array:
        if tied:
            weights = _weights(width, key, scales[0])[None]
        else:
            keys = jax.random.split(jax.random.fold_in(key, 1), steps)
            weights = jax.vmap(partial(_weights, width), (0, None))(keys, scales[0])
        place = jnp.zeros(steps, jnp.int32) if tied else jnp.arange(steps, dtype=jnp.int32)
        rest = jax.random.normal(jax.random.fold_in(key, 2), (steps + 2, width))
        first, start, inputs = rest[0], rest[1], scales[1] * rest[2:]

        def forward(h: jax.Array, seen: tuple) -> tuple[jax.Array, jax.Array]:
            x, k = seen
            z = jnp.matmul(weights[k], h, precision=lax.Precision.HIGHEST) + x
            return activation(z), activation.derivative(z)

        _, slopes = lax.scan(forward, activation(scales[2] * first), (inputs, place))
        start = start / jnp.linalg.norm(start)

        def back(carry: tuple, seen: tuple) -> tuple[tuple, jax.Array]:
            u, log = carry
            slope, k = seen
            u = jnp.matmul(weights[k].T, slope * u, precision=lax.Precision.HIGHEST)
            size = jnp.linalg.norm(u)
            log = log + jnp.log(size)
            return (u / size, log), log

        zero = jnp.zeros((), start.dtype)
        _, logs = lax.scan(back, (start, zero), (slopes, place), reverse=True)
        # Stacked at their own step: distance 1 is the last.
        return jnp.concatenate([zero[None], logs[::-1]])

    return jax.jit(
        lambda keys, scales: lax.map(lambda key: one(key, scales), keys, batch_size=_BATCH)
    )


def growth(logs: np.ndarray) -> np.ndarray:
    """Return the growth a step over the farther half of the distances.

    Args:
        logs: (S, T+1) natural logarithms.

    Returns:
        (S,) (log at T - log at T/2) / (T/2), nats a step.
    """
    last = logs.shape[1] - 1
    return (logs[:, last] - logs[:, last // 2]) / (last - last // 2)


def predicted_growth(kind: str, width: int) -> tuple[float, float]:
    """Predict the growth a step of the *untied* networks.

    linear: lambda_1 = (1/2) [log(2/n) + psi(n/2)], exact; tanh: (1/2) log chi - (3 rho - 1) / (4 n).

    Args:
        kind: a key of `KINDS`.
        width: n.

    Returns:
        (nats a step, error of the quadrature).
    """
    own = KINDS[one_of("kind", kind, tuple(KINDS))]
    if own.activation == "identity":
        return float(gaussian_lyapunov_exponents(width, own.gain / math.sqrt(width))[0]), 0.0
    found = top_lyapunov_exponent(
        own.activation, own.gain, input_variance=own.input_variance, width=width
    )
    return float(found), float(found.error)


def middle(width: int) -> int:
    """Return the distance at which root mean squares are compared: about 2 sqrt(n).

    Args:
        width: n.

    Returns:
        The distance.
    """
    return round(2 * math.sqrt(width))


def predicted_rms(width: int) -> float:
    """Predict the root mean square of the *tied* linear chain at distance k = 2 sqrt(n).

    sqrt(sinh(s)/s), s = k^2/(2n); the leading order for large n.

    Args:
        width: n.

    Returns:
        The root mean square; that of untied networks is exactly 1.
    """
    k = middle(width)
    return math.exp(float(linear_chains(width, k).tied[k]) / 2)
