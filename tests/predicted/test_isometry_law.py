"""The density of squared singular values, against closed forms, its own moments and matrices."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain._errors import UsageError
from gradchain.predicted.isometry import singular_value_law


@settings(max_examples=12)
@given(st.integers(1, 300), st.floats(0.002, 0.998))
def test_linear_gaussian_densities_have_their_closed_form(depth, share):
    angle = share * math.pi / (depth + 1)
    one, many = math.sin(angle), math.sin(depth * angle)
    more = math.sin((depth + 1) * angle)
    log_square = (depth + 1) * math.log(more) - math.log(one) - depth * math.log(many)
    log_density = math.log(more * one / many / math.pi) - log_square
    if abs(log_square) < 600:
        found = singular_value_law("identity", depth).density(math.exp(log_square))
        assert abs(float(found) / math.exp(log_density) - 1) < 1e-7


def test_one_layer_has_the_law_of_marchenko_and_pastur():
    linear = singular_value_law("identity", 1)
    x = np.linspace(0.01, 3.99, 50)
    exact = np.sqrt(x * (4 - x)) / (2 * math.pi * x)
    assert np.abs(linear.density(x) / exact - 1).max() < 1e-9
    assert linear.density([4.01, 100.0, math.inf]).tolist() == [0, 0, 0]
    assert linear.density(0.0) == math.inf
    # relu: half of the rows are gone, the others are twice as long.
    relu = singular_value_law("relu", 1)
    low, high = (math.sqrt(2) - 1) ** 2, (math.sqrt(2) + 1) ** 2
    assert relu.support == pytest.approx((low, high), rel=1e-9)
    x = np.linspace(low, high, 52)[1:-1]
    exact = np.sqrt((high - x) * (x - low)) / (4 * math.pi * x)
    assert np.abs(relu.density(x) / exact - 1).max() < 1e-8
    assert relu.density([0.0, low * 0.99, high * 1.01]).tolist() == [0, 0, 0]
    assert relu.atoms == ((0.0, 0.5),)


def test_two_orthogonal_relu_layers_have_the_arcsine_law():
    law = singular_value_law("relu", 2, "orthogonal")
    x = np.linspace(0.01, 3.99, 40)
    assert np.abs(law.density(x) * 2 * math.pi * np.sqrt(x * (4 - x)) - 1).max() < 1e-8
    s = np.linspace(0.1, 1.9, 7)
    exact = 1 / (math.pi * np.sqrt(4 - s**2))
    assert np.abs(law.singular_value_density(s) - exact).max() < 1e-8


CASES = [
    ("identity", 1, "gaussian", 0.0),
    ("identity", 1000, "gaussian", 0.0),
    ("relu", 1, "gaussian", 0.0),
    ("relu", 10, "gaussian", 0.0),
    ("relu", 3, "orthogonal", 0.0),
    ("relu", 300, "orthogonal", 0.0),
    ("leaky_relu(0.001)", 1, "gaussian", 0.0),  # two intervals
    ("leaky_relu(0.01)", 5, "orthogonal", 0.0),
    ("hard_tanh", 2, "orthogonal", 0.5),  # an atom at the top
    ("hard_tanh", 10, "orthogonal", 0.05),
    ("hard_tanh", 10, "gaussian", 0.5),
    ("tanh", 2, "orthogonal", 0.3),
    ("tanh", 10, "gaussian", 0.3),
    ("erf", 20, "orthogonal", 0.3),
    ("erf", 1, "orthogonal", 0.3),
    ("selu", 5, "gaussian", 0.0),
]


@pytest.mark.parametrize("case", CASES)
def test_density_and_atoms_hold_all_the_mass_and_have_the_moments(case):
    law = singular_value_law(*case)
    logs, shares = law.quadrature(400)
    assert (shares >= 0).all()
    squares = np.exp(logs)
    assert squares.max() <= law.edge**2 * (1 + 1e-12)
    assert abs(shares.sum() + sum(mass for _, mass in law.atoms) - 1) < 2e-8
    moments = law.moments(5)
    for k in range(1, 6):
        found = (shares * squares**k).sum() + sum(m * v**k for v, m in law.atoms)
        assert abs(found / moments.value[k - 1] - 1) < 1e-9


def test_the_thin_tail_of_tanh_at_small_biases_holds_what_the_docstring_says():
    logs, shares = singular_value_law("tanh", 10, "orthogonal", 0.05).quadrature()
    assert abs(shares.sum() - 1) < 1e-4
    assert abs((shares * np.exp(logs)).sum() - 1) < 1e-6


def test_isometries_and_masks_are_atoms():
    assert singular_value_law("identity", 9, "orthogonal").atoms == ((1.0, 1.0),)
    assert singular_value_law("relu", 1, "orthogonal").atoms == ((0.0, 0.5), (2.0, 0.5))
    law = singular_value_law("hard_tanh", 4, "orthogonal", 0.05)
    p = math.erf(1 / math.sqrt(2 * law.q))
    assert law.atoms[0] == (0.0, pytest.approx(1 - p))
    assert law.atoms[1] == (pytest.approx(p**-4), pytest.approx(1 - 4 * (1 - p)))
    for x in (0.5, [1.0, 2.0]):
        assert not singular_value_law("relu", 1, "orthogonal").density(x).any()


@pytest.mark.parametrize(
    ("name", "weights", "slope", "seed"),
    [("relu", "gaussian", 0.0, 1), ("leaky_relu(0.3)", "orthogonal", 0.3, 2)],
)
def test_drawn_matrices_have_this_share_of_their_values_below_each_place(
    name, weights, slope, seed
):
    rng = np.random.default_rng(seed)
    n, depth = 600, 3
    jacobian = np.eye(n)
    for _ in range(depth):
        w = rng.normal(size=(n, n))
        w = np.linalg.qr(w)[0] if weights == "orthogonal" else w / math.sqrt(n)
        d = np.where(rng.permutation(n) < n // 2, 1.0, slope)[:, None]
        jacobian = math.sqrt(2 / (1 + slope**2)) * d * (w @ jacobian)
    squares = np.linalg.svd(jacobian, compute_uv=False) ** 2
    law = singular_value_law(name, depth, weights)
    logs, shares = law.quadrature(2000)
    zero = sum(mass for _, mass in law.atoms)
    below = np.cumsum(shares) + zero
    for p in (0.55, 0.6, 0.7, 0.8, 0.9, 0.97):
        place = math.exp(np.interp(p, below, logs))
        # Eigenvalues are rigid: their counts fluctuate by a few, not by sqrt(n).
        assert abs((squares < place).mean() - p) < 10 / n


def test_depth_one_with_orthogonal_weights_is_the_slopes_own_law():
    law = singular_value_law("erf", 1, "orthogonal", 0.3)
    assert law.support[1] == pytest.approx(law.edge**2)
    with pytest.raises(UsageError, match="depth 2"):
        law.density(1.0)


def test_wrong_places_are_refused():
    law = singular_value_law("relu", 2)
    for x in (-1.0, [1.0, math.nan], "one"):
        with pytest.raises(UsageError, match="at least 0"):
            law.density(x)
    with pytest.raises(UsageError, match="points"):
        law.quadrature(3)
