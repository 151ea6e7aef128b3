"""How does a residual branch begin, so that its block is the identity?

h -> h + W_m phi(... phi(W_1 h)) with W_m = 0 is h -> h: forward and backward factors are 1 and every
singular value of the block's Jacobian is 1, exactly, at every width and for any number of blocks. The
other weights are drawn as always; with `branches` they are scaled down as Fixup does, so that the first
steps of training change the network's output at a rate that does not depend on its depth.

Sources: Goyal et al. 2017, arXiv:1706.02677 (zero gain of the last normalization); Zhang, Dauphin, Ma,
Fixup, ICLR 2019, arXiv:1901.09321: L^(-1/(2m-2)) for the m-1 first layers of L branches, the last 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from gradchain._errors import InitializerError, ShapeError, UsageError
from gradchain._types import random_key, whole_number
from gradchain.initializers.laws import zeros
from gradchain.initializers.library import get
from gradchain.initializers.noun import Initializer


@dataclass(frozen=True)
class Branch:
    """The laws of a residual branch's weights, first layer to last, the last one zero.

    Attributes:
        laws: one law a layer.
        forward_factor: on the mean square of the state, over the block h -> h + F(h); 1, exact in
            every draw.
        backward_factor: the same on the way back; 1.
    """

    laws: tuple[Initializer, ...]
    forward_factor: float = 1.0
    backward_factor: float = 1.0

    def sample(
        self, key: Any, shapes: Sequence[tuple[int, ...]], dtype: Any = None
    ) -> tuple[jax.Array, ...]:
        """Draw the branch's weights.

        Args:
            key: a JAX random key.
            shapes: one a layer, (fan_out, fan_in) or (out, in, *spatial).
            dtype: float16, bfloat16, float32 or float64; None means JAX's default float.

        Returns:
            The weights, for `gch.residual(gch.network_from_weights(weights, activation=...))`.

        Raises:
            InitializerError: key is not a JAX key.
            ShapeError: not as many shapes as layers, or one that is no shape of weights.
        """
        try:
            keys = jax.random.split(random_key(key), len(self.laws))
        except UsageError as error:
            raise InitializerError(f"{error}.") from None
        if not isinstance(shapes, (list, tuple)) or len(shapes) != len(self.laws):
            got = len(shapes) if isinstance(shapes, (list, tuple)) else type(shapes).__name__
            raise ShapeError(f"got {got} as shapes, expected {len(self.laws)}, one a layer.")
        return tuple(
            law.sample(own, shape, dtype)
            for law, own, shape in zip(self.laws, keys, shapes, strict=True)
        )


def zero_branch(
    initializer: str | Initializer | Callable = "he_normal",
    layers: int = 2,
    branches: int | None = None,
) -> Branch:
    """Return the laws of a residual branch whose last weight is zero.

    Args:
        initializer: law of the other weights.
        layers: m, weights in the branch.
        branches: L, number of branches in the network, for Fixup's scale L^(-1/(2m-2)); None: no
            scale.

    Returns:
        The laws, with the block's factors.

    Raises:
        UsageError: layers or branches is not a positive whole number.
        InitializerError: an unknown initializer.

    Example:
        >>> [str(law) for law in zero_branch("he_normal").laws]
        ['he_normal', 'zeros']
        >>> [str(law) for law in zero_branch("he_normal", branches=100).laws]
        ['0.1 * he_normal', 'zeros']
    """
    layers, law = whole_number("layers", layers), get(initializer)
    if branches is not None and layers > 1:
        scale = whole_number("branches", branches) ** (-1.0 / (2 * layers - 2))
        law = law if scale == 1 else law.scaled(scale)
    return Branch((*[law] * (layers - 1), zeros))
