"""What can be measured of the networks of one training setting: one value a seed.

A study with a question of its own adds a measure here; `lab_numbers.trained` then recomputes it by name.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Kept = Mapping[str, np.ndarray]
LN2 = float(np.log(2.0))
LN10 = float(np.log(10.0))
# Between two figures that read 0.693: within so much of log 2 a loss counts as stuck there.
STUCK = 0.003
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)


class Measure(NamedTuple):
    """One value a seed, and what is said of all: the median (of logarithms), the share or the mean."""

    take: Callable[[Kept, float], np.ndarray]
    law: str
    text: str
    latex: str


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.asarray(values, np.float64))


def _gradient(place: int, kernel: int) -> Callable[[Kept, float], np.ndarray]:
    return lambda k, at: k["log_gradient_norms"][:, place, kernel].astype(np.float64) / LN10


def _ratio(place: int) -> Callable[[Kept, float], np.ndarray]:
    def take(k: Kept, at: float) -> np.ndarray:
        logs = k["log_gradient_norms"][:, place].astype(np.float64)
        # A first layer without any gradient has the ratio 0, also where the last one has none.
        first = logs[:, 0]
        with np.errstate(invalid="ignore"):
            return np.where(np.isneginf(first), first, first - logs[:, -1]) / LN10

    return take


def _factor(place: int) -> Callable[[Kept, float], np.ndarray]:
    ratio = _ratio(place)
    return lambda k, at: ratio(k, at) / (k["log_gradient_norms"].shape[2] - 1)


_G1, _GK = (
    ("||dE/dW_1||_F", "\\|\\partial E/\\partial W_1\\|_F"),
    (
        "||dE/dW_K||_F",
        "\\|\\partial E/\\partial W_K\\|_F",
    ),
)

_FACTOR = f"({_G1[0]} / {_GK[0]})^(1/(K-1))", f"({_G1[1]} / {_GK[1]})^{{1/(K-1)}}"


def _at_epoch(k: Kept, name: str, epoch: float) -> np.ndarray:
    """Return an array at the last look before or at an epoch."""
    return k[name][:, int(np.searchsorted(k["epochs"], epoch, side="right")) - 1]


def _med(text: str, latex: str) -> tuple[str, str, str]:
    return "median", f"median {text}", f"\\operatorname{{median}} {latex}"


def _share(text: str, latex: str) -> tuple[str, str, str]:
    return "share", f"P({text})", f"\\mathrm{{P}}({latex})"


MEASURES: dict[str, Measure] = {
    "loss": Measure(lambda k, at: _log10(k["final_loss"]), *_med("E", "E")),
    "accuracy": Measure(
        lambda k, at: _log10(k["final_accuracy"]), *_med("right/n", "\\mathrm{right}/n")
    ),
    "test_loss": Measure(lambda k, at: _log10(k["test_loss"]), *_med("E_test", "E_{\\rm test}")),
    "test_accuracy": Measure(
        lambda k, at: _log10(k["test_accuracy"]),
        *_med("right_test/n_test", "\\mathrm{right}_{\\rm test}/n_{\\rm test}"),
    ),
    "gradient_first_start": Measure(_gradient(0, 0), *_med(*_G1)),
    "gradient_last_start": Measure(_gradient(0, -1), *_med(*_GK)),
    "gradient_first_end": Measure(_gradient(-1, 0), *_med(*_G1)),
    "gradient_last_end": Measure(_gradient(-1, -1), *_med(*_GK)),
    "gradient_ratio_start": Measure(
        _ratio(0), *_med(f"{_G1[0]} / {_GK[0]}", f"{_G1[1]} / {_GK[1]}")
    ),
    "gradient_ratio_end": Measure(
        _ratio(-1), *_med(f"{_G1[0]} / {_GK[0]}", f"{_G1[1]} / {_GK[1]}")
    ),
    "percent_change_first": Measure(
        lambda k, at: _log10(k["percent_median"][:, 0]),
        *_med("median_ij |100 dw_ij/w_ij|", "\\mathrm{median}_{ij} |100\\,\\Delta w_{ij}/w_{ij}|"),
    ),
    "percent_change_last": Measure(
        lambda k, at: _log10(k["percent_median"][:, -1]),
        *_med("median_ij |100 dw_ij/w_ij|", "\\mathrm{median}_{ij} |100\\,\\Delta w_{ij}/w_{ij}|"),
    ),
    "epochs_to_95": Measure(
        lambda k, at: _log10(k["epochs_to_95"]),
        *_med("min{e : right/n >= 0.95}", "\\min\\{e : \\mathrm{right}/n \\ge 0.95\\}"),
    ),
    "stuck": Measure(
        lambda k, at: np.abs(k["final_loss"] - LN2) < STUCK,
        *_share("|E - log 2| < 0.003", "|E - \\log 2| < 0.003"),
    ),
    "loss_below": Measure(
        lambda k, at: k["final_loss"] <= at, *_share("E <= limit", "E \\le \\mathrm{limit}")
    ),
    "accuracy_from": Measure(
        lambda k, at: k["final_accuracy"] >= at,
        *_share("right/n >= limit", "\\mathrm{right}/n \\ge \\mathrm{limit}"),
    ),
    "diverged": Measure(
        lambda k, at: k["nan_step"] >= 0,
        *_share("E = NaN or infinite", "E = \\mathrm{NaN\\ or\\ }\\infty"),
    ),
    "unmoved": Measure(
        lambda k, at: k["percent_over_1"][:, 0] == 0,
        *_share("all |100 dw/w| <= 1", "\\max_{ij}|100\\,\\Delta w_{ij}/w_{ij}| \\le 1"),
    ),
    "dead_start": Measure(
        lambda k, at: k["dead"][:, 0].mean(axis=1), "mean", "mean dead share", "\\overline{d}"
    ),
    "dead_end": Measure(
        lambda k, at: k["dead"][:, -1].mean(axis=1), "mean", "mean dead share", "\\overline{d}"
    ),
    "saturated_start": Measure(
        lambda k, at: k["saturated"][:, 0].mean(axis=1),
        "mean",
        "mean saturated share",
        "\\overline{s}",
    ),
    "saturated_end": Measure(
        lambda k, at: k["saturated"][:, -1].mean(axis=1),
        "mean",
        "mean saturated share",
        "\\overline{s}",
    ),
    "dead_layer": Measure(
        lambda k, at: (k["dead"][:, -1] == 1).any(axis=1),
        *_share("a layer with every unit dead", "\\exists l : d_l = 1"),
    ),
    "gradient_factor_start": Measure(_factor(0), *_med(*_FACTOR)),
    "gradient_factor_end": Measure(_factor(-1), *_med(*_FACTOR)),
    "loss_prints": Measure(
        lambda k, at: np.abs(k["final_loss"] - at) <= 0.0005,
        *_share("|E - limit| <= 0.0005", "|E - \\mathrm{limit}| \\le 0.0005"),
    ),
    "accuracy_near_half": Measure(
        lambda k, at: np.abs(k["final_accuracy"] - 0.5) <= at + 1e-6,
        *_share("|right/n - 1/2| <= limit", "|\\mathrm{right}/n - 1/2| \\le \\mathrm{limit}"),
    ),
    # Means, because a median of few distinct values has no honest interval.
    "accuracy_mean": Measure(
        lambda k, at: k["final_accuracy"], "mean", "mean right/n", "\\overline{\\mathrm{right}/n}"
    ),
    "epochs_to_95_mean": Measure(
        lambda k, at: k["epochs_to_95"][np.isfinite(k["epochs_to_95"])],
        "mean",
        "mean min{e : right/n >= 0.95} of those that get there",
        "\\overline{\\min\\{e : \\mathrm{right}/n \\ge 0.95\\}}",
    ),
    "reached_95": Measure(
        lambda k, at: np.isfinite(k["epochs_to_95"]),
        *_share("some epoch has right/n >= 0.95", "\\exists e : \\mathrm{right}/n \\ge 0.95"),
    ),
    "over_1_first": Measure(
        lambda k, at: k["percent_over_1"][:, 0],
        "mean",
        "mean share of ij with |100 dw_ij/w_ij| > 1",
        "\\overline{\\mathrm{share}(|100\\,\\Delta w_{ij}/w_{ij}| > 1)}",
    ),
    "same_first": Measure(
        lambda k, at: k["same_share"][:, 0],
        "mean",
        "mean share of ij with dw_ij = 0",
        "\\overline{\\mathrm{share}(\\Delta w_{ij} = 0)}",
    ),
    # The learning rate is handed over as the threshold.
    "pseudo_first": Measure(
        lambda k, at: _log10(k["moved_median"][:, 0].astype(np.float64) / at),
        *_med("median_ij |dw_ij|/rate", "\\mathrm{median}_{ij} |\\Delta w_{ij}|/\\eta"),
    ),
    "moved_below": Measure(
        lambda k, at: k["moved_median"][:, 0] < at,
        *_share(
            "median_ij |dw_ij| < limit", "\\mathrm{median}_{ij} |\\Delta w_{ij}| < \\mathrm{limit}"
        ),
    ),
    "percent_below": Measure(
        lambda k, at: k["percent_median"][:, 0] < at,
        *_share(
            "median_ij |100 dw_ij/w_ij| < limit",
            "\\mathrm{median}_{ij} |100\\,\\Delta w_{ij}/w_{ij}| < \\mathrm{limit}",
        ),
    ),
    "percent_5_to_26": Measure(
        lambda k, at: (k["percent_median"][:, 0] >= 5) & (k["percent_median"][:, 0] <= 26),
        *_share(
            "5 <= median_ij |100 dw_ij/w_ij| <= 26",
            "5 \\le \\mathrm{median}_{ij} |100\\,\\Delta w_{ij}/w_{ij}| \\le 26",
        ),
    ),
    "inactive_first_start": Measure(
        lambda k, at: k["saturated"][:, 0, 0],
        "mean",
        "mean share of (unit, point) with phi'(z_1) = 0",
        "\\overline{\\mathrm{share}(\\varphi'(z_1) = 0)}",
    ),
    "inactive_last_start": Measure(
        lambda k, at: k["saturated"][:, 0, -1],
        "mean",
        "mean share of (unit, point) with phi'(z_L) = 0",
        "\\overline{\\mathrm{share}(\\varphi'(z_L) = 0)}",
    ),
    "dead_last_start": Measure(
        lambda k, at: k["dead"][:, 0, -1],
        "mean",
        "mean share of units with phi'(z_L) = 0 at every point",
        "\\overline{\\mathrm{share}(\\forall x : \\varphi'(z_L) = 0)}",
    ),
    # The epoch is handed over as the threshold.
    "batch_mode_loss": Measure(
        lambda k, at: _log10(_at_epoch(k, "full_loss", at)), *_med("E_batch", "E_{\\rm batch}")
    ),
    "inference_loss": Measure(
        lambda k, at: _log10(_at_epoch(k, "infer_loss", at)), *_med("E_infer", "E_{\\rm infer}")
    ),
    "inference_excess": Measure(
        lambda k, at: (
            _log10(_at_epoch(k, "infer_loss", at)) - _log10(_at_epoch(k, "full_loss", at))
        ),
        *_med("E_infer / E_batch", "E_{\\rm infer} / E_{\\rm batch}"),
    ),
    "inference_accuracy": Measure(
        lambda k, at: _log10(_at_epoch(k, "infer_accuracy", at)),
        *_med("right_infer/n", "\\mathrm{right}_{\\rm infer}/n"),
    ),
    "steps_to_nan": Measure(
        lambda k, at: _log10(np.where(k["nan_step"] >= 0, k["nan_step"] + 1.0, np.inf)),
        *_med(
            "min{t : E_t = NaN or infinite}", "\\min\\{t : E_t = \\mathrm{NaN\\ or\\ }\\infty\\}"
        ),
    ),
}
"""Name -> measure. A study with a question of its own adds to this table."""
