"""Bounds from numbers alone: they hold for the matrices they speak of, and only for those."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import ShapeError, UsageError
from gradchain.predicted import bounds


def ranges(matrix):
    s = np.linalg.svd(matrix, compute_uv=False)
    rows, columns = matrix.shape
    with np.errstate(divide="ignore"):
        low = np.log(s[-1])
    return (
        np.log(s[0]),
        low if rows >= columns else -math.inf,
        low if rows <= columns else -math.inf,
    )


@given(st.integers(0, 100_000), st.lists(st.integers(1, 6), min_size=2, max_size=7))
def test_products_of_drawn_matrices_lie_between_their_bounds(seed, sizes):
    rng = np.random.default_rng(seed)
    matrices = [rng.normal(size=(o, i)) * 10.0 ** rng.uniform(-3, 3) for i, o in pairwise(sizes)]
    top, stretch, transposed = zip(*map(ranges, matrices), strict=True)
    upper = bounds.chain_upper(top, 0.0)
    lower = bounds.chain_lower(stretch, transposed, top)
    product = np.eye(sizes[-1])
    for l in range(len(matrices), -1, -1):
        if l < len(matrices):
            product = product @ matrices[l]
        exact = math.log(np.linalg.norm(product, 2))
        allowed = 1e-12 * (1 + len(matrices))
        assert lower[l] - allowed - 1e-9 <= exact <= upper[l] + allowed


def test_the_lower_bound_passes_a_change_of_width_by_choosing_its_layer():
    # Tall after wide: neither product of smallest singular values alone says anything.
    tall, wide = np.vstack([np.eye(2), np.zeros((1, 2))]), np.hstack([np.eye(2), np.zeros((2, 1))])
    _, a_wide, t_wide = ranges(wide)
    _, a_tall, t_tall = ranges(tall)
    lower = bounds.chain_lower([a_wide, a_tall], [t_wide, t_tall], [0.0, 0.0])
    assert lower[0] == 0.0
    # Wide after tall may vanish altogether, and the bound must know.
    assert bounds.chain_lower([a_tall, a_wide], [t_tall, t_wide], [0.0, 0.0])[0] == -math.inf


def test_a_quarter_to_the_n_is_a_bound_only_where_weights_do_not_stretch():
    values, granted = bounds.power_upper(0.25, 10, [0.0] * 10)
    assert granted
    assert values[0] == 10 * math.log(0.25)
    assert values[-1] == 0
    assert not bounds.power_upper(0.25, 10, [math.log(2.0)] * 10)[1]
    assert not bounds.power_upper(0.25, 10)[1]
    # One large layer at the end cannot be made up for by small ones before it.
    assert not bounds.power_upper(0.25, 3, [-5.0, -5.0, 0.1])[1]
    assert bounds.power_upper(0.25, 3, [0.1, -5.0, -5.0])[1]


def test_the_root_mean_square_of_drawn_sigmoid_chains_obeys_its_bound():
    rng = np.random.default_rng(1)
    widths, sigma = [7, 12, 5, 9], 1.3
    draws = 4_000
    slope = 0.25
    squares = np.empty(draws)
    for k in range(draws):
        v = np.array([1.0, *([0.0] * 6)])
        for i, o in pairwise(widths):
            v = slope * (rng.normal(size=(o, i)) * sigma / math.sqrt(i)) @ v
        squares[k] = v @ v
    bound = math.exp(2 * bounds.rms_chain_upper(widths, sigma, slope)[0])
    # With every slope at its supremum the bound is an equality: two-sided, 6 standard errors.
    assert abs(squares.mean() - bound) < 6 * squares.std(ddof=1) / math.sqrt(draws)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bounds.chain_upper([], 0.0), ShapeError, "L at least 1"),
        (lambda: bounds.chain_upper([0.0], [0.0, 0.0]), ShapeError, "1 weight norms and 2 slopes"),
        (lambda: bounds.chain_upper([math.nan], 0.0), UsageError, "NaN"),
        (lambda: bounds.chain_lower([0.0], [0.0], [0.0, 1.0]), ShapeError, "expected as many"),
        (lambda: bounds.rms_chain_upper([3], 1.0, 1.0), UsageError, "n_0 .. n_L"),
        (
            lambda: bounds.rms_chain_upper([3, 3], 0.0, 1.0),
            UsageError,
            "sigma_w=0.0, expected a finite number above 0",
        ),
        (lambda: bounds.power_upper(0.25, 0), UsageError, "expected a whole number of at least 1"),
        (lambda: bounds.power_upper(0.25, 2, [0.0]), ShapeError, "1 weight norms for depth 2"),
    ],
)
def test_bad_numbers_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
