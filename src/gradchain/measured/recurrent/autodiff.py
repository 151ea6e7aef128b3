"""How do rows of cotangents travel back through a step of any cell?

By a vmapped `jax.vjp` of the step, rescaled by powers of two, which does not round. A step's share of
dL/dW for a cell of `gradchain.cells` is read off the cotangents of the pre-activations, dz/dW being what
W multiplies; for any other cell it is a gradient of the parameters' size a row and step.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from gradchain.measured.recurrent.noun import Cell
from gradchain.scaled import Scaled, from_array, norm, rescale


def _joined(parts: list[Scaled]) -> Scaled:
    """Return the root of the sum of squares of scalar values."""
    mantissa = jnp.stack([part.mantissa for part in parts])
    return norm(Scaled(mantissa, jnp.stack([part.exponent for part in parts])))


def _block_norm(rows: Scaled, block: slice) -> Scaled:
    square = rows.shape[0] == rows.shape[1]
    own = rows.mantissa[block, block] if square else rows.mantissa[:, block]
    exponent = rows.exponent[block] if square else rows.exponent
    return norm(rescale(Scaled(own, exponent)))


def sizes(rows: Scaled, blocks: dict[str, slice]) -> tuple[Scaled, dict[str, Scaled]]:
    """Return the norms of rows and of their blocks.

    Args:
        rows: all rows of ds_T/ds_t, or one of dL/ds_t.
        blocks: where each part of the state lies.

    Returns:
        The norm of all; norms by name, of all rows ds_T,k/ds_t,k of the part, or of dL/ds_t,k.
    """
    return norm(rows), {name: _block_norm(rows, where) for name, where in blocks.items()}


def _shares(cell: Cell, params: Any, state: Any, x: jax.Array, pulled: Any, rows: Scaled) -> Scaled:
    """Return the share of a built-in cell: rows of cotangents of the pre-activations say it all."""
    sizes = []
    for cotangent, reach in zip(pulled, cell.reach(params, state, x), strict=True):
        weighted = cotangent * jnp.broadcast_to(jnp.sqrt(reach)[None], cotangent.shape)
        sizes.append(norm(rescale(Scaled(weighted, rows.exponent))))
    return _joined(sizes)


def _shares_of_any(flat_step: Callable, params: Any, rows: Scaled) -> Scaled | None:
    """Return the share of any cell, row by row: a gradient of the parameters' size each."""
    if not jax.tree.leaves(params):
        return None
    _, back = jax.vjp(flat_step, params)

    def one(row: tuple[jax.Array, jax.Array]) -> Scaled:
        leaves = [norm(from_array(leaf)) for leaf in jax.tree.leaves(back(row[0]))]
        size = _joined(leaves)
        return Scaled(size.mantissa, size.exponent + row[1][0])

    return norm(rescale(lax.map(one, (rows.mantissa, rows.exponent))))


def _pull(
    cell: Cell | Callable,
    params: Any,
    shape: Callable,
    rows: Scaled,
    seen: tuple,
    parameters: bool,
) -> tuple[Scaled, Scaled | None]:
    """Pull rows back through one step, and find the step's share."""
    flat, x = seen
    share: Scaled | None = None
    if isinstance(cell, Cell):
        zero = tuple(jnp.zeros_like(size) for size in cell.reach(params, shape(flat), x))

        def run(own: jax.Array, shifts: tuple) -> jax.Array:
            return ravel_pytree(cell.shifted(params, shape(own), x, shifts))[0]

        _, back = jax.vjp(run, flat, zero)
        mantissa, pulled = jax.vmap(back)(rows.mantissa)
        if parameters:
            share = _shares(cell, params, shape(flat), x, pulled, rows)
    else:
        _, back = jax.vjp(lambda own: ravel_pytree(cell(params, shape(own), x))[0], flat)
        (mantissa,) = jax.vmap(back)(rows.mantissa)
        if parameters:
            share = _shares_of_any(
                lambda own: ravel_pytree(cell(own, shape(flat), x))[0], params, rows
            )
    return rescale(Scaled(mantissa, rows.exponent)), share


def pulled_back(
    cell: Cell | Callable,
    params: Any,
    before: Any,
    inputs: jax.Array,
    rows: Scaled,
    blocks: dict[str, slice],
    parameters: bool,
) -> tuple[Scaled, Scaled, dict[str, Scaled], Scaled | None]:
    """Pull rows back through all steps.

    Args:
        cell: the cell.
        params: its parameters.
        before: states before each step, stacked.
        inputs: (T, ...).
        rows: rows at the end, the state flattened.
        blocks: where each part of the state lies.
        parameters: also find the steps' shares.

    Returns:
        Rows at the start; then of each step, stacked: the norm of the rows before it, the norms of
        their blocks, and the step's share, or None.
    """
    flats = jax.vmap(lambda state: ravel_pytree(state)[0])(before)
    shape = ravel_pytree(jax.tree.map(lambda a: a[0], before))[1]

    def turn(carry: Scaled, seen: tuple) -> tuple[Scaled, tuple]:
        earlier, share = _pull(cell, params, shape, carry, seen, parameters)
        return earlier, (*sizes(earlier, blocks), share)

    rows, (norms, each, shares) = lax.scan(turn, rows, (flats, inputs), reverse=True)
    return rows, norms, each, shares
