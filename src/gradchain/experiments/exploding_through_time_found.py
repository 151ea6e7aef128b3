"""What did the study of exploding gradients through time find: arrays and records of a run.

The study's cells are `wall`, `start_<cell>` and `<activation>_<arm>`, the arm a kind of clip, "none" or
"adam"; a cell of training holds several settings, their arrays numbered.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradchain.experiments import exploding_through_time_closed as closed
from gradchain.experiments import exploding_through_time_records as own
from gradchain.experiments.exploding_through_time import ACTIVATIONS, Arm, Trained
from gradchain.experiments.statistics import wilson

# Where saving is looked at. Twice as much a step is what the bound of tanh allows; few ReLU networks are
# lost before gain 3.
SHOWN = {"tanh": 2.0, "relu": 3.0}


class Found:
    """Arrays and records of a run."""

    def __init__(self, config: Any, results: Any) -> None:
        """Make every record.

        Args:
            config: the study's settings.
            results: arrays by cell, with `.cells` and `.seed`.
        """
        self.config, self.results, seed = config, results, results.seed
        self.shown: Mapping[str, float] = SHOWN
        self.cells = {cell.name: cell for cell in results.cells}
        self.starts = {
            (name, gain): results[f"start_{name}"]["logs"][:, place]
            for name in config.cells
            for place, gain in enumerate(config.gains)
        }
        shown = {
            key: rows for key, rows in self.starts.items() if key[0] in ACTIVATIONS and key[1] == 2
        }
        self.pairs = own.start_pairs(shown, config.start_distance, config.start_units, seed)
        self.numbers = closed.clip_numbers() + self.pairs.numbers
        self.numbers += closed.wall_numbers(config.weight, config.wall_steps[-1])
        for activation in config.activations:
            self._trained(activation, "none", SHOWN[activation], "lost", "learned")
            if SHOWN[activation] in config.adam:
                self._trained(activation, "adam", SHOWN[activation], "learned")
            for clip in config.clips:
                self._saved(activation, clip, SHOWN[activation])
        if "tanh" in config.activations:
            self._trained("tanh", "none", 1.0, "learned", "peak")
        for limit in config.limits if "tanh" in config.activations else ():
            if limit in {config.limits[0], config.limits[-1]} - {1.0}:
                self._trained("tanh", "global", 2.0, "learned", limit=limit)
        self.known = {number.key for number in self.numbers}

    def _trained(
        self, activation: str, arm: str, gain: float, *measures: str, limit: float = 1.0
    ) -> None:
        setting, trained = self.one(activation, arm, gain, limit)
        for what in measures:
            self.numbers.append(own.trained_number(setting, trained, what, self.results.seed))

    def _saved(self, activation: str, clip: str, gain: float) -> None:
        bare, (arm, trained) = (
            self.one(activation, "none", gain)[1],
            self.one(activation, clip, gain),
        )
        for kept in ("finite", "learned"):
            number = own.saved_number(arm, bare, trained, kept, self.results.seed)
            self.numbers += [number] if number else []
        if activation == "tanh" and np.isfinite(trained.angle).any():
            self._trained(activation, clip, gain, "turned")

    def one(
        self, activation: str, arm: str, gain: float, limit: float = 1.0
    ) -> tuple[Arm, Trained]:
        """Return a setting of a cell and its networks.

        Args:
            activation: "tanh" or "relu".
            arm: "none", a kind of clip, or "adam".
            gain: what the recurrent weights are multiplied by.
            limit: the clip's limit.

        Returns:
            (setting, networks).
        """
        name = f"{activation}_{arm}"
        runs = [Arm(**fields) for fields in self.cells[name]["runs"]]
        place = [(run.gain, run.limit) for run in runs].index((gain, limit))
        arrays = self.results[name]
        return runs[place], Trained(*(arrays[f"{field}_{place}"] for field in Trained._fields))

    def share(
        self, activation: str, arm: str, what: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which share of the networks is lost or learns, by gain.

        Args:
            activation: "tanh" or "relu".
            arm: "none", a kind of clip, or "adam".
            what: "lost" or "learned".

        Returns:
            (share, low, high) with Wilson's 95 % interval.
        """
        gains = self.config.adam if arm == "adam" else self.config.gains
        hits = [int(getattr(self.one(activation, arm, gain)[1], what).sum()) for gain in gains]
        ends = np.array([wilson(hit, self.config.seeds) for hit in hits])
        return np.array(hits) / self.config.seeds, ends[:, 0], ends[:, 1]

    def cite(self, key: str) -> str:
        """Return a placeholder, or a dash where there is no number.

        Args:
            key: of a number.

        Returns:
            Text for a sentence or a table.
        """
        return f"{{{key}}}" if key in self.known else "-"
