"""What do all suffix norms, rescaling and the forward pass cost beside the bare matrix products?

The peer is the bare chain of the same products, S <- S (diag(phi') W), in one jitted scan: no norms,
no rescaling, no forward pass. The aim: at most 1.2 times at width 256 and 512, 1.35 at 128, 1.6 at
64; the autodiff route within 10 % of the analytic one.
"""

import argparse
import statistics

import jax
import jax.numpy as jnp
from jax import lax
from timing import ratio, rounds, table

import gradchain as gch

AIM = {64: 1.6, 128: 1.35, 256: 1.2, 512: 1.2}


@jax.jit
def bare(slopes: jax.Array, weights: jax.Array) -> jax.Array:
    """Multiply the layers' factors from the output to the input, nothing else."""

    def step(product: jax.Array, layer: tuple) -> tuple[jax.Array, None]:
        slope, weight = layer
        return (product * slope[None, :]) @ weight, None

    eye = jnp.eye(weights.shape[-1], dtype=weights.dtype)
    return lax.scan(step, eye, (slopes, weights), reverse=True)[0]


def measure(width: int, depth: int, dtype: str, count: int) -> list[object]:
    """Time one size."""
    with jax.enable_x64(dtype == "float64"):
        key = jax.random.key(0)
        net = gch.mlp(key, depth, width, "tanh", "orthogonal", dtype=dtype)
        x = jnp.linspace(-0.1, 0.1, width, dtype=dtype)
        weights = net.runs[0].params["weight"]
        slopes = jax.vmap(net.runs[0].layer.slopes)(
            net.runs[0].params, jnp.stack([gch.forward(net, x).z[k] for k in (1,) * depth])
        )
        calls = [
            lambda: bare(slopes, weights),
            lambda: gch.jacobian_chain(net, x, how="analytic").norms,
            lambda: gch.jacobian_chain(net, x, how="autodiff").norms,
        ]
        peer, analytic, autodiff = rounds(calls, count)
    return [
        width,
        depth,
        dtype,
        f"{1e3 * statistics.median(peer):.2f}",
        f"{ratio(analytic, peer):.2f}",
        AIM[width],
        f"{ratio(autodiff, analytic):.2f}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="depth 64 only")
    quick = parser.parse_args().quick
    rows = []
    for dtype in ("float32", "float64"):
        for width in AIM:
            for depth in (64,) if quick else (64, 256, 1024):
                work = depth * width**3
                rows.append(measure(width, depth, dtype, 15 if work < 2e10 else 5))
    head = [
        "width",
        "depth",
        "type",
        "bare chain, ms",
        "chain / bare",
        "aim",
        "autodiff / analytic",
    ]
    print(table(head, rows))


if __name__ == "__main__":
    main()
