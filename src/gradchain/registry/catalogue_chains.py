"""Drafts of the numbers about products of equal factors: the chain bounds and the whispers.

A whisper passed along a row of people, each of whom keeps a share c of what reaches them, is the
lecture's picture of a chain: after n people c^n is left.
"""

from typing import Any

from gradchain.registry.draft import Draft
from gradchain.registry.record import How

_RATIONAL = "gradchain.certify.rational"
DEPTHS = (*range(1, 11), 20, 50, 100)

# Names of the factors, as they stand in keys: the key says what, so it names the factor, not c^n.
FACTORS = {
    "tenth": "1/10",
    "fifth": "1/5",
    "quarter": "1/4",
    "threetenths": "3/10",
    "twofifths": "2/5",
    "half": "1/2",
    "threefifths": "3/5",
    "seventenths": "7/10",
    "fourfifths": "4/5",
    "ninetenths": "9/10",
    "ninetyninehundredths": "99/100",
    "eleventenths": "11/10",
}
_DECIMALS = {
    "1/10": "0.1",
    "1/5": "0.2",
    "1/4": "0.25",
    "3/10": "0.3",
    "2/5": "0.4",
    "1/2": "0.5",
    "3/5": "0.6",
    "7/10": "0.7",
    "4/5": "0.8",
    "9/10": "0.9",
    "99/100": "0.99",
    "11/10": "1.1",
}


def decimal(factor: str) -> str:
    """Return a factor as a short decimal, for sentences.

    Args:
        factor: a quotient among `FACTORS`.

    Returns:
        The decimal.
    """
    return _DECIMALS[factor]


def _latex_power(factor: str, n: int) -> str:
    """Return c^n as LaTeX."""
    top, bottom = factor.split("/")
    return f"\\left(\\tfrac{{{top}}}{{{bottom}}}\\right)^{{{n}}}"


def _power(factor: str, n: int) -> dict[str, Any]:
    """Return the fields that every draft of a power shares."""
    return {
        "how": How.of(f"{_RATIONAL}.power", base=factor, exponent=n),
        "exact": f"({factor})^{n}",
        "formula_text": f"({factor})^{n}",
        "formula_latex": _latex_power(factor, n),
    }


def chain_bounds() -> list[Draft]:
    """Draft (1/4)^n, the bound that every lecture shows, with the condition under which it is one.

    Returns:
        One draft a depth: 1 to 10, 20, 50, 100.
    """
    return [
        Draft(
            key=f"sigmoid.chain.bound.n{n}",
            role="upper bound",
            statement=(
                "A sigmoid derivative is at most {value}, with equality at 0 only."
                if n == 1
                else f"A product of {n} sigmoid derivatives is at most (1/4)^{n}, {{value}}, "
                "with equality only if every pre-activation is 0."
            ),
            conditions="Any real pre-activations; weights are not counted. For the spectral norm "
            "of a network's chain of n sigmoid layers it is a bound if |w| <= 1 for every weight "
            "(one unit a layer) or ||W_l||_2 <= 1 for every layer; otherwise multiply it by the "
            "product of the ||W_l||_2.",
            theorem="T01b" if n == 1 else "T03c",
            tags=("sigmoid", "bound", "vanishing"),
            **_power("1/4", n),
        )
        for n in DEPTHS
    ]


def root_mean_square_bounds() -> list[Draft]:
    """Draft the sense in which (1/4)^n does hold for freshly drawn Glorot networks of any width.

    Returns:
        One draft a depth: 5, 10, 20, 50.
    """
    return [
        Draft(
            key=f"sigmoid.chain.rms.bound.n{n}",
            role="upper bound",
            statement=f"Through {n} sigmoid layers with square Glorot or LeCun weights, the root "
            f"mean square of |J v| over draws of the weights is at most (1/4)^{n}, {{value}}, times "
            "|v|, for every input, every fixed vector v and every width.",
            conditions="Weights independent with mean 0 and variance 1/fan_in, independent across "
            "layers and of the biases; all layers equally wide; the mean is over draws. It does "
            "not bound ||J||_2 of a single network, which is often larger. For variance "
            "s^2/fan_in multiply by s^n.",
            theorem="T07g",
            tags=("sigmoid", "bound", "vanishing", "glorot", "lecun", "width"),
            **_power("1/4", n),
        )
        for n in (5, 10, 20, 50)
    ]


def single_chains() -> list[Draft]:
    """Draft the other powers that lecture notes state, and how fast a sigmoid chain falls.

    Returns:
        The drafts.
    """
    return [
        Draft(
            key="tenth.chain.n50",
            statement="A product of 50 factors 0.1 is 10^-50, which float32 cannot hold: there "
            "the product is exactly 0.",
            conditions="All 50 factors equal 0.1.",
            tags=("vanishing", "underflow"),
            **_power("1/10", 50),
        ),
        Draft(
            key="sigmoid.chain.below.onepercent",
            how=How.of(f"{_RATIONAL}.depth_until_below", factor="1/4", share="1/100"),
            role="upper bound",
            statement="After {value} sigmoid layers less than 1 percent of the gradient is left.",
            conditions="Scalar chain with |w| <= 1, or ||W_l||_2 <= 1 in every layer; spectral "
            "norm. Smallest n with (1/4)^n < 1/100.",
            exact="min{n : (1/4)^n < 1/100}",
            formula_text="min{n : (1/4)^n < 1/100}",
            formula_latex="\\min\\{n : (\\tfrac{1}{4})^n < \\tfrac{1}{100}\\}",
            unit="layers",
            theorem="T03b",
            tags=("sigmoid", "bound", "vanishing"),
        ),
    ]


def whispers() -> list[Draft]:
    """Draft what is left of a whisper, and when less than 1 percent is.

    Returns:
        For each factor what is left after 10, 50 and 100 people; for each factor below 1 the number
        of people until less than 1 percent is left.
    """
    drafts = []
    for name, factor in FACTORS.items():
        share = decimal(factor)
        grows = name == "eleventenths"
        for n in (10, 50, 100):
            drafts.append(
                Draft(
                    key=f"whisper.{name}.n{n}",
                    statement=f"A whisper that each of {n} people passes on with {share} of its "
                    f"strength {'has grown' if grows else 'is down'} to {share}^{n}, {{value}}, "
                    "of what it was.",
                    conditions=f"All {n} factors equal {share}.",
                    tags=("whisper", "exploding" if grows else "vanishing"),
                    **_power(factor, n),
                )
            )
        if not grows:
            drafts.append(
                Draft(
                    key=f"whisper.{name}.below.onepercent",
                    how=How.of(f"{_RATIONAL}.depth_until_below", factor=factor, share="1/100"),
                    statement=f"When each person passes on {share} of a whisper, after "
                    "{value} people less than 1 percent of it is left.",
                    conditions=f"All factors equal {share}; strictly less than 1 percent.",
                    exact=f"min{{n : ({factor})^n < 1/100}}",
                    formula_text=f"min{{n : ({factor})^n < 1/100}}",
                    formula_latex=f"\\min\\{{n : {share}^n < 0.01\\}}",
                    unit="people",
                    tags=("whisper", "vanishing"),
                )
            )
    return drafts
