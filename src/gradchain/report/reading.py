"""Reading back what a study left, and saying in its place what is missing, stale or damaged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradchain._errors import GradchainError, RegistryError
from gradchain.registry.reading import read
from gradchain.registry.record import Number
from gradchain.study.files import read_json
from gradchain.study.outputs import NUMBERS, PROVENANCE, SUMMARY, state_of

_NOTES = {
    "missing": "This study has not been run.",
    "unfinished": "This study was stopped before it finished.",
    "damaged": "A file of this study is not what the study wrote, so none of it is shown.",
    "stale": "These results were made by another version of the program or with other settings.",
}


@dataclass(frozen=True)
class Expected:
    """A study that the report should hold, and how it stands (see `gradchain.study.status`)."""

    name: str
    title: str
    question: str
    order: int = 100
    state: str = ""
    note: str = ""


@dataclass(frozen=True)
class StudyPage:
    """What the report shows of one study.

    `note` says what is wrong; `summary` is empty if nothing can be shown.
    """

    name: str
    title: str
    question: str
    order: int
    folder: Path
    state: str
    note: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Number] = field(default_factory=dict)


def read_study(folder: Path, expected: Expected | None = None) -> StudyPage:
    """Read the folder of one study.

    Args:
        folder: the study's folder, which may be missing.
        expected: name, title and question, for a folder that cannot give them; and the state, for
            what only the study itself can know.

    Returns:
        The page. Nothing is raised for bad files: the page says what is wrong.
    """
    known = expected or Expected(folder.name, folder.name, "")
    state = state_of(folder)
    if state == "current" and known.state:
        state = known.state
    summary: Mapping[str, Any] = {}
    provenance: Mapping[str, Any] = {}
    numbers: Mapping[str, Number] = {}
    note = known.note or _NOTES.get(state, "")
    if state in {"current", "stale"} or (state == "unfinished" and (folder / NUMBERS).exists()):
        try:
            summary = _checked(read_json(folder / SUMMARY))
            provenance = read_json(folder / PROVENANCE)
            numbers = read(folder / NUMBERS)
        except GradchainError as error:
            summary, numbers, state, note = {}, {}, "damaged", f"{_NOTES['damaged']} {error}"
    if state in _NOTES:
        note += f" Run: python studies/{known.name}.py"
    if state == "unfinished" and provenance.get("failed figures"):
        note = f"A figure could not be drawn. Run: python studies/{known.name}.py"
    return StudyPage(
        name=known.name,
        title=str(summary.get("title") or known.title),
        question=str(summary.get("question") or known.question),
        order=known.order if expected else int(summary.get("order", known.order)),
        folder=folder,
        state=state,
        note=note,
        summary=summary,
        provenance=provenance,
        numbers=numbers,
    )


def _checked(summary: dict[str, Any]) -> dict[str, Any]:
    """Return a summary whose shape is what the report relies on.

    Args:
        summary: what was read.

    Returns:
        The same.

    Raises:
        RegistryError: if something is missing or of another type.
    """
    lists = [summary.get(name) for name in ("seen", "figures", "tables")]
    if not all(isinstance(item, list) for item in lists) or type(summary.get("order")) is not int:
        raise RegistryError(
            "summary.json: expected lists of seen, figures and tables, and an order"
        )
    if not all(isinstance(text, str) for text in summary["seen"]):
        raise RegistryError("summary.json: expected sentences under seen")
    for figure in summary["figures"]:
        _fields(figure, {"name": str, "title": str, "caption": str, "alt": str, "files": list})
        for name in (figure["name"], *figure["files"]):
            if not isinstance(name, str) or Path(name).name != name:
                raise RegistryError("summary.json: a figure's file is not a plain file name")
    for table in summary["tables"]:
        _fields(table, {"name": str, "title": str, "csv": str, "columns": list, "rows": list})
        if Path(table["csv"]).name != table["csv"]:
            raise RegistryError("summary.json: a table's file is not a plain file name")
        if not all(isinstance(row, list) for row in table["rows"]):
            raise RegistryError("summary.json: a row of a table is not a list")
    return summary


def _fields(item: object, kinds: Mapping[str, type]) -> None:
    if not isinstance(item, dict) or not all(
        isinstance(item.get(name), kind) for name, kind in kinds.items()
    ):
        raise RegistryError(f"summary.json: expected an entry with {', '.join(kinds)}")
