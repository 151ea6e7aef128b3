"""The numbers of the mixed precision study, each as a function that computes it again.

Every estimate draws its networks from `seed` alone. Cost: seconds for the first number of an
activation, then nothing for the others: its float64 pass is kept in memory.
"""

from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.mixed_precision import (
    LAWS,
    TYPES,
    Counts,
    Sizes,
    Truth,
    bits_a_layer,
    floor_exponent,
    layers_kept,
    lost_shares,
    measured,
    truth,
)

EXPONENTS = (0, 4, 8, 12, 16, 20, 24)
QUANTITIES = ("bits", "first.gradient", "largest.scale")
_LARGEST_HALF = 65504.0


def floor_names() -> list[tuple[str, bool, int]]:
    """List the floors that are looked at: (type, flushed, exponent of the loss scale).

    Returns:
        float16 with every loss scale; bfloat16 and float32 without one and with 2^16, and without one
        also where subnormal numbers are flushed.
    """
    names = [("float16", False, s) for s in EXPONENTS]
    for dtype in TYPES[1:]:
        names += [(dtype, False, 0), (dtype, False, 16), (dtype, True, 0), (dtype, True, 16)]
    return names


def all_floors() -> tuple[tuple[int, bool], ...]:
    """Return the floors of `floor_names` as `truth` takes them.

    Returns:
        One (log2 of the limit, whether the limit itself is lost) a floor.
    """
    found = []
    for dtype, flushed, exponent in floor_names():
        limit, itself = floor_exponent(dtype, flushed)
        found.append((limit - exponent, itself))
    return tuple(found)


@lru_cache(maxsize=4)
def _truth(activation: str, sizes: Sizes) -> Truth:
    return truth(activation, sizes, all_floors())


@lru_cache(maxsize=32)
def _measured(activation: str, sizes: Sizes, dtype: str, exponent: int) -> Counts:
    return measured(activation, sizes, dtype, exponent)


def quantity_of(found: Truth, quantity: str) -> Result:
    """Take one value a network and its median.

    Args:
        found: what `truth` gave.
        quantity: "bits" (lost a layer), "first.gradient" (norm of the first kernel's gradient) or
            "largest.scale" (the loss scale at which float16 overflows).

    Returns:
        The median with its interval.

    Raises:
        UsageError: if more than half of the networks lose no bits.
    """
    if quantity == "first.gradient":
        return statistics.median(found.log2_norms[:, 0] * np.log10(2.0))
    if quantity == "largest.scale":
        return statistics.median(np.log10(_LARGEST_HALF) - found.log2_largest * np.log10(2.0))
    bits = bits_a_layer(found.log2_norms)
    if np.median(bits) <= 0:
        raise UsageError("these networks lose no bits towards the input")
    return statistics.median(np.log10(np.maximum(bits, 1e-9)))


def count_of(layers: np.ndarray) -> Result:
    """Take the median of a count of layers.

    Args:
        layers: one a network, inf where none is lost.

    Returns:
        The median with its interval.

    Raises:
        UsageError: if more than half of the networks lose no layer.
    """
    if not np.isfinite(np.median(layers)):
        raise UsageError("most of these networks lose no layer: there is no number to give")
    with np.errstate(divide="ignore"):
        logs = np.log10(np.where(np.isfinite(layers), np.maximum(layers, 0), 1e9))
    return statistics.median(logs.tolist())


def cast_shares(found: Truth, dtype: str, flushed: bool, exponent: int) -> np.ndarray:
    """Look up the shares that a cast loses.

    Args:
        found: what `truth` gave for `all_floors`.
        dtype: number type.
        flushed: subnormal numbers become 0.
        exponent: s of the loss scale 2^s.

    Returns:
        (S, L).

    Raises:
        UsageError: if that floor was not looked at.
    """
    names = floor_names()
    if (dtype, flushed, exponent) not in names:
        raise UsageError(f"{dtype} with loss scale 2^{exponent} is not among the floors looked at")
    return found.lost[names.index((dtype, flushed, exponent))]


_NETS = {
    "activation": tuple(LAWS),
    "width": int,
    "depth": int,
    "batch": int,
    "seeds": int,
    "seed": int,
}


@recomputable(**_NETS, quantity=QUANTITIES)
def typical(
    activation: str, width: int, depth: int, batch: int, seeds: int, seed: int, quantity: str
) -> Result:
    """Estimate bits lost a layer, the first gradient, or the largest loss scale, in float64.

    Args:
        activation: a key of `LAWS`.
        width: units a layer.
        depth: hidden layers.
        batch: examples.
        seeds: number of networks.
        seed: seed of the draws.
        quantity: see `quantity_of`.

    Returns:
        The median with its interval.
    """
    return quantity_of(_truth(activation, Sizes(width, depth, batch, seeds, seed)), quantity)


def _layers(activation: str, sizes: Sizes, dtype: str, exponent: int, by: str) -> np.ndarray:
    found = _truth(activation, sizes)
    if by != "measured":
        return layers_kept(cast_shares(found, dtype, by == "flushed", exponent))
    counts = _measured(activation, sizes, dtype, exponent)
    return layers_kept(lost_shares(counts, found.zero))


@recomputable(**_NETS, dtype=TYPES, exponent=int, by=("cast", "flushed", "measured"))
def layers(
    activation: str,
    width: int,
    depth: int,
    batch: int,
    seeds: int,
    seed: int,
    dtype: str,
    exponent: int,
    by: str,
) -> Result:
    """Estimate how many layers, counted from the output, keep half of their gradient entries.

    Args:
        activation: a key of `LAWS`.
        width: units a layer.
        depth: hidden layers.
        batch: examples.
        seeds: number of networks.
        seed: seed of the draws.
        dtype: number type.
        exponent: s of the loss scale 2^s.
        by: "cast" (the true gradient cast, subnormal numbers kept), "flushed" (dropped) or "measured"
            (both passes run in the type, by XLA on this machine).

    Returns:
        The median with its interval.
    """
    sizes = Sizes(width, depth, batch, seeds, seed)
    return count_of(_layers(activation, sizes, dtype, exponent, by))


@recomputable(**_NETS, exponent=int, by=("cast", "measured", "predicted"))
def saved(
    activation: str,
    width: int,
    depth: int,
    batch: int,
    seeds: int,
    seed: int,
    exponent: int,
    by: str,
) -> Result:
    """Estimate how many layers a loss scale saves in float16.

    Args:
        activation: a key of `LAWS`.
        width: units a layer.
        depth: hidden layers.
        batch: examples.
        seeds: number of networks.
        seed: seed of the draws.
        exponent: s of the loss scale 2^s.
        by: "cast", "measured" (see `layers`) or "predicted" (s divided by the bits lost a layer).

    Returns:
        The median over networks of the difference, with its interval.

    Raises:
        UsageError: without a loss scale.
    """
    if exponent < 1:
        raise UsageError(f"got loss scale 2^{exponent}, expected a power of two above 1")
    sizes = Sizes(width, depth, batch, seeds, seed)
    if by == "predicted":
        return count_of(exponent / bits_a_layer(_truth(activation, sizes).log2_norms))
    ends = (_layers(activation, sizes, "float16", s, by) for s in (0, exponent))
    without, scaled = ends
    return count_of(scaled - without)
