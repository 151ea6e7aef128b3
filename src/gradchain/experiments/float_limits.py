"""Where does a number type end? Smallest normal, smallest subnormal and largest number, exactly.

With p significant bits and exponents emin to emax: 2^emin, 2^(emin-p+1), (2 - 2^(1-p)) 2^emax.
Reference: IEEE 754-2019, section 3.3. Standard library only; cost: microseconds.
"""

from fractions import Fraction

from gradchain._result import Result, recomputable
from gradchain._text import exact_text
from gradchain.certify.rational import FORMATS, float_format

LIMITS = ("normal", "subnormal", "largest")


@recomputable(dtype=tuple(FORMATS), limit=LIMITS)
def float_limit(dtype: str, limit: str) -> Result:
    """Compute a limit of a number type.

    Args:
        dtype: float16, bfloat16, float32 or float64.
        limit: "normal" (the smallest positive normal number), "subnormal" (the smallest positive
            number) or "largest".

    Returns:
        The exact value.

    Example:
        >>> [float_limit("float16", name).value for name in ("normal", "largest")]
        ['0.00006103515625', '65504']
    """
    form = float_format(dtype)
    if limit == "largest":
        value = (2 - Fraction(2) ** (1 - form.p)) * Fraction(2) ** form.emax
        return Result(exact_text(value), exact=f"(2-2^{1 - form.p})*2^{form.emax}")
    exponent = form.emin if limit == "normal" else form.emin - form.p + 1
    return Result(exact_text(Fraction(2) ** exponent), exact=f"2^({exponent})")
