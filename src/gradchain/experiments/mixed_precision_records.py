"""The words around the numbers of the mixed precision study: key, statement, conditions.

Keys: `mixedprecision.<type>.<limit>` for the types themselves, `mixedprecision.<activation>.<what>` and
`mixedprecision.<activation>.<type>.<what>` for networks.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gradchain._result import Result
from gradchain.experiments import float_limits
from gradchain.experiments import mixed_precision_numbers as numbers
from gradchain.experiments.mixed_precision import (
    LAWS,
    TYPES,
    Counts,
    Sizes,
    Truth,
    bits_a_layer,
    layers_kept,
    lost_shares,
)
from gradchain.experiments.records import estimated
from gradchain.registry.draft import Draft
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.mixed_precision_numbers"
STUDY = "mixed_precision"
SHOWN = (8, 16)
_WORDS = {
    "normal": ("smallest positive normal number", "2^emin", "2^{e_{\\min}}"),
    "subnormal": (
        "smallest positive number, which is subnormal,",
        "2^(emin-p+1)",
        "2^{e_{\\min}-p+1}",
    ),
    "largest": ("largest finite number", "(2 - 2^(1-p)) 2^emax", "(2-2^{1-p})\\,2^{e_{\\max}}"),
}
_KEPT = (
    "max{k : at most half of the entries of dE/dW_(L+1-k) are lost}",
    "\\max\\{k : \\mathrm{P}(|\\partial E/\\partial W_{L+1-k,ij}| \\ \\mathrm{lost}) \\le 1/2\\}",
)


def limit_numbers() -> list[Number]:
    """Make the exact limits of the number types.

    Returns:
        Nine records of kind exact.
    """
    made = []
    for dtype in TYPES:
        for limit, (said, text, latex) in _WORDS.items():
            how = How.of("gradchain.experiments.float_limits.float_limit", dtype=dtype, limit=limit)
            draft = Draft(
                key=f"mixedprecision.{dtype}.{limit}",
                how=how,
                statement=f"The {said} of {dtype} is {{value}}.",
                conditions="IEEE 754 binary format with p significant bits; bfloat16: p = 8 and the "
                "exponents of float32.",
                formula_text=text,
                formula_latex=latex,
                dtype=dtype,
                tags=("underflow", "float", "mixed precision"),
            )
            made.append(replace(draft.fill(float_limits.float_limit(dtype, limit)), study=STUDY))
    return made


class Networks:
    """Networks of one activation; makes their numbers."""

    def __init__(
        self,
        activation: str,
        sizes: Sizes,
        found: Truth,
        counts: Mapping[tuple[str, int], Counts],
    ) -> None:
        """Keep the float64 pass, and the counts by (type, exponent of the loss scale)."""
        self.activation, self.sizes, self.found, self.counts = activation, sizes, found, counts

    def kept(self, dtype: str, exponent: int, by: str) -> np.ndarray:
        """Return how many layers keep half of their entries, one count a network."""
        if by == "measured":
            return layers_kept(lost_shares(self.counts[dtype, exponent], self.found.zero))
        return layers_kept(numbers.cast_shares(self.found, dtype, by == "flushed", exponent))

    def typical(self, quantity: str) -> Number:
        """Make the bits lost a layer, the first gradient or the largest loss scale."""
        said, formula = {
            "bits": (
                "towards the input a layer costs the gradient {value} bits (median)",
                ("median log2(||dE/dW_L||/||dE/dW_1||)/(L-1)",
                 "\\operatorname{median}\\log_2(\\|G_L\\|/\\|G_1\\|)/(L-1)"),
            ),
            "first.gradient": (
                "the first kernel's gradient has the norm {value} (median)",
                ("median ||dE/dW_1||_F", "\\operatorname{median}\\|\\partial E/\\partial W_1\\|_F"),
            ),
            "largest.scale": (
                "float16 holds every gradient and error signal up to the loss scale {value} (median)",
                ("median 65504/max|g|", "\\operatorname{median}\\,65504/\\max|g|"),
            ),
        }[quantity]  # fmt: skip
        key = f"float16.{quantity}" if quantity == "largest.scale" else quantity
        return self._record(
            key, numbers.quantity_of(self.found, quantity), "typical", {"quantity": quantity}, said,
            formula, dtype=None,
        )  # fmt: skip

    def layers(self, dtype: str, by: str) -> Number:
        """Make the count of layers that a type keeps without a loss scale."""
        said = {
            "cast": f"cast to {dtype} with subnormal numbers kept, the true gradient survives in the "
            "{value} layers next to the output (median)",
            "flushed": f"cast to {dtype} with subnormal numbers flushed to 0, the true gradient survives "
            "in the {value} layers next to the output (median)",
            "measured": f"computed in {dtype}, the gradient survives in the {{value}} layers next to the "
            "output (median)",
        }[by]
        return self._record(
            f"{dtype}.{by}.layers",
            numbers.count_of(self.kept(dtype, 0, by)),
            "layers",
            {"dtype": dtype, "exponent": 0, "by": by},
            said,
            _KEPT,
            dtype,
        )

    def saved(self, exponent: int, by: str) -> Number:
        """Make the count of layers that a loss scale saves in float16."""
        if by == "predicted":
            values = exponent / bits_a_layer(self.found.log2_norms)
        else:
            values = self.kept("float16", exponent, by) - self.kept("float16", 0, by)
        said = {
            "cast": "saves {value} layers when the true gradient is cast to float16 (median)",
            "measured": "saves {value} layers when both passes run in float16 (median)",
            "predicted": "is predicted to save {value} layers: its bits divided by the bits lost a layer "
            "(median)",
        }[by]
        formulas = {
            "predicted": (f"{exponent} / bits lost a layer", f"{exponent}/b"),
        }
        kept = ("kept(2^s) - kept(1)", "k(2^s) - k(1)")
        return self._record(
            f"float16.scale{exponent}.{by}.saved",
            numbers.count_of(values),
            "saved",
            {"exponent": exponent, "by": by},
            f"the loss scale 2^{exponent} {said}",
            formulas.get(by, kept),
            "float16",
            role="prediction" if by == "predicted" else "value",
        )

    def _record(
        self,
        key: str,
        result: Result,
        function: str,
        arguments: dict[str, object],
        said: str,
        formula: tuple[str, str],
        dtype: str | None,
        **fields: object,
    ) -> Number:
        sizes = self.sizes
        how = How.of(
            f"{_HOME}.{function}", activation=self.activation, **sizes._asdict(), **arguments
        )
        return estimated(
            f"mixedprecision.{self.activation}.{key}",
            result,
            how,
            f"In deep {self.activation} networks {said}.",
            conditions=f"{sizes.seeds} networks of {sizes.depth} hidden layers of width {sizes.width}, "
            f"{LAWS[self.activation]}, biases 0, one sigmoid output with cross-entropy, batches of "
            f"{sizes.batch} N(0, 1) inputs, at initialization. A layer survives as long as at most half "
            "of its gradient's entries (not counting those that are exactly 0 in truth) become 0.",
            formula_text=formula[0],
            formula_latex=formula[1],
            dtype=dtype,
            unit="1"
            if "gradient" in key or "largest" in key
            else "bits"
            if key == "bits"
            else "layers",
            study=STUDY,
            tags=(self.activation, "underflow", "mixed precision"),
            **fields,
        )


def network_numbers(networks: Networks) -> list[Number]:
    """Make all numbers of one activation.

    Args:
        networks: its networks; only sigmoid ones lose layers at these depths.

    Returns:
        The records.
    """
    made = [networks.typical("first.gradient")]
    if networks.activation != "sigmoid":
        return made
    made += [networks.typical("bits"), networks.typical("largest.scale")]
    for dtype in TYPES:
        for by in ("cast", "measured") if dtype == "float16" else ("cast", "flushed", "measured"):
            # A network that is too shallow keeps them all; there is no count then.
            if np.isfinite(np.median(networks.kept(dtype, 0, by))):
                made.append(networks.layers(dtype, by))
    for exponent in SHOWN:
        made += [networks.saved(exponent, by) for by in ("predicted", "cast", "measured")]
    return made
