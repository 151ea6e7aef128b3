"""What does the whole Jacobian with all norms cost beside `jax.jit(jax.jacrev(f))` of the same network?

Same scanned network, same process. The aim: at most 1.1 times at width 512, 1.35 at 256, 1.6 at 64.
`jacrev` gives the Jacobian in plain floats, with no norms on the way.
"""

import statistics

import jax
import jax.numpy as jnp
from jax import lax
from timing import ratio, rounds, table

import gradchain as gch

AIM = {64: 1.6, 256: 1.35, 512: 1.1}
DEPTH = 50


def measure(width: int, dtype: str, count: int = 11) -> list[object]:
    """Time one size."""
    with jax.enable_x64(dtype == "float64"):
        net = gch.mlp(jax.random.key(0), DEPTH, width, "tanh", "orthogonal", dtype=dtype)
        x = jnp.linspace(-0.1, 0.1, width, dtype=dtype)
        params = net.runs[0].params

        @jax.jit
        def peer(weights: jax.Array, biases: jax.Array, start: jax.Array) -> jax.Array:
            def run(h: jax.Array) -> jax.Array:
                def layer(state: jax.Array, p: tuple) -> tuple[jax.Array, None]:
                    return jnp.tanh(p[0] @ state + p[1]), None

                return lax.scan(layer, h, (weights, biases))[0]

            return jax.jacrev(run)(start)

        theirs, ours = rounds(
            [
                lambda: peer(params["weight"], params["bias"], x),
                lambda: gch.jacobian_chain(net, x),
            ],
            count,
        )
    return [
        width,
        DEPTH,
        dtype,
        f"{1e3 * statistics.median(theirs):.2f}",
        f"{1e3 * statistics.median(ours):.2f}",
        f"{ratio(ours, theirs):.2f}",
        AIM[width],
    ]


def main() -> None:
    """Print the table."""
    rows = [measure(width, dtype) for dtype in ("float32", "float64") for width in AIM]
    print(
        table(["width", "depth", "type", "jacrev, ms", "chain, ms", "chain / jacrev", "aim"], rows)
    )


if __name__ == "__main__":
    main()
