"""One file a cell: arrays as `.npz` without pickle, named by what they are, with a content hash.

The file name is the SHA-256 of the cell's identity, so a cell of other settings can never be taken
for this one; the hash inside covers identity, names, types, shapes and bytes, so a damaged file is
seen. Cost: a few milliseconds a cell.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradchain._errors import DtypeError
from gradchain.registry.grammar import canonical
from gradchain.study.files import digest, write_bytes

# The same bits on every machine; longdouble is not, and objects would need pickle.
_TYPES = {"bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
_TYPES |= {"float16", "float32", "float64", "complex64", "complex128"}
_SIZE_LIMIT = 4 * 2**30
_IDENTITY = "__identity__"
_CONTENT = "__sha256__"


def cell_path(folder: Path, identity: str) -> Path:
    """Return where a cell is kept.

    Args:
        folder: the folder of the cells.
        identity: the cell's canonical identity text.

    Returns:
        The path, `<sha256>.npz`.
    """
    return folder / f"{digest(identity.encode())}.npz"


def save_cell(folder: Path, identity: str, arrays: Mapping[str, Any]) -> Path:
    """Keep the arrays of a cell, atomically; equal arrays give equal bytes.

    Args:
        folder: the folder of the cells.
        identity: the cell's canonical identity text.
        arrays: arrays by name, of bool, integer, float or complex type up to 64 bits a part.

    Returns:
        The file's path.

    Raises:
        DtypeError: for an array that a file without pickle cannot hold, bfloat16 among them.
    """
    plain = {name: _plain(name, value) for name, value in sorted(arrays.items())}
    plain[_IDENTITY] = np.frombuffer(identity.encode(), dtype=np.uint8)
    content = _content(plain)
    buffer = io.BytesIO()
    plain[_CONTENT] = np.frombuffer(content.encode(), dtype=np.uint8)
    np.savez(buffer, allow_pickle=False, **plain)
    path = cell_path(folder, identity)
    write_bytes(path, buffer.getvalue())
    return path


def load_cell(folder: Path, identity: str) -> dict[str, np.ndarray] | str | None:
    """Load the arrays of a cell, if they are there and whole.

    Args:
        folder: the folder of the cells.
        identity: the cell's canonical identity text.

    Returns:
        The arrays by name; None if the cell was never kept; one word or two saying what is wrong
        if the file is damaged.
    """
    path = cell_path(folder, identity)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > _SIZE_LIMIT:
                return "too large"
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except FileNotFoundError:
        return None
    # A damaged archive raises half a dozen kinds of error, zlib's among them.
    except Exception as error:
        return f"not readable ({type(error).__name__})"
    content = arrays.pop(_CONTENT, None)
    if content is None or content.tobytes() != _content(arrays).encode():
        return "wrong content hash"
    if arrays.pop(_IDENTITY).tobytes() != identity.encode():
        return "from another run"
    return arrays


def _plain(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if name in {_IDENTITY, _CONTENT} or "/" in name or not name:
        raise DtypeError(f"array name {name!r} is reserved or empty; choose another")
    if array.dtype.name not in _TYPES:
        raise DtypeError(
            f"array {name!r} has type {array.dtype}; expected bool, integer or float up to 64 "
            "bits, so cast it (bfloat16 to float32 loses nothing)"
        )
    return np.ascontiguousarray(array).reshape(array.shape)


def _content(arrays: Mapping[str, np.ndarray]) -> str:
    total = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        total.update(canonical([name, array.dtype.str, array.shape]).encode())
        total.update(array.tobytes())
    return total.hexdigest()
