"""Writing a registry file: sorted, stable, whole or not at all.

Which question it answers: how do numbers reach the disk so that a diff shows only what changed
and a power cut leaves the old file or the new one? Fields at their default are left out; each
field has a line of its own; the file is written beside its target, flushed, and renamed over it.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from gradchain._errors import OutputError, RegistryError, UsageError
from gradchain._version import VERSION
from gradchain.registry.collection import SCHEMA, Registry
from gradchain.registry.formats import clean
from gradchain.registry.record import Number, to_json

WRITER = f"gradchain {VERSION}"


def to_text(numbers: Iterable[Number] | Mapping[str, Number]) -> str:
    """Write numbers as the canonical text of a registry file.

    Args:
        numbers: records, or a mapping from key to record.

    Returns:
        JSON text with a final newline; the same numbers always give the same text.

    Raises:
        RegistryError: the records do not stand together, or come from a newer version.
        UsageError: what was given are no records.
    """
    if isinstance(numbers, Registry):
        registry = numbers
    else:
        registry = Registry(numbers.values() if isinstance(numbers, Mapping) else numbers)
    if registry.schema > SCHEMA:
        raise RegistryError(
            f"these numbers were written by {registry.writer} with schema {registry.schema}; this "
            f"version writes schema {SCHEMA} and would lose some: update gradchain"
        )
    tree = {
        "schema": SCHEMA,
        "writer": WRITER,
        "numbers": [to_json(registry[key]) for key in registry],
    }
    return json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(path: str | os.PathLike[str], numbers: Iterable[Number] | Mapping[str, Number]) -> Path:
    """Write a registry file atomically.

    Args:
        path: the file; its folder must exist.
        numbers: records, or a mapping from key to record.

    Returns:
        The path written.

    Raises:
        RegistryError: the records do not stand together, or the file that is there was written by
            a newer version.
        UsageError: what was given are no records, or the path is no path.
        OutputError: the file cannot be written.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"got {type(path).__name__} as path, expected the path of a file")
    path = Path(path)
    text = to_text(numbers)
    _refuse_newer(path)
    write_bytes(path, text.encode("utf-8"))
    return path


def _refuse_newer(path: Path) -> None:
    """Refuse to replace a registry that holds what this version cannot write.

    Raises:
        RegistryError: the file was written by a newer version.
    """
    try:
        there = json.loads(path.read_bytes()) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return
    schema = there.get("schema") if isinstance(there, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise RegistryError(
            f"{path.name} was written by {str(there.get('writer'))[:80]!r} with schema {schema}; "
            f"this version writes schema {SCHEMA} and does not replace it: update gradchain"
        )


def write_bytes(path: Path, data: bytes) -> bool:
    """Put bytes into a file: the old file or the new one, never half; nothing if they are equal.

    Args:
        path: the file.
        data: its new content.

    Returns:
        True if the file was written, False if it held these bytes already.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary = None
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        target = Path(os.path.realpath(path))
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except (OSError, ValueError) as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write {clean(str(path))[:200]}: {clean(reason)}") from error
    return True


def _umask() -> int:
    """Return the process's file mask (it can only be read by setting it)."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
