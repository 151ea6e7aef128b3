"""What is a recurrent cell: a step, its parameters, and the gate that keeps its state?

The equations stand in `gradchain.measured.recurrent.cells`, which makes the cells.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gradchain import activations
from gradchain._types import random_key, whole_number
from gradchain.activations import Activation
from gradchain.initializers import Initializer
from gradchain.initializers.noun import checked_dtype

Arrays = tuple[jax.Array, ...]
# What `shifted` adds to nothing: no shift of the pre-activations.
_NONE: Arrays = ()


class LSTMState(NamedTuple):
    """The state (h, c) of an LSTM: what it shows and what it keeps, each (units,)."""

    h: jax.Array
    c: jax.Array


def _times(weight: jax.Array, vector: jax.Array) -> jax.Array:
    return jnp.matmul(weight, vector, precision=lax.Precision.HIGHEST)


def _sum_of_squares(vector: jax.Array) -> jax.Array:
    return jnp.sum(vector * vector)


@dataclass(frozen=True)
class Cell:
    """One recurrent cell: hashable, equal by its settings, holding no arrays.

    Make one with `simple_rnn`, `lstm`, `gru` or `minimal`; a subclass overrides `shifted`, `reach` and
    `kept`. `gates` names the row blocks of the
    stacked weights; `gate_bias` is the starting bias of the gate that keeps the state.
    """

    units: int
    activation: Activation
    kernel_initializer: Initializer
    recurrent_initializer: Initializer | str
    gate_bias: float = 0.0

    gates: ClassVar[tuple[str, ...]] = ("h",)
    # The gate that multiplies the old state, and the block of the state that it keeps.
    keeps: ClassVar[tuple[str, str] | None] = None

    def shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        """Return the parameters' shapes for inputs of so many entries."""
        rows = len(self.gates) * self.units
        return {"kernel": (rows, input_dim), "recurrent": (rows, self.units), "bias": (rows,)}

    def init(self, key: jax.Array, input_dim: int, dtype: Any = None) -> dict[str, jax.Array]:
        """Draw parameters.

        Args:
            key: a JAX random key.
            input_dim: entries of one input.
            dtype: float type; JAX's default if not given.

        Returns:
            Arrays by name, of the shapes of `shapes(input_dim)`.

        Raises:
            UsageError: if key is no key or input_dim no whole number of at least 1.
            DtypeError: if dtype is no float type.
        """
        shapes = self.shapes(whole_number("input_dim", input_dim))
        float_type = checked_dtype(dtype)
        keys = dict(zip(shapes, jax.random.split(random_key(key), len(shapes)), strict=True))
        params = {}
        for name, shape in shapes.items():
            if len(shape) == 1:
                params[name] = jnp.zeros(shape, float_type)
            elif name == "recurrent" and not isinstance(self.recurrent_initializer, Initializer):
                params[name] = jnp.eye(self.units, dtype=float_type)
            else:
                law = self.recurrent_initializer if name == "recurrent" else self.kernel_initializer
                params[name] = law.sample(keys[name], shape, float_type)  # type: ignore[union-attr]
        if self.keeps is not None:
            gate = self.keeps[0]
            start = self.gates.index(gate) * self.units
            kept = params["bias"].at[start : start + self.units].set(self.gate_bias)
            params["bias"] = kept
        return params

    def state0(self, dtype: Any = None) -> Any:
        """Return the state before the first input: zeros.

        Args:
            dtype: float type; JAX's default if not given.

        Returns:
            An array (units,); `LSTMState` for an LSTM.

        Raises:
            DtypeError: if dtype is no float type.
        """
        return jnp.zeros(self.units, checked_dtype(dtype))

    def step(self, params: Any, state: Any, x: jax.Array) -> Any:
        """Return the next state.

        Args:
            params: what `init` gave.
            state: the state.
            x: one input (input_dim,).

        Returns:
            The next state, of the same structure and shapes.
        """
        return self.shifted(params, state, x, _NONE)

    def shifted(self, params: Any, state: Any, x: jax.Array, shifts: Arrays) -> Any:
        """Return the next state with `shifts` added to the pre-activations.

        Their cotangents give every row's parameter gradient: dz/dW = (input of W), so its norm needs
        no array of the parameters' size.

        Args:
            params: what `init` gave.
            state: the state.
            x: one input.
            shifts: arrays of the shapes of `reach`'s; none for no shift.

        Returns:
            The next state.
        """
        return self.activation(self._sum(params, state, x, shifts))

    def reach(self, params: Any, state: Any, x: jax.Array) -> Arrays:
        """Return, for each pre-activation, the squared length of what its own parameters multiply."""
        rows = len(self.gates) * self.units
        return (jnp.full(rows, 1.0 + _sum_of_squares(x) + _sum_of_squares(state)),)

    def kept(self, params: Any, state: Any, x: jax.Array) -> jax.Array | None:
        """Return the gate that multiplies the old state, (units,); None if there is none."""
        return None

    def summed(self, params: Any, h: jax.Array, x: jax.Array) -> jax.Array:
        """Return the pre-activations W x + U h + b, gate after gate.

        Args:
            params: what `init` gave.
            h: the part of the state that U multiplies.
            x: one input.

        Returns:
            (gates * units,).
        """
        return self._sum(params, h, x, _NONE)

    def _sum(self, params: Any, h: jax.Array, x: jax.Array, shifts: Arrays) -> jax.Array:
        z = _times(params["kernel"], x) + _times(params["recurrent"], h) + params["bias"]
        return z + shifts[0] if shifts else z


@dataclass(frozen=True)
class SimpleRNN(Cell):
    """h' = phi(W x + U h + b), the step of `Cell` itself; made by `simple_rnn`."""


@dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory with forget gate; made by `lstm`."""

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    keeps: ClassVar[tuple[str, str] | None] = ("f", "c")

    def state0(self, dtype: Any = None) -> LSTMState:
        """Return zeros; see `Cell.state0`."""
        zero = jnp.zeros(self.units, checked_dtype(dtype))
        return LSTMState(zero, zero)

    def shifted(self, params: Any, state: Any, x: jax.Array, shifts: Arrays) -> LSTMState:
        """Return the next state; see `Cell.shifted`."""
        h, c = state
        i, f, g, o = jnp.split(self._sum(params, h, x, shifts), 4)
        sigmoid = activations.sigmoid
        new = sigmoid(f) * c + sigmoid(i) * self.activation(g)
        return LSTMState(sigmoid(o) * self.activation(new), new)

    def reach(self, params: Any, state: Any, x: jax.Array) -> Arrays:
        """Return the squared lengths; see `Cell.reach`."""
        return super().reach(params, state[0], x)

    def kept(self, params: Any, state: Any, x: jax.Array) -> jax.Array:
        """Return the forget gate: dc'/dc along the direct path."""
        return activations.sigmoid(jnp.split(self._sum(params, state[0], x, _NONE), 4)[1])


@dataclass(frozen=True)
class GRU(Cell):
    """Gated recurrent unit, with the reset gate after or before the product; made by `gru`."""

    reset_after: bool = True

    gates: ClassVar[tuple[str, ...]] = ("z", "r", "h")
    keeps: ClassVar[tuple[str, str] | None] = ("z", "h")

    def shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        """Return the parameters' shapes; reset after the product has a second bias, as in Keras."""
        shapes = super().shapes(input_dim)
        return shapes | {"recurrent_bias": shapes["bias"]} if self.reset_after else shapes

    def shifted(self, params: Any, state: Any, x: jax.Array, shifts: Arrays) -> Any:
        """Return the next state; see `Cell.shifted`."""
        z, _, _, candidate = self.opened(params, state, x, shifts)
        z = activations.sigmoid(z)
        return z * state + (1 - z) * self.activation(candidate)

    def opened(self, params: Any, h: jax.Array, x: jax.Array, shifts: Arrays = _NONE) -> Arrays:
        """Return what happens before the gates are applied.

        Args:
            params: what `init` gave.
            h: the state.
            x: one input.
            shifts: as in `Cell.shifted`.

        Returns:
            Pre-activations of z and r, what r multiplies (U_h h + b_U, or h), and the candidate's
            pre-activation.
        """
        sigmoid = activations.sigmoid
        ahead = _times(params["kernel"], x) + params["bias"]
        ahead = ahead + shifts[0] if shifts else ahead
        if self.reset_after:
            back = _times(params["recurrent"], h) + params["recurrent_bias"]
            back = back + shifts[1] if shifts else back
            (xz, xr, xh), (hz, hr, hh) = jnp.split(ahead, 3), jnp.split(back, 3)
            return xz + hz, xr + hr, hh, xh + sigmoid(xr + hr) * hh
        xz, xr, xh = jnp.split(ahead, 3)
        uz, ur, uh = jnp.split(params["recurrent"], 3)
        z, r = xz + _times(uz, h), xr + _times(ur, h)
        return z, r, h, xh + _times(uh, sigmoid(r) * h)

    def reach(self, params: Any, state: Any, x: jax.Array) -> Arrays:
        """Return the squared lengths; see `Cell.reach`."""
        one, own = 1.0 + _sum_of_squares(x), _sum_of_squares(state)
        if self.reset_after:
            return jnp.full(3 * self.units, one), jnp.full(3 * self.units, 1.0 + own)
        seen = _sum_of_squares(activations.sigmoid(self.opened(params, state, x)[1]) * state)
        each = [jnp.full(self.units, one + size) for size in (own, own, seen)]
        return (jnp.concatenate(each),)

    def kept(self, params: Any, state: Any, x: jax.Array) -> jax.Array:
        """Return the update gate: dh'/dh along the leak."""
        return activations.sigmoid(self.opened(params, state, x)[0])


@dataclass(frozen=True)
class MinimalRNN(Cell):
    """The minimal gated network of Chen et al. 2018; made by `minimal`."""

    gates: ClassVar[tuple[str, ...]] = ("u", "e")
    keeps: ClassVar[tuple[str, str] | None] = ("u", "h")

    def shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        """Return the parameters' shapes: W (n, d), U and V (n, n), b_u and b as one (2 n,)."""
        n = self.units
        square = {"recurrent": (n, n), "embedded": (n, n)}
        return {"kernel": (n, input_dim), **square, "bias": (2 * n,)}

    def shifted(self, params: Any, state: Any, x: jax.Array, shifts: Arrays) -> Any:
        """Return the next state; see `Cell.shifted`."""
        _, e, u = self.opened(params, state, x, shifts)
        u = activations.sigmoid(u)
        return u * state + (1 - u) * e

    def opened(self, params: Any, h: jax.Array, x: jax.Array, shifts: Arrays = _NONE) -> Arrays:
        """Return what happens before the gate is applied.

        Args:
            params: what `init` gave.
            h: the state.
            x: one input.
            shifts: as in `Cell.shifted`.

        Returns:
            The pre-activation of e, e itself, and the pre-activation of u.
        """
        gate_bias, bias = jnp.split(params["bias"], 2)
        into = _times(params["kernel"], x) + bias
        into = into + shifts[0] if shifts else into
        e = self.activation(into)
        gate = _times(params["recurrent"], h) + _times(params["embedded"], e) + gate_bias
        return into, e, gate + shifts[1] if shifts else gate

    def reach(self, params: Any, state: Any, x: jax.Array) -> Arrays:
        """Return the squared lengths; see `Cell.reach`."""
        e = self.opened(params, state, x)[1]
        gate = 1.0 + _sum_of_squares(state) + _sum_of_squares(e)
        return jnp.full(self.units, 1.0 + _sum_of_squares(x)), jnp.full(self.units, gate)

    def kept(self, params: Any, state: Any, x: jax.Array) -> jax.Array:
        """Return the update gate: dh'/dh along the leak."""
        return activations.sigmoid(self.opened(params, state, x)[2])
