"""Bounds from numbers alone: they hold for the matrices they speak of, and only for those."""

import math
from itertools import pairwise

import jax.numpy as jnp
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


def test_a_suffix_bound_is_the_product_of_weights_and_slopes_above_it():
    weights, slopes = [2.0, 3.0, 5.0], [7.0, 11.0, 13.0]
    logs = bounds.chain_upper(np.log(weights), np.log(slopes))
    products = [math.prod(weights[l:]) * math.prod(slopes[l:]) for l in range(4)]
    assert np.allclose(logs, np.log(products), rtol=0, atol=8 * np.finfo(float).eps * logs[0])
    one = bounds.chain_upper(np.log(weights), math.log(7.0))
    products = [math.prod(weights[l:]) * 7.0 ** (3 - l) for l in range(4)]
    assert np.allclose(one, np.log(products), rtol=0, atol=8 * np.finfo(float).eps * one[0])


def test_a_lower_bound_takes_the_best_layer_of_each_suffix():
    a, t, n = [2.0, 3.0, 5.0], [7.0, 11.0, 13.0], [17.0, 1.0, 2.0]
    logs = bounds.chain_lower(np.log(a), np.log(t), np.log(n))
    for l in range(3):
        choices = [math.prod(a[k + 1 :]) * n[k] * math.prod(t[l:k]) for k in range(l, 3)] + [
            math.prod(a[l:])
        ]
        assert abs(logs[l] - math.log(max(choices))) < 16 * np.finfo(float).eps * logs[0]
    assert logs[3] == 0.0
    assert logs.shape == (4,)


def test_the_root_mean_square_bound_multiplies_slope_spread_and_the_root_of_the_widths():
    widths, sigma, slope = [4, 1, 9, 9], 3.0, 0.5
    logs = bounds.rms_chain_upper(widths, sigma, slope)
    products = [(sigma * slope) ** (3 - l) * math.sqrt(9 / widths[l]) for l in range(4)]
    assert np.allclose(logs, np.log(products), rtol=0, atol=16 * np.finfo(float).eps)
    assert np.allclose(
        bounds.power_upper(0.5, 3)[0], [3 * math.log(0.5), 2 * math.log(0.5), math.log(0.5), 0.0],
        rtol=4 * np.finfo(float).eps, atol=0,
    )  # fmt: skip


def test_whole_half_and_bfloat16_numbers_are_numbers():
    assert bounds.chain_upper(np.array([1, 2]), 0.0).tolist() == [3.0, 2.0, 0.0]
    for dtype in (np.uint8, np.float16, jnp.bfloat16):
        found = bounds.chain_upper(np.array([1, 2], dtype), np.array([1, 0], dtype))
        assert (found.dtype, found.tolist()) == (np.float64, [4.0, 2.0, 0.0])
    assert bounds.power_upper(2.0, 1)[0].tolist() == [math.log(2), 0.0]


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda bad: bounds.chain_upper(bad, 0.0), "log_weight_norms"),
        (lambda bad: bounds.chain_upper([0.0], bad), "log_slope_bounds"),
        (lambda bad: bounds.chain_lower(bad, [0.0], [0.0]), "log_stretch"),
        (lambda bad: bounds.chain_lower([0.0], bad, [0.0]), "log_transposed_stretch"),
        (lambda bad: bounds.chain_lower([0.0], [0.0], bad), "log_norm_lower"),
        (lambda bad: bounds.power_upper(0.5, 1, bad), "log_weight_norms"),
    ],
)
def test_what_is_no_list_of_logarithms_is_refused_by_its_name(call, words):
    for bad, said in (
        ("x", f"got str as {words}, expected numbers"),
        (["x"], f"got list as {words}, expected numbers"),
        ([[0.0], [0.0, 1.0]], f"got list as {words}, expected numbers"),
        ([True], f"got list as {words}, expected numbers"),
        ([math.inf], rf"got NaN or \+inf in {words}"),
        ([math.nan], rf"got NaN or \+inf in {words}"),
        ([[0.0]], rf"got {words} of shape \(1, 1\), expected \(L,\)"),
        ([], rf"got {words} of shape \(0,\), expected \(L,\)"),
    ):
        with pytest.raises((UsageError, ShapeError), match=said):
            call(bad)


@pytest.mark.usefixtures("as_a_user")
def test_sizes_are_finite_numbers_above_zero():
    for bad in (0.0, -1.0, math.inf, math.nan, True, "1", None):
        with pytest.raises(
            UsageError, match=r"got derivative_sup=.*expected a finite number above"
        ):
            bounds.rms_chain_upper([3, 3], 1.0, bad)
        with pytest.raises(UsageError, match="got sigma_w="):
            bounds.rms_chain_upper([3, 3], bad, 1.0)
        with pytest.raises(UsageError, match="got base="):
            bounds.power_upper(bad, 1)
    for bad in ([3, 0], [3, math.inf], [3, math.nan], [[3, 3]], [0.5, 3]):
        with pytest.raises(
            UsageError, match=r"got widths \[.*expected n_0 \.\. n_L, each at least 1"
        ):
            bounds.rms_chain_upper(bad, 1.0, 1.0)
    with pytest.raises(UsageError, match="got str as widths"):
        bounds.rms_chain_upper("ab", 1.0, 1.0)
    with pytest.raises(UsageError, match=r"\bdepth\b"):
        bounds.power_upper(0.5, 1.5)
    assert bounds.rms_chain_upper([1, 1], 1.0, 1.0).tolist() == [0.0, 0.0]
    with pytest.raises(ShapeError, match="got 1, 1 and 2 values"):
        bounds.chain_lower([0.0], [0.0], [0.0, 0.0])


def test_weights_that_neither_stretch_nor_shrink_grant_the_power():
    assert bounds.power_upper(0.25, 1, [0.0])[1] is True
    assert bounds.power_upper(0.25, 1, [1e-300])[1] is False
