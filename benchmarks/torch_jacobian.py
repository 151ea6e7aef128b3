"""Is the chain faster than PyTorch's Jacobians? In alternating fresh processes, two threads each.

Peers: `torch.func.jacrev` and `torch.autograd.functional.jacobian(vectorize=True)` of the same tanh
network. They share no process with JAX, since the thread pools would fight. The aim: faster at every
size. Needs `pip install torch==2.13.0` in the same environment.
"""

import json
import statistics
import subprocess
import sys

from timing import table

DEPTH = 50
WIDTHS = (64, 128, 256, 512)
OURS = """
import json, sys, time
import jax, numpy as np
import gradchain as gch
width, depth = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
w = [np.linalg.qr(rng.normal(size=(width, width)))[0].astype(np.float32) for _ in range(depth)]
net = gch.network_from_weights(w, activation="tanh")
x = np.linspace(-0.1, 0.1, width).astype(np.float32)
call = lambda: jax.block_until_ready(gch.jacobian_chain(net, x))
"""
THEIRS = """
import json, sys, time
import numpy as np
import torch
torch.set_num_threads(2)
width, depth = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
drawn = [np.linalg.qr(rng.normal(size=(width, width)))[0] for _ in range(depth)]
w = [torch.from_numpy(m.astype(np.float32)) for m in drawn]
x = torch.linspace(-0.1, 0.1, width)
def f(h):
    for m in w:
        h = torch.tanh(m @ h)
    return h
"""
FUNC = THEIRS + "call = lambda: torch.func.jacrev(f)(x)\n"
FUNCTIONAL = THEIRS + "call = lambda: torch.autograd.functional.jacobian(f, x, vectorize=True)\n"
TIMER = """
call(); times = []
while len(times) < 3 or (len(times) < 9 and sum(times) < 5):
    start = time.perf_counter(); call(); times.append(time.perf_counter() - start)
print(json.dumps(sorted(times)[len(times) // 2]))
"""


def once(code: str, width: int) -> float:
    """Run one contender in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", code + TIMER, str(width), str(DEPTH)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def main() -> None:
    """Print the table."""
    rows = []
    for width in WIDTHS:
        seen: list[list[float]] = [[], [], []]
        for _ in range(3):
            for place, code in enumerate((OURS, FUNC, FUNCTIONAL)):
                seen[place].append(once(code, width))
                print(f"width {width}: {seen[place][-1]:.4f} s", file=sys.stderr, flush=True)
        ours, func, functional = (statistics.median(s) for s in seen)
        rows.append([
            width, DEPTH, f"{1e3 * ours:.2f}", f"{1e3 * func:.2f}", f"{1e3 * functional:.2f}",
            f"{ours / min(func, functional):.2f}",
        ])  # fmt: skip
    print(
        table(
            [
                "width",
                "depth",
                "chain, ms",
                "func.jacrev, ms",
                "functional.jacobian, ms",
                "chain / best",
            ],
            rows,
        )
    )


if __name__ == "__main__":
    main()
