"""What do all suffix norms through time cost beside the bare chain of products of the same size?

The peer: S <- S J_t over 1 000 given matrices (256, 256) in one jitted scan, no network, no norms, no
rescaling. Ours: an LSTM of 128 units (state 256), 1 000 steps, forward pass, rescaling and all norms
included, without and with each step's share of the parameters' gradient. The aim: at most 1.5 times.
Both routes are timed: rows multiplied by J_t as the cell's equations give it (`analytic`, the default)
and rows pulled back by `jax.vjp` (`autodiff`).

Arithmetic: the bare product is 256^3 = 16.8 million multiplications a step. Pulled-back rows meet the
stacked recurrent weights, (256, 512) by (512, 128), as many. Written out, the three gates that lead to
the cell join in one matrix, and rows meet two of (128, 128): half as many.
"""

import argparse
import statistics
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from timing import ratio, rounds, table

import gradchain as gch

AIM = 1.5
ROUTES = ("analytic", "autodiff")


@jax.jit
def bare(factors: jax.Array) -> jax.Array:
    """Multiply the factors from the last to the first, nothing else."""
    eye = jnp.eye(factors.shape[-1], dtype=factors.dtype)
    return lax.scan(lambda s, factor: (s @ factor, None), eye, factors, reverse=True)[0]


def orthogonal(size: int, steps: int, dtype: str) -> jax.Array:
    """Return as many orthogonal factors, so that nothing overflows or becomes 0."""
    rng = np.random.default_rng(0)
    few = [np.linalg.qr(rng.normal(size=(size, size)))[0].astype(dtype) for _ in range(10)]
    return jnp.asarray(np.stack([few[t % len(few)] for t in range(steps)]))


def measure(units: int, steps: int, dtype: str, count: int) -> list[list[object]]:
    """Time one float type; one row a route and setting."""
    with jax.enable_x64(dtype == "float64"):
        cell = gch.cells.lstm(units)
        params = cell.init(jax.random.key(0), units, dtype)
        inputs = jax.random.normal(jax.random.key(1), (steps, units), dtype)
        factors = orthogonal(2 * units, steps, dtype)
        cases = [(route, shares) for route in ROUTES for shares in (False, True)]

        def ours(route: str, shares: bool) -> Any:
            return gch.time_chain(cell, params, inputs, parameters=shares, how=route).norms

        calls = [lambda: bare(factors), *(lambda case=case: ours(*case) for case in cases)]
        peer, *times = rounds(calls, count)
    rows: list[list[object]] = []
    for (route, shares), own in zip(cases, times, strict=True):
        aim = AIM if route == "analytic" else ""
        seconds = [f"{1e3 * statistics.median(each):.0f}" for each in (peer, own)]
        with_shares = "with shares" if shares else "norms"
        rows.append([dtype, route, with_shares, *seconds, f"{ratio(own, peer):.2f}", aim])
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    rows = []
    for dtype in ("float32", "float64"):
        rows += measure(options.units, options.steps, dtype, options.rounds)
    print(f"LSTM, {options.units} units, {options.steps} steps:\n")
    head = ["type", "route", "what", "bare chain, ms", "time chain, ms", "ratio", "aim"]
    print(table(head, rows))


if __name__ == "__main__":
    main()
