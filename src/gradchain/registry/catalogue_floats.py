"""Drafts of the numbers about float types: the depth at which a product becomes exactly zero."""

from gradchain.registry.catalogue_chains import FACTORS, decimal
from gradchain.registry.draft import Draft
from gradchain.registry.grammar import DTYPES
from gradchain.registry.record import How

_RATIONAL = "gradchain.certify.rational"
_CONSTANTS = "gradchain.certify.constants"
_GRADUAL = (
    "The product is taken factor by factor in {dtype}, rounded half to even after every step, with "
    "gradual underflow (subnormal numbers kept), as NumPy does."
)
_FLUSHED = (
    "The product is taken factor by factor by XLA on a CPU, which replaces subnormal results by "
    "zero in float32 and float64, and computes float16 and bfloat16 in float32."
)


def underflows() -> list[Draft]:
    """Draft the number of equal factors after which a running product is exactly zero.

    Returns:
        Gradual and flushed, for the factors 0.1, 0.25 and 0.5, and flushed for 0.9 where the
        product reaches zero at all.
    """
    drafts = []
    for name in ("tenth", "quarter", "half"):
        for dtype in DTYPES:
            drafts += [_underflow(name, dtype, True), _underflow(name, dtype, False)]
    # In float16 XLA keeps subnormal numbers too, so there 0.9 never reaches zero.
    drafts += [_underflow("ninetenths", dtype, False) for dtype in DTYPES if dtype != "float16"]
    return drafts


def _underflow_theorem(name: str, dtype: str, gradual: bool) -> str | None:
    """Return the theorem that states the depth; there is one for quarters only."""
    if name != "quarter":
        return None
    if gradual or dtype == "float16":  # there XLA keeps subnormal numbers
        return "T12e"
    return "T12d" if dtype == "bfloat16" else "T12f"


def _underflow(name: str, dtype: str, gradual: bool) -> Draft:
    """Return the draft of one factor and one type."""
    factor = FACTORS[name]
    share = decimal(factor)
    where = "gradual underflow" if gradual else "subnormal numbers flushed (XLA on a CPU)"
    rounds = "" if name in {"quarter", "half"} else f" The factor itself is {share} rounded to "
    return Draft(
        key=f"underflow.{'' if gradual else 'flushed.'}{name}.{dtype}",
        theorem=_underflow_theorem(name, dtype, gradual),
        how=How.of(f"{_RATIONAL}.underflow_depth", factor=factor, dtype=dtype, gradual=gradual),
        statement=f"After {{value}} factors {share} a product in {dtype} is exactly zero, with "
        f"{where}.",
        conditions=(_GRADUAL.format(dtype=dtype) if gradual else _FLUSHED)
        + (f"{rounds}{dtype}." if rounds else ""),
        exact=f"min{{n : fl(({factor})^n) = 0}}",
        formula_text=f"min{{n : fl(({factor})^n) = 0}}",
        formula_latex=f"\\min\\{{n : \\mathrm{{fl}}({share}^n) = 0\\}}",
        unit="factors",
        dtype=dtype,
        device=None if gradual else "cpu",
        tags=("underflow", "vanishing", "float"),
    )


def stuck_products() -> list[Draft]:
    """Draft where a product of factors 0.9 stays for ever, because rounding stops it.

    Returns:
        One draft a float type.
    """
    return [
        Draft(
            key=f"underflow.stuck.ninetenths.{dtype}",
            how=How.of(f"{_RATIONAL}.stuck_at", factor="9/10", dtype=dtype),
            statement=f"A running product of factors 0.9 in {dtype} with gradual underflow never "
            "becomes zero: it stays at {value} times the smallest positive number.",
            conditions=_GRADUAL.format(dtype=dtype)
            + f" The factor itself is 0.9 rounded to {dtype}.",
            exact="lim fl(0.9 * p) / smallest",
            formula_text="p = fl(0.9*p), as a multiple of the smallest positive number",
            formula_latex="p = \\mathrm{fl}(0.9\\,p)",
            unit="times the smallest positive number",
            dtype=dtype,
            tags=("underflow", "float", "rounding"),
        )
        for dtype in DTYPES
    ]


def losses() -> list[Draft]:
    """Draft the depth from which a float type cannot hold c^n, however well it was computed.

    Returns:
        One draft for each whisper factor below 1 and each float type.
    """
    return [
        Draft(
            key=f"whisper.{name}.lost.{dtype}",
            how=How.of(f"{_RATIONAL}.lost_depth", factor=factor, dtype=dtype, gradual=True),
            statement=f"From {{value}} people on, a whisper of which each passes on "
            f"{decimal(factor)} is exactly zero when its strength is written in {dtype}.",
            conditions=f"The exact {decimal(factor)}^n, rounded once to {dtype}, half to even, "
            "subnormal numbers kept.",
            exact=f"min{{n : round(({factor})^n) = 0}}",
            formula_text=f"min{{n : round(({factor})^n) = 0}}",
            formula_latex=f"\\min\\{{n : \\mathrm{{round}}({decimal(factor)}^n) = 0\\}}",
            unit="people",
            dtype=dtype,
            tags=("whisper", "underflow", "float"),
        )
        for name, factor in FACTORS.items()
        if name != "eleventenths"
        for dtype in DTYPES
    ]


def saturations() -> list[Draft]:
    """Draft from which x a sigmoid and a tanh are exactly 1 in a float type.

    Returns:
        Two drafts a float type.
    """
    drafts = []
    for dtype in DTYPES:
        drafts += [
            Draft(
                key=f"sigmoid.one.{dtype}",
                how=How.of(f"{_CONSTANTS}.sigmoid_one", dtype=dtype),
                statement=f"Where x is at least {{value}}, 1/(1 + exp(-x)) in {dtype} is exactly 1, "
                "so a slope computed as s*(1 - s) is exactly 0.",
                conditions=f"1 + exp(-x) is rounded to {dtype} half to even, with an exact exp(-x);"
                " a rounded exp moves the threshold by at most about one unit in the last "
                "place of x.",
                formula_text="p*log(2), with p significant bits",
                formula_latex="p \\ln 2",
                dtype=dtype,
                tags=("sigmoid", "saturation", "float"),
            ),
            Draft(
                key=f"tanh.one.{dtype}",
                how=How.of(f"{_CONSTANTS}.tanh_one", dtype=dtype),
                statement=f"Where x is at least {{value}}, a correctly rounded tanh(x) in {dtype} is "
                "exactly 1, so a slope computed as 1 - t^2 is exactly 0.",
                conditions="tanh correctly rounded, half to even; the tanh of a library may reach "
                "1 earlier (XLA does in float32).",
                formula_text="log(2^(p+2) - 1)/2, with p significant bits",
                formula_latex="\\tfrac{1}{2} \\ln(2^{p+2} - 1)",
                dtype=dtype,
                tags=("tanh", "saturation", "float"),
            ),
        ]
    return drafts
