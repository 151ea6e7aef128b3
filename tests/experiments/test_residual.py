"""Residual blocks multiply the squared gradient as stated, exactly at any width where that is said."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.experiments import residual, residual_numbers
from gradchain.registry.collection import validate_all

DEPTH, SEEDS = 6, 200
SIZES = {"dense": 8, "convolution": 4, "deltaorthogonal": 4}


@pytest.fixture(scope="module")
def steps():
    """Narrow on purpose: what is exact at every width holds here too."""
    found = {}
    for family, width in SIZES.items():
        own = residual_numbers.log_steps(family, width, DEPTH, SEEDS, 0)
        found |= {(family, kind): own[:, k] for k, kind in enumerate(residual.KINDS[family])}
    return found


@pytest.mark.parametrize("family", residual.FAMILIES)
@pytest.mark.parametrize("kind", ["linear", "plain", "skip", "scaled"])
def test_the_mean_factor_of_a_narrow_block_is_exactly_that_of_theory(steps, family, kind):
    factors = np.exp(steps[family, kind])
    own = factors.mean(axis=1)
    law = {"linear": 1, "plain": 1, "skip": 2, "scaled": 1 + 1 / DEPTH}[kind]
    error = own.std(ddof=1) / math.sqrt(SEEDS)
    # A dead layer ends a plain network (2^-n a layer): its later factors are 0 / 1, and count as 0.
    dead = np.isinf(steps[family, kind]).any(axis=1).mean()
    assert abs(own.mean() - law) < 5 * error + dead + 1e-6


def test_a_zero_branch_passes_every_direction_unchanged_in_every_network(steps):
    for family in residual.FAMILIES:
        assert np.abs(steps[family, "zero"]).max() < 1e-5


def test_delta_orthogonal_kernels_are_isometries_and_gaussian_ones_are_not(steps):
    assert np.abs(steps["deltaorthogonal", "linear"]).max() < 1e-5
    assert steps["convolution", "linear"].sum(axis=1).std() > 0.1


def test_gains_of_all_kinds_are_the_closed_forms():
    blocks = np.arange(1, 11)
    forms = {"plain": 1.0 + 0 * blocks, "zero": 1.0 + 0 * blocks, "skip": 2.0**blocks}
    forms |= {"scaled": 1.1**blocks, "normed": 1.0 + blocks}
    for kind, values in forms.items():
        np.testing.assert_allclose(np.exp(residual.predicted_log_growth(kind, 10)), values, 1e-12)
    # theory.md 4.8, and its asymptote 8/(3 sqrt(2 pi)) sqrt(L).
    assert residual.predicted_log_growth("tanh", 50)[-1] == pytest.approx(
        math.log(1361.17), abs=1e-5
    )


def test_wide_tanh_and_normalized_blocks_meet_their_laws_within_the_finite_width():
    width, depth = 96, 4
    found = residual_numbers.log_steps("dense", width, depth, 60, 1)
    for kind in ("normed", "tanh"):
        squares = np.exp(found[:, residual.KINDS["dense"].index(kind)].sum(axis=1))
        law = math.exp(residual.predicted_log_growth(kind, depth)[-1])
        error = squares.std(ddof=1) / math.sqrt(len(squares))
        assert abs(squares.mean() - law) < 5 * error + 4 * depth / width * law
        assert squares.mean() < 0.8 * 2**depth


@pytest.mark.parametrize("kind", ["linear", "plain"])
def test_logarithms_without_skips_have_the_exact_mean_and_variance(steps, kind):
    logs = steps["dense", kind].sum(axis=1)
    logs = logs[np.isfinite(logs)]
    mean, variance = residual.plain_log_law(SIZES["dense"], DEPTH, kind)
    assert abs(logs.mean() - mean) < 5 * math.sqrt(variance / len(logs))
    assert abs(logs.var(ddof=1) / variance - 1) < 5 * math.sqrt(4 / len(logs))


def test_a_convolution_is_that_of_numpy_on_a_torus():
    blocks = residual.Residuals("convolution", 4, DEPTH)
    source = np.random.default_rng(0)
    kernel = source.normal(size=(4, 4, 3, 3)).astype(np.float32)
    image = source.normal(size=(1, 4, residual.SIDE, residual.SIDE)).astype(np.float32)
    found = np.asarray(blocks._times(jnp.asarray(kernel), jnp.asarray(image)))[0]
    expected = np.zeros_like(found)
    for a in range(3):
        for b in range(3):
            moved = np.roll(image[0], (1 - a, 1 - b), axis=(1, 2))
            expected += np.einsum("oc,cij->oij", kernel[:, :, a, b], moved)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_recorded_numbers_come_out_again_and_agree_with_fresh_seeds(steps):
    pairs = residual_numbers.start_pairs()
    for family, kind, quantity in (
        ("dense", "skip", "block"),
        ("dense", "scaled", "total"),
        ("dense", "zero", "total"),
        ("dense", "linear", "spread"),
    ):
        width, own = SIZES[family], steps[family, kind]
        residual_numbers.add(pairs, family, kind, quantity, width, own, 0)
    numbers = validate_all(pairs.numbers)
    assert "residual.dense.zero.total.measured" not in numbers
    for key, number in numbers.items():
        old, new = number.rational, parse(recompute.run(number.how, key).value)
        assert abs(float(new - old)) <= 1e-4 * abs(float(old)), key
    findings = recompute.check(numbers, "full")
    assert [f.sentence for f in findings if f.verdict != "agrees"] == []


def test_kinds_and_laws_that_do_not_exist_are_refused():
    given = {"width": 8, "depth": DEPTH, "seeds": 6, "seed": 0}
    with pytest.raises(UsageError, match="expected one of linear, plain, skip"):
        residual_numbers.growth_measured("convolution", "tanh", "block", **given)
    with pytest.raises(UsageError, match="expected linear or plain"):
        residual_numbers.growth_predicted("skip", "spread", 8, DEPTH)
    with pytest.raises(UsageError, match="depth 1000: expected 1 to"):
        residual_numbers.log_steps("dense", 8, 1000, 6, 0)
