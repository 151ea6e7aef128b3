"""The best weight of one sigmoid neuron is where calculus puts it."""

import math

import mpmath
import pytest

from gradchain._text import parse
from gradchain.experiments.window import best_weight, root


def test_the_root_solves_its_equation_to_the_last_digits():
    with mpmath.workdps(30):
        exact = mpmath.findroot(lambda u: 2 * u * mpmath.tanh(u) - 1, 0.77)
        assert abs(mpmath.mpf(root()) / exact - 1) < 4 * mpmath.mpf(2) ** -53


def window(w):
    """Nielsen's form: length of the inputs a with |w| sigma'(w a + b) >= 1."""
    return 2 / w * mpmath.log(w * (1 + mpmath.sqrt(1 - 4 / w)) / 2 - 1)


@pytest.mark.parametrize(
    ("weight", "size", "law"),
    [
        ("window.weight", "window.length", window),
        ("factor.weight", "factor.size", lambda w: w / (4 * mpmath.cosh(w / 4) ** 2)),
    ],
)
def test_no_other_weight_passes_more(weight, size, law):
    with mpmath.workdps(40):
        best = mpmath.mpf(best_weight(weight).value)
        top = law(best)
        assert abs(mpmath.diff(law, best)) < 1e-13
        assert all(law(best * factor) < top for factor in (0.7, 0.99, 1.01, 1.5, 10))
        assert abs(top / mpmath.mpf(best_weight(size).value) - 1) < 1e-13


def test_the_stated_error_covers_the_digits_given():
    for quantity in ("window.weight", "window.length", "factor.weight", "factor.size"):
        found = best_weight(quantity)
        assert (
            float(parse(found.uncertainty.value))
            >= 10.0 ** (math.floor(math.log10(float(found.value))) - 14) / 2
        )
