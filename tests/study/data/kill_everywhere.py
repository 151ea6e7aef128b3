"""Kill a run at every rename, before and after it, go on, and compare with a run never killed.

Run as a program: `python kill_everywhere.py SCRIPT FOLDER`. It forks, so it must not import JAX.
Prints how many points were tried, or the first difference.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path

import numpy as np  # loaded once, before the forks

from gradchain.study import run

script, folder = Path(sys.argv[1]), Path(sys.argv[2])
spec = importlib.util.spec_from_file_location("toy_study", script)
module = importlib.util.module_from_spec(spec)
sys.modules["toy_study"] = module
spec.loader.exec_module(module)
assert "jax" not in sys.modules
assert np.zeros(1).size


def in_child(out, kill_at=None, after=False):
    """Run the study in a child that kills itself at one rename; return how it ended."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    count, replace = 0, os.replace

    def dangerous(source, target):
        nonlocal count
        if count == kill_at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    os.replace = dangerous
    try:
        run(module.STUDY, out=out, say=lambda text: None)
    except BaseException as error:
        print(f"failed: {error!r}", flush=True)
        os._exit(1)
    os._exit(0)


def content(out):
    """Return every file below a folder, by its path, without the lock of a dead run."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


# In this process, so that what it reads and imports once is ready for every child.
run(module.STUDY, out=folder / "whole", say=lambda text: None)
whole = content(folder / "whole")
point = 0
while True:
    for after in (False, True):
        out = folder / f"killed-{point}-{after}"
        ended = in_child(out, point, after)
        if ended == 0:
            print(f"points {point}")
            sys.exit(0)
        assert os.WIFSIGNALED(ended), f"point {point}: {ended}"
        numbers = out / "toy" / "numbers.json"
        # Only a finished run has numbers.
        if numbers.exists() and set(content(out)) != set(whole):
            sys.exit(f"point {point}: numbers before the rest")
        assert in_child(out) == 0, f"point {point}: could not go on"
        if content(out) != whole:
            names = set(content(out)) ^ set(whole)
            sys.exit(f"point {point}, after={after}: differs {names}")
    point += 1
