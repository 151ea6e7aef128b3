"""What does a diagnosis hold? Rows, a slope with its interval, layers left, a verdict; and how it prints.

See `gradchain.bridge.diagnosis` for the functions that make one.
"""

import math
from dataclasses import dataclass

from gradchain._errors import GradchainError
from gradchain.bridge import table
from gradchain.bridge.presets import LN10, LayerRow, Verdict, judge, signed
from gradchain.bridge.reading import LOG10_2
from gradchain.bridge.trend import METHOD, Trend
from gradchain.scaled import bits


@dataclass(frozen=True)
class Diagnosis:
    """The gradient of every layer, first to last, and what follows from it.

    `rows` are `LayerRow`s, `trend` the fit behind `.slope`, `notes` say what was left out, `loss` is
    the loss (NaN if only gradients were given), `loss_exponent` the k of a second pass with the loss
    times 2**k (0: none was needed). `print(report)` shows a table.
    """

    rows: tuple[LayerRow, ...]
    trend: Trend
    preset: str = "slope"
    decades: float = 1.0
    learning_rate: float | None = None
    notes: tuple[str, ...] = ()
    loss: float = math.nan
    loss_exponent: int = 0

    @property
    def slope(self) -> float:
        """Nats a layer towards the input: negative where gradients vanish. An *estimate*."""
        return self.trend.slope

    @property
    def slope_interval(self) -> tuple[float, float]:
        """Its 95 % interval; infinite for two layers."""
        return self.trend.low, self.trend.high

    @property
    def slope_robust(self) -> float:
        """The median of all pairwise slopes (Theil-Sen), in nats a layer."""
        return self.trend.robust

    @property
    def slope_method(self) -> str:
        """How slope and interval were obtained."""
        return METHOD

    @property
    def layers_left(self) -> float:
        """How many more layers fit before the first layer's gradient leaves the normal numbers."""
        return self.layers_left_in(self.rows[0].dtype)

    @property
    def layers_left_subnormal(self) -> float:
        """The same, down to the smallest subnormal number (XLA's CPU and GPU flush these to 0)."""
        return self.layers_left_in(self.rows[0].dtype, subnormal=True)

    def layers_left_in(self, dtype: object, subnormal: bool = False) -> float:
        """Count the layers left in a given float type.

        floor((r - log10 s) / -slope), with r the log10 root mean square of the first layer's
        gradient entries and s the smallest number of the type. Absolute by nature: it changes with
        the scale of the loss.

        Args:
            dtype: float16, bfloat16, float32 or float64.
            subnormal: count down to the smallest subnormal number instead of the smallest normal.

        Returns:
            A whole number as a float, an *estimate*; 0 if the first layer is already below; inf
            unless the interval of the slope lies below 0.

        Raises:
            DtypeError: if it is not such a type.
        """
        layout = bits.format_of(dtype)
        if not self.trend.high < 0:
            return math.inf
        lowest = 1 - layout.bias - (layout.precision - 1 if subnormal else 0)
        first = self.rows[0]
        above = first.log10_norm - math.log10(first.size) / 2 - lowest * LOG10_2
        return max(0.0, float(math.floor(above / (-self.slope / LN10)))) if above > 0 else 0.0

    def judge(
        self, preset: str, *, decades: float | None = None, learning_rate: float | None = None
    ) -> Verdict:
        """Judge by another rule.

        Args:
            preset: "slope", "sagemaker", "autotrainer" or "karpathy".
            decades: threshold of the slope rule; the report's own if not given.
            learning_rate: for karpathy; the report's own if not given.

        Returns:
            A `Verdict` (kind, text).

        Raises:
            UsageError: if the rule is unknown or needs what is not there.
        """
        limit = self.decades if decades is None else decades
        rate = self.learning_rate if learning_rate is None else learning_rate
        return judge(self.rows, self.trend, preset, limit, rate)

    @property
    def kind(self) -> str:
        """One of vanishing, exploding, healthy, undecided, dead, not finite."""
        return self.judge(self.preset).kind

    @property
    def verdict(self) -> str:
        """The verdict with its rule."""
        return self.judge(self.preset).text

    def _lines(self) -> list[str]:
        """Return the sentences above the table."""
        lines = [f"verdict: {self.verdict}"]
        if self.trend.used >= 2:
            low, high = self.slope_interval
            lines.append(
                f"slope: {signed(self.slope)} nats a layer [{signed(low)}, {signed(high)}] "
                f"towards the input ({METHOD}); Theil-Sen {signed(self.slope_robust)}"
            )
            if not low <= self.slope_robust <= high:
                lines.append(
                    "note: Theil-Sen lies outside the interval: a few layers bend the line"
                )
        if self.trend.high < 0:
            lines.append(
                f"layers left: {self.layers_left:.0f} before {self.rows[0].dtype} underflows "
                f"({self.layers_left_subnormal:.0f} with subnormals)"
            )
        return lines + [f"note: {table.ascii_text(note)}" for note in self.notes]

    def to_text(self, rows: int = 24) -> str:
        """Return the report as plain ASCII text.

        Args:
            rows: how many layers to show at most; the middle is left out, and that is said.

        Returns:
            Lines, without a last line break.
        """
        verdict, *rest = self._lines()
        return "\n".join([
            table.ascii_text(verdict),
            *rest,
            "",
            *table.plain(self.rows, max(2, rows)),
        ])

    __str__ = to_text

    def to_markdown(self, rows: int = 24) -> str:
        """Return the report in Markdown, names escaped.

        Args:
            rows: how many layers to show at most.

        Returns:
            Markdown text.
        """
        return table.markdown(self._lines(), self.rows, max(2, rows))

    def _repr_html_(self) -> str:
        """Return the report as an HTML fragment, for notebooks."""
        return table.web(self._lines(), self.rows, 24)

    def to_json(self) -> str:
        """Return everything as strict JSON; NaN and infinities are null.

        Returns:
            ASCII JSON text.
        """
        summary = {
            "kind": self.kind,
            "verdict": self.verdict,
            "preset": self.preset,
            "decades": self.decades,
            "loss": self.loss,
            "loss_exponent": self.loss_exponent,
            "slope": self.slope,
            "slope_interval": self.slope_interval,
            "slope_robust": self.slope_robust,
            "slope_method": METHOD,
            "layers_left": self.layers_left,
            "layers_left_subnormal": self.layers_left_subnormal,
            "notes": self.notes,
        }
        return table.to_json(summary, self.rows)


class UnhealthyError(GradchainError, AssertionError):
    """Raised by `assert_healthy`; its text is the verdict and the table, `report` the `Diagnosis`."""

    def __init__(self, message: str, report: Diagnosis) -> None:
        """Keep the text and the report."""
        super().__init__(message)
        self.report = report
