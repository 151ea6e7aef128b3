"""Identities of the theorems, by computer algebra (sympy): equal as expressions, at every point.

Inductions, limits and inequalities over all n are not re-checked here; Coq does that.
"""

import sympy as sp

x, t, w, b, beta, z = sp.symbols("x t w b beta z", real=True)
a = sp.symbols("a", positive=True)


def sigmoid(y):
    return 1 / (1 + sp.exp(-y))


def tanh(y):
    return (sp.exp(y) - sp.exp(-y)) / (sp.exp(y) + sp.exp(-y))


def density(y):
    return sp.exp(-y * y / 2) / sp.sqrt(2 * sp.pi)


def cdf(y):
    return (1 + sp.erf(y / sp.sqrt(2))) / 2


def same(left, right):
    return sp.simplify(sp.expand((left - right).rewrite(sp.exp))) == 0


def test_T01a_T01b_the_slope_of_the_sigmoid_is_a_quarter_less_a_square():
    s = sigmoid(x)
    assert same(sp.diff(s, x), s * (1 - s))
    assert same(sp.Rational(1, 4) - s * (1 - s), (s - sp.Rational(1, 2)) ** 2)


def test_T02a_T02d_T02f_T02g_tanh_and_softplus_are_made_of_the_sigmoid():
    assert same(sp.diff(tanh(x), x), 1 - tanh(x) ** 2)
    assert same(sp.diff(sp.log(1 + sp.exp(x)), x), sigmoid(x))
    assert same(tanh(x), 2 * sigmoid(2 * x) - 1)
    assert same(sp.diff(tanh(x), x), 4 * sp.diff(sigmoid(z), z).subs(z, 2 * x))


def test_T03a_the_derivative_of_a_chain_of_three_is_the_product_of_its_factors():
    weights, biases = sp.symbols("w:3"), sp.symbols("b:3")
    value, product = x, sp.Integer(1)
    for weight, bias in zip(weights, biases, strict=True):
        inner = weight * value + bias
        value, product = sp.sin(inner), product * weight * sp.cos(inner)
    assert sp.expand(sp.diff(value, x) - product) == 0


def test_T04c_T04g_two_layers_have_the_product_of_their_jacobians_and_its_transpose():
    first, second = sp.Matrix(3, 2, sp.symbols("m:6")), sp.Matrix(2, 3, sp.symbols("n:6"))
    point, speed = sp.Matrix(sp.symbols("p:2")), sp.Matrix(sp.symbols("v:2"))
    bias = sp.Matrix(sp.symbols("c:3"))
    z1 = first * (point + t * speed) + bias
    z2 = second * z1.applyfunc(sp.sin)
    jacobian = sp.diag(*z2.applyfunc(sp.cos)) * second * sp.diag(*z1.applyfunc(sp.cos)) * first
    moved = z2.applyfunc(sp.sin).diff(t)
    assert (moved - jacobian * speed).expand() == sp.zeros(2, 1)
    g = sp.Matrix(sp.symbols("g:2"))
    back = first.T * sp.diag(*z1.applyfunc(sp.cos)) * second.T * sp.diag(*z2.applyfunc(sp.cos)) * g
    assert sp.expand(g.dot(jacobian * speed) - back.dot(speed)) == 0


def test_T05c_T05d_T05h_pieces_have_the_stated_slopes_where_they_meet():
    assert sp.diff(a * (sp.exp(x) - 1), x).subs(x, 0) == a
    assert sp.diff(a * (sp.exp(x / a) - 1), x) == sp.exp(x / a)
    assert sp.diff(a * (sp.exp(x / a) - 1), x).subs(x, 0) == 1
    middle = sp.diff(x * (x + 3) / 6, x)
    assert same(middle, (2 * x + 3) / 6)
    assert (middle.subs(x, -3), middle.subs(x, 3)) == (sp.Rational(-1, 2), sp.Rational(3, 2))


def test_T06b_T06d_T06g_silu_is_steepest_where_x_tanh_of_half_x_is_two():
    s = sigmoid(x)
    slope = sp.diff(x * s, x)
    assert same(slope, s * (1 + x * (1 - s)))
    assert same(sp.diff(slope, x), s * (1 - s) * (2 - x * (2 * s - 1)))
    assert same(tanh(x / 2), 2 * s - 1)
    half = sp.Rational(1, 2) + 1 / z  # the value of s at x0 = z, since z (2 s - 1) = 2
    assert same(half * (1 + z * (1 - half)), sp.Rational(1, 2) + z / 4)
    assert same(slope + slope.subs(x, -x), sp.Integer(1))
    swish = sp.diff(x * sigmoid(beta * x), x)
    assert same(swish, slope.subs(x, beta * x))


def test_T06e_T06g_gelu_bends_as_two_minus_x_squared():
    slope = sp.diff(x * cdf(x), x)
    assert same(slope, cdf(x) + x * density(x))
    assert same(sp.diff(slope, x), density(x) * (2 - x**2))
    assert same(slope + slope.subs(x, -x), sp.Integer(1))


def test_T06h_the_slope_of_mish_is_the_stated_quotient():
    u = sp.exp(x)
    q = u**2 + 2 * u + 2
    assert same(tanh(sp.log(1 + u)), (u**2 + 2 * u) / q)
    slope = (u**2 + 2 * u) / q + 4 * x * u * (1 + u) / q**2
    assert same(sp.diff(x * (u**2 + 2 * u) / q, x), slope)


def test_T07b_T07d_leaky_squares_add_up_and_glorot_serves_both_ways_only_when_square():
    # One of z and -z is positive: its square, and a^2 times that of the other.
    assert sp.expand(z**2 + (a * -z) ** 2 - (1 + a**2) * z**2) == 0
    m, n = sp.symbols("m n", positive=True)
    forward, backward = m * 2 / (m + n), n * 2 / (m + n)
    assert sp.simplify(forward + backward - 2) == 0
    assert sp.solve(sp.Eq(forward, 1), m) == sp.solve(sp.Eq(backward, 1), m) == [n]
    assert sp.simplify(1 - forward * backward - ((m - n) / (m + n)) ** 2) == 0


def test_T09c_T09d_a_nilpotent_matrix_doubles_a_gradient_at_each_step():
    matrix = sp.Matrix([[8, 8], [-8, -8]])
    assert matrix**2 == sp.zeros(2, 2)
    assert matrix.eigenvals() == {0: 2}
    drive = sp.Matrix([-4, 4 + sp.log(3) / 2])
    rest = sp.Matrix([0, sp.Rational(1, 2)])
    inner = matrix * rest + drive
    assert same(tanh(inner[1]), rest[1])
    assert inner[0] == 0
    slopes = [sp.simplify(1 - tanh(entry) ** 2) for entry in inner]
    assert slopes == [1, sp.Rational(3, 4)]
    jacobian = sp.diag(*slopes) * matrix
    assert jacobian**2 == 2 * jacobian
    n = sp.symbols("n", integer=True, nonnegative=True)
    power = 2**n * jacobian * sp.Matrix([1, 0])
    assert sp.simplify(power.dot(power) - (10 * 2**n) ** 2) == 0
    # What the page says of the gradient: of the loss g . h, with g along the column of J.
    loss = sp.Matrix([sp.Rational(4, 5), -sp.Rational(3, 5)])
    assert jacobian.T * loss == sp.Matrix([10, 10])
    assert (jacobian.T) ** 2 == 2 * jacobian.T


def test_T10a_the_cell_after_four_steps_has_the_product_of_its_gates_as_slope():
    gates, inputs = sp.symbols("f:4"), sp.symbols("u:4")
    cell = x
    for gate, added in zip(gates, inputs, strict=True):
        cell = gate * cell + added
    assert sp.expand(sp.diff(cell, x) - sp.prod(gates)) == 0


def test_T11e_softsign_sin_and_identity_have_slopes_of_at_most_one():
    assert same(sp.diff(a / (1 + a), a), 1 / (1 + a) ** 2)
    assert same(sp.diff(-a / (1 + a), a), -1 / (1 + a) ** 2)  # odd: the left side, x = -a
    assert sp.diff(sp.sin(x), x) == sp.cos(x)
    assert sp.diff(x, x) == 1
