"""How do rows of cotangents travel back through a run of layers without underflow?

The rows of S_l = dh_L/dh_l are pulled back one layer at a time,

    S_{l-1} = S_l J_l,   J_l = diag(phi'(z_l)) W_l  for a dense layer,

each row rescaled by a power of two after every layer (exact), so that only the rounding of the
plain matrix products remains. Two routes: *analytic* multiplies by phi'(z_l) and W_l; *autodiff*
pulls the rows back through the layer by a vmapped `jax.vjp`. They share no derivative code.

Cost a layer: one (rows x n_l) by (n_l x n_{l-1}) product and a few passes over the rows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gradchain._errors import UsageError
from gradchain.measured.layers import Convolution, Dense
from gradchain.measured.network import Network, Run, run_forward
from gradchain.scaled import Scaled, bits, from_array, norm
from gradchain.scaled.value import x_is_zero

ROUTES = ("auto", "autodiff", "analytic")
# Weights whose largest entry lies outside 2**-40 .. 2**40 are lifted before they are multiplied;
# between, neither overflow nor a harmful underflow can happen to rows in [1/2, 1).
_MODEST = 40
_NOTHING = -(1 << 29)


class Rows(NamedTuple):
    """Rows of cotangents: mantissa (rows, *state), one exponent a row (rows,)."""

    mantissa: jax.Array
    exponent: jax.Array


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


def lift(weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the weight with a power of two taken out where its size is extreme.

    Args:
        weight: any float array.

    Returns:
        The array, its largest entry in [1/2, 1) if it was extreme, and the exponent taken out.
    """
    order = jnp.max(bits.magnitude_order(weight))
    exponent = bits.binary_exponent(bits.from_order(order, weight.dtype))
    extreme = jnp.abs(exponent) > _MODEST

    def lifted(w: jax.Array) -> tuple[jax.Array, jax.Array]:
        value = from_array(w)
        return value.mantissa, value.exponent

    return lax.cond(extreme, lifted, lambda w: (w, jnp.int32(0)), weight)


def rescale_rows(mantissa: jax.Array, exponent: jax.Array) -> Rows:
    """Bring each row's largest |entry| to [1/2, 1), exactly.

    Args:
        mantissa: (rows, *state), ordinary floats (a subnormal is read as XLA reads it: as zero).
        exponent: (rows,).

    Returns:
        The same rows in canonical form; a zero row has exponent 0.
    """
    axes = tuple(range(1, mantissa.ndim))
    largest = jnp.max(jnp.abs(lax.stop_gradient(mantissa)), axis=axes)
    own = bits.binary_exponent(largest)
    factor = bits.power_of_two(-own, mantissa.dtype)
    shaped = factor.reshape(-1, *([1] * (mantissa.ndim - 1)))
    scaled = mantissa * jnp.broadcast_to(shaped, mantissa.shape)
    dead = x_is_zero(largest)
    return Rows(scaled, jnp.where(dead, 0, exponent + own))


def pull_layer(
    layer: object, route: str, params: object, h: jax.Array, z: object, rows: Rows
) -> Rows:
    """Pull rows back through one layer.

    Args:
        layer: the layer.
        route: "autodiff" or "analytic".
        params: its own parameters.
        h: the state before it.
        z: its pre-activation, or None.
        rows: rows of cotangents of the state after it.

    Returns:
        Rows of cotangents of the state before it, in canonical form.
    """
    if route == "autodiff":
        _, back = jax.vjp(lambda state: layer(params, state), h)  # type: ignore[operator]
        (pulled,) = jax.vmap(back)(rows.mantissa)
        return rescale_rows(pulled, rows.exponent)
    slopes = from_array(layer.slopes(params, z))  # type: ignore[attr-defined]
    weight, taken = lift(params["weight"])  # type: ignore[index]
    through = rows.mantissa * jnp.broadcast_to(slopes.mantissa[None], rows.mantissa.shape)
    pulled = jnp.matmul(through, weight, precision=lax.Precision.HIGHEST)
    return rescale_rows(pulled, rows.exponent + slopes.exponent + taken)


def rows_norm(rows: Rows, kind: str) -> tuple[jax.Array, jax.Array]:
    """Return a norm of the whole matrix of rows, as mantissa and exponent.

    Args:
        rows: rows in canonical form.
        kind: "frobenius", "spectral" or "max".

    Returns:
        Two scalars, value = mantissa * 2**exponent.
    """
    count = rows.mantissa.shape[0]
    flat = rows.mantissa.reshape(count, -1)
    if kind != "frobenius":
        value = norm(Scaled(flat, rows.exponent[:, None]), kind)
        return value.mantissa, value.exponent
    wide = flat.astype(bits.at_least_float32(flat.dtype))
    squares = jnp.sum(wide * wide, axis=1)
    dead = lax.stop_gradient(squares) == 0
    top = jnp.max(jnp.where(dead, _NOTHING, rows.exponent))
    top = jnp.where(top == _NOTHING, 0, top)
    # 4**(E - top) <= 1; power_of_two clips far below the sum's rounding.
    weights = bits.power_of_two(jnp.where(dead, 0, 2 * (rows.exponent - top)), wide.dtype)
    total = jnp.sum(squares * weights)
    none = lax.stop_gradient(total) == 0
    root = jnp.sqrt(jnp.where(none, jnp.ones_like(total), total))
    return jnp.where(none, jnp.zeros_like(root), root), top


def pull_run(
    run: Run, how: str, inputs: jax.Array, z: object, rows: Rows, kind: str
) -> tuple[Rows, tuple[jax.Array, jax.Array]]:
    """Pull rows back through a run, noting a norm before each of its layers.

    Args:
        run: the run.
        how: the route asked for.
        inputs: states before each of its layers, stacked.
        z: pre-activations, stacked, or None.
        rows: rows at its end.
        kind: which norm.

    Returns:
        Rows at its beginning, and (mantissas, exponents) of the norms, stacked in layer order.
    """
    route = choose_route(run.layer, how)

    def step(carry: Rows, seen: tuple) -> tuple[Rows, tuple[jax.Array, jax.Array]]:
        params, h, own = seen
        before = pull_layer(run.layer, route, params, h, own, carry)
        return before, rows_norm(before, kind)

    if run.length == 1:
        seen = jax.tree.map(lambda a: a[0], (run.params, inputs, z))
        before, size = step(rows, seen)
        return before, jax.tree.map(lambda a: a[None], size)
    return lax.scan(step, rows, (run.params, inputs, z), reverse=True)


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
    network: Network, how: str, kept: list, rows: Rows, kind: str
) -> tuple[Rows, jax.Array, jax.Array]:
    """Pull rows back through a whole network.

    Args:
        network: the network.
        how: the route asked for.
        kept: what `states_of` kept.
        rows: rows of cotangents of the last state.
        kind: which norm.

    Returns:
        Rows of cotangents of the input, and mantissas and exponents of the L + 1 norms, l = 0 .. L.
    """
    sizes = [jax.tree.map(lambda a: jnp.asarray(a)[None], rows_norm(rows, kind))]
    for run, (inputs, z) in zip(reversed(network.runs), reversed(kept), strict=True):
        rows, size = pull_run(run, how, inputs, z, rows, kind)
        sizes.append(size)
    mantissas = jnp.concatenate([m for m, _ in reversed(sizes)])
    exponents = jnp.concatenate([e for _, e in reversed(sizes)])
    return rows, mantissas, exponents


def has_preactivation(layer: object) -> bool:
    """Say whether a layer is phi(z) with z linear in the state."""
    return isinstance(layer, (Dense, Convolution))
