"""The table of facts: complete, self-consistent, and right for other parameters."""

from fractions import Fraction

import mpmath
import pytest

from gradchain._errors import ActivationError
from gradchain.certify.facts import FACTS, NAMES, SELU_ALPHA, SELU_LAMBDA, fact

TWENTY = """
sigmoid tanh relu leaky_relu prelu elu selu celu gelu gelu_tanh silu mish softplus softsign erf sin
hard_tanh hard_sigmoid hard_silu identity
"""


def test_all_twenty_activations_are_on_record():
    assert list(NAMES) == TWENTY.split()


def test_selu_keeps_mean_zero_and_variance_one():
    with mpmath.workdps(40):
        scale, alpha = mpmath.mpf(SELU_LAMBDA), mpmath.mpf(SELU_ALPHA)
        # E exp(kZ) 1{Z<0} = exp(k^2/2) Phi(-k)
        first, second = (mpmath.exp(k * k / mpmath.mpf(2)) * mpmath.ncdf(-k) for k in (1, 2))
        mean = scale * (mpmath.npdf(0) + alpha * (first - mpmath.mpf(1) / 2))
        square = scale**2 * (
            mpmath.mpf(1) / 2 + alpha**2 * (second - 2 * first + mpmath.mpf(1) / 2)
        )
        assert abs(mean) < mpmath.mpf("1e-35")
        assert abs(square - 1) < mpmath.mpf("1e-34")


@pytest.mark.parametrize(
    ("name", "parameter", "sup", "inf", "attained"),
    [
        ("leaky_relu", 0.2, "1", "0.2", True),
        ("leaky_relu", -1.0, "1", "-1", True),
        ("leaky_relu", 1.0, "1", "1", True),
        ("prelu", -3, "3", "-3", True),
        ("prelu", 1.5, "1.5", "1", True),
        ("elu", 0.5, "1", "0", True),
        ("elu", 2.0, "2", "0", False),
        ("elu", 0.0, "1", "0", True),
        ("celu", 7.0, "1", "0", True),
        ("leaky_relu", 1e-7, "1", "0.0000001", True),
    ],
)
def test_other_parameters_move_the_bounds_as_they_should(name, parameter, sup, inf, attained):
    known = fact(name, parameter)
    assert Fraction(known.sup_exact) == Fraction(sup)
    assert Fraction(known.inf_exact) == Fraction(inf)
    assert known.attained is attained
    assert known.parameters[0][1] == parameter


def test_the_default_parameter_gives_the_table_itself():
    assert fact("leaky_relu", 0.01) is FACTS["leaky_relu"]
    assert fact("gelu") is FACTS["gelu"]


@pytest.mark.parametrize(
    ("name", "parameter", "words"),
    [
        ("sigmod", None, "unknown activation"),
        ("tanh", 2.0, "no parameter"),
        ("elu", -1.0, "not be negative"),
        ("celu", 0.0, "positive"),
        ("leaky_relu", float("nan"), "finite"),
    ],
)
def test_wrong_parameters_get_one_clear_sentence(name, parameter, words):
    with pytest.raises(ActivationError, match=words):
        fact(name, parameter)
