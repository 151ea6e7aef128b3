"""Numbers of the saturation study come out of their function again, and with fresh seeds agree."""

import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.experiments import saturation, saturation_numbers
from gradchain.experiments.saturation_records import (
    Networks,
    autodiff_numbers,
    network_numbers,
    neuron_numbers,
)
from gradchain.registry.collection import validate_all

WIDTH, DEPTH, SEEDS = 8, 6, 20


@pytest.fixture(scope="module")
def numbers():
    """What a small study records: width 8, 6 layers, 20 networks."""
    grid = saturation_numbers.SCALES
    zeros = (0.0,) * len(grid)
    found = saturation.scale_sweep(("sigmoid", "tanh"), grid, zeros, WIDTH, DEPTH, SEEDS, seed=0)
    nets = [Networks(found, name, WIDTH, DEPTH, 0) for name in ("sigmoid", "tanh")]
    made = [*network_numbers(nets, (1.0, 10.0)), *neuron_numbers()]
    biased = saturation.scale_sweep(("tanh",), (1.0,), (5.0,), WIDTH, DEPTH, 12, seed=0)
    made.append(nets[1].biased(1.0, 5.0, biased.log10_factor[:, 0, 0]))
    for name in ("sigmoid", "tanh"):
        made += autodiff_numbers(name, *saturation.autodiff_zero_from(name))
    return validate_all(made)


def test_every_function_of_the_module_stands_behind_some_number(numbers):
    used = {number.how.function.rsplit(".", 1)[1] for number in numbers.values()}
    marked = {n for n, f in vars(saturation_numbers).items() if hasattr(f, "__recomputable__")}
    assert used == marked | {"best_weight"}


def test_the_same_seed_gives_the_recorded_value_again(numbers):
    for key, number in numbers.items():
        old, new = number.rational, parse(recompute.run(number.how, key).value)
        assert abs(float(new - old)) <= 1e-3 * abs(float(old)), key


def test_fresh_seeds_agree_within_the_stated_limit(numbers):
    findings = recompute.check(numbers, "full")
    assert [found.sentence for found in findings if found.verdict != "agrees"] == []


def test_a_neuron_is_checked_without_jax(numbers):
    quick = recompute.check(numbers, "quick")
    assert {f.key.split(".")[1] for f in quick if f.verdict == "agrees"} == {"neuron"}


def test_the_factor_never_exceeds_the_one_called_best_by_more_than_the_parabola_smooths(numbers):
    best = float(numbers[f"saturation.tanh.width{WIDTH}.best.factor"].rational)
    for scale in ("1", "10"):
        key = f"saturation.tanh.width{WIDTH}.scale{scale}.factor.median"
        assert float(numbers[key].rational) <= 1.05 * best


def test_units_that_are_hardly_ever_saturated_get_no_number(numbers):
    assert f"saturation.sigmoid.width{WIDTH}.scale1.saturated.share" not in numbers
    assert f"saturation.sigmoid.width{WIDTH}.scale10.saturated.share" in numbers


def test_a_factor_that_never_reaches_1_has_no_critical_scale():
    given = {"activation": "sigmoid", "width": 2, "depth": 6, "seeds": 20, "seed": 0}
    with pytest.raises(UsageError, match="no critical one"):
        saturation_numbers.weight_scale(**given, feature="critical.scale")


def test_a_scale_that_was_not_swept_has_no_share():
    given = {"activation": "tanh", "width": 2, "depth": 6, "seeds": 20, "seed": 0}
    with pytest.raises(UsageError, match="one of the scales swept"):
        saturation_numbers.saturated_share(**given, sigma_w=1.1)
    with pytest.raises(UsageError, match="expected 1 to"):
        saturation_numbers.saturated_share(**(given | {"width": 10**5}), sigma_w=1.0)
