"""How do rows of cotangents travel back through a run of layers without underflow?

The rows of S_l = dh_L/dh_l are pulled back one layer at a time,

    S_{l-1} = S_l J_l,   J_l = diag(phi'(z_l)) W_l  for a dense layer,

each row rescaled by a power of two every few layers (exact), so that only the rounding of the plain
matrix products remains. Two routes: *analytic* multiplies by phi'(z_l) and W_l; *autodiff*
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
from gradchain.measured.padding import narrowed, widened
from gradchain.scaled import Scaled, bits, from_array, norm, rescale
from gradchain.scaled.value import x_is_zero

ROUTES = ("auto", "autodiff", "analytic")
# Sums of squares of rows within 2**-a .. 2**b, (a, b) by type, can neither have overflowed nor lost
# anything that matters on the way; outside, the chain is flagged and done again with care.
_MODEST = {"float16": (8, 20), "bfloat16": (80, 80), "float32": (80, 80), "float64": (600, 600)}
_NOTHING = -(1 << 29)
# Layers between two rescalings, best first: the loop's own small steps cost as much as a product of
# width 16. In a block of 7 a layer may still change sizes by 2**5 before float32 is in doubt.
_BLOCKS = (4, 5, 6, 7, 3, 2, 1)


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


def _size(plain: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return each row's sum of squares, its power of two, and the sum with that taken out."""
    sums = _square_sums(plain)
    own = bits.binary_exponent(sums) >> 1
    return sums, own, sums * bits.power_of_two(-2 * own, sums.dtype)


def _tame(plain: jax.Array, exponent: jax.Array) -> Rows:
    """Find each row's power of two from its sum of squares; a zero row has exponent 0."""
    sums, own, squares = _size(plain)
    return Rows(plain, jnp.where(sums == 0, 0, exponent), own, squares)


def _tame_with_care(mantissa: jax.Array, exponent: jax.Array) -> Rows:
    """Bring each row to canonical form on the bits, whatever its size."""
    value = from_array(mantissa, axis=tuple(range(1, mantissa.ndim)))
    squares = _square_sums(value.mantissa)
    total = jnp.where(squares == 0, 0, exponent + value.exponent.reshape(-1))
    return Rows(value.mantissa, total, jnp.zeros_like(total), squares)


def _suspicious(before: jax.Array, after: Rows, sources: list[jax.Array]) -> jax.Array:
    """Say whether a row may have lost something: alive before, and now zero or of extreme size.

    A row that is zero because its source is zero on the bits (a dead ReLU unit, say) lost nothing.

    Args:
        before: (layers, rows) sums of squares before each layer of a block.
        after: what came out; all but the mantissa (layers, rows).
        sources: for each layer what would have to be zero for its result to be zero.

    Returns:
        A boolean scalar.
    """
    below, above = _MODEST[after.mantissa.dtype.name]
    # squares = sums * 4**-own, so the size of the sum is that of own, within a factor of 4.
    extreme = (2 * after.own < -below) | (2 * after.own > above) | ~(after.squares < 8)
    gone = after.squares == 0
    doubtful = (before != 0) & (extreme | gone)

    def look() -> jax.Array:
        empty = [jnp.all(x_is_zero(s), axis=tuple(range(1, s.ndim))) for s in sources]
        return jnp.any(doubtful & ~(gone & jnp.stack(empty)))

    return lax.cond(jnp.any(doubtful), look, lambda: jnp.asarray(False))


def _dense_step(
    weight: jax.Array, slope: jax.Array, taken: jax.Array, mantissa: jax.Array, exponent: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return rows diag(slope 2**taken) W as a mantissa and exponents, and the product's left side."""
    through = mantissa * jnp.broadcast_to(slope[None], mantissa.shape)
    product = jnp.matmul(through, weight, precision=lax.Precision.HIGHEST)
    return product, exponent + taken, through


def _dense_with_care(
    weight: jax.Array, slope: jax.Array, taken: jax.Array, mantissa: jax.Array, exponent: jax.Array
) -> Rows:
    """Return rows diag(slope 2**taken) W, every size taken out before the product."""
    through = mantissa * jnp.broadcast_to(slope[None], mantissa.shape)
    left = from_array(through, axis=tuple(range(1, through.ndim)))
    value = from_array(weight)
    product = jnp.matmul(left.mantissa, value.mantissa, precision=lax.Precision.HIGHEST)
    total = exponent + taken + left.exponent.reshape(-1) + value.exponent
    return _tame_with_care(product, total)


def _autodiff_step(
    layer: Callable, params: object, h: jax.Array, mantissa: jax.Array, exponent: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the rows pulled back by the layer's vjp."""
    _, back = jax.vjp(lambda state: layer(params, state), h)
    (pulled,) = jax.vmap(back)(mantissa)
    return pulled, exponent, pulled


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
    pull: Callable
    if route == "analytic":
        # All slopes at once: inside the scan each small step would cost more than its arithmetic.
        slopes = jax.vmap(run.layer.slopes)(run.params, z)  # type: ignore[attr-defined]
        value = from_array(slopes, axis=tuple(range(1, slopes.ndim)))
        seen = (run.params["weight"], value.mantissa, value.exponent.reshape(-1))  # type: ignore[index]
        pull = _dense_step
    else:
        seen = (run.params, inputs)
        pull = partial(_autodiff_step, run.layer)

    def careful_turn(carry: Rows, own: tuple) -> tuple[Rows, tuple]:
        mantissa, exponent = carry.tamed()
        if route == "analytic":
            weight, slope, taken = own
            before = _dense_with_care(weight, slope, taken, mantissa, exponent)
        else:
            pulled, total, _ = pull(*own, mantissa, exponent)  # type: ignore[call-arg]
            before = _tame_with_care(pulled, total)
        return before, (_note(before, kind), jnp.asarray(False))

    def turn(carry: Rows, own: tuple) -> tuple[Rows, tuple]:
        return _pull_block(pull, carry, own, kind)

    if careful and run.length == 1:
        # A lone layer may change the state's shape, which no scan's carry can.
        before, seen = careful_turn(rows, jax.tree.map(lambda a: a[0], seen))
        notes, doubt = jax.tree.map(lambda a: a[None], seen)
    elif careful:
        before, (notes, doubt) = lax.scan(careful_turn, rows, seen, reverse=True)
    else:
        before, (notes, doubt) = _in_blocks(turn, rows, seen, run.length)
    notes = jax.vmap(frobenius)(*notes) if kind == "frobenius" else notes
    return before, notes, jnp.any(doubt)


def _pull_block(pull: Callable, carry: Rows, own: tuple, kind: str) -> tuple[Rows, tuple]:
    """Pull rows back through a few layers, taking powers of two out at the start of the block only.

    Each layer's sums of squares still tell its norm; they also tell whether a row came near the ends
    of the float type inside the block, in which case the chain is done again with care.

    Returns:
        Rows before the block, and (what the norms need, in layer order; the doubt).
    """
    mantissa, exponent = carry.tamed()
    count = jax.tree.leaves(own)[0].shape[0]
    products, exponents, sources = [], [], []
    for place in range(count - 1, -1, -1):
        layer = jax.tree.map(lambda a, place=place: a[place], own)
        mantissa, exponent, source = pull(*layer, mantissa, exponent)
        products.append(mantissa)
        exponents.append(exponent)
        sources.append(source)
    sums = jnp.stack([_square_sums(product) for product in products])
    powers = bits.binary_exponent(sums) >> 1
    squares = sums * bits.power_of_two(-2 * powers, sums.dtype)
    totals = jnp.where(sums == 0, 0, jnp.stack(exponents))
    after = Rows(mantissa, totals, powers, squares)
    earlier = jnp.concatenate([carry.squares[None], squares[:-1]])
    doubt = _suspicious(earlier, after, sources)
    if kind == "frobenius":
        notes = (squares[::-1], (totals + powers)[::-1])
    else:
        each = [
            _note(Rows(products[k], totals[k], powers[k], squares[k]), kind)
            for k in range(count - 1, -1, -1)
        ]
        notes = tuple(jnp.stack(parts) for parts in zip(*each, strict=True))
    return Rows(mantissa, totals[-1], powers[-1], squares[-1]), (notes, doubt)


def _in_blocks(turn: Callable, rows: Rows, seen: tuple, length: int) -> tuple[Rows, tuple]:
    """Scan over blocks of layers from the last to the first.

    The block divides the run, since cutting odd layers off would copy all weights.

    Returns:
        Rows at the beginning, and (notes in layer order; doubts).
    """
    size = next(block for block in _BLOCKS if length % block == 0)
    whole = jax.tree.map(lambda a: a.reshape(length // size, size, *a.shape[1:]), seen)
    if length == size:
        # A lone layer may change the state's shape, which no scan's carry can.
        rows, (notes, doubts) = turn(rows, jax.tree.map(lambda a: a[0], whole))
        return rows, (notes, doubts)
    rows, (notes, doubts) = lax.scan(turn, rows, whole, reverse=True, unroll=2 if size == 1 else 1)
    return rows, (jax.tree.map(lambda a: a.reshape(length, *a.shape[2:]), notes), doubts)


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
        h, seen = run_forward(run, widened(run, h))
        h = narrowed(run, h, at_start=False)
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
        rows = rows._replace(mantissa=widened(run, rows.mantissa))
        rows, size, doubt = pull_run(run, how, inputs, z, rows, kind, careful)
        rows = rows._replace(mantissa=narrowed(run, rows.mantissa, at_start=True))
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
