"""How long does a reader wait for `gradchain cite KEY`? Whole processes, median of 15.

The aim: 0.3 s. A test asserts that JAX is not imported; this prints the time.
"""

import pathlib
import statistics
import subprocess
import sys
import time

from timing import table

TOOL = pathlib.Path(sys.executable).parent / "gradchain"
COMMANDS = (
    ("cite", "sigmoid.chain.bound.n5"),
    ("why", "gelu.derivative.sup"),
    ("list", "sigmoid"),
    ("check", "--level", "quick"),
)


def main() -> None:
    """Print the table."""
    rows = []
    for command in COMMANDS:
        times = []
        for _ in range(15):
            start = time.perf_counter()
            subprocess.run([TOOL, *command], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        rows.append([f"gradchain {' '.join(command)}", f"{statistics.median(times):.2f}"])
    print(table(["command", "seconds"], rows))


if __name__ == "__main__":
    main()
