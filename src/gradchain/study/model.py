"""The nouns of a study: what it asks, what it computes, what it leaves behind.

A study is one script: a frozen `Config` for each scale, a list of cells (the pieces of work), a
function that computes one cell, and a function that turns all the cells into tables, numbers,
pictures and sentences. Everything else (folders, locks, resuming, files) is done by the runner.
Standard library only, so that reading a study's settings costs nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gradchain._errors import UsageError
from gradchain._text import shorten

SCALES = ("smoke", "lecture", "paper")
SEED_LIMIT = 2**32

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_CELL = re.compile(r"[a-z0-9][a-z0-9_.+-]*\Z")


@runtime_checkable
class Drawable(Protocol):
    """What the runner needs of a picture; `gradchain.figures.Picture` is one.

    `alt` and `caption` may hold `{key}` placeholders. `render(alt)` gives the bytes of each file
    format by its ending ("svg", "pdf", "png"), the same bytes at every call.
    """

    name: str
    title: str
    alt: str
    caption: str

    def render(self, alt: str) -> Mapping[str, bytes]:
        """Draw the picture, with `alt` as the text that stands for it."""
        ...


@dataclass(frozen=True)
class Cell:
    """One piece of work that is computed, kept and resumed as a whole.

    Args:
        name: lower-case name, unique in the study, such as `sigmoid_glorot_w100`.
        settings: what `compute` reads: JSON values only (numbers, strings, lists and such).
        seed: the seed of the run; set by the runner.

    Example:
        >>> Cell("sigmoid_w10", {"activation": "sigmoid", "width": 10})["width"]
        10
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _CELL.match(self.name) or len(self.name) > 120:
            raise UsageError(
                f"cell name {_short(self.name)}: expected up to 120 lower-case letters, digits, _ . + -"
            )

    def __getitem__(self, name: str) -> Any:
        """Return one setting."""
        return self.settings[name]


@dataclass(frozen=True)
class Table:
    """A table: written as CSV always, and shown in the report unless `show` is False.

    Args:
        name: file name without ending, such as `slopes`.
        title: one line above the table.
        columns: the headings.
        rows: one tuple a row. In a shown table a cell is text, an integer or None; a result goes
            in as the placeholder `"{its.key}"`, so that what is shown is what the registry holds. A
            table that is not shown may hold floats: it is the data behind a figure.
        show: whether the report shows it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    show: bool = True

    def __post_init__(self) -> None:
        _require_name("table", self.name)
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise UsageError(
                    f"table {self.name}, row {number}: {len(row)} cells for "
                    f"{len(self.columns)} columns; give one cell a column"
                )


@dataclass(frozen=True)
class Summary:
    """What a study leaves behind.

    Args:
        tables: tables, in order.
        numbers: `gradchain.registry.record.Number` records: every number that a sentence, a table,
            a caption or an alt text cites by `{key}`.
        seen: one or more plain sentences that say what was seen. Results appear only as `{key}`;
            a decimal number written by hand is refused.
        figures: pictures (`gradchain.figures.Picture`), in order.
    """

    tables: Sequence[Table] = ()
    numbers: Sequence[Any] = ()
    seen: Sequence[str] = ()
    figures: Sequence[Drawable] = ()


class Results(Mapping[str, Mapping[str, Any]]):
    """The arrays of all cells, by cell name: `results["sigmoid_w10"]["log_norms"]`.

    `seed` is the seed of the run and `cells` the cells themselves, in order.
    """

    def __init__(
        self, arrays: Mapping[str, Mapping[str, Any]], cells: Sequence[Cell], seed: int
    ) -> None:
        """Keep the arrays, the cells and the seed."""
        self._arrays = dict(arrays)
        self.cells = tuple(cells)
        self.seed = seed

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        """Return the arrays of one cell."""
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the cell names, in order.

        Returns:
            An iterator.
        """
        return iter(self._arrays)

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self._arrays)


@dataclass(frozen=True)
class Estimate:
    """What a run will need, in seconds and in bytes of memory; an order of magnitude is enough."""

    seconds: float | int
    memory: float | int


@dataclass(frozen=True)
class Study:
    """One question, and how it is answered.

    Args:
        name: the script's name without `.py`; also the name of the results folder.
        title: a few words.
        question: one sentence that ends in a question mark.
        scales: a frozen `Config` dataclass for each of smoke, lecture and paper. Its fields become
            options of the command line. A `Config` refuses what is impossible in `__post_init__`.
            A field named `dtype` is recorded as the number type of the run.
        cells: `cells(config)` lists the work.
        compute: `compute(cell)` returns named arrays for one cell. Import JAX and the library in it
            and not at the top of the script: a run that has nothing to do then never loads them.
        summarize: `summarize(config, results)` returns a `Summary`; it draws nothing by itself.
        order: where the study stands in `run_all` and in the report.
        estimate: optional; `estimate(config)` says what a run needs, and a run that does not fit in
            memory is refused before it starts.
    """

    name: str
    title: str
    question: str
    scales: Mapping[str, Any]
    cells: Callable[[Any], Sequence[Cell]]
    compute: Callable[[Cell], Mapping[str, Any]]
    summarize: Callable[[Any, Results], Summary]
    order: int = 100
    estimate: Callable[[Any], Estimate] | None = None

    def __post_init__(self) -> None:
        _require_name("study", self.name)
        if set(self.scales) != set(SCALES):
            raise UsageError(
                f"study {self.name}: scales {sorted(self.scales)}; expected exactly "
                f"{', '.join(SCALES)}"
            )
        for scale, config in self.scales.items():
            if not is_dataclass(config) or isinstance(config, type):
                raise UsageError(
                    f"study {self.name}, scale {scale}: expected an instance of a frozen dataclass"
                )

    @property
    def script(self) -> Path:
        """The file that defines the study."""
        return Path(self.compute.__code__.co_filename).resolve()

    def config(self, scale: str, changes: Mapping[str, Any] | None = None) -> Any:
        """Return the settings of a scale, with some fields changed.

        Args:
            scale: smoke, lecture or paper.
            changes: new values by field name.

        Returns:
            An instance of the study's `Config`.

        Raises:
            UsageError: for an unknown scale or field, or a value that `Config` refuses.
        """
        if scale not in self.scales:
            raise UsageError(f"scale {_short(scale)}: expected one of {', '.join(SCALES)}")
        base = self.scales[scale]
        known = [item.name for item in fields(base)]
        unknown = sorted(set(changes or {}) - set(known))
        if unknown:
            raise UsageError(
                f"{self.name} has no setting {_short(unknown[0])}; expected one of {', '.join(known)}"
            )
        return type(base)(
            **{name: getattr(base, name) for name in known} | dict(changes or {}),
        )


def check_seed(seed: int) -> int:
    """Return a seed that JAX takes.

    Args:
        seed: a whole number from 0 to 2**32 - 1.

    Returns:
        The same number.

    Raises:
        UsageError: if it is anything else.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise UsageError(f"seed {_short(seed)}: expected a whole number from 0 to {SEED_LIMIT - 1}")
    return seed


def _short(value: object) -> str:
    """Write what was got on one line of at most 80 characters."""
    return shorten(value, 80) if isinstance(value, str) else shorten(repr(value), 80)[1:-1]


def _require_name(kind: str, name: str) -> None:
    if not isinstance(name, str) or not _NAME.match(name) or len(name) > 60:
        raise UsageError(
            f"{kind} name {_short(name)}: expected up to 60 lower-case letters, digits and underscores, "
            "starting with a letter"
        )
