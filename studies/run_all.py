"""Run every study, then put what they found on one page.

    python studies/run_all.py [--scale smoke|lecture|paper] [--out DIR] [--seed N] [--only NAME ...]

Each study runs in a process of its own, as many at a time as there are cores (`--jobs`), the longest
first; if one fails, the others still run. A study that is up to date is not started at all. The
numbers do not depend on the number of jobs. Exit code: 0 if all is well, 130 if it was stopped, else 1.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from gradchain.report import Expected, build
from gradchain.study import Stopped, Study, UsageError, check_seed, default_out, guarded, status

# What takes longest begins first, so that no core is left waiting for it at the end.
LONGEST = (
    *(
        "moons",
        "remedies",
        "long_term_dependency",
        "jacobian_chain",
        "normalization_in_training",
        "recognise",
    ),
    *("phase_diagram", "isometry", "finite_width", "initializers", "normalization", "residual"),
)
HERE = Path(__file__).resolve().parent
Scale = Literal["smoke", "lecture", "paper"]
app = App(name="python studies/run_all.py", version_flags=[])


def find_studies(folder: Path = HERE) -> list[Study]:
    """Find the studies of a folder: every script that defines a STUDY, in the report's order."""
    found = []
    for path in sorted(folder.glob("*.py")):
        if "\nSTUDY = " not in path.read_text(encoding="utf-8"):
            continue
        name = f"gradchain_studies_{path.stem}"
        spec = spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            continue
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        found.append(module.STUDY)
    return sorted(found, key=lambda study: (study.order, study.name))


def run_all(
    studies: list[Study],
    out: Path,
    scale: str,
    seed: int,
    fresh: bool,
    jobs: int,
    say: Callable[[str], None],
) -> dict[str, int]:
    """Run what is not up to date, each study in its own process, and return the exit codes."""
    codes: dict[str, int] = {}
    waiting: list[Study] = []
    for study in studies:
        if not fresh and status(study, out, scale, seed) == "current":
            say(f"{study.name}: up to date")
            codes[study.name] = 0
        else:
            waiting.append(study)
    waiting.sort(key=lambda study: LONGEST.index(study.name) if study.name in LONGEST else 99)
    total, running = len(waiting), {}
    shares = _shares(jobs)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                study = waiting.pop(0)
                say(f"[{total - len(waiting)}/{total}] {study.name}: {study.title}")
                words = [sys.executable, str(study.script), "--scale", scale, "--out", str(out)]
                words += ["--seed", str(seed), *(["--fresh"] if fresh else [])]
                share = shares.pop(0)
                running[study.name] = _started(words, share), share
            ended = [name for name, (process, _) in running.items() if process.poll() is not None]
            for name in ended:
                process, share = running.pop(name)
                codes[name] = process.returncode
                shares.append(share)
                if codes[name] == 130:
                    raise Stopped("stopped; what was computed is kept; the same command continues")
            time.sleep(0.02)
    finally:
        # Ctrl-C reached the studies too; a signal sent to this process alone did not.
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.wait()
    return codes


def _shares(jobs: int) -> list[list[int]]:
    """Divide the cores among the jobs; with more jobs than cores some share one."""
    if not hasattr(os, "sched_getaffinity"):
        return [[] for _ in range(jobs)]
    cores = sorted(os.sched_getaffinity(0))
    return [cores[job::jobs] or [cores[job % len(cores)]] for job in range(jobs)]


def _started(words: list[str], share: list[int]) -> subprocess.Popen:
    """Start a study on its share of the cores.

    XLA makes a thread for each core that it may use; the threads of two studies on the same cores
    would wait for each other.
    """
    devices = {"JAX_NUM_CPU_DEVICES": str(max(1, len(share)))}
    process = subprocess.Popen(words, env=devices | dict(os.environ))
    if share:
        # It starts with Python's own imports, long before XLA asks how many cores there are.
        with contextlib.suppress(OSError):  # it may have ended already
            os.sched_setaffinity(process.pid, share)
    return process


@app.default
def command(
    *,
    scale: Scale = "lecture",
    out: Path | None = None,
    seed: int = 0,
    only: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = (),
    fresh: Annotated[bool, Parameter(negative=())] = False,
    jobs: int = 0,
) -> int:
    """Run every study, then put what they found on one page.

    Args:
        scale: how much is computed.
        out: the folder for results (results, or results/SCALE).
        seed: the seed of every random draw.
        only: names of the studies to run; the others are not touched.
        fresh: move older results aside and start anew.
        jobs: studies at a time; one a core, at most four, if 0.

    Returns:
        The exit code.
    """
    codes: dict[str, int] = {}

    def work(say: Callable[[str], None]) -> None:
        check_seed(seed)
        if not 0 <= jobs <= 64:
            raise UsageError(f"jobs {jobs}: expected 1 to 64, or 0 for one a core")
        at_once = jobs or min(len(_shares(1)[0]) or os.cpu_count() or 1, 4)
        studies = find_studies()
        known = [study.name for study in studies]
        unknown = [name for name in only if name not in known]
        if unknown:
            raise UsageError(f"no study {unknown[0]!r}; expected among {', '.join(known)}")
        folder = (out or default_out(scale)).expanduser().resolve()
        chosen = [study for study in studies if not only or study.name in only]
        try:
            codes.update(run_all(chosen, folder, scale, seed, fresh, at_once, say))
        finally:
            expected = [_expected(study, folder, scale, seed) for study in studies]
            # What nobody asked for is not reported as missing.
            expected = [e for e in expected if e.state != "missing" or not only]
            report = build(folder, expected, Path(__file__).resolve().parents[1] / "proofs")
        for name, code in codes.items():
            if code:
                say(f"{name} failed with exit code {code}; its message is above")
        say(f"{sum(not code for code in codes.values())} of {len(codes)} studies done")
        say(f"open {report.html}")

    code = guarded(work)
    return code or (1 if any(codes.values()) else 0)


def _expected(study: Study, folder: Path, scale: str, seed: int) -> Expected:
    state = status(study, folder, scale, seed)
    return Expected(study.name, study.title, study.question, study.order, state)


if __name__ == "__main__":
    sys.exit(app(result_action="return_value"))
