"""Power-of-two scaled values: products over depth that neither underflow nor round when rescaled.

See `gradchain.scaled.value` for the guarantee and its limit, `gradchain.scaled.bits` for the integer
arithmetic that reads and writes floats, subnormals included, and `gradchain.scaled.exact` for exact
conversion to fractions and decimal text.
"""

from gradchain.scaled.bits import binary_exponent, join, power_of_two, scale, split
from gradchain.scaled.exact import to_decimal, to_fraction
from gradchain.scaled.value import (
    NORMS,
    Scaled,
    add,
    from_array,
    identity,
    log_abs,
    log_norm,
    matmul,
    multiply,
    norm,
    rescale,
    total,
)

__all__ = [
    "NORMS",
    "Scaled",
    "add",
    "binary_exponent",
    "from_array",
    "identity",
    "join",
    "log_abs",
    "log_norm",
    "matmul",
    "multiply",
    "norm",
    "power_of_two",
    "rescale",
    "scale",
    "split",
    "to_decimal",
    "to_fraction",
    "total",
]
