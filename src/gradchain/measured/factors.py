"""Which of the three factors of dE/dw shrinks with depth: the error signal, the slope, the input?

For a dense layer and one example

    dE/dW_l = (dE/dh_l * phi'(z_l)) h_{l-1}^T.

The error signal dE/dh_l carries the whole product over the layers above; the slope phi'(z_l) and the
input h_{l-1} belong to layer l alone and do not shrink with depth.
"""

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import pytree
from gradchain.measured.gradient import gradient_chain
from gradchain.measured.layers import Dense
from gradchain.measured.network import Network, Run, check_input, checked
from gradchain.measured.pullback import states_of
from gradchain.scaled import from_array, log_abs, norm


@pytree
class GradientFactors:
    """Natural logarithms of the three factors of each layer's weight gradient, each of shape (L,).

    `log_error_signal`: log ||dE/dh_l||_2. `log_slope`: log of the root mean square of phi'(z_l).
    `log_input`: log ||h_{l-1}||_2. `log_weight_gradient`: log ||dE/dW_l||_F. `mean_slope`: the plain
    mean of |phi'(z_l)|. Entry l - 1 belongs to layer l. If error signal and slope were unrelated,
    the weight gradient would be about the product of the first three; it is at most
    exp(log_error_signal + log_input) * max|phi'|.
    """

    log_error_signal: jax.Array
    log_slope: jax.Array
    log_input: jax.Array
    log_weight_gradient: jax.Array
    mean_slope: jax.Array


@jax.jit
def _local(network: Network, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    kept, _ = states_of(network, x)
    parts = [_run_local(run, *seen) for run, seen in zip(network.runs, kept, strict=True)]
    slopes, means, inputs = zip(*parts, strict=True)
    return jnp.concatenate(slopes), jnp.concatenate(means), jnp.concatenate(inputs)


def _run_local(run: Run, inputs: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return log rms slope, mean slope and log input norm of each layer of a run."""

    def one(seen: tuple) -> tuple[jax.Array, jax.Array, jax.Array]:
        params, h, own = seen
        slopes = run.layer.slopes(params, own)  # type: ignore[attr-defined]
        root = jnp.log(jnp.asarray(slopes.size, slopes.dtype)) / 2
        log_rms = log_abs(norm(from_array(slopes))) - root
        return log_rms, jnp.mean(jnp.abs(slopes)), log_abs(norm(from_array(h)))

    return jax.lax.map(one, (run.params, inputs, z))


def gradient_factors(
    network: Network, x: jax.Array | np.ndarray, cotangent: jax.Array | np.ndarray
) -> GradientFactors:
    """Split each layer's weight gradient into error signal, slope and input.

    Args:
        network: a network of dense layers.
        x: one input.
        cotangent: dE/dh_L, of the output's shape.

    Returns:
        A `GradientFactors`. Exact up to rounding. Cost about one backpropagation.

    Raises:
        UsageError: if a layer is not dense.
        ShapeError: if x or the cotangent does not fit.
        DtypeError: if one is of another float type than the weights.
        NonFiniteError: if one holds NaN or infinity, or a state overflows into them.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.eye(1, dtype=np.float32)] * 20, activation="sigmoid")
        >>> f = gradient_factors(net, np.zeros(1, np.float32), np.ones(1, np.float32))
        >>> bool(f.log_error_signal[0] < -25), bool(f.log_slope[0] > -1.6)
        (True, True)
    """
    x = check_input(network, x)
    for run in network.runs:
        if not isinstance(run.layer, Dense):
            raise UsageError(f"got layer {run.layer.name}, gradient_factors is for dense layers")
    chain = gradient_chain(network, x, cotangent)
    slopes, means, inputs = _local(network, x)
    weight = jnp.concatenate([leaf["weight"] for leaf in chain.log_leaf_norms])
    factors = GradientFactors(chain.log_state_norms[1:], slopes, inputs, weight, means)
    return checked(factors, "a factor of the gradient")
