"""The table of functions that a registry record may name, and nothing else may be run.

Which question it answers: what does `gradchain check` run? A record, perhaps from a stranger's
file, holds a dotted name as text. It is looked up here, never imported by that name. Each loader
imports its module only when called, so that numbers without JAX are checked without JAX.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from gradchain._result import Result
from gradchain.registry.recheck import Entry, Finding
from gradchain.registry.recheck import check as _check
from gradchain.registry.recheck import run as _run
from gradchain.registry.record import How, Number


def _from_rational(name: str) -> Callable[..., Result]:
    """Return a function of `certify.rational`."""
    from gradchain.certify import rational

    return getattr(rational, name)


def _from_constants(name: str) -> Callable[..., Result]:
    """Return a function of `certify.constants`."""
    from gradchain.certify import constants

    return getattr(constants, name)


def _from_derivatives(name: str) -> Callable[..., Result]:
    """Return a function of `certify.derivatives`."""
    from gradchain.certify import derivatives

    return getattr(derivatives, name)


def _from_moments(name: str) -> Callable[..., Result]:
    """Return a function of `certify.moments`."""
    from gradchain.certify import moments

    return getattr(moments, name)


def _from_window(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.window`."""
    from gradchain.experiments import window

    return getattr(window, name)


def _from_chain_numbers(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.chain_numbers`."""
    from gradchain.experiments import chain_numbers

    return getattr(chain_numbers, name)


def _from_saturation_numbers(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.saturation_numbers`."""
    from gradchain.experiments import saturation_numbers

    return getattr(saturation_numbers, name)


def _from_lab_numbers(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.lab_numbers`."""
    from gradchain.experiments import lab_numbers

    return getattr(lab_numbers, name)


def _from_moons_cells(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.moons_cells`."""
    from gradchain.experiments import moons_cells

    return getattr(moons_cells, name)


def _from_remedies(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.remedies_numbers`."""
    from gradchain.experiments import remedies_numbers

    return getattr(remedies_numbers, name)


def _from_dead_units(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.dead_units`."""
    from gradchain.experiments import dead_units

    return getattr(dead_units, name)


def _from_normalization(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.normalization`."""
    from gradchain.experiments import normalization

    return getattr(normalization, name)


def _from_output_layer_exact(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.output_layer_exact`."""
    from gradchain.experiments import output_layer_exact

    return getattr(output_layer_exact, name)


def _from_output_layer(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.output_layer`."""
    from gradchain.experiments import output_layer

    return getattr(output_layer, name)


def _from_float_limits(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.float_limits`."""
    from gradchain.experiments import float_limits

    return getattr(float_limits, name)


def _from_mixed_precision(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.mixed_precision_numbers`."""
    from gradchain.experiments import mixed_precision_numbers

    return getattr(mixed_precision_numbers, name)


def _from_recognise(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.recognise_numbers`."""
    from gradchain.experiments import recognise_numbers

    return getattr(recognise_numbers, name)


def _from_exploding(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.exploding`."""
    from gradchain.experiments import exploding

    return getattr(exploding, name)


def _from_centring(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.centring`."""
    from gradchain.experiments import centring

    return getattr(centring, name)


def _from_normalized(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.normalized_numbers`."""
    from gradchain.experiments import normalized_numbers

    return getattr(normalized_numbers, name)


def _from_transformer(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.transformer_numbers`."""
    from gradchain.experiments import transformer_numbers

    return getattr(transformer_numbers, name)


def _from_residual(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.residual_numbers`."""
    from gradchain.experiments import residual_numbers

    return getattr(residual_numbers, name)


def _from_initializers(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.initializers_numbers`."""
    from gradchain.experiments import initializers_numbers

    return getattr(initializers_numbers, name)


def _from_finite_width(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.finite_width_numbers`."""
    from gradchain.experiments import finite_width_numbers

    return getattr(finite_width_numbers, name)


def _from_phase_diagram(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.phase_diagram_numbers`."""
    from gradchain.experiments import phase_diagram_numbers

    return getattr(phase_diagram_numbers, name)


def _from_isometry(name: str) -> Callable[..., Result]:
    """Return a function of `experiments.isometry_numbers`."""
    from gradchain.experiments import isometry_numbers

    return getattr(isometry_numbers, name)


# module -> (loader, needs JAX, names). A function that is not named here is never run. To add one:
# mark it with `@recomputable`, write a loader above if its module is new, and name it here; a test
# holds this table against the marks.
_MODULES: dict[str, tuple[Callable[[str], Callable[..., Result]], bool, tuple[str, ...]]] = {
    "gradchain.certify.rational": (
        _from_rational,
        False,
        ("power", "depth_until_below", "underflow_depth", "stuck_at", "lost_depth"),
    ),
    "gradchain.certify.constants": (
        _from_constants,
        False,
        (
            "logarithm",
            "decimal_logarithm",
            "sigmoid_one",
            "tanh_one",
            "sigmoid_slope_share",
            "tanh_slope_share",
            "sigmoid_derivative",
            "tanh_derivative",
            "half_product_limit",
            "spectral_edge",
            "truncated_normal_std",
            "selu_constant",
        ),
    ),
    "gradchain.certify.derivatives": (
        _from_derivatives,
        False,
        ("derivative_sup", "derivative_inf"),
    ),
    "gradchain.certify.moments": (
        _from_moments,
        False,
        ("mean_square_slope", "mean_square_value"),
    ),
    "gradchain.experiments.window": (_from_window, False, ("best_weight",)),
    "gradchain.experiments.chain_numbers": (
        _from_chain_numbers,
        True,
        (
            "norm_median",
            "bound_median",
            "slack_median",
            "share_above",
            "rms_ratio",
            "mean_slope",
            "factor_ratio",
        ),
    ),
    "gradchain.experiments.saturation_numbers": (
        _from_saturation_numbers,
        True,
        ("weight_scale", "factor_median", "saturated_share", "autodiff_zero"),
    ),
    "gradchain.experiments.normalization": (_from_normalization, True, ("swept",)),
    "gradchain.experiments.remedies_numbers": (
        _from_remedies,
        True,
        ("effect", "relative_cost"),
    ),
    "gradchain.experiments.dead_units": (
        _from_dead_units,
        False,
        ("inactive_units", "silent_points"),
    ),
    "gradchain.experiments.output_layer_exact": (
        _from_output_layer_exact,
        False,
        ("error_signal", "largest_squared_signal", "advantage", "clip_edge", "recovery_time"),
    ),
    "gradchain.experiments.output_layer": (_from_output_layer, True, ("measured_signal",)),
    "gradchain.experiments.float_limits": (_from_float_limits, False, ("float_limit",)),
    "gradchain.experiments.mixed_precision_numbers": (
        _from_mixed_precision,
        True,
        ("typical", "layers", "saved"),
    ),
    "gradchain.experiments.recognise_numbers": (_from_recognise, True, ("rate",)),
    "gradchain.experiments.centring": (_from_centring, True, ("starting", "slowdown")),
    "gradchain.experiments.exploding": (_from_exploding, True, ("clipped_cosine", "saved")),
    "gradchain.experiments.normalized_numbers": (
        _from_normalized,
        True,
        (
            "rate_predicted",
            "rate_measured",
            "growth_predicted",
            "growth_measured",
            "trainable_depth",
        ),
    ),
    "gradchain.experiments.transformer_numbers": (
        _from_transformer,
        True,
        ("block_predicted", "block_measured"),
    ),
    "gradchain.experiments.residual_numbers": (
        _from_residual,
        True,
        ("growth_predicted", "growth_measured"),
    ),
    "gradchain.experiments.lab_numbers": (_from_lab_numbers, True, ("trained",)),
    "gradchain.experiments.moons_cells": (_from_moons_cells, True, ("majority",)),
    "gradchain.experiments.initializers_numbers": (
        _from_initializers,
        True,
        ("predicted", "measured"),
    ),
    "gradchain.experiments.finite_width_numbers": (
        _from_finite_width,
        True,
        ("predicted", "measured"),
    ),
    "gradchain.experiments.phase_diagram_numbers": (
        _from_phase_diagram,
        True,
        (
            "mean_field_value",
            "critical_scale",
            "slope_at_width",
            "critical_at_width",
            "slope_measured",
            "critical_measured",
            "trainable_depth",
        ),
    ),
    "gradchain.experiments.isometry_numbers": (
        _from_isometry,
        True,
        (
            "law_value",
            "fourth_at_width",
            "measured_value",
            "span_predicted",
            "span_measured",
            "exponent",
            "exponent_measured",
            "critical_bias",
        ),
    ),
}

TABLE: dict[str, Entry] = {
    f"{module}.{name}": Entry(partial(loader, name), needs_jax)
    for module, (loader, needs_jax, names) in _MODULES.items()
    for name in names
}


def run(how: How, key: str = "a number") -> Result:
    """Run the function that a record names.

    Args:
        how: the function and its arguments.
        key: the number's key, for messages.

    Returns:
        What it gives: value, and enclosure or uncertainty.

    Raises:
        DriftError: the function is not in the table, or its arguments do not fit.

    Example:
        >>> run(How.of("gradchain.certify.rational.power", base="1/4", exponent=5)).value
        '0.0009765625'
    """
    return _run(how, TABLE, key)


def check(
    registry: Mapping[str, Number], level: str = "quick", keys: Iterable[str] | None = None
) -> list[Finding]:
    """Recompute numbers and compare each by the rule of its kind.

    Args:
        registry: the numbers.
        level: `quick` (only functions that need no JAX) or `full`.
        keys: which numbers; all if not given.

    Returns:
        One finding a number; `.bad` where it drifted or its function may not be run.

    Raises:
        UsageError: the level is unknown.
    """
    return _check(registry, level, TABLE, keys)
