"""Is anything lost when a study is killed (kill -9) at any instant? 100 random ones, then the figure.

Each run is killed at a random instant between its start and its end, one in three a second time while
it goes on, and is then finished by the same command. Every file (numbers, CSV, figures, cells) must
be the same to the byte as in a run that was never killed, and numbers must exist only in finished
folders. Exit code 1 if not. Some 3 minutes.

python benchmarks/kill_study.py [--script studies/whisper_chain.py] [--scale smoke] [--kills 100]
"""

import argparse
import importlib.util
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent


def load(script: pathlib.Path) -> object:
    """Return the study that a script defines."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module.STUDY


def content(out: pathlib.Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
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


def finish(study: object, scale: str, out: pathlib.Path) -> int:
    """Run the study to its end and return its exit status."""
    return os.waitpid(start(study, scale, out), 0)[1]


def kill(study: object, scale: str, out: pathlib.Path, after: float) -> bool:
    """Start the study and kill it after so many seconds; say whether it was still running."""
    child = start(study, scale, out)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def stage(found: dict[str, bytes]) -> str:
    """Name how far a killed run had come, by what it left."""
    names = [name.rpartition("/")[2] for name in found]
    if "numbers.json" in names:
        return "after the numbers"
    if any(name.endswith((".csv", ".svg", ".pdf", ".png")) for name in names):
        return "while writing tables and figures"
    if any(name.endswith(".npz") for name in names):
        return "while computing"
    return "before the first cell"


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
    twice, number = 0, 0
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
            if not kill(study, scale, out, chance.uniform(0, length)):
                continue
            left = content(out)
            stages[stage(left)] += 1
            if chance.random() < 1 / 3:
                twice += kill(study, scale, out, chance.uniform(0, length))
                left = content(out)
            unfinished = {name for name in whole if name not in left}
            if any(name.endswith("numbers.json") for name in left) and unfinished:
                wrong.append(f"{out.name}: numbers stand there before {sorted(unfinished)[0]}")
            if finish(study, scale, out) != 0:
                wrong.append(f"{out.name}: the same command did not go on")
            elif content(out) != whole:
                ended = content(out)
                names = [n for n in sorted({*ended, *whole}) if ended.get(n) != whole.get(n)]
                wrong.append(f"{out.name}: {names[0]} differs")
            shutil.rmtree(out)
    kills = sum(stages.values())
    where = ", ".join(f"{count} {name}" for name, count in sorted(stages.items()))
    print(
        f"{options.script.stem} ({scale}, {length:.2f} s, {len(whole)} files) killed {kills} times "
        f"({where}; {twice} killed a second time): {kills - len(wrong)} resumed to the same bytes"
    )
    for line in wrong[:10]:
        print(line)
    return 1 if wrong or kills < options.kills else 0


if __name__ == "__main__":
    sys.exit(main())
