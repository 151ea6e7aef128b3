"""Initializers as nouns: a name, the variance they declare, and a sampler.

Each one is an attribute (`initializers.he_normal`); `get` finds one by name and takes in callables
that follow `jax.nn.initializers`.
"""

from gradchain.initializers.library import (
    NAMES,
    get,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
    torch_uniform,
    truncated_normal,
    unit_spectral,
    zeros,
)
from gradchain.initializers.noun import Initializer

__all__ = [
    "NAMES",
    "Initializer",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "torch_uniform",
    "truncated_normal",
    "unit_spectral",
    "zeros",
]
