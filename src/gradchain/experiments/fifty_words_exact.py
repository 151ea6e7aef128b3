"""What does the classroom's arithmetic give after many words, exactly? One factor, to a power.

Ball arithmetic, no JAX. Cost: well under a millisecond.
"""

from flint import arb

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain._text import parse, shorten
from gradchain.certify.constants import ball, settled

MOST_WORDS = 100_000
_LARGEST = 100


def _checked(name: str, text: str, words: int) -> None:
    """Refuse what would take long, or says nothing.

    Raises:
        UsageError: a power out of 1 to 100 000, or a number beyond 100 in size.
    """
    if not 1 <= words <= MOST_WORDS:
        raise UsageError(f"got words={words}, expected 1 to {MOST_WORDS}")
    if abs(parse(text)) > _LARGEST:
        raise UsageError(f"got {name}={shorten(text)}, expected at most {_LARGEST} in size")


@recomputable(bias=str, words=int)
def gate_power(bias: str, words: int) -> Result:
    """Compute sigmoid(b)^n: what a gate that stands still at its starting bias keeps after n words.

    Args:
        bias: b, a decimal or a quotient, as text.
        words: n.

    Returns:
        (1 + exp(-b))^-n to 40 digits, with its enclosure.

    Raises:
        UsageError: an argument out of range.

    Example:
        >>> gate_power("5", 50).value[:8]
        '0.714789'
    """
    _checked("bias", bias, words)
    power = bias[1:] if bias.startswith("-") else f"-{bias}"
    return settled(
        lambda: (1 + (-ball(parse(bias))).exp()) ** -words, f"(1 + exp({power}))^-{words}"
    )


@recomputable(x=str, words=int)
def tanh_slope_power(x: str, words: int) -> Result:
    """Compute tanh'(x)^n = sech(x)^(2n): what n equal slopes of tanh leave.

    Args:
        x: the pre-activation, a decimal or a quotient, as text.
        words: n.

    Returns:
        The power to 40 digits, with its enclosure.

    Raises:
        UsageError: an argument out of range.

    Example:
        >>> tanh_slope_power("1", 50).value[:8], tanh_slope_power("1", 50).value[-4:]
        ('1.449231', 'e-19')
    """
    _checked("x", x, words)

    def compute() -> arb:
        return ball(parse(x)).sech() ** (2 * words)

    return settled(compute, f"sech({x})^{2 * words}")
