"""The rules: each verdict at both sides of its threshold, and what scale does to it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import UsageError
from gradchain.bridge.presets import LN10, PRESETS, LayerRow, judge
from gradchain.bridge.trend import fit


def rows_of(norms, size=4, mean=None, ratio=None, **more):
    return [
        LayerRow(
            f"l{i}",
            x,
            math.nan if ratio is None else x - ratio,
            x - math.log10(size) if mean is None else mean,
            size,
            float(x == -math.inf),
            float(x == -math.inf),
            0,
            "float32",
            **more,
        )
        for i, x in enumerate(norms)
    ]


def verdict(norms, preset="slope", decades=1.0, rate=None, **more):
    return judge(rows_of(norms, **more), fit(np.array(norms) * LN10), preset, decades, rate)


def test_a_straight_fall_is_judged_by_its_change_over_the_whole_depth():
    fall = np.linspace(-1.01, 0, 10)
    assert verdict(fall).kind == "vanishing"
    assert verdict(fall[::-1]).kind == "exploding"
    assert verdict(fall * 0.98).kind == "healthy"
    assert verdict(fall, decades=1.1).kind == "healthy"
    assert "-0.11 decades a layer" in verdict(fall).text
    assert "rule: slope" in verdict(fall).text


def test_a_trend_that_noise_could_make_is_undecided():
    assert verdict([0.0, 1.5, 0.2, 1.4]).kind == "undecided"
    assert verdict([-2.0, 0.0]).kind == "undecided"
    assert verdict([-0.9, 0.0]).kind == "healthy"
    assert verdict([0.3]).kind == "undecided"
    assert "no slope" in verdict([0.3]).text


@pytest.mark.parametrize("depth", [3, 5, 20])
@pytest.mark.parametrize("law", ["white noise", "random walk"])
def test_noise_without_drift_is_called_unhealthy_in_one_case_of_twenty_at_most(depth, law):
    runs = 1500
    rng = np.random.default_rng([depth, len(law)])
    noise = rng.normal(size=(runs, depth))
    paths = noise if law == "white noise" else np.cumsum(noise, axis=1)
    kinds = [verdict(path).kind for path in paths]
    assert set(kinds) <= {"healthy", "undecided", "vanishing", "exploding"}
    bad = np.mean([kind in ("vanishing", "exploding") for kind in kinds])
    assert bad <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)


@given(
    st.lists(st.floats(-20, 20), min_size=1, max_size=15),
    st.integers(-60, 60),
)
def test_a_power_of_ten_on_the_loss_changes_no_slope_verdict(norms, shift):
    # Rounded so that the shift itself does not round.
    norms = [round(x * 256) / 256 for x in norms]
    assert verdict(norms) == verdict([x + shift for x in norms])


def test_a_dead_layer_is_named_and_an_underflowed_start_is_not_called_dead():
    assert (
        verdict([0.0, -math.inf, 0.0, 0.1]).text == "dead (rule: slope, gradient exactly 0 in l1)"
    )
    assert verdict([-math.inf] * 3).kind == "dead"
    norms = [-math.inf, -math.inf, -37.5, -36.5, -35.5, -34.5]
    assert verdict(norms).kind == "dead"
    rows = rows_of(norms)
    rows[2] = rows[2]._replace(floored=True)
    rows[:2] = [row._replace(floored=True) for row in rows[:2]]
    found = judge(rows, fit(np.array(norms[3:]) * LN10))
    assert found.kind == "vanishing"
    assert "first 2 layers have underflowed" in found.text


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_not_finite_comes_first_under_every_rule(preset):
    rows = rows_of([0.0, 1.0])
    rows[1] = rows[1]._replace(wrong=2, log10_norm=math.nan)
    found = judge(rows, fit([0.0, math.nan]), preset, learning_rate=0.1)
    assert found == ("not finite", "not finite (NaN or infinite gradient in l1)")


def test_sagemaker_looks_at_the_mean_size():
    assert verdict([0.0, 0.0], "sagemaker", mean=-7.01).kind == "vanishing"
    assert verdict([0.0, 0.0], "sagemaker", mean=-6.99).kind == "healthy"
    assert "1e-7" in verdict([0.0], "sagemaker").text


def test_autotrainer_looks_at_first_and_last():
    assert verdict([-4.1, -2.0, -1.0], "autotrainer").kind == "vanishing"
    assert verdict([-3.9, -2.0, -0.8], "autotrainer").kind == "healthy"
    assert verdict([-4.1, -2.0, -1.2], "autotrainer").kind == "healthy"
    assert verdict([1.86, 0.0, 0.0], "autotrainer").kind == "exploding"
    assert verdict([1.84, 0.0, 0.0], "autotrainer").kind == "healthy"
    assert verdict([-math.inf] * 7 + [0.0] * 3, "autotrainer").kind == "dead"
    assert verdict([-math.inf] * 6 + [0.0] * 4, "autotrainer").kind == "vanishing"


def test_karpathy_looks_at_update_to_weight():
    assert verdict([0.0, 0.0], "karpathy", rate=1e-3, ratio=0.0).kind == "healthy"
    assert verdict([0.0, -1.1], "karpathy", rate=1e-3, ratio=0.0).kind == "vanishing"
    assert verdict([0.0, 1.1], "karpathy", rate=1e-3, ratio=0.0).kind == "exploding"
    with pytest.raises(UsageError, match="needs learning_rate="):
        verdict([0.0], "karpathy")
    with pytest.raises(UsageError, match="weights that are not 0"):
        verdict([0.0], "karpathy", rate=0.1)


def test_absolute_rules_change_with_the_scale_of_the_loss():
    norms = [-2.0, -1.0, 0.0]
    assert verdict(norms, "sagemaker").kind == "healthy"
    assert verdict([x - 30 for x in norms], "sagemaker").kind == "vanishing"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "neuroscope"}, "needs the activations"),
        ({"preset": "slop"}, "expected one of slope, sagemaker, autotrainer, karpathy"),
        ({"decades": -1.0}, "positive number"),
        ({"preset": "karpathy", "rate": math.nan}, "positive number"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        verdict([0.0, 1.0], **options)
