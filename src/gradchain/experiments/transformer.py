"""What do transformer blocks at initialization do to gradients, and to the rank of their tokens?

T tokens of d entries, x_i ~ N(0, 1) at the start. A block is attention A, then a ReLU network M:

    noskip   x = A(n(x)),            x = M(n(x))              n: layer norm of each token
    post     x = n(x + A(x)),        x = n(x + M(x))          (Vaswani et al., 2017)
    pre      x + A(n(x)),            x + M(n(x))
    scaled   x + A(n(x))/sqrt(2 L),  x + M(n(x))/sqrt(2 L)

A has heads with values of variance 1/d, M is V relu(W x) with He's W. Queries and keys have variance 1/d,
logits are divided by sqrt(d/heads): `softmax`. Beside it `uniform` attention, that of zero queries: every
token takes the mean of all. For it theory is exact at infinite width (derived here): the states have mean
square q and mean product p of two tokens, the gradients g and e; with c = p/q, r = (1 + (T-1) c)/T and
the arc-cosine kernels J(c) = 2 E relu relu, K(c) = 2 E relu' relu':

    A(n(x)) gives (r, r),    M(n(x)) gives (1, J(c)),    n(x) gives (1, c)
    back through A n: both become (g + (T-1) e)/(T q),  through M n: (g/q, e K(c)/q),  through n: (g, e)/q

and a skip adds. Cost: the draw of 8 d^2 weights a block and their products with T tokens.

Sources: Xiong et al., ICML 2020, arXiv:2002.04745; Noci et al., NeurIPS 2022, arXiv:2206.03126; Dong,
Cordonnier, Loukas 2021, arXiv:2103.03404; Cho and Saul 2009 (arc-cosine kernels).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import one_of
from gradchain.experiments.tangents import block_keys
from gradchain.gaussian import pair_moment
from gradchain.measured.layers import LayerNorm

DESIGNS = ("noskip", "post", "pre", "scaled")
ATTENTIONS = ("uniform", "softmax")
_HIDDEN = 2
_HIGHEST = lax.Precision.HIGHEST


class Tokens(NamedTuple):
    """Arrays (networks, designs, attentions, L + 1), float64; entry l is after l blocks.

    `log_gradient`: natural log of the squared norm of a random gradient sent back from the last block,
    per that at the last block. `square`: mean of |x_i|^2/d. `spread`: the same less the mean of
    x_i . x_j / d over i != j, which is half the mean square distance of two tokens.
    """

    log_gradient: np.ndarray
    square: np.ndarray
    spread: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """1 - similarity of two tokens: 1 for random tokens, 0 where all are equal."""
        return self.spread / self.square


class Law(NamedTuple):
    """The same of theory: arrays (L + 1,), float64."""

    log_gradient: np.ndarray
    square: np.ndarray
    spread: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """1 - similarity of two tokens."""
        return self.spread / self.square


def effective_rank(difference: np.ndarray, tokens: int) -> np.ndarray:
    """Return in how many directions T tokens of pairwise similarity c = 1 - difference point.

    Participation ratio (sum of eigenvalues)^2 / (sum of squares) of the Gram matrix with c off its
    diagonal: T^2 / ((1 + (T-1) c)^2 + (T-1) (1-c)^2). T for c = 0, 1 for c = 1.

    Args:
        difference: 1 - c, any shape.
        tokens: T.

    Returns:
        The same shape.

    Example:
        >>> effective_rank(np.array([1.0, 0.0]), 16).tolist()
        [16.0, 1.0]
    """
    c = 1 - np.asarray(difference, np.float64)
    return np.asarray(tokens**2 / ((1 + (tokens - 1) * c) ** 2 + (tokens - 1) * (1 - c) ** 2))


def predicted(design: str, tokens: int, blocks: int) -> Law:
    """Return the law of uniform attention at infinite width.

    Args:
        design: one of `DESIGNS`.
        tokens: T.
        blocks: L.

    Returns:
        `Law`. *Exact* at infinite width, for a random gradient at the last block.

    Example:
        >>> law = predicted("post", 16, 2)
        >>> law.square.round(12).tolist()
        [1.0, 1.0, 1.0]
    """
    one_of("design", design, DESIGNS)
    scale = 1 / (2 * blocks) if design == "scaled" else 1.0
    keep = 0.0 if design == "noskip" else 1.0
    relu = activations.get("relu")
    q, p = 1.0, 0.0
    square, spread, steps = [q], [q - p], []
    for step in range(2 * blocks):
        c = min(p / q, 1.0)
        mean = (1 + (tokens - 1) * c) / tokens
        if step % 2 == 0:
            branch = (mean, mean)
        else:
            branch = (1.0, 2 * float(pair_moment(relu, "product", 1.0, c).value))
        new = (keep * q + scale * branch[0], keep * p + scale * branch[1])
        below = new[0] if design == "post" else 1.0
        slope = 2 * float(pair_moment(relu, "slope_product", 1.0, c).value)
        # The branch's input is normalized, but for post-norm, where the state itself is.
        steps.append((1.0 if design == "post" else q, below, slope))
        q, p = new[0] / below, new[1] / below
        if step % 2:
            square.append(q)
            spread.append(q - p)
    g, e, logs, log = 1.0, 0.0, [0.0], 0.0
    for step in reversed(range(2 * blocks)):
        own, below, slope = steps[step]
        if step % 2 == 0:
            branch = ((g + (tokens - 1) * e) / (tokens * own),) * 2
        else:
            branch = (g / own, e * slope / own)
        g, e = (keep * g + scale * branch[0]) / below, (keep * e + scale * branch[1]) / below
        log, g, e = log + np.log(g), 1.0, e / g
        if step % 2 == 0:
            logs.append(log)
    return Law(np.array(logs[::-1]), np.array(square), np.array(spread))


def measured(tokens: int, width: int, heads: int, blocks: int, seeds: int, seed: int) -> Tokens:
    """Draw transformers of all designs and attentions; one network's designs share their weights.

    Args:
        tokens: T.
        width: d.
        heads: a divisor of d.
        blocks: L.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        `Tokens`.

    Raises:
        UsageError: if heads do not divide the width, or there are fewer than 2 tokens.
    """
    if heads < 1 or width % heads:
        raise UsageError(f"got {heads} heads for width {width}, expected a divisor of the width")
    if min(tokens - 1, blocks, seeds) < 1:
        raise UsageError(
            f"got {tokens} tokens, {blocks} blocks and {seeds} seeds, expected at least 2, 1 and 1"
        )
    keys = block_keys(seeds, blocks, seed)
    found = (np.asarray(array, np.float64) for array in _measure(keys, tokens, width, heads))
    shape = (seeds, len(DESIGNS), len(ATTENTIONS), blocks + 1)
    return Tokens(*(array.transpose(0, 2, 1).reshape(shape) for array in found))


@partial(jax.jit, static_argnames=("tokens", "width", "heads"))
def _measure(keys: jax.Array, tokens: int, width: int, heads: int) -> tuple:
    lanes, blocks = len(DESIGNS) * len(ATTENTIONS), keys.shape[1] - 1
    branch_scale = np.float32((2 * blocks) ** -0.5)

    def block(params: dict, h: jax.Array) -> jax.Array:
        return _block(params, h, heads, branch_scale)

    def one(own: jax.Array) -> tuple:
        x, top = jax.random.normal(own[0], (2, tokens, width), jnp.float32)
        h = jnp.broadcast_to(x[None], (lanes, tokens, width))
        g, _ = _unit(jnp.broadcast_to(top[None], h.shape))

        def forward(h: jax.Array, key: jax.Array) -> tuple:
            params = _draw(key, width)
            return block(params, h), (params, h)

        last, (params, states) = lax.scan(forward, h, own[1:])

        def backward(carry: tuple, saved: tuple) -> tuple:
            g, log = carry
            weights, h = saved
            _, pull = jax.vjp(lambda state: block(weights, state), h)
            g, square = _unit(pull(g)[0])
            log = log + jnp.log(square)
            return (g, log), log

        start = (g, jnp.zeros(lanes, jnp.float32))
        _, logs = lax.scan(backward, start, (params, states), reverse=True)
        logs = jnp.concatenate([logs, jnp.zeros((1, lanes), jnp.float32)])
        square, spread = _moments(jnp.concatenate([states, last[None]]))
        return logs, square, spread

    return lax.map(one, keys)


def _draw(key: jax.Array, width: int) -> dict[str, jax.Array]:
    """Return the weights of one block; q, k, v, o act on d entries, w and m make the network M."""
    shapes = dict.fromkeys("qkvo", (width, width))
    shapes |= {"w": (_HIDDEN * width, width), "m": (width, _HIDDEN * width)}
    variance = {"w": 2 / width, "m": 1 / (_HIDDEN * width)}
    entries = jax.random.normal(key, ((4 + 2 * _HIDDEN) * width**2,), jnp.float32)
    found, start = {}, 0
    for name, shape in shapes.items():
        stop = start + shape[0] * shape[1]
        size = np.float32(variance.get(name, 1 / width) ** 0.5)
        found[name] = size * entries[start:stop].reshape(shape)
        start = stop
    return found


def _times(h: jax.Array, weight: jax.Array) -> jax.Array:
    return jnp.matmul(h, weight.T, precision=_HIGHEST)


def _attend(params: dict, h: jax.Array, heads: int) -> jax.Array:
    """Return the output of attention for tokens h (designs, attentions, T, d)."""
    lanes, _, tokens, width = h.shape
    values = _times(h, params["v"])
    mean = jnp.mean(values[:, :1], axis=-2, keepdims=True)
    uniform = jnp.broadcast_to(mean, (lanes, 1, tokens, width))
    split = (lanes, tokens, heads, width // heads)
    query, key = (_times(h[:, 1], params[name]).reshape(split) for name in "qk")
    logits = jnp.einsum("lihd,ljhd->lhij", query, key, precision=_HIGHEST)
    shares = jax.nn.softmax(logits * np.float32((width // heads) ** -0.5), axis=-1)
    own = values[:, 1].reshape(split)
    mixed = jnp.einsum("lhij,ljhd->lihd", shares, own, precision=_HIGHEST)
    both = jnp.concatenate([uniform, mixed.reshape(lanes, 1, tokens, width)], axis=1)
    return _times(both, params["o"])


def _block(params: dict, h: jax.Array, heads: int, scale: np.float32) -> jax.Array:
    """Return the tokens of all designs and attentions, (lanes, T, d), after one block."""
    norm, relu = LayerNorm(epsilon=0.0), activations.get("relu")
    shape = (len(DESIGNS), len(ATTENTIONS), *h.shape[1:])
    state = h.reshape(shape)

    def by_design(values: dict[str, float], default: float) -> jax.Array:
        found = np.array([values.get(design, default) for design in DESIGNS], np.float32)
        return jnp.asarray(found[:, None, None, None])

    post = by_design({"post": 1.0}, 0.0) > 0
    keep, size = by_design({"noskip": 0.0}, 1.0), by_design({"scaled": float(scale)}, 1.0)
    for part in ("attention", "network"):
        inside = jnp.where(jnp.broadcast_to(post, shape), state, norm({}, state))
        if part == "attention":
            branch = _attend(params, inside, heads)
        else:
            branch = _times(relu(_times(inside, params["w"])), params["m"])
        state = keep * state + size * branch
        state = jnp.where(jnp.broadcast_to(post, shape), norm({}, state), state)
    return state.reshape(h.shape)


def _unit(g: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return gradients (lanes, T, d) of length 1, and their squared lengths before."""
    square = jnp.sum(g * g, axis=(1, 2))
    safe = jnp.where(square > 0, square, jnp.ones_like(square))
    return g / jnp.broadcast_to(jnp.sqrt(safe)[:, None, None], g.shape), square


def _moments(h: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return mean square and spread of tokens (..., T, d)."""
    tokens, width = h.shape[-2:]
    square = jnp.sum(h * h, axis=(-2, -1)) / (tokens * width)
    centred = h - jnp.broadcast_to(jnp.mean(h, axis=-2, keepdims=True), h.shape)
    return square, jnp.sum(centred * centred, axis=(-2, -1)) / ((tokens - 1) * width)
