"""How does a study cell train many settings one after the other, and find each again?

A cell is a list of fields of `Setting`; its arrays carry the number of the setting behind their names.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradchain._errors import UsageError
from gradchain.experiments.lab import run
from gradchain.experiments.lab_numbers import kept
from gradchain.experiments.setting import Setting

# What grids of settings are asked for; the rest would be megabytes a setting.
USED = ("final_loss", "final_accuracy", "nan_step")


def train(
    runs: Sequence[Mapping[str, Any]],
    seeds: int,
    seed: int,
    names: Iterable[str] = USED,
    every: int | None = None,
) -> dict[str, np.ndarray]:
    """Train the networks of several settings.

    Args:
        runs: fields of each setting that differ from the default.
        seeds: networks a setting.
        seed: seed of the draws.
        names: which arrays of `lab_numbers.kept` are wanted.
        every: epochs between two looks, as in `lab.run`.

    Returns:
        `<name>_<k>` for every wanted array of setting k. Cost: that of `lab.run` for each.
    """
    found = {}
    wanted = tuple(names)
    for place, fields in enumerate(runs):
        arrays = kept(run(Setting.from_json(dict(fields)), seeds, seed, every=every))
        found |= {f"{name}_{place}": arrays[name] for name in wanted}
    return found


def one(arrays: Mapping[str, np.ndarray], place: int) -> dict[str, np.ndarray]:
    """Return the arrays of one setting of a cell, under their plain names.

    Args:
        arrays: what `train` gave.
        place: number of the setting.

    Returns:
        As from `lab_numbers.kept`, those that were asked for.

    Raises:
        UsageError: if the cell holds no such setting.
    """
    ending = f"_{place}"
    found = {name[: -len(ending)]: a for name, a in arrays.items() if name.endswith(ending)}
    if not found:
        raise UsageError(f"got setting number {place}, expected one that the cell holds")
    return found


def tag(value: float | int) -> str:
    """Write a number as a key's segment ends: m for minus and p for the point.

    Args:
        value: a number.

    Returns:
        Letters and digits.

    Example:
        >>> tag(0.003), tag(0.5), tag(2.0), tag(1000), tag(-1.5)
        ('3em3', '0p5', '2', '1e3', 'm1p5')
    """
    size = abs(value)
    if size and not 0.1 < size < 1000:
        mantissa, _, exponent = f"{size:.3e}".partition("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    else:
        text = f"{size:g}"
    return ("m" * (value < 0)) + text.replace("-", "m").replace(".", "p")
