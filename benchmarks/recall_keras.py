"""How much faster do many recurrent networks learn to remember at once than Keras, one after another?

Both train Embedding(4, 8) -> LSTM(units) -> Dense(4) to name the first of T tokens by Adam.
Ours: `recall_experiment` of many seeds, fresh sequences every step, evaluation and telemetry included,
programs compiled before. Keras 3 on its JAX or PyTorch backend: one warm model on sequences drawn
before, by `fit`, by `fit` with 20 steps an execution (JAX only), and by `train_on_batch`; the fastest
counts. Each side runs in fresh processes that take turns. Wall time uses all cores; CPU time is what the
cores worked in all, which a busy machine disturbs less. Needs the extra `peers`.

Arithmetic, without embedding and head: a step of one sequence multiplies 4 x 32 x (32 + 8) times going
forward and twice that going back, 2 operations each: T x 64 x 30 720 operations a network and step for 32
units and batches of 64. That bounds the ratio: Keras' step is one compiled program too, and what many
networks at once can save is the call, not the arithmetic.

    python benchmarks/recall_keras.py [--units 32] [--batch 64] [--lengths 10 20 50]
        [--backend jax] [--seeds 32] [--turns 3]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from timing import table

AIM = 20
BACKENDS = ("jax", "torch")
EMBEDDING, VOCABULARY = 8, 4
STEPS = 40
WAYS = ("fit", "fit, 20 steps an execution", "train_on_batch")


def timed(call: Callable[[], object], count: int) -> tuple[float, float]:
    """Return median seconds of wall and of CPU time, after a first call."""
    call()
    walls, works = [], []
    for _ in range(count):
        wall, work = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    return statistics.median(walls), statistics.median(works)


def ours(length: int, units: int, batch: int, seeds: int) -> dict[str, list[float]]:
    """Return seconds a network and step."""
    import gradchain as gch
    from gradchain.experiments import lab

    lab.use_all_cores()
    cell = gch.cells.lstm(units)

    def call() -> object:
        return gch.recall_experiment(
            cell,
            length - 1,
            seeds,
            steps=STEPS,
            every=STEPS,
            batch=batch,
            embedding=EMBEDDING,
            gradients=False,
        )

    return {"gradchain": [value / seeds / STEPS for value in timed(call, 3)]}


def theirs(length: int, units: int, batch: int) -> dict[str, list[float]]:
    """Return seconds a step, for each way to train."""
    import keras
    import numpy as np

    draws = np.random.default_rng(0)
    steps = 5 * STEPS
    tokens = draws.integers(0, VOCABULARY, (steps * batch, length), dtype=np.int32)
    labels = tokens[:, 0].copy()

    def built(an_execution: int) -> "keras.Model":
        layers = [
            keras.Input((length,), dtype="int32"),
            keras.layers.Embedding(VOCABULARY, EMBEDDING),
            keras.layers.LSTM(units),
            keras.layers.Dense(VOCABULARY, activation="softmax"),
        ]
        model = keras.Sequential(layers)
        loss = "sparse_categorical_crossentropy"
        model.compile(loss=loss, optimizer="adam", steps_per_execution=an_execution)
        return model

    def by_fit(model: "keras.Model") -> object:
        return model.fit(tokens, labels, batch_size=batch, shuffle=False, verbose=0)

    def by_batch(model: "keras.Model") -> None:
        for at in range(0, len(tokens), batch):
            model.train_on_batch(tokens[at : at + batch], labels[at : at + batch])

    models = {way: built(20 if "20" in way else 1) for way in ways()}
    calls = {
        way: lambda model=model, way=way: by_batch(model) if "batch" in way else by_fit(model)
        for way, model in models.items()
    }
    return {way: [value / steps for value in timed(call, 3)] for way, call in calls.items()}


def ways() -> tuple[str, ...]:
    """Return the ways to train; Keras on PyTorch takes one step an execution."""
    return WAYS if os.environ["KERAS_BACKEND"] == "jax" else WAYS[::2]


def once(side: str, length: int, units: int, batch: int, seeds: int) -> dict[str, list[float]]:
    """Run one side in a fresh process."""
    given = {"lengths": length, "units": units, "batch": batch, "seeds": seeds}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    backend = side if side in BACKENDS else BACKENDS[0]
    done = subprocess.run(
        [sys.executable, __file__, "--here", side, *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"T {length}: {found}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--lengths", type=int, nargs="*", default=[10, 20, 50])
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--backend", choices=BACKENDS, default=BACKENDS[0], help="of Keras")
    parser.add_argument("--here", choices=["ours", *BACKENDS], help="measure in this process")
    options = parser.parse_args()
    if options.here:
        (length,) = options.lengths
        size = (length, options.units, options.batch)
        found = ours(*size, options.seeds) if options.here == "ours" else theirs(*size)
        print(json.dumps(found))
        return
    rows = []
    units, batch = options.units, options.batch
    for length in options.lengths:
        size = (length, units, batch, options.seeds)
        turns = [
            (once("ours", *size)["gradchain"], once(options.backend, *size))
            for _ in range(options.turns)
        ]
        middle = {
            way: [statistics.median(turn[1][way][k] for turn in turns) for k in (0, 1)]
            for way in turns[0][1]
        }
        best = min(middle, key=lambda way: middle[way][0])
        own = [statistics.median(turn[0][k] for turn in turns) for k in (0, 1)]
        ratios = [
            f"{statistics.median(turn[1][best][k] / turn[0][k] for turn in turns):.1f}"
            for k in (0, 1)
        ]
        operations = length * batch * 3 * 2 * 4 * units * (units + EMBEDDING)
        rows.append([
            length,
            f"{operations / 1e6:.3g}",
            f"{1e3 * own[0]:.3f}",
            f"{1e3 * own[1]:.3f}",
            best,
            f"{1e3 * middle[best][0]:.2f}",
            f"{1e3 * middle[best][1]:.2f}",
            *ratios,
            AIM,
        ])
    head = [
        "T",
        "million operations",
        "ours, ms a network and step",
        "of CPU",
        "Keras by",
        "Keras, ms a step",
        "of CPU",
        "times slower, wall",
        "times slower, CPU",
        "aim",
    ]
    print(f"Keras on {options.backend}, LSTM of {units} units, batches of {batch}; ", end="")
    print(f"{options.seeds} networks beside one, medians of {options.turns} turns:\n")
    print(table(head, rows))


if __name__ == "__main__":
    main()
