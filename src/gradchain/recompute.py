"""The table of functions that a registry record may name, and nothing else may be run.

Which question it answers: what does `gradchain check` run? A record, perhaps from a stranger's
file, holds a dotted name as text. It is looked up here, never imported by that name. Each loader
imports its module only when called, so that numbers without JAX are checked without JAX.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from gradchain._result import Result
from gradchain.registry.recheck import Entry, Finding
from gradchain.registry.recheck import check as _check
from gradchain.registry.recheck import run as _run
from gradchain.registry.record import How, Number


def _module(name: str) -> Any:
    """Return a module of the table, imported now.

    Raises:
        LookupError: the table names a module that is not here.
    """
    match name:
        case "gradchain.certify.rational":
            from gradchain.certify import rational as found
        case "gradchain.certify.constants":
            from gradchain.certify import constants as found
        case "gradchain.certify.derivatives":
            from gradchain.certify import derivatives as found
        case "gradchain.certify.moments":
            from gradchain.certify import moments as found
        case "gradchain.experiments.window":
            from gradchain.experiments import window as found
        case "gradchain.experiments.chain_numbers":
            from gradchain.experiments import chain_numbers as found
        case "gradchain.experiments.saturation_numbers":
            from gradchain.experiments import saturation_numbers as found
        case "gradchain.experiments.lab_numbers":
            from gradchain.experiments import lab_numbers as found
        case "gradchain.experiments.moons_cells":
            from gradchain.experiments import moons_cells as found
        case "gradchain.experiments.remedies_numbers":
            from gradchain.experiments import remedies_numbers as found
        case "gradchain.experiments.dead_units":
            from gradchain.experiments import dead_units as found
        case "gradchain.experiments.normalization":
            from gradchain.experiments import normalization as found
        case "gradchain.experiments.output_layer_exact":
            from gradchain.experiments import output_layer_exact as found
        case "gradchain.experiments.output_layer":
            from gradchain.experiments import output_layer as found
        case "gradchain.experiments.float_limits":
            from gradchain.experiments import float_limits as found
        case "gradchain.experiments.mixed_precision_numbers":
            from gradchain.experiments import mixed_precision_numbers as found
        case "gradchain.experiments.recognise_numbers":
            from gradchain.experiments import recognise_numbers as found
        case "gradchain.experiments.exploding":
            from gradchain.experiments import exploding as found
        case "gradchain.experiments.centring":
            from gradchain.experiments import centring as found
        case "gradchain.experiments.normalized_numbers":
            from gradchain.experiments import normalized_numbers as found
        case "gradchain.experiments.transformer_numbers":
            from gradchain.experiments import transformer_numbers as found
        case "gradchain.experiments.residual_numbers":
            from gradchain.experiments import residual_numbers as found
        case "gradchain.experiments.initializers_numbers":
            from gradchain.experiments import initializers_numbers as found
        case "gradchain.experiments.finite_width_numbers":
            from gradchain.experiments import finite_width_numbers as found
        case "gradchain.experiments.phase_diagram_numbers":
            from gradchain.experiments import phase_diagram_numbers as found
        case "gradchain.experiments.isometry_numbers":
            from gradchain.experiments import isometry_numbers as found
        case "gradchain.experiments.fifty_words_numbers":
            from gradchain.experiments import fifty_words_numbers as found
        case "gradchain.experiments.fifty_words_exact":
            from gradchain.experiments import fifty_words_exact as found
        case "gradchain.experiments.exploding_through_time_exact":
            from gradchain.experiments import exploding_through_time_exact as found
        case "gradchain.experiments.exploding_through_time_wall":
            from gradchain.experiments import exploding_through_time_wall as found
        case "gradchain.experiments.exploding_through_time_numbers":
            from gradchain.experiments import exploding_through_time_numbers as found
        case "gradchain.experiments.time_chain_numbers":
            from gradchain.experiments import time_chain_numbers as found
        case "gradchain.experiments.long_term_dependency_numbers":
            from gradchain.experiments import long_term_dependency_numbers as found
        case "gradchain.experiments.two_sentences_exact":
            from gradchain.experiments import two_sentences_exact as found
        case "gradchain.experiments.two_sentences_numbers":
            from gradchain.experiments import two_sentences_numbers as found
        case _:
            raise LookupError(f"no module {name} in the table of functions")
    return found


def _load(module: str, name: str) -> Callable[..., Result]:
    return getattr(_module(module), name)


# Module, whether it needs JAX, and those of its functions that a record may name.
_MODULES: dict[str, tuple[bool, tuple[str, ...]]] = {
    "gradchain.certify.rational": (
        False,
        ("power", "depth_until_below", "underflow_depth", "stuck_at", "lost_depth"),
    ),
    "gradchain.certify.constants": (
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
        False,
        ("derivative_sup", "derivative_inf"),
    ),
    "gradchain.certify.moments": (
        False,
        ("mean_square_slope", "mean_square_value"),
    ),
    "gradchain.experiments.window": (False, ("best_weight",)),
    "gradchain.experiments.chain_numbers": (
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
        True,
        ("weight_scale", "factor_median", "saturated_share", "autodiff_zero"),
    ),
    "gradchain.experiments.normalization": (True, ("swept",)),
    "gradchain.experiments.remedies_numbers": (
        True,
        ("effect", "relative_cost"),
    ),
    "gradchain.experiments.dead_units": (
        False,
        ("inactive_units", "silent_points"),
    ),
    "gradchain.experiments.output_layer_exact": (
        False,
        ("error_signal", "largest_squared_signal", "advantage", "clip_edge", "recovery_time"),
    ),
    "gradchain.experiments.output_layer": (True, ("measured_signal",)),
    "gradchain.experiments.float_limits": (False, ("float_limit",)),
    "gradchain.experiments.mixed_precision_numbers": (
        True,
        ("typical", "layers", "saved"),
    ),
    "gradchain.experiments.recognise_numbers": (True, ("rate",)),
    "gradchain.experiments.centring": (True, ("starting", "slowdown")),
    "gradchain.experiments.exploding": (True, ("clipped_cosine", "saved")),
    "gradchain.experiments.normalized_numbers": (
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
        True,
        ("block_predicted", "block_measured"),
    ),
    "gradchain.experiments.residual_numbers": (
        True,
        ("growth_predicted", "growth_measured"),
    ),
    "gradchain.experiments.lab_numbers": (True, ("trained",)),
    "gradchain.experiments.moons_cells": (True, ("majority",)),
    "gradchain.experiments.initializers_numbers": (
        True,
        ("predicted", "measured"),
    ),
    "gradchain.experiments.finite_width_numbers": (
        True,
        ("predicted", "measured"),
    ),
    "gradchain.experiments.phase_diagram_numbers": (
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
    "gradchain.experiments.fifty_words_exact": (
        False,
        ("gate_power", "tanh_slope_power"),
    ),
    "gradchain.experiments.fifty_words_numbers": (True, ("left",)),
    "gradchain.experiments.exploding_through_time_exact": (
        False,
        ("clip_angle", "largest_turn", "largest_clipped_norm", "ridge"),
    ),
    "gradchain.experiments.exploding_through_time_wall": (True, ("beside",)),
    "gradchain.experiments.exploding_through_time_numbers": (
        True,
        ("trained", "saved", "factor_measured", "factor_predicted"),
    ),
    "gradchain.experiments.time_chain_numbers": (
        True,
        ("kept", "kept_predicted", "lost_steps", "trained_kept"),
    ),
    "gradchain.experiments.long_term_dependency_numbers": (
        True,
        ("success", "half", "start_left", "predicts"),
    ),
    "gradchain.experiments.two_sentences_exact": (False, ("parameters",)),
    "gradchain.experiments.two_sentences_numbers": (
        True,
        (
            "start_predicted",
            "start_measured",
            "learned",
            "gate",
            "arithmetic",
            "growth_predicted",
            "growth_measured",
            "radius_measured",
        ),
    ),
}

TABLE: dict[str, Entry] = {
    f"{module}.{name}": Entry(partial(_load, module, name), needs_jax)
    for module, (needs_jax, names) in _MODULES.items()
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
