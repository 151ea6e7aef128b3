"""What does a recurrent network do in one step?

A cell is a pure function (params, state, input) -> state. Its parameters hold arrays only; weights
are (fan_out, fan_in), the gates' rows stacked as one matrix in the order of `Cell.gates`, which is
that of Keras (and of PyTorch for the LSTM; PyTorch's GRU has r before z). With s = sigmoid:

    simple RNN   h' = phi(W x + U h + b)
    LSTM         i, f, o = s(...), g = phi(...);  c' = f * c + i * g,  h' = o * phi(c')
    GRU          z, r = s(...);  h' = z * h + (1 - z) * phi(W x + b + r * (U h + b_U))   reset after
                                             ... phi(W x + b + U (r * h))                 reset before
    minimal RNN  e = phi(W x + b),  u = s(U h + V e + b_u);  h' = u * h + (1 - u) * e

Biases are zero, but for the forget gate's (LSTM) and the update gate's (GRU, minimal): the larger
they are, the longer the state is kept. Kernels are drawn by `glorot_uniform` with the fans of the
stacked matrix and recurrent weights as one (semi-)orthogonal matrix, as Keras does.

Sources: Elman 1990; Hochreiter and Schmidhuber, Neural Comput. 9 (1997) 1735; Gers, Schmidhuber and
Cummins, Neural Comput. 12 (2000) 2451; Cho et al., arXiv:1406.1078 (reset before); Chen, Pennington
and Schoenholz, arXiv:1806.05394 (minimal); Le, Jaitly and Hinton, arXiv:1504.00941 (identity).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradchain import activations, initializers
from gradchain._errors import UsageError
from gradchain._types import Real, in_short, whole_number
from gradchain.activations import Activation
from gradchain.initializers import Initializer
from gradchain.measured.recurrent.noun import GRU, LSTM, Cell, LSTMState, MinimalRNN, SimpleRNN

__all__ = [
    "GRU",
    "LSTM",
    "Cell",
    "LSTMState",
    "MinimalRNN",
    "SimpleRNN",
    "gru",
    "lstm",
    "minimal",
    "simple_rnn",
]
_IDENTITY = "identity"


def _settings(
    units: object, activation: Any, kernel: Any, recurrent: Any, bias: object, square: bool
) -> dict[str, Any]:
    """Read the settings that all cells share.

    Returns:
        The fields of a `Cell`.

    Raises:
        UsageError: if the bias is no finite number, or an identity is asked of stacked gates.
    """
    number = isinstance(bias, (int, float, np.integer, np.floating)) and not isinstance(bias, bool)
    if not number or not math.isfinite(bias):  # type: ignore[arg-type]
        raise UsageError(f"got a gate's bias {in_short(bias)}, expected a finite number")
    if isinstance(recurrent, str) and recurrent == _IDENTITY:
        if not square:
            raise UsageError(
                "got recurrent_initializer='identity' for a cell with stacked gates, expected it "
                "of simple_rnn or minimal: pass an initializer's name or a callable"
            )
    else:
        recurrent = initializers.get(recurrent)
    return {
        "units": whole_number("units", units),
        "activation": activations.get(activation),
        "kernel_initializer": initializers.get(kernel),
        "recurrent_initializer": recurrent,
        "gate_bias": float(bias),  # type: ignore[arg-type]
    }


def simple_rnn(
    units: int,
    *,
    activation: str | Activation = "tanh",
    recurrent_initializer: str | Initializer | Callable = "orthogonal",
    kernel_initializer: str | Initializer | Callable = "glorot_uniform",
) -> SimpleRNN:
    """Make a plain recurrent cell, h' = phi(W x + U h + b).

    Args:
        units: entries of the state.
        activation: name or `Activation`.
        recurrent_initializer: of U; "identity" with activation "relu" is the IRNN of Le et al. 2015.
        kernel_initializer: of W.

    Returns:
        The cell; parameters `kernel` (n, d), `recurrent` (n, n), `bias` (n,).

    Raises:
        UsageError: if units is no whole number of at least 1.
        ActivationError: for an unknown activation.
        InitializerError: for an unknown initializer.

    Example:
        >>> import jax
        >>> irnn = simple_rnn(3, activation="relu", recurrent_initializer="identity")
        >>> irnn.init(jax.random.key(0), 2)["recurrent"].tolist()[0]
        [1.0, 0.0, 0.0]
    """
    return SimpleRNN(
        **_settings(units, activation, kernel_initializer, recurrent_initializer, 0.0, True)
    )


def lstm(
    units: int,
    *,
    activation: str | Activation = "tanh",
    recurrent_initializer: str | Initializer | Callable = "orthogonal",
    kernel_initializer: str | Initializer | Callable = "glorot_uniform",
    forget_bias: Real = 1.0,
) -> LSTM:
    """Make an LSTM, c' = f * c + i * g, h' = o * phi(c'); rows of the weights in order i, f, g, o.

    Args:
        units: entries of h and of c.
        activation: phi, name or `Activation`.
        recurrent_initializer: of the stacked (4 n, n) recurrent weights.
        kernel_initializer: of the stacked (4 n, d) input weights.
        forget_bias: the forget gate's bias: 1 is Keras' and Haiku's, 0 Flax's.

    Returns:
        The cell; state `LSTMState(h, c)`, parameters `kernel`, `recurrent`, `bias` (4 n,).

    Raises:
        UsageError: if units is no whole number of at least 1 or the bias no finite number.
        ActivationError: for an unknown activation.
        InitializerError: for an unknown initializer.

    Example:
        >>> import jax
        >>> lstm(2, forget_bias=5).init(jax.random.key(0), 3)["bias"].tolist()
        [0.0, 0.0, 5.0, 5.0, 0.0, 0.0, 0.0, 0.0]
    """
    return LSTM(
        **_settings(
            units, activation, kernel_initializer, recurrent_initializer, forget_bias, False
        )
    )


def gru(
    units: int,
    *,
    activation: str | Activation = "tanh",
    recurrent_initializer: str | Initializer | Callable = "orthogonal",
    kernel_initializer: str | Initializer | Callable = "glorot_uniform",
    update_bias: Real = 0.0,
    reset_after: bool = True,
) -> GRU:
    """Make a gated recurrent unit, h' = z * h + (1 - z) * candidate; rows in order z, r, h.

    Args:
        units: entries of the state.
        activation: the candidate's, name or `Activation`.
        recurrent_initializer: of the stacked (3 n, n) recurrent weights.
        kernel_initializer: of the stacked (3 n, d) input weights.
        update_bias: bias of z; the larger, the longer the state is kept.
        reset_after: True for r * (U h + b_U), Keras' default, PyTorch's and cuDNN's form; False for
            U (r * h), the form of Cho et al. 2014.

    Returns:
        The cell; parameters `kernel`, `recurrent`, `bias`, and `recurrent_bias` if reset after.

    Raises:
        UsageError: if units, the bias or reset_after is of the wrong kind.
        ActivationError: for an unknown activation.
        InitializerError: for an unknown initializer.

    Example:
        >>> sorted(gru(2, reset_after=False).shapes(3).items())
        [('bias', (6,)), ('kernel', (6, 3)), ('recurrent', (6, 2))]
    """
    if not isinstance(reset_after, bool):
        raise UsageError(f"got reset_after={in_short(reset_after)}, expected True or False")
    shared = _settings(
        units, activation, kernel_initializer, recurrent_initializer, update_bias, False
    )
    return GRU(**shared, reset_after=reset_after)


def minimal(
    units: int,
    *,
    activation: str | Activation = "tanh",
    recurrent_initializer: str | Initializer | Callable = "orthogonal",
    kernel_initializer: str | Initializer | Callable = "glorot_uniform",
    update_bias: Real = 0.0,
) -> MinimalRNN:
    """Make a minimal gated cell, e = phi(W x + b), h' = u * h + (1 - u) * e.

    Args:
        units: entries of the state.
        activation: phi, name or `Activation`.
        recurrent_initializer: of U.
        kernel_initializer: of W and V.
        update_bias: bias of u; the larger, the longer the state is kept.

    Returns:
        The cell; parameters `kernel`, `recurrent`, `embedded`, `bias` (2 n,): b_u, then b.

    Raises:
        UsageError: if units is no whole number of at least 1 or the bias no finite number.
        ActivationError: for an unknown activation.
        InitializerError: for an unknown initializer.

    Example:
        >>> minimal(4, update_bias=2.0).gate_bias
        2.0
    """
    return MinimalRNN(
        **_settings(units, activation, kernel_initializer, recurrent_initializer, update_bias, True)
    )
