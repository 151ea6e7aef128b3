"""Singular values of whole chains, in logarithms: all of them, Lyapunov exponents, or the top alone.

`log_singular_values` and `log_singular_values_of` (noun), `lyapunov_exponents` (lyapunov),
`top_log_singular_value` and `log_frobenius_norm_estimate` (matrix_free).
"""

from gradchain.measured.spectrum.lyapunov import (
    LyapunovExponents,
    lyapunov_exponents,
    lyapunov_exponents_of,
)
from gradchain.measured.spectrum.matrix_free import (
    FrobeniusEstimate,
    TopSingularValue,
    log_frobenius_norm_estimate,
    top_log_singular_value,
)
from gradchain.measured.spectrum.noun import (
    LogSingularValues,
    log_singular_values,
    log_singular_values_of,
)

__all__ = [
    "FrobeniusEstimate",
    "LogSingularValues",
    "LyapunovExponents",
    "TopSingularValue",
    "log_frobenius_norm_estimate",
    "log_singular_values",
    "log_singular_values_of",
    "lyapunov_exponents",
    "lyapunov_exponents_of",
    "top_log_singular_value",
]
