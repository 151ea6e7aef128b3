"""The words around the numbers of the phase diagram study: key, statement, conditions.

Keys: `meanfield.<activation>.<critical or sw<scale>>.<what>.<predicted, atwidth, measured>` and
`meanfield.training.<task>.sw<scale>.multiple.measured`.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from gradchain._result import Result
from gradchain.experiments import lab_numbers
from gradchain.experiments import phase_diagram_numbers as numbers
from gradchain.experiments.grids import tag
from gradchain.experiments.phase_diagram import depth_scale
from gradchain.experiments.records import computed, estimated
from gradchain.experiments.setting import Setting
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.phase_diagram_numbers"
_LAW = "W_ij ~ N(0, sigma_w^2/n), b_i ~ N(0, sigma_b^2)"
_INFINITE = "Mean field: infinite width, fixed depth."
_FIRST = (
    "Mean field with the correction of first order in 1/n (units fluctuate, lengths fluctuate, the "
    "direction leans towards the state); terms of order 1/n^2 are left out."
)
_START = "inputs of the length that mean field says is kept"
_SLOPE = ("(1/L) E log |J^T v|", "\\frac{1}{L}\\mathrm{E}\\log|J^T v|")
_ZERO = (f"sigma_w : {_SLOPE[0]} = 0", f"\\sigma_w : {_SLOPE[1]} = 0")
_SCHOENHOLZ = (
    "S. S. Schoenholz, J. Gilmer, S. Ganguli, J. Sohl-Dickstein, Deep information propagation, ICLR "
    "2017, arXiv:1611.01232"
)
_FROM_MEMORY = "Quoted from memory of the paper, not read again."


class Row:
    """Slopes of one activation along one sigma_b; makes their numbers."""

    def __init__(
        self, activation: str, sigma_b: float, slopes: np.ndarray, width: int, depth: int, seed: int
    ) -> None:
        """Keep what was measured, (S, K) at `GRIDS[activation]`."""
        self.activation, self.sigma_b, self.slopes = activation, sigma_b, slopes
        self.width, self.depth, self.seed = width, depth, seed
        self.stem = f"meanfield.{activation}"

    def column(self, sigma_w: float) -> np.ndarray:
        """Return the slopes of all networks at one weight scale."""
        return self.slopes[:, numbers.GRIDS[self.activation].index(sigma_w)]

    def _size(self) -> dict[str, object]:
        return {
            "activation": self.activation, "sigma_b": self.sigma_b,
            "width": self.width, "depth": self.depth,
        }  # fmt: skip

    def _fields(self, formula: tuple[str, str], role: str = "value") -> dict[str, object]:
        return {
            "formula_text": formula[0],
            "formula_latex": formula[1],
            "role": role,
            "study": "phase_diagram",
            "tags": (self.activation, "meanfield", "gradient"),
        }

    def _nets(self, extra: str) -> str:
        return (
            f"{self.depth} square layers of width n = {self.width}, {_LAW}, sigma_b = {self.sigma_b:g}, "
            f"{_START}, at initialization. {extra}"
        )

    def critical(self) -> list[Number]:
        """Make the critical weight scale: predicted, predicted at this width, measured."""
        start = f"{self.activation} networks with sigma_b = {self.sigma_b:g}"
        lead = f"In {start} gradients neither vanish nor explode at the weight scale sigma_w = {{value}}"
        size, law = self._size(), f"{_LAW}, sigma_b = {self.sigma_b:g}"
        found = self.activation, self.sigma_b
        return [
            computed(
                f"{self.stem}.critical.predicted",
                numbers.critical_scale(*found, 1),
                How.of(f"{_HOME}.critical_scale", activation=found[0], sigma_b=found[1], power=1),
                "1e-9",
                f"{lead} (predicted for infinite width).",
                conditions=f"{law}. {_INFINITE}",
                digits=5,
                **self._fields(
                    (
                        "sigma_w : sigma_w^2 E phi'^2 = 1",
                        "\\sigma_w : \\sigma_w^2 \\mathrm{E}\\varphi'^2 = 1",
                    ),
                    "prediction",
                ),
            ),
            computed(
                f"{self.stem}.critical.atwidth",
                numbers.critical_at_width(*found, self.width, self.depth),
                How.of(f"{_HOME}.critical_at_width", **size),
                "1e-6",
                f"{lead} (predicted for width {self.width}).",
                conditions=self._nets(
                    f"Zero of the slope, by a straight line between measured scales. {_FIRST}"
                ),
                digits=4,
                **self._fields(_ZERO, "prediction"),
            ),
            estimated(
                f"{self.stem}.critical.measured",
                numbers.critical_of(self.activation, self.slopes, self.seed),
                How.of(
                    f"{_HOME}.critical_measured", seeds=len(self.slopes), seed=self.seed, **size
                ),
                f"{lead} (measured).",
                conditions=self._nets(
                    f"{len(self.slopes)} networks; zero of the mean slope, by a straight line between "
                    "measured scales."
                ),
                digits=4,
                dtype="float32",
                **self._fields(_ZERO),
            ),
        ]

    def slope(self, sigma_w: float) -> list[Number]:
        """Make the slope at one weight scale: predicted, predicted at this width, measured."""
        stem = f"{self.stem}.sw{tag(sigma_w)}.slope"
        lead = (
            f"In {self.activation} networks with sigma_w = {sigma_w:g} and sigma_b = {self.sigma_b:g} "
            "the gradient norm changes by {value} nats a layer on the way back"
        )
        size, point = self._size(), {"sigma_w": sigma_w}
        where = f"{_LAW}, sigma_w = {sigma_w:g}, sigma_b = {self.sigma_b:g}"
        place = {"activation": self.activation, "sigma_b": self.sigma_b, **point}
        said = f"sigma_w = {sigma_w:g}."
        return [
            computed(
                f"{stem}.predicted",
                numbers.mean_field_value(self.activation, sigma_w, self.sigma_b, "slope"),
                How.of(f"{_HOME}.mean_field_value", quantity="slope", **place),
                "1e-8",
                f"{lead} (predicted for infinite width).",
                conditions=f"{where}; negative vanishes. {_INFINITE}",
                digits=4,
                **self._fields(("log(chi)/2", "\\tfrac{1}{2}\\log\\chi"), "prediction"),
            ),
            computed(
                f"{stem}.atwidth",
                numbers.slope_at_width(**size, sigma_w=sigma_w),  # type: ignore[arg-type]
                How.of(f"{_HOME}.slope_at_width", **size, **point),
                "1e-5",
                f"{lead} (predicted for width {self.width}).",
                conditions=self._nets(f"{said} {_FIRST}"),
                digits=4,
                **self._fields(_SLOPE, "prediction"),
            ),
            estimated(
                f"{stem}.measured",
                numbers.slope_of(self.column(sigma_w)),
                How.of(
                    f"{_HOME}.slope_measured",
                    seeds=len(self.slopes), seed=self.seed, **size, **point,
                ),
                f"{lead} (measured).",
                conditions=self._nets(f"{said} {len(self.slopes)} networks."),
                digits=4,
                dtype="float32",
                **self._fields(_SLOPE),
            ),
        ]  # fmt: skip


def depth_numbers(
    task: str, fields: Mapping[str, object], learned: np.ndarray, depths: list[int], seed: int
) -> list[Number]:
    """Make how deep networks of one weight scale train, beside the depth scale.

    Args:
        task: its name.
        fields: of the setting, the depth left out.
        learned: (S, D), True where a network trained.
        depths: D depths.
        seed: seed of the draws.

    Returns:
        The depth in depth scales; none if the share does not fall through one half.
    """
    setting = Setting.from_json(dict(fields))
    if np.isnan(numbers.half_depth(np.asarray(depths), learned.mean(axis=0))):
        return []
    sigma_w = setting.scale
    stem = f"meanfield.training.{task}.sw{tag(sigma_w)}"
    xi = depth_scale(setting.activation, sigma_w)
    nets = f"{setting.activation} networks with sigma_w = {sigma_w:g} and sigma_b = 0"
    conditions = lab_numbers.conditions(setting, len(learned)).replace(
        f"{setting.depth} hidden layers", f"{depths[0]} to {depths[-1]} hidden layers"
    )
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    found: Result = numbers.trainable_of(depths, learned, seed)
    tags = (setting.activation, "meanfield", "depth", "training")
    half = "d : P(trained | d layers) = 1/2", "d : \\mathrm{P}(\\mathrm{trained}\\mid d) = 1/2"
    return [
        estimated(
            f"{stem}.multiple.measured",
            numbers.in_units(found, xi),
            How.of(
                f"{_HOME}.trainable_depth",
                setting=text, depths=depths, seeds=len(learned), seed=seed, xi=xi,
            ),
            f"Half of {nets} train on {task} down to {{value}} times the depth scale xi_c.",
            conditions=f"{conditions}. Trained: at least {numbers.LEARNED:g} of the training points "
            "right at the end. Depth where the share is 1/2, between depths tried.",
            digits=3,
            dtype="float32",
            formula_text=f"d/xi_c, {half[0]}",
            formula_latex=f"d/\\xi_c,\\ {half[1]}",
            study="phase_diagram",
            tags=tags,
        )
    ]  # fmt: skip


def scale_numbers(activation: str, scales: Sequence[float]) -> list[Number]:
    """Make the depth scale at weight scales off the critical line, without biases.

    Args:
        activation: its name.
        scales: weight scales.

    Returns:
        One number a scale.
    """
    return [
        computed(
            f"meanfield.{activation}.sw{tag(sigma_w)}.xi.predicted",
            numbers.mean_field_value(activation, sigma_w, 0.0, "xi"),
            How.of(
                f"{_HOME}.mean_field_value",
                activation=activation, sigma_w=sigma_w, sigma_b=0.0, quantity="xi",
            ),
            "1e-8",
            f"In {activation} networks with sigma_w = {sigma_w:g} and sigma_b = 0 two inputs lose the "
            "memory of their correlation by a factor of e every {value} layers (predicted).",
            conditions=f"{_LAW}, sigma_w = {sigma_w:g}, sigma_b = 0. {_INFINITE}",
            role="prediction",
            digits=3,
            formula_text="-1/log(sigma_w^2 E phi'(u1) phi'(u2)) at c*",
            formula_latex="-1/\\log(\\sigma_w^2 \\mathrm{E}\\varphi'(u_1)\\varphi'(u_2))|_{c^*}",
            study="phase_diagram",
            tags=(activation, "meanfield", "depth"),
        )
        for sigma_w in scales
    ]  # fmt: skip


def paper_numbers() -> list[Number]:
    """Make what Schoenholz et al. say, with our value beside the one that can be computed.

    Returns:
        Three numbers.
    """
    fields = {"study": "phase_diagram", "tags": ("tanh", "meanfield")}
    square = ("sigma_w^2 : chi = 1", "\\sigma_w^2 : \\chi = 1")
    words = {"formula_text": square[0], "formula_latex": square[1], **fields}
    where = "tanh, sigma_b^2 = 0.05, infinite width."
    bias = 0.05**0.5
    return [
        Number(
            key="meanfield.schoenholz.critical.reported",
            kind="reported",
            statement="Schoenholz et al. give 1.76 as the critical sigma_w^2 of tanh networks with "
            "sigma_b^2 = 0.05.",
            conditions=f"{where} {_FROM_MEMORY}",
            value="1.76",
            source=_SCHOENHOLZ,
            digits=3,
            **words,  # type: ignore[arg-type]
        ),
        computed(
            "meanfield.schoenholz.critical.predicted",
            numbers.critical_scale("tanh", bias, 2),
            How.of(f"{_HOME}.critical_scale", activation="tanh", sigma_b=bias, power=2),
            "1e-9",
            "The critical sigma_w^2 of tanh networks with sigma_b^2 = 0.05 is {value} (predicted).",
            conditions=where,
            role="prediction",
            digits=9,
            **words,
        ),
        Number(
            key="meanfield.schoenholz.multiple.reported",
            kind="reported",
            statement="Schoenholz et al. find that networks train down to about 6 times the depth scale "
            "xi_c.",
            conditions=f"Their networks and their training, on images. {_FROM_MEMORY}",
            value="6",
            source=_SCHOENHOLZ,
            digits=1,
            formula_text="d/xi_c",
            formula_latex="d/\\xi_c",
            **fields,  # type: ignore[arg-type]
        ),
    ]
