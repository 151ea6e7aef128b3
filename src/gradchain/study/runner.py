"""Running a study: check, lock, compute what is missing, write what was found.

A run that is killed at any moment loses at most the cell it was computing; the same command goes on
from there and ends with the same bytes as a run that was never stopped. A run that is done already
is recognised without importing JAX, NumPy or matplotlib. Cost beyond the cells: some 0.3 s.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from gradchain._errors import GradchainError, OutputError, RegistryError, UsageError
from gradchain.study.distributed import Processes, agree, join
from gradchain.study.files import prepare_folder, read_json, remove_leftovers, write_json
from gradchain.study.identity import Identity, differences, identify
from gradchain.study.lock import hold
from gradchain.study.model import Cell, Results, Study, check_seed
from gradchain.study.outputs import NUMBERS, SETTINGS, state_of
from gradchain.study.surroundings import jax_problem

CELLS = "cells"
ASIDE = "aside"
_DEVICE = "__device__"


class Stopped(GradchainError):
    """The run was stopped by the user or the system; what was computed is kept."""

    exit_code = 130


class FigureFailed(GradchainError):
    """Numbers and tables are kept, but a figure could not be drawn."""

    exit_code = 1


def default_out(scale: str) -> Path:
    """Return where results go unless `--out` says otherwise.

    Args:
        scale: smoke, lecture or paper.

    Returns:
        `results` for lecture scale, else `results/<scale>`: scales never meet in one folder.
    """
    return Path("results") if scale == "lecture" else Path("results") / scale


def status(study: Study, out: Path, scale: str = "lecture", seed: int = 0) -> str:
    """Say how a study stands in a results folder, without importing JAX.

    Args:
        study: the study.
        out: the results folder, above the study's own.
        scale: the scale asked for.
        seed: the seed asked for.

    Returns:
        `missing`, `unfinished`, `damaged`, `stale` or `current`.
    """
    identity = identify(study, study.config(scale), scale, seed)
    return state_of(out / study.name, identity)


def run(
    study: Study,
    *,
    scale: str = "lecture",
    out: Path | None = None,
    seed: int = 0,
    fresh: bool = False,
    changes: dict[str, Any] | None = None,
    processes: Processes | None = None,
    say: Callable[[str], None] = print,
) -> bool:
    """Run a study, or go on with it, or find that it is done.

    Args:
        study: the study.
        scale: smoke, lecture or paper.
        out: the results folder; the study's own folder is made in it.
        seed: from 0 to 2**32 - 1.
        fresh: move results made with other settings aside (never delete them) and start anew.
        changes: settings that differ from the scale's, by name.
        processes: who computes together; all others than number 0 compute and write nothing.
        say: told each sentence of progress.

    Returns:
        True if something was computed or written, False if all was there already.

    Raises:
        UsageError: for settings that cannot be, before anything is computed.
        OutputError: if the folder cannot be used, before anything is computed.
        Stopped: if the user or the system stopped it.
        FigureFailed: if a figure could not be drawn; everything else is kept.
    """
    check_seed(seed)
    config = study.config(scale, changes)
    cells = _cells(study, config, seed)
    if processes is not None:
        join(processes)
        if not processes.writes:
            return _help(study, cells)
    identity = identify(study, config, scale, seed)
    root = _usable_root(out if out is not None else default_out(scale))
    folder = root / study.name
    _check_estimate(study, config)
    if not fresh and state_of(folder, identity) == "current" and not folder.is_symlink():
        if processes is not None:
            agree([False] * len(cells))
        _clear_lock(root / f".{study.name}.lock")
        say(f"{study.name}: up to date in {folder}")
        return False
    _check_folder(folder)
    prepare_folder(root)
    with hold(root / f".{study.name}.lock", lambda text: say(f"{study.name}: {text}")):
        _claim(folder, identity, fresh, say)
        for place in (root, folder, folder / CELLS):
            remove_leftovers(place)
        return _run_locked(study, config, cells, identity, folder, processes is not None, say)


def _clear_lock(path: Path) -> None:
    """Remove the lock of a run that was killed after its last file; one that is held stays."""
    if path.exists():
        with contextlib.suppress(OutputError), hold(path, lambda text: None):
            pass


def _help(study: Study, cells: Sequence[Cell]) -> bool:
    """Compute beside process 0 what it says is missing, and write nothing."""
    missing = [
        cell for cell, wanted in zip(cells, agree([False] * len(cells)), strict=True) if wanted
    ]
    for cell in missing:
        study.compute(cell)
    return bool(missing)


def _run_locked(
    study: Study,
    config: Any,
    cells: Sequence[Cell],
    identity: Identity,
    folder: Path,
    together: bool,
    say: Callable[[str], None],
) -> bool:
    # Imported late: a run with nothing to do needs neither NumPy nor what the outputs need.
    from gradchain.study.outputs import check_summary, write_outputs
    from gradchain.study.store import cell_path, load_cell

    store = folder / CELLS
    texts = {cell.name: identity.cell(cell) for cell in cells}
    arrays: dict[str, Any] = {}
    for cell in cells:
        found = load_cell(store, texts[cell.name])
        if isinstance(found, str):
            say(f"{study.name}: cell {cell.name} is damaged ({found}); computing it again")
        elif found is not None:
            arrays[cell.name] = found
    missing = [cell for cell in cells if cell.name not in arrays]
    if together:
        agree([cell.name not in arrays for cell in cells])
    if missing:
        say(f"{study.name}: {len(cells)} cells, {len(arrays)} kept, {len(missing)} to compute")
    try:
        for name, value in _compute(study, missing, store, texts, say):
            arrays[name] = value
        ordered = {cell.name: arrays[cell.name] for cell in cells}
        device = [bytes(ordered[name].pop(_DEVICE).tolist()).decode() for name in ordered]
        summary = study.summarize(config, Results(ordered, cells, identity.settings["seed"]))
        check_summary(study, identity, cells, summary)
        files = [(cell.name, cell_path(store, texts[cell.name]).name) for cell in cells]
        failed = write_outputs(folder, study, identity, files, device, summary)
    except KeyboardInterrupt:
        kept = sum(cell_path(store, text).exists() for text in texts.values())
        raise Stopped(
            f"stopped; {kept} of {len(cells)} cells kept; the same command continues"
        ) from None
    if failed:
        name, reason = next(iter(failed.items()))
        raise FigureFailed(
            f"{study.name}: figure {name} could not be drawn ({reason}); numbers and tables are "
            f"kept in {folder}, the same command tries the figure again"
        )
    say(f"{study.name}: done, {len(summary.numbers)} numbers in {folder}")
    return True


def _compute(
    study: Study,
    missing: Sequence[Cell],
    store: Path,
    texts: dict[str, str],
    say: Callable[[str], None],
) -> Iterator[tuple[str, Any]]:
    from gradchain.study.store import load_cell, save_cell

    with _progress(study.name, len(missing)) as step:
        for cell in missing:
            try:
                arrays = dict(study.compute(cell))
            except GradchainError as error:
                error.args = (f"{study.name}: cell {cell.name}: {error}", *error.args[1:])
                raise
            except Exception as error:
                if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
                    raise OutputError(_too_large(study, cell)) from error
                problem = jax_problem(error)
                if problem:
                    raise UsageError(f"{study.name}: {problem}") from error
                raise
            arrays[_DEVICE] = list(_device().encode())
            save_cell(store, texts[cell.name], arrays)
            found = load_cell(store, texts[cell.name])
            if not isinstance(found, dict):
                raise OutputError(f"{store}: cell {cell.name} reads back {found}; check the disk")
            step(cell.name)
            yield cell.name, found


def _too_large(study: Study, cell: Cell) -> str:
    chunk = cell.settings.get("chunk")
    advice = f"--chunk {chunk // 2}" if isinstance(chunk, int) and chunk > 1 else "smaller settings"
    return (
        f"{study.name}: cell {cell.name} does not fit in memory; choose {advice}, or a smaller "
        "scale; cells that are done are kept"
    )


def _device() -> str:
    jax = sys.modules.get("jax")
    return jax.default_backend() if jax is not None else "python"


@contextlib.contextmanager
def _progress(title: str, total: int) -> Generator[Callable[[str], None], None, None]:
    # A bar on a terminal, and nothing anywhere else.
    if total == 0 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda name: bar.update(task, advance=1, description=f"{title} {name}")


def _cells(study: Study, config: Any, seed: int) -> list[Cell]:
    cells = [Cell(cell.name, cell.settings, seed) for cell in study.cells(config)]
    names = [cell.name for cell in cells]
    if not cells or len(set(names)) != len(names):
        raise UsageError(
            f"{study.name}: {len(cells)} cells, {len(set(names))} names; expected at least one "
            "cell, and one name for each"
        )
    return cells


def _check_estimate(study: Study, config: Any) -> None:
    if study.estimate is None:
        return
    need = study.estimate(config)
    try:
        have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return
    if need.memory > have:
        raise UsageError(
            f"{study.name}: these settings need about {need.memory / 2**30:.0f} GB of memory and "
            f"{need.seconds / 60:.0f} minutes; this machine has {have / 2**30:.0f} GB, choose "
            "smaller ones"
        )


def _usable_root(out: Path) -> Path:
    text = str(out)
    if any(not letter.isprintable() for letter in text):
        raise OutputError(f"--out {text!r} holds a character that does not print; rename it")
    try:
        root = out.expanduser().resolve()
        root.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"--out {text[:60]!r} cannot be used: {reason}") from error
    home = os.environ.get("HOME")
    if root in {Path(root.anchor), Path(home or root.anchor).resolve()}:
        raise OutputError(f"--out {root} is not a folder for results; give one of its own")
    return root


def _check_folder(folder: Path) -> None:
    # Refuse a folder that this study did not make.
    for path in (folder, folder / CELLS):
        if path.is_symlink():
            raise OutputError(
                f"{path} is a symbolic link to {os.readlink(path)}; give the real place with --out"
            )
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file; expected a folder, give another --out")
    if not (folder / SETTINGS).is_file():
        foreign = sorted(path.name for path in folder.iterdir() if path.name != CELLS)
        foreign = [name for name in foreign if not name.startswith(".gradchain-tmp-")]
        if foreign:
            raise OutputError(
                f"{folder} holds files that no study made, {foreign[0]!r} for one; nothing was "
                "touched, give another --out"
            )


def _claim(folder: Path, identity: Identity, fresh: bool, say: Callable[[str], None]) -> None:
    # Make the folder ours, or move older results aside, or refuse to mix.
    settings = folder / SETTINGS
    found: dict[str, Any] = {}
    if settings.exists():
        try:
            found = read_json(settings).get("settings") or {}
        except RegistryError:
            if not fresh:
                raise
        differ = differences(found, identity.settings)
        if differ and not fresh:
            raise UsageError(
                f"{folder} was made with other settings ({'; '.join(differ)}); give another --out, "
                "or --fresh to move it aside and start anew"
            )
        if fresh:
            aside = _free_name(folder)
            try:
                os.rename(folder, aside)
            except OSError as error:
                raise OutputError(f"cannot move {folder} to {aside}: {error.strerror}") from error
            say(f"{identity.settings['study']}: older results moved to {aside}")
    prepare_folder(folder)
    prepare_folder(folder / CELLS)
    # From here on the folder is unfinished until the numbers are written again.
    if state_of(folder, identity) != "current":
        (folder / NUMBERS).unlink(missing_ok=True)
    if not settings.exists():
        write_json(settings, {"schema": 1, "settings": dict(identity.settings)})


def _free_name(folder: Path) -> Path:
    # One level deeper, so that nobody who looks for studies beside each other finds it.
    aside = folder.parent / ASIDE
    prepare_folder(aside)
    number = 1
    while (found := aside / f"{folder.name}-{number}").exists():
        number += 1
    return found
