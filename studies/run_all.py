"""Run every study, then put what they found on one page.

    python studies/run_all.py [--scale smoke|lecture|paper] [--out DIR] [--seed N] [--only NAME ...]

Each study runs in a process of its own, one after the other; if one fails, the others still run. A
study that is up to date is not started at all. Exit code: 0 if all is well, 130 if it was stopped,
else 1.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from gradchain.report import Expected, build
from gradchain.study import Stopped, Study, UsageError, check_seed, default_out, guarded, status

# Their numbers are not published yet: each runs by its own script, or by `--only NAME`.
IN_PREPARATION = frozenset(
    "moons optimizers remedies normalization_in_training output_layer mixed_precision recognise".split()
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
    say: Callable[[str], None],
) -> dict[str, int]:
    """Run what is not up to date, each study in its own process, and return the exit codes."""
    codes: dict[str, int] = {}
    for number, study in enumerate(studies, 1):
        where = f"[{number}/{len(studies)}] {study.name}"
        if not fresh and status(study, out, scale, seed) == "current":
            say(f"{where}: up to date")
            codes[study.name] = 0
            continue
        say(f"{where}: {study.title}")
        words = [sys.executable, str(study.script), "--scale", scale, "--out", str(out)]
        words += ["--seed", str(seed), *(["--fresh"] if fresh else [])]
        codes[study.name] = _in_own_process(words)
        if codes[study.name] == 130:
            raise Stopped("stopped; what was computed is kept; the same command continues")
    return codes


def _in_own_process(words: list[str]) -> int:
    process = subprocess.Popen(words)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reached the study too; a signal sent to this process alone did not.
        process.terminate()
        process.wait()
        return 130


@app.default
def command(
    *,
    scale: Scale = "lecture",
    out: Path | None = None,
    seed: int = 0,
    only: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = (),
    fresh: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Run every study, then put what they found on one page.

    Args:
        scale: how much is computed.
        out: the folder for results (results, or results/SCALE).
        seed: the seed of every random draw.
        only: names of the studies to run; the others are not touched.
        fresh: move older results aside and start anew.

    Returns:
        The exit code.
    """
    codes: dict[str, int] = {}

    def work(say: Callable[[str], None]) -> None:
        check_seed(seed)
        studies = find_studies()
        known = [study.name for study in studies]
        unknown = [name for name in only if name not in known]
        if unknown:
            raise UsageError(f"no study {unknown[0]!r}; expected among {', '.join(known)}")
        folder = (out or default_out(scale)).expanduser().resolve()
        ready = [study.name for study in studies if study.name not in IN_PREPARATION]
        chosen = [study for study in studies if study.name in (only or ready)]
        try:
            codes.update(run_all(chosen, folder, scale, seed, fresh, say))
        finally:
            expected = [_expected(study, folder, scale, seed) for study in studies]
            # What nobody asked for is not reported as missing.
            asked = () if only else ready
            expected = [e for e in expected if e.state != "missing" or e.name in asked]
            report = build(folder, expected)
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
