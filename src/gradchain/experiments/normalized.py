"""How fast do gradients explode through normalized layers at initialization?

    plain      h -> phi(N(W h))                   factor R of the squared gradient a layer
    residual   h -> h + V phi(N(W h))             factors 1 + R/l: prod = C(L + R, R) ~ L^R

N is batch norm over a batch of B inputs, or layer norm over the units, without gain, shift and epsilon;
W and V have independent N(0, 1/n) entries (the size of W does not matter). The inputs are independent
N(0, v) with v such that they vary as much as what one branch adds (see `branch_variance`): then plain
layers are at their fixed point from the first one on, and a residual network's state varies by (l + 1) v
after l blocks. With batch norm only differences within the batch count; a change common to all of the
batch is subtracted by the next layer.

Law of the residual network (derived here): a normalized branch divides the gradient by the variance of
its input, l v at block l, and then does what a plain layer does; the branch adds v to the variance:

    E|u_l|^2 = E|u_{l-1}|^2 (1 + R / l),    prod_{l=1..L} (1 + R/l) = binomial(L + R, L)
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import one_of
from gradchain.activations import Activation
from gradchain.experiments.tangents import Growth, follow
from gradchain.gaussian import moment, pair_moment
from gradchain.measured.layers import BatchNorm, LayerNorm
from gradchain.predicted.normalization import batch_norm_rate, layer_norm_rate

NORMS = ("batch", "layer")
_HIGHEST = lax.Precision.HIGHEST


@dataclass(frozen=True)
class Normalized:
    """Plain and residual networks of several activations that share their weights.

    Lanes: plain ones in the order of the activations, then residual ones if `skips`. `sizes`: for each
    activation the standard deviation of the inputs' entries.
    """

    activations: tuple[Activation, ...]
    sizes: tuple[float, ...]
    norm: str
    batch: int
    width: int
    skips: bool = True

    @property
    def centred(self) -> bool:
        """Whether a change common to the whole batch counts as none."""
        return self.norm == "batch"

    def start(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return inputs and directions (lanes, batch, n), independent normal entries."""
        h, u = jax.random.normal(key, (2, self.batch, self.width), jnp.float32)
        lanes = jnp.asarray(np.array(self.sizes * (1 + self.skips), np.float32))
        inputs = lanes[:, None, None] * h[None]
        return inputs, jnp.broadcast_to(u[None], inputs.shape)

    def draw(self, key: jax.Array) -> jax.Array:
        """Return W, and V if there are skips, N(0, 1/n)."""
        shape = (1 + self.skips, self.width, self.width)
        return jax.random.normal(key, shape, jnp.float32) * np.float32(self.width**-0.5)

    def __call__(self, params: jax.Array, h: jax.Array) -> jax.Array:
        """Return the next states."""
        layer = BatchNorm(epsilon=0.0) if self.norm == "batch" else LayerNorm(epsilon=0.0)
        z = jnp.matmul(h, params[0].T, precision=_HIGHEST)
        z = jax.vmap(lambda own: layer({}, own))(z)
        count = len(self.activations)
        # Lane k and lane count + k have activation k.
        out = jnp.stack([self.activations[k % count](z[k]) for k in range(len(h))])
        if not self.skips:
            return out
        branch = jnp.matmul(out[count:], params[1].T, precision=_HIGHEST)
        return jnp.concatenate([out[:count], h[count:] + branch])


def branch_variance(activation: Activation, norm: str, batch: int) -> float:
    """Return what a layer phi(N(W h)) gives: the variance over the batch, or the second moment.

    Batch norm: E phi_1^2 - E phi_1 phi_2 of two Gaussians of variance 1 and correlation -1/(B-1) (for
    homogeneous phi the same as on the sphere, on which B normalized values lie; else right to O(1/B)).
    Layer norm: E phi(Z)^2.

    Args:
        activation: phi.
        norm: "batch" or "layer".
        batch: B.

    Returns:
        The variance.

    Example:
        >>> round(branch_variance(activations.get("identity"), "batch", 5), 12)
        1.25
    """
    square = float(moment(activation, "square", 1.0).value)
    if one_of("norm", norm, NORMS) == "layer":
        return square
    return square - float(pair_moment(activation, "product", 1.0, -1 / (batch - 1)).value)


def exact_rate(activation: str | Activation, norm: str, batch: int) -> float:
    """Return R, the factor a layer of the mean squared gradient, at infinite width.

    Args:
        activation: phi.
        norm: "batch" or "layer".
        batch: B; for batch norm and another phi than identity, relu and leaky_relu the rate of an
            infinite batch is returned.

    Returns:
        The rate.

    Example:
        >>> round(exact_rate("relu", "batch", 8), 6), round(exact_rate("relu", "layer", 8), 6)
        (1.78819, 1.0)
    """
    if one_of("norm", norm, NORMS) == "layer":
        return float(layer_norm_rate(activation))
    phi = activations.get(activation)
    closed = phi.name in {"identity", "relu", "leaky_relu"}
    return float(batch_norm_rate(phi, batch if closed else None))


def residual_log_growth(rate: float, depth: int) -> np.ndarray:
    """Return the law of a residual network with normalized branches.

    Args:
        rate: R of the branch.
        depth: L.

    Returns:
        (L,) natural logs of prod_{k <= l} (1 + R/k).

    Example:
        >>> np.exp(residual_log_growth(1.0, 4)).round(9).tolist()
        [2.0, 3.0, 4.0, 5.0]
    """
    return np.cumsum(np.log1p(rate / np.arange(1, depth + 1)))


def measured(
    names: tuple[str, ...],
    norm: str,
    batch: int,
    width: int,
    depth: int,
    seeds: int,
    seed: int,
    skips: bool = True,
) -> Growth:
    """Follow networks with normalized layers; lanes as in `Normalized`.

    Args:
        names: activations, A of them.
        norm: "batch" or "layer".
        batch: B, the inputs that go through together.
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        skips: whether residual networks are followed, too.

    Returns:
        `Growth`, arrays (seeds, A or 2 A, L).

    Raises:
        UsageError: for a batch below 3 with batch norm: two normalized values are +-1, and nothing
            passes.
    """
    if norm == "batch" and batch < 3:
        raise UsageError(f"got batch {batch}, expected at least 3: batch norm of 2 passes nothing")
    phis = tuple(activations.get(name) for name in names)
    sizes = tuple(math.sqrt(branch_variance(phi, norm, batch)) for phi in phis)
    return follow(Normalized(phis, sizes, norm, batch, width, skips), depth, seeds, seed)


def extrapolated(widths: np.ndarray, means: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Fit a + b/n to means at several widths, and return a with its standard error.

    Args:
        widths: (W,) at least two.
        means: (W,).
        errors: (W,) standard errors, the weights of the fit.

    Returns:
        (a, standard error of a): weighted least squares; terms of order 1/n^2 are left out.

    Example:
        >>> a, _ = extrapolated(np.array([10, 20]), np.array([2.1, 2.05]), np.array([0.1, 0.1]))
        >>> round(a, 9)
        2.0
    """
    design = np.stack([np.ones(len(widths)), 1 / np.asarray(widths)], axis=1)
    weights = 1 / np.asarray(errors) ** 2
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    value = covariance @ design.T @ (weights * np.asarray(means))
    return float(value[0]), float(np.sqrt(covariance[0, 0]))
