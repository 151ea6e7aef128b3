"""Two registries side by side: which numbers came, went or moved, and by how much.

Which question it answers: did the numbers change between these two versions, or between a study's
run and mine? Values are compared as exact fractions; the size of a change is given relative to the
old value, with as many digits as it takes to see it. A file from elsewhere is only ever compared,
never merged. Cost: linear in the records.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

from gradchain._errors import RegistryError
from gradchain._text import form_of, rounded_text, significant
from gradchain.registry.collection import Registry
from gradchain.registry.display import shown
from gradchain.registry.formats import clean
from gradchain.registry.reading import read
from gradchain.registry.record import Number

_QUIET = ("key", "value", "kind")


@dataclass(frozen=True)
class Moved:
    """A number whose value changed: old and new text, and the change relative to the old value.

    `relative` is None where the old value is 0.
    """

    key: str
    old: str
    new: str
    relative: Fraction | None


@dataclass(frozen=True)
class Difference:
    """What differs between two registries; empty fields where nothing does."""

    added: tuple[Number, ...]
    removed: tuple[Number, ...]
    moved: tuple[Moved, ...]
    kinds: tuple[tuple[str, str, str], ...]
    reworded: tuple[tuple[str, tuple[str, ...]], ...]
    same: int

    @property
    def drift(self) -> bool:
        """True where a number that someone may have cited is gone, moved, or of another kind."""
        return bool(self.removed or self.moved or self.kinds)


def open_numbers(path: str | os.PathLike[str]) -> Registry:
    """Read a registry file, a study's result folder, or a folder of result folders.

    Args:
        path: a JSON file, a folder with `numbers.json`, or a folder of such folders.

    Returns:
        The numbers.

    Raises:
        RegistryError: nothing to read there, or a damaged file.
    """
    path = Path(path)
    if not os.path.isdir(path):  # says no of a name that no file can have, where is_dir() raises
        return read(path)
    files = [path / "numbers.json"]
    if not files[0].is_file():
        files = sorted(path.glob("*/numbers.json"))
    if not files:
        raise RegistryError(f"{clean(str(path))}: holds no numbers.json, nor does a folder in it")
    numbers = [number for file in files for number in read(file).values()]
    return Registry(numbers, origin=str(path))


def compare(old: Mapping[str, Number], new: Mapping[str, Number]) -> Difference:
    """Compare two collections of numbers.

    Args:
        old: the numbers before.
        new: the numbers after.

    Returns:
        What differs, in natural order of the keys.
    """
    both = [key for key in old if key in new]
    moved, kinds, reworded = [], [], []
    for key in both:
        before, after = old[key], new[key]
        if before.rational != after.rational:
            moved.append(_moved(before, after))
        if before.kind != after.kind:
            kinds.append((key, before.kind, after.kind))
        others = tuple(
            field.name
            for field in fields(before)
            if field.name not in _QUIET
            and getattr(before, field.name) != getattr(after, field.name)
        )
        if others:
            reworded.append((key, others))
    touched = {item.key for item in moved} | {item[0] for item in (*kinds, *reworded)}
    return Difference(
        tuple(new[key] for key in new if key not in old),
        tuple(old[key] for key in old if key not in new),
        tuple(moved),
        tuple(kinds),
        tuple(reworded),
        len(both) - len(touched),
    )


def _moved(before: Number, after: Number) -> Moved:
    """Return old and new value with as many digits as it takes to tell them apart."""
    old, new = before.rational, after.rational
    size = abs(new - old) / abs(old) if old else None
    digits = max(before.digits, after.digits)
    if size:
        digits = max(digits, 2 - significant(size, 1).exponent)
    digits = min(digits, 60)
    texts = [rounded_text(value, digits) for value in (old, new)]
    return Moved(before.key, texts[0], texts[1], size)


def lines(difference: Difference) -> list[str]:
    """Say what differs.

    Args:
        difference: the result of `compare`.

    Returns:
        Lines to print, the summary last.
    """
    said = [f"added    {number.key} = {shown(number)}" for number in difference.added]
    said += [f"removed  {number.key} = {shown(number)}" for number in difference.removed]
    for item in difference.moved:
        size = "old value was 0" if item.relative is None else _size(item.relative)
        said.append(f"changed  {item.key}: {item.old} -> {item.new} ({size})")
    said += [f"kind     {key}: {old} -> {new}" for key, old, new in difference.kinds]
    said += [f"wording  {key}: {', '.join(names)}" for key, names in difference.reworded]
    said.append(
        f"{len(difference.added)} added, {len(difference.removed)} removed, "
        f"{len(difference.moved)} changed, {len(difference.kinds)} of another kind, "
        f"{len(difference.reworded)} reworded, {difference.same} the same"
    )
    return said


def _size(relative: Fraction) -> str:
    """Return the size of a change as a person says it."""
    return f"relative change {form_of(significant(relative, 2), 'ascii')}"
