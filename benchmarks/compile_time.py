"""Does compile time grow with depth, and run time faster than depth?

Every figure is the median over fresh processes of the first call less a later one. The aim: depth
10 000 x width 64 compiles within 1.5 times of depth 100, also when given as a list of 10 000 equal
arrays; run time is linear in depth; 100 layers of 100 different widths compile within 15 s.
"""

import json
import statistics
import subprocess
import sys

from timing import table

CHILD = """
import json, sys, time
import jax, numpy as np
import gradchain as gch
kind, depth = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(0)
if kind == "stacked":
    net = gch.mlp(jax.random.key(0), depth, 64, "tanh", "orthogonal")
    size = 64
elif kind == "list":
    w = np.linalg.qr(rng.normal(size=(64, 64)))[0].astype(np.float32)
    net = gch.network_from_weights([w.copy() for _ in range(depth)], activation="tanh")
    size = 64
else:
    widths = rng.permutation(np.arange(20, 20 + depth + 1))
    net = gch.network_from_weights(
        [(rng.normal(size=(o, i)) / i**0.5).astype(np.float32) for i, o in zip(widths, widths[1:])],
        activation="tanh")
    size = int(widths[0])
x = np.linspace(-1, 1, size).astype(np.float32)
jax.block_until_ready(net)
times = []
for _ in range(4):
    start = time.perf_counter()
    jax.block_until_ready(gch.jacobian_chain(net, x))
    times.append(time.perf_counter() - start)
run = sorted(times[1:])[1]
print(json.dumps({"compile": times[0] - run, "run": run}))
"""


def measure(kind: str, depth: int, processes: int = 5) -> tuple[float, float]:
    """Return the median compile and run seconds over fresh processes."""
    seen = []
    for _ in range(processes):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, kind, str(depth)],
            capture_output=True,
            text=True,
            check=True,
        )
        seen.append(json.loads(done.stdout))
    return tuple(statistics.median(s[part] for s in seen) for part in ("compile", "run"))


def main() -> None:
    """Print the table."""
    cells = [
        ("stacked", 100),
        ("stacked", 1_000),
        ("stacked", 10_000),
        ("list", 10_000),
        ("different widths", 100),
    ]
    found = {cell: measure(cell[0].split()[0], cell[1]) for cell in cells}
    base_compile, base_run = found["stacked", 100]
    rows = []
    for (kind, depth), (compiled, run) in found.items():
        same = kind != "different widths"
        rows.append([
            kind,
            depth,
            f"{compiled:.2f}",
            f"{compiled / base_compile:.2f}" if same else "",
            {10_000: "1.5"}.get(depth, "") if same else "15 s",
            f"{1e3 * run:.1f}",
            f"{run / base_run / (depth / 100):.2f}" if same else "",
        ])
    head = [
        "given as",
        "depth",
        "compile, s",
        "beside depth 100",
        "aim",
        "run, ms",
        "run / depth, beside depth 100",
    ]
    print(table(head, rows))


if __name__ == "__main__":
    main()
