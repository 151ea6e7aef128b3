"""What do PyTorch, Keras, Flax, Equinox and Haiku draw for a linear layer when nothing is said?

    library   weight                                           fan_in Var(W)        bias
    torch     U(+-1/sqrt(fan_in))                              1/3                  U(+-1/sqrt(fan_in))
    keras     U(+-sqrt(6/(fan_in + fan_out)))                  2/(1 + out/in)       0
    flax      N(0, 1/fan_in) cut at 2 sd, rescaled             1                    0
    equinox   U(+-1/sqrt(fan_in))                              1/3                  U(+-1/sqrt(fan_in))
    haiku     N(0, 1/fan_in) cut at 2 sd, not rescaled         0.7737               0

Square ReLU layers then multiply the root mean square of a gradient by sqrt(fan_out Var(W) / 2): 0.408 in
PyTorch and Equinox, 0.707 in Keras and Flax, 0.622 in Haiku. None of them keeps it.

These are *exact* laws, read from each library's source; `peers/test_library_defaults.py` draws from the
libraries themselves and compares. They are laws of PyTorch 2.13, Keras 3.15, Flax 0.12 (linen.Dense and
nnx.Linear), Equinox 0.13 and Haiku 0.0.17.
"""

import difflib
import math
from dataclasses import dataclass

import numpy as np

from gradchain import activations, gaussian
from gradchain._errors import UsageError
from gradchain._types import Approximate, in_short
from gradchain.activations import Activation
from gradchain.initializers import BiasLaw, Initializer, torch_bias, zero_bias
from gradchain.initializers import get as _initializer


@dataclass(frozen=True)
class LinearDefault:
    """The law of a library's linear layer, made with sizes alone.

    Attributes:
        library: name, as in `NAMES`.
        layer: how the layer is called there.
        weight: law of the weight; variance, range, kurtosis and sampler.
        bias: law of the bias.
        source: file and function that say so.
    """

    library: str
    layer: str
    weight: Initializer
    bias: BiasLaw
    source: str

    def sigma_w(self, fan_in: int, fan_out: int) -> float:
        """Return sqrt(fan_in Var(W)), the sigma_w of mean-field theory; *exact*.

        Args:
            fan_in: number of inputs.
            fan_out: number of outputs.

        Returns:
            The standard deviation of an entry times sqrt(fan_in).

        Raises:
            ShapeError: a fan that is not a positive whole number.

        Example:
            >>> round(get("torch").sigma_w(100, 100) ** 2, 12)
            0.333333333333
        """
        return math.sqrt(self.weight.forward_factor(fan_in, fan_out) or 0.0)

    def sigma_b(self, fan_in: int, fan_out: int) -> float:
        """Return the standard deviation of a bias; *exact*. In PyTorch it shrinks with the width.

        Args:
            fan_in: number of inputs.
            fan_out: number of outputs.

        Returns:
            sqrt(Var(b)).

        Raises:
            ShapeError: a fan that is not a positive whole number.
        """
        self.weight.variance(fan_in, fan_out)
        return math.sqrt(self.bias.variance(int(fan_in), int(fan_out)))

    def gradient_factor(
        self,
        activation: str | Activation,
        fan_in: int = 1,
        fan_out: int | None = None,
        q: float | int = 1.0,
    ) -> Approximate:
        """Return by how much one layer multiplies the root mean square of a gradient.

        sqrt(fan_out Var(W) E phi'(sqrt(q) Z)^2), a *prediction* for Gaussian pre-activations of
        variance q; for ReLU and its leaky kin exact at every width and every q, on average over draws
        and directions (weights and bias of a unit are symmetric about 0). For other activations take q
        from mean-field theory.

        Args:
            activation: name or `Activation`.
            fan_in: number of inputs; matters for layers that are not square.
            fan_out: number of outputs; None: as many as inputs.
            q: variance of the pre-activations.

        Returns:
            A float with its `.error` (an *estimate*, of the integral E phi'^2).

        Raises:
            ActivationError: an unknown activation.
            ShapeError: a fan that is not a positive whole number.
            UsageError: q is negative or not finite, or E phi'^2 is infinite there.

        Example:
            >>> bool(np.isclose(get("torch").gradient_factor("relu"), math.sqrt(1 / 6)))
            True
        """
        phi = activations.get(activation)
        back = self.weight.backward_factor(fan_in, fan_in if fan_out is None else fan_out)
        if not isinstance(q, (int, float, np.integer, np.floating)) or isinstance(q, bool):
            raise UsageError(f"got q={in_short(q)}, expected a number of at least 0")
        slope = gaussian.moment(phi, "slope_square", q)
        if not np.isfinite(slope.value) or not np.isfinite(slope.error):
            raise UsageError(
                f"E phi'(z)^2 of {phi} is infinite or not a number at q = {q:g}; expected an activation "
                "whose slope grows more slowly than exp(z^2 / (4 q)): try a smaller q"
            )
        value = math.sqrt((back or 0.0) * float(slope.value))
        # Where the mean is far above its error the root moves by half of it; next to 0, by its root.
        high = math.sqrt((back or 0.0) * float(slope.value + slope.error))
        return Approximate(value, max(high - value, 8 * 2.0**-53 * value))

    def __str__(self) -> str:
        """Return one line: library, layer, laws, source."""
        return f"{self.library} {self.layer}: {self.weight}, {self.bias} ({self.source})"


torch = LinearDefault(
    "torch",
    "torch.nn.Linear",
    _initializer("torch_uniform"),
    torch_bias,
    "torch/nn/modules/linear.py, Linear.reset_parameters: kaiming_uniform_(weight, a=sqrt(5)); "
    "uniform_(bias, -1/sqrt(fan_in), 1/sqrt(fan_in))",
)
keras = LinearDefault(
    "keras",
    "keras.layers.Dense",
    _initializer("glorot_uniform"),
    zero_bias,
    "keras/src/layers/core/dense.py, Dense.__init__: kernel_initializer='glorot_uniform', "
    "bias_initializer='zeros'",
)
flax = LinearDefault(
    "flax",
    "flax.linen.Dense, flax.nnx.Linear",
    _initializer("lecun_normal"),
    zero_bias,
    "flax/linen/linear.py and flax/nnx/nn/linear.py: default_kernel_init = "
    "initializers.lecun_normal(), bias zeros_init()",
)
equinox = LinearDefault(
    "equinox",
    "equinox.nn.Linear",
    _initializer("torch_uniform"),
    torch_bias,
    "equinox/nn/_linear.py, Linear.__init__: default_init with lim = 1/sqrt(in_features), for weight "
    "and bias",
)
haiku = LinearDefault(
    "haiku",
    "haiku.Linear",
    _initializer("haiku_truncated_normal"),
    zero_bias,
    "haiku/_src/basic.py, Linear.__call__: TruncatedNormal(stddev=1/sqrt(input_size)), whose cut is not "
    "rescaled; bias jnp.zeros",
)

LIBRARY: dict[str, LinearDefault] = {
    each.library: each for each in (torch, keras, flax, equinox, haiku)
}
NAMES: tuple[str, ...] = tuple(LIBRARY)
_OTHER_NAMES = {"pytorch": "torch", "tensorflow": "keras", "dm-haiku": "haiku"}


def get(library: str | LinearDefault) -> LinearDefault:
    """Return the default of a library.

    Args:
        library: one of `NAMES`, in any letter case; or a `LinearDefault`, returned as it is.

    Returns:
        The law of its linear layer.

    Raises:
        UsageError: not such a name.

    Example:
        >>> print(get("torch").weight, get("torch").bias)
        torch_uniform torch_bias
    """
    if isinstance(library, LinearDefault):
        return library
    name = library.strip().lower() if isinstance(library, str) else ""
    name = _OTHER_NAMES.get(name, name)
    if name not in LIBRARY:
        nearest = difflib.get_close_matches(name, NAMES, n=1)
        hint = f", perhaps {nearest[0]}" if nearest else ""
        raise UsageError(
            f"got library={in_short(library)}, expected one of {', '.join(NAMES)}{hint}"
        )
    return LIBRARY[name]
