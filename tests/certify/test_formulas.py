"""The formulas that readers see, evaluated with mpmath, against the facts and against JAX."""

from fractions import Fraction

import jax
import mpmath
import pytest

from gradchain.certify.facts import FACTS, NAMES, SELU_ALPHA, SELU_LAMBDA
from gradchain.certify.formulas import FORMULAS

CONSTANTS = {
    "a": {"leaky_relu": "0.01", "prelu": "0.25"},
    "alpha": {"elu": "1", "celu": "1", "selu": SELU_ALPHA},
}


def evaluate(text: str, name: str, x: mpmath.mpf) -> mpmath.mpf:
    """Read a formula's text as a reader would, with mpmath's functions."""
    names = {
        key: getattr(mpmath, key) for key in ("exp", "log", "tanh", "sin", "cos", "sqrt", "pi")
    }
    names |= {"max": max, "min": min, "erf": mpmath.erf, "x": x, "abs": abs}
    names |= {"Phi": mpmath.ncdf, "pdf": mpmath.npdf, "lam": mpmath.mpf(SELU_LAMBDA)}
    names |= {"sigmoid": lambda y: 1 / (1 + mpmath.exp(-y))}
    names |= {"softplus": lambda y: mpmath.log1p(mpmath.exp(y))}
    for constant, table in CONSTANTS.items():
        if name in table:
            names[constant] = mpmath.mpf(table[name])
    text = text.replace("^", "**").replace("|x|", "abs(x)").replace("lambda", "lam")
    body, _, definitions = text.partition(" where ")
    for definition in filter(None, definitions.split(", ")):
        label, _, expression = definition.partition(" = ")
        names[label] = eval(expression, {}, names)
    body = body.replace(", else ", " else ").replace(" if x <= -3, ", " if x <= -3 else ")
    return mpmath.mpf(eval(body, {}, names))


def test_every_fact_has_its_formula():
    assert list(FORMULAS) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_that_readers_see_is_the_derivative_of_the_function_they_see(name):
    known = FACTS[name]
    with mpmath.workdps(40):
        for point in ("-4.7", "-2.9", "-1.3", "-0.4", "0.2", "0.9", "1.6", "2.5", "5.1"):
            x = mpmath.mpf(point)
            numeric = mpmath.diff(lambda y: evaluate(known.formula, name, y), x, h="1e-15")
            assert abs(evaluate(known.derivative, name, x) - numeric) < mpmath.mpf("1e-13")


@pytest.mark.parametrize("name", [name for name in NAMES if FACTS[name].kinks])
def test_slopes_at_kinks_are_those_of_jax_nn(name):
    known = FACTS[name]
    function = jax.nn.leaky_relu if name == "prelu" else getattr(jax.nn, name)
    for kink, slope in zip(known.kinks, known.kink_slopes, strict=True):
        assert float(jax.grad(function)(kink)) == pytest.approx(slope, rel=2**-22)
        assert float(evaluate(known.derivative, name, mpmath.mpf(kink))) == pytest.approx(slope)


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_joints_and_joints_of_smooth_slope_are_no_kinks(name):
    known = FACTS[name]
    assert set(known.kinks) <= set(known.joints)
    with mpmath.workdps(40):
        for joint in known.joints:
            step = mpmath.mpf("1e-20")
            below, above = (evaluate(known.derivative, name, joint + s) for s in (-step, step))
            assert (abs(below - above) > mpmath.mpf("1e-10")) == (joint in known.kinks)


@pytest.mark.parametrize("name", NAMES)
def test_no_slope_escapes_the_range_on_record(name):
    known = FACTS[name]
    low, high = Fraction(known.inf_enclosure[0]), Fraction(known.sup_enclosure[1])
    for step in range(-400, 401):
        slope = float(evaluate(known.derivative, name, mpmath.mpf(step) / 40))
        assert float(low) - 1e-15 <= slope <= float(high) + 1e-15


@pytest.mark.parametrize("name", NAMES)
def test_the_formulas_are_ascii_and_their_latex_is_balanced(name):
    known = FACTS[name]
    for text in (known.formula, known.derivative, known.attained_at, known.note, known.inf_at):
        assert text.isascii()
    for latex in (known.formula_latex, known.derivative_latex):
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left") == latex.count(r"\right")
        assert latex.count(r"\begin") == latex.count(r"\end")
