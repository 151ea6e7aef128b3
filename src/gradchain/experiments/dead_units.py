"""How many ReLU units are switched off before any training? Exact shares, for one input.

Let every kernel's law be unchanged when the signs of its rows are flipped at random (independent
symmetric entries, or orthogonal matrices), every bias 0, and no entry of z 0 unless its input is. Given
an input h != 0 of a layer of n units, the signs of z = W h are then n fair coins, so that

    P(h_l != 0) = (1 - 2^-n)^l                       all n units off: 2^-n a layer
    P(unit of layer l off) = 1 - (1 - 2^-n)^(l-1)/2  1/2 in the first layer, a little more below

The share of pairs (unit, point) that are off has this mean for any set of points other than 0, of any
dependence. It says nothing about units that are off at *every* point. Exact; standard library only.

Reference: the sign argument is that of Hanin, NeurIPS 2018 (arXiv:1801.03744), for ReLU gates; silent
layers: Lu, Shin, Su and Karniadakis, arXiv:1903.06733.
"""

from fractions import Fraction

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable


def off_share(width: int, layer: int) -> Fraction:
    """Return the probability that a unit is off at one point, at the start.

    Args:
        width: units of every hidden layer, n.
        layer: hidden layer, from 1.

    Returns:
        1 - (1 - 2^-n)^(layer - 1)/2.

    Raises:
        UsageError: if a number is not a whole one from 1 to 10000.

    Example:
        >>> off_share(10, 1), off_share(2, 2)
        (Fraction(1, 2), Fraction(5, 8))
    """
    _sizes(width, layer)
    return 1 - (1 - Fraction(1, 2**width)) ** (layer - 1) / 2


def silent_share(width: int, depth: int) -> Fraction:
    """Return the probability that a point's signal dies: some hidden layer is off as a whole.

    Args:
        width: units of every hidden layer, n.
        depth: hidden layers.

    Returns:
        1 - (1 - 2^-n)^depth.

    Raises:
        UsageError: if a number is not a whole one from 1 to 10000.

    Example:
        >>> silent_share(2, 2)
        Fraction(7, 16)
    """
    _sizes(width, depth)
    return 1 - (1 - Fraction(1, 2**width)) ** depth


def _sizes(width: int, layer: int) -> None:
    for name, value in (("width", width), ("layer", layer)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
            raise UsageError(f"got {name} {value!r}, expected a whole number from 1 to 10000")


@recomputable(width=int, layer=int)
def inactive_units(width: int, layer: int) -> Result:
    """Return `off_share` as a number of the registry.

    Args:
        width: units of every hidden layer.
        layer: hidden layer, from 1.

    Returns:
        The exact fraction.
    """
    share = off_share(width, layer)
    return Result(f"{share.numerator}/{share.denominator}", exact=off_text(width, layer))


@recomputable(width=int, depth=int)
def silent_points(width: int, depth: int) -> Result:
    """Return `silent_share` as a number of the registry.

    Args:
        width: units of every hidden layer.
        depth: hidden layers.

    Returns:
        The exact fraction.
    """
    share = silent_share(width, depth)
    text = f"1 - (1 - 1/2^{width})^{depth}"
    return Result(f"{share.numerator}/{share.denominator}", exact=text)


def off_text(width: int, layer: int) -> str:
    """Write `off_share` as a closed form.

    Args:
        width: units of every hidden layer.
        layer: hidden layer, from 1.

    Returns:
        ASCII text.
    """
    return "1/2" if layer == 1 else f"1 - (1 - 1/2^{width})^{layer - 1}/2"
