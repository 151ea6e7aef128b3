"""Turning a summary into files: CSV, pictures with alt text, summary, provenance, numbers.

The order matters: `numbers.json` is renamed into place last, so a folder whose numbers agree with
its provenance is a finished run, whatever happened before. Nothing here computes.
"""

import csv
import io
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradchain._errors import OutputError, RegistryError, UsageError
from gradchain._text import rounded_text
from gradchain.registry.collection import validate_all
from gradchain.registry.display import shown
from gradchain.registry.formats import csv_cell
from gradchain.registry.grammar import canonical
from gradchain.registry.record import Number
from gradchain.registry.writing import to_text
from gradchain.study.files import digest, json_bytes, read_json, write_bytes
from gradchain.study.identity import SCHEMA, Identity, installed
from gradchain.study.model import Cell, Drawable, Study, Summary, Table
from gradchain.study.text import check_text, fill, keys_in, numerals_in

NUMBERS = "numbers.json"
PROVENANCE = "provenance.json"
SUMMARY = "summary.json"
SETTINGS = "settings.json"
_PACKAGES = ("gradchain", "jax", "jaxlib", "numpy", "optax", "matplotlib", "python-flint")


def check_summary(
    study: Study, identity: Identity, cells: Sequence[Cell], summary: Summary
) -> None:
    """Refuse a summary whose words and numbers do not belong together.

    Args:
        study: the study.
        identity: the identity of the run.
        cells: its cells; decimal settings of theirs may be written in sentences.
        summary: what `summarize` gave.

    Raises:
        UsageError: for a result typed by hand, a float in a shown table, or a name used twice.
        UnknownKeyError: for a cited key without a number.
    """
    numbers = validate_all(summary.numbers)
    settings = numerals_in(canonical([identity.settings["config"], [c.settings for c in cells]]))
    settings |= numerals_in(" ".join(cell.name for cell in cells))
    if not summary.seen:
        raise UsageError(f"{study.name}: no sentence says what was seen; give at least one")
    for sentence in summary.seen:
        check_text(sentence, numbers, f"{study.name}: a sentence", settings)
    for figure in summary.figures:
        for text in (figure.title, figure.caption):
            check_text(text, numbers, f"{study.name}: the text of figure {figure.name}", settings)
        for key in keys_in(figure.alt):
            check_text(f"{{{key}}}", numbers, f"{study.name}: the alt text of {figure.name}")
        if len(figure.alt) < 40:
            raise UsageError(
                f"{study.name}: figure {figure.name} has no alt text worth reading; say what kind "
                "of chart it is, of what, and what it shows"
            )
    for table in summary.tables:
        for row in table.rows if table.show else ():
            for cell in row:
                _check_shown_cell(study, table, cell, numbers)
    # A figure and the table of its data may share a name: their files end differently.
    for kind, items in (("tables", summary.tables), ("figures", summary.figures)):
        names = [item.name for item in items]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"{study.name}: {twice[0]} names two {kind}; rename one")


def _check_shown_cell(study: Study, table: Table, cell: object, numbers: Mapping[str, Any]) -> None:
    where = f"{study.name}: table {table.name}"
    if isinstance(cell, str):
        for key in keys_in(cell):
            check_text(f"{{{key}}}", numbers, where)
    elif cell is not None and (isinstance(cell, bool) or not isinstance(cell, int)):
        raise UsageError(
            f"{where} shows {cell!r} ({type(cell).__name__}); expected text, an integer, or the "
            "placeholder of a number (a table that is only data takes show=False)"
        )


def csv_bytes(table: Table, numbers: Mapping[str, Number]) -> bytes:
    """Write a table as CSV: exact values instead of rounded ones, text that no program executes.

    Args:
        table: the table.
        numbers: the numbers of the run, by key.

    Returns:
        UTF-8 text with a heading line, one line feed a row.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_cell(name, {}) for name in table.columns])
    for row in table.rows:
        writer.writerow([_csv_cell(cell, numbers) for cell in row])
    return out.getvalue().encode("utf-8")


def _csv_cell(cell: object, numbers: Mapping[str, Number]) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        # A NumPy scalar would write its type too.
        item = getattr(cell, "item", None)
        return repr(item() if callable(item) else cell)
    text = fill(cell, lambda key: _decimal(numbers[key]))
    alone = cell.startswith("{") and cell.endswith("}") and len(keys_in(cell)) == 1
    return text if alone else csv_cell(text)


def _decimal(number: Number) -> str:
    # A spreadsheet takes 1/4 for the first of April.
    return rounded_text(number.rational, 30) if "/" in number.value else number.value


def render_figures(
    summary: Summary, numbers: Mapping[str, Number]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Draw every figure, keeping the others where one fails.

    Args:
        summary: the summary.
        numbers: the numbers of the run, by key.

    Returns:
        The files by name, and for each figure that failed its name and the reason.
    """
    files: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    for figure in summary.figures:
        alt = _alt(figure, numbers)
        try:
            drawn = {f"{figure.name}.{end}": data for end, data in figure.render(alt).items()}
        # A font, a backend or the drawing itself may fail; the numbers must not suffer for it.
        except Exception as error:
            failed[figure.name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        files |= drawn
        files[f"{figure.name}.alt.txt"] = (alt + "\n").encode("utf-8")
    return files, failed


def write_outputs(
    folder: Path,
    study: Study,
    identity: Identity,
    cells: Sequence[tuple[str, str]],
    device: Sequence[str],
    summary: Summary,
) -> dict[str, str]:
    """Write everything that a finished run leaves, `numbers.json` last.

    Args:
        folder: the study's folder.
        study: the study.
        identity: the identity of the run.
        cells: name and file name of each cell.
        device: the kinds of device that computed the cells.
        summary: what was found.

    Returns:
        The figures that failed, with the reason.
    """
    numbers = validate_all(summary.numbers)
    files = {f"{table.name}.csv": csv_bytes(table, numbers) for table in summary.tables}
    drawn, failed = render_figures(summary, numbers)
    files |= drawn
    files[SUMMARY] = json_bytes(_summary_json(study, identity, summary, numbers, drawn))
    all_numbers = to_text(numbers).encode("utf-8")
    made = {name: digest(data) for name, data in files.items()}
    made[NUMBERS] = digest(all_numbers)
    _remove_outdated(folder, made)
    for name in sorted(files):
        _write_if_new(folder / name, files[name])
    provenance = {
        **identity.as_json(),
        "complete": not failed,
        "failed figures": failed,
        "device": sorted(set(device)),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: installed(name) for name in _PACKAGES},
        "cells": dict(cells),
        "files": dict(sorted(made.items())),
    }
    _write_if_new(folder / PROVENANCE, json_bytes(provenance))
    _write_if_new(folder / NUMBERS, all_numbers)
    return failed


def state_of(folder: Path, identity: Identity | None = None) -> str:
    """Say whether a folder holds a finished run.

    Args:
        folder: the study's folder.
        identity: the run asked for; without it only the folder itself is looked at.

    Returns:
        `missing` (never run), `unfinished`, `damaged` (a file is not what was written), `stale`
        (made by other settings or another program), or `current`.
    """
    if not (folder / SETTINGS).exists() and not (folder / NUMBERS).exists():
        return "missing"
    if not (folder / NUMBERS).exists():
        return "unfinished"
    try:
        provenance = read_json(folder / PROVENANCE)
    except RegistryError:
        return "damaged"
    files = provenance.get("files")
    if not isinstance(files, dict) or not _files_agree(folder, files):
        return "damaged"
    if not provenance.get("complete"):
        return "unfinished"
    if identity is not None:
        same = {name: provenance.get(name) for name in ("settings", "source", "program")}
        if canonical(same) != canonical({name: identity.as_json()[name] for name in same}):
            return "stale"
    return "current"


def _files_agree(folder: Path, files: Mapping[str, Any]) -> bool:
    for name, expected in files.items():
        if Path(name).name != name:
            return False
        try:
            if digest((folder / name).read_bytes()) != expected:
                return False
        except (OSError, ValueError):
            return False
    return True


def _alt(figure: Drawable, numbers: Mapping[str, Number]) -> str:
    return fill(figure.alt, lambda key: shown(numbers[key], "text"))


def _summary_json(
    study: Study,
    identity: Identity,
    summary: Summary,
    numbers: Mapping[str, Number],
    drawn: Mapping[str, bytes],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": study.name,
        "title": study.title,
        "question": study.question,
        "order": study.order,
        "scale": identity.settings["scale"],
        "seed": identity.settings["seed"],
        "config": identity.settings["config"],
        "seen": list(summary.seen),
        "figures": [
            {
                "name": figure.name,
                "title": figure.title,
                "caption": figure.caption,
                "alt": _alt(figure, numbers),
                "files": sorted(n for n in drawn if n.split(".")[0] == figure.name),
            }
            for figure in summary.figures
        ],
        "tables": [
            {
                "name": table.name,
                "title": table.title,
                "csv": f"{table.name}.csv",
                "shown": table.show,
                "columns": list(table.columns),
                "rows": [list(row) for row in table.rows] if table.show else [],
            }
            for table in summary.tables
        ],
        "keys": list(numbers),
    }


def _remove_outdated(folder: Path, made: Mapping[str, str]) -> None:
    """Remove what an earlier run made and this one does not, unless somebody changed it."""
    try:
        earlier = read_json(folder / PROVENANCE).get("files")
    except RegistryError:
        return
    for name, expected in earlier.items() if isinstance(earlier, dict) else ():
        path = folder / name
        if name in made or Path(name).name != name or path.is_symlink() or not path.is_file():
            continue
        if digest(path.read_bytes()) == expected:
            path.unlink()


def _write_if_new(path: Path, data: bytes) -> None:
    # Unchanged files keep their times, so that nothing downstream is rebuilt for nothing.
    try:
        if not path.is_symlink() and path.read_bytes() == data:
            return
    except OSError:
        pass
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected a file, move it away")
    write_bytes(path, data)
