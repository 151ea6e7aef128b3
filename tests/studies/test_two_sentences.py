"""The study of two sentences: what it draws, says and records belongs together.

Its networks are computed in tests/experiments/test_two_sentences.py; here their arrays are made up, with
known sizes, so that what the study says of them is known too.
"""

import csv
import dataclasses
import math

import numpy as np
import pytest

from gradchain.experiments.two_sentences import NETWORKS, predicted_logs
from gradchain.registry import read
from gradchain.study import Results, UsageError, run

LEARNED = {"rnn.torch": 0, "rnn.orthogonal": 8, "lstm.bias1": 3, "lstm.bias3": 8, "gru.bias0": 1}
SPREAD = 0.3


def trained(network, distance, seeds, units):
    """Networks whose gradients are the predicted ones times a known random factor."""
    rng = np.random.default_rng(sum(network.encode()) + distance)
    factor = rng.standard_normal(seeds)
    # Known mean and spread: the geometric mean is the prediction times e^0.1.
    factor = SPREAD * (factor - factor.mean()) / factor.std(ddof=1) + 0.1
    far = distance - np.arange(distance + 1)
    start = predicted_logs(network, distance, units)[None] + factor[:, None] * (far > 0)[None]
    accuracy = np.full((seeds, 9), 0.125)
    accuracy[: LEARNED.get(network, seeds), -1] = 1.0
    gates = {name: np.full((seeds, distance + 1), 0.9) for name in ("shown_carriers", "shown_all")}
    gates |= {"carriers": np.linspace(0.92, 0.94, seeds), "all": np.linspace(0.87, 0.89, seeds)}
    gates |= {"log_kept": np.linspace(-2.1, -1.9, seeds), "log_kept_all": np.full(seeds, -3.0)}
    gates |= {"log_direct": np.linspace(-1.1, -0.9, seeds), "units": np.zeros((seeds, 4), int)}
    return {
        "accuracy": accuracy,
        "looks": np.arange(9),
        "start": start,
        "trained": start / 2,
    } | gates


def compute(cell):
    """Stand in for the study's own."""
    given = cell.settings
    if cell.name == "times":
        one = np.array([[1.0, 3.0], [4.0, 12.0], [2.5, 9.0]])
        return {"seconds": 1e-5 * one[None] * np.array([1.0, 2.0, 1.5])[:, None, None]}
    if cell.name.startswith("unrolled"):
        rng = np.random.default_rng(0)
        walk = rng.standard_normal((2, given["seeds"], given["steps"] + 1)).cumsum(axis=2) / 20
        radius = np.full(given["seeds"], np.nan if cell["kind"] != "linear" else 0.05)
        radius = radius + 0.001 * rng.standard_normal(given["seeds"])
        return {"tied": walk[0], "untied": walk[1], "radius": radius}
    return trained(given["network"], given["distance"], given["seeds"], given["units"])


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("two_sentences")


@pytest.fixture(scope="module")
def folder(module, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    study = dataclasses.replace(module.STUDY, compute=compute)
    run(study, scale="smoke", out=out, changes={"near": 3}, say=lambda text: None)
    return out / "two_sentences"


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=4)
    assert "rnn.tied.linear.radius.measured" in said
    kinds = {key: number.kind for key, number in numbers.items()}
    for key, kind in kinds.items():
        if ".parameters." in key:
            assert kind == "exact"
        elif key.endswith(".predicted") or ".arithmetic." in key:
            assert kind == "computed"
        else:
            assert kind == "estimated"
    # No number is a time: those are of one machine and one moment.
    assert not [key for key in numbers if "time" in key or "second" in key]
    assert len(numbers) == len(set(numbers))


def test_measured_values_stand_beside_their_predictions(folder, assert_sides_meet):
    assert_sides_meet(folder, "lstm.sentence.bias1.far")
    numbers = read(folder / "numbers.json")
    for network in NETWORKS:
        cell, start = network.split(".")
        stem = f"{cell}.sentence.{start}.far"
        measured = numbers[f"{stem}.measured"]
        ratio = float(measured.value) / float(numbers[f"{stem}.predicted"].value)
        assert math.isclose(ratio, math.exp(0.1), rel_tol=1e-5)
        error = float(measured.uncertainty.value) / float(measured.value)
        assert math.isclose(error, SPREAD / math.sqrt(8), rel_tol=1e-2)
        hits = LEARNED.get(network, 8)
        assert float(numbers[f"{stem}.learned"].value) == hits / 8


def test_gates_have_numbers_only_where_enough_networks_learned(folder):
    numbers = read(folder / "numbers.json")
    said = {key.split(".gate.")[0] for key in numbers if ".gate." in key}
    assert said == {"lstm", "gru"}
    assert float(numbers["lstm.gate.bias3.carriers"].value) == pytest.approx(0.93)
    assert float(numbers["gru.gate.bias3.kept"].value) == pytest.approx(math.exp(-2), rel=1e-5)
    assert float(numbers["gru.gate.bias3.direct"].value) == pytest.approx(math.exp(-1), rel=1e-5)


def test_without_learners_nothing_is_said_about_gates(module, monkeypatch):
    monkeypatch.setitem(LEARNED, "lstm.bias3", 3)
    monkeypatch.setitem(LEARNED, "gru.bias3", 0)
    config = module.STUDY.config("smoke")
    cells = module.cells(config)
    results = Results({cell.name: compute(cell) for cell in cells}, cells, 0)
    summary = module.summarize(config, results)
    names = [figure.name for figure in summary.figures]
    assert names == ["before_training", "after_training", "tied_untied"]
    assert not [number.key for number in summary.numbers if ".gate." in number.key]
    assert not [sentence for sentence in summary.seen if ".gate." in sentence]


def test_times_are_ratios_to_the_simple_network_of_the_same_round(folder):
    rows = {row["cell"]: row for row in rows_of(folder / "times.csv")}
    assert (rows["LSTM"]["time, forward"], rows["simple RNN"]["time, forward"]) == ("4.0", "1.0")
    assert rows["GRU, reset after"]["time, forward and backward"] == "3.0"
    # 4 and 3 matrices where the simple network has one: so is the arithmetic, but for what is
    # elementwise, a few operations a unit.
    assert 4 <= float(rows["LSTM"]["arithmetic"]) < 4.1
    assert 3 <= float(rows["GRU, reset after"]["arithmetic"]) < 3.1


@pytest.mark.parametrize(
    "changes",
    [
        {"near": 1},
        {"near": 20, "far": 20},
        {"far": 300},
        {"units": 2},
        {"seeds": 3},
        {"steps": 0},
        {"steps": 12},
        {"batch": 0},
        {"rate": 0.0},
        {"width": 3},
        {"length": 2},
        {"networks": 7},
        {"rounds": 1},
        {"width": 1000, "networks": 20_000},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
