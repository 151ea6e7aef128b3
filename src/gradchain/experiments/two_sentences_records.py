"""The words around the numbers of the study of two sentences: key, statement, conditions.

Keys: `<cell>.sentence.<start>.<near or far>.<predicted, measured>` and `....far.learned`;
`<lstm or gru>.gate.<start>.<what>`; `<cell>.parameters.units<n>.inputs<d>`, `<cell>.arithmetic....`;
`rnn.<tied or untied>.<kind>.growth.<predicted, measured>`, `rnn.tied.linear.radius.measured`.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from gradchain.experiments import two_sentences as own
from gradchain.experiments import two_sentences_exact as exact
from gradchain.experiments import two_sentences_numbers as numbers
from gradchain.experiments import two_sentences_tied as tied
from gradchain.experiments.meeting import Pairs
from gradchain.experiments.records import computed, estimated
from gradchain.registry.draft import Draft
from gradchain.registry.record import How, Number

STUDY = "two_sentences"
_HOME = "gradchain.experiments.two_sentences_numbers"
_RATIO = (
    "E||dL/dh_1|| / E||dL/dh_T||",
    "\\mathrm{E}\\|\\partial L/\\partial h_1\\| / \\mathrm{E}\\|\\partial L/\\partial h_T\\|",
)
NAMES = {"rnn": "simple RNN", "lstm": "LSTM", "gru": "GRU"}


def stem(network: str, place: str) -> str:
    """Return how the keys of a network begin.

    Args:
        network: a key of `two_sentences.NETWORKS`.
        place: "near" or "far".

    Returns:
        Such as `lstm.sentence.bias1.far`.
    """
    cell, start = network.split(".")
    return f"{cell}.sentence.{start}.{place}"


def _task(distance: int, units: int) -> str:
    return (
        f"Sentence task, {distance} words from country to answer, {units} units on one-hot words, "
        "kernels by glorot_uniform; h_t is the state after word t, word 1 is the country."
    )


def add_start(
    pairs: Pairs, network: str, place: str, logs: np.ndarray, distance: int, units: int, seed: int
) -> None:
    """Add the gradient at the clue before training, predicted and measured.

    Args:
        pairs: where to.
        network: a key of `two_sentences.NETWORKS`.
        place: "near" or "far".
        logs: (S, T) as `two_sentences.start_logs`.
        distance: T - 1.
        units: n.
        seed: seed of the draws.
    """
    name = own.NETWORKS[network].says
    lead = f"Before training, the gradient of a {name} at a clue {distance} words back is"
    if name.startswith("LSTM"):
        lead = lead.replace(" a LSTM", " an LSTM")
    arguments: dict[str, Any] = {"network": network, "distance": distance, "units": units}
    seeds = len(logs)
    pairs.add(
        stem(network, place),
        (
            numbers.start_predicted,
            arguments,
            f"{lead} {{value}} of that at the last word (predicted).",
        ),
        (
            numbers.geometric(own.log_ratio(logs)),
            "start_measured",
            arguments | {"seeds": seeds, "seed": seed},
            f"{lead} {{value}} of that at the last word.",
        ),
        (
            f"{_task(distance, units)} Mean field of infinite width at the weights' scales; root mean "
            "square over units, one W for all steps.",
            f"{_task(distance, units)} {seeds} networks at initialization, mean over {own.SENTENCES} "
            "sentences each; geometric mean over networks.",
        ),
        _RATIO,
        (*network.split("."), "sentence", "vanishing"),
        4,
    )


class Trained:
    """Networks of one kind trained on the far sentence; makes their numbers."""

    def __init__(
        self, network: str, arrays: dict[str, np.ndarray], settings: dict[str, Any], seed: int
    ) -> None:
        """Keep what was found; `settings` are distance, units, seeds, steps, batch and rate."""
        self.network, self.arrays, self.settings = network, arrays, settings
        self.arguments = {"network": network, **settings, "seed": seed}

    @property
    def _conditions(self) -> str:
        given = self.settings
        return (
            f"{_task(given['distance'], given['units'])} {given['seeds']} networks, {given['steps']} "
            f"steps of Adam at the learning rate {given['rate']:g}, each on {given['batch']} fresh "
            f"sentences; learned: at least {100 * own.LEARNED:.0f} percent of 256 answers right, 12.5 "
            "percent by chance."
        )

    def learned(self) -> Number:
        """Make the share of networks that learned."""
        says = own.NETWORKS[self.network].says
        return estimated(
            f"{stem(self.network, 'far')}.learned",
            numbers.share_of(self.arrays),
            How.of(f"{_HOME}.learned", **self.arguments),
            f"Of networks of the kind {says}, a share of {{value}} learns to use a clue "
            f"{self.settings['distance']} words back within {self.settings['steps']} steps.",
            conditions=self._conditions,
            formula_text="P(accuracy >= 0.9)",
            formula_latex="P(\\mathrm{accuracy} \\ge 0.9)",
            dtype="float32",
            study=STUDY,
            tags=(*self.network.split("."), "sentence", "training"),
        )

    def gates(self) -> list[Number]:
        """Make the numbers of the keeping gates; none if hardly a network learned."""
        if numbers.has_learned(self.arrays).sum() < numbers.ENOUGH:
            return []
        cell, start = self.network.split(".")
        gate, letter, m = {"lstm": ("forget", "f", "c"), "gru": ("update", "z", "h")}[cell]
        words = self.settings["distance"]
        kind = f"a trained {own.NETWORKS[self.network].says}"
        told = {
            "carriers": (
                f"In {kind} the {gate} gates of the units that carry the clue stand at {{value}} on "
                f"average over the {words} words after it.",
                (
                    f"mean over t > 1 and carriers of {letter}_t",
                    f"\\operatorname{{mean}}\\,{letter}_t",
                ),
            ),
            "all": (
                f"In {kind} the {gate} gates of all units stand at {{value}} on average over the "
                f"{words} words after the clue.",
                (
                    f"mean over t > 1 and units of {letter}_t",
                    f"\\operatorname{{mean}}\\,{letter}_t",
                ),
            ),
            "kept": (
                f"In {kind} the product of the {gate} gates of the units that carry the clue is "
                f"{{value}} over {words} words: so much of it they would keep alone.",
                (f"prod over t > 1 of {letter}_t", f"\\prod_{{t>1}} {letter}_t"),
            ),
            "direct": (
                f"In {kind} the gradient through {gate} gates alone is {{value}} times as long as the "
                f"whole gradient that arrives at a clue {words} words back.",
                (
                    f"E||dL/d{m}_1 direct|| / E||dL/d{m}_1||",
                    f"\\mathrm{{E}}\\|(\\partial L/\\partial {m}_1)_{{\\rm direct}}\\| / "
                    f"\\mathrm{{E}}\\|\\partial L/\\partial {m}_1\\|",
                ),
            ),
        }
        rule = (
            f"Carriers: the {own.CARRIERS} units of a network with the largest mean of |dL/d{m}_1 along "
            f"the direct path| times |{m}_1 - its mean over sentences|. Networks that learned, mean over "
            f"{own.SENTENCES} sentences each."
        )
        return [
            estimated(
                f"{cell}.gate.{start}.{what}",
                numbers.gate_of(self.arrays, what),
                How.of(f"{_HOME}.gate", **self.arguments, what=what),
                said,
                conditions=f"{self._conditions} {rule}",
                formula_text=text,
                formula_latex=latex,
                dtype="float32",
                study=STUDY,
                tags=(cell, "gates", "sentence", "training"),
            )
            for what, (said, (text, latex)) in told.items()
        ]


def parameter_numbers(units: int, inputs: int) -> list[Number]:
    """Make the numbers of parameters of the three cells, exact.

    Args:
        units: n.
        inputs: d.

    Returns:
        Three numbers.
    """
    made = []
    for cell, name in NAMES.items():
        arguments: dict[str, Any] = {"cell": cell, "units": units, "inputs": inputs}
        text = exact.FORMULAS[cell]
        more = "; reset after the product, so two biases, as Keras' default" * (cell == "gru")
        draft = Draft(
            key=f"{cell}.parameters.units{units}.inputs{inputs}",
            how=How.of("gradchain.experiments.two_sentences_exact.parameters", **arguments),
            statement=f"{'An' if cell == 'lstm' else 'A'} {name} of {units} units with {inputs} inputs a "
            "step has {value} parameters.",
            conditions=f"Kernel, recurrent weights and biases of the cell itself{more}.",
            formula_text=f"{text}, n = {units}, d = {inputs}",
            formula_latex=f"{text.replace('*', ' ')},\\ n={units},\\ d={inputs}",
            digits=6,
            tags=(cell, "cost", "parameters"),
        )
        made.append(replace(draft.fill(exact.parameters(**arguments)), study=STUDY))
    return made


def arithmetic_numbers(units: int, inputs: int) -> list[Number]:
    """Make the arithmetic of LSTM and GRU relative to the simple RNN.

    Args:
        units: n.
        inputs: d.

    Returns:
        Two numbers.
    """
    return [
        computed(
            f"{cell}.arithmetic.units{units}.inputs{inputs}",
            numbers.arithmetic(cell, units, inputs),
            How.of(f"{_HOME}.arithmetic", cell=cell, units=units, inputs=inputs),
            "0.05",
            f"A step of {'an LSTM' if cell == 'lstm' else 'a GRU'} of {units} units with {inputs} inputs "
            "takes {value} times the arithmetic of a simple RNN of the same size, forward and backward.",
            conditions="Floating-point operations of one step for one input and of its pullback to "
            "parameters and state, counted in the program: a multiply-add counts 2, every other function "
            "of a number 1, moving data 0.",
            formula_text="operations a step / operations a step of the simple RNN",
            formula_latex="N_{\\rm step} / N_{\\rm step}^{\\rm RNN}",
            study=STUDY,
            tags=(cell, "cost"),
        )
        for cell in ("lstm", "gru")
    ]


_KIND = {
    "linear": ("linear networks", "phi(z) = z"),
    "tanh": ("tanh networks without input", "phi = tanh, no input"),
    "driven": ("tanh networks with inputs", "phi = tanh, inputs N(0, 1/4) into each unit and step"),
}


def add_growth(pairs: Pairs, kind: str, found: tied.Chains, width: int, seed: int) -> None:
    """Add the growth a step of untied and tied networks; tied ones have no prediction here.

    Args:
        pairs: where to.
        kind: one of `two_sentences_tied.KINDS`.
        found: the chains.
        width: n.
        seed: seed of the draws.
    """
    steps, seeds = found.tied.shape[1] - 1, len(found.tied)
    own_kind, (name, said) = tied.KINDS[kind], _KIND[kind]
    law = {
        "linear": "Exact for Gaussian weights at every width (Newman 1986).",
        "tanh": "Mean field with its correction of order 1/n.",
        "driven": "Mean field with its correction of order 1/n.",
    }[kind]
    base = f"{said}, W_ij ~ N(0, {own_kind.gain:g}^2/n), n = {width}."
    for weights, words in (
        ("untied", "new weights at each step"),
        ("tied", "one weight matrix for all steps"),
    ):
        lead = (
            f"In {name} of width {width} with {words} a gradient is multiplied by {{value}} a step"
        )
        conditions = (
            f"{base} {seeds} networks of {steps} steps, a random direction pulled back from the end; "
            f"geometric mean over networks and over distances {steps // 2} to {steps}."
        )
        growth = numbers.geometric(tied.growth(getattr(found, weights)))
        given = {"kind": kind, "weights": weights, "width": width, "steps": steps, "seeds": seeds}
        theory = None
        if weights == "untied":
            arguments = {"kind": kind, "width": width}
            theory = (numbers.growth_predicted, arguments, f"{lead} (predicted).")
        pairs.add(
            f"rnn.{weights}.{kind}.growth",
            theory,
            (growth, "growth_measured", given | {"seed": seed}, f"{lead} (geometric mean)."),
            (f"{base} {law}", conditions),
            (
                "exp(E log(|g_T| / |g_(T/2)|) / (T/2))",
                "\\exp(\\mathrm{E}\\log(|g_T|/|g_{T/2}|)/(T/2))",
            ),
            ("rnn", weights, kind),
            5,
        )
    if kind == "linear":
        pairs.add(
            "rnn.tied.linear.radius",
            None,
            (
                numbers.geometric(found.radius),
                "radius_measured",
                {"width": width, "seeds": seeds, "seed": seed},
                f"Gaussian matrices of width {width} and gain 1 have a spectral radius of {{value}} "
                "(geometric mean), above the 1 of infinite width.",
            ),
            ("", f"W_ij ~ N(0, 1/n), n = {width}; eigenvalues of {seeds} matrices in float64."),
            ("exp(E log max|lambda(W)|)", "\\exp(\\mathrm{E}\\log\\max|\\lambda(W)|)"),
            ("rnn", "tied", "linear"),
        )
