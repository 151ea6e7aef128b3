"""The pictures of the isometry study: drawings, with the words that go with each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradchain.experiments.isometry_records import NAMES
from gradchain.figures.isometry import draw_exponents, draw_histograms, draw_rates, draw_tops
from gradchain.figures.picture import Picture
from gradchain.figures.words import alt_text

_TITLES = {"gaussian": "Gaussian weights", "orthogonal": "orthogonal weights"}
Laws = Sequence[tuple[str, str]]


def pictures(
    config: Any, results: Any, laws: Laws, exact: Mapping[int, np.ndarray]
) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        config: its settings.
        results: arrays by cell.
        laws: (weights, activation) pairs.
        exact: Newman's exponents by width, entries N(0, 1).

    Returns:
        The pictures, in order.
    """
    return [
        _histograms(config, results, laws),
        _tops(config, results, laws),
        _rates(config, results, laws, exact),
        _exponents(config, results, exact),
    ]


def _histograms(config: Any, results: Any, laws: Laws) -> Picture:
    panels, edges = {}, results["bins"]["edges"]
    for weights, activation in laws:
        arrays = results[f"law_{activation}_{weights}"]
        logs = arrays["logs"][:, 0] / np.log(10)
        shares = np.stack([np.histogram(row, edges)[0] / row.size for row in logs])
        dead = float(np.isneginf(logs).mean())
        below = float((np.isfinite(logs) & (logs < edges[0])).mean())
        notes = [
            f"{dead:.2f} are 0 (law: 0.50)" * (dead > 0),
            f"{below:.2f} lie left of this" * (below > 0.005),
        ]
        if not arrays["density"].any():
            notes = ["all are 1, so says the law"]
        note = "\n".join(text for text in notes if text)
        own = shares, arrays["fine"], arrays["density"], note
        panels[_TITLES[weights], NAMES[activation]] = own
    stem = f"depth{config.depth}.aboveone"
    return Picture(
        "histogram",
        f"Singular values of {config.depth} layers, beside the law",
        lambda: draw_histograms(edges, panels),
        alt=alt_text(
            "Six histograms",
            "the singular values of the Jacobian on a scale of powers of ten, for linear, relu and tanh "
            "networks with Gaussian and with orthogonal weights, each with the predicted density",
            f"{config.draws} networks of width {config.width} and {config.depth} layers a histogram",
            "Measured bars follow the predicted curves. Above 1 lie "
            f"{{spectrum.relu.gaussian.{stem}.measured}} of the values of relu networks with Gaussian "
            f"weights (predicted {{spectrum.relu.gaussian.{stem}.predicted}}) and "
            f"{{spectrum.tanh.orthogonal.{stem}.measured}} of tanh networks with orthogonal weights "
            f"(predicted {{spectrum.tanh.orthogonal.{stem}.predicted}}).",
        ),
        caption="All networks are critical: the mean square of their singular values is 1, and yet most "
        "values are far from 1. Only orthogonal weights in linear networks make them all 1.",
    )


def _tops(config: Any, results: Any, laws: Laws) -> Picture:
    panels: dict[str, dict] = {_TITLES[weights]: {} for weights, _ in laws}
    for weights, activation in laws:
        arrays = results[f"law_{activation}_{weights}"]
        panels[_TITLES[weights]][NAMES[activation]] = (arrays["top"], arrays["edge"])
    stem = f"depth{config.depth}.edge"
    return Picture(
        "largest",
        "The largest singular value by depth",
        lambda: draw_tops(config.depths, panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the largest singular value against depth, measured and predicted, Gaussian weights left, "
            "orthogonal weights right; linear, relu and tanh",
            f"{config.draws} networks of width {config.width}; bands hold all of them",
            f"At depth {config.depth} a linear Gaussian network has "
            f"{{spectrum.linear.gaussian.{stem}.measured}} (predicted "
            f"{{spectrum.linear.gaussian.{stem}.predicted}} for infinite width), far below 2^L.",
        ),
        caption="Each Gaussian layer has norm 2, and yet the product grows only like the square root of "
        "the depth. Measured values lie below the edge, which they reach only at infinite width.",
    )


def _rates(config: Any, results: Any, laws: Laws, exact: Mapping[int, np.ndarray]) -> Picture:
    panels = {}
    for weights, activation in laws:
        logs = results[f"deep_{activation}_{weights}"]["logs"]
        known = None
        if activation == "identity":
            known = np.zeros(config.narrow)
            if weights == "gaussian":
                known = exact[config.narrow] - np.log(config.narrow) / 2
        panels[_TITLES[weights], NAMES[activation]] = (logs, known)
    deepest = config.deep[-1]
    stem = f"spectrum.linear.gaussian.depth{deepest}.span"
    return Picture(
        "rates",
        f"All singular values, depth {config.deep[0]} to {deepest}",
        lambda: draw_rates(config.deep, panels),
        alt=alt_text(
            "Six line charts",
            "the logarithm of the singular values divided by the depth, against depth, for linear, relu "
            "and tanh networks with Gaussian and with orthogonal weights",
            f"{config.chains} networks of width {config.narrow}; singular values that are forced to 0 "
            "are left out",
            f"In linear networks with Gaussian weights the rates settle at Newman's exponents: at depth "
            f"{deepest} the largest value lies {{{stem}.measured}} nats above the smallest (predicted "
            f"{{{stem}.predicted}}). With orthogonal weights all stay at 1.",
        ),
        caption="Values that were forced to 0 by dead units are left out. A plain SVD loses all that lie "
        "more than 37 nats below the largest.",
    )


def _exponents(config: Any, results: Any, exact: Mapping[int, np.ndarray]) -> Picture:
    panels = {}
    for width, _ in config.products:
        arrays = results[f"lyapunov_{width}"]
        panels[width] = (exact[width], arrays["values"], arrays["errors"])
    wide = config.products[-1][0]
    stem = f"lyapunov.gaussian.width{wide}.top"
    return Picture(
        "exponents",
        "Lyapunov exponents of Gaussian products",
        lambda: draw_exponents(panels),
        alt=alt_text(
            "Two charts",
            "Lyapunov exponents against their place, and their difference from Newman's exact ones in "
            "standard errors",
            "one product a width: "
            + ", ".join(f"{depth} factors of width {width}" for width, depth in config.products),
            f"All points lie on the curves; for width {wide} the largest is {{{stem}.measured}}, exactly "
            f"{{{stem}.predicted}}.",
        ),
        caption="Entries N(0, 1). The smallest exponent is the same at every width.",
    )
