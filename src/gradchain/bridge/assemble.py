"""How do readings of single arrays become the rows of a diagnosis, and which leaves are read at all?"""

import math
import re
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, UsageError
from gradchain.bridge.backward import is_array, near_floor
from gradchain.bridge.grouping import Layer, some
from gradchain.bridge.noun import Diagnosis
from gradchain.bridge.presets import LN10, LayerRow
from gradchain.bridge.reading import LOG10_2, Reading
from gradchain.bridge.trend import fit

# Entries this many powers of two above the bottom of the type (a factor 1000) are taken for whole.
_FITTED_FROM = 10


def choose(named: Sequence[tuple[str, object]]) -> tuple[list[int], list[str]]:
    """Choose the leaves that are parameters, and say which are not.

    Args:
        named: (path, leaf) of every leaf.

    Returns:
        Numbers of the leaves that are parameters, and notes on the others.

    Raises:
        UsageError: if none is.
        DtypeError: if one is complex.
    """
    numbers, idle, other, empty = [], [], [], []
    for i, (name, value) in enumerate(named):
        if not is_array(value):
            other.append(name)
        elif jnp.issubdtype(value.dtype, jnp.complexfloating):  # type: ignore[attr-defined]
            raise DtypeError(
                f"{name} is complex ({value.dtype}), expected real parameters: take real and "  # type: ignore[attr-defined]
                "imaginary parts as parameters of their own"
            )
        elif not jnp.issubdtype(value.dtype, jnp.floating):  # type: ignore[attr-defined]
            idle.append(name)
        elif np.size(value) == 0:  # type: ignore[arg-type]
            empty.append(name)
        else:
            numbers.append(i)
    if not numbers:
        raise UsageError(
            f"got no float arrays among {len(named)} leaves, expected parameters to diagnose"
            + (f" ({some(other)} are no arrays: write jnp.asarray(...))" if other else "")
        )
    notes = []
    for names, why in (
        (idle, "hold integers or booleans"),
        (other, "are no arrays"),
        (empty, "are empty"),
    ):
        if names:
            notes.append(f"held constant, as they {why}: {some(names)}")
    return numbers, notes


def check_layers(chosen: list[Layer], left: list[str], notes: list[str]) -> None:
    """Say what was left out.

    Args:
        chosen: the layers.
        left: names of parameters in no layer.
        notes: the list that the sentence is added to.

    Raises:
        UsageError: if nothing is left.
    """
    if not chosen:
        raise UsageError(
            f"got no layers: layers= leaves out all {len(left)} parameters, such as {some(left, 3)}"
        )
    names = [layer.name for layer in chosen]
    if len(names) > 1 and names == sorted(names) and not all(re.search(r"\d", n) for n in names):
        notes.append(
            "the names of the layers carry no numbers, so they are in alphabetical order: if that is "
            "not the network's order, pass order=[first, ..., last]"
        )
    if left:
        notes.append(f"{len(left)} parameters belong to no layer and are left out: {some(left)}")


def _together(logs: Sequence[float], power: int) -> float:
    """Return log10 of (sum of 10**(power * log))**(1/power)."""
    top = max(logs)
    if not math.isfinite(top):
        return top
    return top + math.log10(math.fsum(10.0 ** (power * (x - top)) for x in logs)) / power


def row_of(
    layer: Layer, plain: list[Reading], measured: list[Reading], weights: list[Reading], k: int
) -> LayerRow:
    """Put the readings of a layer's pieces together.

    Zeros are counted in the gradient as it stands, norms are measured with the loss times 2**k.

    Args:
        layer: the layer.
        plain: readings of its pieces' gradients.
        measured: the same of the gradients times 2**k.
        weights: readings of its weights; empty if there are none.
        k: the exponent.

    Returns:
        The row.
    """
    size = sum(r.size for r in plain)
    wrong = sum(r.wrong for r in plain)
    nothing = -math.inf
    norm, mean = math.nan, math.nan
    if not wrong:
        norm = _together([r.log10_norm for r in measured], 2) - k * LOG10_2
        mean = _together([r.log10_sum for r in measured], 1) - k * LOG10_2 - math.log10(size)
    ratio = math.nan
    if weights and not wrong and not any(r.wrong for r in weights):
        own = _together([r.log10_norm for r in weights], 2)
        ratio = nothing if norm == nothing else norm - own
    alive = [r for r in measured if r.top is not None]
    largest = max(alive, key=lambda r: r.log10_norm, default=measured[0])
    return LayerRow(
        layer.name,
        norm,
        ratio,
        mean,
        size,
        sum(r.zeros for r in plain) / size,
        sum(r.tiny for r in plain) / size,
        wrong,
        largest.dtype,
        not wrong and near_floor(largest, _FITTED_FROM),
        norm > nothing and all(r.top is None for r in plain),
    )


def finish(
    rows: list[LayerRow],
    notes: list[str],
    preset: str,
    decades: float,
    rate: float | None,
    **more: object,
) -> Diagnosis:
    """Fit the trend and build the report.

    Args:
        rows: the layers, first to last.
        notes: what was left out.
        preset: rule of the verdict.
        decades: threshold of the slope rule.
        rate: learning rate, for karpathy.
        **more: loss and loss_exponent.

    Returns:
        The diagnosis.
    """
    numbers = [i for i, row in enumerate(rows) if not row.floored]
    if len(numbers) < 3:
        # A line through what is left of the gradients says more than none.
        numbers = list(range(len(rows)))
    elif len(numbers) < len(rows):
        notes.append(
            f"{len(rows) - len(numbers)} layers are at the bottom of their float type, where entries "
            "are lost, and are left out of the slope"
        )
    trend = fit([rows[i].log10_norm * LN10 for i in numbers], numbers)
    lost = sum(row.lost for row in rows)
    if lost:
        notes.append(
            f"{lost} layers (*) are exactly 0 in their float type; their norms were measured with "
            f"the loss times 2**{more.get('loss_exponent', 0)}"
        )
    if len(rows) == 1:
        notes.append("one layer only: there is no slope")
    return Diagnosis(tuple(rows), trend, preset, decades, rate, tuple(notes), **more)  # type: ignore[arg-type]
