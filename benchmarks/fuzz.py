"""Does any bad input make gradchain fall over? 100 000 drawn ones, by target, then a table.

An input may be accepted, or refused with one sentence (a GradchainError, or an exit code from 1 to 4
with the sentence on standard error). Anything else is an offence: another exception, a traceback, a
NaN in a result although none was put in, more than one line, or no answer within the alarm. Draws
change values, types and words, hardly ever shapes, so that little is compiled. Exit code 1 with the
first offenders. Some 20 minutes.

python benchmarks/fuzz.py [--share 1.0] [--seed 0] [--only command ...]
"""

import argparse
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import fuzz_arrays as arrays
import fuzz_functions as functions
import fuzz_texts as texts
from timing import table

from gradchain._errors import GradchainError

# A hang is 60 seconds of this process's own time, or 10 minutes by the clock: other work on the
# machine must not look like one.
ALARM, PATIENCE = 60, 600
LONGEST = 3000

# target -> (draws, maker of one draw)
TARGETS: dict[str, tuple[int, Callable[[random.Random], Callable[[], object]]]] = {
    "registry reader: file": (22_000, texts.registry_file),
    "registry reader: record": (15_000, texts.record),
    "registry reader: study folder": (3_000, functions.study_folder),
    "command line: in process": (24_600, texts.command),
    "command line: whole process": (400, texts.process),
    "functions: registry": (10_000, functions.registry_function),
    "functions: recomputable": (5_000, functions.recomputation),
    "functions: numbers and expressions": (5_000, texts.text),
    "functions: marks in notes": (2_000, texts.notes),
    "functions: words of studies": (3_000, functions.study_word),
    "functions: scaled values": (4_000, arrays.scaled_call),
    "functions: networks and chains": (2_500, arrays.core_call),
    "functions: names and nouns": (3_500, arrays.noun_call),
}


class HangError(Exception):
    """No answer within the alarm."""


def _alarm(number: int, frame: object) -> None:
    raise HangError(f"no answer within {ALARM} s of work or {PATIENCE} s")


def _watch(on: bool) -> None:
    signal.setitimer(signal.ITIMER_PROF, ALARM if on else 0)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE if on else 0)


def outcome(call: Callable[[], object]) -> str:
    """Run one draw: `accepted`, `refused`, or what is wrong.

    `OffenceError` is what the draws themselves raise when a result is not as it must be.
    """
    _watch(True)
    try:
        verdict = call()
        _watch(False)
    except GradchainError as error:
        _watch(False)
        said = str(error)
        if not said.strip() or "\n" in said or len(said) > LONGEST:
            return f"a bad sentence: {said[:300]!r}"
        return "refused"
    except BaseException as error:
        _watch(False)
        if isinstance(error, KeyboardInterrupt):
            raise
        place = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in place if "gradchain" in frame.filename]
        where = f" at {pathlib.Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
        return f"{type(error).__name__}{where}: {str(error)[:300]}"
    return "refused" if verdict == "refused" else "accepted"


def main() -> int:
    """Draw, count, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="part of the draws to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=list(TARGETS), help="targets that begin so")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGPROF, _alarm)
    rows, offenders, begun = [], [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        texts.prepare(pathlib.Path(folder))
        for name, (count, make) in TARGETS.items():
            if not name.startswith(tuple(options.only)):
                continue
            chance, seen, start = (
                random.Random(f"{options.seed} {name}"),
                Counter(),
                time.perf_counter(),
            )
            for number in range(max(1, round(count * options.share))):
                call = make(chance)
                said = outcome(call)
                if said not in {"accepted", "refused"}:
                    offenders.append((
                        said,
                        f"{name}, draw {number}: {said}\n    {texts.describe(call)}",
                    ))
                    said = "offence"
                seen[said] += 1
            took = time.perf_counter() - start
            rows.append([
                name,
                seen.total(),
                seen["refused"],
                seen["accepted"],
                seen["offence"],
                f"{took:.0f}",
            ])
        os.chdir("/")
    rows.append([
        "all",
        *(sum(row[i] for row in rows) for i in range(1, 5)),
        f"{time.perf_counter() - begun:.0f}",
    ])
    print(table(["target", "draws", "refused", "accepted", "offences", "seconds"], rows))
    kinds: Counter[str] = Counter()
    for said, line in offenders:
        kind = re.sub(r"[0-9]+", "0", said.split(": ")[0])[:60]
        kinds[kind] += 1
        if kinds[kind] <= 2 and len(kinds) <= 30:
            print(line)
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main())
