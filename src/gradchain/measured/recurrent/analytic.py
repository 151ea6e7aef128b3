"""How do rows of cotangents travel back through a step whose Jacobian is known?

The rows R of ds_T/ds_t are multiplied by J_t, written with the diagonals of the step (primes are
derivatives at the pre-activations). All gates that a row meets in one place join in one matrix, so

    simple RNN   R <- R diag(phi') U
    LSTM         C = R_c + R_h diag(o phi'(c')),  R_c <- C diag(f),
                 R_h <- C (diag(g i') U_i + diag(c f') U_f + diag(i g') U_g) + R_h diag(phi(c') o') U_o
    GRU          R <- R diag(z) + R (diag((h - g) z') U_z + diag((1-z) g' u r') U_r
                                     + diag((1-z) g' r) U_h),  u = U_h h + b_U          reset after
                 S = R diag((1-z) g') U_h,  R <- R diag(z) + R diag((h - g) z') U_z
                                     + S diag(r) + S diag(h r') U_r                     reset before
    minimal RNN  R <- R diag(u) + R diag((h - e) u') U

For an LSTM these are two products of (2n, n) by (n, n), half of a product of (2n, 2n) by (2n, 2n).
Rows are rescaled by powers of two, which does not round. No derivative code is shared with the other
route, a vmapped `jax.vjp`, which any cell can take.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gradchain import activations
from gradchain.measured.recurrent.noun import GRU, LSTM, Cell, MinimalRNN, SimpleRNN
from gradchain.scaled import Scaled, bits, norm

# Parts of rows, one array (rows, units) for each part of the state.
Parts = tuple[jax.Array, ...]
# The diagonals of one step, by name, (units,) each.
Slopes = dict[str, jax.Array]
# Far below any exponent, yet safe to subtract in int32.
_NOTHING = -(1 << 29)


class Rule(NamedTuple):
    """What is known of a kind of cell.

    `slopes(cell, params, state, x)` are the diagonals of one step; `back(params, slopes, parts, all)`
    pulls rows back and returns the parts before the step, and the sources: every cotangent of a
    pre-activation is a source times a diagonal (where `all` is false, some sources may be left out);
    `met(slopes, reach)` are those diagonals with the squared reach of their parameters, by source.
    """

    slopes: Callable
    back: Callable
    met: Callable


def _times(rows: jax.Array, matrix: jax.Array) -> jax.Array:
    return jnp.matmul(rows, matrix, precision=lax.Precision.HIGHEST)


def _across(rows: jax.Array, diagonal: jax.Array) -> jax.Array:
    return rows * diagonal[None]


def _joined(recurrent: jax.Array, *diagonals: jax.Array) -> jax.Array:
    """Return sum_k diag(d_k) U_k for the first blocks of rows of the recurrent weights."""
    n = recurrent.shape[1]
    each = [d[:, None] * recurrent[k * n : (k + 1) * n] for k, d in enumerate(diagonals)]
    return sum(each[1:], each[0])


def _simple_slopes(cell: Any, params: Any, h: jax.Array, x: jax.Array) -> Slopes:
    return {"h": cell.activation.derivative(cell.summed(params, h, x))}


def _simple_back(params: Any, slopes: Slopes, parts: Parts, every: bool) -> tuple[Parts, Parts]:
    (rows,) = parts
    return (_times(_across(rows, slopes["h"]), params["recurrent"]),), (rows,)


def _simple_met(slopes: Slopes, reach: Parts) -> list[list[tuple]]:
    return [[(slopes["h"], reach[0])]]


def _lstm_slopes(cell: Any, params: Any, state: Any, x: jax.Array) -> Slopes:
    h, c = state
    i, f, g, o = jnp.split(cell.summed(params, h, x), 4)
    gate, phi = activations.sigmoid, cell.activation
    new = gate(f) * c + gate(i) * phi(g)
    return {
        "i": gate.derivative(i) * phi(g),
        "f": gate.derivative(f) * c,
        "g": gate(i) * phi.derivative(g),
        "o": gate.derivative(o) * phi(new),
        "kept": gate(f),
        "shown": gate(o) * phi.derivative(new),
    }


def _lstm_back(params: Any, slopes: Slopes, parts: Parts, every: bool) -> tuple[Parts, Parts]:
    shown, kept = parts
    weights, units = params["recurrent"], shown.shape[1]
    into = kept + _across(shown, slopes["shown"])
    inner = _joined(weights, slopes["i"], slopes["f"], slopes["g"])
    outer = _joined(weights[3 * units :], slopes["o"])
    before = _times(into, inner) + _times(shown, outer), _across(into, slopes["kept"])
    return before, (into, shown)


def _lstm_met(slopes: Slopes, reach: Parts) -> list[list[tuple]]:
    own = dict(zip("ifgo", jnp.split(reach[0], 4), strict=True))
    return [[(slopes[gate], own[gate]) for gate in gates] for gates in ("ifg", "o")]


def _gru_slopes(cell: Any, params: Any, h: jax.Array, x: jax.Array) -> Slopes:
    z, r, met, candidate = cell.opened(params, h, x)
    gate, phi = activations.sigmoid, cell.activation
    return {
        "z": (h - phi(candidate)) * gate.derivative(z),
        # Reset after: dh'/dr = dh'/da u; before: the gate r is met by S instead of R.
        "r": met * gate.derivative(r),
        "h": (1 - gate(z)) * phi.derivative(candidate),
        "open": gate(r),
        "kept": gate(z),
    }


def _gru_back(params: Any, slopes: Slopes, parts: Parts, every: bool) -> tuple[Parts, Parts]:
    (rows,) = parts
    weights, units = params["recurrent"], rows.shape[1]
    leaked = _across(rows, slopes["kept"])
    if "recurrent_bias" in params:
        h = slopes["h"]
        matrix = _joined(weights, slopes["z"], h * slopes["r"], h * slopes["open"])
        return (leaked + _times(rows, matrix),), (rows,)
    seen = _times(_across(rows, slopes["h"]), weights[2 * units :])
    update = _joined(weights, slopes["z"])
    reset = _joined(weights[units:], slopes["r"])
    before = leaked + _across(seen, slopes["open"]) + _times(rows, update) + _times(seen, reset)
    return (before,), (rows, seen)


def _gru_met(slopes: Slopes, reach: Parts) -> list[list[tuple]]:
    z, r, h = (slopes[name] for name in "zrh")
    if len(reach) == 2:
        ahead, back = (jnp.split(own, 3) for own in reach)
        both = [(z, ahead[0] + back[0]), (h * r, ahead[1] + back[1])]
        return [[*both, (h, ahead[2]), (h * slopes["open"], back[2])]]
    own = jnp.split(reach[0], 3)
    return [[(z, own[0]), (h, own[2])], [(r, own[1])]]


def _minimal_slopes(cell: Any, params: Any, h: jax.Array, x: jax.Array) -> Slopes:
    into, e, u = cell.opened(params, h, x)
    gate = activations.sigmoid
    return {
        "u": (h - e) * gate.derivative(u),
        "e": cell.activation.derivative(into),
        "new": 1 - gate(u),
        "kept": gate(u),
    }


def _minimal_back(params: Any, slopes: Slopes, parts: Parts, every: bool) -> tuple[Parts, Parts]:
    (rows,) = parts
    through = _across(rows, slopes["u"])
    before = _across(rows, slopes["kept"]) + _times(through, params["recurrent"])
    if not every:
        return (before,), ()
    return (before,), (rows, _across(rows, slopes["new"]) + _times(through, params["embedded"]))


def _minimal_met(slopes: Slopes, reach: Parts) -> list[list[tuple]]:
    return [[(slopes["u"], reach[1])], [(slopes["e"], reach[0])]]


# By exact type: a subclass may take another step.
RULES = {
    SimpleRNN: Rule(_simple_slopes, _simple_back, _simple_met),
    LSTM: Rule(_lstm_slopes, _lstm_back, _lstm_met),
    GRU: Rule(_gru_slopes, _gru_back, _gru_met),
    MinimalRNN: Rule(_minimal_slopes, _minimal_back, _minimal_met),
}


def _lengths(terms: list[tuple]) -> jax.Array:
    """Return sqrt(sum_k d_k^2 reach_k) unit by unit, without squares that leave the range."""
    each = jnp.stack([jnp.abs(slope) * jnp.sqrt(reach) for slope, reach in terms])
    biggest = lax.stop_gradient(jnp.max(each, axis=0, keepdims=True))
    unit = each / jnp.where(biggest > 0, biggest, jnp.ones_like(biggest))
    squares = jnp.sum(unit * unit, axis=0)
    return biggest[0] * jnp.sqrt(jnp.where(squares > 0, squares, jnp.ones_like(squares)))


def _orders(rows: jax.Array) -> jax.Array:
    """Return each row's binary exponent, that of its largest entry."""
    largest = jnp.max(bits.magnitude_order(rows), axis=1)
    return bits.binary_exponent(bits.from_order(largest, rows.dtype))


def _shrunk(rows: jax.Array, exponent: jax.Array) -> jax.Array:
    """Return rows * 2**-exponent, exact; in two steps, so that neither power leaves the range."""
    half = (-exponent) >> 1
    for part in (half, -exponent - half):
        rows = rows * bits.power_of_two(part, rows.dtype)[:, None]
    return rows


def _squares(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return each row's sum of squares with 4**exponent taken out, and that exponent."""
    exponent = _orders(rows)
    wide = _shrunk(rows, exponent).astype(bits.at_least_float32(rows.dtype))
    # A matrix product is the fastest sum along rows.
    return _times(wide * wide, jnp.ones(wide.shape[1], wide.dtype)), exponent


def _noted(parts: list[jax.Array] | Parts, exponent: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return (rows, parts) sums of squares, and exponents with those of the rows added."""
    squares, orders = zip(*(_squares(part) for part in parts), strict=True)
    return jnp.stack(squares, axis=1), jnp.stack(orders, axis=1) + exponent[:, None]


def _sizes(squares: jax.Array, exponent: jax.Array) -> Scaled:
    """Return the roots of sums of squares times 4**exponent; derivative 0 at zero."""
    dead = squares == 0
    root = jnp.sqrt(jnp.where(dead, jnp.ones_like(squares), squares))
    return Scaled(jnp.where(dead, jnp.zeros_like(root), root), exponent)


def pulled_back(
    cell: Cell,
    params: Any,
    before: Any,
    inputs: jax.Array,
    rows: Scaled,
    blocks: dict[str, slice],
    parameters: bool,
) -> tuple[Scaled, Scaled, dict[str, Scaled], Scaled | None]:
    """Pull all rows of ds_T/ds_T = I back through all steps.

    Args:
        cell: a cell of a kind in `RULES`.
        params: its parameters.
        before: states before each step, stacked.
        inputs: (T, input_dim).
        rows: the identity, the state flattened, in canonical form.
        blocks: where each part of the state lies.
        parameters: also find the steps' shares.

    Returns:
        Rows at the start; then of each step, stacked: the norm of the rows before it, the norms of
        their blocks, and the step's share, or None. Time of an LSTM's step: two products (2n, n) by
        (n, n) and a few passes over the rows.
    """
    rule = RULES[type(cell)]
    slopes = jax.vmap(partial(rule.slopes, cell, params))(before, inputs)
    lengths: Parts = ()
    if parameters:
        reach = jax.vmap(partial(cell.reach, params))(before, inputs)
        lengths = jax.vmap(lambda *own: tuple(_lengths(met) for met in rule.met(*own)))(
            slopes, reach
        )

    def turn(carry: tuple, seen: tuple) -> tuple[tuple, tuple]:
        parts, exponent = carry
        own, reached = seen
        parts, sources = rule.back(params, own, parts, parameters)
        share = None
        if parameters:
            share = _noted(
                [_across(*pair) for pair in zip(sources, reached, strict=True)], exponent
            )
        squares, orders = _noted(parts, jnp.zeros_like(exponent))
        order = jnp.max(jnp.where(squares == 0, _NOTHING, orders), axis=1)
        dead = order == _NOTHING
        order = jnp.where(dead, 0, order)
        after = tuple(_shrunk(part, order) for part in parts), jnp.where(dead, 0, exponent + order)
        return after, ((squares, orders + exponent[:, None]), share)

    start = tuple(rows.mantissa[:, own] for own in blocks.values()), rows.exponent[:, 0]
    (parts, exponent), (noted, shares) = lax.scan(turn, start, (slopes, lengths), reverse=True)
    joined, found = jax.vmap(norm), _sizes(*noted)
    each = {
        name: joined(jax.tree.map(lambda a, own=own, k=k: a[:, own, k], found))
        for k, (name, own) in enumerate(blocks.items())
    }
    first = Scaled(jnp.concatenate(parts, axis=1), exponent[:, None])
    return first, joined(found), each, None if shares is None else joined(_sizes(*shares))
