"""Networks whose chains are known in closed form, used by several tests and tested themselves."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """Weights, activation, input, and the natural log of the spectral norm of every suffix."""

    name: str
    weights: tuple
    activation: str
    x: np.ndarray
    log_spectral: np.ndarray
    log_frobenius: np.ndarray


def _orthogonal(rng: np.random.Generator, n: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(n, n)))
    return q * np.sign(np.diag(r))


def known_chains(dtype: str = "float32") -> list[Case]:
    """Linear, diagonal, orthogonal and scalar networks with chains known from their construction."""
    rng = np.random.default_rng(7)
    depth, n = 40, 6
    down = np.arange(depth, -1, -1)
    cases = []
    tenth = [np.full((1, 1), 0.1, dtype)] * depth
    size = down * np.log(np.float64(np.float32(0.1)) if dtype == "float32" else 0.1)
    cases.append(Case("scalar", tuple(tenth), "identity", np.ones(1, dtype), size, size))
    diagonal = np.array([3.0, 1.0, 0.5, 0.25, 0.125, 2.0])
    weights = tuple(np.diag(diagonal).astype(dtype) for _ in range(depth))
    spectral = down * np.log(3.0)
    frobenius = np.array([np.log(np.sum(diagonal ** (2.0 * k))) / 2 for k in down])
    cases.append(Case("diagonal", weights, "identity", np.ones(n, dtype), spectral, frobenius))
    q = [0.5 * _orthogonal(rng, n) for _ in range(depth)]
    cases.append(
        Case(
            "orthogonal",
            tuple(w.astype(dtype) for w in q),
            "identity",
            np.ones(n, dtype),
            down * np.log(0.5),
            down * np.log(0.5) + np.log(n) / 2,
        )
    )
    # Positive weights and inputs: every ReLU unit is on, so the chain is that of the matrices.
    rank_one = np.full((n, n), 2.0 / n)
    on = tuple(rank_one.astype(dtype) for _ in range(depth))
    size = down * np.log(2.0)
    frobenius = np.where(down == 0, np.log(n) / 2, size)
    cases.append(Case("rank one relu", on, "relu", np.ones(n, dtype), size, frobenius))
    # At x = 0 without bias tanh has slope 1 everywhere.
    cases.append(
        Case(
            "tanh at rest",
            cases[2].weights,
            "tanh",
            np.zeros(n, dtype),
            cases[2].log_spectral,
            cases[2].log_frobenius,
        )
    )
    # All units off: the chain is exactly zero.
    off = tuple(-np.eye(n, dtype=dtype) for _ in range(depth))
    dead = np.where(down == 0, 0.0, -np.inf)
    cases.append(
        Case(
            "dead relu",
            off,
            "relu",
            np.ones(n, dtype),
            dead,
            np.where(down == 0, np.log(n) / 2, -np.inf),
        )
    )
    return cases
