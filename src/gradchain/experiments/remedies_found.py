"""What did a run of the remedies study find: arrays, medians, effects and records, by remedy and depth.

No arithmetic of its own beyond medians; see `remedies_numbers`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from gradchain._errors import UsageError
from gradchain.experiments import remedies
from gradchain.experiments.measures import Kept
from gradchain.experiments.remedies import FIXES, Remedy
from gradchain.experiments.remedies_numbers import (
    EFFECTS,
    RESPONSES,
    Effect,
    cost_number,
    effect_number,
    effects,
    remedy_numbers,
    response,
    student,
)
from gradchain.experiments.setting import Setting
from gradchain.experiments.statistics import mean_and_error, median_ranks
from gradchain.experiments.step_cost import operations
from gradchain.registry.record import Number


class Found:
    """Arrays, settings and records of a run, by remedy and depth."""

    def __init__(
        self,
        rows: Sequence[Remedy],
        depths: Sequence[int],
        cells: Mapping[str, tuple[Mapping, Kept]],
        seed: int,
    ) -> None:
        """Make every record.

        A fix has its records at every depth on sigmoid, and at the middle depth on ReLU.

        Args:
            rows: the remedies that were tried.
            depths: hidden layers.
            cells: fields of the setting and arrays of every cell, by its name.
            seed: seed of the run.
        """
        self.rows, self.depths, self.seed = rows, depths, seed
        self.mid = depths[len(depths) // 2]
        self._cells = {
            n: (Setting.from_json(dict(fields)), arrays) for n, (fields, arrays) in cells.items()
        }
        self.fixes = [fix for fix in FIXES if any(row.fix == fix for row in rows)]
        self.effects: dict[tuple[str, int, str], dict[str, Effect]] = {}
        self.numbers: list[Number] = []
        for remedy in rows:
            self._remedy(remedy)
        for fix in self.fixes:
            for depth in depths:
                self._pair(fix, depth)
        self.known = {number.key for number in self.numbers}

    def _remedy(self, remedy: Remedy) -> None:
        tried = (self.mid,) if self.second(remedy) else self.depths
        for depth in sorted({remedy.changes.get("depth", depth) for depth in tried}):
            setting, arrays = self._cells[remedies.cell_name(remedy.slug, depth)]
            self.numbers += remedy_numbers(remedy.slug, arrays, setting, self.seed)
        if remedy.slug != "baseline":
            self.numbers.append(cost_number(remedy.slug, self.mid))

    def _pair(self, fix: str, depth: int) -> None:
        cells = self.square(fix, depth)
        for name in RESPONSES:
            try:
                found = effects(tuple(response(arrays, name) for arrays in cells))
            except UsageError:
                # Hardly a network with a gradient in all four cells: nothing can be said.
                continue
            self.effects[fix, depth, name] = found
        setting = self._cells[remedies.cell_name("relu", depth)][0]
        wanted = [("loss", "interaction")] if depth == self.mid else []
        if fix == "he":
            wanted = [(name, which) for name in ("loss", "start") for which in EFFECTS]
        for name, which in wanted:
            if (fix, depth, name) in self.effects:
                self.numbers.append(effect_number(fix, which, name, cells, setting, self.seed))

    def second(self, remedy: Remedy) -> bool:
        """Say whether a row is the ReLU variant of a fix.

        Args:
            remedy: the row.

        Returns:
            True if it is.
        """
        return remedy.fix in FIXES and remedy.activation != "sigmoid"

    def arrays(self, slug: str, depth: int) -> Kept:
        """Return the arrays of a remedy at a depth.

        Args:
            slug: of the remedy.
            depth: hidden layers of the baseline.

        Returns:
            What `lab_numbers.kept` gave.
        """
        remedy = remedies.get(slug)
        return self._cells[remedies.cell_name(remedy.slug, remedy.changes.get("depth", depth))][1]

    def square(self, fix: str, depth: int) -> tuple[Kept, ...]:
        """Return the arrays of the four cells of activation x fix.

        Args:
            fix: a key of `remedies.FIXES`.
            depth: hidden layers.

        Returns:
            As `remedies.square` orders them.
        """
        return tuple(self.arrays(slug, depth) for slug in remedies.square(fix))

    def cite(self, remedy: Remedy, depth: int, what: str) -> str:
        """Return a placeholder of a number, or words where there is none.

        Args:
            remedy: the row.
            depth: hidden layers of the baseline.
            what: ratio, ratioend, loss or cost.

        Returns:
            Text.
        """
        key = f"remedies.{remedy.slug}.depth{remedy.changes.get('depth', depth)}.{what}"
        return f"{{{key}}}" if key in self.known else "0 or undefined"

    def middle(self, slug: str, depth: int, name: str) -> tuple[float, float, float]:
        """Return a median between the ends of its interval, as decimal logarithms.

        Args:
            slug: of the remedy.
            depth: hidden layers of the baseline.
            name: a response.

        Returns:
            (low, median, high); what is undefined counts as infinite.
        """
        values = np.asarray(response(self.arrays(slug, depth), name), np.float64)
        logs = np.sort(np.where(np.isnan(values), np.inf, values))
        low, high = median_ranks(len(logs))
        pair = logs[(len(logs) - 1) // 2], logs[len(logs) // 2]
        return float(logs[low - 1]), float(pair[0] / 2 + pair[1] / 2), float(logs[high - 1])

    def means(self, fix: str, depth: int, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean logarithm of each cell of activation x fix, and halves of 95 % intervals.

        Args:
            fix: a key of `remedies.FIXES`.
            depth: hidden layers.
            name: a response.

        Returns:
            Two arrays [sigmoid or relu, without or with the fix]; infinite logarithms are left out.
        """
        found = [_mean(response(arrays, name)) for arrays in self.square(fix, depth)]
        means, halves = (np.array(part).reshape(2, 2) for part in zip(*found, strict=True))
        return means, halves

    def brought(self, fix: str, depth: int, name: str) -> list[tuple[float, float]]:
        """Return by how many decades a fix changes a response of sigmoid and of ReLU networks.

        Args:
            fix: a key of `remedies.FIXES`.
            depth: hidden layers.
            name: a response.

        Returns:
            (mean, half a 95 % interval) for sigmoid, then for ReLU; differences within seeds.
        """
        logs = [response(arrays, name) for arrays in self.square(fix, depth)]
        with np.errstate(invalid="ignore"):
            return [_mean(logs[1] - logs[0]), _mean(logs[3] - logs[2])]

    def data(self) -> list[tuple]:
        """Return every row at every depth, for the data table.

        Returns:
            (slug, activation, depth, low, median and high of ratio at the start, ratio after training
            and loss, diverged networks, operations a step).
        """
        rows = []
        for remedy in self.rows:
            for depth in self.depths if "depth" not in remedy.changes else self.depths[:1]:
                name = remedies.cell_name(remedy.slug, remedy.changes.get("depth", depth))
                setting, arrays = self._cells[name]
                values = [
                    end
                    for what in ("start", "end", "loss")
                    for end in self.middle(remedy.slug, depth, what)
                ]
                diverged = int(np.count_nonzero(arrays["nan_step"] >= 0))
                plain = (remedy.slug, remedy.activation, setting.depth)
                rows.append((*plain, *values, diverged, operations(setting)))
        return rows


def _mean(logs: np.ndarray) -> tuple[float, float]:
    finite = np.asarray(logs, np.float64)[np.isfinite(logs)]
    mean, error = mean_and_error(finite.tolist())
    return mean, student(len(finite) - 1) * error
