"""The proved suprema against the table of facts, mpmath's root finder, and closed forms."""

import subprocess
import sys
from fractions import Fraction

import mpmath
import pytest

from gradchain._errors import ActivationError
from gradchain.certify import derivatives
from gradchain.certify.balls import CertificationError, infimum, supremum
from gradchain.certify.derivatives import derivative_inf, derivative_sup, slope_case
from gradchain.certify.facts import FACTS, NAMES


def inside(value, enclosure):
    return mpmath.mpf(enclosure[0]) <= value <= mpmath.mpf(enclosure[1])


@pytest.mark.parametrize("name", NAMES)
def test_every_bound_on_record_is_proved_again(name):
    known = FACTS[name]
    found, least = supremum(slope_case(name)), infimum(slope_case(name))
    for enclosure in (known.sup_enclosure, known.inf_enclosure):
        assert Fraction(enclosure[1]) - Fraction(enclosure[0]) <= Fraction(1, 10**25)
    tiny = Fraction(1, 10**60)  # rational bounds are stored with equal ends
    low, high = (Fraction(end) for end in known.sup_enclosure)
    assert low - tiny <= found.low <= found.high <= high + tiny
    low, high = (Fraction(end) for end in known.inf_enclosure)
    assert low - tiny <= least.low <= least.high <= high + tiny


@pytest.mark.parametrize("name", NAMES)
def test_the_recomputed_result_is_the_one_on_record(name):
    known = FACTS[name]
    result, least = derivative_sup(name), derivative_inf(name)
    assert result.enclosure == known.sup_enclosure
    assert result.exact == known.sup_exact
    assert least.enclosure == known.inf_enclosure
    assert least.exact == known.inf_exact


@pytest.mark.parametrize("name", [name for name in NAMES if FACTS[name].argmax_enclosure])
def test_the_steepest_point_is_proved_and_unique(name):
    (place,) = supremum(slope_case(name)).places
    low, high = derivatives.bounds(place)
    stored = [Fraction(end) for end in FACTS[name].argmax_enclosure]
    assert stored[0] <= low <= high <= stored[1]


def slope_by_hand(name):
    """Slopes written down here in other forms than the library's, for mpmath's root finder."""
    return {
        "gelu": lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x),
        "gelu_tanh": lambda x: mpmath.diff(
            lambda y: (
                y
                / 2
                * (
                    1
                    + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (y + mpmath.mpf("0.044715") * y**3))
                )
            ),
            x,
        ),
        "silu": lambda x: (1 + mpmath.tanh(x / 2)) / 2 + x * mpmath.sech(x / 2) ** 2 / 4,
        "mish": lambda x: mpmath.diff(lambda y: y * mpmath.tanh(mpmath.log1p(mpmath.exp(y))), x),
    }[name]


@pytest.mark.parametrize(
    ("name", "start", "low"),
    [("gelu", 1.4, -1.4), ("gelu_tanh", 1.4, -1.4), ("silu", 2.4, -2.4), ("mish", 1.5, -2.3)],
)
def test_mpmath_finds_the_same_extremes_at_fifty_digits(name, start, low):
    with mpmath.workdps(80):
        slope = slope_by_hand(name)
        for at, enclosure in (
            (start, FACTS[name].sup_enclosure),
            (low, FACTS[name].inf_enclosure),
        ):
            # Secant on phi'' to 25 digits; the value's error is then near 1e-50.
            root = mpmath.findroot(lambda x: mpmath.diff(slope, x), at, tol=1e-50)
            assert inside(slope(root), enclosure)


def test_closed_forms_lie_in_their_enclosures():
    with mpmath.workdps(50):
        pi = mpmath.pi
        assert inside(2 / mpmath.sqrt(pi), FACTS["erf"].sup_enclosure)
        top = mpmath.ncdf(mpmath.sqrt(2)) + mpmath.sqrt(2) * mpmath.npdf(mpmath.sqrt(2))
        assert inside(top, FACTS["gelu"].sup_enclosure)
        assert inside(1 - top, FACTS["gelu"].inf_enclosure)
        root = mpmath.findroot(lambda x: x * mpmath.tanh(x / 2) - 2, 2.4)
        assert inside((root + 2) / 4, FACTS["silu"].sup_enclosure)
        assert inside(mpmath.mpf(1) / 6, FACTS["hard_sigmoid"].sup_enclosure)


@pytest.mark.parametrize(
    ("text", "sup", "inf"),
    [
        ("elu(3)", "3", "0"),
        ("elu(0.5)", "1", "0"),
        ("leaky_relu(-2)", "2", "-2"),
        ("prelu(0.1)", "1", "1/10"),
        ("celu(5)", "1", "0"),
    ],
)
def test_parameters_are_proved_too(text, sup, inf):
    assert Fraction(derivative_sup(text).value) == Fraction(sup)
    assert Fraction(derivative_inf(text).value) == Fraction(inf)


def test_a_wrong_closed_form_is_refused():
    with pytest.raises(CertificationError, match="not the bound"):
        derivatives._result("sigmoid", supremum(slope_case("sigmoid")), "1/5")
    with pytest.raises(CertificationError, match="not the bound"):
        derivatives._result("erf", supremum(slope_case("erf")), "lambda*alpha")


def test_an_unknown_activation_is_named_in_the_error():
    with pytest.raises(ActivationError, match="sigmod"):
        derivative_sup("sigmod")


def test_proofs_need_neither_jax_nor_numpy():
    code = (
        "import sys; import gradchain.certify.moments as m; m.mean_square_slope('elu');"
        "sys.exit(bool({'jax', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
