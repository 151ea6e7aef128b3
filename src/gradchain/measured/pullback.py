"""How do rows of cotangents travel back through a run of layers without underflow?

The rows of S_l = dh_L/dh_l are pulled back one layer at a time,

    S_{l-1} = S_l J_l,   J_l = diag(phi'(z_l)) W_l  for a dense layer,

each row rescaled by a power of two after every layer (exact), so that only the rounding of the
plain matrix products remains. Two routes: *analytic* multiplies by phi'(z_l) and W_l; *autodiff*
pulls the rows back through the layer by a vmapped `jax.vjp`. They share no derivative code.

Cost a layer: one (rows x n_l) by (n_l x n_{l-1}) product and a few passes over the rows.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gradchain._errors import UsageError
from gradchain.measured.layers import Dense
from gradchain.measured.network import Network, Run, run_forward
from gradchain.scaled import Scaled, bits, from_array, norm, rescale
from gradchain.scaled.value import x_is_zero

ROUTES = ("auto", "autodiff", "analytic")
# Sums of squares of rows within 2**-a .. 2**b, (a, b) by type, can neither have overflowed nor lost
# anything that matters on the way; outside, the chain is flagged and done again with care.
_MODEST = {"float16": (8, 20), "bfloat16": (80, 80), "float32": (80, 80), "float64": (600, 600)}
_NOTHING = -(1 << 29)


class Rows(NamedTuple):
    """Rows of cotangents, each with a power of two of its own that is still to be taken out.

    Row i means mantissa[i] * 2**exponent[i]; in tamed form it is (mantissa[i] * 2**-own[i]) *
    2**(exponent[i] + own[i]), with sum of squares `squares[i]` of order 1. The taming is done where the
    mantissa is next read, which saves a pass over it.
    """

    mantissa: jax.Array
    exponent: jax.Array
    own: jax.Array
    squares: jax.Array

    def tamed(self) -> tuple[jax.Array, jax.Array]:
        """Return the mantissa with the powers of two taken out, and the exponents with them in."""
        factor = bits.power_of_two(-self.own, self.mantissa.dtype)
        return self.mantissa * _along(factor, self.mantissa), self.exponent + self.own


def _along(vector: jax.Array, rows: jax.Array) -> jax.Array:
    """Spread one number a row over the rows."""
    return jnp.broadcast_to(vector.reshape(-1, *([1] * (rows.ndim - 1))), rows.shape)


def choose_route(layer: object, how: str) -> str:
    """Return the route for one layer: analytic where there is a rule and it is not forbidden.

    Args:
        layer: the layer.
        how: "auto", "autodiff" or "analytic".

    Returns:
        "autodiff" or "analytic".

    Raises:
        UsageError: for an unknown route, or "analytic" on a layer without an analytic rule.
    """
    if how not in ROUTES:
        raise UsageError(f"got how={how!r}, expected one of {', '.join(ROUTES)}")
    if how == "autodiff":
        return how
    if isinstance(layer, Dense):
        return "analytic"
    if how == "analytic":
        name = getattr(layer, "name", type(layer).__name__)
        raise UsageError(f"layer {name} has no analytic rule: use how='auto' or how='autodiff'")
    return "autodiff"


def _square_sums(mantissa: jax.Array) -> jax.Array:
    """Return each row's sum of squares, in at least float32 (a matrix product is the fastest way)."""
    flat = mantissa.reshape(mantissa.shape[0], -1)
    wide = flat.astype(bits.at_least_float32(flat.dtype))
    ones = jnp.ones(wide.shape[1], wide.dtype)
    return jnp.matmul(wide * wide, ones, precision=lax.Precision.HIGHEST)


def _tame(plain: jax.Array, exponent: jax.Array) -> Rows:
    """Find each row's power of two from its sum of squares; a zero row has exponent 0."""
    sums = _square_sums(plain)
    own = bits.binary_exponent(sums) >> 1
    squares = sums * bits.power_of_two(-2 * own, sums.dtype)
    return Rows(plain, jnp.where(sums == 0, 0, exponent), own, squares)


def _tame_with_care(mantissa: jax.Array, exponent: jax.Array) -> Rows:
    """Bring each row to canonical form on the bits, whatever its size."""
    value = from_array(mantissa, axis=tuple(range(1, mantissa.ndim)))
    squares = _square_sums(value.mantissa)
    total = jnp.where(squares == 0, 0, exponent + value.exponent.reshape(-1))
    return Rows(value.mantissa, total, jnp.zeros_like(total), squares)


def _suspicious(before: Rows, after: Rows, source: jax.Array) -> jax.Array:
    """Say whether a row may have lost something: alive before, and now zero or of extreme size.

    A row that is zero because its source is zero on the bits (a dead ReLU unit, say) lost nothing.

    Returns:
        A boolean scalar.
    """
    below, above = _MODEST[after.mantissa.dtype.name]
    # squares = sums * 4**-own, so the size of the sum is that of own, within a factor of 4.
    extreme = (2 * after.own < -below) | (2 * after.own > above) | ~(after.squares < 8)
    gone = after.squares == 0
    doubtful = (before.squares != 0) & (extreme | gone)

    def look() -> jax.Array:
        empty = jnp.all(x_is_zero(source), axis=tuple(range(1, source.ndim)))
        return jnp.any(doubtful & ~(gone & empty))

    return lax.cond(jnp.any(doubtful), look, lambda: jnp.asarray(False))


def _pull_dense(
    careful: bool, weight: jax.Array, slope: jax.Array, taken: jax.Array, rows: Rows
) -> tuple[Rows, jax.Array]:
    """Return rows diag(slope 2**taken) W, and whether something may have been lost."""
    mantissa, exponent = rows.tamed()
    through = mantissa * jnp.broadcast_to(slope[None], mantissa.shape)
    exponent = exponent + taken
    if careful:
        left = from_array(through, axis=tuple(range(1, through.ndim)))
        value = from_array(weight)
        product = jnp.matmul(left.mantissa, value.mantissa, precision=lax.Precision.HIGHEST)
        total = exponent + left.exponent.reshape(-1) + value.exponent
        return _tame_with_care(product, total), jnp.asarray(False)
    product = jnp.matmul(through, weight, precision=lax.Precision.HIGHEST)
    after = _tame(product, exponent)
    return after, _suspicious(rows, after, through)


def _pull_autodiff(
    careful: bool, layer: Callable, params: object, h: jax.Array, rows: Rows
) -> tuple[Rows, jax.Array]:
    """Return the rows pulled back by the layer's vjp, and whether something may have been lost."""
    mantissa, exponent = rows.tamed()
    _, back = jax.vjp(lambda state: layer(params, state), h)
    (pulled,) = jax.vmap(back)(mantissa)
    if careful:
        return _tame_with_care(pulled, exponent), jnp.asarray(False)
    after = _tame(pulled, exponent)
    return after, _suspicious(rows, after, pulled)


def frobenius(squares: jax.Array, exponent: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the root of sum_i squares[i] 4**exponent[i], as mantissa and exponent.

    Args:
        squares: (rows,) sums of squares of order 1, or 0.
        exponent: (rows,) int32.

    Returns:
        Two scalars, value = mantissa * 2**exponent; derivative 0 at a zero value.
    """
    dead = lax.stop_gradient(squares) == 0
    top = jnp.max(jnp.where(dead, _NOTHING, exponent))
    top = jnp.where(top == _NOTHING, 0, top)
    # 4**(E - top) <= 1; where power_of_two clips, the term is far below the sum's rounding.
    weights = bits.power_of_two(jnp.where(dead, 0, 2 * (exponent - top)), squares.dtype)
    total = jnp.sum(squares * weights)
    none = lax.stop_gradient(total) == 0
    root = jnp.sqrt(jnp.where(none, jnp.ones_like(total), total))
    return jnp.where(none, jnp.zeros_like(root), root), top


def _note(rows: Rows, kind: str) -> tuple[jax.Array, jax.Array]:
    """Return what the norm needs: row sums and exponents, or (with a matrix norm) the norm itself."""
    if kind == "frobenius":
        return rows.squares, rows.exponent + rows.own
    value = norm(as_matrix(rows), kind)
    return value.mantissa, value.exponent


def pull_run(
    run: Run, how: str, inputs: jax.Array, z: object, rows: Rows, kind: str, careful: bool
) -> tuple[Rows, tuple[jax.Array, jax.Array], jax.Array]:
    """Pull rows back through a run, noting a norm before each of its layers.

    Args:
        run: the run.
        how: the route asked for.
        inputs: states before each of its layers, stacked.
        z: pre-activations, stacked, or None.
        rows: rows at its end.
        kind: which norm.
        careful: take every size out before every product (several times slower, never in doubt).

    Returns:
        Rows at its beginning, (mantissas, exponents) of the norms, stacked in layer order, and
        whether something may have been lost.
    """
    route = choose_route(run.layer, how)
    if route == "analytic":
        # All slopes at once: inside the scan each small step would cost more than its arithmetic.
        slopes = jax.vmap(run.layer.slopes)(run.params, z)  # type: ignore[attr-defined]
        value = from_array(slopes, axis=tuple(range(1, slopes.ndim)))
        seen = (run.params["weight"], value.mantissa, value.exponent.reshape(-1))  # type: ignore[index]
        pull = partial(_pull_dense, careful)
    else:
        seen = (run.params, inputs)
        pull = partial(_pull_autodiff, careful, run.layer)

    def step(carry: Rows, own: tuple) -> tuple[Rows, tuple]:
        before, doubt = pull(*own, carry)  # type: ignore[call-arg]
        return before, (_note(before, kind), doubt)

    if run.length == 1:
        before, seen = step(rows, jax.tree.map(lambda a: a[0], seen))
        notes, doubt = jax.tree.map(lambda a: a[None], seen)
    else:
        # Two layers a turn: the loop's own bookkeeping costs as much as a product of width 16.
        before, (notes, doubt) = lax.scan(step, rows, seen, reverse=True, unroll=2)
    notes = jax.vmap(frobenius)(*notes) if kind == "frobenius" else notes
    return before, notes, jnp.any(doubt)


def states_of(network: Network, x: jax.Array) -> tuple[list, jax.Array]:
    """Run forward and keep, for each run, the inputs and pre-activations of its layers.

    Args:
        network: the network.
        x: its input.

    Returns:
        A list of (inputs, z) a run, and the last state.
    """
    kept, h = [], x
    for run in network.runs:
        h, seen = run_forward(run, h)
        kept.append(seen)
    return kept, h


def pull_network(
    network: Network, how: str, kept: list, rows: Rows, kind: str, careful: bool
) -> tuple[Rows, Scaled, jax.Array]:
    """Pull rows back through a whole network.

    Args:
        network: the network.
        how: the route asked for.
        kept: what `states_of` kept.
        rows: rows of cotangents of the last state.
        kind: which norm.
        careful: take every size out before every product.

    Returns:
        Rows of cotangents of the input, the L + 1 norms, l = 0 .. L, and whether something may have
        been lost.
    """
    note = _note(rows, kind)
    last = frobenius(*note) if kind == "frobenius" else note
    sizes = [jax.tree.map(lambda a: jnp.asarray(a)[None], last)]
    doubts = jnp.asarray(False)
    for run, (inputs, z) in zip(reversed(network.runs), reversed(kept), strict=True):
        rows, size, doubt = pull_run(run, how, inputs, z, rows, kind, careful)
        sizes.append(size)
        doubts = doubts | doubt
    mantissas = jnp.concatenate([m for m, _ in reversed(sizes)])
    exponents = jnp.concatenate([e for _, e in reversed(sizes)])
    return rows, Scaled(mantissas, exponents), doubts


def start_rows(mantissa: jax.Array, exponent: jax.Array) -> Rows:
    """Make rows of cotangents from ordinary floats of moderate size.

    Args:
        mantissa: (rows, *state).
        exponent: (rows,) int32.

    Returns:
        The rows.
    """
    return _tame(mantissa, exponent)


def as_matrix(rows: Rows) -> Scaled:
    """Write the rows as a canonical `Scaled` matrix with one exponent a row.

    Args:
        rows: the rows.

    Returns:
        A (rows, size of state) value.
    """
    mantissa, exponent = rows.tamed()
    return rescale(Scaled(mantissa.reshape(mantissa.shape[0], -1), exponent[:, None]))
