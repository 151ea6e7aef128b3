"""What does theory predict of the chains of `time_chain`, before any network is drawn?

Plain tanh networks: `recurrent_field`; the IRNN: the exact arcsine law of `recurrent_start`; gated cells:
`recurrent_gated`, with one set of weights for all steps or, for comparison, new ones at each. All of
infinite width and in root mean square over networks (the IRNN's at every width).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gradchain.experiments.time_chain import LN10, TOKENS, gate_bias, has_gate
from gradchain.predicted.recurrent_field import time_field, top_lyapunov_exponent
from gradchain.predicted.recurrent_gated import gated_field
from gradchain.predicted.recurrent_start import irnn_kept_share

# Cells by the beginning of their names: gates whose weights are stacked, and the field's name.
_STACKED = {"lstm": (4, "lstm"), "gru": (3, "gru"), "rnn.minimal": (1, "minimal")}
# Steps after which a prediction is continued by its rate.
_SETTLED = 200


class Predicted(NamedTuple):
    """Decimal logarithms by steps back, (T+1,), and the rate a step for many steps.

    `total` and `direct` as in `time_chain.Chains`; `direct` is NaN without gates. `rate` is NaN for the
    IRNN, which fades as a power of T and not exponentially.
    """

    total: np.ndarray
    direct: np.ndarray
    rate: float


@lru_cache(maxsize=128)
def predicted(
    network: str, units: int, steps: int, square: float = 1.0, tied: bool = True
) -> Predicted:
    """Predict what is left of a gradient by steps back.

    Args:
        network: one of `time_chain.NETWORKS`.
        units: n; it matters only through the spread of Glorot's kernels.
        steps: T.
        square: |x|^2 of each input.
        tied: one set of weights for all steps, as a recurrent network has.

    Returns:
        `Predicted`.

    Example:
        >>> found = predicted("lstm.bias1", 32, 50)
        >>> bool(found.direct[50] < found.total[50] < 0)
        True
    """
    none = np.full(steps + 1, np.nan)
    if network == "rnn.irnn":
        return Predicted(np.log10(irnn_kept_share(steps))[::-1] / 2, none, math.nan)
    if not has_gate(network):
        variance = square * 2 / (units + TOKENS)
        found = time_field("tanh", 1.0, steps, input_variance=variance)
        rate = float(top_lyapunov_exponent("tanh", 1.0, input_variance=variance))
        return Predicted(found.log_norms[::-1] / LN10, none, rate / LN10)
    stacked, cell = next(own for name, own in _STACKED.items() if network.startswith(name))
    variance = square * 2 / (stacked * units + TOKENS)
    field = gated_field(
        cell,
        steps,
        gate_bias=gate_bias(network),
        recurrent_scale=stacked**-0.5,
        input_variance=variance,
        tied=tied,
    )
    direct = field.block_log_norms["c_direct" if cell == "lstm" else "h_direct"]
    return Predicted(field.log_norms[::-1] / LN10, direct[::-1] / LN10, field.rate / LN10)


def predicted_steps(network: str, units: int, log10_limit: float) -> float:
    """Predict after how many steps a gradient of size 1 falls below a limit.

    Args:
        network: one of `time_chain.NETWORKS`.
        units: n.
        log10_limit: decimal logarithm of the limit.

    Returns:
        The steps, not rounded up; infinite for the IRNN and where the prediction does not fall.
    """
    if network == "rnn.irnn":
        return math.inf
    # From the middle of the run on, the states have settled.
    found = predicted(network, units, 2 * _SETTLED)
    own = found.total[: _SETTLED + 1]
    below = np.flatnonzero(own < log10_limit)
    if below.size:
        return float(below[0])
    slope = own[-1] - own[-2]
    if slope >= 0:
        return math.inf
    return _SETTLED + (log10_limit - float(own[-1])) / float(slope)
