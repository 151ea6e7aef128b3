"""Which laws of weights come with the package, and which variance does each declare?

    name                      Var(W_ij)                       drawn as
    lecun_*                   1 / fan_in                      uniform, normal, gaussian
    glorot_*                  2 / (fan_in + fan_out)          uniform, normal, gaussian
    he_*                      2 / fan_in                      uniform, normal, gaussian
    he_fan_out_*              2 / fan_out                     uniform, normal, gaussian
    he_leaky_*(a)             2 / ((1 + a^2) fan_in)          uniform, normal, gaussian
    torch_uniform             1 / (3 fan_in)                  uniform on +-1/sqrt(fan_in)
    haiku_truncated_normal    0.7737 / fan_in                 N(0, 1/fan_in) cut, not rescaled
    orthogonal(g)             g^2 / max(fan_in, fan_out)      orthonormal rows or columns
    delta_orthogonal(g)       the same, on average            ... at the kernel's centre, else 0
    normal(s)                 s^2                             Gaussian
    truncated_normal(s)       0.7737 s^2                      N(0, s^2) cut, not rescaled
    unit_spectral             no closed form                  Gaussian over its own 2-norm
    zeros                     0

`*_normal` is what JAX, Keras and TensorFlow call normal: a Gaussian cut at two standard deviations and
rescaled to the declared variance. `*_gaussian` is a whole Gaussian, PyTorch's `*_normal_`. "Cut" means
kept to two standard deviations; that alone leaves 0.7737 of the variance.

`jax.nn.initializers` draws, called with `in_axis=1, out_axis=0` on (fan_out, fan_in) shapes: with
its own default axes, He on a 512 x 128 matrix would be off by 4. float16 and bfloat16 weights are
drawn in float32 and rounded once, because JAX's half-precision draws take few distinct values and
its QR and SVD do not exist there.

Sources: LeCun, Bottou, Orr, Mueller, Efficient BackProp, 1998; Glorot and Bengio, AISTATS 2010; He et
al., ICCV 2015, arXiv:1502.01852; Saxe, McClelland, Ganguli, ICLR 2014, arXiv:1312.6120 (orthogonal);
Xiao et al., ICML 2018, arXiv:1806.05393 (delta-orthogonal); for the libraries see
`gradchain.predicted.library_defaults`.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import InitializerError, ShapeError
from gradchain.initializers.noun import CUT_VARIANCE, Initializer, Sampler

Distribution = Literal["uniform", "normal", "truncated_normal"]


def _in_working_type(draw: Sampler) -> Sampler:
    # JAX's half-precision draws have few distinct values and no QR: draw in float32, round once.
    def sampler(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
        working = jnp.dtype("float32") if dtype.itemsize == 2 else dtype
        return draw(key, shape, working).astype(dtype)

    return sampler


def _draw_scaled(
    scale: float, mode: Literal["fan_in", "fan_out", "fan_avg"], distribution: Distribution
) -> Sampler:
    return jax.nn.initializers.variance_scaling(scale, mode, distribution, in_axis=1, out_axis=0)


def _scaling(
    name: str,
    scale: float,
    mode: Literal["fan_in", "fan_out", "fan_avg"],
    distribution: Distribution,
) -> Initializer:
    def law(fan_in: int, fan_out: int) -> float:
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        return scale / fans[mode]

    draw = _in_working_type(_draw_scaled(scale, mode, distribution))
    return Initializer(name, (), law, draw, distribution=distribution)


def _family(
    name: str,
    label: str,
    default: float,
    law: Callable[[float, int, int], float],
    draw: Callable[[float], Sampler],
    flattens: bool = False,
    distribution: str | None = None,
) -> Initializer:
    # An initializer with one parameter; the default one makes the others when called with a number.
    def build(value: float) -> Initializer:
        if label == "negative_slope":
            if not math.isfinite(value):
                raise InitializerError(f"{label} of {name} is {value!r}, expected a finite number.")
        elif not 0 < value < math.inf:
            raise InitializerError(
                f"{label} of {name} is {value!r}, expected a positive finite number."
            )
        return Initializer(
            name,
            ((label, value),),
            lambda fan_in, fan_out: law(value, fan_in, fan_out),
            _in_working_type(draw(value)),
            flattens,
            distribution=distribution,
        )

    return dataclasses.replace(build(default), factory=build)


def _leaky(name: str, distribution: Distribution) -> Initializer:
    # 0.01 is the default slope of leaky ReLU in JAX and PyTorch.
    return _family(
        name,
        "negative_slope",
        0.01,
        lambda slope, fan_in, fan_out: 2.0 / (1.0 + slope**2) / fan_in,
        lambda slope: _draw_scaled(2.0 / (1.0 + slope**2), "fan_in", distribution),
        distribution=distribution,
    )


def _draw_unit_spectral(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
    matrix = jax.random.normal(key, (shape[0], math.prod(shape[1:])), dtype)
    return (matrix / jnp.linalg.norm(matrix, ord=2)).reshape(shape)


def _draw_delta_orthogonal(scale: float) -> Sampler:
    # JAX wants (*window, in, out) with in <= out, and a window; a matrix has a window of one entry.
    draw = jax.nn.initializers.delta_orthogonal(scale)

    def sampler(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
        rows, columns, *window = shape
        if len(window) > 3:
            raise ShapeError(
                f"delta_orthogonal was asked for a kernel of shape {shape}, expected (out, in, "
                "*spatial) with at most 3 spatial axes."
            )
        small, large = min(rows, columns), max(rows, columns)
        drawn = draw(key, (*(window or [1]), small, large), dtype)
        last = drawn.ndim - 1
        out, into = (last, last - 1) if rows >= columns else (last - 1, last)
        kernel = jnp.transpose(drawn, (out, into, *range(last - 1)))
        return kernel.reshape(shape)

    return sampler


def _draw_haiku(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
    return jax.nn.initializers.truncated_normal(math.prod(shape[1:]) ** -0.5)(key, shape, dtype)


def _orthogonal_law(scale: float, fan_in: int, fan_out: int) -> float:
    return scale**2 / max(fan_in, fan_out)


glorot_uniform = _scaling("glorot_uniform", 1.0, "fan_avg", "uniform")
glorot_normal = _scaling("glorot_normal", 1.0, "fan_avg", "truncated_normal")
glorot_gaussian = _scaling("glorot_gaussian", 1.0, "fan_avg", "normal")
he_uniform = _scaling("he_uniform", 2.0, "fan_in", "uniform")
he_normal = _scaling("he_normal", 2.0, "fan_in", "truncated_normal")
he_gaussian = _scaling("he_gaussian", 2.0, "fan_in", "normal")
# Fan-out keeps the mean square of an entry on the way back at every shape, on the way on if square.
he_fan_out_uniform = _scaling("he_fan_out_uniform", 2.0, "fan_out", "uniform")
he_fan_out_normal = _scaling("he_fan_out_normal", 2.0, "fan_out", "truncated_normal")
he_fan_out_gaussian = _scaling("he_fan_out_gaussian", 2.0, "fan_out", "normal")
he_leaky_uniform = _leaky("he_leaky_uniform", "uniform")
he_leaky_normal = _leaky("he_leaky_normal", "truncated_normal")
he_leaky_gaussian = _leaky("he_leaky_gaussian", "normal")
lecun_uniform = _scaling("lecun_uniform", 1.0, "fan_in", "uniform")
lecun_normal = _scaling("lecun_normal", 1.0, "fan_in", "truncated_normal")
lecun_gaussian = _scaling("lecun_gaussian", 1.0, "fan_in", "normal")
# U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what PyTorch's and Equinox' Linear draw by default.
torch_uniform = _scaling("torch_uniform", 1.0 / 3.0, "fan_in", "uniform")
# N(0, 1/fan_in) kept to two deviations and not rescaled: what Haiku's Linear draws by default.
haiku_truncated_normal = Initializer(
    "haiku_truncated_normal",
    (),
    lambda fan_in, fan_out: CUT_VARIANCE / fan_in,
    _in_working_type(_draw_haiku),
    distribution="truncated_normal",
)
# Orthonormal rows or columns, whichever are fewer, times scale; a kernel is one matrix (out, rest).
orthogonal = _family(
    "orthogonal",
    "scale",
    1.0,
    _orthogonal_law,
    lambda scale: jax.nn.initializers.orthogonal(scale, column_axis=0),
    flattens=True,
)
# An orthogonal matrix at the middle of the window, zeros elsewhere, so that every spatial frequency is
# kept; its variance is that of an entry picked at random. JAX refuses out < in, where no kernel keeps
# all inputs; here the rows are then orthonormal.
delta_orthogonal = _family(
    "delta_orthogonal", "scale", 1.0, _orthogonal_law, _draw_delta_orthogonal
)
normal = _family(
    "normal",
    "std",
    0.01,
    lambda std, fan_in, fan_out: std**2,
    jax.nn.initializers.normal,
    distribution="normal",
)
# N(0, std^2) kept to [-2 std, 2 std], not rescaled: its variance is 0.7737 std^2.
truncated_normal = _family(
    "truncated_normal",
    "std",
    0.01,
    lambda std, fan_in, fan_out: std**2 * CUT_VARIANCE,
    jax.nn.initializers.truncated_normal,
    distribution="truncated_normal",
)
# A Gaussian matrix divided by its own 2-norm; the variance of its entries has no closed form.
unit_spectral = Initializer(
    "unit_spectral", (), None, _in_working_type(_draw_unit_spectral), flattens=True
)
zeros = Initializer(
    "zeros", (), lambda fan_in, fan_out: 0.0, lambda key, shape, dtype: jnp.zeros(shape, dtype)
)

LIBRARY: dict[str, Initializer] = {
    each.name: each
    for each in (
        glorot_uniform, glorot_normal, glorot_gaussian, he_uniform, he_normal, he_gaussian,
        he_fan_out_uniform, he_fan_out_normal, he_fan_out_gaussian,
        he_leaky_uniform, he_leaky_normal, he_leaky_gaussian,
        lecun_uniform, lecun_normal, lecun_gaussian, torch_uniform, haiku_truncated_normal,
        orthogonal, delta_orthogonal, unit_spectral, normal, truncated_normal, zeros,
    )
}  # fmt: skip
NAMES: tuple[str, ...] = tuple(LIBRARY)
