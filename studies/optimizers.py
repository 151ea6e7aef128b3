"""What do adaptive optimizers hide of a vanished gradient, and what can they not?

The deep sigmoid of the notes on two moons, under SGD, momentum, Adam with three epsilons, RMSprop and
Adagrad; once with ten hidden layers, and once with seven, where some seeds learn.

    python studies/optimizers.py [--scale smoke|lecture|paper] [--depths 7 10] [--seeds 256]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

DEEP = 10
EVERY = (
    "sgd", "sgd_large", "momentum", "adam_eps8", "adam_eps7", "adam_eps3", "rmsprop", "adagrad",
)  # fmt: skip
# Decimals that words of this study may hold.
SAID = ("0.01", "0.9", "0.693", "0.003", "1e-8", "1e-7", "1e-3")


@dataclass(frozen=True)
class Config:
    """Which optimizers, how deep, how many networks."""

    optimizers: tuple[str, ...] = field(default=EVERY, metadata={"help": "Names of optimizers."})
    depths: tuple[int, ...] = field(default=(7, DEEP), metadata={"help": "Hidden layers."})
    seeds: int = field(default=224, metadata={"help": "Networks a cell."})
    epochs: int = field(default=100, metadata={"help": "Epochs."})

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, or says nothing."""
        if not set(self.optimizers) <= set(EVERY) or len(set(self.optimizers)) < 2:
            raise UsageError(
                f"optimizers {self.optimizers}: expected at least two of {', '.join(EVERY)}"
            )
        if len(set(self.optimizers)) != len(self.optimizers):
            raise UsageError(f"optimizers {self.optimizers}: expected each once")
        if not {"sgd", "adam_eps7"} <= set(self.optimizers):
            raise UsageError("optimizers without sgd and adam_eps7: expected both, to be compared")
        if list(self.depths) != sorted(set(self.depths)) or DEEP not in self.depths:
            raise UsageError(
                f"depths {self.depths}: expected increasing numbers, {DEEP} among them"
            )
        if not all(1 <= depth <= 100 for depth in self.depths) or len(self.depths) > 3:
            raise UsageError(f"depths {self.depths}: expected up to three numbers from 1 to 100")
        if not 6 <= self.seeds <= 100_000:
            raise UsageError(
                f"seeds {self.seeds}: expected 6 (the least for a 95 % interval) to 100000"
            )
        if not 10 <= self.epochs <= 100_000 or self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10, at least 10")


SCALES = {
    "smoke": Config(("sgd", "momentum", "adam_eps7", "adam_eps3"), depths=(DEEP,), seeds=32),
    "lecture": Config(),
    "paper": Config(depths=(5, 7, DEEP), seeds=2048, epochs=1000),
}


def cells(config: Config) -> list[Cell]:
    """One cell for each optimizer and depth."""
    from gradchain.experiments.optimizers_records import WAYS

    room = max(config.depths) - 1
    found = []
    for name in config.optimizers:
        way = WAYS[name]
        for depth in config.depths:
            setting = {
                "depth": depth,
                "epochs": config.epochs,
                "optimizer": way.family,
                "values": [list(pair) for pair in way.values],
                "slots": room,
            }
            cell = {"setting": setting, "seeds": config.seeds, "said": SAID}
            found.append(Cell(f"{name}_d{depth}", cell))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one cell."""
    from gradchain.experiments import lab

    lab.use_all_cores()
    from gradchain.experiments.moons_cells import ends

    setting = lab.Setting.from_json(cell["setting"])
    return ends(lab.run(setting, cell["seeds"], cell.seed))


def summarize(config: Config, results: Results) -> Summary:
    """Say what moves, and what it is worth."""
    from gradchain.experiments.lab import Setting
    from gradchain.experiments.optimizers_records import number

    settings = {cell.name: Setting.from_json(cell["setting"]) for cell in results.cells}
    numbers = []
    for name in config.optimizers:
        for depth in config.depths:
            cell = f"{name}_d{depth}"
            whats = ["loss.median", "stuck.share"]
            if depth == DEEP:
                whats += ["percent.median", "pseudo.median"]
                if name in ("sgd", "momentum", "adam_eps3"):
                    whats.append("same.share")
                if name == "adam_eps7":
                    whats += ["gradient.start", "gradient.end"]
            numbers += [number(results[cell], name, settings[cell], results.seed, w) for w in whats]
    return Summary(
        numbers=numbers,
        tables=_tables(config, results),
        seen=_seen(config),
        figures=[_hidden(config, results), _layers(config, results), _losses(config, results)],
    )


def _key(name: str, depth: int, what: str) -> str:
    from gradchain.experiments.optimizers_records import WAYS

    return f"{{optimizers.{WAYS[name].stem}.hidden{depth}.{what}}}"


def _seen(config: Config) -> list[str]:
    def deep(name: str, what: str) -> str:
        return _key(name, DEEP, what)

    seen = [
        f"With ten sigmoid layers the first kernel's true gradient is "
        f"{deep('adam_eps7', 'gradient.start')} before training and "
        f"{deep('adam_eps7', 'gradient.end')} after 100 epochs of Adam.".replace(
            "100", str(config.epochs)
        ),
        f"SGD shows it: {deep('sgd', 'same.share')} of the first-layer weights are the same to the last "
        "bit after the whole training. A step below half an ulp of a weight changes nothing.",
        "Adam hides it: it divides by the gradient's own size, and the median first-layer weight "
        f"changes by {deep('adam_eps7', 'percent.median')} percent. What is then read off as (old - "
        f"new) / learning rate, {deep('adam_eps7', 'pseudo.median')}, is a count of steps and no "
        "gradient.",
        f"What no optimizer changes: the loss stays within 0.003 of log 2 in a share "
        f"{deep('sgd', 'stuck.share')} of seeds with SGD and {deep('adam_eps7', 'stuck.share')} with "
        "Adam. That weights move does not mean that the network learns.",
    ]
    if "adam_eps3" in config.optimizers:
        seen.insert(
            3,
            "Epsilon is where Adam stops hiding: with 1e-3 the median first-layer weight changes by "
            f"{deep('adam_eps3', 'percent.median')} percent.",
        )
    shallow = [depth for depth in config.depths if depth != DEEP]
    if shallow:
        depth = shallow[-1]
        seen.append(
            f"With {depth} layers the optimizer decides: the loss is "
            f"{_key('adam_eps7', depth, 'loss.median')} with Adam and "
            f"{_key('sgd', depth, 'loss.median')} with SGD (medians)."
        )
    return seen


def _tables(config: Config, results: Results) -> list[Table]:
    import numpy as np

    from gradchain.experiments.optimizers_records import WAYS

    rows = [
        (
            WAYS[name].label,
            *(_key(name, DEEP, what) for what in ("percent.median", "pseudo.median")),
            *(_key(name, depth, "stuck.share") for depth in config.depths),
            *(_key(name, depth, "loss.median") for depth in config.depths),
        )
        for name in config.optimizers
    ]
    data = []
    for name in config.optimizers:
        for depth in config.depths:
            arrays = results[f"{name}_d{depth}"]
            logs = np.median(arrays["log_gradient_norms"], axis=0) / np.log(10)
            columns = ("percent_median", "percent_over_1", "moved_median", "same_share")
            by_kernel = [np.median(arrays[column], axis=0) for column in columns]
            data += [
                (name, depth, k + 1, *(float(row[k]) for row in (*logs, *by_kernel)))
                for k in range(depth + 1)
            ]
    return [
        Table(
            "optimizers",
            f"First-layer weights with {DEEP} hidden layers, and the loss, after {config.epochs} "
            "epochs (medians; stuck: loss within 0.003 of log 2)",
            (
                "optimizer",
                "percent change",
                "(old - new)/rate",
                *(f"share stuck, {depth} layers" for depth in config.depths),
                *(f"loss, {depth} layers" for depth in config.depths),
            ),
            rows,
        ),
        Table(
            "layers",
            "By kernel: medians over seeds",
            (
                "optimizer", "hidden layers", "kernel", "log10 gradient start",
                "log10 gradient end", "percent change", "share over 1 percent", "median moved",
                "share unchanged",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


def _log10(values):
    import numpy as np

    with np.errstate(divide="ignore"):
        return np.log10(np.asarray(values, np.float64))


def _hidden(config: Config, results: Results):
    from gradchain.experiments.optimizers_records import WAYS
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.optimizers import draw_hidden

    names = config.optimizers
    percent = {
        f"{depth} hidden layers": [
            _log10(results[f"{name}_d{depth}"]["percent_median"][:, 0]) for name in names
        ]
        for depth in config.depths
    }
    losses = {
        f"{depth} hidden layers": [results[f"{name}_d{depth}"]["final_loss"] for name in names]
        for depth in config.depths
    }
    said = ", ".join(f"{_key(n, DEEP, 'percent.median')} with {WAYS[n].label}" for n in names)
    return Picture(
        "hidden",
        "What the weights do, and what it is worth",
        lambda: draw_hidden([WAYS[name].label for name in names], percent, losses),
        alt=alt_text(
            "Dot chart, two panels,",
            "the percent change of first-layer weights on a scale of powers of ten, and the final loss, "
            "for each optimizer",
            f"{config.seeds} seeds; dots are medians, bars hold 90 %",
            f"With {DEEP} hidden layers the median first-layer weight changes in percent by {said}; "
            f"the share of seeds stuck near log 2 is {_key('adam_eps7', DEEP, 'stuck.share')} with "
            f"Adam and {_key('sgd', DEEP, 'stuck.share')} with SGD.",
        ),
        caption="Left, the dotted line is one percent. Whether the weights move or not, the deep "
        "network does not learn.",
    )


def _layers(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.optimizers_records import WAYS
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.optimizers import draw_layers

    # Root mean square over the entries: kernels hold 20, 100, ..., 100 and 10 weights.
    entries = np.array([20, *[100] * (DEEP - 1), 10])
    logs = results[f"adam_eps7_d{DEEP}"]["log_gradient_norms"][:, 0] / np.log(10)
    true = logs - np.log10(entries) / 2
    pseudo = {
        WAYS[name].label: _log10(results[f"{name}_d{DEEP}"]["moved_median"] / WAYS[name].rate)
        for name in config.optimizers
    }
    return Picture(
        "layers",
        "The gradient, and what is read off the weights instead",
        lambda: draw_layers(true, pseudo),
        alt=alt_text(
            "Line chart",
            "the true gradient of a weight before training, and |old - new| / learning rate after it, "
            "by kernel from first to last, on a scale of powers of ten",
            f"medians of {config.seeds} seeds, {DEEP} hidden layers of sigmoid",
            "The true gradient falls on a straight line towards the first kernel, where its norm is "
            f"{_key('adam_eps7', DEEP, 'gradient.start')}. The curve of Adam does not fall with it: it "
            f"is {_key('adam_eps7', DEEP, 'pseudo.median')} at the first kernel.",
        ),
        caption="A curve that follows the black one shows the vanishing; a curve that stays up hides it. "
        "At the lower edge: nothing moved.",
    )


def _losses(config: Config, results: Results):
    from gradchain.experiments.optimizers_records import WAYS
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.optimizers import draw_losses

    panels = {
        f"{depth} hidden layers": {
            WAYS[name].label: results[f"{name}_d{depth}"]["loss_bands"]
            for name in config.optimizers
        }
        for depth in config.depths
    }
    said = ", ".join(
        f"{_key(name, DEEP, 'loss.median')} with {WAYS[name].label}" for name in config.optimizers
    )
    return Picture(
        "losses",
        "Loss against epoch",
        lambda: draw_losses(panels),
        alt=alt_text(
            "Line chart",
            "the training loss of sigmoid networks against the epoch, for each optimizer",
            f"medians of {config.seeds} seeds; bands hold 90 %",
            f"With {DEEP} hidden layers the median loss ends at {said}.",
        ),
        caption="The dotted line is log 2, the loss of a network that answers 1/2 to everything.",
    )


STUDY = Study(
    name="optimizers",
    title="Optimizers and the vanished gradient",
    question="What do adaptive optimizers hide of a vanished gradient, and what can they not?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=110,
)

if __name__ == "__main__":
    main(STUDY)
