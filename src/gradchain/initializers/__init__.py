"""Initializers as nouns: a name, the variance they declare, and a sampler.

Each one is an attribute (`initializers.he_normal`); `get` finds one by name and takes in callables
that follow `jax.nn.initializers`. `laws` has the table of all of them; `zero_branch` is the law of a
residual branch, `torch_bias` and `zero_bias` are laws of biases.
"""

from gradchain.initializers.bias import BiasLaw, torch_bias, zero_bias
from gradchain.initializers.branch import Branch, zero_branch
from gradchain.initializers.laws import (
    NAMES,
    delta_orthogonal,
    glorot_gaussian,
    glorot_normal,
    glorot_uniform,
    haiku_truncated_normal,
    he_fan_out_gaussian,
    he_fan_out_normal,
    he_fan_out_uniform,
    he_gaussian,
    he_leaky_gaussian,
    he_leaky_normal,
    he_leaky_uniform,
    he_normal,
    he_uniform,
    lecun_gaussian,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
    torch_uniform,
    truncated_normal,
    unit_spectral,
    zeros,
)
from gradchain.initializers.library import get
from gradchain.initializers.noun import Initializer

__all__ = [
    "NAMES",
    "BiasLaw",
    "Branch",
    "Initializer",
    "delta_orthogonal",
    "get",
    "glorot_gaussian",
    "glorot_normal",
    "glorot_uniform",
    "haiku_truncated_normal",
    "he_fan_out_gaussian",
    "he_fan_out_normal",
    "he_fan_out_uniform",
    "he_gaussian",
    "he_leaky_gaussian",
    "he_leaky_normal",
    "he_leaky_uniform",
    "he_normal",
    "he_uniform",
    "lecun_gaussian",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "torch_bias",
    "torch_uniform",
    "truncated_normal",
    "unit_spectral",
    "zero_bias",
    "zero_branch",
    "zeros",
]
