"""The words around the numbers of the long-term dependency study: key, statement, conditions.

Keys: `<family>.recall.<cell>.half`, `.start<d>`, `.<task><d>`, and `rnn.recall.start.<quantity>`.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from gradchain.experiments import long_term_dependency as study
from gradchain.experiments import long_term_dependency_numbers as counted
from gradchain.experiments import long_term_dependency_ranks as rank
from gradchain.experiments.long_term_dependency import KINDS, Plan
from gradchain.experiments.long_term_dependency_half import Half
from gradchain.experiments.records import estimated
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.long_term_dependency_numbers"
# Task -> its segment in keys, what a network is asked, how sequences are drawn.
WORDS = {
    "first_token": (
        "token",
        "name the first token of a sequence {} steps later",
        f"Sequences: one of {study.VOCABULARY} first tokens, then tokens uniform over "
        f"{study.DISTRACTORS} others, one-hot.",
    ),
    "adding": (
        "adding",
        "add two marked numbers, the earlier up to {} steps back",
        "Sequences: uniform numbers with two marks, one in each half, none at the last step; an "
        "answer is "
        "right within 1/25.",
    ),
    "copy_memory": (
        "copy",
        f"repeat {study.ITEMS} symbols, each after {{}} steps",
        f"Sequences: {study.ITEMS} of {study.SYMBOLS} symbols, blanks, a sign to begin, then the "
        f"answers; "
        "accuracy is the share of right symbols.",
    ),
    "sentence": (
        "sentence",
        "say the language of a country named {} words before",
        "Sequences: one of 8 countries, filler words, 'I speak fluent'; one-hot over 35 words.",
    ),
}
_RANKS = {
    "settings": (
        "Over cells and distances, the rank correlation between the gradient at the clue before "
        "training "
        "and the share of runs that learn to recall it is {value}.",
        "spearman(median_s x_kds, mean_s y_kds) over k, d",
        "\\operatorname{spearman}_{k,d}(\\operatorname{median}_s x_{kds},"
        "\\ \\operatorname{mean}_s y_{kds})",
    ),
    "distance": (
        "Over cells at the same distance, the rank correlation between the gradient at the clue before "
        "training and the share of runs that learn to recall it is {value} (mean over distances).",
        "mean_d spearman(median_s x_kds, mean_s y_kds) over k",
        "\\operatorname{mean}_d\\,\\operatorname{spearman}_{k}(\\operatorname{median}_s x_{kds},"
        "\\ \\operatorname{mean}_s y_{kds})",
    ),
    "seeds": (
        "Of two runs of the same cell at the same distance, one that learned and one that did not, "
        "the one "
        "that learned had the larger gradient at the clue before training in a share of {value}.",
        "P(x_kds > x_kdr | y_kds = 1, y_kdr = 0)",
        "\\mathrm{P}(x_{kds} > x_{kdr} \\mid y_{kds} = 1,\\ y_{kdr} = 0)",
    ),
}


def stem(kind: str) -> str:
    """Return the beginning of a cell's keys.

    Args:
        kind: a key of `KINDS`.

    Returns:
        Text such as `lstm.recall.forget1`.
    """
    return f"{KINDS[kind].family}.recall.{kind}"


def success_key(kind: str, task: str, distance: int) -> str:
    """Return the key of a share of success.

    Args:
        kind: a key of `KINDS`.
        task: a key of `WORDS`.
        distance: its distance.

    Returns:
        Text such as `lstm.recall.forget1.adding20`.
    """
    return f"{stem(kind)}.{WORDS[task][0]}{distance}"


class Records:
    """Makes the records of one run: its plan, seeds and threshold stand in each."""

    def __init__(self, plan: Plan, way: float, seeds: int, seed: int) -> None:
        """Keep what all records share."""
        self.plan, self.way, self.seeds, self.seed = plan, way, seeds, seed

    @property
    def _arguments(self) -> dict[str, object]:
        return {**self.plan._asdict(), "way": self.way, "seeds": self.seeds, "seed": self.seed}

    def conditions(self, task: str, trained: bool = True) -> str:
        """Say under which conditions a number holds.

        Args:
            task: a key of `WORDS`.
            trained: whether networks are trained for it.

        Returns:
            Sentences.
        """
        plan = self.plan
        net = f"{plan.units} units, input weights by glorot_uniform, a linear read-out"
        if not trained:
            return (
                f"{WORDS[task][2]} {net}; at initialization, {self.seeds} networks, {plan.batch} "
                "sequences each."
            )
        chance = Fraction(study.task_of(task, 20).chance).limit_denominator(10_000)
        return (
            f"{WORDS[task][2]} {net}. {plan.steps} steps of Adam (Keras' epsilon) at the learning rate "
            f"{plan.learning_rate:g} on {plan.batch} fresh sequences each, no clipping, the same "
            f"for all "
            "cells: a rate tuned for each, or longer training, could move every border. A run "
            "succeeds if "
            f"its accuracy on {study.JUDGED} fresh sequences is more than {100 * self.way:.0f} % "
            f"of the way "
            f"from chance ({chance}) to 1. {self.seeds} seeds."
        )

    def success(self, kind: str, task: str, distance: int, good: np.ndarray) -> Number:
        """Record a share of success.

        Args:
            kind: a key of `KINDS`.
            task: a key of `WORDS`.
            distance: its distance.
            good: (S,) bool.

        Returns:
            The record.
        """
        how = How.of(f"{_HOME}.success", kind=kind, task=task, distance=distance, **self._arguments)
        return estimated(
            success_key(kind, task, distance),
            counted.share_result(good),
            how,
            f"{_first(KINDS[kind].says)}: a share of {{value}} of the runs learns to "
            f"{WORDS[task][1].format(distance)}.",
            conditions=self.conditions(task),
            formula_text="P(a > chance + w (1 - chance))",
            formula_latex="\\mathrm{P}(a > a_0 + w\\,(1 - a_0))",
            **_fields(kind),
        )

    def half(self, kind: str, distances: Sequence[int], found: Half) -> Number:
        """Record a half-failure distance.

        Args:
            kind: a key of `KINDS`.
            distances: those tested.
            found: a closed estimate.

        Returns:
            The record.
        """
        how = How.of(f"{_HOME}.half", kind=kind, distances=list(distances), **self._arguments)
        tested = ", ".join(map(str, distances))
        return estimated(
            f"{stem(kind)}.half",
            counted.half_result(found, self.seeds, list(distances)),
            how,
            f"{_first(KINDS[kind].says)}: half of the runs fail to recall the first token at a "
            f"distance of "
            "{value} steps.",
            conditions=f"{self.conditions('first_token')} Distances tested: {tested}; the share of "
            f"success "
            "is taken not to rise with distance.",
            formula_text="d with P(success at d) = 1/2",
            formula_latex="d:\\ \\mathrm{P}(\\mathrm{success\\ at\\ }d) = 1/2",
            digits=2,
            **_fields(kind),
        )

    def start(self, kind: str, distance: int, log10: np.ndarray) -> Number:
        """Record what is left of the gradient at a distance, before training.

        Args:
            kind: a key of `KINDS`.
            distance: d.
            log10: (S, D + 1) from `long_term_dependency.start`.

        Returns:
            The record.
        """
        longest = log10.shape[1] - 1
        how = How.of(
            f"{_HOME}.start_left", kind=kind, distance=distance, longest=longest,
            units=self.plan.units, batch=self.plan.batch, seeds=self.seeds, seed=self.seed,
        )  # fmt: skip
        return estimated(
            f"{stem(kind)}.start{distance}",
            counted.start_result(log10, distance),
            how,
            f"{_first(KINDS[kind].says)}: before training, the gradient of the loss {distance} "
            f"steps before "
            "the answer is {value} of that at the answer (median over networks).",
            conditions=f"{self.conditions('first_token', trained=False)} Mean norms over the "
            f"sequences, of "
            f"{longest + 1} steps; gradients by the hidden state h.",
            formula_text="median E||dL/dh_(T-d)|| / E||dL/dh_T||",
            formula_latex="\\operatorname{median}\\ \\mathrm{E}\\|\\partial L/\\partial h_{T-d}\\| / "
            "\\mathrm{E}\\|\\partial L/\\partial h_T\\|",
            **_fields(kind),
        )

    def ranks(
        self, kinds: Sequence[str], distances: Sequence[int], x: np.ndarray, y: np.ndarray
    ) -> list[Number]:
        """Record how well the gradient before training tells which runs succeed.

        Args:
            kinds: keys of `KINDS`.
            distances: those tested.
            x: (K, D, S) gradients at the clue.
            y: (K, D, S) successes.

        Returns:
            The records; none for a quantity without anything to rank.
        """
        made = []
        for quantity, (says, text, latex) in _RANKS.items():
            if not np.isfinite(rank.QUANTITIES[quantity](x, y)):
                continue
            how = How.of(
                f"{_HOME}.predicts",
                quantity=quantity,
                kinds=list(kinds),
                distances=list(distances),
                **self._arguments,
            )
            names = "; ".join(KINDS[kind].says for kind in kinds)
            made.append(
                estimated(
                    f"rnn.recall.start.{quantity}",
                    rank.estimate(quantity, x, y),
                    how,
                    says,
                    conditions=f"{self.conditions('first_token')} Cells: {names}. Distances: "
                    f"{', '.join(map(str, distances))}. Gradient at the clue: relative to that at the "
                    "answer, d steps back in the longest sequences. The interval speaks of other "
                    "seeds of "
                    "these cells, not of other cells.",
                    formula_text=text,
                    formula_latex=latex,
                    study="long_term_dependency",
                    dtype="float32",
                    tags=("recurrent", "memory", "training"),
                )
            )
        return made


def _first(text: str) -> str:
    return text[0].upper() + text[1:]


def _fields(kind: str) -> Mapping[str, object]:
    return {
        "study": "long_term_dependency",
        "dtype": "float32",
        "tags": ("recurrent", KINDS[kind].family, "memory"),
    }
