"""How steep can each activation be, where, and why do we believe it?

The table `FACTS` holds, for the twenty activations, the supremum and the infimum of phi' over the
whole real line, where they are attained, the slope taken at kinks, and what backs each statement.
Suprema are exact where they are rational or algebraic and otherwise enclosures of 36 decimals,
rounded outward; `gradchain.certify.derivatives` recomputes them, and a test holds one against the
other. A kink is a point where phi is not differentiable; a joint is a point where its formula
changes (every kink is one; elu, celu and softsign are joined so that a slope exists there).
Slopes at kinks follow `jax.nn`. Standard library only: reading a fact costs nothing.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import isfinite

from gradchain._errors import ActivationError
from gradchain._text import shorten
from gradchain.certify.formulas import FORMULAS

# The constants of selu: with them N(0, 1) is a fixed point of mean and variance (Klambauer et al.,
# 2017, equation 14, as closed forms in erfc). jax.nn holds the same numbers to 32 digits.
SELU_LAMBDA = "1.050700987355480493419334985294606351"
SELU_ALPHA = "1.673263242354377284817042991671652038"


@dataclass(frozen=True)
class Fact:
    """What is known of an activation's derivative, with where it holds and what backs it.

    Enclosures are pairs of decimal texts (low, high), rounded outward; equal ends mean exact.
    `kind` is "exact" (rational or closed form) or "certified" (enclosure by ball arithmetic).
    `attained` speaks of the supremum of |phi'| as a true derivative: a convention at a kink does
    not count.
    """

    name: str
    sup_exact: str | None
    sup_enclosure: tuple[str, str]
    attained_at: str
    attained: bool
    theorem: str
    kind: str = "exact"
    argmax_enclosure: tuple[str, str] | None = None
    inf_exact: str | None = "0"
    inf_enclosure: tuple[str, str] = ("0", "0")
    inf_at: str = "x -> +inf and x -> -inf"
    inf_attained: bool = False
    kinks: tuple[float, ...] = ()
    kink_slopes: tuple[float, ...] = ()
    kink_convention: str = "none needed: differentiable everywhere"
    joints: tuple[float, ...] = ()
    parameters: tuple[tuple[str, float], ...] = ()
    note: str = ""
    formula: str = field(init=False)
    formula_latex: str = field(init=False)
    derivative: str = field(init=False)
    derivative_latex: str = field(init=False)

    def __post_init__(self) -> None:
        """Attach the formulas of the same name."""
        names = ("formula", "formula_latex", "derivative", "derivative_latex")
        for name, text in zip(names, FORMULAS[self.name], strict=True):
            object.__setattr__(self, name, text)


_ONE = ("1", "1")
_GELU = ("1.128904145185154786340744442261973312", "1.128904145185154786340744442261973313")
_GELU_INF = ("-0.128904145185154786340744442261973313", "-0.128904145185154786340744442261973312")
_SYMMETRY = "phi'(x) + phi'(-x) = 1, so the infimum is 1 minus the supremum."

_TABLE = (
    Fact("sigmoid", "1/4", ("0.25", "0.25"), "0", True, "T01b", argmax_enclosure=("0", "0"),
         note="Equality at 0 and nowhere else, so phi' <= 1/4 and not phi' < 1/4."),
    Fact("tanh", "1", _ONE, "0", True, "T02b", argmax_enclosure=("0", "0"),
         note="tanh'(x) = 4*sigmoid'(2*x)."),
    Fact("relu", "1", _ONE, "x > 0", True, "T05a", inf_at="x < 0", inf_attained=True,
         kinks=(0.0,), kink_slopes=(0.0,), joints=(0.0,),
         kink_convention="slope 0 at 0 (jax.nn.relu); plain max(x, 0) in JAX gives 0.5"),
    Fact("leaky_relu", "1", _ONE, "x > 0", True, "T05b", parameters=(("negative_slope", 0.01),),
         inf_exact="1/100", inf_enclosure=("0.01", "0.01"), inf_at="x < 0", inf_attained=True,
         kinks=(0.0,), kink_slopes=(1.0,), joints=(0.0,),
         kink_convention="slope 1 at 0: the positive side (jax.nn.leaky_relu)"),
    Fact("prelu", "1", _ONE, "x > 0", True, "T05b", parameters=(("negative_slope", 0.25),),
         inf_exact="1/4", inf_enclosure=("0.25", "0.25"), inf_at="x < 0", inf_attained=True,
         kinks=(0.0,), kink_slopes=(1.0,), joints=(0.0,),
         kink_convention="slope 1 at 0: the positive side, as leaky_relu",
         note="At the starting slope a = 1/4; a is trained, and the supremum is max(1, |a|)."),
    Fact("elu", "1", _ONE, "x >= 0", True, "T05c", parameters=(("alpha", 1.0),),
         inf_at="x -> -inf", joints=(0.0,)),
    Fact("selu", "lambda*alpha",
         ("1.758099340847376859940217520812279577", "1.758099340847376859940217520812279578"),
         "x -> 0-", False, "T05e", inf_at="x -> -inf",
         kinks=(0.0,), kink_slopes=(1.7580993408473768,), joints=(0.0,),
         kink_convention="slope lambda*alpha at 0: the negative side (jax.nn.selu)",
         note="The left limit lambda*alpha exceeds the slope lambda = 1.0507... of the right side; "
         "it is met at 0 only by the convention there."),
    Fact("celu", "1", _ONE, "x >= 0", True, "T05d", parameters=(("alpha", 1.0),),
         inf_at="x -> -inf", joints=(0.0,), note="The same for every alpha > 0."),
    Fact("gelu", "1/2 + erf(1)/2 + exp(-1)/sqrt(pi)", _GELU, "sqrt(2)", True, "T06f", "certified",
         ("1.414213562373095048801688724209698078", "1.414213562373095048801688724209698079"),
         "1/2 - erf(1)/2 - exp(-1)/sqrt(pi)", _GELU_INF, "-sqrt(2)", True,
         note="The exact (erf) form. " + _SYMMETRY),
    Fact("gelu_tanh", None,
         ("1.128993068658771765455904470399553845", "1.128993068658771765455904470399553846"),
         "1.41850400879082835554803354559964", True, "T11b", "certified",
         ("1.418504008790828355548033545599642697", "1.418504008790828355548033545599642698"), None,
         ("-0.128993068658771765455904470399553846", "-0.128993068658771765455904470399553845"),
         "-1.41850400879082835554803354559964", True,
         note="The tanh form, which jax.nn.gelu computes by default. " + _SYMMETRY),
    Fact("silu", None,
         ("1.099839320128866916958184924320570972", "1.099839320128866916958184924320570973"),
         "2.39935728051546766783273969728228", True, "T06c", "certified",
         ("2.399357280515467667832739697282283888", "2.399357280515467667832739697282283889"), None,
         ("-0.099839320128866916958184924320570973", "-0.099839320128866916958184924320570972"),
         "-2.39935728051546766783273969728228", True,
         note="At the root of x*tanh(x/2) = 2, where phi' = (x + 2)/4; the same supremum for every "
         "swish x*sigmoid(beta*x). " + _SYMMETRY),
    Fact("mish", None,
         ("1.088498161251727861228293627392125787", "1.088498161251727861228293627392125788"),
         "1.49057117948542845929441890819791", True, "T11c", "certified",
         ("1.490571179485428459294418908197909821", "1.490571179485428459294418908197909822"), None,
         ("-0.112526122389462556407327901148553463", "-0.112526122389462556407327901148553462"),
         "-2.25637639636079312000574854395016", True),
    Fact("softplus", "1", _ONE, "x -> +inf", False, "T02e", inf_at="x -> -inf",
         note="phi' = sigmoid < 1 at every finite x."),
    Fact("softsign", "1", _ONE, "0", True, "T11e", argmax_enclosure=("0", "0"), joints=(0.0,)),
    Fact("erf", "2/sqrt(pi)",
         ("1.128379167095512573896158903121545171", "1.128379167095512573896158903121545172"),
         "0", True, "T11a", argmax_enclosure=("0", "0")),
    Fact("sin", "1", _ONE, "k*pi for every integer k", True, "T11e", inf_exact="-1",
         inf_enclosure=("-1", "-1"), inf_at="(2*k + 1)*pi for every integer k", inf_attained=True),
    Fact("hard_tanh", "1", _ONE, "|x| < 1", True, "T05f", inf_at="|x| > 1", inf_attained=True,
         kinks=(-1.0, 1.0), kink_slopes=(1.0, 1.0), joints=(-1.0, 1.0),
         kink_convention="slope 1 at -1 and at 1: the inside (jax.nn.hard_tanh); "
         "jnp.clip gives 0.5"),
    Fact("hard_sigmoid", "1/6",
         ("0.166666666666666666666666666666666666", "0.166666666666666666666666666666666667"),
         "|x| < 3", True, "T05g", inf_at="|x| > 3", inf_attained=True,
         kinks=(-3.0, 3.0), kink_slopes=(0.0, 0.0), joints=(-3.0, 3.0),
         kink_convention="slope 0 at -3 and at 3: the outside (jax.nn.hard_sigmoid)",
         note="relu6(x + 3)/6, as in JAX, PyTorch and Keras 3; Keras 1 and 2 had slope 1/5."),
    Fact("hard_silu", "3/2", ("1.5", "1.5"), "x -> 3-", False, "T05h", inf_exact="-1/2",
         inf_enclosure=("-0.5", "-0.5"), inf_at="x -> -3+",
         kinks=(-3.0, 3.0), kink_slopes=(0.0, 1.0), joints=(-3.0, 3.0),
         kink_convention="slope 0 at -3 and 1 at 3: the outside (jax.nn.hard_silu)"),
    Fact("identity", "1", _ONE, "every x", True, "T11e", inf_exact="1", inf_enclosure=_ONE,
         inf_at="every x", inf_attained=True),
)  # fmt: skip

FACTS: dict[str, Fact] = {fact.name: fact for fact in _TABLE}
NAMES: tuple[str, ...] = tuple(FACTS)


def fact(name: str, parameter: float | int | None = None) -> Fact:
    """Return the facts of an activation, for another parameter if one is given.

    The supremum of |phi'| is max(1, |a|) for leaky_relu and prelu with negative slope a,
    max(1, alpha) for elu with alpha >= 0, and 1 for celu with alpha > 0: exact. A parameter is read
    as the decimal that Python prints for it (0.2 is 1/5). Cost O(1).

    Args:
        name: one of `NAMES`.
        parameter: negative slope or alpha; None means the default.

    Returns:
        The table's entry, or one derived from it.

    Raises:
        ActivationError: unknown name, a parameter for an activation that has none, or one out of
            range.

    Example:
        >>> fact("leaky_relu", -3.0).sup_exact
        '3'
        >>> fact("elu", 2.0).attained_at
        'x -> 0-'
    """
    if name not in FACTS:
        raise ActivationError(f"unknown activation {shorten(name)}; known are {', '.join(NAMES)}.")
    base = FACTS[name]
    if parameter is None or (base.parameters and parameter == base.parameters[0][1]):
        return base
    if not base.parameters:
        raise ActivationError(f"{name} has no parameter, got {parameter!r}; leave it out.")
    label = base.parameters[0][0]
    if not isfinite(parameter):
        raise ActivationError(f"{label} of {name} must be finite, got {parameter!r}.")
    if name == "celu":
        if parameter <= 0:
            raise ActivationError(f"alpha of celu must be positive, got {parameter!r}.")
        return replace(base, parameters=((label, float(parameter)),))
    derived = _elu if name == "elu" else _leaky
    return derived(base, float(parameter))


def _decimal_text(value: float) -> str:
    # The decimal that Python prints, without exponent: enclosures are plain decimals.
    text = f"{Decimal(repr(float(value))):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _leaky(base: Fact, slope: float) -> Fact:
    parameters = ((base.parameters[0][0], slope),)
    if slope == 1:  # the identity: no kink is left
        return replace(
            FACTS["identity"], name=base.name, theorem=base.theorem, parameters=parameters
        )
    steep = abs(slope) > 1
    sup = _decimal_text(abs(slope)) if steep else "1"
    low = _decimal_text(min(1.0, slope))
    return replace(
        base,
        parameters=parameters,
        sup_exact=sup,
        sup_enclosure=(sup, sup),
        attained_at="x < 0" if steep else "x != 0" if slope == -1 else "x > 0",
        inf_exact=low,
        inf_enclosure=(low, low),
        inf_at="x > 0" if slope > 1 else "x < 0",
        note="",
    )


def _elu(base: Fact, alpha: float) -> Fact:
    if alpha < 0:
        raise ActivationError(f"alpha of elu must not be negative, got {alpha!r}.")
    steep = alpha > 1
    sup = _decimal_text(alpha) if steep else "1"
    return replace(
        base,
        parameters=((base.parameters[0][0], alpha),),
        sup_exact=sup,
        sup_enclosure=(sup, sup),
        attained_at="x -> 0-" if steep else "x > 0",
        attained=not steep,
        inf_at="x < 0" if alpha == 0 else "x -> -inf",
        inf_attained=alpha == 0,
        kinks=(0.0,),
        kink_slopes=(alpha,),
        kink_convention="slope alpha at 0: the negative side (jax.nn.elu)",
    )
