"""Is anything lost when a study is killed (kill -9) at any instant? 100 random ones, then the figure.

Each run is killed at a random instant: every other one anywhere between its start and its end, the
rest within 10 ms of a random file's appearing, because writing takes little of the time. One in three
is killed a second time while it goes on. Then it is finished by the same command; children are forked,
so that the kills fall into the study and not into imports, but every tenth run is finished by the
script itself, as a user would. Every file (numbers, CSV, figures, cells) must be the same to the byte
as in a run that was never killed, and numbers must exist only in finished folders. Exit code 1 if
anything differs. Some 5 minutes.

python benchmarks/kill_study.py [--script studies/whisper_chain.py] [--scale smoke] [--kills 100]
"""

import argparse
import importlib.util
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent
AFTER_FILE = 0.01  # seconds
PATIENCE = 100  # times the length of a whole run, and then it hangs


def load(script: pathlib.Path) -> object:
    """Return the study that a script defines."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module.STUDY


def content(out: pathlib.Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path."""
    # A lock is no result: it names the process that held it last, and a finished run leaves it alone.
    files = sorted(path for path in out.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def start(study: object, scale: str, out: pathlib.Path) -> int:
    """Run the study in a child (forked: imports are done already) and return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        from gradchain.study import run

        run(study, scale=scale, out=out, say=lambda text: None)
    except BaseException as error:
        print(f"failed: {error!r}", flush=True)
        os._exit(1)
    os._exit(0)


def finish(study: object, scale: str, out: pathlib.Path, limit: float = 600) -> str:
    """Run the study to its end; return what went wrong, or nothing."""
    child, begun = start(study, scale, out), time.perf_counter()
    while time.perf_counter() - begun < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return "the same command did not go on" if status else ""
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"the same command did not end within {limit:.0f} s"


def finish_as_user(script: pathlib.Path, scale: str, out: pathlib.Path) -> str:
    """Run the script to its end in a process of its own; return what went wrong, or nothing."""
    words = [sys.executable, str(script), "--scale", scale, "--out", str(out)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    except subprocess.TimeoutExpired:
        return "the script did not end within 600 s"
    return f"the script did not go on: {done.stderr[-300:]}" if done.returncode else ""


def count(out: pathlib.Path) -> int:
    """Count the files below a folder, while another process makes and renames them."""
    return sum(len(names) for _, _, names in os.walk(out))


def kill(study: object, scale: str, out: pathlib.Path, after: float, files: int = 0) -> bool:
    """Start the study, wait for so many files and then so many seconds, and kill it.

    Returns:
        Whether it was still running.
    """
    child, begun = start(study, scale, out), time.perf_counter()
    while count(out) < files and time.perf_counter() - begun < 60:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def stage(found: dict[str, bytes], whole: dict[str, bytes]) -> str:
    """Name how far a killed run had come, by what it left."""
    cells = {name for name in whole if name.endswith(".npz")}
    early = {name for name in whole if name.endswith("settings.json")} | cells
    if not cells & set(found):
        return "before the first cell"
    if not cells <= set(found):
        return "between cells"
    if not (set(whole) - early) & set(found):
        return "while drawing"
    return "while writing the results" if set(whole) - set(found) else "after the last file"


def main() -> int:
    """Kill, go on, compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--script", type=pathlib.Path, default=HERE.parent / "studies/whisper_chain.py"
    )
    parser.add_argument("--scale", default="smoke")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    study, scale = load(options.script), options.scale
    chance = random.Random(options.seed)
    stages: Counter[str] = Counter()
    wrong: list[str] = []
    twice, number, by_script, failed = 0, 0, 0, set()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        # Here, in this process, so that what is imported and read once is ready for every child.
        from gradchain.study import run

        run(study, scale=scale, out=root / "whole", say=lambda text: None)
        if "jax" in sys.modules:
            sys.exit("this study imports JAX, which cannot be forked; choose another")
        whole = content(root / "whole")
        begun = time.perf_counter()
        finish(study, scale, root / "timed")
        length = time.perf_counter() - begun
        while sum(stages.values()) < options.kills and number < 4 * options.kills:
            out, number = root / f"run{number}", number + 1
            if number % 2:
                when = (chance.uniform(0, length),)
            else:
                when = (chance.uniform(0, AFTER_FILE), chance.randint(1, len(whole)))
            if not kill(study, scale, out, *when):
                shutil.rmtree(out, ignore_errors=True)
                continue
            left = content(out)
            stages[stage(left, whole)] += 1
            if chance.random() < 1 / 3:
                twice += kill(study, scale, out, chance.uniform(0, length))
                left = content(out)
            unfinished = {name for name in whole if name not in left}
            if any(name.endswith("numbers.json") for name in left) and unfinished:
                wrong.append(f"{out.name}: numbers stand there before {sorted(unfinished)[0]}")
            if sum(stages.values()) % 10 == 0:
                by_script += 1
                trouble = finish_as_user(options.script, scale, out)
            else:
                trouble = finish(study, scale, out, PATIENCE * length)
            ended = content(out)
            if trouble:
                wrong.append(f"{out.name}: {trouble}")
            elif ended != whole:
                names = [n for n in sorted({*ended, *whole}) if ended.get(n) != whole.get(n)]
                wrong.append(f"{out.name}: {names[0]} differs")
            failed.update({out.name} & {line.partition(":")[0] for line in wrong})
            shutil.rmtree(out, ignore_errors=True)
    kills = sum(stages.values())
    where = ", ".join(f"{count} {name}" for name, count in sorted(stages.items()))
    print(
        f"{options.script.stem} ({scale}, {length:.2f} s, {len(whole)} files) killed {kills} times "
        f"({where}; {twice} killed a second time; {by_script} finished by the script itself): "
        f"{kills - len(failed)} resumed to the same bytes, seed {options.seed}"
    )
    for line in wrong[:10]:
        print(line)
    return 1 if wrong or kills < options.kills else 0


if __name__ == "__main__":
    sys.exit(main())
