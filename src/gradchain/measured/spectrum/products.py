"""How are dh_L/dh_0 u and (dh_L/dh_0)^T v computed without any Jacobian, at any depth?

Each layer maps a direction by its own derivative at the state it sees: u <- diag(phi'(z_l)) W_l u for
a dense layer, by `jax.jvp` and `jax.vjp` for any other. After every layer a power of two is taken out
of each direction (exact), so that nothing underflows. Dense layers multiply in float64, one layer's
weights converted at a time; others in the network's float type. Memory beside the weights: the
states, and one layer's weights in float64. Cost a direction: one pass over the weights.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import UsageError
from gradchain._types import is_concrete
from gradchain.measured.layers import Dense
from gradchain.measured.network import Network, Run, check_input, checked
from gradchain.measured.pullback import states_of
from gradchain.scaled import from_array


class Products:
    """The map dh_L/dh_0 of one network at one input, known by its products alone.

    `before` and `after` are the numbers of entries of h_0 and h_L, `depth` that of layers;
    `rounding` the relative rounding of the arithmetic.
    """

    def __init__(self, network: Network, x: jax.Array | np.ndarray) -> None:
        """Run the network forward and keep its states.

        Raises:
            UsageError: inside jit or grad.
        """
        if not is_concrete(network, x):
            raise UsageError("got traced arrays: matrix-free norms work outside jit, vmap and grad")
        x = check_input(network, x)
        self._network, self.depth = network, network.depth
        self._seen, out = checked(_states(network, x), "a state")
        self.before, self.after = int(x.size), int(out.size)
        self._shapes = (x.shape, out.shape)
        plain = x.ndim == 1 and all(type(run.layer) is Dense for run in network.runs)
        self.rounding = 2.0**-52 if plain else float(jnp.finfo(x.dtype).eps)

    def forward(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return J u for each row u.

        Args:
            rows: (p, n_0) float64.

        Returns:
            (mantissas (p, n_L), exponents (p,)): row i is mantissa[i] * 2**exponent[i].
        """
        return self._apply(_forward, rows, self._shapes[0])

    def backward(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return J^T v for each row v, as `forward` does.

        Args:
            rows: (p, n_L) float64.

        Returns:
            (mantissas (p, n_0), exponents (p,)).
        """
        return self._apply(_backward, rows, self._shapes[1])

    def _apply(
        self, program: Callable, rows: np.ndarray, shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        with jax.enable_x64(True):
            start = jnp.asarray(rows.reshape(-1, *shape), jnp.float64)
            mantissa, exponent = program(self._network, self._seen, start)
            flat = np.asarray(mantissa).reshape(len(rows), -1)
        checked(flat, "a product with a layer's Jacobian")
        return flat, np.asarray(exponent).astype(np.int64)


@jax.jit
def _states(network: Network, x: jax.Array) -> tuple[list, jax.Array]:
    """Return for each run the slopes of its layers, or the states before them, and the last state."""
    kept, out = states_of(network, x)
    seen = []
    for run, (inputs, z) in zip(network.runs, kept, strict=True):
        layer: Any = run.layer
        seen.append(jax.vmap(layer.slopes)(run.params, z) if _by_slopes(run, inputs) else inputs)
    return seen, out


def _by_slopes(run: Run, inputs: jax.Array) -> bool:
    """Say whether a run is of dense layers on vectors (inputs stacked)."""
    return type(run.layer) is Dense and inputs.ndim == 2


def _tamed(rows: jax.Array, exponent: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Take a power of two out of each row."""
    value = from_array(rows, axis=tuple(range(1, rows.ndim)))
    own = value.exponent.reshape(-1)
    return value.mantissa, jnp.where(
        (value.mantissa == 0).reshape(len(own), -1).all(1), 0, exponent + own
    )


def _scan(step: Callable, rows: jax.Array, seen: tuple, run: Run, reverse: bool) -> tuple:
    """Carry (rows, exponents) through the layers of a run."""
    start = _tamed(rows, jnp.zeros(rows.shape[0], jnp.int32))
    if run.length == 1:
        return step(start, jax.tree.map(lambda leaf: leaf[0], seen))
    return lax.scan(lambda c, own: (step(c, own), None), start, seen, reverse=reverse)[0]


@jax.jit
def _forward(network: Network, seen: list, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _through(network.runs, seen, rows, forward=True)


@jax.jit
def _backward(network: Network, seen: list, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _through(tuple(reversed(network.runs)), seen[::-1], rows, forward=False)


def _through(
    runs: tuple[Run, ...], seen: list, rows: jax.Array, forward: bool
) -> tuple[jax.Array, jax.Array]:
    """Carry rows through all runs, one way or the other."""
    total = jnp.zeros(rows.shape[0], jnp.int32)
    for run, own in zip(runs, seen, strict=True):
        # A dense run on vectors kept the slopes, stacked; any other the states before its layers.
        if type(run.layer) is Dense and rows.ndim == 2:
            step = partial(_dense_step, forward)
            parts = (run.params["weight"], own)  # type: ignore[index]
        else:
            step = partial(_any_step, forward, run.layer)
            parts = (run.params, own)
        rows, exponent = _scan(step, rows, parts, run, reverse=not forward)
        total = total + exponent
    return rows, total


def _dense_step(forward: bool, carry: tuple, part: tuple) -> tuple[jax.Array, jax.Array]:
    """Multiply rows by diag(slope) W or its transpose, in float64."""
    weight, slope = (leaf.astype(jnp.float64) for leaf in part)
    rows, exponent = carry
    slopes = jnp.broadcast_to(slope[None], (rows.shape[0], slope.shape[0]))
    moved = _dot(rows, weight, 1) * slopes if forward else _dot(rows * slopes, weight, 0)
    return _tamed(moved, exponent)


def _any_step(forward: bool, layer: Any, carry: tuple, part: tuple) -> tuple[jax.Array, jax.Array]:
    """Push rows through a layer's derivative, or pull them back, in the layer's own type."""
    params, h = part
    rows, exponent = carry
    own = rows.astype(h.dtype)

    def call(state: jax.Array) -> jax.Array:
        return layer(params, state)

    if forward:
        moved = jax.vmap(lambda u: jax.jvp(call, (h,), (u,))[1])(own)
    else:
        _, back = jax.vjp(call, h)
        moved = jax.vmap(lambda v: back(v)[0])(own)
    return _tamed(moved.astype(jnp.float64), exponent)


def _dot(rows: jax.Array, weight: jax.Array, over: int) -> jax.Array:
    """Multiply rows by a weight matrix, contracting its axis `over`."""
    axes = (((1,), (over,)), ((), ()))
    return lax.dot_general(rows, weight, axes, precision=lax.Precision.HIGHEST)
