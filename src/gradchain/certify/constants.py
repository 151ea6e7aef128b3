"""Constants of the subject, enclosed by ball arithmetic and given to 40 digits.

Which questions it answers: from which x on does a sigmoid equal 1 in a float type, where has its
slope fallen to 1 % of its maximum, what is the chance level of a cross-entropy, what is the limit
of the product of 1 - 2^-k, what are the constants of selu, of truncated normal draws, and of the
spectral norm of a random matrix? Each function returns a value rounded half to even from a proved
enclosure, and the enclosure rounded outward. Cost: well under a millisecond each. Reference: F.
Johansson, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic, IEEE
Transactions on Computers 66 (2017).
"""

import math
from collections.abc import Callable
from fractions import Fraction

from flint import arb, ctx, fmpq, fmpz

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain._text import exact_text, outward, parse, rounded_text, shorten
from gradchain.certify.balls import bounds
from gradchain.certify.rational import FORMATS, float_format

DIGITS = 40
MAX_BITS = 4096


def settled(compute: Callable[[], arb], exact: str | None = None, digits: int = DIGITS) -> Result:
    """Compute at growing precision until the value is settled to the digits asked for.

    Args:
        compute: returns a ball; called again at each precision.
        exact: the closed form, as ASCII.
        digits: significant digits of value and enclosure.

    Returns:
        The value rounded half to even, and its enclosure rounded outward.

    Raises:
        UsageError: 4096 bits do not settle it.
        CertificationError: the value is outside 10^-999 700 to 10^999 700.
    """
    bits = 256
    while bits <= MAX_BITS:
        with ctx.workprec(bits):
            found = compute()
            low, high = bounds(found) if found.is_finite() else (Fraction(-1), Fraction(1))
        value = rounded_text(low, digits)
        if value == rounded_text(high, digits):
            return Result(value=value, enclosure=outward(low, high, digits), exact=exact)
        bits *= 2
    raise UsageError(
        "the value is not settled at 4096 bits; ask for fewer digits or a less extreme argument"
    )


def ball(value: Fraction) -> arb:
    """Return an exact fraction as a ball, at the current precision.

    Args:
        value: the fraction.

    Returns:
        A ball that holds it.
    """
    return arb(fmpq(fmpz(value.numerator), fmpz(value.denominator)))


def _positive(text: str, name: str) -> Fraction:
    """Return the exact value of an argument that must be positive.

    Raises:
        UsageError: it is not.
    """
    value = parse(text)
    if value <= 0:
        raise UsageError(f"{name} {shorten(text)} must be positive")
    return value


def _share(text: str) -> Fraction:
    """Return a share, strictly between 0 and 1.

    Raises:
        UsageError: it is not.
    """
    value = parse(text)
    if not 0 < value < 1:
        raise UsageError(f"share {shorten(text)} must lie between 0 and 1, both excluded")
    return value


@recomputable(of=str)
def logarithm(of: str) -> Result:
    """Compute the natural logarithm of a positive rational number.

    Args:
        of: a decimal or a quotient, as text.

    Returns:
        log(of) to 40 digits, with its enclosure.

    Raises:
        UsageError: not positive.

    Example:
        >>> logarithm("2").value
        '0.6931471805599453094172321214581765680755'
    """
    value = _positive(of, "argument")
    return settled(lambda: ball(value).log(), f"log({of})")


@recomputable(of=str)
def decimal_logarithm(of: str) -> Result:
    """Compute the logarithm to base 10 of a positive rational number.

    Args:
        of: a decimal or a quotient, as text.

    Returns:
        log10(of) to 40 digits, with its enclosure.

    Raises:
        UsageError: not positive.

    Example:
        >>> decimal_logarithm("4").value[:8]
        '0.602059'
    """
    value = _positive(of, "argument")
    return settled(lambda: ball(value).log() / arb(10).log(), f"log10({of})")


@recomputable(dtype=tuple(FORMATS))
def sigmoid_one(dtype: str) -> Result:
    """Find the smallest x from which 1/(1 + exp(-x)) is exactly 1 in a float type.

    1 + e rounds to 1 (half to even) exactly if e <= 2^-p, half the spacing above 1, where p is the
    precision. So exp(-x) <= 2^-p, that is x >= p*log(2). exp itself is taken as exact.

    Args:
        dtype: the float type.

    Returns:
        p*log(2) to 40 digits, with its enclosure.

    Example:
        >>> sigmoid_one("float32").value[:7]
        '16.6355'
    """
    p = float_format(dtype).p
    return settled(lambda: p * arb(2).log(), f"{p}*log(2)")


@recomputable(dtype=tuple(FORMATS))
def tanh_one(dtype: str) -> Result:
    """Find the smallest x from which a correctly rounded tanh(x) is exactly 1 in a float type.

    1 - e rounds to 1 (half to even) exactly if e <= 2^-(p+1), half the spacing below 1. With
    1 - tanh(x) = 2/(exp(2x) + 1) that is x >= log(2^(p+2) - 1)/2.

    Args:
        dtype: the float type.

    Returns:
        log(2^(p+2) - 1)/2 to 40 digits, with its enclosure.

    Example:
        >>> tanh_one("float32").value[:6]
        '9.0109'
    """
    p = float_format(dtype).p
    return settled(lambda: arb(2 ** (p + 2) - 1).log() / 2, f"log(2^{p + 2} - 1)/2")


def _inverse_root(share: Fraction) -> tuple[Callable[[], arb], str]:
    """Return 1/sqrt(share) as a ball, and its closed form as ASCII."""
    inverse = 1 / share
    top, bottom = math.isqrt(inverse.numerator), math.isqrt(inverse.denominator)
    if top**2 == inverse.numerator and bottom**2 == inverse.denominator:
        root = Fraction(top, bottom)
        return lambda: ball(root), exact_text(root)
    return lambda: ball(inverse).sqrt(), f"sqrt({exact_text(inverse)})"


@recomputable(share=str)
def sigmoid_slope_share(share: str) -> Result:
    """Find the |x| at which the sigmoid's slope has fallen to a share of its maximum 1/4.

    sigmoid'(x) = sech(x/2)^2 / 4, so sech(x/2)^2 = s gives x = 2*acosh(1/sqrt(s)).

    Args:
        share: the share s, 0 < s < 1.

    Returns:
        2*acosh(1/sqrt(s)) to 40 digits, with its enclosure.

    Raises:
        UsageError: the share is not between 0 and 1.

    Example:
        >>> result = sigmoid_slope_share("1/100")
        >>> result.exact, result.value[:7]
        ('2*acosh(10)', '5.98644')
    """
    root, text = _inverse_root(_share(share))
    return settled(lambda: 2 * root().acosh(), f"2*acosh({text})")


@recomputable(share=str)
def tanh_slope_share(share: str) -> Result:
    """Find the |x| at which the slope of tanh has fallen to a share of its maximum 1.

    tanh'(x) = sech(x)^2, so x = acosh(1/sqrt(s)).

    Args:
        share: the share s, 0 < s < 1.

    Returns:
        acosh(1/sqrt(s)) to 40 digits, with its enclosure.

    Raises:
        UsageError: the share is not between 0 and 1.
    """
    root, text = _inverse_root(_share(share))
    return settled(lambda: root().acosh(), f"acosh({text})")


@recomputable(x=str)
def sigmoid_derivative(x: str) -> Result:
    """Compute sigmoid'(x) = sech(x/2)^2 / 4 at a rational x.

    Args:
        x: a decimal or a quotient, as text.

    Returns:
        The slope to 40 digits, with its enclosure.

    Example:
        >>> sigmoid_derivative("1").value[:16]
        '0.19661193324148'
    """
    value = parse(x)
    return settled(lambda: (ball(value) / 2).sech() ** 2 / 4, f"sech({x}/2)^2/4")


@recomputable(x=str)
def tanh_derivative(x: str) -> Result:
    """Compute tanh'(x) = sech(x)^2 at a rational x.

    Args:
        x: a decimal or a quotient, as text.

    Returns:
        The slope to 40 digits, with its enclosure.

    Example:
        >>> tanh_derivative("1").value[:16]
        '0.41997434161402'
    """
    value = parse(x)
    return settled(lambda: ball(value).sech() ** 2, f"sech({x})^2")


@recomputable()
def half_product_limit() -> Result:
    """Enclose the limit of (1 - 1/2)(1 - 1/4)(1 - 1/8)..., which is not 0.

    The first N factors are multiplied exactly; the others lie between 1 - 2^-N and 1, because
    1 >= prod(1 - a_k) >= 1 - sum(a_k) and the sum of 2^-k for k > N is 2^-N.

    Returns:
        The limit to 40 digits, with its enclosure.

    Example:
        >>> half_product_limit().value[:14]
        '0.288788095086'
    """
    terms = 200
    top = math.prod(2**k - 1 for k in range(1, terms + 1))
    head = Fraction(top, 2 ** (terms * (terms + 1) // 2))
    low, high = head * (1 - Fraction(1, 2**terms)), head
    return Result(value=rounded_text(high, DIGITS), enclosure=outward(low, high, DIGITS))


@recomputable(variance=str, ratio=str)
def spectral_edge(variance: str, ratio: str) -> Result:
    """Compute the limit of ||W||_2 as the width grows: s*(1 + sqrt(fan_out/fan_in)).

    Args:
        variance: s^2 = fan_in times the variance of an entry.
        ratio: fan_out/fan_in.

    Returns:
        The limit to 40 digits with its enclosure; exact text where it is rational.

    Raises:
        UsageError: an argument is not positive.

    Reference: Bai and Yin, Annals of Probability 21 (1993).

    Example:
        >>> spectral_edge("1", "1").value, spectral_edge("2", "1").exact
        ('2', 'sqrt(2)*(1 + sqrt(1))')
    """
    s2, c = _positive(variance, "variance"), _positive(ratio, "ratio")
    closed = f"sqrt({variance})*(1 + sqrt({ratio}))"
    roots = [_rational_root(value) for value in (s2, c)]
    if roots[0] is not None and roots[1] is not None:
        return Result(value=exact_text(roots[0] * (1 + roots[1])), exact=closed)
    return settled(lambda: ball(s2).sqrt() * (1 + ball(c).sqrt()), closed)


def _rational_root(value: Fraction) -> Fraction | None:
    """Return the square root of a fraction where it is rational."""
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    return root if root * root == value else None


@recomputable(cut=str)
def truncated_normal_std(cut: str) -> Result:
    """Compute the standard deviation of N(0, 1) cut off at -c and c.

    Args:
        cut: c > 0; 2 in `jax.nn.initializers.truncated_normal` and Keras.

    Returns:
        sqrt(1 - 2*c*pdf(c)/(2*Phi(c) - 1)) to 40 digits, with its enclosure.

    Raises:
        UsageError: the cut is not positive.

    Example:
        >>> truncated_normal_std("2").value[:12]
        '0.8796256610'
    """
    c = _positive(cut, "cut")

    def compute() -> arb:
        x = ball(c)
        density = (-x * x / 2).exp() / (2 * arb.pi()).sqrt()
        return (1 - 2 * x * density / (x / arb(2).sqrt()).erf()).sqrt()

    return settled(compute, f"sqrt(1 - 2*{cut}*pdf({cut})/(2*Phi({cut}) - 1))")


@recomputable(name=("alpha", "lambda"))
def selu_constant(name: str) -> Result:
    """Compute a constant of selu, from the condition that N(0, 1) keeps mean 0 and variance 1.

    alpha = -E[max(Z, 0)] / E[min(exp(Z) - 1, 0)] and lambda = E[selu(Z)^2 / lambda^2]^(-1/2).

    Args:
        name: `alpha` or `lambda`.

    Returns:
        The constant to 40 digits, with its enclosure.

    Reference: Klambauer, Unterthiner, Mayr, Hochreiter, NeurIPS 2017, arXiv:1706.02515.

    Example:
        >>> selu_constant("alpha").value[:8], selu_constant("lambda").value[:8]
        ('1.673263', '1.050700')
    """

    def alpha() -> arb:
        # E[Z; Z > 0] = 1/sqrt(2 pi); E[exp(Z) - 1; Z < 0] = exp(1/2) Phi(-1) - 1/2.
        return 1 / (2 * arb.pi()).sqrt() / (arb(1) / 2 - (arb(1) / 2).exp() * _tail(1))

    def scale() -> arb:
        # E[Z^2; Z > 0] = 1/2; E[(exp(Z) - 1)^2; Z < 0] = e^2 Phi(-2) - 2 e^(1/2) Phi(-1) + 1/2.
        below = arb(2).exp() * _tail(2) - 2 * (arb(1) / 2).exp() * _tail(1) + arb(1) / 2
        return 1 / (arb(1) / 2 + alpha() ** 2 * below).sqrt()

    if name == "alpha":
        return settled(alpha, "1/sqrt(2*pi)/(1/2 - exp(1/2)*Phi(-1))")
    closed = "1/sqrt(1/2 + alpha^2*(exp(2)*Phi(-2) - 2*exp(1/2)*Phi(-1) + 1/2))"
    return settled(scale, closed)


def _tail(x: int) -> arb:
    """Return Phi(-x), the normal law's tail."""
    return (arb(x) / arb(2).sqrt()).erfc() / 2
