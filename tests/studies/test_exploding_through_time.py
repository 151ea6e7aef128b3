"""The study of exploding gradients through time at its smallest: all that it says belongs together."""

import csv

import jax
import pytest

from gradchain import recompute
from gradchain.registry import read
from gradchain.study import UsageError

SMALL = {
    "activations": ("tanh",), "cells": ("tanh",), "limits": (0.1, 1.0), "tanh_distance": 5,
    "steps": 20, "wall_steps": (10,), "points": 20, "clips": ("global",), "gains": (1.0, 2.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("exploding_through_time")


@pytest.fixture(scope="module")
def folder(run_small):
    jax.config.update("jax_disable_most_optimizations", True)
    yield run_small("exploding_through_time", **SMALL)
    jax.config.update("jax_disable_most_optimizations", False)


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=5)
    assert {number.study for number in numbers.values()} == {"exploding_through_time"}
    assert {"clip.textbook.value.angle", "rnn.exploding.wall.gradient"} <= said
    assert 12 <= len(numbers) <= 40
    with open(folder / "shares.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2
    for row in rows:
        for what in ("lost", "learned"):
            ends = [float(row[f"{what}{end}"]) for end in (" low", "", " high")]
            assert ends == sorted(ends)


def test_prediction_and_measurement_stand_side_by_side(folder, assert_sides_meet):
    assert_sides_meet(folder, "rnn.exploding.start.tanh.gain2")


def test_states_of_tanh_never_overflow_and_global_clips_never_turn(folder):
    numbers = read(folder / "numbers.json")
    assert float(numbers["rnn.exploding.sgd.tanh.gain2.lost"].rational) == 0
    # Rounding of float32, in degrees.
    assert float(numbers["clip.global.tanh.gain2.turned"].rational) < 1e-3


@pytest.mark.parametrize(
    "key", ["rnn.exploding.wall.width", "rnn.exploding.start.tanh.gain2.measured"]
)
def test_a_number_comes_out_again(folder, key):
    number = read(folder / "numbers.json")[key]
    assert recompute.run(number.how).value == number.value


def test_lecture_scale_asks_what_the_study_is_for(module):
    study = module.STUDY
    cells = {cell.name: cell for cell in study.cells(study.config("lecture", {}))}
    runs = [run for cell in cells.values() for run in cell.settings.get("runs", ())]
    assert {run["activation"] for run in runs} == {"tanh", "relu"}
    assert {run.get("clip", "none") for run in runs} == {"none", "value", "norm", "global"}
    assert {run["gain"] for run in runs} >= {0.5, 1.0, 2.0, 3.0}
    assert len({run.get("limit") for run in runs if run.get("clip") == "global"}) >= 3
    assert {run.get("optimizer", "sgd") for run in runs} == {"sgd", "keras_adam"}
    assert all(cell["seeds"] >= 16 for cell in cells.values() if cell.name != "wall")
    assert {name for name in cells if name.startswith("start")} == {
        f"start_{name}" for name in ("tanh", "relu", "lstm", "gru")
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"gains": (1.0, 2.0)},
        {"gains": (3.0, 2.0, 1.0)},
        {"gains": (0.0, 1.0, 2.0, 3.0)},
        {"limits": (0.5,)},
        {"adam": (7.0,)},
        {"activations": ("sigmoid",)},
        {"activations": ()},
        {"cells": ("lstm",)},
        {"clips": ("value",)},
        {"clips": ("global", "global")},
        {"weight": 4.0},
        {"wall_steps": (50, 10)},
        {"wall_steps": (0, 10)},
        {"seeds": 4},
        {"tanh_distance": 1},
        {"start_seeds": 2},
        {"points": 5},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
