"""Reading the packaged index of theorems.

Which question it answers: which theorems are there, and which one did the reader mean? The index is
written by a tool from the folder `proofs` of the project. Standard library only; read once.
"""

import functools
import json
from pathlib import Path

from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain._text import shorten
from gradchain.theorems.noun import Group, Theorem

PAGES = "proofs"


def _packaged() -> bytes:
    """Return the index, also when gradchain runs from a zip file.

    Raises:
        RegistryError: the file is not there.
    """
    where = str(Path(__file__).parent / "data" / "index.json")
    try:
        return __loader__.get_data(where)  # type: ignore[name-defined]
    except OSError as error:
        raise RegistryError("the index of theorems is missing; reinstall gradchain") from error


@functools.cache
def _index() -> tuple[dict[str, Group], dict[str, Theorem]]:
    """Return groups and theorems by id.

    Raises:
        RegistryError: the index is damaged.
    """
    try:
        tree = json.loads(_packaged())
        found = [Group(**item) for item in tree["groups"]]
        theorems = [
            Theorem(**{
                **item,
                "coq": tuple(item["coq"]),
                "checkers": tuple(item["checkers"]),
            })
            for item in tree["theorems"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            f"the index of theorems is damaged ({shorten(str(error))}); reinstall gradchain"
        ) from error
    return {item.id: item for item in found}, {item.id: item for item in theorems}


def groups() -> dict[str, Group]:
    """Return the groups of theorems.

    Returns:
        `Group` by id, in order.

    Example:
        >>> groups()["T01"].page
        'T01.md'
    """
    return dict(_index()[0])


def load() -> dict[str, Theorem]:
    """Return all theorems.

    Returns:
        `Theorem` by id, in order.

    Example:
        >>> load()["T01b"].group
        'T01'
    """
    return dict(_index()[1])


def find(name: str) -> list[Theorem]:
    """Return the theorem of an id, or all of a group.

    Args:
        name: an id such as `T06b`, or a group such as `T06`; small letters will do.

    Returns:
        One theorem, or those of the group.

    Raises:
        UnknownKeyError: there is none; `.nearest` holds the ids of its group.
        UsageError: the name is not text.

    Example:
        >>> [theorem.id for theorem in find("t10")][:2]
        ['T10a', 'T10b']
    """
    if not isinstance(name, str):
        raise UsageError(f"got {type(name).__name__}, expected the id of a theorem such as T06b")
    plain = name.strip()[:20]
    plain = plain[:1].upper() + plain[1:].lower()
    every = load()
    found = [theorem for theorem in every.values() if plain in (theorem.id, theorem.group)]
    if found:
        return found
    near = tuple(theorem.id for theorem in every.values() if theorem.group == plain[:3])
    # Ids are numbered without a gap.
    ids = near or tuple(groups())
    hint = f"{ids[0]} to {ids[-1]}"
    raise UnknownKeyError(f"unknown theorem {shorten(name)}; there are: {hint}", near)
