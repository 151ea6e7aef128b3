"""How steep is the loss of the smallest recurrent network, and how thin is the steep part?

x_t = w phi(x_{t-1}) + b, x_0 = 1/2, t = 1 .. T, one unit, E = (phi(x_T) - 7/10)^2. Where 1/2 is an
unstable fixed point, b = 1/2 - w phi(1/2) with w phi'(1/2) > 1, a little more or less of b decides at
which of two stable states the network ends: the loss is a cliff, its slope grows as (w phi'(1/2))^T and
its width shrinks likewise. With phi' > 0 and w > 0 all factors are positive, so that

    dx_T/db = sum_{t=1..T} dx_T/dx_t,    dx_T/dw = sum_{t=1..T} phi(x_{t-1}) dx_T/dx_t

are sums of the exact sizes that `time_chain` gives, without cancellation. In float64: a float32 hardly
holds a number on the cliff. Cost: 1 s of compilation, then 10 us a point. Source: Pascanu, Mikolov and
Bengio, arXiv:1211.5063, section 2 and figure 6.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain._types import one_of, whole_number
from gradchain.experiments.statistics import plain
from gradchain.measured.recurrent.chain import time_chain

ACTIVATIONS = ("sigmoid", "tanh")
QUANTITIES = ("gradient", "loss", "width")
START, GOAL = 0.5, 0.7
MOST = {"steps": 200, "weight": 20.0}
# Sides of the wall, for its height and its width.
ASIDE = 0.1
LEAST_OFFSET = 0.001
_SHARES = (0.1, 0.9)
# Points are taken in chunks of one size, so that one program serves any number of them.
_CHUNK = 256


class Wall(NamedTuple):
    """The loss at K points (w, b), float64, (K,) each.

    `output` is phi(x_T), `loss` E, `by_weight` and `by_bias` dE/dw and dE/db, `log10_chain` the decimal
    logarithm of dx_T/dx_0. Exact up to rounding.
    """

    output: np.ndarray
    loss: np.ndarray
    by_weight: np.ndarray
    by_bias: np.ndarray
    log10_chain: np.ndarray

    @property
    def steepness(self) -> np.ndarray:
        """Length of the gradient (dE/dw, dE/db)."""
        return np.hypot(self.by_weight, self.by_bias)


def _step(name: str, params: jax.Array, state: jax.Array, x: jax.Array) -> jax.Array:
    return params[:1] * activations.get(name)(state) + params[1:] + x


# Made once: `time_chain` compiles a function that is made anew, anew.
_STEPS = {name: partial(_step, name) for name in ACTIVATIONS}


@partial(jax.jit, static_argnames=("name", "steps"))
def _follow(points: jax.Array, name: str, steps: int) -> tuple[jax.Array, ...]:
    phi, step = activations.get(name), _STEPS[name]
    inputs = jnp.zeros((steps, 1), points.dtype)
    start = jnp.full(1, START, points.dtype)

    def one(point: jax.Array) -> tuple[jax.Array, ...]:
        last, before = lax.scan(lambda own, x: (step(point, own, x), own), start, inputs)
        logs = time_chain(step, point, inputs, start, parameters=False).log_norms
        back = jnp.exp(logs[1:])
        output = phi(last[0])
        slope = 2 * (output - GOAL) * phi.derivative(last[0])
        by_weight = slope * jnp.sum(back * phi(before[:, 0]))
        return output, (output - GOAL) ** 2, by_weight, slope * jnp.sum(back), logs[0]

    return jax.vmap(one)(points)


def wall(
    weights: np.ndarray, biases: np.ndarray, steps: int = 50, activation: str = "sigmoid"
) -> Wall:
    """Take the loss and its gradient at points of the plane of weight and bias.

    Args:
        weights: (K,) w, above 0 and at most 20.
        biases: (K,) b.
        steps: T, at most 200.
        activation: "sigmoid" or "tanh".

    Returns:
        `Wall`.

    Raises:
        UsageError: for a size out of range.

    Example:
        >>> found = wall(np.array([6.0, 6.0]), np.array([-3.3, -3.2]))
        >>> found.output.round(2).tolist(), bool(found.steepness.max() < 10)
        ([0.05, 0.9], True)
    """
    one_of("activation", activation, ACTIVATIONS)
    if whole_number("steps", steps) > MOST["steps"]:
        raise UsageError(f"got {steps} steps, expected at most {MOST['steps']}")
    points = np.stack(np.broadcast_arrays(weights, biases), axis=-1).astype(np.float64)
    if (
        points.ndim != 2
        or not points.size
        or not np.all((points[:, 0] > 0) & (points[:, 0] <= MOST["weight"]))
    ):
        raise UsageError(f"expected a row of weights above 0, to {MOST['weight']:g}")
    if not np.all(np.abs(points[:, 1]) <= MOST["weight"]):
        raise UsageError(f"expected biases from -{MOST['weight']:g} to {MOST['weight']:g}")
    count = len(points)
    filled = np.concatenate([points, np.ones((-count % _CHUNK, 2))])
    with jax.enable_x64(True):
        parts = [
            [np.asarray(a) for a in _follow(jnp.asarray(part), activation, steps)]
            for part in np.split(filled, len(filled) // _CHUNK)
        ]
    found = [np.concatenate(each)[:count] for each in zip(*parts, strict=True)]
    return Wall(found[0], found[1], found[2], found[3], found[4] / np.log(10.0))


def ridge_bias(weight: float | np.ndarray, activation: str = "sigmoid") -> np.ndarray:
    """Return where the ridge is: b = 1/2 - w phi(1/2).

    Args:
        weight: w.
        activation: "sigmoid" or "tanh".

    Returns:
        b, exact up to rounding. A wall stands there where w phi'(1/2) > 1.
    """
    own = np.tanh(START) if activation == "tanh" else 1 / (1 + np.exp(-START))
    return np.asarray(START - np.asarray(weight, np.float64) * own)


def width(weight: float, steps: int, activation: str = "sigmoid") -> float:
    """Return how thin the wall is: the range of b in which the output makes most of its jump.

    The output phi(x_T) rises with b. Its values at 0.1 beside the ridge are the ends of the jump; the
    width is how far the points lie apart at which it has made a tenth and nine tenths of it.

    Args:
        weight: w.
        steps: T.
        activation: "sigmoid" or "tanh".

    Returns:
        The width, exact up to rounding: an absolute error of about 1e-15.

    Raises:
        UsageError: if there is no wall, w phi'(1/2) <= 1, or a size is out of range.
    """
    middle = ridge_bias(weight, activation)
    factor = weight * float(activations.get(activation).derivative(np.float32(START)))
    if not factor > 1:
        raise UsageError(f"got weight {weight:g}, which makes no wall: w phi'(1/2) = {factor:.3g}")

    def outputs(offsets: np.ndarray) -> np.ndarray:
        return wall(np.full(len(offsets), weight), middle + offsets, steps, activation).output

    low, high = outputs(np.array([-ASIDE, ASIDE]))
    goals = low + np.array(_SHARES) * (high - low)
    left, right = np.full(2, -ASIDE), np.full(2, ASIDE)
    # 50 halvings of 0.2 end at the spacing of float64.
    for _ in range(50):
        half = (left + right) / 2
        below = outputs(half) < goals
        left, right = np.where(below, half, left), np.where(below, right, half)
    return float(right[1] - right[0])


@recomputable(weight=float, offset=float, steps=int, quantity=QUANTITIES)
def beside(weight: float, offset: float, steps: int, quantity: str) -> Result:
    """Compute the length of the gradient, or the loss, beside the ridge of a sigmoid's wall.

    Args:
        weight: w.
        offset: how far b is from the ridge, at least 0.001 in size, for nearer to it the rounding of b
            grows (on it, see `exploding_through_time_exact.ridge`); not read for the width.
        steps: T.
        quantity: "gradient" (the length of (dE/dw, dE/db)), "loss" or "width".

    Returns:
        The value with the error of rounding.

    Raises:
        UsageError: for a size out of range.
    """
    if quantity == "width":
        value = width(weight, steps)
        # Two ends of the spacing of float64 at b, and as much again for the output's rounding.
        error = 8 * float(np.spacing(np.abs(ridge_bias(weight))))
        return _result(value, error)
    if not abs(offset) >= LEAST_OFFSET:
        raise UsageError(f"got offset {offset:g}, expected at least {LEAST_OFFSET} in size")
    found = wall(np.array([weight]), ridge_bias(weight) + np.array([offset]), steps)
    value = float((found.steepness if quantity == "gradient" else found.loss)[0])
    return _result(value, 1e-9 * value)


def _result(value: float, error: float) -> Result:
    method = "float64; a bound of what rounding adds"
    doubt = Uncertainty("error bound", value=plain(error, 2), method=method)
    return Result(plain(value, 9), uncertainty=doubt)
