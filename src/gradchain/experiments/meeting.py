"""Where prediction meets measurement: how are the two put side by side?

A measured mean comes with its standard error over networks; the difference from the prediction in
standard errors is its z-score. A prediction of infinite width is met by the measured value at infinite
width (see `normalized.extrapolated`) or stated to be exact at every width; else z shows the finite width.
"""

from collections.abc import Callable

import numpy as np

from gradchain._result import Result, Uncertainty
from gradchain.experiments import statistics
from gradchain.experiments.records import computed, estimated
from gradchain.registry.record import How, Number


def predicted_result(value: float, error: float = 0.0) -> Result:
    """Put a predicted value into a result.

    Args:
        value: the value.
        error: its absolute error; at least the rounding of float64 and of twelve digits is stated.

    Returns:
        The value to twelve digits with its error bound.
    """
    bound = error + 1e-11 * abs(value)
    text = statistics.plain(value, 12)
    method = "closed form or quadrature in float64, rounded to twelve digits"
    return Result(text, uncertainty=Uncertainty("error bound", value=f"{bound:.3g}", method=method))


def measured_result(value: float, error: float, count: int, method: str) -> Result:
    """Put a measured mean into a result.

    Args:
        value: the mean.
        error: its standard error.
        count: number of networks.
        method: how it was taken.

    Returns:
        The value with its standard error.
    """
    doubt = Uncertainty("standard error", value=statistics.plain(error, 3), n=count, method=method)
    return Result(statistics.plain(value), uncertainty=doubt)


def mean_result(values: np.ndarray, what: str = "networks") -> Result:
    """Take the mean over networks.

    Args:
        values: (S,) one value a network.
        what: what is averaged over.

    Returns:
        The mean with its standard error.
    """
    return statistics.mean(np.asarray(values, np.float64).tolist(), what)


def z_score(measured: Result, predicted: Result) -> float:
    """Return (measured - predicted) / standard error.

    Args:
        measured: with a standard error.
        predicted: the prediction.

    Returns:
        The z-score; 0 where both agree exactly and there is no spread.

    Example:
        >>> z_score(measured_result(1.2, 0.1, 9, "mean"), predicted_result(1.0)) > 1.9
        True
    """
    difference = float(measured.value) - float(predicted.value)
    doubt = measured.uncertainty
    size = float(doubt.value) if doubt is not None and doubt.value is not None else 0.0
    if size == 0:
        return 0.0 if abs(difference) < 1e-5 else float(np.sign(difference)) * float("inf")
    return difference / size


def z_text(measured: Result, predicted: Result) -> str:
    """Write a z-score as it stands in a table.

    Args:
        measured: with a standard error.
        predicted: the prediction.

    Returns:
        Text such as `+0.4`.
    """
    return f"{z_score(measured, predicted):+.1f}"


class Pairs:
    """Collects records `<stem>.predicted` and `<stem>.measured`, and the z-score of each pair."""

    def __init__(self, home: str, study: str, **shared: object) -> None:
        """Start empty; `home` is the module of the functions that recompute the numbers."""
        self.home, self.study, self.shared = home, study, shared
        self.numbers: list[Number] = []
        self.z: dict[str, str] = {}

    def add(
        self,
        stem: str,
        predicted: tuple[Callable[..., Result], dict, str] | None,
        measured: tuple[Result, str, dict, str] | None,
        conditions: tuple[str, str],
        formula: tuple[str, str],
        tags: tuple[str, ...] = (),
        digits: int = 4,
    ) -> None:
        """Add a pair.

        Args:
            stem: the keys' beginning.
            predicted: the function, its arguments, the statement; None if there is no theory.
            measured: the result, the name of the function that gives it again, its arguments, the
                statement; None if nothing was measured.
            conditions: of the prediction, of the measurement.
            formula: as text and as LaTeX.
            tags: words to find it by.
            digits: digits shown of the prediction.
        """
        fields = {
            "study": self.study,
            "tags": tags,
            "formula_text": formula[0],
            "formula_latex": formula[1],
            **self.shared,
        }
        theory = None
        if predicted is not None:
            function, arguments, said = predicted
            theory = function(**arguments)
            how = How.of(f"{self.home}.{function.__name__}", **arguments)
            own = fields | {"role": "prediction", "conditions": conditions[0], "digits": digits}
            self.numbers.append(computed(f"{stem}.predicted", theory, how, "1e-9", said, **own))
        if measured is None:
            return
        result, name, given, told = measured
        how = How.of(f"{self.home}.{name}", **given)
        own = fields | {"conditions": conditions[1], "dtype": "float32"}
        self.numbers.append(estimated(f"{stem}.measured", result, how, told, **own))
        self.z[stem] = "" if theory is None else z_text(result, theory)
