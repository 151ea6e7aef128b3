"""What does each law of initial weights do to signals on the way on, and to gradients on the way back?

Square networks of width n, one input of mean square 1, and a gradient that enters behind the last layer:

    z_l = W_l h_{l-1} + b_l,   h_l = phi(z_l),   g_{l-1} = W_l^T (phi'(z_l) * g_l),   g_L ~ N(0, I).

Noted in each layer: log of mean(z_l^2), log of mean(h_{l-1}^2), log of |g_{l-1}|^2/|g_l|^2. float64, for
signals shrink to 1e-130; g is brought to length 1 in each layer, so it never underflows.

Laws with the same distribution share their draws: W is the draw of the law of variance 1/n times
sqrt(n Var(W)), which is what the law's own sampler gives. All activations share the weights. Cost of one
recipe, 20 activations, n = L = 100: 50 ms a network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations as library
from gradchain import initializers
from gradchain._errors import UsageError
from gradchain._types import whole_number
from gradchain.activations import Activation
from gradchain.experiments.lanes import chunk_of, draw_keys, draw_weights
from gradchain.initializers import BiasLaw, Initializer, zero_bias
from gradchain.predicted import library_defaults

_BASES = {
    "uniform": "lecun_uniform",
    "truncated_normal": "lecun_normal",
    "normal": "lecun_gaussian",
    None: "orthogonal",
}
BASES = tuple(_BASES.values())
"""The laws that are drawn; every other is one of them times a number."""


@dataclass(frozen=True)
class Recipe:
    """A law of weights with a law of biases.

    Attributes:
        name: as in `RECIPES`.
        weight: law of the weights.
        bias: law of the biases.
        same: names of further laws that are the same for square matrices.
    """

    name: str
    weight: Initializer
    bias: BiasLaw
    same: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The law of variance 1/n that is drawn."""
        return _BASES[self.weight.distribution]

    def sigma_w(self, width: int) -> float:
        """Return sqrt(n Var(W)) for square matrices.

        Args:
            width: n.

        Returns:
            The standard deviation of an entry times sqrt(n).
        """
        return math.sqrt(self.weight.forward_factor(width, width) or 0.0)

    def sigma_b(self, width: int) -> float:
        """Return the standard deviation of a bias.

        Args:
            width: n.

        Returns:
            sqrt(Var(b)).
        """
        return math.sqrt(self.bias.variance(width, width))


def _law(name: str, *same: str, text: str | None = None) -> Recipe:
    return Recipe(name, initializers.get(text or name), zero_bias, same)


def _default(name: str, *same: str) -> Recipe:
    found = library_defaults.get(name)
    return Recipe(name, found.weight, found.bias, same)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _law("truncated_normal"),
        _law("normal"),
        _default("torch", "equinox"),
        _law("torch_uniform"),
        _default("haiku", "haiku_truncated_normal"),
        _default("keras", "glorot_uniform", "lecun_uniform"),
        _default("flax", "glorot_normal", "lecun_normal"),
        _law("glorot_gaussian", "lecun_gaussian"),
        _law("orthogonal", "delta_orthogonal"),
        _law("he_uniform", "he_fan_out_uniform"),
        _law("he_normal", "he_fan_out_normal"),
        _law("he_gaussian", "he_fan_out_gaussian"),
        _law("he_leaky_uniform"),
        _law("he_leaky_normal"),
        _law("he_leaky_gaussian"),
        _law("orthogonal_sqrt2", text=f"orthogonal({math.sqrt(2)!r})"),
    )
}
"""All laws with a declared variance above 0; for square matrices several are the same."""


class Followed(NamedTuple):
    """What S networks do with A activations; natural logarithms, (S, L, A) float64.

    `length`: log mean(z_l^2). `state`: log mean(h_{l-1}^2). `factor`: log(|g_{l-1}|^2/|g_l|^2); -inf
    where no gradient is left.
    """

    length: np.ndarray
    state: np.ndarray
    factor: np.ndarray


def follow(
    recipes: Sequence[str],
    activations: Sequence[str],
    width: int,
    depth: int,
    seeds: int,
    seed: int,
) -> dict[str, Followed]:
    """Follow signals and gradients through networks of several recipes that share one base.

    Args:
        recipes: names in `RECIPES`, all of one base.
        activations: names, A of them.
        width: n.
        depth: L, at most 200 (beyond, signals leave float64).
        seeds: number of networks S.
        seed: seed of the draws.

    Returns:
        For each recipe what was seen. Exact but for float32 draws and float64 rounding.

    Raises:
        UsageError: recipes of several bases, or unknown ones, or too deep networks.

    Example:
        >>> found = follow(("torch_uniform",), ("identity",), 8, 5, seeds=2, seed=0)
        >>> found["torch_uniform"].factor.shape
        (2, 5, 1)
    """
    for name in recipes:
        if name not in RECIPES:
            raise UsageError(f"got recipe {name!r}, expected one of {', '.join(RECIPES)}")
    own = [RECIPES[name] for name in recipes]
    bases = {recipe.base for recipe in own}
    sizes = {"width": width, "depth": depth, "seeds": seeds}
    n, layers, count = (whole_number(name, value) for name, value in sizes.items())
    if len(bases) != 1 or layers > 200:
        raise UsageError(
            f"got bases {sorted(bases)} and depth {layers}, expected recipes of one base and at most "
            "200 layers"
        )
    base = initializers.get(bases.pop())
    phis = tuple(library.get(name) for name in activations)
    keys, size = draw_keys(seed, count), chunk_of(count, 4 * layers * n**2)
    parts: dict[str, list[tuple]] = {recipe.name: [] for recipe in own}
    for first in range(0, count, size):
        some = keys[first : first + size]
        weights = draw_weights(some, base, n, layers)
        with jax.enable_x64(True):
            ends = _ends(some, n, layers)
            for recipe in own:
                scales = jnp.asarray([recipe.sigma_w(n), recipe.sigma_b(n)], jnp.float64)
                found = _through(weights, *ends, scales, phis)
                parts[recipe.name].append(tuple(np.asarray(each) for each in found))
    return {
        name: Followed(*(np.concatenate(column) for column in zip(*rows, strict=True)))
        for name, rows in parts.items()
    }


@partial(jax.jit, static_argnames=("width", "depth"))
def _ends(keys: jax.Array, width: int, depth: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Draw inputs (S, n) of mean square 1, gradients (S, n), uniform biases (S, L, n) of variance 1."""

    def one(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        first, second, third = jax.random.split(jax.random.fold_in(key, 0), 3)
        x = jax.random.normal(first, (width,), jnp.float64)
        x = x * jnp.sqrt(width / jnp.sum(x * x))
        g = jax.random.normal(second, (width,), jnp.float64)
        end = math.sqrt(3.0)
        b = jax.random.uniform(third, (depth, width), jnp.float64, -end, end)
        return x, g / jnp.sqrt(jnp.sum(g * g)), b

    return jax.vmap(one)(keys)


@partial(jax.jit, static_argnames=("phis",))
def _through(
    weights: jax.Array,
    inputs: jax.Array,
    gradients: jax.Array,
    biases: jax.Array,
    scales: jax.Array,
    phis: tuple[Activation, ...],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    width, count = inputs.shape[-1], len(phis)
    exact = lax.Precision.HIGHEST

    def one(draw: tuple) -> tuple[jax.Array, jax.Array, jax.Array]:
        stack, x, g, b = draw

        def onward(h: jax.Array, layer: tuple) -> tuple:
            weight, bias = layer
            z = jnp.matmul(weight.astype(jnp.float64), h, precision=exact) * scales[0]
            z = z + (bias * scales[1])[:, None]
            slopes = [phi.derivative(z[:, i]) for i, phi in enumerate(phis)]
            states = [phi(z[:, i]) for i, phi in enumerate(phis)]
            seen = (_log_mean_square(z), _log_mean_square(h), jnp.stack(slopes, axis=1))
            return jnp.stack(states, axis=1), seen  # type: ignore[arg-type]

        def back(g: jax.Array, layer: tuple) -> tuple[jax.Array, jax.Array]:
            weight, slopes = layer
            own = weight.astype(jnp.float64).T
            g = jnp.matmul(own, slopes * g, precision=exact) * scales[0]
            size = jnp.sqrt(jnp.sum(g * g, axis=0))
            safe = jnp.where(size > 0, size, jnp.ones_like(size))
            return g / safe[None], 2 * jnp.log(size)

        columns = jnp.broadcast_to(x[:, None], (width, count))
        _, (length, state, slopes) = lax.scan(onward, columns, (stack, b))
        columns = jnp.broadcast_to(g[:, None], (width, count))
        _, factor = lax.scan(back, columns, (stack, slopes), reverse=True)
        return length, state, factor

    return lax.map(one, (weights, inputs, gradients, biases))


def _log_mean_square(x: jax.Array) -> jax.Array:
    """Return log mean(x^2) over the first axis; squares of small entries do not underflow."""
    top = jnp.max(jnp.abs(x), axis=0)
    safe = jnp.where(top > 0, top, jnp.ones_like(top))
    scaled = x / safe[None]
    return jnp.log(jnp.mean(scaled * scaled, axis=0)) + 2 * jnp.log(top)
