"""Normalized layers explode at the exact rates, and residual ones grow like a power of the depth."""

import math

import jax
import numpy as np
import pytest

from gradchain import activations, recompute
from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.experiments import normalized, normalized_numbers, normalized_records
from gradchain.experiments.tangents import block_keys
from gradchain.registry.collection import validate_all

BATCH, DEPTH, SEEDS = 8, 6, 60
WIDTHS = (24, 48)


@pytest.fixture(scope="module")
def steps():
    """Plain and residual networks."""
    return {n: normalized_numbers.log_steps("batch", BATCH, n, DEPTH, SEEDS, 0) for n in WIDTHS}


@pytest.fixture(scope="module")
def plain():
    return {
        n: normalized_numbers.log_steps("batch", BATCH, n, DEPTH, SEEDS, 0, False) for n in WIDTHS
    }


def in_numpy(phi, h, w, v, norm, skip):
    """One block in float64, written again."""
    z = h @ w.T
    axis = 0 if norm == "batch" else 1
    z = (z - z.mean(axis, keepdims=True)) / z.std(axis, keepdims=True)
    return h + phi(z) @ v.T if skip else phi(z)


@pytest.mark.parametrize("norm", normalized.NORMS)
def test_growth_is_that_of_finite_differences_of_a_network_written_in_numpy(norm):
    width, depth = WIDTHS[0], 3
    names = normalized_numbers.NAMES[norm]
    functions = {"identity": lambda z: z, "relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}
    found = normalized.measured(names, norm, BATCH, width, depth, 1, 3)
    phis = tuple(activations.get(name) for name in names)
    sizes = tuple(math.sqrt(normalized.branch_variance(phi, norm, BATCH)) for phi in phis)
    blocks = normalized.Normalized(phis, sizes, norm, BATCH, width)
    keys = block_keys(1, depth, 3)[0]
    inputs, directions = (np.asarray(a, np.float64) for a in blocks.start(keys[0]))
    weights = [[np.asarray(a, np.float64) for a in blocks.draw(key)] for key in keys[1:]]
    for lane in range(2 * len(names)):
        name, skip = names[lane % len(names)], lane >= len(names)
        if name not in functions:
            continue
        u, ends = directions[lane], []
        if norm == "batch":
            u = u - u.mean(axis=0)
        for sign in (-1, 1):
            h = inputs[lane] + sign * 1e-6 * u
            for w, v in weights:
                h = in_numpy(functions[name], h, w, v, norm, skip)
            ends.append(h)
        change = (ends[1] - ends[0]) / 2e-6
        if norm == "batch":
            change = change - change.mean(axis=0)
        expected = math.log((change**2).sum() / (u**2).sum())
        # Differences of 1e-6 over float64, a kink hit now and then, and float32.
        assert found.log_step[0, lane].sum() == pytest.approx(expected, abs=2e-3), (name, skip)


def test_the_measured_rate_meets_the_exact_one_and_not_that_of_an_infinite_batch(plain):
    for lane, name in enumerate(("identity", "relu")):
        found, _ = normalized_numbers.extrapolated_rate(plain, lane)
        value, error = float(found.value), float(found.uncertainty.value)
        # Five standard errors: a false alarm in 1.7 million.
        assert abs(value - normalized.exact_rate(name, "batch", BATCH)) < 5 * error
        means, errors = normalized_numbers.rates(plain[WIDTHS[-1]])
        limit = {"identity": 1.0, "relu": math.pi / (math.pi - 1)}[name]
        assert means[lane] - limit > 5 * errors[lane]


def test_a_skip_turns_the_exponential_into_the_stated_power(steps):
    own = steps[WIDTHS[-1]]
    for lane, name in enumerate(("identity", "relu")):
        squares = np.exp(own[:, lane + 2].sum(axis=1))
        rate = normalized.exact_rate(name, "batch", BATCH)
        law = math.exp(normalized.residual_log_growth(rate, DEPTH)[-1])
        error = squares.std(ddof=1) / math.sqrt(SEEDS)
        assert abs(squares.mean() - law) < 5 * error + DEPTH / WIDTHS[-1] * law
        assert squares.mean() < rate**DEPTH * 50


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_the_residual_law_is_a_binomial_coefficient_at_whole_rates(rate):
    found = np.exp(normalized.residual_log_growth(float(rate), 20))
    expected = [math.comb(depth + rate, rate) for depth in range(1, 21)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["identity", "relu", "tanh"])
def test_a_branch_varies_as_much_as_its_inputs_are_made_to(name):
    phi = activations.get(name)
    draw = np.random.default_rng(0).normal(size=(BATCH, 40_000))
    z = (draw - draw.mean(0)) / draw.std(0)
    values = np.asarray(jax.jit(phi)(z.astype(np.float32)), np.float64)
    measured = values.var(axis=0, ddof=1)
    law = normalized.branch_variance(phi, "batch", BATCH)
    error = measured.std() / math.sqrt(measured.size)
    # Exact for homogeneous functions; tanh sees the sphere's marginals, not a Gaussian's: O(1/B).
    slack = 0.0 if name != "tanh" else law / BATCH
    assert abs(measured.mean() - law) < 5 * error + slack + 1e-6


def test_a_straight_line_is_extrapolated_exactly_and_its_error_by_least_squares():
    widths = np.array([10.0, 20.0, 40.0])
    value, error = normalized.extrapolated(widths, 1.5 + 3 / widths, np.array([0.1, 0.2, 0.1]))
    assert value == pytest.approx(1.5, rel=1e-12)
    design = np.stack([np.ones(3), 1 / widths], 1) / np.array([0.1, 0.2, 0.1])[:, None]
    assert error == pytest.approx(math.sqrt(np.linalg.inv(design.T @ design)[0, 0]), rel=1e-9)


def test_recorded_numbers_come_out_again_and_agree_with_fresh_seeds(steps, plain):
    pairs = normalized_records.start_pairs()
    normalized_records.add_rate(pairs, "relu", "batch", BATCH, plain, DEPTH, 0)
    normalized_records.add_rate(pairs, "tanh", "batch", 0, None, 0, 0)
    own = steps[WIDTHS[0]]
    for lane, design in ((1, "plain"), (3, "residual")):
        given = ("relu", "batch", BATCH, WIDTHS[0], own[:, lane], design, 0)
        normalized_records.add_growth(pairs, *given)
    numbers = validate_all([*pairs.numbers, *normalized_records.depth_numbers()])
    for key, number in numbers.items():
        if number.kind != "reported":
            old, new = number.rational, parse(recompute.run(number.how, key).value)
            assert abs(float(new - old)) <= 1e-4 * abs(float(old)), key
    findings = recompute.check(numbers, "full")
    assert [f.sentence for f in findings if f.verdict not in {"agrees", "reported"}] == []


def test_what_was_not_measured_is_refused():
    with pytest.raises(UsageError, match="expected one of identity, relu"):
        normalized_numbers.lane_of("batch", "gelu", "plain")
    with pytest.raises(UsageError, match="batch norm of 2 passes nothing"):
        normalized.measured(("relu",), "batch", 2, 8, 2, 1, 0)
    with pytest.raises(UsageError, match="width 0: expected 1 to"):
        normalized_numbers.log_steps("batch", 8, 0, 2, 6, 0)
