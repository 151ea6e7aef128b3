"""How do a hundred layers of a hundred widths become one program instead of a hundred?

Dense layers of different widths cannot share a scan, and each one compiled by itself costs 0.3 s.
Here a stretch of such runs becomes one run: weights are filled up with zeros to the widest layer,

    h -> phi(W' h + b'),   W' = [[W, 0], [0, 0]],  b' = (b, 0),

whose extra units pass nothing on, so that states, Jacobian products and their Frobenius, spectral
and max norms are those of the network itself. Stretches are cut so that the arithmetic grows at most
`_MOST_WORK` times.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from gradchain.measured.layers import Dense
from gradchain.measured.network import Network, Run

# Fewer runs than this compile within a second or two as they are.
_FEWEST_RUNS = 6
# Entries of the filled-up weights beside those of the true ones.
_MOST_WORK = 4


@dataclass(frozen=True)
class PaddedDense(Dense):
    """A dense layer with units that do not exist, where params["mask"] is 0.

    `before` and `after` are the true numbers of units at the two ends of its run.
    """

    width: int
    before: int
    after: int

    def preactivation(self, params: dict, h: jax.Array) -> jax.Array:
        """Return z = W h + b; units that do not exist repeat the first one's, which is finite."""
        z = super().preactivation(params, h)
        return jnp.where(params["mask"] > 0, z, jnp.broadcast_to(z[..., :1], z.shape))


def merged(network: Network, x: jax.Array) -> Network:
    """Join stretches of dense runs of different widths; other runs stay as they are.

    Args:
        network: the network.
        x: its input; only vectors are filled up.

    Returns:
        A network with the same states and chain, and fewer runs.
    """
    if x.ndim != 1 or len(network.runs) < _FEWEST_RUNS:
        return network
    runs: list[Run] = []
    stretch: list[Run] = []
    for run in network.runs:
        if stretch and not _fits(stretch, run):
            runs += _joined(stretch)
            stretch = []
        stretch.append(run)
    return Network((*runs, *_joined(stretch)))


def _plain(run: Run) -> bool:
    return (
        type(run.layer) is Dense
        and isinstance(run.params, dict)
        and set(run.params) <= {"weight", "bias"}
    )


def _fits(stretch: list[Run], run: Run) -> bool:
    """Say whether a run may join a stretch: the same layer, and not too much more work."""
    first = stretch[0]
    alike = _plain(first) and _plain(run) and first.layer == run.layer
    if not alike or set(first.params) != set(run.params):  # type: ignore[call-overload]
        return False
    shapes = [part.params["weight"].shape for part in (*stretch, run)]  # type: ignore[index]
    widest = max(max(shape[1:]) for shape in shapes)
    true = sum(length * out * into for length, out, into in shapes)
    return sum(shape[0] for shape in shapes) * widest**2 <= _MOST_WORK * true


def _joined(stretch: list[Run]) -> list[Run]:
    """Return one filled-up run for a long stretch, and a short one as it is."""
    if len(stretch) < _FEWEST_RUNS:
        return stretch
    weights = [run.params["weight"] for run in stretch]  # type: ignore[index]
    width = max(max(weight.shape[1:]) for weight in weights)
    params: dict[str, Any] = {
        "weight": jnp.concatenate([_filled(weight, (width, width)) for weight in weights]),
        "mask": jnp.concatenate([
            jnp.broadcast_to(
                (jnp.arange(width) < weight.shape[1]).astype(weight.dtype),
                (weight.shape[0], width),
            )
            for weight in weights
        ]),
    }
    if "bias" in stretch[0].params:  # type: ignore[operator]
        biases = [run.params["bias"] for run in stretch]  # type: ignore[index]
        params["bias"] = jnp.concatenate([_filled(bias, (width,)) for bias in biases])
    layer: Any = stretch[0].layer
    ends = (weights[0].shape[2], weights[-1].shape[1])
    padded = PaddedDense(layer.activation, width, *ends)
    return [Run(padded, params, sum(run.length for run in stretch))]


def _filled(array: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Fill an array (layers, *own) up with zeros to (layers, *shape)."""
    room = [(0, 0), *((0, to - own) for own, to in zip(array.shape[1:], shape, strict=True))]
    return jnp.pad(array, room)


def widened(run: Run, state: jax.Array) -> jax.Array:
    """Fill states (.., units before a padded run) up with zeros; other runs take them as they are.

    Args:
        run: the run.
        state: a state, or rows of cotangents of one, at either end of the run.

    Returns:
        The same with the run's width along the last axis.
    """
    if not isinstance(run.layer, PaddedDense):
        return state
    return jnp.pad(state, [*[(0, 0)] * (state.ndim - 1), (0, run.layer.width - state.shape[-1])])


def narrowed(run: Run, state: jax.Array, *, at_start: bool) -> jax.Array:
    """Take the units that exist at an end of a padded run; other runs' states are as they are.

    Args:
        run: the run.
        state: a state, or rows of cotangents of one.
        at_start: the end: before the run, or after it.

    Returns:
        The same with the true number of units along the last axis.
    """
    if not isinstance(run.layer, PaddedDense):
        return state
    return state[..., : run.layer.before if at_start else run.layer.after]
