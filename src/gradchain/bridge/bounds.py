"""How tight are the bounds on one concrete network? Exact spectral norms beside upper and lower ones.

For every l: log ||dh_L/dh_l||_2 (exact), the sure bound prod sup|phi'| ||W||, the local bound with
max_i |phi'(z_i)|, and a lower bound from smallest singular values and slopes. The exact values come
from `gradchain.measured`, the bounds from `gradchain.predicted`; only norms of weights and ranges of
slopes cross over.

What each layer contributes (upper, local, smallest stretch):
    dense, convolution   sup|phi'| ||W||,   max|phi'(z)| ||W||,   min|phi'(z)| sigma_min(W)
    residual             1 + u,             1 + local,            max(0, 1 - local)
    stack, chained       products of the above
    layer and batch norm max|gain|/sqrt(eps),  max|gain|/sd,      0
A custom layer has no bound: it is refused.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import is_concrete, pytree
from gradchain.measured.jacobian import Chain, jacobian_chain
from gradchain.measured.layers import (
    BatchNorm,
    Chained,
    Convolution,
    Dense,
    LayerNorm,
    Residual,
    Stack,
)
from gradchain.measured.network import Network, forward
from gradchain.predicted import bounds

# c of the comparison tolerance c L n eps: products of L matrices of side n, their norms and slopes.
ROUNDING = 8.0


class Sizes(NamedTuple):
    """Natural logarithms of what one layer contributes, before (`upper`) and at its input."""

    upper: float
    local: float
    norm_lower: float
    stretch: float
    transposed: float


@pytree
class ChainBounds:
    """A network's exact spectral norms beside its bounds; all natural logarithms, all (L+1,).

    `log_exact[l]` = log ||dh_L/dh_l||_2. `log_upper`: sure *upper bound*. `log_upper_local`: *upper
    bound* at this input. `log_lower`: *lower bound* at this input (-inf where nothing can be said).
    `slack` = log_upper - log_exact, `slack_local` likewise (+inf for a dead chain, 0 where both are
    -inf). `tolerance` is the rounding allowed in comparisons, 8 L n eps. `log_slope_power` is
    l -> sum of log sup|phi'|, the folklore bound ((1/4)^n for sigmoid); it is one only if
    `power_is_bound`.
    """

    log_exact: np.ndarray
    log_upper: np.ndarray
    log_upper_local: np.ndarray
    log_lower: np.ndarray
    log_slope_power: np.ndarray
    power_is_bound: bool
    tolerance: float
    chain: Chain

    def __repr__(self) -> str:
        """Return a small table, in powers of ten, of the whole chain dh_L/dh_0."""
        rows = {
            "lower bound": self.log_lower,
            "exact": self.log_exact,
            "local upper bound": self.log_upper_local,
            "upper bound": self.log_upper,
            "sup|phi'|^L": self.log_slope_power,
        }
        lines = [f"  {name:<18} {v[0] / math.log(10):.4g}" for name, v in rows.items()]
        told = "is" if self.power_is_bound else "is not"
        head = f"ChainBounds of {self.log_exact.size - 1} layers, log10 ||dh_L/dh_0||_2:"
        tail = (
            f"  the last {told} a bound for these weights; all layers: .log_exact, .log_upper, ..."
        )
        return "\n".join([head, *lines, tail])

    @property
    def slack(self) -> np.ndarray:
        """How many nats the sure bound lies above the exact value, (L+1,)."""
        return _difference(self.log_upper, self.log_exact)

    @property
    def slack_local(self) -> np.ndarray:
        """How many nats the local bound lies above the exact value, (L+1,)."""
        return _difference(self.log_upper_local, self.log_exact)


def _difference(upper: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return upper - exact, with -inf minus -inf taken as 0."""
    both = np.isneginf(upper) & np.isneginf(exact)
    return np.where(both, 0.0, np.where(both, 0.0, upper) - np.where(both, 0.0, exact))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _singular_range(matrix: jax.Array) -> tuple[float, float, float]:
    """Return logs of the largest singular value, of inf|Av|/|v| and of inf|A^T u|/|u|."""
    # On the host in float64: no compilation, and a channel of its own beside the chain's float32.
    entries = np.asarray(matrix).astype(np.float64)
    power = int(np.frexp(np.abs(entries).max())[1])
    singular = np.linalg.svd(np.ldexp(entries, -power), compute_uv=False)
    shift = power * math.log(2.0)
    fan_out, fan_in = matrix.shape
    smallest = _log(float(singular[-1])) + shift
    return (
        _log(float(singular[0])) + shift,
        smallest if fan_out >= fan_in else -math.inf,
        smallest if fan_out <= fan_in else -math.inf,
    )


@partial(jax.jit, static_argnums=0)
def _slopes(layer: Dense | Convolution, params: dict, h: jax.Array) -> jax.Array:
    """Return phi'(z) at a state, compiled once for all layers of a kind and shape."""
    return layer.slopes(params, layer.preactivation(params, h))


def _slope_range(slopes: jax.Array) -> tuple[float, float]:
    """Return logs of the largest and smallest |phi'(z)|."""
    size = np.abs(np.asarray(slopes).astype(np.float64))
    return _log(float(size.max())), _log(float(size.min()))


def _matrix(layer: Dense | Convolution, params: dict, h: jax.Array) -> jax.Array:
    """Return the linear part as a matrix; a convolution's is written out column by column."""
    if isinstance(layer, Dense):
        return params["weight"]
    linear = jax.jacfwd(lambda state: layer.linear(params, state))(h)
    return linear.reshape(-1, h.size)


def _sup(layer: Dense | Convolution, params: dict) -> float:
    """Return log sup|phi'|, refusing an activation that declares none."""
    activation = layer.activation
    if activation.trainable:
        slopes = [float(params[name]) for name, _ in activation.trainable]
        return _log(max(1.0, *(abs(s) for s in slopes)))
    if activation.derivative_sup is None:
        raise UsageError(
            f"activation {activation.name} declares no supremum of |phi'|, which the upper bound "
            "needs: give derivative_sup=... to activations.from_function"
        )
    return _log(activation.derivative_sup)


def _affine_sizes(layer: Dense | Convolution, params: dict, h: jax.Array) -> Sizes:
    """Return the sizes of phi(W h + b)."""
    largest, stretch, transposed = _singular_range(_matrix(layer, params, h))
    top, bottom = _slope_range(_slopes(layer, params, h))
    return Sizes(
        largest + _sup(layer, params),
        largest + top,
        largest + bottom,
        stretch + bottom,
        transposed + bottom,
    )


def _normalization_sizes(layer: LayerNorm | BatchNorm, params: dict, h: jax.Array) -> Sizes:
    """Return the sizes of a normalization: its Jacobian is gain/sd times a projection."""
    axis = -1 if isinstance(layer, LayerNorm) else 0
    deviation = np.sqrt(np.var(np.asarray(h, np.float64), axis=axis) + layer.epsilon)
    gain = np.abs(np.asarray(params.get("gain", 1.0), np.float64))
    local = np.max(gain) / np.min(deviation) if axis == -1 else np.max(gain / deviation)
    none = -math.inf
    return Sizes(_log(float(gain.max()) / math.sqrt(layer.epsilon)), _log(local), none, none, none)


def _in_sequence(parts: list, h: jax.Array) -> Sizes:
    """Return the sizes of layers after each other."""
    sizes = []
    for layer, params in parts:
        sizes.append(_sizes(layer, params, h))
        h = layer(params, h)
    upper, local, _, stretch, transposed = (sum(column) for column in zip(*sizes, strict=True))
    return Sizes(upper, local, max(stretch, transposed), stretch, transposed)


def _sizes(layer: object, params: object, h: jax.Array) -> Sizes:
    """Return what one layer contributes at state h.

    Raises:
        UsageError: for a layer that no bound is known for.
    """
    match layer:
        case Dense() | Convolution():
            return _affine_sizes(layer, params, h)  # type: ignore[arg-type]
        case LayerNorm() | BatchNorm():
            return _normalization_sizes(layer, params, h)  # type: ignore[arg-type]
        case Stack():
            count = jax.tree.leaves(params)[0].shape[0]
            own = [jax.tree.map(lambda a, i=i: a[i], params) for i in range(count)]
            return _in_sequence([(layer.layer, p) for p in own], h)
        case Chained():
            return _in_sequence(list(zip(layer.layers, params, strict=True)), h)  # type: ignore[arg-type]
        case Residual():
            branch = _sizes(layer.branch, params, h)
            left = _log(1.0 - math.exp(branch.local)) if branch.local < 0 else -math.inf
            up, near = np.logaddexp(0.0, [branch.upper, branch.local]).tolist()
            return Sizes(up, near, left, left, left)
    name = getattr(layer, "name", type(layer).__name__)
    raise UsageError(
        f"no bound is known for layer {name}: chain_bounds takes dense, convolution, residual and "
        "normalization layers"
    )


def _folklore(layer: object, params: object) -> float:
    """Return log sup|phi'| of a layer that has an activation, else 0."""
    return _sup(layer, params) if isinstance(layer, (Dense, Convolution)) else 0.0  # type: ignore[arg-type]


def chain_bounds(network: Network, x: jax.Array | np.ndarray) -> ChainBounds:
    """Set a network's exact spectral norms beside the bounds that hold for it.

    Args:
        network: the network; dense, convolution, residual and normalization layers.
        x: one input, concrete.

    Returns:
        A `ChainBounds`. `log_exact` is exact up to rounding; the bounds are *upper bounds* and
        *lower bounds* computed in floats, so comparisons allow `tolerance` = 8 L n eps. Cost: a
        small SVD a layer, O(L n^3).

    Raises:
        UsageError: if a layer has no known bound, or the call is traced.
        ShapeError: if x does not fit.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.eye(2, dtype=np.float32)] * 5, activation="sigmoid")
        >>> b = chain_bounds(net, np.zeros(2, np.float32))
        >>> bool((b.log_exact <= b.log_upper + b.tolerance).all()), b.power_is_bound
        (True, True)
    """
    if not is_concrete(network, x):
        raise UsageError("chain_bounds was called inside jit, vmap or grad: call it outside")
    chain = jacobian_chain(network, x, norm="spectral")
    trace = forward(network, x)
    sizes, powers = [], []
    for number, (layer, params) in enumerate(network.layers()):
        sizes.append(_sizes(layer, params, trace.h[number]))
        powers.append(_folklore(layer, params))
    upper, local, lower_norm, stretch, transposed = (np.array(c) for c in zip(*sizes, strict=True))
    power = bounds.chain_upper(np.zeros(len(powers)), powers)
    log_upper = bounds.chain_upper(upper, 0.0)
    side = max(chain.jacobian.shape + tuple(int(np.size(h)) for h in trace.h))
    eps = float(jnp.finfo(chain.norms.dtype).eps)
    tolerance = ROUNDING * network.depth * side * eps
    return ChainBounds(
        np.asarray(chain.log_norms, np.float64),
        log_upper,
        bounds.chain_upper(local, 0.0),
        bounds.chain_lower(stretch, transposed, lower_norm),
        power,
        bool((log_upper <= power + tolerance).all()),
        tolerance,
        chain,
    )
