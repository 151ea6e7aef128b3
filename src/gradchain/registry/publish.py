"""For maintainers: build the packaged reference and the page that shows it.

Which question it answers: what goes into the wheel? The catalogue and the numbers of the studies
at lecture scale are checked together and written with a checksum; versions, date and platform
stand in a file of their own, so that the numbers' file changes only when a number does.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gradchain._errors import RegistryError
from gradchain._text import shorten
from gradchain.registry.collection import Registry
from gradchain.registry.display import shown
from gradchain.registry.grammar import printable
from gradchain.registry.reading import read
from gradchain.registry.record import Number
from gradchain.registry.writing import to_text, write_bytes

_INTRODUCTION = """# Numbers

Every number that gradchain vouches for, generated from the packaged reference: do not edit it by
hand. Values are rounded half to even from the exact value. `gradchain why KEY` shows the formula
and the command that recomputes a number; `gradchain cite KEY` gives a ready citation.

Kinds: *exact* (rational or closed form), *certified* (rigorous enclosure), *computed* (with an
error bound), *estimated* (over random draws), *reported* (from the literature, never recomputed).
"""


def build_reference(
    catalogue: Iterable[Number],
    study_number_files: Iterable[Path],
    folder: Path,
    versions: Mapping[str, str],
    date: str,
) -> Registry:
    """Write numbers.json, provenance.json and checksum.txt.

    Args:
        catalogue: the numbers that need no study.
        study_number_files: numbers.json files of studies run at lecture scale.
        folder: where to write, `src/gradchain/registry/data`.
        versions: package name -> version, for the provenance.
        date: the day, as 2026-01-31.

    Returns:
        The registry written.

    Raises:
        RegistryError: two records share a key, or do not stand together.
        OutputError: a file cannot be written.
    """
    registry = Registry(merge(catalogue, study_number_files))
    data = to_text(registry).encode("utf-8")
    if write_bytes(folder / "numbers.json", data) or not (folder / "provenance.json").exists():
        provenance = {
            "date": date,
            "python": platform.python_version(),
            "platform": f"{sys.platform} {platform.machine()}",
            "versions": dict(sorted(versions.items())),
            "numbers": len(registry),
        }
        text = json.dumps(provenance, indent=1) + "\n"
        write_bytes(folder / "provenance.json", text.encode("ascii"))
    checksum = f"{hashlib.sha256(data).hexdigest()}  numbers.json\n"
    write_bytes(folder / "checksum.txt", checksum.encode("ascii"))
    return registry


def merge(catalogue: Iterable[Number], study_number_files: Iterable[Path]) -> list[Number]:
    """Put the catalogue and the numbers of studies together.

    A study may show a number of the catalogue; then both must say the same value, and the
    catalogue's record stays.

    Args:
        catalogue: the numbers that need no study.
        study_number_files: numbers.json files of studies.

    Returns:
        All numbers, each key once.

    Raises:
        RegistryError: two records of one key have different values.
    """
    found = {number.key: number for number in catalogue}
    for path in study_number_files:
        for number in read(path).values():
            first = found.setdefault(number.key, number)
            if first.rational != number.rational:
                raise RegistryError(
                    f"{number.key}: {path} says {shorten(number.value)}, another source says "
                    f"{shorten(first.value)}; rename one of them"
                )
    return list(found.values())


def numbers_markdown(registry: Mapping[str, Number]) -> str:
    """Write the page NUMBERS.md.

    Args:
        registry: the numbers.

    Returns:
        Markdown: one section for each first segment of the keys, one row a number.
    """
    groups: dict[str, list[Number]] = {}
    for number in registry.values():
        groups.setdefault(number.key.split(".", 1)[0], []).append(number)
    parts = [_INTRODUCTION]
    for name, numbers in groups.items():
        parts.append(f"## {name}\n\n| key | value | kind | statement |\n|---|---|---|---|")
        parts.extend(_row(number) for number in numbers)
        parts.append("")
    return "\n".join(parts)


def _row(number: Number) -> str:
    """Return one row of the table."""
    unit = "" if number.unit == "1" else f" {number.unit}"
    role = "" if number.role == "value" else f"; {number.role}"
    where = ", ".join(text for text in (number.dtype, number.device) if text)
    told = (
        f"{number.statement} *Conditions:* {number.conditions}"
        if number.conditions
        else (number.statement)
    )
    cells = (
        f"`{number.key}`",
        shown(number, "text") + unit,
        number.kind + role + (f"; {where}" if where else ""),
        told,
    )
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """Return text that cannot end a table cell or start markup."""
    text = printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return text.replace("$", "\\$")
