"""How much faster are a thousand networks at once than Keras, one after another, in one process?

Both train the notes' network (10 hidden layers of 10 sigmoid units, Adam, batches of 32, 100 epochs) on
the same 200 points. Ours: 1 000 seeds with all telemetry, compilation included and not. Keras 3 on its
JAX backend: a fresh model built and fitted, and a warm model fitted again. Needs the extra `peers`.

    python benchmarks/train_keras.py [--seeds 1000] [--fits 3]
"""

import argparse
import os
import statistics
import time

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from timing import table

from gradchain.experiments import lab


def keras_seconds(data: lab.Points, fits: int) -> tuple[list[float], list[float]]:
    """Return seconds of fresh fits, and of fits of a warm model."""
    import keras

    inputs, labels = data.inputs.T, data.targets[0]

    def built() -> "keras.Model":
        hidden = [keras.layers.Dense(10, activation="sigmoid") for _ in range(10)]
        layers = [keras.Input((2,)), *hidden, keras.layers.Dense(1, activation="sigmoid")]
        model = keras.Sequential(layers)
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        return model

    fresh, warm = [], []
    for _ in range(fits):
        start = time.perf_counter()
        model = built()
        model.fit(inputs, labels, epochs=100, batch_size=32, verbose=0)
        fresh.append(time.perf_counter() - start)
        start = time.perf_counter()
        model.fit(inputs, labels, epochs=100, batch_size=32, verbose=0)
        warm.append(time.perf_counter() - start)
    return fresh, warm


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--fits", type=int, default=3)
    options = parser.parse_args()
    lab.use_all_cores()
    setting = lab.Setting()
    data = lab.points_of(setting)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        lab.run(setting, options.seeds, 0, data)
        times.append(time.perf_counter() - start)
    first, ours = times[0], statistics.median(times[1:])
    fresh, warm = (statistics.median(t) for t in keras_seconds(data, options.fits))
    each = ours / options.seeds
    rows = [
        ("gradchain, compiled", f"{1e3 * each:.2f}", "", ""),
        ("gradchain, compilation included", f"{1e3 * first / options.seeds:.2f}", "", ""),
        ("Keras, fresh model", f"{1e3 * fresh:.0f}", f"{fresh * options.seeds / first:.0f}", "100"),
        ("Keras, warm model", f"{1e3 * warm:.0f}", f"{warm / each:.0f}", "25"),
    ]
    print(table(["what", "ms a network", "times slower than gradchain", "aim"], rows))
    print()
    print(f"{options.seeds} networks: {ours:.1f} s, {first:.1f} s with compilation.")


if __name__ == "__main__":
    main()
