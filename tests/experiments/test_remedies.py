"""Remedies: the list is complete, effects of a 2 x 2 design are the planted ones."""

import math

import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import remedies
from gradchain.experiments import remedies_numbers as own
from gradchain.experiments.lab import run
from gradchain.experiments.lab_numbers import kept
from gradchain.experiments.setting import Setting


def test_every_fix_of_the_lecture_is_there_and_can_be_trained():
    stems = {remedy.slug.partition(".")[0] for remedy in remedies.REMEDIES}
    assert stems >= {
        "fewerlayers", "relu", "leakyrelu", "prelu", "elu", "selu", "gelu", "glorot", "he",
        "orthogonal", "lsuv", "batchbefore", "batchafter", "layernorm", "residual", "residualzero",
        "clipping",
    }  # fmt: skip
    for remedy in remedies.REMEDIES:
        Setting(**remedy.setting(20, 100, 49)).design(2, 1)
    assert remedies.get("selu").changes["initializer"] == "lecun_normal"
    assert remedies.get("glorot.sigmoid") is remedies.BASELINE


def test_the_planted_effects_come_out_and_their_intervals_are_student():
    rng = np.random.default_rng(0)
    seeds, share = 40, rng.normal(size=40)
    noise = rng.normal(size=(4, seeds)) * 0.1
    # Plus 2 for ReLU, minus 1 for the fix, minus 3 more for both; what a seed's cells share drops out.
    planted = np.array([0.0, -1.0, 2.0, 2.0 - 1.0 - 3.0])
    cells = tuple(planted[k] + share + noise[k] for k in range(4))
    found = own.effects(cells)
    assert abs(found["interaction"].mean + 3.0) <= 5 * 0.2 / math.sqrt(seeds)
    assert abs(found["relu"].mean - (2.0 - 1.5)) <= 5 * 0.1 / math.sqrt(seeds)
    assert abs(found["fix"].mean - (-1.0 - 1.5)) <= 5 * 0.1 / math.sqrt(seeds)
    contrast = (cells[3] - cells[2]) - (cells[1] - cells[0])
    # 2.0227: Student's 97.5 % point at 39 degrees of freedom, from any table.
    by_hand = 2.0227 * contrast.std(ddof=1) / math.sqrt(seeds)
    assert abs(found["interaction"].half - by_hand) <= 1e-4 * by_hand


def test_a_seed_without_a_finite_logarithm_is_left_out_of_all_cells():
    cells = tuple(np.arange(8.0) * (k + 1) for k in range(4))
    cells[2][3] = -np.inf
    assert own.effects(cells)["relu"].seeds == 7
    with pytest.raises(UsageError, match="at least 4"):
        own.effects(tuple(cell[:4] for cell in cells))


def test_student_agrees_with_tables():
    for freedom, value in ((5, 2.5706), (10, 2.2281), (30, 2.0423), (120, 1.9799)):
        assert abs(own.student(freedom) - value) <= 0.005 * value


@pytest.fixture(scope="module")
def outcomes():
    """The four cells of ReLU x He, 3 layers, 10 epochs."""
    return [
        run(Setting(**remedies.get(slug).setting(3, 10)), 32, 0) for slug in remedies.square("he")
    ]


@pytest.fixture
def cells(outcomes):
    """What numbers need of them, and the setting of one of them."""
    setting = Setting(**remedies.get("relu").setting(3, 10))
    return tuple(kept(outcome) for outcome in outcomes), setting


@pytest.fixture
def starts(outcomes):
    """The first weights of the two ReLU cells."""
    return outcomes[2].start, outcomes[3].start


def test_the_cells_of_a_seed_start_from_the_same_draws(starts):
    # He's uniform law is Glorot's times sqrt(2 / fan_in) / sqrt(2 / (fan_in + fan_out)).
    glorot, he = starts
    for plain, scaled in zip(glorot, he, strict=True):
        fan_out, fan_in = plain.weight.shape[1:]
        wanted = plain.weight * math.sqrt((fan_in + fan_out) / fan_in)
        assert np.allclose(scaled.weight, wanted, rtol=4e-7, atol=0)


def test_an_effect_is_recomputed_from_its_record(cells):
    arrays, setting = cells
    number = own.effect_number("he", "interaction", "start", arrays, setting, 0)
    assert number.uncertainty is not None
    again = recompute.run(number.how)
    assert again.value == number.value
    assert again.uncertainty == number.uncertainty


def test_costs_are_recomputed_and_the_baseline_costs_one():
    number = own.cost_number("batchbefore.sigmoid", 6)
    assert recompute.run(number.how).value == number.value
    assert float(number.rational) > 1
    assert own.relative_cost("baseline", 6).value == "1"


def test_unknown_names_are_refused():
    for call in (
        lambda: remedies.get("prayer"),
        lambda: remedies.square("relu"),
        lambda: own.response({}, "beauty"),
        lambda: own.effect("he", "beauty", "loss", 3, 10, 0, 32, 0),
    ):
        with pytest.raises(UsageError, match="expected"):
            call()
