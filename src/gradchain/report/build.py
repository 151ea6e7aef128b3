"""Putting the report together: which studies, in which order, and into which files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradchain._errors import OutputError
from gradchain.report.html import GENERATOR, page
from gradchain.report.markdown import text_page
from gradchain.report.reading import Expected, StudyPage, read_study
from gradchain.report.theorems import read_theorems
from gradchain.study.files import prepare_folder, write_bytes
from gradchain.study.outputs import SETTINGS

HTML = "report.html"
MARKDOWN = "report.md"
_MARK = GENERATOR.encode()


@dataclass(frozen=True)
class Report:
    """Where the report lies, and how each study stands in it."""

    html: Path
    markdown: Path
    states: tuple[tuple[str, str], ...]


def build(root: Path, expected: Sequence[Expected] = (), proofs: Path | None = None) -> Report:
    """Write `report.html` and `report.md` into a results folder.

    Args:
        root: the results folder; every folder in it that a study made is shown.
        expected: studies that belong in the report even if their folder is missing.
        proofs: the folder of the theorems' pages, shown in the HTML report; None for none.

    Returns:
        The two paths, and the state of each study.

    Raises:
        OutputError: if a file cannot be written, or is not ours to overwrite, or a theorem's page
            cannot be read.
    """
    pages, theorems = collect(root, expected), read_theorems(proofs)
    prepare_folder(root)
    for name, text in ((HTML, page(pages, theorems)), (MARKDOWN, text_page(pages))):
        _replace(root / name, text.encode("utf-8"))
    states = tuple((study.name, study.state) for study in pages)
    return Report(root / HTML, root / MARKDOWN, states)


def collect(root: Path, expected: Sequence[Expected] = ()) -> list[StudyPage]:
    """Read every study of a results folder, in the order of the report.

    Args:
        root: the results folder.
        expected: studies that belong in the report.

    Returns:
        One page a study.
    """
    pages = [read_study(root / item.name, item) for item in expected]
    known = {item.name for item in expected}
    if root.is_dir():
        others = sorted(
            path for path in root.iterdir() if path.name not in known and not path.is_symlink()
        )
        pages += [read_study(path) for path in others if (path / SETTINGS).is_file()]
    return sorted(pages, key=lambda study: (study.order, study.name))


def _replace(path: Path, data: bytes) -> None:
    try:
        there = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error
    if there == data:
        return
    if there is not None and _MARK not in there[:4096]:
        raise OutputError(f"{path} was not made by gradchain; move it away, nothing was touched")
    write_bytes(path, data)
