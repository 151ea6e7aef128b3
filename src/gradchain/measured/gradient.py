"""How large is the loss gradient at every layer, without underflow, for one backpropagation?

With the cotangent g_L = dE/dh_L,

    dE/dh_{l-1} = J_l^T dE/dh_l,   dE/dz_l = phi'(z_l) * dE/dh_l,
    dE/dW_l = dE/dz_l h_{l-1}^T,   so ||dE/dW_l||_F = |dE/dz_l| |h_{l-1}|  (one example),

each vector kept as mantissa * 2**exponent. Source: Rumelhart, Hinton, Williams, Nature 323 (1986).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import ShapeError
from gradchain._types import one_of, pytree
from gradchain.measured.network import Network, Run, check_input, checked
from gradchain.measured.pullback import ROUTES, choose_route, states_of
from gradchain.scaled import Scaled, from_array, log_abs, multiply, norm, rescale
from gradchain.scaled.value import x_is_zero


@pytree
class GradientChain:
    """Natural logarithms of gradient norms, layer by layer.

    `log_state_norms[l]`, l = 0 .. L: log ||dE/dh_l||_2 (l = 0 is the input's).
    `log_parameter_norms`, shape (L,): log of the Euclidean norm of all parameters' gradient of layer
    l + 1 together. `log_leaf_norms`: one entry a run, the run's parameter tree with a (length,)
    array of log norms for each leaf. -inf only where a gradient is exactly 0.
    """

    log_state_norms: jax.Array
    log_parameter_norms: jax.Array
    log_leaf_norms: tuple


def _dense_gradients(
    layer: object, params: dict, h: jax.Array, z: jax.Array, g: Scaled
) -> tuple[dict, Scaled]:
    """Return the norm of each parameter's gradient, and dE/dh_{l-1}, for a dense layer."""
    slopes = from_array(layer.slopes(params, z))  # type: ignore[attr-defined]
    error = multiply(g, slopes)
    weight = from_array(params["weight"])
    back = jnp.matmul(error.mantissa, weight.mantissa, precision=lax.Precision.HIGHEST)
    before = rescale(Scaled(back, error.exponent + weight.exponent))
    state = from_array(h)
    if h.ndim == 1:
        size = norm(error)
        other = norm(state)
        weight_norm = Scaled(size.mantissa * other.mantissa, size.exponent + other.exponent)
        bias_norm = size
    else:
        # With a batch as the state the examples' rank-one gradients add up before the norm.
        flat = error.mantissa.reshape(-1, error.shape[-1])
        inputs = state.mantissa.reshape(-1, state.shape[-1])
        outer = jnp.matmul(flat.T, inputs, precision=lax.Precision.HIGHEST)
        weight_norm = _shifted(norm(from_array(outer)), error.exponent + state.exponent)
        bias_norm = _shifted(norm(from_array(jnp.sum(flat, axis=0))), error.exponent)
    norms = {"weight": weight_norm, "bias": bias_norm}
    for name, _ in layer.activation.trainable:  # type: ignore[attr-defined]
        norms[name] = _trainable_norm(layer, params, name, z, g)
    return {name: norms[name] for name in params}, before


def _trainable_norm(layer: object, params: dict, name: str, z: jax.Array, g: Scaled) -> Scaled:
    """Return |dE/da| for a trained activation parameter a."""

    def output(value: jax.Array) -> jax.Array:
        extra = [value if n == name else params[n] for n, _ in layer.activation.trainable]  # type: ignore[attr-defined]
        return layer.activation(z, *extra)  # type: ignore[attr-defined]

    _, back = jax.vjp(output, params[name])
    return _shifted(norm(from_array(back(g.mantissa)[0])), g.exponent)


def _shifted(value: Scaled, exponent: jax.Array) -> Scaled:
    return Scaled(value.mantissa, value.exponent + exponent)


def _autodiff_gradients(
    layer: object, params: object, h: jax.Array, g: Scaled
) -> tuple[object, Scaled]:
    """The same for any layer, by `jax.vjp`."""
    _, back = jax.vjp(layer, params, h)  # type: ignore[arg-type]
    leaves, state = back(g.mantissa)
    norms = jax.tree.map(lambda leaf: _shifted(norm(from_array(leaf)), g.exponent), leaves)
    before = from_array(state)
    exponent = jnp.where(_is_zero(before), 0, before.exponent + g.exponent)
    return norms, Scaled(before.mantissa, exponent.astype(jnp.int32))


def _is_zero(value: Scaled) -> jax.Array:
    return jnp.all(x_is_zero(value.mantissa))


def _run_gradients(
    run: Run, how: str, inputs: jax.Array, z: object, g: Scaled
) -> tuple[Scaled, tuple[Scaled, object]]:
    """Go back through one run, noting state and parameter norms."""
    route = choose_route(run.layer, how)

    def step(carry: Scaled, seen: tuple) -> tuple[Scaled, tuple[Scaled, object]]:
        params, h, own = seen
        if route == "analytic":
            norms, before = _dense_gradients(run.layer, params, h, own, carry)
        else:
            norms, before = _autodiff_gradients(run.layer, params, h, carry)
        return before, (norm(before), norms)

    if run.length == 1:
        before, sizes = step(g, jax.tree.map(lambda a: a[0], (run.params, inputs, z)))
        return before, jax.tree.map(lambda a: a[None], sizes)
    return lax.scan(step, g, (run.params, inputs, z), reverse=True)


@partial(jax.jit, static_argnames=("how",))
def _gradient_chain(
    network: Network, x: jax.Array, cotangent: jax.Array, how: str
) -> GradientChain:
    kept, out = states_of(network, x)
    if out.shape != cotangent.shape:
        raise ShapeError(
            f"got a cotangent of shape {cotangent.shape}, expected {out.shape}, the shape of the "
            "network's output"
        )
    g = from_array(cotangent)
    states = [log_abs(norm(g))[None]]
    leaves = []
    for run, (inputs, z) in zip(reversed(network.runs), reversed(kept), strict=True):
        g, (state, params) = _run_gradients(run, how, inputs, z, g)
        states.append(log_abs(state))
        leaves.append(
            jax.tree.map(log_abs, params, is_leaf=lambda value: isinstance(value, Scaled))
        )
    log_leaves = tuple(reversed(leaves))
    together = [
        _euclidean(jax.tree.leaves(tree), run.length, out.dtype)
        for tree, run in zip(log_leaves, network.runs, strict=True)
    ]
    return GradientChain(jnp.concatenate(states[::-1]), jnp.concatenate(together), log_leaves)


def _euclidean(logs: list, length: int, dtype: object) -> jax.Array:
    """Return log sqrt(sum of squares) of norms given by their logarithms, each (length,)."""
    if not logs:
        return jnp.full((length,), -jnp.inf, dtype)  # type: ignore[arg-type]
    stacked = jnp.stack(logs)
    top = jnp.max(stacked, axis=0)
    dead = top == -jnp.inf
    safe = jnp.where(dead, jnp.zeros_like(top), top)
    squares = jnp.sum(jnp.exp(2 * (stacked - safe[None])), axis=0)
    return jnp.where(dead, top, safe + jnp.log(jnp.where(dead, 1.0, squares)) / 2)


def gradient_chain(
    network: Network,
    x: jax.Array | np.ndarray,
    cotangent: jax.Array | np.ndarray,
    *,
    how: str = "auto",
) -> GradientChain:
    """Compute log norms of dE/dh_l and of every layer's parameter gradient, without underflow.

    Args:
        network: the network.
        x: one input (with batch norm: the batch). Use `jax.vmap` for many.
        cotangent: dE/dh_L, of the output's shape and the weights' float type, of any size.
        how: "auto", "analytic" (dense layers) or "autodiff".

    Returns:
        A `GradientChain`. Exact up to rounding (about L n eps in a logarithm). Cost about one
        backpropagation.

    Raises:
        ShapeError: if x or the cotangent does not fit.
        DtypeError: if one is of another float type than the weights.
        NonFiniteError: if one holds NaN or infinity, or a state overflows into them.
        UsageError: for an unknown route.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.eye(1, dtype=np.float32) * 0.1] * 50, activation="identity")
        >>> chain = gradient_chain(net, np.ones(1, np.float32), np.ones(1, np.float32))
        >>> round(float(chain.log_state_norms[0] / np.log(10)), 4)
        -50.0
    """
    x = check_input(network, x)
    cotangent = check_input(network, cotangent, "the cotangent")
    one_of("how", how, ROUTES)
    return checked(_gradient_chain(network, x, cotangent, how), "the gradient chain")
