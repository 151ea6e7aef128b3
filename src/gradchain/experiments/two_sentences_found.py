"""What did a run of the study of two sentences find: arrays, records, and keys by network and place.

No arithmetic of its own beyond medians; see `two_sentences_numbers`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradchain._errors import GradchainError
from gradchain.experiments import two_sentences as own
from gradchain.experiments import two_sentences_cost as cost
from gradchain.experiments import two_sentences_exact as exact
from gradchain.experiments import two_sentences_records as records
from gradchain.experiments.meeting import Pairs
from gradchain.experiments.two_sentences_numbers import ENOUGH, has_learned
from gradchain.experiments.two_sentences_tied import KINDS, Chains

Arrays = Mapping[str, np.ndarray]
OPEN = ("lstm.bias3", "gru.bias3")
# The near sentence has numbers of its own for these; tables hold all.
SAID_NEAR = ("rnn.torch", "lstm.bias1")
_LN10 = float(np.log(10.0))
CELLS = {
    "rnn": "simple RNN",
    "lstm": "LSTM",
    "gru": "GRU, reset after",
    "grubefore": "GRU, reset before",
    "minimal": "minimal RNN",
}


class Found:
    """Arrays and records of a run."""

    def __init__(
        self, config: Any, cells: Mapping[str, Arrays], size: tuple[int, int], seed: int
    ) -> None:
        """Make every record.

        Args:
            config: settings of the study.
            cells: arrays of every cell, by its name.
            size: units and inputs that costs are said for.
            seed: seed of the run.
        """
        self.config, self.cells, self.size, self.seed = config, cells, size, seed
        home = "gradchain.experiments.two_sentences_numbers"
        start, growth = Pairs(home, records.STUDY), Pairs(home, records.STUDY)
        for place, network in [("far", n) for n in own.NETWORKS] + [("near", n) for n in SAID_NEAR]:
            logs, distance = self.trained(place, network)["start"], getattr(config, place)
            records.add_start(start, network, place, logs, distance, config.units, seed)
        self.chains = {kind: Chains(**cells[f"unrolled_{kind}"]) for kind in KINDS}
        for kind, chains in self.chains.items():
            records.add_growth(growth, kind, chains, config.width, seed)
        self.z = start.z | growth.z
        self.numbers = start.numbers + growth.numbers
        given = {
            name: getattr(config, name) for name in ("units", "seeds", "steps", "batch", "rate")
        }
        for network in own.NETWORKS:
            arrays = dict(self.trained("far", network))
            trained = records.Trained(network, arrays, {"distance": config.far} | given, seed)
            self.numbers.append(trained.learned())
            self.numbers += trained.gates() if network in OPEN else []
        self.numbers += records.parameter_numbers(*size)
        self.numbers += records.arithmetic_numbers(*size)
        self.known = {number.key for number in self.numbers}

    def trained(self, place: str, network: str) -> Arrays:
        """Return the arrays of networks on one sentence.

        Args:
            place: "near" or "far".
            network: a key of `two_sentences.NETWORKS`.

        Returns:
            What `two_sentences.train` gave.
        """
        return self.cells[f"{place}_{network}"]

    def cite(self, network: str, what: str, place: str = "far") -> str:
        """Return the placeholder of a network's number.

        Args:
            network: a key of `two_sentences.NETWORKS`.
            what: predicted, measured or learned.
            place: "near" or "far".

        Returns:
            The key in braces.
        """
        return f"{{{records.stem(network, place)}.{what}}}"

    def z_of(self, network: str) -> str:
        """Return the z-score of the far start, as text.

        Args:
            network: a key of `two_sentences.NETWORKS`.

        Returns:
            Such as `+0.4`.
        """
        return self.z[records.stem(network, "far")]

    def gate_stems(self) -> dict[str, str]:
        """Return the keys' beginnings of the networks whose gates have numbers.

        Returns:
            Network -> such as `lstm.gate.bias3`.
        """
        stems = {name: name.replace(".", ".gate.") for name in OPEN}
        return {name: stem for name, stem in stems.items() if f"{stem}.all" in self.known}

    def learners(self, network: str) -> np.ndarray:
        """Say which networks learned the far sentence.

        Args:
            network: a key of `two_sentences.NETWORKS`.

        Returns:
            (S,) booleans.
        """
        return has_learned(dict(self.trained("far", network)))

    def shares(self, network: str) -> list[str]:
        """Count the networks that learned.

        Args:
            network: a key of `two_sentences.NETWORKS`.

        Returns:
            Such as "16 of 16", near and far.
        """
        found = [has_learned(dict(self.trained(place, network))) for place in ("near", "far")]
        return [f"{int(good.sum())} of {len(good)}" for good in found]

    def ratio_rows(self) -> list[tuple]:
        """List what is left at the clue before and after training, and the accuracy.

        Returns:
            Rows: network, distance, two decimal logarithms of medians, median accuracy.
        """
        rows = []
        for network in own.NETWORKS:
            for place in ("near", "far"):
                arrays = self.trained(place, network)
                left = [np.median(own.log_ratio(arrays[n])) / _LN10 for n in ("start", "trained")]
                accuracy = float(np.median(arrays["accuracy"][:, -1]))
                distance = getattr(self.config, place)
                rows.append((network, distance, float(left[0]), float(left[1]), accuracy))
        return rows

    def parameter_rows(self, sizes: tuple[tuple[int, int], ...]) -> list[tuple]:
        """List formulas and numbers of parameters, held against the arrays that are drawn.

        Args:
            sizes: pairs of units and inputs.

        Returns:
            Rows: cell, formula, one number a size.

        Raises:
            GradchainError: if a formula does not give what is counted.
        """
        rows = []
        for cell, name in CELLS.items():
            for units, inputs in sizes:
                closed, drawn = exact.count(cell, units, inputs), cost.counted(cell, units, inputs)
                if closed != drawn:
                    raise GradchainError(
                        f"{name}: {drawn} parameters, expected {closed} by formula"
                    )
            said = exact.FORMULAS[cell].replace("*", " ")
            rows.append((name, said, *(exact.count(cell, *size) for size in sizes)))
        return rows

    def time_rows(self) -> list[tuple]:
        """List arithmetic and time of a step relative to the simple RNN.

        Returns:
            Rows: cell, the key of its arithmetic, medians of the times' ratios as text.
        """
        ratio = cost.ratios(self.cells["times"]["seconds"])
        units, inputs = self.size
        rows = []
        for place, cell in enumerate(cost.TIMED):
            key = f"{{{cell}.arithmetic.units{units}.inputs{inputs}}}" if cell != "rnn" else "1"
            medians = [f"{np.median(ratio[:, place, k]):.1f}" for k in range(len(cost.PASSES))]
            rows.append((CELLS[cell], key, *medians))
        return rows

    def enough(self, network: str) -> bool:
        """Say whether enough networks learned the far sentence to speak of their gates.

        Args:
            network: a key of `two_sentences.NETWORKS`.

        Returns:
            True for at least four.
        """
        return int(self.learners(network).sum()) >= ENOUGH
