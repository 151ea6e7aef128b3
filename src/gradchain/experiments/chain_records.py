"""The words around the numbers of the Jacobian chain study: key, statement, conditions, formula.

Keys: `chain.<activation>.<initializer>.width<n>.depth<d>.<what>.<statistic>`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gradchain._result import Result
from gradchain.experiments import chain_numbers as numbers
from gradchain.experiments.chains import Sweep
from gradchain.experiments.records import estimated, segment
from gradchain.registry.record import How, Number

MAIN = ("sigmoid", "glorot_uniform")
_HOME = "gradchain.experiments.chain_numbers"
_LAWS = {
    "glorot_uniform": "Glorot uniform weights",
    "he_normal": "He normal weights",
    "lecun_normal": "LeCun normal weights",
    "orthogonal": "orthogonal weights",
    "unit_spectral": "Gaussian weights divided by their spectral norm",
}


class Cell:
    """One law of networks in a sweep: activation, initializer, width; makes its numbers."""

    def __init__(
        self,
        found: Sweep,
        activations: tuple[str, ...],
        activation: str,
        initializer: str,
        width: int,
        seed: int,
    ) -> None:
        """Keep a sweep and the activation's place in it."""
        self.found, self.place = found, activations.index(activation)
        self.activation, self.initializer, self.width = activation, initializer, width
        self.seeds, self.seed = len(found.log10_norm), seed
        self.stem = f"chain.{segment(activation)}.{segment(initializer)}.width{width}"

    def key(self, depth: int, what: str) -> str:
        """Return the key of a number at a depth."""
        return f"{self.stem}.depth{depth}.{what}"

    def how(self, function: str, depth: int, **more: object) -> How:
        """Name the function that computes a number of this cell again."""
        return How.of(
            f"{_HOME}.{function}",
            activation=self.activation,
            initializer=self.initializer,
            width=self.width,
            depth=depth,
            seeds=self.seeds,
            seed=self.seed,
            **more,
        )

    def record(
        self,
        depth: int,
        what: str,
        result: Result,
        how: How,
        statement: str,
        extra: str = "",
        **fields: object,
    ) -> Number:
        """Build a record with the cell's conditions."""
        conditions = (
            f"Square {_LAWS.get(self.initializer, self.initializer)} of side {self.width}, biases 0, "
            f"inputs with independent N(0, 1) entries, {self.seeds} networks, at initialization."
        )
        return estimated(
            self.key(depth, what),
            result,
            how,
            statement,
            conditions=conditions + (f" {extra}" if extra else ""),
            dtype="float32",
            study="jacobian_chain",
            tags=(segment(self.activation), segment(self.initializer), "chain", "jacobian"),
            **fields,
        )

    @property
    def nets(self) -> str:
        """Name the networks in a sentence."""
        return f"{self.activation} networks with {_LAWS.get(self.initializer, self.initializer)}"

    def norm(self, depth: int) -> Number:
        """Make the median of the exact spectral norm."""
        return self.record(
            depth,
            "norm.median",
            numbers.norm_of(self.found, self.place, depth),
            self.how("norm_median", depth),
            f"Across {depth} layers of {self.nets} and {self.width} units a layer, the spectral "
            "norm of the Jacobian of the output by the input has the median {value}.",
            "Each norm is exact up to float32 rounding.",
            formula_text=f"median ||dh_{depth}/dh_0||_2",
            formula_latex=f"\\mathrm{{median}}\\,\\|\\partial h_{{{depth}}}/\\partial h_0\\|_2",
        )

    def bound(self, depth: int, bound: str) -> Number:
        """Make the median of the sure or the local upper bound."""
        said = (
            "with the supremum of the slope"
            if bound == "sure"
            else "with the largest slope met at this input"
        )
        return self.record(
            depth,
            "upper.median" if bound == "sure" else "localupper.median",
            numbers.bound_of(self.found, self.place, depth, self.activation, bound),
            self.how("bound_median", depth, bound=bound),
            f"Across {depth} layers of {self.nets} and {self.width} units a layer, the product bound "
            f"{said} has the median {{value}}.",
            "A bound on each network's spectral norm, computed in floats.",
            role="upper bound",
        )

    def slack(self, depth: int, bound: str) -> Number:
        """Make the median of bound / exact norm."""
        name = "product bound" if bound == "sure" else "local product bound"
        return self.record(
            depth,
            "slack.median" if bound == "sure" else "localslack.median",
            numbers.slack_of(self.found, self.place, depth, self.activation, bound),
            self.how("slack_median", depth, bound=bound),
            f"Across {depth} layers of {self.nets} and {self.width} units a layer, the {name} is "
            "{value} times the exact spectral norm (median over networks).",
        )

    def above(self, depth: int) -> Number:
        """Make the share of networks above sup|phi'|**depth."""
        power = f"(1/4)^{depth}" if self.activation == "sigmoid" else f"sup|phi'|^{depth}"
        return self.record(
            depth,
            "above.share",
            numbers.above_of(self.found, self.place, depth, self.activation),
            self.how("share_above", depth),
            f"A share of {{value}} of {self.nets}, {self.width} units a layer and {depth} layers "
            f"has a Jacobian with spectral norm above {power}.",
            f"{power} bounds the norm only where every ||W_l||_2 is at most 1; these weights have "
            "larger norms.",
        )

    def rms(self, depth: int) -> Number:
        """Make the root mean square over networks and directions, relative to sup**depth."""
        power = f"(1/4)^{depth}" if self.activation == "sigmoid" else f"sup|phi'|^{depth}"
        return self.record(
            depth,
            "rms.ratio",
            numbers.rms_of(self.found, self.place, depth, self.activation),
            self.how("rms_ratio", depth),
            f"In {self.nets}, {self.width} units a layer and {depth} layers, the root mean square of "
            f"|Jv|/|v| is {{value}} times {power}.",
            "Mean over networks and over directions v. For weights of mean 0 and variance 1/n this "
            "ratio is at most 1, at any width.",
        )

    def slope(self, layer: int) -> Number:
        """Make the mean slope of one layer."""
        return self.record(
            layer,
            "slope.mean",
            numbers.slope_of(self.found, self.place, layer),
            self.how("mean_slope", layer),
            f"In layer {layer} of {self.nets} and {self.width} units a layer, the slope phi'(z) is "
            "{value} on average over the units.",
            digits=4,
        )


def split_numbers(cell: Cell, split: Mapping[str, np.ndarray], depth: int) -> list[Number]:
    """Make the three ratios of factors, first layer by last.

    Args:
        cell: the law of the networks.
        split: what `factor_sweep` gave.
        depth: number of layers.

    Returns:
        One number a factor.
    """
    words = {
        "error": f"the error signal |dE/dh_1| is {{value}} times |dE/dh_{depth}|",
        "slope": f"the slope of layer 1 is {{value}} times that of layer {depth}",
        "input": f"the input of layer 1 is {{value}} times as long as that of layer {depth}",
    }
    return [
        cell.record(
            depth,
            f"{factor}.ratio",
            numbers.split_of(dict(split), factor),
            cell.how("factor_ratio", depth, factor=factor),
            f"In {cell.nets}, {cell.width} units a layer and {depth} layers, {said} (median).",
            "dE/dh at the output is a random direction; the slope is a root mean square over units.",
        )
        for factor, said in words.items()
    ]


def chain_numbers(
    cell_of: Callable[[str, str, int], Cell],
    laws: tuple[Sequence[str], Sequence[str]],
    widths: Sequence[int],
    depths: Sequence[int],
    shown: int,
) -> list[Number]:
    """Choose and make the numbers of the study.

    Args:
        cell_of: gives the cell of an activation, an initializer and a width.
        laws: activations and initializers; sigmoid with Glorot weights among them.
        widths: increasing.
        depths: those of the sweeps, increasing.
        shown: the depth that is shown beside the deepest.

    Returns:
        The numbers, each key once.
    """
    wide, narrow, deep = widths[-1], widths[0], depths[-1]
    asked: list[Number] = []
    for activation in laws[0]:
        for law in laws[1]:
            cell = cell_of(activation, law, wide)
            asked += [cell.norm(depth) for depth in (shown, deep)]
    asked += [cell_of(name, MAIN[1], narrow).norm(shown) for name in ("sigmoid", "tanh", "relu")]
    both = [cell_of(*MAIN, wide), cell_of(*MAIN, narrow)]
    asked += [both[0].norm(depth) for depth in (5, 20, 50) if depth in depths]
    for depth in (shown, deep):
        for bound in numbers.BOUNDS:
            asked += [both[0].bound(depth, bound), both[0].slack(depth, bound)]
        asked += [cell.rms(depth) for cell in both]
    asked += [cell.above(d) for d in (5, 10, 20, 30, 50) if d in depths for cell in both]
    asked += [both[0].slope(layer) for layer in (1, deep)]
    return list({number.key: number for number in asked}.values())
