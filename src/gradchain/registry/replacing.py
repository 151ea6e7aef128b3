"""Replacing files that a person owns, without ever leaving half of one.

Which question it answers: how is a set of notes rewritten so that a crash, a full disk or an editor
open on the same file loses nothing? Every new file is written beside its target with the same mode
and owner, flushed, and only then renamed over it; a symbolic link stays a link.
"""

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass

from gradchain._errors import OutputError, UsageError
from gradchain.registry.formats import clean

MAX_BYTES = 64 * 2**20
_TEMPORARY = ".gchfill-"


@dataclass(frozen=True)
class Source:
    """A file as it was read: enough to know it again."""

    path: str
    target: str
    data: bytes
    status: os.stat_result


def read_source(path: str) -> Source:
    """Read a file together with what is needed to know it again.

    Args:
        path: the file.

    Returns:
        Path, content and status.

    Raises:
        UsageError: it cannot be read, is not a regular file, or is too large.
    """
    name, target = clean(path), os.path.realpath(path)
    try:
        facts = os.stat(target)
        if not stat.S_ISREG(facts.st_mode):
            raise UsageError(f"{name} is not a regular file; nothing was written")
        if facts.st_size > MAX_BYTES:
            raise UsageError(
                f"{name} has {facts.st_size} bytes, expected at most {MAX_BYTES}; "
                "nothing was written"
            )
        with open(target, "rb") as file:
            data, facts = file.read(), os.fstat(file.fileno())
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{name} cannot be read: {reason}; nothing was written") from error
    return Source(path, target, data, facts)


def write_all(pending: list[tuple[Source, bytes]]) -> None:
    """Write every new file beside its target first, then rename them all.

    Args:
        pending: what was read, and the bytes to put in its place.

    Raises:
        OutputError: a file cannot be written, or changed since it was read.
    """
    ready: list[tuple[Source, str]] = []
    source = None
    try:
        for source, data in pending:
            _refuse_read_only(source)
            ready.append((source, _beside(source, data)))
        for source, _ in ready:
            _refuse_changed(source)
        while ready:
            source, temporary = ready[0]
            _refuse_changed(source)
            os.replace(temporary, source.target)
            ready.pop(0)
            _flush_folder(os.path.dirname(source.target))
    except OutputError:
        raise
    except OSError as error:
        name = clean(source.path) if source else "the file"
        raise OutputError(f"cannot write {name}: {error.strerror or error}") from error
    finally:
        for _, temporary in ready:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _refuse_read_only(source: Source) -> None:
    """Refuse a file without write permission: a rename would replace it all the same.

    Raises:
        OutputError: the file is read-only.
    """
    if not source.status.st_mode & 0o222 or not os.access(source.target, os.W_OK):
        raise OutputError(f"cannot write {clean(source.path)}: it is read-only")


def _beside(source: Source, data: bytes) -> str:
    """Return a flushed file in the same folder, with the mode and owner of the target."""
    folder, name = os.path.split(source.target)
    stem = _TEMPORARY + hashlib.sha256(os.fsencode(name)).hexdigest()[:12] + "-"
    _sweep(folder, stem)
    temporary = os.path.join(folder, f"{stem}{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            facts = os.fstat(file.fileno())
            if (facts.st_uid, facts.st_gid) != (source.status.st_uid, source.status.st_gid):
                os.fchown(file.fileno(), source.status.st_uid, source.status.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(source.status.st_mode))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return temporary


def _sweep(folder: str, stem: str) -> None:
    """Remove what a killed run left beside this file; a run that is still alive is left alone."""
    for entry in os.listdir(folder or "."):
        owner = entry.removeprefix(stem)
        if owner == entry or not owner.isdigit():
            continue
        try:
            os.kill(int(owner), 0)
        except (ProcessLookupError, OverflowError):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, entry))
        except OSError:
            continue


def _refuse_changed(source: Source) -> None:
    """Refuse a file that an editor wrote since it was read.

    Raises:
        OutputError: time, size or content differ.
    """
    facts = os.stat(source.target)
    same = (facts.st_mtime_ns, facts.st_size, facts.st_ino) == (
        source.status.st_mtime_ns, source.status.st_size, source.status.st_ino,
    )  # fmt: skip
    if same:
        with open(source.target, "rb") as file:
            same = file.read() == source.data
    if not same:
        raise OutputError(
            f"{clean(source.path)} changed while this ran; it was not written; run it again"
        )


def _flush_folder(folder: str) -> None:
    """Make the rename survive a power cut, where the system allows it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
