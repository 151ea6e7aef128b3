"""What is dh_L/dh_l, exactly, for every layer l of one concrete network?

`layer_jacobians` gives the factors J_l = dh_l/dh_{l-1}; `jacobian_chain` the norms of all their
products S_l = J_L ... J_{l+1} = dh_L/dh_l and the whole Jacobian S_0, in one backward pass.

States act flattened, row-major. All sizes are natural logarithms or `Scaled` values, so depth does
not underflow. "Exact" means: exact but for the rounding of the matrix products, about L n eps in the
logarithm.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import NonFiniteError, UsageError
from gradchain._types import is_concrete, one_of, pytree, random_key, static, whole_number
from gradchain.measured.layers import Dense
from gradchain.measured.network import Network, PerLayer, Run, check_input, checked
from gradchain.measured.padding import merged
from gradchain.measured.pullback import (
    ROUTES,
    as_matrix,
    choose_route,
    pull_network,
    start_rows,
    states_of,
)
from gradchain.scaled import NORMS, Scaled, log_abs
from gradchain.scaled.value import norm as scaled_norm

# Past this many entries in a state an exact chain (entries**2 numbers) is refused, not attempted.
LARGEST_STATE = 16_384
# What a computed chain says of itself, read by the host in one go.
_FINE, _NOT_FINITE, _DOUBT = 0, 1, 2


@pytree
class LayerJacobians(PerLayer):
    """J_1 .. J_L, stacked run by run: `[l]` is J_l, of shape (size of h_l, size of h_{l-1}).

    `blocks` holds one array (length, n_l, n_{l-1}) a run. Iterates from J_1 to J_L. There is no
    J_0: index 0 raises IndexError.
    """


@pytree
class Chain:
    """Norms of all suffix products S_l = dh_L/dh_l, and the whole Jacobian.

    `norms` is a `Scaled` array of shape (L+1,), `norms[l]` belonging to S_l; `log_norms` their
    natural logarithms (the last is log ||I||: 0 spectral, half log n_L Frobenius; -inf only where a
    norm is exactly 0); `jacobian` is S_0 = dh_L/dh_0 as a `Scaled` matrix (n_L, n_0) with one
    exponent a row. With probes, norms are *estimates*, `log_norms_error` their standard error, and
    `jacobian` holds the probed rows.
    """

    norms: Scaled
    jacobian: Scaled
    log_norms_error: jax.Array | None
    norm: str = static(default="frobenius")
    kind: str = static(default="exact")

    @property
    def log_norms(self) -> jax.Array:
        """Natural logarithms of the norms, shape (L+1,)."""
        return log_abs(self.norms)

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return self.norms.mantissa.shape[-1] - 1

    def __repr__(self) -> str:
        """Return a line that says what is inside."""
        if not is_concrete(self) or self.norms.mantissa.ndim != 1:
            return f"Chain(norm={self.norm!r}, norms of shape {self.norms.shape})"
        log10 = np.asarray(self.log_norms, np.float64) / np.log(10.0)
        return (
            f"Chain({self.depth} layers, {self.kind} {self.norm} norms: log10 ||dh_L/dh_0|| = "
            f"{log10[0]:.4g}; .log_norms (natural), .norms, .jacobian {self.jacobian.shape})"
        )

    @property
    def tolerance(self) -> float:
        """How far a logarithm may be off by rounding: 4 L n eps, n the longer side of `jacobian`."""
        eps = float(jnp.finfo(self.norms.dtype).eps)
        return 4 * max(self.depth, 1) * max(self.jacobian.shape[-2:]) * eps


@partial(jax.jit, static_argnames=("how",))
def _layer_jacobians(network: Network, x: jax.Array, how: str) -> LayerJacobians:
    kept, _ = states_of(network, x)
    blocks = []
    for run, (inputs, z) in zip(network.runs, kept, strict=True):
        route = choose_route(run.layer, how)
        blocks.append(_run_jacobians(run, route, inputs, z))
    return LayerJacobians(tuple(blocks), 1)


def _run_jacobians(run: Run, route: str, inputs: jax.Array, z: object) -> jax.Array:
    """Return the layer Jacobians of a run, stacked and flattened."""
    if route == "analytic":
        slopes = jax.vmap(run.layer.slopes)(run.params, z)  # type: ignore[attr-defined]
        return slopes[:, :, None] * run.params["weight"]  # type: ignore[index]

    def one(params: object, h: jax.Array) -> jax.Array:
        jacobian = jax.jacrev(lambda state: run.layer(params, state))(h)
        return jacobian.reshape(-1, h.size)

    return lax.map(lambda seen: one(*seen), (run.params, inputs))


def layer_jacobians(
    network: Network, x: jax.Array | np.ndarray, how: str = "autodiff"
) -> LayerJacobians:
    """Compute every layer's exact Jacobian J_l = dh_l/dh_{l-1}.

    autodiff: `jax.jacrev` of the layer (any layer). analytic: J_l = diag(phi'(z_l)) W_l (dense
    layers on vectors). The two share no derivative code, so each checks the other.

    Args:
        network: the network.
        x: one input, of the first layer's shape and the weights' float type.
        how: "autodiff", "analytic", or "auto" (analytic where there is a rule).

    Returns:
        `LayerJacobians`: `[l]` and iteration give J_1 .. J_L. Exact up to rounding. Time and memory
        O(sum of n_l n_{l-1}) analytic, O(sum of n_l^2 n_{l-1}) time by autodiff.

    Raises:
        UsageError: for an unknown route, or "analytic" on a layer without a rule.
        ShapeError: if x does not fit.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.eye(2, dtype=np.float32)] * 2, activation="sigmoid")
        >>> layer_jacobians(net, np.zeros(2, np.float32))[1].tolist()
        [[0.25, 0.0], [0.0, 0.25]]
    """
    x = check_input(network, x)
    one_of("how", how, ROUTES)
    if how == "analytic" and x.ndim != 1:
        raise UsageError(f"got a state of shape {x.shape}: how='analytic' is for vectors, use auto")
    if how == "auto" and (x.ndim != 1 or not all(type(r.layer) is Dense for r in network.runs)):
        how = "autodiff"
    return checked(_layer_jacobians(network, x, how), "a layer's Jacobian")


def jacobian_chain(
    network: Network,
    x: jax.Array | np.ndarray,
    norm: str = "frobenius",
    *,
    how: str = "auto",
    chunk: int | None = None,
    probes: int | None = None,
    key: jax.Array | None = None,
) -> Chain:
    """Compute ||dh_L/dh_l|| for every l, and the whole Jacobian, in one backward pass.

    log_norms[l] = log ||J_L ... J_{l+1}||, l = 0 .. L.

    The chain is that of the network in its float type: where a state underflows on the way forward
    (a very deep ReLU network with shrinking weights and no biases), its units are off, as they are
    for any program that runs the network.

    Args:
        network: the network.
        x: one input (with batch norm: the whole batch, which then is the state). For many inputs or
            networks use `jax.vmap`.
        norm: "frobenius" (the cheap default), "spectral" (a small SVD a layer; what bounds speak of)
            or "max". Never set a Frobenius value beside a spectral bound.
        how: "auto" (analytic where a layer has a rule), "analytic" or "autodiff". By autodiff a
            single layer's own pulled-back rows must not underflow.
        chunk: pull back at most so many output rows at a time (less memory; not for spectral).
        probes: instead of all rows pull back so many random ones: an *estimate* of the Frobenius
            norm, E |v^T S|^2 = ||S||_F^2 for Gaussian v, with its standard error.
        key: random key for the probes.

    Returns:
        A `Chain`. Exact up to rounding (`tolerance`), unless probes are asked for. Time about that
        of the products S_l J_l, O(n_L sum of n_l n_{l-1}); extra memory O(n^2 + sum of n_l).

    Raises:
        UsageError: unknown norm or route, bad chunk or probes, or a state too large to be exact.
        ShapeError: if x does not fit.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity, or the chain overflowed into them.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> from gradchain.scaled import to_decimal
        >>> net = network_from_weights([np.ones((1, 1), np.float32)] * 1000, activation="sigmoid")
        >>> chain = jacobian_chain(net, np.zeros(1, np.float32))
        >>> chain.log_norms.shape, bool(chain.log_norms[0] < 1000 * np.log(0.25))
        ((1001,), True)
    """
    one_of("norm", norm, NORMS)
    one_of("how", how, ROUTES)
    chunk = None if chunk is None else whole_number("chunk", chunk)
    if chunk is not None and norm == "spectral":
        raise UsageError(
            f"got chunk={chunk} with norm={norm!r}: the spectral norm needs all rows at once"
        )
    probes = None if probes is None else whole_number("probes", probes, least=2)
    if probes is not None and norm != "frobenius":
        raise UsageError(f"got probes={probes} with norm={norm!r}: they estimate Frobenius norms")
    x = check_input(network, x)
    if probes is None:
        compute = partial(_chain, network, x, norm, how, chunk)
    else:
        compute = partial(_probe, network, x, random_key(key), how, probes)
    chain, state = compute(False)
    if not is_concrete(state):
        return lax.cond(state == _DOUBT, lambda: compute(True)[0], lambda: chain)
    told = int(state)  # the one read by the host
    if told == _DOUBT:
        chain, state = compute(True)
        told = int(state)
    if told == _NOT_FINITE:
        raise NonFiniteError(
            "the chain holds NaN or infinity: a weight, state or slope does, or a layer overflowed; "
            "check the weights and the states of forward(network, x)"
        )
    return chain


def _state(norms: Scaled, doubt: jax.Array) -> jax.Array:
    """Return what the chain says of itself: doubt comes first, since care may cure an overflow."""
    finite = jnp.isfinite(norms.mantissa).all()
    return jnp.where(doubt, _DOUBT, jnp.where(finite, _FINE, _NOT_FINITE))


@partial(jax.jit, static_argnames=("norm", "how", "chunk", "careful"))
def _chain(
    network: Network, x: jax.Array, norm: str, how: str, chunk: int | None, careful: bool
) -> tuple[Chain, jax.Array]:
    network = merged(network, x)
    kept, out = states_of(network, x)
    size = out.size
    largest = max(out.size, x.size)
    if largest > LARGEST_STATE:
        raise UsageError(
            f"got a state of {largest} entries, exact up to {LARGEST_STATE}: ask for probes=64 "
            "with key=..., which gives an estimate with its error"
        )
    if chunk is None or chunk >= size:
        eye = jnp.eye(size, dtype=out.dtype) * 0.5
        rows = start_rows(eye.reshape(size, *out.shape), jnp.ones(size, jnp.int32))
        rows, norms, doubt = pull_network(network, how, kept, rows, norm, careful)
        return Chain(norms, as_matrix(rows), None, norm), _state(norms, doubt)

    def part(start: jax.Array) -> tuple[Scaled, Scaled, jax.Array]:
        # Rows past the last are zero; they add nothing to a Frobenius or max norm.
        row = start + jnp.arange(chunk)
        hot = row[:, None] == jnp.arange(size)[None, :]
        eye = hot.astype(out.dtype) * 0.5
        exponent = jnp.where(row < size, 1, 0).astype(jnp.int32)
        rows = start_rows(eye.reshape(chunk, *out.shape), exponent)
        rows, norms, doubt = pull_network(network, how, kept, rows, norm, careful)
        return as_matrix(rows), norms, doubt

    matrix, parts, doubt = lax.map(part, jnp.arange(0, size, chunk))
    joined = jax.vmap(lambda own: scaled_norm(own, norm), in_axes=1)(parts)
    mantissa = matrix.mantissa.reshape(-1, x.size)[:size]
    jacobian = Scaled(mantissa, matrix.exponent.reshape(-1, 1)[:size])
    return Chain(joined, jacobian, None, norm), _state(joined, jnp.any(doubt))


@partial(jax.jit, static_argnames=("how", "probes", "careful"))
def _probe(
    network: Network, x: jax.Array, key: jax.Array, how: str, probes: int, careful: bool
) -> tuple[Chain, jax.Array]:
    network = merged(network, x)
    kept, out = states_of(network, x)
    draws = jax.random.normal(key, (probes, *out.shape), out.dtype)

    # Probes do not mix, so they travel as rows and each row's own norm is read off at every layer.
    def one(row: jax.Array) -> tuple[Scaled, Scaled, jax.Array]:
        rows = start_rows(row[None], jnp.zeros(1, jnp.int32))
        rows, norms, doubt = pull_network(network, how, kept, rows, "frobenius", careful)
        return as_matrix(rows), norms, doubt

    matrix, parts, doubt = jax.vmap(one)(draws)
    joined = jax.vmap(scaled_norm, in_axes=1)(parts)
    root = jnp.asarray(probes, joined.dtype) ** -0.5
    mean = Scaled(joined.mantissa * root, joined.exponent)
    # Relative spread of the squared row norms; log of a mean of squares has half its relative error.
    dead = jnp.broadcast_to((mean.mantissa == 0)[None, :], parts.shape)
    one_each = jnp.broadcast_to(log_abs(mean)[None, :], parts.shape)
    logs = jnp.where(dead, 0.0, log_abs(parts)) - jnp.where(dead, 0.0, one_each)
    spread = jnp.std(jnp.exp(2 * logs), axis=0, ddof=1)
    jacobian = Scaled(matrix.mantissa.reshape(probes, -1), matrix.exponent.reshape(-1, 1))
    chain = Chain(mean, jacobian, spread * root / 2, "frobenius", "estimate")
    return chain, _state(mean, jnp.any(doubt))
