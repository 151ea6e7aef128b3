"""All singular values of a deep chain: time beside a plain QR sweep, accuracy, memory without matrices.

Time: the whole of `log_singular_values_of` beside the sweep J_l Q = Q' R over the same factors, same
process, no other sorting or scaling; the aim is at most 2.5 at depth 1 000, width 64. Accuracy: beside
exact products in ball arithmetic; the aim is 1e-10 in the logarithm. Memory: the growth of the largest
resident size of a fresh process that computes the top singular value, beside the weights; the aim is
1.3 at width 2 048, depth 50. `--quick` leaves out width 32 of the accuracy table.
"""

import argparse
import importlib.util
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from timing import ratio, rounds, table

from gradchain.measured.spectrum import log_singular_values_of
from gradchain.measured.spectrum.factors import live_factors

HERE = pathlib.Path(__file__).resolve().parent
_SPEC = importlib.util.spec_from_file_location(
    "exact_spectrum", HERE.parent / "tests" / "measured" / "exact_spectrum.py"
)
exact = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(exact)

AIM_TIME, AIM_ERROR, AIM_MEMORY = 2.5, 1e-10, 1.3
WIDTH, DEPTH = 2048, 50


def plain_sweep(factors: list[np.ndarray]) -> np.ndarray:
    """Return the last R of a plain QR sweep."""
    basis = np.eye(factors[0].shape[1])
    upper = basis
    for factor in factors:
        basis, upper = np.linalg.qr(factor @ basis)
    return upper


def times(count: int = 7) -> list[list[object]]:
    """Time both at depth 1 000, width 64."""
    rows = []
    for name, sigma_w in (("tanh", 1.0), ("tanh", 3.0), ("relu", 1.5), ("orthogonal", 1.0)):
        factors = exact.chain(0, 1000, 64, sigma_w, name)
        theirs, ours = rounds(
            [lambda f=factors: plain_sweep(f), lambda f=factors: log_singular_values_of(f)], count
        )
        milliseconds = [f"{1e3 * statistics.median(times):.0f}" for times in (theirs, ours)]
        rows.append([name, sigma_w, *milliseconds, f"{ratio(ours, theirs):.2f}", AIM_TIME])
    return rows


def accuracy(widths: tuple[int, ...]) -> list[list[object]]:
    """Compare with exact products; one row a case, worst value over sigma_w."""
    rows = []
    for name in ("tanh", "sigmoid", "relu", "orthogonal"):
        for depth in (20, 60, 300, 1000):
            for width in widths:
                worst, said, spread = 0.0, 0.0, 0.0
                for sigma_w in (0.5, 1.5, 5.0):
                    factors = exact.chain(1, depth, width, sigma_w, name)
                    found = log_singular_values_of(factors)
                    values = found.log_values[: found.rank]
                    if not found.rank:
                        continue
                    true = exact.exact_log_singular_values(live_factors(factors), values)
                    worst = max(worst, float(np.abs(values - true).max()))
                    said = max(said, float(found.error[: found.rank].max()))
                    spread = max(spread, float(values[0] - values[-1]))
                rows.append([
                    name,
                    depth,
                    width,
                    f"{spread:.0f}",
                    f"{worst:.1e}",
                    f"{said:.1e}",
                    AIM_ERROR,
                ])
    return rows


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Return float32 memory that JAX can take without a copy."""
    size = int(np.prod(shape)) * 4
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(np.float32).reshape(shape)


def memory() -> None:
    """Compute the top singular value of a wide network and print what it cost (in a fresh process)."""
    import jax
    import jax.numpy as jnp

    from gradchain import activations
    from gradchain.measured.layers import Dense
    from gradchain.measured.network import Network, Run
    from gradchain.measured.spectrum import top_log_singular_value

    small = Run(Dense(activations.tanh), {"weight": jnp.ones((2, 3, 3))}, 2)
    top_log_singular_value(Network((small,)), np.ones(3, np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weight = aligned((DEPTH, WIDTH, WIDTH))
    rng = np.random.default_rng(0)
    for layer in weight:
        rng.standard_normal(out=layer, dtype=np.float32)
        layer /= np.float32(WIDTH**0.5)
    network = Network((Run(Dense(activations.tanh), {"weight": jnp.from_dlpack(weight)}, DEPTH),))
    x = np.random.default_rng(1).normal(size=WIDTH).astype(np.float32)
    built = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    top = top_log_singular_value(network, x, 1e-6)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    share = [f"{1024 * (now - before) / weight.nbytes:.2f}" for now in (built, after)]
    row = [WIDTH, DEPTH, f"{weight.nbytes / 2**20:.0f}", *share, AIM_MEMORY]
    end = [f"{top.log_value:.8f}", f"{top.error:.0e}", top.products, f"{seconds:.0f}"]
    print(
        table(
            ["width", "depth", "weights, MiB", "peak when built", "peak at the end", "aim",
             "log top value", "its error", "products", "seconds"],
            [[*row, *end]],
        )
    )  # fmt: skip
    del jax


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="widths 8 and 16 only")
    parser.add_argument("--only", choices=["time", "accuracy", "memory"], help="one table")
    parser.add_argument("--here", action="store_true", help="measure memory in this process")
    options = parser.parse_args()
    if options.here:
        memory()
        return
    if options.only in {None, "time"}:
        head = ["chain", "sigma_w", "plain QR sweep, ms", "all singular values, ms", "ratio", "aim"]
        print("Depth 1 000, width 64:\n")
        print(table(head, times()))
    if options.only in {None, "accuracy"}:
        widths = (8, 16) if options.quick else (8, 16, 32)
        head = ["chain", "depth", "width", "spread, nats", "worst error", "reported error", "aim"]
        print("\nWorst error of a logarithm over sigma_w = 0.5, 1.5, 5:\n")
        print(table(head, accuracy(widths)))
    if options.only in {None, "memory"}:
        print("\nTop singular value without matrices; peaks in units of the weights:\n", flush=True)
        subprocess.run([sys.executable, __file__, "--here"], check=True)


if __name__ == "__main__":
    main()
