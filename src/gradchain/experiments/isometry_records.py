"""The words around the numbers of the isometry study: key, statement, conditions.

Keys: `spectrum.<activation or linear>.<weights>.depth<L>.<what>.<predicted, atwidth, measured>` and
`lyapunov.gaussian.width<n>.<top or bottom>.<predicted or measured>`.
"""

from typing import NamedTuple

import numpy as np

from gradchain.experiments import isometry_numbers as numbers
from gradchain.experiments.isometry import BIAS
from gradchain.experiments.records import computed, estimated
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.isometry_numbers"
NAMES = {"identity": "linear", "relu": "relu", "tanh": "tanh"}
_WHAT = {
    "edge": ("the largest singular value of J is {value}", "max s(J)", "\\max s(J)"),
    "aboveone": (
        "a share of {value} of the singular values of J lies above 1",
        "P(s(J) > 1)",
        "\\mathrm{P}(s(J) > 1)",
    ),
    "fourth": (
        "the mean fourth power of the singular values of J is {value}",
        "E tr (J J^T)^2/n",
        "\\tfrac{1}{n}\\mathrm{E}\\,\\mathrm{tr}(JJ^T)^2",
    ),
}
_PENNINGTON = (
    "J. Pennington, S. S. Schoenholz, S. Ganguli, Resurrecting the sigmoid in deep learning through "
    "dynamical isometry, NeurIPS 2017, arXiv:1711.04735"
)
_SPAN = ("E log(s_1/s_n)", "\\mathrm{E}\\log(s_1/s_n)")


class Measured(NamedTuple):
    """What was measured of one law: networks of a width and depth."""

    activation: str
    weights: str
    width: int
    depth: int
    top: np.ndarray
    fourth: np.ndarray
    logs: np.ndarray
    seed: int

    @property
    def stem(self) -> str:
        """First segments of the keys."""
        return f"spectrum.{NAMES[self.activation]}.{self.weights}.depth{self.depth}"

    @property
    def _law(self) -> str:
        bias = f"sigma_b = {BIAS[self.activation]:g}" if BIAS[self.activation] else "no biases"
        return f"J = dh_{self.depth}/dh_0, {self.weights} weights at the critical point chi = 1, {bias}"

    def _words(self, what: str, role: str = "value") -> dict[str, object]:
        _, text, latex = _WHAT[what]
        return {
            "formula_text": text,
            "formula_latex": latex,
            "role": role,
            "digits": 4,
            "study": "isometry",
            "tags": (NAMES[self.activation], self.weights, "spectrum"),
        }

    def numbers(self, what: str) -> list[Number]:
        """Make a quantity predicted (infinite width, and this one where there is a law) and measured."""
        name = NAMES[self.activation]
        lead = f"In {name} networks of {self.depth} layers with {self.weights} weights {_WHAT[what][0]}"
        place = {"activation": self.activation, "weights": self.weights, "depth": self.depth}
        made = [
            computed(
                f"{self.stem}.{what}.predicted",
                numbers.law_value(*place.values(), what),  # type: ignore[arg-type]
                How.of(f"{_HOME}.law_value", quantity=what, **place),
                "1e-5",
                f"{lead} (predicted for infinite width).",
                conditions=f"{self._law}; infinite width, free probability.",
                **self._words(what, "prediction"),
            )
        ]
        if what == "fourth" and self.weights == "gaussian" and self.activation != "tanh":
            size = {"activation": self.activation, "width": self.width, "depth": self.depth}
            made.append(
                computed(
                    f"{self.stem}.{what}.atwidth",
                    numbers.fourth_at_width(self.activation, self.width, self.depth),
                    How.of(f"{_HOME}.fourth_at_width", **size),
                    "1e-10",
                    f"{lead} (predicted for width {self.width}).",
                    conditions=f"{self._law}, width n = {self.width}; exact by Wick's formula.",
                    **self._words(what, "prediction"),
                )
            )
        how = How.of(
            f"{_HOME}.measured_value",
            quantity=what, width=self.width, draws=len(self.top), seed=self.seed, **place,
        )  # fmt: skip
        made.append(
            estimated(
                f"{self.stem}.{what}.measured",
                numbers.value_of(self.top, self.fourth, self.logs, what),
                how,
                f"{lead} (measured).",
                conditions=f"{self._law}, width n = {self.width}, mean over {len(self.top)} networks at "
                "initialization.",
                dtype="float32",
                **self._words(what),
            )
        )
        return made


def span_numbers(logs: np.ndarray, depth: int, seed: int) -> list[Number]:
    """Make how far the singular values of a deep linear Gaussian chain lie apart.

    Args:
        logs: (S, n) natural logarithms, descending.
        depth: L.
        seed: seed of the draws.

    Returns:
        The prediction and the measurement.
    """
    draws, width = logs.shape
    stem = f"spectrum.linear.gaussian.depth{depth}.span"
    said = (
        f"Across {depth} linear layers of width {width} with Gaussian weights the largest singular value "
        "lies {value} nats above the smallest"
    )
    fields = {
        "formula_latex": _SPAN[1],
        "formula_text": _SPAN[0],
        "digits": 4,
        "study": "isometry",
        "tags": ("linear", "gaussian", "spectrum", "depth"),
    }
    law = f"J = product of {depth} matrices with entries N(0, 1/n), n = {width}"
    return [
        computed(
            f"{stem}.predicted",
            numbers.span_predicted(width, depth),
            How.of(f"{_HOME}.span_predicted", width=width, depth=depth),
            "1e-10",
            f"{said} (predicted).",
            conditions=f"{law}. L (lambda_1 - lambda_n) with Newman's exponents; exact to leading order "
            "in L.",
            role="prediction",
            **fields,
        ),
        estimated(
            f"{stem}.measured",
            numbers.span_of(logs),
            How.of(f"{_HOME}.span_measured", width=width, depth=depth, draws=draws, seed=seed),
            f"{said} (measured).",
            conditions=f"{law}; mean over {draws} networks. All singular values are accurate: graded QR "
            "and one-sided Jacobi in logarithms.",
            dtype="float64",
            **fields,
        ),
    ]


def exponent_numbers(
    width: int, values: np.ndarray, errors: np.ndarray, depth: int, blocks: int, seed: int
) -> list[Number]:
    """Make the first and the last Lyapunov exponent, Newman's and measured.

    Args:
        width: n.
        values: (n,) measured.
        errors: (n,) standard errors.
        depth: how many factors.
        blocks: of the standard error.
        seed: seed of the draws.

    Returns:
        Four numbers.
    """
    made = []
    for place, word in (("top", "largest"), ("bottom", "smallest")):
        stem = f"lyapunov.gaussian.width{width}.{place}"
        said = (
            f"The {word} Lyapunov exponent of products of {width} x {width} Gaussian matrices is "
            "{value} nats a factor"
        )
        order = "n/2" if place == "top" else "1/2"
        fields = {
            "digits": 4,
            "study": "isometry",
            "tags": ("lyapunov", "gaussian"),
            "formula_text": f"(log(2) + psi({order}))/2",
            "formula_latex": f"\\tfrac12(\\log 2 + \\psi({order}))",
        }
        law = "Independent real matrices, entries N(0, 1)"
        made += [
            computed(
                f"{stem}.predicted",
                numbers.exponent(width, place),
                How.of(f"{_HOME}.exponent", width=width, place=place),
                "1e-12",
                f"{said} (Newman's exact value).",
                conditions=f"{law}; infinitely many factors.",
                role="prediction",
                **fields,
            ),
            estimated(
                f"{stem}.measured",
                numbers.exponent_of(values, errors, place, depth),
                How.of(
                    f"{_HOME}.exponent_measured",
                    width=width, place=place, depth=depth, blocks=blocks, seed=seed,
                ),
                f"{said} (measured).",
                conditions=f"{law}; {depth} factors, QR recursion.",
                dtype="float64",
                **fields,
            ),
        ]  # fmt: skip
    return made


def paper_numbers() -> list[Number]:
    """Make what Pennington et al. say of a critical point of tanh, and ours.

    Returns:
        Two numbers.
    """
    fields = {
        "study": "isometry",
        "tags": ("tanh", "spectrum"),
        "formula_text": "sigma_b^2 : chi = 1, q = sigma_w^2 E phi^2 + sigma_b^2",
        "formula_latex": "\\sigma_b^2 : \\chi = 1,\\ q = \\sigma_w^2\\mathrm{E}\\varphi^2 + \\sigma_b^2",
    }
    where = "tanh, sigma_w^2 = 1.05 (the square), infinite width."
    return [
        Number(
            key="spectrum.pennington.bias.reported",
            kind="reported",
            statement="Pennington et al. give 2.01e-5 as the sigma_b^2 with which tanh networks of "
            "sigma_w^2 = 1.05 are critical.",
            conditions=f"{where} Quoted from memory of the paper, not read again.",
            value="2.01e-5",
            source=_PENNINGTON,
            digits=3,
            **fields,  # type: ignore[arg-type]
        ),
        computed(
            "spectrum.pennington.bias.predicted",
            numbers.critical_bias("tanh", 1.05),
            How.of(f"{_HOME}.critical_bias", activation="tanh", square=1.05),
            "1e-6",
            "Tanh networks of sigma_w^2 = 1.05 are critical with sigma_b^2 = {value} (predicted).",
            conditions=where,
            role="prediction",
            digits=6,
            **fields,
        ),
    ]
