"""The words around the numbers of the saturation study: key, statement, conditions.

Keys: `saturation.<activation>.width<n>.<what>`, `saturation.<activation>.autodiff.<type>.<what>` and
`sigmoid.neuron.<what>`.
"""

from collections.abc import Sequence

import numpy as np

from gradchain._result import Result
from gradchain.experiments import saturation_numbers as numbers
from gradchain.experiments import statistics
from gradchain.experiments.records import computed, estimated
from gradchain.experiments.saturation import Scales
from gradchain.experiments.window import best_weight
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.saturation_numbers"
_FACTOR = (
    "Factor a layer: (||dh_L/dh_0||_F / sqrt(n))^(1/L), the geometric mean over layers of what is "
    "left of a random direction."
)


class Networks:
    """Networks of one activation and width at all weight scales; makes their numbers."""

    def __init__(self, found: Scales, activation: str, width: int, depth: int, seed: int) -> None:
        """Keep a sweep's curves for one activation."""
        place = numbers.NETWORKS.index(activation)
        self.curves, self.saturated = found.log10_factor[:, place], found.saturated[:, place]
        self.activation, self.width, self.depth, self.seed = activation, width, depth, seed
        self.stem = f"saturation.{activation}.width{width}"

    def _record(
        self,
        key: str,
        result: Result,
        function: str,
        arguments: dict[str, object],
        statement: str,
        extra: str = "",
        seeds: int | None = None,
    ) -> Number:
        seeds = len(self.curves) if seeds is None else seeds
        how = How.of(
            f"{_HOME}.{function}",
            activation=self.activation,
            width=self.width,
            depth=self.depth,
            seeds=seeds,
            seed=self.seed,
            **arguments,
        )
        conditions = (
            f"{seeds} networks of {self.depth} layers of width {self.width}, W_ij ~ N(0, "
            f"sigma_w^2/{self.width}), inputs with independent N(0, 1) entries, at initialization."
        )
        return estimated(
            f"{self.stem}.{key}",
            result,
            how,
            statement,
            conditions=f"{conditions} {extra}".strip(),
            dtype="float32",
            study="saturation",
            tags=(self.activation, "saturation", "weights"),
        )

    @property
    def _nets(self) -> str:
        return f"{self.activation} networks of width {self.width}"

    def reaches_one(self) -> bool:
        """Say whether the median factor reaches 1 at some scale."""
        return numbers.reaches_one(self.curves)

    def rarely_saturated(self, sigma_w: float) -> bool:
        """Say whether fewer than 1 in 1000 units are saturated: too few for a standard error."""
        return bool(self.saturated[:, numbers.SCALES.index(sigma_w)].mean() < 1e-3)

    def feature(self, feature: str) -> Number:
        """Make the best scale, the factor there, or the critical scale."""
        words = {
            "best.scale": f"{self._nets} pass the most gradient at the weight scale sigma_w = {{value}}.",
            "best.factor": f"{self._nets} keep at most {{value}} of a gradient a layer, at their best "
            "weight scale.",
            "critical.scale": f"In {self._nets} a gradient vanishes unless the weight scale is at "
            "least sigma_w = {value}.",
        }[feature]
        return self._record(
            feature,
            numbers.feature_of(self.curves, feature, self.seed),
            "weight_scale",
            {"feature": feature},
            words[0].upper() + words[1:],
            f"Median over networks; biases 0. {_FACTOR}",
        )

    def factor(self, sigma_w: float) -> Number:
        """Make the median factor a layer at one scale."""
        return self._record(
            f"scale{sigma_w:g}.factor.median",
            statistics.median(self.curves[:, numbers.SCALES.index(sigma_w)]),
            "factor_median",
            {"sigma_w": sigma_w, "bias": 0.0},
            f"In {self._nets} with weight scale sigma_w = {sigma_w:g} a gradient keeps {{value}} of its "
            "size at each layer (median).",
            f"Biases 0. {_FACTOR}",
        )

    def share(self, sigma_w: float) -> Number:
        """Make the share of saturated units at one scale."""
        return self._record(
            f"scale{sigma_w:g}.saturated.share",
            numbers.share_of(self.saturated[:, numbers.SCALES.index(sigma_w)]),
            "saturated_share",
            {"sigma_w": sigma_w},
            f"In {self._nets} with weight scale sigma_w = {sigma_w:g} a share of {{value}} of the units "
            "is saturated.",
            "Saturated: the slope is below 1 percent of its largest value. Biases 0; mean over layers.",
        )

    def biased(self, sigma_w: float, bias: float, log10_factor: np.ndarray) -> Number:
        """Make the median factor a layer with a bias in every unit."""
        name = f"bias{'minus' if bias < 0 else 'plus'}{abs(bias):g}"
        return self._record(
            f"scale{sigma_w:g}.{name}.factor",
            statistics.median(log10_factor),
            "factor_median",
            {"sigma_w": sigma_w, "bias": bias},
            f"In {self._nets} with weight scale sigma_w = {sigma_w:g} and the bias {bias:g} in every "
            "unit, a gradient keeps {value} of its size at each layer (median).",
            _FACTOR,
            len(log10_factor),
        )


def autodiff_numbers(activation: str, x: float, slope: float) -> list[Number]:
    """Make the two numbers of rounding: where plain autodiff says 0, and the true slope there.

    Args:
        activation: "sigmoid" or "tanh".
        x: from where it says 0.
        slope: the true slope there.

    Returns:
        Two numbers.
    """
    plain = {"sigmoid": "jax.nn.sigmoid", "tanh": "jnp.tanh"}[activation]
    words = {
        "x": f"From x = {{value}} on, the float32 derivative of {plain} by automatic differentiation "
        "is exactly 0.",
        "slope": f"Where float32 automatic differentiation of {plain} first gives 0, the true "
        "slope is {value}, which float32 can hold.",
    }
    names = {"x": "zero", "slope": "lost"}
    return [
        computed(
            f"saturation.{activation}.autodiff.float32.{names[quantity]}",
            numbers.zero_result(x, slope, quantity),
            How.of(f"{_HOME}.autodiff_zero", activation=activation, quantity=quantity),
            "0.01" if quantity == "x" else "0.2",
            said,
            conditions="jax.grad of the plain function on the CPU; it depends on how the backend "
            "computes the function. A gradient of exactly 0 has not vanished here: it was rounded.",
            dtype="float32",
            device="cpu",
            digits=4,
            study="saturation",
            tags=(activation, "autodiff", "rounding", "saturation"),
        )
        for quantity, said in words.items()
    ]


def neuron_numbers() -> list[Number]:
    """Make the numbers of a single sigmoid neuron.

    Returns:
        Four numbers.
    """
    words = {
        "window.weight": (
            "A sigmoid neuron lets a gradient pass undiminished for the widest range of inputs at the "
            "weight {value}.",
            "Range of inputs a with |w sigma'(w a + b)| >= 1, longest over w; the bias only shifts it.",
        ),
        "window.length": (
            "Even at its best weight, a sigmoid neuron lets a gradient pass undiminished only for "
            "inputs within a range of length {value}.",
            "Largest length over w of the range of a with |w sigma'(w a + b)| >= 1. The outputs of "
            "sigmoid units fill a range of length 1.",
        ),
        "factor.weight": (
            "A sigmoid neuron without bias, whose input is 1/2, passes the most gradient at the "
            "weight {value}.",
            "Maximum over w of w sigma'(w/2).",
        ),
        "factor.size": (
            "A sigmoid neuron without bias, whose input is 1/2, passes at most {value} of a gradient, "
            "whatever its weight.",
            "Maximum over w of w sigma'(w/2).",
        ),
    }
    return [
        computed(
            f"sigmoid.neuron.{quantity}",
            best_weight(quantity),
            How.of("gradchain.experiments.window.best_weight", quantity=quantity),
            "1e-12",
            said,
            conditions=conditions,
            digits=4,
            study="saturation",
            tags=("sigmoid", "neuron", "weights", "saturation"),
        )
        for quantity, (said, conditions) in words.items()
    ]


def network_numbers(found: Sequence[Networks], shown: Sequence[float]) -> list[Number]:
    """Make the numbers of all networks; the widest also get theirs at the scales shown.

    Args:
        found: one entry an activation and width.
        shown: weight scales.

    Returns:
        The numbers.
    """
    widest = max(networks.width for networks in found)
    made = []
    for networks in found:
        made += [networks.feature("best.scale"), networks.feature("best.factor")]
        if networks.reaches_one():
            made.append(networks.feature("critical.scale"))
        if networks.width == widest:
            for sigma_w in shown:
                made.append(networks.factor(sigma_w))
                if not networks.rarely_saturated(sigma_w):
                    made.append(networks.share(sigma_w))
    return made
