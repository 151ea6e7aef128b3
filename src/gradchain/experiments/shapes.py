"""Which networks, deep and narrow or shallow and wide, have the same number of parameters?

A network of L hidden layers of n units with d inputs and k outputs has

    n (d + 1) + (L - 1) n (n + 1) + k (n + 1)

weights and biases. Exact; standard library only.
"""


def parameters(depth: int, units: int, inputs: int = 2, outputs: int = 1) -> int:
    """Count weights and biases.

    Args:
        depth: hidden layers.
        units: of each.
        inputs: entries of a point.
        outputs: entries of an answer.

    Returns:
        How many.

    Example:
        >>> parameters(1, 119), parameters(24, 4)
        (477, 477)
    """
    return units * (inputs + 1) + (depth - 1) * units * (units + 1) + outputs * (units + 1)


def width_for(depth: int, wanted: int, inputs: int = 2, outputs: int = 1) -> int:
    """Return the width whose network comes nearest to a number of parameters.

    Args:
        depth: hidden layers.
        wanted: parameters.
        inputs: entries of a point.
        outputs: entries of an answer.

    Returns:
        Units a layer, at least 1.

    Example:
        >>> [width_for(depth, 477) for depth in (1, 3, 9, 24)]
        [119, 14, 7, 4]
    """
    widths = range(1, max(2, wanted))
    return min(widths, key=lambda n: abs(parameters(depth, n, inputs, outputs) - wanted))
