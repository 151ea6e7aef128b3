"""Writing files so that a crash at any moment leaves the old file or the new one, never half.

Every file goes to a temporary name in the same folder, is flushed to the disk, and is then renamed.
Only names that this module made are ever removed. Standard library only.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradchain._errors import OutputError, RegistryError

TEMPORARY = ".gradchain-tmp-"
_PROBE = b"x" * 65536
_LEAST_FREE = 16 * 2**20


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits.

    Args:
        data: any bytes.

    Returns:
        The digest.
    """
    return hashlib.sha256(data).hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: a temporary file beside it, flushed to disk, then renamed over it.

    Args:
        path: where; its folder must exist. A symbolic link is replaced, never followed.
        data: the whole content.

    Raises:
        OutputError: if the file cannot be written; the old file is then as it was.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{digest(path.name.encode())[:16]}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write readable JSON atomically, ending in a newline.

    Args:
        path: where.
        value: the content; order of keys is kept.
    """
    write_bytes(path, json_bytes(value))


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Return the bytes that `write_json` writes.

    Args:
        value: the content.

    Returns:
        UTF-8 text, indented by one blank, ending in a newline.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that a study wrote.

    Args:
        path: the file.

    Returns:
        The object.

    Raises:
        RegistryError: if the file is missing, unreadable, or not a JSON object.
    """
    try:
        if path.stat().st_size > 64 * 2**20:
            raise RegistryError(f"{path}: larger than 64 MB; expected a file that a study wrote")
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not valid JSON"
        raise RegistryError(f"{path}: {reason}; expected a file that a study wrote") from error
    if not isinstance(value, dict):
        raise RegistryError(f"{path}: expected a JSON object")
    return value


def prepare_folder(path: Path) -> None:
    """Make a folder and find out, before any work is done, whether it can be written.

    Args:
        path: the folder; parents are made.

    Raises:
        OutputError: if it cannot be made or written, or the disk is nearly full.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path} is a file; expected a folder, give another --out") from error
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot make the folder {path}: {reason}; give another --out") from error
    probe = path / f"{TEMPORARY}{os.getpid()}-probe"
    try:
        write_bytes(probe, _PROBE)
        probe.unlink()
        free = shutil.disk_usage(path).free
    except OSError as error:
        reason = error.__cause__ or error
        reason = getattr(reason, "strerror", None) or reason
        raise OutputError(f"cannot write in {path}: {reason}; give another --out") from error
    if free < _LEAST_FREE:
        raise OutputError(
            f"only {free // 2**20} MB free for {path}; expected at least "
            f"{_LEAST_FREE // 2**20} MB, make room or give another --out"
        )


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed run left in a folder.

    Args:
        folder: looked at itself, not below it. Call it only while holding the lock.
    """
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.startswith(TEMPORARY) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.unlink()


def _flush_folder(folder: Path) -> None:
    # A rename is on the disk only once its folder is; some systems cannot open a folder, fine.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
