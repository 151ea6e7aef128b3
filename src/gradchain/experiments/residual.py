"""How does a gradient grow through residual blocks, dense and convolutional?

All kinds of a family share their weights, F(x) = V relu(W x), W with He's variance 2/fan_in, V with
1/fan_in (so that F keeps the mean square):

    linear   F(x) without relu       1 a block (W of variance 1/fan_in)
    plain    F(x)                    1 a block
    skip     x + F(x)                2 a block:                     prod = 2^l
    scaled   x + F(x)/sqrt(L)        1 + 1/L a block:               prod -> e at l = L
    normed   x + F(layer_norm(x))    1 + 1/l at block l:            prod = l + 1    (dense only)
    zero     x + 0 F(x)              1, in every network and direction
    tanh     x + tanh(V x)           see `residual_trajectory`:     prod ~ exp(1.06 sqrt(l))  (dense only)

These are factors of E|J u|^2. All but those of the normed and the tanh kind are *exact at every width*:
V has zero mean and is independent of all before, and flipping the signs of W's rows swaps which units
are on without changing |W u|^2. They hold for convolutions on an image whose opposite edges are joined
(a torus) too, channel for row, and for orthogonal and delta-orthogonal weights. The other two are
*predictions* of infinite width.

Families: `dense` (Gaussian), `convolution` (Gaussian 3 x 3 kernels), `deltaorthogonal` (3 x 3 kernels
that are 0 but at the centre, which is orthogonal; Xiao et al., ICML 2018). Toy laws: after Yang and
Schoenholz, NeurIPS 2017, arXiv:1712.08969.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations, initializers
from gradchain._types import one_of
from gradchain.experiments.tangents import Growth, follow
from gradchain.measured.layers import Convolution, LayerNorm
from gradchain.predicted.finite_width import log_norm_law
from gradchain.predicted.mean_field import residual_trajectory

KINDS = {
    "dense": ("linear", "plain", "skip", "scaled", "normed", "zero", "tanh"),
    "convolution": ("linear", "plain", "skip", "scaled", "zero"),
    "deltaorthogonal": ("linear", "plain", "skip", "scaled", "zero"),
}
FAMILIES = tuple(KINDS)
ALL_KINDS = KINDS["dense"]
SIDE = 6
"""Convolutions: the image is SIDE x SIDE, opposite edges joined."""


@dataclass(frozen=True)
class Residuals:
    """One lane a kind of the family; `width` is the number of units, or of channels."""

    family: str
    width: int
    depth: int

    @property
    def centred(self) -> bool:
        """Nothing is subtracted."""
        return False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds, one lane each."""
        return KINDS[self.family]

    def start(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the same input and direction for all lanes, entries N(0, 1)."""
        shape = (self.width,) if self.family == "dense" else (self.width, SIDE, SIDE)
        both = jax.random.normal(key, (2, *shape), jnp.float32)
        lanes = jnp.broadcast_to(both[:, None], (2, len(self.kinds), *shape))
        return lanes[0], lanes[1]

    def draw(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return W, of variance 2/fan_in, and V, of variance 1/fan_in."""
        window = () if self.family == "dense" else (3, 3)
        shape = (self.width, self.width, *window)
        if self.family == "deltaorthogonal":
            law = initializers.get("delta_orthogonal")
            both = jax.vmap(lambda own: law.sample(own, shape, jnp.float32))(jax.random.split(key))
        else:
            size = np.float32((self.width * math.prod(window)) ** -0.5)
            both = size * jax.random.normal(key, (2, *shape), jnp.float32)
        return np.float32(math.sqrt(2)) * both[0], both[1]

    def _times(self, weight: jax.Array, h: jax.Array) -> jax.Array:
        """Apply a linear layer to states (lanes, ...)."""
        if self.family == "dense":
            return jnp.matmul(h, weight.T, precision=lax.Precision.HIGHEST)
        layer = Convolution(activations.get("identity"), "CIRCULAR")
        return jax.vmap(lambda own: layer.linear({"weight": weight}, own))(h)

    def __call__(self, params: tuple[jax.Array, jax.Array], h: jax.Array) -> jax.Array:
        """Return the next states."""
        w, v = params
        lanes = {kind: k for k, kind in enumerate(self.kinds)}
        inside = h
        if "normed" in lanes:
            normed = LayerNorm(epsilon=0.0)({}, h[lanes["normed"]])
            inside = inside.at[lanes["normed"]].set(normed)
        z = self._times(w, inside)
        middle = activations.get("relu")(z).at[0].set(z[0] * np.float32(math.sqrt(0.5)))
        if "tanh" in lanes:
            middle = middle.at[lanes["tanh"]].set(h[lanes["tanh"]])
        branch = self._times(v, middle)
        if "tanh" in lanes:
            own = activations.get("tanh")(branch[lanes["tanh"]])
            branch = branch.at[lanes["tanh"]].set(own)
        factor = {"scaled": self.depth**-0.5, "zero": 0.0}
        sizes = np.array([factor.get(kind, 1.0) for kind in self.kinds], np.float32)
        kept = np.array([kind not in {"linear", "plain"} for kind in self.kinds], np.float32)
        shape = (-1, *([1] * (h.ndim - 1)))
        return jnp.asarray(kept.reshape(shape)) * h + jnp.asarray(sizes.reshape(shape)) * branch


def measured(family: str, width: int, depth: int, seeds: int, seed: int) -> Growth:
    """Follow a random direction through networks of all kinds of a family.

    Args:
        family: one of `FAMILIES`.
        width: units, or channels.
        depth: blocks L (the scaled kind depends on it).
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        `Growth`, arrays (seeds, kinds, L), kinds as in `KINDS`.
    """
    one_of("family", family, FAMILIES)
    return follow(Residuals(family, width, depth), depth, seeds, seed)


def predicted_log_growth(kind: str, depth: int) -> np.ndarray:
    """Return the law of a kind: the mean of |J u|^2 over networks.

    Args:
        kind: one of `ALL_KINDS`.
        depth: blocks L.

    Returns:
        (L,) natural logs for l = 1 .. L blocks.

    Example:
        >>> np.exp(predicted_log_growth("skip", 3)).round(9).tolist()
        [2.0, 4.0, 8.0]
    """
    blocks = np.arange(1, depth + 1)
    match one_of("kind", kind, ALL_KINDS):
        case "skip":
            return blocks * math.log(2)
        case "scaled":
            return blocks * math.log1p(1 / depth)
        case "normed":
            return np.log1p(blocks)
        case "tanh":
            return residual_trajectory("tanh", 1.0, 0.0, 1.0, depth).log_product[1:]
        case _:
            return np.zeros(depth)


def plain_log_law(width: int, depth: int, kind: str = "plain") -> tuple[float, float]:
    """Return mean and variance of log |J u|^2 of the dense network without skips, at this width.

    A plain block is a ReLU layer with He's variance and a linear one, independent of each other; a
    linear block is two linear layers. *Exact*, conditional on no dead layer.

    Args:
        width: n.
        depth: blocks L.
        kind: "plain" or "linear".

    Returns:
        (mean, variance), natural logs.

    Example:
        >>> mean, variance = plain_log_law(100, 10)
        >>> round(mean, 3), round(variance, 3)
        (-0.355, 0.721)
    """
    first = {"plain": "relu", "linear": "identity"}[one_of("kind", kind, ("plain", "linear"))]
    laws = [log_norm_law(name, width, depth) for name in (first, "identity")]
    return sum(float(law.mean) for law in laws), sum(float(law.variance) for law in laws)
