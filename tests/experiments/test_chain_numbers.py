"""Numbers of the chain study come out of their function again, and with fresh seeds agree."""

import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import DriftError, UsageError
from gradchain._text import parse
from gradchain.experiments import chain_numbers, chains
from gradchain.experiments.chain_records import Cell, split_numbers
from gradchain.experiments.chain_records import chain_numbers as choose
from gradchain.registry import How
from gradchain.registry.collection import validate_all

LAWS = (("sigmoid", "tanh", "relu"), ("glorot_uniform", "orthogonal"))
DEPTHS, SEEDS = (5, 10), 20


@pytest.fixture(scope="module")
def numbers():
    """What a small study records: width 5, 10 layers, 20 networks."""
    found = {
        law: chains.sweep(chains.ACTIVATIONS, law, 5, DEPTHS, SEEDS, seed=0) for law in LAWS[1]
    }

    def cell_of(activation, law, width):
        return Cell(found[law], chains.ACTIVATIONS, activation, law, width, 0)

    made = choose(cell_of, LAWS, (5,), DEPTHS, 5)
    split = chains.factor_sweep("sigmoid", "glorot_uniform", 5, 10, SEEDS, 0)
    made += split_numbers(cell_of("sigmoid", "glorot_uniform", 5), split, 10)
    return validate_all(made)


def test_every_function_of_the_module_stands_behind_some_number(numbers):
    used = {number.how.function.rsplit(".", 1)[1] for number in numbers.values()}
    marked = {n for n, f in vars(chain_numbers).items() if hasattr(f, "__recomputable__")}
    assert used == marked


def test_the_same_seed_gives_the_recorded_value_again(numbers):
    for key, number in numbers.items():
        again = recompute.run(number.how, key)
        # Other lanes are followed beside these, so matrix products may round differently.
        old, new = float(number.rational), float(parse(again.value))
        assert abs(new - old) <= 1e-3 * abs(old), key


def test_fresh_seeds_agree_within_the_stated_limit(numbers):
    findings = recompute.check(numbers, "full")
    assert [found.sentence for found in findings if found.verdict != "agrees"] == []


def test_a_bound_is_called_one_and_lies_above_the_norm(numbers):
    stem = "chain.tanh.glorotuniform.width5.depth10"
    sigmoid = "chain.sigmoid.glorotuniform.width5.depth10"
    assert numbers[f"{sigmoid}.upper.median"].role == "upper bound"
    assert numbers[f"{stem}.norm.median"].role == "value"
    exact, local, sure = (
        numbers[f"{sigmoid}.{what}.median"].rational for what in ("norm", "localupper", "upper")
    )
    assert exact <= local <= sure
    assert numbers[f"{sigmoid}.slack.median"].rational >= 1


def test_orthogonal_sigmoid_networks_never_exceed_a_power_of_a_quarter(numbers):
    norm = numbers["chain.sigmoid.orthogonal.width5.depth10.norm.median"]
    assert norm.rational <= parse("0.25") ** 10


def test_keys_say_what_and_conditions_say_when(numbers):
    for key, number in numbers.items():
        assert key.startswith("chain.")
        assert f"of side {5}" in number.conditions
        assert f"{SEEDS} networks" in number.conditions
        assert "{value}" not in number.statement


@pytest.mark.parametrize("change", [{"width": 10**6}, {"depth": 0}, {"seeds": 10**9}])
def test_a_strangers_record_cannot_ask_for_days_of_work(change):
    given = {
        "activation": "tanh", "initializer": "he_normal", "width": 3, "depth": 2, "seeds": 6,
        "seed": 0,
    }  # fmt: skip
    with pytest.raises(UsageError, match="expected 1 to"):
        chain_numbers.norm_median(**(given | change))
    home = "gradchain.experiments.chain_numbers.norm_median"
    with pytest.raises(DriftError, match="could not be recomputed"):
        recompute.run(How.of(home, **(given | change)), "a.b")


def test_a_depth_between_those_of_the_grid_is_computed_as_well():
    given = {"activation": "sin", "initializer": "orthogonal", "width": 3, "seeds": 6, "seed": 0}
    swept = chains.sweep(("sin",), "orthogonal", 3, (7,), 6, 0)
    value = float(parse(chain_numbers.norm_median(**given, depth=7).value))
    assert np.isclose(value, 10 ** np.median(swept.log10_norm), rtol=1e-4)
