"""The pictures of the depth or width study: drawings, with the words that go with each.

`found` is what the study made of its cells: the networks of every shape at their best learning rate.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gradchain.figures.picture import Picture
from gradchain.figures.sweeps import Curve, Panel, draw_panels
from gradchain.figures.words import alt_text

# Below it a loss is as good as 0: the probability is clipped there.
LEAST = 1e-7


def pictures(found: Any, words: Mapping[str, str], activations: Iterable[str]) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        found: arrays of a run, by activation, task and depth.
        words: task -> its name.
        activations: those that were tried.

    Returns:
        The pictures, in order.
    """
    return [_losses(found, words), _curves(found, words), _gradients(found, tuple(activations))]


def _ticks(found: Any) -> tuple[str, ...]:
    return tuple(f"{depth} x {found.shape(depth)[0]}" for depth in found.config.depths)


def _cite(activation: str, task: str, depth: int, what: str) -> str:
    return f"{{depthorwidth.{activation}.{task}.depth{depth}.{what}}}"


def _placed(found: Any, activation: str, rows: np.ndarray) -> Curve:
    """Return a curve over all shapes; single points where an activation was tried at some only."""
    config, own = found.config, Curve.over(rows)
    tried = config.shapes(activation)
    if len(tried) == len(config.depths):
        return own
    middle = np.full(len(config.depths), np.nan)
    middle[[config.depths.index(depth) for depth in tried]] = own.middle
    return Curve(middle)


def _span(curves: Mapping[str, Curve]) -> tuple[float, float]:
    """Return whole decades around what is drawn, up to a little above the loss of guessing."""
    low = np.concatenate([
        np.asarray(c.middle if c.low is None else c.low) for c in curves.values()
    ])
    return float(np.floor(np.min(low, where=np.isfinite(low), initial=-0.5))), 0.25


def _losses(found: Any, words: Mapping[str, str]) -> Picture:
    config = found.config
    x = np.arange(len(config.depths), dtype=float)
    curves = {words[task]: Curve.over(found.losses("relu", task)) for task in config.tasks}
    best = found.winner("relu", "spirals")
    panel = Panel(
        "", "hidden layers x units", "final training loss", x, curves, powers="y",
        y_range=_span(curves), ticks=_ticks(found),
        lines=((float(np.log10(np.log(2.0))), "guessing, log 2"),),
    )  # fmt: skip
    return Picture(
        "loss",
        "Final loss at the same number of parameters",
        lambda: draw_panels([panel]),
        alt=alt_text(
            "Line chart",
            "the final training loss against the shape of the network, shallow and wide to deep and "
            "narrow, for several tasks",
            f"{config.seeds} ReLU networks a shape, about {config.parameters} parameters each; bands "
            "hold half of the networks",
            f"On spirals of two and a half turns the loss is {_cite('relu', 'spirals', 1, 'loss')} "
            f"with one hidden layer and {_cite('relu', 'spirals', best, 'loss')} with {best}; with "
            f"{config.depths[-1]} it is "
            f"{_cite('relu', 'spirals', config.depths[-1], 'loss')}.",
        ),
        caption="ReLU networks, Adam; bands hold half of the networks.",
    )


def _curves(found: Any, words: Mapping[str, str]) -> Picture:
    config = found.config
    panels = []
    for task in ("spirals", "moons"):
        curves = {}
        for depth, tick in zip(config.depths, _ticks(found), strict=True):
            bands = found.best("relu", task, depth)[0]["loss_bands"]
            logs = np.log10(np.maximum(bands, LEAST))
            curves[tick] = Curve(logs[2], logs[1], logs[3])
        x = np.arange(1, config.epochs + 1, dtype=float)
        panels.append(
            Panel(
                words[task], "epoch", "training loss", x, curves, powers="y", y_range=_span(curves)
            )
        )
    shallow, deep = config.depths[0], found.winner("relu", "spirals")
    return Picture(
        "training",
        "How shapes with the same number of parameters learn",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the training loss against the epoch for ReLU networks of several shapes, on spirals and "
            "on two moons",
            f"{config.seeds} networks a shape; bands hold half of them",
            f"On the spirals {shallow} hidden layer ends at "
            f"{_cite('relu', 'spirals', shallow, 'loss')} and {deep} at "
            f"{_cite('relu', 'spirals', deep, 'loss')}; on the moons {shallow} hidden layer ends at "
            f"{_cite('relu', 'moons', shallow, 'loss')}.",
        ),
        caption="Hidden layers x units; on the spirals the learning rate is the best of those tried "
        "for each shape.",
    )


def _gradients(found: Any, activations: tuple[str, ...]) -> Picture:
    config = found.config
    x = np.arange(len(config.depths), dtype=float)
    panels = []
    for when, title in ((0, "at the start"), (-1, "after training")):
        logs = {}
        for activation in activations:
            rows = [
                found.best(activation, "moons", depth)[0]["log_gradient_norms"][:, when, 0]
                for depth in config.shapes(activation)
            ]
            logs[activation] = np.stack(rows, axis=1) / np.log(10.0)
        medians = np.concatenate([np.median(rows, axis=0) for rows in logs.values()])
        bottom = float(np.floor(np.min(medians, where=np.isfinite(medians), initial=-3.0))) - 1.0
        curves = {
            activation: _placed(found, activation, np.maximum(rows, bottom))
            for activation, rows in logs.items()
        }
        panels.append(
            Panel(title, "hidden layers x units", "gradient norm, first kernel", x, curves,
                  powers="y", y_range=(bottom - 0.3, 1.0), ticks=_ticks(found))
        )  # fmt: skip
    deep = config.depths[-1]
    return Picture(
        "gradient",
        "The gradient at the first layer",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the norm of the gradient at the first kernel against the shape of the network, before "
            "and after training, for ReLU and sigmoid",
            f"{config.seeds} networks a shape on two moons; bands hold half of them",
            f"At the start of sigmoid networks it falls from "
            f"{_cite('sigmoid', 'moons', 1, 'gradientstart')} with one hidden layer to "
            f"{_cite('sigmoid', 'moons', deep, 'gradientstart')} with {deep}, of ReLU networks from "
            f"{_cite('relu', 'moons', 1, 'gradientstart')} to "
            f"{_cite('relu', 'moons', deep, 'gradientstart')}.",
        ),
        caption="Two moons. A small gradient after training may mean a good network or a stuck one; at "
        "the lower edge there is none at all.",
    )
