"""How long does a phase diagram of 200 x 200 points take, and how far is it off?

tanh, sigma_w 0.5 to 4, sigma_b 0 to 1: q, chi, 1/xi_q, c, 1/xi_c, the chaotic phase included. The
aims: at most 2 s after the first call, at most 10 s for what the first call adds (compilation), and
1e-10 relative to max(1, value), c within 1e-4 of chi = 1 excepted. The peer for the error is
`mean_field`, one point at a time, whose correlations come from double integrals instead of series.
"""

import argparse
import statistics
import time

import numpy as np
from timing import table

import gradchain as gch


def worst(plane: gch.PhaseDiagram, points: int) -> dict[str, float]:
    """Compare random points with `mean_field`."""
    rng = np.random.default_rng(0)
    off = dict.fromkeys(("q", "chi", "c", "1/xi_q", "1/xi_c"), 0.0)
    for _ in range(points):
        i, j = (int(rng.integers(each.size)) for each in (plane.sigma_w, plane.sigma_b))
        one = gch.mean_field("tanh", plane.sigma_w[i], plane.sigma_b[j])
        pairs = {
            "q": (plane.q[i, j], one.q),
            "chi": (plane.chi[i, j], one.chi),
            "1/xi_q": (plane.inverse_xi_q[i, j], 1 / one.xi_q),
            "1/xi_c": (plane.inverse_xi_c[i, j], 1 / one.xi_c),
        }
        if abs(one.chi - 1) > 1e-4:
            pairs["c"] = (plane.c[i, j], one.c)
        for name, (found, expected) in pairs.items():
            off[name] = max(off[name], abs(float(found - expected)) / max(1.0, abs(expected)))
    return off


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100, help="points compared one by one")
    options = parser.parse_args()
    sigma_w, sigma_b = np.linspace(0.5, 4, 200), np.linspace(0, 1, 200)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        plane = gch.phase_diagram("tanh", sigma_w, sigma_b)
        times.append(time.perf_counter() - start)
    after = statistics.median(times[1:])
    rows = [["after the first call", f"{after:.2f}", "2"],
            ["what the first call adds", f"{times[0] - after:.2f}", "10"]]  # fmt: skip
    print(table(["200 x 200 points of tanh", "seconds", "aim"], rows))
    print()
    off = worst(plane, options.points)
    print(table(["quantity", "largest error beside `mean_field`", "aim"],
                [[name, f"{value:.1e}", "1e-10"] for name, value in off.items()]))  # fmt: skip


if __name__ == "__main__":
    main()
