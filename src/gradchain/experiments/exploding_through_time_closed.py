"""The words around the closed forms of clipping and of the wall in the smallest network.

Keys: `clip.textbook.*`, `clip.<kind>.largest.*`, `clip.float32.*` and `rnn.exploding.wall.*`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradchain.experiments import exploding_through_time_exact as exact
from gradchain.experiments import exploding_through_time_wall as walls
from gradchain.experiments.exploding_through_time import ARRAYS
from gradchain.experiments.exploding_through_time_records import STUDY
from gradchain.experiments.records import computed
from gradchain.registry.draft import Draft
from gradchain.registry.record import How, Number

_HOME = f"gradchain.experiments.{STUDY}"
_ANGLE = ("angle(g, clip(g))", "\\angle(g, \\operatorname{clip}(g))")


def _exact(key: str, name: str, arguments: Mapping[str, Any], **fields: Any) -> Number:
    run = getattr(exact, name)
    how = How.of(f"{_HOME}_exact.{name}", **arguments)
    formula = fields.pop("formula")
    draft = Draft(
        key=key, how=how, formula_text=formula[0], formula_latex=formula[1], **fields
    )  # fmt: skip
    return replace(draft.fill(run(**arguments)), study=STUDY)


def clip_numbers() -> list[Number]:
    """Make the numbers of clipping that need no network.

    Returns:
        Four numbers, certified.
    """
    textbook = {"gradient": ["1", "10"], "limit": "1"}
    shared: dict[str, Any] = {"unit": "degree", "digits": 4, "tags": ("clipping", "direction")}
    pair = "The gradient (1, 10), limit 1; exact arithmetic."
    most = ("arccos(1/sqrt(N))", "\\arccos(1/\\sqrt{N})")
    found = [
        _exact(
            "clip.textbook.value.angle",
            "clip_angle",
            textbook | {"clip": "value"},
            kind="certified",
            statement="Clipping each entry of the gradient (1, 10) at 1 makes it (1, 1) and turns it by "
            "{value} degrees.",
            conditions=pair,
            exact="(atan(10) - pi/4)*180/pi",
            formula=_ANGLE,
            **shared,
        ),
    ]
    for clip, parts, what in (("value", 2, "entries"), ("norm", ARRAYS, "arrays")):
        found.append(
            _exact(
                f"clip.{clip}.largest.{what}{parts}",
                "largest_turn",
                {"parts": parts},
                kind="certified",
                role="upper bound",
                statement=f"Clipping by {clip} turns a gradient of {parts} {what} always by "
                "less than {value} degrees.",
                conditions=f"{parts} {what} that are not 0, any limit. The bound is approached, not "
                f"reached, by one large among small {what} that are all above the limit.",
                formula=most,
                **shared,
            )
        )
    found.append(
        _exact(
            "clip.float32.norm.overflow",
            "largest_clipped_norm",
            {"dtype": "float32"},
            kind="certified",
            statement="From a norm of {value} on, clipping by a norm computed in float32 as the root of "
            "a sum of squares does not shorten a gradient but deletes it: the squares overflow.",
            conditions="Round to nearest; the factor limit/norm is then limit/infinity = 0. A gradient "
            "that holds an infinity itself becomes NaN.",
            formula=("sqrt((2 - 2^-24) 2^127)", "\\sqrt{(2-2^{-24})\\,2^{127}}"),
            dtype="float32",
            tags=("clipping", "overflow", "float32"),
        )
    )
    return found


def wall_numbers(weight: float, steps: int) -> list[Number]:
    """Make the numbers of the wall in the smallest network.

    Args:
        weight: w.
        steps: T.

    Returns:
        Four numbers: certified on the ridge, computed beside it.
    """
    conditions = (
        f"x_t = w s(x_(t-1)) + b with the logistic s, x_0 = 1/2, w = {weight:g}, T = {steps} steps, E = "
        "(s(x_T) - 7/10)^2; the ridge is where x_t stands still at 1/2, b = 1/2 - w s(1/2)."
    )
    source = "network of Pascanu, Mikolov and Bengio, arXiv:1211.5063, figure 6"
    shared: dict[str, Any] = {"conditions": conditions, "source": source}
    shared["tags"] = ("rnn", "wall", "exploding")
    arguments = {"weight": f"{weight:g}", "steps": steps}
    length = ("|(dE/dw, dE/db)|", "|(\\partial E/\\partial w, \\partial E/\\partial b)|")
    found = [
        _exact(
            f"rnn.exploding.wall.{name}",
            "ridge",
            arguments | {"quantity": name},
            kind="certified",
            statement=f"On the ridge of the wall of a one-unit network {said}.",
            theorem="T03a" if name == "chain" else None,
            formula=formula,
            **shared,
        )
        for name, said, formula in (
            (
                "chain",
                f"the state after {steps} steps moves by {{value}} times what the first one does",
                ("(w s'(1/2))^T", "(w\\,s'(1/2))^T"),
            ),
            ("gradient", "the gradient of the loss by weight and bias is {value} long", length),
        )
    ]
    given = {"weight": weight, "offset": walls.ASIDE, "steps": steps, "quantity": "gradient"}
    found.append(
        computed(
            "rnn.exploding.wall.beside",
            walls.beside(**given),
            How.of(f"{_HOME}_wall.beside", **given),
            "1e-8",
            f"At a bias {walls.ASIDE:g} above the ridge of the wall of a one-unit network the gradient "
            "of the loss by weight and bias is only {value} long.",
            formula_text=length[0],
            formula_latex=length[1],
            dtype="float64",
            study=STUDY,
            **shared,
        )
    )
    given = {"weight": weight, "offset": 0.0, "steps": steps, "quantity": "width"}
    found.append(
        computed(
            "rnn.exploding.wall.width",
            walls.beside(**given),
            How.of(f"{_HOME}_wall.beside", **given),
            "1e-6",
            "The output of a one-unit network makes 80 % of its jump across the wall within a change of "
            "the bias by {value}.",
            formula_text="b(90 %) - b(10 %)",
            formula_latex="b(90\\,\\%) - b(10\\,\\%)",
            dtype="float64",
            study=STUDY,
            **shared
            | {
                "conditions": f"{conditions} The jump is that from {walls.ASIDE:g} below the ridge to "
                f"{walls.ASIDE:g} above it. Numbers of float32 near b are 2.4e-7 apart."
            },
        )
    )
    return found
