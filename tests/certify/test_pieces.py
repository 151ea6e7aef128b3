"""phi, phi' and phi'' on balls, each against mpmath and against each other."""

from itertools import pairwise

import mpmath
import pytest
from flint import acb, arb, ctx

from gradchain._errors import ActivationError
from gradchain.certify.balls import jet
from gradchain.certify.facts import FACTS, NAMES, SELU_ALPHA, SELU_LAMBDA
from gradchain.certify.pieces import curvature, parse, pieces, selu_constants

POINTS = ("-12.5", "-3.5", "-2.25", "-0.75", "-0.125", "0.125", "0.5", "1.75", "2.9", "3.5", "14")


def piece_at(name, point):
    for piece in pieces(parse(name)):
        if (piece.low is None or piece.low < float(point)) and (
            piece.high is None or float(point) < piece.high
        ):
            return piece
    raise AssertionError(point)


@pytest.mark.parametrize("name", [*NAMES, "elu(2)", "celu(0.5)", "leaky_relu(-2)"])
@pytest.mark.parametrize("point", POINTS)
def test_the_slope_is_the_derivative_of_the_value(name, point):
    with ctx.workprec(160):
        piece, x = piece_at(name, point), arb(point)
        value, slope, bend = jet(piece.value, x)
        assert slope.overlaps(piece.slope(x))
        assert bend.overlaps(jet(piece.slope, x)[1])
        assert value.overlaps(piece.value(acb(x)).real)
        assert piece.slope(x).overlaps(piece.slope(acb(x)).real)


REFERENCE = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: (
        x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)))
    ),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "erf": mpmath.erf,
    "sin": mpmath.sin,
}


@pytest.mark.parametrize("name", REFERENCE)
def test_value_slope_and_curvature_agree_with_mpmath(name):
    with mpmath.workdps(60), ctx.workprec(160):
        for point in POINTS:
            for order, ball in enumerate((
                piece_at(name, point).value(arb(point)),
                piece_at(name, point).slope(arb(point)),
                curvature(name, arb(point)),
            )):
                truth = mpmath.diff(REFERENCE[name], mpmath.mpf(point), order)
                assert abs(mpmath.mpf(ball.mid().str(45, radius=False)) - truth) < 1e-18


@pytest.mark.parametrize("name", NAMES)
def test_the_pieces_touch_at_the_joints_and_cover_the_line(name):
    parts = pieces(FACTS[name])
    assert parts[0].low is None
    assert parts[-1].high is None
    ends = [(left.high, right.low) for left, right in pairwise(parts)]
    assert all(a == b for a, b in ends)
    assert tuple(float(a) for a, _ in ends) == FACTS[name].joints
    for left, right in pairwise(parts):
        assert left.value(arb(left.high)).overlaps(right.value(arb(right.low)))


def test_selu_constants_on_record_are_the_closed_forms():
    with ctx.workprec(224):
        for ball, text in zip(selu_constants(), (SELU_LAMBDA, SELU_ALPHA), strict=True):
            assert abs(ball - arb(text)) < arb("1e-35")


def test_curvature_at_a_joint_is_refused():
    with pytest.raises(ActivationError, match="joint"):
        curvature("softsign", arb(0))


@pytest.mark.parametrize("text", ["elu(two)", "elu()", "elu(2", "elu(inf)", "nothing", "tanh(1)"])
def test_an_activation_that_cannot_be_read_gets_one_clear_sentence(text):
    with pytest.raises(ActivationError):
        parse(text)


@pytest.mark.parametrize("name", ["a" * 9000, "a" * 9000 + "(", "re\nlu", "relu(\x1b)"])
def test_a_name_from_a_stranger_is_quoted_on_one_short_line(name):
    with pytest.raises(ActivationError) as caught:
        parse(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
