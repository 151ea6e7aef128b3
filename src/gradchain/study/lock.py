"""One run at a time in one folder: a lock that survives no crash and says who holds it.

The kernel's own file lock decides where there is one (it vanishes with its process); the text in it
(process id, boot id, host) says who holds it, and decides on file systems without locks.
"""

import contextlib
import json
import os
import platform
from collections.abc import Callable, Generator
from pathlib import Path

from gradchain._errors import OutputError

try:
    import fcntl
except ImportError:  # Windows has no fcntl; the text in the file decides there
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def hold(path: Path, say: Callable[[str], None]) -> Generator[None, None, None]:
    """Hold the lock file at `path` for the length of a `with` block.

    Args:
        path: the lock file; made if missing, removed at the end.
        say: told in one sentence when a dead run's lock is taken over.

    Yields:
        Nothing; the lock is held inside the block.

    Raises:
        OutputError: if another run holds it; the sentence says which.
    """
    handle, by_kernel = _open(path)
    try:
        holder = _read(handle)
        if holder and not _same_process(holder):
            if _elsewhere(holder) or (not by_kernel and _alive(holder)):
                raise OutputError(_refusal(path, holder))
            say(f"took over the lock of a run that ended early (process {holder.get('pid')})")
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(_me()).encode(), 0)
        os.fsync(handle)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
    finally:
        os.close(handle)


def _open(path: Path) -> tuple[int, bool]:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        except OSError as error:
            raise OutputError(f"cannot open the lock {path}: {error.strerror}") from error
        by_kernel = False
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                by_kernel = True
            except BlockingIOError:
                holder = _read(handle)
                os.close(handle)
                raise OutputError(_refusal(path, holder)) from None
            except OSError:
                pass  # a file system without locks: the text decides
        # The holder before us may have removed the file between our open and our lock.
        try:
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle, by_kernel
        except FileNotFoundError:
            pass
        os.close(handle)


def _me() -> dict[str, object]:
    return {"pid": os.getpid(), "boot": _boot_id(), "host": platform.node()}


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _read(handle: int) -> dict[str, object]:
    try:
        holder = json.loads(os.pread(handle, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _same_process(holder: dict[str, object]) -> bool:
    return holder == _me()


def _elsewhere(holder: dict[str, object]) -> bool:
    me = _me()
    same_boot = bool(me["boot"]) and holder.get("boot") == me["boot"]
    return not same_boot and holder.get("host") != me["host"]


def _alive(holder: dict[str, object]) -> bool:
    pid = holder.get("pid")
    if holder.get("boot") != _boot_id() or not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _refusal(path: Path, holder: dict[str, object]) -> str:
    who = f"process {holder.get('pid')} on {holder.get('host')}" if holder else "another process"
    return (
        f"{who} is running this study in {path.parent}; wait for it, give another --out, "
        f"or delete {path.name} there if that run is gone"
    )
