"""How many parameters does a recurrent cell have, by a closed formula?

n units, d inputs a step; every gate has its own rows, and one bias of the gate that keeps the state is
among them:

    simple RNN    n (n + d + 1)          LSTM      4 n (n + d + 1)
    GRU           3 n (n + d + 2)        reset after the product: a second bias; before: n + d + 1
    minimal RNN   n d + 2 n^2 + 2 n      U and V are (n, n), W is (n, d), two biases

Whole numbers only, no JAX. Cost: none.
"""

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable

CELLS = ("rnn", "lstm", "gru", "grubefore", "minimal")
LARGEST = 1_000_000
FORMULAS = {
    "rnn": "n*(n + d + 1)",
    "lstm": "4*n*(n + d + 1)",
    "gru": "3*n*(n + d + 2)",
    "grubefore": "3*n*(n + d + 1)",
    "minimal": "n*(2*n + d + 2)",
}


def count(cell: str, units: int, inputs: int) -> int:
    """Return the number of parameters of a cell, without any layer around it; exact.

    Args:
        cell: one of `CELLS`.
        units: n.
        inputs: d, entries of one step's input.

    Returns:
        The number.

    Raises:
        UsageError: for an unknown cell or a size outside 1 to a million.

    Example:
        >>> count("rnn", 32, 35), count("lstm", 32, 35), count("gru", 32, 35)
        (2176, 8704, 6624)
    """
    for name, size in (("units", units), ("inputs", inputs)):
        if not 1 <= size <= LARGEST:
            raise UsageError(f"got {name}={size}, expected 1 to {LARGEST}")
    plain = units * (units + inputs + 1)
    found = {
        "rnn": plain,
        "lstm": 4 * plain,
        "gru": 3 * (plain + units),
        "grubefore": 3 * plain,
        "minimal": plain + units * (units + 1),
    }
    if cell not in found:
        raise UsageError(f"got cell {cell!r}, expected one of {', '.join(CELLS)}")
    return found[cell]


@recomputable(cell=CELLS, units=int, inputs=int)
def parameters(cell: str, units: int, inputs: int) -> Result:
    """Count the parameters of a cell by its formula.

    Args:
        cell: one of `CELLS`.
        units: n.
        inputs: d.

    Returns:
        The whole number, exact.

    Example:
        >>> parameters("gru", 128, 64).value
        '74496'
    """
    text = FORMULAS[cell].replace("n", str(units)).replace("d", str(inputs))
    return Result(str(count(cell, units, inputs)), exact=text)
