"""Instances of the theorems in exact rational arithmetic: nothing is rounded, every draw counts.

A theorem for all n and all reals is not proved by draws; this shows that its statement, as read
here and not as Coq reads it, holds where it can be computed exactly.
"""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gradchain.certify import rational

number = st.fractions(min_value=-9, max_value=9, max_denominator=12)
share = st.fractions(min_value=0, max_value=1, max_denominator=40)
inside = share.filter(lambda p: 0 < p < 1)
HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)


def vectors(size):
    return st.lists(number, min_size=size, max_size=size)


def matrices(rows, columns):
    return st.lists(vectors(columns), min_size=rows, max_size=rows)


def dot(u, v):
    return sum((p * q for p, q in zip(u, v, strict=True)), Fraction(0))


def times(matrix, v):
    return [dot(row, v) for row in matrix]


def transposed(matrix):
    return [list(column) for column in zip(*matrix, strict=True)]


def frobenius_squared(matrix):
    return sum(dot(row, row) for row in matrix)


def largest(v):
    """The maximum norm, a norm whose values stay rational."""
    return max(abs(entry) for entry in v)


def bump(y):
    """An activation with rational values whose slope is at most 1 in size."""
    return y / (1 + y * y)


def bump_slope(y):
    return (1 - y * y) / (1 + y * y) ** 2


@given(st.lists(st.tuples(number, number), max_size=4), number)
def test_T03b_the_product_of_a_chain_is_at_most_the_product_of_its_weights(layers, start):
    product, bound, value = Fraction(1), Fraction(1), start
    for weight, bias in layers:
        inner = weight * value + bias
        product *= weight * bump_slope(inner)
        bound *= abs(weight)
        value = bump(inner)
    assert abs(product) <= bound


@given(st.lists(inside, max_size=8))
def test_T03c_T03d_slopes_multiply_to_at_most_a_power_of_a_quarter(values):
    product = math.prod((p * (1 - p) for p in values), start=Fraction(1))
    assert 0 < product <= QUARTER ** len(values)
    assert (product == QUARTER ** len(values)) == all(p == HALF for p in values)


@given(number, st.integers(0, 12))
def test_T03g_T03i_a_chain_resting_at_one_half_has_slope_w_over_four_a_layer(weight, depth):
    value, slope = HALF, Fraction(1)
    for _ in range(depth):
        assert weight * value - weight / 2 == 0  # the sigmoid of 0 is 1/2, its slope 1/4
        value, slope = HALF, slope * weight * HALF * (1 - HALF)
    assert slope == (weight / 4) ** depth
    assert (Fraction(4) / 4) ** depth == 1


@given(matrices(3, 2), vectors(2), vectors(3))
def test_T04f_T04g_frobenius_bounds_and_the_transpose_is_dual(matrix, v, g):
    image = times(matrix, v)
    assert dot(image, image) <= frobenius_squared(matrix) * dot(v, v)
    assert dot(g, image) == dot(times(transposed(matrix), g), v)


def relu(y):
    return max(y, Fraction(0))


def leaky(slope, y):
    return y if y >= 0 else slope * y


def hard_tanh(y):
    return max(Fraction(-1), min(Fraction(1), y))


def hard_sigmoid(y):
    return max(Fraction(0), min(Fraction(6), y + 3)) / 6


def hard_silu(y):
    return y * hard_sigmoid(y)


@given(number, number, number)
def test_T05a_T05b_T05f_T05g_T05h_pieces_never_stretch_by_more_than_their_constant(p, q, slope):
    gap = abs(p - q)
    assert abs(relu(p) - relu(q)) <= gap
    assert abs(leaky(slope, p) - leaky(slope, q)) <= max(1, abs(slope)) * gap
    assert abs(hard_tanh(p) - hard_tanh(q)) <= gap
    assert abs(hard_sigmoid(p) - hard_sigmoid(q)) <= gap / 6
    assert abs(hard_silu(p) - hard_silu(q)) <= Fraction(3, 2) * gap


@given(number, st.integers(1, 10**6))
def test_T05a_T05b_T05f_T05g_T05h_no_smaller_constant_would_do(slope, scale):
    assert relu(Fraction(2)) - relu(Fraction(1)) == 1
    assert abs(leaky(slope, Fraction(-1)) - leaky(slope, Fraction(-2))) == abs(slope)
    assert hard_tanh(HALF) - hard_tanh(-HALF) == 1
    assert hard_sigmoid(HALF) - hard_sigmoid(-HALF) == Fraction(1, 6)
    step = Fraction(1, scale)
    quotient = (hard_silu(Fraction(3)) - hard_silu(3 - step)) / step
    assert quotient == Fraction(3, 2) - step / 6


@given(st.lists(st.tuples(number, inside), min_size=1, max_size=6), number)
def test_T07a_T07b_a_symmetric_variable_keeps_half_of_its_second_moment(points, slope):
    total = 2 * sum(weight for _, weight in points)
    law = [(sign * z, weight / total) for z, weight in points for sign in (1, -1)]
    second = sum(weight * z**2 for z, weight in law)
    assert sum(weight * relu(z) ** 2 for z, weight in law) == second / 2
    kept = sum(weight * leaky(slope, z) ** 2 for z, weight in law)
    assert kept == (1 + slope**2) / 2 * second


@pytest.mark.parametrize("n", [1, 2, 3])
def test_T07c_he_weights_keep_the_second_moment_over_all_signs(n):
    # w_j = +-c with c^2 = 2/n; only squares and products of two weights occur, so c stays symbolic:
    # the square of a sum of signed terms is a rational multiple of c^2.
    sizes = [Fraction(k + 1, 2) for k in range(n)]
    total = Fraction(0)
    draws = list(itertools.product((1, -1), repeat=2 * n))
    for signs in draws:
        preactivations = [sign * size for sign, size in zip(signs[:n], sizes, strict=True)]
        total += dot(signs[n:], [relu(z) for z in preactivations]) ** 2 * Fraction(2, n)
    assert total / len(draws) == sum(size**2 for size in sizes) / n


@given(st.integers(1, 500), st.integers(1, 500))
def test_T07d_glorot_factors_add_up_to_two(fan_in, fan_out):
    variance = Fraction(2, fan_in + fan_out)
    forward, backward = fan_in * variance, fan_out * variance
    assert forward + backward == 2
    assert (forward == 1) == (backward == 1) == (fan_in == fan_out)
    assert forward * backward <= 1


def test_T07f_the_mean_square_of_all_sign_draws_obeys_the_chain_bound():
    # Two 2 x 2 layers of entries +-1 (variance 1), leaky ReLU with slopes 1 and 1/4, L = 1.
    start, v, squares = [Fraction(3), Fraction(-1)], [Fraction(1), Fraction(2)], []
    for signs in itertools.product((Fraction(1), Fraction(-1)), repeat=8):
        value, pushed = start, v
        for layer in (signs[:4], signs[4:]):
            matrix = [list(layer[:2]), list(layer[2:])]
            inner = times(matrix, value)
            slopes = [Fraction(1) if z > 0 else QUARTER for z in inner]
            pushed = [s * p for s, p in zip(slopes, times(matrix, pushed), strict=True)]
            value = [leaky(QUARTER, z) for z in inner]
        squares.append(dot(pushed, pushed))
    mean = sum(squares) / len(squares)
    assert mean <= (1 * 1 * 2) ** 2 * dot(v, v)  # L^2 s d in each of two layers
    assert max(squares) > (1 * 1 * 2) ** 2 * dot(v, v)  # a single draw does not obey it


def test_T07h_a_draw_of_entries_of_square_one_half_can_have_norm_sqrt_two():
    ones = [[Fraction(1)] * 2] * 2  # sqrt 2 times the matrix
    image = times(ones, [Fraction(1), Fraction(1)])
    assert dot(image, image) / 2 == 2 * dot([1, 1], [1, 1])


@given(vectors(3), inside)
def test_T08a_T08b_T08c_clipping_shortens_and_keeps_the_direction(gradient, limit):
    size = largest(gradient)
    factor = Fraction(1) if size == 0 else min(Fraction(1), limit / size)
    clipped = [factor * entry for entry in gradient]
    assert largest(clipped) == min(size, limit) <= limit
    assert 0 < factor <= 1
    if size <= limit:
        assert clipped == gradient


@given(matrices(3, 3), vectors(3), st.integers(1, 5))
def test_T08d_T08e_T08g_residual_branches_change_lengths_within_their_factors(matrix, v, n):
    worst = max(sum(abs(entry) for entry in row) for row in matrix)
    assume(worst > 0)
    bound = Fraction(1, n)
    branch = [[entry * bound / worst for entry in row] for row in matrix]
    assert largest(times(branch, v)) <= bound * largest(v)
    pushed = v
    for _ in range(n):
        pushed = [p + q for p, q in zip(pushed, times(branch, pushed), strict=True)]
    length = largest(v)
    assert (1 - bound) ** n * length <= largest(pushed) <= (1 + bound) ** n * length
    below_e = sum(Fraction(1, math.factorial(k)) for k in range(n + 1))
    assert largest(pushed) <= below_e * length


@given(st.integers(1, 60))
def test_T08f_the_compound_factor_stays_below_e(n):
    assert (1 + Fraction(1, n)) ** n <= sum(Fraction(1, math.factorial(k)) for k in range(n + 1))


@given(matrices(2, 2), st.lists(vectors(2), min_size=1, max_size=3), vectors(2))
def test_T09a_a_recurrent_jacobian_obeys_the_power_of_its_matrix(matrix, inputs, v):
    state, pushed = [Fraction(0)] * 2, v
    for given_in in inputs:
        inner = [p + q for p, q in zip(times(matrix, state), given_in, strict=True)]
        pushed = [bump_slope(z) * p for z, p in zip(inner, times(matrix, pushed), strict=True)]
        state = [bump(z) for z in inner]
    assert dot(pushed, pushed) <= frobenius_squared(matrix) ** len(inputs) * dot(v, v)


@pytest.mark.parametrize("n", [0, 1, 5, 40])
def test_T09c_T09d_a_nilpotent_matrix_lets_a_gradient_grow_as_two_to_the_n(n):
    matrix = [[Fraction(8)] * 2, [Fraction(-8)] * 2]
    assert times(matrix, times(matrix, [Fraction(1), Fraction(0)])) == [0, 0]
    rest, slopes = [Fraction(0), HALF], [Fraction(1), Fraction(3, 4)]
    assert times(matrix, rest) == [4, -4]
    assert [1 - value**2 for value in rest] == slopes
    pushed = [Fraction(1), Fraction(0)]
    for _ in range(n + 1):
        pushed = [s * p for s, p in zip(slopes, times(matrix, pushed), strict=True)]
    assert pushed == [8 * 2**n, -6 * 2**n]
    assert dot(pushed, pushed) == (10 * 2**n) ** 2


@given(st.lists(inside, min_size=1, max_size=12))
def test_T10b_T10c_T10e_forget_gates_multiply_to_at_least_one_minus_n_delta(gates):
    product = math.prod(gates, start=Fraction(1))
    delta = 1 - min(gates)
    assert 0 < product < 1
    assert product >= 1 - len(gates) * delta
    assert math.prod([HALF] * len(gates)) == Fraction(1, 2 ** len(gates))


@pytest.mark.parametrize("dtype", rational.FORMATS)
@given(data=st.data())
def test_T12a_scaling_by_a_power_of_two_is_exact_among_normal_numbers(dtype, data):
    form = rational.FORMATS[dtype]
    mantissa = data.draw(st.integers(-(2**form.p) + 1, 2**form.p - 1))
    exponent = data.draw(st.integers(form.emin - form.p + 1, form.emin + 60))
    power = data.draw(st.integers(-80, 80))
    scaled = Fraction(mantissa) * Fraction(2) ** (exponent + power)
    assume(scaled == 0 or abs(scaled) >= Fraction(2) ** form.emin)
    assert rational.round_to_format(scaled, dtype) == scaled


@pytest.mark.parametrize("dtype", rational.FORMATS)
def test_T12b_half_of_three_times_the_least_number_is_rounded_to_two(dtype):
    tiny = rational.FORMATS[dtype].tiny
    assert rational.round_to_format(3 * tiny, dtype) == 3 * tiny
    assert rational.round_to_format(3 * tiny / 2, dtype) == 2 * tiny


FIRST_ZEROS = {"float16": 13, "bfloat16": 67, "float32": 75, "float64": 538}


@pytest.mark.parametrize("dtype", FIRST_ZEROS)
def test_T12c_T12e_quarters_multiply_to_zero_where_the_theorem_says(dtype):
    form, first = rational.FORMATS[dtype], FIRST_ZEROS[dtype]
    product = Fraction(1)
    for n in range(1, first + 2):
        product = rational.round_to_format(product / 4, dtype)
        alive = form.emin - form.p + 1 <= -2 * n
        assert product == (QUARTER**n if alive else 0)
        assert alive == (n < first)
    assert rational.underflow_depth("1/4", dtype, True).value == str(first)


@pytest.mark.parametrize(("dtype", "first"), [("float32", 64), ("float64", 512)])
def test_T12d_T12f_flushed_quarters_are_zero_below_the_least_normal_number(dtype, first):
    assert rational.underflow_depth("1/4", dtype, False).value == str(first)
    assert QUARTER ** (first - 1) >= Fraction(2) ** rational.FORMATS[dtype].emin > QUARTER**first
