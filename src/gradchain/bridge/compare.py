"""How fast does a gradient change with depth: in drawn networks, and as theory says?

    measured    (1 / 2L) log |J^T v|^2,  v a random unit vector, one number a network: its mean
    predicted   (1 / 2L) sum_l log chi_l, chi_l at the lengths that mean field gives
    correction  what the width adds: the exact law (digamma functions, conditional on no dead layer) for
                ReLU and linear layers, `predicted.width_slope` for other activations, and for
                orthogonal weights -(1 / 4n) (3 rho_l - 3), mean over l, rho = E phi'^4/(E phi'^2)^2:
                there, and where lengths scatter too much for an expansion (-(1 / 4n) (3 rho_l - 1)
                for Gaussian weights), their fluctuation is left out

All in nats a layer, for the norm and not its square; all but the exact law are of first order in 1/n.
Source: Hanin and Nica,
CMP 2020, arXiv:1812.05994, made exact; Schoenholz et al., ICLR 2017.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain import activations, initializers
from gradchain._errors import UsageError
from gradchain._types import Real, random_key, whole_number
from gradchain.activations import Activation
from gradchain.gaussian import moment
from gradchain.initializers import Initializer
from gradchain.measured.build import mlp
from gradchain.measured.gradient import gradient_chain
from gradchain.predicted.finite_width import log_norm_law
from gradchain.predicted.mean_field import length_trajectory
from gradchain.predicted.width_slope import width_corrections

# Two-sided 95 % points of Student's law by degrees of freedom; between two, the larger point.
_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 7: 2.365, 9: 2.262, 14: 2.145,
            19: 2.093, 29: 2.045, 59: 2.001, 119: 1.980, 10**9: 1.960}  # fmt: skip


# Lengths that scatter more than this about their mean are beyond an expansion in 1/n.
_SCATTER = 0.3


@dataclass(frozen=True)
class Comparison:
    """Slopes in nats a layer of the norm of a backpropagated gradient; negative vanishes.

    Attributes:
        activation: the activation.
        initializer: the law of the weights; biases are 0.
        depth: layers L.
        width: units n in every layer, and inputs.
        seeds: networks drawn.
        slopes: (alive,) one slope a network that has no dead layer.
        measured: their mean, an *estimate*.
        standard_error: of that mean.
        interval: its 95 % interval by Student's law.
        dead: networks whose gradient is exactly 0; left out of the mean.
        predicted: the slope at infinite width, a *prediction*.
        correction: what a width of n adds, a *prediction*; see the module's text.
        correction_kind: "exact", "first order in 1/n", or "first order in 1/n, lengths held".
        spread: predicted standard deviation of a single network's slope, of first order in 1/n.
    """

    activation: Activation
    initializer: Initializer
    depth: int
    width: int
    seeds: int
    slopes: np.ndarray
    measured: float
    standard_error: float
    interval: tuple[float, float]
    dead: int
    predicted: float
    correction: float
    correction_kind: str
    spread: float

    @property
    def predicted_at_width(self) -> float:
        """The prediction with its finite-width correction."""
        return self.predicted + self.correction

    @property
    def z(self) -> float:
        """(measured - prediction at this width) / standard error."""
        return (self.measured - self.predicted_at_width) / self.standard_error

    @property
    def z_infinite(self) -> float:
        """(measured - prediction at infinite width) / standard error."""
        return (self.measured - self.predicted) / self.standard_error

    def __str__(self) -> str:
        """Say both, and by how many standard errors they differ."""
        low, high = self.interval
        dead = f"; {self.dead} of {self.seeds} networks have a dead layer" if self.dead else ""
        return (
            f"{self.activation}, {self.initializer}, depth {self.depth}, width {self.width}, "
            f"{self.seeds} networks: gradient changes by {self.measured:+.5f} "
            f"[{low:+.5f}, {high:+.5f}] nats a layer (95 %); predicted {self.predicted:+.5f} at "
            f"infinite width, {self.predicted_at_width:+.5f} at this width "
            f"({self.correction_kind}), z = {self.z:+.1f}{dead}."
        )


@functools.partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _log_norms(
    keys: jax.Array, depth: int, width: int, phi: Activation, law: Initializer
) -> jax.Array:
    """Return log |J^T v| for one network, one input and one unit v a key."""

    def one(key: jax.Array) -> jax.Array:
        drawn, inside, outside = jax.random.split(key, 3)
        network = mlp(drawn, depth, width, phi, law, use_bias=False, dtype=jnp.float32)
        x = jax.random.normal(inside, (width,), jnp.float32)
        v = jax.random.normal(outside, (width,), jnp.float32)
        chain = gradient_chain(network, x, v / jnp.linalg.norm(v))
        return chain.log_state_norms[0]

    return jax.lax.map(one, keys, batch_size=16)


def compare(
    activation: Any,
    initializer: Any = "glorot_uniform",
    depth: int = 50,
    width: int = 128,
    seeds: int = 64,
    key: Any = None,
) -> Comparison:
    """Set the measured slope of the gradient over depth beside the predicted one.

    Networks are square, without biases, of float32 weights; inputs are standard normal.

    Args:
        activation: a name of `gradchain.activations.NAMES`, or an `Activation`.
        initializer: a name of `gradchain.initializers.NAMES`, an `Initializer` with a declared
            variance, or a callable (then there is no law, and it is refused).
        depth: number of layers, at least 1.
        width: units a layer, at least 2.
        seeds: networks drawn, at least 2.
        key: a JAX random key; `jax.random.key(0)` if not given.

    Returns:
        A `Comparison`: measured mean (an *estimate* with its 95 % interval), *prediction* at infinite
        width, and the correction for this width. Cost: `seeds` backpropagations.

    Raises:
        UsageError: numbers out of range, an initializer without a declared variance, or networks
            that are all dead.
        ActivationError: an unknown activation.
        InitializerError: an unknown initializer.

    Example:
        >>> found = compare("relu", "he_gaussian", depth=8, width=32, seeds=32)
        >>> found.correction_kind, abs(found.z) < 5
        ('exact', True)
    """
    phi, law = activations.get(activation), initializers.get(initializer)
    depth, width = whole_number("depth", depth), whole_number("width", width, least=2)
    seeds = whole_number("seeds", seeds, least=2)
    variance = law.variance(width, width)
    if variance is None:
        raise UsageError(
            f"got {law}, whose variance is not declared, so that nothing can be predicted; use one "
            "of gradchain.initializers, or an Initializer with a law"
        )
    if variance == 0:
        raise UsageError(f"got {law}, whose weights are all 0: every gradient is 0")
    key = jax.random.key(0) if key is None else random_key(key)
    found = np.asarray(_log_norms(jax.random.split(key, seeds), depth, width, phi, law), np.float64)
    slopes = found[np.isfinite(found)] / depth
    if slopes.size < 2:
        raise UsageError(
            f"{seeds - slopes.size} of {seeds} networks have a dead layer; take a larger width"
        )
    error = float(slopes.std(ddof=1)) / math.sqrt(slopes.size)
    mean = float(slopes.mean())
    half = _student(slopes.size - 1) * error
    predicted, correction, kind, spread = _predict(phi, law, depth, width, width * variance)
    return Comparison(
        phi, law, depth, width, seeds, slopes, mean, error, (mean - half, mean + half),
        int(seeds - slopes.size), predicted, correction, kind, spread,
    )  # fmt: skip


def _student(freedom: int) -> float:
    return _STUDENT[max(each for each in _STUDENT if each <= max(freedom, 1))]


def _predict(
    phi: Activation, law: Initializer, depth: int, width: int, variance: Real
) -> tuple[float, float, str, float]:
    scale = math.sqrt(variance)
    path = length_trajectory(phi, scale, 0.0, float(variance), depth)
    predicted = float(path.log_product[-1]) / (2 * depth)
    q = np.minimum(path.q[:-1], 1e12)
    fourth, second = (moment(phi, name, q).value for name in ("slope_fourth", "slope_square"))
    orthogonal = law.name in {"orthogonal", "delta_orthogonal"}
    relative = (3 * fourth / second**2 - (3 if orthogonal else 1)) / width
    spread = math.sqrt(float(relative.sum())) / (2 * depth)
    held = -float(relative.mean()) / 4
    if orthogonal:
        return predicted, held, "first order in 1/n, lengths held", spread
    if phi.name in {"relu", "identity"}:
        own = log_norm_law(phi, width, depth)
        # The law is that of chi = 1; its mean is what the width alone does.
        return (
            predicted,
            float(own.mean) / (2 * depth),
            "exact",
            math.sqrt(own.variance) / (2 * depth),
        )
    # Of a standard normal input, |x|^2 / n has the relative variance 2/n.
    found = width_corrections(phi, np.array([scale]), 0.0, q[:, None], width, spread=2 / width)
    if found.scatter.max() > _SCATTER:
        return predicted, held, "first order in 1/n, lengths held", spread
    return predicted, float(found.added.mean()) / 2, "first order in 1/n", spread
