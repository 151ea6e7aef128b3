"""How large is the error signal at the output of a network that is sure and wrong? Closed forms.

For one example of class y = 1 and the last layer's linear output z, p = 1/(1 + exp(-z)):

    output, loss                       E                      |dE/dz|
    sigmoid, cross-entropy             -log p                 1 - p
    sigmoid, squared error             (p - 1)^2              2 (1 - p)^2 p
    linear, squared error              (z - 1)^2              2 |z - 1|
    softmax, cross-entropy             -log p                 1 - p   (z is the difference of the logits;
                                                              the other logit gets the opposite)
    sigmoid, cross-entropy of the      -log clip(p)           1 - p, and exactly 0 where p < 1e-7
    probability clipped as Keras does

The other class is the mirror image. Every layer's gradient is linear in dE/dz, so for one example and
one output all layers' gradients are multiplied by the same number. Exact or certified; microseconds.

Reference: Rumelhart, Hinton, Williams, Nature 323 (1986); Nielsen, Neural Networks and Deep Learning
(2015), ch. 3.
"""

from fractions import Fraction

from flint import arb

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain._text import exact_text, parse, shorten
from gradchain.certify.constants import ball, settled

HEADS = ("sigmoid_ce", "sigmoid_mse", "linear_mse", "softmax_ce", "keras_bce")
CLIP = Fraction(1, 10**7)
_LARGEST = 10_000


def _logit(text: str) -> Fraction:
    """Return a logit.

    Raises:
        UsageError: if it is beyond 10 000.
    """
    value = parse(text)
    if abs(value) > _LARGEST:
        raise UsageError(f"got logit {shorten(text)}, expected -{_LARGEST} to {_LARGEST}")
    return value


def _exact(value: Fraction) -> Result:
    return Result(exact_text(value), exact=exact_text(value))


@recomputable(head=HEADS, logit=str)
def error_signal(head: str, logit: str) -> Result:
    """Compute |dE/dz| for one example of class 1.

    Args:
        head: output and loss, see the module's text.
        logit: z, as text.

    Returns:
        The size; exact where it is rational, else to 40 digits with its enclosure.

    Raises:
        UsageError: if the logit is beyond 10 000.

    Example:
        >>> [error_signal(head, "-10").value[:8] for head in HEADS[:3]]
        ['0.999954', '0.000090', '22']
    """
    z = _logit(logit)
    if head == "linear_mse":
        return _exact(2 * abs(z - 1))
    if z == 0:
        return _exact(Fraction(1, 4) if head == "sigmoid_mse" else Fraction(1, 2))
    if head == "keras_bce" and _clipped(z):
        return _exact(Fraction(0))
    x = exact_text(z)
    if head == "sigmoid_mse":
        return settled(
            lambda: 2 * ball(z).exp() / (1 + ball(z).exp()) ** 3, f"2*exp({x})/(1+exp({x}))^3"
        )
    return settled(lambda: 1 / (1 + ball(z).exp()), f"1/(1+exp({x}))")


def _clipped(z: Fraction) -> bool:
    """Say whether Keras clips the probability of this logit, on either side."""
    edge = settled(lambda: (1 / ball(CLIP) - 1).log()).enclosure
    return edge is not None and abs(z) > parse(edge[1])


@recomputable(quantity=("signal", "probability"))
def largest_squared_signal(quantity: str) -> Result:
    """Give the largest error signal that sigmoid with squared error can send, or where it does.

    d/dp 2 (1-p)^2 p = 2 (1-p) (1-3p), so the top is at p = 1/3.

    Args:
        quantity: "signal" (8/27) or "probability" (1/3).

    Returns:
        The exact value.

    Example:
        >>> largest_squared_signal("signal").value
        '8/27'
    """
    p = Fraction(1, 3)
    return _exact(p if quantity == "probability" else 2 * (1 - p) ** 2 * p)


@recomputable(logit=str)
def advantage(logit: str) -> Result:
    """Compute how much more gradient cross-entropy sends than squared error, both on a sigmoid.

    (1 - p) / (2 (1-p)^2 p) = 1/(2 p (1-p)) = 2 cosh(z/2)^2, for every layer, whatever the class.

    Args:
        logit: z, as text.

    Returns:
        The factor to 40 digits with its enclosure; exactly 2 at z = 0, its least value.

    Raises:
        UsageError: if the logit is beyond 10 000.

    Example:
        >>> advantage("0").value, advantage("-10").value[:7]
        ('2', '11014.2')
    """
    z = _logit(logit)
    if z == 0:
        return _exact(Fraction(2))
    return settled(lambda: 2 * (ball(z) / 2).cosh() ** 2, f"2*cosh({exact_text(z)}/2)^2")


@recomputable()
def clip_edge() -> Result:
    """Compute the |z| beyond which Keras' clipped cross-entropy has gradient exactly 0.

    p = 1e-7 at z = -log(1e7 - 1); beyond, clip(p) is a constant.

    Returns:
        log(1e7 - 1) to 40 digits with its enclosure.

    Example:
        >>> clip_edge().value[:7]
        '16.1180'
    """
    return settled(lambda: arb(10**7 - 1).log(), "log(10^7-1)")


@recomputable(head=HEADS[:4], logit=str)
def recovery_time(head: str, logit: str) -> Result:
    """Compute how long gradient flow on the logit alone needs to turn a wrong answer.

    dz/dt = -dE/dz from z0 < 0 to the point of no decision: z = 0, for the linear output z = 1/2.

        sigmoid, cross-entropy   1 - z0 - exp(z0)
        softmax, cross-entropy   half of that: both logits move
        sigmoid, squared error   (exp(-z0) - 3 z0 - 3 exp(z0) - exp(2 z0)/2)/2 + 5/4
        linear, squared error    log(2 (1 - z0))/2

    One step of gradient descent with learning rate r is a time r.

    Args:
        head: output and loss.
        logit: z0, negative, as text.

    Returns:
        The time to 40 digits with its enclosure.

    Raises:
        UsageError: if the logit is not negative, or beyond 10 000.

    Example:
        >>> [recovery_time(h, "-10").value[:7] for h in ("sigmoid_ce", "sigmoid_mse", "linear_mse")]
        ['10.9999', '11029.4', '1.54552']
    """
    z = _logit(logit)
    if z >= 0:
        raise UsageError(f"got logit {shorten(logit)}, expected a negative one: a wrong answer")
    x = exact_text(z)
    if head == "linear_mse":
        return settled(lambda: ball(2 * (1 - z)).log() / 2, f"log({exact_text(2 * (1 - z))})/2")
    if head == "sigmoid_mse":
        return settled(
            lambda: (
                ((-ball(z)).exp() - 3 * ball(z) - 3 * ball(z).exp() - (2 * ball(z)).exp() / 2) / 2
                + ball(Fraction(5, 4))
            ),
            f"(exp({exact_text(-z)})-3*({x})-3*exp({x})-exp({exact_text(2 * z)})/2)/2+5/4",
        )
    if head == "softmax_ce":
        return settled(lambda: (1 - ball(z) - ball(z).exp()) / 2, f"(1-({x})-exp({x}))/2")
    return settled(lambda: 1 - ball(z) - ball(z).exp(), f"1-({x})-exp({x})")
