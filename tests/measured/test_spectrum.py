"""All singular values of deep products: against exact products in ball arithmetic, and general laws."""

import importlib.util
import itertools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain import activations
from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain.measured.build import concatenate, mlp, network_from_weights, single
from gradchain.measured.jacobian import jacobian_chain, layer_jacobians
from gradchain.measured.layers import BatchNorm, Chained, Dense
from gradchain.measured.spectrum import log_singular_values, log_singular_values_of
from gradchain.measured.spectrum.factors import live_factors

_SPEC = importlib.util.spec_from_file_location(
    "exact_spectrum", pathlib.Path(__file__).with_name("exact_spectrum.py")
)
exact = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(exact)


def compare(factors):
    """Return what was found, its finite values, and the exact ones."""
    found = log_singular_values_of(factors)
    values = found.log_values[: found.rank]
    return found, values, exact.exact_log_singular_values(live_factors(list(factors)), values)


@pytest.mark.parametrize(
    ("name", "depth", "width", "sigma_w"),
    [
        ("tanh", 20, 8, 0.5),
        ("tanh", 20, 16, 5.0),
        ("tanh", 60, 16, 1.5),
        ("tanh", 60, 16, 5.0),
        ("tanh", 300, 8, 5.0),
        ("tanh", 1000, 8, 1.5),
        ("sigmoid", 20, 16, 5.0),
        ("sigmoid", 60, 8, 0.5),
        ("sigmoid", 300, 8, 5.0),
        ("sigmoid", 1000, 8, 5.0),
        ("relu", 20, 32, 0.5),
        ("relu", 60, 32, 1.5),
        ("relu", 300, 32, 5.0),
        ("relu", 1000, 16, 1.5),
        ("orthogonal", 20, 8, 1.0),
        ("orthogonal", 60, 16, 0.5),
        ("orthogonal", 1000, 8, 5.0),
    ],
)
def test_all_values_agree_with_the_exact_product_to_1e_10(name, depth, width, sigma_w):
    found, values, true = compare(exact.chain(1, depth, width, sigma_w, name))
    off = np.abs(values - true)
    assert off.max() <= 1e-10
    assert (off <= found.error[: found.rank]).all()
    assert not found.below_floor.any()
    assert found.noise_floor == -np.inf


def test_saturated_layers_of_condition_1e16_cost_no_digits():
    rng = np.random.default_rng(4)
    slopes = 10.0 ** -rng.uniform(0, 16, size=(60, 8))
    _, values, true = compare([s[:, None] * rng.normal(size=(8, 8)) for s in slopes])
    assert np.linalg.cond(slopes[0][:, None] * rng.normal(size=(8, 8))) > 1e10
    assert np.abs(values - true).max() <= 1e-11
    assert values[0] - values[-1] > 1000


def test_widths_that_change_along_the_chain_are_followed():
    rng = np.random.default_rng(5)
    widths = [7, 12, 5, 9, 30, 6]
    factors = [rng.normal(size=(o, i)) for i, o in itertools.pairwise(widths)]
    found, values, true = compare(factors)
    # min(n_0, n_L) = 6 values, of which the bottleneck of 5 leaves 5.
    assert (found.shape, found.rank) == ((6,), 5)
    assert found[5] == -np.inf
    assert np.abs(values - true).max() <= 1e-12


def test_a_plain_svd_of_the_product_and_the_diagonals_of_qr_are_not_the_singular_values():
    factors = exact.chain(1, 60, 16, 1.5, "tanh")
    _, values, true = compare(factors)
    product, basis, diagonals = np.eye(16), np.eye(16), np.zeros(16)
    for factor in factors:
        product = factor @ product
        basis, upper = np.linalg.qr(factor @ basis)
        diagonals += np.log(np.abs(np.diagonal(upper)))
    plain = np.log(np.linalg.svd(product, compute_uv=False))
    assert np.abs(plain - true).max() > 20
    assert np.abs(np.sort(diagonals)[::-1] - true).max() > 0.3
    assert np.abs(values - true).max() <= 1e-11


def test_every_value_of_a_diagonal_chain_is_the_product_of_its_entries():
    found = log_singular_values_of([np.diag([1e-200, 3.0, 0.5, 1e200])] * 40)
    true = 40 * np.log([1e200, 3.0, 0.5, 1e-200])
    assert np.abs(found - true).max() <= 1e-11


def test_zeros_forced_by_dead_units_are_minus_infinity_and_the_rank_is_the_structural_one():
    rng = np.random.default_rng(6)
    factors = rng.normal(size=(30, 10, 10))
    # Of layer 4 seven units live, of layer 20 six; one more leads only to units that are dead.
    factors[4, [0, 3, 9]] = 0
    factors[20, [1, 2, 5]] = 0
    factors[21][:, 0] = 0
    found, values, true = compare(factors)
    assert found.rank == 6
    assert np.isneginf(found.log_values[6:]).all()
    assert np.isfinite(values).all()
    assert not found.below_floor.any()
    assert np.abs(values - true).max() <= 1e-12


def test_a_chain_whose_last_path_is_cut_has_no_value_at_all():
    factors = np.ones((5, 3, 3))
    factors[2] = 0
    found = log_singular_values_of(factors)
    assert (found.rank, found.noise_floor) == (0, -np.inf)
    assert np.isneginf(found.log_values).all()


@given(seed=st.integers(0, 10_000), power=st.integers(-2000, 2000), scale=st.floats(0.1, 5.0))
@settings(max_examples=25)
def test_values_do_not_depend_on_how_the_chain_is_written(seed, power, scale):
    rng = np.random.default_rng(seed)
    factors = scale * rng.normal(size=(12, 5, 5))
    found = log_singular_values_of(factors)
    size = found.error.max() + 1e-13
    # Transposed and reversed; with powers of two moved about; turned by an orthogonal matrix.
    turned = log_singular_values_of(factors.transpose(0, 2, 1)[::-1])
    assert np.abs(turned - found).max() <= 1e3 * size
    moved = [np.ldexp(factors[0], min(power, 1000) // 2), *factors[1:]]
    shift = (min(power, 1000) // 2) * np.log(2.0)
    assert np.abs(log_singular_values_of(moved) - shift - found).max() <= size + 1e-12
    q = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    extra = log_singular_values_of([*factors, q])
    assert np.abs(extra - found).max() <= 1e3 * size
    # The product of all is the product of the determinants.
    determinants = np.linalg.slogdet(factors)[1].sum()
    assert abs(found.log_values.sum() - determinants) <= 1e3 * size


@pytest.mark.parametrize("global_x64", [False, True])
def test_a_network_gives_the_values_of_its_layer_jacobians_whatever_the_global_flag(global_x64):
    network = mlp(jax.random.key(2), depth=25, width=12, activation="tanh", dtype="float32")
    x = np.linspace(-1, 1, 12, dtype=np.float32)
    with jax.enable_x64(global_x64):
        found = log_singular_values(network, x)
        factors = [np.asarray(j, np.float64) for j in layer_jacobians(network, x)]
    assert found.dtype == np.float64
    _, values, true = compare(factors)
    assert np.abs(found - true).max() <= 1e-11
    assert (found.log_values == values).all()
    chain = jacobian_chain(network, x, "spectral")
    assert abs(found[0] - float(chain.log_norms[0])) <= chain.tolerance


def test_a_relu_network_has_the_rank_of_its_live_units():
    network = mlp(jax.random.key(3), 40, 24, "relu", "he_normal", use_bias=False)
    x = np.ones(24, np.float32)
    live = live_factors([np.asarray(j, np.float64) for j in layer_jacobians(network, x)])
    found = log_singular_values(network, x)
    assert found.rank == min(min(factor.shape) for factor in live) < 20
    assert np.isneginf(found.log_values).sum() == 24 - found.rank


def normalized(depth, batch, width, dtype):
    rng = np.random.default_rng(8)
    parts = []
    for _ in range(depth):
        layer = Chained((Dense(activations.tanh), BatchNorm()))
        weight = (rng.normal(size=(width, width)) / np.sqrt(width)).astype(dtype)
        parts.append(single(layer, ({"weight": jnp.asarray(weight)}, {})))
    return concatenate(*parts), rng.normal(size=(batch, width)).astype(dtype)


@pytest.mark.parametrize("depth", [1, 12])
def test_what_batch_norm_loses_is_below_a_floor_and_never_a_number(depth):
    with jax.enable_x64(True):
        network, x = normalized(depth, 6, 4, "float64")
        found = log_singular_values(network, x)
    # A shift of one feature for the whole batch is lost: one direction a feature, in every layer.
    assert found.below_floor.sum() == 4
    assert found.rank == 24
    assert (found[found.below_floor] == found.noise_floor).all()
    kept = found[~found.below_floor]
    assert (kept > found.noise_floor + 10).all()
    assert np.isinf(found.error[found.below_floor]).all()
    assert (found.error[~found.below_floor] < 1e-5).all()
    assert "4 below" in repr(found)


def test_in_float32_batch_norm_loses_at_least_as_much():
    network, x = normalized(5, 6, 4, "float32")
    found = log_singular_values(network, x)
    assert 4 <= found.below_floor.sum() <= 8
    assert np.isfinite(found.log_values).all()


def test_a_direction_killed_in_the_middle_does_not_take_living_ones_with_it():
    # The layer kills the largest direction of the product so far, and no row of it is zero.
    rng = np.random.default_rng(9)
    first = np.linalg.qr(rng.normal(size=(5, 5)))[0] * np.array([1e6, 1.0, 1e-3, 1e-4, 1e-5])
    gone = first[:, 0] / np.linalg.norm(first[:, 0])
    second = np.linalg.qr(rng.normal(size=(5, 5)))[0] @ (np.eye(5) - np.outer(gone, gone))
    found = log_singular_values_of([first, second])
    assert found.below_floor.sum() >= 1
    # What rounding leaves of 1e6 is about 1e-10, below all that lives.
    assert np.abs(found[:4] - np.log([1.0, 1e-3, 1e-4, 1e-5])).max() <= 1e-4
    assert found.below_floor[4]


def test_equal_rows_are_below_the_floor():
    found = log_singular_values_of([np.full((4, 4), 0.25)] * 30)
    assert abs(found[0]) <= 1e-13
    assert found.below_floor.tolist() == [False, True, True, True]
    assert found.noise_floor < -30


def test_the_result_acts_as_the_array_of_its_logarithms():
    found = log_singular_values_of([np.diag([2.0, 4.0])])
    assert (np.asarray(found) == found.log_values).all()
    assert (len(found), found.shape, found.ndim) == (2, (2,), 1)
    assert abs(found[0] - np.log(4.0)) < 1e-15
    assert (np.exp(found) - [4.0, 2.0] < 1e-14).all()
    assert (found - found == 0).all()
    assert list(found) == found.log_values.tolist()
    assert np.asarray(found, np.float32).dtype == np.float32


def test_factors_of_half_precision_are_taken_exactly():
    half = np.asarray(jnp.asarray([[1.5, 0.25], [0.0, 2.0]], jnp.bfloat16))
    wide = half.astype(np.float64)
    assert (log_singular_values_of([half] * 3) - log_singular_values_of([wide] * 3) == 0).all()


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("factors", "error", "words"),
    [
        ([], UsageError, "got 0 factors"),
        (3.0, UsageError, "expected matrices"),
        ("no", UsageError, "expected matrices"),
        ([np.ones(3)], ShapeError, r"shape \(3,\)"),
        ([np.ones((2, 0))], ShapeError, "expected"),
        ([np.ones((2, 3)), np.ones((2, 3))], ShapeError, "expected 2 columns"),
        ([np.array([[1.0, np.nan]])], NonFiniteError, "index"),
        ([np.array([[1j]])], DtypeError, "real"),
        ([np.array([["a"]])], DtypeError, "real"),
        ([[[1.0], [1.0, 2.0]]], ShapeError, "expected a matrix"),
    ],
)
def test_what_is_no_chain_is_refused_in_a_sentence(factors, error, words):
    with pytest.raises(error, match=words):
        log_singular_values_of(factors)


@pytest.mark.usefixtures("as_a_user")
def test_roundings_and_traced_arrays_are_refused():
    with pytest.raises(UsageError, match="got 1 roundings, expected 2"):
        log_singular_values_of([np.eye(2)] * 2, [0.1])
    network = network_from_weights([np.eye(2, dtype=np.float32)], activation="tanh")
    with pytest.raises(UsageError, match="outside jit"):
        jax.jit(lambda x: jnp.asarray(log_singular_values(network, x)))(np.ones(2, np.float32))
    with pytest.raises(UsageError, match="outside jit"):
        jax.jit(lambda j: jnp.asarray(log_singular_values_of([j])))(np.eye(2, dtype=np.float32))
