"""The study of fifty words at its smallest: what it draws, says and records belongs together."""

import csv
import math

import pytest

from gradchain.registry import read
from gradchain.study import UsageError

UNITS, SEEDS = 4, 8


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("fifty_words")


@pytest.fixture(scope="module")
def folder(run_small):
    return run_small("fifty_words", units=UNITS, seeds=SEEDS)


def rows_of(folder, name):
    with open(folder / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=2)
    assert {"rnn.fifty.quarter.left", "rnn.fifty.sigmoid.left", "lstm.fifty.bias1.direct"} <= said
    assert {key.split(".")[1] for key in numbers} == {"fifty"}
    assert {number.study for number in numbers.values()} == {"fifty_words"}
    assert 20 <= len(numbers) <= 26


def test_networks_lose_what_the_laws_say(folder):
    value = {key: float(number.rational) for key, number in read(folder / "numbers.json").items()}
    # Sure: orthogonal recurrent weights, slopes of at most 1/4 and 1.
    assert 0 < value["rnn.fifty.sigmoid.left"] <= value["rnn.fifty.quarter.left"]
    assert value["rnn.fifty.tanh.left"] <= 1
    # A larger bias opens the gate in each network: the draws are the same.
    for what in ("left", "direct"):
        kept = [value[f"lstm.fifty.bias{bias}.{what}"] for bias in (0, 1, 5)]
        assert kept == sorted(kept)
    gates = [value[f"lstm.fifty.{gate}.left"] for gate in ("half", "ninetenths")]
    assert gates == sorted(gates)


def test_the_table_shows_how_far_gates_that_stand_still_are_from_real_ones(folder):
    numbers, rows = read(folder / "numbers.json"), rows_of(folder, "networks")
    assert len(rows) == 6
    row = next(row for row in rows if row["network"] == "LSTM, bias 1")
    direct = numbers["lstm.fifty.bias1.direct"]
    ends = [math.log(float(end)) for end in (direct.uncertainty.low, direct.uncertainty.high)]
    exact = -50 * math.log1p(math.exp(-1))
    z = (math.log(float(direct.rational)) - exact) / ((ends[1] - ends[0]) / (2 * 1.96))
    assert row["z"] == f"{z:+.1f}"


def test_curves_start_at_one_and_end_at_the_recorded_medians(folder):
    numbers, rows = read(folder / "numbers.json"), rows_of(folder, "curves")
    assert len(rows) == 51 * (6 + 4 + 6)
    assert {float(row["median"]) for row in rows if row["words back"] == "0"} == {0.0}
    for row in rows:
        assert float(row["low"]) <= float(row["median"]) <= float(row["high"])
        if row["words back"] == "50":
            family, setting = row["network"].split(".")
            what = {"total": "left"}.get(row["path"], row["path"])
            recorded = float(numbers[f"{family}.fifty.{setting}.{what}"].rational)
            # Six digits are recorded.
            assert abs(float(row["median"]) - math.log10(recorded)) <= 1e-5


@pytest.mark.parametrize("changes", [{"units": 1}, {"units": 257}, {"seeds": 5}, {"seeds": 2001}])
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
